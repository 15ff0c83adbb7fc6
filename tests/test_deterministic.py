"""Deterministic training: the same bytes for any number of workers, as good as the racing kind, and safe on odd text.

What it computes is held against a twin in float64, which forms the same groups of windows by itself.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import twins
from test_pauses import KINDS, Pauser, all_numbers
from test_training import PLANTED, accuracy, planted_sentences
from test_training_hazards import ORDINARY, PATHOLOGICAL

from fastw2v import Word2Vec, _train, _train_double, planted, trainer

TEXT = list(planted.sentences(250, seed=4))
# 112 numbers of a row: slices of 64 and 48.
SMALL = {"vector_size": 100, "min_count": 1, "sample": 0.01, "epochs": 2, "progress": False}


def digest(model: Word2Vec) -> str:
    sums = hashlib.sha256(repr([(entry["loss"], entry["predictions"]) for entry in model.history]).encode())
    for array in all_numbers(model):
        sums.update(array.tobytes())
    return sums.hexdigest()


@pytest.fixture(params=_train.isa_supported())
def isa(request):
    before = _train.isa_name()
    _train.isa_select(request.param)
    yield request.param
    _train.isa_select(before)


@pytest.mark.parametrize("kind", [*KINDS, "frozen"])
def test_any_number_of_workers_gives_the_same_bytes(kind, isa):
    given = {"frozen": TEXT[0][:3]} if kind == "frozen" else KINDS[kind]
    text = TEXT[:40] if "softmax" in kind else TEXT  # 1,000 times the work
    models = [Word2Vec(text, **SMALL, **given, workers=n, deterministic=True) for n in (1, 2, 3, 8)]
    assert len({digest(model) for model in models}) == 1
    assert np.isfinite(models[0].wv.vectors).all()


@pytest.mark.parametrize("dim", [5, 17, 48, 130, 300])
@pytest.mark.parametrize("sg", [0, 1])
def test_short_and_long_vectors_are_sliced_alike(dim, sg):
    settings = {**SMALL, "vector_size": dim, "epochs": 1, "sg": sg, "deterministic": True}
    assert len({digest(Word2Vec(TEXT[:150], **settings, workers=n)) for n in (1, 2, 5, 8)}) == 1


@pytest.mark.parametrize("dim", [100, 300])
@pytest.mark.parametrize("kind", ["sg ns", "cbow ns", "sg hs", "cbow hs"])
def test_threads_that_work_on_copies_of_their_own_give_the_same_bytes(kind, dim):
    """With one worker, and with pauses so short that copies are not worth it, rows are used in place."""
    settings = {**SMALL, **KINDS[kind], "vector_size": dim, "epochs": 1, "deterministic": True}
    n_tokens, n_words = 5 * sum(map(len, TEXT)), len({word for line in TEXT for word in line})
    assert n_tokens > 16 * n_words, "nothing is copied (src_c/parted.c)"
    digests = {digest(Word2Vec(TEXT * 5, **settings, workers=n)) for n in (1, 2, 3, 8)}
    for interval in (n_tokens // 8, 1 + n_tokens // 2):
        pauser = Pauser(interval)
        digests.add(digest(Word2Vec(TEXT * 5, **settings, workers=2, callbacks=[pauser])))
        assert pauser.places
    assert len(digests) == 1


@pytest.mark.parametrize("kind", ["sg ns", "cbow ns", "pairs", "sg hs", "softmax"])
def test_pauses_change_no_bit(kind):
    settings: dict[str, Any] = {**SMALL, **KINDS[kind], "vector_size": 40, "deterministic": True}
    text = TEXT[:100] if kind == "softmax" else TEXT
    pauser = Pauser()
    paused = Word2Vec(text, **settings, workers=2, callbacks=[pauser])
    assert len(pauser.places) >= 2, "this proves nothing unless training pauses"
    assert digest(paused) == digest(Word2Vec(text, **settings, workers=1))


def test_groups_may_be_more_than_notes_can_number():
    """A word's note names one of 4,095 groups; with one worker they begin anew twice, with two at other places."""
    n_tokens = sum(map(len, TEXT))
    text = TEXT * (1 + 2 * 4096 * trainer.WINDOWS_AT_ONCE["sg", False] // n_tokens)
    settings = {**SMALL, "vector_size": 60, "window": 1, "negative": 1, "sample": 0, "epochs": 1, "sg": 1}
    assert len({digest(Word2Vec(text, **settings, workers=n, deterministic=True)) for n in (1, 2)}) == 1


def test_another_seed_gives_other_bytes():
    settings = {**SMALL, "sg": 1, "workers": 2, "deterministic": True}
    assert digest(Word2Vec(TEXT, **settings)) != digest(Word2Vec(TEXT, **settings, seed=2))


def test_instruction_sets_agree_closely():
    """They round differently, and have registers for different numbers of targets that move at once."""
    before, vectors = _train.isa_name(), []
    for name in _train.isa_supported():
        _train.isa_select(name)
        settings = {**SMALL, "epochs": 1, "sg": 1, "workers": 2}
        vectors.append(Word2Vec(TEXT[:60], **settings, deterministic=True).wv.vectors.copy())
    _train.isa_select(before)
    for other in vectors[1:]:
        np.testing.assert_allclose(other, vectors[0], atol=5e-4)


# ---- against a twin ----


def groups_of(windows: list[tuple[int, list[int]]], most: int, together: int) -> list[list[Any]]:
    """Problems of `together` windows each, by the group they are scored with."""
    groups: list[list[Any]] = []
    inputs, centers = [], []
    for center, contexts in windows:
        if not contexts:
            continue
        inputs += contexts
        alike = centers.count(center) > 1 or any(inputs.count(word) > 7 for word in contexts)
        if not groups or alike or sum(map(len, groups[-1])) >= most:
            groups.append([])
            inputs, centers = list(contexts), []
        centers.append(center)
        if not groups[-1] or len(groups[-1][-1]) == together:
            groups[-1].append([])
        groups[-1][-1].append((center, contexts))
    return groups


def learn_groups(s: Any, vecs: tuple[np.ndarray, np.ndarray], groups: Any, lr: float, tables: Any) -> float:
    """All scores of a group come first; then its windows learn, one after the other."""
    in_vecs, out_vecs = vecs
    loss = 0.0
    for group in groups:
        scored = []
        for problem in group:
            centers, contexts = zip(*problem, strict=True)
            targets = (
                twins.path_targets(centers[0], tables.tree)
                if s.loss == "hs"
                else twins.noise_targets(centers, [0], s.negative, hits=False)  # one noise word
            )
            weights = np.stack(list(targets.values()), axis=1)
            if s.model == "cbow":
                inputs = np.stack([in_vecs[rows].mean(axis=0) for rows in contexts])
            else:
                rows, times = zip(*twins.merged([(row, np.ones(1)) for row in contexts[0]]), strict=True)
                contexts, inputs, weights = [rows], in_vecs[list(rows)], np.array(times) * weights
            scores = inputs @ out_vecs[list(targets)].T
            z = np.where(weights < 0, -scores, scores)
            loss += float((np.abs(weights) * np.logaddexp(0, z)).sum())
            guard = twins.SCORE_LIMIT / np.maximum(twins.SCORE_LIMIT, np.abs(z))
            scored.append((contexts, list(targets), inputs, lr * weights * twins.expit(z) * guard))
        spread = []
        for contexts, rows, inputs, g in scored:
            steps = []
            for i, g_row in enumerate(g):  # repeated contexts: targets see each as it then is
                x = inputs[i] if s.model == "cbow" else in_vecs[contexts[0][i]].copy()
                steps.append(g_row @ out_vecs[rows])
                out_vecs[rows] -= np.outer(g_row, x)
                if s.model == "sg":
                    in_vecs[contexts[0][i]] -= steps[-1]
            if s.model == "cbow":
                spread.append((contexts, steps))
        for contexts, steps in spread:
            for rows, step in zip(contexts, steps, strict=True):
                np.subtract.at(in_vecs, list(rows), step)
    return loss


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize(
    "mode",
    [{"sg": 1, "negative": 3}, {"sg": 1, "hs": 1}, {"sg": 0, "negative": 3}, {"sg": 0, "hs": 1}],
    ids=lambda mode: ", ".join(f"{name}={value}" for name, value in mode.items()),
)
def test_an_epoch_of_the_double_build_is_the_twins(monkeypatch, mode, n_threads):
    noise = {} if "hs" in mode else {"ns_exponent": 400}  # one noise word
    s = twins.make_settings(
        **mode, **noise, vector_size=70, window=4, shrink_windows=False, workers=n_threads, deterministic=True
    )
    together, most, lr = 3 if s.model == "cbow" and s.loss == "ns" else 1, 6, 0.05
    monkeypatch.setitem(trainer.NOISE_CENTERS, s.model, together)
    monkeypatch.setattr(trainer, "noise_draws", lambda _: 1.0)
    monkeypatch.setitem(trainer.TILE_INPUTS, s.loss, 2 * s.window)
    monkeypatch.setitem(trainer.WINDOWS_AT_ONCE, (s.model, s.loss == "hs"), most)
    counts = np.array([60, 50, 40, 40, 30, 30, 20, 20], dtype=np.int64)  # paths of at most 4 nodes
    rng = np.random.default_rng(1)
    lines = [rng.choice(8, length).tolist() for length in (1, 9, 30, 2, 17)] + [[5] * 12]
    ids = twins.flat_ids(lines)
    vecs = tuple(_train_double.aligned_zeros(8, 70) for _ in range(2))
    for matrix in vecs:
        matrix[:, :70] = rng.normal(0, 0.3, (8, 70))
    expected = tuple(matrix.copy() for matrix in vecs)
    plan = trainer.make_plan(s, counts, *vecs, int((ids >= 0).sum()), core=_train_double)
    progress = _train_double.Progress()
    groups = groups_of(plan.windows(ids, 0), most, together)
    assert max(len(group) for group in groups) > 1, "nothing is scored together"
    plan.train_epoch(ids, progress, lr_start=lr, lr_end=lr)
    tables = twins.Tables(tree=_train.tree_build(counts) if s.loss == "hs" else None)
    loss = learn_groups(s, expected, groups, lr, tables)
    assert progress.loss == pytest.approx(loss, rel=1e-9)
    assert progress.tokens_done == (ids >= 0).sum()
    for ours, twin in zip(vecs, expected, strict=True):
        np.testing.assert_allclose(ours, twin, rtol=1e-8, atol=1e-10)


# ---- as good, and as safe: with one worker, as the number does not matter ----


@pytest.mark.parametrize("mode", [{"sg": 1}, {"sg": 0}], ids=str)
def test_it_learns_as_well_as_plain_training(mode):
    plain, repeatable = (
        accuracy(Word2Vec(planted_sentences(), **PLANTED, **mode, deterministic=is_repeatable))
        for is_repeatable in (False, True)
    )
    assert repeatable >= plain - 0.05, (repeatable, plain)


RARE = [word for number in range(68) for word in ("cladobotryum", f"species{number}")]
HOSTILE = {**PATHOLOGICAL, "a rare word in every other place": [*ORDINARY, *[RARE] * 50]}


@pytest.mark.parametrize("mode", [{"sg": 1}, {"sg": 0}, {"sg": 1, "hs": 1}, {"sg": 0, "hs": 1}], ids=str)
@pytest.mark.parametrize("name", HOSTILE)
def test_lines_that_repeat_a_word_do_no_harm(name, mode):
    model = Word2Vec(
        HOSTILE[name],
        **{**SMALL, **mode, "vector_size": 40, "sample": 0, "alpha": 0.05},
        workers=1,
        deterministic=True,
    )
    assert np.isfinite(model.wv.vectors).all()
    assert np.abs(model.wv.vectors).max() < 100


def test_an_epoch_that_is_asked_to_stop_stops_and_divergence_is_seen():
    ids = np.arange(100_000, dtype=np.int32) % 100
    s = twins.make_settings(vector_size=64, workers=2, deterministic=True)
    vecs = [_train.aligned_zeros(100, 64) for _ in range(2)]
    plan = trainer.make_plan(s, np.full(100, 1000), *vecs, len(ids))
    progress = _train.Progress()
    progress.stop()
    with pytest.raises(_train.Stopped):
        plan.train_epoch(ids, progress, lr_start=0.1, lr_end=0.0)
    assert progress.n_predictions == 0
    vecs[0][:] = np.nan
    with pytest.raises(_train.Diverged):
        plan.train_epoch(ids, _train.Progress(), lr_start=0.1, lr_end=0.0)
