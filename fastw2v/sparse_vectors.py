"""`SparseVectors`: words with sparse vectors, queried as `KeyedVectors` are.

Only what touches the matrix is different here: rows, products with a vector, norms, files. Evaluation handles both
kinds of matrices (evaluation.py, cosines.py). The matrix is never made dense, single rows are. `PPMI` is such a class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

from fastw2v import cosines, model_file, nearest
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.sparse_files import SPARSE_TENSORS, pack_csr, unpack_csr
from fastw2v.vector_parts import Key

Self = TypeVar("Self", bound="SparseVectors")


class SparseVectors(KeyedVectors):
    """
    Sparse vectors by word: `KeyedVectors` whose matrix is a csr_array.

    Attributes
    ----------
    vectors : scipy.sparse.csr_array of float32, shape [V, V]
        Row `id` belongs to ``index_to_key[id]``, and so does column `id`.
    vector_size : int
        V.

    Notes
    -----
    Queries, `evaluate_word_analogies`, `evaluate_word_pairs`, `save` and `load` are those of `KeyedVectors`. Rows come
    out as dense arrays of V numbers, several of them as a csr_array. word2vec's formats hold dense vectors only.
    """

    vectors: Any
    _kind = "sparsevectors"
    _tensor_names = ("counts", *model_file.WORD_TENSORS, *SPARSE_TENSORS)

    @classmethod
    def from_csr(
        cls: type[Self], words: Iterable[str], vectors: sp.csr_array, counts: np.ndarray | None = None
    ) -> Self:
        """
        Wrap words and a square sparse matrix, which is shared.

        Raises
        ------
        TypeError, ValueError
            As `KeyedVectors.from_arrays`.
        """
        words = list(words)
        if vectors.shape != (len(words), len(words)):
            raise ValueError(f"vectors must have shape ({len(words)}, {len(words)}), not {vectors.shape}")
        # One column stands for the matrix, so that words and counts are checked in one place.
        names = KeyedVectors.from_arrays(words, np.zeros((len(words), 1), np.float32), counts)
        self = cls.__new__(cls)
        vars(self).update(vars(names))
        self.vectors = vectors
        vars(self)["vector_size"] = vectors.shape[1]
        return self

    def __getitem__(self, key_or_keys: Key | Iterable[Key]) -> Any:
        """Return the vector of a word (see `get_vector`), or those of several as a csr_array [n, V]."""
        if isinstance(key_or_keys, (str, int, np.integer)):
            return self.get_vector(key_or_keys)
        return self.vectors[[self.get_index(key) for key in key_or_keys]]

    def get_vector(self, key: Key, norm: bool = False) -> np.ndarray:
        """Return the vector of a word as a dense, read-only array [V]; with `norm` scaled to length 1."""
        row = self.get_index(key)
        vector: np.ndarray = self.vectors[[row]].toarray()[0]
        if norm:
            vector /= self._divisors(slice(row, row + 1))[0]
        vector.flags.writeable = False
        return vector

    def fill_norms(self, force: bool = False) -> None:
        """Compute `norms` unless they are there; with `force` anyway."""
        if self.norms is None or force:
            self.norms = np.sqrt(cosines.square_sums(self.vectors))

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1; zero vectors stay."""
        self.vectors = self._unit_rows(slice(None))
        self.fill_norms(force=True)

    def _unit_rows(self, rows: slice) -> Any:
        """Return some rows scaled to length 1, as a new csr_array [n, V]."""
        return sp.csr_array(self.vectors[rows].multiply(1 / self._divisors(rows)[:, None]))

    def _check_editable(self) -> None:
        raise TypeError(
            "sparse vectors cannot be changed, as their rows and columns are the same words: use dense vectors, such"
            " as those of an SVD"
        )

    def _cosines(self, targets: np.ndarray, ids: range, threads: int) -> np.ndarray:
        self.fill_norms()
        divisors = self._divisors(slice(ids.start, ids.stop))
        products = [
            (self.vectors @ target)[ids.start : ids.stop] for target in targets
        ]  # a slice would be a copy
        cosines_: np.ndarray = np.array(products) / divisors
        return cosines_

    def _find(
        self, targets: np.ndarray, topn: int, ids: range, excluded: Sequence[Sequence[int]], threads: int
    ) -> tuple[np.ndarray, np.ndarray]:
        k = min(topn, len(ids))
        rows, found = np.full((len(targets), k), -1, np.int64), np.zeros((len(targets), k), np.float32)
        for number, target in enumerate(targets):
            of_all = self._cosines(target[None], ids, threads)[0]
            of_all[[row - ids.start for row in excluded[number] if row in ids]] = np.nan
            best = nearest.largest(of_all, k) if k else np.zeros(0, np.int64)
            best = best[~np.isnan(of_all[best])]
            rows[number, : len(best)], found[number, : len(best)] = best + ids.start, of_all[best]
        return rows, found

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Return what a file of ours holds of these vectors, for `model_file.write`."""
        tensors = {**pack_csr(self.vectors), **model_file.pack_words(self.index_to_key)}
        if "count" in self.expandos:
            tensors["counts"] = self.expandos["count"].astype(np.int64, copy=False)
        return tensors

    @classmethod
    def from_tensors(cls: type[Self], tensors: Mapping[str, np.ndarray], lazy: bool = False) -> Self:
        """Undo `to_tensors`; ValueError if arrays are missing or contradict each other."""
        if lazy:
            raise ValueError("sparse vectors cannot be mapped: load them without mmap")
        words = model_file.unpack_words(tensors)
        return cls.from_csr(words, unpack_csr(tensors), tensors.get("counts"))

    def save_word2vec_format(self, *arguments: Any, **more: Any) -> None:
        """Refused: the format holds dense vectors, and V x V numbers would be too many."""
        raise TypeError(
            "sparse vectors cannot be saved in word2vec's format: use save(), or the vectors of an SVD"
        )
