"""Analogies and word pairs against a slow, obvious judge, question by question, and against gensim."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import pearsonr, spearmanr

from fastw2v import KeyedVectors, MissingExtraError, cosines, evaluation
from fastw2v.categories import score_categories
from fastw2v.spelling import Spellings

N_WORDS = 300


@pytest.fixture
def wv() -> KeyedVectors:
    """Words whose vectors follow planted analogies, loosely: part of the answers is right."""
    rng = np.random.default_rng(0)
    group, kind = np.divmod(np.arange(N_WORDS), 2)
    vectors = rng.normal(size=(N_WORDS // 2, 12))[group] + np.outer(kind, rng.normal(size=12))
    vectors += rng.normal(scale=0.45, size=vectors.shape)
    words = [f"{'aB'[k]}{g}" for g, k in zip(group, kind, strict=True)]
    return KeyedVectors.from_arrays(words, vectors.astype(np.float32))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Two sections, an empty one, unknown words, other spellings, and answers that stand in the question."""
    rng = np.random.default_rng(1)
    lines = [": capital-world"]
    for number, (left, right) in enumerate(rng.integers(0, N_WORDS // 2, (400, 2)).tolist()):
        if number == 250:
            lines += ["", ":   gram1-things  ", ": gram2-empty"]
        lines.append(f"a{left} b{left} a{right} b{right}")
    lines += ["a1 b1 unknown b2", "A1 B1 A2 B2", "a1 b1 a2 a1", "\t a3  b3 a4 b4 "]
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(lines), "utf-8")
    return path


def slow_analogies(
    wv: KeyedVectors, path: Path, fold: bool = True, n_words: int | None = None
) -> list[bool | None]:
    """Answer one question at a time: True, False, or None if it is not covered."""
    row_of: dict[str, int] = {}
    for row, word in enumerate(wv.index_to_key[:n_words]):
        row_of.setdefault(word.lower() if fold else word, row)
    unit = wv.vectors[:n_words].astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    verdicts: list[bool | None] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(":") or not line.strip():
            continue
        rows = [row_of.get(word.lower() if fold else word, -1) for word in line.split()]
        if min(rows) < 0:
            verdicts.append(None)
            continue
        a, b, c, d = rows
        cosines = unit @ (unit[b] - unit[a] + unit[c])
        cosines[[a, b, c]] = -9
        verdicts.append(int(cosines.argmax()) == d)
    return verdicts


@pytest.mark.parametrize(
    ("fold", "n_words"), [(True, None), (False, None), (True, 150), (True, 10_000), (True, 3)]
)
def test_every_question_gets_the_verdict_of_the_slow_judge(
    wv: KeyedVectors, questions: Path, fold: bool, n_words: int | None
) -> None:
    expected = slow_analogies(wv, questions, fold, n_words)
    score = evaluation.score_analogies(
        wv.index_to_key, wv.vectors, questions, restrict_vocab=n_words, case_insensitive=fold
    )
    assert [
        bool(hit) if known else None for hit, known in zip(score.correct, score.covered, strict=True)
    ] == expected
    assert score.n_asked == len(expected)
    assert score.n_covered == sum(verdict is not None for verdict in expected)
    assert score.n_correct == sum(verdict is True for verdict in expected)
    if fold and n_words is None:
        assert 40 < score.n_correct < score.n_covered - 40, "the planted answers should be right in part"


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_tiles_of_any_size_give_the_same_answers(
    wv: KeyedVectors, questions: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    whole = evaluation.score_analogies(wv.index_to_key, wv.vectors, questions, method=method)
    padded = np.zeros((N_WORDS, 16), np.float32)
    padded[:, :12] = wv.vectors
    for n_words_of_table, n_cosines in ((9, 300), (1000, 30_000)):
        monkeypatch.setattr(cosines, "_WORDS_PER_TABLE", n_words_of_table)
        monkeypatch.setattr(cosines, "_COSINES_PER_TABLE", n_cosines)
        for threads in (1, 3):
            tiled = evaluation.score_analogies(
                wv.index_to_key, padded[:, :12], questions, threads=threads, method=method
            )
            np.testing.assert_array_equal(tiled.correct, whole.correct)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_vectors_of_other_types_are_judged_in_single_precision(
    wv: KeyedVectors, questions: Path, pairs: Path, dtype: type
) -> None:
    typed = wv.vectors.astype(dtype)
    for evaluate, path in ((evaluation.score_analogies, questions), (evaluation.score_pairs, pairs)):
        ours: Any = evaluate(wv.index_to_key, typed, path)  # type: ignore[operator]
        single: Any = evaluate(wv.index_to_key, typed.astype(np.float32), path)  # type: ignore[operator]
        if evaluate is evaluation.score_analogies:
            np.testing.assert_array_equal(ours.correct, single.correct)
        else:
            assert ours.pearson[0] == pytest.approx(single.pearson[0], abs=1e-6)


def test_sections_add_up_and_those_named_gram_are_syntactic(wv: KeyedVectors, questions: Path) -> None:
    score = evaluation.score_analogies(wv.index_to_key, wv.vectors, questions)
    verdicts = np.array([verdict is True for verdict in slow_analogies(wv, questions)])
    covered = score.covered
    assert score.sections == ["capital-world", "gram1-things", "gram2-empty"]
    assert score.section_of.tolist() == [0] * 250 + [2] * 154
    assert score.semantic == score.section_accuracy(0) == verdicts[:250].mean()
    assert score.syntactic == verdicts[250:].sum() / covered[250:].sum()
    assert score.accuracy == verdicts.sum() / covered.sum()
    assert np.isnan(score.section_accuracy(1))
    figures = json.loads(json.dumps(score.to_dict(), allow_nan=False))
    assert figures["total"]["asked"] == 404
    assert figures["sections"]["gram1-things"] == {"accuracy": None, "correct": 0, "covered": 0, "asked": 0}
    assert figures["semantic"]["correct"] + figures["syntactic"]["correct"] == figures["total"]["correct"]


def test_of_equal_cosines_the_first_word_answers_and_question_words_never_do() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0], [1, 1], [1, 1], [2, 2]], np.float32)
    answers = evaluation.answer_analogies(vectors, np.array([[0, 1, 2], [1, 3, 1], [4, 4, 4], [3, 3, 3]]))
    assert answers.tolist() == [3, 4, 3, 4]
    assert evaluation.answer_analogies(vectors[:3], np.array([[0, 1, 2]])).tolist() == [-1]
    assert evaluation.answer_analogies(vectors, np.zeros((0, 3), np.int64)).tolist() == []


