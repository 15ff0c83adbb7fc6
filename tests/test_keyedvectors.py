"""Lookups and queries: against slow twins, and against gensim where it is installed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v import KeyedVectors, nearest

WORDS = [f"word{row}" for row in range(60)]


@pytest.fixture
def wv() -> KeyedVectors:
    """Sixty words in rows that are padded, as a model's are."""
    padded = np.random.default_rng(0).normal(size=(60, 16)).astype(np.float32)
    return KeyedVectors.from_arrays(WORDS, padded[:, :10], np.arange(60, 0, -1))


@pytest.fixture
def gensim_wv(wv: KeyedVectors) -> Any:
    """The same vectors in gensim."""
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(wv.vector_size)
    theirs.add_vectors(WORDS, np.ascontiguousarray(wv.vectors))
    return theirs


def slow_most_similar(wv: KeyedVectors, target: np.ndarray, given_rows: set[int], topn: int) -> list[str]:
    """Sort all words by cosine, row by row in double precision."""
    target = target / np.linalg.norm(target)
    cosines = [float(np.float64(row) @ target / np.linalg.norm(np.float64(row))) for row in wv.vectors]
    order = sorted(range(len(wv)), key=lambda row: (-cosines[row], row))
    return [wv.index_to_key[row] for row in order if row not in given_rows][:topn]


def test_the_matrix_is_shared_and_words_rows_and_sizes_belong_together(wv: KeyedVectors) -> None:
    matrix = np.zeros((2, 8), np.float32)[:, :3]
    small = KeyedVectors.from_arrays(["a", "b"], matrix)
    assert np.shares_memory(small.vectors, matrix)
    matrix[1] = 7
    assert small["b"].tolist() == [7, 7, 7]
    assert (len(wv), wv.vector_size, repr(wv)) == (60, 10, "KeyedVectors<vector_size=10, 60 keys>")
    assert [wv.key_to_index[word] for word in wv.index_to_key] == list(range(60))
    assert list(wv) == WORDS


def test_lookups_take_words_and_row_numbers(wv: KeyedVectors) -> None:
    np.testing.assert_array_equal(wv["word3"], wv.vectors[3])
    np.testing.assert_array_equal(wv[np.int64(3)], wv.vectors[3])
    np.testing.assert_array_equal(wv[["word3", 5]], wv.vectors[[3, 5]])
    assert wv[[]].shape == (0, 10)
    assert wv.get_index("word3") == wv.get_index(3) == 3
    assert wv.get_index("missing", -1) == -1
    assert wv.get_index("missing", 0) == 0
    assert "word3" in wv
    assert 59 in wv
    assert "missing" not in wv
    assert 60 not in wv
    assert -1 not in wv
    assert wv.get_vecattr("word3", "count") == 57


@pytest.mark.parametrize("key", ["missing", 60, -1])
def test_unknown_words_are_key_errors_that_name_them(wv: KeyedVectors, key: Any) -> None:
    for lookup in (
        wv.get_vector,
        wv.get_index,
        wv.__getitem__,
        wv.most_similar,
        lambda k: wv.similarity(0, k),
    ):
        with pytest.raises(KeyError, match=f"'{key}' not present"):
            lookup(key)
    with pytest.raises(KeyError, match="colour.*count"):
        wv.get_vecattr("word3", "colour")


def test_vectors_that_are_handed_out_cannot_be_changed(wv: KeyedVectors) -> None:
    for vector in (wv["word3"], wv.get_vector("word3", norm=True)):
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 1
    assert wv.vectors.flags.writeable
    assert wv[["word3"]].flags.writeable


def test_unit_vectors_have_length_one_and_zero_vectors_stay_zero(wv: KeyedVectors) -> None:
    wv.vectors[4] = 0
    assert np.linalg.norm(wv.get_vector("word3", norm=True)) == pytest.approx(1, abs=1e-6)
    assert not wv.get_vector("word4", norm=True).any()
    assert wv.similarity("word4", "word3") == 0
    assert wv.most_similar("word4", topn=None).tolist() == [0] * 60  # type: ignore[union-attr]
    assert ("word4", 0.0) in wv.most_similar("word3", topn=60)


