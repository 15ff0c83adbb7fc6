"""Co-occurrence counts: against a dictionary, for any threads, memory, weights and stretches; and what is refused."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import count_twin
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import Cooccurrence, EmptyVocabularyError, row_counting
from fastw2v.corpus import LINE_END
from fastw2v.row_counting import count_rows, make_weights

WORDS = "abcdefg"
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12), min_size=1, max_size=8).filter(any)
SAY_GOODBYE = [["you", "say", "goodbye", "and", "i", "say", "hello", "."]]


def pairs_of(counts: Cooccurrence) -> dict[tuple[str, str], float]:
    words = counts.index_to_key
    entries = counts.matrix.tocoo()
    return {
        (words[row], words[column]): value
        for row, column, value in zip(*entries.coords, entries.data.tolist(), strict=True)
    }


def dense_corpus(n_tokens: int, n_words: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random ids with line ends, the lower ids more frequent, and their counts."""
    rng = np.random.default_rng(seed)
    ids = (n_words * rng.random(n_tokens) ** 3).astype(np.int32)
    ids[rng.random(n_tokens) < 0.05] = LINE_END
    return ids, np.bincount(ids[ids >= 0], minlength=n_words).astype(np.int64)


def arrays_of(ids: np.ndarray, counts: np.ndarray, **options: Any) -> list[np.ndarray]:
    weights = make_weights(options.pop("weighting", "harmonic"), 4, "symmetric", int(counts.max()))
    options = {"n_threads": 1, "budget": 1 << 30, **options}
    rows = count_rows(ids, counts, weights, **options)
    return [np.array(array) for array in (rows.starts, rows.columns, rows.sums)]


# --- the numbers ---


def test_the_textbooks_matrix() -> None:
    counts = Cooccurrence(SAY_GOODBYE, window=1, min_count=1)
    order = [counts.key_to_index[word] for word in ("you", "say", "goodbye", "and", "i", "hello", ".")]
    assert counts.matrix.toarray()[np.ix_(order, order)].tolist() == [
        [0, 1, 0, 0, 0, 0, 0],
        [1, 0, 1, 0, 1, 1, 0],
        [0, 1, 0, 1, 0, 0, 0],
        [0, 0, 1, 0, 1, 0, 0],
        [0, 1, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
    ]
    assert counts.matrix.dtype == np.int64
    assert isinstance(counts.matrix, sp.csr_array)
    assert counts.count("say", "hello") == 1
    assert (counts.corpus_count, counts.corpus_total_words) == (1, 8)


@given(
    TEXTS,
    st.sampled_from([1, 2, 3, 6, 22]),  # 22: harmonic sums that need 64 bits
    st.sampled_from(["flat", "harmonic", "dynamic"]),
    st.sampled_from(["symmetric", "left", "right"]),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([1, 200, 1 << 20]),
)
def test_counts_are_those_of_a_dictionary(
    text: list[list[str]],
    window: int,
    weighting: str,
    context: str,
    min_count: int,
    workers: int,
    max_memory: int,
) -> None:
    known = count_twin.frequent(text, min_count)
    settings = {"window": window, "weighting": weighting, "context": context}
    if not any(known):
        with pytest.raises(EmptyVocabularyError):
            Cooccurrence(text, min_count=min_count, **settings)
        return
    counts = Cooccurrence(text, min_count=min_count, workers=workers, max_memory=max_memory, **settings)
    expected = count_twin.cooccurrences(known, window, weighting, context)
    assert pairs_of(counts) == {pair: float(count) for pair, count in expected.items()}
    assert counts.matrix.has_sorted_indices
    assert counts.matrix.dtype == (np.int64 if weighting == "flat" else np.float64)


@pytest.mark.parametrize("weighting", ["flat", "harmonic", "dynamic"])
def test_a_larger_corpus_has_the_same_bits_for_any_threads_memory_and_batches(weighting: str) -> None:
    ids, counts = dense_corpus(20_000, 800)
    reference = arrays_of(ids, counts, weighting=weighting)
    assert reference[2].sum() == brute_total(ids, weighting)
    for n_threads in (1, 2, 3, 8):
        for budget, batch_entries in ((20_000, 1 << 20), (50_000, 1000), (1 << 30, 1000), (1 << 30, 1)):
            options = {"n_threads": n_threads, "budget": budget, "batch_entries": batch_entries}
            found = arrays_of(ids, counts, weighting=weighting, **options)
            for array, expected in zip(found, reference, strict=True):
                assert array.dtype == expected.dtype
                assert array.tobytes() == expected.tobytes()


def brute_total(ids: np.ndarray, weighting: str) -> float:
    """The sum of all counts, from shifted arrays."""
    total = 0.0
    line = np.cumsum(ids == LINE_END)
    for distance in range(1, 5):
        same = (line[distance:] == line[:-distance]) & (ids[distance:] >= 0) & (ids[:-distance] >= 0)
        total += 2 * int(same.sum()) * float(count_twin.WEIGHTS[weighting](distance, 4))
    return pytest.approx(total, rel=1e-12)


def test_many_runs_are_merged_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, counts = dense_corpus(3000, 40)
    expected = arrays_of(ids, counts)
    merged: list[int] = []
    original = row_counting._Counting.merge

    def spy(self: Any, crew: Any, store: Any, target: Any, group_no: int, runs: Any, bar: Any) -> Any:
        merged.append(len(runs))
        return original(self, crew, store, target, group_no, runs, bar)

    monkeypatch.setattr(row_counting._Counting, "merge", spy)
    found = arrays_of(ids, counts, budget=16 * 100)
    assert merged == [16, 14, 2]
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_matrix_beyond_the_budget_is_mapped_from_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ids, counts = dense_corpus(20_000, 500)
    weights = make_weights("flat", 5, "symmetric", int(counts.max()))
    in_file = count_rows(ids, counts, weights, n_threads=2, budget=10_000)
    in_memory = count_rows(ids, counts, weights, n_threads=2, budget=1 << 30)
    assert isinstance(in_file.sums, np.memmap)
    assert not isinstance(in_memory.sums, np.memmap)
    assert np.array_equal(in_file.sums, in_memory.sums)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("window", "exact"), [(22, True), (23, False), (60, False)])
