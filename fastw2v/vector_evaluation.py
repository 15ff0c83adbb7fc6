"""How good the vectors of `KeyedVectors` are: analogies and word pairs in gensim 4's shape, and categories.

The figures come from `evaluation` and `categories`; here they get gensim's form.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v import categories, evaluation

_METHODS = {"most_similar": "3cosadd", "most_similar_cosmul": "3cosmul"}


class EvaluationMixin:
    """Evaluation of words with vectors; `KeyedVectors` is made with it."""

    vectors: np.ndarray
    index_to_key: list[Any]

    if TYPE_CHECKING:  # what QueryMixin has

        def _n_threads(self, threads: int | None) -> int: ...

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
        *,
        threads: int | None = None,
    ) -> tuple[float, list[dict[str, Any]]]:
        """Answer analogy questions; see `fastw2v.evaluation.score_analogies` for the figures behind.

        Parameters
        ----------
        analogies : str or os.PathLike
            File of questions: lines ``: section`` and lines of four words.
        restrict_vocab : int or None, default 300000
            Use the first so many words only.
        case_insensitive : bool, default True
            Compare regardless of case; see `fastw2v.spelling` (DIFFERS: in upper case in gensim, which confuses "ss"
            with the German "ß" and "i" with the Turkish "ı").
        dummy4unknown : bool, default False
            Count questions with unknown words as answered wrong instead of leaving them out.
        similarity_function : {"most_similar", "most_similar_cosmul"}
            3CosAdd or 3CosMul (DIFFERS: gensim ignores it).
        threads : int, optional
            Threads that compute; default the attribute `threads`. Results do not depend on it.

        Returns
        -------
        score : float
            Share of right answers, 0 to 1; 0 if there are no questions left.
        sections : list of dict
            For each section, and last for "Total accuracy": its name under ``section`` and lists of
            questions, in upper case if `case_insensitive`, under ``correct`` and ``incorrect``.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            A line is malformed (DIFFERS: gensim skips it and logs), a vector is not finite, or there is no such
            function.
        """
        if similarity_function not in _METHODS:
            raise ValueError(
                f"similarity_function must be one of {', '.join(_METHODS)}, not {similarity_function!r}"
            )
        result = evaluation.score_analogies(
            self.index_to_key,
            self.vectors,
            analogies,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            method=_METHODS[similarity_function],
            threads=self._n_threads(threads),
        )
        sections: list[dict[str, Any]] = [
            {"section": name, "correct": [], "incorrect": []} for name in [*result.sections, "Total accuracy"]
        ]
        scored = np.flatnonzero(result.covered | dummy4unknown)
        # Section by section and then the total, as gensim orders its own, also if a section comes twice.
        for number in scored.tolist():
            question: tuple[str, ...] = result.questions[number]
            if case_insensitive:
                question = tuple(word.upper() for word in question)
            verdict = "correct" if result.correct[number] else "incorrect"
            sections[result.section_of[number]][verdict].append(question)
            sections[-1][verdict].append(question)
        return result.n_correct / max(1, len(scored)), sections

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str | None = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Any, Any, float]:
        """Correlate cosines with people's scores of word pairs; see `fastw2v.evaluation.score_pairs`.

        Parameters
        ----------
        pairs : str or os.PathLike
            File of lines word, word, score.
        delimiter : str or None, default tab
            Between them; None for any white space.
        encoding : str, default "utf8"
            Of the file.
        restrict_vocab, case_insensitive
            As in `evaluate_word_analogies`.
        dummy4unknown : bool, default False
            Take 0 for the cosine of a pair with an unknown word instead of leaving it out.

        Returns
        -------
        pearson, spearman : tuple of (float, float)
            Coefficient and two-sided p-value.
        oov_ratio : float
            Pairs with an unknown word, in per cent.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            A line is malformed, fewer than two pairs are covered, or a vector is not finite.
        """
        result = evaluation.score_pairs(
            self.index_to_key,
            self.vectors,
            pairs,
            delimiter=delimiter,
            encoding=encoding,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy_for_unknown=dummy4unknown,
        )
        return result.pearson, result.spearman, result.oov_ratio

    def evaluate_categories(
        self,
        categories_of: str | os.PathLike[str] | Mapping[str, str],
        *,
        restrict_vocab: int | None = None,
        case_insensitive: bool = True,
        seed: int = 0,
        threads: int | None = None,
    ) -> categories.CategoryScore:
        """Cluster words and compare the clusters with categories; see `fastw2v.categories.score_categories`.

        Parameters
        ----------
        categories_of : str, os.PathLike or mapping of str to str
            File of lines word, category; or the category of each word.
        restrict_vocab, case_insensitive, seed, threads
            See there; `threads` is by default the attribute.

        Raises
        ------
        MissingExtraError
            scikit-learn is not installed: ``pip install 'fastw2v[cluster]'``.
        OSError, ValueError
            See there.
        """
        return categories.score_categories(
            self.index_to_key,
            self.vectors,
            categories_of,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            seed=seed,
            threads=self._n_threads(threads),
        )
