"""How good vectors are: analogy questions and word pairs scored by people.

Analogies a : b :: c : ? are answered by 3CosAdd (Mikolov, Yih and Zweig 2013, section 4), the word with the
largest cosine to b - a + c (unit vectors), the three question words excluded; pairs are judged by the rank
correlation of their cosines with the scores. Words are compared regardless of case (`spelling`); the first (most
frequent) of several spellings counts, and none of them answers a question that it stands in. Questions with an unknown
word are not scored, but counted.

`KeyedVectors` and the command line call this. It needs words and a matrix, no more. All questions go through
one sweep over the vocabulary (`cosines`): memory beyond the matrix is some tens of MB, and the matrix is never
normalised as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v.cosines import METHODS, answer_by_cosines, row_products, square_sums
from fastw2v.question_files import read_pairs, read_questions
from fastw2v.settings import check_choice
from fastw2v.spelling import Spellings

# Norms below this are taken for zero vectors, which have no direction: they are similar to nothing.
_MIN_NORM = np.float32(1e-12)


@dataclass(frozen=True)
class AnalogyScore:
    """Which analogy questions were answered right.

    Attributes
    ----------
    sections : list of str
        The names of the sections of the file, in its order.
    questions : list of tuple of (str, str, str, str)
        Every question asked, as spelled in the file.
    section_of : numpy.ndarray of int64, shape [number of questions]
        The section each question belongs to, as a place in `sections`.
    covered : numpy.ndarray of bool, shape [number of questions]
        All four words are in the vocabulary.
    correct : numpy.ndarray of bool, shape [number of questions]
        Covered, and answered right.
    """

    sections: list[str]
    questions: list[tuple[str, str, str, str]]
    section_of: np.ndarray
    covered: np.ndarray
    correct: np.ndarray

    @property
    def n_asked(self) -> int:
        """Number of questions in the file."""
        return len(self.questions)

    @property
    def n_covered(self) -> int:
        """Number of questions that could be scored."""
        return int(self.covered.sum())

    @property
    def n_correct(self) -> int:
        """Number of questions answered right."""
        return int(self.correct.sum())

    @property
    def accuracy(self) -> float:
        """Share of right answers among the covered questions, 0 to 1; NaN if none is covered."""
        return self._share(np.ones(self.n_asked, bool))

    @property
    def semantic(self) -> float:
        """`accuracy` of the sections that are not syntactic."""
        return self._share(~self._syntactic())

    @property
    def syntactic(self) -> float:
        """`accuracy` of the sections whose name starts with "gram", as in Google's file."""
        return self._share(self._syntactic())

    def section_accuracy(self, section: int) -> float:
        """`accuracy` of one section, given as its place in `sections`."""
        return self._share(self.section_of == section)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain numbers, ready for JSON; accuracy is None where nothing is covered."""

        def part(mask: np.ndarray) -> dict[str, Any]:
            n_covered = int(self.covered[mask].sum())
            return {
                "accuracy": self._share(mask) if n_covered else None,
                "correct": int(self.correct[mask].sum()),
                "covered": n_covered,
                "asked": int(mask.sum()),
            }

        return {
            "total": part(np.ones(self.n_asked, bool)),
            "semantic": part(~self._syntactic()),
            "syntactic": part(self._syntactic()),
            "sections": {name: part(self.section_of == place) for place, name in enumerate(self.sections)},
        }

    def _syntactic(self) -> np.ndarray:
        names = np.array([name.startswith("gram") for name in self.sections], dtype=bool)
        return names[self.section_of] if len(names) else np.zeros(self.n_asked, bool)

    def _share(self, mask: np.ndarray) -> float:
        n_covered = int(self.covered[mask].sum())
        return int(self.correct[mask].sum()) / n_covered if n_covered else float("nan")


@dataclass(frozen=True)
class PairScore:
    """How cosines agree with people's scores of word pairs.

    Attributes
    ----------
    pearson, spearman : tuple of (float, float)
        Coefficient of correlation (-1 to 1) and two-sided p-value, as SciPy returns them.
    n_asked, n_covered : int
        Pairs in the file, and pairs with both words in the vocabulary.
    """

    pearson: Any
    spearman: Any
    n_asked: int
    n_covered: int

    @property
    def oov_ratio(self) -> float:
        """Share of pairs with a word that is not in the vocabulary, in per cent."""
        return 100.0 * (self.n_asked - self.n_covered) / self.n_asked


def score_analogies(
    words: Sequence[str],
    vectors: Any,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    method: str = "3cosadd",
    threads: int = 1,
) -> AnalogyScore:
    """Answer the analogy questions of a file.

    Parameters
    ----------
    words : sequence of str
        V words, by frequency.
    vectors : numpy.ndarray, shape [V, D]
        Their vectors, of any length; rows may be padded.
    path : str or os.PathLike
        UTF-8 text: lines ``: section`` and lines of four words.
    restrict_vocab : int, optional
        Use the first so many words only, for questions and answers alike. Default all.
    case_insensitive : bool, default True
        Compare regardless of case; see `fastw2v.spelling`.
    method : {"3cosadd", "3cosmul"}
        How questions are answered; see `answer_analogies`.
    threads : int, default 1
        Threads that compute. The result does not depend on it.

    Returns
    -------
    AnalogyScore

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        A line of the file is neither of both, or a question comes before the first section (the message has
        the line), or a vector is not finite.
    """
    sections, questions, section_of = read_questions(path)
    words, vectors = words[: restrict_vocab or None], vectors[: restrict_vocab or None]
    spellings = Spellings(words, case_insensitive)
    rows = spellings.rows_of(questions).reshape(-1, 4)
    covered: np.ndarray = np.all(rows >= 0, axis=1)
    correct = np.zeros(len(questions), bool)
    asked = rows[covered]
    answers = answer_analogies(vectors, asked[:, :3], method, groups=spellings.groups, threads=threads)
    correct[covered] = (answers >= 0) & (spellings.groups[answers] == spellings.groups[asked[:, 3]])
    return AnalogyScore(sections, questions, section_of, covered, correct)


def answer_analogies(
    vectors: Any,
    questions: np.ndarray,
    method: str = "3cosadd",
    *,
    groups: np.ndarray | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Return for each question a : b :: c : ? the row that answers it, other than a, b and c.

    Parameters
    ----------
    vectors : numpy.ndarray or scipy.sparse.csr_array, shape [V, D]
        Vectors of any length; computed in float32.
    questions : numpy.ndarray of int64, shape [n, 3]
        The rows of a, b and c.
    method : {"3cosadd", "3cosmul"}
        The sum of cosines described at the head of this file, or their product; see
        `fastw2v.cosines.answer_by_cosines`.
    groups : numpy.ndarray of int32, shape [V], optional
        Rows of the same group as a, b or c are no answers either, such as other spellings. Default: each its own.
    threads : int, default 1
        Threads that compute. Answers do not depend on it.

    Returns
    -------
    numpy.ndarray of int64, shape [n]
        Of equal cosines the first row wins. -1 where there is no row left to answer with.

    Raises
    ------
    ValueError
        A vector is not finite.
    """
    norms = row_norms(vectors)
    check_choice("method", method, METHODS)
    if groups is None:
        groups = np.arange(vectors.shape[0], dtype=np.int32)
    return answer_by_cosines(vectors, norms, questions, groups, method, threads)


