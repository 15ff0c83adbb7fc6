"""Checkpoints: a model in training, in a file, with all that is needed to go on as if nothing had happened.

A checkpoint is a model file (`Word2Vec.load` and `KeyedVectors.load` read it) with a note: how far training is, the
learning rates, and what the corpus was. Between two shards of the corpus there is no other state (src_c/shards.h). The
file is replaced at once or not at all, so whenever the process or the machine dies, the last complete one is there.
training.py writes and reads them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fastw2v import model_file, word2vec_file
from fastw2v.corpus import Corpus, EncodedCorpus
from fastw2v.epochs import Position
from fastw2v.intervals import Alarm, Interval
from fastw2v.model_parts import Run

FilePath = str | os.PathLike[str]


class Checkpoint:
    """
    Where and how often a training is written to a file.

    Parameters
    ----------
    path : str or os.PathLike
    every : int or str
        See `Interval.parse`.
    """

    def __init__(self, path: FilePath, every: Any = "epoch") -> None:
        self.path = Path(path)
        self._interval = Interval.parse("checkpoint_every", every)
        self.alarm = Alarm(self._interval)
        self._saved: tuple[int, int] | None = None  # the epoch and the shard of the newest one

    def refuse_corpus(self, corpus: Corpus) -> None:
        """Raise ValueError if the file is one of the corpus, which would be overwritten."""
        if any(self.path.exists() and self.path.samefile(file.path) for file in corpus.files or ()):
            raise ValueError(
                f"checkpoint={str(self.path)!r} is a file of the corpus and would be overwritten"
            )

    def begin(self, model: Any, run: Run, corpus: EncodedCorpus, tokens_done: int) -> None:
        """
        Count the interval from now on, and write the first checkpoint: what is wrong with the path shows now.

        Raises
        ------
        FileExistsError
            The file holds a training that was neither completed nor stopped: days of work, perhaps.
        OSError
            It cannot be written.
        """
        self.alarm.restart(tokens_done)
        if self._saved is None:
            if _is_unfinished(self.path):
                advice = "holds an unfinished training: go on with that (resume), or delete the file"
                raise FileExistsError(errno.EEXIST, advice, str(self.path))
            self._write(model, run, corpus)

    def save_if_due(
        self, model: Any, run: Run, corpus: EncodedCorpus, tokens_done: int, *, at_epoch_end: bool
    ) -> None:
        """Write a checkpoint if it is time."""
        if self.alarm.is_due(tokens_done) or (at_epoch_end and self._interval == Interval()):
            self.save(model, run, corpus)
            self.alarm.restart(tokens_done)

    def save(self, model: Any, run: Run, corpus: EncodedCorpus) -> None:
        """Write a checkpoint, unless the newest one is as far. When that fails, training is worth more: a warning."""
        if self._saved == _place(run):
            return
        try:
            self._write(model, run, corpus)
        except OSError as error:
            warnings.warn(
                f"the checkpoint could not be written, the previous one stays: {error}", RuntimeWarning, 2
            )

    def resumed(self, run: Run) -> Checkpoint:
        """Say that the file is as far as this run, and return itself."""
        self._saved = _place(run)
        return self

    def _write(self, model: Any, run: Run, corpus: EncodedCorpus) -> None:
        note = {
            "position": asdict(run.position),
            "start_alpha": run.start_alpha,
            "end_alpha": run.end_alpha,
            "every": str(self._interval),
            "stopped": run.is_stopping,
            "corpus": corpus.fingerprint,
        }
        # A name of its own for the unfinished file: the next writer removes what a killed one has left behind.
        name = hashlib.blake2b(os.fsencode(self.path.name), digest_size=8).hexdigest()
        tensors = {} if run.frozen is None else {"frozen": run.frozen}
        word2vec_file.write(
            model, self.path, {"training": json.dumps(note)}, tensors, temporary=f".fastw2v-{name}.tmp"
        )
        self._saved = _place(run)


def _place(run: Run) -> tuple[int, int]:
    return run.position.epochs_done, run.position.next_shard


def _is_unfinished(path: Path) -> bool:
    """Whether there is a checkpoint that somebody may want to go on with; anything else may be replaced."""
    try:
        note = json.loads(model_file.read(path, ())[1]["training"])
        position = Position(**note["position"])
        return not (
            position.is_over
            or note["stopped"]
            or position == Position(position.first_epoch, position.n_epochs)
        )
    except (OSError, KeyError, TypeError, ValueError):
        return False


def read(cls: type[Any], path: FilePath) -> tuple[Any, Run, dict[str, Any], str]:
    """
    Read a checkpoint.

    Returns
    -------
    model : Word2Vec
    run : Run
    fingerprint : dict
        Of the corpus (see `EncodedCorpus.fingerprint`).
    every : str
        How often checkpoints were written.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        It is not a checkpoint, or is damaged.
    """
    model, tensors, metadata = word2vec_file.read_all(cls, path)
    if "training" not in metadata:
        raise ValueError(
            f"{path}: a finished model, not a checkpoint: Word2Vec.load reads it, and train() trains it on"
        )
    try:
        note = json.loads(metadata["training"])
        run = Run(Position(**note["position"]), float(note["start_alpha"]), float(note["end_alpha"]))
        fingerprint, every = dict(note["corpus"]), str(note["every"])
        Interval.parse("every", every)
        _check(run.position)
        run.frozen = tensors.get("frozen")
        if run.frozen is not None and (run.frozen.dtype != np.uint8 or run.frozen.shape != (len(model.wv),)):
            raise ValueError("which words are frozen does not fit the vocabulary")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged checkpoint ({error})") from error
    return model, run, fingerprint, every


def _check(position: Position) -> None:
    numbers = asdict(position)
    counts = [numbers.pop(name) for name in ("loss", "seconds", "loss_before")]
    whole = all(type(value) is int and 0 <= value < 1 << 48 for value in numbers.values())
    if not whole or not all(type(value) in (int, float) for value in counts):
        raise ValueError("its position is no position")


def check_corpus(expected: dict[str, Any], corpus: EncodedCorpus) -> None:
    """
    Compare a corpus with that of a checkpoint.

    Raises
    ------
    ValueError
        They are not the same; the message says what differs.
    """
    found = corpus.fingerprint
    differing = [name for name in found if found[name] != expected.get(name)]
    if not differing:
        return
    counts = ", ".join(
        f"{expected.get(name)} {name.replace('_', ' ')} there and {found[name]} here"
        for name in differing
        if name != "digest"
    )
    what = counts or "as many lines and words, but other words or another order"
    raise ValueError(f"the corpus is not that of the checkpoint: {what}")
