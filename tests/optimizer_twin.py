"""The optimizers in NumPy, as their papers write them, over whole matrices and with the number of steps spelt out.

Nothing is shared with the library: C keeps running means in place of powers and works row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastw2v.optimizers import OPTIMIZERS
from fastw2v.settings import Settings


class Optimizer:
    """Moves some matrices, and remembers what it has to of each row."""

    def __init__(self, s: Settings, matrices: Sequence[np.ndarray]) -> None:
        self.name, self.clip_norm = s.optimizer, s.clip_norm
        self.options = {**OPTIMIZERS[s.optimizer].options, **s.optimizer_options}
        self.matrices = matrices
        self.first, self.second = ([np.zeros_like(matrix) for matrix in matrices] for _ in range(2))
        self.n_steps = [np.zeros((len(matrix), 1)) for matrix in matrices]

    def move(self, gradients: Sequence[np.ndarray], touched: Sequence[set[int]], lr: float) -> None:
        """One step: `gradients` of whole matrices, of which only the rows `touched` count."""
        norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
        factor = min(1.0, self.clip_norm / norm) if self.clip_norm and norm else 1.0
        for number, (matrix, gradient) in enumerate(zip(self.matrices, gradients, strict=True)):
            rows = sorted(touched[number])
            assert not np.delete(gradient, rows, axis=0).any()
            matrix[rows] -= lr * self.direction(number, rows, factor * gradient[rows])

    def direction(self, number: int, rows: list[int], g: np.ndarray) -> np.ndarray:
        first, second, t = self.first[number], self.second[number], self.n_steps[number]
        if self.name == "momentum":
            first[rows] = self.options["momentum"] * first[rows] + g
            return first[rows]
        if self.name == "adagrad":
            second[rows] += g**2
            return g / (np.sqrt(second[rows]) + self.options["epsilon"])
        if self.name == "adam":
            beta_1, beta_2 = self.options["beta_1"], self.options["beta_2"]
            t[rows] += 1
            first[rows] = beta_1 * first[rows] + (1 - beta_1) * g
            second[rows] = beta_2 * second[rows] + (1 - beta_2) * g**2
            mean = first[rows] / (1 - beta_1 ** t[rows])
            mean_of_squares = second[rows] / (1 - beta_2 ** t[rows])
            return mean / (np.sqrt(mean_of_squares) + self.options["epsilon"])
        return g
