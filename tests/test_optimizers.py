"""The optimizers: their kernels, what they do to a model, and what survives the disk.

That whole epochs are the twins' with every optimizer is in test_training.py and test_losses.py.
"""

from __future__ import annotations

import numpy as np
import optimizer_twin
import pytest
import twins
from small_model import SENTENCES, SMALL

from fastw2v import DivergedError, Word2Vec, _train, trainer
from fastw2v.optimizers import OPTIMIZERS, plan_fields
from fastw2v.settings import DEFAULT_ALPHA

ISAS = _train.isa_supported()
MOVING = ["momentum", "adagrad", "adam"]


@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("isa", ISAS)
def test_kernels_are_the_twins_for_every_length(isa, name, scale):
    rng = np.random.default_rng(1)
    for dim in [*range(1, 20), 100, 128, 129, 130]:
        s = twins.make_settings(optimizer=name, vector_size=dim)
        row, descent = (_train.aligned_zeros(1, dim)[0] for _ in range(2))
        state = _train.aligned_zeros(1, _train.state_stride(name, len(row)))[0]
        row[:dim] = rng.normal(size=dim)
        expected = row[None].astype(float)
        twin = optimizer_twin.Optimizer(s, [expected])
        fields = plan_fields(name, {})
        del fields["optimizer"]
        for _ in range(5):
            descent[:dim] = rng.normal(size=dim) * 10.0 ** rng.integers(-3, 2)
            _train.optimizer_row(name, row, state, descent, lr=0.1, scale=scale, isa=isa, **fields)
            twin.move([-scale * descent[None].astype(float)], [{0}], lr=0.1)
        np.testing.assert_allclose(row, expected[0], rtol=2e-5, atol=2e-5)
        assert not row[dim:].any()  # the padding stays zero


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("isa", ISAS)
def test_a_number_without_a_gradient_does_not_move_and_nothing_is_divided_by_zero(isa, name):
    row, descent = (_train.aligned_zeros(1, 16)[0] for _ in range(2))
    state = _train.aligned_zeros(1, _train.state_stride(name, 16))[0]
    row[:] = 0.5
    descent[3] = 1
    fields = plan_fields(name, {})
    del fields["optimizer"]
    _train.optimizer_row(name, row, state, descent, lr=0.1, isa=isa, **fields)
    assert row[3] > 0.5
    assert (np.delete(row, 3) == 0.5).all()


@pytest.mark.parametrize("isa", ISAS)
def test_targets_can_learn_apart_from_themselves(isa):
    rng = np.random.default_rng(2)
    for n_targets, has_own in [(1, False), (5, False), (13, False), (30, False), (5, True), (30, True)]:
        x, y = (_train.aligned_zeros(n, 20) for n in (3, n_targets))
        x[:, :20], y[:, :20] = rng.normal(size=(3, 20)), rng.normal(size=(n_targets, 20))
        before = x.copy(), y.copy()
        x_steps, y_steps = (_train.aligned_zeros(n, 20) for n in (3, n_targets))
        weights = rng.choice([-1.0, 1.0], (3, n_targets))
        if has_own:
            weights[:, :3] = -np.eye(3)
        loss = _train.logistic_tile(
            x, range(3), y, range(n_targets), weights, 0.5,
            has_own=has_own, steps=x_steps, target_steps=y_steps, isa=isa,
        )  # fmt: skip
        assert np.array_equal(x, before[0])
        assert np.array_equal(y, before[1])
        expected, by_x, by_y = twins.tile_gradients(x.astype(float), y.astype(float), weights)
        assert loss == pytest.approx(expected, rel=1e-4)
        np.testing.assert_allclose(x_steps, -0.5 * by_x, atol=1e-4)
        np.testing.assert_allclose(y_steps, -0.5 * by_y, atol=1e-4)


@pytest.mark.parametrize("loss", ["ns", "hs", "nce", "softmax"])
@pytest.mark.parametrize("name", MOVING)
def test_words_outside_the_corpus_keep_their_vectors_and_what_is_remembered_of_them(name, loss):
    """But for the output vectors that noise words, nodes or the full softmax touch."""
    noise = {"negative": 2} if loss in ("ns", "nce") else {}
    model = Word2Vec(SENTENCES, **SMALL, optimizer=name, loss=loss, **noise)
    id = model.wv.key_to_index["goodbye"]
    vector, state = model.wv["goodbye"].copy(), model._memory.states[0][id].copy()
    assert state.any()
    model.train([["say", "hello", "you", "say"]] * 20, epochs=1)
    assert np.array_equal(model.wv["goodbye"], vector)
    assert np.array_equal(model._memory.states[0][id], state)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("loss", ["ns", "softmax", "sampled_softmax"])
def test_a_clipped_step_is_as_long_as_it_may_be(loss, workers):
    """With one step in all, the rows have moved by alpha times clip_norm."""
    noise = {} if loss == "softmax" else {"negative": 3}
    batch = {} if loss == "ns" else {"batch_size": 1000}
    model = Word2Vec(
        **{**SMALL, "workers": workers},
        sg=1,
        loss=loss,
        clip_norm=1e-3,
        alpha=0.5,
        min_alpha=0.5,
        **noise,
        **batch,
    )
    model.build_vocab([["a", "b", "c", "d"]])
    before = model._in_vecs.astype(float), model._out_vecs.astype(float)
    model.train(epochs=1)
    after = model._in_vecs, model._out_vecs
    moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True)))
    assert moved == pytest.approx(0.5e-3, rel=1e-3)


