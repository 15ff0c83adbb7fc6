"""The Word Mover's Distance between two documents: a transport problem, which POT solves.

No knowledge of vocabularies: `KeyedVectors.wmdistance` calls this with known words and a way to their vectors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from fastw2v.errors import MissingExtraError

Word = TypeVar("Word", bound=Hashable)


def distance(
    document_1: Sequence[Word], document_2: Sequence[Word], vector_of: Callable[[Word], np.ndarray]
) -> float:
    """Return the least cost of moving the words of one document to those of the other; infinite if one is empty.

    Raises
    ------
    MissingExtraError
        POT is not installed.
    """
    from scipy.spatial.distance import cdist  # here because importing it takes long

    emd2 = _emd2()
    if not document_1 or not document_2:
        return float("inf")
    bags = Counter(document_1), Counter(document_2)
    costs = cdist(*(np.array([vector_of(word) for word in bag], np.float64) for bag in bags))
    if not costs.any():
        return 0.0
    shares = [np.array(list(bag.values())) / bag.total() for bag in bags]
    return float(emd2(*shares, costs))


def _emd2() -> Callable[..., float]:
    try:
        from ot import emd2
    except ImportError:
        raise MissingExtraError("the Word Mover's Distance needs POT: pip install 'fastw2v[wmd]'") from None
    solver: Callable[..., float] = emd2
    return solver
