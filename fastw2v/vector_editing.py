"""How the words, vectors and attributes of `KeyedVectors` are changed: a half of that class.

Everything is checked before anything is changed, and norms are forgotten with the vectors that they belong to. A
matrix that belongs to a model is written to in place where words are replaced, so that training goes on from there.
Where words are added or sorted, these vectors get a matrix of their own, and the model, which has no output vectors
for the new words, refuses to go on (`ModelParts._check_vectors_are_its_own`).

Rows are added to buffers with room to spare (`_rooms`), of which `vectors` and the attributes are views: adding a
million words one by one does not copy the matrix a million times.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastw2v.sketches import SketchKeeper
from fastw2v.vector_parts import KEY_TYPES, Key, VectorParts

if TYPE_CHECKING:
    from fastw2v.keyedvectors import KeyedVectors


class EditingMixin(VectorParts):
    """Changing `KeyedVectors`, which documents the attributes."""

    vectors_lockf: np.ndarray | None = None
    """Which rows training may move: a factor for each, 1 or 0, or one for all; None for all. gensim's name."""
    _rooms: dict[str, np.ndarray]
    _next_slot = 0  # where `add_vector` looks for a row without a word

    # --- attributes ---

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

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Set an attribute of a word; of all others it is 0 (or False) until it is set.

        The first value decides the type: numbers are stored as numbers of 64 bits, anything else as an object. A
        model's own counts are not touched: training goes on with what was counted.

        Raises
        ------
        KeyError
            The word is unknown.
        TypeError
            The attribute is of another type.
        """
        row = self.get_index(key)
        self.allocate_vecattrs([attr], [type(val)])
        if attr not in self._rooms:  # an array of somebody else's, such as the counts of a model
            self.expandos[attr] = self._lengthened(attr, self.expandos[attr], len(self))
        self.expandos[attr][row] = val

    def allocate_vecattrs(
        self, attrs: Iterable[str] | None = None, types: Iterable[Any] | None = None
    ) -> None:
        """Make attributes that are not there yet, filled with zeros, and give each attribute one value a word.

        Parameters
        ----------
        attrs : iterable of str, optional
            Their names; default those that are there.
        types : iterable of types, optional
            What each shall hold: a numpy dtype, int, float, bool; anything else is stored as objects.

        Raises
        ------
        TypeError
            An attribute is of another type, in which the one asked for has no place.
        """
        wanted = {name: values.dtype for name, values in self.expandos.items()}
        if attrs is not None:
            wanted = {name: _attribute_type(kind) for name, kind in zip(attrs, types or (), strict=True)}
        for name, kind in wanted.items():
            values = self.expandos.get(name)
            if values is None:
                values = np.zeros(0, kind)
            elif not np.can_cast(kind, values.dtype, "same_kind"):
                raise TypeError(
                    f"Can't allocate type {kind} for attribute {name}, conflicts with its existing type"
                    f" {values.dtype}"
                )
            if name not in self.expandos or len(values) != len(self):
                self.expandos[name] = self._lengthened(name, values[: len(self)], len(self))

    # --- words and vectors ---

    def add_vector(self, key: Key, vector: Any) -> int:
        """Add a word, in the next row that has no word yet, or behind the last one.

        Parameters
        ----------
        key : str or int
            If it has a vector already, that one is kept (DIFFERS: gensim may then hold the word twice); to replace it,
            say ``wv[key] = vector``.
        vector : numpy.ndarray, shape [D]

        Returns
        -------
        int
            The row of the word.

        Raises
        ------
        TypeError, ValueError
            As `add_vectors`.
        """
        _check_key(key)
        if key not in self.key_to_index:
            n_rows = len(self.index_to_key)
            while self._next_slot < n_rows and self.index_to_key[self._next_slot] is not None:
                self._next_slot += 1
            if self._next_slot == n_rows:
                self.add_vectors([key], [vector])
            else:
                self._check_editable()
                numbers = self._checked_vectors([vector], 1)
                self._put([self._next_slot], numbers)
                self.index_to_key[self._next_slot] = key
                self.key_to_index[key] = self._next_slot
        return self.key_to_index[key]

    def add_vectors(
        self,
        keys: Key | Iterable[Key],
        weights: Any,
        extras: Mapping[str, Any] | None = None,
        replace: bool = False,
    ) -> None:
        """Add words and their vectors.

        Parameters
        ----------
        keys : str, int, or an iterable of them
            Words. A word that is there already, or comes twice, keeps its first vector unless `replace` is True.
            An int is a word of its own here, not a row number.
        weights : sequence of vectors, or numpy.ndarray of shape [n, D]
            Their vectors; for a single word also one vector [D].
        extras : mapping of str to numpy.ndarray, optional
            Attributes of these words, [n] each. Other words have 0, and so have these words in other attributes.
        replace : bool, default False
            Give words that are there already the new vector and attributes.

        Raises
        ------
        TypeError
            A word that is not a str or an int, or vectors that are not numbers.
        ValueError
            Shapes that do not fit together. Nothing was added.
        """
        self._check_editable()
        if isinstance(keys, KEY_TYPES):
            keys, weights = [keys], np.reshape(weights, (1, -1))
        keys = list(keys)
        numbers = self._checked_vectors(weights, len(keys))
        values = {name: np.asarray(extra) for name, extra in (extras or {}).items()}
        for name, extra in values.items():
            if extra.shape != (len(keys),):
                raise ValueError(f"extras[{name!r}] must have {len(keys)} values, not shape {extra.shape}")
        for key in keys:
            _check_key(key)
        self.allocate_vecattrs(values, [extra.dtype for extra in values.values()])

        sources, rows = [], []
        n_rows = len(self.index_to_key)
        for source, key in enumerate(keys):
            row = self.key_to_index.get(key)
            if row is None:
                row = self.key_to_index[key] = len(self.index_to_key)
                self.index_to_key.append(key)
            elif not replace:
                continue
            sources.append(source)
            rows.append(row)
        if len(self.index_to_key) > n_rows:
            self.vectors = self._lengthened("vectors", self.vectors, len(self.index_to_key))
            self.allocate_vecattrs()
            self._lengthen_locks()
        self._put(rows, numbers[sources])
        for name, extra in values.items():
            self.expandos[name][rows] = extra[sources]

    def __setitem__(self, keys: Key | Iterable[Key], weights: Any) -> None:
        """Give a word, or several, these vectors; new words are added.

        The number of a row that belongs to a word stands for that word (DIFFERS: gensim would add the number as a new
        word). See `add_vectors`.
        """
        if isinstance(keys, KEY_TYPES):
            keys, weights = [keys], np.reshape(weights, (1, -1))
        self.add_vectors([self._meant(key) for key in keys], weights, replace=True)

    def resize_vectors(self, seed: int = 0) -> None:
        """Give `vectors` as many rows as there are words in `index_to_key`; new rows are random within 1 / D.

        For those who write to `index_to_key` and `key_to_index` themselves. `seed` is that of the random numbers, which
        are gensim's.
        """
        self._check_editable()
        n_old, n_words = len(self.vectors), len(self.index_to_key)
        if n_old != n_words:
            vectors = np.random.default_rng(seed).random((n_words, self.vector_size), dtype=np.float32)
            vectors = ((vectors * 2 - 1) / self.vector_size).astype(self.vectors.dtype, copy=False)
            vectors[:n_old] = self.vectors[:n_words]
            self.vectors = vectors
            self._lengthen_locks()
        self.allocate_vecattrs()
        self.norms = None

    def sort_by_descending_frequency(self) -> None:
        """Sort words by ``"count"``, the most frequent first; of equal counts the order stays (DIFFERS: is reversed).

        Raises
        ------
        KeyError
            The words have no counts.
        """
        self._check_editable()
        if not len(self):
            return
        if "count" not in self.expandos:
            raise KeyError("Attribute 'count' not present: there is nothing to sort by")
        self.allocate_vecattrs()
        order = np.argsort(-self.expandos["count"].astype(np.int64), kind="stable")
        if (order[1:] > order[:-1]).all():
            return  # as it is: a model that shares the matrix can go on
        self.index_to_key = [self.index_to_key[row] for row in order.tolist()]
        self.key_to_index = {key: row for row, key in enumerate(self.index_to_key) if key is not None}
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        self.vectors = self.vectors[order]
        if self.vectors_lockf is not None and len(self.vectors_lockf) > 1:
            self.vectors_lockf = self.vectors_lockf[order]
        self.norms, self._next_slot = None, 0

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1, in place; zero vectors stay. Going on training makes no sense then."""
        self._own_vectors()
        self.vectors /= self._divisors(slice(None))[:, None]
        self.fill_norms(force=True)

    def get_normed_vectors(self) -> np.ndarray:
        """Return all vectors scaled to length 1, as a new array [V, D]; zero vectors stay zero."""
        return self._unit_rows(slice(None))

    # --- from and to other vectors ---

    def intersect_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "surrogateescape",
    ) -> None:
        """Take over from a file in word2vec's format the vectors of words that are here; no words are added.

        Parameters
        ----------
        fname : str or os.PathLike
        lockf : float, default 0.0
            What `vectors_lockf` shall be for these words: with 0 they stay as they are when a model goes on training,
            with 1 they learn as all others do. DIFFERS: nothing between can be trained.
        binary, encoding, unicode_errors
            See `load_word2vec_format`.

        Raises
        ------
        OSError, ValueError
            As `load_word2vec_format`, or the file's vectors do not have D numbers. Nothing was changed.
        """
        self._check_editable()
        read = self.load_word2vec_format(
            fname, binary=binary, encoding=encoding, unicode_errors=unicode_errors
        )
        if read.vector_size != self.vector_size:
            raise ValueError(
                f"incompatible vector size {read.vector_size} in file {os.fspath(fname)}, not {self.vector_size}"
            )
        shared = [key for key in read.index_to_key if key in self.key_to_index]
        rows = [self.key_to_index[key] for key in shared]
        self._put(rows, read.vectors[[read.key_to_index[key] for key in shared]])
        if lockf != 1 or self.vectors_lockf is not None:
            locks = np.ones(len(self), np.float32)
            if self.vectors_lockf is not None:
                locks[:] = self.vectors_lockf  # a single factor stands for all words
            locks[rows] = lockf
            self.vectors_lockf = locks

    def locked_rows(self) -> NDArray[np.uint8]:
        """Return 1 for each row that training must not move, by `vectors_lockf`, else 0; shape [V].

        Raises
        ------
        ValueError
            A factor is neither 0 nor 1 (DIFFERS: gensim scales the steps with it).
        """
        factors = np.ones(len(self)) if self.vectors_lockf is None else np.asarray(self.vectors_lockf)
        if not np.isin(factors, (0, 1)).all():
            raise ValueError(
                "vectors_lockf must be 1 (learn) or 0 (stay): a row cannot learn at a rate of its own"
            )
        locked: NDArray[np.uint8] = np.broadcast_to(factors == 0, len(self)).astype(np.uint8)
        return locked

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Return the vectors of some words as `KeyedVectors` of their own.

        Parameters
        ----------
        keys : iterable of str or int
            Words, in the order that they shall have; repeated and unknown ones are left out.
        allow_inference : bool, default True
            Here it decides whether row numbers are accepted beside words. No vectors are inferred.
        copy_vecattrs : bool, default False
            Take attributes over. DIFFERS: without it there are none; gensim makes up counts.
        """
        from fastw2v.keyedvectors import KeyedVectors

        self._check_editable()
        known = [
            key for key in dict.fromkeys(keys) if key in (self if allow_inference else self.key_to_index)
        ]
        rows = [self.get_index(key) for key in known]
        extras = {name: values[rows] for name, values in self.expandos.items()} if copy_vecattrs else None
        chosen = KeyedVectors(self.vector_size, dtype=self.vectors.dtype)
        chosen.add_vectors(known, self.vectors[rows], extras)
        return chosen

    # --- copies ---

    def __copy__(self) -> Any:
        """Copy the matrix too, as NumPy does for arrays: those who share one would have each other's stale norms."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles are made of. NumPy takes D columns of a padded matrix, no more."""
        return {name: value for name, value in vars(self).items() if name not in ("_rooms", "_sketches")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state, _rooms={}, _sketches=SketchKeeper())

    # --- helpers ---

    def _check_editable(self) -> None:
        """Refuse what would change the words; sparse vectors do."""

    def _checked_vectors(self, weights: Any, n_keys: int) -> np.ndarray:
        try:
            numbers = np.asarray(weights)
        except ValueError as error:  # rows of different lengths
            raise ValueError(f"vectors must have shape ({n_keys}, {self.vector_size}): {error}") from None
        if n_keys == 0 and numbers.size == 0:
            return np.empty((0, self.vector_size), self.vectors.dtype)
        if numbers.shape != (n_keys, self.vector_size):
            raise ValueError(f"vectors must have shape ({n_keys}, {self.vector_size}), not {numbers.shape}")
        if not np.can_cast(numbers.dtype, np.float64, "same_kind"):
            raise TypeError(f"vectors must be numbers, not {numbers.dtype}")
        return numbers

    def _put(self, rows: Sequence[int], numbers: np.ndarray) -> None:
        if len(rows):
            self._own_vectors()
            self.vectors[rows] = numbers
            self.norms = None

    def _own_vectors(self) -> None:
        """Copy a matrix that cannot be written to, such as a file that is mapped into memory."""
        if not self.vectors.flags.writeable:
            self.vectors = self.vectors.copy()

    def _meant(self, key: Key) -> Key:
        row = self.get_index(key, -1)
        return self.index_to_key[row] if row >= 0 and isinstance(self.index_to_key[row], str) else key

    def _lengthened(self, name: str, values: np.ndarray, n_rows: int) -> np.ndarray:
        """Return `values` with zeros behind, n_rows in all, in a buffer with room for some more."""
        room = self._rooms.get(name)
        if room is None or values.base is not room or len(room) < n_rows:
            room = np.zeros(
                (n_rows + n_rows // 8, *values.shape[1:]), values.dtype
            )  # not touched: no memory yet
            room[: len(values)] = values
            self._rooms[name] = room
        room[len(values) : n_rows] = 0  # where there were rows before
        return room[:n_rows]

    def _lengthen_locks(self) -> None:
        if self.vectors_lockf is not None and len(self.vectors_lockf) > 1:
            locks = np.ones(len(self), np.float32)
            locks[: len(self.vectors_lockf)] = self.vectors_lockf[: len(self)]
            self.vectors_lockf = locks


def _attribute_type(kind: Any) -> np.dtype[Any]:
    """Return the type that holds values of a Python type or a dtype; strings are objects, as their lengths vary."""
    if kind is int:
        kind = np.int64
    is_numeric = isinstance(kind, np.dtype) or kind in (float, bool)
    is_numeric = is_numeric or (isinstance(kind, type) and issubclass(kind, np.generic))
    dtype = np.dtype(kind if is_numeric else object)
    return np.dtype(object) if dtype.kind in "USV" else dtype


def _check_key(key: object) -> None:
    if not isinstance(key, KEY_TYPES):
        raise TypeError(f"a word must be a str (or an int), not {type(key).__name__}: {key!r}")
