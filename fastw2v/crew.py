"""Threads that work off a list of jobs while the calling thread watches.

Jobs call C, which runs without the GIL. The calling thread moves the progress bar and, after Ctrl-C or an error, sets
the flag that ends the jobs within milliseconds. Used for counting (row_counting.py) and by the SVD (svd_solver.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import TypeVar

from fastw2v._count import StopFlag
from fastw2v.teams import ensure_threads

POLL_SECONDS = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew:
    """
    Threads that can be stopped.

    Parameters
    ----------
    n_threads : int

    Attributes
    ----------
    stop : StopFlag
        To be given to the C functions that the jobs call. After an error the crew is of no more use.
    """

    def __init__(self, n_threads: int) -> None:
        ensure_threads(n_threads)
        self.n_threads = n_threads
        self.stop = StopFlag()
        self._pool = ThreadPoolExecutor(n_threads, "fastw2v-crew")

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self._pool.shutdown(cancel_futures=True)

    def run(
        self,
        job: Callable[[Item], Result],
        items: Iterable[Item],
        on_poll: Callable[[float], None] = lambda share: None,
        sizes: Sequence[int] | None = None,
    ) -> list[Result]:
        """
        Do a job with each item, and return the results in the order of the items.

        Parameters
        ----------
        job : callable
            Called in any of the threads.
        items : iterable
        on_poll : callable, optional
            Called in the calling thread, some times a second and at the end, with the share that is done, 0 to 1.
        sizes : sequence of int, optional
            How much work each item is. Default: the same.

        Raises
        ------
        Exception
            The first error of a job, in the order of the items; no job is running any more.
        KeyboardInterrupt
            Ctrl-C; the same holds.
        """
        futures = [self._pool.submit(job, item) for item in items]
        weights = [1] * len(futures) if sizes is None else sizes
        try:
            while not self._is_over(futures):
                done = sum(size for future, size in zip(futures, weights, strict=True) if future.done())
                on_poll(done / max(1, sum(weights)))
        except BaseException:
            self._abandon(futures)
            raise
        errors = [error for future in futures if future.done() and (error := future.exception()) is not None]
        if errors:
            self._abandon(futures)
            raise errors[0]
        on_poll(1.0)
        return [future.result() for future in futures]

    @staticmethod
    def _is_over(futures: list[Future[Result]]) -> bool:
        """Wait a little; whether all is done, or something has gone wrong."""
        done, not_done = wait(futures, POLL_SECONDS, FIRST_EXCEPTION)
        return not not_done or any(future.exception() is not None for future in done)

    def _abandon(self, futures: list[Future[Result]]) -> None:
        self.stop.set()
        for future in futures:
            future.cancel()
        wait(futures)