def test_norms_follow_the_vectors_when_asked_to(wv: KeyedVectors) -> None:
    wv.fill_norms()
    wv.vectors[0] *= 2
    before = wv.norms
    wv.fill_norms()
    assert wv.norms is before
    wv.fill_norms(force=True)
    np.testing.assert_allclose(wv.norms, np.linalg.norm(wv.vectors, axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_similarity_is_the_cosine_for_every_type_of_float(wv: KeyedVectors, dtype: Any) -> None:
    typed = KeyedVectors.from_arrays(WORDS, wv.vectors.astype(dtype))
    left, right = wv.vectors[1].astype(np.float64), wv.vectors[2].astype(np.float64)
    cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
    assert typed.similarity("word1", "word2") == pytest.approx(
        cosine, abs=3e-3 if dtype == np.float16 else 1e-6
    )
    assert typed.most_similar("word1", topn=3)[0][0] == slow_most_similar(typed, left, {1}, 1)[0]


@pytest.mark.parametrize("topn", [1, 7, 58, 200])
def test_most_similar_finds_what_sorting_all_cosines_finds(wv: KeyedVectors, topn: int) -> None:
    def unit(row: int) -> np.ndarray:
        return np.float64(wv.vectors[row]) / np.linalg.norm(np.float64(wv.vectors[row]))

    found = wv.most_similar(positive=["word1", "word2"], negative=["word3"], topn=topn)
    expected = slow_most_similar(wv, unit(1) + unit(2) - unit(3), {1, 2, 3}, topn)
    assert [word for word, _ in found] == expected
    assert all(isinstance(cosine, float) for _, cosine in found)


def test_keys_may_be_words_rows_vectors_and_weighted(wv: KeyedVectors) -> None:
    def unit(row: int) -> np.ndarray:
        return wv.get_vector(row, norm=True)

    assert wv.most_similar("word1") == wv.most_similar(["word1"]) == wv.most_similar(positive=1)
    assert wv.most_similar(wv["word1"])[0][0] == "word1"  # a vector is no word to leave out
    assert wv.most_similar(wv.vectors[1:2])[0][0] == "word1"
    weighted = wv.most_similar([("word1", 2.0), 2], negative=[("word3", -0.5)])
    expected = slow_most_similar(wv, 2.0 * unit(1) + unit(2) - 0.5 * unit(3), {1, 2, 3}, 10)
    assert [word for word, _ in weighted] == expected


def test_searches_can_be_restricted(wv: KeyedVectors) -> None:
    everything = [word for word, _ in wv.most_similar("word1", topn=60)]
    early = [word for word, _ in wv.most_similar("word1", topn=60, restrict_vocab=20)]
    assert early == [word for word in everything if int(word[4:]) < 20]
    middle = [word for word, _ in wv.most_similar("word1", topn=60, clip_start=10, clip_end=30)]
    assert middle == [word for word in everything if 10 <= int(word[4:]) < 30]
    assert wv.most_similar("word1", topn=None, restrict_vocab=20).shape == (20,)  # type: ignore[union-attr]
    assert wv.most_similar("word1", topn=0) == []


def test_an_index_is_asked_in_place_of_the_matrix(wv: KeyedVectors) -> None:
    class Index:
        def most_similar(self, vector: np.ndarray, topn: int) -> list[tuple[str, float]]:
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
            return [("found", float(topn))]

    assert wv.most_similar("word1", topn=3, indexer=Index()) == [("found", 3.0)]


def test_queries_without_a_key_or_with_a_wrong_vector_are_refused(wv: KeyedVectors) -> None:
    with pytest.raises(ValueError, match="no input"):
        wv.most_similar([])
    with pytest.raises(ValueError, match=r"shape \(10,\), not \(3,\)"):
        wv.most_similar(np.ones(3))


def test_equal_cosines_come_in_the_order_of_rows(wv: KeyedVectors) -> None:
    wv.vectors[10:50] = wv.vectors[7]
    found = [word for word, _ in wv.most_similar(positive="word7", topn=25)]
    assert found == WORDS[10:35]


@given(
    st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf, np.nan]), max_size=30), st.integers(1, 35)
)
@settings(deadline=None)
def test_largest_is_a_stable_sort_cut_short(values: list[float], n_wanted: int) -> None:
    keys = [-np.inf if np.isnan(value) else value for value in values]
    expected = sorted(range(len(values)), key=lambda place: (-keys[place], place))[:n_wanted]
    assert nearest.largest(np.array(values, np.float32), n_wanted).tolist() == expected


