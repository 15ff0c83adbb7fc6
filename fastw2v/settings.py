"""The hyper-parameters of a model, checked once, here, with messages that say what to do.

gensim's arguments are translated into ours in this file and nowhere else: `sg` becomes `model`, `hs` and `negative`
become `loss`. Everything below the Python surface trusts a `Settings` object.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastw2v.losses import LOSSES
from fastw2v.machine import MAX_WORKERS, default_workers
from fastw2v.optimizers import OPTIMIZERS


class _Default:
    """Marks a number as a default, so that an explicit `negative=5` can be told from none."""


class _DefaultInt(int, _Default):
    pass


class _DefaultFloat(float, _Default):
    pass


# What a signature shows is what holds for negative sampling; losses.py knows what suits the others.
DEFAULT_NEGATIVE = _DefaultInt(LOSSES["ns"].negative)
DEFAULT_NS_EXPONENT = _DefaultFloat(LOSSES["ns"].ns_exponent)
DEFAULT_ALPHA = _DefaultFloat(LOSSES["ns"].alpha)


def check_int(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int in low..high, or TypeError / ValueError naming the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if number < low or (high is not None and number > high):
        allowed = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {allowed}, not {number}")
    return number


def check_workers(workers: Any) -> int:
    """The number of threads that was asked for, checked, or `default_workers` for None."""
    return default_workers() if workers is None else check_int("workers", workers, 1, MAX_WORKERS)


def check_float(name: str, value: Any, low: float = -math.inf, *, above: bool = False) -> float:
    """`value` as a finite float >= low (> low if `above`), or TypeError / ValueError naming the argument."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {value!r}") from None
    if not math.isfinite(number) or number < low or (above and number == low):
        bound = "finite" if low == -math.inf else f"{'above' if above else 'at least'} {low:g} and finite"
        raise ValueError(f"{name} must be {bound}, not {number}")
    return number


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value` if it is one of the choices, or ValueError that lists them."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return str(value)


def check_words(name: str, words: Any) -> list[str]:
    """`words` as a list, or TypeError naming the argument."""
    try:
        listed = None if isinstance(words, (str, bytes)) else list(words)
    except TypeError:
        listed = None
    if listed is None or not all(isinstance(word, str) for word in listed):
        raise TypeError(f"{name} must be a list of words, not {words!r}")
    return listed


def resolve_loss(loss: str | None, hs: int, negative: int) -> tuple[str, int]:
    """Translate gensim's `hs` and `negative` and our `loss` into (loss, number of noise words).

    DIFFERS: gensim trains two output layers at once for hs=1 with negative > 0, its default; here a model has one.
    """
    explicit = not isinstance(negative, _Default)
    n_noise = check_int("negative", negative, 0, 1 << 20)
    hs = check_int("hs", hs, 0, 1)
    if loss is not None:
        check_choice("loss", loss, tuple(LOSSES))
        if hs and loss != "hs":
            raise ValueError(f"hs=1 contradicts loss={loss!r}; give one of them")
    chosen = loss or ("hs" if hs else "ns")
    layer = LOSSES[chosen]
    if layer.negative == 0:
        if explicit and n_noise > 0:
            raise ValueError(
                f"{layer.title} draws no noise words, but negative={n_noise}: leave"
                " negative out, or choose a loss that draws some, such as loss='ns'"
            )
        return chosen, 0
    if not explicit:
        return chosen, layer.negative
    if n_noise == 0:
        raise ValueError("negative=0 leaves nothing to learn from: give negative >= 1, or hs=1")
    return chosen, n_noise


def resolve_batch(
    loss: str, batch_size: int | None, nce_z: float | str | None
) -> tuple[int | None, float | None]:
    """Check the settings of the losses that learn from mini-batches: (batch_size, nce_z or None if it is learnt)."""
    if batch_size is not None and LOSSES[loss].most_window_noise is None:
        raise ValueError(f"loss={loss!r} learns window by window: batch_size is for the other losses")
    if nce_z is not None and loss != "nce":
        raise ValueError(f"nce_z is for loss='nce', not for loss={loss!r}")
    size = None if batch_size is None else check_int("batch_size", batch_size, 1, 1 << 16)
    if isinstance(nce_z, str):
        check_choice("nce_z, unless it is a number,", nce_z, ("learn",))
        return size, None
    return size, 1.0 if nce_z is None else check_float("nce_z", nce_z, 0.0, above=True)


def resolve_optimizer(optimizer: str, options: Mapping[str, float] | None) -> dict[str, float]:
    """Check the optimizer and its options; returns those that were given."""
    known = OPTIMIZERS[check_choice("optimizer", optimizer, tuple(OPTIMIZERS))].options
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise TypeError(f"optimizer_options must be a dictionary such as {dict(known)}, not {options!r}")
    for name, value in options.items():
        if name not in known:
            names = ", ".join(map(repr, known)) or "none"
            raise ValueError(f"{optimizer!r} has no option {name!r}; it has {names}")
        number = check_float(f"optimizer_options[{name!r}]", value, 0.0, above=name == "epsilon")
        if name != "epsilon" and number >= 1:
            raise ValueError(f"optimizer_options[{name!r}] must be below 1, not {number:g}")
    return {name: float(value) for name, value in options.items()}


def check_which(which: str, loss: str) -> str:
    """Check the choice among the matrices that can be the word vectors."""
    check_choice("which", which, ("in", "out", "sum", "concat"))
    if loss == "hs" and which != "in":
        raise ValueError(
            f"which={which!r}: the output vectors of hierarchical softmax belong to the inner nodes of the tree,"
            " not to words; only 'in' is possible"
        )
    return which


@dataclass(frozen=True)
class Settings:
    """The checked hyper-parameters. Field names are gensim's where it has them; `Word2Vec` documents them."""

    vector_size: int
    alpha: float
    min_alpha: float
    window: int
    min_count: int
    max_final_vocab: int | None
    sample: float
    seed: int
    workers: int
    model: str
    loss: str
    negative: int
    ns_exponent: float
    cbow_mean: int
    cbow_update: str
    shrink_windows: bool
    share_noise: bool
    epochs: int
    batch_size: int | None = None
    nce_z: float | None = 1.0
    optimizer: str = "sgd"
    optimizer_options: dict[str, float] = field(default_factory=dict)
    clip_norm: float | None = None
    deterministic: bool = False

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Settings:
        """Check the constructor's arguments of `Word2Vec`, given by name."""
        given = dict(arguments)
        loss, negative = resolve_loss(given["loss"], given["hs"], given["negative"])
        batch_size, nce_z = resolve_batch(loss, given["batch_size"], given["nce_z"])
        optimizer, clip_norm = given["optimizer"], given["clip_norm"]
        options = resolve_optimizer(optimizer, given["optimizer_options"])
        suited_alpha = OPTIMIZERS[optimizer].alpha or LOSSES[loss].alpha
        for name, suited in (("alpha", suited_alpha), ("ns_exponent", LOSSES[loss].ns_exponent)):
            if isinstance(given[name], _Default):
                given[name] = suited
        alpha = check_float("alpha", given["alpha"], 0.0, above=True)
        min_alpha = check_float("min_alpha", given["min_alpha"], 0.0)
        if min_alpha > alpha:
            raise ValueError(f"min_alpha ({min_alpha:g}) must not exceed alpha ({alpha:g})")
        most = given["max_final_vocab"]
        return cls(
            vector_size=check_int("vector_size", given["vector_size"], 1, 1 << 20),
            alpha=alpha,
            min_alpha=min_alpha,
            window=check_int("window", given["window"], 1, 1 << 20),
            min_count=check_int("min_count", given["min_count"], 0),
            max_final_vocab=None if most is None else check_int("max_final_vocab", most, 1),
            sample=check_float("sample", given["sample"], 0.0),
            seed=check_int("seed", given["seed"], -(1 << 63), (1 << 64) - 1),
            workers=check_workers(given["workers"]),
            model="sg" if check_int("sg", given["sg"], 0, 1) else "cbow",
            loss=loss,
            negative=negative,
            ns_exponent=check_float("ns_exponent", given["ns_exponent"]),
            cbow_mean=check_int("cbow_mean", given["cbow_mean"], 0, 1),
            cbow_update=check_choice("cbow_update", given["cbow_update"], ("word2vec", "exact")),
            shrink_windows=bool(check_int("shrink_windows", given["shrink_windows"], 0, 1)),
            share_noise=bool(check_int("share_noise", given["share_noise"], 0, 1)),
            epochs=check_int("epochs", given["epochs"], 1),
            batch_size=batch_size,
            nce_z=nce_z,
            optimizer=optimizer,
            optimizer_options=options,
            clip_norm=None if clip_norm is None else check_float("clip_norm", clip_norm, 0.0, above=True),
            deterministic=bool(check_int("deterministic", given["deterministic"], 0, 1)),
        )

    @property
    def has_bias(self) -> bool:
        """Whether each word has a bias: number D of its row of the output vectors."""
        return LOSSES[self.loss].has_bias

    @property
    def batched(self) -> bool:
        """Whether the model learns from mini-batches; else window by window."""
        most = LOSSES[self.loss].most_window_noise
        if most is None:
            return False
        return self.batch_size is not None or self.nce_z is None or self.negative > most

    def to_arguments(self) -> dict[str, Any]:
        """The constructor's arguments of `Word2Vec` that make these settings, by name."""
        arguments = asdict(self)
        nce_z = "learn" if self.nce_z is None else self.nce_z
        arguments |= {"sg": int(arguments.pop("model") == "sg"), "hs": 0}
        return arguments | {"nce_z": nce_z if self.loss == "nce" else None}

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Compare with arguments for the constructor of `Word2Vec`, some or all.

        Raises
        ------
        TypeError
            There is no such argument.
        ValueError
            They mean other settings; the message says which.
        """
        known = self.to_arguments()
        for name in arguments:
            if name not in known:
                raise TypeError(f"{name} is not a setting of a model")
        given = dict(arguments)
        loss = given.pop("loss", None) or ("hs" if given.pop("hs", 0) else self.loss)
        found, own = {"loss": loss}, asdict(self)
        if loss == self.loss:
            found = asdict(Settings.from_arguments({**known, "min_alpha": 0.0, **given}))
            found["min_alpha"] = given.get(
                "min_alpha", self.min_alpha
            )  # callbacks may have changed both freely
        differing = [
            f"{name} is {own[name]!r} there and {found[name]!r} here"
            for name in found
            if found[name] != own[name]
        ]
        if differing:
            raise ValueError(f"the settings are not those of the checkpoint: {', '.join(differing)}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Settings of what `to_dict` gave, checked like those of a user: a file may say anything.

        Raises
        ------
        TypeError, ValueError
            They are not what `to_dict` gives.
        """
        settings = cls(**values)
        checked = cls.from_arguments({**settings.to_arguments(), "min_alpha": 0.0})
        # A callback may have let alpha fall below min_alpha.
        checked = replace(checked, min_alpha=check_float("min_alpha", settings.min_alpha, 0.0))
        if checked != settings:
            raise ValueError("the settings are damaged")
        return checked

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)
