"""Benchmarks of single parts: ``pytest bench --benchmark-only``.

One part at a time on made-up data, to see what a change to it did; deliberately nothing about quality, and
nothing is asserted about time (compare.py weighs speed and quality together, on real text). Every benchmark
checks that the work was done. Data: a Zipf-distributed vocabulary from a fixed seed, so frequent rows are
in the cache and rare ones are not, as in a real corpus.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zipf
from harness import ONE_AND_ALL

from fastw2v import KeyedVectors, Word2Vec, _train
from fastw2v.corpus import Corpus, build_vocabulary
from fastw2v.evaluation import answer_analogies

DIMS = (100, 300)
N_WORDS = 50_000
N_TOKENS = 1_000_000
N_TILES = 1_000
# Of one window of skip-gram with the default settings: about 6 contexts, the centre and 5 noise words.
N_INPUTS, N_TARGETS = 6, 6


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text file of N_TOKENS words in lines of 40."""
    path = tmp_path_factory.mktemp("bench") / "zipf.txt"
    assert zipf.write_text(path, N_WORDS, N_TOKENS) == N_TOKENS
    return path


@pytest.fixture(scope="session")
def vectors() -> KeyedVectors:
    """Return N_WORDS random vectors of 100 dimensions."""
    matrix = np.random.default_rng(2).standard_normal((N_WORDS, 100), dtype=np.float32)
    return KeyedVectors.from_arrays([f"word{place:x}" for place in range(N_WORDS)], matrix)


def random_rows(n_rows: int, dim: int, seed: int) -> np.ndarray:
    rows = _train.aligned_zeros(n_rows, dim)
    rows[:, :dim] = np.random.default_rng(seed).normal(0, 0.1, (n_rows, dim))
    return rows


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("isa", _train.isa_supported())
def test_logistic_tile_on_rows_in_the_cache(benchmark: Any, isa: str, dim: int) -> None:
    """Time N_TILES tiles on the same rows: the arithmetic without the traffic."""
    inputs, targets = random_rows(N_INPUTS, dim, 3), random_rows(N_TARGETS, dim, 4)
    weights = [-1.0] + [1.0] * (N_TARGETS - 1)
    ids = range(N_INPUTS), range(N_TARGETS)

    def work() -> float:
        return _train.logistic_tile(inputs, ids[0], targets, ids[1], weights, 1e-6, isa=isa, repeat=N_TILES)

    loss = benchmark(work)
    assert 0 < loss < 2 * N_INPUTS * N_TARGETS
    # Scores, the inputs' gradients and the targets' gradients: a multiplication and an addition each.
    flop = 6 * N_INPUTS * N_TARGETS * dim * N_TILES
    report_rate(benchmark, "GFLOP/s", flop / 1e9)


@pytest.mark.parametrize("threads", ONE_AND_ALL)
def test_counting_and_encoding(benchmark: Any, corpus_file: Path, threads: int) -> None:
    """Time one reading of the text file: vocabulary and ids."""

    def work() -> int:
        corpus = Corpus.open(corpus_file=str(corpus_file))
        return build_vocabulary(corpus, min_count=5, n_threads=threads, progress=False)[1].n_raw_words

    assert benchmark(work) == N_TOKENS
    report_rate(benchmark, "MB/s", corpus_file.stat().st_size / 1e6)


@pytest.mark.parametrize("threads", ONE_AND_ALL)
@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize("model", ["sg", "cbow"])
def test_training_one_epoch(benchmark: Any, corpus_file: Path, model: str, loss: str, threads: int) -> None:
    """Time an epoch over ids that are in memory: rows from everywhere, traffic included."""
    trained = Word2Vec(sg=int(model == "sg"), loss=loss, workers=threads, progress=False)
    trained.build_vocab(corpus_file=str(corpus_file))
    benchmark.pedantic(trained.train, kwargs={"epochs": 1}, rounds=3, warmup_rounds=1)
    assert len(trained.history) == (4 if benchmark.enabled else 1)
    assert np.isfinite(trained.wv.vectors).all()
    report_rate(benchmark, "M words/s", N_TOKENS / 1e6)


def test_noise_draws(benchmark: Any) -> None:
    """Time a million draws from the alias table."""
    table = _train.alias_build(zipf.shares(N_WORDS))
    ids = benchmark(_train.alias_draw, table, 1_000_000)
    assert ids.max() < N_WORDS
    report_rate(benchmark, "M draws/s", 1.0)


def test_huffman_tree(benchmark: Any) -> None:
    """Time the tree of N_WORDS words."""
    counts = zipf.counts(N_WORDS, N_TOKENS)
    offsets = benchmark(_train.tree_build, counts)[0]
    assert len(offsets) == N_WORDS + 1


def test_most_similar(benchmark: Any, vectors: KeyedVectors) -> None:
    """Time one query for ten neighbours."""
    found = benchmark(vectors.most_similar, "worda", topn=10)
    assert len(found) == 10


def test_analogies(benchmark: Any, vectors: KeyedVectors) -> None:
    """Time a thousand analogy questions over the whole vocabulary."""
    questions = np.random.default_rng(5).integers(N_WORDS, size=(1_000, 3))
    answers = benchmark(answer_analogies, vectors.vectors, questions)
    assert (answers[:, None] != questions).all()
    report_rate(benchmark, "questions/s", len(questions))


def report_rate(benchmark: Any, unit: str, work: float) -> None:
    """Put the rate of the median round into the benchmark's record, unless --benchmark-disable is given."""
    if benchmark.stats is not None:
        benchmark.extra_info[unit] = round(work / benchmark.stats.stats.median, 2)
