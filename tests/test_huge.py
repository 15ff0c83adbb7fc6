"""Corpora of billions of words: minutes, and some gigabytes of memory and disk. `pytest -m huge` runs them, one by one.

What these need is stated at each; temporary files go where TMPDIR says.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fastw2v import KeyedVectors, Word2Vec
from fastw2v.corpus import Corpus, build_vocabulary

resource = pytest.importorskip("resource")

pytestmark = pytest.mark.huge


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Print time and the most memory that the process has ever had (pytest -s shows it)."""
    began = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\n{what}: {time.perf_counter() - began:.1f} s, peak {peak:.2f} GiB")


def test_a_line_of_fifty_million_tokens(tmp_path: Path) -> None:
    """0.3 GB of disk."""
    words = np.random.default_rng(1).integers(0, 1000, 1_000_000)
    block = b" ".join(b"w%d" % word for word in words.tolist()) + b" "
    (tmp_path / "line.txt").write_bytes(block * 50)
    with reported("one line of 50 M tokens: counted, an epoch of two threads"):
        model = Word2Vec(
            corpus_file=tmp_path / "line.txt", vector_size=16, workers=2, epochs=1, sample=0, window=2
        )
    assert (model.corpus_count, model.corpus_total_words) == (1, 50_000_000)
    assert np.isfinite(model.wv.vectors).all()


def test_ten_million_distinct_words(tmp_path: Path) -> None:
    """0.2 GB of disk, several of memory."""
    n = 10_000_000
    with (tmp_path / "words.txt").open("wb") as file:
        for first in range(0, n, 100_000):
            file.write(b" ".join(b"word%d" % word for word in range(first, first + 100_000)) + b"\n")
    with reported("10 M distinct words: counted, trained once at 16 dimensions"):
        model = Word2Vec(corpus_file=tmp_path / "words.txt", vector_size=16, workers=2, epochs=1, min_count=1)
    assert len(model.wv) == n
    with reported("... and asked for neighbours"):
        assert len(model.wv.most_similar(f"word{n - 1}", topn=5)) == 5


def test_words_of_a_megabyte(tmp_path: Path) -> None:
    """0.2 GB of disk."""
    with (tmp_path / "words.txt").open("wb") as file:
        for letter in b"abcdefghij" * 20:
            file.write(bytes([letter]) * 1_000_000 + b" ")
    with reported("200 words of 1 MB"):
        vocabulary, encoded = build_vocabulary(Corpus.open(corpus_file=tmp_path / "words.txt"), n_threads=2)
    assert vocabulary.counts.tolist() == [20] * 10
    assert [len(word) for word in vocabulary.words] == [1_000_000] * 10
    assert encoded.n_tokens == 200


def test_more_than_two_to_the_31_tokens_through_a_pipe(tmp_path: Path) -> None:
    """18 GB of disk, for ids that do not stay in memory."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    lines = b"a b c d e f g h\n" * 65_536
    n_blocks = 2**31 // (8 * 65_536) + 1

    def write() -> None:
        with pipe.open("wb") as file:
            for _ in range(n_blocks):
                file.write(lines)

    threading.Thread(target=write, daemon=True).start()
    with reported("2^31 + 524,288 tokens: counted and encoded"):
        vocabulary, encoded = build_vocabulary(
            Corpus.open(corpus_file=pipe), n_threads=2, memory_budget=1 << 28
        )
    assert encoded.n_tokens == encoded.n_raw_words == n_blocks * 8 * 65_536 > 2**31
    assert encoded.n_lines == n_blocks * 65_536
    assert vocabulary.counts.tolist() == [n_blocks * 65_536] * 8
    assert encoded.ids[-10:].tolist() == [-1, 0, 1, 2, 3, 4, 5, 6, 7, -1]


def test_vectors_of_more_than_two_to_the_31_numbers_are_saved_and_loaded(tmp_path: Path) -> None:
    """9 GB of disk, and of memory that files are mapped into."""
    n_words, dim = 8_400_000, 256
    vectors = np.zeros((n_words, dim), np.float32)
    vectors[-1], vectors[0, 0] = 1, 1
    with reported("vectors of 2.15e9 numbers: saved"):
        KeyedVectors.from_arrays(map(str, range(n_words)), vectors).save(tmp_path / "v.safetensors")
    del vectors
    with reported("... and loaded"):
        wv = KeyedVectors.load(tmp_path / "v.safetensors", mmap="r")
    assert wv.vectors.size > 2**31
    assert wv[str(n_words - 1)].tolist() == [1] * dim
    assert not wv[str(n_words - 2)].any()
