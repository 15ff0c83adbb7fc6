"""PPMI and SVD: the textbook's values, slow twins, queries and files, and what is refused."""

from __future__ import annotations

import io
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import count_twin
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors, SparseVectors, evaluation, ppmi, svd_solver
from fastw2v.svd_solver import truncated_svd

SAY_GOODBYE = [["you", "say", "goodbye", "and", "i", "say", "hello", "."]]
TEXTBOOK = ("you", "say", "goodbye", "and", "i", "hello", ".")


@pytest.fixture(scope="module")
def textbook() -> PPMI:
    return PPMI(Cooccurrence(SAY_GOODBYE, window=1, min_count=1), cds=1, base=2)


@pytest.fixture(scope="module")
def low_rank() -> sp.csr_array:
    """A sparse matrix [600, 600] with slowly falling singular values."""
    rng = np.random.default_rng(5)
    matrix = sp.random_array((600, 600), density=0.08, rng=rng, dtype=np.float32, format="csr")
    frequent = 1 / np.sqrt(np.arange(1, 601))
    return sp.csr_array(matrix * frequent[:, None] * frequent[None, :], dtype=np.float32)


def decompose(matrix: sp.csr_array, dim: int, **options: Any) -> svd_solver.Factors:
    return truncated_svd(matrix, dim, **{"tolerance": 0.003, "seed": 1, "n_threads": 2, **options})


# --- PPMI ---


def test_the_textbooks_ppmi_matrix(textbook: PPMI) -> None:
    order = [textbook.key_to_index[word] for word in TEXTBOOK]
    # By hand: 14 pairs in all; "say" has 4, ".", "you" 1, the others 2 each. say-you: log2(1 * 14 / (4 * 1)), ...
    say_you, say_other, others, hello_stop = (math.log2(14 / n) for n in (4, 8, 4, 2))
    assert textbook.matrix.toarray()[np.ix_(order, order)] == pytest.approx(
        np.array(
            [
                [0, say_you, 0, 0, 0, 0, 0],
                [say_you, 0, say_other, 0, say_other, say_other, 0],
                [0, say_other, 0, others, 0, 0, 0],
                [0, 0, others, 0, others, 0, 0],
                [0, say_other, 0, others, 0, 0, 0],
                [0, say_other, 0, 0, 0, 0, hello_stop],
                [0, 0, 0, 0, 0, hello_stop, 0],
            ]
        ),
        abs=1e-6,
    )
    assert textbook.matrix.dtype == np.float32


def test_the_textbooks_cosines() -> None:
    counts = Cooccurrence(SAY_GOODBYE, window=1, min_count=1)
    vectors = SparseVectors.from_csr(counts.index_to_key, counts.matrix.astype(np.float32))
    # By hand: you = (say), i = (say, and), goodbye = (say, and), hello = (say, .).
    assert vectors.similarity("you", "i") == pytest.approx(1 / math.sqrt(2))
    assert vectors.similarity("goodbye", "i") == pytest.approx(1)
    assert vectors.similarity("you", "say") == 0
    assert vectors.most_similar("you", topn=3) == [
        ("goodbye", pytest.approx(1 / math.sqrt(2))),
        ("hello", pytest.approx(1 / math.sqrt(2))),
        ("i", pytest.approx(1 / math.sqrt(2))),
    ]


def test_cosines_of_the_textbooks_ppmi_vectors(textbook: PPMI) -> None:
    a, b = math.log2(14 / 8), math.log2(14 / 4)  # goodbye = i = (a at say, b at and), you = (b at say)
    assert textbook.similarity("goodbye", "i") == pytest.approx(1, abs=1e-6)
    assert textbook.similarity("you", "i") == pytest.approx(a / math.hypot(a, b), abs=1e-6)