def test_harmonic_weights_are_exact_up_to_a_window_of_22_and_nearly_so_beyond(
    window: int, exact: bool
) -> None:
    weights = make_weights("harmonic", window, "symmetric", 1000)
    assert weights.left is not None
    errors = [abs(weights.left[d - 1] / weights.unit - 1 / d) for d in range(1, window + 1)]
    assert max(errors) < 2.0**-32
    assert (weights.unit % np.arange(1, window + 1) == 0).all() == exact


def test_units_shrink_before_sums_overflow_and_flat_counts_that_would_are_refused() -> None:
    small = make_weights("harmonic", 30, "symmetric", 2**35)
    assert small.left is not None
    assert 2**62 < 2**35 * 2 * int(small.left.sum()) * 2 < 2**64
    assert abs(small.left - small.unit / np.arange(1, 31)).max() <= 0.5
    with pytest.raises(OverflowError, match="window=1000000 is too large"):
        make_weights("dynamic", 1_000_000, "symmetric", 2**40)


# --- subsampling ---


def test_dirty_subsampling_moves_words_together_and_clean_leaves_gaps() -> None:
    text = [["the", "cat", "the", "dog"] * 50] * 20
    settings: dict[str, Any] = {"window": 1, "min_count": 1, "sample": 1e-3, "seed": 3}
    clean = pairs_of(Cooccurrence(text, subsampling="clean", **settings))
    dirty = pairs_of(Cooccurrence(text, subsampling="dirty", **settings))
    full = pairs_of(Cooccurrence(text, **{**settings, "sample": 0}))
    assert set(clean) <= set(full)  # nothing comes nearer
    assert ("cat", "dog") in dirty
    assert 0 < sum(clean.values()) < sum(dirty.values()) < sum(full.values())


