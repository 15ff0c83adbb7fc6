"""Similarities: slow twins, zero vectors, unknown words, sparse vectors. test_gensim_dropin.py compares with gensim."""

from __future__ import annotations

import sys
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import KeyedVectors, MissingExtraError, SparseVectors

WORDS = [f"word{row}" for row in range(30)]


@pytest.fixture
def wv() -> KeyedVectors:
    """Thirty words in padded rows; word4 has a zero vector."""
    padded = np.random.default_rng(0).normal(size=(30, 16)).astype(np.float32)
    padded[4] = 0
    return KeyedVectors.from_arrays(WORDS, padded[:, :10], np.arange(30, 0, -1))


@pytest.fixture
def sparse() -> SparseVectors:
    dense = np.random.default_rng(1).random((8, 8)).astype(np.float32) * np.random.default_rng(2).integers(
        0, 2, (8, 8)
    )
    dense[3] = 0
    return SparseVectors.from_csr(WORDS[:8], sp.csr_array(dense.astype(np.float32)))


def cosine(left: Any, right: Any) -> float:
    left, right = np.float64(left), np.float64(right)
    lengths = np.linalg.norm(left) * np.linalg.norm(right)
    return float(left @ right / lengths) if lengths else 0.0


def test_distances_are_one_minus_cosines_and_zero_vectors_are_at_distance_one(wv: KeyedVectors) -> None:
    expected = [1 - cosine(wv["word2"], row) for row in wv.vectors]
    np.testing.assert_allclose(wv.distances("word2"), expected, atol=1e-6)
    np.testing.assert_allclose(wv.distances(wv["word2"] * 7, ["word9", 4]), [expected[9], 1], atol=1e-6)
    assert wv.distances("word4").tolist() == [1] * 30
    assert wv.distances(np.zeros(10, np.float32)).tolist() == [1] * 30
    assert wv.distance("word2", "word9") == pytest.approx(expected[9], abs=1e-6)
    with pytest.raises(ValueError, match=r"shape \(10,\), not \(3,\)"):
        wv.distances(np.ones(3))


def test_cosines_with_zero_vectors_are_zero(wv: KeyedVectors) -> None:
    cosines = KeyedVectors.cosine_similarities(wv.vectors[1], wv.vectors[:6])
    np.testing.assert_allclose(cosines, [cosine(wv.vectors[1], row) for row in wv.vectors[:6]], atol=1e-6)
    assert cosines[4] == 0
    assert not KeyedVectors.cosine_similarities(np.zeros(3), np.ones((2, 3))).any()


@given(
    st.lists(st.integers(0, 29), min_size=1, max_size=8),
    st.lists(
        st.floats(-3, 3, allow_subnormal=False), min_size=8, max_size=8
    ),  # of those little is left but rounding
    st.booleans(),
    st.booleans(),
)
def test_the_mean_is_that_of_a_slow_twin(
    rows: list[int], weights: list[float], before: bool, after: bool
) -> None:
    padded = np.random.default_rng(0).normal(size=(30, 16)).astype(np.float32)
    wv = KeyedVectors.from_arrays(WORDS, padded[:, :10])
    weights = weights[: len(rows)]
    vectors = [np.float64(wv[row]) / (np.linalg.norm(wv[row]) if before else 1) for row in rows]
    mean = sum(weight * vector for weight, vector in zip(weights, vectors, strict=True))
    total = sum(map(abs, weights))
    mean = mean / total if total > 0 else mean
    if after and np.linalg.norm(mean) > 1e-3:
        mean /= np.linalg.norm(mean)
    found = wv.get_mean_vector(
        [WORDS[row] for row in rows], weights, before, after and np.linalg.norm(mean) > 1e-3
    )
    np.testing.assert_allclose(found, mean, atol=2e-3 if after else 1e-5)
    assert found.dtype == np.float32


def test_means_take_vectors_and_sets_and_leave_unknown_words_out(wv: KeyedVectors) -> None:
    np.testing.assert_array_equal(wv.get_mean_vector([np.ones(10)]), np.ones(10))
    np.testing.assert_allclose(wv.get_mean_vector({"word1"}, pre_normalize=False), wv["word1"])
    np.testing.assert_allclose(
        wv.get_mean_vector(iter(["word1", "missing"]), pre_normalize=False), wv["word1"]
    )
    assert not wv.get_mean_vector(["missing"], post_normalize=True).any()
    with pytest.raises(ValueError, match=r"same number of elements, not 1 and 2"):
        wv.get_mean_vector(["word1"], weights=(1, 2))
    with pytest.raises(ValueError, match=r"shape \(10,\)"):
        wv.get_mean_vector([np.ones(3)])
    with pytest.raises(KeyError, match="'missing' not present"):
        wv.get_mean_vector(["missing"], ignore_missing=False)


@pytest.mark.parametrize("method", ["get_mean_vector", "doesnt_match", "rank_by_centrality"])
def test_a_string_in_place_of_a_list_of_words_is_refused(wv: KeyedVectors, method: str) -> None:
    with pytest.raises(TypeError, match=r"not a string.*'word1 word2'.split\(\)"):
        getattr(wv, method)("word1 word2")


