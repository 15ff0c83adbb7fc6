"""What trainer.py decides for C: the start of the vectors and the noise draws (the tables are in test_sampler.py)."""

import numpy as np
import pytest
import twins
from small_model import SENTENCES

from fastw2v import Word2Vec, trainer


@pytest.mark.parametrize(
    ("sg", "size", "reach"), [(1, 40, 0.125), (1, 200, 0.1), (0, 40, 0.125), (0, 200, 0.05)]
)
def test_vectors_start_uniform_within_five_over_their_size_or_a_least_reach(sg, size, reach):
    inner = np.zeros((2000, size), np.float32)
    trainer.start_vectors(inner, twins.make_settings(sg=sg, vector_size=size, seed=3))
    assert 0.999 * reach < np.abs(inner).max() <= np.float32(reach)
    assert abs(inner.mean()) < 0.01 * reach
    assert inner.std() == pytest.approx(reach / np.sqrt(3), rel=0.01)


def test_the_start_depends_on_the_seed_alone():
    first, again, other = (np.empty((5, 8), np.float32) for _ in range(3))
    for vectors, seed, alpha in ((first, 1, 0.1), (again, 1, 0.2), (other, 2, 0.1)):
        trainer.start_vectors(vectors, twins.make_settings(seed=seed, alpha=alpha))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_before", [0, 7])
@pytest.mark.parametrize("size", [1, 3, 33, 64])
def test_the_start_is_one_stream_of_numbers_whoever_fills_which_piece(monkeypatch, size, n_before, workers):
    monkeypatch.setattr(trainer, "START_NUMBERS", 100)
    vectors = np.empty((301, size), np.float32)
    trainer.start_vectors(vectors, twins.make_settings(vector_size=size, seed=3, workers=workers), n_before)
    stream = np.random.default_rng([3, n_before] if n_before else 3).random(vectors.shape, np.float32)
    reach = max(trainer.START_REACH / size, trainer.LEAST_START["sg"])
    np.testing.assert_array_equal(vectors, (stream - np.float32(0.5)) * np.float32(2 * reach))


NOISE = ("n_noise", "noise_weight", "noise_reuse", "noise_centers")


@pytest.mark.parametrize(
    ("sg", "vector_size", "n_centers"), [(1, 100, 2), (1, 199, 2), (1, 200, 3), (0, 100, 4), (0, 300, 4)]
)
def test_shared_noise_is_reused_and_shared_among_centers(sg, vector_size, n_centers):
    settings = Word2Vec(sg=sg, vector_size=vector_size).settings
    assert trainer.noise_fields(settings) == dict(zip(NOISE, (5, 1.0, 5, n_centers), strict=True))


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize(
    ("settings", "n_noise"),
    [
        ({"sample": 1e-3}, 5),
        ({"sample": 0}, 5),
        ({"sample": 1e-4}, 8),  # stronger subsampling leaves mostly rare words
        ({"sample": 1e-4, "vector_size": 300}, 8),
        ({"sample": 5}, 5),  # a count
        ({"alpha": 0.1}, 5),
    ],
)
def test_more_noise_words_are_drawn_where_their_variance_would_show(sg, settings, n_noise):
    assert trainer.noise_fields(Word2Vec(sg=sg, **settings).settings)["n_noise"] == n_noise


@pytest.mark.parametrize(
    ("settings", "n_inputs"),
    [
        ({}, 12),
        ({"window": 2}, 6),
        ({"window": 20}, 13),
        ({"vector_size": 200}, 13),
        ({"alpha": 0.05}, 12),
        ({"alpha": 0.1}, 6),
        ({"alpha": 0.05, "negative": 10}, 7),
        ({"alpha": 50.0}, 1),
        ({"alpha": 0.1, "hs": 1, "negative": 0}, 12),
        ({"alpha": 0.1, "loss": "nce", "negative": 10}, 10),
    ],
)
def test_tiles_have_fewer_inputs_where_their_steps_would_add_up_to_too_much(settings, n_inputs):
    assert trainer.tile_inputs(Word2Vec(sg=1, **settings).settings) == n_inputs


