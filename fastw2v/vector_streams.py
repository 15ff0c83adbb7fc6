"""The bytes of vector files: plain or compressed, local or behind a URL, read and written as streams.

Reading looks at the first bytes to see whether a file is compressed, writing at the ending of its name. URLs
(``https://...``, ``s3://...``) are smart_open's business. Nothing here knows what the bytes mean: that is for
word2vec_format.py and the other readers.
Invariant: a file is replaced whole or not at all (atomic.py); damaged compressed data are a ValueError; what is
in memory at once does not depend on what a few compressed bytes claim to hold.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from fastw2v.atomic import atomic_write
from fastw2v.errors import MissingExtraError
from fastw2v.text_files import DECOMPRESSORS, Readable, damage_named

PathLike = str | os.PathLike[str]

_MAGIC = {
    ".gz": rb"\x1f\x8b\x08",
    ".bz2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    ".xz": rb"\xfd7zXZ\0",
    ".zst": rb"\x28\xb5\x2f\xfd",
}
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FIRST_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class Source:
    """A file that is open for reading.

    Attributes
    ----------
    name : str
        For messages.
    stream : Readable
        The bytes, decompressed.
    n_bytes : int or None
        How many there are, if that can be known before they are read.
    """

    name: str
    stream: Readable
    n_bytes: int | None


def is_url(path: PathLike) -> bool:
    """Whether a path is for smart_open."""
    return isinstance(path, str) and _URL.match(path) is not None


def compression_of(start: bytes) -> str | None:
    """Return the usual ending of compressed data that start so; None if they are not compressed."""
    return next((ending for ending, magic in _MAGIC.items() if re.match(magic, start)), None)


def plain_name(path: PathLike) -> str:
    """Return a name without the ending that stands for compression."""
    name = os.fspath(path)
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in _MAGIC else name


@contextmanager
def open_source(path: PathLike) -> Iterator[Source]:
    """Open a file or URL for reading from its start to its end, decompressed.

    Raises
    ------
    OSError
        It is missing or unreadable.
    ValueError
        It is not a regular file; or, while reading inside the ``with`` block, compressed data are damaged.
    MissingExtraError
        The package for URLs or for ``.zst`` is not installed.
    """
    name = os.fspath(path)
    n_bytes = None
    if is_url(path):
        raw = _open_url(name, "rb")
    else:
        local = Path(path)
        if local.exists() and not local.is_file() and not local.is_dir():  # a folder: open() says so
            raise ValueError(f"{name}: not a regular file; vectors are read from files only")
        raw = local.open("rb", buffering=0)
        n_bytes = local.stat().st_size
    with contextlib.closing(raw), io.BufferedReader(cast(io.RawIOBase, raw), 1 << 16) as file:
        ending = compression_of(file.peek(16)[:16])
        if ending is None:
            yield Source(name, cast(Readable, file), n_bytes)
            return
        with damage_named(name, ending):
            yield Source(name, DECOMPRESSORS[ending](cast(BinaryIO, file)), None)


@contextmanager
def open_target(path: PathLike, *, append: bool = False) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` when the block ends well, compressed if its name ends so.

    Parameters
    ----------
    path : str or os.PathLike
        A file, or a URL that smart_open can write to. Behind a URL it is the storage that decides whether an
        old file is kept when something fails (S3 keeps it).
    append : bool, default False
        Put what is written behind what is there already; still all or nothing, as the old file is copied first.

    Raises
    ------
    OSError
        See `fastw2v.atomic.atomic_write`.
    ValueError
        `append` behind a URL.
    MissingExtraError
        As `open_source`.
    """
    ending = Path(os.fspath(path)).suffix.lower()
    pack = _PACKERS.get(ending)
    if is_url(path):
        if append:
            raise ValueError(f"{os.fspath(path)}: append=True is for files, not for URLs")
        target: Any = _open_url(os.fspath(path), "wb")
    else:
        target = atomic_write(path)
    with target as file:
        if append and Path(path).is_file():
            with Path(path).open("rb") as old:
                shutil.copyfileobj(old, file, _BLOCK_BYTES)
        if pack is None:
            yield file
            return
        packer = pack(file)
        try:
            yield packer
        except BaseException:
            with contextlib.suppress(Exception):
                packer.close()
            raise
        packer.close()


class Window:
    """The next bytes of a stream, in memory that grows as they need.

    Attributes
    ----------
    view : memoryview
        What has been read and not been taken. Valid until the next call.
    ended : bool
        The stream has nothing more.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._memory = np.empty(_FIRST_BYTES, np.uint8)
        self._begin = self._end = 0
        self.ended = False

    @property
    def view(self) -> memoryview:  # noqa: D102 (documented above)
        return self._memory.data[self._begin : self._end]

    def take(self, n_bytes: int) -> None:
        """Leave so many bytes behind."""
        self._begin += n_bytes

    def more(self) -> bool:
        """Read on, after what is not yet taken; False at the end of the stream."""
        left = self._end - self._begin
        rest = self._memory[self._begin : self._end].copy()
        # A small file takes little memory. Doubling for a long row keeps the work linear in what is read.
        if self._end == len(self._memory) and (left == self._end or self._end < _BLOCK_BYTES):
            self._memory = np.empty(2 * self._end, np.uint8)
        self._memory[:left] = rest
        self._begin, self._end = 0, left
        while not self.ended and self._end < len(self._memory):  # decompressors give little at a time
            n_read = self._stream.readinto(self._memory.data[self._end :]) or 0
            self._end += n_read
            self.ended = n_read == 0
        return self._end > left


def read_lines(source: Source, max_bytes: int = 1 << 21) -> Iterator[bytes]:
    """Yield the lines of a source without their ends; ValueError at one that is longer than `max_bytes`."""
    window = Window(source.stream)
    while not window.ended:
        window.more()
        block = bytes(window.view)
        end = len(block) if window.ended else block.rfind(b"\n") + 1
        if not end and len(block) > max_bytes:
            raise ValueError(f"{source.name}: a line is longer than {max_bytes} bytes: no such file of words")
        window.take(end)
        if end:
            yield from block[:end].removesuffix(b"\n").split(b"\n")


def _open_url(url: str, mode: str) -> Any:
    try:
        import smart_open
    except ImportError:
        raise MissingExtraError(
            f"{url}: URLs need the package smart_open: pip install 'fastw2v[remote]'"
        ) from None
    try:
        return smart_open.open(url, mode, compression="disable")
    except NotImplementedError as error:
        raise ValueError(f"{url}: smart_open cannot open it: {error}") from error


def _zst_packer(file: BinaryIO) -> Any:
    try:
        from compression import zstd

        return zstd.ZstdFile(file, "w")
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError(
            "writing .zst files needs Python 3.14 or the package zstandard: pip install 'fastw2v[zstd]'"
        ) from None
    return zstandard.ZstdCompressor().stream_writer(file, closefd=False)


_PACKERS: dict[str, Callable[[BinaryIO], Any]] = {
    # Neither name nor time: the same vectors give the same bytes.
    ".gz": lambda file: gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0),
    ".bz2": lambda file: bz2.BZ2File(file, "wb"),
    ".xz": lambda file: lzma.LZMAFile(file, "wb"),  # noqa: SIM115 (open_target closes it)
    ".zst": _zst_packer,
}
