"""Files that are mapped into memory: the same answers without reading them, and nothing decoded before it is needed."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors, model_file
from fastw2v._formats import PackedWords
from fastw2v.lazy_words import LazyWords

WORDS = ["the", "naïve", "b\udcffd", "日本", "two words", "", *(f"word{row}" for row in range(200))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
    KeyedVectors.from_arrays(WORDS, vectors, np.arange(len(WORDS), 0, -1)).save(tmp_path / "v.safetensors")
    return tmp_path / "v.safetensors"


@pytest.mark.parametrize("mmap", [True, "r"])
def test_a_first_answer_decodes_no_vocabulary_and_computes_no_norms(path: Path, mmap: bool | str) -> None:
    whole, mapped = KeyedVectors.load(path), KeyedVectors.load(path, mmap=mmap)
    assert mapped.similarity("the", "word150") == whole.similarity("the", "word150")
    assert "missing" not in mapped
    assert isinstance(mapped.index_to_key, LazyWords)
    assert mapped.index_to_key._words is mapped.key_to_index._rows is mapped.norms is None


def test_every_query_answers_as_on_loaded_vectors(path: Path) -> None:
    whole, mapped = KeyedVectors.load(path), KeyedVectors.load(path, mmap=True)
    assert mapped.most_similar("日本") == whole.most_similar("日本")
    assert [mapped.get_index(word) for word in WORDS] == list(range(len(WORDS)))
    assert [mapped.index_to_key[row] for row in range(-3, 3)] == [WORDS[row] for row in range(-3, 3)]
    assert mapped.index_to_key[5:9] == WORDS[5:9]
    assert mapped.get_vecattr("naïve", "count") == whole.get_vecattr("naïve", "count")
    assert len(mapped) == len(mapped.key_to_index) == len(WORDS)
    assert list(mapped) == WORDS
    assert mapped.index_to_key == WORDS
    assert mapped.key_to_index == whole.key_to_index
    for unknown in ("missing", 10**6, None, "\ud800"):
        assert unknown not in mapped
        assert unknown not in mapped.key_to_index
    with pytest.raises(IndexError):
        mapped.index_to_key[len(WORDS)]


def test_mapped_vectors_cannot_be_written_to_and_words_can_be_changed_in_memory(path: Path) -> None:
    raw = path.read_bytes()
    mapped = KeyedVectors.load(path, mmap=True)
    with pytest.raises(ValueError, match="read-only"):
        mapped.vectors[0] = 1
    mapped.index_to_key.append("new")
    mapped.key_to_index["new"] = len(WORDS)
    mapped.index_to_key[0] = "first"
    del mapped.key_to_index["the"]
    assert (mapped.index_to_key[0], mapped.index_to_key[-1], len(mapped.key_to_index)) == (
        "first",
        "new",
        len(WORDS),
    )
    assert path.read_bytes() == raw


def test_copies_and_pickles_are_ordinary_vectors(path: Path) -> None:
    mapped = KeyedVectors.load(path, mmap=True)
    for twin in (pickle.loads(pickle.dumps(mapped)), copy.deepcopy(mapped)):
        assert type(twin.index_to_key) is list
        assert type(twin.key_to_index) is dict
        assert twin.most_similar("the") == mapped.most_similar("the")


def test_mapped_vectors_are_saved_in_any_format(path: Path, tmp_path: Path) -> None:
    mapped = KeyedVectors.load(path, mmap=True)
    mapped.save(path)  # replaces the file, whose old self the mapping keeps
    assert path.read_bytes()[:8] == (tmp_path / "v.safetensors").read_bytes()[:8]
    assert KeyedVectors.load(path).index_to_key == WORDS
    assert mapped.similarity("the", "naïve") == KeyedVectors.load(path).similarity("the", "naïve")


def test_files_without_a_hash_table_can_be_mapped(path: Path) -> None:
    tensors, metadata = model_file.read(path)
    del tensors[model_file.SLOTS]
    model_file.write(path, tensors, {"kind": metadata["kind"]})
    mapped = KeyedVectors.load(path, mmap=True)
    assert mapped.get_index("word7") == WORDS.index("word7")
    assert "missing" not in mapped


def test_the_vectors_of_an_svd_can_be_mapped_and_sparse_ones_cannot(tmp_path: Path) -> None:
    counts = Cooccurrence.from_matrix(np.ones((7, 7)) - np.eye(7), WORDS[:7])
    ppmi = PPMI(counts, cds=1.0, base=2)
    ppmi.save(tmp_path / "ppmi")
    SVD(ppmi, dim=2, progress=False).save(tmp_path / "svd")
    assert KeyedVectors.load(tmp_path / "svd", mmap=True).index_to_key == WORDS[:7]
    with pytest.raises(ValueError, match="without mmap"):
        PPMI.load(tmp_path / "ppmi", mmap=True)
    with pytest.raises(ValueError, match="mmap must be True or 'r'"):
        KeyedVectors.load(tmp_path / "svd", mmap="r+")


@pytest.mark.parametrize(
    "broken",
    [
        "slots beyond",
        "slots full",
        "slots odd",
        "slots float",
        "ends",
        "counts",
        "vectors",
        "twice",
        "shifted",
    ],
)
def test_damaged_words_are_found_when_they_are_looked_up_if_not_before(path: Path, broken: str) -> None:
    tensors, _ = model_file.read(path)
    slots, ends = tensors[model_file.SLOTS], tensors["word_ends"]
    tensors |= {
        "slots beyond": {model_file.SLOTS: np.full_like(slots, 10**6)},
        "slots full": {model_file.SLOTS: np.zeros_like(slots)},
        "slots odd": {model_file.SLOTS: slots[:-1]},
        "slots float": {model_file.SLOTS: slots.astype(np.float32)},
        "ends": {"word_ends": ends[::-1]},
        "counts": {"counts": tensors["counts"][1:]},
        "vectors": {"vectors": tensors["vectors"][1:]},
        "twice": model_file.pack_words(["the"] * len(WORDS)),
        "shifted": {"word_ends": ends + 1},
    }[broken]
    model_file.write(path, tensors, {"kind": "keyedvectors"})

    def look_up() -> list[str]:
        mapped = KeyedVectors.load(path, mmap=True)
        return [] if "missing" in mapped else list(mapped.key_to_index)

    with pytest.raises(ValueError, match=r"damaged|power of two|fit together|more than once"):
        look_up()


def test_arrays_that_are_not_aligned_are_refused_with_advice(path: Path) -> None:
    raw = path.read_bytes()
    n_head = int.from_bytes(raw[:8], "little")
    path.write_bytes((n_head + 1).to_bytes(8, "little") + raw[8 : 8 + n_head] + b" " + raw[8 + n_head :])
    assert KeyedVectors.load(path).index_to_key == WORDS
    with pytest.raises(ValueError, match="without mmap"):
        KeyedVectors.load(path, mmap=True)


@given(st.lists(st.binary(max_size=6), unique=True, max_size=40), st.binary(max_size=6))
def test_the_hash_table_finds_exactly_the_words(words: list[bytes], other: bytes) -> None:
    tensors = model_file.pack_words([word.decode("utf-8", "surrogateescape") for word in words])
    if not words:
        assert model_file.SLOTS not in tensors
        return
    packed = PackedWords(tensors["words"], tensors["word_ends"], tensors[model_file.SLOTS])
    assert [packed.find(word) for word in words] == list(range(len(words)))
    assert packed.find(other) == (words.index(other) if other in words else -1)
    assert [packed.word(row) for row in range(len(words))] == words


def test_words_that_collide_on_purpose_get_no_table() -> None:
    # The same word again and again stands for words of the same hash.
    letters, ends = np.frombuffer(b"a" * 5000, np.uint8), np.arange(1, 5001)
    assert PackedWords(letters, ends).make_slots() is None