def test_of_two_spellings_the_first_counts(tmp_path: Path) -> None:
    words = ["paris", "PARIS", "france", "rome", "italy", "wrong"]
    vectors = np.array(
        [[1, 1, 0], [0, -1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1], [-1, -1, 1]], np.float32
    )  # france : PARIS :: italy : wrong
    path = tmp_path / "q"
    path.write_text(": capitals\nFrance Paris Italy Rome\n")
    assert evaluation.score_analogies(words, vectors, path).n_correct == 1
    assert evaluation.score_analogies(words, vectors, path, case_insensitive=False).n_covered == 0


def test_the_method_returns_gensim_s_shape(wv: KeyedVectors, questions: Path) -> None:
    verdicts = slow_analogies(wv, questions)
    accuracy, sections = wv.evaluate_word_analogies(questions)
    n_correct, n_covered = sum(v is True for v in verdicts), sum(v is not None for v in verdicts)
    assert accuracy == n_correct / n_covered
    assert [part["section"] for part in sections] == [
        "capital-world",
        "gram1-things",
        "gram2-empty",
        "Total accuracy",
    ]
    assert [len(part["correct"]) + len(part["incorrect"]) for part in sections] == [250, 0, 153, n_covered]
    assert ("A1", "B1", "A2", "B2") in sections[2]["correct"] + sections[2]["incorrect"]
    with_dummies, _ = wv.evaluate_word_analogies(questions, dummy4unknown=True)
    assert with_dummies == n_correct / len(verdicts)
    assert wv.evaluate_word_analogies(questions, restrict_vocab=1)[0] == 0.0


