"""Where a model's vocabulary comes from: counts, another model; and what it says about itself."""

from __future__ import annotations

import numpy as np
import pytest
from small_model import SENTENCES, SMALL

from fastw2v import EmptyVocabularyError, Word2Vec

COUNTS = {"goodbye": 10, "hello": 30, "i": 10, "say": 20, "you": 10}


def words_and_counts(model: Word2Vec) -> dict[str, int]:
    return {word: model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key}


# ---- from counts ----


def test_a_vocabulary_from_counts_is_that_of_the_text():
    from_text, from_counts = Word2Vec(**SMALL), Word2Vec(**SMALL)
    from_text.build_vocab(SENTENCES)
    from_counts.build_vocab_from_freq(COUNTS, corpus_count=40)
    assert from_counts.wv.index_to_key == from_text.wv.index_to_key
    assert words_and_counts(from_counts) == COUNTS
    assert (from_counts.corpus_count, from_counts.corpus_total_words) == (40, 80)
    for model in (from_text, from_counts):
        model.train(SENTENCES, total_examples=model.corpus_count, epochs=2)
    assert np.array_equal(from_counts.wv.vectors, from_text.wv.vectors)


def test_counts_give_gensims_words():
    gensim = pytest.importorskip("gensim")
    counts = {"a": 7, "b": 5, "c": 4, "d": 0, "é": 9}
    for min_count in (1, 4, 5, 8):  # gensim cannot do without 1
        ours, theirs = Word2Vec(min_count=min_count), gensim.models.Word2Vec(min_count=min_count)
        for model in (ours, theirs):
            model.build_vocab_from_freq(counts, corpus_count=3)
        assert words_and_counts(ours) == words_and_counts(theirs)
        assert ours.wv.index_to_key == theirs.wv.index_to_key
        assert ours.corpus_count == theirs.corpus_count == 3


def test_rules_hold_for_counts_too():
    def rule(word, count, min_count):
        return {"you": 2, "hello": 1}.get(word, 0)

    model = Word2Vec(**{**SMALL, "min_count": 15})
    model.build_vocab_from_freq(COUNTS, trim_rule=rule)
    assert model.wv.index_to_key == ["say", "you"]
    with pytest.raises(EmptyVocabularyError, match=r"at least min_count=15 times"):
        model.build_vocab_from_freq({"rare": 14})
    assert model.wv.index_to_key == ["say", "you"]


def test_counts_of_nothing_but_zeros_can_be_trained_on():
    model = Word2Vec(**{**SMALL, "min_count": 0, "sample": 1e-3})
    model.build_vocab_from_freq({"a": 0, "b": 0})
    model.train([["a", "b"] * 10])
    assert np.isfinite(model.wv.vectors).all()


def test_after_counts_a_corpus_is_wanted():
    model = Word2Vec(SENTENCES, **SMALL)
    model.build_vocab_from_freq(COUNTS)
    assert model.history == []
    with pytest.raises(ValueError, match="give a corpus"):
        model.train()


@pytest.mark.parametrize(
    ("word_freq", "kind", "message"),
    [
        ([("a", 3)], TypeError, "must map words to counts, not be a list"),
        ({b"a": 3}, TypeError, "a word must be a str, not b'a'"),
        ({"a": 1.5}, TypeError, "count of 'a' must be a whole number, not 1.5"),
        ({"a": "3"}, TypeError, "whole number, not '3'"),
        ({"a": -1}, ValueError, "at least 0"),
        ({"a": 1 << 63}, ValueError, "below 2\\^63"),
        ({"a": (1 << 63) - 1, "b": 1}, ValueError, "below 2\\^63"),
        ({"\ud800": 1}, ValueError, "has no UTF-8 form"),
        ({}, EmptyVocabularyError, "there is no word"),
    ],
)
def test_bad_counts_are_refused_and_named(word_freq, kind, message):
    with pytest.raises(kind, match=message):
        Word2Vec(**SMALL).build_vocab_from_freq(word_freq)


