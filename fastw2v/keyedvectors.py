"""Words and their vectors: what training leaves behind, to look up, compare, evaluate, save and load.

The names, arguments and results are those of gensim 4's `KeyedVectors`; what differs is marked DIFFERS. There
is no training here, and no second copy of the matrix: cosines are dot products divided by stored norms.

`vectors` may be a view of rows that are padded for the training kernels, shared with a model that goes on
training. Whoever changes it calls ``fill_norms(force=True)`` afterwards. Row `id` of `vectors` belongs to
``index_to_key[id]``, and `key_to_index` is the inverse. The work is done elsewhere: files in `vector_files`,
scores in `evaluation`.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from fastw2v import evaluation, nearest
from fastw2v.vector_files import VectorFiles

Key: TypeAlias = "str | int | np.integer"
WeightedKey: TypeAlias = "Key | np.ndarray | tuple[Key | np.ndarray, float]"

_KEY_TYPES = (str, int, np.integer)


class KeyedVectors(VectorFiles):
    """Vectors by word.

    Parameters
    ----------
    vector_size : int
        Dimensions D of each vector.
    count : int, default 0
        Rows V to make room for; they are zero and have no words yet. `from_arrays` is the ordinary way in.
    dtype : numpy dtype, default numpy.float32
        Of the vectors.

    Attributes
    ----------
    vectors : numpy.ndarray, shape [V, D]
        The vectors; not necessarily contiguous.
    index_to_key : list of str
        The word of each row, by frequency if the vectors were trained here.
    key_to_index : dict of str to int
        The row of each word.
    vector_size : int
        D.
    norms : numpy.ndarray, shape [V], or None
        The Euclidean norm of each row; None until they are needed. See `fill_norms`.
    expandos : dict of str to numpy.ndarray
        Further attributes of each word: ``count``, how often it occurred, if that is known.

    Examples
    --------
    >>> wv = KeyedVectors.from_arrays(["king", "queen"], np.array([[1, 0], [1, 1]], np.float32))
    >>> wv.most_similar("king")
    [('queen', 0.7071067690849304)]
    """

    def __init__(self, vector_size: int, count: int = 0, dtype: Any = np.float32) -> None:
        vector_size, count = operator.index(vector_size), operator.index(count)
        if vector_size < 1 or count < 0:
            raise ValueError(f"need vector_size >= 1 and count >= 0, not {vector_size} and {count}")
        self.vector_size = vector_size
        self.vectors = np.zeros((count, vector_size), dtype=dtype)
        self.index_to_key: list[Any] = [None] * count
        self.key_to_index: dict[str, int] = {}
        self.norms: np.ndarray | None = None
        self.expandos: dict[str, np.ndarray] = {}

    @classmethod
    def from_arrays(
        cls, words: Iterable[str], vectors: np.ndarray, counts: np.ndarray | None = None
    ) -> KeyedVectors:
        """Wrap words and a matrix, which is shared, not copied.

        Parameters
        ----------
        words : iterable of str
            V different words.
        vectors : numpy.ndarray of floats, shape [V, D]
            Their vectors; rows may be padded (a view of a wider matrix).
        counts : numpy.ndarray of int, shape [V], optional
            How often each word occurred.

        Raises
        ------
        TypeError
            A word is not a str, or the vectors are not floats.
        ValueError
            Shapes that do not fit together, or a word that occurs twice.
        """
        words = list(words)
        if not isinstance(vectors, np.ndarray) or not np.issubdtype(vectors.dtype, np.floating):
            raise TypeError("vectors must be a numpy array of floats")
        if vectors.ndim != 2 or vectors.shape[1] == 0 or len(vectors) != len(words):
            raise ValueError(f"vectors must have shape ({len(words)}, D), as the words, not {vectors.shape}")
        wrong = next((word for word in words if not isinstance(word, str)), None)
        if wrong is not None:
            raise TypeError(f"words must be str, not {type(wrong).__name__} ({wrong!r})")
        key_to_index = {word: row for row, word in enumerate(words)}
        if len(key_to_index) != len(words):
            twice = next(word for row, word in enumerate(words) if key_to_index[word] != row)
            raise ValueError(f"the word {twice!r} occurs more than once")
        self = cls(vectors.shape[1], dtype=vectors.dtype)
        self.vectors = vectors
        self.index_to_key = words
        self.key_to_index = key_to_index
        if counts is not None:
            counts = np.asarray(counts)
            if counts.shape != (len(words),) or not np.issubdtype(counts.dtype, np.integer):
                raise ValueError(f"counts must be {len(words)} integers, not {counts.dtype} {counts.shape}")
            self.expandos["count"] = counts
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the words. DIFFERS: in gensim this yields vectors and ends in a KeyError."""
        return iter(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a vector for the word (or the row number) `key`."""
        return self._row(key) is not None

    def __getitem__(self, key_or_keys: Key | Iterable[Key]) -> np.ndarray:
        """Return the vector of a word or row number (see `get_vector`), or of several as a new [n, D] array.

        Raises
        ------
        KeyError
            There is no such word; the message names it.
        """
        if isinstance(key_or_keys, _KEY_TYPES):
            return self.get_vector(key_or_keys)
        rows = [self.get_index(key) for key in key_or_keys]
        vectors: np.ndarray = self.vectors[np.array(rows, dtype=np.intp)]  # take() copies a padded matrix
        return vectors

    def get_index(self, key: Key, default: int | None = None) -> int:
        """Return the row of a word.

        Parameters
        ----------
        key : str or int
            A word; a row number stands for itself.
        default : int, optional
            What to return for an unknown word.

        Raises
        ------
        KeyError
            The word is unknown and there is no default.
        """
        row = self._row(key)
        if row is not None:
            return row
        if default is not None:
            return default
        raise KeyError(f"Key '{key}' not present")

    def get_vector(self, key: Key, norm: bool = False) -> np.ndarray:
        """Return the vector of a word.

        Parameters
        ----------
        key : str or int
            A word or a row number.
        norm : bool, default False
            Scale it to length 1. A zero vector stays as it is (DIFFERS: NaN in gensim).

        Returns
        -------
        numpy.ndarray, shape [D]
            Read-only, as changing it would invalidate the norms. Without `norm` a view of `vectors`.

        Raises
        ------
        KeyError
            The word is unknown.
        """
        row = self.get_index(key)
        vector: np.ndarray = self.vectors[row]
        if norm:
            vector = vector / self._divisors(slice(row, row + 1))[0]
        vector.flags.writeable = False
        return vector

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """Return an attribute of a word, such as its ``"count"``.

        Raises
        ------
        KeyError
            The word is unknown, or the words have no such attribute.
        """
        row = self.get_index(key)
        if attr not in self.expandos:
            known = ", ".join(self.expandos) or "none"
            raise KeyError(f"Attribute '{attr}' not present (there is: {known})")
        return self.expandos[attr][row]

    def fill_norms(self, force: bool = False) -> None:
        """Compute `norms` unless they are there; with `force` anyway, as after a change of `vectors`."""
        if self.norms is None or force:
            accumulator = np.result_type(self.vectors.dtype, np.float32)
            self.norms = np.sqrt(np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=accumulator))

    def similarity(self, w1: Key, w2: Key) -> np.floating[Any]:
        """Return the cosine of the angle between the vectors of two words, -1 to 1; 0 with a zero vector.

        Raises
        ------
        KeyError
            A word is unknown.
        """
        cosine: np.floating[Any] = nearest.unit(self.get_vector(w1)) @ nearest.unit(self.get_vector(w2))
        return cosine

    def most_similar(
        self,
        positive: WeightedKey | Iterable[WeightedKey] | None = None,
        negative: WeightedKey | Iterable[WeightedKey] | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> list[tuple[str, float]] | np.ndarray:
        """Find the words nearest to the mean of some words (3CosAdd).

        Each word counts with its unit vector, `positive` ones with weight 1 and `negative` ones with -1;
        ``most_similar(positive=["king", "woman"], negative=["man"])`` asks man : king :: woman : ?

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
            Asked instead, by ``indexer.most_similar(vector, topn)``.

        Returns
        -------
        list of (str, float), or numpy.ndarray
            Words and cosines, nearest first, of equal cosines the first row first (DIFFERS: any order in
            gensim); words that were given are left out. With ``topn=None`` all cosines, shape [rows
            searched]. The cosine with a zero vector is 0 (DIFFERS: NaN in gensim).

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            Nothing was given, or a vector that does not have D numbers.
        """
        if topn is not None and topn < 1:
            return []
        target, given_rows = self._weighted_mean(_as_list(positive), _as_list(negative))
        if indexer is not None and topn is not None:
            return list(indexer.most_similar(target, topn))
        searched = slice(0, restrict_vocab) if restrict_vocab else slice(clip_start, clip_end or len(self))
        cosines: np.ndarray = self._products(searched, target) / self._divisors(searched)
        if topn is None:
            return cosines
        first_row = searched.indices(len(self))[0]
        rows = nearest.largest(cosines, topn + len(given_rows)) + first_row
        found = [row for row in rows.tolist() if row not in given_rows][:topn]
        return [(self.index_to_key[row], float(cosines[row - first_row])) for row in found]

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, list[dict[str, Any]]]:
        """Answer analogy questions; see `fastw2v.evaluation.score_analogies` for the figures behind.

        Parameters
        ----------
        analogies : str or os.PathLike
            File of questions: lines ``: section`` and lines of four words.
        restrict_vocab : int or None, default 300000
            Use the first so many words only.
        case_insensitive : bool, default True
            Compare in lower case (DIFFERS: in upper case in gensim, which confuses "ss" with the German "ß").
        dummy4unknown : bool, default False
            Count questions with unknown words as answered wrong instead of leaving them out.

        Returns
        -------
        score : float
            Share of right answers, 0 to 1; 0 if there are no questions left.
        sections : list of dict
            For each section, and last for "Total accuracy": its name under ``section`` and lists of
            questions, in upper case if `case_insensitive`, under ``correct`` and ``incorrect``.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            A line is malformed (DIFFERS: gensim skips it and logs), or a vector is not finite.
        """
        result = evaluation.score_analogies(
            self.index_to_key,
            self.vectors,
            analogies,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
        )
        sections: list[dict[str, Any]] = [
            {"section": name, "correct": [], "incorrect": []} for name in [*result.sections, "Total accuracy"]
        ]
        scored = np.flatnonzero(result.covered | dummy4unknown)
        # Section by section and then the total, as gensim orders its own, also if a section comes twice.
        for number in scored.tolist():
            question: tuple[str, ...] = result.questions[number]
            if case_insensitive:
                question = tuple(word.upper() for word in question)
            verdict = "correct" if result.correct[number] else "incorrect"
            sections[result.section_of[number]][verdict].append(question)
            sections[-1][verdict].append(question)
        return result.n_correct / max(1, len(scored)), sections

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str | None = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Any, Any, float]:
        """Correlate cosines with people's scores of word pairs; see `fastw2v.evaluation.score_pairs`.

        Parameters
        ----------
        pairs : str or os.PathLike
            File of lines word, word, score.
        delimiter : str or None, default tab
            Between them; None for any white space.
        encoding : str, default "utf8"
            Of the file.
        restrict_vocab, case_insensitive
            As in `evaluate_word_analogies`.
        dummy4unknown : bool, default False
            Take 0 for the cosine of a pair with an unknown word instead of leaving it out.

        Returns
        -------
        pearson, spearman : tuple of (float, float)
            Coefficient and two-sided p-value.
        oov_ratio : float
            Pairs with an unknown word, in per cent.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            A line is malformed, fewer than two pairs are covered, or a vector is not finite.
        """
        result = evaluation.score_pairs(
            self.index_to_key,
            self.vectors,
            pairs,
            delimiter=delimiter,
            encoding=encoding,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy_for_unknown=dummy4unknown,
        )
        return result.pearson, result.spearman, result.oov_ratio

    def _row(self, key: object) -> int | None:
        row: int | None = self.key_to_index.get(key)  # type: ignore[call-overload]
        if row is None and isinstance(key, (int, np.integer)) and 0 <= key < len(self):
            return int(key)
        return row

    def _products(self, rows: slice, target: np.ndarray) -> np.ndarray:
        """Return the dot products of some rows with a vector; `SparseVectors` has its own."""
        products: np.ndarray = self.vectors[rows] @ target
        return products

    def _divisors(self, rows: slice) -> np.ndarray:
        """Return norms to divide by, 1 for zero vectors: their dot products are 0 already."""
        self.fill_norms()
        assert self.norms is not None
        norms = self.norms[rows]
        return np.where(norms > 0, norms, norms.dtype.type(1))

    def _weighted_mean(
        self, positive: Sequence[WeightedKey], negative: Sequence[WeightedKey]
    ) -> tuple[np.ndarray, set[int]]:
        """Return the direction that the keys ask for, a unit vector, and the rows of those that are words."""
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
        return nearest.unit(total), given_rows


def _as_list(keys: Any) -> list[Any]:
    """Return one key or vector, or several, or none, as a list."""
    if keys is None:
        return []
    if isinstance(keys, _KEY_TYPES) or (isinstance(keys, np.ndarray) and keys.ndim == 1):
        return [keys]
    return list(keys)
