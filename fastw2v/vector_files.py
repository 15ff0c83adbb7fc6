"""How `KeyedVectors` is saved and loaded: the half of that class that deals with files.

It names the formats and turns vectors into what the format modules understand, no more: bytes are the
business of `model_file` (our own safetensors file) and `word2vec_format`; formats and objects of other libraries
are that of `vector_exchange`. Used as the base of `KeyedVectors` only. Every saver replaces its file atomically;
every loader gives complete vectors or an exception.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from fastw2v import model_file, word2vec_format
from fastw2v.lazy_words import LazyWords
from fastw2v.vector_exchange import VectorExchange
from fastw2v.vector_rows import Decoding, without_repetitions
from fastw2v.vector_streams import PathLike

Self = TypeVar("Self", bound="VectorFiles")

_FILE_TENSORS = ("vectors", "counts", *model_file.WORD_TENSORS)


class VectorFiles(VectorExchange):
    """Saving and loading for `KeyedVectors`, which documents the attributes."""

    _kind = "keyedvectors"  # what a file of these vectors calls itself, and what it holds
    _tensor_names: tuple[str, ...] = _FILE_TENSORS

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Return what a file of ours holds of these vectors, for `model_file.write`; the matrix is shared."""
        tensors = {"vectors": self.vectors, **model_file.pack_words(self.index_to_key)}
        if "count" in self.expandos:
            tensors["counts"] = self.expandos["count"].astype(np.int64, copy=False)
        return tensors

    @classmethod
    def from_tensors(cls: type[Self], tensors: Mapping[str, np.ndarray], lazy: bool = False) -> Self:
        """Undo `to_tensors`; ValueError if arrays are missing or contradict each other.

        With `lazy` the words stay where they are until they are needed.
        """
        if "vectors" not in tensors:
            raise ValueError("there are no vectors")
        if lazy:
            return cls._from_mapped(tensors, tensors["vectors"])
        try:
            return cls.from_arrays(
                model_file.unpack_words(tensors), tensors["vectors"], tensors.get("counts")
            )
        except TypeError as error:
            raise ValueError(str(error)) from error

    @classmethod
    def _from_mapped(cls: type[Self], tensors: Mapping[str, np.ndarray], vectors: np.ndarray) -> Self:
        words, counts = LazyWords(tensors), tensors.get("counts")
        try:
            self = cls.from_arrays([], vectors[:0], None if counts is None else counts[:0])
        except TypeError as error:
            raise ValueError(str(error)) from error
        if len(words) != len(vectors) or (counts is not None and len(counts) != len(words)):
            raise ValueError(f"{len(words)} words, {len(vectors)} vectors: they do not fit together")
        self.vectors, self.index_to_key, self.key_to_index = vectors, words, words.rows  # type: ignore[assignment]
        if counts is not None:
            self.expandos["count"] = counts
        return self

    def save(self, fname: PathLike) -> None:
        """Write words, vectors and counts to one safetensors file, atomically.

        Raises
        ------
        OSError
            The file could not be written; an old one is intact.
        """
        model_file.write(fname, self.to_tensors(), {"kind": self._kind})

    @classmethod
    def load(cls: type[Self], fname: PathLike, mmap: bool | str | None = None) -> Self:
        """Read a file of `save`; of one of `Word2Vec.save` or `SVD.save` only the vectors.

        Parameters
        ----------
        fname : str or os.PathLike
            The file.
        mmap : bool or "r", optional
            Open the file in no time and read what is asked for when it is asked for: vectors, counts and words stay
            in the file, are shared with other processes, and cannot be changed. The file must not be cut short
            meanwhile. `index_to_key` and `key_to_index` become a list and a dict when somebody wants them whole.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is of another kind, damaged or truncated; with `mmap`, damaged words may be found only when they are
            looked up. Or `mmap` is a mode that would write to the file.
        """
        if mmap not in (None, False, True, "r"):
            raise ValueError(f"mmap must be True or 'r', as a mapped file is only read, not {mmap!r}")
        if mmap:
            tensors, _ = model_file.map_file(fname, (*cls._tensor_names, model_file.SLOTS))
        else:
            tensors, _ = model_file.read(fname, cls._tensor_names)
        try:
            return cls.from_tensors(tensors, lazy=bool(mmap))
        except ValueError as error:
            raise ValueError(f"{os.fspath(fname)}: {error}") from error

    def save_word2vec_format(
        self,
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
        *,
        threads: int | None = None,
    ) -> None:
        """Write a file in the format of word2vec.c, atomically; the most frequent words first.

        Parameters
        ----------
        fname : str or os.PathLike
            The file; compressed if its name ends in .gz, .bz2, .xz or .zst. With smart_open also a URL.
        fvocab : str or os.PathLike, optional
            Another file, for lines ``word count``.
        binary : bool, default False
            Binary (exact, small, fast) or text (readable; float32 comes back exactly).
        total_vec : int, optional
            The number of vectors that the first line promises; default those of `self`.
        write_header : bool, default True
            False: leave out the first line, as GloVe does.
        prefix : str, default ""
            Put this before each word.
        append : bool, default False
            Put everything behind what is in the files already. DIFFERS: also then a file is changed as a whole or not
            at all.
        sort_attr : str, default "count"
            The attribute of words that decides the order, the largest first. If the words do not have it, they are
            written in the order of their rows.
        threads : int, optional
            For text; default all cores that the process may use.

        Raises
        ------
        OSError
            A file could not be written; an old one is intact.
        ValueError
            A word contains white space, or `fvocab` is given and the words have no such attribute.
        """
        options = word2vec_format.WriteOptions(binary, total_vec, write_header, prefix, append, threads)
        values = self.expandos.get(sort_attr)
        if fvocab is not None and values is None:
            raise ValueError(
                f"fvocab cannot be written: these vectors have no counts (attribute {sort_attr!r})"
            )
        order = None
        if values is not None and (values[1:] > values[:-1]).any():
            order = np.argsort(-values.astype(np.result_type(values, np.int64)), kind="stable")
        if fvocab is not None and values is not None:
            rows = range(len(self.index_to_key)) if order is None else order.tolist()
            word2vec_format.write_vocabulary(
                fvocab, [self.index_to_key[row] for row in rows], [values[row] for row in rows], options
            )
        word2vec_format.write(fname, self.index_to_key, self.vectors, options, order)

    @classmethod
    def load_word2vec_format(
        cls: type[Self],
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "surrogateescape",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
        *,
        threads: int | None = None,
    ) -> Self:
        """Read a file in the format of word2vec.c, as word2vec.c, gensim, GloVe, fastText and others write it.

        Parameters
        ----------
        fname : str or os.PathLike
            The file, compressed or not (its first bytes tell). With smart_open also a URL.
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
            The first line is a word already, as in GloVe's files. Text only. Words may then contain spaces.
        threads : int, optional
            For text; default all cores that the process may use.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is truncated, too long or not of this format, or a word lacks in `fvocab`; the message has the
            file and the row, and says what the file looks like.
        """
        decoding = Decoding(encoding, unicode_errors, datatype, threads)
        options = word2vec_format.ReadOptions(binary, limit or None, not no_header, decoding)
        words, vectors = word2vec_format.read(fname, options)
        words, vectors = without_repetitions(fname, words, vectors)
        counts = np.arange(len(words), 0, -1, dtype=np.int64)
        if fvocab is not None:
            counts = _counts_of(words, fvocab, decoding)
        return cls.from_arrays(words, vectors, counts)


def _counts_of(words: Sequence[str], path: PathLike, decoding: Decoding) -> np.ndarray:
    """Return the count that the file `path` has for each word."""
    count_of = word2vec_format.read_vocabulary(path, decoding)
    missing = next((word for word in words if word not in count_of), None)
    if missing is not None:
        raise ValueError(f"{os.fspath(path)}: the word {missing!r} is missing")
    return np.array([count_of[word] for word in words], dtype=np.int64)
