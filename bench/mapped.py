#!/usr/bin/env python3
"""What does training cost whose ids lie in a file on the disk instead of in memory?

    python bench/mapped.py --threads 2 --rounds 7
    python bench/mapped.py --corpus wiki.txt.xz --folder /mnt/disk --seconds 3

The same model is trained over the same ids in memory, mapped from a file that the system has in its cache, and mapped
from a file that it has to fetch ("cold": it is told to forget the pages first, where it can be told). The three run in
turn, round after round, each for --seconds from another place of the text on, with the same matrices. Without --corpus
the text is made up (zipf.py). Prints Markdown and appends JSON lines to --output.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zipf
from courses import Course, settings_of
from harness import N_CORES, append_line, load_average, machine, markdown_table, number, prepare_output
from options import add_corpus_option, add_list_option, add_output_option, exit_status, new_parser
from settings import BenchError

from fastw2v.corpus import Corpus, build_vocabulary
from fastw2v.errors import EmptyVocabularyError

M = 1_000_000
MADE_UP_WORDS, MADE_UP_TOKENS = 80_000, 50 * M


def text_of(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """The counts of words, and ids in memory."""
    if args.corpus is None:
        return zipf.counts(MADE_UP_WORDS, MADE_UP_TOKENS), zipf.ids(MADE_UP_WORDS, MADE_UP_TOKENS)
    try:
        vocabulary, encoded = build_vocabulary(
            Corpus.open(corpus_file=args.corpus), n_threads=args.threads, memory_budget=1 << 62
        )
    except (OSError, ValueError, EmptyVocabularyError) as error:
        raise BenchError(f"cannot read the corpus: {error}") from error
    return vocabulary.counts, encoded.ids


def mapped(path: Path, *, forget: bool) -> np.ndarray:
    """The ids in a file; with `forget` those of a file that is not in the system's cache any more."""
    if forget:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return np.memmap(path, np.int32, mode="r")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    prepare_output(args.output)
    here = machine()
    counts, ids = text_of(args)
    print(f"{here['cpu']}, {args.threads} threads, {len(ids):,} ids, load {load_average()}\n", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="fastw2v-mapped-", dir=args.folder) as folder:
        path = Path(folder, "ids")
        with path.open("wb") as file:
            file.write(ids.data)
            os.fsync(file.fileno())
        places: dict[str, Callable[[], np.ndarray]] = {
            "memory": lambda: ids,
            "mapped": lambda: mapped(path, forget=False),
        }
        if hasattr(os, "posix_fadvise"):
            places["mapped, cold"] = lambda: mapped(path, forget=True)
        for model in args.models:
            course = Course(settings_of(model, "ns", args.size, args.threads), counts, ids)
            speeds: dict[str, list[float]] = {name: [] for name in places}
            for round_number in range(args.rounds):
                for name, where in places.items():
                    course.ids = where()
                    pace = course.run(args.seconds, round_number / args.rounds)
                    course.ids = ids  # unmaps the others
                    speeds[name].append(pace.words_per_second)
            append_line(args.output, {"kind": "mapped", "model": model, "speeds": speeds, "machine": here})
            for name, rounds in speeds.items():
                ratios = [speed / base for speed, base in zip(rounds, speeds["memory"], strict=True)]
                shown = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
                rows.append([model, name, number(statistics.median(rounds) / M, 2), shown])
    print(markdown_table(["model", "ids", "M words/s", "speed (1: memory)"], rows))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    parser = new_parser(__doc__)
    add_corpus_option(parser, instead="made-up text")
    add_list_option(parser, "--models", ["sg", "cbow"])
    parser.add_argument("--size", type=int, default=100, help="dimensions (default 100)")
    parser.add_argument("--threads", type=int, default=N_CORES)
    parser.add_argument("--rounds", type=int, default=7, help="default 7")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each in a round (default 1)")
    parser.add_argument("--folder", type=Path, help="for the file of ids; default: that of temporary files")
    add_output_option(parser)
    args = parser.parse_args(arguments)
    return exit_status("mapped.py", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
