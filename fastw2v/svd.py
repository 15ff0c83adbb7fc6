"""`SVD`: dense word vectors from a sparse matrix, by truncated singular value decomposition.

It checks arguments and makes vectors of the factors; the decomposition is svd_solver.py's work, and the vectors are
ordinary `KeyedVectors`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import model_file
from fastw2v.cooccurrence import checked_csr
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.settings import check_choice, check_float, check_int, check_workers
from fastw2v.sparse_vectors import SparseVectors
from fastw2v.svd_solver import Factors, truncated_svd


class SVD:
    """
    Word vectors from the largest singular values of a PPMI matrix (Levy, Goldberg & Dagan, TACL 2015, section 2.2).

    The matrix M ~ U diag(s) V^T gives the word vectors W = U diag(s)**eig and the context vectors C = V diag(s)**eig.

    Parameters
    ----------
    vectors : PPMI, or other SparseVectors
        The matrix M, [V, V].
    dim : int, default 100
        Dimensions D of the vectors, less than V.
    eig : float, default 0.25
        Exponent of the singular values; any number. 1 is the decomposition itself; 0 to 0.5 is better for similarity.
    which : {"w", "w+c"}, default "w"
        Word vectors, or the sum of word and context vectors (section 3.3).
    tolerance : float, default 0.003
        Share of the captured energy (the sum of the squared singular values) that may be missing, as the solver
        estimates it.
    seed : int, default 1
        Of the random start. The same seed gives the same vectors (to the bit with the same number of workers).
    workers : int, optional
        Threads; default all cores that this process may use.
    progress : bool, optional
        Whether to show a progress bar; default at a terminal.

    Attributes
    ----------
    wv : KeyedVectors
        The vectors that were asked for.
    singular_values : numpy.ndarray of float64, shape [D]
        s, falling.
    left_vectors, right_vectors : numpy.ndarray of float32, shape [V, D]
        U and V: orthonormal columns.
    eig, which
        As given.

    Raises
    ------
    TypeError
        `vectors` are not sparse vectors, or a setting is not a number.
    ValueError
        A setting is out of range, dim >= V, or the matrix is empty or holds NaN or infinite numbers.
    KeyboardInterrupt
        Ctrl-C.

    Notes
    -----
    Besides the matrix and its transpose about 4 matrices [V, D] are needed, of float32.

    Examples
    --------
    >>> text = [["you", "say", "goodbye", "and", "i", "say", "hello", "."]]
    >>> svd = SVD(PPMI(Cooccurrence(text, window=1, min_count=1)), dim=2)
    >>> svd.wv.vectors.shape
    (7, 2)
    """

    def __init__(
        self,
        vectors: SparseVectors,
        dim: int = 100,
        *,
        eig: float = 0.25,
        which: str = "w",
        tolerance: float = 0.003,
        seed: int = 1,
        workers: int | None = None,
        progress: bool | None = None,
    ) -> None:
        if not isinstance(vectors, SparseVectors):
            raise TypeError(
                f"vectors must be a PPMI (or other SparseVectors), not {type(vectors).__name__}; from counts make them"
                " with PPMI(counts)"
            )
        self.eig = check_float("eig", eig)
        self.which = check_choice("which", which, ("w", "w+c"))
        tolerance = check_float("tolerance", tolerance, 0.0, above=True)
        seed = check_int("seed", seed, 0)
        n_threads = check_workers(workers)
        dim = check_int("dim", dim, 1)
        if dim >= len(vectors):
            raise ValueError(
                f"dim must be less than the number of words, which is {len(vectors)}, not {dim}: lower it, or use more"
                " text"
            )
        matrix = checked_csr(vectors.vectors, "the matrix").astype(np.float32, copy=False)
        factors = truncated_svd(
            matrix, dim, tolerance=tolerance, seed=seed, n_threads=n_threads, progress=progress
        )
        counts = vectors.expandos.get("count")
        self._set(factors, KeyedVectors.from_arrays(vectors.index_to_key, factors.left, counts))

    def _set(self, factors: Factors, names: KeyedVectors) -> None:
        """Adopt the factors; `names` has the words."""
        self.left_vectors, self.right_vectors = factors.left, factors.right
        self.singular_values = factors.values
        self.wv = names
        self.wv = self.keyed_vectors()

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{len(self.wv)} words, dim={self.wv.vector_size}, eig={self.eig:g}>"

    def get_vectors(self, which: str | None = None, eig: float | None = None) -> NDArray[np.float32]:
        """
        Make vectors of the factors, without another decomposition.

        Parameters
        ----------
        which : {"w", "c", "w+c"}, optional
            Word vectors, context vectors or their sum; default as the SVD was asked for.
        eig : float, optional
            Exponent of the singular values; default as the SVD was asked for.

        Returns
        -------
        float32 array [V, D]
        """
        which = self.which if which is None else check_choice("which", which, ("w", "c", "w+c"))
        power = self.eig if eig is None else check_float("eig", eig)
        largest = max(float(self.singular_values[0]), np.finfo(np.float64).tiny)
        # Singular values of 0 have no meaningful vectors: 0, also where the exponent is negative.
        known = self.singular_values > 1e-6 * largest
        scale = np.zeros(len(known), np.float32)
        scale[known] = self.singular_values[known] ** power
        if which == "w+c":
            return (self.left_vectors + self.right_vectors) * scale
        return (self.left_vectors if which == "w" else self.right_vectors) * scale

    def keyed_vectors(self, which: str | None = None, eig: float | None = None) -> KeyedVectors:
        """`get_vectors` as KeyedVectors of their own, for queries or to be saved in any format."""
        return KeyedVectors.from_arrays(
            self.wv.index_to_key, self.get_vectors(which, eig), self.wv.expandos.get("count")
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """
        Write factors and vectors to one safetensors file, atomically; `KeyedVectors.load` reads the vectors alone.

        Raises
        ------
        OSError
            It cannot be written; an old file is intact.
        """
        tensors: dict[str, NDArray[Any]] = {
            **self.wv.to_tensors(),
            "left_vectors": self.left_vectors,
            "right_vectors": self.right_vectors,
            "singular_values": self.singular_values,
        }
        settings = {"eig": self.eig, "which": self.which}
        model_file.write_object(path, "svd", tensors, settings=settings)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SVD:
        """
        Read a file of `save`.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is of another kind, or damaged.
        """
        with model_file.reading_object(path, "svd", "SVD") as (tensors, parts):
            names = KeyedVectors.from_tensors(tensors)
            factors = Factors(tensors["left_vectors"], tensors["singular_values"], tensors["right_vectors"])
            shapes = {names.vectors.shape, factors.left.shape, factors.right.shape}
            if len(shapes) != 1 or factors.values.shape != names.vectors.shape[1:]:
                raise ValueError("arrays do not fit together")
            self = cls.__new__(cls)
            self.eig = check_float("eig", parts["settings"]["eig"])
            self.which = check_choice("which", parts["settings"]["which"], ("w", "w+c"))
            self._set(factors, names)
        return self
