"""What co-occurrence counting and PPMI must give, in plain Python: slow and obvious."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

WEIGHTS: dict[str, Callable[[int, int], Fraction]] = {
    "flat": lambda distance, window: Fraction(1),
    "harmonic": lambda distance, window: Fraction(1, distance),
    "dynamic": lambda distance, window: Fraction(window + 1 - distance, window),
}


def cooccurrences(
    sentences: Sequence[Sequence[str | None]],
    window: int,
    weighting: str = "flat",
    context: str = "symmetric",
) -> dict[tuple[str, str], Fraction]:
    """Count pairs (centre, context word); None is a gap."""
    pairs: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for sentence in sentences:
        for pos, center in enumerate(sentence):
            for other, word in enumerate(sentence):
                distance = abs(other - pos)
                is_wanted = {"symmetric": True, "left": other < pos, "right": other > pos}[context]
                if center is not None and word is not None and 0 < distance <= window and is_wanted:
                    pairs[center, word] += WEIGHTS[weighting](distance, window)
    return dict(pairs)


def frequent(sentences: Sequence[Sequence[str]], min_count: int) -> list[list[str]]:
    """Leave out rare words, as a vocabulary does."""
    counts = Counter(word for sentence in sentences for word in sentence)
    return [[word for word in sentence if counts[word] >= min_count] for sentence in sentences]


def ppmi(matrix: np.ndarray, cds: float, shift: float, base: float) -> np.ndarray:
    """Positive PMI of a dense matrix of counts, entry by entry."""
    total = matrix.sum()
    context = matrix.sum(axis=0) ** cds
    result = np.zeros(matrix.shape)
    for row in range(len(matrix)):
        for column in range(len(matrix)):
            if matrix[row, column] > 0:
                joint = matrix[row, column] / total
                chance = matrix[row].sum() / total * context[column] / context.sum()
                result[row, column] = max(0.0, math.log(joint / chance, base) - math.log(shift, base))
    return result
