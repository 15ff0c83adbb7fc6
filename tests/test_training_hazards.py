"""What a training run must survive: odd text, odd settings, a learning rate far too large, Ctrl-C.

Nothing here is about how good the vectors are (test_training.py): it is about numbers that stay finite,
counters that add up, errors that say what happened, and a model that can be used afterwards.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest
import twins

from fastw2v import DivergedError, Word2Vec, _train, epochs, planted, trainer

MODES = [{"sg": 1}, {"sg": 0}, {"sg": 1, "hs": 1}, {"sg": 0, "hs": 1}]


def mode_name(mode: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in mode.items())


# ---- pathological text ----

ORDINARY = list(planted.sentences(1000))
PATHOLOGICAL = {
    "one word repeated": [*ORDINARY, ["cladobotryum"] * 10_000],
    "two words alternating": [*ORDINARY, ["ping", "pong"] * 5000],
    "words in runs": [*ORDINARY, [word for word in "abcdefgh" for _ in range(4)] * 300],
    "few different words": [random.Random(line).choices("abc", k=30) for line in range(1000)],
    "all words in one line": [[word for line in ORDINARY for word in line]],
    "nothing but one word": [["again"] * 20_000],
    "a line for each word": [[word] for line in ORDINARY for word in line] + [["two", "words"]] * 5,
}


@pytest.mark.parametrize("n_workers", [1, 4])
@pytest.mark.parametrize("mode", MODES, ids=mode_name)
@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_pathological_lines_do_no_harm(name, mode, n_workers):
    model = Word2Vec(
        PATHOLOGICAL[name],
        vector_size=16,
        epochs=3,
        alpha=0.05,
        sample=0,
        workers=n_workers,
        min_count=1,
        **mode,
    )
    assert np.isfinite(model.wv.vectors).all()
    assert np.abs(model.wv.vectors).max() < 100
    assert all(np.isfinite(entry["loss"]) for entry in model.history)


def test_divergence_ends_training_and_names_the_epoch_and_the_cure():
    model = Word2Vec(vector_size=16, workers=1, sg=1, epochs=9)
    model.build_vocab(ORDINARY)
    with pytest.raises(DivergedError, match=r"diverged in epoch [1-9]: .* smaller alpha \(it was 1e\+30\)"):
        model.train(ORDINARY, start_alpha=1e30)
    assert len(model.history) < 9


def test_divergence_in_a_later_epoch_names_that_epoch():
    model = Word2Vec(ORDINARY, vector_size=16, workers=1, sg=1, epochs=2)
    with pytest.raises(DivergedError, match=r"diverged in epoch 3:"):
        model.train(ORDINARY, epochs=1, start_alpha=1e30)
    assert [entry["epoch"] for entry in model.history] == [1, 2]


def test_a_loss_too_large_to_mean_anything_is_divergence_even_while_it_is_finite():
    model = Word2Vec(vector_size=16, workers=1, sg=1, epochs=2)
    model.build_vocab(ORDINARY)
    with pytest.raises(DivergedError, match=r"the loss is \d.* per prediction"):
        model.train(ORDINARY, start_alpha=0.5)


# ---- progress and Ctrl-C ----


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("mode", [{"sg": 1, "share_noise": False}, {"sg": 1}, {"sg": 0}], ids=mode_name)
def test_counters_add_up_whatever_the_number_of_workers(monkeypatch, mode, n_workers):
    monkeypatch.setattr(trainer, "thinned_words", lambda counts, settings: (0, 0, 0))  # whose places vary
    rng = np.random.default_rng(2)
    lines = [rng.choice(300, length).tolist() for length in rng.integers(1, 60, 400)] + [[7] * 5000]
    ids = twins.flat_ids(lines)
    counts = np.sort(np.bincount(ids[ids >= 0], minlength=300))[::-1]
    s = twins.make_settings(**mode, workers=n_workers, shrink_windows=False)
    vecs = [_train.aligned_zeros(300, 8) for _ in range(2)]
    progress = _train.Progress()
    trainer.make_plan(s, counts, *vecs, int(counts.sum())).train_epoch(
        ids, progress, epoch=0, lr_start=0.0, lr_end=0.0
    )
    windows = twins.windows(lines, s.window)
    assert progress.tokens_done == sum(map(len, lines))
    expected = sum(len(contexts) if s.model == "sg" else bool(contexts) for _, contexts in windows)
    assert progress.n_predictions == expected
    # All vectors are zero: each pair with a target costs log 2, noise that is the centre costs nothing.
    assert np.log(2) * expected < progress.loss <= np.log(2) * expected * (1 + s.negative) * (1 + 1e-6)


def test_a_progress_bar_is_shown_when_asked_for_and_otherwise_only_on_a_terminal(capsys):
    settings = {"vector_size": 8, "workers": 1, "epochs": 3}
    Word2Vec(ORDINARY, **settings)
    Word2Vec(ORDINARY, **settings, progress=False)
    assert capsys.readouterr() == ("", "")
    model = Word2Vec(ORDINARY, **settings, progress=True)
    shown = capsys.readouterr().err
    n_tokens = sum(model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key)
    assert "counting" in shown
    assert "training: 100%" in shown
    assert f"{3 * n_tokens / 1000:.1f}k/" in shown


def test_an_epoch_that_is_asked_to_stop_stops():
    ids = np.arange(100_000, dtype=np.int32) % 100
    s = twins.make_settings()
    vecs = [_train.aligned_zeros(100, 8) for _ in range(2)]
    progress = _train.Progress()
    progress.stop()
    with pytest.raises(_train.Stopped):
        trainer.make_plan(s, np.full(100, 1000), *vecs, len(ids)).train_epoch(
            ids, progress, epoch=0, lr_start=0.1, lr_end=0.0
        )
    assert progress.tokens_done == 0


@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_running_epoch_stops_on_request_long_before_its_end(n_workers):
    ids = np.arange(3_000_000, dtype=np.int32) % 1000  # minutes of work with these settings
    s = twins.make_settings(vector_size=200, window=50, negative=30, share_noise=False, workers=n_workers)
    vecs = [_train.aligned_zeros(1000, 200) for _ in range(2)]
    vecs[0][:] = np.random.default_rng(1).normal(0, 0.01, vecs[0].shape)
    progress = _train.Progress()
    plan = trainer.make_plan(s, np.full(1000, 3000), *vecs, len(ids))
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(plan.train_epoch, ids, progress, lr_start=0.01, lr_end=0.01)
        while progress.tokens_done == 0 and not future.done():
            time.sleep(0.01)
        progress.stop()
        with pytest.raises(_train.Stopped):
            future.result()
    assert 0 < progress.tokens_done < len(ids)
    assert progress.n_predictions > 0  # what was learnt until then is reported


INTERRUPTED = """
import signal
import numpy as np
from fastw2v import Word2Vec, planted
signal.signal(signal.SIGINT, signal.default_int_handler)  # background shells make their children ignore it
model = Word2Vec(vector_size=64, epochs=100_000, workers=WORKERS, sg=1)
model.build_vocab(planted.sentences(3000))
start = model.wv.vectors.copy()
print("training", flush=True)
try:
    model.train()
