"""The programs under comparison: how to train each of them on a text file with the same settings.

Each function goes from the text file to a saved word2vec-binary file, timing its parts with a Stopwatch, and
returns what it knows of the result. Runs in a fresh process (one_run.py); a program is imported by its own
function only, so its memory and start-up time are its own. Where a program cannot be given the same setting,
the docstring says so. Invariant: no program gets a setting, or help, that the others do not get.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from settings import Settings


@dataclass
class Stopwatch:
    """Seconds of each named part of a run, in order; a part timed inside another is taken out of it."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Time the body as `part`."""
        known, start = sum(self.parts.values()), time.perf_counter()
        yield
        inner = sum(self.parts.values()) - known
        self.parts[part] = self.parts.get(part, 0.0) + time.perf_counter() - start - inner

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` so that its calls are timed as `part`."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self(part):
                return function(*args, **kwargs)

        return call


@dataclass(frozen=True)
class Job:
    """One run: what to train on, with what, and where to put the vectors. `extra` is for fastw2v alone."""

    program: str
    corpus: str
    output: str
    threads: int
    seed: int
    settings: Settings
    extra: dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """What a program says about its result: vocabulary and corpus tokens within it, version, and more."""

    n_words: int
    n_tokens: int
    version: str
    notes: dict[str, Any] = field(default_factory=dict)


def train_gensim(job: Job, stopwatch: Stopwatch) -> Trained:
    """Train gensim through `corpus_file`, its fastest way in; what is not in the settings is its default."""
    import gensim
    from gensim.models import Word2Vec

    model = Word2Vec(**_arguments(job))
    model.scan_vocab = stopwatch.timed("scan", model.scan_vocab)
    model.prepare_vocab = stopwatch.timed("scan", model.prepare_vocab)
    return _build_train_save(model, job, stopwatch, gensim.__version__)


def train_fastw2v(job: Job, stopwatch: Stopwatch) -> Trained:
    """Train fastw2v, through the same calls as gensim."""
    import fastw2v
    from fastw2v import vocabulary_building

    read = stopwatch.timed("scan", vars(vocabulary_building)["build_vocabulary"])
    setattr(vocabulary_building, "build_vocabulary", read)  # noqa: B010 - it is imported there, not defined
    model = fastw2v.Word2Vec(**_arguments(job), **job.extra)
    trained = _build_train_save(model, job, stopwatch, fastw2v.__version__)
    return replace(trained, notes={"history": model.history})


def _arguments(job: Job) -> dict[str, Any]:
    s = job.settings
    return {
        "vector_size": s.size,
        "window": s.window,
        "min_count": s.min_count,
        "alpha": s.alpha,
        "min_alpha": s.min_alpha,
        "sample": s.sample,
        "epochs": s.epochs,
        "sg": int(s.model == "sg"),
        "hs": int(s.loss == "hs"),
        "negative": s.negative if s.loss == "ns" else 0,
        "workers": job.threads,
        "seed": job.seed,
    }


def _build_train_save(model: Any, job: Job, stopwatch: Stopwatch, version: str) -> Trained:
    with stopwatch("init"):  # without the scan in it, which is timed by itself
        model.build_vocab(corpus_file=job.corpus)
    with stopwatch("train"):
        model.train(
            corpus_file=job.corpus,
            total_examples=model.corpus_count,
            total_words=model.corpus_total_words,
            epochs=job.settings.epochs,
        )
    with stopwatch("save"):
        model.wv.save_word2vec_format(job.output, binary=True)
    n_tokens = sum(model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key)
    return Trained(len(model.wv), int(n_tokens), version)


def train_fasttext(job: Job, stopwatch: Stopwatch) -> Trained:
    """Train fastText without n-grams, so that a word has one vector, as in word2vec.

    What stays different, because its Python package has no switch for it: the noise distribution is count^0.5
    (not 0.75), the learning rate falls to 0 (not min_alpha), the seed is always 0, lines are cut after 1,024
    tokens, and the end of a line counts as a word. Its package cannot save vectors: they are written here.
    """
    import fasttext

    s = job.settings
    with stopwatch("train"), _stderr_lines(_first_line_with("Number of words", stopwatch, "scan")):
        model = fasttext.train_unsupervised(
            job.corpus,
            model="skipgram" if s.model == "sg" else "cbow",
            loss=s.loss,
            lr=s.alpha,
            dim=s.size,
            ws=s.window,
            epoch=s.epochs,
            minCount=s.min_count,
            neg=s.negative,
            t=s.sample,
            thread=job.threads,
            minn=0,
            maxn=0,
            bucket=0,
            verbose=1,
        )
    with stopwatch("save"):
        words, counts = model.get_words(include_freq=True, on_unicode_error="replace")
        with Path(job.output).open("wb") as file:
            file.write(b"%d %d\n" % (len(words), s.size))
            for word, row in zip(words, model.get_input_matrix(), strict=True):
                file.write(word.encode() + b" " + row.astype(np.float32, copy=False).tobytes() + b"\n")
    end_of_line = int(counts[words.index("</s>")]) if "</s>" in words else 0
    return Trained(len(words), int(np.sum(counts)) - end_of_line, _version_of("fasttext"))


@contextmanager
def _stderr_lines(on_line: Callable[[str], None]) -> Iterator[None]:
    """Hand each line that C code writes to file descriptor 2 to `on_line`, as it comes, and pass it on."""
    read_end, write_end = os.pipe()
    saved = os.dup(2)

    def listen() -> None:
        with os.fdopen(read_end, "rb") as lines:
            for line in lines:
                on_line(line.decode(errors="replace"))
                os.write(saved, line)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    os.dup2(write_end, 2)
    os.close(write_end)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        listener.join()
        os.close(saved)


def _first_line_with(text: str, stopwatch: Stopwatch, part: str) -> Callable[[str], None]:
    """Return a listener that books the time from now to the first line that holds `text` as `part`."""
    start = time.perf_counter()

    def listen(line: str) -> None:
        if text in line and part not in stopwatch.parts:
            stopwatch.parts[part] = time.perf_counter() - start

    return listen


def _version_of(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


PROGRAMS: dict[str, Callable[[Job, Stopwatch], Trained]] = {
    "fastw2v": train_fastw2v,
    "gensim": train_gensim,
    "fasttext": train_fasttext,
}
"""Every program that can be named in --rivals, and fastw2v itself; the name is also that of its import."""
