"""Single queries by means of a sketch: the bytes of the plain search, whatever the rows; and when there is one."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastw2v import KeyedVectors, _query, _train, nearest, sketches

DIMS = [1, 2, 3, 15, 16, 17, 63, 64, 65, 130]


def ordinary(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    return rng.normal(size=(n, dim))


def of_any_length(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    return rng.normal(size=(n, dim)) * 10.0 ** rng.uniform(-20, 17, (n, 1))


def few_kinds(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    kinds = rng.normal(size=(3, dim))
    kinds[0] = 0
    return kinds[rng.integers(0, 3, n)]


def all_the_same(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    return np.ones((n, dim)) * rng.normal()


def nearly_the_same(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    return 1 + 1e-6 * rng.normal(size=(n, dim))


def one_large_number(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    rows = rng.normal(size=(n, dim))
    rows[np.arange(n), rng.integers(0, dim, n)] *= 1e4
    return rows


def signs(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], (n, dim))


def denormal(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    rows = rng.normal(size=(n, dim))
    rows[::2] *= 1e-40
    rows[1::4] = 0
    return rows


KINDS = [
    ordinary,
    of_any_length,
    few_kinds,
    all_the_same,
    nearly_the_same,
    one_large_number,
    signs,
    denormal,
]


def rows_of(kind: Any, n: int, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and their norms."""
    vectors = kind(np.random.default_rng(seed), n, dim).astype(np.float32)
    return vectors, np.linalg.norm(vectors, axis=1).astype(np.float32)


def sketched(vectors: np.ndarray, norms: np.ndarray, threads: int = 2) -> _query.Sketch:
    return sketches._made(vectors, norms, threads)


@given(
    kind=st.sampled_from(KINDS),
    n_rows=st.integers(1, 1500),
    dim=st.sampled_from(DIMS),
    n_queries=st.integers(1, 3),
    n_wanted=st.integers(1, 40),
    threads=st.integers(1, 3),
    clip=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    seed=st.integers(0, 10_000),
)
@settings(deadline=None, max_examples=300)
def test_a_search_with_a_sketch_finds_the_same_bytes(
    kind: Any,
    n_rows: int,
    dim: int,
    n_queries: int,
    n_wanted: int,
    threads: int,
    clip: tuple[int, int],
    seed: int,
) -> None:
    vectors, norms = rows_of(kind, n_rows, dim, seed)
    rng = np.random.default_rng(seed + 1)
    targets = np.stack([nearest.unit(vectors[row]) for row in rng.integers(0, n_rows, n_queries)])
    targets[-1] = nearest.unit(rng.normal(size=dim)) if seed % 2 else targets[-1]
    ids = range(min(clip[0], n_rows), max(min(clip[0], n_rows), n_rows - clip[1]))
    excluded = [sorted({*rng.integers(0, n_rows, 2).tolist()}) for _ in range(n_queries)]
    arguments = (vectors, norms, targets.astype(np.float32), n_wanted, ids, excluded, threads)
    plain, found = nearest.find(*arguments), nearest.find(*arguments, sketched(vectors, norms))
    assert plain[0].tobytes() == found[0].tobytes()
    assert plain[1].tobytes() == found[1].tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", DIMS)
def test_cosines_are_what_codes_say_give_or_take_the_error(kind: Any, dim: int) -> None:
    vectors, norms = rows_of(kind, 300, dim, dim)
    sketch = sketched(vectors, norms)
    exact = vectors.astype(np.float64) / np.where(norms >= 1e-18, norms, np.inf)[:, None]
    coarse = sketch.scales[:, None] * sketch.codes.astype(np.float64)[:, :dim]
    assert not sketch.codes[:, dim:].any()
    for target in (exact[7], exact[7] - coarse[7], np.ones(dim), np.eye(dim)[0]):  # the second is the worst
        unit = target / np.linalg.norm(target) if target.any() else target
        assert (np.abs(exact @ unit - coarse @ unit) <= sketch.errors).all()
    # ... and not much more than it need be: half a step in each of D numbers.
    steps = np.abs(vectors).max(axis=1, initial=0) / 127 / np.where(norms >= 1e-18, norms, np.inf)
    finite = np.isfinite(sketch.errors)
    assert (sketch.errors <= 1.01 * steps * dim**0.5 / 2 + 1e-3)[finite].all()
    assert (norms[~finite] < 1e-18).all()


