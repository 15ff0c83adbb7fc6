"""The file formats of word2vec.c, binary and text, as gensim writes and reads them too.

Both start with the line ``V D``. Binary: ``word``, a space, D little-endian float32, and a newline, which
gensim leaves out and both read. Text: ``word`` and D decimal numbers, separated by single spaces, one word a
line. A word is any bytes but white space; bytes that are not UTF-8 come and go as surrogateescape.

This module knows bytes, words and matrices, not `KeyedVectors`, which is its only caller. It trusts nothing
it reads: sizes are checked against the size of the file before memory is taken, and whatever is not exactly
V rows of D numbers is a ValueError that names the file and the row (counted from 1).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastw2v.atomic import atomic_write
from fastw2v.model_file import encode_word

_ROWS_PER_WRITE = 1024  # so that a block stays in cache
_READ_BYTES = 1 << 22
_MAX_HEADER_BYTES = 256
_WHITE_SPACE = re.compile(rb"[ \t\n\v\f\r]")
_HEADER = re.compile(rb"[ \t]*(\d{1,15})[ \t]+(\d{1,8})[ \t]*\r?\n")


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file.

    Attributes
    ----------
    binary : bool
        Which of the two formats it is.
    encoding, errors : str
        How the words' bytes become str.
    limit : int or None
        Read only so many rows from the beginning.
    has_header : bool
        False: the line ``V D`` is missing, as in GloVe's files. Text only.
    dtype : numpy dtype
        Type of the vectors.
    """

    binary: bool
    encoding: str = "utf-8"
    errors: str = "surrogateescape"
    limit: int | None = None
    has_header: bool = True
    dtype: Any = np.float32


def write(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: np.ndarray,
    *,
    binary: bool,
    order: np.ndarray | None = None,
) -> None:
    """Write words and their vectors, atomically.

    Binary files equal word2vec.c's. DIFFERS: numbers in text have nine significant digits (``%.9g``), which
    bring each float32 back exactly. word2vec.c writes six decimals (``%lf``), which lose most of a small
    number, and a space at the end of the line; gensim writes the shortest digits that come back exactly,
    which takes more than three times as long.

    Parameters
    ----------
    path : str or os.PathLike
        The file to create or replace.
    words : sequence of str
        V words.
    vectors : numpy.ndarray, shape [V, D]
        Written as float32. Rows may be padded.
    binary : bool
        The format.
    order : numpy.ndarray of int, shape [V], optional
        The rows in the order in which they are to be written.

    Raises
    ------
    ValueError
        A word contains white space or has no UTF-8 form. Nothing is written.
    OSError
        See `fastw2v.atomic.atomic_write`: an old file at `path` is intact.
    """
    n_words, vector_size = vectors.shape
    encoded = _checked_words(words)
    if order is not None:
        encoded = [encoded[row] for row in order.tolist()]
    format_block = _binary_block if binary else _text_block
    with atomic_write(path) as file:
        file.write(b"%d %d\n" % (n_words, vector_size))
        for first in range(0, n_words, _ROWS_PER_WRITE):
            last = min(first + _ROWS_PER_WRITE, n_words)
            rows = vectors[first:last] if order is None else vectors[order[first:last]]
            file.write(format_block(encoded[first:last], np.ascontiguousarray(rows, "<f4")))


def write_vocabulary(path: str | os.PathLike[str], words: Sequence[str], counts: Sequence[int]) -> None:
    """Write ``word count`` lines, as word2vec.c does with ``-save-vocab``; errors as `write`."""
    lines = [b"%b %d\n" % line for line in zip(_checked_words(words), counts, strict=True)]
    with atomic_write(path) as file:
        file.writelines(lines)


def read(path: str | os.PathLike[str], options: ReadOptions) -> tuple[list[str], np.ndarray]:
    """Read words and their vectors.

    Parameters
    ----------
    path : str or os.PathLike
        An uncompressed regular file.
    options : ReadOptions
        How to read it.

    Returns
    -------
    words : list of str
        V words, in the order of the file; not checked for repetitions.
    vectors : numpy.ndarray, shape [V, D]

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        It is not a file of this format, it is truncated or too long, a number is none, or a word cannot be
        decoded. The message has the file and the row.
    """
    if options.limit is not None and options.limit < 0:
        raise ValueError(f"limit must not be negative, but is {options.limit}")
    if options.binary and not options.has_header:
        raise ValueError("no_header is for text files: a binary file without a header has no known width")
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # a folder: open() says so
        raise ValueError(f"{path}: not a regular file; vectors are read from files only")
    with path.open("rb") as file:
        reader = _Reader(file, str(path), path.stat().st_size, options)
        return reader.read_binary() if options.binary else reader.read_text()


