"""Copies and pickles of vectors and models: complete, independent, no larger than they need be."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_model import SENTENCES, SMALL

from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors, Word2Vec

COPIERS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": (lambda thing, p=p: pickle.loads(pickle.dumps(thing, p))) for p in (2, 4, 5)},
}


@pytest.fixture(params=COPIERS)
def clone(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return COPIERS[request.param]


def padded_vectors() -> KeyedVectors:
    matrix = np.random.default_rng(0).normal(size=(50, 1024)).astype(np.float32)
    wv = KeyedVectors.from_arrays([f"w{row}" for row in range(50)], matrix[:, :10], np.arange(50, 0, -1))
    wv.set_vecattr("w3", "colour", "red")
    return wv


def test_copies_of_vectors_have_all_that_these_have(clone: Any) -> None:
    wv = padded_vectors()
    wv.fill_norms()
    other = clone(wv)
    assert other.most_similar("w1") == wv.most_similar("w1")
    assert other.get_vecattr("w3", "colour") == "red"
    assert other.index_to_key == wv.index_to_key
    assert other.get_vecattr("w0", "count") == 50


def test_a_pickle_holds_the_columns_of_the_vectors_only() -> None:
    assert len(pickle.dumps(padded_vectors())) < 50 * 10 * 4 + 4000
    wv = KeyedVectors(10)
    for row in range(100):
        wv.add_vector(f"w{row}", np.ones(10))
    wv.add_vectors([f"v{row}" for row in range(1000)], np.ones((1000, 10)))
    assert len(pickle.dumps(wv)) < 1100 * (10 * 4 + 20) + 4000  # without the room to spare


def test_copies_grow_apart(clone: Any) -> None:
    wv = padded_vectors()
    wv.add_vector("first", np.ones(10))
    other = clone(wv)
    other["w0"] = np.zeros(10)
    assert wv["w0"].any()
    other.add_vector("theirs", np.full(10, 2.0))
    wv.add_vector("ours", np.full(10, 3.0))
    assert (wv["ours"][0], other["theirs"][0]) == (3, 2)
    assert "ours" not in other


def test_joblib_reads_what_it_has_dumped(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    wv, model = padded_vectors(), Word2Vec(SENTENCES, **SMALL)
    joblib.dump({"wv": wv, "model": model}, tmp_path / "both.joblib")
    loaded = joblib.load(tmp_path / "both.joblib")
    assert loaded["wv"].most_similar("w1") == wv.most_similar("w1")
    assert loaded["model"].wv.most_similar("say") == model.wv.most_similar("say")


def test_vectors_can_be_sent_to_other_processes() -> None:
    wv = Word2Vec(SENTENCES, **SMALL).wv
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(KeyedVectors.most_similar, (wv, "say")) == wv.most_similar("say")


@pytest.mark.parametrize(
    "settings", [{}, {"optimizer": "adam"}, {"loss": "nce", "negative": 3, "nce_z": "learn"}]
)
def test_a_copied_model_trains_on_as_the_model_would(clone: Any, settings: dict[str, Any]) -> None:
    model = Word2Vec(SENTENCES, **SMALL, **settings)
    other = clone(model)
    assert repr(other) == repr(model)
    assert other.history == model.history
    before = model.wv.vectors.copy()
    other.train(SENTENCES, epochs=2)
    np.testing.assert_array_equal(model.wv.vectors, before)
    model.train(SENTENCES, epochs=2)
    np.testing.assert_array_equal(other.wv.vectors, model.wv.vectors)
    np.testing.assert_array_equal(other.get_vectors("out"), model.get_vectors("out"))
    assert other.nce_z == model.nce_z
    assert np.shares_memory(other.wv.vectors, other.get_vectors("in"))


def test_a_copied_model_can_be_saved_and_asked(clone: Any, tmp_path: Path) -> None:
    model = Word2Vec(SENTENCES, **SMALL, hs=1)
    model.wv.set_vecattr("say", "colour", "red")
    other = clone(model)
    assert other.wv.get_vecattr("say", "colour") == "red"
    assert other.predict_output_word(["you", "goodbye"]) == model.predict_output_word(["you", "goodbye"])
    for name, saved in (("a", model), ("b", other)):
        saved.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_model_s_pickle_holds_no_padding_and_neither_corpus_nor_rules() -> None:
    model = Word2Vec([[f"w{n}" for n in range(500)]] * 50, **SMALL, trim_rule=lambda word, count, least: 2)
    n_numbers = 2 * 500 * SMALL["vector_size"]
    assert len(pickle.dumps(model)) < 4 * n_numbers + 500 * 100
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.trim_rule is None
    with pytest.raises(ValueError, match="not at hand"):
        loaded.train()


def test_a_model_without_a_vocabulary_can_be_copied(clone: Any) -> None:
    other = clone(Word2Vec(**SMALL))
    assert other.vector_size == SMALL["vector_size"]
    other.build_vocab(SENTENCES)
    other.train(SENTENCES)
    assert "say" in other.wv


def test_a_model_whose_words_were_added_to_is_not_copied_without_them(clone: Any) -> None:
    model = Word2Vec(SENTENCES, **SMALL)
    model.wv.add_vector("new", np.ones(8))
    with pytest.raises(RuntimeError, match=r"cannot be copied.*model\.wv"):
        clone(model)
    assert "new" in clone(model.wv)


def test_subclasses_keep_their_attributes(clone: Any) -> None:
    class Named(Word2Vec):
        name = ""

    if clone not in (copy.copy, copy.deepcopy):
        return  # a class of a test function cannot be pickled
    model = Named(SENTENCES, **SMALL)
    model.name = "mine"
    assert clone(model).name == "mine"
    assert type(clone(model)) is Named


def test_count_based_vectors_can_be_copied(clone: Any) -> None:
    counts = Cooccurrence(
        [["a", "b", "c", "a", "d"], ["b", "d", "a", "c"]] * 5, min_count=1, window=2, progress=False
    )
    ppmi = PPMI(counts)
    svd = SVD(ppmi, dim=2)
    assert clone(ppmi).most_similar("a") == ppmi.most_similar("a")
    assert clone(svd).wv.most_similar("a") == svd.wv.most_similar("a")
