#!/usr/bin/env python3
"""Is one commit slower than another? Builds both, and times a standard set of parts in each, in turn.

    python bench/regress.py main                       # against what is checked out (HEAD)
    python bench/regress.py BASE HEAD --parts sg-ns-100,scan --lives 8

Each commit is checked out into a temporary worktree of git and built in place with this interpreter, which needs Cython
and setuptools; nothing of this tree changes. A round times each part in one version and then the other, the order
changing from round to round; both live in processes of their own and are idle while the other works. The processes are
started anew --lives times: where memory happens to lie makes one some per cent faster than another of the same code,
for all its life. The text is made up (zipf.py), or --corpus. The ratio is BASE's seconds by HEAD's within a round:
below 1, HEAD is slower.

A part is slower when the median of its rounds is below 1 - --tolerance and three quarters of them are below 1. Appends
a JSON line for each part to the file of this machine in --folder (bench/results), so that its history stays together.
Exit status: 0, 1 if a part is slower, 2 if nothing could be compared.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import zipf
from harness import (
    HERE,
    N_CORES,
    append_line,
    load_average,
    machine,
    markdown_table,
    number,
    open_corpus,
    prepare_output,
)
from options import add_corpus_option, add_list_option, exit_status, new_parser
from settings import BenchError
from standard_set import PARTS

TREE = HERE.parent
SURE = 0.75  # the share of rounds that must agree
PAUSE = 0.05  # seconds in which the threads of the version before stop spinning


def run_or_fail(command: Sequence[str], what: str, **more: Any) -> str:
    """Run a command and return its output; BenchError with the end of what it said if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        raise BenchError(f"{what} failed: {' | '.join(said) or f'exit status {done.returncode}'}")
    return done.stdout.strip()


def commit_of(name: str, tree: Path = TREE) -> str:
    """The commit that a name stands for."""
    return run_or_fail(
        ["git", "-C", str(tree), "rev-parse", "--verify", f"{name}^{{commit}}"], f"looking up {name!r}"
    )


@contextlib.contextmanager
def built(commit: str, tree: Path = TREE) -> Iterator[Path]:
    """A folder with a commit, built in place; it goes away with everything in it."""
    with tempfile.TemporaryDirectory(prefix="fastw2v-regress-") as folder:
        path = Path(folder) / commit[:12]
        git = ["git", "-C", str(tree), "worktree"]
        run_or_fail([*git, "add", "--detach", str(path), commit], f"checking out {commit[:12]}")
        try:
            print(f"building {commit[:12]}", file=sys.stderr, flush=True)
            build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
            run_or_fail(build, f"building {commit[:12]}", cwd=path)
            yield path
        finally:
            run_or_fail([*git, "remove", "--force", str(path)], f"removing {path}")


