"""Truncated singular value decomposition of large sparse matrices.

Block Lanczos on A^T A with full reorthogonalisation and a Rayleigh-Ritz step (Golub & Underwood, 1977), started from a
random block: the Krylov space of Musco & Musco (NIPS 2015), which needs far fewer products than the subspace iteration
of Halko, Martinsson & Tropp (2011) where singular values fall as slowly as those of PPMI matrices. The products are
ours (src_c/sparse.c), the dense arithmetic is the BLAS's. svd.py calls it and gives the numbers their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastw2v import _count
from fastw2v.crew import Crew
from fastw2v.progress import Progress
from fastw2v.teams import ensure_threads

BLOCK = 64  # vectors that are multiplied together: a panel of src_c/sparse.c
# A matrix with fewer columns, or than so many times the dimensions, is decomposed exactly by LAPACK: there is nothing
# to be gained from its Krylov spaces.
DENSE_COLUMNS = 512
DENSE_PER_DIM = 4
RANK_TOLERANCE = 1e-5  # of norms in float32: what is smaller is rounding

WELL_CONDITIONED = (
    0.01  # smallest squared length of a block's axes with which one orthogonalisation is enough
)

FloatMatrix = NDArray[np.float32]


@dataclass(frozen=True)
class Factors:
    """
    A ~ left diag(values) right^T.

    Parameters
    ----------
    left, right : float32 array [n_rows, dim], [n_columns, dim]
        Orthonormal columns; the largest number of each column of `left` is positive.
    values : float64 array [dim]
        Singular values, falling.
    """

    left: FloatMatrix
    values: NDArray[np.float64]
    right: FloatMatrix


def truncated_svd(
    matrix: sp.csr_array,
    dim: int,
    *,
    tolerance: float,
    seed: int,
    n_threads: int,
    progress: bool | None = None,
) -> Factors:
    """
    Find the largest singular values and their vectors.

    Parameters
    ----------
    matrix : csr_array of float32
        Finite, not empty.
    dim : int
        How many; less than the smaller side of the matrix.
    tolerance : float
        Share of the sum of the squared singular values that may be missing: the estimate at which iteration ends.
    seed : int
        Of the random start.
    n_threads : int
        For the same number the result is the same to the bit.
    progress : bool, optional
        Whether to show a bar; default at a terminal.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C.
    """
    from threadpoolctl import threadpool_limits  # here, as in trainer.py: nothing else needs it

    ensure_threads(n_threads)

    with (
        threadpool_limits(n_threads, user_api="blas"),
        Crew(1) as crew,
        Progress(None, "decomposing", " vectors", progress) as bar,
    ):
        if matrix.shape[1] <= max(DENSE_COLUMNS, DENSE_PER_DIM * dim):
            return _with_signs(*np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False), dim)
        lanczos = _Lanczos(matrix, dim, tolerance, np.random.default_rng(seed), n_threads, crew)
        [factors] = crew.run(
            lambda solver: solver.solve(),
            [lanczos],
            lambda _: bar.advance_to(lanczos.n_vectors, energy=f"{lanczos.energy:.4g}"),
        )
        return factors


class _Lanczos:
    """The state of one decomposition."""

    def __init__(
        self,
        matrix: sp.csr_array,
        dim: int,
        tolerance: float,
        rng: np.random.Generator,
        n_threads: int,
        crew: Crew,
    ) -> None:
        self.shape = matrix.shape
        self.dim = dim
        self.tolerance = tolerance
        self.n_vectors = 0
        self.energy = 0.0  # the sum of the `dim` largest Ritz values: squared singular values
        self._rng = rng
        self._n_threads = n_threads
        self._crew = crew
        self._rows = matrix
        self._columns: sp.csr_array | None = None

    def solve(self) -> Factors:
        """Extend the Krylov space until the estimate of what is missing is small enough."""
        self._columns = self._rows.T.tocsr()
        n_columns = self.shape[1]
        room = np.empty((n_columns, 4 * max(BLOCK, self.dim)), np.float32, order="F")
        basis = room[:, :0]
        projected = np.zeros((0, 0))  # basis^T A^T A basis
        block = self._gram_product(self._random((n_columns, BLOCK)))
        gain = 0.0
        while True:
            block = self._orthonormal(block, basis)
            self.n_vectors += BLOCK
            if self.n_vectors > room.shape[1]:
                room = np.concatenate([basis, np.empty_like(basis)], axis=1)
            room[:, self.n_vectors - BLOCK : self.n_vectors] = block
            basis = room[:, : self.n_vectors]
            block = self._gram_product(block)
            newest = basis.T @ block
            projected = _bordered(projected, newest.astype(np.float64))
            ritz_values = np.linalg.eigvalsh(projected)[::-1]
            last_gain, gain = gain, ritz_values[: self.dim].sum() - self.energy
            self.energy += gain
            is_spent = self.n_vectors + BLOCK > n_columns
            if self.n_vectors >= self.dim and (is_spent or self._missing(gain, last_gain) <= self.tolerance):
                return self._factors(basis, projected)
            block -= basis @ newest

    def _missing(self, gain: float, last_gain: float) -> float:
        """Estimate the share of energy still to come: gains fall about geometrically, once they have begun to."""
        if gain <= 0:
            return 0.0
        if gain >= last_gain:
            return 1.0
        ratio = gain / last_gain
        return gain * ratio / (1 - ratio) / self.energy

    def _factors(self, basis: FloatMatrix, projected: NDArray[np.float64]) -> Factors:
        values, vectors = np.linalg.eigh(projected)
        largest = np.argsort(-values, kind="stable")[: self.dim]
        right = basis @ vectors[:, largest].astype(np.float32)
        left = self._product(self._rows, right)
        # Not the roots of the Ritz values, which rounding leaves at 3e-4 of the largest where they should be 0.
        sigma = np.sqrt(np.einsum("ij,ij->j", left, left, dtype=np.float64))
        left /= np.maximum(sigma, np.finfo(np.float32).tiny).astype(np.float32)
        order = np.argsort(-sigma, kind="stable")
        return _with_signs(left[:, order], sigma[order], right.T[order], self.dim)

    def _random(self, shape: tuple[int, int]) -> FloatMatrix:
        return self._rng.standard_normal(shape, dtype=np.float32)

    def _gram_product(self, block: FloatMatrix) -> FloatMatrix:
        """A^T A block."""
        assert self._columns is not None
        return self._product(self._columns, self._product(self._rows, block))

    def _product(self, matrix: sp.csr_array, dense: FloatMatrix) -> FloatMatrix:
        product = np.empty((matrix.shape[0], dense.shape[1]), np.float32)
        _count.sparse_multiply(
            matrix.indptr.astype(np.int64, copy=False),
            matrix.indices.astype(np.int32, copy=False),
            matrix.data,
            np.ascontiguousarray(dense),
            product,
            self._n_threads,
            self._crew.stop,
        )
        return product

    def _orthonormal(self, block: FloatMatrix, basis: FloatMatrix) -> FloatMatrix:
        """Make a block orthonormal, and orthogonal to the basis; directions that it lacks are drawn at random.

        Once more where the remainder was small: it consists of rounding errors to a large part.
        """
        for _ in range(3):
            block = block / np.maximum(np.linalg.norm(block, axis=0), np.finfo(np.float32).tiny)
            block -= basis @ (basis.T @ block)
            lengths, axes = np.linalg.eigh((block.T @ block).astype(np.float64))
            known = lengths > RANK_TOLERANCE
            block = block @ (axes[:, known] / np.sqrt(lengths[known])).astype(np.float32)
            if lengths[0] > WELL_CONDITIONED:
                break
            fresh = self._random((len(block), BLOCK - block.shape[1]))
            block = np.hstack([block, fresh / np.float32(np.sqrt(len(fresh)))])
        return block


def _bordered(projected: NDArray[np.float64], newest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Extend a symmetric matrix by its last columns, [n, BLOCK]."""
    n_old, n_new = len(projected), len(newest)
    bordered = np.zeros((n_new, n_new))
    bordered[:n_old, :n_old] = projected
    bordered[:, n_old:] = newest
    bordered[n_old:, :n_old] = newest[:n_old].T
    return bordered


def _with_signs(
    left: NDArray[np.floating], values: NDArray[np.floating], right_rows: NDArray[np.floating], dim: int
) -> Factors:
    """Cut to `dim` and settle the signs, which are otherwise arbitrary."""
    left, right = left[:, :dim], right_rows[:dim].T
    largest = np.abs(left).argmax(axis=0)
    signs = np.where(left[largest, np.arange(dim)] < 0, -1.0, 1.0)
    return Factors(
        np.ascontiguousarray(left * signs, np.float32),
        np.asarray(values[:dim], np.float64),
        np.ascontiguousarray(right * signs, np.float32),
    )
