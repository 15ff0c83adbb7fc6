"""Adding, replacing and sorting words, their attributes; norms are never stale; models that share the matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import SENTENCES, SMALL

from fastw2v import KeyedVectors, SparseVectors, Word2Vec

WORDS = ["a", "b", "c"]


@pytest.fixture
def wv() -> KeyedVectors:
    """Three words in padded rows, which are a view of a matrix that is not theirs."""
    matrix = np.zeros((5, 8), np.float32)
    matrix[:, :4] = np.arange(20).reshape(5, 4) + 1
    return KeyedVectors.from_arrays(WORDS, matrix[:3, :4], np.array([3, 2, 1]))


def test_added_words_are_found_and_the_matrix_they_were_a_view_of_is_left_alone(wv: KeyedVectors) -> None:
    matrix = wv.vectors.base
    before = matrix.copy()
    wv.most_similar("a")
    wv.add_vectors(["d", "e"], [[9, 9, 9, 0], [0, 0, 0, 7]])
    assert wv.index_to_key == [*WORDS, "d", "e"]
    assert wv["e"].tolist() == [0, 0, 0, 7]
    assert wv.get_vecattr("e", "count") == 0
    assert wv.most_similar("d", topn=1)[0][0] == "c"
    np.testing.assert_allclose(wv.norms, np.linalg.norm(wv.vectors, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(matrix, before)


def test_replaced_vectors_are_in_place_and_norms_follow(wv: KeyedVectors) -> None:
    shared, before = wv.vectors, wv.most_similar("a")
    wv["b"] = [1, -1, 1, -1]
    wv[["a", "c"]] = np.eye(4)[:2]
    assert wv.vectors is shared
    assert wv.most_similar("a") != before
    assert np.linalg.norm(wv.get_vector("b", norm=True)) == pytest.approx(1)
    np.testing.assert_allclose(np.linalg.norm(wv.get_normed_vectors(), axis=1), 1, rtol=1e-6)


def test_row_numbers_stand_for_their_words_when_vectors_are_set(wv: KeyedVectors) -> None:
    wv[1] = np.zeros(4)
    assert len(wv) == 3
    assert not wv["b"].any()
    wv[17] = np.ones(4)  # no row: a word that is a number
    assert wv.index_to_key[-1] == 17
    assert wv[17].tolist() == [1] * 4


def test_words_that_are_there_or_come_twice_keep_their_first_vector_unless_replaced(wv: KeyedVectors) -> None:
    old = wv["a"].copy()
    wv.add_vectors(["a", "d", "d"], np.array([[1.0] * 4, [2.0] * 4, [3.0] * 4]))
    np.testing.assert_array_equal(wv["a"], old)
    assert wv["d"].tolist() == [2] * 4
    assert wv.add_vector("a", np.ones(4)) == 0
    np.testing.assert_array_equal(wv["a"], old)
    wv.add_vectors(["a", "e", "e"], np.array([[1.0] * 4, [2.0] * 4, [3.0] * 4]), replace=True)
    assert wv["a"].tolist() == [1] * 4
    assert wv["e"].tolist() == [3] * 4
    assert len(set(wv.index_to_key)) == len(wv) == len(wv.vectors) == 5


def test_extras_are_attributes_of_the_added_words(wv: KeyedVectors) -> None:
    extras = {"count": np.array([40, 10]), "colour": np.array(["red", "blue"], dtype=object)}
    wv.add_vectors(["d", "a"], np.ones((2, 4)), extras=extras)
    assert [int(wv.get_vecattr(word, "count")) for word in "abcd"] == [3, 2, 1, 40]
    assert wv.get_vecattr("d", "colour") == "red"
    wv.add_vectors(["d", "a"], np.ones((2, 4)), extras=extras, replace=True)
    assert [wv.get_vecattr(word, "colour") for word in "abcd"] == ["blue", 0, 0, "red"]


@pytest.mark.parametrize(
    ("keys", "weights", "extras", "error", "message"),
    [
        (["d"], np.ones((1, 3)), None, ValueError, r"\(1, 4\), not \(1, 3\)"),
        (["d", "e"], np.ones((1, 4)), None, ValueError, r"\(2, 4\)"),
        (["d", "e"], [[1, 2, 3, 4], [1]], None, ValueError, r"\(2, 4\)"),
        ("d", np.ones(3), None, ValueError, r"\(1, 4\)"),
        (["d", None], np.ones((2, 4)), None, TypeError, "NoneType"),
        ([("d", "e")], np.ones((1, 4)), None, TypeError, "tuple"),
        (["d"], [["x"] * 4], None, TypeError, "numbers"),
        (["d"], np.ones((1, 4)), {"count": np.ones(2, int)}, ValueError, "1 values"),
        (["d"], np.ones((1, 4)), {"count": np.array([0.5])}, TypeError, "count.*existing type"),
    ],
)
def test_what_cannot_be_added_changes_nothing(
    wv: KeyedVectors, keys: Any, weights: Any, extras: Any, error: type[Exception], message: str
) -> None:
    before = wv.vectors.copy()
    with pytest.raises(error, match=message):
        wv.add_vectors(keys, weights, extras=extras)
    assert wv.index_to_key == WORDS
    assert list(wv.key_to_index) == WORDS
    np.testing.assert_array_equal(wv.vectors, before)
    assert list(wv.expandos) == ["count"]


def test_adding_nothing_is_possible(wv: KeyedVectors) -> None:
    wv.add_vectors([], [])
    assert len(wv) == 3


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("arsn"), st.integers(1, 9)), max_size=40)
)
@settings(max_examples=60)
def test_any_sequence_of_changes_is_that_of_a_dictionary(steps: list[tuple[str, str, int]]) -> None:
    wv, twin = KeyedVectors(2), {}
    for word, kind, number in steps:
        vector = [number, -number + 3]
        if kind == "a":
            assert wv.index_to_key[wv.add_vector(word, vector)] == word
            twin.setdefault(word, vector)
        elif kind == "r":
            wv[word] = vector
            twin[word] = vector
        elif kind == "s" and word in wv:
            wv.set_vecattr(word, "count", number)
            wv.sort_by_descending_frequency()
        elif kind == "n":
            wv.fill_norms()
        assert set(wv.index_to_key) == set(twin)
        assert [wv.key_to_index[key] for key in wv.index_to_key] == list(range(len(wv)))
        for key, expected in twin.items():
            assert wv[key].tolist() == expected
            np.testing.assert_allclose(
                wv.get_vector(key, norm=True) * np.linalg.norm(expected), expected, atol=1e-5
            )


def test_many_words_can_be_added_one_by_one_without_copying_the_matrix_each_time() -> None:
    wv, copies = KeyedVectors(4), 0
    for number in range(2000):
        matrix = wv.vectors
        assert wv.add_vector(f"word{number}", [number] * 4) == number
        copies += not np.may_share_memory(matrix, wv.vectors)
    assert copies < 100
    np.testing.assert_array_equal(wv.vectors[:, 0], np.arange(2000))


def test_free_rows_are_filled_first() -> None:
    wv = KeyedVectors(2, count=2)
    assert [wv.add_vector(word, [1, 2]) for word in "abc"] == [0, 1, 2]
    assert wv.index_to_key == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        KeyedVectors(2, count=2).add_vector("a", [1, 2, 3])


def test_vectors_that_cannot_be_written_to_are_copied_first(wv: KeyedVectors) -> None:
    for change in (lambda kv: kv.__setitem__("a", np.zeros(4)), lambda kv: kv.unit_normalize_all()):
        matrix = np.arange(12, dtype=np.float32).reshape(3, 4) + 1
        matrix.flags.writeable = False
        frozen = KeyedVectors.from_arrays(WORDS, matrix)
        change(frozen)
        assert matrix[0].tolist() == [1, 2, 3, 4]
        assert frozen["a"].tolist() != [1, 2, 3, 4]


def test_attributes_have_one_value_for_each_word_and_one_type(wv: KeyedVectors) -> None:
    wv.set_vecattr("b", "weight", 0.5)
    wv.set_vecattr("c", "weight", 2)
    wv.set_vecattr("b", "label", "x")
    assert wv.expandos["weight"].tolist() == [0, 0.5, 2]
    assert wv.expandos["label"].tolist() == [0, "x", 0]
    with pytest.raises(TypeError, match="count.*int64"):
        wv.set_vecattr("a", "count", 0.5)
    with pytest.raises(KeyError, match="missing"):
        wv.set_vecattr("missing", "new", 1)
    assert "new" not in wv.expandos
    wv.allocate_vecattrs(["small"], [np.uint8])
    assert wv.expandos["small"].dtype == np.uint8


def test_counts_that_are_somebody_else_s_are_not_written_to() -> None:
    counts = np.array([3, 2, 1])
    wv = KeyedVectors.from_arrays(WORDS, np.ones((3, 2), np.float32), counts)
    wv.set_vecattr("a", "count", 99)
    assert counts.tolist() == [3, 2, 1]
    assert wv.expandos["count"].tolist() == [99, 2, 1]


def test_sorting_is_stable_and_what_is_sorted_stays(wv: KeyedVectors) -> None:
    matrix = wv.vectors
    wv.sort_by_descending_frequency()
    assert wv.vectors is matrix
    wv.set_vecattr("c", "count", 2)
    wv.set_vecattr("a", "count", 1)
    vectors = {word: wv[word].tolist() for word in WORDS}
    wv.fill_norms()
    wv.sort_by_descending_frequency()
    assert wv.index_to_key == ["b", "c", "a"]
    assert {word: wv[word].tolist() for word in WORDS} == vectors
    assert np.linalg.norm(wv.get_vector("a", norm=True)) == pytest.approx(1)
    with pytest.raises(KeyError, match="count"):
        KeyedVectors.from_arrays(["x"], np.ones((1, 2))).sort_by_descending_frequency()
    KeyedVectors(3).sort_by_descending_frequency()


def test_resizing_makes_random_rows_and_drops_surplus_ones(wv: KeyedVectors) -> None:
    wv.index_to_key.append("d")
    wv.key_to_index["d"] = 3
    wv.resize_vectors(seed=3)
    assert wv.vectors.shape == (4, 4)
    assert 0 < np.abs(wv["d"]).max() <= 1 / 4
    assert wv.get_vecattr("d", "count") == 0
    del wv.index_to_key[2:], wv.key_to_index["c"], wv.key_to_index["d"]
    wv.resize_vectors()
    assert wv.vectors.shape == (2, 4)
    assert len(wv.expandos["count"]) == 2
    assert wv.most_similar("a", topn=5)[0][0] == "b"


def test_normalizing_all_keeps_zero_vectors(wv: KeyedVectors) -> None:
    wv["b"] = np.zeros(4)
    wv.unit_normalize_all()
    np.testing.assert_allclose(np.linalg.norm(wv.vectors, axis=1), [1, 0, 1], rtol=1e-6)
    np.testing.assert_allclose(wv.norms, [1, 0, 1], rtol=1e-6)


def test_vectors_for_all_are_a_copy_with_attributes_if_asked_for(wv: KeyedVectors) -> None:
    chosen = wv.vectors_for_all(["c", "missing", "a", "c"], copy_vecattrs=True)
    assert chosen.index_to_key == ["c", "a"]
    assert chosen.expandos["count"].tolist() == [1, 3]
    chosen["a"] = np.zeros(4)
    assert wv["a"].any()
    assert not wv.vectors_for_all(["c"]).expandos
    assert len(wv.vectors_for_all([])) == 0
    assert wv.vectors_for_all([0, "a"], allow_inference=False).index_to_key == ["a"]


def test_vectors_of_known_words_are_taken_over_from_a_file(wv: KeyedVectors, tmp_path: Path) -> None:
    other = KeyedVectors.from_arrays(["c", "x", "a"], np.eye(4, dtype=np.float32)[:3])
    for binary in (False, True):
        other.save_word2vec_format(tmp_path / "other", binary=binary)
        wv["a"] = np.ones(4)
        wv.fill_norms()
        wv.intersect_word2vec_format(tmp_path / "other", binary=binary)
        assert wv[["a", "b", "c"]].tolist() == [[0, 0, 1, 0], [5, 6, 7, 8], [1, 0, 0, 0]]
        assert wv.similarity("a", "c") == 0
        assert wv.most_similar("a", topn=None)[2] == 0  # type: ignore[index]
    assert wv.vectors_lockf.tolist() == [0, 1, 0]
    wv.add_vector("d", np.ones(4))
    assert wv.vectors_lockf.tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"incompatible vector size 4 .* not 7"):
        KeyedVectors(7).intersect_word2vec_format(tmp_path / "other", binary=True)


# ---- a model whose vectors are changed ----


@pytest.fixture
def model() -> Word2Vec:
    return Word2Vec(SENTENCES, **SMALL)


def test_a_model_goes_on_from_vectors_that_were_replaced(model: Word2Vec) -> None:
    model.wv["say"] = np.full(8, 100.0)
    model.wv.set_vecattr("say", "count", 1)
    model.train(epochs=1)
    assert model.wv["say"].mean() > 50
    assert np.shares_memory(model.wv.vectors, model.get_vectors("in"))
    np.testing.assert_allclose(model.wv.norms, np.linalg.norm(model.wv.vectors, axis=1), rtol=1e-6)


@pytest.mark.parametrize("change", ["add", "sort", "replace the matrix"])
def test_a_model_whose_words_were_changed_answers_queries_but_is_not_trained_or_saved(
    model: Word2Vec, change: str, tmp_path: Path
) -> None:
    wv = model.wv
    if change == "add":
        wv.add_vectors(["new"], np.ones((1, 8)))
    elif change == "sort":
        wv.set_vecattr(wv.index_to_key[-1], "count", 10**6)
        wv.sort_by_descending_frequency()
    else:
        wv.vectors = wv.vectors.copy()
    assert len(wv.most_similar("say", topn=3)) == 3
    for forbidden in (
        lambda: model.train(epochs=1),
        lambda: model.save(tmp_path / "model"),
        lambda: model.build_vocab(SENTENCES, update=True),
    ):
        with pytest.raises(RuntimeError, match=r"model\.wv"):
            forbidden()
    assert not (tmp_path / "model").exists()
    wv.save(tmp_path / "vectors")
    assert KeyedVectors.load(tmp_path / "vectors").index_to_key == wv.index_to_key


def test_locked_vectors_stay_and_all_others_learn(model: Word2Vec, tmp_path: Path) -> None:
    KeyedVectors.from_arrays(["say", "x"], np.ones((2, 8), np.float32)).save_word2vec_format(
        tmp_path / "other.txt"
    )
    model.wv.intersect_word2vec_format(tmp_path / "other.txt")  # lockf=0, as in gensim
    before = model.wv.vectors.copy()
    model.train(epochs=1)
    moved = (model.wv.vectors != before).any(axis=1)
    assert [word for word in model.wv.index_to_key if not moved[model.wv.get_index(word)]] == ["say"]
    model.build_vocab([["new"] * 100, ["say"]], update=True)
    model.train(SENTENCES, epochs=1)
    assert model.wv["say"].tolist() == [1] * 8
    model.train(SENTENCES, epochs=1, frozen=[])
    assert model.wv["say"].tolist() != [1] * 8


def test_vectors_are_locked_and_unlocked_as_gensim_s_users_do_it(model: Word2Vec, tmp_path: Path) -> None:
    KeyedVectors.from_arrays(["say"], np.ones((1, 8), np.float32)).save_word2vec_format(
        tmp_path / "other.txt"
    )
    model.wv.vectors_lockf = np.ones(1, np.float32)  # one factor for all
    model.wv.intersect_word2vec_format(tmp_path / "other.txt", lockf=1.0)
    model.train(epochs=1)
    assert model.wv["say"].tolist() != [1] * 8
    model.wv.vectors_lockf = np.zeros(1, np.float32)
    before = model.wv.vectors.copy()
    model.train(epochs=1)
    np.testing.assert_array_equal(model.wv.vectors, before)
    model.wv.vectors_lockf = np.full(len(model.wv), 0.5, np.float32)
    with pytest.raises(ValueError, match=r"vectors_lockf must be 1 .* or 0"):
        model.train(epochs=1)


# ---- sparse vectors ----


def test_sparse_vectors_refuse_what_would_change_their_words() -> None:
    sparse = SparseVectors.from_csr(
        ["a", "b"], sp.csr_array(np.array([[3, 4], [0, 0]], np.float32)), np.array([2, 1])
    )
    for refused in (
        lambda: sparse.add_vector("c", [1, 2]),
        lambda: sparse.add_vectors(["c"], [[1, 2]]),
        lambda: sparse.__setitem__("a", [1, 2]),
        lambda: sparse.resize_vectors(),
        lambda: sparse.sort_by_descending_frequency(),
        lambda: sparse.vectors_for_all(["a"]),
        lambda: sparse.intersect_word2vec_format("file"),
    ):
        with pytest.raises(TypeError, match="sparse vectors cannot be changed"):
            refused()
    sparse.set_vecattr("a", "weight", 1.5)
    sparse.unit_normalize_all()
    np.testing.assert_allclose(sparse["a"], [0.6, 0.8], rtol=1e-6)
    assert not sparse["b"].any()
