"""Epochs that pause between two shards and are gone on with: with one worker, the same bits as without a pause."""

from __future__ import annotations

import numpy as np
import pytest

from fastw2v import Word2Vec, _train
from fastw2v.callbacks import Callback

RNG = np.random.default_rng(7)
# Long and short lines, some 6 shards of 1,024 places.
TEXT = [
    [f"w{id}" for id in np.minimum(RNG.zipf(1.4, length), 400)] for length in (3, 2500, 1, 40, 1700, 900) * 1
]
BASE = {"vector_size": 12, "min_count": 1, "sample": 0.05, "workers": 1, "epochs": 2, "progress": False}

KINDS = {
    "sg ns": {"sg": 1},
    "cbow ns": {},
    "pairs": {"sg": 1, "share_noise": False},
    "sg hs": {"sg": 1, "hs": 1},
    "cbow hs": {"hs": 1},
    "nce windows": {"sg": 1, "loss": "nce", "negative": 5},
    "nce learnt z": {"loss": "nce", "nce_z": "learn"},
    "sampled": {"sg": 1, "loss": "sampled_softmax", "negative": 20},
    "blackout": {"loss": "blackout", "negative": 20},
    "softmax": {"sg": 1, "loss": "softmax"},
    "adam": {"sg": 1, "optimizer": "adam"},
    "adagrad batches": {"loss": "sampled_softmax", "negative": 20, "optimizer": "adagrad"},
    "momentum softmax": {"loss": "softmax", "optimizer": "momentum"},
    "clipped": {"clip_norm": 0.1},
}


class Pauser(Callback):
    """Pauses as often as can be, and sees where."""

    def __init__(self, every: int | str = 1) -> None:
        self.every = every
        self.places: list[tuple[int, int, int]] = []

    def on_interval(self, model: Word2Vec) -> None:
        position = model._run.position
        self.places.append((position.epochs_done, position.next_shard, position.tokens_done))


def all_numbers(model: Word2Vec) -> list[np.ndarray]:
    memory = model._memory
    arrays = [model._in_vecs, model._out_vecs, *(memory.states or ())]
    return arrays if memory.nce_log_z is None else [*arrays, memory.nce_log_z]


@pytest.mark.parametrize("kind", KINDS)
def test_pauses_change_no_bit_with_one_worker(kind):
    in_one_go = Word2Vec(TEXT, **BASE, **KINDS[kind])
    pauser = Pauser()
    paused = Word2Vec(TEXT, **BASE, **KINDS[kind], callbacks=[pauser])
    assert len(pauser.places) > 10, "this proves nothing unless training pauses often"
    for ours, theirs in zip(all_numbers(paused), all_numbers(in_one_go), strict=True):
        assert np.array_equal(ours, theirs)
    for ours, theirs in zip(paused.history, in_one_go.history, strict=True):
        for name in ("epoch", "loss", "predictions", "alpha"):
            assert ours[name] == theirs[name], name


@pytest.mark.parametrize(("workers", "interval"), [(1, 2000), (3, 4000)])
def test_an_epoch_pauses_at_the_multiples_of_its_interval(workers, interval):
    pauser = Pauser(interval)
    model = Word2Vec(TEXT, **{**BASE, "workers": workers}, sg=1, callbacks=[pauser])
    n_tokens = model._corpus[1].n_tokens
    assert [entry["epoch"] for entry in model.history] == [1, 2]
    done = [epochs * n_tokens + tokens for epochs, _, tokens in pauser.places]
    assert len(done) == 2 * n_tokens // interval, (done, n_tokens)
    # A pause comes with the end of the shards that were begun, less than an interval later.
    assert all(0 <= at - interval * (number + 1) < workers * 1024 for number, at in enumerate(done)), done


def test_a_pause_by_the_clock_comes_within_an_epoch():
    sentences = [["a", "b", "c", "d"] * 250] * 2000
    pauser = Pauser("0.05s")
    model = Word2Vec(**{**BASE, "vector_size": 200, "sample": 0, "epochs": 1})
    model.build_vocab(sentences)
    model.train(callbacks=[pauser])
    inside = [place for place in pauser.places if place[0] == 0]
    assert inside, "an epoch of seconds has a pause within it"
    assert len(model.history) == 1


def test_an_epoch_can_be_gone_on_with_in_c():
    """The counters of the library itself: shards are claimed once, tokens are counted once."""
    model = Word2Vec(**BASE)
    model.build_vocab(TEXT)
    ids = model._corpus[1].ids
    plan = _plan(model)
    counters = _train.Progress()
    counters.pause()
    plan.train_epoch(ids, counters, lr_start=0.01, lr_end=0.01)
    assert (counters.next_shard, counters.tokens_done) == (0, 0)
    seen = []
    while counters.next_shard < _train.shard_count(len(ids)):
        counters = _train.Progress(
            next_shard=counters.next_shard,
            tokens_done=counters.tokens_done,
            n_predictions=counters.n_predictions,
            loss=counters.loss,
        )
        counters.pause_at(counters.tokens_done + 1)
        plan.train_epoch(ids, counters, lr_start=0.01, lr_end=0.01)
        seen.append(counters.tokens_done)
    assert len(seen) == _train.shard_count(len(ids))
    assert seen[-1] == model._corpus[1].n_tokens


def _plan(model: Word2Vec):
    from fastw2v.trainer import make_plan

    counts = model._vocabulary.counts
    return make_plan(model.settings, counts, model._in_vecs, model._out_vecs, int(counts.sum()))
