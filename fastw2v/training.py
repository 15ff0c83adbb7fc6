"""How a model is trained: `Word2Vec.train`, its callbacks, and what can be asked and changed meanwhile.

Running epochs is epochs.py's work; this mixin of `Word2Vec` prepares a run, and has its say at each pause, where no
thread of C is running.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastw2v import checkpoint as checkpoints
from fastw2v.callbacks import CallbackList
from fastw2v.checkpoint import Checkpoint
from fastw2v.corpus import Corpus, EncodedCorpus
from fastw2v.epochs import Position
from fastw2v.id_cache import check_cache
from fastw2v.model_parts import ModelParts, Run, Sentences
from fastw2v.session import Session
from fastw2v.settings import check_float, check_int, check_words, check_workers

Path = str | os.PathLike[str]
Model = TypeVar("Model", bound="TrainingMixin")


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
        *,
        frozen: Iterable[str] | NDArray[np.bool_] | None = None,
        checkpoint: Path | None = None,
        checkpoint_every: int | str = "epoch",
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
        frozen : iterable of str or bool array [V], optional
            Words whose vectors stay as they are, to the bit; unknown ones are left out. Their output vectors, which say
            where they are likely, go on learning. Default: those of the class, and those that
            `KeyedVectors.intersect_word2vec_format` has locked; an empty list for none.
        checkpoint : path, optional
            A file that is replaced, at once or not at all, by all that is needed to go on with this training, when it
            begins, every `checkpoint_every`, and when it ends. See `resume`. Writing it changes no result of one
            worker, or of deterministic training. A file that holds another training, half done, is not replaced.
        checkpoint_every : int or str, default "epoch"
            So many tokens of the vocabulary, as a number; a time, as ``"30s"``, ``"10min"``, ``"2h"``; or ``"epoch"``.
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
        OSError
            The checkpoint cannot be written, or is there already and unfinished (FileExistsError); nothing was trained.
            When a later one cannot be written, that is a warning.
        KeyboardInterrupt
            Ctrl-C: training stopped within a second, or seconds where there is a last checkpoint to be written first,
            and the model holds what it had learnt. Another Ctrl-C does not wait for the checkpoint.
        Exception
            Whatever a callback raises; the same holds.
        """
        self._refuse_while_training("another train()")
        listed = CallbackList(callbacks)
        written = None if checkpoint is None else Checkpoint(checkpoint, checkpoint_every)
        if self._vocabulary is None:
            raise RuntimeError(
                "there is no vocabulary yet: call build_vocab first, or give the class a corpus"
            )
        self._check_vectors_are_its_own("trained")
        n_epochs = self.settings.epochs if epochs is None else check_int("epochs", epochs, 1)
        start = (
            self.alpha if start_alpha is None else check_float("start_alpha", start_alpha, 0.0, above=True)
        )
        end = self.min_alpha if end_alpha is None else check_float("end_alpha", end_alpha, 0.0)
        corpus = self._encoded(corpus_iterable, corpus_file)
        run = Run(Position(self.epochs_done, n_epochs), start, end, self._frozen_rows(frozen))
        return self._session(corpus, run, listed, written).train()

    @classmethod
    def resume(
        cls: type[Model],
        path: Path,
        corpus_iterable: Sentences | None = None,
        corpus_file: Any = None,
        *,
        workers: int | None = None,
        callbacks: Iterable[Any] = (),
        checkpoint: Path | None = None,
        checkpoint_every: int | str | None = None,
        memory_budget: int | None = None,
        cache_ids: bool | Path = False,
        progress: bool | None = None,
        **settings: Any,
    ) -> Model:
        """Go on with a training from its newest checkpoint, to the end.

        With one worker, then and now, or in deterministic training with any number, the result is the same, byte for
        byte, as if nothing had happened.

        Parameters
        ----------
        path : path
            The file that `train` was given as `checkpoint`.
        corpus_iterable, corpus_file
            The same corpus; exactly one of them. It is read again, since it is not part of a checkpoint.
        workers : int, optional
            Default: as many as before.
        callbacks
            As for `train`; nothing of earlier ones is in the file.
        checkpoint, checkpoint_every : optional
            Where and how often to write from now on. Default: to `path`, as often as before.
        memory_budget, cache_ids, progress : optional
            As for the class; a cache is used where there is one, and not written.
        **settings
            Arguments that the model was made with, to be compared with what the checkpoint says. None is needed.

        Returns
        -------
        Word2Vec
            The trained model; at once, when the checkpoint is from the end.

        Raises
        ------
        OSError
            The file or the corpus is missing or unreadable.
        ValueError
            The file is not a checkpoint or is damaged; the corpus or one of the `settings` is not that of the
            checkpoint: the message says what differs.
        TypeError
            There is not exactly one corpus, or no such setting.
        """
        listed = CallbackList(callbacks)
        corpus = Corpus.open(corpus_iterable, corpus_file)
        model: Model
        model, run, fingerprint, every = checkpoints.read(cls, path)
        model.settings.check_arguments(settings)
        if workers is not None:
            model.settings = replace(model.settings, workers=check_workers(workers))
        model.memory_budget = None if memory_budget is None else check_int("memory_budget", memory_budget, 0)
        model.cache_ids = check_cache(cache_ids)
        model.progress = progress
        written = Checkpoint(checkpoint or path, checkpoint_every or every)
        if checkpoint is None:
            written.resumed(run)
        encoded = model._encode(corpus)
        checkpoints.check_corpus(fingerprint, encoded)
        model._session(encoded, run, listed, written).train()
        return model

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
        return self.running_training_loss

    @property
    def running_training_loss(self) -> float:
        """As `get_latest_training_loss`; a callback may set it, to 0 after each epoch, say."""
        return 0.0 if self._run is None else self._run.position.loss_before + self._run.position.loss

    @running_training_loss.setter
    def running_training_loss(self, value: float) -> None:
        if self._run is not None:
            self._run.position.loss_before = float(value) - self._run.position.loss

    @property
    def total_train_time(self) -> float:
        """Seconds that the epochs in `history` took."""
        return sum(entry["seconds"] for entry in self.history)

    def _frozen_rows(self, frozen: Iterable[str] | NDArray[np.bool_] | None) -> NDArray[np.uint8] | None:
        """What a plan wants to know of `frozen`, or of the model's own where that is None."""
        assert self._vocabulary is not None
        if isinstance(frozen, np.ndarray) and frozen.dtype == bool:
            if frozen.shape != (len(self._vocabulary),):
                raise ValueError(
                    f"frozen: a mask needs {len(self._vocabulary)} values, one for each word, not {frozen.shape}"
                )
            mask = frozen.astype(np.uint8)
        else:
            mask = self.wv.locked_rows() if frozen is None else np.zeros(len(self._vocabulary), np.uint8)
            words = (self.frozen or []) if frozen is None else check_words("frozen", frozen)
            mask[[id for word in words if (id := self._vocabulary.id_of.get(word)) is not None]] = 1
        return mask if mask.any() else None

    def _session(
        self, corpus: EncodedCorpus, run: Run, callbacks: CallbackList, checkpoint: Checkpoint | None
    ) -> Session:
        if checkpoint is not None and self._corpus is not None:
            checkpoint.refuse_corpus(self._corpus[0])
        return Session(self, corpus, run, callbacks, checkpoint)
