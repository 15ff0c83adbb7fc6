"""The optimizers: what each is called, what it can be told, and the defaults that suit it. The one table of them.

How they move rows is in src_c/optimizer.h. A step is what is learnt from one window (of four for CBOW) or one batch;
its gradient is the sum over its predictions. A row that a step does not touch stays as it is, and so does what the
optimizer remembers of it: momentum does not coast, running means do not forget, and Adam counts the steps of each
row by itself (as "lazy" Adam in other libraries).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Optimizer:
    """What sets one optimizer apart from the others."""

    title: str
    alpha: float | None
    """Default learning rate at the start; None for that of the loss."""
    options: Mapping[str, float]
    """What `optimizer_options` can hold, with the defaults."""


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer("stochastic gradient descent", None, {}),
    # Polyak, 1964; the velocity is a sum, so that in the long run a step counts 1 / (1 - momentum) times.
    "momentum": Optimizer("momentum", 0.005, {"momentum": 0.9}),
    # Duchi, Hazan & Singer, JMLR 2011.
    "adagrad": Optimizer("Adagrad", 0.2, {"epsilon": 1e-8}),
    # Kingma & Ba, ICLR 2015, algorithm 1.
    "adam": Optimizer("Adam", 0.02, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
}


def plan_fields(optimizer: str, options: Mapping[str, float]) -> dict[str, Any]:
    """The fields of a plan that say how rows are moved, for checked `options`."""
    given = {**OPTIMIZERS[optimizer].options, **options}
    decay_1 = given["momentum"] if optimizer == "momentum" else given.get("beta_1", 0.0)
    return {
        "optimizer": optimizer,
        "decay_1": decay_1,
        "decay_2": given.get("beta_2", 0.0),
        "epsilon": given.get("epsilon", 0.0),
    }
