"""How `KeyedVectors` is saved and loaded: the half of that class that deals with files.

It names the formats and turns vectors into what the format modules understand, no more: bytes are the
business of `model_file` (our own safetensors file) and `word2vec_format`. Used as the base of `KeyedVectors`
only. Every saver replaces its file atomically; every loader gives complete vectors or an exception.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from fastw2v import model_file, word2vec_format

Self = TypeVar("Self", bound="VectorFiles")

_FILE_TENSORS = ("vectors", "counts", *model_file.WORD_TENSORS)
_logger = logging.getLogger(__name__)


class VectorFiles:
    """Saving and loading for `KeyedVectors`, which documents the attributes."""

    vectors: np.ndarray
    index_to_key: list[Any]
    expandos: dict[str, np.ndarray]
    _kind = "keyedvectors"  # what a file of these vectors calls itself, and what it holds
    _tensor_names: tuple[str, ...] = _FILE_TENSORS

    @classmethod
    def from_arrays(
        cls: type[Self], words: Iterable[str], vectors: np.ndarray, counts: np.ndarray | None = None
    ) -> Self:
        """Wrap words, vectors and counts; `KeyedVectors` does it."""
        raise NotImplementedError

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Return what a file of ours holds of these vectors, for `model_file.write`; the matrix is shared."""
        tensors = {"vectors": self.vectors, **model_file.pack_words(self.index_to_key)}
        if "count" in self.expandos:
            tensors["counts"] = self.expandos["count"].astype(np.int64, copy=False)
        return tensors

    @classmethod
    def from_tensors(cls: type[Self], tensors: Mapping[str, np.ndarray]) -> Self:
        """Undo `to_tensors`; ValueError if arrays are missing or contradict each other."""
        if "vectors" not in tensors:
            raise ValueError("there are no vectors")
        try:
            return cls.from_arrays(
                model_file.unpack_words(tensors), tensors["vectors"], tensors.get("counts")
            )
        except TypeError as error:
            raise ValueError(str(error)) from error

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write words, vectors and counts to one safetensors file, atomically.

        Raises
        ------
        OSError
            The file could not be written; an old one is intact.
        """
        model_file.write(fname, self.to_tensors(), {"kind": self._kind})

    @classmethod
    def load(cls: type[Self], fname: str | os.PathLike[str]) -> Self:
        """Read a file of `save`; of one of `Word2Vec.save` or `SVD.save` only the vectors.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is of another kind, damaged or truncated.
        """
        tensors, _ = model_file.read(fname, cls._tensor_names)
        try:
            return cls.from_tensors(tensors)
        except ValueError as error:
            raise ValueError(f"{os.fspath(fname)}: {error}") from error

    def save_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
    ) -> None:
        """Write a file in the format of word2vec.c, atomically; the most frequent words first.

        Parameters
        ----------
        fname : str or os.PathLike
            The file.
        fvocab : str or os.PathLike, optional
            Another file, for lines ``word count``.
        binary : bool, default False
            Binary (exact, small, fast) or text (readable; float32 comes back exactly).

        Raises
        ------
        OSError
            A file could not be written; an old one is intact.
        ValueError
            A word contains white space, or `fvocab` is given and the counts are not known.
        """
        counts = self.expandos.get("count")
        if fvocab is not None and counts is None:
            raise ValueError("fvocab cannot be written: these vectors have no counts")
        order = None
        if counts is not None and (counts[1:] > counts[:-1]).any():
            order = np.argsort(-counts.astype(np.int64), kind="stable")
        if fvocab is not None and counts is not None:
            rows = range(len(self.index_to_key)) if order is None else order.tolist()
            word2vec_format.write_vocabulary(
                fvocab, [self.index_to_key[row] for row in rows], [int(counts[row]) for row in rows]
            )
        word2vec_format.write(fname, self.index_to_key, self.vectors, binary=binary, order=order)

    @classmethod
    def load_word2vec_format(
        cls: type[Self],
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "surrogateescape",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Read a file in the format of word2vec.c, as word2vec.c, gensim and others write it.

        Parameters
        ----------
        fname : str or os.PathLike
            The file.
        fvocab : str or os.PathLike, optional
            Another file with lines ``word count``. Without it, the counts are V, V - 1, ... 1, as in
            gensim: the format has none, but most files are sorted by them.
        binary : bool, default False
            Binary or text.
        encoding, unicode_errors : str
            How bytes become words. The default keeps bytes that are not UTF-8 (DIFFERS: "strict" in gensim,
            which then cannot read files of word2vec.c with words cut inside a character).
        limit : int, optional
            Read only so many words.
        datatype : numpy dtype, default numpy.float32
            Type of `vectors`.
        no_header : bool, default False
            The first line is a word already, as in GloVe's files. Text only.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is truncated, too long or not of this format, or a word lacks in `fvocab`; the message has the
            file and the row.
        """
        options = word2vec_format.ReadOptions(
            binary, encoding, unicode_errors, limit or None, not no_header, datatype
        )
        words, vectors = word2vec_format.read(fname, options)
        rows = sorted({word: row for row, word in reversed(list(enumerate(words)))}.values())
        if len(rows) != len(words):
            _logger.warning("%s: %d words occur again; the first is kept", fname, len(words) - len(rows))
            words, vectors = [words[row] for row in rows], vectors[rows]
        counts = np.arange(len(words), 0, -1, dtype=np.int64)
        if fvocab is not None:
            counts = _counts_of(words, fvocab, options)
        return cls.from_arrays(words, vectors, counts)


def _counts_of(
    words: Sequence[str], path: str | os.PathLike[str], options: word2vec_format.ReadOptions
) -> np.ndarray:
    """Return the count that the file `path` has for each word."""
    count_of = word2vec_format.read_vocabulary(path, options)
    missing = next((word for word in words if word not in count_of), None)
    if missing is not None:
        raise ValueError(f"{os.fspath(path)}: the word {missing!r} is missing")
    return np.array([count_of[word] for word in words], dtype=np.int64)
