"""Kill a training that writes checkpoints (SIGKILL) at random moments, resume it, and compare the results.

    python tests/kill_and_resume.py --kills 200 --seed 1 sg=1 loss=nce

Each trial starts a training in a process of its own, kills it after a random time, reads what it left behind, and lets
another process resume it to the end (or start anew, when there was no checkpoint yet). Prints how many results had the
bytes of a training that nobody disturbed, and how many files could not be read. Settings of `Word2Vec` follow the
options; deterministic workers have only long vectors to share: workers=2 deterministic=true vector_size=112.
Needs os.fork.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastw2v import Word2Vec

SETTINGS = {"vector_size": 32, "min_count": 1, "epochs": 4, "workers": 1, "sample": 1e-2, "progress": False}
EVERY = 3000  # tokens: a good part of the time goes into writing checkpoints, so that many kills meet one


@dataclass
class Tally:
    """What became of the trials."""

    kills: int = 0
    same: int = 0
    unreadable: int = 0
    before_the_first: int = 0
    finished: int = 0
    left_over: int = 0


def write_corpus(path: Path, n_words: int = 60_000) -> None:
    """Text in which frequent words stand beside rare ones, in lines of any length."""
    rng = random.Random(5)
    words = [f"w{int(rng.paretovariate(0.7))}"[:6] for _ in range(n_words)]
    with path.open("w") as file:
        for word in words:
            file.write(word + ("\n" if rng.random() < 0.05 else " "))


def digest_of(model: Word2Vec) -> str:
    """Of all numbers of a model, but for those that tell how long it took."""
    digest = hashlib.sha256()
    memory = model._memory
    for array in (model._in_vecs, model._out_vecs, *(memory.states or ()), memory.nce_log_z):
        digest.update(b"" if array is None else array.tobytes())
    timeless = [
        [entry[name] for name in ("epoch", "loss", "predictions", "alpha")] for entry in model.history
    ]
    digest.update(json.dumps([timeless, model.epochs_done, model.wv.index_to_key]).encode())
    return digest.hexdigest()


def train(folder: Path, settings: dict[str, Any]) -> str:
    """Train from the newest checkpoint on, or from the beginning."""
    corpus, checkpoint = folder / "corpus.txt", folder / "run.safetensors"
    if checkpoint.exists():
        return digest_of(Word2Vec.resume(checkpoint, corpus_file=corpus, progress=False))
    model = Word2Vec(corpus_file=corpus, checkpoint=checkpoint, checkpoint_every=EVERY, **settings)
    return digest_of(model)


def in_a_process(work: Callable[[], str], seconds: float | None = None) -> str | None:
    """What `work` returns in a forked process; None if it was killed after so many seconds."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # forking a process that has threads: none of them runs
        process = context.Process(target=lambda: sender.send(work()))
        process.start()
    sender.close()
    if seconds is not None:
        process.join(seconds)
        os.kill(process.pid, signal.SIGKILL) if process.is_alive() else None
    process.join()
    try:
        return receiver.recv()
    except EOFError:
        if seconds is None:
            raise RuntimeError("a training failed that nobody had killed") from None
        return None


def run(kills: int, seed: int, settings: dict[str, Any], folder: Path, report: bool = False) -> Tally:
    """Kill so many trainings; the figures."""
    rng, tally = random.Random(seed), Tally()
    write_corpus(folder / "corpus.txt")
    checkpoint = folder / "run.safetensors"
    began = time.perf_counter()
    expected = in_a_process(lambda: train(folder, settings))
    duration = time.perf_counter() - began
    while tally.kills < kills:
        checkpoint.unlink()
        result = in_a_process(lambda: train(folder, settings), rng.uniform(0, duration))
        if result is not None:
            tally.finished += 1
        else:
            tally.kills += 1
            if not checkpoint.exists():
                tally.before_the_first += 1
            else:
                try:
                    Word2Vec.load(checkpoint)
                except (OSError, ValueError):
                    tally.unreadable += 1
            result = in_a_process(lambda: train(folder, settings))
            tally.same += result == expected
            tally.left_over += len(list(folder.glob(".fastw2v-*.tmp")))
            if report and tally.kills % 20 == 0:
                print(tally, flush=True)
    return tally


def main() -> None:
    """Read the command line, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "settings", nargs="*", metavar="NAME=VALUE", help="of Word2Vec; values are JSON or words"
    )
    arguments = parser.parse_args()
    settings = dict(SETTINGS)
    for item in arguments.settings:
        name, _, value = item.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        tally = run(arguments.kills, arguments.seed, settings, Path(folder), report=True)
    print(f"{settings}: {tally}, {time.perf_counter() - began:.0f} s")
    raise SystemExit(tally.same != tally.kills or tally.unreadable > 0)


if __name__ == "__main__":
    main()