@given(
    hnp.arrays(np.int64, (5, 5), elements=st.integers(0, 9)),
    st.sampled_from([0.0, 0.5, 0.75, 1.0]),
    st.sampled_from([0.5, 1.0, 5.0]),
    st.sampled_from([2, "e"]),
    st.integers(1, 3),
)
def test_ppmi_is_that_of_the_formula(
    counts: np.ndarray, cds: float, shift: float, base: Any, workers: int
) -> None:
    if counts.sum() == 0:
        return
    found = PPMI(Cooccurrence.from_matrix(counts, "abcde"), cds=cds, shift=shift, base=base, workers=workers)
    expected = count_twin.ppmi(counts.astype(float), cds, shift, 2 if base == 2 else math.e)
    # With cds=0 the textbook's formula gives words that are nobody's context a share, too; here they have none.
    if cds == 0:
        n_contexts = np.count_nonzero(counts.sum(axis=0))
        shared = math.log(n_contexts / 5) / (math.log(2) if base == 2 else 1)
        expected = np.maximum(
            count_twin.ppmi(counts.astype(float), cds, shift * 1e-9, 2 if base == 2 else math.e), 0
        )
        expected += math.log(1e-9) / (math.log(2) if base == 2 else 1) + shared
        expected = np.where(counts > 0, np.maximum(expected, 0), 0)
    assert found.matrix.toarray() == pytest.approx(expected, abs=2e-6)
    assert (found.matrix.data > 0).all()


def test_pmi_keeps_what_is_not_positive() -> None:
    counts = Cooccurrence.from_matrix(np.array([[8, 1], [1, 1]]), ["a", "b"])
    found = PPMI(counts, cds=1, positive=False).matrix
    assert found.nnz == 4
    assert found[0, 1] == pytest.approx(math.log(1 * 11 / (9 * 2)), abs=1e-6)
    assert found[0, 1] < 0
    assert PPMI(counts, cds=1).matrix.nnz == 2


def test_blocks_and_threads_do_not_change_ppmi(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 3, (60, 60)) * (rng.random((60, 60)) < 0.2)
    dense[[0, 17, 59]] = 0  # rows without entries, where blocks meet
    counts = Cooccurrence.from_matrix(dense, [str(n) for n in range(60)])
    expected = PPMI(counts, workers=1).matrix
    monkeypatch.setattr(ppmi, "BLOCK_ENTRIES", 7)
    found = PPMI(counts, workers=3).matrix
    assert found.indptr.tolist() == expected.indptr.tolist()
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.data == pytest.approx(expected.data, abs=1e-6)  # column sums are added up block by block


# --- sparse vectors ---


def test_sparse_vectors_answer_as_dense_ones_do(tmp_path: Path, low_rank: sp.csr_array) -> None:
    words = [f"w{n}" for n in range(600)]
    sparse = SparseVectors.from_csr(words, low_rank, np.arange(600, 0, -1))
    dense = KeyedVectors.from_arrays(words, low_rank.toarray(), np.arange(600, 0, -1))
    for query in ({"positive": "w3"}, {"positive": ["w1", "w2"], "negative": ["w9"], "clip_start": 5}):
        found, expected = (kv.most_similar(**query, topn=20) for kv in (sparse, dense))
        assert [word for word, _ in found] == [word for word, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)
    assert sparse.similarity("w3", "w4") == pytest.approx(dense.similarity("w3", "w4"), abs=1e-6)
    assert np.array_equal(sparse["w7"], dense["w7"])
    assert np.array_equal(sparse[["w7", "w1"]].toarray(), dense[["w7", "w1"]])
    assert sparse.get_vector("w7", norm=True) == pytest.approx(dense.get_vector("w7", norm=True), abs=1e-6)
    assert sparse.get_vecattr("w7", "count") == 593
    questions = tmp_path / "questions.txt"
    questions.write_text(": part\n" + "".join(f"w{n} w{n + 1} w{2 * n} w{2 * n + 1}\n" for n in range(5, 90)))
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("".join(f"w{n}\tw{n + 3}\t{n % 7}\n" for n in range(50)))
    for name, file in (("evaluate_word_analogies", questions), ("evaluate_word_pairs", pairs)):
        found, expected = (getattr(kv, name)(file) for kv in (sparse, dense))
        assert found[0] == pytest.approx(expected[0], abs=1e-6)


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
@pytest.mark.parametrize("is_sparse", [True, False])
def test_analogies_are_answered_as_the_formulas_say(
    monkeypatch: pytest.MonkeyPatch, low_rank: sp.csr_array, method: str, is_sparse: bool
) -> None:
    monkeypatch.setattr("fastw2v.cosines._WORDS_PER_TABLE", 20)
    rng = np.random.default_rng(1)
    questions = rng.integers(0, 600, (60, 3))
    dense = low_rank.toarray().astype(np.float64)
    unit = dense / np.maximum(np.linalg.norm(dense, axis=1), 1e-12)[:, None]
    found = evaluation.answer_analogies(low_rank if is_sparse else low_rank.toarray(), questions, method)
    for question, answer in zip(questions.tolist(), found.tolist(), strict=True):
        a, b, c = (unit @ unit[row] for row in question)
        if method == "3cosmul":
            a, b, c = ((cosine + 1) / 2 for cosine in (a, b, c))
            scores = b * c / (a + 0.001)
        else:
            scores = b - a + c
        scores[question] = -np.inf
        assert scores[answer] == pytest.approx(scores.max(), abs=1e-5)
    with pytest.raises(ValueError, match="method must be one of"):
        evaluation.answer_analogies(dense, questions, "4cos")


