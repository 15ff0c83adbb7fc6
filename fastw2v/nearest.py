"""The nearest rows of a dense matrix by cosine, exactly: its blocks one by one, in C (src_c/nearest.c).

No knowledge of words: `vector_queries` calls this with rows and numbers. The matrix is neither normalised nor copied;
where its numbers are not packed float32, a block at a time is converted. Memory beyond the matrix is some tens of MB,
whatever its size. Between blocks, tens of milliseconds apart, Python can react to Ctrl-C.

Results depend on the vectors alone, to the bit: not on the number of threads, nor on what is asked at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fastw2v import _query
from fastw2v.teams import run_team

Floats = NDArray[np.float32]

QUERIES_AT_ONCE = 1024  # a sweep over the matrix for so many
_PRODUCTS_AT_ONCE = (
    1 << 24
)  # of a query and a row: some tens of milliseconds, then Python may react to Ctrl-C
_COSINES_AT_ONCE = 1 << 21  # where they are kept: 8 MB
_NUMBERS_AT_ONCE = 1 << 22  # of the matrix, where they must be converted: 16 MB


def unit(vector: np.ndarray) -> np.ndarray:
    """Return `vector` scaled to length 1; a zero vector as it is."""
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector


def largest(values: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return where the `n_wanted` largest values stand, largest first.

    Parameters
    ----------
    values : numpy.ndarray of floats, shape [n]
        NaN counts as less than everything.
    n_wanted : int
        At least 1. If it is more than n, all places come back.

    Returns
    -------
    numpy.ndarray of int, shape [min(n, n_wanted)]
        Of equal values the first ones, in order. Takes time linear in n, whatever is equal.
    """
    values = np.where(np.isnan(values), -np.inf, values)
    if n_wanted >= len(values):
        return np.argsort(-values, kind="stable")
    threshold = np.partition(values, len(values) - n_wanted)[len(values) - n_wanted]
    candidates = np.flatnonzero(values >= threshold)
    return candidates[np.argsort(-values[candidates], kind="stable")][:n_wanted]


def is_packed(vectors: np.ndarray) -> bool:
    """Tell whether rows can be read where they are."""
    return bool(
        vectors.dtype == np.float32
        and vectors.flags.aligned
        and (vectors.shape[1] == 1 or vectors.strides[1] == 4)
        and 4 * vectors.shape[1] <= vectors.strides[0] < 1 << 33
    )


def blocks(vectors: np.ndarray, norms: np.ndarray, ids: range, most: int) -> Iterator[_query.Rows]:
    """Cut the rows `ids` of a matrix [V, D] with norms [V] into blocks of at most so many rows (but at least 1)."""
    packed = is_packed(vectors)
    if not packed:
        most = min(most, _NUMBERS_AT_ONCE // vectors.shape[1])
    step = max(1, most)
    for first in range(ids.start, ids.stop, step):
        part = slice(first, min(first + step, ids.stop))
        if packed:
            yield _query.Rows(vectors[part], np.ascontiguousarray(norms[part], np.float32), first)
        else:  # divided before they are rounded: float64 reaches further than float32
            scales = np.where(norms[part] > 0, norms[part], 1)
            rows = np.ascontiguousarray(vectors[part] / scales[:, None], np.float32)
            yield _query.Rows(rows, (norms[part] > 0).astype(np.float32), first)


def find(
    vectors: np.ndarray,
    norms: np.ndarray,
    targets: Floats,
    n_wanted: int,
    ids: range,
    excluded: Sequence[Sequence[int]],
    threads: int,
    sketch: _query.Sketch | None = None,
) -> tuple[NDArray[np.int64], Floats]:
    """Find the rows with the largest cosines to each target.

    Parameters
    ----------
    vectors : numpy.ndarray of floats, shape [V, D]
        Finite; rows may be padded, and of any type.
    norms : numpy.ndarray of floats, shape [V]
        Of the rows.
    targets : numpy.ndarray of float32, shape [n, D]
        Unit or zero vectors, contiguous.
    n_wanted : int
        At least 1.
    ids : range
        The rows to look among, one after the other.
    excluded : sequence of sequence of int, n of them
        Rows that a target must not find.
    threads : int
        At least 1.
    sketch : fastw2v._query.Sketch, optional
        Of the matrix (see sketches.py): few targets are found sooner, and are the same.

    Returns
    -------
    ids : numpy.ndarray of int64, shape [n, k]
        The nearest first, of equal cosines the first row; -1 where there are no more. k is `n_wanted`, or the number of
        rows if that is less.
    cosines : numpy.ndarray of float32, shape [n, k]
        Theirs; computed in single precision.

    Raises
    ------
    fastw2v._query.Stale
        The matrix was changed after it was sketched. (Nothing is raised where nobody could notice.)
    """
    k = min(n_wanted, len(ids))
    found_ids = np.full((len(targets), k), -1, np.int64)
    found_cosines = np.zeros((len(targets), k), np.float32)
    if k == 0:
        return found_ids, found_cosines
    for first in range(0, len(targets), QUERIES_AT_ONCE):
        part = slice(first, first + QUERIES_AT_ONCE)
        nearest = _query.Nearest(k, targets[part], *_flattened(excluded[part]))
        for rows in blocks(vectors, norms, ids, _PRODUCTS_AT_ONCE // len(targets[part])):
            run_team(threads, nearest.update, rows, sketch, threads)
        nearest.sort()
        here = np.arange(k) < nearest.n_found[:, None]
        found_ids[part][here] = nearest.ids[here]
        found_cosines[part][here] = nearest.cosines[here]
    return found_ids, found_cosines


def cosines(vectors: np.ndarray, norms: np.ndarray, targets: Floats, ids: range, threads: int) -> Floats:
    """Return the cosines of unit vectors [n, D] with the rows `ids`, [n, rows]; the parameters are those of `find`."""
    found = np.empty((len(targets), len(ids)), np.float32)
    room: Floats | None = None
    for rows in blocks(vectors, norms, ids, _COSINES_AT_ONCE // max(1, len(targets))):
        room = np.empty((len(targets), rows.n_rows), np.float32) if room is None else room
        run_team(threads, rows.cosines, targets, room, threads)
        first = rows.first_id - ids.start
        found[:, first : first + rows.n_rows] = room[:, : rows.n_rows]
    return found


def _flattened(parts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(starts, ids) of lists of ids laid end to end."""
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    return starts, np.array([row for part in parts for row in part], np.int64)
