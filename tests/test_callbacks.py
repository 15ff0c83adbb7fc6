"""Callbacks: gensim's hooks in gensim's order, what they may do, and how training ends when they want it to."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from small_model import SENTENCES, SMALL

from fastw2v import Callback, EarlyStopping, Word2Vec
from fastw2v.callbacks import CallbackAny2Vec
from fastw2v.intervals import Alarm, Interval


class Diary(Callback):
    """Writes down which hooks are called, and the epoch."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int]] = []

    def on_train_begin(self, model):
        self.entries.append(("train begins", len(model.history)))

    def on_epoch_begin(self, model):
        self.entries.append(("epoch begins", len(model.history)))

    def on_epoch_end(self, model):
        self.entries.append(("epoch ends", len(model.history)))

    def on_train_end(self, model):
        self.entries.append(("train ends", len(model.history)))


def untrained(**settings) -> Word2Vec:
    model = Word2Vec(**{**SMALL, **settings})
    model.build_vocab(SENTENCES)
    return model


# ---- hooks ----


def test_hooks_are_called_in_order_by_the_constructor_and_by_train():
    diary = Diary()
    model = Word2Vec(SENTENCES, **SMALL, callbacks=[diary])
    expected = [("train begins", 0), ("epoch begins", 0), ("epoch ends", 1), ("epoch begins", 1)]
    expected += [("epoch ends", 2), ("train ends", 2)]
    assert diary.entries == expected
    diary.entries.clear()
    model.train(epochs=1, callbacks=(diary,))
    assert diary.entries == [("train begins", 2), ("epoch begins", 2), ("epoch ends", 3), ("train ends", 3)]


def test_gensims_own_callbacks_see_the_same_hooks_under_both_libraries():
    gensim = pytest.importorskip("gensim")

    class Logger(gensim.models.callbacks.CallbackAny2Vec):
        def __init__(self):
            self.calls, self.last_loss, self.losses = [], 0.0, []

        def on_train_begin(self, model):
            self.calls.append("train begins")

        def on_epoch_begin(self, model):
            self.calls.append("epoch begins")

        def on_epoch_end(self, model):
            self.calls.append("epoch ends")
            loss = model.get_latest_training_loss()
            self.losses.append(loss - self.last_loss)
            self.last_loss = loss

        def on_train_end(self, model):
            self.calls.append("train ends")

    ours, theirs = Logger(), Logger()
    settings = {name: value for name, value in SMALL.items() if name != "progress"}
    Word2Vec(SENTENCES, **settings, sg=1, compute_loss=True, callbacks=[ours])
    gensim.models.Word2Vec(SENTENCES, **settings, sg=1, compute_loss=True, callbacks=[theirs])
    assert ours.calls == theirs.calls
    assert len(ours.losses) == len(theirs.losses) == 2
    assert all(loss > 0 for loss in ours.losses + theirs.losses)


def test_any_object_with_some_of_the_methods_will_do():
    class Bare:
        def on_epoch_end(self, model):
            self.seen = model.wv["hello"].copy()

    bare = Bare()
    model = Word2Vec(SENTENCES, **SMALL, callbacks=[bare])
    assert np.array_equal(bare.seen, model.wv["hello"])
    assert CallbackAny2Vec is Callback


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([3], "3 has none of the methods on_train_begin, on_epoch_begin"),
        ([Diary], r"give Diary\(\), not the class"),
        (3, "must be a list of callbacks, not 3"),
        (Diary(), "must be a list of callbacks"),
    ],
)
def test_what_is_no_callback_is_refused_before_anything_is_done(callbacks, message):
    model = untrained()
    with pytest.raises(TypeError, match=message):
        model.train(callbacks=callbacks)
    assert model.history == []


def test_callbacks_without_a_training_are_refused():
    with pytest.raises(ValueError, match=r"give them to train\(\)"):
        Word2Vec(**SMALL, callbacks=[Diary()])


# ---- what a callback may do ----


def test_a_callback_sees_the_model_as_it_is_and_changes_nothing_by_looking(tmp_path):
    class Looker(Callback):
        def on_epoch_end(self, model):
            model.save(tmp_path / f"{len(model.history)}.safetensors")
            self.norm = model.wv.get_vector("hello", norm=True)

    looker = Looker()
    watched = Word2Vec(SENTENCES, **SMALL, callbacks=[looker])
    assert np.array_equal(watched.wv.vectors, Word2Vec(SENTENCES, **SMALL).wv.vectors)
    np.testing.assert_allclose(np.linalg.norm(looker.norm), 1, rtol=1e-5)
    half_way = Word2Vec.load(tmp_path / "1.safetensors")
    assert len(half_way.history) == 1
    # Trained on with what is left of the same learning rate, it becomes the same model.
    half_way.train(SENTENCES, epochs=1, start_alpha=watched.history[0]["alpha"])
    assert np.array_equal(half_way.wv.vectors, watched.wv.vectors)


