"""What tests/fault_injection.py lets fail: short runs of everything that takes memory or writes files.

A scene is small on purpose (each of its allocations and writes is a run of its own), but its arrays are large enough to
be seen: see `WATCHED` there.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kill_and_resume import digest_of

from fastw2v import PPMI, SVD, Callback, Cooccurrence, KeyedVectors, Word2Vec, any_file, sketches
from fastw2v.losses import LOSSES
from fastw2v.optimizers import OPTIMIZERS

N_WORDS = 300
LITTLE_MEMORY = 30_000  # bytes: not enough for the counts, which go to files


@dataclass(frozen=True)
class Scene:
    """A run, and what it must leave alone when it fails.

    Attributes
    ----------
    prepare : callable
        Gets an empty folder; makes what `act` needs.
    act : callable
        The run; returns what tells its result from others.
    state : callable
        What must be the same after a failure as before.
    state_is_result : bool
        Whether it may also be what `act` returns when all goes well: the failure came after the last step.
    """

    name: str
    prepare: Callable[[Path], Any]
    act: Callable[[Any], Any]
    state: Callable[[Any], Any] = lambda world: None
    state_is_result: bool = False


def sentences(n_lines: int = 60) -> list[list[str]]:
    """Lines in which every word occurs, the first ones often."""
    rng = random.Random(3)
    lines = [[f"w{int(N_WORDS * rng.random() ** 2)}" for _ in range(20)] for _ in range(n_lines)]
    return [*lines, [f"w{number}" for number in range(N_WORDS)]]


LINES = sentences()
SETTINGS: dict[str, Any] = {
    "vector_size": 16,
    "min_count": 1,
    "sample": 0,
    "workers": 1,
    "epochs": 1,
    "progress": False,
}


def write_corpus(folder: Path) -> Path:
    path = folder / "corpus.txt"
    path.write_text("".join(" ".join(line) + "\n" for line in LINES))
    return path


def untrained(**settings: Any) -> Word2Vec:
    model = Word2Vec(**{**SETTINGS, **settings})
    model.build_vocab(LINES)
    return model


def vectors() -> KeyedVectors:
    numbers = np.random.default_rng(1).normal(size=(N_WORDS, 16)).astype(np.float32)
    return KeyedVectors.from_arrays([f"w{n}" for n in range(N_WORDS)], numbers, np.arange(N_WORDS, 0, -1))


def digest_of_vectors(wv: KeyedVectors) -> str:
    return hashlib.sha256(wv.vectors.tobytes() + repr(list(wv.index_to_key)).encode()).hexdigest()


# ---- reading ----


def count_scene(name: str, **settings: Any) -> Scene:
    def act(folder: Path) -> Any:
        model = Word2Vec(**{**SETTINGS, **settings})
        model.build_vocab(corpus_file=folder / "corpus.txt", keep_raw_vocab=True)
        assert model._corpus is not None
        return model.wv.index_to_key, model.raw_vocab, digest_of(model)

    def prepare(folder: Path) -> Path:
        write_corpus(folder)
        return folder

    return Scene(name, prepare, act)


# ---- training ----


def train_scene(sg: int, loss: str, optimizer: str, **settings: Any) -> Scene:
    def act(model: Word2Vec) -> str:
        model.train()
        return digest_of(model)

    settings = {"sg": sg, "loss": loss, "optimizer": optimizer, "batch_size": None, **settings}
    if LOSSES[loss].has_bias:
        settings["batch_size"] = 32
        if LOSSES[loss].negative:
            settings["negative"] = 32
    words = (
        "train",
        "sg" if sg else "cbow",
        loss,
        optimizer,
        "deterministic" * settings.get("deterministic", False),
    )
    name = " ".join(filter(None, words))
    return Scene(name, lambda folder: untrained(**settings), act, digest_of, state_is_result=True)


def racing_scene() -> Scene:
    """Two threads, whose results differ from run to run."""

    def act(model: Word2Vec) -> None:
        model.train()

    return Scene("train, two threads", lambda folder: untrained(workers=2, epochs=2), act)


def growing_scene() -> Scene:
    def prepare(folder: Path) -> Word2Vec:
        model = untrained()
        model.train()
        return model

    def act(model: Word2Vec) -> str:
        model.build_vocab([["new", "w0", "newer"]] * 5, update=True)
        return digest_of(model)

    return Scene("build_vocab(update=True)", prepare, act, digest_of)


class _StopSoon(Callback):
    every = 200

    def on_interval(self, model: Word2Vec) -> None:
        model.stop_training()


def checkpoint_scene() -> Scene:
    """Whatever fails, and whichever checkpoint is left: resumed, it ends with the same bytes."""

    def prepare(folder: Path) -> Path:
        corpus = write_corpus(folder)
        model = Word2Vec(**{**SETTINGS, "epochs": 3})
        model.build_vocab(corpus_file=corpus)
        model.train(checkpoint=folder / "run", checkpoint_every=300, callbacks=[_StopSoon()])
        return folder

    def act(folder: Path) -> str:
        return digest_of(Word2Vec.resume(folder / "run", corpus_file=folder / "corpus.txt", progress=False))

    def state(folder: Path) -> Any:
        with tempfile.TemporaryDirectory(dir=folder.parent) as elsewhere:
            model = Word2Vec.resume(
                folder / "run",
                corpus_file=folder / "corpus.txt",
                checkpoint=Path(elsewhere, "run"),
                progress=False,
            )
        return digest_of(model), sorted(path.name for path in folder.iterdir())

    return Scene("checkpoint and resume", prepare, act, state)


# ---- counting ----


def counts_scene(max_memory: int | None) -> Scene:
    def act(folder: Path) -> str:
        counts = Cooccurrence(
            corpus_file=folder / "corpus.txt",
            min_count=1,
            workers=1,
            max_memory=max_memory,
            progress=False,
        )
        svd = SVD(PPMI(counts, workers=1), dim=8, workers=1, progress=False)
        return digest_of_vectors(svd.wv)

    def prepare(folder: Path) -> Path:
        write_corpus(folder)
        return folder

    return Scene(f"counts, PPMI, SVD{' in little memory' if max_memory else ''}", prepare, act)


# ---- queries ----


def query_scene() -> Scene:
    def prepare(folder: Path) -> Any:
        questions = folder / "questions.txt"
        questions.write_text(": some\n" + "".join(f"w{n} w{n + 1} w{n + 2} w{n + 3}\n" for n in range(100)))
        return vectors(), questions

    def act(world: Any) -> Any:
        wv, questions = world
        wv.fill_norms(force=True)
        sketches.LEAST_BYTES = 0
        for number in range(9):  # a sketch is made in between
            wv.most_similar(number)
        return (
            wv.most_similar("w5"),
            wv.most_similar(["w1", "w2"], ["w3"]),
            wv.most_similar_batch([f"w{n}" for n in range(100)], topn=3),
            wv.most_similar_cosmul(["w1", "w2"], ["w3"]),
            wv.most_similar("w7", topn=None).tobytes(),
            wv.evaluate_word_analogies(questions)[0],
            wv.evaluate_word_analogies(questions, similarity_function="most_similar_cosmul")[0],
        )

    return Scene("queries", prepare, act, lambda world: digest_of_vectors(world[0]))


def predict_scene() -> Scene:
    def prepare(folder: Path) -> Word2Vec:
        model = untrained(loss="softmax")
        model.train()
        return model

    def act(model: Word2Vec) -> Any:
        return model.predict_output_word(["w1", "w2"]), model.score(LINES[:3]).tobytes()

    return Scene("predict and score", prepare, act, digest_of)


# ---- files ----


def save_scene(format_name: str, ending: str) -> Scene:
    """An old file is replaced, or stays."""

    def prepare(folder: Path) -> Any:
        path = folder / f"vectors{ending}"
        any_file.save(KeyedVectors.from_arrays(["old"], np.ones((1, 3), np.float32)), path, format_name)
        return vectors(), path, contents(folder)

    def act(world: Any) -> dict[str, str]:
        wv, path, _ = world
        any_file.save(wv, path, format_name)
        return contents(path.parent)

    def state(world: Any) -> Any:
        now = contents(world[1].parent)
        if format_name != "tensorboard":
            return now
        # Two files: if renaming the second fails, there may be an old and a new one, but each is whole.
        with tempfile.TemporaryDirectory() as folder:
            any_file.save(world[0], Path(folder, world[1].name), format_name)
            new = contents(Path(folder))
        return [name for name, digest in now.items() if digest not in (world[2][name], new[name])], len(now)

    return Scene(f"save {format_name}{ending}", prepare, act, state)


def load_scene(format_name: str, ending: str) -> Scene:
    def prepare(folder: Path) -> Path:
        path = folder / f"vectors{ending}"
        any_file.save(vectors(), path, format_name)
        return path

    return Scene(
        f"load {format_name}{ending}",
        prepare,
        lambda path: digest_of_vectors(any_file.load(path, format_name=format_name)),
        lambda path: contents(path.parent),
    )


def mapped_scene() -> Scene:
    def prepare(folder: Path) -> Path:
        vectors().save(folder / "vectors")
        return folder / "vectors"

    def act(path: Path) -> Any:
        wv = KeyedVectors.load(path, mmap="r")
        return wv.most_similar("w5"), digest_of_vectors(wv)

    return Scene("map", prepare, act)


def model_file_scene() -> Scene:
    def prepare(folder: Path) -> Any:
        model = untrained(optimizer="adam", loss="nce", nce_z="learn")
        model.train()
        (folder / "model").write_bytes(b"an old file")
        return model, folder / "model"

    def act(world: Any) -> str:
        model, path = world
        model.save(path)
        return digest_of(Word2Vec.load(path))

    def state(world: Any) -> Any:
        """The old file, or the new one if it was loading that failed."""
        model, path = world
        old = path.read_bytes() == b"an old file"
        return (
            digest_of(model),
            old or digest_of(Word2Vec.load(path)) == digest_of(model),
            len(contents(path.parent)),
        )

    return Scene("save and load a model", prepare, act, state)


def matrix_file_scene() -> Scene:
    def prepare(folder: Path) -> Any:
        counts = Cooccurrence(LINES, min_count=1, workers=1, progress=False)
        counts.save(folder / "counts")
        return PPMI(counts, workers=1), folder

    def act(world: Any) -> Any:
        ppmi, folder = world
        ppmi.save(folder / "counts")  # over another kind of file
        return PPMI.load(folder / "counts").vectors.toarray().tobytes()

    return Scene("save and load a matrix", prepare, act, lambda world: len(contents(world[1])))


def contents(folder: Path) -> dict[str, str]:
    """Digests by name, in pieces too small to be watched."""
    digests = {}
    for path in sorted(folder.iterdir()):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(1 << 13), b""):
                digest.update(piece)
        digests[path.name] = digest.hexdigest()
    return digests


FILES = (
    ("fastw2v", ".safetensors"),
    ("word2vec-binary", ".bin"),
    ("word2vec-binary", ".bin.gz"),
    ("word2vec-text", ".txt"),
    ("glove", ".txt"),
    ("npz", ".npz"),
    ("tensorboard", ".tsv"),
)


def scenes() -> Iterator[Scene]:
    """All of them, those that find most first."""
    yield count_scene("count and encode")
    yield count_scene("count and encode, two threads", workers=2)
    yield count_scene("count and encode, ids in a file", memory_budget=0)
    for format_name, ending in FILES:
        yield save_scene(format_name, ending)
        yield load_scene(format_name, ending)
    yield mapped_scene()
    yield model_file_scene()
    yield matrix_file_scene()
    yield checkpoint_scene()
    yield growing_scene()
    yield query_scene()
    yield predict_scene()
    yield counts_scene(None)
    yield counts_scene(LITTLE_MEMORY)
    yield racing_scene()
    for loss in LOSSES:  # threads that wait for each other must not wait for one that has failed
        yield train_scene(1, loss, "sgd", deterministic=True, workers=2, vector_size=64)
    for loss in LOSSES:
        for sg in (1, 0):
            for optimizer in OPTIMIZERS:
                yield train_scene(sg, loss, optimizer)
