"""How vectors are handed to other libraries and taken from them: half of what `KeyedVectors` inherits.

npz, TensorBoard's projector, gensim, PyTorch, pandas, and `load_any`, which finds out what a file is. The
libraries are imported when they are asked for, and a missing one is a MissingExtraError that names the extra.
Nothing is unpickled unless `from_gensim` is called with a path.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from fastw2v import npz_file, projector_files
from fastw2v.errors import MissingExtraError
from fastw2v.vector_rows import without_repetitions
from fastw2v.vector_streams import PathLike

Self = TypeVar("Self", bound="VectorExchange")


class VectorExchange:
    """Other libraries' formats for `KeyedVectors`, which documents the attributes."""

    vectors: np.ndarray
    index_to_key: list[Any]
    key_to_index: dict[str, int]
    expandos: dict[str, np.ndarray]
    vector_size: int

    @classmethod
    def from_arrays(
        cls: type[Self], words: Iterable[str], vectors: np.ndarray, counts: np.ndarray | None = None
    ) -> Self:
        """Wrap words, vectors and counts; `KeyedVectors` does it."""
        raise NotImplementedError

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Return arrays for a file; `VectorFiles` does it."""
        raise NotImplementedError

    @classmethod
    def load_any(cls, fname: PathLike, limit: int | None = None) -> Any:
        """Read vectors from a file of any kind that is known, compressed or not; see `fastw2v.any_file.load`."""
        from fastw2v import any_file

        return any_file.load(fname, limit=limit, cls=cls)

    def save_npz(self, fname: PathLike) -> None:
        """Write an npz file for NumPy, atomically.

        It holds ``vectors`` [V, D], ``words`` (uint8, the UTF-8 bytes of all words), ``word_ends`` (int64 [V], where
        in them each word ends) and, if they are known, ``counts``.

        Raises
        ------
        OSError
            It cannot be written; an old file is intact.
        """
        tensors = {**self.to_tensors(), "vectors": _dense(self.vectors)}
        npz_file.write(fname, {name: tensors[name] for name in npz_file.NAMES if name in tensors})

    @classmethod
    def load_npz(cls: type[Self], fname: PathLike) -> Self:
        """Read a file of `save_npz`, or another one with a matrix of floats and an array of strings.

        The matrix is called ``vectors``, ``embeddings``, ``embedding``, ``weights`` or ``arr_0``; the strings
        ``words``, ``index_to_key``, ``vocab``, ``vocabulary``, ``labels``, ``tokens`` or ``arr_1``.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is damaged or holds something else.
        """
        words, vectors, counts = npz_file.read(fname)
        try:
            return cls.from_arrays(words, vectors, counts)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(fname)}: {error}") from error

    def save_tensorboard(self, fname: PathLike, metadata: PathLike | None = None) -> None:
        """Write two files for TensorBoard's embedding projector.

        Parameters
        ----------
        fname : str or os.PathLike
            The file of numbers, separated by tabs, one vector a line.
        metadata : str or os.PathLike, optional
            The file of words, one a line; default ``x_metadata.tsv`` for ``x.tsv``.

        Raises
        ------
        OSError
            A file cannot be written; an old one is intact.
        ValueError
            A word contains a tab or a line break.
        """
        metadata = projector_files.metadata_path(fname) if metadata is None else metadata
        projector_files.write(fname, self.index_to_key, _dense(self.vectors), metadata)

    @classmethod
    def load_tensorboard(cls: type[Self], fname: PathLike, metadata: PathLike | None = None) -> Self:
        """Read two files as `save_tensorboard` writes them; of several columns of `metadata` the first.

        Raises
        ------
        OSError
            A file is missing or unreadable.
        ValueError
            A file is malformed, or they do not fit together.
        """
        metadata = projector_files.metadata_path(fname) if metadata is None else metadata
        words, vectors = projector_files.read(fname, metadata)
        return cls.from_arrays(*without_repetitions(fname, words, vectors))

    def to_gensim(self) -> Any:
        """Return `gensim.models.KeyedVectors` with copies of these vectors and attributes (extra ``gensim``)."""
        gensim_models = _extra("gensim.models", "gensim")
        theirs = gensim_models.KeyedVectors(self.vector_size, dtype=self.vectors.dtype)
        theirs.vectors = np.array(_dense(self.vectors))
        theirs.index_to_key = list(self.index_to_key)
        theirs.key_to_index = dict(self.key_to_index)
        theirs.next_index = len(theirs.index_to_key)
        theirs.expandos = {name: np.array(values) for name, values in self.expandos.items()}
        return theirs

    @classmethod
    def from_gensim(cls: type[Self], source: Any) -> Self:
        """Take vectors from gensim (extra ``gensim``).

        Parameters
        ----------
        source : gensim.models.KeyedVectors, or a model that has them as ``wv``, or str or os.PathLike
            A path is one of gensim's own files (``.kv``, ``.model``). Warning: such a file is a pickle, and to
            unpickle it runs whatever code it contains. Give only files from sources that you trust. Nothing else in
            this package unpickles.

        Returns
        -------
        KeyedVectors
            With copies; of attributes the counts only. FastText's n-grams are left behind.

        Raises
        ------
        TypeError
            `source` is nothing of gensim's that has vectors by word.
        """
        keyed_vectors = _extra("gensim.models", "gensim").KeyedVectors
        theirs = source
        if isinstance(source, (str, os.PathLike)):
            theirs = keyed_vectors.load(os.fspath(source))
        theirs = getattr(theirs, "wv", theirs)
        if not isinstance(theirs, keyed_vectors):
            raise TypeError(
                f"{type(theirs).__name__} is not gensim's KeyedVectors, nor a model that has them"
            )
        counts = theirs.expandos.get("count")
        counts = None if counts is None else np.array(counts).astype(np.int64)
        return cls.from_arrays(theirs.index_to_key, np.array(theirs.vectors), counts)

    def to_torch(self, freeze: bool = True) -> Any:
        """Return a `torch.nn.Embedding` of V rows with a copy of the vectors (extra ``torch``).

        Parameters
        ----------
        freeze : bool, default True
            Whether training leaves the vectors as they are.
        """
        torch = _extra("torch", "torch")
        return torch.nn.Embedding.from_pretrained(
            torch.from_numpy(np.array(_dense(self.vectors))), freeze=freeze
        )

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each word, which is its index (extra ``pandas``)."""
        pandas = _extra("pandas", "pandas")
        return pandas.DataFrame(
            np.array(_dense(self.vectors)), index=pandas.Index(self.index_to_key, name="word")
        )


def _dense(vectors: Any) -> np.ndarray:
    """Return a matrix that is an array; TypeError for a sparse one, which would be too large as one."""
    if not isinstance(vectors, np.ndarray):
        raise TypeError("sparse vectors cannot be made dense: use save(), or the vectors of an SVD")
    return vectors


def _extra(module: str, extra: str) -> Any:
    """Import an optional library."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"this needs the package {extra}: pip install 'fastw2v[{extra}]'") from error