def test_sparse_vectors_are_saved_and_loaded(tmp_path: Path, textbook: PPMI) -> None:
    textbook.save(tmp_path / "p.safetensors")
    loaded = PPMI.load(tmp_path / "p.safetensors")
    assert np.array_equal(loaded.matrix.toarray(), textbook.matrix.toarray())
    assert loaded.settings == textbook.settings
    assert loaded.index_to_key == textbook.index_to_key
    assert loaded.get_vecattr("say", "count") == 2
    assert SparseVectors.load(tmp_path / "p.safetensors").most_similar("you") == textbook.most_similar("you")
    plain = SparseVectors.from_csr(textbook.index_to_key, textbook.matrix)
    plain.save(tmp_path / "s.safetensors")
    assert len(SparseVectors.load(tmp_path / "s.safetensors")) == 7
    with pytest.raises(ValueError, match=r"holds no PPMI matrix but 'sparsevectors'"):
        PPMI.load(tmp_path / "s.safetensors")
    with pytest.raises(ValueError, match="there are no vectors"):
        KeyedVectors.load(tmp_path / "p.safetensors")
    with pytest.raises(TypeError, match="cannot be saved in word2vec's format"):
        textbook.save_word2vec_format(tmp_path / "p.bin", binary=True)


# --- SVD ---


@pytest.mark.parametrize("dim", [5, 30])
def test_singular_values_and_vectors_are_those_of_lapack(low_rank: sp.csr_array, dim: int) -> None:
    factors = decompose(low_rank, dim, tolerance=1e-5)
    left, values, right = np.linalg.svd(low_rank.toarray().astype(np.float64))
    assert factors.values == pytest.approx(values[:dim], rel=1e-4)
    n = dim // 2  # those at the end may be mixed with their neighbours
    assert np.abs((factors.left[:, :n] * left[:, :n]).sum(axis=0)) == pytest.approx(np.ones(n), abs=1e-3)
    assert np.abs((factors.right[:, :n] * right[:n].T).sum(axis=0)) == pytest.approx(np.ones(n), abs=1e-3)
    for vectors in (factors.left, factors.right):
        assert vectors.T @ vectors == pytest.approx(np.eye(dim), abs=1e-4)
    assert (factors.left.max(axis=0) >= -factors.left.min(axis=0)).all()


def test_the_default_tolerance_captures_the_energy_within_half_a_per_cent(low_rank: sp.csr_array) -> None:
    values = np.linalg.svd(low_rank.toarray(), compute_uv=False)
    for dim in (10, 50, 100):
        captured = (decompose(low_rank, dim).values ** 2).sum() / (values[:dim].astype(float) ** 2).sum()
        assert 0.995 < captured < 1.0001