@given(TEXTS, st.sampled_from(["dirty", "clean"]), st.integers(0, 5), st.integers(1, 3))
def test_subsampled_counts_are_those_of_what_was_kept(
    text: list[list[str]], subsampling: str, seed: int, workers: int
) -> None:
    settings: dict[str, Any] = {"min_count": 1, "window": 3, "sample": 0.05, "seed": seed}
    counts = Cooccurrence(text, subsampling=subsampling, workers=workers, **settings)
    kept = kept_tokens(text, counts, seed)
    if subsampling == "dirty":
        kept = [[word for word in sentence if word is not None] for sentence in kept]
    assert pairs_of(counts) == count_twin.cooccurrences(kept, 3)


def kept_tokens(text: list[list[str]], counts: Cooccurrence, seed: int) -> list[list[str | None]]:
    """Ask for the draws of each place by counting a text without neighbours: SplitMix64, as in src_c/rng.h."""
    mask = 2**64 - 1

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    total = sum(map(len, text))
    place, kept = 0, []
    for sentence in (sentence for sentence in text if sentence):
        kept.append([])
        for word in sentence:
            ratio = 0.05 * total / counts.counts[counts.key_to_index[word]]
            keep_prob = min(1.0, ratio**0.5 + ratio)
            state = mix((mix(mix(seed + 1)) + place) & mask)
            draw = mix((state + 0x9E3779B97F4A7C15) & mask) >> 32
            kept[-1].append(word if draw <= min(int(keep_prob * 2**32), 2**32 - 1) else None)
            place += 1
        place += 1  # the line end
    return kept


# --- sources, saving, progress ---


def test_files_and_token_lists_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a b a c\nb a\n\nc c b a\n" * 5)
    lists = Cooccurrence([line.split() for line in path.read_text().splitlines()], window=2)
    file = Cooccurrence(corpus_file=path, window=2)
    assert pairs_of(file) == pairs_of(lists)
    assert file.index_to_key == lists.index_to_key == ["a", "b", "c"]
    assert pairs_of(Cooccurrence(iter([["a", "b"]] * 5))) == {("a", "b"): 5, ("b", "a"): 5}


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    counts = Cooccurrence(SAY_GOODBYE, window=2, min_count=1, weighting="harmonic")
    counts.save(tmp_path / "counts.safetensors")
    loaded = Cooccurrence.load(tmp_path / "counts.safetensors")
    assert pairs_of(loaded) == pairs_of(counts)
    assert loaded.settings == counts.settings
    assert loaded.counts.tolist() == counts.counts.tolist()
    assert (loaded.corpus_count, loaded.corpus_total_words) == (1, 8)
    assert repr(loaded) == repr(counts) == f"Cooccurrence<7 words, {counts.matrix.nnz} pairs>"
    (tmp_path / "counts.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"counts.safetensors: not a safetensors file"):
        Cooccurrence.load(tmp_path / "counts.safetensors")


def test_progress_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    Cooccurrence(SAY_GOODBYE * 20, window=2, max_memory=100, progress=True)
    shown = capsys.readouterr().err
    assert "counting pairs" in shown
    assert "merging runs" in shown
    Cooccurrence(SAY_GOODBYE, min_count=1, progress=False)
    assert capsys.readouterr().err == ""


# --- what is refused ---


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"window": 0}, ValueError, "window must be between 1 and"),
        ({"window": 1.5}, TypeError, "window must be a whole number"),
        ({"weighting": "linear"}, ValueError, "weighting must be one of 'flat', 'harmonic', 'dynamic'"),
        ({"context": "both"}, ValueError, "context must be one of"),
        ({"subsampling": "soapy"}, ValueError, "subsampling must be one of"),
        ({"sample": -1}, ValueError, "sample must be at least 0"),
        ({"sample": float("nan")}, ValueError, "sample must be at least 0 and finite"),
        ({"workers": 0}, ValueError, "workers must be between 1 and"),
        ({"max_memory": 0}, ValueError, "max_memory must be at least 1"),
        ({"max_memory": "1G"}, TypeError, "max_memory must be a whole number"),
        ({"min_count": -1}, ValueError, "min_count must be at least 0"),
        ({"seed": 2**65}, ValueError, "seed must be between"),
    ],
)
def test_settings_out_of_range_are_named(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Cooccurrence(SAY_GOODBYE, **{"min_count": 1, **settings})


def test_a_corpus_that_is_none_is_refused_as_word2vec_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="either sentences or corpus_file; neither"):
        Cooccurrence()
    with pytest.raises(TypeError, match="not a string or path"):
        Cooccurrence("you say goodbye")  # type: ignore[arg-type]
    with pytest.raises(EmptyVocabularyError, match="min_count=5"):
        Cooccurrence(SAY_GOODBYE)
    with pytest.raises(FileNotFoundError):
        Cooccurrence(corpus_file=tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        (np.array([[1.0, np.nan], [0, 1]]), ValueError, "holds NaN or infinite numbers"),
        (np.array([[1.0, np.inf], [0, 1]]), ValueError, "holds NaN or infinite numbers"),
        (np.array([[1.0, -2], [0, 1]]), ValueError, "holds negative numbers"),
        (np.zeros((2, 2)), ValueError, "is empty"),
        (np.ones((2, 3)), ValueError, r"not shape \(2, 3\)"),
        (np.array([["x", "y"], ["x", "y"]]), TypeError, "must be a"),
        (None, TypeError, "must be a"),
    ],
)
def test_a_matrix_of_nonsense_is_refused(matrix: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Cooccurrence.from_matrix(matrix, ["a", "b"])


def test_words_that_do_not_fit_the_matrix_are_refused() -> None:
    for words, error in ((["a"], ValueError), (["a", "a"], ValueError), (["a", 1], TypeError)):
        with pytest.raises(error):
            Cooccurrence.from_matrix(np.ones((2, 2)), words)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="counts must be 2 integers"):
        Cooccurrence.from_matrix(np.ones((2, 2)), ["a", "b"], np.ones(3, np.int64))
    with pytest.raises(KeyError, match="Key 'c' not present"):
        Cooccurrence.from_matrix(np.ones((2, 2)), ["a", "b"]).count("a", "c")


