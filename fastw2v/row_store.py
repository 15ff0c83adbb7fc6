"""Where rows of counts wait until they are joined: in memory, and in a temporary file once that is full.

A batch is what one call of `fastw2v._count.RowSums` returns: the rows of some neighbouring words. It knows nothing of
words; row_counting.py uses it. Invariants: at most `budget` bytes of batches are in memory; the file is gone when the
``with`` block ends, however it ends.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastw2v.scratch import open_scratch, read_array, write_array

Rows = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]  # ends, ids, sums: see src_c/w2v.h
WHAT = "the co-occurrence counts"


@dataclass
class Batch:
    """The rows of some neighbouring words, wherever they are kept."""

    n_rows: int
    n_entries: int
    rows: Rows | None  # None when they are in the file
    offset: int = 0  # bytes, in the file

    @property
    def n_bytes(self) -> int:
        """What the arrays take, in memory or on disk."""
        return 8 * self.n_rows + 12 * self.n_entries


class RowStore:
    """
    Keep batches of rows and give them back.

    Parameters
    ----------
    budget : int
        Bytes of batches that may stay in memory; later ones go to the file.

    Notes
    -----
    Use it in a ``with`` block. `put`, `get` and `take` may be called by any thread.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._n_bytes = 0  # of batches in memory
        self._file: BinaryIO | None = None
        self._file_size = 0
        self._lock = threading.Lock()

    def __enter__(self) -> RowStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the disk space back."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def put(self, rows: Rows) -> Batch:
        """Keep a batch."""
        batch = Batch(len(rows[0]), len(rows[1]), rows)
        with self._lock:
            if self._n_bytes + batch.n_bytes <= self._budget:
                self._n_bytes += batch.n_bytes
                return batch
            if self._file is None:
                self._file = open_scratch("counts")
            batch.rows, batch.offset = None, self._file_size
            ends, ids, sums = rows
            for array in (ends, sums, ids):
                write_array(self._file, array, WHAT, "max_memory")
            self._file_size += batch.n_bytes
        return batch

    def get(self, batch: Batch) -> Rows:
        """Return the arrays of a batch."""
        if batch.rows is not None:
            return batch.rows
        ends, sums = np.empty(batch.n_rows, np.int64), np.empty(batch.n_entries, np.int64)
        ids = np.empty(batch.n_entries, np.int32)
        with self._lock:
            assert self._file is not None
            offset = batch.offset
            for array in (ends, sums, ids):
                read_array(self._file, offset, array, WHAT)
                offset += array.nbytes
            self._file.seek(0, 2)
        return ends, ids, sums

    def take(self, batch: Batch) -> Rows:
        """Return the arrays of a batch that is not wanted again."""
        rows = self.get(batch)
        if batch.rows is not None:
            batch.rows = None
            with self._lock:
                self._n_bytes -= batch.n_bytes
        return rows
