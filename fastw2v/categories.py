"""Whether words of a kind lie together: clusters compared with categories that people made.

The words' unit vectors are clustered by k-means into as many clusters as there are categories. Purity is the share of
words that belong to the most frequent category of their cluster (Baroni, Dinu & Kruszewski, ACL 2014, section 3): 1 if
clusters are categories; even random clusters have some.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v.errors import MissingExtraError
from fastw2v.evaluation import row_norms
from fastw2v.question_files import read_categories
from fastw2v.spelling import Spellings

_STARTS = 10  # of k-means; the best is taken


@dataclass(frozen=True)
class CategoryScore:
    """How clusters agree with categories.

    Attributes
    ----------
    purity : float
        Share of words whose category is the most frequent one of their cluster, 0 to 1.
    n_categories : int
        Categories, and clusters, of the words that could be scored.
    n_asked, n_covered : int
        Words with a category, and those of them that are in the vocabulary.
    clusters : dict of str to int
        The cluster of each word that could be scored, from 0.
    """

    purity: float
    n_categories: int
    n_asked: int
    n_covered: int
    clusters: dict[str, int]

    @property
    def oov_ratio(self) -> float:
        """Share of words that are not in the vocabulary, in per cent."""
        return 100.0 * (self.n_asked - self.n_covered) / self.n_asked


def score_categories(
    words: Sequence[str],
    vectors: Any,
    categories: str | os.PathLike[str] | Mapping[str, str],
    *,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    seed: int = 0,
    threads: int = 1,
) -> CategoryScore:
    """Cluster words and compare the clusters with categories.

    Parameters
    ----------
    words : sequence of str
        V words, by frequency.
    vectors : numpy.ndarray or scipy.sparse.csr_array, shape [V, D]
        Their vectors, of any length.
    categories : str, os.PathLike or mapping of str to str
        The category of each word, or a UTF-8 file of lines word, category, separated by white space; lines that start
        with ``#`` are comments.
    restrict_vocab : int, optional
        Use the first so many words only. Default all.
    case_insensitive : bool, default True
        Compare regardless of case; see `fastw2v.spelling`.
    seed : int, default 0
        Of the random starts of k-means.
    threads : int, default 1
        Threads that cluster.

    Returns
    -------
    CategoryScore

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    OSError
        The file is missing or unreadable.
    ValueError
        A line of the file is no word with a category, or a word has two (the message has the line); the words that are
        in the vocabulary have fewer than two categories; or a vector is not finite.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise MissingExtraError("clustering needs scikit-learn: pip install 'fastw2v[cluster]'") from None
    from threadpoolctl import threadpool_limits

    category_of = dict(categories) if isinstance(categories, Mapping) else read_categories(categories)
    words, vectors = words[: restrict_vocab or None], vectors[: restrict_vocab or None]
    rows = Spellings(words, case_insensitive).rows_of([tuple(category_of)])
    covered = [(word, row) for word, row in zip(category_of, rows.tolist(), strict=True) if row >= 0]
    names = [category_of[word] for word, _ in covered]
    n_categories = len(set(names))
    if n_categories < 2:
        raise ValueError(
            f"{len(covered)} of {len(category_of)} words are in the vocabulary, of {n_categories} categories:"
            " there is nothing to tell apart"
        )
    known = [row for _, row in covered]
    points = vectors[known]
    points = points.astype(np.float32) if isinstance(points, np.ndarray) else points.toarray()
    points = points / row_norms(vectors)[known, None]
    with threadpool_limits(threads):
        clusters = KMeans(n_categories, n_init=_STARTS, random_state=seed).fit_predict(points).tolist()
    members = Counter(zip(clusters, names, strict=True))
    most = {cluster: max(n for (c, _), n in members.items() if c == cluster) for cluster in set(clusters)}
    return CategoryScore(
        sum(most.values()) / len(names),
        n_categories,
        len(category_of),
        len(covered),
        {word: cluster for (word, _), cluster in zip(covered, clusters, strict=True)},
    )