def test_skip_gram_with_nce_shares_noise_in_one_window_only():
    fields = trainer.noise_fields(Word2Vec(sg=1, loss="nce", negative=5).settings)
    assert tuple(fields.values()) == (5, 1.0, 5, 1)


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize("negative", [1, 2, 3, 7, 64])
def test_noise_words_weigh_what_was_asked_for_in_all(sg, negative):
    fields = trainer.noise_fields(Word2Vec(sg=sg, negative=negative).settings)
    assert fields["n_noise"] >= negative
    assert fields["n_noise"] * fields["noise_weight"] == pytest.approx(negative)


@pytest.mark.parametrize("sg", [0, 1])
def test_noise_that_is_not_shared_is_drawn_as_in_word2vec(sg):
    assert tuple(trainer.noise_fields(Word2Vec(sg=sg, share_noise=False).settings).values()) == (5, 1.0, 1, 0)


@pytest.mark.parametrize("sg", [0, 1])
def test_hierarchical_softmax_draws_no_noise(sg):
    assert tuple(trainer.noise_fields(Word2Vec(sg=sg, hs=1).settings).values()) == (0, 1.0, 1, 1)


def test_output_vectors_start_at_zero_so_the_first_loss_is_that_of_guessing():
    model = Word2Vec(sg=1, min_count=1, vector_size=8, workers=1, sample=0, alpha=1e-9, min_alpha=0, epochs=1)
    model.build_vocab(SENTENCES)
    model.train(SENTENCES)
    # Noise words that are the centre are dropped, so a prediction has at most 1 + 5 targets of log 2 each.
    assert np.log(2) < model.history[0]["loss"] <= 6 * np.log(2) * (1 + 1e-6)


def zipf_counts(n_words: int) -> np.ndarray:
    return (1e7 / np.arange(1, n_words + 1)).astype(np.int64)


def test_frequent_contexts_are_thinned_by_their_shares_of_the_text_and_up_to_one_of_the_vocabulary():
    settings = Word2Vec(sg=1).settings
    kept = zipf_counts(10**6) * trainer.keep_probabilities(zipf_counts(10**6), settings.sample)
    by_share = tuple(int((kept / kept.sum() >= times * 3e-4).sum()) for times in (1, 4, 16))
    assert 1 < by_share[2] < by_share[1] < 100 < by_share[0] < 1000
    assert trainer.thinned_words(zipf_counts(10**6), settings) == by_share
    assert trainer.thinned_words(zipf_counts(8_000), settings)[0] == 100
    assert trainer.thinned_words(zipf_counts(79), settings) == (0, 0, 0)
    rare_first = zipf_counts(10**6)
    rare_first[3] = 1
    assert trainer.thinned_words(rare_first, settings) == (3, 3, 3)


@pytest.mark.parametrize(
    "changes",
    [{"loss": "nce"}, {"loss": "sampled_softmax"}, {"share_noise": False}, {"sample": 1e-4}, {"clip_norm": 1.0},
     {"optimizer": "adam"}],
    ids=str,
)  # fmt: skip
def test_no_words_are_thinned_where_it_has_not_been_found_to_cost_nothing(changes):
    assert trainer.thinned_words(zipf_counts(10**6), Word2Vec(**{"sg": 1, **changes}).settings) == (0, 0, 0)


@pytest.mark.parametrize(
    "changes", [{}, {"sg": 0}, {"hs": 1}, {"sample": 0}, {"deterministic": True}, {"workers": 7}], ids=str
)
def test_words_are_thinned_with_the_losses_that_are_learnt_window_by_window(changes):
    settings = Word2Vec(**{"sg": 1, **changes}).settings
    assert trainer.thinned_words(zipf_counts(10**6), settings)[0] > 100
