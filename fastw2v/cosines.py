"""Cosines of sparse or dense rows, and analogies answered from a table of them.

Questions have few different words (Google's 19,544 have 905): a table of the cosines of these with all words costs a
twentieth of what the product of all questions with all words would, and serves 3CosAdd and 3CosMul alike. A table has
at most `_WORDS_PER_TABLE` words at a time, and the other side comes in blocks; for sparse vectors it is whole.
evaluation.py calls this; src_c/nearest.c looks for the best sums and products.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import _count, _query, nearest
from fastw2v.teams import run_team

METHODS = ("3cosadd", "3cosmul")
_WORDS_PER_TABLE = 1024
_COSINES_PER_TABLE = 1 << 21  # 8 MB
_ROWS_PER_BLOCK = 4096

Rows = NDArray[np.int64]


def square_sums(vectors: Any) -> np.ndarray:
    """The sum of the squares of each row, [V]."""
    if not isinstance(vectors, np.ndarray):
        starts = vectors.indptr
        squares = np.square(vectors.data)
        return np.array([squares[a:b].sum() for a, b in pairwise(starts.tolist())])
    accumulator = np.result_type(vectors.dtype, np.float32)
    sums: np.ndarray = np.einsum("ij,ij->i", vectors, vectors, dtype=accumulator)
    return sums


def row_products(vectors: Any, left: Rows, right: Rows) -> NDArray[np.float64]:
    """The dot product of row left[i] and row right[i] for each i, [n]."""
    if not isinstance(vectors, np.ndarray):
        parts = [
            vectors[left[at : at + _ROWS_PER_BLOCK]]
            .multiply(vectors[right[at : at + _ROWS_PER_BLOCK]])
            .sum(axis=1)
            for at in range(0, len(left), _ROWS_PER_BLOCK)
        ]
        return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts] or [np.zeros(0)])
    products: NDArray[np.float64] = np.einsum("ij,ij->i", vectors[left], vectors[right], dtype=np.float64)
    return products


def answer_by_cosines(
    vectors: Any, norms: np.ndarray, questions: Rows, groups: NDArray[np.int32], method: str, threads: int
) -> Rows:
    """
    Answer analogy questions a : b :: c : ? from cosines.

    Parameters
    ----------
    vectors : numpy.ndarray or csr_array, shape [V, D]
    norms : numpy.ndarray of float32, shape [V]
        Of the rows; not 0.
    questions : int64 array [n, 3]
        The rows of a, b and c.
    groups : int32 array [V]
        The groups of a, b and c do not answer.
    method : {"3cosadd", "3cosmul"}
        What is largest: cos(x, b) - cos(x, a) + cos(x, c), or cos'(x, b) cos'(x, c) / (cos'(x, a) + 0.001) with
        cos' = (cos + 1) / 2 (Levy & Goldberg, CoNLL 2014, equations 3 and 5).
    threads : int

    Returns
    -------
    int64 array [n]
        The best row, of equal ones the first; -1 where there is none.
    """
    answers = np.full(len(questions), -1, np.int64)
    for part in _batches(questions):
        words, places = np.unique(questions[part], return_inverse=True)
        asked = _query.Analogies(
            places.astype(np.int32).reshape(-1, 3), groups[words], groups, method == "3cosmul"
        )
        if not isinstance(vectors, np.ndarray):
            table = _sparse_cosines(vectors, norms, words, threads)
            # Exact cosines of all rows: of the block itself only the size is looked at.
            run_team(threads, asked.update, _query.Rows(norms[:, None], norms, 0), None, table, 0.0, threads)
        else:
            _ask_dense(asked, vectors, norms, words, threads)
        answers[part] = asked.answers
    return answers


def _ask_dense(
    asked: _query.Analogies, vectors: np.ndarray, norms: np.ndarray, words: Rows, threads: int
) -> None:
    unit = np.ascontiguousarray(vectors[words] / norms[words, None], np.float32)
    table: NDArray[np.float32] | None = None
    for rows in nearest.blocks(vectors, norms, range(len(vectors)), _COSINES_PER_TABLE // len(words)):
        table = np.empty((len(words), rows.n_rows), np.float32) if table is None else table
        slack = run_team(threads, rows.table, unit, table, threads)
        run_team(threads, asked.update, rows, unit, table, slack, threads)


def _batches(questions: Rows) -> Iterator[slice]:
    """Cut the questions into runs that mention at most `_WORDS_PER_TABLE` words each."""
    begin, words = 0, set[int]()
    for at, question in enumerate(questions.tolist()):
        fresh = set(question) - words
        if len(words) + len(fresh) > _WORDS_PER_TABLE and words:
            yield slice(begin, at)
            begin, words, fresh = at, set(), set(question)
        words |= fresh
    if begin < len(questions):
        yield slice(begin, len(questions))


def _sparse_cosines(vectors: Any, norms: np.ndarray, words: Rows, threads: int) -> NDArray[np.float32]:
    """Cosines of the rows `words` with all rows, [n_words, V]."""
    dense = np.ascontiguousarray((vectors[words].toarray() / norms[words, None]).T, np.float32)
    products = np.empty((vectors.shape[0], len(words)), np.float32)
    run_team(
        threads,
        _count.sparse_multiply,
        vectors.indptr.astype(np.int64),
        vectors.indices.astype(np.int32, copy=False),
        vectors.data,
        dense,
        products,
        threads,
        _count.StopFlag(),
    )
    table = np.ascontiguousarray(products.T)
    table /= norms
    return table
