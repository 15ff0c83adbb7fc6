"""Operations and bytes that a model's objective asks for, by formula, from the windows that training walked.

D: dimensions; for each window c: its contexts, and T: its targets (the centre and K noise words, or the centre's
Huffman path). Every pair of an input and a target costs a score, a step of the input and a step of the target,
2 D operations each; the sigmoid is left out. So for each window

    skip-gram    6 D c T             (c inputs)
    CBOW         6 D T + 2 D c       (one input: the sum of c rows, and c rows that learn from it)

Bytes are those of rows. The arithmetic (level L1) reads each row of a window twice, for the scores and for the steps,
and writes it once: 12 D (c + T) bytes of float32, for CBOW 12 D (c + 1 + T). From beyond a cache come, and go back, the
rows that it does not hold, 8 D bytes each: of each window one context (the one that comes within reach; the others were
contexts of its neighbours) and T targets. A cache is taken to hold the rows that are wanted most often, as many as fit:
no real one does better in the long run. Rows that come with hot ones, tables, ids and noise are left out.

There are two counts of a window's work. *Needed* is the objective's: K noise words for each window, D numbers a row.
*Done* is what fastw2v's plan says: windows that share noise words score all of them, and skip-gram's each other's
centres, but what they have in common once; noise words are used more than once before the next is drawn (their rows
are near then), and rows are padded, as AVX-512 needs them. Contexts that the walk leaves out (plan.h) are in neither.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from courses import Course
from limits import LEVELS

from fastw2v import _train, trainer
from fastw2v.settings import Settings

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Windows:
    """What a walk over some text came to: windows that have contexts, all their contexts, and the mean length of the
    centres' Huffman paths, for each context with skip-gram, for each window with CBOW; 0 without a tree.
    """

    n_windows: int
    n_contexts: int
    path: float

    @property
    def contexts(self) -> float:
        """Contexts of a window."""
        return self.n_contexts / self.n_windows


@dataclass(frozen=True)
class Work:
    """For each token of the text: operations, and bytes that each level (LEVELS) has to move."""

    flop: float
    traffic: dict[str, float]


def walk(course: Course, n_shards: int = 2) -> Windows:
    """The windows of the first shards, as training walks them."""
    found = [
        window
        for shard in range(min(n_shards, _train.shard_count(len(course.ids))))
        for window in course.plan.windows(course.ids, shard)
    ]
    sizes = np.array([len(contexts) for _, contexts in found])
    path = 0.0
    if course.settings.loss == "hs":
        lengths = np.diff(_train.tree_build(course.counts)[0])
        weights = sizes if course.settings.model == "sg" else sizes > 0
        path = float(np.average(lengths[[center for center, _ in found]], weights=weights))
    return Windows(int((sizes > 0).sum()), int(sizes.sum()), path)


def kept_shares(settings: Settings, counts: np.ndarray) -> np.ndarray:
    """The share that each word has in the tokens that subsampling leaves."""
    kept: np.ndarray = counts * trainer.keep_probabilities(counts, settings.sample)
    return kept / kept.sum()


def row_rates(settings: Settings, counts: np.ndarray, n_noise: float) -> np.ndarray:
    """How often each row of the two matrices is wanted anew, for each window: one context, one target, noise."""
    kept = kept_shares(settings, counts)
    if settings.loss == "hs":
        offsets, nodes, _ = _train.tree_build(counts)
        return np.concatenate([kept, np.bincount(nodes, np.repeat(kept, np.diff(offsets)))])
    noise = trainer.noise_weights(counts, settings.ns_exponent)
    return np.concatenate([kept, kept + n_noise * noise / noise.sum()])


def missed(rates: np.ndarray, n_rows: int) -> float:
    """Rows that come from beyond a cache that holds the `n_rows` of the highest rates."""
    return float(np.sort(rates)[: max(0, len(rates) - n_rows)].sum())


def inputs_share(settings: Settings, n: int) -> float:
    """Tokens that n neighbouring windows of one reach have, each counted once, by the sum of their contexts."""
    reaches = range(1 if settings.shrink_windows else settings.window, settings.window + 1)
    tokens = sum(2 * reach + n - 1 + (n > 1) for reach in reaches)  # of one window, the centre is none
    return tokens / sum(2 * n * reach for reach in reaches)


def work(
    course: Course,
    windows: Windows,
    predictions_per_token: float,
    caches: dict[str, int],
    *,
    done: bool = False,
) -> Work:
    """The work needed for each token of the text, or that `done`.

    `predictions_per_token` is what training counted: contexts for skip-gram, windows for CBOW.
    """
    s = course.settings
    is_skip_gram, shared = s.model == "sg", trainer.noise_fields(s)
    size = course.matrices[0].shape[1] if done else s.vector_size
    n_together = max(1, int(shared["noise_centers"])) if done else 1
    n_noise = int(shared["n_noise"]) if done else s.negative
    n_fresh = n_noise / (n_together * int(shared["noise_reuse"])) if done else n_noise
    targets = windows.path if s.loss == "hs" else n_together + n_noise
    contexts = windows.contexts
    per_token = predictions_per_token / (contexts if is_skip_gram else 1)
    if is_skip_gram:
        inputs = contexts * inputs_share(s, n_together)
        flop, rows = 6 * size * inputs * targets, inputs + targets / n_together
    else:
        met = targets if s.loss == "hs" else 1 + n_noise
        flop, rows = 2 * size * (3 * met + contexts), contexts + 1 + targets / n_together
    rates = row_rates(s, course.counts, n_fresh)
    traffic = {"L1": 3 * FLOAT * size * rows}
    for cache, level in itertools.pairwise(LEVELS):
        traffic[level] = 2 * FLOAT * size * missed(rates, caches[cache] // (FLOAT * size))
    return Work(per_token * flop, {level: per_token * n_bytes for level, n_bytes in traffic.items()})
