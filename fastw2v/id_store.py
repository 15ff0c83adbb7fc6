"""Where the ids of a corpus are kept between counting and training: in memory, or in a temporary file.

Threads put the ids of finished blocks in any order; `finish` renumbers them, if need be, and joins them in
the order of the text. It knows nothing of words or files of text. corpus.py and block_reader.py use it.
Invariants: at no time are more than about `budget` bytes of ids in memory, apart from a block per thread, and none
of them twice, but for those that were put before an earlier block; the
temporary files have no name where the system allows that and are deleted by the system when they are closed,
so they are gone after an exception, Ctrl-C or a crash, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ._corpus import LINE_END, IdBuffer, Joining, renumber
from .scratch import open_scratch, read_array, write_array

IdArray = npt.NDArray[np.int32]
_WHAT = "the ids of the corpus"


@dataclass
class _StoredBlock:
    owner: int  # whose numbers these ids are
    n_ids: int
    begin: int = 0  # where it is among the ids that are in the buffer or in the file
    ids: IdArray | None = None  # while it is in neither of them


class IdStore:
    """
    Collect blocks of ids and join them in order.

    Parameters
    ----------
    budget : int, optional
        Bytes of ids that may be kept in memory. With more, all go to a temporary file. None is no limit.
    likely_ids : int
        How many ids to make room for: it saves moving them while they become more. Only what is used takes memory.

    Notes
    -----
    Use it in a ``with`` block. `put` may be called by any thread, the rest only by one.
    """

    def __init__(self, budget: int | None = None, likely_ids: int = 0) -> None:
        self._budget = budget
        self._blocks: dict[int, _StoredBlock] = {}
        self._n_ids = 0  # of all blocks
        self._next_no = 0  # of the first block that is missing
        self._n_placed = 0  # ids in the buffer or in the file
        capacity = likely_ids if budget is None else min(likely_ids, budget // np.dtype(np.int32).itemsize)
        self._buffer = IdBuffer(capacity)  # has blocks in order, so that they need not be moved far
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> IdStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.clear()
        self._buffer = IdBuffer()
        if self._file is not None:
            self._file.close()
            self._file = None

    def put(self, block_no: int, owner: int, ids: IdArray) -> None:
        """Keep a copy of the ids of block `block_no`, numbered as counter `owner` does."""
        block = _StoredBlock(owner, len(ids))
        with self._lock:
            self._blocks[block_no] = block
            self._n_ids += len(ids)
            if self._file is None and self._budget is not None and self._n_ids * ids.itemsize > self._budget:
                self._spill()
            if self._file is None and block_no > self._next_no:
                block.ids = ids.copy()
                return
            self._place(block, ids)
            while self._file is None and (following := self._blocks.get(self._next_no)) is not None:
                if following.ids is not None:
                    self._place(following, following.ids)
                self._next_no += 1

    def _place(self, block: _StoredBlock, ids: IdArray) -> None:
        if self._file is None:
            self._buffer.append(ids)
        else:
            _write(self._file, ids)
        block.begin, block.ids = self._n_placed, None
        self._n_placed += len(ids)

    def _spill(self) -> None:
        """Move all ids to a file."""
        self._file = _temporary_file()
        _write(self._file, _ids_in(self._buffer))
        self._buffer = IdBuffer()
        for block in self._blocks.values():
            if block.ids is not None:
                self._place(block, block.ids)

    def finish(
        self,
        new_ids: Sequence[IdArray] | None = None,
        n_threads: int = 1,
        meanwhile: Callable[[], object] | None = None,
    ) -> IdArray:
        """
        Join all blocks and forget them.

        Parameters
        ----------
        new_ids : sequence of int32 arrays, optional
            For each owner the argument `new_ids` of `fastw2v._corpus.renumber`. None keeps the ids.
        n_threads : int
            How many threads share the work, if the ids are in memory.
        meanwhile : callable, optional
            What the calling thread does before it takes its share, while the others begin.

        Returns
        -------
        int32 array
            Read-only; a memory map of a temporary file if the budget was exceeded.
        """
        blocks = [self._blocks[block_no] for block_no in sorted(self._blocks)]
        self._blocks.clear()
        meanwhile = meanwhile or (lambda: None)
        if self._file is None:
            joined = self._join_in_memory(blocks, new_ids, n_threads, meanwhile)
        else:
            meanwhile()
            joined = self._join_in_file(blocks, new_ids)
        joined.setflags(write=False)
        return joined

    def _join_in_memory(
        self,
        blocks: list[_StoredBlock],
        new_ids: Sequence[IdArray] | None,
        n_threads: int,
        meanwhile: Callable[[], object],
    ) -> IdArray:
        numberings = None if new_ids is None else [new_ids[block.owner] for block in blocks]
        joining = Joining(self._buffer, [block.n_ids for block in blocks], numberings)
        with ThreadPoolExecutor(n_threads, "fastw2v-join") as pool:
            others = [pool.submit(joining.work) for _ in range(n_threads - 1)]
            meanwhile()
            joining.work()
        for other in others:
            other.result()
        n_ids = joining.n_ids
        del joining  # which looks at the ids
        self._buffer.cut(n_ids)
        return _ids_in(self._buffer)

    def _join_in_file(self, blocks: list[_StoredBlock], new_ids: Sequence[IdArray] | None) -> IdArray:
        assert self._file is not None
        n_ids, last = 0, LINE_END
        with _temporary_file() as joined:
            for block in blocks:
                ids = np.empty(block.n_ids, np.int32)
                read_array(self._file, block.begin * ids.itemsize, ids, _WHAT)
                if new_ids is not None:
                    ids = ids[: renumber(ids, new_ids[block.owner])]
                ids = ids[_first_wanted(ids, last) :]
                if len(ids):
                    _write(joined, ids)
                    n_ids, last = n_ids + len(ids), int(ids[-1])
            joined.flush()
            if n_ids == 0:  # which cannot be mapped
                return np.empty(0, np.int32)
            return np.memmap(joined, np.int32, mode="r", shape=(n_ids,))


def _ids_in(buffer: IdBuffer) -> IdArray:
    """A view of them; while there is one, the buffer cannot grow."""
    return np.frombuffer(buffer, np.int32) if len(buffer) else np.empty(0, np.int32)


def _first_wanted(ids: IdArray, last: int) -> int:
    """1 if the ids begin with a line end that repeats `last`, the id before them; else 0."""
    return int(len(ids) > 0 and ids[0] == LINE_END and last == LINE_END)


def _temporary_file() -> BinaryIO:
    return open_scratch("ids")


def _write(file: BinaryIO, ids: IdArray) -> None:
    write_array(file, ids, _WHAT, "memory_budget")
