"""How near words are to each other, to sets of words and to documents: a half of `KeyedVectors`.

Looking for the nearest of all words is the business of `most_similar`, evaluation that of evaluation.py. Everything
here goes through `get_vector`, products with the matrix and stored norms, so that sparse vectors can be asked as well,
and no second matrix is made. A zero vector has the cosine 0 with everything (DIFFERS: NaN in gensim).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastw2v import nearest, word_movers
from fastw2v.vector_parts import KEY_TYPES, Key, VectorParts

_logger = logging.getLogger(__name__)


class SimilarityMixin(VectorParts):
    """Similarities and distances for `KeyedVectors`, which documents the attributes."""

    def similarity(self, w1: Key, w2: Key) -> np.floating[Any]:
        """Return the cosine of the angle between the vectors of two words, -1 to 1; 0 with a zero vector.

        Raises
        ------
        KeyError
            A word is unknown.
        """
        cosine: np.floating[Any] = nearest.unit(self.get_vector(w1)) @ nearest.unit(self.get_vector(w2))
        return cosine

    def distance(self, w1: Key, w2: Key) -> np.floating[Any]:
        """Return 1 - `similarity` of two words, 0 to 2."""
        distance: np.floating[Any] = 1 - self.similarity(w1, w2)
        return distance

    def distances(
        self, word_or_vector: Key | np.ndarray, other_words: Iterable[Key] | None = ()
    ) -> np.ndarray:
        """Return 1 - cosine between a word or vector and some words, or all.

        Parameters
        ----------
        word_or_vector : str, int or numpy.ndarray of shape [D]
            A word, a row number or a vector.
        other_words : iterable of str or int, optional
            Words or row numbers. None or empty: all words, the given one included.

        Returns
        -------
        numpy.ndarray, shape [n]
            In the order of `other_words`, or of rows.

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            A vector that does not have D numbers.
        """
        target = self._as_vector(word_or_vector)
        rows = [self.get_index(word) for word in words_of(() if other_words is None else other_words)]
        if rows:
            cosines = self.vectors[rows] @ nearest.unit(target) / self._divisors(slice(None))[rows]
        else:
            cosines = self._cosines(nearest.unit(target)[None], range(len(self)), self._n_threads(None))[0]
        distances: np.ndarray = (1 - cosines).astype(self.vectors.dtype, copy=False)
        return distances

    @staticmethod
    def cosine_similarities(vector_1: np.ndarray, vectors_all: np.ndarray) -> np.ndarray:
        """Return the cosines between one vector [D] and the rows of a matrix [n, D]; shape [n]."""
        lengths = np.linalg.norm(vectors_all, axis=1) * np.linalg.norm(vector_1)
        cosines: np.ndarray = np.dot(vectors_all, vector_1) / np.where(
            lengths > 0, lengths, lengths.dtype.type(1)
        )
        return cosines

    def get_mean_vector(
        self,
        keys: Iterable[Key | np.ndarray],
        weights: Sequence[float] | np.ndarray | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """Return the weighted mean of some words' vectors.

        Parameters
        ----------
        keys : iterable of str, int or numpy.ndarray
            Words, row numbers, or vectors, which are taken as they are.
        weights : sequence of float, optional
            One for each key, also negative; default 1. The sum is divided by the sum of their absolute values.
        pre_normalize : bool, default True
            Scale the words' vectors to length 1 first.
        post_normalize : bool, default False
            Scale the mean to length 1.
        ignore_missing : bool, default True
            Leave unknown words out. If all are unknown, the mean is zero.

        Returns
        -------
        numpy.ndarray, shape [D]
            Of the type of the vectors.

        Raises
        ------
        KeyError
            A word is unknown, and `ignore_missing` is False.
        TypeError
            A string was given in place of a list of words.
        ValueError
            There are no keys, not as many weights as keys, or a vector that does not have D numbers.
        """
        keys = list(words_of(keys))
        if not keys:
            raise ValueError("cannot compute mean with no input")
        weight_of = np.ones(len(keys)) if weights is None else np.asarray(weights, dtype=np.float64)
        if weight_of.shape != (len(keys),):
            raise ValueError(
                f"keys and weights must have the same number of elements, not {len(keys)} and {weight_of.size}"
            )
        vectors, used = [], []
        for key, weight in zip(keys, weight_of.tolist(), strict=True):
            if isinstance(key, np.ndarray):
                vectors.append(self._as_vector(key))
            elif key in self:
                vectors.append(self.get_vector(key, norm=pre_normalize))
            elif ignore_missing:
                continue
            else:
                raise KeyError(f"Key '{key}' not present in vocabulary")
            used.append(weight)
        mean = np.zeros(self.vector_size)
        total = np.abs(used).sum()
        if total > 0:
            mean = np.array(used) / total @ np.array(vectors, np.float64)
        return (nearest.unit(mean) if post_normalize else mean).astype(self.vectors.dtype, copy=False)

    def n_similarity(self, ws1: Iterable[Key], ws2: Iterable[Key]) -> np.floating[Any]:
        """Return the cosine between the means of two sets of words; unknown words are left out.

        Raises
        ------
        TypeError
            A string was given in place of a list of words.
        ZeroDivisionError
            A set is empty.
        """
        ws1, ws2 = list(words_of(ws1)), list(words_of(ws2))
        if not (ws1 and ws2):
            raise ZeroDivisionError("At least one of the passed list is empty.")
        left, right = (self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2))
        cosine: np.floating[Any] = nearest.unit(left) @ nearest.unit(right)
        return cosine

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """Return the word of a list that is nearest to `key1`; of equally near ones the first.

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            The list is empty.
        """
        keys_list = list(words_of(keys_list))
        if not keys_list:
            raise ValueError("cannot choose a word from an empty list")
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def closer_than(self, key1: Key, key2: Key) -> list[Any]:
        """Return all words that are nearer to `key1` than `key2` is, in the order of rows, without `key1`."""
        distances = self.distances(key1)
        own_row = self.get_index(key1)
        rows = np.flatnonzero(distances < distances[self.get_index(key2)])
        return [self.index_to_key[row] for row in rows.tolist() if row != own_row]

    def rank(self, key1: Key, key2: Key) -> int:
        """Return how near `key2` is to `key1` among all words: 1 for the nearest."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Iterable[Key], use_norm: bool = True) -> list[tuple[Any, Any]]:
        """Sort words by their similarity to the mean of all of them.

        Parameters
        ----------
        words : iterable of str or int
            Unknown ones are left out, with a warning in the log.
        use_norm : bool, default True
            Take unit vectors; else similarities are products with the vectors as they are.

        Returns
        -------
        list of (numpy.floating, word)
            The most central word first.

        Raises
        ------
        TypeError
            A string was given in place of a list of words.
        ValueError
            No word is known.
        """
        words = list(words_of(words))
        known = [word for word in words if word in self]
        if len(known) != len(words):
            unknown = sorted({str(word) for word in words} - {str(word) for word in known})
            _logger.warning("unknown words are ignored: %s", ", ".join(unknown))
        if not known:
            raise ValueError("cannot select a word from an empty list")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in known])
        similarities = vectors @ self.get_mean_vector(vectors, post_normalize=True)
        return sorted(zip(similarities, known, strict=True), reverse=True)

    def doesnt_match(self, words: Iterable[Key]) -> Any:
        """Return the word of a list that is farthest from the mean of all; see `rank_by_centrality`."""
        return self.rank_by_centrality(words)[-1][1]

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Return the similarity of two words divided by the sum of those of the `topn` nearest to `wa`.

        More than 1 / `topn` speaks for synonyms (Leeuwenberg et al., PBML 105, 2016, equation 1).

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            There are no nearest words: `topn` is below 1, or `wa` is the only word.
        """
        found = self.most_similar(positive=[wa], topn=topn)
        if not len(found):
            raise ValueError("Cannot calculate relative cosine similarity without any similar words.")
        return float(self.similarity(wa, wb)) / float(sum(cosine for _, cosine in found))

    def wmdistance(self, document1: Iterable[Key], document2: Iterable[Key], norm: bool = True) -> float:
        """Return the Word Mover's Distance between two documents (Kusner et al., ICML 2015).

        What it costs to move the words of one to those of the other: Euclidean distances between their vectors, each
        word as much as its share of the document. Exact, by POT's network simplex; time grows with the cube of the
        number of different words. Unknown words are left out.

        Parameters
        ----------
        document1, document2 : iterable of str or int
            Their words.
        norm : bool, default True
            Take unit vectors.

        Returns
        -------
        float
            Infinite if a document has no known word. 0 if all words have the same vector (DIFFERS: gensim then returns
            infinity, unless there is a single different word).

        Raises
        ------
        MissingExtraError
            POT is not installed: ``pip install "fastw2v[wmd]"``.
        TypeError
            A string was given in place of a list of words.
        """
        known_1, known_2 = (
            [word for word in words_of(document) if word in self] for document in (document1, document2)
        )
        return word_movers.distance(known_1, known_2, lambda word: self.get_vector(word, norm=norm))

    def _as_vector(self, key_or_vector: Key | np.ndarray) -> np.ndarray:
        if isinstance(key_or_vector, KEY_TYPES):
            return self.get_vector(key_or_vector)
        vector = np.asarray(key_or_vector)
        if vector.shape != (self.vector_size,):
            raise ValueError(f"a vector must have shape ({self.vector_size},), not {vector.shape}")
        return vector


def words_of(words: Iterable[Any]) -> Iterable[Any]:
    """Return a collection of words as it is, but refuse a string, whose letters would pass for words."""
    if isinstance(words, (str, bytes)):
        raise TypeError(
            f"need a list of words, not a string; for the words of a text: {words[:40]!r}.split()"
        )
    return words
