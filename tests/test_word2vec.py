"""`Word2Vec` from outside: gensim's names and idioms, and which corpus is trained on."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
from small_model import SENTENCES, SMALL

from fastw2v import Word2Vec
from fastw2v.machine import default_workers


@pytest.fixture
def model() -> Word2Vec:
    return Word2Vec(SENTENCES, **SMALL)


# ---- gensim's surface ----


def test_the_constructor_has_gensims_arguments_in_its_order_with_its_defaults():
    gensim = pytest.importorskip("gensim")
    theirs = inspect.signature(gensim.models.Word2Vec.__init__).parameters
    ours = inspect.signature(Word2Vec.__init__).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    different = {name for name in theirs if theirs[name].default != ours[name].default}
    # All cores instead of 3; words are hashed in C.
    assert different == {"workers", "hashfxn"}
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in ours if name not in theirs)


@pytest.mark.parametrize(
    "method",
    [
        "build_vocab",
        "build_vocab_from_freq",
        "estimate_memory",
        "get_latest_training_loss",
        "predict_output_word",
        "reset_from",
        "score",
        "train",
    ],
)
def test_methods_have_gensims_arguments_in_its_order(method):
    gensim = pytest.importorskip("gensim")
    theirs = [
        name
        for name, parameter in inspect.signature(getattr(gensim.models.Word2Vec, method)).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    assert list(inspect.signature(getattr(Word2Vec, method)).parameters)[: len(theirs)] == theirs


def test_attributes_are_gensims(model):
    assert (model.sg, model.hs, model.negative, model.window, model.vector_size) == (0, 0, 5, 5, 8)
    assert (model.alpha, model.min_alpha, model.sample, model.seed) == (0.025, 0.0001, 0, 1)
    assert (model.epochs, model.workers, model.min_count, model.cbow_mean) == (2, 1, 1, 1)
    assert (model.ns_exponent, model.shrink_windows, model.loss) == (0.75, True, "ns")
    assert (model.corpus_count, model.corpus_total_words) == (40, 80)
    assert repr(model) == "Word2Vec<cbow, ns, vocab=5, vector_size=8, alpha=0.025>"


def test_workers_are_all_usable_cores_by_default():
    assert Word2Vec().workers == default_workers()


def test_words_are_sorted_by_count_and_counts_are_kept(model):
    assert model.wv.index_to_key == ["hello", "say", "goodbye", "i", "you"]
    assert [model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key] == [30, 20, 10, 10, 10]


def test_training_at_once_equals_build_vocab_and_train(model):
    step_by_step = Word2Vec(**SMALL)
    step_by_step.build_vocab(SENTENCES, progress_per=1000)
    assert step_by_step.history == []
    returned = step_by_step.train(
        SENTENCES, total_examples=step_by_step.corpus_count, epochs=step_by_step.epochs, report_delay=1.0
    )
    assert returned == (2 * 80, 2 * 80)
    assert np.array_equal(step_by_step.wv.vectors, model.wv.vectors)
    assert [entry["epoch"] for entry in step_by_step.history] == [1, 2]


def test_gensims_idiom_with_a_file_works(tmp_path, model):
    path = tmp_path / "text.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES))
    from_file = Word2Vec(**SMALL)
    from_file.build_vocab(corpus_file=str(path))
    from_file.train(corpus_file=str(path), total_words=from_file.corpus_total_words, epochs=from_file.epochs)
    assert from_file.corpus_count == 40
    assert np.array_equal(from_file.wv.vectors, model.wv.vectors)


def test_arguments_that_have_nothing_to_do_here_are_accepted(model):
    same = Word2Vec(SENTENCES, **SMALL, hashfxn=hash, batch_words=7, compute_loss=True, comment="a remark")
    assert np.array_equal(same.wv.vectors, model.wv.vectors)


def test_wv_shares_memory_with_the_model(model):
    before = model.wv["hello"].copy()
    vectors = model.wv.vectors
    model.train(SENTENCES, epochs=3)
    assert model.wv.vectors is vectors
    assert not np.array_equal(model.wv["hello"], before)
    assert np.shares_memory(model.wv.vectors, model._in_vecs)
    # Norms are not from before the training.
    norm = np.linalg.norm(model.wv["hello"])
    np.testing.assert_allclose(model.wv.get_vector("hello", norm=True), model.wv["hello"] / norm, rtol=1e-5)


def test_rules_about_words_reach_the_vocabulary():
    def rule(word: str, count: int, min_count: int) -> int:
        return {"you": 2, "hello": 1}.get(word, 0)

    assert Word2Vec(SENTENCES, **{**SMALL, "min_count": 15}, trim_rule=rule).wv.index_to_key == ["say", "you"]
    assert Word2Vec(SENTENCES, **SMALL, max_final_vocab=3).wv.index_to_key == ["hello", "say", "goodbye"]
    model = Word2Vec(**{**SMALL, "min_count": 15})
    model.build_vocab(SENTENCES, trim_rule=rule)
    assert model.wv.index_to_key == ["say", "you"]


def test_history_tells_of_each_epoch(model):
    assert [set(entry) for entry in model.history] == [
        {"epoch", "loss", "predictions", "alpha", "seconds", "words_per_second"}
    ] * 2
    assert [entry["epoch"] for entry in model.history] == [1, 2]
    assert all(
        entry["loss"] > 0 and entry["predictions"] > 0 and entry["seconds"] > 0 for entry in model.history
    )
    assert [entry["alpha"] for entry in model.history] == pytest.approx([(0.025 + 0.0001) / 2, 0.0001])
    json.dumps(model.history)


# ---- which corpus is trained on ----


def test_a_generator_is_encoded_once_and_every_epoch_sees_it(model):
    one_shot = Word2Vec((list(sentence) for sentence in SENTENCES), **SMALL)
    assert np.array_equal(one_shot.wv.vectors, model.wv.vectors)
    assert one_shot.corpus_count == 40


def test_a_generator_given_to_build_vocab_can_be_given_to_train(model):
    sentences = iter(SENTENCES)
    one_shot = Word2Vec(**SMALL)
    one_shot.build_vocab(sentences)
    one_shot.train(sentences)
    assert np.array_equal(one_shot.wv.vectors, model.wv.vectors)


def test_train_without_a_corpus_takes_that_of_the_vocabulary(model):
    other = Word2Vec(**SMALL)
    other.build_vocab(SENTENCES)
    other.train()
    assert np.array_equal(other.wv.vectors, model.wv.vectors)


def test_a_list_that_was_changed_is_read_again():
    sentences = [list(sentence) for sentence in SENTENCES]
    model = Word2Vec(sentences, **SMALL)
    sentences.append(["say", "hello", "unheard-of"])
    assert model.train(sentences, epochs=1) == (82, 83)


def test_a_file_that_was_changed_is_read_again_and_an_unchanged_one_is_not(tmp_path, monkeypatch):
    path = tmp_path / "text.txt"
    path.write_text("a b c\n" * 10)
    model = Word2Vec(corpus_file=path, **SMALL)
    with monkeypatch.context() as patch:
        patch.setattr("fastw2v.model_parts.encode", None)  # would fail
        assert model.train(corpus_file=path, epochs=1) == (30, 30)
    path.write_text("a b c\n" * 11)
    assert model.train(corpus_file=path, epochs=1) == (33, 33)


def test_another_corpus_is_trained_on_with_the_words_that_are_known(model):
    before = model.wv.vectors.copy()
    assert model.train([["hello", "never", "say"], ["never", "seen"]], epochs=5) == (10, 25)
    changed = ~np.isclose(model.wv.vectors, before, atol=0).all(axis=1)
    assert [model.wv.index_to_key[row] for row in np.flatnonzero(changed)] == ["hello", "say"]
    assert [entry["epoch"] for entry in model.history] == [1, 2, 3, 4, 5, 6, 7]
    assert model.corpus_count == 40


def test_epochs_go_on_where_they_stopped(model):
    """Two epochs and two more draw other random numbers than twice the same two."""
    alphas = {"start_alpha": 0.025, "end_alpha": 0.025}
    in_one_go, in_two = Word2Vec(**SMALL), Word2Vec(**SMALL)
    for each in (in_one_go, in_two):
        each.build_vocab(SENTENCES)
    in_one_go.train(epochs=4, **alphas)
    in_two.train(epochs=2, **alphas)
    in_two.train(epochs=2, **alphas)
    assert np.array_equal(in_one_go.wv.vectors, in_two.wv.vectors)


def test_building_a_vocabulary_again_starts_anew(model):
    model.build_vocab([["new", "words"]] * 3)
    assert model.wv.index_to_key == ["new", "words"]
    assert model.history == []
    model.train()
    assert [entry["epoch"] for entry in model.history] == [1, 2]
