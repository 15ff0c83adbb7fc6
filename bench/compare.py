#!/usr/bin/env python3
"""Compare fastw2v with other programs: speed and quality of the same runs.

    python bench/compare.py --corpus wiki.txt.xz --threads 2 --rivals gensim,fasttext --presets sg-default

Every program gets the same settings. A round is fastw2v and then each rival, with one seed; runs alternate so
that what else happens on the machine hits them all. A run is a fresh process from the text file to saved
vectors; its vectors are scored afterwards. Prints Markdown and appends a JSON line for each run and each
summary to --output. Deliberately no tuning and no statistics beyond median, mean and range: see
bench/README.md for how to read them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import (
    OURS,
    RIVALS,
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
from options import add_common_options, new_parser, settings_of
from rivals import Job
from settings import BenchError, Settings

PARTS = ("start", "scan", "init", "train", "save")
QUALITY = ("analogies", "semantic", "syntactic", "ws353", "men", "simlex", "mturk", "rg65")
MB = 1e6


@dataclass(frozen=True)
class Plan:
    """Everything a comparison needs beside the settings."""

    corpus: Corpus
    programs: tuple[str, ...]
    threads: int
    seeds: tuple[int, ...]
    scorer: Scorer | None
    output: Path | None
    extra: dict[str, Any]
    keep: Path | None


def compare(plan: Plan, name: str, settings: Settings) -> list[Result]:
    """Do all rounds of one preset; a run that fails is reported, and the others go on."""
    results = []
    with tempfile.TemporaryDirectory(prefix="fastw2v-bench-") as folder:
        for round_number, seed in enumerate(plan.seeds, 1):
            for program in plan.programs:
                target = (plan.keep or Path(folder)) / f"{name}-{program}-{seed}.bin"
                extra = plan.extra if program == OURS else {}
                corpus = str(plan.corpus.path)
                job = Job(program, corpus, str(target), plan.threads, seed, settings, extra)
                result = run_and_score(job, plan.scorer)
                result |= {"preset": name, "round": round_number, "corpus": plan.corpus.name}
                results.append(result)
                append_line(plan.output, {"kind": "run", "time": time.strftime("%FT%T%z"), **result})
                print(_progress_line(result), file=sys.stderr, flush=True)
                if plan.keep is None:
                    target.unlink(missing_ok=True)
    return results


def _progress_line(result: Result) -> str:
    head = f"{result['preset']} round {result['round']} {result['program']}: "
    if why := failure(result):
        return head + f"FAILED, {why}"
    analogies = result.get("quality", {}).get("analogies", "not scored")
    return head + f"{result['wall']:.1f} s, analogies {analogies}"


def summarise(results: Sequence[Result], corpus: Corpus, settings: Settings) -> Result:
    """Return medians of the times, means of the scores, and the ratios rival / fastw2v round by round."""
    summary: Result = {"programs": {}, "ratios": {}}
    for program in dict.fromkeys(result["program"] for result in results):
        runs = [r for r in results if r["program"] == program and "error" not in r]
        failures = [why for r in results if r["program"] == program and (why := failure(r))]
        summary["programs"][program] = {"runs": len(runs), "failures": failures}
        if not runs:
            continue
        train = statistics.median(r["parts"]["train"] for r in runs)
        floor = settings.matrix_bytes(runs[0]["n_words"]) + 4 * (runs[0]["n_tokens"] + corpus.n_lines)
        scores = [r["quality"] for r in runs if "quality" in r and not failure(r)]
        summary["programs"][program] |= {
            "wall": statistics.median(r["wall"] for r in runs),
            "parts": {
                p: statistics.median(r["parts"][p] for r in runs) for p in PARTS if p in runs[0]["parts"]
            },
            "words_per_second": settings.epochs * corpus.n_words / train,
            "peak_bytes": max(r["peak_bytes"] for r in runs),
            "matrices_and_ids_bytes": floor,
            "quality": {key: mean_score(scores, key) for key in QUALITY if scores and key in scores[0]},
            "versions": runs[0]["versions"],
        }
    for rival in summary["programs"]:
        if rival != OURS:
            summary["ratios"][rival] = _ratios(results, rival)
    return summary


def _ratios(results: Sequence[Result], rival: str) -> Result:
    """Return for wall, scan and train the ratio rival / fastw2v in each round where both ended well."""
    ended = {(r["round"], r["program"]): r for r in results if "error" not in r}
    numbers = [n for n, program in ended if program == rival and (n, OURS) in ended]
    rounds = [(ended[n, rival], ended[n, OURS]) for n in numbers]
    ratios: Result = {}
    for part in ("wall", "scan", "train"):
        pairs = [(_seconds(theirs, part), _seconds(ours, part)) for theirs, ours in rounds]
        values = [theirs / ours for theirs, ours in pairs if theirs and ours]
        ratios[part] = {"median": statistics.median(values), "all": values} if values else None
    return ratios


def _seconds(result: Result, part: str) -> float | None:
    seconds: float | None = result["wall"] if part == "wall" else result["parts"].get(part)
    return seconds


def report(summary: Result, name: str, settings: Settings, corpus: Corpus) -> str:
    """Return one preset's summary as Markdown."""
    measured = {key for p in summary["programs"].values() for key in p.get("quality", {})}
    columns = [key for key in QUALITY if key in measured]
    rows, notes = [], []
    for program, p in summary["programs"].items():
        notes += [f"{program} failed: {why}" for why in p["failures"]]
        if not p["runs"]:
            continue
        sizes = [number(p["peak_bytes"] / MB, 0), number(p["matrices_and_ids_bytes"] / MB, 0)]
        parts = [number(p["parts"].get(part), 2) for part in PARTS]
        scores = [number(p["quality"].get(key), 2) for key in columns]
        words_per_second = number(p["words_per_second"] / MB, 2)
        rows.append([program, number(p["wall"]), *parts, words_per_second, *sizes, *scores])
    header = ["program", "wall s", *PARTS, "M words/s", "peak MB", "matrices + ids MB", *columns]
    lines = [f"### {name}", "", f"{settings.describe()}; {corpus.name}: {corpus.n_words:,} words.", ""]
    lines += [markdown_table(header, rows), ""] if rows else []
    if summary["ratios"]:
        shown = [[rival, *(_ratio_cell(r[part]) for part in r)] for rival, r in summary["ratios"].items()]
        lines += [markdown_table(["rival / fastw2v", "wall", "scan", "train"], shown), ""]
    return "\n".join(lines + [f"- {note}" for note in notes])


