"""Where the ids of a corpus are kept between counting and training: in memory, or in a temporary file.

Threads put the ids of finished blocks in any order; `finish` renumbers them, if need be, and joins them in
the order of the text. It knows nothing of words or files of text. corpus.py and block_reader.py use it.
Invariants: at no time are more than about `budget` bytes of ids in memory, apart from a block per thread; the
temporary files have no name where the system allows that and are deleted by the system when they are closed,
so they are gone after an exception, Ctrl-C or a crash, too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ._corpus import LINE_END, renumber
from .scratch import open_scratch, read_array, write_array

IdArray = npt.NDArray[np.int32]
_WHAT = "the ids of the corpus"
CHUNK_IDS = (
    33 << 20
) // 4  # asked for at a time: above 32 MiB malloc gives memory back as soon as it is freed


@dataclass
class _StoredBlock:
    owner: int  # whose numbers these ids are
    n_ids: int
    ids: IdArray | None  # None when they are in the file
    offset: int = 0  # bytes, in the file


class IdStore:
    """
    Collect blocks of ids and join them in order.

    Parameters
    ----------
    budget : int, optional
        Bytes of ids that may be kept in memory. With more, all go to a temporary file. None is no limit.

    Notes
    -----
    Use it in a ``with`` block. `put` may be called by any thread, the rest only by one.
    """

    def __init__(self, budget: int | None = None) -> None:
        self._budget = budget
        self._blocks: dict[int, _StoredBlock] = {}
        self._n_ids = 0
        self._file: BinaryIO | None = None
        self._file_size = 0
        self._lock = threading.Lock()
        self._chunk: IdArray = np.empty(0, np.int32)  # what is left of the newest one

    def __enter__(self) -> IdStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.clear()
        self._chunk = np.empty(0, np.int32)
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _is_in_file(self) -> bool:
        return self._file is not None

    def put(self, block_no: int, owner: int, ids: IdArray) -> None:
        """Keep a copy of the ids of block `block_no`, numbered as counter `owner` does."""
        block = _StoredBlock(owner, len(ids), None)
        with self._lock:
            self._blocks[block_no] = block
            self._n_ids += len(ids)
            if self._file is None and self._budget is not None and self._n_ids * ids.itemsize > self._budget:
                self._file = _temporary_file()
                for stored in self._blocks.values():
                    if stored.ids is not None:
                        self._spill(stored, stored.ids)
            if self._file is not None:
                self._spill(block, ids)
                return
            copy = self._take(len(ids))
        copy[:] = ids
        with self._lock:
            block.ids = copy
            if self._is_in_file:  # another thread has crossed the budget meanwhile
                self._spill(block, copy)

    def _take(self, n_ids: int) -> IdArray:
        """Memory for a block; a chunk is freed with the last of its blocks."""
        if n_ids > len(self._chunk):
            self._chunk = np.empty(max(CHUNK_IDS, n_ids), np.int32)
        taken, self._chunk = self._chunk[:n_ids], self._chunk[n_ids:]
        return taken

    def _spill(self, block: _StoredBlock, ids: IdArray) -> None:
        assert self._file is not None
        block.offset = self._file_size
        _write(self._file, ids)
        self._file_size += ids.nbytes
        block.ids = None

    def finish(self, new_ids: Sequence[IdArray] | None = None, n_threads: int = 1) -> IdArray:
        """
        Join all blocks and forget them.

        Parameters
        ----------
        new_ids : sequence of int32 arrays, optional
            For each owner the argument `new_ids` of `fastw2v._corpus.renumber`. None keeps the ids.
        n_threads : int
            How many threads share the work, if the ids are in memory.

        Returns
        -------
        int32 array
            Read-only; a memory map of a temporary file if the budget was exceeded.
        """
        blocks = [self._blocks[block_no] for block_no in sorted(self._blocks)]
        self._blocks.clear()
        self._chunk = np.empty(0, np.int32)
        joined = (
            _join_in_memory(blocks, new_ids, n_threads)
            if self._file is None
            else self._join_in_file(blocks, new_ids)
        )
        joined.setflags(write=False)
        return joined

    def _join_in_file(self, blocks: list[_StoredBlock], new_ids: Sequence[IdArray] | None) -> IdArray:
        assert self._file is not None
        n_ids, last = 0, LINE_END
        with _temporary_file() as joined:
            for block in blocks:
                ids = np.empty(block.n_ids, np.int32)
                read_array(self._file, block.offset, ids, _WHAT)
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


def _join_in_memory(blocks: list[_StoredBlock], new_ids: Sequence[IdArray] | None, n_threads: int) -> IdArray:
    def renumber_block(block: _StoredBlock) -> None:
        if new_ids is not None and block.ids is not None:
            block.ids = block.ids[: renumber(block.ids, new_ids[block.owner])]

    def move_block(block: _StoredBlock, begin: int, target: IdArray) -> None:
        if block.ids is not None:
            target[:] = block.ids[begin:]
            block.ids = None  # frees it

    with ThreadPoolExecutor(n_threads, "fastw2v-join") as pool:
        list(pool.map(renumber_block, blocks))
        begins, n_ids, last = [], [], LINE_END
        for block in blocks:
            assert block.ids is not None
            begins.append(_first_wanted(block.ids, last))
            n_ids.append(len(block.ids) - begins[-1])
            if n_ids[-1]:
                last = int(block.ids[-1])
        joined = np.empty(sum(n_ids), np.int32)
        targets = np.split(joined, np.cumsum(n_ids)[:-1])
        list(pool.map(move_block, blocks, begins, targets))
    return joined


def _first_wanted(ids: IdArray, last: int) -> int:
    """1 if the ids begin with a line end that repeats `last`, the id before them; else 0."""
    return int(len(ids) > 0 and ids[0] == LINE_END and last == LINE_END)


def _temporary_file() -> BinaryIO:
    return open_scratch("ids")


def _write(file: BinaryIO, ids: IdArray) -> None:
    write_array(file, ids, _WHAT, "memory_budget")
