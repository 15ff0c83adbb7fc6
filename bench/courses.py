"""Words a second of the trainer alone: one model, trained for some seconds at a time over ids that are there already.

For roofline.py and growth.py, which measure many settings and cannot wait for whole epochs. Deliberately nothing about
reading text or quality (compare.py has both). Invariant: tokens, predictions and seconds of a figure belong together;
an epoch that is stopped counts what it had finished.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v import Word2Vec, _train, trainer
from fastw2v.settings import Settings

WARM_UP = 0.05  # seconds in which memory is handed out


def settings_of(model: str, loss: str, size: int, threads: int, **more: Any) -> Settings:
    """fastw2v's settings of a model with everything else by default."""
    return Word2Vec(
        sg=int(model == "sg"), loss=loss, vector_size=size, workers=threads, progress=False, **more
    ).settings


@dataclass(frozen=True)
class Pace:
    """What was done in some seconds: tokens that were read, predictions that were learnt."""

    tokens: int
    predictions: int
    seconds: float

    @property
    def words_per_second(self) -> float:
        """Words of the vocabulary."""
        return self.tokens / self.seconds


class Course:
    """A model and the ids it is trained on.

    Parameters
    ----------
    settings : Settings
        fastw2v's own.
    counts : int64 array [V]
    ids : int32 array
        With LINE_END (-1) after each line. Any part of a corpus of which `counts` tell.
    matrices : pair of float32 arrays [V, stride], optional
        To train on, shared with other courses; start matrices of its own by default.
    """

    def __init__(
        self,
        settings: Settings,
        counts: np.ndarray,
        ids: np.ndarray,
        matrices: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self.settings, self.counts, self.ids = settings, counts, ids
        self.matrices = matrices or trainer.start_matrices(counts, settings)
        self.plan = trainer.make_plan(settings, counts, *self.matrices, int(counts.sum()))
        self._epochs = itertools.count()
        self.run(WARM_UP)

    def run(self, seconds: float, start: float = 0.0) -> Pace:
        """Train for `seconds`, from a place on that is `start` (0 to 1) of the ids away from their beginning."""
        tokens = predictions = 0
        shard = int(start * _train.shard_count(len(self.ids)))
        began = now = time.perf_counter()
        while now - began < seconds:
            progress = _train.Progress(next_shard=shard)
            alarm = threading.Timer(seconds - (now - began), progress.stop)
            alarm.start()
            alpha = self.settings.alpha
            try:
                self.plan.train_epoch(
                    self.ids, progress, epoch=next(self._epochs), lr_start=alpha, lr_end=alpha
                )
            except _train.Stopped:
                pass
            finally:
                alarm.cancel()
            tokens, predictions = tokens + progress.tokens_done, predictions + progress.n_predictions
            shard, now = 0, time.perf_counter()
        return Pace(tokens, predictions, now - began)