def read_vocabulary(path: str | os.PathLike[str], options: ReadOptions) -> dict[str, int]:
    """Read ``word count`` lines; ValueError with file and line for anything else."""
    counts: dict[str, int] = {}
    with Path(path).open("rb") as file:
        for line_number, line in enumerate(file, 1):
            place = f"{os.fspath(path)}, line {line_number}"
            word, _, count = line.rstrip(b"\r\n").rpartition(b" ")
            if not re.fullmatch(rb"\d{1,18}", count):
                raise ValueError(f"{place}: expected 'word count'")
            counts[_decoded(word, options, place)] = int(count)
    return counts


class _Reader:
    """One reading of one file: what its parts share for their checks and messages."""

    def __init__(self, file: BinaryIO, name: str, n_bytes: int, options: ReadOptions) -> None:
        self.file = file
        self.name = name
        self.n_bytes = n_bytes
        self.options = options

    def error(self, row: int, message: str) -> ValueError:
        return ValueError(f"{self.name}, row {row}: {message}")

    def read_header(self) -> tuple[int, int]:
        line = self.file.readline(_MAX_HEADER_BYTES)
        match = _HEADER.fullmatch(line)
        if match is None:
            hint = "; if it starts with the first word, as GloVe's files do, give no_header=True"
            raise ValueError(
                f"{self.name}: not a word2vec file: the first line must hold two numbers, words and "
                f"dimensions, but is {line[:60]!r}{'' if self.options.binary else hint}"
            )
        n_words, vector_size = int(match[1]), int(match[2])
        if vector_size == 0:
            raise ValueError(f"{self.name}: the first line says that the vectors have no dimensions")
        return n_words, vector_size

    def check_size(self, n_words: int, min_row_bytes: int) -> None:
        """Refuse a header that promises more rows than the rest of the file can hold."""
        n_left = self.n_bytes - self.file.tell()
        # The newline after the last row may be missing.
        n_fit = (n_left + 1) // min_row_bytes
        if n_words > n_fit:
            raise ValueError(
                f"{self.name}: truncated, or not in this format: the first line promises {n_words} rows of "
                f"at least {min_row_bytes} bytes, but {n_left} bytes follow, room for {n_fit}"
            )

    def check_end(self, rest: bytes, n_words: int) -> None:
        """Refuse a file that goes on after its last row, white space apart."""
        while rest:
            if rest.strip(b"\r\n "):
                raise self.error(n_words + 1, f"too long: the first line promises only {n_words} rows")
            rest = self.file.read(_READ_BYTES)

    def read_binary(self) -> tuple[list[str], np.ndarray]:
        n_stored, vector_size = self.read_header()
        row_bytes = 4 * vector_size
        self.check_size(n_stored, row_bytes + 1)
        n_words = n_stored if self.options.limit is None else min(n_stored, self.options.limit)
        words: list[str] = []
        vectors = np.empty((n_words, vector_size), "<f4")
        # One row as one item: indexing then copies whole rows from where they stand, aligned or not.
        row_items = vectors.view(f"V{row_bytes}").reshape(n_words)
        chunk, n_read = b"", _READ_BYTES
        while len(words) < n_words:
            more = self.file.read(n_read)
            chunk += more
            starts, end = self.split_binary(chunk, words, n_words, row_bytes)
            if starts:
                rows = np.ndarray((len(chunk) - row_bytes + 1,), row_items.dtype, chunk, strides=(1,))
                first = len(words) - len(starts)
                row_items[first : len(words)] = rows[starts]
                chunk, n_read = chunk[end:], _READ_BYTES
            elif not more:
                raise self.error(len(words) + 1, f"truncated: the first line promises {n_stored} rows")
            else:
                # A row that is longer than a chunk: doubling keeps the work linear in the size of the file.
                n_read = max(_READ_BYTES, len(chunk))
        if n_words == n_stored:
            self.check_end(chunk or self.file.read(_READ_BYTES), n_words)
        return words, vectors.astype(self.options.dtype, copy=False)

    def split_binary(
        self, chunk: bytes, words: list[str], n_words: int, row_bytes: int
    ) -> tuple[list[int], int]:
        """Append the words of the whole rows in `chunk`; return where the vectors start, and the last end."""
        encoding, errors = self.options.encoding, self.options.errors
        starts: list[int] = []
        end = 0
        try:
            while len(words) < n_words:
                space = chunk.find(b" ", end)
                if space < 0 or space + 1 + row_bytes > len(chunk):
                    break
                words.append(chunk[end:space].lstrip(b"\n").decode(encoding, errors))
                starts.append(space + 1)
                end = space + 1 + row_bytes
        except UnicodeDecodeError as error:
            raise self.error(len(words) + 1, _cannot_decode(error)) from error
        return starts, end

    def read_text(self) -> tuple[list[str], np.ndarray]:
        if self.options.has_header:
            n_stored, vector_size = self.read_header()
            self.check_size(n_stored, 2 * vector_size + 1)
        else:
            n_stored, vector_size = self.measure_text()
        n_words = n_stored if self.options.limit is None else min(n_stored, self.options.limit)
        words: list[str] = []
        vectors = np.empty((n_words, vector_size), self.options.dtype)
        for row in range(n_words):
            # Only spaces and the end of the line separate: a word may hold, say, a no-break space.
            line = self.file.readline()
            if not line:
                raise self.error(row + 1, f"truncated: the first line promises {n_stored} rows")
            line = line.rstrip(b" \r\n")
            n_numbers = line.count(b" ")  # before split(), which would make a huge list of a hostile line
            if n_numbers != vector_size:
                message = f"expected a word and {vector_size} numbers, but there are {n_numbers}"
                raise self.error(row + 1, message + _hint_at_binary(line))
            fields = line.split(b" ")
            try:
                with np.errstate(over="ignore"):  # a number too large for the type is infinite
                    vectors[row] = fields[1:]
            except ValueError as error:
                raise self.error(row + 1, f"{error}{_hint_at_binary(line)}") from None
            words.append(_decoded(fields[0], self.options, f"{self.name}, row {row + 1}"))
        if n_words == n_stored:
            self.check_end(self.file.read(_READ_BYTES), n_words)
        return words, vectors

    def measure_text(self) -> tuple[int, int]:
        """Return the rows and the width of a text file without a header; ends where it began."""
        n_words, vector_size = 0, 0
        for line in self.file:
            if n_words == 0:
                vector_size = line.rstrip(b" \r\n").count(b" ")
            n_words += bool(line.strip())
        if vector_size == 0:
            raise self.error(1, "expected a word and numbers, separated by spaces")
        self.file.seek(0)
        self.check_size(n_words, 2 * vector_size + 1)
        return n_words, vector_size


