"""Noise words and subsampling: what the alias table draws, and the weights that it is built from."""

from __future__ import annotations

import numpy as np
import pytest
import twins
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fastw2v import _train, _train_double, trainer
from fastw2v.trainer import keep_probabilities, keep_thresholds, make_plan, noise_weights

ZIPF = np.maximum(1, 100_000 // np.arange(1, 2001)).astype(np.int64)


def chi_square(ids: np.ndarray, probabilities: np.ndarray) -> float:
    """The p-value of a sample of ids; words expected fewer than 10 times are counted as one."""
    observed, expected = np.bincount(ids, minlength=len(probabilities)), probabilities * len(ids)
    rare = expected < 10
    assert not observed[expected == 0].any()
    if rare.any() and expected[rare].sum() > 0:
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return float(stats.chisquare(observed[expected > 0], expected[expected > 0]).pvalue)


@given(
    st.lists(
        st.one_of(st.just(0.0), st.floats(1e-12, 1.0), st.integers(1, 10**9).map(float)),
        min_size=1,
        max_size=200,
    ).filter(any)
)
def test_the_alias_table_holds_the_probabilities_of_its_weights(weights):
    expected = np.array(weights) / sum(weights)
    found = twins.alias_probabilities(_train.alias_build(weights))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_large_skewed_vocabulary_has_its_exact_probabilities():
    weights = noise_weights(np.maximum(1, 10**7 // np.arange(1, 50_001)).astype(np.int64), 0.75)
    found = twins.alias_probabilities(_train.alias_build(weights))
    np.testing.assert_allclose(found, weights / weights.sum(), atol=2e-10)


@pytest.mark.parametrize("exponent", [-1.0, -0.25, 0.0, 0.5, 0.75, 1.0, 2.0])
def test_draws_pass_a_chi_square_test(exponent):
    weights = noise_weights(ZIPF, exponent)
    ids = _train.alias_draw(_train.alias_build(weights), 200_000, seed=3)
    assert chi_square(ids, weights / weights.sum()) > 1e-3


def test_draws_of_another_distribution_fail_that_test():
    ids = _train.alias_draw(_train.alias_build(noise_weights(ZIPF, 0.70)), 200_000, seed=3)
    other = noise_weights(ZIPF, 0.75)
    assert chi_square(ids, other / other.sum()) < 1e-6


def test_draws_are_the_twins_and_differ_between_seeds():
    table = _train.alias_build(noise_weights(ZIPF, 0.75))
    rng = twins.Rng(seed=12345, epoch=0, shard=0)
    ids = _train.alias_draw(table, 500, seed=12345)
    assert ids.tolist() == [rng.noise(table) for _ in range(500)]
    assert ids.tolist() != _train.alias_draw(table, 500, seed=12346).tolist()
    assert _train.alias_draw(table, 0).tolist() == []


def test_one_word_is_always_drawn():
    assert set(_train.alias_draw(_train.alias_build([0.3]), 1000)) == {0}


def test_words_of_weight_zero_are_never_drawn():
    weights = np.zeros(1000)
    weights[[3, 500, 999]] = [1, 2, 3]
    ids = _train.alias_draw(_train.alias_build(weights), 60_000)
    assert chi_square(ids, weights / 6) > 1e-3


@pytest.mark.parametrize(
    ("exponent", "share_noise", "noise_centers"),
    [(0.75, True, 1), (0.75, True, 4), (0.75, False, 1), (-0.5, True, 1), (0.0, False, 1)],
)
def test_training_draws_noise_words_in_proportion_to_their_weights(
    monkeypatch, exponent, share_noise, noise_centers
):
    """Counted by what it does: inputs are all (1, 0, ...), outputs 0, and so each noise word loses lr / 2."""
    monkeypatch.setitem(trainer.NOISE_CENTERS, "sg", noise_centers)
    monkeypatch.setattr(trainer, "noise_draws", lambda _: 1.0)
    n_noise, lr, n_lines = 7, 1e-9, 5000
    # Words 6 and 7 make up the text. A centre is no noise, and so these two are left out of account.
    counts = np.array([9000, 4000, 2000, 1000, 500, 100, n_lines, n_lines], dtype=np.int64)
    ids = twins.flat_ids([[6, 7]] * n_lines)
    settings = twins.make_settings(negative=n_noise, ns_exponent=exponent, share_noise=share_noise)
    in_vecs, out_vecs = (_train_double.aligned_zeros(8, 8) for _ in range(2))
    in_vecs[:, 0] = 1
    plan = make_plan(settings, counts, in_vecs, out_vecs, 2 * n_lines, core=_train_double)
    plan.train_epoch(ids, _train_double.Progress(), lr_start=lr, lr_end=lr)
    drawn = -out_vecs[:6, 0] / (lr / 2)
    weights = noise_weights(counts, exponent)
    expected = 2 * n_lines * n_noise * (weights / weights.sum())[:6]
    # Draws may depend on each other (a pool may be drawn from several times): a wide margin, no chi-square.
    assert (np.abs(drawn - expected) < 12 * noise_centers * np.sqrt(expected)).all()
    assert np.allclose(drawn, np.round(drawn), atol=1e-3)


@pytest.mark.parametrize("exponent", [-2.0, -0.5, 0.0, 0.75, 1.0, 3.0])
def test_noise_weights_are_powers_of_the_counts(exponent):
    expected = ZIPF.astype(float) ** exponent
    weights = noise_weights(ZIPF, exponent)
    np.testing.assert_allclose(weights / weights.sum(), expected / expected.sum(), rtol=1e-9)


@pytest.mark.parametrize("exponent", [-1e6, -400.0, 400.0, 1e6])
def test_extreme_exponents_neither_overflow_nor_leave_nothing_to_draw(exponent):
    counts = np.array([2**40, 2**40, 1000, 2, 2, 2], dtype=np.int64)
    weights = noise_weights(counts, exponent)
    assert np.isfinite(weights).all()
    expected = [0.5, 0.5, 0, 0, 0, 0] if exponent > 0 else [0, 0, 0, 1 / 3, 1 / 3, 1 / 3]
    np.testing.assert_allclose(twins.alias_probabilities(_train.alias_build(weights)), expected, atol=1e-8)


@pytest.mark.parametrize("sample", [0, 1e-6, 1e-5, 1e-4, 1e-3, 0.5, 1, 3, 1000.0])
def test_keep_probabilities_are_gensims(sample):
    gensim = pytest.importorskip("gensim")
    rival = gensim.models.Word2Vec(min_count=1, sample=sample)
    rival.build_vocab_from_freq({f"w{id}": int(n) for id, n in enumerate(ZIPF)})
    expected = np.array([rival.wv.get_vecattr(f"w{id}", "sample_int") for id in range(len(ZIPF))]) / (
        2**32 - 1
    )
    np.testing.assert_allclose(keep_probabilities(ZIPF, sample), expected, atol=1e-9)


def test_without_subsampling_there_are_no_thresholds_and_a_sure_word_is_never_dropped():
    assert keep_thresholds(keep_probabilities(ZIPF, 0)) is None
    thresholds = keep_thresholds(np.array([1.0, 0.5, 1e-9]))
    assert thresholds is not None
    assert thresholds.tolist() == [2**32 - 1, 2**31, 4]
