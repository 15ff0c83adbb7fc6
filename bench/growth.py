#!/usr/bin/env python3
"""How the trainer's speed changes as work grows: dimensions, vocabulary, tokens, threads.

    python bench/growth.py --figure growth.png --output results.jsonl      # some minutes
    python bench/growth.py --curves vocabulary --most                      # up to 5 M words: 6 GB of memory

Each curve varies one of the four and keeps the others at --base; the text is made up by Zipf's law (zipf.py), and ids
come from a memory-mapped file, as those of a corpus that does not fit into memory do. --most goes to 5 M words and a
billion tokens (a file of 4 GB). The points of a curve are measured in turn, round after round, each for --seconds from
another place of the text on; a speed beside another is the median of the rounds' ratios. The last column says how
much work a word is: subsampling leaves more of a text whose words are many.
Prints Markdown, appends JSON lines to --output, and draws --figure. NOTES.md says why the curves bend.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zipf
from courses import Course, Pace, settings_of
from harness import N_CORES, append_line, load_average, machine, markdown_table, number, prepare_output
from options import add_list_option, add_output_option, exit_status, new_parser, positive_integers
from settings import BenchError

M = 1_000_000
# The text that counts tell of, of which the ids are a part: so large that the rarest of 5 M words occurs in it.
COUNTED_TOKENS = 10_000 * M


@dataclass(frozen=True)
class Point:
    """One amount of work."""

    size: int
    vocabulary: int
    tokens: int
    threads: int


BASE = Point(size=100, vocabulary=80_000, tokens=10 * M, threads=N_CORES)
# Values of each curve: always, and with --most.
CURVES: dict[str, tuple[list[int], list[int]]] = {
    "size": ([25, 50, 100, 200, 300, 500, 1000], []),
    "vocabulary": ([1_000, 10_000, 80_000, 300_000, M], [5 * M]),
    "tokens": ([M, 10 * M, 100 * M], [1000 * M]),
    "threads": (sorted({1, 2, 3, 4, *(2**k for k in range(3, 12)), N_CORES}), []),
}
# What a curve is compared with: the point whose speed is 1.
FIRST = {"size": 100, "vocabulary": 80_000, "tokens": 10 * M, "threads": 1}


def points_of(curve: str, base: Point, *, most: bool, values: Sequence[int] = ()) -> dict[int, Point]:
    """The points of a curve by their value; `values` replace its own."""
    usual, more = CURVES[curve]
    values = values or usual + (more if most else [])
    if curve == "threads":
        values = [value for value in values if value <= N_CORES]
    return {value: replace(base, **{curve: value}) for value in values}


class Texts:
    """Files of made-up ids, each written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[tuple[int, int], Any] = {}

    def ids(self, n_words: int, n_tokens: int) -> np.ndarray:
        """A memory map of the ids."""
        key = n_words, n_tokens
        if key not in self._maps:
            self._maps[key] = zipf.save_ids(self._folder / f"{n_words}-{n_tokens}.ids", *key)
        return self._maps[key]


def make_course(point: Point, model: str, loss: str, texts: Texts) -> Course:
    """A model of this size over a text of this size."""
    settings = settings_of(model, loss, point.size, point.threads)
    counts = zipf.counts(point.vocabulary, COUNTED_TOKENS)
    return Course(settings, counts, texts.ids(point.vocabulary, point.tokens))


def measure(
    curve: str, points: dict[int, Point], args: argparse.Namespace, texts: Texts
) -> list[dict[str, Any]]:
    """Words a second of each point, in rounds."""
    paces: dict[int, list[Pace]] = {value: [] for value in points}
    courses = {value: make_course(point, args.model, args.loss, texts) for value, point in points.items()}
    for round_number in range(args.rounds):
        for value, course in courses.items():
            paces[value].append(course.run(args.seconds, round_number / args.rounds))
    return summarise(curve, points, paces)


