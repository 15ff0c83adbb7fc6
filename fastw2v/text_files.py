"""Which files a corpus is made of, and how each is opened.

Turns what users pass as `corpus_file` (a path, several, a folder, a glob) into a list of `TextFile`s and
opens them, decompressing by the ending of the name. It looks at no text: cutting files into blocks and words
is the business of block_reader.py, its only caller besides corpus.py.
Invariant: a file that cannot be found or opened is reported here, before anything is counted; a damaged
compressed file always ends in a ValueError that names it, never in a text that is silently short.
"""

from __future__ import annotations

import bz2
import glob
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from .errors import MissingExtraError

CorpusPaths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class Readable(Protocol):
    """What the reader of a stream needs of it."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer from the front; returns the number of bytes, 0 at the end."""


@dataclass(frozen=True)
class TextFile:
    """One file of a corpus, as it was when the corpus was opened."""

    path: Path
    size: int
    mtime_ns: int
    is_regular: (
        bool  # rather than a named pipe or a device, which can be read once, to an end nobody knows yet
    )

    @property
    def decompressor(self) -> Callable[[BinaryIO], Readable] | None:
        """What opens the compressed bytes, by the ending of the name; None for plain text."""
        return DECOMPRESSORS.get(self.path.suffix.lower())

    @property
    def is_plain(self) -> bool:
        """Whether it can be read from any offset: files of unknown size (as in /proc) cannot."""
        return self.is_regular and self.size > 0 and self.decompressor is None

    def has_changed(self) -> bool:
        """Whether size or time of change differ from when the corpus was opened."""
        if not self.is_regular:
            return False
        now = self.path.stat()
        return (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns)


def find_text_files(corpus_file: CorpusPaths) -> list[TextFile]:
    """
    List the files that `corpus_file` stands for, in the order in which they are read.

    Parameters
    ----------
    corpus_file : str, os.PathLike, or an iterable of them
        A file (a named pipe or ``/dev/stdin``, too); a folder, which stands for all regular files in it and
        in its sub-folders, sorted by name folder by folder, without those whose own or folder's name begins
        with a dot; or a pattern with ``*``, ``?``, ``[...]`` or ``**``, which stands for the files it
        matches, sorted, but not for folders. Several are read one after the other, in the given order.

    Returns
    -------
    list of TextFile
        At least one.

    Raises
    ------
    TypeError
        `corpus_file` is not a path and not an iterable of paths.
    FileNotFoundError
        There is no such file, nothing matches the pattern, or a folder has no files.
    OSError
        A file cannot be opened for reading (`PermissionError` and others).
    MissingExtraError
        The package that reads ``.zst`` files is not installed.
    """
    paths: list[str | os.PathLike[str]]
    if isinstance(corpus_file, (str, os.PathLike)):
        paths = [corpus_file]
    elif isinstance(corpus_file, Iterable):
        paths = list(corpus_file)
    else:
        raise TypeError(f"corpus_file must be a path or a list of paths, not {type(corpus_file).__name__}")
    if not paths:
        raise FileNotFoundError("corpus_file is an empty list: there is no file to read")
    return [_inspect(path) for given in paths for path in _expand(given)]


def _expand(given: str | os.PathLike[str]) -> list[Path]:
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(
            f"a path in corpus_file must be str or os.PathLike, not {type(given).__name__}: {given!r}"
        )
    path, text = Path(given), os.fspath(given)
    if not text:
        raise FileNotFoundError("corpus_file is an empty string: there is no file to read")
    if path.is_dir():
        files = list(_walk(path, set()))
        if not files:
            raise FileNotFoundError(
                f"no files in the corpus folder {text!r} (names with a leading dot do not count)"
            )
        return files
    if not os.path.lexists(path) and glob.has_magic(text):
        # Not Path.glob, which takes no absolute patterns.
        files = sorted(
            match
            for name in glob.glob(text, recursive=True)
            if not (match := Path(name)).is_dir() and not _is_cache(match)
        )
        if not files:
            raise FileNotFoundError(f"no file matches the corpus pattern {text!r}")
        return files
    return [path]