def test_analogies_equal_gensim_s(wv: KeyedVectors, questions: Path) -> None:
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(wv.vector_size)
    theirs.add_vectors(wv.index_to_key, wv.vectors)
    for options in ({}, {"dummy4unknown": True}, {"restrict_vocab": 100}, {"case_insensitive": False}):
        ours = wv.evaluate_word_analogies(questions, **options)
        assert ours == theirs.evaluate_word_analogies(str(questions), **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a b c d\n", "line 1: a question before the first section"),
        (b": x\na b c d\na b c\n", "line 3: an analogy question has four words, but here are 3"),
        (b": x\na b c d e\n", "line 2.*here are 5"),
        (b": x\n\xff\xfe\n", "no utf-8 text"),
    ],
)
def test_malformed_question_files_are_refused_by_line(
    wv: KeyedVectors, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "q").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        wv.evaluate_word_analogies(tmp_path / "q")
    with pytest.raises(FileNotFoundError):
        wv.evaluate_word_analogies(tmp_path / "missing")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A comment, names of columns, pairs, one more column, an unknown word and other spellings."""
    rng = np.random.default_rng(2)
    lines = ["# a comment", "word 1\tword 2\tscore"]
    for left, right in rng.integers(0, N_WORDS // 2, (80, 2)).tolist():
        lines.append(f"a{left}\tB{right}\t{rng.normal():.2f}\tmore")
    lines += ["a1\tunknown\t3", "", "A1\tb1\t9"]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines), "utf-8")
    return path


def slow_pairs(wv: KeyedVectors, path: Path) -> tuple[list[float], list[float]]:
    """Return people's scores and cosines of the covered pairs, one by one."""
    row_of = {word.lower(): row for row, word in enumerate(wv.index_to_key)}
    human, cosines = [], []
    for line in path.read_text("utf-8").splitlines()[2:]:
        if line and line.split("\t")[1] != "unknown":
            left, right, score = line.split("\t")[:3]
            human.append(float(score))
            cosines.append(float(wv.similarity(row_of[left.lower()], row_of[right.lower()])))
    return human, cosines


def test_pairs_are_correlated_as_scipy_does_it(wv: KeyedVectors, pairs: Path) -> None:
    human, cosines = slow_pairs(wv, pairs)
    score = evaluation.score_pairs(wv.index_to_key, wv.vectors, pairs)
    assert (score.n_asked, score.n_covered) == (82, 81)
    assert score.spearman[0] == pytest.approx(spearmanr(human, cosines)[0], abs=1e-12)
    assert score.pearson[0] == pytest.approx(pearsonr(human, cosines)[0], abs=1e-6)
    assert score.oov_ratio == pytest.approx(100 / 82)
    pearson, spearman, oov_ratio = wv.evaluate_word_pairs(pairs, dummy4unknown=True)
    assert spearman[0] == pytest.approx(spearmanr([*human, 3], [*cosines, 0])[0], abs=1e-12)
    assert pearson[1] == pytest.approx(pearsonr([*human, 3], [*cosines, 0])[1], abs=1e-6)
    assert oov_ratio == pytest.approx(100 / 82)


def test_pairs_equal_gensim_s(wv: KeyedVectors, pairs: Path) -> None:
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(wv.vector_size)
    theirs.add_vectors(wv.index_to_key, wv.vectors)
    pairs.write_text(
        pairs.read_text().replace("\tmore", "")
    )  # gensim skips lines with more than three columns
    for options in ({}, {"dummy4unknown": True}, {"restrict_vocab": 100}):
        ours: Any = wv.evaluate_word_pairs(pairs, **options)
        expected = theirs.evaluate_word_pairs(str(pairs), **options)
        for one, other in zip(ours[:2], expected[:2], strict=True):
            np.testing.assert_allclose(tuple(one), tuple(other), atol=1e-5)
        assert ours[2] == pytest.approx(expected[2])


