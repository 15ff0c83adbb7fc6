"""What the mixins of `KeyedVectors` need of it, declared once. Nothing is defined here: there is no code at all."""

# ruff: noqa: D102  # keyedvectors.py and the mixins document what they define

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

Key: TypeAlias = "str | int | np.integer[Any]"
KEY_TYPES = (str, int, np.integer)


class VectorParts:
    """The attributes and methods of `KeyedVectors` on which its mixins rely."""

    vectors: np.ndarray
    vector_size: int
    index_to_key: list[Any]
    key_to_index: dict[Any, int]
    norms: np.ndarray | None
    expandos: dict[str, np.ndarray]

    if TYPE_CHECKING:

        def __len__(self) -> int: ...
        def __contains__(self, key: object) -> bool: ...
        def get_index(self, key: Key, default: int | None = None) -> int: ...
        def get_vector(self, key: Key, norm: bool = False) -> np.ndarray: ...
        def fill_norms(self, force: bool = False) -> None: ...
        def most_similar(self, *args: Any, **kwargs: Any) -> Any: ...
        @classmethod
        def load_word2vec_format(cls, *args: Any, **kwargs: Any) -> Any: ...
        def _cosines(self, targets: np.ndarray, ids: range, threads: int) -> np.ndarray: ...
        def _n_threads(self, threads: int | None) -> int: ...
        def _divisors(self, rows: slice) -> np.ndarray: ...
        def _unit_rows(self, rows: slice) -> np.ndarray: ...
