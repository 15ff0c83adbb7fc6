"""Teams of threads: that they can be started, and that a process that was forked can have one.

OpenMP ends the process when it cannot start a thread, for want of memory or because a limit is reached, so it is tried
out first with threads that do nothing.

GNU's OpenMP keeps a team for each thread that has used one. `fork`, as gunicorn, multiprocessing and PyTorch's
DataLoader use it, copies the books but no threads, so that a thread whose team was forked away would wait for it for
ever. A thread that is new in the child has no team yet: what needs one is run by such a thread there. Training,
counting and the SVD have threads of their own anyhow; this is for queries, which run in the caller's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

_is_child = threading.Event()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_is_child.set)
_largest = 1  # number that was found to be possible


def ensure_threads(n_threads: int) -> None:
    """
    Find out whether so many threads can run beside the calling one; once is enough, and takes 0.1 ms for each.

    Raises
    ------
    OSError
        They cannot; the message says how many can.
    """
    global _largest
    if n_threads <= _largest:
        return
    is_over = threading.Event()
    started: list[threading.Thread] = []
    try:
        while len(started) < n_threads:
            thread = threading.Thread(target=is_over.wait, name="fastw2v-trial", daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError):
        raise OSError(
            f"this process cannot start {n_threads} threads, only {len(started)}: give fewer workers (or"
            " threads), or raise its limits (ulimit -u, ulimit -v, the pids of its container)"
        ) from None
    finally:
        is_over.set()
        for thread in started:
            thread.join()
    _largest = n_threads


def run_team(n_threads: int, function: Callable[..., Result], *arguments: Any) -> Result:
    """
    Call a function that runs a team of threads.

    Parameters
    ----------
    n_threads : int
        How many, the calling one included.
    function : callable
        Short, some tens of milliseconds: Ctrl-C has to wait for it.
    *arguments
        Its arguments.

    Raises
    ------
    OSError
        So many threads cannot be started.
    """
    ensure_threads(n_threads)
    if not _is_child.is_set():
        return function(*arguments)
    with ThreadPoolExecutor(1, "fastw2v-team") as executor:  # a tenth of a millisecond
        return executor.submit(function, *arguments).result()
