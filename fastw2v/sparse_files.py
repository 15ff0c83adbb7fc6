"""Sparse matrices as the arrays of a safetensors file (model_file.py), and back.

Three arrays: ``row_starts`` int64 [n_rows + 1], ``columns`` int32 (int64 beyond 2^31 entries) and ``values``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

SPARSE_TENSORS = ("row_starts", "columns", "values")


def pack_csr(matrix: sp.csr_array) -> dict[str, NDArray[Any]]:
    """Turn a square matrix into arrays for `model_file.write`; columns and values are shared."""
    return {
        "row_starts": matrix.indptr.astype(np.int64, copy=False),
        "columns": matrix.indices,
        "values": matrix.data,
    }


def unpack_csr(tensors: Mapping[str, NDArray[Any]]) -> sp.csr_array:
    """
    Undo `pack_csr`.

    Raises
    ------
    ValueError
        The arrays are missing or contradict each other.
    """
    missing = [name for name in SPARSE_TENSORS if name not in tensors]
    if missing:
        raise ValueError(f"the arrays {', '.join(missing)} are missing: no sparse matrix")
    starts, columns, values = (tensors[name] for name in SPARSE_TENSORS)
    if (
        any(array.ndim != 1 for array in (starts, columns, values))
        or starts.dtype != np.int64
        or columns.dtype not in (np.int32, np.int64)
    ):
        raise ValueError("the sparse matrix is damaged: wrong types or shapes")
    # Not left to SciPy: where the last entry of `starts` is 0, it does not look at the others, and follows them.
    if len(starts) == 0 or starts[0] != 0 or starts[-1] != len(columns) or (starts[1:] < starts[:-1]).any():
        raise ValueError("the sparse matrix is damaged: row_starts does not divide columns")
    # SciPy copies arrays of indices whose types differ.
    matrix = sp.csr_array((values, columns, starts.astype(columns.dtype)), shape=(len(starts) - 1,) * 2)
    matrix.check_format(full_check=True)
    return matrix
