"""From ids to the rows of a co-occurrence matrix, with several threads and bounded memory.

The corpus is cut into stretches that fit the memory, and the words into batches of rows; `fastw2v._count` counts one
batch in one stretch (how, is explained in src_c/cooccur.c). The rows of a stretch are a run: runs wait in a `RowStore`
and are added up, batch by batch, some at a time. What a pair counts is a whole number of units, so that the sums are
exact and the result is the same to the bit for any number of threads, any stretches and any memory.

cooccurrence.py calls it and knows what the numbers mean; the temporary files are the business of row_store.py.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import _count
from fastw2v.crew import Crew
from fastw2v.id_store import IdStore
from fastw2v.progress import Progress
from fastw2v.row_store import WHAT, Batch, RowStore
from fastw2v.scratch import open_scratch, write_array

BATCH_ENTRIES = 1 << 20  # of the rows that a thread counts in one go: 12 MB, some milliseconds
RUNS_AT_ONCE = 16  # more runs are added up in rounds
THIN_IDS = 1 << 20
BYTES_PER_PLACE = 4
MOST_PLACES = 1 << 31  # of a stretch: they have 32 bits
LARGEST_UNIT = 1 << 32
LEAST_UNIT = 1 << 20  # what is coarser is not harmonic any more
MOST_SUM = 2**63 - 1


@dataclass(frozen=True)
class Weights:
    """
    What a context word counts by its distance.

    Parameters
    ----------
    left, right : int64 array [W], or None
        Units that a word at distance 1..W counts before and behind the centre; None: that side is left out.
    unit : int
        How many units make 1.
    is_whole : bool
        Whether sums of weights are whole numbers: int64 in the end, else float64.
    """

    left: NDArray[np.int64] | None
    right: NDArray[np.int64] | None
    unit: int
    is_whole: bool

    @property
    def n_neighbours(self) -> int:
        """Most context words of one centre."""
        return sum(len(side) for side in (self.left, self.right) if side is not None)


def make_weights(weighting: str, window: int, context: str, most_frequent: int) -> Weights:
    """
    Say what a context word counts, in whole units.

    Parameters
    ----------
    weighting : {"flat", "harmonic", "dynamic"}
        1; 1 / distance; (window + 1 - distance) / window.
    window : int
        W.
    context : {"symmetric", "left", "right"}
        Which sides count.
    most_frequent : int
        How often the most frequent word occurs: bounds all sums.

    Returns
    -------
    Weights
        Exact, but for harmonic weights in a window beyond 22 (or of a corpus of many billions of words), which are
        rounded to multiples of a power of 2, 2^-32 if sums allow.

    Raises
    ------
    OverflowError
        A sum could exceed 64 bits.
    """
    distances = range(1, window + 1)
    n_sides = 2 if context == "symmetric" else 1

    def can_overflow(numbers: list[int]) -> bool:
        return most_frequent * n_sides * sum(numbers) > MOST_SUM

    unit = 1
    if weighting == "dynamic":
        unit = window
        numbers = [window + 1 - distance for distance in distances]
    elif weighting == "harmonic":
        unit = math.lcm(*distances)
        numbers = [unit // distance for distance in distances]
        if unit > LARGEST_UNIT or can_overflow(numbers):
            unit = LARGEST_UNIT
            while unit > LEAST_UNIT and can_overflow(
                numbers := [round(unit / distance) for distance in distances]
            ):
                unit //= 2
    else:
        numbers = [1] * window
    if can_overflow(numbers):
        raise OverflowError(f"window={window} is too large for this corpus: counts could exceed 64 bits")
    side = np.array(numbers, np.int64)
    return Weights(
        side if context != "right" else None, side if context != "left" else None, unit, weighting == "flat"
    )


def thin_ids(
    ids: NDArray[np.int32],
    keep_prob: NDArray[np.uint32],
    seed: int,
    keep_gaps: bool,
    *,
    n_threads: int,
    budget: int | None,
) -> NDArray[np.int32]:
    """
    Leave out tokens by chance.

    Parameters
    ----------
    ids : int32 array
        A corpus.
    keep_prob : uint32 array [V]
        A token is kept if 32 random bits, which belong to its place in the corpus, are not more than this.
    seed : int
    keep_gaps : bool
        Whether tokens that are left out keep their places (as `GAP`), or their neighbours move together.
    n_threads, budget : int
        Threads, and bytes of ids that may be in memory.

    Returns
    -------
    int32 array
        The same for any number of threads.
    """

    def thin(begin: int) -> None:
        part = np.array(ids[begin : begin + THIN_IDS])
        n_left = _count.thin(part, begin, keep_prob, seed, keep_gaps)
        store.put(begin // THIN_IDS, 0, part[:n_left])

    with IdStore(budget) as store, Crew(n_threads) as crew:
        crew.run(thin, range(0, len(ids), THIN_IDS))
        return store.finish(None, n_threads)


@dataclass(frozen=True)
class RowTotals:
    """
    The finished rows.

    Parameters
    ----------
    starts : int32 or int64 array [V + 1]
        Where each row begins, and the last one ends.
    columns : array of the same type [n]
    sums : int64 or float64 array [n]
        Both may be memory maps of temporary files.
    """

    starts: NDArray[Any]
    columns: NDArray[Any]
    sums: NDArray[Any]


def count_rows(
    ids: NDArray[np.int32],
    counts: NDArray[np.int64],
    weights: Weights,
    *,
    n_threads: int,
    budget: int,
    progress: bool | None = None,
    batch_entries: int = BATCH_ENTRIES,
) -> RowTotals:
    """
    Count who stands near whom.

    Parameters
    ----------
    ids : int32 array
        A corpus: ids below V, `LINE_END`, which no window crosses, and `GAP`.
    counts : int64 array [V]
        At least how often each word occurs in it.
    weights : Weights
    n_threads : int
    budget : int
        Bytes: places, runs and result together.
    progress : bool, optional
        Whether to show a bar; default at a terminal.
    batch_entries : int
        For tests; does not change the result.

    Raises
    ------
    OSError
        The disk of temporary files is full.
    KeyboardInterrupt
        Ctrl-C. No temporary file is left in either case.
    """
    job = _Counting(ids, counts, weights, n_threads, budget, batch_entries)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(n_threads))
        store = stack.enter_context(RowStore(budget // 2))
        with Progress(len(ids), "counting pairs", " words", progress) as bar:
            runs = [job.count_stretch(crew, store, begin, end, bar) for begin, end in job.stretches()]
        while len(runs) > 1:
            target = stack.enter_context(RowStore(budget // 2))
            groups = [runs[at : at + RUNS_AT_ONCE] for at in range(0, len(runs), RUNS_AT_ONCE)]
            with Progress(len(groups) * 100, "merging runs", " %", progress) as bar:
                runs = [job.merge(crew, store, target, *group, bar) for group in enumerate(groups)]
            store.close()
            store = target
        return job.join(crew, store, runs[0])


class _Counting:
    """What the steps of `count_rows` share."""

    def __init__(
        self,
        ids: NDArray[np.int32],
        counts: NDArray[np.int64],
        weights: Weights,
        n_threads: int,
        budget: int,
        batch_entries: int,
    ) -> None:
        self.ids = ids
        self.n_words = len(counts)
        self.weights = weights
        self.budget = budget
        self.capacity = np.minimum(self.n_words, weights.n_neighbours * counts)  # most entries of each row
        self.batches = list(pairwise(_cuts(self.capacity, batch_entries)))
        self.batch_sizes = [int(counts[first:last].sum()) for first, last in self.batches]
        self.n_threads = n_threads
        self._own = threading.local()

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Cut the corpus so that the places of a stretch take a quarter of the budget at most."""
        most = min(max(self.budget // (4 * BYTES_PER_PLACE), 1), MOST_PLACES)
        n_stretches = max(1, -(-len(self.ids) // most))
        size = -(-len(self.ids) // n_stretches)
        for number in range(n_stretches):
            yield min(number * size, len(self.ids)), min((number + 1) * size, len(self.ids))

    def row_sums(self) -> _count.RowSums:
        """The sums of this thread."""
        if not hasattr(self._own, "sums"):
            self._own.sums = _count.RowSums(self.n_words)
        sums: _count.RowSums = self._own.sums
        return sums

    def turn_over(self, crew: Crew, begin: int, end: int) -> _count.Stretch:
        """Find out where in ids[begin:end] each word stands."""
        window = max(len(side) for side in (self.weights.left, self.weights.right) if side is not None)
        first = max(0, begin - window)
        around = self.ids[first : end + window]
        begin, end = begin - first, end - first
        cuts = [begin + (end - begin) * number // self.n_threads for number in range(self.n_threads + 1)]
        parts = list(enumerate(pairwise(cuts)))
        following = np.zeros((self.n_threads, self.n_words), np.int64)

        def count(part: tuple[int, tuple[int, int]]) -> None:
            number, (part_begin, part_end) = part
            _count.places_count(around[part_begin:part_end], following[number])

        def fill(part: tuple[int, tuple[int, int]]) -> None:
            number, (part_begin, part_end) = part
            _count.places_fill(around, part_begin, part_end, following[number], places)

        crew.run(count, parts)
        n_places = following.sum(axis=0)
        starts = np.zeros(self.n_words + 1, np.int64)
        np.cumsum(n_places, out=starts[1:])
        # The places of a word come in the order of the threads' parts of the text.
        np.cumsum(following[:-1], axis=0, out=following[1:])
        following[0] = 0
        following += starts[:-1]
        places = np.empty(starts[-1], np.uint32)
        crew.run(fill, parts)
        return _count.Stretch(around, places, starts, self.weights.left, self.weights.right)

    def count_stretch(self, crew: Crew, store: RowStore, begin: int, end: int, bar: Progress) -> list[Batch]:
        """Count all rows in one stretch: a run."""
        stretch = self.turn_over(crew, begin, end)

        def count(words: tuple[int, int]) -> Batch:
            capacity = int(self.capacity[words[0] : words[1]].sum())
            return store.put(self.row_sums().count(stretch, *words, capacity, crew.stop))

        def show(share: float) -> None:
            bar.advance_to(begin + int(share * (end - begin)))

        return crew.run(count, self.batches, show, self.batch_sizes)

    def merge(
        self,
        crew: Crew,
        store: RowStore,
        target: RowStore,
        group_no: int,
        runs: list[list[Batch]],
        bar: Progress,
    ) -> list[Batch]:
        """Add up the runs of one group, batch by batch."""

        def add_up(parts: tuple[Batch, ...]) -> Batch:
            return target.put(self.row_sums().merge([store.take(part) for part in parts]))

        return crew.run(
            add_up, zip(*runs, strict=True), lambda share: bar.advance_to(int(100 * (group_no + share)))
        )

    def join(self, crew: Crew, store: RowStore, run: list[Batch]) -> RowTotals:
        """Put the batches of one run end to end, in memory or in temporary files."""
        sizes = [batch.n_entries for batch in run]
        offsets = np.cumsum([0, *sizes])
        n_entries = int(offsets[-1])
        column_type = np.int32 if n_entries <= np.iinfo(np.int32).max else np.int64  # SciPy wants it so
        sum_type = np.int64 if self.weights.is_whole else np.float64
        starts = np.zeros(self.n_words + 1, np.int64)

        def take(number: int) -> tuple[NDArray[Any], NDArray[Any]]:
            ends, columns, sums = store.take(run[number])
            first, last = self.batches[number]
            starts[first + 1 : last + 1] = offsets[number] + ends
            if sum_type is np.float64:
                return columns.astype(column_type, copy=False), sums / self.weights.unit
            return columns.astype(column_type, copy=False), sums

        if n_entries * (np.dtype(column_type).itemsize + 8) > self.budget // 2:
            columns, sums = _join_in_files(map(take, range(len(run))), column_type, sum_type)
            return RowTotals(starts.astype(column_type), columns, sums)
        columns, sums = np.empty(n_entries, column_type), np.empty(n_entries, sum_type)

        def copy(number: int) -> None:
            part = slice(offsets[number], offsets[number + 1])
            columns[part], sums[part] = take(number)

        crew.run(copy, range(len(run)), sizes=sizes)
        return RowTotals(starts.astype(column_type), columns, sums)


def _join_in_files(
    parts: Iterable[tuple[NDArray[Any], NDArray[Any]]], column_type: type, sum_type: type
) -> list[NDArray[Any]]:
    """Write columns and sums to a file each, and map them into memory."""
    n_entries = 0
    with open_scratch("columns") as columns_file, open_scratch("sums") as sums_file:
        for columns, sums in parts:
            write_array(columns_file, columns, WHAT, "max_memory")
            write_array(sums_file, sums, WHAT, "max_memory")
            n_entries += len(columns)
        return [
            np.memmap(file, kind, mode="c", shape=(n_entries,))
            for file, kind in ((columns_file, column_type), (sums_file, sum_type))
        ]


def _cuts(sizes: NDArray[np.int64], most: int) -> list[int]:
    """Places that cut `sizes` into groups whose sum is at most `most`, or that have a single member."""
    ends = np.cumsum(sizes)
    cuts = [0]
    while cuts[-1] < len(sizes):
        before = int(ends[cuts[-1] - 1]) if cuts[-1] else 0
        fitting = int(np.searchsorted(ends, before + most, "right"))
        cuts.append(max(fitting, cuts[-1] + 1))
    return cuts
