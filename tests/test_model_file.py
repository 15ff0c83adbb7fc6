"""Our safetensors files: round trips of every type and of any words, and what happens to damaged ones."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from fastw2v import KeyedVectors, model_file

KIND = {"kind": "keyedvectors"}
any_word = st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def small_vectors() -> KeyedVectors:
    rng = np.random.default_rng(0)
    words = ["the", "naïve", "b\udcffd", "日本", "two words"]
    return KeyedVectors.from_arrays(words, rng.normal(size=(5, 7)).astype(np.float32), np.arange(9, 4, -1))


@pytest.mark.parametrize(
    "type_name", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"]
)
def test_arrays_of_every_type_and_shape_round_trip(tmp_path: Path, type_name: str) -> None:
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 2, (30, 40)).astype(type_name)
    tensors = {
        "padded": wide[:, :33],
        "turned": wide.T,
        "one": wide[0],
        "none": wide[:0],
        "scalar": wide[0, 0],
    }
    tensors = {name: np.asarray(array) for name, array in tensors.items()}
    model_file.write(tmp_path / "f", tensors, KIND)
    back, metadata = model_file.read(tmp_path / "f")
    assert back.keys() == tensors.keys()
    for name, array in tensors.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)
        assert back[name].flags.writeable or back[name].size == 0
    assert metadata == {"kind": "keyedvectors", "format": "fastw2v", "format_version": "1"}


def test_big_endian_arrays_are_stored_little_endian(tmp_path: Path) -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3)
    model_file.write(tmp_path / "f", {"a": array}, KIND)
    np.testing.assert_array_equal(model_file.read(tmp_path / "f")[0]["a"], array)


def test_a_matrix_larger_than_a_block_is_written_whole(tmp_path: Path) -> None:
    matrix = np.random.default_rng(2).normal(size=(30_000, 112)).astype(np.float32)[:, :100]
    assert matrix.nbytes > model_file._BLOCK_BYTES
    model_file.write(tmp_path / "f", {"vectors": matrix}, KIND)
    np.testing.assert_array_equal(load_file(tmp_path / "f")["vectors"], matrix)


def test_the_safetensors_library_reads_our_files_and_arrays_are_aligned(tmp_path: Path) -> None:
    tensors = {"a": np.ones(3, np.uint8), "b": np.ones((2, 2), np.float64), "c": np.ones(5, np.float32)}
    model_file.write(tmp_path / "f", tensors, {**KIND, "note": "ünïcode"})
    theirs = load_file(tmp_path / "f")
    assert all(np.array_equal(theirs[name], tensors[name]) for name in tensors)
    raw = (tmp_path / "f").read_bytes()
    n_head = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8 : 8 + n_head])
    assert head.pop("__metadata__")["note"] == "ünïcode"
    for name, entry in head.items():
        assert (8 + n_head + entry["data_offsets"][0]) % tensors[name].dtype.itemsize == 0


def test_only_the_wanted_arrays_are_read(tmp_path: Path) -> None:
    model_file.write(tmp_path / "f", {"a": np.zeros(2), "b": np.zeros(3)}, KIND)
    assert model_file.read(tmp_path / "f", ("b", "missing"))[0].keys() == {"b"}


@given(st.lists(any_word, max_size=30))
@settings(deadline=None)
def test_any_words_round_trip(words: list[str]) -> None:
    assert model_file.unpack_words(model_file.pack_words(words)) == words


def test_words_without_a_byte_form_are_refused_by_row() -> None:
    with pytest.raises(ValueError, match="row 1.*no UTF-8 form"):
        model_file.pack_words(["ok", "\ud800"])
    with pytest.raises(TypeError, match="row 0.*NoneType"):
        model_file.pack_words([None])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("letters", "ends"),
    [
        (np.zeros(4, np.uint8), np.array([2, 5])),
        (np.zeros(4, np.uint8), np.array([3, 1, 4])),
        (np.zeros(4, np.uint8), np.array([-1, 4])),
        (np.zeros(4, np.uint8), np.array([2, 3])),
        (np.zeros(4, np.uint8), np.array([2.0, 4.0])),
        (np.zeros((2, 2), np.uint8), np.array([2, 4])),
        (np.zeros(4, np.int64), np.array([2, 4])),
        (np.zeros(0, np.uint8), np.array([2**62, 0])),
    ],
)
def test_words_that_contradict_themselves_are_refused(letters: np.ndarray, ends: np.ndarray) -> None:
    with pytest.raises(ValueError, match="vocabulary is damaged"):
        model_file.unpack_words({"words": letters, "word_ends": ends})


def test_vectors_round_trip_with_counts_and_any_words(tmp_path: Path) -> None:
    ours = small_vectors()
    ours.save(tmp_path / "v.safetensors")
    back = KeyedVectors.load(tmp_path / "v.safetensors")
    assert back.index_to_key == ours.index_to_key
    np.testing.assert_array_equal(back.vectors, ours.vectors)
    assert back.get_vecattr("naïve", "count") == 8


def test_the_vectors_of_a_model_file_load_without_its_other_arrays(tmp_path: Path) -> None:
    tensors = {**small_vectors().to_tensors(), "output_vectors": np.zeros((5, 7), np.float32)}
    model_file.write(tmp_path / "m", tensors, {"kind": "word2vec", "settings": "{}"})
    np.testing.assert_array_equal(KeyedVectors.load(tmp_path / "m").vectors, small_vectors().vectors)


def test_an_empty_vocabulary_round_trips(tmp_path: Path) -> None:
    KeyedVectors(3).save(tmp_path / "f")
    assert KeyedVectors.load(tmp_path / "f").vectors.shape == (0, 3)


def test_unusable_arguments_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="complex128"):
        model_file.write(tmp_path / "f", {"a": np.zeros(2, complex)}, KIND)
    with pytest.raises(TypeError, match="'size' holds int"):
        model_file.write(tmp_path / "f", {}, {**KIND, "size": 3})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="kind"):
        model_file.write(tmp_path / "f", {}, {"kind": "recipe"})
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.safetensors"
    small_vectors().save(path)
    old = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(model_file, "_write_array", full)
    with pytest.raises(OSError, match="No space left.*nothing was replaced.*v.safetensors"):
        KeyedVectors(3).save(path)
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_missing_files_and_folders_are_the_ordinary_os_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KeyedVectors.load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        KeyedVectors.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"2 3\nthe 1 2 3\n", "load_word2vec_format"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"\x10" + bytes(7) + b"not json at all!", "not a safetensors file"),
        (b"\xff" * 64, "not a safetensors file"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        KeyedVectors.load(tmp_path / "f")
    assert str(tmp_path / "f") in str(caught.value)


def test_safetensors_files_of_others_and_of_newer_versions_are_refused(tmp_path: Path) -> None:
    arrays = small_vectors().to_tensors()
    for metadata, message in (
        (None, "not written by fastw2v"),
        ({"format": "pt"}, "not written by fastw2v"),
        ({"format": "fastw2v", "kind": "recipe", "format_version": "1"}, "not written by fastw2v"),
        ({"format": "fastw2v", "kind": "word2vec", "format_version": "2"}, "newer"),
        ({"format": "fastw2v", "kind": "word2vec", "format_version": "one"}, "damaged"),
    ):
        save_file(arrays, tmp_path / "f", metadata=metadata)
        with pytest.raises(ValueError, match=message):
            KeyedVectors.load(tmp_path / "f")


@pytest.mark.parametrize(
    "broken", ["no vectors", "no words", "too few words", "flat", "integers", "counts", "twice"]
)
def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path, broken: str) -> None:
    arrays = small_vectors().to_tensors()
    if broken in ("no vectors", "no words"):
        del arrays["vectors" if broken == "no vectors" else "word_ends"]
    else:
        arrays |= {
            "too few words": model_file.pack_words("abc"),
            "flat": {"vectors": np.zeros(5, np.float32)},
            "integers": {"vectors": np.zeros((5, 7), np.int32)},
            "counts": {"counts": np.zeros(4, np.int64)},
            "twice": model_file.pack_words("abcda"),
        }[broken]
    model_file.write(tmp_path / "f", arrays, KIND)
    with pytest.raises(ValueError, match=str(tmp_path / "f")):
        KeyedVectors.load(tmp_path / "f")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    small_vectors().save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for n_kept in range(len(whole)):
        (tmp_path / "part").write_bytes(whole[:n_kept])
        with pytest.raises(ValueError, match="part"):
            KeyedVectors.load(tmp_path / "part")
    (tmp_path / "part").write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="part"):
        KeyedVectors.load(tmp_path / "part")


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_never_give_anything_but_vectors_or_a_value_error(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path / "f"
    small_vectors().save(path)
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place % len(raw)] = value
    path.write_bytes(raw)
    with contextlib.suppress(ValueError):
        loaded = KeyedVectors.load(path)
        assert loaded.vectors.shape == (len(loaded), loaded.vector_size)
        assert len(set(loaded.index_to_key)) == len(loaded)