def test_the_sketch_of_ordinary_rows_leaves_few_to_look_at() -> None:
    vectors, norms = rows_of(ordinary, 2000, 300, 1)
    assert 0.005 < np.median(sketched(vectors, norms).errors) < 0.01


def test_every_instruction_set_and_number_of_threads_finds_the_same() -> None:
    chosen, answers = _train.isa_name(), []
    vectors, norms = rows_of(ordinary, 3000, 100, 1)
    targets = vectors[:1] / norms[0]
    try:
        for isa in _train.isa_supported():
            _train.isa_select(isa)
            for threads in (1, 2, 5):
                sketch = sketched(vectors, norms, threads)
                found = nearest.find(vectors, norms, targets, 50, range(3000), [[]], threads, sketch)
                answers.append([part.tobytes() for part in found])
    finally:
        _train.isa_select(chosen)
    assert all(answer == answers[0] for answer in answers)


def test_numbers_that_are_not_finite_are_treated_as_without_a_sketch() -> None:
    vectors, norms = rows_of(ordinary, 500, 20, 1)
    targets = vectors[:1] / norms[0]
    for bad in (np.nan, np.inf, -np.inf):
        for bad_norms in (False, True):
            rows, their_norms = vectors.copy(), norms.copy()
            rows[[3, 40, 499], [0, 7, 19]] = bad
            their_norms[[3, 40]] = [np.nan, np.inf] if bad_norms else norms[[3, 40]]
            arguments = (rows, their_norms, targets, 20, range(500), [[]], 1)
            plain = nearest.find(*arguments)
            found = nearest.find(*arguments, sketched(rows, their_norms))
            assert [part.tobytes() for part in plain] == [part.tobytes() for part in found]


def test_a_sketch_of_rows_that_were_changed_as_a_whole_is_found_out() -> None:
    vectors, norms = rows_of(ordinary, 500, 20, 1)
    sketch = sketched(vectors, norms)
    vectors -= vectors[0]
    with pytest.raises(_query.Stale, match="changed"):
        nearest.find(vectors, norms, nearest.unit(vectors[3])[None], 5, range(500), [[]], 1, sketch)


def test_rows_that_do_not_fit_a_sketch_are_refused() -> None:
    vectors, norms = rows_of(ordinary, 50, 20, 1)
    rows = _query.Rows(vectors, norms, 0)
    found = _query.Nearest(1, vectors[:1], np.zeros(2, np.int64), np.zeros(0, np.int64))
    for sketch in (_query.Sketch(49, 20), _query.Sketch(50, 21)):
        with pytest.raises(ValueError, match="no room"):
            sketch.fill(rows, 1)
        with pytest.raises(ValueError, match="no room"):
            found.update(rows, sketch, 1)
    with pytest.raises(ValueError, match="nothing to sketch"):
        _query.Sketch(0, 5)


# --- when there is one ---


@pytest.fixture
def wv(monkeypatch: pytest.MonkeyPatch) -> KeyedVectors:
    """Vectors that are large enough for a sketch."""
    monkeypatch.setattr(sketches, "LEAST_BYTES", 1000)
    vectors, _ = rows_of(ordinary, 400, 30, 1)
    return KeyedVectors.from_arrays([f"w{row}" for row in range(400)], vectors)


def sketch_of(wv: KeyedVectors) -> _query.Sketch | None:
    kept = wv._sketches._kept
    return None if kept is None else kept.sketch


def ask(wv: KeyedVectors, n: int = 9) -> list[Any]:
    return [wv.most_similar(row) for row in range(n)]


def test_a_sketch_is_made_once_a_number_of_queries_have_been_answered(wv: KeyedVectors) -> None:
    expected = wv.most_similar_batch(range(20))  # type: ignore[arg-type]
    assert ask(wv, 8) == expected[:8]
    assert sketch_of(wv) is None
    assert wv.most_similar(8) == expected[8]
    made = sketch_of(wv)
    assert made is not None
    assert [wv.most_similar(row, threads=3) for row in range(20)] == expected
    assert sketch_of(wv) is made
    wv.most_similar_batch(range(20))  # type: ignore[arg-type]
    wv.most_similar("w5", topn=None)
    assert sketch_of(wv) is made


