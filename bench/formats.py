#!/usr/bin/env python3
"""Files of vectors beside gensim's: loading and saving word2vec's formats, and opening a mapped file.

    python bench/formats.py --rounds 3 --folder /dev/shm

Vectors are random, words are numbers. Both programs do the same in turn, in one process, on the same files; ratios are
formed within a round. A saved file is on the disk when fastw2v's saver returns (fsync) and in the system's cache when
gensim's does, so that a slow disk counts against fastw2v alone: name a folder in memory to compare the programs. What
was loaded is compared, too. Files are saved over those of the round before, and where there are none: gensim fills its
old file; fastw2v's new one stands beside the old one until it takes its place, and so needs memory of its own. A
virtual machine that gives unused memory back to its host waits for that memory, not for a program: --memory-at-hand has
it fetched before the time is taken. Opening and a first `similarity` are measured in a process of their own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gensim
import numpy as np
from harness import append_line, machine, markdown_table, prepare_output
from options import add_output_option, new_parser

import fastw2v

Action = Callable[[], object]

FIRST_ANSWER = """
import re, sys, time
from fastw2v import KeyedVectors
def memory(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before, began = memory("VmRSS"), time.perf_counter()
wv = KeyedVectors.load(sys.argv[1], mmap={mmap})
wv.similarity("word17", "word4242")
print(time.perf_counter() - began, memory("VmHWM") - before)
"""


def random_vectors(n_words: int, dim: int) -> fastw2v.KeyedVectors:
    """Vectors that look like trained ones to a writer of numbers."""
    vectors = np.random.default_rng(1).standard_normal((n_words, dim), np.float32) / np.float32(dim**0.5)
    return fastw2v.KeyedVectors.from_arrays(
        [f"word{row}" for row in range(n_words)], vectors, np.arange(n_words, 0, -1)
    )


def fetch_memory(n_bytes: int) -> None:
    """Touch memory and free it, so that the system has it when files ask for it."""
    np.empty(n_bytes, np.uint8)[::4096] = 1


def timed(action: Action) -> tuple[float, object]:
    """Seconds and the result."""
    began = time.perf_counter()
    result = action()
    return time.perf_counter() - began, result


def same(ours: object, theirs: object) -> None:
    """Stop if two programs loaded different vectors."""
    if isinstance(ours, fastw2v.KeyedVectors):
        assert ours.index_to_key == theirs.index_to_key
        assert np.array_equal(ours.vectors, theirs.vectors)


def word2vec_actions(
    folder: Path, args: argparse.Namespace
) -> Iterator[tuple[str, Sequence[Path], Action, Action]]:
    """Yield what is measured, which files are removed before, what fastw2v does, and what gensim does."""
    for title, n_words, binary in (("binary", args.words, True), ("text", args.text_words, False)):
        wv = random_vectors(n_words, args.size)
        theirs = wv.to_gensim()
        theirs.vectors = wv.vectors  # shared, so that for neither it has been idle and must be fetched back
        size = f"word2vec {title}, {n_words:,} x {args.size}"
        path, their_path = folder / f"ours.{title}", folder / f"theirs.{title}"
        for where, removed in ((", over an old file", ()), (", a new file", (path, their_path))):
            yield (
                f"save {size}{where}",
                removed,
                lambda wv=wv, path=path, binary=binary: wv.save_word2vec_format(
                    path, binary=binary, threads=args.threads
                ),
                lambda theirs=theirs, path=their_path, binary=binary: theirs.save_word2vec_format(
                    str(path), binary=binary
                ),
            )
        del wv, theirs
        their_path.unlink()
        yield (
            f"load {size}",
            (),
            lambda path=path, binary=binary: fastw2v.KeyedVectors.load_word2vec_format(
                path, binary=binary, threads=args.threads
            ),
            lambda path=path, binary=binary: gensim.models.KeyedVectors.load_word2vec_format(
                str(path), binary=binary
            ),
        )
        path.unlink()


def first_answers(folder: Path, args: argparse.Namespace) -> list[list[str]]:
    """Rows of the table about mapped files."""
    path = folder / "vectors.safetensors"
    random_vectors(args.words, args.size).save(path)
    figures: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for _ in range(args.rounds):
        for mmap, found in figures.items():
            code = FIRST_ANSWER.format(mmap=mmap)
            output = subprocess.run(
                [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
            )
            seconds, megabytes = map(float, output.stdout.split())
            found.append((seconds, megabytes))
    path.unlink()
    ratio = statistics.median(
        whole[0] / mapped[0] for mapped, whole in zip(figures[True], figures[False], strict=True)
    )
    rows = []
    for mmap, found in figures.items():
        seconds, megabytes = (statistics.median(column) for column in zip(*found, strict=True))
        title = (
            f"open, first similarity, {args.words:,} x {args.size}, {'mapped' if mmap else 'loaded whole'}"
        )
        rows.append(
            [title, f"{1000 * seconds:.2f} ms", f"{megabytes:.0f} MB", f"{ratio:.0f}x" if mmap else ""]
        )
    return rows


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--words", type=int, default=1_000_000, help="rows of the binary file")
    parser.add_argument("--text-words", type=int, default=80_000, help="rows of the text file")
    parser.add_argument("--size", type=int, default=300, help="dimensions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="fastw2v's, for text; gensim has one")
    parser.add_argument("--folder", help="where files are written; default the system's for temporary files")
    parser.add_argument("--memory-at-hand", action="store_true", help="fetch it before each round")
    add_output_option(parser)
    args = parser.parse_args()
    prepare_output(args.output)
    rows = []
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        for title, removed, ours, theirs in word2vec_actions(folder, args):
            seconds: list[tuple[float, float]] = []
            for _ in range(args.rounds + 1):
                for path in removed:
                    path.unlink()
                if args.memory_at_hand:
                    fetch_memory(5 * args.words * args.size)  # a fifth more than the largest file
                our_seconds, our_result = timed(ours)
                their_seconds, their_result = timed(theirs)
                same(our_result, their_result)
                del our_result, their_result
                seconds.append((our_seconds, their_seconds))
            seconds = seconds[1:]  # in the first round the system finds memory for files that are new
            ratios = [theirs / ours for ours, theirs in seconds]
            medians = [statistics.median(column) for column in zip(*seconds, strict=True)]
            rows.append(
                [
                    title,
                    *(f"{median:.2f} s" for median in medians),
                    f"{statistics.median(ratios):.1f}x ({min(ratios):.1f}-{max(ratios):.1f})",
                ]
            )
            append_line(args.output, {"what": title, "seconds": seconds, "machine": machine()})
            print(rows[-1], file=sys.stderr, flush=True)
        print(markdown_table(["what", "fastw2v", "gensim", "gensim / fastw2v"], rows))
        answers = first_answers(folder, args)
        append_line(args.output, {"what": "first answers", "rows": answers, "machine": machine()})
        print("\n" + markdown_table(["what", "time", "memory", "whole / mapped"], answers))


if __name__ == "__main__":
    main()
