"""The parts that regress.py times, and the child process that times them in one version of fastw2v.

    python standard_set.py TEXT THREADS        (started by regress.py, with the version's tree in PYTHONPATH)

Says where fastw2v was found, then reads names of parts from stdin, a line each, and answers each with the seconds that
it took. Uses nothing of fastw2v but what any version of it has, and nothing else of this folder: both versions are
timed by the same file. Every part is done once before the first name is read, so that no version finds anything cold.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastw2v
from fastw2v import KeyedVectors, Word2Vec

N_VECTORS, N_QUERIES, BATCH = 50_000, 20, 256
ENOUGH_SECONDS = 0.2

TRAINED = [
    f"{model}-{loss}-{size}" for size in (100, 300) for model in ("sg", "cbow") for loss in ("ns", "hs")
]
PARTS = [*TRAINED, "scan", "query", "query-batch"]


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of a call; of one that is short the least of several, or a neighbour's blink would decide."""
    least, total = math.inf, 0.0
    while total < ENOUGH_SECONDS:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        least, total = min(least, seconds), total + seconds
    return least


class StandardSet:
    """All parts, over one text.

    Parameters
    ----------
    text : str
        Path of a plain text.
    threads : int
    """

    def __init__(self, text: str, threads: int) -> None:
        def model(name: str) -> Word2Vec:
            architecture, loss, size = name.split("-")
            return Word2Vec(
                sg=int(architecture == "sg"), hs=int(loss == "hs"), negative=5 * (loss == "ns"),
                vector_size=int(size), workers=threads, progress=False,
            )  # fmt: skip

        self._model, self._text, self._threads = model, text, threads
        self._trained: dict[str, Word2Vec] = {}
        matrix = np.random.default_rng(1).standard_normal((N_VECTORS, 100), dtype=np.float32)
        self._words = [f"w{row}" for row in range(N_VECTORS)]
        self._vectors = KeyedVectors.from_arrays(self._words, matrix)

    def time(self, part: str) -> float:
        """Do a part, a short one several times."""
        return {"scan": self._scan, "query": self._query, "query-batch": self._query_batch}.get(
            part, functools.partial(self._train, part)
        )()

    def _train(self, part: str) -> float:
        """An epoch over ids in memory."""
        if part not in self._trained:
            self._trained[part] = self._model(part)
            self._trained[part].build_vocab(corpus_file=self._text)
        return seconds_of(functools.partial(self._trained[part].train, epochs=1))

    def _scan(self) -> float:
        """From the text to vocabulary, ids and start matrices."""
        return seconds_of(lambda: self._model("sg-ns-100").build_vocab(corpus_file=self._text))

    def _query(self) -> float:
        words = self._words[:: N_VECTORS // N_QUERIES]
        return seconds_of(lambda: [self._vectors.most_similar(word) for word in words])

    def _query_batch(self) -> float:
        return seconds_of(
            lambda: self._vectors.most_similar_batch(self._words[:BATCH], threads=self._threads)
        )


def main() -> None:
    text, threads, *parts = sys.argv[1:]
    work = StandardSet(text, int(threads))
    for part in parts:
        work.time(part)
    print(Path(fastw2v.__file__).resolve(), flush=True)
    for line in sys.stdin:
        print(work.time(line.strip()), flush=True)


if __name__ == "__main__":
    main()