def test_small_questions_count_for_little(wv: KeyedVectors) -> None:
    for row in range(40):
        wv.most_similar(row, restrict_vocab=40, topn=2)
    assert sketch_of(wv) is None
    for row in range(80):
        wv.most_similar(row, topn=100)
    assert sketch_of(wv) is None
    ask(wv, 6)
    assert sketch_of(wv) is not None
    assert wv.most_similar("w3", clip_start=7, clip_end=390) == [
        pair for pair in wv.most_similar("w3", topn=399) if 7 <= int(pair[0][1:]) < 390
    ][:10]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [("MOST_BYTES", 400 * 72 - 1), ("LEAST_BYTES", 400 * 120 + 1), ("_MOST_DIM", 29)]
)
def test_there_is_none_where_it_would_be_too_large_or_of_no_use(
    wv: KeyedVectors, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(sketches, name, value)
    ask(wv, 20)
    assert sketch_of(wv) is None
    monkeypatch.setattr(sketches, name, value - 1 if name == "LEAST_BYTES" else value + 1)
    ask(wv)
    assert sketch_of(wv) is not None


def test_vectors_of_other_types_have_none(wv: KeyedVectors) -> None:
    for vectors in (
        wv.vectors.astype(np.float64),
        wv.vectors.astype(np.float16),
        np.asfortranarray(wv.vectors),
    ):
        other = KeyedVectors.from_arrays(wv.index_to_key, vectors)
        ask(other, 20)
        assert sketch_of(other) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda wv: wv.add_vectors(["new"], np.ones((1, 30), np.float32)),
        lambda wv: wv.__setitem__("w7", wv["w3"]),
        lambda wv: wv.unit_normalize_all(),
        lambda wv: wv.sort_by_descending_frequency(),
        lambda wv: wv.fill_norms(force=True),
        lambda wv: setattr(wv, "norms", None),
    ],
)
def test_a_sketch_is_gone_with_the_norms(wv: KeyedVectors, change: Any) -> None:
    wv.set_vecattr("w9", "count", 5)
    ask(wv)
    gone = weakref.ref(sketch_of(wv).codes)  # type: ignore[union-attr]
    change(wv)
    gc.collect()
    assert gone() is None
    fresh = KeyedVectors.from_arrays(wv.index_to_key, wv.vectors.copy())
    assert ask(wv, 20) == ask(fresh, 20)


def test_another_matrix_has_another_sketch(wv: KeyedVectors) -> None:
    ask(wv)
    old = sketch_of(wv)
    wv.vectors = wv.vectors[::-1].copy()
    wv.norms = None
    expected = wv.most_similar_batch(range(20))  # type: ignore[arg-type]
    assert ask(wv, 20) == expected
    assert sketch_of(wv) is not old


def test_vectors_that_were_changed_by_hand_are_not_searched_by_an_old_sketch(wv: KeyedVectors) -> None:
    ask(wv)
    wv.vectors -= wv.vectors[0]  # and nobody says so
    found = ask(wv, 5)
    assert sketch_of(wv) is None
    other = KeyedVectors.from_arrays(wv.index_to_key, wv.vectors)
    other.norms = wv.norms
    assert found == ask(other, 5)


def test_copies_and_pickles_have_no_sketch(wv: KeyedVectors) -> None:
    ask(wv)
    small = len(pickle.dumps(KeyedVectors.from_arrays(wv.index_to_key, wv.vectors)))
    assert len(pickle.dumps(wv)) < small + 4 * len(wv) + 1000
    for other in (copy.copy(wv), copy.deepcopy(wv), pickle.loads(pickle.dumps(wv))):
        assert sketch_of(other) is None
        assert ask(other, 20) == ask(wv, 20)
        assert sketch_of(other) is not sketch_of(wv)


def test_a_mapped_file_may_have_one(wv: KeyedVectors, tmp_path: Path) -> None:
    wv.save(tmp_path / "vectors")
    mapped = KeyedVectors.load(tmp_path / "vectors", mmap="r")
    assert ask(mapped, 20) == ask(wv, 20)
    assert sketch_of(mapped) is not None
