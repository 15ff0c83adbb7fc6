"""The losses that learn from mini-batches, in NumPy: plain formulas, and an epoch that is plain to see.

As in twins.py nothing is shared with the library but the order of its random numbers, and all is float64. Biases are
the last column of the output vectors; the last column of the hidden vectors is 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import twins
from optimizer_twin import Optimizer
from scipy.special import expit, log_softmax

from fastw2v.settings import Settings

MOST_ALIKE = 8  # W2V_MOST_ALIKE


def loss_and_gradient(
    name: str, scores: np.ndarray, target: int, noise: Sequence[int]
) -> tuple[float, np.ndarray]:
    """A prediction's loss and its gradient by the scores of all words, [V].

    `scores` are those of training: for the losses with noise words, the model's less log(k q(w)).
    """
    gradient = np.zeros(len(scores))
    if name == "nce":
        guard = twins.SCORE_LIMIT / np.maximum(twins.SCORE_LIMIT, np.abs(scores))
        gradient[target] += (expit(scores[target]) - 1) * guard[target]
        np.add.at(gradient, noise, expit(scores[noise]) * guard[noise])
        return np.logaddexp(0, -scores[target]) + np.logaddexp(0, scores[noise]).sum(), gradient
    others = [word for word in range(len(scores)) if word != target] if name == "softmax" else noise
    chosen = np.array([target, *(word for word in others if word != target)])
    log_p = log_softmax(scores[chosen])
    p = np.exp(log_p)
    loss, g = -log_p[0], p.copy()
    g[0] -= 1
    if name == "blackout":
        loss -= np.log1p(-p[1:]).sum()
        odds = p[1:] / (1 - p[1:])
        g = p * (1 - odds.sum())
        g[0] -= 1
        g[1:] += odds
    np.add.at(gradient, chosen, g)
    return float(loss), gradient


def train_epoch(
    s: Settings,
    noise_table: np.ndarray | None,
    vecs: tuple[np.ndarray, np.ndarray],
    lines: Sequence[Sequence[int]],
    *,
    epoch: int,
    lr: float,
) -> twins.Trained:
    """One epoch in place; for text of one piece of the walk."""
    in_vecs, out_vecs = vecs
    sums = twins.Trained()
    optimizer = Optimizer(s, vecs)
    rng = twins.Rng(s.seed, epoch, shard=twins.U64)
    batch: list[tuple[list[int], int]] = []

    def learn() -> None:
        noise = [rng.noise(noise_table) for _ in range(s.negative)]
        by_in, by_out = np.zeros_like(in_vecs), np.zeros_like(out_vecs)
        n_alike = Counter(target for _, target in batch)
        for contexts, target in batch:
            mean = 1 / len(contexts)
            scale = mean if s.model == "sg" or s.cbow_mean else 1
            hidden = np.append(in_vecs[contexts, : s.vector_size].sum(axis=0) * scale, 1.0)
            loss, g = loss_and_gradient(s.loss, out_vecs[:, : s.vector_size + 1] @ hidden, target, noise)
            g = g * min(1, MOST_ALIKE / n_alike[target])
            sums.loss += loss
            sums.n_predictions += 1
            by_out[:, : s.vector_size + 1] += np.outer(g, hidden)
            by_hidden = (g @ out_vecs)[: s.vector_size]
            undivided = s.model == "sg" or bool(s.cbow_mean) == (s.cbow_update == "word2vec")
            for row in contexts:
                by_in[row, : s.vector_size] += by_hidden * (1 if undivided else mean)
        targets = {target for _, target in batch}
        touched = set(range(len(out_vecs))) if s.loss == "softmax" else targets | set(noise)
        optimizer.move((by_in, by_out), ({row for rows, _ in batch for row in rows}, touched), lr)
        batch.clear()

    ids, groups = twins.read_windows(lines, s, twins.Tables(), twins.Rng(s.seed, epoch, shard=0), 1)
    windows = [window for group in groups for window in group if window[1]]
    for pos, places in windows:
        center, contexts = ids[pos], [ids[p] for p in places]
        batch.extend([([row], center) for row in contexts] if s.model == "sg" else [(contexts, center)])
        if len(batch) >= s.batch_size:
            learn()
    if batch:
        learn()
    return sums