def _binary_block(words: Sequence[bytes], vectors: np.ndarray) -> bytes:
    rows = vectors.view(f"V{4 * vectors.shape[1]}").ravel().tolist()  # each row as bytes
    return b"".join(
        [part for word, row in zip(words, rows, strict=True) for part in (word, b" ", row, b"\n")]
    )


def _text_block(words: Sequence[bytes], vectors: np.ndarray) -> bytes:
    row_format = b" %.9g" * vectors.shape[1] + b"\n"
    rows = vectors.tolist()
    return b"".join([word + row_format % tuple(row) for word, row in zip(words, rows, strict=True)])


def _checked_words(words: Sequence[str]) -> list[bytes]:
    encoded = [encode_word(word, row) for row, word in enumerate(words)]
    if _WHITE_SPACE.search(b"".join(encoded)):
        row = next(row for row, word in enumerate(encoded) if _WHITE_SPACE.search(word))
        raise ValueError(
            f"row {row}: the word {words[row]!r} contains white space, which word2vec's format cannot hold; "
            f"save it with save() instead, or replace the white space"
        )
    return encoded


def _decoded(word: bytes, options: ReadOptions, place: str) -> str:
    try:
        return word.decode(options.encoding, options.errors)
    except UnicodeDecodeError as error:
        raise ValueError(f"{place}: {_cannot_decode(error)}") from error


def _cannot_decode(error: UnicodeDecodeError) -> str:
    return (
        f"the word {error.object[:60]!r} is not {error.encoding} ({error.reason}); "
        f"unicode_errors='surrogateescape' keeps its bytes"
    )


def _hint_at_binary(line: bytes) -> str:
    """Return a hint if a line of a text file has bytes that no text has."""
    return "; is it a binary file? then give binary=True" if re.search(rb"[\x00-\x08\x0e-\x1f]", line) else ""
