"""Ways to look at many words at once, for `KeyedVectors`: clusters, word classes and plots.

scikit-learn and matplotlib do the work and are extras; nothing is imported before it is asked for. Clusters and maps
are of unit vectors, in which Euclidean distances follow cosines, unless `normalize` is False.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v import word2vec_format
from fastw2v.errors import MissingExtraError
from fastw2v.labels import place_labels
from fastw2v.vector_parts import Key, VectorParts
from fastw2v.vector_similarity import words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MINI_BATCH_FROM = 50_000  # words; the exact algorithm looks at all words against all clusters in every round
_MINI_BATCH = 4096
_PLOT_INCHES = 8.0


class LooksMixin(VectorParts):
    """Clusters and plots for `KeyedVectors`, which documents the attributes."""

    def cluster(
        self,
        k: int,
        *,
        restrict_vocab: int | None = None,
        normalize: bool = True,
        mini_batch: bool | None = None,
        seed: int = 1,
        threads: int = 1,
    ) -> dict[Any, int]:
        """Cluster words by k-means, started with k-means++ (scikit-learn).

        Parameters
        ----------
        k : int
            Clusters, at most as many as words.
        restrict_vocab : int, optional
            Cluster the first so many words only.
        normalize : bool, default True
            Cluster unit vectors, a copy of which is made; else the vectors as they are, as word2vec.c does.
        mini_batch : bool, optional
            Learn from samples of some thousand words, which is much faster for many words and nearly as good. Default:
            from 50,000 words on.
        seed : int, default 1
            Of the random numbers.
        threads : int, default 1
            Used by scikit-learn.

        Returns
        -------
        dict of word to int
            The cluster of each word, 0 to k - 1, in the order of rows. Clusters are numbered by their first word: that
            of the most frequent word is 0.

        Raises
        ------
        MissingExtraError
            scikit-learn is not installed: ``pip install "fastw2v[cluster]"``.
        TypeError, ValueError
            `k` or another number is of the wrong type or out of range, or a vector is not finite.
        """
        k, threads = operator.index(k), operator.index(threads)
        words = self.index_to_key[: restrict_vocab or None]
        if not 1 <= k <= len(words):
            raise ValueError(f"k must be from 1 to {len(words)}, the number of words, not {k}")
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        rows = slice(len(words))
        vectors = self._unit_rows(rows) if normalize else self.vectors[rows]
        if mini_batch is None:
            mini_batch = len(words) >= MINI_BATCH_FROM
        labels = _k_means(vectors, k, mini_batch, seed, threads)
        first_rows = np.full(k, len(words))
        np.minimum.at(first_rows, labels, np.arange(len(words)))
        number_of = np.argsort(np.argsort(first_rows, kind="stable"))
        return dict(zip(words, number_of[labels].tolist(), strict=True))

    def save_word_classes(self, fname: str | os.PathLike[str], labels: Mapping[Any, int]) -> None:
        """Write lines ``word class``, atomically, as word2vec.c does with ``-classes``.

        Parameters
        ----------
        fname : str or os.PathLike
            The file.
        labels : mapping of word to int
            What `cluster` returns; written in its order.

        Raises
        ------
        OSError
            The file could not be written; an old one is intact.
        ValueError
            A word contains white space.
        """
        options = word2vec_format.WriteOptions(binary=False)
        word2vec_format.write_vocabulary(fname, list(labels), list(labels.values()), options)

    def plot(
        self,
        words: Iterable[Key],
        method: str = "pca",
        ax: Axes | None = None,
        *,
        normalize: bool = True,
        seed: int = 1,
    ) -> Axes:
        """Draw a map of some words in two dimensions.

        Parameters
        ----------
        words : iterable of str or int
            At least two words or row numbers.
        method : {"pca", "tsne", "umap"}, default "pca"
            How dimensions are reduced: the two directions of largest variance; t-SNE (van der Maaten & Hinton, JMLR
            2008), by scikit-learn; UMAP (McInnes, Healy & Melville, 2018), by umap-learn. The last two show who is near
            whom; their axes and far distances mean nothing.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure of pyplot.
        normalize : bool, default True
            Take unit vectors.
        seed : int, default 1
            Of t-SNE and UMAP.

        Returns
        -------
        matplotlib.axes.Axes
            One point and one label for each word.

        Raises
        ------
        KeyError
            A word is unknown.
        MissingExtraError
            A package is not installed: ``pip install "fastw2v[plot]"``, for UMAP ``"fastw2v[umap]"``.
        TypeError
            A string was given in place of a list of words.
        ValueError
            Fewer than two words, or no such method.
        """
        if method not in _REDUCERS:
            raise ValueError(f"method must be one of {', '.join(_REDUCERS)}, not {method!r}")
        rows = list(dict.fromkeys(self.get_index(word) for word in words_of(words)))
        if len(rows) < 2:
            raise ValueError(f"need at least two different words to draw a map, not {len(rows)}")
        if ax is None:
            ax = _new_axes()
        vectors = np.stack([self.get_vector(row, norm=normalize) for row in rows])
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            points = _REDUCERS[method](vectors, seed)
        ax.scatter(points[:, 0], points[:, 1], s=12)
        ax.set(title=_TITLES[method], xticks=[], yticks=[])
        ax.margins(0.12)
        place_labels(ax, points, [_printable(self.index_to_key[row]) for row in rows])
        return ax


def _k_means(vectors: np.ndarray, k: int, mini_batch: bool, seed: int, threads: int) -> np.ndarray:
    try:
        from sklearn.cluster import KMeans, MiniBatchKMeans
    except ImportError:
        raise MissingExtraError("clustering needs scikit-learn: pip install 'fastw2v[cluster]'") from None
    if mini_batch:
        algorithm = MiniBatchKMeans(k, init="k-means++", n_init=1, random_state=seed, batch_size=_MINI_BATCH)
    else:
        algorithm = KMeans(k, init="k-means++", n_init=1, random_state=seed)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        labels: np.ndarray = algorithm.fit(vectors).labels_
    return labels


def _pca(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Return the coordinates in the two directions of largest variance, shape [n, 2]."""
    centered = vectors - vectors.mean(axis=0)
    left, values, right = np.linalg.svd(centered.astype(np.float64), full_matrices=False)
    points = np.zeros((len(vectors), 2))
    n_axes = min(2, len(values))
    # Whichever side an axis points to is right; this choice is the same everywhere.
    signs = np.sign(right[np.arange(n_axes), np.abs(right[:n_axes]).argmax(axis=1)])
    points[:, :n_axes] = left[:, :n_axes] * values[:n_axes] * signs
    return points


