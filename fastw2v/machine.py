"""What this process may use of the machine it runs on: cores, threads, memory.

The machine's own figures are not enough: an affinity mask, a control group (which is what a container's limits are;
Linux has two versions of them), a limit of the shell or OpenMP's environment variables may allow less. Asked anew each
time, since all of them can change. What a platform does not tell sets no limit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

MAX_WORKERS = 1024  # far beyond any use; the OpenMP runtime kills the process when it cannot start a thread
_ROOT = Path("/")


def usable_cores() -> int:
    """Cores that this process may keep busy: those of its affinity mask, or fewer if its control group has a quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([cores, *map(math.ceil, _cpu_quotas(_ROOT))])


def default_workers() -> int:
    """
    Threads that work where nobody says how many.

    Returns
    -------
    int
        ``OMP_NUM_THREADS`` (the first number of its list) if it is set, else the usable cores; in no case more than
        ``OMP_THREAD_LIMIT``. Values that are no numbers above 0 are ignored, as OpenMP does.
    """
    asked = _positive_number(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    most = _positive_number(os.environ.get("OMP_THREAD_LIMIT", ""))
    return min(asked or usable_cores(), most or MAX_WORKERS, MAX_WORKERS)


def total_memory() -> int | None:
    """Bytes of the machine's memory; None where the platform does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def usable_memory() -> int | None:
    """Bytes that this process may use: the machine's memory, less if its control group or ``ulimit -v`` says so."""
    total = total_memory()
    known = [] if total is None else [total]
    return min([*known, *_memory_limits(_ROOT), *_address_space()], default=None)


def _positive_number(text: str) -> int | None:
    try:
        return int(text) if int(text) > 0 else None
    except ValueError:
        return None


def _address_space() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        yield limit


def _cpu_quotas(root: Path) -> Iterator[float]:
    """Cores that each control group may keep busy on average."""
    for group in _control_groups("cpu", root):
        quota, _, period = _read(group / "cpu.max").partition(" ")  # version 2
        if not quota:
            quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
        numbers = _positive_number(quota), _positive_number(period)
        if numbers[0] and numbers[1]:  # else "max" or -1: no quota
            yield numbers[0] / numbers[1]


def _memory_limits(root: Path) -> Iterator[int]:
    for group in _control_groups("memory", root):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):  # the last one is version 1's
            if limit := _positive_number(_read(group / name)):
                yield limit


def _control_groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, from its own up; a limit of each of them holds.

    In a container the path may be one of the host's, of which only the top is to be seen: folders need not exist.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if controllers else "")
        folder = top / path.lstrip("/")
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(top))


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""