except KeyboardInterrupt:
    assert np.isfinite(model.wv.vectors).all() and not np.array_equal(model.wv.vectors, start)
    assert len(model.wv.most_similar("the", topn=3)) == 3
    done = len(model.history)
    model.train(epochs=1)
    assert len(model.history) == done + 1
    assert model.history[-1]["epoch"] > done
    model.save("model.safetensors")
    assert np.array_equal(Word2Vec.load("model.safetensors").wv.vectors, model.wv.vectors)
    print("as it should be")
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process on Windows")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_ctrl_c_stops_training_soon_and_leaves_a_model_that_can_go_on(tmp_path, n_workers):
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.replace("WORKERS", str(n_workers))],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "training\n"
        time.sleep(1)  # some epochs
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=120)  # all epochs would take hours
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, errors
    assert output == "as it should be\n"


def test_an_error_while_watching_stops_the_epoch_first(monkeypatch):
    model = Word2Vec(vector_size=8, epochs=100_000, workers=1)
    model.build_vocab(ORDINARY)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("the terminal is gone")

    monkeypatch.setattr(epochs.Progress, "advance_to", fail)
    with pytest.raises(OSError, match="the terminal is gone"):
        model.train()
    before = model.wv.vectors.copy()
    time.sleep(0.05)
    assert np.array_equal(model.wv.vectors, before)  # nobody trains any more


# ---- settings that a run must survive ----


@pytest.mark.parametrize(("sg", "hs", "window", "negative"), list(product([0, 1], [0, 1], [1, 30], [1, 40])))
def test_small_and_large_windows_and_noise_on_little_text(sg, hs, window, negative):
    noise = {} if hs else {"negative": negative}
    model = Word2Vec(
        ORDINARY[:20],
        min_count=1,
        vector_size=5,
        sg=sg,
        hs=hs,
        window=window,
        epochs=2,
        workers=1,
        sample=0,
        **noise,
    )
    assert np.isfinite(model.wv.vectors).all()
    assert model.history[-1]["predictions"] > 0


@pytest.mark.parametrize("mode", MODES, ids=mode_name)
def test_a_vocabulary_of_one_word_and_lines_of_one_word_have_nothing_to_predict_and_train(mode):
    model = Word2Vec([["solo"]] * 10, min_count=1, vector_size=4, workers=1, **mode)
    assert [entry["predictions"] for entry in model.history] == [0] * 5
    assert [entry["loss"] for entry in model.history] == [0.0] * 5
    assert np.isfinite(model.wv["solo"]).all()
