"""`LineSentence` and its kin: the words that `corpus_file` reads, the same training. gensim: test_gensim_dropin.py."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_model import SMALL

from fastw2v import LineSentence, PathLineSentences, Text8Corpus, Word2Vec, sentences

TEXT = "you say goodbye\n\ni say hello \xa0 hello\r\n  hello\thello\nlast".encode() + b" raw\xff"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_bytes(TEXT)
    return tmp_path / "text.txt"


def test_lines_become_lists_of_words_again_and_again(text: Path) -> None:
    expected = [
        ["you", "say", "goodbye"],
        ["i", "say", "hello", "\xa0", "hello"],
        ["hello"] * 2,
        ["last", "raw\udcff"],
    ]
    corpus = LineSentence(text)
    assert list(corpus) == expected
    assert list(corpus) == expected
    assert list(LineSentence(str(text), limit=3)) == expected[:2]
    assert list(LineSentence(text, max_sentence_length=2))[:4] == [
        ["you", "say"],
        ["goodbye"],
        ["i", "say"],
        ["hello", "\xa0"],
    ]


@given(st.binary(max_size=200), st.integers(1, 7), st.integers(1, 5))
def test_words_are_those_of_python_whatever_the_blocks(
    tmp_path_factory, text: bytes, block: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentences, "_CHUNK_BYTES", block)
        lines = [line.split() for line in text.split(b"\n") if line.split()]
        found = [[word.encode("utf-8", "surrogateescape") for word in line] for line in LineSentence(path)]
        assert found == lines
        chunks = list(Text8Corpus(path, max_sentence_length=length))
        words = [word.encode("utf-8", "surrogateescape") for chunk in chunks for word in chunk]
        assert words == text.split()
        assert all(len(chunk) == length for chunk in chunks[:-1])


def test_training_on_whole_files_is_training_on_corpus_file(text: Path) -> None:
    ours = Word2Vec(LineSentence(text), **SMALL)
    direct = Word2Vec(corpus_file=text, **SMALL)
    cut = Word2Vec(LineSentence(text, max_sentence_length=10_000), **SMALL)
    for other in (direct, cut):
        assert other.wv.index_to_key == ours.wv.index_to_key
        np.testing.assert_array_equal(other.wv.vectors, ours.wv.vectors)
    assert ours.corpus_count == direct.corpus_count == 5
    assert cut.corpus_count == 4  # empty lines are no sentences there
    ours.train(LineSentence(text, limit=1), epochs=1)
    assert Word2Vec(Text8Corpus(text, 2), **SMALL).corpus_total_words == 12


def test_folders_are_read_file_by_file_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("d e\n")
    (tmp_path / "a.txt").write_text("a b\nc")  # no line end: lines do not run on into the next file
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"f\n"))
    assert list(PathLineSentences(tmp_path)) == [["a", "b"], ["c"], ["d", "e"], ["f"]]
    assert list(PathLineSentences(tmp_path / "b.txt")) == [["d", "e"]]
    assert Word2Vec(PathLineSentences(tmp_path), **SMALL).corpus_total_words == 6
    with pytest.raises(ValueError, match="PathLineSentences"):
        LineSentence(tmp_path)


def test_wrong_arguments_are_refused(text: Path) -> None:
    for wrong in ({"limit": 0}, {"max_sentence_length": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            LineSentence(text, **wrong)
    with pytest.raises(FileNotFoundError, match="missing"):
        LineSentence(text.with_name("missing"))
    with pytest.raises(TypeError):
        LineSentence(3)  # type: ignore[arg-type]
