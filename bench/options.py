"""The command-line options that the scripts of this folder have in common, and how they end.

Deliberately only parsing: what an option means is said where it is used. Invariant: a setting that was not
given is absent from the parsed arguments, so that a preset's value can be told from one that was asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from settings import FIELD_TYPES, PRESETS, BenchError, Settings, resolve

DEFAULT_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def new_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help begins with a script's docstring, as it stands."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_corpus_option(parser: argparse.ArgumentParser, *, instead: str | None = None) -> None:
    """Add --corpus; `instead` says what there is without one, if it may be left out."""
    more = f"; default: {instead}" if instead else ""
    parser.add_argument(
        "--corpus", type=Path, required=not instead, help=f"text file, plain or .gz, .bz2, .xz{more}"
    )


def add_score_options(parser: argparse.ArgumentParser) -> None:
    """Add where the questions are, and who scores."""
    data = os.environ.get("FASTW2V_BENCH_DATA", DEFAULT_DATA)
    parser.add_argument("--data", type=Path, default=data, help="folder of questions-words.txt and word-sim/")
    parser.add_argument("--scorer", type=Path, help="score with this script, not with fastw2v.evaluation")


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """Add --output."""
    parser.add_argument("--output", type=Path, help="append JSON lines to this file")


def add_list_option(
    parser: argparse.ArgumentParser, name: str, default: Sequence[Any], kind: Callable[[str], Any] = str
) -> None:
    """Add an option that takes values with commas between them; of words, only those of `default`."""

    def parse(text: str) -> list[Any]:
        values = [kind(part) for part in text.split(",")]
        if kind is str and not set(values) <= set(default):
            raise ValueError(text)
        return values

    shown = ",".join(map(str, default))
    parse.__name__ = f"some of {shown}" if kind is str else "list"  # argparse's messages have it
    parser.add_argument(name, type=parse, default=list(default), help=f"default: {shown}")


def exit_status(script: str, run: Callable[[], int]) -> int:
    """Return what `run` returns, or 2 and say why if it could not be done as asked."""
    try:
        return run()
    except BenchError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 2


def add_common_options(parser: argparse.ArgumentParser, *, presets: str | None, seeds: list[int]) -> None:
    """Add the options that every script of this folder has; `presets` and `seeds` are its defaults."""
    add_corpus_option(parser)
    usual = presets or "only the settings given here"
    parser.add_argument("--presets", default=presets, help=f"of {', '.join(PRESETS)}; default: {usual}")
    usual = ",".join(map(str, seeds))
    parser.add_argument("--seeds", type=positive_integers, default=seeds, help=f"default: {usual}")
    add_score_options(parser)
    add_output_option(parser)
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