class Version:
    """A process that times parts in one tree."""

    def __init__(self, tree: Path, text: Path, threads: int, parts: Sequence[str]) -> None:
        command = [sys.executable, str(HERE / "standard_set.py"), str(text), str(threads), *parts]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(tree)},
        )
        try:
            package = Path(self._answer())
            if not package.is_relative_to(tree.resolve()):
                raise BenchError(f"{tree.name} was to be timed, but {package} was imported")
        except BenchError:
            self.close()
            raise

    def _answer(self) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline().strip()
        if not line:
            raise BenchError(f"the standard set ended early, with exit status {self._child.wait()}")
        return line

    def time(self, part: str) -> float:
        """Seconds of a part."""
        assert self._child.stdin is not None
        time.sleep(PAUSE)
        print(part, file=self._child.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.communicate()


def compare(base: Version, head: Version, rounds: int, seconds: dict[str, dict[str, list[float]]]) -> None:
    """Add the seconds of each part in both, round by round, to `seconds`."""
    versions = [("base", base), ("head", head)]
    for _ in range(rounds):
        for part in seconds:
            for name, version in versions:
                seconds[part][name].append(version.time(part))
        versions.reverse()


def summarise(seconds: dict[str, dict[str, list[float]]], tolerance: float) -> list[dict[str, Any]]:
    """For each part the ratios base / head of the rounds, and what they come to."""
    records = []
    for part, times in seconds.items():
        ratios = [base / head for base, head in zip(times["base"], times["head"], strict=True)]
        median = statistics.median(ratios)
        records.append(
            {"part": part, "seconds": {name: statistics.median(each) for name, each in times.items()},
             "ratios": ratios, "ratio": median,
             "is_slower": median < 1 - tolerance and sum(r < 1 for r in ratios) >= SURE * len(ratios)}
        )  # fmt: skip
    return records


def report(records: Sequence[dict[str, Any]]) -> str:
    """The table."""
    rows = [
        [
            record["part"], *(number(1e3 * record["seconds"][name], 1) for name in ("base", "head")),
            number(record["ratio"], 3), f"{min(record['ratios']):.3f} to {max(record['ratios']):.3f}",
            "SLOWER" if record["is_slower"] else "",
        ]
        for record in records
    ]  # fmt: skip
    return markdown_table(["part", "base ms", "head ms", "base / head", "of rounds", ""], rows)


def file_name(here: dict[str, Any]) -> str:
    """The name of this machine's file of results: its CPU and number of cores."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{here['cpu']} {here['cores']} cores".lower())
    return words.strip("-") + ".jsonl"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    parser.add_argument("base", help="commit, branch or tag to compare with")
    parser.add_argument("head", nargs="?", default="HEAD", help="default: HEAD")
    add_list_option(parser, "--parts", PARTS)
    add_corpus_option(parser, instead="made up by Zipf's law")
    parser.add_argument("--vocabulary", type=int, default=50_000, help="words of the made-up text")
    parser.add_argument("--tokens", type=int, default=500_000, help="of the made-up text")
    parser.add_argument("--threads", type=int, default=N_CORES, help=f"default {N_CORES}")
    parser.add_argument("--lives", type=int, default=4, help="of the processes (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="of each life (default 3)")
    parser.add_argument("--tolerance", type=float, default=0.05, help="default 0.05")
    parser.add_argument("--folder", type=Path, default=HERE / "results", help="for JSON lines")
    args = parser.parse_args(arguments)
    for name in ("vocabulary", "tokens", "threads", "lives", "rounds"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return args


@contextlib.contextmanager
def text_of(args: argparse.Namespace) -> Iterator[Path]:
    """The text to train on."""
    with contextlib.ExitStack() as stack:
        if args.corpus is not None:
            yield stack.enter_context(open_corpus(args.corpus)).path
            return
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastw2v-regress-"))) / "zipf.txt"
        zipf.write_text(path, args.vocabulary, args.tokens)
        yield path


def run(args: argparse.Namespace) -> int:
    """Build, compare, print."""
    here, commits = machine(), [commit_of(args.base), commit_of(args.head)]
    lines = args.folder / file_name(here)
    args.folder.mkdir(parents=True, exist_ok=True)
    prepare_output(lines)
    with contextlib.ExitStack() as stack:
        text = stack.enter_context(text_of(args))
        trees = [stack.enter_context(built(commit)) for commit in commits]
        before = load_average()
        seconds: dict[str, dict[str, list[float]]] = {part: {"base": [], "head": []} for part in args.parts}
        for _ in range(args.lives):
            with contextlib.ExitStack() as life:
                base, head = (
                    life.enter_context(contextlib.closing(Version(tree, text, args.threads, args.parts)))
                    for tree in trees
                )
                compare(base, head, args.rounds, seconds)
        records = summarise(seconds, args.tolerance)
    stamp = {"kind": "regress", "time": time.strftime("%FT%T%z"), "machine": here, "load_before": before}
    stamp |= {"base": commits[0], "head": commits[1], "threads": args.threads, "tolerance": args.tolerance}
    stamp |= {"corpus": args.corpus.name if args.corpus else f"zipf {args.vocabulary} {args.tokens}"}
    for record in records:
        append_line(lines, {**stamp, **record})
    print(
        f"{here['cpu']}, {args.threads} threads; {args.base} ({commits[0][:9]}), {args.head} ({commits[1][:9]})\n"
    )
    print(report(records))
    return int(any(record["is_slower"] for record in records))


def main(arguments: list[str] | None = None) -> int:
    """Compare two commits; see the head of this file for the exit status."""
    args = parse(arguments)
    return exit_status("regress.py", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
