"""Saved models: a model comes back whole and trains on; damaged files are refused, old ones stay intact."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from small_model import SENTENCES, SMALL

from fastw2v import KeyedVectors, Word2Vec, model_file


@pytest.fixture
def model() -> Word2Vec:
    return Word2Vec(SENTENCES, **SMALL)


def test_a_saved_model_comes_back_whole_and_trains_on_as_the_original(tmp_path, model):
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = Word2Vec.load(str(path))
    assert np.array_equal(loaded.wv.vectors, model.wv.vectors)
    assert loaded.wv.index_to_key == model.wv.index_to_key
    assert loaded.wv.get_vecattr("hello", "count") == 30
    assert loaded.settings == model.settings
    assert loaded.history == model.history
    assert (loaded.corpus_count, loaded.corpus_total_words) == (40, 80)
    for each in (model, loaded):
        each.train(SENTENCES, epochs=2)
    assert np.array_equal(loaded.wv.vectors, model.wv.vectors)
    assert [(e["epoch"], e["loss"]) for e in loaded.history] == [
        (e["epoch"], e["loss"]) for e in model.history
    ]


@pytest.mark.parametrize(
    "changes", [{"sg": 1, "hs": 1}, {"cbow_update": "exact", "share_noise": False, "seed": -3}]
)
def test_every_setting_survives_saving(tmp_path, changes):
    model = Word2Vec(
        SENTENCES, **{**SMALL, "max_final_vocab": 4, "ns_exponent": -0.5, "sample": 2, **changes}
    )
    model.save(tmp_path / "model.safetensors")
    assert Word2Vec.load(tmp_path / "model.safetensors").settings == model.settings


def test_a_model_that_was_not_trained_yet_can_be_saved(tmp_path):
    model = Word2Vec(**SMALL)
    model.build_vocab(SENTENCES)
    model.save(tmp_path / "model.safetensors")
    loaded = Word2Vec.load(tmp_path / "model.safetensors")
    loaded.train(SENTENCES)
    model.train(SENTENCES)
    assert np.array_equal(loaded.wv.vectors, model.wv.vectors)


def test_vectors_alone_can_be_read_from_a_model_file_and_not_the_other_way(tmp_path, model):
    model.save(tmp_path / "model.safetensors")
    vectors = KeyedVectors.load(tmp_path / "model.safetensors")
    assert np.array_equal(vectors.vectors, model.wv.vectors)
    vectors.save(tmp_path / "vectors.safetensors")
    with pytest.raises(
        ValueError, match=r"vectors\.safetensors holds vectors without a model.*KeyedVectors\.load"
    ):
        Word2Vec.load(tmp_path / "vectors.safetensors")


def test_the_file_holds_no_padding(tmp_path, model):
    model.save(tmp_path / "model.safetensors")
    tensors = load_file(tmp_path / "model.safetensors")
    assert tensors["vectors"].shape == tensors["output_vectors"].shape == (5, 8)


def test_words_that_are_not_utf8_survive(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"caf\xe9 na\xefve \xf0\x9f\x98\x80\n" * 5)
    model = Word2Vec(corpus_file=tmp_path / "text.txt", **SMALL)
    model.save(tmp_path / "model.safetensors")
    words = Word2Vec.load(tmp_path / "model.safetensors").wv.index_to_key
    assert [word.encode("utf-8", "surrogateescape") for word in words] == [
        b"caf\xe9",
        b"na\xefve",
        b"\xf0\x9f\x98\x80",
    ]


def test_loading_without_the_corpus_wants_one_to_train(tmp_path, model):
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="give a corpus"):
        Word2Vec.load(tmp_path / "model.safetensors").train()


def spoil_settings(tensors, metadata):
    metadata["settings"] = metadata["settings"].replace("vector_size", "size_of_vector")


def spoil_json(tensors, metadata):
    metadata["settings"] = "{"


def spoil_state(tensors, metadata):
    metadata["state"] = "{}"


def drop_output(tensors, metadata):
    del tensors["output_vectors"]


def cut_output(tensors, metadata):
    tensors["output_vectors"] = tensors["output_vectors"][:-1]


def cut_counts(tensors, metadata):
    tensors["counts"] = tensors["counts"][:-1]


def drop_words(tensors, metadata):
    del tensors["words"]


def set_setting(name, value):
    """Settings that the constructor would refuse, and C would trust."""

    def spoil(tensors, metadata):
        metadata["settings"] = json.dumps({**json.loads(metadata["settings"]), name: value})

    return spoil


def set_state(name, value):
    def spoil(tensors, metadata):
        metadata["state"] = json.dumps({**json.loads(metadata["state"]), name: value})

    return spoil


def shuffle_counts(tensors, metadata):
    tensors["counts"] = tensors["counts"][::-1].copy()


def negative_counts(tensors, metadata):
    tensors["counts"] = tensors["counts"] - tensors["counts"].max() - 1


def deep_settings(tensors, metadata):
    metadata["settings"] = "[" * 100_000


def raw_counts_alone(tensors, metadata):
    tensors["raw_counts"] = tensors["counts"]


@pytest.mark.parametrize(
    "spoil",
    [
        *(spoil_settings, spoil_json, spoil_state, drop_output, cut_output, cut_counts, drop_words),
        *(shuffle_counts, negative_counts, deep_settings, raw_counts_alone),
        *(set_setting("window", value) for value in (0, -5, 1 << 40, "five", None, 5.5)),
        *(
            set_setting(*item)
            for item in (("workers", 0), ("workers", 1 << 20), ("negative", -1), ("negative", 0))
        ),
        *(
            set_setting(*item)
            for item in (("model", "glove"), ("loss", "glove"), ("seed", 1.5), ("min_alpha", "low"))
        ),
        *(
            set_setting(*item)
            for item in (("batch_size", 7), ("optimizer_options", {"beta_1": 1}), ("alpha", None))
        ),
        *(set_state(*item) for item in (("epochs_done", -1), ("epochs_done", "many"), ("history", 3))),
        *(set_state(*item) for item in (("frozen", "hello"), ("frozen", [1]), ("corpus_count", None))),
    ],
)
def test_a_model_file_whose_parts_do_not_fit_is_refused_by_name(tmp_path, model, spoil):
    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, metadata = model_file.read(path)
    spoil(tensors, metadata)
    save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=r"model\.safetensors: damaged or incomplete model file"):
        Word2Vec.load(path)


@pytest.mark.parametrize("n_bytes", [0, 4, 100, -1])
def test_a_truncated_model_file_is_refused_by_name(tmp_path, model, n_bytes):
    path = tmp_path / "model.safetensors"
    model.save(path)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        Word2Vec.load(path)


def test_a_missing_model_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors"):
        Word2Vec.load(tmp_path / "absent.safetensors")


def test_an_old_file_is_intact_when_saving_fails(tmp_path, model, monkeypatch):
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_saving_nothing_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="nothing to save yet"):
        Word2Vec().save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
