#!/usr/bin/env python3
"""Counting and truncated SVD beside what NumPy, SciPy and scikit-learn offer, and how both grow with the text.

    python bench/count_rivals.py counting --corpus wiki.txt.xz --window 5 --threads 2
    python bench/count_rivals.py svd --corpus wiki.txt.xz --size 300 --threads 2
    python bench/count_rivals.py growth --corpus wiki.txt.xz --threads 2

counting: ids to a csr_array, by fastw2v and by shifted id arrays that go through coo_array.tocsr in chunks, in turn;
the results are compared, and peak memory is that of a fresh process. svd: the same PPMI matrix through fastw2v, scipy's
svds and scikit-learn's randomized_svd, with the energy (sum of squared singular values) that each captures. growth: the
first 1/8, 1/4, 1/2 and all of the lines. Prints Markdown, and appends JSON lines to --output.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from harness import append_line, machine, markdown_table, number, open_corpus, prepare_output
from options import add_corpus_option, add_output_option, new_parser
from settings import BenchError

from fastw2v import PPMI, Cooccurrence
from fastw2v.corpus import LINE_END, Corpus, build_vocabulary
from fastw2v.row_counting import count_rows, make_weights
from fastw2v.svd_solver import truncated_svd

CHUNK_IDS = 2_000_000
MEMORY_CODE = """
import sys
sys.path[:0] = [{bench!r}]
from one_run import peak_memory_bytes
from fastw2v import Cooccurrence
Cooccurrence(corpus_file={corpus!r}, window={window}, min_count={min_count}, workers={threads}, max_memory={budget},
             progress=False)
