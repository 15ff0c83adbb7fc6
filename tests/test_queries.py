"""Queries in C against sorting all cosines in NumPy, whatever the matrix looks like, and against gensim."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v import KeyedVectors, MissingExtraError, _train, nearest
from fastw2v.sparse_vectors import SparseVectors
from fastw2v.vector_index import VectorIndex


def made(n_words: int, dim: int, seed: int = 0, dtype: Any = np.float32) -> KeyedVectors:
    """Words with random vectors of very different lengths."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_words, dim)) * 10.0 ** rng.uniform(-3, 3, (n_words, 1))
    return KeyedVectors.from_arrays([f"w{row}" for row in range(n_words)], vectors.astype(dtype))


def sorted_cosines(wv: KeyedVectors, target: np.ndarray, without: set[int]) -> list[tuple[float, int]]:
    """All rows but some by their cosine, in double precision."""
    rows = np.float64(wv.vectors)
    norms = np.linalg.norm(rows, axis=1)
    cosines = rows @ np.float64(target) / np.where(norms > 0, norms, 1) / np.linalg.norm(np.float64(target))
    order = np.lexsort((np.arange(len(rows)), -cosines))
    return [(float(cosines[row]), int(row)) for row in order if row not in without]


def check(found: Any, expected: list[tuple[float, int]], tolerance: float = 1e-6) -> None:
    """The same words but for cosines that rounding makes equal, and the right cosines."""
    assert len(found) == len(expected)
    np.testing.assert_allclose([c for _, c in found], [c for c, _ in expected], atol=tolerance)
    for (word, _), (cosine, row) in zip(found, expected, strict=True):
        assert word == f"w{row}" or any(abs(cosine - c) < tolerance for c, r in expected if f"w{r}" == word)


@pytest.mark.parametrize("dim", [1, 2, 3, 15, 16, 17, 100, 300, 700])
@pytest.mark.parametrize("n_queries", [1, 3, 4, 150])
def test_batches_find_what_sorting_all_cosines_finds(dim: int, n_queries: int) -> None:
    wv = made(700, dim, dim)
    queries = np.random.default_rng(1).normal(size=(n_queries, dim)).astype(np.float32)
    for topn in (1, 10):
        batch = wv.most_similar_batch(queries, topn, threads=2)
        assert batch == [wv.most_similar(query, topn=topn) for query in queries]
        if dim > 2:  # in less there are crowds of equal cosines, whose order is that of rounding
            for query, found in zip(queries[:5], batch, strict=False):
                check(found, sorted_cosines(wv, query, set())[:topn])


@given(
    n_words=st.integers(1, 40),
    dim=st.integers(1, 9),
    kinds=st.integers(1, 5),
    topn=st.integers(1, 50),
    clip=st.tuples(st.integers(-45, 45), st.integers(-45, 45)),
    n_queries=st.integers(0, 8),
    threads=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=150)
