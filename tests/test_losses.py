"""The losses that learn from mini-batches: full softmax, sampled softmax, NCE, BlackOut.

Each is checked against its NumPy twin to the last digits and against finite differences, in double precision; then
for what theory says of it: gradients that sum to zero, and probabilities that are those of the text.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import batch_twin
import numpy as np
import pytest
import twins
from threadpoolctl import threadpool_limits

from fastw2v import Word2Vec, _train, _train_double, trainer

BATCHED = ["softmax", "sampled_softmax", "nce", "blackout"]
RNG = np.random.default_rng(3)
N_WORDS, DIM = 9, 5
LINES = [RNG.integers(0, N_WORDS, length).tolist() for length in (9, 1, 14, 2, 6, 30)] + [[3, 3, 3, 3]]
IDS = twins.flat_ids(LINES)
COUNTS = np.array([30, 20, 15, 10, 8, 6, 5, 3, 2], dtype=np.int64)
MODELS = [
    {"sg": 1},
    {"sg": 0},
    {"sg": 0, "cbow_mean": 0},
    {"sg": 0, "cbow_update": "exact"},
    {"sg": 0, "cbow_mean": 0, "cbow_update": "exact"},
]


def make_settings(loss: str, **changes):
    negative = {} if loss == "softmax" else {"negative": 6}
    return twins.make_settings(
        **{"vector_size": DIM, "loss": loss, "batch_size": 8, "ns_exponent": 0.5, **negative, **changes}
    )


def random_matrices(seed: int = 1, n_words: int = N_WORDS) -> tuple[np.ndarray, np.ndarray]:
    in_vecs, out_vecs = (_train_double.aligned_zeros(n_words, DIM + 1) for _ in range(2))
    rng = np.random.default_rng(seed)
    in_vecs[:, :DIM] = rng.normal(0, 0.8, (n_words, DIM))
    in_vecs[:, DIM] = 1  # what biases are multiplied by
    out_vecs[:, : DIM + 1] = rng.normal(0, 0.8, (n_words, DIM + 1))
    return in_vecs, out_vecs


def run(s, vecs, lr: float, epoch: int = 2, memory=None, ids=IDS, counts=COUNTS):
    progress = _train_double.Progress()
    plan = trainer.make_plan(s, counts, *vecs, int((ids >= 0).sum()), memory, core=_train_double)
    plan.train_epoch(ids, progress, epoch=epoch, lr_start=lr, lr_end=lr)
    return progress


OPTIMIZERS = [
    {},
    {"clip_norm": 0.5},
    {"optimizer": "momentum", "optimizer_options": {"momentum": 0.3}},
    {"optimizer": "adagrad", "clip_norm": 0.3},
    {"optimizer": "adam", "optimizer_options": {"beta_2": 0.9}},
]


@pytest.mark.parametrize("batch_size", [1, 8, 1000])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("loss", BATCHED)
def test_an_epoch_of_the_double_build_is_the_twins_to_the_last_digits(loss, model, optimizer, batch_size):
    s = make_settings(loss, **model, **optimizer, batch_size=batch_size)
    vecs = random_matrices()
    expected = tuple(matrix.copy() for matrix in vecs)
    progress = run(s, vecs, 0.1)
    table = None
    if s.negative:
        table = _train.alias_build(trainer.noise_weights(COUNTS, s.ns_exponent))
    sums = batch_twin.train_epoch(s, table, expected, LINES, epoch=2, lr=0.1)
    assert progress.n_predictions == sums.n_predictions > 20
    assert progress.loss == pytest.approx(sums.loss, rel=1e-11)
    # Momentum makes more steps, and quotients by small numbers are less exact.
    for found, wanted in zip(vecs, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9 if optimizer else 1e-12)


@pytest.mark.parametrize("model", MODELS[1:], ids=str)
@pytest.mark.parametrize("loss", BATCHED)
def test_a_batch_of_more_inputs_than_are_scored_at_once_is_the_twins(loss, model):
    s = make_settings(loss, **model, batch_size=1000)
    lines = [np.random.default_rng(4).integers(0, N_WORDS, 250).tolist()]
    vecs = random_matrices()
    expected = tuple(matrix.copy() for matrix in vecs)
    progress = run(s, vecs, 0.01, ids=twins.flat_ids(lines))
    table = _train.alias_build(trainer.noise_weights(COUNTS, s.ns_exponent)) if s.negative else None
    sums = batch_twin.train_epoch(s, table, expected, lines, epoch=2, lr=0.01)
    assert progress.n_predictions == sums.n_predictions == 250
    assert progress.loss == pytest.approx(sums.loss, rel=1e-11)
    for found, wanted in zip(vecs, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_threads", [2, 3, 8, 20])
def test_the_full_softmax_is_the_same_for_any_number_of_threads(n_threads):
    results = []
    for workers in (1, n_threads):
        vecs = random_matrices()
        progress = run(make_settings("softmax", workers=workers), vecs, 0.1)
        results.append((np.stack(vecs), progress.loss))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=0, atol=1e-13)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-13)


@pytest.mark.parametrize("model", [{"sg": 1}, {"sg": 0, "cbow_update": "exact"}], ids=str)
@pytest.mark.parametrize("loss", [*BATCHED, "nce, window by window", "nce, noise per pair"])
def test_a_step_follows_the_gradient_by_finite_differences(loss, model):
    changes = {"batch_size": None, "share_noise": "per pair" not in loss} if "," in loss else {}
    if loss in BATCHED and model["sg"]:
        changes["window"] = 1  # of wider ones, a word would be predicted more often than batches allow
    s = make_settings(loss.partition(",")[0], **model, **changes)
    assert s.batched == (loss in BATCHED)
    by_differences, by_step = [], []
    eps, lr = 1e-5, 1e-6
    for which in (0, 1):
        gradient = np.zeros((N_WORDS, DIM + which))
        for place in np.ndindex(gradient.shape):
            losses = []
            for sign in (eps, -eps):
                vecs = random_matrices()
                vecs[which][place] += sign
                losses.append(run(s, vecs, 0.0).loss)
            gradient[place] = (losses[0] - losses[1]) / (2 * eps)
        by_differences.append(gradient)
        after = []
        for sign in (-lr, lr):
            vecs = random_matrices()
            run(s, vecs, sign)
            after.append(vecs[which][:, : DIM + which].copy())
        by_step.append((after[0] - after[1]) / (2 * lr))
    for found, expected in zip(by_step, by_differences, strict=True):
        assert np.abs(expected).max() > 0.1
        assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax", "blackout"])
def test_gradients_by_the_scores_sum_to_zero(loss):
    vecs = random_matrices()
    before = vecs[1][:, DIM].copy()
    run(make_settings(loss, sg=1), vecs, 0.3)
    assert np.abs(vecs[1][:, DIM] - before).max() > 1e-3
    assert vecs[1][:, DIM].sum() == pytest.approx(before.sum(), abs=1e-8)


def test_sampled_softmax_whose_sample_is_the_vocabulary_is_the_softmax():
    lines, counts = [[0, 1, 2, 1]], np.array([4, 3, 2], dtype=np.int64)
    table = _train.alias_build(np.ones(3))

    def draws(seed: int) -> list[int]:
        rng = twins.Rng(seed, 0, shard=twins.U64)
        return [rng.noise(table) for _ in range(3)]

    seed = next(seed for seed in range(1, 1000) if sorted(draws(seed)) == [0, 1, 2])
    results = []
    for loss, noise in (("softmax", {}), ("sampled_softmax", {"negative": 3})):
        s = twins.make_settings(
            loss=loss,
            vector_size=4,
            sg=0,
            ns_exponent=0.0,
            batch_size=100,
            seed=seed,
            shrink_windows=False,
            **noise,
        )
        rng = np.random.default_rng(1)
        vecs = [_train_double.aligned_zeros(3, 5) for _ in range(2)]
        vecs[0][:, :4], vecs[1][:, :5] = rng.normal(size=(3, 4)), rng.normal(size=(3, 5))
        progress = _train_double.Progress()
        plan = trainer.make_plan(s, counts, *vecs, 4, core=_train_double)
        plan.train_epoch(twins.flat_ids(lines), progress, lr_start=0.1, lr_end=0.1)
        results.append(np.concatenate([*np.stack(vecs).ravel(), [progress.loss]], axis=None))
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-13)


def test_nce_is_negative_sampling_of_scores_less_log_kq():
    rng = np.random.default_rng(1)
    scores, q = rng.normal(size=6), rng.dirichlet(np.ones(6))
    noise, k = [1, 4, 4, 0], 4
    loss, gradient = batch_twin.loss_and_gradient("nce", scores - np.log(k * q), 2, noise)
    delta = scores - np.log(k * q)
    assert loss == pytest.approx(
        -np.log(1 / (1 + np.exp(-delta[2]))) - sum(np.log(1 / (1 + np.exp(delta[noise]))))
    )
    s = make_settings("nce", negative=k)
    counts = np.round(q * 1e6).astype(np.int64)
    weights = trainer.noise_weights(counts, s.ns_exponent)
    np.testing.assert_allclose(trainer.score_offsets(counts, s), np.log(k * weights / weights.sum()))
    assert gradient[4] == pytest.approx(2 / (1 + np.exp(-delta[4])))


@pytest.mark.parametrize("loss", BATCHED)
def test_an_untrained_model_predicts_the_unigram_distribution(loss):
    model = Word2Vec(loss=loss, vector_size=4, min_count=1, **({} if loss == "softmax" else {"negative": 2}))
    model.build_vocab([["a"] * 6 + ["b"] * 3 + ["c"]])
    model._in_vecs[:] = 0
    found = dict(model.predict_output_word(["a"], topn=3))
    assert found == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1}, rel=1e-5)


def bigrams(n_words: int, n_lines: int) -> tuple[list[list[str]], np.ndarray]:
    """Lines of two words each, and p(other word | word) as it is in them, [V, V]."""
    rng = np.random.default_rng(5)
    conditional = rng.dirichlet(np.full(n_words, 0.7), size=n_words)
    lines = []
    for _ in range(n_lines):
        first = int(rng.integers(n_words))
        lines.append([first, int(rng.choice(n_words, p=conditional[first]))])
    pairs = Counter((a, b) for line in lines for a, b in (line, line[::-1]))
    table = np.array([[pairs[a, b] for b in range(n_words)] for a in range(n_words)], float)
    return [[f"w{word}" for word in line] for line in lines], table / table.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "lines", [LINES[:1] + LINES[4:5], [list(range(250))]], ids=["one part", "three parts"]
)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_learnt_z_follows_its_gradient(n_threads, lines):
    """In a text that is one batch, of which no target is so frequent that it counts less."""
    s = make_settings("nce", sg=0, nce_z="learn", batch_size=1000, workers=n_threads)
    ids = twins.flat_ids(lines)
    counts = np.ones(max(N_WORDS, ids.max() + 1), dtype=np.int64)
    assert np.bincount(ids[ids >= 0]).max() <= batch_twin.MOST_ALIKE

    def loss_and_log_z(log_z: float, lr: float) -> tuple[float, float]:
        memory = trainer.Memory(None, np.array([log_z]))
        vecs = random_matrices(n_words=len(counts))
        progress = run(s, vecs, lr, memory=memory, ids=ids, counts=counts)
        return progress.loss / progress.n_predictions, memory.nce_log_z[0]

    by_differences = (loss_and_log_z(0.7 + 1e-5, 0)[0] - loss_and_log_z(0.7 - 1e-5, 0)[0]) / 2e-5
    by_step = (loss_and_log_z(0.7, -1e-6)[1] - loss_and_log_z(0.7, 1e-6)[1]) / 2e-6
    assert abs(by_differences) > 0.1
    assert by_step == pytest.approx(by_differences, rel=1e-6)


PREDICTING = {
    "softmax": {},
    "sampled_softmax": {"negative": 12, "batch_size": 32},
    "nce": {"negative": 12, "batch_size": 32},
    "nce, window by window": {"negative": 12},
    "nce, Z learnt": {"negative": 12, "batch_size": 32, "nce_z": "learn"},
    "nce, Z = 3": {"negative": 12, "batch_size": 32, "nce_z": 3.0},
    "blackout": {"negative": 12, "batch_size": 32},
}


@pytest.mark.parametrize("name", PREDICTING)
def test_the_conditional_probabilities_of_a_text_are_recovered(name):
    """Sampled softmax and BlackOut do so in the limit of many noise words: with 8 of 8 words they are 0.01 off."""
    n_words, loss = 12, name.partition(",")[0]
    lines, expected = bigrams(n_words, 40_000)
    model = Word2Vec(
        lines, loss=loss, sg=1, window=1, vector_size=16, min_count=1, sample=0, epochs=30, alpha=0.05,
        min_alpha=1e-5, workers=1, **PREDICTING[name],
    )  # fmt: skip
    names = [f"w{word}" for word in range(n_words)]
    found = np.array([[dict(model.predict_output_word([a], topn=n_words))[b] for b in names] for a in names])
    assert np.abs(found - expected).mean() < 0.01
    if loss == "nce":
        ids = [model.wv.key_to_index[name] for name in names]
        hidden = np.append(model.wv.vectors[ids], np.ones((n_words, 1)), axis=1)
        log_kq = trainer.score_offsets(model._vocabulary.counts, model.settings)
        sums = np.exp(hidden @ model._out_vecs[:, :17].T + log_kq).sum(axis=1)
        # Without normalising: scores of training are less log Z where it is fixed, and meet it where it is learnt.
        assert np.abs(sums / model.nce_z - 1).max() < 0.05
        assert (model.nce_z == 1) == ("Z" not in name)


BOOK = [["you", "say", "goodbye", "and", "i", "say", "hello", "."]]


def test_the_books_toy_corpus_is_learnt_step_by_step_as_in_numpy():
    words = dict.fromkeys(BOOK[0])
    ids = [list(words).index(word) for word in BOOK[0]]
    counts = np.bincount(ids)
    s = twins.make_settings(
        loss="softmax", sg=0, window=1, vector_size=5, shrink_windows=False, batch_size=3, cbow_update="exact"
    )
    vecs = [_train_double.aligned_zeros(len(words), 6) for _ in range(2)]
    vecs[0][:, :5] = np.random.default_rng(1).normal(size=(len(words), 5))
    expected = tuple(matrix.copy() for matrix in vecs)
    plan = trainer.make_plan(s, counts, *vecs, len(ids), core=_train_double)
    losses = []
    for epoch in range(20):
        progress = _train_double.Progress()
        plan.train_epoch(twins.flat_ids([ids]), progress, epoch=epoch, lr_start=0.3, lr_end=0.3)
        sums = batch_twin.train_epoch(s, None, expected, [ids], epoch=epoch, lr=0.3)
        losses.append(progress.loss / progress.n_predictions)
        assert progress.loss == pytest.approx(sums.loss, rel=1e-12)
        for found, wanted in zip(vecs, expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert losses[-1] < losses[0] / 2


def test_the_books_toy_corpus_fills_its_gaps():
    model = Word2Vec(
        BOOK, loss="softmax", sg=0, window=1, vector_size=5, min_count=1, sample=0, shrink_windows=False, epochs=1500,
        alpha=0.3, min_alpha=0.01, batch_size=3, workers=1, cbow_update="exact",
    )  # fmt: skip
    assert model.predict_output_word(["you", "goodbye"], topn=1)[0][0] == "say"
    assert model.predict_output_word(["i", "hello"], topn=1)[0][0] == "say"
    assert model.predict_output_word(["goodbye", "i"], topn=1)[0][0] == "and"
    # Between "say" and "and", in either order, stand "goodbye" and "i".
    assert dict(model.predict_output_word(["say", "and"], topn=2)) == {
        "goodbye": pytest.approx(0.5, abs=0.05),
        "i": pytest.approx(0.5, abs=0.05),
    }


@pytest.mark.parametrize("loss", BATCHED)
def test_a_model_with_biases_survives_the_disk(tmp_path, loss):
    noise = {} if loss == "softmax" else {"negative": 3}
    model = Word2Vec(
        BOOK * 5, loss=loss, vector_size=5, min_count=1, epochs=2, batch_size=7, workers=1, **noise
    )
    model.save(tmp_path / "model.safetensors")
    again = Word2Vec.load(tmp_path / "model.safetensors")
    assert again.settings == model.settings
    assert again.predict_output_word(["say"], topn=7) == model.predict_output_word(["say"], topn=7)
    for one in (model, again):
        one.train(BOOK * 5, epochs=1)
    assert np.array_equal(model._out_vecs, again._out_vecs)


@pytest.mark.parametrize("n_workers", [1, 4])
@pytest.mark.parametrize("loss", BATCHED)
def test_lines_that_repeat_a_word_do_not_make_training_diverge(loss, n_workers):
    rng = np.random.default_rng(4)
    lines = [[f"w{word}" for word in rng.zipf(1.5, 20) % 400] for _ in range(2000)]
    lines += [["w399"] * 10_000, ["w398", "w397"] * 5000]
    noise = {} if loss == "softmax" else {"negative": 64}
    model = Word2Vec(
        lines, loss=loss, sg=1, vector_size=16, min_count=1, epochs=3, workers=n_workers, **noise
    )
    losses = [entry["loss"] for entry in model.history]
    assert np.isfinite(model._in_vecs).all()
    assert np.isfinite(model._out_vecs).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("loss", BATCHED)
def test_a_running_epoch_stops_on_request_long_before_its_end(loss, n_workers):
    ids = np.arange(2_000_000, dtype=np.int32) % 20_000  # hours of work
    noise = {} if loss == "softmax" else {"negative": 1000}
    s = twins.make_settings(loss=loss, vector_size=200, window=20, workers=n_workers, batch_size=256, **noise)
    vecs = trainer.start_matrices(np.full(20_000, 100, dtype=np.int64), s)
    progress = _train.Progress()
    plan = trainer.make_plan(s, np.full(20_000, 100, dtype=np.int64), *vecs, len(ids))
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as executor:
        future = executor.submit(plan.train_epoch, ids, progress, lr_start=0.01, lr_end=0.01)
        time.sleep(0.3)
        asked = time.perf_counter()
        progress.stop()
        with pytest.raises(_train.Stopped):
            future.result()
    assert time.perf_counter() - asked < 1
    assert progress.tokens_done < len(ids)
    assert np.isfinite(vecs[0]).all()
    assert np.isfinite(vecs[1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"loss": "softmaxx"},
            "loss must be one of 'ns', 'hs', 'nce', 'sampled_softmax', 'blackout', 'softmax'",
        ),
        ({"loss": "softmax", "negative": 5}, "softmax draws no noise words"),
        ({"loss": "softmax", "hs": 1}, "hs=1 contradicts loss='softmax'"),
        ({"loss": "nce", "negative": 0}, "leaves nothing to learn from"),
        ({"loss": "blackout", "negative": 8}, "8 noise words are more than the vocabulary has words"),
        ({"loss": "sampled_softmax"}, "256 noise words are more than the vocabulary has words"),
        ({"loss": "softmax", "batch_size": 0}, "batch_size must be between 1 and"),
        ({"loss": "ns", "batch_size": 10}, "batch_size is for the other losses"),
        ({"loss": "softmax", "nce_z": 1.0}, "nce_z is for loss='nce'"),
        ({"loss": "nce", "negative": 2, "nce_z": 0}, "nce_z must be above 0"),
        (
            {"loss": "nce", "negative": 2, "nce_z": "learnt"},
            "nce_z, unless it is a number, must be one of 'learn'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Word2Vec(BOOK, min_count=1, vector_size=4, **arguments)