def score_pairs(
    words: Sequence[str],
    vectors: Any,
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    dummy_for_unknown: bool = False,
) -> PairScore:
    """Correlate cosines with people's scores of word pairs.

    Parameters
    ----------
    words, vectors, restrict_vocab, case_insensitive
        As in `score_analogies`.
    path : str or os.PathLike
        Text: lines of word, word, score and perhaps more columns. Lines that start with ``#`` are comments; a
        first line without a score holds the names of the columns.
    delimiter : str, optional
        Between the columns; default any white space.
    encoding : str, default "utf-8"
        Of the file.
    dummy_for_unknown : bool, default False
        Take 0 for the cosine of a pair with an unknown word instead of leaving it out.

    Returns
    -------
    PairScore

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        A line of the file is not a pair (the message has the line), fewer than two pairs are covered, or
        a vector is not finite.
    """
    from scipy import stats  # here because importing it takes longer than all the rest of the package

    pairs, human = read_pairs(path, delimiter, encoding)
    words, vectors = words[: restrict_vocab or None], vectors[: restrict_vocab or None]
    rows = Spellings(words, case_insensitive).rows_of(pairs).reshape(-1, 2)
    covered: np.ndarray = np.all(rows >= 0, axis=1)
    n_covered = int(covered.sum())
    used = np.ones(len(pairs), bool) if dummy_for_unknown else covered
    if used.sum() < 2:
        raise ValueError(
            f"{os.fspath(path)}: only {n_covered} of {len(pairs)} pairs have both words in the vocabulary"
        )
    norms = row_norms(vectors)
    left, right = rows[covered].T
    cosines = np.zeros(len(pairs))
    cosines[covered] = row_products(vectors, left, right) / norms[left] / norms[right]
    scores = np.array(human)[used], cosines[used]
    return PairScore(stats.pearsonr(*scores), stats.spearmanr(*scores), len(pairs), n_covered)


def row_norms(vectors: Any) -> np.ndarray:
    """Return the norm of each row, never 0, without a second matrix; ValueError if one is not finite."""
    norms: np.ndarray = np.sqrt(square_sums(vectors)).astype(np.float32)
    if not np.isfinite(norms).all():
        row = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise ValueError(f"the vector in row {row} is not finite (NaN or infinite): nothing to evaluate")
    np.maximum(norms, _MIN_NORM, out=norms)
    return norms