def test_ties_come_in_the_order_of_rows_in_every_range(
    n_words: int,
    dim: int,
    kinds: int,
    topn: int,
    clip: tuple[int, int],
    n_queries: int,
    threads: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    few = rng.integers(-1, 2, (kinds, dim)).astype(np.float32)
    wv = KeyedVectors.from_arrays([f"w{row}" for row in range(n_words)], few[rng.integers(0, kinds, n_words)])
    words = [f"w{row}" for row in rng.integers(0, n_words, n_queries)]
    batch = wv.most_similar_batch(words, topn, clip_start=clip[0], clip_end=clip[1], threads=threads)
    searched = range(n_words)[clip[0] : clip[1] or None]
    for word, found in zip(words, batch, strict=True):
        cosines: Any = wv.most_similar(word, topn=None)
        others = [row for row in searched if f"w{row}" != word]
        expected = sorted(others, key=lambda row: (-cosines[row], row))[:topn]
        assert found == [(f"w{row}", float(cosines[row])) for row in expected]


@pytest.mark.parametrize("n_queries", [1, 40])
def test_the_result_has_the_same_bytes_with_any_number_of_threads_and_blocks(
    n_queries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wv = made(600, 30)
    words = [f"w{row}" for row in range(n_queries)]
    first = wv.most_similar_batch(words, 20)
    for threads in (2, 3, 8):
        assert wv.most_similar_batch(words, 20, threads=threads) == first
    monkeypatch.setattr(nearest, "QUERIES_AT_ONCE", 7)
    for n_products in (100, 1500):
        monkeypatch.setattr(nearest, "_PRODUCTS_AT_ONCE", n_products)
        assert wv.most_similar_batch(words[:9], 20, threads=2) == first[:9]


def test_the_result_has_the_same_bytes_with_any_instruction_set() -> None:
    chosen, answers = _train.isa_name(), []
    wv = made(2000, 45)
    try:
        for isa in _train.isa_supported():
            _train.isa_select(isa)
            answers.append((wv.most_similar("w5"), wv.most_similar_batch(wv.index_to_key, threads=2)))
    finally:
        _train.isa_select(chosen)
    assert all(answer == answers[0] for answer in answers)


def test_threads_that_want_the_same_heap_lose_nothing() -> None:
    vectors = np.ones((3000, 8), np.float32)  # every row is as good as the best ones so far
    wv = KeyedVectors.from_arrays([f"w{row}" for row in range(3000)], vectors)
    for found in wv.most_similar_batch(["w0"] * 5, 700, threads=4):
        assert [word for word, _ in found] == [f"w{row}" for row in range(1, 701)]


def layouts(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers in other places of memory."""
    n_rows, dim = matrix.shape
    padded = np.full((n_rows, dim + 5), np.nan, np.float32)
    padded[:, :dim] = matrix
    raw = bytearray(matrix.nbytes + 1)
    unaligned = np.frombuffer(raw, np.float32, matrix.size, 1).reshape(matrix.shape)
    unaligned[:] = matrix
    return {
        "padded": padded[:, :dim],
        "every second row": np.repeat(matrix, 2, axis=0)[::2],
        "backwards": np.ascontiguousarray(matrix[::-1])[::-1],
        "columns": np.asfortranarray(matrix),
        "every second number": np.repeat(matrix, 2, axis=1)[:, ::2],
        "big-endian": matrix.astype(">f4"),
        "unaligned": unaligned,
    }


def test_rows_may_be_strided_in_any_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_NUMBERS_AT_ONCE", 1000)
    wv = made(300, 20)
    words = [f"w{row}" for row in range(9)]
    expected = wv.most_similar_batch(words)
    for name, matrix in layouts(wv.vectors).items():
        other = KeyedVectors.from_arrays(wv.index_to_key, matrix)
        for found, wanted in zip(other.most_similar_batch(words), expected, strict=True):
            assert [word for word, _ in found] == [word for word, _ in wanted], name
            np.testing.assert_allclose([c for _, c in found], [c for _, c in wanted], atol=2e-6)
    readonly = wv.vectors.copy()
    readonly.flags.writeable = False
    assert KeyedVectors.from_arrays(wv.index_to_key, readonly).most_similar_batch(words) == expected


@pytest.mark.parametrize(("dtype", "scale"), [(np.float16, 1), (np.float64, 1), (np.float64, 1e200)])
def test_vectors_of_other_types_are_searched(dtype: Any, scale: float) -> None:
    vectors = (np.random.default_rng(3).normal(size=(400, 30)) * scale).astype(dtype)
    wv = KeyedVectors.from_arrays([f"w{row}" for row in range(400)], vectors)
    if scale > 1:
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="too large"):
            wv.most_similar("w3")
        return
    for row, found in enumerate(wv.most_similar_batch(range(10))):  # type: ignore[arg-type]
        check(found, sorted_cosines(wv, np.float64(vectors[row]), {row})[:10], 1e-5)


def test_zero_vectors_have_the_cosine_zero_with_everything() -> None:
    wv = made(50, 8)
    wv.vectors[[3, 7]] = 0
    for batch in (wv.most_similar_batch(["w3"], 60), wv.most_similar_batch(["w3"] * 6, 60)):
        assert batch[0] == [(f"w{row}", 0.0) for row in range(50) if row != 3]
    assert ("w7", 0.0) in wv.most_similar("w0", topn=49)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_by_word(bad: float) -> None:
    wv = made(50, 8)
    wv.vectors[20, 3] = bad
    with np.errstate(invalid="ignore"):
        for query in (
            lambda: wv.most_similar("w1"),
            lambda: wv.most_similar_batch(["w1"]),
            lambda: wv.most_similar_cosmul("w1"),
            lambda: wv.most_similar("w1", topn=None),
            lambda: wv.build_index(),
        ):
            with pytest.raises(ValueError, match=r"'w20' \(row 20\) is not finite"):
                query()
        assert len(wv.most_similar("w1", restrict_vocab=20)) == 10
        with pytest.raises(ValueError, match="asked for is not finite"):
            wv.most_similar(np.full(8, bad, np.float32))
        with pytest.raises(ValueError, match="asked for is not finite"):
            wv.most_similar([("w1", bad)])


def test_queries_may_ask_for_too_much_or_nothing() -> None:
    wv = made(30, 5)
    assert len(wv.most_similar("w1", topn=1000)) == 29
    assert wv.most_similar("w1", clip_start=10, clip_end=10) == []
    assert wv.most_similar("w1", clip_start=20, clip_end=10) == []
    assert wv.most_similar("w1", clip_start=99) == []
    assert len(wv.most_similar("w1", restrict_vocab=99, topn=99)) == 29
    assert wv.most_similar("w1", topn=None, clip_start=25).shape == (5,)  # type: ignore[union-attr]
    assert wv.most_similar_batch([]) == []
    assert wv.most_similar_batch(np.zeros((0, 5), np.float32)) == []
    assert wv.most_similar_batch(["w1", "w2"], 0) == [[], []]
    assert wv.most_similar_cosmul("w1", topn=0) == []
    assert len(wv.most_similar_cosmul("w1", topn=99)) == 29
    assert KeyedVectors(5).most_similar(np.ones(5)) == []


def test_wrong_queries_are_refused() -> None:
    wv = made(30, 5)
    for call, error, message in (
        (lambda: wv.most_similar_batch("w1"), TypeError, "list of words"),
        (lambda: wv.most_similar_batch(np.ones(5)), ValueError, r"\(n, 5\)"),
        (lambda: wv.most_similar_batch(np.ones((2, 4))), ValueError, r"\(5,\), not \(4,\)"),
        (lambda: wv.most_similar_batch(["w1", "missing"]), KeyError, "missing"),
        (lambda: wv.most_similar("w1", threads=0), ValueError, "threads"),
        (lambda: wv.most_similar("w1", threads="2"), TypeError, "threads"),  # type: ignore[arg-type]
        (lambda: wv.most_similar_cosmul(negative="w1"), ValueError, "no input"),
        (lambda: wv.most_similar_cosmul("missing"), KeyError, "missing"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_threads_are_those_of_the_object_where_a_call_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(nearest, "find", lambda *arguments: seen.append(arguments[-1]) or ([], []))
    monkeypatch.setattr(KeyedVectors, "_neighbours", lambda *a: nearest.find(*a) and [[]])
    wv = made(30, 5)
    wv.most_similar("w1")
    wv.threads = 3
    wv.most_similar("w1")
    wv.most_similar("w1", threads=2)
    assert seen == [1, 3, 2]


def test_results_equal_gensim_s_on_random_models() -> None:
    models = pytest.importorskip("gensim.models")
    for dim, seed in ((7, 1), (100, 2), (301, 3)):
        wv = made(1500, dim, seed)
        theirs = models.KeyedVectors(dim)
        theirs.add_vectors(wv.index_to_key, wv.vectors)
        vector = np.random.default_rng(9).normal(size=dim).astype(np.float32)
        calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
            ("most_similar", ("w5",), {}),
            ("most_similar", (["w5", 7, vector],), {"negative": ["w9"], "topn": 30}),
            ("most_similar", ([("w5", 0.3), (vector, -2.0)],), {"negative": [(8, 1.5)]}),
            ("most_similar", (np.stack([vector, wv.vectors[3]]),), {}),
            ("most_similar", ("w5",), {"clip_start": 100, "clip_end": 900}),
            ("most_similar", ("w5",), {"topn": None, "restrict_vocab": 40}),
            ("most_similar", ("w5",), {"topn": 0}),
            ("most_similar_cosmul", ("w5",), {}),
            ("most_similar_cosmul", ("w5", "w6"), {"topn": 25}),
            ("most_similar_cosmul", (["w5", "w8"],), {"negative": ["w9"]}),
            ("most_similar_cosmul", (["w5", vector],), {"topn": None}),
            ("similar_by_word", ("w5",), {"topn": 5}),
            ("similar_by_key", ("w5", 5), {"restrict_vocab": 300}),
            ("similar_by_vector", (vector,), {}),
        ]
        for name, arguments, options in calls:
            ours = getattr(wv, name)(*arguments, **options)
            expected = getattr(theirs, name)(*arguments, **options)
            if isinstance(expected, np.ndarray):
                np.testing.assert_allclose(ours, expected, atol=1e-5, rtol=1e-5)
                continue
            assert [word for word, _ in ours] == [word for word, _ in expected], (name, options)
            np.testing.assert_allclose([c for _, c in ours], [c for _, c in expected], rtol=1e-5, atol=1e-6)


def test_3cosmul_takes_row_numbers_and_honours_the_restriction() -> None:
    wv = made(100, 6)
    assert wv.most_similar_cosmul(5, 6) == wv.most_similar_cosmul("w5", "w6")
    unrestricted = wv.most_similar_cosmul("w5", topn=99)
    assert wv.most_similar_cosmul("w5", topn=99, restrict_vocab=20) == [
        pair for pair in unrestricted if int(pair[0][1:]) < 20
    ]


def test_sparse_vectors_answer_the_same_queries() -> None:
    import scipy.sparse as sp

    dense = np.random.default_rng(4).normal(size=(60, 60)).astype(np.float32)
    dense[np.random.default_rng(5).random((60, 60)) < 0.7] = 0
    dense[9] = 0
    words = [f"w{row}" for row in range(60)]
    sparse = SparseVectors.from_csr(words, sp.csr_array(dense))
    wv = KeyedVectors.from_arrays(words, dense)
    for topn, options in ((5, {}), (70, {}), (10, {"clip_start": 5, "clip_end": 30})):
        for ours, expected in zip(
            sparse.most_similar_batch(words[:12], topn, **options),
            wv.most_similar_batch(words[:12], topn, **options),
            strict=True,
        ):
            assert len(ours) == len(expected)
            np.testing.assert_allclose([c for _, c in ours], [c for _, c in expected], atol=1e-6)
            check(ours, [(c, int(word[1:])) for word, c in expected])
    check(sparse.most_similar_cosmul("w1", "w2"), [
        (c, int(word[1:])) for word, c in wv.most_similar_cosmul("w1", "w2")
    ])  # fmt: skip
    assert sparse.most_similar("w1", topn=None).shape == (60,)  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="dense"):
        sparse.build_index()


def test_most_similar_needs_little_memory_beside_the_matrix() -> None:
    import tracemalloc

    big = made(100_000, 30)
    big.fill_norms()
    tracemalloc.start()
    try:
        big.most_similar("w1", topn=10)
        big.most_similar_batch(range(50))  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 18e6  # the matrix has 12 MB, cosines at once 8
    finally:
        tracemalloc.stop()


# --- indexes ---


def test_an_index_finds_what_an_exact_search_finds_in_a_small_vocabulary(tmp_path: Any) -> None:
    pytest.importorskip("usearch")
    wv = made(500, 12)
    index = wv.build_index(threads=2)
    exact = wv.most_similar("w3", topn=5)
    near: Any = wv.most_similar("w3", topn=5, indexer=index)
    assert [word for word, _ in near] == [word for word, _ in exact]
    np.testing.assert_allclose([c for _, c in near], [c for _, c in exact], atol=1e-5)
    assert index.most_similar(wv["w3"], 1)[0][0] == "w3"
    # The graph that is searched need not reach every vector.
    assert 400 < len(wv.most_similar("w3", topn=1000, indexer=index)) <= 499
    path = tmp_path / "index"
    index.save(path)
    assert wv.most_similar("w3", topn=5, indexer=wv.load_index(path)) == near
    assert len(index) == 500
    assert [file.name for file in tmp_path.iterdir()] == ["index"]
    with pytest.raises(ValueError, match="500 vectors of 12 numbers, but here are 500 of 11"):
        made(500, 11).load_index(path)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no index"):
        wv.load_index(path)
    with pytest.raises(FileNotFoundError):
        VectorIndex.load(tmp_path / "missing", wv.index_to_key, 12)
    with pytest.raises(FileNotFoundError):
        index.save(tmp_path / "no folder" / "index")
    with pytest.raises(ValueError, match="dtype"):
        wv.build_index(dtype="f8")


def test_an_index_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fastw2v\[index\]'"):
        made(5, 3).build_index()


def test_a_foreign_index_answers_as_it_likes_as_in_gensim() -> None:
    class Annoy:
        def most_similar(self, vector: np.ndarray, topn: int) -> list[tuple[str, float]]:
            return [("w1", 1.0), ("w2", 0.5)][:topn]

    wv = made(30, 5)
    assert wv.most_similar("w1", topn=2, indexer=Annoy()) == [("w1", 1.0), ("w2", 0.5)]
    assert len(wv.most_similar("w1", topn=None, indexer=Annoy())) == 30
