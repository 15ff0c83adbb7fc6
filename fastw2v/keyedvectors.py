"""Words and their vectors: what training leaves behind, to look up, compare, evaluate, save and load.

The names, arguments and results are those of gensim 4's `KeyedVectors`; what differs is marked DIFFERS. There
is no training here, and no second copy of the matrix: cosines are dot products divided by stored norms, and single
queries, when there are many, have a coarse sketch of a quarter of its size (`sketches`).

`vectors` may be a view of rows that are padded for the training kernels, shared with a model that goes on
training. Whoever changes it calls ``fill_norms(force=True)`` afterwards. Row `id` of `vectors` belongs to
``index_to_key[id]``, and `key_to_index` is the inverse. The work is done elsewhere: nearest words in `vector_queries`,
similarities in `vector_similarity`, changes in `vector_editing`, clusters and plots in `vector_looks`, files in
`vector_files`, scores in `vector_evaluation`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastw2v.sketches import SketchKeeper
from fastw2v.vector_editing import EditingMixin
from fastw2v.vector_evaluation import EvaluationMixin
from fastw2v.vector_files import VectorFiles
from fastw2v.vector_looks import LooksMixin
from fastw2v.vector_parts import KEY_TYPES, Key
from fastw2v.vector_queries import QueryMixin
from fastw2v.vector_similarity import SimilarityMixin


class KeyedVectors(QueryMixin, SimilarityMixin, EvaluationMixin, VectorFiles, EditingMixin, LooksMixin):
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
        Further attributes of each word: ``count``, how often it occurred, if that is known. See `set_vecattr`.

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
        self._rooms: dict[str, np.ndarray] = {}
        self._sketches = SketchKeeper()

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
        if isinstance(key_or_keys, KEY_TYPES):
            return self.get_vector(key_or_keys)
        rows = [self.get_index(key) for key in key_or_keys]
        vectors: np.ndarray = self.vectors[np.array(rows, dtype=np.intp)]  # take() copies a padded matrix
        return vectors

    def has_index_for(self, key: object) -> bool:
        """Tell whether there is a vector for the word (or the row number) `key`, as ``key in self`` does."""
        return self._row(key) is not None

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

    def fill_norms(self, force: bool = False) -> None:
        """Compute `norms` unless they are there; with `force` anyway, as after a change of `vectors`.

        What queries keep (see `most_similar`) is dropped with the old norms.
        """
        if self.norms is None or force:
            self.norms = None  # old ones must not stay when memory is short
            accumulator = np.result_type(self.vectors.dtype, np.float32)
            self.norms = np.sqrt(np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=accumulator))

    def _row(self, key: object) -> int | None:
        row: int | None = self.key_to_index.get(key)  # type: ignore[call-overload]
        if row is None and isinstance(key, (int, np.integer)) and 0 <= key < len(self):
            return int(key)
        return row

    def _divisors(self, rows: slice) -> np.ndarray:
        """Return norms to divide by, 1 for zero vectors: their dot products are 0 already."""
        self.fill_norms()
        assert self.norms is not None
        norms = self.norms[rows]
        return np.where(norms > 0, norms, norms.dtype.type(1))

    def _unit_rows(self, rows: slice) -> np.ndarray:
        """Return some rows scaled to length 1, in a new array; zero vectors as they are."""
        unit_rows: np.ndarray = self.vectors[rows] / self._divisors(rows)[:, None]
        return unit_rows
