"""Threads of OpenMP in a process that was forked, as gunicorn, multiprocessing and PyTorch's DataLoader do.

GNU's OpenMP keeps a team of threads for each thread that has used one. `fork` copies the books but no threads, so that
a thread whose team was forked away would wait for it for ever. A thread that is new in the child has no team yet: what
needs one is run by such a thread there. Training, counting and the SVD have threads of their own anyhow; this is for
queries, which run in the caller's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_is_child = threading.Event()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_is_child.set)


def run_team(
    function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """
    Call a function that starts a team of threads.

    Parameters
    ----------
    function : callable
        Short, some tens of milliseconds: Ctrl-C has to wait for it.
    *arguments, **named
        Its arguments.
    """
    if not _is_child.is_set():
        return function(*arguments, **named)
    with ThreadPoolExecutor(1, "fastw2v-team") as executor:  # a tenth of a millisecond
        return executor.submit(function, *arguments, **named).result()