def summarise(curve: str, points: dict[int, Point], paces: dict[int, list[Pace]]) -> list[dict[str, Any]]:
    """A record for each point, with its speed against that of FIRST, or of the smallest point, round by round."""
    speeds = {value: [pace.words_per_second for pace in rounds] for value, rounds in paces.items()}
    first = speeds[FIRST[curve] if FIRST[curve] in speeds else min(speeds)]
    records = []
    for value, rounds in speeds.items():
        predictions = [pace.predictions / pace.tokens for pace in paces[value]]
        ratios = [speed / base for speed, base in zip(rounds, first, strict=True)]
        records.append(
            {"kind": "growth-point", "curve": curve, "value": value, "point": asdict(points[value]),
             "words_per_second": statistics.median(rounds), "rounds": rounds,
             "predictions_per_word": statistics.median(predictions),
             "ratio": statistics.median(ratios), "ratios": ratios}
        )  # fmt: skip
    return records


def report(records: Sequence[dict[str, Any]]) -> str:
    """One curve as Markdown."""
    curve = records[0]["curve"]
    base = next((r["value"] for r in records if set(r["ratios"]) == {1.0}), records[0]["value"])
    rows = [
        [
            f"{r['value']:,}", number(r["words_per_second"] / M, 2), number(r["ratio"], 2),
            f"{min(r['ratios']):.2f} to {max(r['ratios']):.2f}", number(1 / r["ratio"], 2),
            number(r["predictions_per_word"], 2),
        ]
        for r in records
    ]  # fmt: skip
    header = [curve, "M words/s", f"speed (1: {base:,})", "of rounds", "times slower", "predictions a word"]
    return markdown_table(header, rows)


def draw(curves: dict[str, list[dict[str, Any]]], path: Path, title: str) -> None:
    """A panel for each curve: median and range of the rounds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(curves), 3.8), layout="constrained")
    for axes, (curve, records) in zip(
        figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True
    ):
        values = [record["value"] for record in records]
        axes.plot(values, [record["words_per_second"] / M for record in records], "o-")
        axes.fill_between(
            values,
            [min(record["rounds"]) / M for record in records],
            [max(record["rounds"]) / M for record in records],
            alpha=0.25,
        )
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel({"size": "dimensions", "vocabulary": "words of the vocabulary"}.get(curve, curve))
        axes.set_ylabel("M words/s")
    figure.suptitle(title)
    figure.savefig(path, dpi=150)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    add_list_option(parser, "--curves", list(CURVES))
    parser.add_argument(
        "--values", type=positive_integers, default=[], help="of the curve, if it is one alone"
    )
    parser.add_argument("--model", choices=("sg", "cbow"), default="sg")
    parser.add_argument("--loss", choices=("ns", "hs"), default="ns")
    parser.add_argument("--most", action="store_true", help="up to 5 M words and a billion tokens")
    for name, value in asdict(BASE).items():
        parser.add_argument(
            f"--{name}", type=int, default=value, help=f"where it does not grow (default {value})"
        )
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each point in a round (default 1)")
    parser.add_argument("--folder", type=Path, help="for the files of ids; default: that of temporary files")
    parser.add_argument("--figure", type=Path, help="draw the curves into this file (needs matplotlib)")
    add_output_option(parser)
    args = parser.parse_args(arguments)
    if args.values and len(args.curves) > 1:
        parser.error("--values are those of one curve: give --curves, too")
    for name in (*asdict(BASE), "rounds", "seconds"):
        if getattr(args, name) <= 0:
            parser.error(f"--{name} must be above 0")
    return args


def run(args: argparse.Namespace) -> int:
    """Measure, print and draw all curves."""
    prepare_output(args.output)
    if args.figure is not None:
        try:
            import matplotlib  # noqa: F401 - before the first run, not after the last
        except ImportError:
            raise BenchError("--figure needs matplotlib: pip install '.[bench]'") from None
    here, base = machine(), Point(*(getattr(args, name) for name in asdict(BASE)))
    title = f"{args.model}-{args.loss} on {here['cpu']}, {here['cores']} cores"
    print(f"{title}, load {load_average()}; else {asdict(base)}\n", flush=True)
    curves = {}
    with tempfile.TemporaryDirectory(prefix="fastw2v-growth-", dir=args.folder) as folder:
        texts = Texts(Path(folder))
        for curve in args.curves:
            records = measure(curve, points_of(curve, base, most=args.most, values=args.values), args, texts)
            for record in records:
                append_line(args.output, {**record, "model": args.model, "loss": args.loss, "machine": here})
            curves[curve] = records
            print(report(records) + "\n", flush=True)
    if args.figure is not None:
        draw(curves, args.figure, title)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    return exit_status("growth.py", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
