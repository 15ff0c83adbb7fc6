"""`PPMI`: what is left of co-occurrence counts when chance is taken out.

It turns counts into (shifted, positive) pointwise mutual information, entry by entry of the sparse matrix, in blocks
of rows that threads share. Counting is cooccurrence.py's business, queries are those of `SparseVectors`.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastw2v import model_file
from fastw2v.cooccurrence import Cooccurrence
from fastw2v.crew import Crew
from fastw2v.settings import check_float, check_workers
from fastw2v.sparse_vectors import SparseVectors

BLOCK_ENTRIES = 1 << 20


@dataclass(frozen=True)
class PPMISettings:
    """How counts were weighted; `PPMI` documents the fields."""

    cds: float
    shift: float
    base: float
    positive: bool

    @classmethod
    def checked(cls, cds: float, shift: float, base: float | str, positive: bool) -> PPMISettings:
        """Check the arguments of `PPMI`."""
        if base not in (2, "e", math.e):
            raise ValueError(f"base must be 2 or 'e', not {base!r}")
        return cls(
            check_float("cds", cds, 0.0),
            check_float("shift", shift, 0.0, above=True),
            2.0 if base == 2 else math.e,
            bool(positive),
        )


class PPMI(SparseVectors):
    """
    Positive pointwise mutual information of words and context words, as sparse vectors.

    Entry (w, c) is ``max(0, log(P(w, c) / (P(w) P(c)**cds / Z)) - log(shift))``, Z the sum of P(c)**cds over all c
    (Levy, Goldberg & Dagan, TACL 2015, sections 2.1 and 3.2). Pairs that never occur have no entry.

    Parameters
    ----------
    counts : Cooccurrence
    cds : float, default 0.75
        Context-distribution smoothing: the exponent of the counts of context words, >= 0. 1 is plain PMI.
    shift : float, default 1
        k > 0; log k is taken away from all entries, as skip-gram with k noise words does (Levy & Goldberg, NIPS 2014).
        1: no shift.
    base : {2, "e"}, default "e"
        Of the logarithm.
    positive : bool, default True
        Leave out entries that are not positive. False keeps them: PMI of the pairs that occur.
    workers : int, optional
        Threads; default all cores that this process may use. The result does not depend on it.

    Attributes
    ----------
    vectors : scipy.sparse.csr_array of float32, shape [V, V]
        The matrix; also called `matrix`.
    index_to_key, key_to_index, vector_size, norms, expandos
        As in `KeyedVectors`.
    settings : PPMISettings

    Raises
    ------
    TypeError
        `counts` is not a Cooccurrence, or a setting is not a number.
    ValueError
        A setting is out of range, or there are no counts.

    Examples
    --------
    >>> text = [["you", "say", "goodbye", "and", "i", "say", "hello", "."]]
    >>> ppmi = PPMI(Cooccurrence(text, window=1, min_count=1), cds=1, base=2)
    >>> round(float(ppmi.matrix[ppmi.get_index("you"), ppmi.get_index("say")]), 3)
    1.807
    """

    _kind = "ppmi"
    settings: PPMISettings

    def __init__(
        self,
        counts: Cooccurrence,
        *,
        cds: float = 0.75,
        shift: float = 1.0,
        base: float | str = "e",
        positive: bool = True,
        workers: int | None = None,
    ) -> None:
        if not isinstance(counts, Cooccurrence):
            raise TypeError(
                f"counts must be a Cooccurrence, not {type(counts).__name__}; for a matrix of your own use"
                " Cooccurrence.from_matrix(matrix, words)"
            )
        settings = PPMISettings.checked(cds, shift, base, positive)
        if counts.matrix.nnz == 0:
            raise ValueError("the matrix of counts is empty: no word of the text has another one near it")
        matrix = weighted(counts.matrix, settings, check_workers(workers))
        vars(self).update(vars(SparseVectors.from_csr(counts.index_to_key, matrix, counts.counts)))
        self.settings = settings

    @property
    def matrix(self) -> sp.csr_array:
        """The same as `vectors`."""
        return self.vectors

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file, atomically; OSError if it cannot be written."""
        model_file.write_object(fname, self._kind, self.to_tensors(), settings=asdict(self.settings))

    @classmethod
    def load(cls, fname: str | os.PathLike[str], mmap: bool | str | None = None) -> PPMI:
        """
        Read a file of `save`; `mmap` is for dense vectors and refused.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is of another kind, or damaged.
        """
        with model_file.reading_object(fname, cls._kind, "PPMI matrix") as (tensors, parts):
            self = cls.from_tensors(tensors, lazy=bool(mmap))
            self.settings = PPMISettings(**parts["settings"])
        return self


def weighted(matrix: sp.csr_array, settings: PPMISettings, n_threads: int) -> sp.csr_array:
    """The (P)PMI matrix of counts, float32, with V-sized arrays and blocks of entries in between, no more."""
    starts = matrix.indptr
    row_sums, column_sums = _sums(matrix)
    with np.errstate(divide="ignore"):  # words without context have sums of 0, and no entries
        log_rows = np.log(row_sums)
        smoothed = np.where(column_sums > 0, column_sums**settings.cds, 0.0)
        log_columns = np.log(smoothed) - math.log(smoothed.sum())
    n_bits = math.log(settings.base)
    log_shift = math.log(settings.shift)
    cuts = [0]
    while cuts[-1] < len(row_sums):
        fitting = int(np.searchsorted(starts, starts[cuts[-1]] + BLOCK_ENTRIES, "right")) - 1
        cuts.append(min(max(fitting, cuts[-1] + 1), len(row_sums)))

    def weigh(rows: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]:
        first, last = rows
        part = slice(starts[first], starts[last])
        sizes = np.diff(starts[first : last + 1])
        columns, counts = matrix.indices[part], matrix.data[part]
        with np.errstate(divide="ignore"):
            values = np.log(counts)
        values -= np.repeat(log_rows[first:last], sizes)
        values -= log_columns[columns]
        values -= log_shift
        values /= n_bits
        kept = values > 0 if settings.positive else counts > 0
        n_kept = np.add.reduceat(np.append(kept, False), starts[first:last] - starts[first], dtype=np.int64)
        n_kept[sizes == 0] = 0  # where reduceat repeats a neighbour
        return columns[kept], values[kept].astype(np.float32), n_kept

    with Crew(n_threads) as crew:
        parts = crew.run(weigh, pairwise(cuts))
    new_starts = np.zeros(len(starts), np.int64)
    np.cumsum(np.concatenate([n_kept for _, _, n_kept in parts]), out=new_starts[1:])
    columns = np.empty(new_starts[-1], matrix.indices.dtype)
    values = np.empty(new_starts[-1], np.float32)
    parts.reverse()
    end = 0
    while parts:  # each part is freed when it has been copied
        part_columns, part_values, _ = parts.pop()
        begin, end = end, end + len(part_values)
        columns[begin:end], values[begin:end] = part_columns, part_values
    return sp.csr_array((values, columns, new_starts.astype(columns.dtype)), shape=matrix.shape)


def _sums(matrix: sp.csr_array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sums of the rows and of the columns; in blocks, as bincount wants float64 weights."""
    row_sums = np.asarray(matrix.sum(axis=1), np.float64).ravel()
    column_sums = np.zeros(matrix.shape[1])
    for at in range(0, matrix.nnz, BLOCK_ENTRIES):
        part = slice(at, at + BLOCK_ENTRIES)
        column_sums += np.bincount(matrix.indices[part], matrix.data[part], matrix.shape[1])
    return row_sums, column_sums