def test_malformed_or_uncovered_pair_files_are_refused(wv: KeyedVectors, tmp_path: Path) -> None:
    path = tmp_path / "p"
    for content, message in (
        ("a1\tb1\t1\na2\tb2\n", "line 2"),
        ("a1 b1 1\n", "line 1"),
        ("a1\tb1\t1\na2\tb2\tmuch\n", "line 2"),
        ("x\ty\t1\na1\tb1\t1\n", "only 1 of 2 pairs"),
        ("", "only 0 of 0 pairs"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            wv.evaluate_word_pairs(path)
    path.write_text("a1 b1  1\na2 b2 2\na3 b4 4\n")
    assert wv.evaluate_word_pairs(path, delimiter=None)[2] == 0


def test_vectors_that_are_not_finite_are_refused_by_row(
    wv: KeyedVectors, questions: Path, pairs: Path
) -> None:
    for bad in (np.nan, np.inf):
        wv.vectors[5, 3] = bad
        for evaluate, path in ((wv.evaluate_word_analogies, questions), (wv.evaluate_word_pairs, pairs)):
            with pytest.raises(ValueError, match="row 5 is not finite"):
                evaluate(path)  # type: ignore[operator]


def test_zero_vectors_are_similar_to_nothing_and_answer_nothing(wv: KeyedVectors, questions: Path) -> None:
    before = evaluation.score_analogies(wv.index_to_key, wv.vectors, questions)
    words = [*wv.index_to_key, "zero"]
    vectors = np.vstack([wv.vectors, np.zeros((1, 12), np.float32)])
    after = evaluation.score_analogies(words, vectors, questions)
    np.testing.assert_array_equal(before.correct, after.correct)


def test_analogies_by_the_product_of_cosines_are_answered_one_by_one_and_together(
    wv: KeyedVectors, questions: Path
) -> None:
    unit = wv.vectors / np.linalg.norm(wv.vectors, axis=1, keepdims=True)
    row_of = {word.lower(): row for row, word in enumerate(wv.index_to_key)}
    score = evaluation.score_analogies(wv.index_to_key, wv.vectors, questions, method="3cosmul", threads=2)
    for question, covered, correct in zip(score.questions, score.covered, score.correct, strict=True):
        if covered:
            a, b, c, d = (row_of[word.lower()] for word in question)
            cosines_ = (1 + unit @ unit[[a, b, c]].T.astype(np.float64)) / 2
            scores = cosines_[:, 1] * cosines_[:, 2] / (cosines_[:, 0] + 0.001)
            scores[[a, b, c]] = -1
            assert correct == (scores.argmax() == d)
    by_name = wv.evaluate_word_analogies(questions, similarity_function="most_similar_cosmul")
    assert by_name[0] == score.accuracy
    with pytest.raises(ValueError, match="similarity_function must be one of"):
        wv.evaluate_word_analogies(questions, similarity_function="distance")


def test_analogies_equal_gensim_s_where_words_have_several_spellings(tmp_path: Path) -> None:
    models = pytest.importorskip("gensim.models")
    rng = np.random.default_rng(8)
    base = rng.normal(size=(60, 9))
    words, vectors = [], []
    for number in range(60):  # three spellings next to each other: each is the others' nearest word
        for spelling in (f"word{number}", f"Word{number}", f"WORD{number}"):
            words.append(spelling)
            vectors.append(base[number] + rng.normal(scale=0.3, size=9))
    order = rng.permutation(len(words))
    ours = KeyedVectors.from_arrays([words[i] for i in order], np.float32(vectors)[order])
    theirs = models.KeyedVectors(9)
    theirs.add_vectors(ours.index_to_key, ours.vectors)
    path = tmp_path / "q"
    path.write_text(
        ": x\n"
        + "".join("word{} word{} word{} word{}\n".format(*rng.integers(0, 60, 4)) for _ in range(3000))
    )
    found, expected = (wv.evaluate_word_analogies(str(path)) for wv in (ours, theirs))
    # gensim gives up where the five nearest words are spellings of the question's.
    differing = set(found[1][0]["correct"]) ^ set(expected[1][0]["correct"])
    assert len(found[1][0]["correct"]) > 30
    assert len(differing) <= 5


@pytest.mark.parametrize(
    ("question", "vocabulary", "found"),
    [
        ("PARIS", ["paris", "Paris"], "paris"),
        ("Maße", ["masse", "maße"], "maße"),  # gensim takes the first
        ("MASSE", ["maße", "masse"], "masse"),
        ("STRASSE", ["straße"], "straße"),
        ("STRAẞE", ["straße"], "straße"),
        ("İzmir", ["i̇zmir"], "i̇zmir"),  # as str.lower makes it
        ("İzmir", ["izmir"], None),
        ("ISPARTA", ["ısparta", "isparta"], "isparta"),  # gensim takes the first
        ("ısparta", ["isparta"], None),
        ("ΛΌΓΟΣ", ["λόγος"], "λόγος"),
        ("λόγοσ", ["ΛΌΓΟΣ"], "ΛΌΓΟΣ"),
        ("e\u0301te\u0301", ["Été"], "Été"),
        ("\u212a", ["k"], "k"),  # the sign of Kelvin
        ("missing", ["masse"], None),
    ],
)
def test_words_are_found_whatever_their_case_but_not_confused(
    question: str, vocabulary: list[str], found: str | None
) -> None:
    spellings = Spellings(vocabulary, case_insensitive=True)
    expected = -1 if found is None else vocabulary.index(found)
    assert spellings.row_of(question) == expected
    assert spellings.rows_of([(question,), (vocabulary[0], question)]).tolist() == [
        expected,
        spellings.row_of(vocabulary[0]),
        expected,
    ]
    exact = Spellings(vocabulary, case_insensitive=False)
    assert exact.row_of(question) == (vocabulary.index(question) if question in vocabulary else -1)
    assert exact.groups.tolist() == list(range(len(vocabulary)))


@pytest.fixture
def kinds(tmp_path: Path) -> tuple[KeyedVectors, Path]:
    """Three kinds of words, well apart but for two words that lie with another kind, and one unknown word."""
    rng = np.random.default_rng(6)
    centers = np.eye(3, 8)
    kind_of = np.repeat([0, 1, 2], 10)
    placed = kind_of.copy()
    placed[[3, 14]] = 2
    vectors = (centers[placed] + rng.normal(scale=0.05, size=(30, 8))) * rng.uniform(0.1, 10, (30, 1))
    words = [f"w{row}" for row in range(30)]
    path = tmp_path / "kinds.txt"
    lines = [f"W{row} kind{kind}" for row, kind in enumerate(kind_of)]
    path.write_text("\n".join(["# word kind", *lines, "unknown kind1", "w0 kind0", ""]))
    return KeyedVectors.from_arrays(words, vectors.astype(np.float32)), path


def test_purity_counts_the_words_that_lie_with_their_kind(kinds: tuple[KeyedVectors, Path]) -> None:
    pytest.importorskip("sklearn")
    wv, path = kinds
    score = wv.evaluate_categories(path)
    assert score.purity == pytest.approx(29 / 31)
    assert (score.n_categories, score.n_asked, score.n_covered) == (3, 32, 31)
    assert score.oov_ratio == pytest.approx(100 / 32)
    assert score.clusters["W3"] == score.clusters["W14"] == score.clusters["W20"] != score.clusters["W0"]
    assert wv.evaluate_categories(path, threads=2) == score
    given = {f"w{row}": "even" if row % 2 == 0 else "odd" for row in range(30)}
    assert 0.5 <= wv.evaluate_categories(given).purity < 0.8  # nothing that the vectors know of
    assert wv.evaluate_categories(path, restrict_vocab=20).n_covered == 21


def test_categories_of_sparse_vectors_are_those_of_dense_ones(kinds: tuple[KeyedVectors, Path]) -> None:
    pytest.importorskip("sklearn")
    wv, path = kinds
    sparse = score_categories(wv.index_to_key, csr_array(wv.vectors), path)
    assert sparse.purity == wv.evaluate_categories(path).purity


def test_malformed_or_uncovered_categories_are_refused(
    kinds: tuple[KeyedVectors, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    wv, path = kinds
    for content, message in (
        ("w1 a\nw2\n", "line 2: a word and its category expected, but here are 1"),
        ("w1 a\nw2 a b\n", "line 2"),
        ("w1 a\nw1 b\n", "line 2: 'w1' is of 'a' already"),
        ("w1 a\nw2 a\nx b\n", "2 of 3 words are in the vocabulary, of 1 categories"),
        ("", "0 of 0 words"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            wv.evaluate_categories(path)
    with pytest.raises(FileNotFoundError):
        wv.evaluate_categories(path.with_name("missing"))
    wv.vectors[2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        wv.evaluate_categories({"w1": "a", "w2": "b"})
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fastw2v\[cluster\]'"):
        wv.evaluate_categories({"w1": "a", "w2": "b"})
