"""Every bad input to `Word2Vec`: refused before any harm is done, with a message that says what to do."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pytest
from small_model import SENTENCES, SMALL

from fastw2v import EmptyVocabularyError, Word2Vec


@pytest.fixture
def model() -> Word2Vec:
    return Word2Vec(SENTENCES, **SMALL)


BAD_VALUES = [
    ("vector_size", 0, ValueError, "between 1 and 1048576, not 0"),
    ("vector_size", 10.5, TypeError, "a whole number, not 10.5"),
    ("vector_size", "100", TypeError, "a whole number, not '100'"),
    ("vector_size", 1 << 40, ValueError, "between 1 and 1048576"),
    ("window", 0, ValueError, "between 1 and"),
    ("window", None, TypeError, "a whole number, not None"),
    ("negative", -1, ValueError, "between 0 and"),
    ("negative", 2.0, TypeError, "a whole number"),
    ("epochs", 0, ValueError, "at least 1, not 0"),
    ("epochs", "5", TypeError, "a whole number"),
    ("workers", 0, ValueError, "between 1 and 1024"),
    ("workers", -1, ValueError, "between 1 and 1024"),
    ("workers", 100_000, ValueError, "between 1 and 1024"),
    ("workers", 1.5, TypeError, "a whole number"),
    ("alpha", 0, ValueError, "above 0 and finite"),
    ("alpha", -0.1, ValueError, "above 0 and finite"),
    ("alpha", float("nan"), ValueError, "above 0 and finite, not nan"),
    ("alpha", float("inf"), ValueError, "above 0 and finite"),
    ("alpha", "0.025", TypeError, "a number, not '0.025'"),
    ("alpha", None, TypeError, "a number, not None"),
    ("min_alpha", -1, ValueError, "at least 0"),
    ("min_alpha", 0.5, ValueError, r"min_alpha \(0\.5\) must not exceed alpha \(0\.025\)"),
    ("sample", -1e-3, ValueError, "at least 0"),
    ("sample", float("nan"), ValueError, "at least 0 and finite"),
    ("sample", [1], TypeError, "a number"),
    ("min_count", -1, ValueError, "at least 0"),
    ("max_final_vocab", 0, ValueError, "at least 1"),
    ("seed", 1 << 64, ValueError, "between"),
    ("seed", "one", TypeError, "a whole number"),
    ("sg", 2, ValueError, "between 0 and 1"),
    ("hs", -1, ValueError, "between 0 and 1"),
    ("cbow_mean", 2, ValueError, "between 0 and 1"),
    ("ns_exponent", float("inf"), ValueError, "finite"),
    ("ns_exponent", "a", TypeError, "a number"),
    ("shrink_windows", 3, ValueError, "between 0 and 1"),
    ("share_noise", "yes", TypeError, "a whole number"),
    ("loss", "cross_entropy", ValueError, "one of 'ns', 'hs', 'nce', .* not 'cross_entropy'"),
    ("cbow_update", "mean", ValueError, "one of 'word2vec', 'exact'"),
    ("memory_budget", -1, ValueError, "at least 0"),
    ("trim_rule", 3, TypeError, "callable"),
    ("max_vocab_size", 1000, ValueError, "use max_final_vocab"),
    ("null_word", 1, ValueError, "not supported"),
    ("sorted_vocab", 0, ValueError, "not supported"),
    ("callbacks", [print], TypeError, "has none of the methods on_train_begin"),
]


@pytest.mark.parametrize(
    ("name", "value", "kind", "message"), BAD_VALUES, ids=lambda case: re.sub(r"\W", "", str(case))[:20]
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(name, value, kind, message):
    with pytest.raises(kind, match=message) as caught:
        Word2Vec(SENTENCES, **{**SMALL, name: value})
    assert name in str(caught.value)


@pytest.mark.parametrize("value", [np.int64(7), np.int8(7), True])
def test_integers_of_other_kinds_are_integers(value):
    assert Word2Vec(window=value).window == int(value)
    assert Word2Vec(alpha=np.float32(0.5)).alpha == 0.5


def test_hierarchical_softmax_and_negative_sampling_are_not_mixed():
    with pytest.raises(
        ValueError, match=r"draws no noise words, but negative=5: leave negative out, or choose a loss"
    ):
        Word2Vec(hs=1, negative=5)
    with pytest.raises(ValueError, match="leave negative out"):
        Word2Vec(loss="hs", negative=10)
    with pytest.raises(
        ValueError, match=r"negative=0 leaves nothing to learn from: give negative >= 1, or hs=1"
    ):
        Word2Vec(negative=0)
    with pytest.raises(ValueError, match=r"hs=1 contradicts loss='ns'"):
        Word2Vec(hs=1, loss="ns")
    for arguments in (
        {"hs": 1},
        {"hs": 1, "negative": 0},
        {"loss": "hs"},
        {"loss": "hs", "negative": 0, "hs": 1},
    ):
        model = Word2Vec(**arguments)
        assert (model.hs, model.negative, model.loss) == (1, 0, "hs")
    assert (Word2Vec(loss="ns", negative=7).negative, Word2Vec().negative) == (7, 5)


@pytest.mark.parametrize("sentences", ["you say goodbye", b"you say goodbye", Path("text.txt")])
def test_a_string_instead_of_sentences_is_refused_with_advice(sentences):
    with pytest.raises(
        TypeError, match=r"token lists, not a string or path; for a text file use corpus_file="
    ):
        Word2Vec(sentences, **SMALL)


def test_a_string_instead_of_a_token_list_is_refused_with_advice():
    with pytest.raises(TypeError, match="split"):
        Word2Vec(["you say goodbye", "i say hello"], **SMALL)


@pytest.mark.parametrize("sentences", [[], [[]], iter([]), [[], []]])
def test_an_empty_corpus_is_refused(sentences):
    with pytest.raises(EmptyVocabularyError, match="the corpus is empty"):
        Word2Vec(sentences, **SMALL)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(EmptyVocabularyError, match="the corpus is empty"):
        Word2Vec(corpus_file=tmp_path / "empty.txt", **SMALL)


def test_when_no_word_is_frequent_enough_the_message_says_what_there_was():
    with pytest.raises(
        EmptyVocabularyError,
        match=r"min_count=31 times: the corpus has 5 distinct words, .* 'hello', occurs 30 times",
    ):
        Word2Vec(SENTENCES, **{**SMALL, "min_count": 31})


def test_a_missing_file_is_named_and_leaves_the_model_as_it_was(tmp_path, model):
    with pytest.raises(FileNotFoundError, match=r"absent\.txt"):
        Word2Vec(corpus_file=tmp_path / "absent.txt", **SMALL)
    vectors, history = model.wv.vectors.copy(), copy.deepcopy(model.history)
    for call in (model.train, model.build_vocab):
        with pytest.raises(FileNotFoundError, match=r"absent\.txt"):
            call(corpus_file=tmp_path / "absent.txt")
    assert np.array_equal(model.wv.vectors, vectors)
    assert model.history == history


def test_a_file_with_a_nul_byte_leaves_the_model_as_it_was(tmp_path, model):
    (tmp_path / "binary").write_bytes(b"some words\0and more\n")
    vectors = model.wv.vectors.copy()
    with pytest.raises(ValueError, match=r"binary.*NUL|NUL.*binary"):
        model.build_vocab(corpus_file=tmp_path / "binary")
    assert np.array_equal(model.wv.vectors, vectors)
    assert model.train(SENTENCES, epochs=1) == (80, 80)


@pytest.mark.parametrize(
    "what",
    [
        "start.start_matrices",
        "trainer._train.aligned_zeros",
        "model_parts.KeyedVectors.from_arrays",
    ],
)
@pytest.mark.parametrize("update", [False, True])
def test_when_memory_is_short_the_model_is_as_it_was(monkeypatch, model, what, update):
    def fail(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(f"fastw2v.{what}", fail)
        with pytest.raises(MemoryError):
            # Ids that the matrices have no rows for.
            model.build_vocab([[f"word{id}" for id in range(1000)]], update=update)
    assert model.wv.index_to_key == ["hello", "say", "goodbye", "i", "you"]
    assert model.corpus_count == 40
    assert model.train(epochs=1) == (80, 80)
    assert model.history[-1]["epoch"] == 3


def test_both_or_no_corpus_is_refused(model):
    with pytest.raises(TypeError, match="both of them was given"):
        Word2Vec(SENTENCES, corpus_file="text.txt")
    with pytest.raises(TypeError, match="neither of them was given"):
        model.build_vocab()


def test_training_before_there_is_a_vocabulary_is_refused():
    with pytest.raises(RuntimeError, match="call build_vocab first, or give the class a corpus"):
        Word2Vec().train(SENTENCES)


def test_training_on_unknown_words_only_is_refused(model):
    with pytest.raises(ValueError, match="no word of the corpus is in the vocabulary"):
        model.train([["quite", "other", "words"]])
    with pytest.raises(ValueError, match="no word of the corpus is in the vocabulary"):
        model.train([])
    assert len(model.history) == 2


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"epochs": 0}, ValueError),
        ({"epochs": 1.5}, TypeError),
        ({"start_alpha": 0}, ValueError),
        ({"start_alpha": "high"}, TypeError),
        ({"end_alpha": -1}, ValueError),
        ({"end_alpha": float("nan")}, ValueError),
    ],
)
def test_bad_values_for_train_are_refused_by_name(model, arguments, kind):
    before = model.wv.vectors.copy()
    with pytest.raises(kind, match=next(iter(arguments))):
        model.train(SENTENCES, **arguments)
    assert np.array_equal(model.wv.vectors, before)


def test_an_unknown_word_is_named(model):
    with pytest.raises(KeyError, match="unheard-of"):
        model.wv["unheard-of"]
    assert "unheard-of" not in model.wv
    assert "hello" in model.wv
