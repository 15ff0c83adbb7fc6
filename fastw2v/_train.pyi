from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

REAL: np.dtype[Any]
ROW_ALIGN: int
ALIAS: np.dtype[Any]

class Diverged(ArithmeticError): ...
class Stopped(Exception): ...

def isa_compiled() -> list[str]: ...
def isa_supported() -> list[str]: ...
def isa_name() -> str: ...
def isa_select(name: str | None = None) -> None: ...
def kernels() -> object: ...
def text_kernels() -> object: ...
def has_openmp() -> bool: ...
def build_info() -> dict[str, Any]: ...
def alias_build(weights: ArrayLike) -> NDArray[Any]: ...
def alias_draw(table: NDArray[Any], n: int, seed: int = 0) -> NDArray[np.int32]: ...
def tree_build(counts: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]: ...
def state_stride(optimizer: str, stride: int) -> int: ...
def shard_count(n_ids: int) -> int: ...
def dot(a: NDArray[Any], b: NDArray[Any], *, isa: str | None = None) -> float: ...
def row_kernel(
    name: str, scores: ArrayLike, number: float = 0, *, isa: str | None = None
) -> tuple[NDArray[Any], Any]: ...
def product(
    a: NDArray[Any],
    b: NDArray[Any],
    c: NDArray[Any],
    n_rows: int,
    n_columns: int,
    n_terms: int,
    *,
    scale: float = 1,
    keep: bool = False,
    turned: bool = False,
    isa: str | None = None,
    repeat: int = 1,
) -> None: ...
def code_products(
    codes: NDArray[np.int8], factors: NDArray[np.int16], *, isa: str | None = None
) -> NDArray[np.int32]: ...
def columns_kernel(
    name: str, scores: NDArray[Any], numbers: NDArray[Any], n: int, *, isa: str | None = None
) -> NDArray[Any] | None: ...
def find_spaces(text: bytes) -> tuple[NDArray[np.int32], bool]: ...
def aligned_zeros(n_rows: int, dim: int) -> NDArray[Any]: ...

class Progress:
    def __init__(
        self, *, next_shard: int = 0, tokens_done: int = 0, n_predictions: int = 0, loss: float = 0
    ) -> None: ...
    @property
    def next_shard(self) -> int: ...
    @property
    def tokens_done(self) -> int: ...
    @property
    def n_predictions(self) -> int: ...
    @property
    def loss(self) -> float: ...
    def pause(self) -> None: ...
    def pause_at(self, tokens: int) -> None: ...
    def stop(self) -> None: ...

class Plan:
    def __init__(
        self,
        *,
        model: str,
        loss: str,
        in_vecs: NDArray[Any],
        out_vecs: NDArray[Any],
        keep_prob: NDArray[np.uint32] | None = None,
        noise: NDArray[Any] | None = None,
        tree: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]] | None = None,
        optimizer: str = "sgd",
        states: tuple[NDArray[Any], NDArray[Any]] | None = None,
        nce_log_z: NDArray[np.float64] | None = None,
        frozen: NDArray[np.uint8] | None = None,
        **numbers: float,
    ) -> None: ...
    def train_epoch(
        self, ids: NDArray[np.int32], progress: Progress, *, epoch: int = 0, lr_start: float, lr_end: float
    ) -> None: ...
    def windows(self, ids: NDArray[np.int32], shard: int, epoch: int = 0) -> list[tuple[int, list[int]]]: ...

class Rows:
    def __init__(self, matrix: NDArray[Any], ids: Sequence[int]) -> None: ...

class Lists:
    def __init__(
        self, matrix: NDArray[Any], lists: Sequence[Sequence[int]], scales: Sequence[float]
    ) -> None: ...

def logistic_tile(
    inputs: NDArray[Any],
    input_ids: Sequence[int],
    targets: NDArray[Any],
    target_ids: Sequence[int],
    weights: ArrayLike,
    lr: float,
    *,
    has_own: bool = False,
    steps: NDArray[Any] | None = None,
    target_steps: NDArray[Any] | None = None,
    dim: int = 0,
    isa: str | None = None,
    repeat: int = 1,
) -> float: ...
def rows_sum(
    matrix: NDArray[Any],
    lists: Sequence[Sequence[int]],
    scales: Sequence[float],
    *,
    dim: int = 0,
    isa: str | None = None,
) -> NDArray[Any]: ...
def rows_add(
    matrix: NDArray[Any],
    lists: Sequence[Sequence[int]],
    scales: Sequence[float],
    steps: ArrayLike,
    *,
    dim: int = 0,
    isa: str | None = None,
) -> None: ...
def optimizer_row(
    optimizer: str,
    row: NDArray[Any],
    state: NDArray[Any],
    descent: NDArray[Any],
    *,
    lr: float,
    scale: float = 1,
    decay_1: float = 0,
    decay_2: float = 0,
    epsilon: float = 0,
    isa: str | None = None,
) -> None: ...
def multiply_adds(n_rounds: int, *, factor: float = 0.5, isa: str | None = None) -> tuple[int, float]: ...
def scale_in_place(
    matrix: NDArray[Any], factor: float, *, isa: str | None = None, repeat: int = 1
) -> None: ...