@pytest.mark.parametrize("rank", [1, 3, 70])
def test_a_matrix_of_lower_rank_than_asked_for_is_decomposed(rank: int) -> None:
    rng = np.random.default_rng(rank)
    dense = rng.integers(0, 2, (600, rank)) @ rng.integers(0, 2, (rank, 600)) * 0.1
    factors = decompose(sp.csr_array(dense.astype(np.float32)), 80)
    assert (factors.left * factors.values) @ factors.right.T == pytest.approx(dense, abs=5e-3)
    assert np.isfinite(factors.left).all()
    assert factors.values[rank:] == pytest.approx(0, abs=1e-4 * factors.values[0])


def test_the_same_seed_gives_the_same_bytes(low_rank: sp.csr_array) -> None:
    first, again, other = (decompose(low_rank, 10, seed=seed) for seed in (1, 1, 2))
    assert first.left.tobytes() == again.left.tobytes()
    assert first.left.tobytes() != other.left.tobytes()
    assert first.values == pytest.approx(other.values, rel=1e-2)


@pytest.mark.parametrize("n_columns", [1, 63, 64, 100])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_product_is_scipys(low_rank: sp.csr_array, n_columns: int, n_threads: int) -> None:
    from fastw2v import _count

    dense = np.random.default_rng(2).standard_normal((600, n_columns), dtype=np.float32)
    product = np.empty((600, n_columns), np.float32)
    _count.sparse_multiply(
        low_rank.indptr.astype(np.int64),
        low_rank.indices.astype(np.int32),
        low_rank.data,
        dense,
        product,
        n_threads,
        _count.StopFlag(),
    )
    assert product == pytest.approx(low_rank @ dense, abs=1e-5)


def test_svd_vectors_are_left_vectors_times_powers_of_the_values(textbook: PPMI) -> None:
    svd = SVD(textbook, 3, eig=0.5)
    values = np.linalg.svd(textbook.matrix.toarray(), compute_uv=False)
    assert svd.singular_values == pytest.approx(values[:3], abs=1e-5)
    assert svd.wv.vectors == pytest.approx(svd.left_vectors * np.sqrt(values[:3]), abs=1e-5)
    assert np.array_equal(svd.get_vectors(eig=0), svd.left_vectors)
    assert svd.get_vectors("c", -1.5) == pytest.approx(svd.right_vectors / values[:3] ** 1.5, rel=1e-4)
    both = SVD(textbook, 3, eig=0, which="w+c")
    assert both.wv.vectors == pytest.approx(both.left_vectors + both.right_vectors, abs=1e-6)
    assert both.wv.get_vecattr("say", "count") == 2
    assert type(svd.wv) is KeyedVectors
    assert repr(svd) == "SVD<7 words, dim=3, eig=0.5>"


def test_svd_is_saved_and_loaded_and_its_vectors_by_themselves(tmp_path: Path, textbook: PPMI) -> None:
    svd = SVD(textbook, 2, eig=0.25, which="w+c")
    svd.save(tmp_path / "svd.safetensors")
    loaded = SVD.load(tmp_path / "svd.safetensors")
    assert np.array_equal(loaded.wv.vectors, svd.wv.vectors)
    assert np.array_equal(loaded.get_vectors("c", 1), svd.get_vectors("c", 1))
    assert (loaded.eig, loaded.which) == (0.25, "w+c")
    assert np.array_equal(KeyedVectors.load(tmp_path / "svd.safetensors").vectors, svd.wv.vectors)
    svd.wv.save(tmp_path / "wv.safetensors")
    with pytest.raises(ValueError, match="holds no SVD but 'keyedvectors'"):
        SVD.load(tmp_path / "wv.safetensors")


