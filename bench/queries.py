#!/usr/bin/env python3
"""Queries and evaluation beside gensim's KeyedVectors, in one run, in turn.

    python bench/queries.py words --words 80000 --threads 2
    python bench/queries.py words --words 1000000 --batch 100 --threads 2
    python bench/queries.py analogies --vectors wiki.bin --threads 2
    python bench/queries.py memory --words 1000000

words: one word at a time, and a batch beside gensim's loop over it, on random vectors of uneven lengths; the words
found must be gensim's. analogies: the questions of Google's set over the whole vocabulary, by both; each must get the
same verdict. With --share N gensim answers every N-th question only, and its time is multiplied. memory: what a fresh
process needs beside the matrix. gensim uses the threads of its BLAS. Prints Markdown, and appends JSON lines to
--output.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import append_line, machine, markdown_table, number, prepare_output
from options import DEFAULT_DATA, add_output_option, new_parser
from settings import BenchError
from threadpoolctl import threadpool_limits

from fastw2v import KeyedVectors

WORDS_IN_TURN = 10

MEMORY_CODE = """
import sys
from pathlib import Path
sys.path[:0] = [{bench!r}]
from one_run import peak_memory_bytes
from queries import random_vectors
from fastw2v import KeyedVectors
matrix = random_vectors({words}, {size})
wv = KeyedVectors.from_arrays(map(str, range({words})), matrix)
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (Linux)
before = peak_memory_bytes()
for row in range(20):  # a sketch is made in between, if at all
    wv.most_similar(row)
one = peak_memory_bytes()
wv.most_similar_batch(range({batch}), threads=2)
print(matrix.nbytes, before, one, peak_memory_bytes())
"""


def random_vectors(n_words: int, size: int) -> np.ndarray:
    """Normal vectors, scaled unevenly; made in place, so that the peak of memory is the matrix."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((n_words, size), dtype=np.float32)
    matrix *= rng.uniform(0.5, 4, (n_words, 1)).astype(np.float32)
    return matrix


def both(words: list[str], matrix: np.ndarray, threads: int) -> tuple[KeyedVectors, Any]:
    """The same vectors, one matrix, for fastw2v and for gensim, with norms."""
    try:
        from gensim.models import KeyedVectors as Theirs
    except ImportError:
        raise BenchError("needs gensim: pip install '.[bench]'") from None
    wv, theirs = KeyedVectors.from_arrays(words, matrix), Theirs(matrix.shape[1])
    theirs.index_to_key, theirs.key_to_index, theirs.vectors = words, dict(wv.key_to_index), matrix
    wv.threads = threads
    wv.fill_norms()
    theirs.fill_norms()
    return wv, theirs


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of `work`, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def must_agree(ours: list[tuple[str, float]], theirs: list[tuple[str, float]]) -> None:
    """The same words and cosines, but for neighbours whose cosines differ by rounding alone."""
    cosines = np.array([[c for _, c in ours], [c for _, c in theirs]])
    swapped = [a != b for (a, _), (b, _) in zip(ours, theirs, strict=True)]
    if np.abs(cosines[0] - cosines[1]).max() > 1e-5 or (any(swapped) and np.ptp(cosines[0][swapped]) > 1e-5):
        raise BenchError(f"different results: {ours} and {theirs}")


def querying(args: argparse.Namespace) -> None:
    """Print the latency of one word, and of a batch."""
    matrix = random_vectors(args.words, args.size)
    wv, theirs = both([f"w{row}" for row in range(args.words)], matrix, args.threads)
    asked = [f"w{row}" for row in np.random.default_rng(2).permutation(args.words)[: args.batch]]
    taken: dict[str, list[float]] = {"gensim": [], "fastw2v": []}
    searches = {"gensim": theirs.most_similar, "fastw2v": wv.most_similar}
    for first in range(0, args.rounds, WORDS_IN_TURN):
        found = {}
        for name, search in searches.items():
            time.sleep(
                0.2
            )  # threads of the other library's BLAS or OpenMP spin for a while when they are done
            search(asked[-1])
            for word in asked[first : first + WORDS_IN_TURN]:
                found[name, word], seconds = timed(lambda search=search, word=word: search(word))
                taken[name].append(seconds)
        for word in asked[first : first + WORDS_IN_TURN]:
            must_agree(found["fastw2v", word], found["gensim", word])
    one = {name: 1e3 * statistics.median(seconds) for name, seconds in taken.items()}
    ratio = one["gensim"] / one["fastw2v"]
    loop, loop_seconds = timed(lambda: [theirs.most_similar(word) for word in asked])
    wv.most_similar_batch(asked[:10])  # threads are there from now on
    batch, batch_seconds = min(
        (timed(lambda: wv.most_similar_batch(asked)) for _ in range(3)), key=lambda t: t[1]
    )
    for found, expected in zip(batch, loop, strict=True):
        must_agree(found, expected)
    record = {"kind": "queries", "words": args.words, "size": args.size, "threads": args.threads}
    record |= {
        "one_seconds": taken,
        "batch": args.batch,
        "loop": loop_seconds,
        "batch_seconds": batch_seconds,
    }
    append_line(args.output, record)
    rows = [
        ["one word, ms (median)", number(one["gensim"], 2), number(one["fastw2v"], 2), number(ratio, 2)],
        [
            f"{args.batch} words, s",
            number(loop_seconds, 2),
            number(batch_seconds, 3),
            number(loop_seconds / batch_seconds),
        ],
    ]
    print(f"{args.words:,} words x {args.size}, {args.threads} threads; the same words were found\n")
    print(markdown_table(["query", "gensim", "fastw2v", "gensim / fastw2v"], rows))