def test_a_string_in_place_of_a_document_is_refused(wv: KeyedVectors) -> None:
    for method in (wv.n_similarity, wv.wmdistance, wv.distances):
        with pytest.raises(TypeError, match="not a string"):
            method(["word1"] if method != wv.distances else "word1", "word2")


def test_n_similarity_is_the_cosine_of_the_means(wv: KeyedVectors) -> None:
    left, right = wv.vectors[[1, 2]].mean(axis=0), wv.vectors[[5, 6, 7]].mean(axis=0)
    found = wv.n_similarity(["word1", "word2"], ["word5", "word6", "word7", "missing"])
    assert found == pytest.approx(cosine(left, right), abs=1e-6)
    assert wv.n_similarity(["word4"], ["word1"]) == 0
    with pytest.raises(ZeroDivisionError):
        wv.n_similarity([], ["word1"])


def test_ranks_count_the_words_that_are_nearer(wv: KeyedVectors) -> None:
    order = np.argsort(-np.array([cosine(wv["word1"], row) for row in wv.vectors]), kind="stable").tolist()
    order.remove(1)
    for place in (0, 5, 20):
        assert wv.rank("word1", WORDS[order[place]]) == place + 1
        assert wv.closer_than("word1", WORDS[order[place]]) == [WORDS[row] for row in sorted(order[:place])]
    assert wv.rank("word1", "word1") == 1


def test_the_word_that_does_not_match_is_farthest_from_the_mean(wv: KeyedVectors, caplog: Any) -> None:
    wv.vectors[10:14] = np.eye(10, dtype=np.float32)[0] + wv.vectors[10:14] * 0.01
    words = ["word10", "missing", "word11", "word12", "word20", "word13"]
    assert wv.doesnt_match(words) == "word20"
    assert "missing" in caplog.text
    ranked = wv.rank_by_centrality(words)
    assert sorted(ranked, reverse=True) == ranked
    assert len(ranked) == 5
    with pytest.raises(ValueError, match="empty list"):
        wv.doesnt_match(["missing"])


def test_the_nearest_of_some_words(wv: KeyedVectors) -> None:
    nearest = max(WORDS[5:9], key=lambda word: cosine(wv["word1"], wv[word]))
    assert wv.most_similar_to_given("word1", WORDS[5:9]) == nearest
    with pytest.raises(ValueError, match="empty list"):
        wv.most_similar_to_given("word1", [])


def test_relative_similarity_is_a_share_of_the_nearest(wv: KeyedVectors) -> None:
    total = sum(score for _, score in wv.most_similar("word1", topn=3))
    assert wv.relative_cosine_similarity("word1", "word2", 3) == pytest.approx(
        wv.similarity("word1", "word2") / total
    )
    with pytest.raises(ValueError, match="without any similar words"):
        KeyedVectors.from_arrays(["one"], np.ones((1, 2))).relative_cosine_similarity("one", "one")


def test_the_word_movers_distance_is_the_cheapest_assignment(wv: KeyedVectors) -> None:
    pytest.importorskip("ot")
    left, right = ["word1", "word2", "word3"], ["word7", "word8", "word9"]

    def unit(word: str) -> np.ndarray:
        return np.float64(wv[word]) / np.linalg.norm(wv[word])

    cheapest = min(
        sum(float(np.linalg.norm(unit(a) - unit(b))) for a, b in zip(left, order, strict=True)) / 3
        for order in permutations(right)
    )
    assert wv.wmdistance(left, right) == pytest.approx(cheapest, abs=1e-5)
    assert wv.wmdistance([*left, "missing"], right * 2) == pytest.approx(cheapest, abs=1e-5)
    assert wv.wmdistance(left, left) == pytest.approx(0, abs=1e-6)
    assert wv.wmdistance(left, ["missing"]) == float("inf")
    assert isinstance(wv.wmdistance(["word1"], ["word2"], norm=False), float)
    wv.vectors[6] = wv.vectors[5]
    assert wv.wmdistance(["word5"], ["word6"], norm=False) == 0


def test_without_pot_the_extra_is_named(wv: KeyedVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingExtraError, match=r"fastw2v\[wmd\]"):
        wv.wmdistance(["word1"], ["word2"])


def test_similarities_of_sparse_vectors_are_those_of_the_same_dense_ones(sparse: SparseVectors) -> None:
    dense = KeyedVectors.from_arrays(WORDS[:8], sparse.vectors.toarray())
    for wv_method, arguments in [
        ("distances", ("word1",)),
        ("distances", ("word1", ["word2", 3])),
        ("n_similarity", (["word1", "word2"], ["word5"])),
        ("get_mean_vector", (["word1", 5],)),
        ("similarity", ("word1", "word3")),
        ("relative_cosine_similarity", ("word1", "word2", 3)),
    ]:
        ours, theirs = (getattr(vectors, wv_method)(*arguments) for vectors in (sparse, dense))
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert sparse.closer_than("word1", "word2") == dense.closer_than("word1", "word2")
    assert sparse.doesnt_match(WORDS[:4]) == dense.doesnt_match(WORDS[:4])
    np.testing.assert_allclose(sparse.get_normed_vectors().toarray(), dense.get_normed_vectors(), atol=1e-6)
