"""When vectors are asked one query after the other, a sketch of them is made and kept: src_c/sketch.h says what it is.

A single query waits for memory, and a sketch is a quarter of the matrix. To make one takes as long as some eight
queries, so that many are answered before, and only where it needs no more than `MOST_BYTES`. Results are the same to
the bit with and without it.

It belongs to the norms with which it was made, and is gone with them: who changes vectors forgets the norms, or calls
``fill_norms(force=True)``. Numbers that were changed all the same are noticed where a query looks at their rows, which
it does at all of them if many were changed, not at a single one.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v import _query, nearest
from fastw2v.teams import run_team

MOST_BYTES = 64 << 20
LEAST_BYTES = 4 << 20  # of the matrix: less stands in a cache anyhow
_QUERIES_BEFORE = 8
_MOST_DIM = 4096  # bounds of longer rows say too little
_ROWS_FOR_EACH = 20  # to be found: with fewer, too many cosines are computed in any case
_ROWS_AT_ONCE = 1 << 16  # between two looks at Ctrl-C


@dataclass(frozen=True)
class _Kept:
    """What is kept for some vectors and their norms: replaced as a whole, as several threads may ask."""

    vectors: weakref.ref[np.ndarray]
    norms: weakref.ref[np.ndarray]
    n_searched: int = 0  # rows
    sketch: _query.Sketch | None = None


class SketchKeeper:
    """The sketch of the vectors that are searched, as long as they are the same."""

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def sketch_for(
        self,
        vectors: np.ndarray,
        norms: np.ndarray,
        targets: nearest.Floats,
        n_wanted: int,
        ids: range,
        excluded: Sequence[Sequence[int]],
        threads: int,
    ) -> _query.Sketch | None:
        """Return a sketch with which these arguments of `nearest.find` are answered sooner, if there is one by now."""
        n_rows, dim = vectors.shape
        if (
            len(targets) >= _query.FEW_QUERIES
            or n_wanted * _ROWS_FOR_EACH > len(ids)
            or dim > _MOST_DIM
            or 4 * n_rows * dim < LEAST_BYTES
            or _query.sketch_bytes(n_rows, dim) > MOST_BYTES
            or not nearest.is_packed(vectors)
        ):
            return None
        kept = self._kept
        if kept is None or kept.vectors() is not vectors or kept.norms() is not norms:
            kept = _Kept(weakref.ref(vectors), weakref.ref(norms, self.forget))
        sketch = kept.sketch
        if sketch is None and kept.n_searched >= _QUERIES_BEFORE * n_rows:
            try:
                sketch = _made(vectors, norms, threads)
            except MemoryError:  # it can be done without
                return None
        self._kept = _Kept(kept.vectors, kept.norms, kept.n_searched + len(targets) * len(ids), sketch)
        return sketch

    def forget(self, _: Any = None) -> None:
        """Free the memory of a sketch."""
        self._kept = None


def _made(vectors: np.ndarray, norms: np.ndarray, threads: int) -> _query.Sketch:
    sketch = _query.Sketch(*vectors.shape)
    for rows in nearest.blocks(vectors, norms, range(len(vectors)), _ROWS_AT_ONCE):
        run_team(threads, sketch.fill, rows, threads)
    return sketch
