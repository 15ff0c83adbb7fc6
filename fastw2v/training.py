"""How a model is trained: `Word2Vec.train`, its callbacks, and what can be asked and changed meanwhile.

Running epochs is epochs.py's work; this mixin of `Word2Vec` prepares a run, and has its say at each pause, where no
thread of C is running.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fastw2v.callbacks import CallbackList
from fastw2v.corpus import EncodedCorpus
from fastw2v.epochs import EPOCH_BEGIN, EPOCH_END, EpochRun, Position, Watch
from fastw2v.model_parts import ModelParts, Run, Sentences
from fastw2v.settings import check_float, check_int
from fastw2v.trainer import make_plan


class TrainingMixin(ModelParts):
    """The training of a model."""

    def train(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: Any = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool | None = None,
        callbacks: Iterable[Any] = (),
    ) -> tuple[int, int]:
        """Train on a corpus, over and above what was learnt before.

        Parameters
        ----------
        corpus_iterable, corpus_file
            As `sentences` and `corpus_file` of the class; neither means the corpus of `build_vocab`. A one-shot
            iterator or an unchanged file that was encoded already is not read again.
        epochs : int, optional
            Default the model's.
        start_alpha, end_alpha : float, optional
            For this call; default the model's `alpha` and `min_alpha`.
        callbacks : iterable, optional
            Objects with some of the methods of `fastw2v.callbacks.Callback`, which are those of gensim's
            `CallbackAny2Vec` and one more. They are called while nothing is being trained, so they may look at the
            model, save it, change `alpha` or `min_alpha`, and call `stop_training`.
        total_examples, total_words, word_count, queue_factor, report_delay, compute_loss
            For gensim's sake; the corpus is counted when it is encoded, and the loss is always computed.

        Returns
        -------
        tuple of int
            Tokens trained on (of the vocabulary) and words read, both over all epochs.

        Raises
        ------
        RuntimeError
            There is no vocabulary yet, or the model is being trained already.
        KeyboardInterrupt
            Ctrl-C: training stopped within a second and the model holds what it had learnt.
        Exception
            Whatever a callback raises; the same holds.
        """
        self._refuse_while_training("another train()")
        listed = CallbackList(callbacks)
        if self._vocabulary is None:
            raise RuntimeError(
                "there is no vocabulary yet: call build_vocab first, or give the class a corpus"
            )
        n_epochs = self.settings.epochs if epochs is None else check_int("epochs", epochs, 1)
        start = (
            self.alpha if start_alpha is None else check_float("start_alpha", start_alpha, 0.0, above=True)
        )
        end = self.min_alpha if end_alpha is None else check_float("end_alpha", end_alpha, 0.0)
        corpus = self._encoded(corpus_iterable, corpus_file)
        return self._train_on(corpus, Run(Position(self.epochs_done, n_epochs), start, end), listed)

    @property
    def alpha(self) -> float:
        """Learning rate at the start. A change within a callback holds for the rest of the training, too."""
        run = self._run
        return run.start_alpha if run is not None and run.is_active else self.settings.alpha

    @alpha.setter
    def alpha(self, value: float) -> None:
        self.settings = replace(self.settings, alpha=check_float("alpha", value, 0.0, above=True))
        if self._run is not None:
            self._run.start_alpha = self.settings.alpha

    @property
    def min_alpha(self) -> float:
        """Learning rate at the end. A change within a callback holds for the rest of the training, too."""
        run = self._run
        return run.end_alpha if run is not None and run.is_active else self.settings.min_alpha

    @min_alpha.setter
    def min_alpha(self, value: float) -> None:
        self.settings = replace(self.settings, min_alpha=check_float("min_alpha", value, 0.0))
        if self._run is not None:
            self._run.end_alpha = self.settings.min_alpha

    def stop_training(self) -> None:
        """End a training that is under way as soon as it pauses, within a second; the model holds what it has learnt.

        Meant for callbacks; another thread may call it, too. An epoch that is cut short has no entry in `history`.
        """
        if self._run is not None:
            self._run.is_stopping = True

    def get_latest_training_loss(self) -> float:
        """The sum of the losses (natural logarithm) of all predictions since the latest `train` began.

        DIFFERS: summed in double and always there; gensim's is a float32, which sticks at 2^27, and 0 without
        ``compute_loss=True``. The mean of each epoch is in `history`. In a callback it is up to date; before
        training it is 0.
        """
        return 0.0 if self._run is None else self._run.position.loss_before + self._run.position.loss

    def _train_on(self, corpus: EncodedCorpus, run: Run, callbacks: CallbackList) -> tuple[int, int]:
        """Run what `run` says, and tell how many tokens were trained on, and words read."""
        if corpus.n_tokens == 0:
            raise ValueError("no word of the corpus is in the vocabulary: there is nothing to train on")
        assert self._vocabulary is not None
        counts, position = self._vocabulary.counts, run.position
        plan = make_plan(self.settings, counts, self._in_vecs, self._out_vecs, corpus.n_tokens, self._memory)

        def tokens_done() -> int:
            return position.epochs_done * corpus.n_tokens + position.tokens_done

        def at_pause(point: str) -> None:
            if len(callbacks):
                self.wv.fill_norms(force=True)
            if point == EPOCH_BEGIN:
                callbacks.tell("on_epoch_begin", self)
                # An epoch that was begun counts: going on must not draw its random numbers again.
                self.epochs_done = position.first_epoch + position.epochs_done + 1
                return
            callbacks.tell_due(self, tokens_done())
            if point == EPOCH_END:
                callbacks.tell("on_epoch_end", self)

        watch = Watch(at_pause, callbacks.alarms, lambda: run.is_stopping, self.progress)
        self._run, run.is_active, before = run, True, tokens_done()
        try:
            callbacks.tell("on_train_begin", self)
            callbacks.start(before)
            EpochRun(
                plan,
                self.settings,
                corpus,
                position,
                lambda: (run.start_alpha, run.end_alpha),
                self.history,
                watch,
            ).run()
            callbacks.tell("on_train_end", self)
        finally:
            run.is_active = False
            self.wv.fill_norms(force=True)
        trained = tokens_done() - before
        return trained, round(trained / corpus.n_tokens * corpus.n_raw_words)
