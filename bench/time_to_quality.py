#!/usr/bin/env python3
r"""Seconds from the text to vectors as good as those of gensim's default skip-gram, for fastw2v and its rivals.

    python bench/time_to_quality.py --corpus wiki.txt.xz --threads 2 --rivals gensim --output results.jsonl
    python bench/time_to_quality.py --corpus wiki.txt.xz --threads 2 --target 29.8 \
        --best '{"gensim": {"alpha": 0.05, "sample": 1e-4, "epochs": 3}}'
    python bench/time_to_quality.py --corpus wiki.txt.xz --threads 2 --rivals none --extra '{"ns_exponent": 0.7}' \
        --best '{"fastw2v": {"model": "cbow", "alpha": 0.1, "min_alpha": 0.01, "sample": 5e-5, "window": 7,
                             "negative": 8, "epochs": 2}}'

1. The target: analogies that gensim answers after its default training, 5 epochs (or --target).
2. The sweep: each program, one seed, tries the same learning rates and thresholds of subsampling, with 1, 2, 3 ...
   epochs until it reaches the target or has taken longer than its best so far. The fastest setting that reaches it
   is the program's best (or what --best says of it).
3. The race: each program at its best, in turn, with each seed. Whether the target was reached is said of the mean
   score. The runs that made the target are in the table, too: gensim as it comes, timed before the others.

A run is a fresh process from the text file to saved vectors, all of which counts: interpreter, scan, start, training.
Prints Markdown, and appends JSON lines to --output. Takes as long as gensim's sweep does.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness import (
    OURS,
    Corpus,
    Result,
    Scorer,
    append_line,
    check_programs,
    failure,
    machine,
    markdown_table,
    mean_score,
    number,
    open_corpus,
    prepare_output,
    run_and_score,
)
from options import (
    add_corpus_option,
    add_list_option,
    add_output_option,
    add_score_options,
    exit_status,
    json_object,
    new_parser,
    positive_integers,
)
from rivals import Job
from settings import BenchError, Settings

REFERENCE = "gensim"
AS_IT_COMES = f"{REFERENCE}, default"
# What entrants may differ in, but for --extra.
SHOWN = ("model", "alpha", "min_alpha", "sample", "window", "negative", "epochs")


def shown(value: str | float) -> str:
    """A setting as tables have it."""
    return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True)
class Race:
    """What all runs have in common."""

    corpus: Corpus
    scorer: Scorer
    threads: int
    extra: dict[str, Any]
    output: Path | None

    def run(self, program: str, settings: Settings, seed: int, timeout: float | None = None) -> Result:
        """Train and score once.

        Raises
        ------
        BenchError
            The run failed, for another reason than the limit of its time.
        """
        with tempfile.TemporaryDirectory(prefix="fastw2v-bench-") as folder:
            job = Job(
                program, str(self.corpus.path), str(Path(folder) / "vectors.bin"), self.threads, seed, settings,
                self.extra if program == OURS else {},
            )  # fmt: skip
            result = run_and_score(job, self.scorer, timeout)
        append_line(self.output, {"kind": "quality-run", **result})
        why = failure(result)
        if why and not result.get("timed_out"):
            raise BenchError(f"{program} failed: {why}")
        said = why or f"{result['wall']:.1f} s, analogies {result['quality']['analogies']}"
        brief = ", ".join(f"{name} {shown(getattr(settings, name))}" for name in SHOWN)
        print(f"{program}, {brief}, seed {seed}: {said}", file=sys.stderr, flush=True)
        return result


def search(
    run: Callable[[Settings, float | None], Result], grid: Iterable[Settings], target: float, most_epochs: int
) -> Settings | None:
    """The setting, epochs included, that reaches `target` soonest; None if none does.

    `run` is called with settings and the seconds after which it may give up.
    """
    best, best_wall = None, None
    for base in grid:
        for epochs in range(1, most_epochs + 1):
            settings = replace(base, epochs=epochs)
            result = run(settings, best_wall)
            if "error" in result or (best_wall is not None and result["wall"] >= best_wall):
                break
            if result["quality"]["analogies"] >= target:
                best, best_wall = settings, result["wall"]
                break
    return best


def best_settings(
    race: Race, programs: Sequence[str], target: float, args: argparse.Namespace
) -> dict[str, Settings]:
    """The best setting of each program: of --best, or of the sweep."""
    base = Settings(size=args.size)
    grid = [
        replace(base, alpha=alpha, sample=sample)
        for sample, alpha in itertools.product(args.samples, args.alphas)
    ]
    found = {}
    for program in programs:
        if program in args.best:
            found[program] = replace(base, **args.best[program])
            continue
        seed = args.seeds[0]
        best = search(
            lambda settings, timeout, program=program, seed=seed: race.run(program, settings, seed, timeout),
            grid, target, args.most_epochs,
        )  # fmt: skip
        if best is None:
            raise BenchError(
                f"{program} does not reach {target:.2f} within {args.most_epochs} epochs of any setting"
            )
        found[program] = best
    return found


def summarise(runs: dict[str, list[Result]], target: float) -> list[Result]:
    """For each entrant: median seconds, mean score, and the ratio of its time to fastw2v's, run by run."""
    rows = []
    for name, results in runs.items():
        walls = [result["wall"] for result in results]
        ratios = [
            theirs["wall"] / ours["wall"] for theirs, ours in zip(results, runs[OURS], strict=False)
        ]  # gensim as it comes may have fewer runs
        score = mean_score([result["quality"] for result in results], "analogies")
        rows.append(
            {"entrant": name, "runs": len(walls), "wall": statistics.median(walls), "walls": walls,
             "parts": results[0]["parts"], "analogies": score, "is_reached": score >= target,
             "ratio": statistics.median(ratios), "ratios": ratios,
             "settings": results[0]["settings"]}
        )  # fmt: skip
    return rows


