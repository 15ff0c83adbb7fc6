"""The gradients of the whole trainer, checked against finite differences of its own loss.

A double-precision build of the same source trains one epoch on a tiny corpus. With a learning rate near zero,
what it does to the matrices must be minus the gradient of the loss that it reports; with a learning rate of
zero it reports the loss and changes nothing, so that central differences of the loss over every single number
give the gradient independently. Random draws depend on the seed alone and are the same each time.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import twins

from fastw2v import _train_double, trainer

DIM = 3
EPS = 1e-5  # of the central differences of the loss
TINY_LR = 1e-6  # of the steps; central differences again, so that the error is of the order of its square
RNG = np.random.default_rng(5)
LINES = [RNG.integers(0, 7, length).tolist() for length in (9, 1, 2, 6, 12)] + [[3, 3, 3, 3], [0, 6, 0, 6, 0]]
EVEN_LINES = [
    RNG.integers(0, 7, 4).tolist() for _ in range(8)
]  # with windows of 3, each centre has three contexts


class Trainer:
    """One epoch of the double build over some lines, from matrices that are handed in."""

    def __init__(self, lines: list[list[int]], changes: dict[str, Any]) -> None:
        self.settings = twins.make_settings(vector_size=DIM, **changes)
        self.ids = twins.flat_ids(lines)
        self.counts = np.sort(np.bincount(self.ids[self.ids >= 0]))[::-1].astype(np.int64)

    def epoch(self, vecs: np.ndarray, lr: float) -> tuple[float, np.ndarray]:
        """(loss, matrices afterwards) for matrices [2, V, D]; they are not changed."""
        in_vecs, out_vecs = (_train_double.aligned_zeros(*vecs.shape[1:]) for _ in range(2))
        in_vecs[:, :DIM], out_vecs[:, :DIM] = vecs
        plan = trainer.make_plan(
            self.settings, self.counts, in_vecs, out_vecs, int(self.counts.sum()), core=_train_double
        )
        progress = _train_double.Progress()
        plan.train_epoch(self.ids, progress, epoch=2, lr_start=lr, lr_end=lr)
        assert not in_vecs[:, DIM:].any()
        assert not out_vecs[:, DIM:].any()
        return progress.loss, np.stack([in_vecs[:, :DIM], out_vecs[:, :DIM]])

    def gradients(self) -> tuple[np.ndarray, np.ndarray]:
        """The loss's gradient by central differences, and minus what a tiny step does, both [2, V, D]."""
        vecs = np.random.default_rng(6).normal(0, 0.7, (2, len(self.counts), DIM))
        by_differences = np.zeros_like(vecs)
        for place in np.ndindex(vecs.shape):
            losses = []
            for eps in (EPS, -EPS):
                moved = vecs.copy()
                moved[place] += eps
                losses.append(self.epoch(moved, 0.0)[0])
            by_differences[place] = (losses[0] - losses[1]) / (2 * EPS)
        unchanged = self.epoch(vecs, 0.0)[1]
        assert np.array_equal(unchanged, vecs)
        by_step = (self.epoch(vecs, -TINY_LR)[1] - self.epoch(vecs, TINY_LR)[1]) / (2 * TINY_LR)
        return by_differences, by_step


def assert_equal(found: np.ndarray, expected: np.ndarray) -> None:
    for name, a, b in zip(("in_vecs", "out_vecs"), found, expected, strict=True):
        assert np.abs(b).max() > 0.1, f"{name} have no gradient to speak of"
        assert np.abs(a - b).max() < 1e-6 * np.abs(b).max(), name


@pytest.mark.parametrize("noise_centers", [1, 3])
@pytest.mark.parametrize("tile_inputs", [1, 2, 3, 10])
@pytest.mark.parametrize("shrink_windows", [False, True])
@pytest.mark.parametrize("loss", ["ns, shared noise", "ns, noise per pair", "hs"])
def test_skip_gram_follows_the_gradient(monkeypatch, loss, shrink_windows, tile_inputs, noise_centers):
    monkeypatch.setitem(trainer.NOISE_CENTERS, "sg", noise_centers)
    name = loss[:2]
    monkeypatch.setitem(trainer.TILE_INPUTS, name, tile_inputs)
    changes = {"sg": 1, "loss": name, "shrink_windows": shrink_windows, "share_noise": "shared" in loss}
    by_differences, by_step = Trainer(LINES, changes).gradients()
    assert_equal(by_step, by_differences)


@pytest.mark.parametrize("noise_centers", [1, 2, 4, 7])
@pytest.mark.parametrize(
    ("loss", "cbow_mean", "shrink_windows"), list(product(["ns", "hs"], [0, 1], [False, True]))
)
def test_cbow_with_the_exact_update_follows_the_gradient(
    monkeypatch, loss, cbow_mean, shrink_windows, noise_centers
):
    monkeypatch.setitem(trainer.NOISE_CENTERS, "cbow", noise_centers)
    changes = {"sg": 0, "loss": loss, "cbow_mean": cbow_mean, "shrink_windows": shrink_windows}
    by_differences, by_step = Trainer(LINES, {**changes, "cbow_update": "exact"}).gradients()
    assert_equal(by_step, by_differences)


@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize(("cbow_mean", "factor"), [(1, 3.0), (0, 1 / 3)])
def test_cbow_with_word2vecs_update_is_off_by_the_number_of_contexts(loss, cbow_mean, factor):
    changes = {
        "sg": 0,
        "loss": loss,
        "cbow_mean": cbow_mean,
        "shrink_windows": False,
        "cbow_update": "word2vec",
    }
    by_differences, by_step = Trainer(EVEN_LINES, changes).gradients()
    by_differences[0] *= factor
    assert_equal(by_step, by_differences)


@pytest.mark.parametrize("changes", [{"sg": 1}, {"sg": 0, "cbow_update": "exact"}], ids=["sg", "cbow"])
def test_many_noise_words_drawn_again_and_again_follow_the_gradient(changes):
    by_differences, by_step = Trainer(
        LINES, {**changes, "loss": "ns", "negative": 40, "ns_exponent": 2.0}
    ).gradients()
    assert_equal(by_step, by_differences)


@pytest.mark.parametrize("changes", [{"sg": 1}, {"sg": 0, "cbow_update": "exact"}], ids=["sg", "cbow"])
def test_subsampled_text_follows_the_gradient(changes):
    by_differences, by_step = Trainer(LINES, {**changes, "loss": "ns", "sample": 0.05}).gradients()
    assert_equal(by_step, by_differences)
