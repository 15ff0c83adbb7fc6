#!/usr/bin/env python3
"""Speed and quality of fastw2v for many numbers of threads, on an ordinary corpus and on hostile ones.

    python bench/threads.py --corpus wiki.txt.xz --threads 1,2,3,4,8,16 --presets sg-default,sg-tuned

More threads than cores is the point: an update that races badly, or is summed too often, shows up as a lower
score or as NaN long before a machine has so many cores. The hostile corpora are copies of the corpus with a
line added that breaks programs which sum the steps of many windows (see HOSTILE). Prints a table for each
corpus and preset and appends JSON lines to --output. Deliberately without rivals: that is compare.py.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

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
    measure_corpus,
    number,
    open_corpus,
    prepare_output,
    run_and_score,
)
from options import add_common_options, new_parser, positive_integers, settings_of
from rivals import Job
from settings import BenchError, Settings

N_REPEATS = 10_000

HOSTILE: dict[str, Callable[[list[bytes]], bytes]] = {
    "repeated": lambda words: b" ".join([words[-1]] * N_REPEATS),
    "once": b" ".join,
    "alternating": lambda words: b" ".join(
        [words[len(words) // 2], words[len(words) // 3]] * (N_REPEATS // 2)
    ),
}
"""The line that each hostile corpus ends with, made from the vocabulary by falling count: its rarest word
again and again; every word once; two words of its middle in turn."""


def vocabulary(path: Path, min_count: int) -> list[bytes]:
    """Return the words that reach `min_count`, by falling count, ties by bytes."""
    counts: Counter[bytes] = Counter()
    with path.open("rb") as lines:
        for line in lines:
            counts.update(line.split())
    words = [word for word, count in counts.items() if count >= min_count]
    if len(words) < 3:
        raise BenchError(f"only {len(words)} words of {path} occur {min_count} times: too few to train on")
    return sorted(words, key=lambda word: (-counts[word], word))


@contextmanager
def variant(corpus: Corpus, name: str, min_count: int) -> Iterator[Corpus]:
    """Yield the corpus itself, or a copy that ends with a hostile line."""
    if name == "plain":
        yield corpus
        return
    line = HOSTILE[name](vocabulary(corpus.path, min_count))
    with tempfile.TemporaryDirectory(prefix="fastw2v-bench-") as folder:
        path = Path(folder) / f"{name}-{corpus.name}"
        shutil.copyfile(corpus.path, path)
        with path.open("ab") as end:
            end.write(b"\n" + line + b"\n")
        yield measure_corpus(path)


def sweep(corpus: Corpus, setting: tuple[str, Settings], args: argparse.Namespace, scorer: Scorer) -> Result:
    """Run every number of threads with every seed; return one record for the corpus and preset."""
    name, settings = setting
    rows = []
    for n_threads in args.threads:
        runs = []
        for seed in args.seeds:
            with tempfile.TemporaryDirectory(prefix="fastw2v-bench-") as folder:
                target = str(Path(folder) / "vectors.bin")
                job = Job(OURS, str(corpus.path), target, n_threads, seed, settings, args.extra)
                runs.append(run_and_score(job, scorer))
            stamp = {"kind": "threads-run", "time": time.strftime("%FT%T%z"), "preset": name}
            append_line(args.output, {**stamp, **runs[-1], "corpus": corpus.name})
        rows.append(summarise(n_threads, runs, corpus, settings))
        print(f"{corpus.name} {name}: {rows[-1]}", file=sys.stderr, flush=True)
    return {"preset": name, "settings": asdict(settings), "corpus": corpus.name, "threads": rows}


def summarise(n_threads: int, runs: Sequence[Result], corpus: Corpus, settings: Settings) -> Result:
    """Return the median time and the mean score of the runs with one number of threads."""
    failures = [why for run in runs if (why := failure(run))]
    row: Result = {"threads": n_threads, "runs": len(runs), "failures": failures}
    if failures:
        return row
    train = statistics.median(run["parts"]["train"] for run in runs)
    row |= {"train": train, "words_per_second": settings.epochs * corpus.n_words / train}
    row |= {key: mean_score([run["quality"] for run in runs], key) for key in ("analogies", "men")}
    return row


def report(record: Result) -> str:
    """Return one record as a Markdown table; gain and change are against its first row."""
    first, rows = record["threads"][0], []
    for row in record["threads"]:
        if row["failures"]:
            why = "; ".join(dict.fromkeys(row["failures"]))
            rows.append([row["threads"], *[None] * 6, f"{len(row['failures'])} of {row['runs']}: {why}"])
            continue
        gain = row["words_per_second"] / first["words_per_second"] if not first["failures"] else None
        change = row["analogies"] - first["analogies"] if not first["failures"] else None
        speed = [number(row["train"], 2), number(row["words_per_second"] / 1e6, 2), number(gain, 2)]
        scores = [number(row["analogies"], 2), number(change, 2), number(row["men"], 2)]
        rows.append([row["threads"], *speed, *scores, None])
    header = ["threads", "train s", "M words/s", "gain", "analogies", "change", "men", "failures"]
    caption = f"### {record['corpus']}, {record['preset']}: {Settings(**record['settings']).describe()}"
    return f"{caption}\n\n{markdown_table(header, rows)}\n"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = new_parser(__doc__)
    counts = [1, 2, 3, 4, 8, 16]
    parser.add_argument("--threads", type=positive_integers, default=counts, help="default: 1,2,3,4,8,16")
    choice = ["plain", *HOSTILE]
    parser.add_argument("--corpora", default=",".join(choice), help=f"of {', '.join(choice)}; default: all")
    add_common_options(parser, presets="sg-default,sg-tuned", seeds=[1])
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all sweeps, of 3 epochs by default; return 0, 1 if a run failed, 2 if none could start."""
    args = parse(argv)
    try:
        names = args.corpora.split(",")
        if unknown := [name for name in names if name not in ("plain", *HOSTILE)]:
            raise BenchError(f"there is no corpus {unknown[0]!r}; there are plain, {', '.join(HOSTILE)}")
        settings = settings_of(args, epochs=3)
        check_programs([OURS])
        scorer = Scorer(args.data, args.scorer)
        prepare_output(args.output)
        with open_corpus(args.corpus) as plain:
            return sweep_all(plain, names, settings, args, scorer)
    except BenchError as error:
        print(f"threads.py: {error}", file=sys.stderr)
        return 2


def sweep_all(
    plain: Corpus,
    names: Sequence[str],
    settings: Sequence[tuple[str, Settings]],
    args: argparse.Namespace,
    scorer: Scorer,
) -> int:
    """Sweep over every corpus and preset; return the exit status."""
    here, n_failed = machine(), 0
    extra = f"; fastw2v with {args.extra}" if args.extra else ""
    print(
        f"{here['cpu']}, {here['cores']} cores, seeds {', '.join(map(str, args.seeds))}{extra}\n", flush=True
    )
    for name in names:
        with variant(plain, name, settings[0][1].min_count) as corpus:
            for setting in settings:
                record = sweep(corpus, setting, args, scorer)
                stamp = {
                    "kind": "threads",
                    "time": time.strftime("%FT%T%z"),
                    "extra": args.extra,
                    "machine": here,
                }
                append_line(args.output, {**stamp, **record})
                print(report(record), flush=True)
                n_failed += sum(len(row["failures"]) for row in record["threads"])
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
