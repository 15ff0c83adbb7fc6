"""One call of `train`: the epochs, and who is asked at their pauses, callbacks first and then the checkpoint.

A checkpoint so holds what callbacks have changed, and resuming from it does not call them again. training.py makes
sessions; running epochs is epochs.py's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastw2v.callbacks import CallbackList
from fastw2v.checkpoint import Checkpoint
from fastw2v.corpus import EncodedCorpus
from fastw2v.epochs import EPOCH_BEGIN, EPOCH_END, EPOCH_INTERRUPT, EPOCH_UNBEGUN, EpochRun, Watch
from fastw2v.model_parts import Run
from fastw2v.trainer import make_plan

if TYPE_CHECKING:
    from fastw2v.training import TrainingMixin

# How long Ctrl-C may wait for a place where a last checkpoint can be written.
INTERRUPT_SECONDS = 10.0


@dataclass
class Session:
    """
    A training that is about to begin, or to be gone on with.

    Parameters
    ----------
    model : Word2Vec
        With a vocabulary.
    corpus : EncodedCorpus
        Encoded with that vocabulary.
    run : Run
        Where it is; moves along.
    callbacks : CallbackList
    checkpoint : Checkpoint, optional
    """

    model: TrainingMixin
    corpus: EncodedCorpus
    run: Run
    callbacks: CallbackList
    checkpoint: Checkpoint | None = None

    @property
    def tokens_done(self) -> int:
        """Tokens of the vocabulary that were trained on since the first epoch began."""
        position = self.run.position
        return position.epochs_done * self.corpus.n_tokens + position.tokens_done

    def train(self) -> tuple[int, int]:
        """
        Train to the end, or until somebody stops it.

        Returns
        -------
        tuple of int
            Tokens of the vocabulary that were trained on here, and words read.

        Raises
        ------
        ValueError
            There is nothing to train on.
        OSError
            The first checkpoint cannot be written; nothing was trained.
        """
        model, corpus, run = self.model, self.corpus, self.run
        if corpus.n_tokens == 0:
            raise ValueError("no word of the corpus is in the vocabulary: there is nothing to train on")
        assert model._vocabulary is not None
        counts, vectors = model._vocabulary.counts, (model._in_vecs, model._out_vecs)
        plan = make_plan(model.settings, counts, *vectors, corpus.n_tokens, model._memory, run.frozen)
        alarms = [*self.callbacks.alarms, *([self.checkpoint.alarm] if self.checkpoint else ())]
        grace = 0.0 if self.checkpoint is None else INTERRUPT_SECONDS
        watch = Watch(self._at_pause, alarms, lambda: run.is_stopping, grace, model.progress)
        epochs = EpochRun(
            plan, model.settings, corpus, run.position, lambda: run.alphas, model.history, watch
        )
        before = self.tokens_done
        model._refuse_while_training("another train()")
        if self.checkpoint is not None:
            self.checkpoint.begin(model, run, corpus, before)
        model._run, run.is_active = run, True
        try:
            self.callbacks.tell("on_train_begin", model)
            self.callbacks.start(before)
            epochs.run()
            if self.checkpoint is not None:
                self.checkpoint.save(model, run, corpus)
            self.callbacks.tell("on_train_end", model)
        finally:
            run.is_active = False
            model.wv.fill_norms(force=True)
        trained = self.tokens_done - before
        return trained, round(trained / corpus.n_tokens * corpus.n_raw_words)

    def _at_pause(self, point: str) -> None:
        model, position = self.model, self.run.position
        if point == EPOCH_INTERRUPT:
            if self.checkpoint is not None:
                self.checkpoint.save(model, self.run, self.corpus)
            return
        if point == EPOCH_UNBEGUN:
            model.epochs_done = position.first_epoch + position.epochs_done
            return
        if len(self.callbacks):
            model.wv.fill_norms(force=True)
        if point == EPOCH_BEGIN:
            self.callbacks.tell("on_epoch_begin", model)
            # An epoch that was begun counts: going on must not draw its random numbers again.
            model.epochs_done = position.first_epoch + position.epochs_done + 1
            return
        self.callbacks.tell_due(model, self.tokens_done)
        if point == EPOCH_END:
            self.callbacks.tell("on_epoch_end", model)
        if self.checkpoint is not None:
            self.checkpoint.save_if_due(
                model, self.run, self.corpus, self.tokens_done, at_epoch_end=point == EPOCH_END
            )