def test_counts_beyond_32_bits_are_kept():
    model = Word2Vec(**SMALL)
    model.build_vocab_from_freq({"a": 1 << 40, "b": np.int64(1 << 33)})
    assert words_and_counts(model) == {"a": 1 << 40, "b": 1 << 33}


# ---- all counts ----


def test_raw_counts_are_kept_on_request():
    model = Word2Vec(**{**SMALL, "min_count": 15})
    model.build_vocab(SENTENCES)
    assert model.raw_vocab == {}
    model.build_vocab(SENTENCES, keep_raw_vocab=True)
    assert model.raw_vocab == COUNTS
    assert len(model.wv) == 2
    model.build_vocab_from_freq({"say": 15, "rare": 1}, keep_raw_vocab=True)
    assert model.raw_vocab == {"say": 15, "rare": 1}
    assert Word2Vec().raw_vocab == {}


# ---- from another model ----


def test_reset_from_takes_words_and_corpus_and_starts_anew():
    trained = Word2Vec(SENTENCES, **SMALL)
    vectors = trained.wv.vectors.copy()
    other = Word2Vec(**{**SMALL, "vector_size": 12, "sg": 1})
    other.reset_from(trained)
    assert other.wv.index_to_key == trained.wv.index_to_key
    assert other.wv.vectors.shape == (5, 12)
    assert (other.corpus_count, other.corpus_total_words, other.history) == (40, 80, [])
    other.train()
    fresh = Word2Vec(SENTENCES, **{**SMALL, "vector_size": 12, "sg": 1})
    assert np.array_equal(other.wv.vectors, fresh.wv.vectors)
    other.build_vocab([["quite", "new"]])
    assert words_and_counts(trained) == COUNTS
    assert np.array_equal(trained.wv.vectors, vectors)


def test_reset_from_a_model_without_words_is_refused():
    with pytest.raises(RuntimeError, match="has no vocabulary"):
        Word2Vec().reset_from(Word2Vec())


# ---- what it says about itself ----


@pytest.mark.parametrize(
    ("settings", "output"),
    [({}, "syn1neg"), ({"hs": 1}, "syn1"), ({"loss": "nce"}, "syn1neg"), ({"optimizer": "adam"}, "syn1neg")],
)
def test_memory_is_estimated_as_it_is_taken(settings, output):
    model = Word2Vec(
        **{**SMALL, "vector_size": 32, "negative": 3, **settings}
        if "hs" not in settings
        else {**SMALL, "vector_size": 32, **settings}
    )
    model.build_vocab(SENTENCES)
    report = model.estimate_memory()
    assert report["vectors"] == model._in_vecs.nbytes
    assert report[output] == model._out_vecs.nbytes
    states = model._memory.states
    assert report.get("optimizer", 0) == (0 if states is None else sum(state.nbytes for state in states))
    assert report["corpus"] == model._corpus[1].ids.nbytes
    assert report["total"] == sum(bytes for name, bytes in report.items() if name != "total")


def test_memory_is_estimated_before_there_is_a_vocabulary():
    report = Word2Vec(vector_size=100).estimate_memory(vocab_size=1000, report={"mine": 7})
    assert report["vectors"] == 1000 * 112 * 4, "rows are padded to whole registers"
    assert report["mine"] == 7
    assert Word2Vec().estimate_memory()["total"] == 0


def test_output_vectors_have_gensims_names():
    by_pairs, by_tree = Word2Vec(SENTENCES, **SMALL), Word2Vec(SENTENCES, **SMALL, hs=1)
    assert np.array_equal(by_pairs.syn1neg, by_pairs.get_vectors("out"))
    assert by_tree.syn1.shape == (4, 8)
    assert not hasattr(by_pairs, "syn1")
    assert not hasattr(by_tree, "syn1neg")
    assert not hasattr(Word2Vec(), "syn1neg")
