#!/usr/bin/env python3
"""How near training comes to what this machine can do, and what holds it up.

    python bench/roofline.py                          # a made-up text; some minutes
    python bench/roofline.py --corpus wiki.txt.xz --models sg --losses ns --sizes 300 --threads 1

For each model, loss, number of dimensions, instruction set and number of threads: words a second, the operations a
second that the objective needs (objective.py has the formulas) as GFLOP/s and as a share of the machine's peak, the
same for those that fastw2v does in fact, the bytes a second that each level of memory has to move for it, and the limit
that binds: the one that alone would take most of the time measured, with how much of it. Where that is far below 100 %,
nothing of the machine is used up: the time goes into waiting (latency, mispredicted branches) and into drawing noise.

The peak of multiply-adds is measured right before each run, so that neither turbo nor a neighbour comes between; the
bandwidths are measured once (limits.py says how). Prints Markdown, and appends JSON lines to --output.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import limits
import numpy as np
import objective
import zipf
from courses import Course, settings_of
from harness import (
    ONE_AND_ALL,
    append_line,
    load_average,
    machine,
    markdown_table,
    number,
    open_corpus,
    prepare_output,
)
from options import add_corpus_option, add_list_option, add_output_option, exit_status, new_parser

from fastw2v import _train, trainer
from fastw2v.corpus import Corpus, build_vocabulary

SIZES = (50, 100, 200, 300, 500)
HEADER = [
    "model", "loss", "D", "isa", "threads", "M words/s", "GFLOP/s", "% of peak", "GFLOP/s done", "% of peak",
    *(f"{level} GB/s" for level in limits.LEVELS), "binds",
]  # fmt: skip


def text_of(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, float]:
    """Counts, ids, and words of the text for each id: of --corpus, or made up."""
    if args.corpus is None:
        return zipf.counts(args.vocabulary, args.tokens), zipf.ids(args.vocabulary, args.tokens), 1.0
    with open_corpus(args.corpus) as found:
        corpus = Corpus.open(corpus_file=str(found.path))
        vocabulary, encoded = build_vocabulary(corpus, min_count=5, n_threads=1, progress=False)
    return vocabulary.counts, encoded.ids, encoded.n_raw_words / encoded.n_tokens


def binding(work: objective.Work, of: limits.Limits, words_per_second: float) -> tuple[str, float]:
    """The limit that alone would take the longest, and the share of the time measured that it would."""
    shares = {"FMA": work.flop * words_per_second / of.flops}
    shares |= {
        level: n_bytes * words_per_second / of.bandwidth[level] for level, n_bytes in work.traffic.items()
    }
    name = max(shares, key=lambda each: shares[each])
    return name, shares[name]


def measure(
    courses: dict[int, Course],
    windows: objective.Windows,
    machine_limits: dict[tuple[str, int], limits.Limits],
    args: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Run each instruction set with each number of threads, round after round; yields a record for each."""
    paces: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for round_number in range(args.rounds):
        for isa in args.isas:
            _train.isa_select(isa)
            for n_threads, course in courses.items():
                peak = limits.flops(isa, n_threads)
                pace = course.run(args.seconds, round_number / args.rounds)
                per_token = pace.predictions / pace.tokens
                paces.setdefault((isa, n_threads), []).append((pace.words_per_second, per_token, peak))
    course = next(iter(courses.values()))
    for (isa, n_threads), rounds in paces.items():
        speed, per_token, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
        needed, done = (
            objective.work(course, windows, per_token, limits.caches(), done=is_done)
            for is_done in (False, True)
        )
        of = limits.Limits(peak, machine_limits[isa, n_threads].bandwidth)
        name, share = binding(done, of, speed)
        yield {
            "isa": isa, "threads": n_threads, "words_per_second": speed, "peak_flops": peak,
            "shares": [w * needed.flop / p for w, _, p in rounds],
            "flops": speed * needed.flop, "share": speed * needed.flop / peak,
            "flops_done": speed * done.flop, "share_done": speed * done.flop / peak,
            "traffic": {level: speed * n_bytes for level, n_bytes in done.traffic.items()},
            "binds": name, "binds_share": share, "contexts": windows.contexts, "path": windows.path,
        }  # fmt: skip


