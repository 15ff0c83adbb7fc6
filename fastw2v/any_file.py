"""Vectors from a file of any kind, and to one: which loader and saver goes with which format.

`FORMATS` is the one table of formats; the command line and `KeyedVectors.load_any` use it. A file that is read is
recognised by its content (file_kinds.py), a file that is written by the ending of its name:

================ ============================== ======================================
format           endings                        what
================ ============================== ======================================
fastw2v          .safetensors                   ours: any word, counts, any precision
word2vec-binary  .bin                           word2vec's binary format
word2vec-text    .txt, .vec                     word2vec's text format, fastText's .vec
glove            (on demand only)               the same without the first line
npz              .npz                           NumPy
tensorboard      .tsv                           two files for TensorBoard's projector
gensim           (read only, on demand only)    gensim's own files; they are unpickled
================ ============================== ======================================

.bin, .txt, .vec and .tsv may be followed by .gz, .bz2, .xz or .zst.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastw2v import file_kinds
from fastw2v.vector_streams import PathLike, compression_of, is_url, plain_name

if TYPE_CHECKING:
    from fastw2v.keyedvectors import KeyedVectors


@dataclass(frozen=True)
class Format:
    """How vectors of a format are read and written.

    Attributes
    ----------
    title : str
        For messages.
    endings : tuple of str
        Of the names of its files; the first is the usual one.
    load : callable
        Makes vectors: class, path, limit, file of counts.
    save : callable or None
        Writes them: vectors, path. None: not written.
    is_stream : bool
        Whether its files may be compressed.
    """

    title: str
    endings: tuple[str, ...]
    load: Callable[[Any, PathLike, int | None, PathLike | None], Any]
    save: Callable[[Any, PathLike], None] | None
    is_stream: bool = False


def _word2vec(**options: Any) -> Callable[[Any, PathLike, int | None, PathLike | None], Any]:
    def load(cls: Any, path: PathLike, limit: int | None, counts: PathLike | None) -> Any:
        return cls.load_word2vec_format(path, counts, limit=limit, **options)

    return load


def _whole(method: str) -> Callable[[Any, PathLike, int | None, PathLike | None], Any]:
    """A loader that knows no limit: what is too much is cut off."""

    def load(cls: Any, path: PathLike, limit: int | None, counts: PathLike | None) -> Any:
        if counts is not None:
            raise ValueError(f"{os.fspath(path)}: a file of counts goes with word2vec's formats only")
        wv = getattr(cls, method)(path)
        if limit is None or limit >= len(wv):
            return wv
        known = wv.expandos.get("count")
        return cls.from_arrays(
            wv.index_to_key[:limit], wv.vectors[:limit].copy(), None if known is None else known[:limit]
        )

    return load


FORMATS = {
    "fastw2v": Format("fastw2v", (".safetensors",), _whole("load"), lambda wv, path: wv.save(path)),
    "word2vec-binary": Format(
        "word2vec binary",
        (".bin",),
        _word2vec(binary=True),
        lambda wv, path: wv.save_word2vec_format(path, binary=True),
        is_stream=True,
    ),
    "word2vec-text": Format(
        "word2vec text",
        (".txt", ".vec"),
        _word2vec(),
        lambda wv, path: wv.save_word2vec_format(path),
        is_stream=True,
    ),
    "glove": Format(
        "GloVe text",
        (),
        _word2vec(no_header=True),
        lambda wv, path: wv.save_word2vec_format(path, write_header=False),
        is_stream=True,
    ),
    "npz": Format("NumPy", (".npz",), _whole("load_npz"), lambda wv, path: wv.save_npz(path)),
    "tensorboard": Format(
        "TensorBoard projector",
        (".tsv",),
        _whole("load_tensorboard"),
        lambda wv, path: wv.save_tensorboard(path),
        is_stream=True,
    ),
    "gensim": Format("gensim", (), _whole("from_gensim"), None),
}


def load(
    path: PathLike,
    *,
    limit: int | None = None,
    counts: PathLike | None = None,
    format_name: str | None = None,
    cls: Any = None,
) -> KeyedVectors:
    """Read vectors.

    Parameters
    ----------
    path : str or os.PathLike
        A file, compressed or not, or a URL.
    limit : int, optional
        The first so many words only.
    counts : str or os.PathLike, optional
        A file with lines ``word count``, for word2vec's formats.
    format_name : str, optional
        One of `FORMATS`. By default the content decides; a pickle is refused then, as unpickling is a matter of trust.
    cls : type, optional
        What to make; default `KeyedVectors`.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        It is of a kind that holds no vectors for us (the message says which), or damaged.
    """
    if cls is None:
        from fastw2v.keyedvectors import KeyedVectors as cls
    if format_name is None:
        kind = file_kinds.recognise_file(path)
        if kind.name not in FORMATS:
            raise ValueError(f"{os.fspath(path)}: this is {kind.title}: {kind.advice}")
        format_name = kind.name
    if not FORMATS[format_name].is_stream:
        _require_plain(path)
    return FORMATS[format_name].load(cls, path, limit, counts)  # type: ignore[no-any-return]


def save(wv: KeyedVectors, path: PathLike, format_name: str | None = None) -> None:
    """Write vectors in a format of `FORMATS`, by default the one that the ending stands for; errors as its saver."""
    chosen = FORMATS[format_of(path) if format_name is None else format_name]
    if chosen.save is None:
        raise ValueError(
            f"{os.fspath(path)}: {chosen.title} files are read only: use to_gensim().save() in Python"
        )
    chosen.save(wv, path)


def format_of(path: PathLike) -> str:
    """Return the format that the ending of a name stands for; ValueError if it stands for none."""
    name = plain_name(path)
    ending = os.path.splitext(name)[1].lower()
    for format_name, each in FORMATS.items():
        if ending in each.endings and (each.is_stream or name == os.fspath(path)):
            return format_name
    endings = ", ".join(
        f"{'/'.join(each.endings)} ({each.title})" for each in FORMATS.values() if each.endings
    )
    raise ValueError(
        f"{os.fspath(path)}: the ending decides the format and must be one of {endings}; all but .safetensors and .npz "
        f"may be followed by .gz, .bz2, .xz or .zst"
    )


def _require_plain(path: PathLike) -> None:
    """ValueError for what must be a local file and is none, or is compressed."""
    if is_url(path):
        raise ValueError(
            f"{os.fspath(path)}: download this file first; only word2vec's formats are read from URLs"
        )
    with Path(path).open("rb") as file:
        if compression_of(file.read(16)) is not None:
            raise ValueError(
                f"{os.fspath(path)}: unpack this file first; .safetensors and .npz are read as they are"
            )