@pytest.mark.parametrize("name", MOVING)
def test_training_goes_on_after_the_disk_as_if_there_had_been_none(tmp_path, name):
    model = Word2Vec(SENTENCES, **SMALL, optimizer=name, clip_norm=3.0)
    model.save(tmp_path / "model.safetensors")
    again = Word2Vec.load(tmp_path / "model.safetensors")
    assert again.settings == model.settings
    for one in (model, again):
        one.train(SENTENCES, epochs=2)
    assert np.array_equal(model._in_vecs, again._in_vecs)
    assert np.array_equal(model._memory.states[1], again._memory.states[1])


def test_training_in_two_calls_remembers_what_was_learnt():
    alphas = {"start_alpha": 0.02, "end_alpha": 0.02}
    whole, parts = (Word2Vec(**SMALL, optimizer="adam") for _ in range(2))
    for model, pieces in ((whole, [2]), (parts, [1, 1])):
        model.build_vocab(SENTENCES)
        for epochs in pieces:
            model.train(epochs=epochs, **alphas)
    assert np.array_equal(whole._in_vecs, parts._in_vecs)


@pytest.mark.parametrize("mode", [{"sg": 1}, {"sg": 0}, {"hs": 1}, {"loss": "nce", "negative": 4}], ids=str)
@pytest.mark.parametrize("name", [*MOVING, "sgd"])
@pytest.mark.parametrize("workers", [2, 5])
def test_hostile_lines_end_in_finite_vectors_or_in_an_exception(workers, name, mode):
    rng = np.random.default_rng(4)
    lines = [[f"w{word}" for word in rng.zipf(1.5, 20) % 300] for _ in range(1000)]
    lines += [["w299"] * 5000, ["w298", "w297"] * 2500]
    clip = {"clip_norm": 5.0} if name == "sgd" else {}
    try:
        model = Word2Vec(
            lines, vector_size=16, min_count=1, epochs=3, workers=workers, optimizer=name, **clip, **mode
        )
    except DivergedError:
        return
    assert np.isfinite(model._in_vecs).all()
    assert np.isfinite(model._out_vecs).all()


def test_options_reach_the_plan():
    fields = plan_fields("adam", {"beta_2": 0.5})
    assert fields == {"optimizer": "adam", "decay_1": 0.9, "decay_2": 0.5, "epsilon": 1e-8}
    assert plan_fields("momentum", {"momentum": 0.3})["decay_1"] == 0.3
    assert plan_fields("adagrad", {"epsilon": 1e-3})["epsilon"] == 1e-3
    assert plan_fields("sgd", {})["optimizer"] == "sgd"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_alpha_defaults_to_what_suits_the_optimizer(name):
    s = twins.make_settings(optimizer=name, alpha=DEFAULT_ALPHA)
    assert s.alpha == (OPTIMIZERS[name].alpha or 0.025)
    assert twins.make_settings(optimizer=name, alpha=0.3).alpha == 0.3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"optimizer": "rmsprop"},
            ValueError,
            "optimizer must be one of 'sgd', 'momentum', 'adagrad', 'adam'",
        ),
        ({"optimizer": None}, ValueError, "optimizer must be one of"),
        ({"clip_norm": -1}, ValueError, "clip_norm must be above 0 and finite"),
        ({"clip_norm": 0}, ValueError, "clip_norm must be above 0"),
        ({"clip_norm": float("nan")}, ValueError, "clip_norm must be above 0"),
        ({"clip_norm": "much"}, TypeError, "clip_norm must be a number"),
        ({"optimizer_options": {"momentum": 0.5}}, ValueError, "'sgd' has no option 'momentum'; it has none"),
        (
            {"optimizer": "adam", "optimizer_options": {"beta1": 0.5}},
            ValueError,
            "'adam' has no option 'beta1'; it has 'beta_1', 'beta_2', 'epsilon'",
        ),
        ({"optimizer": "adam", "optimizer_options": {"beta_1": 1.0}}, ValueError, "must be below 1, not 1"),
        ({"optimizer": "adagrad", "optimizer_options": {"epsilon": 0}}, ValueError, "must be above 0"),
        ({"optimizer": "adam", "optimizer_options": [0.9]}, TypeError, "must be a dictionary such as"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Word2Vec(SENTENCES, **SMALL, **arguments)


def test_a_plan_refuses_states_of_another_shape():
    s = twins.make_settings(optimizer="adam")
    counts = np.array([3, 2, 1], dtype=np.int64)
    vecs = trainer.start_matrices(counts, s)
    wrong = trainer.Memory((_train.aligned_zeros(3, 8), _train.aligned_zeros(3, 8)), None)
    with pytest.raises(ValueError, match="states must be of shape"):
        trainer.make_plan(s, counts, *vecs, 6, wrong)