def test_alpha_can_be_changed_between_epochs():
    class Halve(Callback):
        def on_epoch_begin(self, model):
            if model.history:
                model.alpha = model.min_alpha = model.alpha / 2

    changed = untrained()
    changed.train(epochs=2, start_alpha=0.1, end_alpha=0.1, callbacks=[Halve()])
    by_hand = untrained()
    by_hand.train(epochs=1, start_alpha=0.1, end_alpha=0.1)
    by_hand.train(epochs=1, start_alpha=0.05, end_alpha=0.05)
    assert np.array_equal(changed.wv.vectors, by_hand.wv.vectors)
    assert [entry["alpha"] for entry in changed.history] == [0.1, 0.05]
    assert (changed.alpha, changed.min_alpha) == (0.05, 0.05)
    assert (by_hand.alpha, by_hand.min_alpha) == (0.025, 0.0001), "start_alpha is for one call"


def test_gensims_idiom_of_a_falling_alpha_works():
    model = untrained()
    for _ in range(3):
        model.train(SENTENCES, total_examples=model.corpus_count, epochs=1)
        model.alpha -= 0.002
        model.min_alpha = model.alpha
    assert model.alpha == pytest.approx(0.019)
    assert [entry["alpha"] for entry in model.history] == pytest.approx([0.0001, 0.023, 0.021])


@pytest.mark.parametrize(("name", "value"), [("alpha", 0), ("alpha", "high"), ("min_alpha", -1)])
def test_a_bad_alpha_is_refused_and_named(name, value):
    model = untrained()
    with pytest.raises((TypeError, ValueError), match=name):
        setattr(model, name, value)
    assert (model.alpha, model.min_alpha) == (0.025, 0.0001)


# ---- how training ends ----


def test_a_callback_can_stop_training():
    class Enough(Diary):
        def on_epoch_end(self, model):
            super().on_epoch_end(model)
            if len(model.history) == 3:
                model.stop_training()

    enough, model = Enough(), untrained()
    assert model.train(epochs=50, callbacks=[enough]) == (3 * 80, 3 * 80)
    assert len(model.history) == 3
    assert enough.entries[-2:] == [("epoch ends", 3), ("train ends", 3)]
    assert model.train(epochs=1) == (80, 80), "stopping is for one call"
    assert model.history[-1]["epoch"] == 4


def test_training_can_be_stopped_within_an_epoch():
    class Enough(Callback):
        every = 3000

        def on_interval(self, model):
            model.stop_training()

    sentences = [[f"w{number % 50}" for number in range(1000)]] * 10
    model = Word2Vec(**SMALL)
    model.build_vocab(sentences)
    tokens, words = model.train(epochs=5, callbacks=[Enough()])
    assert 3000 <= tokens == words < 10_000
    assert model.history == [], "an epoch that is cut short has no entry"
    assert model.get_latest_training_loss() > 0
    model.train(epochs=1)
    assert model.history[-1]["epoch"] == 2, "but its random numbers are not drawn again"


def test_another_thread_can_stop_training():
    model = untrained(epochs=10**9)
    threading.Timer(0.2, model.stop_training).start()
    model.train()
    assert 0 < len(model.history) < 10**9


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_interval", "on_epoch_end", "on_train_end"]
)
def test_an_exception_in_a_hook_ends_training_and_is_raised(hook):
    class Failing(Diary):
        every = 1

    def fail(model):
        raise ZeroDivisionError("in the hook")

    failing, model = Failing(), untrained()
    setattr(failing, hook, fail)
    with pytest.raises(ZeroDivisionError, match="in the hook"):
        model.train(epochs=3, callbacks=[failing])
    n_epochs = len(model.history)
    assert n_epochs == {"on_train_begin": 0, "on_epoch_begin": 0, "on_train_end": 3}.get(hook, 1)
    assert model.train(epochs=1) == (80, 80)
    assert len(model.wv.most_similar("hello")) == 4


