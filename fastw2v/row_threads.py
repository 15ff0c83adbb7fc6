"""Threads for rows: how many, and started only when there is work for more than one.

Used by vector_rows.py, row_writers.py and trainer.py, whose functions hold no lock while they work on numbers. Threads
of Python, not of OpenMP: a process that has loaded vectors may fork.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastw2v.machine import MAX_WORKERS, default_workers


class Pool:
    """Threads that start when there is work for more than one."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown()

    def map(self, function: Callable[..., Any], *arguments: Sequence[Any]) -> Iterable[Any]:
        """As the built-in map."""
        if len(arguments[0]) == 1:
            return map(function, *arguments)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._n_threads)
        return self._executor.map(function, *arguments)


def thread_count(asked: int | None) -> int:
    """Return the number of threads that was asked for, or `default_workers`."""
    return default_workers() if asked is None else min(max(1, asked), MAX_WORKERS)
