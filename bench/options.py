"""The command-line options that compare.py and threads.py have in common.

Deliberately only parsing: what an option means is said where it is used. Invariant: a setting that was not
given is absent from the parsed arguments, so that a preset's value can be told from one that was asked for.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from settings import FIELD_TYPES, PRESETS, Settings, resolve

DEFAULT_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def add_common_options(parser: argparse.ArgumentParser, *, presets: str | None, seeds: list[int]) -> None:
    """Add the options that every script of this folder has; `presets` and `seeds` are its defaults."""
    parser.add_argument("--corpus", type=Path, required=True, help="text file, plain or .gz, .bz2, .xz")
    usual = presets or "only the settings given here"
    parser.add_argument("--presets", default=presets, help=f"of {', '.join(PRESETS)}; default: {usual}")
    usual = ",".join(map(str, seeds))
    parser.add_argument("--seeds", type=positive_integers, default=seeds, help=f"default: {usual}")
    data = os.environ.get("FASTW2V_BENCH_DATA", DEFAULT_DATA)
    parser.add_argument("--data", type=Path, default=data, help="folder of questions-words.txt and word-sim/")
    parser.add_argument("--scorer", type=Path, help="score with this script, not with fastw2v.evaluation")
    parser.add_argument("--output", type=Path, help="append JSON lines to this file")
    parser.add_argument(
        "--extra", type=json_object, default={}, help="JSON object: arguments for fastw2v alone"
    )
    settings = parser.add_argument_group("settings (replace those of the presets)")
    for name, kind in FIELD_TYPES.items():
        settings.add_argument(f"--{name.replace('_', '-')}", type=kind, default=argparse.SUPPRESS)


def settings_of(args: argparse.Namespace, **defaults: Any) -> list[tuple[str, Settings]]:
    """Return the (name, settings) that the command line asks for, one for each preset."""
    explicit = {**defaults, **{name: value for name, value in vars(args).items() if name in FIELD_TYPES}}
    return [resolve(name, explicit) for name in (args.presets.split(",") if args.presets else [None])]


def positive_integers(text: str) -> list[int]:
    """Parse "1,2,3"."""
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise ValueError(text)
    return values


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value
