"""Types of the Cython extension; the documentation is in _count.pyx."""

import numpy as np
from numpy.typing import NDArray

_Rows = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]

GAP: int

class Stopped(Exception): ...

class StopFlag:
    def set(self) -> None: ...
    def is_set(self) -> bool: ...

def thin(
    ids: NDArray[np.int32], first_place: int, keep_prob: NDArray[np.uint32], seed: int, keep_gaps: bool
) -> int: ...
def places_count(ids: NDArray[np.int32], n_places: NDArray[np.int64]) -> None: ...
def places_fill(
    ids: NDArray[np.int32], begin: int, end: int, next: NDArray[np.int64], places: NDArray[np.uint32]
) -> None: ...

class Stretch:
    def __init__(
        self,
        ids: NDArray[np.int32],
        places: NDArray[np.uint32],
        starts: NDArray[np.int64],
        left: NDArray[np.int64] | None,
        right: NDArray[np.int64] | None,
    ) -> None: ...

class RowSums:
    def __init__(self, n_words: int) -> None: ...
    def count(self, stretch: Stretch, first: int, last: int, capacity: int, stop: StopFlag) -> _Rows: ...
    def merge(self, parts: list[_Rows]) -> _Rows: ...

def sparse_multiply(
    starts: NDArray[np.int64],
    ids: NDArray[np.int32],
    values: NDArray[np.float32],
    dense: NDArray[np.float32],
    product: NDArray[np.float32],
    n_threads: int,
    stop: StopFlag,
) -> None: ...