def _walk(folder: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
    """All regular files below `folder`, sorted; links to folders are followed, but none is entered twice."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in entered:
        return
    entered.add((status.st_dev, status.st_ino))
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or _is_cache(path):
            continue
        if path.is_dir():
            yield from _walk(path, entered)
        elif path.is_file() or not path.exists():  # a broken link is an error, which _inspect raises
            yield path


def _is_cache(path: Path) -> bool:
    """Whether id_cache.py has put it beside a text of that name."""
    return path.suffix == ".ids" and path.with_suffix("").is_file()


def _inspect(path: Path) -> TextFile:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise FileNotFoundError(f"no such corpus file: {str(path)!r}") from None
    is_regular = stat.S_ISREG(status.st_mode)
    if is_regular:
        with path.open("rb"):  # raises now, not in the middle of the reading, if access rights are missing
            pass
    file = TextFile(path, status.st_size, status.st_mtime_ns, is_regular)
    if file.decompressor is _open_zstd:
        _zstd_decompressor()
    return file


@contextmanager
def open_stream(file: TextFile) -> Iterator[tuple[Readable, BinaryIO]]:
    """Open a file for reading from its start to its end, decompressed.

    Yields
    ------
    tuple
        The readable, and the raw file below it, whose `tell` is the progress.

    Raises
    ------
    ValueError
        While reading inside the ``with`` block: the compressed data are damaged or end too early.
    """
    with file.path.open("rb", buffering=0) as raw:
        decompressor = file.decompressor
        if decompressor is None:
            yield cast(Readable, raw), cast(BinaryIO, raw)
            return
        with damage_named(f"corpus file {str(file.path)!r}", file.path.suffix):
            yield decompressor(cast(BinaryIO, raw)), cast(BinaryIO, raw)


@contextmanager
def damage_named(name: str, kind: str) -> Iterator[None]:
    """Turn what decompressors raise for bad data into a ValueError that names the file and its kind."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, _FrameDamage) as error:
        raise ValueError(f"{name} is not a whole and sound {kind} file: {error}") from error
    except OSError as error:
        if error.errno is not None:  # from the operating system; gzip and bz2 raise OSError for bad data, too
            raise
        raise ValueError(f"{name} is not a whole and sound {kind} file: {error}") from error


# ---- compressed formats ----


class _FrameDamage(Exception):
    """The data are not sound frames, whichever package has found that out."""


class _FrameReader(io.RawIOBase):
    """All frames of a zstd file or members of a gzip file, none of which may be cut short.

    For zstd because the packages' own readers let that pass, for gzip because Python's reader takes a seventh longer.

    Parameters
    ----------
    raw : BinaryIO
        The file.
    new : callable
        Makes a decompressor of one frame, such as `zlib.decompressobj` does.
    error : type
        What that raises for bad data.
    bite : int
        Bytes to decompress at once: what they stand for is in memory at once, too.
    padding : bytes, optional
        A byte that may follow a frame, any number of times.
    """

    CHUNK = 1 << 16

    def __init__(
        self,
        raw: BinaryIO,
        new: Callable[[], Any],
        error: type[Exception],
        bite: int,
        padding: bytes = b"",
    ) -> None:
        self._raw, self._new, self._error, self._bite, self._padding = raw, new, error, bite, padding
        self._packed = memoryview(b"")
        self._frame = new()
        self._in_frame = self._is_after_frame = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._ready and self._decompress():
            pass
        n_bytes = min(len(buffer), len(self._ready))
        buffer[:n_bytes] = self._ready[:n_bytes]
        self._ready = self._ready[n_bytes:]
        return n_bytes

    def _decompress(self) -> bool:
        """Decompress one more bite; False at the end of the file."""
        if self._frame.eof:
            self._packed = memoryview(self._frame.unused_data + bytes(self._packed))
            self._frame, self._in_frame, self._is_after_frame = self._new(), False, True
        if not self._packed:
            self._packed = memoryview(self._raw.read(self.CHUNK))
            if not self._packed:
                if self._in_frame:
                    raise _FrameDamage("the file ends before its data do")
                return False
        if self._is_after_frame:
            self._packed = memoryview(bytes(self._packed).lstrip(self._padding))
            if not self._packed:
                return True
        self._in_frame, self._is_after_frame = True, False
        bite, self._packed = self._packed[: self._bite], self._packed[self._bite :]
        try:
            self._ready = memoryview(self._frame.decompress(bite))
        except self._error as error:
            raise _FrameDamage(str(error)) from error
        return True


def _zstd_decompressor() -> tuple[Callable, type[Exception]]:  # type: ignore[type-arg]
    """What makes a decompressor of one frame, and the exception that it raises."""
    try:
        from compression import zstd

        return zstd.ZstdDecompressor, zstd.ZstdError
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError(
            "reading .zst files needs Python 3.14 or the package zstandard: pip install 'fastw2v[zstd]'"
        ) from None
    return zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError


def _open_gzip(raw: BinaryIO) -> Readable:
    # 31: gzip's header and trailer, checked, around the largest window. A bite can stand for 34 MB.
    return cast(Readable, _FrameReader(raw, lambda: zlib.decompressobj(31), zlib.error, 1 << 15, b"\0"))


def _open_bz2(raw: BinaryIO) -> Readable:
    return cast(Readable, bz2.BZ2File(raw))


def _open_xz(raw: BinaryIO) -> Readable:
    return cast(Readable, lzma.LZMAFile(raw))


def _open_zstd(raw: BinaryIO) -> Readable:
    new, error = _zstd_decompressor()
    # Four bytes can stand for 128 kB.
    return cast(Readable, _FrameReader(raw, new, error, 1 << 10))


DECOMPRESSORS: dict[str, Callable[[BinaryIO], Readable]] = {
    ".gz": _open_gzip,
    ".bz2": _open_bz2,
    ".xz": _open_xz,
    ".zst": _open_zstd,
}
