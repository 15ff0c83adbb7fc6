"""Hyper-parameters shared by every program under comparison, and the named presets.

This is deliberately not a second copy of fastw2v's own settings: it holds only what all programs have in
common, so that a comparison cannot give one of them something that the others lack. Used by compare.py,
threads.py and, in the child process, one_run.py. Invariant: a Settings is complete, checked, and goes to
JSON and back unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "sg-default": {"model": "sg"},
    "sg-tuned": {"model": "sg", "alpha": 0.05, "sample": 1e-4},
    "sg-300": {"model": "sg", "size": 300, "epochs": 1},
    "cbow-default": {"model": "cbow"},
    "sg-hs": {"model": "sg", "loss": "hs"},
    "cbow-hs": {"model": "cbow", "loss": "hs"},
}


class BenchError(ValueError):
    """A benchmark that cannot be done as asked; its message says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """What is trained. The defaults are gensim 4's, except that skip-gram is the model.

    Attributes
    ----------
    model : {"sg", "cbow"}
        Skip-gram or continuous bag of words.
    loss : {"ns", "hs"}
        Negative sampling or hierarchical softmax.
    size, window, negative, epochs, min_count : int
        Dimensions, words to each side, noise words a pair (negative sampling only), epochs, rarest count
        kept.
    alpha, min_alpha, sample : float
        First and last learning rate; threshold of subsampling (0: none).
    """

    model: str = "sg"
    loss: str = "ns"
    size: int = 100
    window: int = 5
    negative: int = 5
    epochs: int = 5
    alpha: float = 0.025
    min_alpha: float = 1e-4
    sample: float = 1e-3
    min_count: int = 5

    def __post_init__(self) -> None:
        """Refuse what no program could train, before anything has been started."""
        if self.model not in ("sg", "cbow"):
            raise BenchError(f"model must be sg or cbow, not {self.model!r}")
        if self.loss not in ("ns", "hs"):
            raise BenchError(f"loss must be ns or hs, not {self.loss!r}")
        for name in ("size", "window", "negative", "epochs", "min_count"):
            if getattr(self, name) < 1:
                raise BenchError(f"{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.min_alpha <= self.alpha:
            raise BenchError(f"alpha must be at least {self.min_alpha}, not {self.alpha}")
        if self.sample < 0:
            raise BenchError(f"sample must be 0 (no subsampling) or more, not {self.sample}")

    def describe(self) -> str:
        """Return the settings in a few words, as a table's caption."""
        model = "skip-gram" if self.model == "sg" else "CBOW"
        noise = f", {self.negative} negatives" if self.loss == "ns" else ""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return (
            f"{model} {self.loss.upper()}{noise}, {self.size} dimensions, window {self.window}, {epochs}, "
            f"alpha {self.alpha:g}, sample {self.sample:g}, min-count {self.min_count}"
        )

    def matrix_bytes(self, n_words: int) -> int:
        """Return the bytes of the two float32 matrices of `n_words` rows: what no program can do without."""
        return 2 * 4 * self.size * n_words


FIELD_TYPES: dict[str, type] = {field.name: type(field.default) for field in fields(Settings)}


def resolve(preset: str | None, explicit: Mapping[str, Any]) -> tuple[str, Settings]:
    """Return (name, settings): the defaults, then the preset's values, then those given explicitly.

    Raises
    ------
    BenchError
        If there is no such preset, or a value is out of range.
    """
    if preset is not None and preset not in PRESETS:
        raise BenchError(f"there is no preset {preset!r}; the presets are {', '.join(PRESETS)}")
    settings = Settings(**{**(PRESETS[preset] if preset else {}), **explicit})
    return preset or f"{settings.model}-{settings.loss}", settings