def test_results_equal_gensim_s(wv: KeyedVectors, gensim_wv: Any) -> None:
    queries: list[dict[str, Any]] = [
        {"positive": "word5"},
        {"positive": ["word5", 7], "negative": ["word9"], "topn": 20},
        {"positive": [("word5", 0.3), ("word6", -2.0)], "negative": [("word9", 1.5)]},
        {"positive": wv["word5"] * 3, "negative": "word6"},
        {"positive": "word5", "restrict_vocab": 20},
        {"positive": "word5", "clip_start": 20, "clip_end": 40, "topn": 100},
        {"positive": [], "negative": ["word5"]},
    ]
    for query in queries:
        ours, theirs = wv.most_similar(**query), gensim_wv.most_similar(**query)
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        np.testing.assert_allclose(
            [cosine for _, cosine in ours], [cosine for _, cosine in theirs], atol=1e-6
        )
    np.testing.assert_allclose(
        wv.most_similar("word5", topn=None), gensim_wv.most_similar("word5", topn=None), atol=1e-6
    )
    assert wv.similarity("word1", "word2") == pytest.approx(gensim_wv.similarity("word1", "word2"), abs=1e-6)
    np.testing.assert_allclose(
        wv.get_vector("word1", norm=True), gensim_wv.get_vector("word1", norm=True), atol=1e-6
    )
    np.testing.assert_array_equal(wv[["word1", "word2"]], gensim_wv[["word1", "word2"]])
    for bad in ({"positive": "missing"}, {"positive": []}):
        with pytest.raises(Exception) as ours_raised:  # noqa: PT011
            wv.most_similar(**bad)  # type: ignore[arg-type]
        with pytest.raises(Exception) as theirs_raised:  # noqa: PT011
            gensim_wv.most_similar(**bad)
        assert ours_raised.type is theirs_raised.type


def test_no_query_copies_the_matrix() -> None:
    import tracemalloc

    matrix = np.random.default_rng(5).normal(size=(50_000, 112)).astype(np.float32)[:, :100]
    big = KeyedVectors.from_arrays([f"word{row}" for row in range(50_000)], matrix)
    tracemalloc.start()
    try:
        big.most_similar(positive=["word1", "word2"], negative=["word3"])
        big.similarity("word1", "word2")
        big[["word1", "word2"]]
        assert tracemalloc.get_traced_memory()[1] < matrix.nbytes / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("words", "vectors", "counts", "error", "message"),
    [
        (["a"], np.ones((2, 3), np.float32), None, ValueError, r"\(1, D\)"),
        (["a"], np.ones(3, np.float32), None, ValueError, r"\(1, D\)"),
        (["a"], np.ones((1, 0), np.float32), None, ValueError, r"\(1, D\)"),
        (["a"], [[1.0]], None, TypeError, "numpy array"),
        (["a"], np.ones((1, 3), int), None, TypeError, "floats"),
        (["a", "b", "a"], np.ones((3, 3), np.float32), None, ValueError, "'a' occurs more than once"),
        ([3], np.ones((1, 3), np.float32), None, TypeError, "int"),
        (["a"], np.ones((1, 3), np.float32), [1, 2], ValueError, "counts"),
        (["a"], np.ones((1, 3), np.float32), [1.5], ValueError, "counts"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    words: Any, vectors: Any, counts: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        KeyedVectors.from_arrays(words, vectors, counts)


def test_the_constructor_makes_room_and_checks_sizes() -> None:
    empty = KeyedVectors(3, count=2, dtype=np.float64)
    assert empty.vectors.shape == (2, 3)
    assert empty.vectors.dtype == np.float64
    assert len(empty) == 2
    with pytest.raises(TypeError):
        KeyedVectors("3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="vector_size"):
        KeyedVectors(0)


def test_vectors_can_be_copied_and_pickled(wv: KeyedVectors) -> None:
    for clone in (copy.deepcopy(wv), pickle.loads(pickle.dumps(wv))):
        assert clone.most_similar("word1") == wv.most_similar("word1")