def report(rows: Sequence[Result], target: float) -> str:
    """The table."""
    header = [
        "entrant",
        *SHOWN,
        "s",
        "of it training",
        "analogies",
        "reached",
        "s / fastw2v's",
    ]
    cells = [
        [
            row["entrant"], *(shown(row["settings"][name]) for name in SHOWN),
            number(row["wall"]), number(row["parts"]["train"]), number(row["analogies"], 2),
            "yes" if row["is_reached"] else "no",
            f"{row['ratio']:.1f} ({min(row['ratios']):.1f} to {max(row['ratios']):.1f})",
        ]
        for row in rows
    ]  # fmt: skip
    return f"Target: {target:.2f} analogies\n\n{markdown_table(header, cells)}"


def race_all(
    race: Race, best: dict[str, Settings], reference: list[Result], args: argparse.Namespace
) -> dict[str, list[Result]]:
    """The runs of all entrants: each program's in turn with each seed, and those that made the target."""
    runs: dict[str, list[Result]] = {name: [] for name in (OURS, *best)}
    for seed in args.seeds:
        for program, settings in best.items():
            runs[program].append(race.run(program, settings, seed))
    if reference:
        runs[AS_IT_COMES] = reference
    return runs


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    add_corpus_option(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rivals", default=REFERENCE, help="of gensim, fasttext; or none; default: gensim")
    parser.add_argument("--size", type=int, default=100, help="dimensions (default 100)")
    parser.add_argument(
        "--target", type=float, help="analogies to reach; default: what gensim has by default"
    )
    parser.add_argument(
        "--reference-seeds", type=positive_integers, default=[1], help="of gensim as it comes; default: 1"
    )
    parser.add_argument(
        "--seeds", type=positive_integers, default=[1, 2, 3], help="of the race; default: 1,2,3"
    )
    add_list_option(parser, "--alphas", [0.05, 0.075], float)
    add_list_option(parser, "--samples", [1e-4, 3e-5, 1e-5], float)
    parser.add_argument("--most-epochs", type=int, default=6, help="of the sweep (default 6)")
    parser.add_argument(
        "--best", type=json_object, default={}, help="JSON object: the settings of programs not to be swept"
    )
    parser.add_argument(
        "--extra", type=json_object, default={}, help="JSON object: arguments for fastw2v alone"
    )
    add_score_options(parser)
    add_output_option(parser)
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> int:
    """Target, sweep, race, table."""
    programs = [OURS, *([] if args.rivals == "none" else args.rivals.split(","))]
    check_programs(programs if args.target is not None else [*programs, REFERENCE])
    scorer = Scorer(args.data, args.scorer)
    prepare_output(args.output)
    here = machine()
    with open_corpus(args.corpus) as corpus:
        race = Race(corpus, scorer, args.threads, args.extra, args.output)
        reference, target = [], args.target
        if target is None:
            default = Settings(size=args.size)
            reference = [race.run(REFERENCE, default, seed) for seed in args.reference_seeds]
            target = mean_score([result["quality"] for result in reference], "analogies")
        best = best_settings(race, programs, target, args)
        rows = summarise(race_all(race, best, reference, args), target)
    record = {"kind": "time-to-quality", "target": target, "threads": args.threads, "extra": args.extra}
    record |= {"best": {name: asdict(settings) for name, settings in best.items()}, "machine": here}
    append_line(args.output, {**record, "corpus": corpus.name, "rows": rows})
    extra = f"; fastw2v with {args.extra}" if args.extra else ""
    print(f"{here['cpu']}, {args.threads} threads, {corpus.n_words:,} words{extra}\n")
    print(report(rows, target))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    return exit_status("time_to_quality.py", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
