"""One BLAS thread, while threads of our own call the BLAS.

The number of threads is a setting of the whole process, and queries may come from several Python threads at a time: the
first to come sets it and the last to go restores it. Products that others compute meanwhile have one thread, too.
A process that is forked meanwhile has none of these threads, and begins anew.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_n_inside = 0
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit the BLAS that is loaded to one thread within the ``with`` block."""
    global _n_inside, _limits
    with _lock:
        if _n_inside == 0:
            _limits = _controller().limit(limits=1, user_api="blas")
        _n_inside += 1
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                _disown()  # it may be another thread that set the limit
                _limits.restore_original_limits()
                _disown()


def _disown() -> None:
    """From threadpoolctl 3.8 on, the Python thread that set OpenBLAS's number alone may change it, until it says so."""
    for library in _controller().lib_controllers:
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)


def _begin_anew() -> None:
    global _lock, _n_inside
    _lock = threading.Lock()
    if _n_inside:
        _n_inside = 0
        _disown()
        _limits.restore_original_limits()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@cache
def _controller() -> Any:
    """Looking for libraries takes milliseconds, so it is done once; SciPy's, the one we call, must be there by then."""
    import scipy.linalg.cython_blas  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
