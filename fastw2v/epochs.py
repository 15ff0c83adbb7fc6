"""Runs epochs, watches while C works, and pauses where somebody wants to have a say.

An epoch runs in a thread of its own without the GIL; the calling thread polls its counters, moves the progress bar and
stops it on Ctrl-C. Between two shards of the corpus an epoch can pause and be gone on with: `Position` and the model's
arrays are then all there is. Nothing here knows about words, files or callbacks; training.py calls it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from fastw2v import _train
from fastw2v.corpus import EncodedCorpus
from fastw2v.errors import DivergedError
from fastw2v.intervals import Alarm
from fastw2v.progress import Progress
from fastw2v.settings import Settings
from fastw2v.teams import ensure_threads

POLL_SECONDS = 0.1
# Mean loss per prediction, for each noise word, above which numbers are finite but meaningless: the kernels' guard lets
# runaway vectors grow by addition only. Guessing costs 0.7 per target, 40 on the longest path of a Huffman tree.
LOSS_LIMIT = 200.0

EPOCH_BEGIN, EPOCH_PAUSE, EPOCH_END = "epoch_begin", "epoch_pause", "epoch_end"
EPOCH_INTERRUPT, EPOCH_UNBEGUN = "epoch_interrupt", "epoch_unbegun"


@dataclass
class Position:
    """How far a call of `train` is: with the model's arrays, all that is needed to go on with it."""

    first_epoch: int
    """What the first epoch is called, from 0 on; its random numbers depend on it."""
    n_epochs: int
    """How many are wanted."""
    epochs_done: int = 0
    next_shard: int = 0
    """Where the epoch that is under way goes on; 0 between epochs."""
    tokens_done: int = 0
    """Of that epoch; so are the next three."""
    n_predictions: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    loss_before: float = 0.0
    """Sum over the predictions of all epochs that are done (a callback may have set it to something else)."""

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done."""
        return self.epochs_done >= self.n_epochs


@dataclass(frozen=True)
class Watch:
    """Those who want to have a say while epochs run; everything here is optional."""

    at_pause: Callable[[str], None] = lambda point: None
    """Called with one of EPOCH_BEGIN, EPOCH_PAUSE, EPOCH_END, or EPOCH_INTERRUPT, while nothing of C runs; or with
    EPOCH_UNBEGUN, when there was no memory for an epoch of which nothing has been learnt yet."""
    alarms: Sequence[Alarm] = ()
    """When to pause within an epoch. Whoever is called at the pause starts them again."""
    is_stopping: Callable[[], bool] = lambda: False
    """Once this says so, training pauses and ends."""
    grace_seconds: float = 0.0
    """How long Ctrl-C may take to bring about a last pause, EPOCH_INTERRUPT. Another Ctrl-C cuts it short."""
    progress: bool | None = None
    """Whether to show a progress bar; default only on a terminal."""


class EpochRun:
    """
    A call of `train`: epochs one after the other, from a position on.

    Parameters
    ----------
    plan : Plan
        Of `fastw2v._train`.
    settings : Settings
    corpus : EncodedCorpus
    position : Position
        Moves along.
    alphas : callable
        Returns the learning rate at the start and at the end, linear between them over all epochs. It is asked
        again after each pause.
    history : list
        Gets an entry for each epoch that is completed.
    watch : Watch, optional
    """

    def __init__(
        self,
        plan: Any,
        settings: Settings,
        corpus: EncodedCorpus,
        position: Position,
        alphas: Callable[[], tuple[float, float]],
        history: list[dict[str, float]],
        watch: Watch | None = None,
    ) -> None:
        self._plan, self._settings, self._corpus = plan, settings, corpus
        self._position, self._alphas, self._history = position, alphas, history
        self._watch = watch or Watch()

    def run(self) -> None:
        """
        Train until all epochs are done or `watch` stops it.

        Raises
        ------
        DivergedError
            The loss became NaN or infinite, or so large that the scores mean nothing.
        OSError
            So many threads cannot be started; nothing was trained.
        KeyboardInterrupt
            Ctrl-C; the matrices hold what was learnt until then. Without a last pause the epoch cannot be gone on with.
        """
        position, watch = self._position, self._watch
        n_shards = _train.shard_count(len(self._corpus.ids))
        ensure_threads(min(self._settings.workers, n_shards))
        total = self._corpus.n_tokens * position.n_epochs
        with (
            ThreadPoolExecutor(1, thread_name_prefix="fastw2v") as executor,
            Progress(total, "training", "words", watch.progress) as bar,
        ):
            while not position.is_over and not watch.is_stopping():
                if position.next_shard == 0:
                    watch.at_pause(EPOCH_BEGIN)
                    if watch.is_stopping():
                        return
                lr_end, interrupt = self._train_to_pause(executor, bar)
                if interrupt is not None:
                    watch.at_pause(EPOCH_INTERRUPT)
                    raise interrupt
                if position.next_shard < n_shards:
                    watch.at_pause(EPOCH_PAUSE)
                else:
                    self._end_epoch(lr_end)
                    watch.at_pause(EPOCH_END)

    def _train_to_pause(
        self, executor: ThreadPoolExecutor, bar: Progress
    ) -> tuple[float, KeyboardInterrupt | None]:
        """Go on with the epoch, to its end or a pause; returns the learning rate of its end, and any interrupt."""
        position, corpus = self._position, self._corpus
        start, end = self._alphas()
        lr_start, lr_end = (
            start + (end - start) * (position.epochs_done + part) / position.n_epochs for part in (0, 1)
        )
        epoch = position.first_epoch + position.epochs_done
        before = position.epochs_done * corpus.n_tokens
        counters = _train.Progress(
            next_shard=position.next_shard,
            tokens_done=position.tokens_done,
            n_predictions=position.n_predictions,
            loss=position.loss,
        )
        due = [alarm.tokens - before for alarm in self._watch.alarms if alarm.tokens is not None]
        counters.pause_at(min(due, default=0))
        began = time.perf_counter()
        future = executor.submit(
            self._plan.train_epoch, corpus.ids, counters, epoch=epoch, lr_start=lr_start, lr_end=lr_end
        )
        interrupt = None
        try:
            try:
                self._poll(future, counters, bar, before)
            except KeyboardInterrupt as error:
                interrupt = error
                self._pause_or_stop(future, counters)
        except _train.Diverged:
            raise _diverged(epoch, "no longer finite", start) from None
        except MemoryError:
            if counters.tokens_done == 0:
                self._watch.at_pause(EPOCH_UNBEGUN)
            raise
        loss = counters.loss / max(1, counters.n_predictions)
        if loss > LOSS_LIMIT * max(1, self._settings.negative):
            raise _diverged(epoch, f"{loss:.3g} per prediction", start)
        position.seconds += time.perf_counter() - began
        position.next_shard, position.tokens_done = counters.next_shard, counters.tokens_done
        position.n_predictions, position.loss = counters.n_predictions, counters.loss
        return lr_end, interrupt

    def _poll(self, future: Future[None], counters: Any, bar: Progress, tokens_before: int) -> None:
        """Wait for a pause, showing how far the epoch is; any exception here but Ctrl-C stops it first."""
        watch = self._watch
        try:
            while not wait([future], timeout=POLL_SECONDS).done:
                shown = (
                    {"loss": f"{counters.loss / counters.n_predictions:.4f}"}
                    if counters.n_predictions
                    else {}
                )
                tokens_done = tokens_before + counters.tokens_done
                bar.advance_to(tokens_done, **shown)
                if watch.is_stopping() or any(alarm.is_due(tokens_done) for alarm in watch.alarms):
                    counters.pause()
            future.result()
            bar.advance_to(tokens_before + counters.tokens_done)
        except KeyboardInterrupt:
            raise
        except BaseException:
            counters.stop()
            wait([future])
            raise

    def _pause_or_stop(self, future: Future[None], counters: Any) -> None:
        """After Ctrl-C: come to a pause if there is time for that, else stop and let the interrupt go on."""
        try:
            counters.pause()
            if not wait([future], timeout=self._watch.grace_seconds).done:
                raise KeyboardInterrupt
            future.result()
        except KeyboardInterrupt:
            counters.stop()
            wait([future])
            raise

    def _end_epoch(self, lr_end: float) -> None:
        """Write the epoch into the history, and move on to the next."""
        position = self._position
        self._history.append(
            {
                "epoch": position.first_epoch + position.epochs_done + 1,
                "loss": position.loss / max(1, position.n_predictions),
                "predictions": position.n_predictions,
                "alpha": lr_end,
                "seconds": position.seconds,
                "words_per_second": self._corpus.n_tokens / max(position.seconds, 1e-9),
            }
        )
        position.epochs_done += 1
        position.loss_before += position.loss
        position.next_shard = position.tokens_done = position.n_predictions = 0
        position.loss = position.seconds = 0.0


def _diverged(epoch: int, loss: str, alpha: float) -> DivergedError:
    return DivergedError(
        f"training diverged in epoch {epoch + 1}: the loss is {loss} and the vectors are unusable;"
        f" train again with a smaller alpha (it was {alpha:g})"
    )
