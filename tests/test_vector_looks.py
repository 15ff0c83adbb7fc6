"""Clusters, word classes and plots, from Python and from the command line."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from fastw2v import KeyedVectors, MissingExtraError, SparseVectors, vector_looks
from fastw2v.cli import main
from fastw2v.labels import place_labels

pytest.importorskip("sklearn")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

N_CLUSTERS, PER_CLUSTER = 4, 15


@pytest.fixture
def wv() -> KeyedVectors:
    """Words c0w0, c1w0, ..., of four directions, of very different lengths."""
    random = np.random.default_rng(0)
    centres = np.eye(N_CLUSTERS, 8)
    names, vectors = [], []
    for number in range(PER_CLUSTER):
        for cluster in range(N_CLUSTERS):
            names.append(f"c{cluster}w{number}")
            vectors.append((centres[cluster] + random.normal(size=8) * 0.05) * random.uniform(0.1, 10))
    padded = np.zeros((len(names), 16), np.float32)
    padded[:, :8] = vectors
    return KeyedVectors.from_arrays(names, padded[:, :8], np.arange(len(names), 0, -1))


@pytest.fixture
def pyplot() -> Iterator[Any]:
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("mini_batch", [None, True])
def test_planted_clusters_are_found_and_numbered_by_their_first_word(
    wv: KeyedVectors, mini_batch: Any
) -> None:
    labels = wv.cluster(N_CLUSTERS, mini_batch=mini_batch)
    assert list(labels) == wv.index_to_key
    assert labels == {word: int(word[1]) for word in wv.index_to_key}
    assert all(type(label) is int for label in labels.values())


def test_clusters_are_repeatable_and_can_be_of_vectors_as_they_are(wv: KeyedVectors) -> None:
    assert wv.cluster(6, seed=3) == wv.cluster(6, seed=3, threads=2)
    small = KeyedVectors.from_arrays(list("abcd"), np.array([[1, 0], [9, 0], [0, 1], [0, 9]], np.float32))
    assert small.cluster(2) == {"a": 0, "b": 0, "c": 1, "d": 1}
    assert small.cluster(3, normalize=False) == {"a": 0, "b": 1, "c": 0, "d": 2}
    assert list(wv.cluster(3, restrict_vocab=10)) == wv.index_to_key[:10]


def test_zero_and_sparse_vectors_can_be_clustered(wv: KeyedVectors) -> None:
    wv["c0w0"] = np.zeros(8)
    assert len(set(wv.cluster(5).values())) == 5
    sparse = SparseVectors.from_csr(
        ["a", "b", "c", "d"], sp.csr_array(np.diag([1, 2, 3, 4]).astype(np.float32))
    )
    assert len(set(sparse.cluster(4).values())) == 4


@pytest.mark.parametrize("k", [0, -1, 61])
def test_there_cannot_be_more_clusters_than_words_or_none(wv: KeyedVectors, k: int) -> None:
    with pytest.raises(ValueError, match="k must be from 1 to 60"):
        wv.cluster(k)


def test_numbers_of_clusters_and_threads_are_whole(wv: KeyedVectors) -> None:
    with pytest.raises(TypeError):
        wv.cluster(2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads"):
        wv.cluster(2, threads=0)


def test_word_classes_are_lines_as_word2vec_writes_them(wv: KeyedVectors, tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    wv.save_word_classes(path, {"the": 0, "été": 12})
    assert path.read_bytes() == "the 0\nété 12\n".encode()
    with pytest.raises(ValueError, match="white space"):
        wv.save_word_classes(path, {"New York": 1})
    assert path.read_bytes().startswith(b"the 0\n")


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_has_a_point_and_a_label_for_each_word(wv: KeyedVectors, pyplot: Any, method: str) -> None:
    words = wv.index_to_key[:20]
    axes = wv.plot([*words, words[0]], method=method)  # a word that comes twice is one point
    assert [text.get_text() for text in axes.texts] == words
    points = np.asarray(axes.collections[0].get_offsets())
    assert points.shape == (20, 2)
    assert np.isfinite(points).all()
    groups = [points[cluster::N_CLUSTERS] for cluster in range(N_CLUSTERS)]
    if method == "pca":
        spread = max(np.linalg.norm(group - group.mean(axis=0), axis=1).max() for group in groups)
        centres = [group.mean(axis=0) for group in groups]
        assert max(np.linalg.norm(a - b) for a in centres for b in centres) > 4 * spread


def test_a_map_is_drawn_where_it_is_wanted(wv: KeyedVectors, pyplot: Any) -> None:
    _, (left, right) = pyplot.subplots(1, 2)
    assert wv.plot(["c0w0", "c1w0", 5], ax=right, normalize=False) is right
    assert len(right.texts) == 3
    assert not left.texts
    assert len(pyplot.get_fignums()) == 1


def test_principal_components_are_those_of_the_covariance() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 6)) * [5, 1, 3, 0.5, 0.1, 1]
    points = vector_looks._pca(vectors, 0)
    _, axes = np.linalg.eigh(np.cov(vectors.T))
    expected = (vectors - vectors.mean(axis=0)) @ axes[:, [-1, -2]]
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-8)
    np.testing.assert_allclose(vector_looks._pca(np.array([[1.0], [3.0]]), 0), [[-1, 0], [1, 0]], atol=1e-12)


def test_labels_do_not_cover_each_other_where_there_is_room(pyplot: Any) -> None:
    axes = pyplot.subplots(figsize=(6, 6), dpi=100)[1]
    random = np.random.default_rng(2).random((40, 2))
    points = np.vstack([random, random[:10] + 0.01])  # pairs so close that labels on one side would collide
    axes.scatter(*points.T)
    texts = place_labels(axes, points, [f"word{number}" for number in range(len(points))])
    axes.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    naive = [
        box.translated(*(-np.array(text.get_position()))) for box, text in zip(boxes, texts, strict=True)
    ]

    def collisions(boxes: Any) -> int:
        return sum(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])

    assert collisions(boxes) <= collisions(naive) / 4
    assert collisions(naive) >= 8


def test_words_are_printed_as_they_are(pyplot: Any) -> None:
    words = ["$x$", "raw\udcff", "été", "a_b^c"]
    wv = KeyedVectors.from_arrays(words, np.eye(4, dtype=np.float32))
    axes = wv.plot(words)
    axes.figure.canvas.draw()
    assert [text.get_text() for text in axes.texts] == [r"\$x\$", "raw?", "été", "a_b^c"]


def test_maps_that_cannot_be_drawn_are_refused(wv: KeyedVectors) -> None:
    for words, error, message in (
        (["c0w0"], ValueError, "at least two"),
        ([], ValueError, "at least two"),
        (["c0w0", "missing"], KeyError, "'missing' not present"),
        ("c0w0 c1w0", TypeError, "not a string"),
    ):
        with pytest.raises(error, match=message):
            wv.plot(words)
    with pytest.raises(ValueError, match="pca, tsne, umap"):
        wv.plot(["c0w0", "c1w0"], method="mds")


def test_umap_is_asked_for_two_dimensions(
    wv: KeyedVectors, pyplot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    class Stub:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, vectors: np.ndarray) -> np.ndarray:
            return vectors[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
    assert len(wv.plot(wv.index_to_key[:5], method="umap", seed=7).texts) == 5
    assert asked == {"n_components": 2, "n_neighbors": 4, "init": "random", "random_state": 7, "n_jobs": 1}


@pytest.mark.parametrize(
    ("module", "call", "extra"),
    [
        ("sklearn.cluster", lambda wv: wv.cluster(2), "cluster"),
        ("sklearn.manifold", lambda wv: wv.plot(["c0w0", "c1w0"], "tsne"), "plot"),
        ("matplotlib", lambda wv: wv.plot(["c0w0", "c1w0"]), "plot"),
        ("umap", lambda wv: wv.plot(["c0w0", "c1w0"], "umap"), "umap"),
    ],
)
def test_missing_packages_name_their_extra(
    wv: KeyedVectors, pyplot: Any, monkeypatch: pytest.MonkeyPatch, module: str, call: Any, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"fastw2v\[{extra}\]"):
        call(wv)


# ---- the command line ----


@pytest.fixture
def vectors(wv: KeyedVectors, tmp_path: Path) -> str:
    wv.save_word2vec_format(tmp_path / "vectors.bin", binary=True)
    return str(tmp_path / "vectors.bin")


def test_cluster_writes_word_classes(vectors: str, tmp_path: Path, wv: KeyedVectors) -> None:
    assert main(["cluster", vectors, str(tmp_path / "classes.txt"), "-k", "4", "--threads", "1"]) == 0
    lines = (tmp_path / "classes.txt").read_text().splitlines()
    assert lines == [f"{word} {word[1]}" for word in wv.index_to_key]
    assert main(["cluster", vectors, str(tmp_path / "few.txt"), "-k", "2", "--restrict", "10"]) == 0
    assert len((tmp_path / "few.txt").read_text().splitlines()) == 10


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["cluster", "V", "OUT", "-k", "61"], 2, "only 60 words"),
        (["cluster", "V", "OUT", "-k", "0"], 2, "at least 1"),
        (["cluster", "V", "V"], 2, "would be overwritten"),
        (["plot", "V", "-o", "OUT", "--words", "c0w0", "oslo"], 1, "'oslo' is not in the vocabulary"),
        (["plot", "V", "-o", "OUT"], 1, "the ending must be one of"),
        (["plot", "V", "-o", "OUT.png", "-n", "1"], 1, "at least two"),
        (["plot", "V", "-o", "OUT.png", "--words", "c0w0", "c1w0", "-n", "3"], 2, "not allowed with"),
    ],
)
def test_commands_say_what_was_wrong(
    vectors: str, tmp_path: Path, capsys: Any, options: list[str], status: int, says: str
) -> None:
    output = str(tmp_path / "out")
    arguments = [
        option.replace("OUT", output).replace("V", vectors) if option != "-k" else option
        for option in options
    ]
    assert main(arguments) == status
    assert says in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_plot_draws_a_file_without_pyplot(vectors: str, tmp_path: Path, pyplot: Any) -> None:
    for name, start in (("map.png", b"\x89PNG"), ("map.svg", b"<?xml"), ("map.pdf", b"%PDF")):
        assert main(["plot", vectors, "--words", "c0w0", "c1w0", "c2w1", "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    assert main(["plot", vectors, "-n", "12", "--out", str(tmp_path / "first.svg")]) == 0
    assert not pyplot.get_fignums()