def test_a_matrix_is_taken_as_it_is_and_the_users_is_not_changed() -> None:
    given = sp.csr_array((np.array([1, 2, 4]), np.array([1, 0, 1]), np.array([0, 3, 3])), shape=(2, 2))
    counts = Cooccurrence.from_matrix(given, ["a", "b"])
    assert counts.matrix.toarray().tolist() == [[2, 5], [0, 0]]
    assert given.nnz == 3
    assert counts.counts.tolist() == [7, 0]


# --- full disks and interruptions ---


def test_a_full_disk_is_reported_with_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("fastw2v.row_store.open_scratch", lambda what: FullDisk())
    ids, counts = dense_corpus(20_000, 500)
    with pytest.raises(OSError, match="no space left for the co-occurrence counts .* TMPDIR .* max_memory"):
        arrays_of(ids, counts, budget=1000, n_threads=3)
    monkeypatch.undo()
    monkeypatch.setattr("fastw2v.row_counting.open_scratch", lambda what: FullDisk())
    with pytest.raises(OSError, match="no space left"):
        arrays_of(ids, counts, budget=100_000)
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fastw2v")]


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_stops_counting_within_a_second_and_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import signal, threading, numpy as np\n"
        "from fastw2v.row_counting import count_rows, make_weights\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "ids = np.zeros(3_000_000, np.int32)\n"  # one row alone would take minutes
        "weights = make_weights('flat', 30_000, 'symmetric', len(ids))\n"
        "threading.Timer(0.5, lambda: print('ready', flush=True)).start()\n"
        "try:\n"
        "    count_rows(ids, np.array([len(ids)]), weights, n_threads=2, budget=1 << 26)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        began = time.perf_counter()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        assert time.perf_counter() - began < 1.0
        assert child.wait(20) == 0
    assert list(tmp_path.iterdir()) == []
