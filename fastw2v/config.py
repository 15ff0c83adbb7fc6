"""What this installation is and what it runs on: `show_config`.

It only reports. The instruction set is chosen in C (dispatch.c) and the number of workers in machine.py;
this file asks them. Nothing here is needed to train. What a platform does not tell is None, never an error.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

import numpy

from fastw2v import _train
from fastw2v._version import __version__
from fastw2v.machine import default_workers, total_memory, usable_cores, usable_memory

__all__ = ["Config", "show_config"]


class Config(dict[str, Any]):
    """A plain nested dictionary that prints as an indented list, one fact a line."""

    def __repr__(self) -> str:
        return "\n".join(_lines(self, 0))


def show_config() -> Config:
    """Tell what was built, what was chosen on this machine, and with which versions of what.

    Returns
    -------
    Config
        A dictionary that prints nicely; paste it into bug reports. Its entries:

        - ``fastw2v`` : str, the version.
        - ``isa`` : dict. ``chosen`` (the instruction set of the kernels in use), ``compiled`` and
          ``supported`` (lists: those in this build, and those of them that this CPU runs), ``requested`` (the
          environment variable ``FASTW2V_ISA``, or "auto").
        - ``threads`` : dict. ``usable_cores`` (affinity and quotas considered), ``default_workers`` (these, unless
          ``OMP_NUM_THREADS`` or ``OMP_THREAD_LIMIT`` says otherwise), ``openmp`` (bool: without it one thread trains
          whatever ``workers`` says).
        - ``memory`` : dict. ``total`` of the machine and ``usable`` by this process (limits of containers and of
          the shell considered), in bytes; None where the platform does not tell.
        - ``blas`` : dict. The library behind ``numpy`` and ``scipy``, as each was built; ``loaded`` lists
          those in this process with their thread counts if `threadpoolctl` is installed, else None.
        - ``versions`` : dict of str. Python and the libraries at run time, Cython at build time.
        - ``platform`` : str.
        - ``build`` : dict. Compiler and switches of the C library.
    """
    import scipy  # here because importing it, or importlib.metadata, takes long

    build = dict(_train.build_info())
    return Config(
        fastw2v=__version__,
        isa={
            "chosen": _train.isa_name(),
            "compiled": list(_train.isa_compiled()),
            "supported": list(_train.isa_supported()),
            "requested": os.environ.get("FASTW2V_ISA") or "auto",
        },
        threads={
            "usable_cores": usable_cores(),
            "default_workers": default_workers(),
            "openmp": bool(_train.has_openmp()),
        },
        memory={"total": total_memory(), "usable": usable_memory()},
        blas={"numpy": _built_blas(numpy), "scipy": _built_blas(scipy), "loaded": _loaded_blas()},
        versions={
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "safetensors": _installed("safetensors"),
            "tqdm": _installed("tqdm"),
            "cython": build.pop("cython", None),
        },
        platform=platform.platform(),
        build=build,
    )


def _built_blas(library: Any) -> str | None:
    """Name and version of the BLAS that NumPy or SciPy was built with."""
    try:
        blas = library.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (TypeError, KeyError, ImportError):  # NumPy 1.24 and SciPy 1.10 cannot tell
        return None
    return " ".join(str(blas[key]) for key in ("name", "version") if blas.get(key)) or None


def _loaded_blas() -> list[str] | None:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    return [
        f"{pool['internal_api']} {pool.get('version')}, {pool['num_threads']} threads: {pool['filepath']}"
        for pool in threadpool_info()
        if pool.get("user_api") == "blas"
    ]


def _installed(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _lines(facts: Mapping[str, Any], depth: int) -> list[str]:
    width = max((len(key) for key in facts), default=0) + 1
    lines = []
    for key, value in facts.items():
        if isinstance(value, Mapping):
            lines += ["  " * depth + f"{key}:", *_lines(value, depth + 1)]
        else:
            lines.append("  " * depth + f"{key + ':':<{width}} {_text(key, value)}")
    return lines


def _text(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in ("total", "usable") and isinstance(value, int):
        return f"{value / 2**30:.1f} GiB"
    return "unknown" if value is None else str(value)
