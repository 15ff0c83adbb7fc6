"""The progress bar of counting and of training: a thin cover over tqdm, and the one place that imports it.

It decides only whether to show a bar. Callers poll their own counters and report where they stand; nothing
here runs in a worker thread.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """
    A progress bar on standard error, or nothing at all.

    Parameters
    ----------
    total : int, optional
        Where the bar ends, in `unit`s; None when that is not known.
    desc : str
        What is going on, in a word or two.
    unit : str
        What is counted: ``"B"`` gives binary prefixes (MiB), anything else decimal ones.
    enabled : bool, optional
        Whether to show the bar. Default: only if standard error is a terminal.
    """

    def __init__(self, total: int | None, desc: str, unit: str, enabled: bool | None = None) -> None:
        if enabled is None:
            enabled = sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = None
        self._options = {
            "total": total,
            "desc": desc,
            "unit": unit,
            "unit_scale": True,
            "unit_divisor": 1024 if unit == "B" else 1000,
            "dynamic_ncols": True,
        }
        self._enabled = enabled

    def __enter__(self) -> Progress:
        if self._enabled:
            from tqdm import tqdm

            self._bar = tqdm(**self._options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance_to(self, n: int, **postfix: object) -> None:
        """Say that `n` units of the total are done, and show `postfix` (name=value) after the bar."""
        if self._bar is None:
            return
        if postfix:
            self._bar.set_postfix(postfix, refresh=False)
        self._bar.update(n - self._bar.n)