print(peak_memory_bytes())
"""


def count_with_scipy(ids: np.ndarray, n_words: int, window: int) -> sp.csr_array:
    """Symmetric counts the usual way: for each distance one array of pairs, chunk by chunk."""
    total = sp.csr_array((n_words, n_words), dtype=np.int64)
    for begin in range(0, len(ids), CHUNK_IDS):
        part = ids[begin : begin + CHUNK_IDS + window]
        line = np.cumsum(part == LINE_END, dtype=np.int32)
        rows, columns = [], []
        for distance in range(1, window + 1):
            n_pairs = min(CHUNK_IDS, len(part) - distance)
            left, right = part[:n_pairs], part[distance : distance + n_pairs]
            is_pair = (left >= 0) & (right >= 0) & (line[:n_pairs] == line[distance : distance + n_pairs])
            rows.append(left[is_pair])
            columns.append(right[is_pair])
        ends = np.concatenate(rows), np.concatenate(columns)
        total = total + sp.coo_array((np.ones(len(ends[0]), np.int64), ends), shape=total.shape).tocsr()
    return total + total.T.tocsr()


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of `work`, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def peak_memory(args: argparse.Namespace, corpus: Path, budget: int) -> float:
    """MB that a process takes which counts with so many bytes of memory."""
    code = MEMORY_CODE.format(
        bench=str(Path(__file__).parent),
        corpus=str(corpus),
        window=args.window,
        min_count=args.min_count,
        threads=args.threads,
        budget=budget,
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"counting failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return int(done.stdout) / 1e6


def counting(args: argparse.Namespace, corpus: Path) -> None:
    """Print the speed and memory of counting."""
    vocabulary, encoded = build_vocabulary(
        Corpus.open(corpus_file=str(corpus)), min_count=args.min_count, n_threads=args.threads
    )
    weights = make_weights("flat", args.window, "symmetric", int(vocabulary.counts.max()))

    def ours() -> sp.csr_array:
        rows = count_rows(encoded.ids, vocabulary.counts, weights, n_threads=args.threads, budget=1 << 32)
        return sp.csr_array((rows.sums, rows.columns, rows.starts), shape=(len(vocabulary),) * 2)

    seconds: dict[str, list[float]] = {"fastw2v": [], "scipy": []}
    for _ in range(args.rounds):
        found, taken = timed(ours)
        seconds["fastw2v"].append(taken)
        expected, taken = timed(lambda: count_with_scipy(encoded.ids, len(vocabulary), args.window))
        seconds["scipy"].append(taken)
        if (found != expected).nnz:
            raise BenchError("fastw2v and scipy have counted differently")
    ratio = statistics.median(b / a for a, b in zip(*seconds.values(), strict=True))
    record = {"kind": "counting", "window": args.window, "words": len(vocabulary), "pairs": int(found.nnz)}
    append_line(args.output, {**record, "seconds": seconds, "ratio": ratio})
    rows = [
        [name, number(statistics.median(s), 2), number(encoded.n_raw_words / statistics.median(s) / 1e6, 2)]
        for name, s in seconds.items()
    ]
    print(
        f"window {args.window}, {len(vocabulary):,} words, {found.nnz:,} pairs, scipy / fastw2v: {ratio:.1f}\n"
    )
    print(markdown_table(["counted by", "s", "M words/s"], rows))
    budgets = []
    for megabytes in args.budgets:
        peak = peak_memory(args, corpus, megabytes * 10**6)
        append_line(
            args.output,
            {"kind": "counting-memory", "max_memory": megabytes * 10**6, "peak_bytes": 1e6 * peak},
        )
        budgets.append([megabytes, number(peak, 0), number(peak - megabytes, 0)])
    print("\n" + markdown_table(["max_memory, MB", "peak of the process, MB", "difference"], budgets))


def decomposing(args: argparse.Namespace, corpus: Path) -> None:
    """Print the speed of the truncated SVD, and the energy that it captures."""
    matrix = PPMI(count(args, corpus), workers=args.threads).matrix

    def with_svds() -> np.ndarray:
        return sp.linalg.svds(matrix, args.size, rng=np.random.default_rng(args.seed))[1]

    def with_randomized_svd(n_iter: int) -> np.ndarray:
        try:
            from sklearn.utils.extmath import randomized_svd
        except ImportError:
            raise BenchError("needs scikit-learn: pip install '.[bench]'") from None
        return randomized_svd(matrix, args.size, n_iter=n_iter, random_state=args.seed)[1]

    def with_fastw2v() -> np.ndarray:
        options = {"seed": args.seed, "n_threads": args.threads, "progress": False}
        return truncated_svd(matrix, args.size, tolerance=args.tolerance, **options).values

    rivals: dict[str, Callable[[], np.ndarray]] = {"fastw2v": with_fastw2v}
    if args.svds:
        rivals["scipy svds"] = with_svds
    for n_iter in args.n_iter:
        rivals[f"randomized_svd, n_iter={n_iter}"] = lambda n_iter=n_iter: with_randomized_svd(n_iter)
    rows = []
    energies: dict[str, tuple[float, float]] = {}
    for name, work in rivals.items():
        values, seconds = timed(work)
        energies[name] = float((values.astype(np.float64) ** 2).sum()), seconds
        append_line(
            args.output,
            {"kind": "svd", "by": name, "size": args.size, "seconds": seconds, "energy": energies[name][0]},
        )
        print(f"{name}: {seconds:.1f} s, energy {energies[name][0]:.6g}", file=sys.stderr)
    most = max(energy for energy, _ in energies.values())
    for name, (energy, seconds) in energies.items():
        rows.append(
            [name, number(seconds), number(100 * energy / most, 2), number(seconds / energies["fastw2v"][1])]
        )
    print(f"window {args.window}, {matrix.nnz:,} entries, {args.size} dimensions\n")
    print(markdown_table(["by", "s", "energy, %", "s / fastw2v's"], rows))


def count(args: argparse.Namespace, corpus: Path) -> Cooccurrence:
    """Counts of a text."""
    settings = {
        "window": args.window,
        "min_count": args.min_count,
        "workers": args.threads,
        "progress": False,
    }
    return Cooccurrence(corpus_file=str(corpus), **settings)


def growing(args: argparse.Namespace, corpus: Path) -> None:
    """Print time and size as the text grows."""
    rows = []
    options = {"seed": args.seed, "n_threads": args.threads, "progress": False}
    n_lines = sum(1 for _ in corpus.open("rb"))
    with tempfile.TemporaryDirectory(prefix="fastw2v-growth-") as folder:
        for part in (8, 4, 2, 1):
            path = Path(folder, "part.txt")
            with corpus.open("rb") as lines, path.open("wb") as out:
                out.writelines(itertools.islice(lines, n_lines // part))
            counts, seconds = timed(lambda path=path: count(args, path))
            ppmi, weighing = timed(lambda counts=counts: PPMI(counts, workers=args.threads))
            _, decomposed = timed(
                lambda ppmi=ppmi: truncated_svd(ppmi.matrix, args.size, tolerance=args.tolerance, **options)
            )
            peak = peak_memory(args, path, 1 << 32)
            record = {
                "words": counts.corpus_total_words,
                "vocabulary": len(counts),
                "pairs": int(counts.matrix.nnz),
            }
            record |= {"count": seconds, "weigh": weighing, "svd": decomposed, "peak_bytes": peak * 1e6}
            append_line(args.output, {"kind": "growth", **record})
            sizes = [f"{record[name]:,}" for name in ("words", "vocabulary", "pairs")]
            rows.append([*sizes, *(number(t) for t in (seconds, weighing, decomposed)), number(peak, 0)])
    header = ["words", "vocabulary", "pairs", "text to counts, s", "PPMI, s", f"SVD {args.size} d, s"]
    print(markdown_table([*header, "peak of counting, MB"], rows))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)

    def integers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser.add_argument("what", choices=("counting", "svd", "growth"))
    add_corpus_option(parser)
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--size", type=int, default=300, help="dimensions (default 300)")
    parser.add_argument("--tolerance", type=float, default=0.003, help="of fastw2v's SVD")
    parser.add_argument(
        "--n-iter", type=integers, default=[7, 20], help="of randomized_svd, several (default 7,20)"
    )
    parser.add_argument("--no-svds", dest="svds", action="store_false", help="leave svds out")
    parser.add_argument("--rounds", type=int, default=1, help="of counting")
    parser.add_argument(
        "--budgets", type=integers, default=[100, 300, 1000], help="max_memory in MB, several"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    add_output_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    try:
        prepare_output(args.output)
        with open_corpus(args.corpus) as corpus:
            print(f"{machine().get('cpu', 'unknown CPU')}; {corpus.name}, {corpus.n_words:,} words\n")
            {"counting": counting, "svd": decomposing, "growth": growing}[args.what](args, corpus.path)
    except BenchError as error:
        print(f"count_rivals.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
