"""Small vector arithmetic that queries share: unit vectors, and the largest of many cosines.

Not a search index, and no knowledge of words: `keyedvectors` calls this with rows and numbers.
"""

from __future__ import annotations

import numpy as np


def unit(vector: np.ndarray) -> np.ndarray:
    """Return `vector` scaled to length 1; a zero vector as it is."""
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector


def largest(values: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return where the `n_wanted` largest values stand, largest first.

    Parameters
    ----------
    values : numpy.ndarray of floats, shape [n]
        NaN counts as less than everything.
    n_wanted : int
        At least 1. If it is more than n, all places come back.

    Returns
    -------
    numpy.ndarray of int, shape [min(n, n_wanted)]
        Of equal values the first ones, in order. Takes time linear in n, whatever is equal.
    """
    values = np.where(np.isnan(values), -np.inf, values)
    if n_wanted >= len(values):
        return np.argsort(-values, kind="stable")
    threshold = np.partition(values, len(values) - n_wanted)[len(values) - n_wanted]
    candidates = np.flatnonzero(values >= threshold)
    return candidates[np.argsort(-values[candidates], kind="stable")][:n_wanted]
