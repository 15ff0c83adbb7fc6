"""Every allocation and every write of a run fails once: does the process live, and what has become of the files?

    python tests/fault_injection.py [--only WORDS] [--every N]

For each scene (fault_scenes.py) the allocations and writes are counted, and then one after the other fails: with NULL,
or as on a full disk; writes are also cut short, as a signal may do. Each time

- a MemoryError or OSError must come out, or the result must be as ever;
- a model, files and their folder must be as they were;
- nothing that our C code has allocated may be left, no file open, no thread running;
- the same run without a fault must give the same bytes.

Prints how many points were tried and survived, and fails (status 1) unless all were. Needs Linux with glibc and a C
compiler: tests/c/faults.c is loaded before the C library. `--every 10` tries each tenth point only.
"""

from __future__ import annotations

import argparse
import collections
import contextvars
import ctypes
import faulthandler
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = {1: "allocation", 2: "write", 3: "short write"}
# From how many bytes on allocations fail: all those of our C code; arrays and blocks of the interpreter that hold data.
# Small ones are no business of ours: every Python program has them at every step.
LEAST_ARRAY, LEAST_OF_PYTHON = 1024, 1 << 15
SET_HANDLER = 304  # the place of PyDataMem_SetHandler in NumPy's table of functions


def compile_shim(folder: Path) -> Path:
    """Compile tests/c/faults.c; CalledProcessError where that does not work."""
    source, shim = Path(__file__).with_name("c") / "faults.c", folder / "faults.so"
    command = [
        os.environ.get("CC", "cc"),
        "-O1",
        "-shared",
        "-fPIC",
        "-pthread",
        str(source),
        "-o",
        str(shim),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return shim


class Faults:
    """The loaded shim."""

    def __init__(self) -> None:
        import fastw2v

        self.shim = ctypes.CDLL(None)
        self.shim.fault_watch.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t)
        self.shim.fault_arm.argtypes = (ctypes.c_int, ctypes.c_long)
        for function in (self.shim.fault_disarm, self.shim.fault_alive):
            function.restype = ctypes.c_long
        self.alive = self.shim.fault_alive
        self.arm = self.shim.fault_arm
        self.disarm = self.shim.fault_disarm
        folder = str(Path(fastw2v.__file__).parent)
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, mode, *_, path = line.split(maxsplit=5) if line.count(" ") > 5 else (line, "", "")
            least = self._least(path.strip(), folder)
            if "x" in mode and least is not None:
                begin, end = (int(address, 16) for address in addresses.split("-"))
                self.shim.fault_watch(begin, end, least)

        self._watch_arrays()

    @staticmethod
    def _least(path: str, folder: str) -> int | None:
        name = os.path.basename(path)
        if path.startswith(folder + os.sep) and name.startswith("_"):
            return 0
        is_python = path == os.path.realpath(sys.executable) or name.startswith("libpython")
        return LEAST_OF_PYTHON if is_python else None

    def _watch_arrays(self) -> None:
        """Let NumPy take the memory of arrays from the shim, in all threads."""
        import numpy as np

        pointer, new = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_New
        pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        core = getattr(np, "_core", None) or np.core  # before NumPy 2
        table = ctypes.cast(pointer(core.multiarray._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
        address = ctypes.addressof(ctypes.c_char.in_dll(self.shim, "array_memory"))
        set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[SET_HANDLER])
        set_handler(new(address, b"mem_handler", None))
        self.shim.fault_watch_arrays(ctypes.c_size_t(LEAST_ARRAY))
        # NumPy looks for its handler in the context, and threads begin with an empty one.
        context, run = contextvars.copy_context(), threading.Thread.run
        threading.Thread.run = lambda thread: context.copy().run(run, thread)  # type: ignore[method-assign]


@dataclass
class Report:
    """Points by kind, and what went wrong at some."""

    tried: collections.Counter[str] = field(default_factory=collections.Counter)
    raised: int = 0
    defects: list[str] = field(default_factory=list)

    @property
    def n_tried(self) -> int:
        return sum(self.tried.values())


class Stage:
    """Plays scenes with and without faults.

    Parameters
    ----------
    every : int
        Try each so manieth point.
    """

    def __init__(self, every: int = 1) -> None:
        self.faults = Faults()
        self.every = every
        self.folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where fsync costs nothing
        self.report = Report()

    def play(self, scene: Any) -> int:
        """Try the points of a scene; how many they were."""
        before = self.report.n_tried
        for _ in range(2):  # the first fills caches, of which the second makes no more
            expected = self._clean(scene)
        gc.collect()
        gc.freeze()
        for kind in KINDS:
            n_points = self._count(scene, kind)
            gc.collect()
            for number in range(1, n_points + 1, self.every):
                self.report.tried[KINDS[kind]] += 1
                problem = self._try(scene, kind, number, expected)
                if problem:
                    self.report.defects.append(
                        f"{scene.name}: {KINDS[kind]} {number} of {n_points}: {problem}"
                    )
                    print(self.report.defects[-1], file=sys.stderr, flush=True)
        gc.unfreeze()
        return self.report.n_tried - before

    def _clean(self, scene: Any) -> Any:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            return scene.act(scene.prepare(Path(folder)))

    def _count(self, scene: Any, kind: int) -> int:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            world = scene.prepare(Path(folder))
            self.faults.arm(kind, 0)
            try:
                scene.act(world)
            finally:
                n_points = int(self.faults.disarm())
        return n_points

    def _try(self, scene: Any, kind: int, number: int, expected: Any) -> str:
        """Let one point fail; what was wrong then, or nothing."""
        n_alive, n_open, n_threads = self._left()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            problem = self._fail(scene, scene.prepare(Path(folder)), kind, number, expected)
        gc.collect()
        if problem:
            return problem
        left = self._left()
        return (
            ""
            if left == (n_alive, n_open, n_threads)
            else f"left behind: {left}, not {n_alive, n_open, n_threads}"
        )

    def _left(self) -> tuple[int, int, int]:
        return int(self.faults.alive()), len(os.listdir("/proc/self/fd")), threading.active_count()

    def _fail(self, scene: Any, world: Any, kind: int, number: int, expected: Any) -> str:
        before = scene.state(world)
        self.faults.arm(kind, number)
        try:
            result = scene.act(world)
        except (MemoryError, OSError):
            self.faults.disarm()
            self.report.raised += 1
            after = scene.state(world)
            if after == expected and scene.state_is_result:  # what failed came after the end
                return ""
            if after != before:
                return f"what was {before!s:.300} is {after!s:.300}"
            result = scene.act(world)
        except BaseException:
            self.faults.disarm()
            return traceback.format_exc()
        else:
            self.faults.disarm()
        return "" if result == expected else "the result differs"


def play_all(only: str, every: int) -> Report:
    """Play the scenes whose names contain `only`."""
    sys.path.insert(0, str(Path(__file__).parent))
    from fault_scenes import scenes

    warnings.simplefilter("ignore", RuntimeWarning)  # a checkpoint could not be written
    stage = Stage(every)
    for scene in scenes():
        if only in scene.name:
            began = time.perf_counter()
            n_points = stage.play(scene)
            print(f"{n_points:>6} points  {time.perf_counter() - began:6.1f} s  {scene.name}", flush=True)
    return stage.report


def main() -> None:
    """Read the command line, load the shim, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="scenes whose names contain this")
    parser.add_argument("--every", type=int, default=1, help="try each so manieth point")
    arguments = parser.parse_args()
    if not hasattr(ctypes.CDLL(None), "fault_arm"):
        folder = tempfile.mkdtemp()
        try:
            environment = {
                **os.environ,
                "LD_PRELOAD": str(compile_shim(Path(folder))),
                "OMP_NUM_THREADS": "2",
            }
            raise SystemExit(
                subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode
            )
        finally:
            shutil.rmtree(folder)
    faulthandler.enable()
    report = play_all(arguments.only, arguments.every)
    kinds = ", ".join(f"{n} {kind}s" for kind, n in report.tried.items())
    survived = report.n_tried - len(report.defects)
    print(f"{report.n_tried} points tried ({kinds}), {report.raised} raised an error; {survived} survived")
    raise SystemExit(survived != report.n_tried or report.n_tried == 0)


if __name__ == "__main__":
    main()
