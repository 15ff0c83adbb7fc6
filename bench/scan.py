#!/usr/bin/env python3
"""How fast is text counted and encoded, beside gensim's scan and beside the machine's memory?

    python bench/scan.py --corpus wiki.txt.xz --threads 2 --rounds 5 --formats plain,gz,xz

A round is memory copied by one thread, then fastw2v on each format, then gensim's scan of the plain text, each in a
fresh process. fastw2v counts, chooses words and encodes; gensim counts and chooses (`scan_vocab`, `prepare_vocab`),
and reads the text again in each epoch. Rates are bytes of the plain text whatever the format. Prints Markdown, and
appends a JSON line to --output. Deliberately without training: see compare.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import (
    OPENERS,
    Corpus,
    append_line,
    check_programs,
    machine,
    markdown_table,
    number,
    open_corpus,
    prepare_output,
)
from options import (
    add_corpus_option,
    add_list_option,
    add_output_option,
    exit_status,
    new_parser,
)
from rivals import Stopwatch
from settings import BenchError

FORMATS = ("plain", *(ending[1:] for ending in OPENERS))
COPY, GENSIM = "memcpy", "gensim"
COPIED_BYTES = 1 << 27


def seconds_of(what: str, path: str, threads: int, min_count: int) -> float:
    """Do one thing once, in this process: copy memory, or scan a file with gensim or fastw2v."""
    stopwatch = Stopwatch()
    if what == COPY:
        return copy_seconds()
    if what == GENSIM:
        from gensim.models import Word2Vec

        model = Word2Vec(min_count=min_count, vector_size=1, workers=threads)
        model.scan_vocab = stopwatch.timed("scan", model.scan_vocab)
        model.prepare_vocab = stopwatch.timed("scan", model.prepare_vocab)
        model.build_vocab(corpus_file=path)
    else:
        from fastw2v.corpus import Corpus as Text
        from fastw2v.corpus import build_vocabulary

        text = Text.open(corpus_file=path)
        stopwatch.timed("scan", build_vocabulary)(
            text, min_count=min_count, n_threads=threads, progress=False
        )
    return stopwatch.parts["scan"]


def copy_seconds() -> float:
    """Seconds that one thread takes to copy COPIED_BYTES from memory to memory, the best of some."""
    import numpy as np

    source, target = np.ones(COPIED_BYTES, np.uint8), np.ones(COPIED_BYTES, np.uint8)

    def once() -> float:
        began = time.perf_counter()
        np.copyto(target, source)
        return time.perf_counter() - began

    return min(once() for _ in range(5))


def in_fresh_process(*arguments: Any) -> float:
    """`seconds_of` in a process of its own."""
    code = "import sys, json, scan; print(scan.seconds_of(*json.loads(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    if done.returncode:
        raise BenchError(f"{arguments[0]} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return float(done.stdout.split()[-1])


def write_formats(corpus: Corpus, formats: Sequence[str], folder: Path) -> dict[str, Path]:
    """Write the corpus in each format; returns their paths."""
    paths = {}
    for name in formats:
        paths[name] = corpus.path if name == "plain" else folder / f"text.{name}"
        if name != "plain":
            with corpus.path.open("rb") as text, OPENERS[f".{name}"](paths[name], "wb") as packed:
                shutil.copyfileobj(text, packed, 1 << 24)
    return paths


def measure(args: argparse.Namespace, corpus: Corpus) -> dict[str, list[float]]:
    """Seconds of each thing in each round; those of memory for as many bytes as the text has."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="fastw2v-scan-") as folder:
        paths = {name: str(path) for name, path in write_formats(corpus, args.formats, Path(folder)).items()}
        if args.gensim:
            paths[GENSIM] = str(corpus.path)
        for _ in range(args.rounds):
            copied = in_fresh_process(COPY, "", 1, 0) * corpus.n_bytes / COPIED_BYTES
            seconds.setdefault(COPY, []).append(copied)
            for name, path in paths.items():
                taken = in_fresh_process(name, path, args.threads, args.min_count)
                seconds.setdefault(name, []).append(taken)
    return seconds


def report(seconds: dict[str, list[float]], corpus: Corpus) -> str:
    """The table: medians, and ratios within a round."""

    def ratio(above: str, below: str, factor: int = 1) -> str | None:
        if not {above, below} <= seconds.keys() or above == below:
            return None
        values = [factor * a / b for a, b in zip(seconds[above], seconds[below], strict=True)]
        return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"

    rows = []
    for name, values in seconds.items():
        middle = statistics.median(values)
        rates = [number(corpus.n_bytes / middle / 1e6, 0), number(corpus.n_words / middle / 1e6, 1)]
        rows.append([name, number(middle, 3), *rates, ratio(GENSIM, name), ratio(COPY, name, 100)])
    header = ["", "s", "MB/s of text", "M words/s", "gensim's time / its", "% of memcpy's rate"]
    return markdown_table(header, rows)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = new_parser(__doc__)
    add_corpus_option(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--min-count", type=int, default=5)
    add_list_option(parser, "--formats", FORMATS)
    parser.add_argument("--no-gensim", dest="gensim", action="store_false")
    add_output_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; return 0, or 2 if it could not be run."""
    args = parse(argv)

    def run() -> int:
        check_programs(["fastw2v", *([GENSIM] if args.gensim else [])])
        prepare_output(args.output)
        with open_corpus(args.corpus) as corpus:
            here = machine()
            print(f"{here['cpu']}; {args.threads} threads, {corpus.name}: {corpus.n_words:,} words\n")
            seconds = measure(args, corpus)
            append_line(args.output, {"kind": "scan", "machine": here, "seconds": seconds, **vars(args)})
            print(report(seconds, corpus))
        return 0

    return exit_status("scan.py", run)


if __name__ == "__main__":
    sys.exit(main())
