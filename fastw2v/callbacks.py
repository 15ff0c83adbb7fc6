"""What users want done while a model trains: gensim's hooks, one more, and early stopping.

Hooks are called in the thread that called `train`, and only where no thread of C is running: they may look at the
model, save it, evaluate it, change its `alpha` and `min_alpha`, or stop it (`Word2Vec.stop_training`). An exception in
a hook ends training, and the model holds what it had learnt. epochs.py calls this at its pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from fastw2v.intervals import Alarm, Interval

if TYPE_CHECKING:
    from fastw2v.word2vec import Word2Vec

HOOKS = ("on_train_begin", "on_epoch_begin", "on_interval", "on_epoch_end", "on_train_end")


class Callback:
    """
    Base class of callbacks, with gensim's hooks and one of ours. Any object that has some of these methods will do.

    Attributes
    ----------
    every : int or str, optional
        When `on_interval` is called: every so many tokens of the vocabulary, as a number; every so many seconds,
        minutes or hours, as ``"30s"``, ``"10min"``, ``"2h"``. Training pauses at the next cut between two pieces of the
        corpus (65,536 words at most, or a 64th of it). Default: never.

    Examples
    --------
    >>> class Report(Callback):
    ...     every = "10s"
    ...     def on_interval(self, model):
    ...         print(model.get_latest_training_loss())
    """

    every: int | str | None = None

    def on_train_begin(self, model: Word2Vec) -> None:
        """Called when `train` has checked everything and is about to begin."""

    def on_epoch_begin(self, model: Word2Vec) -> None:
        """Called before each epoch."""

    def on_interval(self, model: Word2Vec) -> None:
        """Called each time that `every` has gone by, within epochs as well as between them."""

    def on_epoch_end(self, model: Word2Vec) -> None:
        """Called after each epoch; the last of ``model.history`` tells about it."""

    def on_train_end(self, model: Word2Vec) -> None:
        """Called after the last epoch, or when training was stopped; not after an exception."""


CallbackAny2Vec = Callback  # gensim's name


class EarlyStopping(Callback):
    """
    Stop training when a score has not become better for some epochs.

    Parameters
    ----------
    score : callable, optional
        ``score(model)`` returns a number that is larger for better models, such as the correlation on a development
        set. Default: minus the mean loss of the epoch.
    patience : int, default 1
        Epochs in a row without a gain after which training stops.
    min_gain : float, default 0
        What a score must exceed the best one by to be better.

    Attributes
    ----------
    scores : list of float
        Of each epoch.
    best_epoch : int or None
        Which of them, from 1 on, was the best.
    """

    def __init__(
        self, score: Callable[[Word2Vec], float] | None = None, *, patience: int = 1, min_gain: float = 0.0
    ) -> None:
        if score is not None and not callable(score):
            raise TypeError(f"score must be a function of the model, not {score!r}")
        if patience < 1:
            raise ValueError(f"patience must be at least 1, not {patience}")
        self.score = score or (lambda model: -model.history[-1]["loss"])
        self.patience = patience
        self.min_gain = min_gain
        self.scores: list[float] = []
        self.best_epoch: int | None = None

    def on_train_begin(self, model: Word2Vec) -> None:
        """Forget an earlier training."""
        self.scores, self.best_epoch = [], None

    def on_epoch_end(self, model: Word2Vec) -> None:
        """Take the score, and stop training where it is time."""
        score = float(self.score(model))
        if self.best_epoch is None or score > self.scores[self.best_epoch - 1] + self.min_gain:
            self.best_epoch = len(self.scores) + 1
        self.scores.append(score)
        if len(self.scores) - self.best_epoch >= self.patience:
            model.stop_training()


class CallbackList:
    """
    The callbacks of one call of `train`, and the alarms of those that have an interval.

    Parameters
    ----------
    callbacks : iterable
        Objects with some of the `HOOKS`.

    Raises
    ------
    TypeError, ValueError
        One of them is something else, or its `every` means nothing.
    """

    def __init__(self, callbacks: Iterable[Any]) -> None:
        try:
            self._callbacks = list(callbacks)
        except TypeError:
            raise TypeError(f"callbacks must be a list of callbacks, not {callbacks!r}") from None
        self._alarms: dict[int, Alarm] = {}
        for number, callback in enumerate(self._callbacks):
            if isinstance(callback, type):
                raise TypeError(f"callbacks must be objects: give {callback.__name__}(), not the class")
            if not any(callable(getattr(callback, hook, None)) for hook in HOOKS):
                methods = ", ".join(HOOKS)
                raise TypeError(f"callbacks: {callback!r} has none of the methods {methods}")
            every = getattr(callback, "every", None)
            if every is not None and callable(getattr(callback, "on_interval", None)):
                interval = Interval.parse("every", every)
                if interval == Interval():
                    raise ValueError("every='epoch' of a callback: on_epoch_end is called after each epoch")
                self._alarms[number] = Alarm(interval)

    def __len__(self) -> int:
        return len(self._callbacks)

    @property
    def alarms(self) -> list[Alarm]:
        """Those at which training has to pause."""
        return list(self._alarms.values())

    def start(self, tokens_done: int) -> None:
        """Count intervals from now on."""
        for alarm in self._alarms.values():
            alarm.restart(tokens_done)

    def tell(self, hook: str, model: Any) -> None:
        """Call a hook of all callbacks that have it, in their order."""
        for callback in self._callbacks:
            function = getattr(callback, hook, None)
            if function is not None:
                function(model)

    def tell_due(self, model: Any, tokens_done: int) -> None:
        """Call `on_interval` of the callbacks whose interval has gone by."""
        for number, alarm in self._alarms.items():
            if alarm.is_due(tokens_done):
                self._callbacks[number].on_interval(model)
                alarm.restart(tokens_done)