def _tsne(vectors: np.ndarray, seed: int) -> np.ndarray:
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingExtraError("t-SNE needs scikit-learn: pip install 'fastw2v[plot]'") from None
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    points: np.ndarray = TSNE(2, perplexity=perplexity, init="random", random_state=seed).fit_transform(
        vectors
    )
    return points


def _umap(vectors: np.ndarray, seed: int) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError:
        raise MissingExtraError("UMAP needs umap-learn: pip install 'fastw2v[umap]'") from None
    neighbours = max(2, min(15, len(vectors) - 1))
    # The spectral start needs more points than dimensions, and some to spare.
    start = "spectral" if len(vectors) > 10 else "random"
    reducer = UMAP(n_components=2, n_neighbors=neighbours, init=start, random_state=seed, n_jobs=1)
    points: np.ndarray = reducer.fit_transform(vectors)
    return points


_REDUCERS: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {"pca": _pca, "tsne": _tsne, "umap": _umap}
_TITLES = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP"}


def _new_axes() -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingExtraError("plots need matplotlib: pip install 'fastw2v[plot]'") from None
    axes: Axes = pyplot.subplots(figsize=(_PLOT_INCHES, _PLOT_INCHES), layout="constrained")[1]
    return axes


def _printable(word: object) -> str:
    """Return a word as a label: bytes that are not UTF-8 as question marks, and no dollar that starts a formula."""
    return str(word).encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")


def save_plot(
    wv: LooksMixin, words: Sequence[Any], method: str, path: str | os.PathLike[str], seed: int = 1
) -> None:
    """Draw a map of words into a file, whose ending decides the format (.png, .svg, .pdf ...), atomically.

    No window system is needed, and no setting of pyplot is touched.
    """
    import io

    from fastw2v.atomic import atomic_write

    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plots need matplotlib: pip install 'fastw2v[plot]'") from None
    side = max(_PLOT_INCHES, np.sqrt(len(words)))
    figure = Figure(figsize=(side, side), layout="constrained")
    ending = os.path.splitext(path)[1].removeprefix(".").lower()
    known = FigureCanvasAgg(figure).get_supported_filetypes()
    if ending not in known:
        raise ValueError(f"{os.fspath(path)}: the ending must be one of {', '.join(sorted(known))}")
    wv.plot(words, method, figure.subplots(), seed=seed)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, dpi=150)
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())