def _ratio_cell(ratio: Result | None) -> str | None:
    if ratio is None:
        return None
    return f"{ratio['median']:.2f} ({min(ratio['all']):.2f} to {max(ratio['all']):.2f})"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = new_parser(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--rivals", default="gensim", help=f"of {', '.join(RIVALS)}; or none; default: gensim"
    )
    parser.add_argument("--no-score", action="store_true", help="measure time and memory only")
    parser.add_argument("--keep", type=Path, help="a folder to leave all vectors in")
    add_common_options(parser, presets=None, seeds=[1, 2, 3])
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; return 0, 1 if a run failed, or 2 if nothing could be run."""
    args = parse(argv)
    rivals = [] if args.rivals == "none" else args.rivals.split(",")
    try:
        if args.threads < 1:
            raise BenchError(f"--threads must be at least 1, not {args.threads}")
        settings = settings_of(args)
        programs = tuple(dict.fromkeys([OURS, *rivals]))
        check_programs(programs)
        scorer = None if args.no_score else Scorer(args.data, args.scorer)
        prepare_output(args.output, args.keep)
        with open_corpus(args.corpus) as corpus:
            plan = Plan(
                corpus, programs, args.threads, tuple(args.seeds), scorer, args.output, args.extra, args.keep
            )
            return run_all(plan, settings)
    except BenchError as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2


def run_all(plan: Plan, settings: Sequence[tuple[str, Settings]]) -> int:
    """Compare under each of the settings; return the exit status."""
    here = machine()
    seeds = ", ".join(map(str, plan.seeds))
    extra = f"; fastw2v with {plan.extra}" if plan.extra else ""
    print(f"{here['cpu']}, {here['cores']} cores, {plan.threads} threads, seeds {seeds}{extra}\n")
    n_failed = 0
    for name, values in settings:
        results = compare(plan, name, values)
        summary = summarise(results, plan.corpus, values)
        head = {
            "kind": "summary",
            "time": time.strftime("%FT%T%z"),
            "preset": name,
            "settings": asdict(values),
        }
        corpus = {key: value for key, value in asdict(plan.corpus).items() if key != "path"}
        append_line(
            plan.output,
            {
                **head,
                "threads": plan.threads,
                "extra": plan.extra,
                "corpus": corpus,
                "machine": here,
                **summary,
            },
        )
        print(report(summary, name, values, plan.corpus), flush=True)
        n_failed += sum(len(p["failures"]) for p in summary["programs"].values())
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
