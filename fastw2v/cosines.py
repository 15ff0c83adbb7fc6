"""Cosines of sparse or dense rows, and analogies answered from a table of them.

evaluation.py asks here for what is not one matrix product: rows of a sparse matrix, and 3CosMul, which needs the
cosines with each of the three words of a question. A table has the cosines of all words with those that questions
mention: 4 V bytes each, and at most `_WORDS_PER_TABLE` of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastw2v import _count
from fastw2v.settings import usable_cores

METHODS = ("3cosadd", "3cosmul")
_EPSILON = np.float32(1e-3)  # of 3CosMul's denominator (Levy & Goldberg, CoNLL 2014, section 3)
_WORDS_PER_TABLE = 1024
_QUESTIONS_PER_TILE = 512
_ROWS_PER_BLOCK = 4096

Rows = NDArray[np.int64]


def square_sums(vectors: Any) -> np.ndarray:
    """The sum of the squares of each row, [V]."""
    if sp.issparse(vectors):
        starts = vectors.indptr
        squares = np.square(vectors.data)
        return np.array([squares[a:b].sum() for a, b in pairwise(starts.tolist())])
    accumulator = np.result_type(vectors.dtype, np.float32)
    sums: np.ndarray = np.einsum("ij,ij->i", vectors, vectors, dtype=accumulator)
    return sums


def row_products(vectors: Any, left: Rows, right: Rows) -> NDArray[np.float64]:
    """The dot product of row left[i] and row right[i] for each i, [n]."""
    if sp.issparse(vectors):
        parts = [
            vectors[left[at : at + _ROWS_PER_BLOCK]]
            .multiply(vectors[right[at : at + _ROWS_PER_BLOCK]])
            .sum(axis=1)
            for at in range(0, len(left), _ROWS_PER_BLOCK)
        ]
        return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts] or [np.zeros(0)])
    products: NDArray[np.float64] = np.einsum("ij,ij->i", vectors[left], vectors[right], dtype=np.float64)
    return products


def answer_by_cosines(vectors: Any, norms: np.ndarray, questions: Rows, method: str) -> Rows:
    """
    Answer analogy questions a : b :: c : ? from cosines.

    Parameters
    ----------
    vectors : numpy.ndarray or csr_array, shape [V, D]
    norms : numpy.ndarray of float32, shape [V]
        Of the rows; not 0.
    questions : int64 array [n, 3]
        The rows of a, b and c.
    method : {"3cosadd", "3cosmul"}
        What is largest: cos(x, b) - cos(x, a) + cos(x, c), or cos'(x, b) cos'(x, c) / (cos'(x, a) + 0.001) with
        cos' = (cos + 1) / 2 (Levy & Goldberg, CoNLL 2014, equations 3 and 5).

    Returns
    -------
    int64 array [n]
        The best row other than a, b and c, of equal ones the first; -1 where there is none.
    """
    answers = np.full(len(questions), -1, np.int64)
    with ThreadPoolExecutor(usable_cores()) as pool:
        for part in _groups(questions):
            words, places = np.unique(questions[part], return_inverse=True)
            places = places.reshape(-1, 3)
            table = _cosine_table(vectors, norms, words)
            if method == "3cosmul":
                table += 1
                table /= 2
            tiles = [
                slice(at, min(at + _QUESTIONS_PER_TILE, len(places)))
                for at in range(0, len(places), _QUESTIONS_PER_TILE)
            ]
            found = pool.map(lambda tile: _best(table, words, places[tile], method), tiles)  # noqa: B023
            answers[part] = np.concatenate(list(found))
    return answers


def _groups(questions: Rows) -> Iterator[slice]:
    """Cut the questions into runs that mention at most `_WORDS_PER_TABLE` words each."""
    begin, words = 0, set[int]()
    for at, question in enumerate(questions.tolist()):
        if len(words.union(question)) > _WORDS_PER_TABLE:
            yield slice(begin, at)
            begin, words = at, set()
        words.update(question)
    if begin < len(questions):
        yield slice(begin, len(questions))


def _cosine_table(vectors: Any, norms: np.ndarray, words: Rows) -> NDArray[np.float32]:
    """Cosines of the rows `words` with all rows, [n_words, V]."""
    if sp.issparse(vectors):
        dense = np.ascontiguousarray((vectors[words].toarray() / norms[words, None]).T, np.float32)
        products = np.empty((vectors.shape[0], len(words)), np.float32)
        _count.sparse_multiply(
            vectors.indptr.astype(np.int64),
            vectors.indices.astype(np.int32, copy=False),
            vectors.data,
            dense,
            products,
            usable_cores(),
            _count.StopFlag(),
        )
        table = np.ascontiguousarray(products.T)
    else:
        unit = (vectors[words] / norms[words, None]).astype(np.float32)
        table = unit @ vectors.T.astype(np.float32, copy=False)
    table /= norms
    return table


def _best(table: NDArray[np.float32], words: Rows, places: Rows, method: str) -> Rows:
    """The best row for each question, given as places in `words`."""
    best = np.full(len(places), -1, np.int64)
    for number, (a, b, c) in enumerate(places.tolist()):
        if method == "3cosmul":
            scores = table[b] * table[c]
            scores /= table[a] + _EPSILON
        else:
            scores = table[b] - table[a]
            scores += table[c]
        scores[words[[a, b, c]]] = -np.inf
        row = int(scores.argmax())
        if scores[row] > -np.inf:
            best[number] = row
    return best
