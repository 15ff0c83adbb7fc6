"""Types of the Cython extension; the documentation is in _query.pyx."""

import numpy as np
from numpy.typing import NDArray

class Rows:
    @property
    def n_rows(self) -> int: ...
    @property
    def first_id(self) -> int: ...
    def __init__(self, vecs: NDArray[np.float32], norms: NDArray[np.float32], first_id: int) -> None: ...
    def cosines(self, queries: NDArray[np.float32], out: NDArray[np.float32], n_threads: int) -> None: ...
    def table(self, words: NDArray[np.float32], out: NDArray[np.float32], n_threads: int) -> float: ...

class Nearest:
    @property
    def ids(self) -> NDArray[np.int64]: ...
    @property
    def cosines(self) -> NDArray[np.float32]: ...
    @property
    def n_found(self) -> NDArray[np.int64]: ...
    def __init__(
        self,
        n_wanted: int,
        queries: NDArray[np.float32],
        excluded_starts: NDArray[np.int64],
        excluded: NDArray[np.int64],
    ) -> None: ...
    def update(self, rows: Rows, n_threads: int) -> None: ...
    def sort(self) -> None: ...

class Analogies:
    @property
    def answers(self) -> NDArray[np.int64]: ...
    def __init__(
        self,
        places: NDArray[np.int32],
        word_groups: NDArray[np.int32],
        groups: NDArray[np.int32],
        multiply: bool,
    ) -> None: ...
    def update(
        self,
        rows: Rows,
        words: NDArray[np.float32] | None,
        table: NDArray[np.float32],
        slack: float,
        n_threads: int,
    ) -> None: ...
