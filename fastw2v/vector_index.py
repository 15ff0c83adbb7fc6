"""An approximate index over word vectors: a graph of neighbours (HNSW; Malkov & Yashunin, TPAMI 2018), by usearch.

For vocabularies of millions, where even one sweep over the matrix takes too long. `KeyedVectors.build_index` makes one,
and ``most_similar(..., indexer=)`` asks it, as it asks gensim's indexers.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastw2v.errors import MissingExtraError
from fastw2v.settings import check_choice, check_int

DTYPES = ("f32", "f16", "i8")
_ROWS_AT_ONCE = 1 << 14


class VectorIndex:
    """
    Finds most of the nearest words, fast; `build` or `load` makes one.

    Attributes
    ----------
    words : sequence of str
        The word of each row.
    """

    def __init__(self, words: Sequence[str], graph: Any) -> None:
        self.words = words
        self._graph = graph

    @classmethod
    def build(
        cls,
        words: Sequence[str],
        vectors: Any,
        *,
        connectivity: int = 16,
        quality: int = 128,
        dtype: str = "f32",
        threads: int = 1,
    ) -> VectorIndex:
        """Build an index.

        Parameters
        ----------
        words : sequence of str
            V words.
        vectors : numpy.ndarray of floats, shape [V, D]
            Their vectors, finite; of any length, as cosines are compared.
        connectivity : int, default 16
            Links of each word: more find more and take more memory, 8 bytes each.
        quality : int, default 128
            Candidates that are looked at, both to link a word and to answer a query: more find more and take longer.
        dtype : {"f32", "f16", "i8"}
            Numbers that the index keeps: 4, 2 or 1 bytes each.
        threads : int, default 1
            The result depends on it a little: words are linked in the order in which threads come to them.

        Raises
        ------
        MissingExtraError
            usearch is not installed.
        TypeError
            The vectors are sparse.
        """
        if not isinstance(vectors, np.ndarray):
            raise TypeError("an index holds dense vectors: make them by an SVD")
        check_choice("dtype", dtype, DTYPES)
        quality = check_int("quality", quality, 1)
        graph = _usearch().Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype=dtype,
            connectivity=check_int("connectivity", connectivity, 2, 1 << 10),
            expansion_add=quality,
            expansion_search=quality,
        )
        for first in range(0, len(vectors), _ROWS_AT_ONCE):
            part = np.ascontiguousarray(vectors[first : first + _ROWS_AT_ONCE], np.float32)
            graph.add(np.arange(first, first + len(part), dtype=np.uint64), part, threads=threads)
        return cls(words, graph)

    @classmethod
    def load(cls, path: str | os.PathLike[str], words: Sequence[str], vector_size: int) -> VectorIndex:
        """Load what `save` has written, for the same words.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is no index, or one of other vectors: their number or size is not that of the words.
        """
        with Path(path).open("rb"):  # an error of the system's own
            pass
        try:
            graph = _usearch().Index.restore(os.fspath(path))
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(f"{os.fspath(path)}: no index of usearch's ({error})") from error
        if graph is None:
            raise ValueError(f"{os.fspath(path)}: no index of usearch's")
        if (len(graph), graph.ndim) != (len(words), vector_size):
            raise ValueError(
                f"{os.fspath(path)}: an index of {len(graph)} vectors of {graph.ndim} numbers, but here are"
                f" {len(words)} of {vector_size}"
            )
        return cls(words, graph)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph and its vectors, but not the words, in usearch's format; replaces `path` when all is well."""
        target = Path(path)
        temporary = target.with_name(f".fastw2v-{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("xb"):  # an error of the system's own
                pass
            self._graph.save(os.fspath(temporary))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._graph)

    def most_similar(
        self, vector: np.ndarray, topn: int = 10, *, without: Collection[int] = ()
    ) -> list[tuple[str, float]]:
        """Return some `topn` words near to a vector [D] and their cosines, nearest first, but no row of `without`."""
        found = self._graph.search(
            np.ascontiguousarray(vector, np.float32), min(topn + len(without), len(self)), threads=1
        )
        pairs = zip(found.keys.tolist(), found.distances.tolist(), strict=True)
        return [(self.words[row], 1 - distance) for row, distance in pairs if row not in without][:topn]


def _usearch() -> Any:
    try:
        import usearch.index
    except ImportError:
        raise MissingExtraError(
            "an approximate index needs the package usearch: pip install 'fastw2v[index]'"
        ) from None
    return usearch.index
