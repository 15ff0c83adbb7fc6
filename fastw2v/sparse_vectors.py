"""`SparseVectors`: words with sparse vectors, queried as `KeyedVectors` are.

Only what touches the matrix is different: a product with a sparse row, a norm, analogies (evaluation.py asks for cosines
in tiles). The matrix is never made dense. `PPMI` is such a class.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastw2v import _count, evaluation, model_file
from fastw2v.keyedvectors import Key, KeyedVectors
from fastw2v.sparse_files import SPARSE_TENSORS, pack_csr, unpack_csr