# --- what is refused ---


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"cds": -0.5}, ValueError, "cds must be at least 0 and finite, not -0.5"),
        ({"cds": float("nan")}, ValueError, "cds must be at least 0 and finite"),
        ({"cds": "x"}, TypeError, "cds must be a number"),
        ({"shift": 0}, ValueError, "shift must be above 0"),
        ({"base": 10}, ValueError, "base must be 2 or 'e', not 10"),
        ({"workers": 0}, ValueError, "workers must be between"),
    ],
)
def test_ppmi_settings_out_of_range_are_named(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        PPMI(Cooccurrence(SAY_GOODBYE, min_count=1), **settings)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"dim": 7}, ValueError, "dim must be less than the number of words, which is 7, not 7"),
        ({"dim": 0}, ValueError, "dim must be at least 1"),
        ({"dim": 2.5}, TypeError, "dim must be a whole number"),
        ({"eig": float("nan")}, ValueError, "eig must be finite"),
        ({"which": "c"}, ValueError, "which must be one of 'w', 'w\\+c'"),
        ({"tolerance": 0}, ValueError, "tolerance must be above 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"workers": 0}, ValueError, "workers must be between"),
    ],
)
def test_svd_settings_out_of_range_are_named(
    textbook: PPMI, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SVD(textbook, **{"dim": 2, **settings})


def test_what_is_no_matrix_is_refused(textbook: PPMI) -> None:
    with pytest.raises(TypeError, match=r"counts must be a Cooccurrence, .* Cooccurrence.from_matrix"):
        PPMI(np.ones((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"vectors must be a PPMI .* PPMI\(counts\)"):
        SVD(Cooccurrence(SAY_GOODBYE, min_count=1), 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the matrix of counts is empty: no word of the text has another"):
        PPMI(Cooccurrence([["a"], ["b"]], min_count=1))
    with pytest.raises(ValueError, match="the matrix is empty: it has no entries"):
        SVD(PPMI(Cooccurrence(SAY_GOODBYE, min_count=1), shift=1e9), 2)
    damaged = textbook.matrix.copy()
    damaged.data[3] = np.nan
    with pytest.raises(ValueError, match="the matrix holds NaN or infinite numbers"):
        SVD(SparseVectors.from_csr(textbook.index_to_key, damaged), 2)
    with pytest.raises(ValueError, match="vectors must have shape"):
        SparseVectors.from_csr(["a"], textbook.matrix)
    with pytest.raises(KeyError, match="Key 'nothing' not present"):
        textbook.most_similar("nothing")


def test_damaged_files_are_refused(tmp_path: Path, textbook: PPMI) -> None:
    from fastw2v import model_file

    textbook.save(tmp_path / "p")
    tensors, metadata = model_file.read(tmp_path / "p")
    for name, array in (("columns", tensors["columns"] + 9), ("row_starts", tensors["row_starts"][:-1])):
        model_file.write(tmp_path / "q", {**tensors, name: array}, metadata)
        with pytest.raises(ValueError, match="q: damaged or incomplete file"):
            PPMI.load(tmp_path / "q")
    del tensors["values"]
    model_file.write(tmp_path / "q", tensors, metadata)
    with pytest.raises(ValueError, match="values are missing"):
        PPMI.load(tmp_path / "q")


def test_a_disk_that_fills_up_leaves_no_half_written_file(
    tmp_path: Path, textbook: PPMI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: io.BufferedWriter, array: np.ndarray) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastw2v.model_file._write_array", full)
    for thing in (textbook, Cooccurrence(SAY_GOODBYE, min_count=1), SVD(textbook, 2)):
        with pytest.raises(OSError, match="No space left on device: could not write the file"):
            thing.save(tmp_path / "file.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_stops_a_decomposition_within_a_second() -> None:
    code = (
        "import signal, threading, numpy as np, scipy.sparse as sp\n"
        "from fastw2v.svd_solver import truncated_svd\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "rng = np.random.default_rng(0)\n"
        "matrix = sp.random_array((20_000, 20_000), density=0.01, rng=rng, dtype=np.float32, format='csr')\n"
        "threading.Timer(0.5, lambda: print('ready', flush=True)).start()\n"
        "try:\n"
        "    truncated_svd(matrix, 1000, tolerance=1e-9, seed=1, n_threads=2)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        began = time.perf_counter()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        assert time.perf_counter() - began < 1.5
        assert child.wait(20) == 0