def analogies(args: argparse.Namespace) -> None:
    """Print how long Google's questions take, and whether the verdicts are the same."""
    path = args.data / "questions-words.txt"
    if args.vectors is None:
        raise BenchError("analogies need --vectors FILE, in word2vec's binary format")
    loaded = KeyedVectors.load_word2vec_format(args.vectors, binary=True)
    wv, theirs = both(loaded.index_to_key, np.ascontiguousarray(loaded.vectors), args.threads)
    n_words = len(wv)
    (accuracy, sections), seconds = timed(lambda: wv.evaluate_word_analogies(path, restrict_vocab=n_words))
    with tempfile.TemporaryDirectory(prefix="fastw2v-queries-") as folder:
        part = Path(folder, "part.txt")
        part.write_text("".join(_every(path.read_text().splitlines(keepends=True), args.share)))
        (part_accuracy, part_sections), part_seconds = timed(
            lambda: theirs.evaluate_word_analogies(str(part), restrict_vocab=n_words)
        )
        ours = wv.evaluate_word_analogies(part, restrict_vocab=n_words)[1]
    differing = sum(a != b for a, b in zip(verdicts(ours), verdicts(part_sections), strict=True))
    n_questions = [
        sum(len(s[-1][side]) for side in ("correct", "incorrect")) for s in (sections, part_sections)
    ]
    theirs_seconds = part_seconds * n_questions[0] / n_questions[1]
    record = {"kind": "analogies", "words": n_words, "size": wv.vector_size, "threads": args.threads}
    record |= {"seconds": seconds, "gensim_seconds": theirs_seconds, "gensim_questions": n_questions[1]}
    append_line(
        args.output, {**record, "questions": n_questions[0], "differing": differing, "accuracy": accuracy}
    )
    rows = [
        ["gensim", number(theirs_seconds, 2), n_questions[1], number(100 * part_accuracy, 2)],
        ["fastw2v", number(seconds, 2), n_questions[0], number(100 * accuracy, 2)],
    ]
    print(f"{n_words:,} words x {wv.vector_size}, {args.threads} threads, whole vocabulary\n")
    print(markdown_table(["by", "all questions, s", "answered", "right, %"], rows))
    print(f"\ngensim / fastw2v: {theirs_seconds / seconds:.0f}; verdicts that differ: {differing}")


def _every(lines: list[str], n: int) -> list[str]:
    """The headers, and every n-th question."""
    questions = [number for number, line in enumerate(lines) if not line.startswith(":")]
    kept = set(questions[::n])
    return [line for number, line in enumerate(lines) if line.startswith(":") or number in kept]


def verdicts(sections: list[dict[str, Any]]) -> list[tuple[Any, bool]]:
    """Each question of the last section, which has them all, and whether the answer was right."""
    total = sections[-1]
    return sorted([(q, True) for q in total["correct"]] + [(q, False) for q in total["incorrect"]])


def memory(args: argparse.Namespace) -> None:
    """Print what queries need beside the matrix, measured in a process of their own."""
    code = MEMORY_CODE.format(
        bench=str(Path(__file__).parent), words=args.words, size=args.size, batch=args.batch
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"querying failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    matrix, before, one, batch = (int(field) / 1e6 for field in done.stdout.split())
    append_line(
        args.output,
        {
            "kind": "query-memory",
            "words": args.words,
            "matrix_mb": matrix,
            "one_mb": one - before,
            "batch_mb": batch - before,
        },
    )
    rows = [
        ["words and matrix (the matrix alone: " + number(matrix, 0) + ")", number(before, 0), ""],
        ["after 20 times most_similar", number(one, 0), number(one - before, 1)],
        [f"after a batch of {args.batch}", number(batch, 0), number(batch - before, 1)],
    ]
    print(markdown_table(["peak of the process, MB", "", "more"], rows))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    parser.add_argument("what", choices=("words", "analogies", "memory"))
    parser.add_argument("--words", type=int, default=80_000, help="default %(default)s")
    parser.add_argument("--size", type=int, default=300, help="dimensions (default %(default)s)")
    parser.add_argument("--batch", type=int, default=1000, help="words of a batch (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=60, help="words asked one by one (default %(default)s)")
    parser.add_argument("--vectors", type=Path, help="word2vec binary file, for analogies")
    parser.add_argument("--share", type=int, default=1, help="gensim answers every so many questions")
    data = os.environ.get("FASTW2V_BENCH_DATA", DEFAULT_DATA)
    parser.add_argument("--data", type=Path, default=data, help="folder of questions-words.txt")
    parser.add_argument("--threads", type=int, default=2)
    add_output_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    try:
        prepare_output(args.output)
        print(f"{machine().get('cpu', 'unknown CPU')}\n")
        with threadpool_limits(args.threads, user_api="blas"):
            {"words": querying, "analogies": analogies, "memory": memory}[args.what](args)
    except BenchError as error:
        print(f"queries.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
