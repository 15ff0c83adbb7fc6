#!/usr/bin/env python3
"""Count-based and predictive vectors from the same text: time, memory, analogies and word similarity.

    python bench/baselines.py --corpus wiki.txt.xz --threads 2
    python bench/baselines.py --corpus wiki.txt.xz --sweep --size 300 --windows 2,5

The table has the rows of the PPMI matrix as they are, SVD of it, skip-gram and CBOW with negative sampling. Each method
is a fresh process from the text file to vectors, which that process then scores (with what it timed before). --sweep
scores an SVD for each window, eig and kind of vectors instead. Prints Markdown, and appends JSON lines to --output.
What count_rivals.py compares is the speed of counting and of the decomposition.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness import PAIR_SETS, append_line, machine, markdown_table, number, open_corpus, prepare_output
from one_run import peak_memory_bytes
from options import DEFAULT_DATA, add_corpus_option, add_output_option, new_parser
from settings import BenchError

METHODS = ("ppmi", "svd", "sg-ns", "cbow-ns")
TABLE = ("analogies", "3cosmul", "semantic", "syntactic", *PAIR_SETS)
EIGS = (0.0, 0.25, 0.5, 1.0)


def make(method: str, args: argparse.Namespace, parts: dict[str, float]) -> Any:
    """Vectors of one method, with the seconds of its parts."""
    from fastw2v import PPMI, SVD, Cooccurrence, Word2Vec

    def timed(part: str, made: Any) -> Any:
        began = time.perf_counter()
        result = made()
        parts[part] = time.perf_counter() - began
        return result

    corpus, common = str(args.corpus), {"workers": args.threads, "progress": False}
    if method.endswith("-ns"):
        settings = {"sg": 1, "alpha": 0.05, "sample": 1e-4} if method == "sg-ns" else {"sg": 0, "alpha": 0.05}
        settings |= {"vector_size": args.size, "window": args.window, "min_count": args.min_count}
        return timed("train", lambda: Word2Vec(corpus_file=corpus, seed=args.seed, **settings, **common)).wv
    settings = {"window": args.window, "min_count": args.min_count, "max_memory": args.max_memory}
    counts = timed("count", lambda: Cooccurrence(corpus_file=corpus, **settings, **common))
    ppmi = timed("weigh", lambda: PPMI(counts, cds=args.cds, workers=args.threads))
    if method == "ppmi":
        return ppmi
    return timed("svd", lambda: SVD(ppmi, args.size, eig=args.eig, seed=args.seed, **common)).wv


def score(vectors: Any, data: Path) -> dict[str, float]:
    """All scores x 100; a set that is missing, or of which too little is known, is left out."""
    from fastw2v.evaluation import score_analogies, score_pairs

    words, questions = vectors.index_to_key, data / "questions-words.txt"
    scores = {}
    for name, method in (("analogies", "3cosadd"), ("3cosmul", "3cosmul")):
        result = score_analogies(words, vectors.vectors, questions, method=method)
        scores[name] = 100 * result.accuracy
        if name == "analogies":
            scores |= {"semantic": 100 * result.semantic, "syntactic": 100 * result.syntactic}
    for name, file in PAIR_SETS.items():
        path = data / "word-sim" / file
        if path.is_file():
            try:
                scores[name] = 100 * float(score_pairs(words, vectors.vectors, path).spearman[0])
            except ValueError:  # fewer than two pairs covered: a tiny corpus
                scores[name] = math.nan
    return scores


def child(method: str, args: argparse.Namespace) -> None:
    """Do one method in this process, and print a JSON line."""
    parts: dict[str, float] = {}
    vectors = make(method, args, parts)
    record: dict[str, Any] = {"parts": parts, "peak_bytes": peak_memory_bytes(), "words": len(vectors)}
    if args.score:
        record["quality"] = score(vectors, args.data)
    print(json.dumps(record))


def in_fresh_process(method: str, args: argparse.Namespace, corpus: Path) -> dict[str, Any]:
    """Start `child`; BenchError if it fails."""
    command = [sys.executable, __file__, "--child", method, "--corpus", str(corpus), "--data", str(args.data)]
    for name in ("size", "window", "min_count", "threads", "seed", "cds", "eig", "max_memory"):
        if getattr(args, name) is not None:
            command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    done = subprocess.run(
        command + ([] if args.score else ["--no-score"]), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{method} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def compare(args: argparse.Namespace, corpus: Path) -> None:
    """Print the table of the methods."""
    rows = []
    for method in args.methods:
        record = {"kind": "baseline", "method": method, **in_fresh_process(method, args, corpus)}
        record["settings"] = {
            name: getattr(args, name) for name in ("size", "window", "min_count", "cds", "eig", "seed")
        }
        append_line(args.output, record)
        parts = ", ".join(f"{part} {seconds:.1f}" for part, seconds in record["parts"].items())
        quality = record.get("quality", {})
        rows.append(
            [method, number(sum(record["parts"].values())), parts, number(record["peak_bytes"] / 1e6, 0)]
            + [number(quality.get(name)) for name in TABLE]
        )
        print(f"{method}: {sum(record['parts'].values()):.1f} s", file=sys.stderr)
    print(markdown_table(["method", "s", "parts", "peak MB", *TABLE], rows))


def sweep(args: argparse.Namespace, corpus: Path) -> None:
    """Print the scores of SVD for windows, exponents and kinds of vectors."""
    from fastw2v import PPMI, SVD, Cooccurrence

    rows = []
    for window in args.windows:
        counts = Cooccurrence(
            corpus_file=str(corpus), window=window, min_count=args.min_count, workers=args.threads
        )
        for cds in args.smoothings:
            svd = SVD(PPMI(counts, cds=cds), args.size, seed=args.seed, workers=args.threads)
            for eig in EIGS:
                for which in ("w", "w+c"):
                    quality = score(svd.keyed_vectors(which, eig), args.data)
                    record = {"kind": "sweep", "size": args.size, "window": window, "cds": cds, "eig": eig}
                    record |= {"which": which, "quality": quality}
                    append_line(args.output, record)
                    row = [number(quality.get(name)) for name in TABLE]
                    rows.append([window, cds, eig, which, *row])
                    print(*rows[-1], file=sys.stderr)
    print(markdown_table(["window", "cds", "eig", "vectors", *TABLE], rows))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)

    def listed(kind: type) -> Any:
        return lambda text: [kind(part) for part in text.split(",")]

    add_corpus_option(parser)
    parser.add_argument("--methods", type=listed(str), default=list(METHODS), help="default: all")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--cds", type=float, default=0.75)
    parser.add_argument("--eig", type=float, default=0.0)
    parser.add_argument("--max-memory", type=int, help="bytes, for counting")
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sweep", action="store_true", help="score settings of SVD instead")
    parser.add_argument("--windows", type=listed(int), default=[2, 5], help="for --sweep (default 2,5)")
    parser.add_argument("--smoothings", type=listed(float), default=[0.75], help="for --sweep: values of cds")
    parser.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, help="folder of questions-words.txt, word-sim/"
    )
    parser.add_argument("--no-score", dest="score", action="store_false", help="time and memory only")
    add_output_option(parser)
    parser.add_argument("--child", choices=METHODS, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    unknown = [method for method in args.methods if method not in METHODS]
    if unknown:
        parser.error(f"unknown method {unknown[0]!r}; there are {', '.join(METHODS)}")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    if args.child:
        child(args.child, args)
        return 0
    try:
        prepare_output(args.output)
        if args.score and not (args.data / "questions-words.txt").is_file():
            raise BenchError(
                f"{args.data} has no questions-words.txt: see bench/README.md, or give --no-score"
            )
        with open_corpus(args.corpus) as corpus:
            print(f"{machine().get('cpu', 'unknown CPU')}; {corpus.name}, {corpus.n_words:,} words\n")
            (sweep if args.sweep else compare)(args, corpus.path)
    except BenchError as error:
        print(f"baselines.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
