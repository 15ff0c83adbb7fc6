"""Which words are nearest: the queries of `KeyedVectors`, as gensim 4 has them, and batches of them.

Words become rows here, and rows words; `nearest` computes. `SparseVectors` replaces `_find` and `_cosines`, all that
touches the matrix. One thread answers unless more are asked for, by `threads` of a call or of the object.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastw2v import _query, nearest
from fastw2v.machine import MAX_WORKERS
from fastw2v.settings import check_int
from fastw2v.sketches import SketchKeeper
from fastw2v.vector_index import VectorIndex
from fastw2v.vector_parts import KEY_TYPES, Key

WeightedKey: TypeAlias = "Key | np.ndarray | tuple[Key | np.ndarray, float]"
Neighbours: TypeAlias = "list[tuple[str, float]]"

_EPSILON = np.float32(1e-6)  # of gensim's denominator in `most_similar_cosmul`


class QueryMixin:
    """
    Queries over words with vectors; `KeyedVectors` is made with it.

    Attributes
    ----------
    threads : int
        How many threads answer queries and evaluate where a call does not say; 1 unless it is set.
    """

    threads: int = 1
    vectors: np.ndarray
    vector_size: int
    index_to_key: list[Any]
    norms: np.ndarray | None
    _sketches: SketchKeeper

    if TYPE_CHECKING:  # what KeyedVectors has

        def __len__(self) -> int: ...
        def fill_norms(self, force: bool = False) -> None: ...  # noqa: D102
        def get_index(self, key: Key, default: int | None = None) -> int: ...  # noqa: D102
        def get_vector(self, key: Key, norm: bool = False) -> np.ndarray: ...  # noqa: D102

    def most_similar(
        self,
        positive: WeightedKey | Iterable[WeightedKey] | None = None,
        negative: WeightedKey | Iterable[WeightedKey] | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
        *,
        threads: int | None = None,
    ) -> Neighbours | np.ndarray:
        """Find the words nearest to the mean of some words (3CosAdd).

        Each word counts with its unit vector, `positive` ones with weight 1 and `negative` ones with -1;
        ``most_similar(positive=["king", "woman"], negative=["man"])`` asks man : king :: woman : ?

        Whoever asks again and again is answered sooner from the ninth query on, and the same to the bit, by means of a
        sketch of the matrix: a quarter of its memory, if that is at most 64 MB, until `norms` are forgotten or
        ``fill_norms(force=True)`` is called, as it must be after `vectors` were changed by hand.

        Parameters
        ----------
        positive, negative : word, row number, vector, (any of them, weight), or an iterable of them
            What to look for. A weight replaces the 1 or -1. Vectors are not scaled to unit length.
        topn : int or None, default 10
            How many words to return; None for the cosines of all.
        clip_start, clip_end : int
            Look among these rows only.
        restrict_vocab : int, optional
            Look among the first so many rows only, whatever `clip_start` and `clip_end` are.
        indexer : object, optional
            Asked instead, by ``indexer.most_similar(vector, topn)``: an index of `build_index`, or one of gensim's.
            The latter find the words that were given, too, as in gensim. Restrictions are not for them.
        threads : int, optional
            Threads that compute; default the attribute `threads`. Results do not depend on it.

        Returns
        -------
        list of (str, float), or numpy.ndarray
            Words and cosines, nearest first, of equal cosines the first row first (DIFFERS: any order in
            gensim); words that were given are left out. With ``topn=None`` all cosines, float32, shape [rows
            searched]. The cosine with a zero vector is 0 (DIFFERS: NaN in gensim).

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            Nothing was given, a vector that does not have D numbers, or one, also among those searched, that is not
            finite (DIFFERS: gensim returns NaN).
        """
        if topn is not None and topn < 1:
            return []
        target, given_rows = self._weighted_mean(_as_list(positive), _as_list(negative))
        if indexer is not None and topn is not None:
            if isinstance(indexer, VectorIndex):
                return indexer.most_similar(target, topn, without=given_rows)
            found: Neighbours = indexer.most_similar(target, topn)
            return found
        ids = self._searched(clip_start, clip_end, restrict_vocab)
        n_threads = self._n_threads(threads)
        if topn is None:
            cosines: np.ndarray = self._cosines(target[None], ids, n_threads)[0]
            return cosines
        return self._neighbours(target[None], topn, ids, [given_rows], n_threads)[0]

    def most_similar_batch(
        self,
        queries: Iterable[Key | np.ndarray] | np.ndarray,
        topn: int = 10,
        *,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        threads: int | None = None,
    ) -> list[Neighbours]:
        """Answer many queries in one sweep over the vectors; many times faster than one by one.

        Parameters
        ----------
        queries : iterable of word, row number or vector, or numpy.ndarray of shape [n, D]
            Each of them is a query of its own.
        topn, clip_start, clip_end, restrict_vocab, threads
            As in `most_similar`; `topn` is a number.

        Returns
        -------
        list of list of (str, float), n of them
            To the bit what `most_similar` returns for each query.

        Raises
        ------
        KeyError, ValueError
            As `most_similar`.
        TypeError
            The queries are a single word.
        """
        if isinstance(queries, KEY_TYPES):
            raise TypeError(f"queries must be a list of words or a matrix, not {queries!r}")
        if isinstance(queries, np.ndarray) and queries.ndim != 2 and queries.dtype.kind == "f":
            raise ValueError(f"queries must have shape (n, {self.vector_size}), not {queries.shape}")
        means = [self._weighted_mean([query], []) for query in queries]
        if not means or topn < 1:
            return [[] for _ in means]
        ids = self._searched(clip_start, clip_end, restrict_vocab)
        targets = np.stack([target for target, _ in means])
        return self._neighbours(targets, topn, ids, [rows for _, rows in means], self._n_threads(threads))

    def most_similar_cosmul(
        self,
        positive: Key | np.ndarray | Iterable[Key | np.ndarray] | None = None,
        negative: Key | np.ndarray | Iterable[Key | np.ndarray] | None = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
        *,
        threads: int | None = None,
    ) -> Neighbours | np.ndarray:
        """Find the words with the largest product of cosines (3CosMul; Levy & Goldberg, CoNLL 2014, equation 4).

        The score is the product of (1 + cos) / 2 over `positive`, divided by that over `negative` + 1e-6.

        Parameters
        ----------
        positive, negative : word, row number, vector, or an iterable of them
            What to look for. Vectors are not scaled to unit length, as in gensim. (DIFFERS: gensim takes row numbers
            for scalars.)
        topn : int or None, default 10
            How many words to return; None for the scores of all.
        restrict_vocab : int, optional
            Look among the first so many rows only (DIFFERS: gensim documents it and ignores it).
        threads : int, optional
            As in `most_similar`.

        Returns
        -------
        list of (str, float), or numpy.ndarray
            Words and scores, the largest first, of equal ones the first row first; words that were given are left out.
            With ``topn=None`` all scores, float32, shape [rows searched].

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            Nothing positive was given, or as for `most_similar`.
        """
        if topn is not None and topn < 1:
            return []
        terms = [_as_list(positive), _as_list(negative)]
        if not terms[0]:
            raise ValueError("cannot compute similarity with no input")
        given_rows = {self.get_index(key) for key in [*terms[0], *terms[1]] if isinstance(key, KEY_TYPES)}
        ids = self._searched(0, None, restrict_vocab)
        products = []
        for keys in terms:
            product = np.ones(len(ids), np.float32)
            for key in keys:
                weighted, _ = self._weighted_sum([key], [])
                product *= (1 + self._cosines(weighted[None], ids, self._n_threads(threads))[0]) / 2
            products.append(product)
        scores: np.ndarray = products[0] / (products[1] + _EPSILON)
        if topn is None:
            return scores
        rows = nearest.largest(scores, topn + len(given_rows)).tolist() if len(scores) else []
        return [(self.index_to_key[row], float(scores[row])) for row in rows if row not in given_rows][:topn]

    def similar_by_word(
        self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Neighbours | np.ndarray:
        """Find the words nearest to a word: `most_similar` of it alone."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_key(
        self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Neighbours | np.ndarray:
        """Find the words nearest to a word or row number: `most_similar` of it alone."""
        return self.most_similar(positive=[key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(
        self, vector: np.ndarray, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Neighbours | np.ndarray:
        """Find the words nearest to a vector [D]: `most_similar` of it alone."""
        return self.most_similar(positive=[vector], topn=topn, restrict_vocab=restrict_vocab)

    def build_index(
        self, *, connectivity: int = 16, quality: int = 128, dtype: str = "f32", threads: int | None = None
    ) -> VectorIndex:
        """Build an approximate index, for vocabularies so large that exact answers take too long.

        ``wv.most_similar("paris", indexer=index)`` then looks at some thousand vectors only. The index has its own copy
        of the vectors and does not follow later changes.

        Parameters
        ----------
        connectivity, quality, dtype
            See `fastw2v.vector_index.VectorIndex.build`.
        threads : int, optional
            Threads that build; default the attribute `threads`.

        Raises
        ------
        MissingExtraError
            usearch is not installed: ``pip install 'fastw2v[index]'``.
        ValueError
            A vector is not finite.
        """
        self.fill_norms()
        self._check_finite(range(len(self)))
        return VectorIndex.build(
            self.index_to_key,
            self.vectors,
            connectivity=connectivity,
            quality=quality,
            dtype=dtype,
            threads=self._n_threads(threads),
        )

    def load_index(self, path: str | os.PathLike[str]) -> VectorIndex:
        """Load an index that was built for these vectors; see `fastw2v.vector_index.VectorIndex.load`."""
        return VectorIndex.load(path, self.index_to_key, self.vector_size)

    # --- rows and numbers ---

    def _n_threads(self, threads: int | None) -> int:
        return check_int("threads", self.threads if threads is None else threads, 1, MAX_WORKERS)

    def _searched(self, clip_start: int, clip_end: int | None, restrict_vocab: int | None) -> range:
        """Return the rows that are looked at, by gensim's three arguments; like a slice, it takes any numbers."""
        limits = slice(0, restrict_vocab) if restrict_vocab else slice(clip_start, clip_end or None)
        return range(*limits.indices(len(self)))

    def _check_finite(self, ids: range) -> None:
        assert self.norms is not None
        norms = self.norms[ids.start : ids.stop]
        if not np.isfinite(norms).all():
            row = ids.start + int(np.flatnonzero(~np.isfinite(norms))[0])
            raise ValueError(
                f"the vector of {self.index_to_key[row]!r} (row {row}) is not finite: it has NaN or infinite"
                " numbers, or too large ones"
            )

    def _neighbours(
        self, targets: np.ndarray, topn: int, ids: range, given: Sequence[set[int]], threads: int
    ) -> list[Neighbours]:
        """Return the words nearest to unit vectors [n, D], for each of them without some rows."""
        rows, cosines = self._find(targets, topn, ids, [sorted(rows) for rows in given], threads)
        words = self.index_to_key
        return [
            [(words[row], cosine) for row, cosine in zip(some_rows, some_cosines, strict=True) if row >= 0]
            for some_rows, some_cosines in zip(rows.tolist(), cosines.tolist(), strict=True)
        ]

    def _find(
        self, targets: np.ndarray, topn: int, ids: range, excluded: Sequence[Sequence[int]], threads: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """`nearest.find` in these vectors."""
        self.fill_norms()
        self._check_finite(ids)
        assert self.norms is not None
        packed = np.ascontiguousarray(targets, np.float32)
        arguments = (self.vectors, self.norms, packed, topn, ids, excluded, threads)
        try:
            return nearest.find(*arguments, self._sketches.sketch_for(*arguments))
        except _query.Stale:
            self._sketches.forget()
            return nearest.find(*arguments)

    def _cosines(self, targets: np.ndarray, ids: range, threads: int) -> np.ndarray:
        """`nearest.cosines` with these vectors."""
        self.fill_norms()
        self._check_finite(ids)
        assert self.norms is not None
        packed = np.ascontiguousarray(targets, np.float32)
        return nearest.cosines(self.vectors, self.norms, packed, ids, threads)

    def _weighted_mean(
        self, positive: Sequence[WeightedKey], negative: Sequence[WeightedKey]
    ) -> tuple[np.ndarray, set[int]]:
        """Return the direction that the keys ask for, a unit vector, and the rows of those that are words."""
        total, given_rows = self._weighted_sum(positive, negative)
        return nearest.unit(total), given_rows

    def _weighted_sum(
        self, positive: Sequence[WeightedKey], negative: Sequence[WeightedKey]
    ) -> tuple[np.ndarray, set[int]]:
        if not positive and not negative:
            raise ValueError("cannot compute mean with no input")
        total = np.zeros(self.vector_size, np.result_type(self.vectors.dtype, np.float32))
        given_rows: set[int] = set()
        for number, item in enumerate([*positive, *negative]):
            key, weight = item if isinstance(item, tuple) else (item, 1.0 if number < len(positive) else -1.0)
            if isinstance(key, np.ndarray):
                if key.shape != (self.vector_size,):
                    raise ValueError(f"a vector must have shape ({self.vector_size},), not {key.shape}")
                total += weight * key
            else:
                row = self.get_index(key)
                given_rows.add(row)
                total += weight * self.get_vector(row, norm=True)
        if not np.isfinite(total).all():
            raise ValueError(
                "what is asked for is not finite: a vector or weight has NaN or infinite numbers"
            )
        return total, given_rows


def _as_list(keys: Any) -> list[Any]:
    """Return one key or vector, or several, or none, as a list."""
    if keys is None:
        return []
    if isinstance(keys, KEY_TYPES) or (isinstance(keys, np.ndarray) and keys.ndim == 1):
        return [keys]
    return list(keys)