@pytest.mark.parametrize("method", ["train", "build_vocab", "build_vocab_from_freq", "reset_from"])
def test_a_model_in_training_is_neither_trained_nor_rebuilt(method):
    class Meddler(Callback):
        def on_epoch_end(self, model):
            argument = {"build_vocab_from_freq": {"a": 9}, "reset_from": model}.get(method, SENTENCES)
            getattr(model, method)(argument)

    model = untrained()
    with pytest.raises(RuntimeError, match="the model is being trained"):
        model.train(callbacks=[Meddler()])
    assert model.wv.index_to_key == ["hello", "say", "goodbye", "i", "you"]
    model.train()


# ---- the loss ----


def test_the_latest_loss_is_the_running_sum_over_the_predictions():
    class Losses(Callback):
        every = 1

        def __init__(self):
            self.seen = []

        def on_interval(self, model):
            self.seen.append(model.get_latest_training_loss())

    losses, model = Losses(), untrained()
    assert model.get_latest_training_loss() == 0
    model.train(callbacks=[losses])
    sums = [entry["loss"] * entry["predictions"] for entry in model.history]
    assert model.get_latest_training_loss() == pytest.approx(sum(sums))
    assert losses.seen == pytest.approx(np.cumsum(sums))
    model.train(epochs=1)
    last = model.history[-1]
    assert model.get_latest_training_loss() == pytest.approx(last["loss"] * last["predictions"])


def test_gensims_idiom_of_resetting_the_loss_works():
    class PerEpoch(Callback):
        def __init__(self):
            self.losses = []

        def on_epoch_end(self, model):
            self.losses.append(model.get_latest_training_loss())
            model.running_training_loss = 0.0

    per_epoch, model = PerEpoch(), untrained()
    model.train(epochs=3, callbacks=[per_epoch])
    assert per_epoch.losses == pytest.approx(
        [entry["loss"] * entry["predictions"] for entry in model.history], rel=1e-12
    )
    assert model.running_training_loss == 0
    assert model.total_train_time == sum(entry["seconds"] for entry in model.history)


# ---- early stopping ----


def stopped_after(scores: list[float], **settings) -> tuple[int, EarlyStopping]:
    stopping = EarlyStopping(lambda model: scores[len(model.history) - 1], **settings)
    model = untrained(epochs=len(scores))
    model.train(callbacks=[stopping])
    return len(model.history), stopping


def test_early_stopping_waits_for_its_patience():
    assert stopped_after([1, 2, 3, 3, 9])[0] == 4
    n_epochs, stopping = stopped_after([1, 2, 3, 2, 4, 3, 3.5, 9], patience=2)
    assert (n_epochs, stopping.best_epoch, stopping.scores) == (7, 5, [1, 2, 3, 2, 4, 3, 3.5])
    assert stopped_after([1, 2, 3])[0] == 3
    assert stopped_after([1, 1.5, 2.5, 2.6], min_gain=0.2, patience=1)[0] == 4


def test_early_stopping_takes_the_loss_by_default():
    stopping, model = EarlyStopping(), untrained()
    model.train(callbacks=[stopping])
    assert stopping.scores == [-entry["loss"] for entry in model.history]


@pytest.mark.parametrize(("arguments", "kind"), [({"patience": 0}, ValueError), ({"score": 3}, TypeError)])
def test_early_stopping_refuses_what_makes_no_sense(arguments, kind):
    with pytest.raises(kind, match=next(iter(arguments))):
        EarlyStopping(**arguments)


# ---- intervals ----


@pytest.mark.parametrize(
    ("value", "tokens", "seconds"),
    [
        (500_000, 500_000, None),
        (np.int64(7), 7, None),
        ("500000", 500_000, None),
        ("500_000", 500_000, None),
        ("30s", None, 30),
        ("10min", None, 600),
        ("1.5 h", None, 5400),
        ("epoch", None, None),
    ],
)
def test_intervals_are_tokens_times_or_epochs(value, tokens, seconds):
    assert Interval.parse("every", value) == Interval(tokens, seconds)


@pytest.mark.parametrize(
    "value", [0, -1, True, 1.5, "", "soon", "0s", "-3s", "10 parsecs", None, "min", "9" * 400 + "h"]
)
def test_what_is_no_interval_is_refused_with_examples(value):
    with pytest.raises((TypeError, ValueError), match=r"every must be .*'10min'"):
        Interval.parse("every", value)


def test_alarms_for_tokens_go_off_at_multiples():
    alarm = Alarm(Interval(tokens=100), 250)
    assert alarm.tokens == 300
    assert [alarm.is_due(tokens) for tokens in (299, 300, 555)] == [False, True, True]
    alarm.restart(555)
    assert alarm.tokens == 600
    assert not Alarm(Interval()).is_due(10**12)
    assert Alarm(Interval(seconds=1e-9)).is_due(0)