def all_records(
    machine_limits: dict[tuple[str, int], limits.Limits], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """The records of all combinations that were asked for."""
    counts, ids, words_per_id = text_of(args)
    walked: dict[tuple[str, str], objective.Windows] = {}
    for size in args.sizes:
        for loss in args.losses:
            matrices = None
            for model in args.models:
                courses = {}
                for n_threads in args.threads:
                    settings = settings_of(model, loss, size, n_threads)
                    matrices = matrices or trainer.start_matrices(counts, settings)
                    courses[n_threads] = Course(settings, counts, ids, matrices)
                if (model, loss) not in walked:
                    walked[model, loss] = objective.walk(courses[args.threads[0]])
                for record in measure(courses, walked[model, loss], machine_limits, args):
                    record["words_per_second_of_text"] = record["words_per_second"] * words_per_id
                    yield {"kind": "roofline", "model": model, "loss": loss, "size": size, **record}


def row_of(record: dict[str, Any]) -> list[object]:
    """A record as a row of the table."""
    return [
        *(record[name] for name in ("model", "loss", "size", "isa", "threads")),
        number(record["words_per_second_of_text"] / 1e6, 2),
        number(record["flops"] / 1e9), number(100 * record["share"], 0),
        number(record["flops_done"] / 1e9), number(100 * record["share_done"], 0),
        *(number(record["traffic"][level] / 1e9) for level in limits.LEVELS),
        f"{record['binds']} {number(100 * record['binds_share'], 0)} %",
    ]  # fmt: skip


def limits_table(found: dict[tuple[str, int], limits.Limits]) -> str:
    """The machine's limits as Markdown."""
    rows = [
        [
            isa,
            n_threads,
            number(of.flops / 1e9),
            *(number(of.bandwidth[name] / 1e9) for name in limits.LEVELS),
        ]
        for (isa, n_threads), of in found.items()
    ]
    header = ["isa", "threads", "FMA GFLOP/s", *(f"{name} GB/s" for name in limits.LEVELS)]
    return markdown_table(header, rows)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    add_corpus_option(parser, instead="made up by Zipf's law")
    parser.add_argument("--vocabulary", type=int, default=80_000, help="words of the made-up text")
    parser.add_argument("--tokens", type=int, default=10_000_000, help="of the made-up text")
    add_list_option(parser, "--models", ["sg", "cbow"])
    add_list_option(parser, "--losses", ["ns", "hs"])
    add_list_option(parser, "--sizes", SIZES, int)
    add_list_option(parser, "--isas", _train.isa_supported())
    add_list_option(parser, "--threads", ONE_AND_ALL, int)
    parser.add_argument("--rounds", type=int, default=2, help="default 2")
    parser.add_argument("--seconds", type=float, default=0.4, help="of each run (default 0.4)")
    add_output_option(parser)
    args = parser.parse_args(arguments)
    for name in ("vocabulary", "tokens", "rounds", "seconds"):
        if getattr(args, name) <= 0:
            parser.error(f"--{name} must be above 0")
    return args


def run(args: argparse.Namespace) -> int:
    """Measure and print everything; the instruction set is afterwards what it was."""
    prepare_output(args.output)
    here, before = machine(), load_average()
    print(f"{here['cpu']}, {here['cores']} cores, load {before}; caches {limits.caches()}\n")
    with contextlib.ExitStack() as stack:
        stack.callback(_train.isa_select, _train.isa_name())
        found = {(isa, n): limits.measure(isa, n) for isa in args.isas for n in args.threads}
        print(limits_table(found) + "\n", flush=True)
        records = []
        for record in all_records(found, args):
            records.append({**record, "machine": here, "load_before": before})
            append_line(args.output, records[-1])
            print(*row_of(record), file=sys.stderr, flush=True)
    print(markdown_table(HEADER, [row_of(record) for record in records]))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    return exit_status("roofline.py", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
