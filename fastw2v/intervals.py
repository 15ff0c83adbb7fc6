"""How often something is to happen while a model trains: each epoch, every so many tokens, every so many seconds.

`Interval` is what the user says, `Alarm` keeps the time. callbacks.py and checkpoint.py have intervals; epochs.py asks
the alarms when to pause.
"""

from __future__ import annotations

import math
import operator
import re
import time
from dataclasses import dataclass
from typing import Any

_SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
_ADVICE = "a number of tokens such as 500_000, a time such as '30s', '10min' or '2h', or 'epoch'"


@dataclass(frozen=True)
class Interval:
    """
    So many tokens, so many seconds, or, when both are None, an epoch.

    Parameters
    ----------
    tokens : int, optional
        Tokens of the vocabulary that are trained on, > 0.
    seconds : float, optional
        > 0.
    """

    tokens: int | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, name: str, value: Any) -> Interval:
        """
        Read what the user has given for the argument `name`.

        Parameters
        ----------
        value : int or str
            Tokens, as a number or its digits; a time with its unit, ``"30s"``, ``"1.5min"``, ``"2h"``; ``"epoch"``.

        Raises
        ------
        TypeError, ValueError
            It is none of these, or not above 0.
        """
        if isinstance(value, str):
            match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", value)
            if value.strip() == "epoch":
                return cls()
            if match and match[2] in _SECONDS and float(match[1]) > 0:
                seconds = float(match[1]) * _SECONDS[match[2]]
                if math.isfinite(seconds):
                    return cls(seconds=seconds)
            if re.fullmatch(r"\s*\d{1,20}(_\d{3})*\s*", value):
                return cls.parse(name, int(value))
            raise ValueError(f"{name} must be {_ADVICE}, not {value!r}")
        try:
            tokens = operator.index(value)
        except TypeError:
            raise TypeError(f"{name} must be {_ADVICE}, not {value!r}") from None
        if isinstance(value, bool) or tokens < 1:
            raise ValueError(f"{name} must be {_ADVICE}, not {value!r}")
        return cls(tokens=tokens)

    def __str__(self) -> str:
        if self.tokens is not None:
            return str(self.tokens)
        return "epoch" if self.seconds is None else f"{self.seconds:g}s"


class Alarm:
    """
    Goes off once in an interval.

    Parameters
    ----------
    interval : Interval
    tokens_done : int
        Where counting begins. Alarms for tokens go off at the multiples of the interval, wherever that is.

    Attributes
    ----------
    tokens : int or None
        When it goes off next, where that is decided by tokens.
    """

    def __init__(self, interval: Interval, tokens_done: int = 0) -> None:
        self._interval = interval
        self.restart(tokens_done)

    def restart(self, tokens_done: int) -> None:
        """Count anew from now on."""
        self._time = time.monotonic()
        every = self._interval.tokens
        self.tokens = None if every is None else (tokens_done // every + 1) * every

    def is_due(self, tokens_done: int) -> bool:
        """Whether it has gone off; one for epochs never does by itself."""
        if self.tokens is not None:
            return tokens_done >= self.tokens
        seconds = self._interval.seconds
        return seconds is not None and time.monotonic() - self._time >= seconds
