"""What this machine can do at most: multiply-adds a second, and bytes a second from each level of its memory.

Both are measured with the kernels' own vector words (src_c/limits_body.h; scale_row of rows_body.h), so there is a
figure for each instruction set, and none depends on a compiler being there. A bandwidth is that of an update in
place, which is what training does to rows: each byte is read, and each byte is written; both count. Threads work at the
same time, each on memory of its own.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fastw2v import _train

LEVELS = ("L1", "L2", "L3", "DRAM")
# Where the system does not say: sizes that most CPUs of the last ten years have at least.
USUAL_CACHES = {"L1": 32 << 10, "L2": 256 << 10, "L3": 8 << 20}
LEAST_MEMORY, MOST_MEMORY = 128 << 20, 512 << 20  # to measure DRAM with, in all


@dataclass(frozen=True)
class Limits:
    """Of one instruction set and number of threads: operations a second, and bytes a second by LEVELS."""

    flops: float
    bandwidth: dict[str, float]


def caches() -> dict[str, int]:
    """Bytes of the first CPU's data caches by level; L3 is that of all cores together."""
    found = dict(USUAL_CACHES)
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and f"L{level}" in found and size.endswith("K"):
            found[f"L{level}"] = int(size[:-1]) << 10
    return found


def rate(work: Callable[[int], object], n_threads: int, seconds: float) -> float:
    """How often a second all threads together can do `work`, which is called as work(repeats)."""
    repeats, taken = 1, 0.0
    while taken < seconds / 8:  # the first call, which finds everything cold, never decides
        repeats *= 2
        began = time.perf_counter()
        work(repeats)
        taken = time.perf_counter() - began
    repeats = max(1, round(repeats * seconds / taken))
    start = threading.Barrier(n_threads)

    def one(_: int) -> tuple[float, float]:
        start.wait()
        began = time.perf_counter()
        work(repeats)
        return began, time.perf_counter()

    with ThreadPoolExecutor(n_threads) as pool:
        times = list(pool.map(one, range(n_threads)))
    return n_threads * repeats / (max(end for _, end in times) - min(begin for begin, _ in times))


def flops(isa: str, n_threads: int, seconds: float = 0.05) -> float:
    """Operations a second of multiply-adds from registers; each is two operations."""
    n_rounds = 1000
    per_call = 2 * _train.multiply_adds(n_rounds, isa=isa)[0]
    return per_call * rate(
        lambda repeats: _train.multiply_adds(repeats * n_rounds, isa=isa), n_threads, seconds
    )


def update_bandwidth(isa: str, n_threads: int, n_bytes: int, seconds: float = 0.1) -> float:
    """Bytes read plus bytes written a second when each thread updates `n_bytes` of its own again and again."""
    own = threading.local()

    def work(repeats: int) -> None:
        if not hasattr(own, "matrix"):
            own.matrix = _train.aligned_zeros(1, n_bytes // _train.REAL.itemsize)
            own.matrix[:] = 1
        _train.scale_in_place(own.matrix, 1.0, isa=isa, repeat=repeats)

    return 2 * n_bytes * rate(work, n_threads, seconds)


def measure(isa: str, n_threads: int, rounds: int = 3) -> Limits:
    """All limits; the median of some rounds."""
    sizes = caches()
    memory = min(MOST_MEMORY, max(LEAST_MEMORY, 8 * sizes["L3"]))
    # Three quarters of a cache: what else is in it must not push the edge out.
    n_bytes = {level: size * 3 // 4 for level, size in sizes.items()}
    n_bytes["L3"] //= n_threads
    n_bytes["DRAM"] = memory // n_threads
    return Limits(
        statistics.median(flops(isa, n_threads) for _ in range(rounds)),
        {
            level: statistics.median(
                update_bandwidth(isa, n_threads, n_bytes[level] // 64 * 64) for _ in range(rounds)
            )
            for level in LEVELS
        },
    )
