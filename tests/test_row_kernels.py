"""The kernels that work on rows of scores, of every instruction set, against NumPy in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from fastw2v import _train, _train_double

ISAS = _train.isa_supported()
LENGTHS = [16, 32, 48, 256, 272, 1008]
RNG = np.random.default_rng(1)


@pytest.mark.parametrize("isa", ISAS)
def test_dot_matches_numpy_for_every_length(isa):
    for dim in range(1, 131):
        rows = _train.aligned_zeros(2, dim)
        rows[:, :dim] = RNG.normal(size=(2, dim))
        expected = float(rows[0].astype(float) @ rows[1])
        assert _train.dot(rows[0], rows[1], isa=isa) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("isa", ISAS)
def test_the_largest_score_is_found_wherever_it_is(isa, n):
    for place in range(n):
        scores = RNG.normal(size=n) - 5
        scores[place] = 3.5
        assert _train.row_kernel("max", scores, isa=isa)[1] == 3.5


@pytest.mark.parametrize("isa", ISAS)
def test_nan_among_the_scores_is_not_lost(isa):
    for place in range(32):
        scores = RNG.normal(size=32)
        scores[place] = np.nan
        row, total = _train.row_kernel("exp", scores, 10.0, isa=isa)
        assert np.isnan(row[place])
        assert np.isnan(total)


@pytest.mark.parametrize("spread", [0.1, 3.0, 60.0])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("isa", ISAS)
def test_exponentials_and_their_sum(isa, n, spread):
    scores = (spread * RNG.normal(size=n)).astype(np.float32)
    scores[n // 2] = -1e30  # what stands beyond the last word
    row, total = _train.row_kernel("exp", scores, float(scores.max()), isa=isa)
    expected = np.exp(scores.astype(float) - scores.max())
    np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-37)
    assert total == pytest.approx(expected.sum(), rel=1e-5)
    assert row[n // 2] < 1e-37


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("isa", ISAS)
def test_scaling(isa, n):
    scores = RNG.normal(size=n)
    np.testing.assert_allclose(_train.row_kernel("scale", scores, -0.3, isa=isa)[0], -0.3 * scores, rtol=1e-6)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("isa", ISAS)
def test_sigmoids_and_their_losses(isa, n):
    scores = (8 * RNG.normal(size=n)).astype(np.float32)
    scores[0], scores[-1] = -1e30, 100
    row, loss = _train.row_kernel("logistic", scores, isa=isa)
    expected = expit(scores.astype(float)) * 16 / np.maximum(16, np.abs(scores))
    np.testing.assert_allclose(row, expected, rtol=3e-6, atol=1e-37)
    assert loss == pytest.approx(np.logaddexp(0, scores.astype(float)).sum(), rel=1e-5)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("isa", ISAS)
def test_blackout(isa, n):
    rng = np.random.default_rng(n)  # of its own: probabilities near 1 cancel, how much depends on the draw
    for concentration in (0.01, 0.1, 10.0):
        probs = 0.999 * rng.dirichlet(np.full(n, concentration))
        row, (loss, odds) = _train.row_kernel("blackout", probs, isa=isa)
        assert loss == pytest.approx(-np.log1p(-probs).sum(), rel=1e-3, abs=1e-5)
        assert odds == pytest.approx((probs / (1 - probs)).sum(), rel=1e-3, abs=1e-5)
        expected = probs * (1 - odds) + probs / (1 - probs)
        np.testing.assert_allclose(row, expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("isa", ISAS)
def test_blackout_of_a_certain_noise_word_is_finite_and_sums_to_what_it_must(isa):
    probs = np.zeros(32)
    probs[7] = 1
    row, (loss, odds) = _train.row_kernel("blackout", probs, isa=isa)
    assert np.isfinite(row).all()
    assert np.isfinite(loss)
    assert loss > 10
    # With the target's p = 0: its gradient is -1, so that all others sum to 1.
    assert row.astype(float).sum() == pytest.approx(1, abs=0.1)
    assert odds > 1e5


def test_the_double_build_is_exact():
    scores = RNG.normal(size=64)
    row, total = _train_double.row_kernel("exp", scores, float(scores.max()))
    np.testing.assert_allclose(row, np.exp(scores - scores.max()), rtol=1e-15)
    assert total == pytest.approx(np.exp(scores - scores.max()).sum(), rel=1e-14)
    row, loss = _train_double.row_kernel("logistic", scores)
    np.testing.assert_allclose(row, expit(scores), rtol=1e-15)
    assert loss == pytest.approx(np.logaddexp(0, scores).sum(), rel=1e-14)
    probs = RNG.dirichlet(np.ones(64))
    row, (loss, odds) = _train_double.row_kernel("blackout", probs)
    assert loss == pytest.approx(-np.log1p(-probs).sum(), rel=1e-13)
    np.testing.assert_allclose(row, probs * (1 - odds) + probs / (1 - probs), rtol=1e-12)


def test_rows_that_are_no_whole_vectors_are_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        _train.row_kernel("max", [1.0, 2.0])
    with pytest.raises(ValueError, match="no kernel 'min'"):
        _train.row_kernel("min", np.zeros(16))
