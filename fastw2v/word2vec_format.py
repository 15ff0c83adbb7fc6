"""The file formats of word2vec.c, binary and text, as gensim, GloVe and fastText write them, too.

Both start with the line ``V D``, which GloVe leaves out. Binary: ``word``, a space, D little-endian float32, and a
newline, which gensim leaves out and both read. Text: ``word`` and D decimal numbers, separated by single spaces,
one word a line; fastText adds a space at its end. A word is any bytes but white space; bytes that are not UTF-8 come
and go as surrogateescape. In files without a header a word may contain spaces, as in some of GloVe's.

This module knows bytes, words and matrices, not `KeyedVectors`. It trusts nothing it reads: memory is taken for what
has been read, or can be in a file of this size, and whatever is not exactly V rows of D numbers is a ValueError that
names the file and the row (counted from 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastw2v import file_kinds
from fastw2v.model_file import encode_word
from fastw2v.row_writers import write_binary_rows, write_text_rows
from fastw2v.vector_rows import (
    Decoding,
    LineReader,
    RowError,
    cannot_decode,
    read_binary_rows,
)
from fastw2v.vector_streams import PathLike, Source, Window, open_source, open_target, read_lines

_MAX_HEADER_BYTES = 256
_MAX_FIRST_LINE = 1 << 26
_WHITE_SPACE = re.compile(rb"[ \t\n\v\f\r]")
_HEADER = re.compile(rb"[ \t]*(\d{1,15})[ \t]+(\d{1,8})[ \t]*\r?\n")


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file.

    Attributes
    ----------
    binary : bool
        Which of the two formats it is.
    limit : int or None
        Read only so many rows from the beginning.
    has_header : bool
        False: the line ``V D`` is missing, as in GloVe's files. Text only.
    decoding : Decoding
        How bytes become words and numbers.
    """

    binary: bool
    limit: int | None = None
    has_header: bool = True
    decoding: Decoding = field(default_factory=Decoding)


@dataclass(frozen=True)
class WriteOptions:
    """How to write a file.

    Attributes
    ----------
    binary : bool
        Which of the two formats it is to be.
    n_words : int or None
        What the header promises, if not the number of words: more files are to be appended.
    has_header : bool
        False: leave out the line ``V D``.
    prefix : str
        Before each word.
    append : bool
        Put the rows behind what is in the file already.
    n_threads : int or None
        As in `Decoding`.
    """

    binary: bool
    n_words: int | None = None
    has_header: bool = True
    prefix: str = ""
    append: bool = False
    n_threads: int | None = None


def write(
    path: PathLike,
    words: Sequence[str],
    vectors: np.ndarray,
    options: WriteOptions,
    order: np.ndarray | None = None,
) -> None:
    """Write words and their vectors, atomically; compressed if the name ends in .gz, .bz2, .xz or .zst.

    Binary files equal word2vec.c's. DIFFERS: gensim leaves out their newlines. Text has the fewest digits that bring
    each float32 back exactly, as gensim's. DIFFERS: word2vec.c writes six decimals (``%lf``), which lose most of a
    small number, and a space at the end of the line.

    Parameters
    ----------
    path : str or os.PathLike
        The file to create or replace, or a URL (see `fastw2v.vector_streams.open_target`).
    words : sequence of str
        V words.
    vectors : numpy.ndarray, shape [V, D]
        Written as float32. Rows may be padded.
    options : WriteOptions
        How to write it.
    order : numpy.ndarray of int, shape [V], optional
        The rows in the order in which they are to be written.

    Raises
    ------
    ValueError
        A word contains white space or has no UTF-8 form. Nothing is written.
    OSError
        See `fastw2v.atomic.atomic_write`: an old file at `path` is intact.
    """
    encoded = _checked_words(words, options.prefix)
    with open_target(path, append=options.append) as file:
        if options.has_header:
            n_words = len(words) if options.n_words is None else options.n_words
            file.write(b"%d %d\n" % (n_words, vectors.shape[1]))
        if options.binary:
            write_binary_rows(file, encoded, vectors, order)
        else:
            write_text_rows(file, encoded, vectors, order, n_threads=options.n_threads)


def write_vocabulary(
    path: PathLike, words: Sequence[str], values: Sequence[object], options: WriteOptions
) -> None:
    """Write lines ``word value``, as word2vec.c does with ``-save-vocab``; errors as `write`."""
    encoded = _checked_words(words, options.prefix)
    with open_target(path, append=options.append) as file:
        lines = [
            b"%b %b\n" % (word, str(value).encode()) for word, value in zip(encoded, values, strict=True)
        ]
        file.write(b"".join(lines))


def read(path: PathLike, options: ReadOptions) -> tuple[list[str], np.ndarray]:
    """Read words and their vectors.

    Parameters
    ----------
    path : str or os.PathLike
        A regular file, compressed or not, or a URL (see `fastw2v.vector_streams.open_source`).
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
    with open_source(path) as source:
        reader = _Reader(source, options)
        try:
            return reader.read_binary() if options.binary else reader.read_text()
        except RowError as error:
            promise = reader.promise if str(error) == "truncated" else ""
            raise ValueError(f"{source.name}, row {error.row}: {error}{promise}") from error


def read_vocabulary(path: PathLike, decoding: Decoding) -> dict[str, int]:
    """Read lines ``word count``; ValueError with file and line for anything else."""
    counts: dict[str, int] = {}
    with open_source(path) as source:
        for number, line in enumerate(read_lines(source), 1):
            word, _, count = line.rstrip(b"\r").rpartition(b" ")
            if not re.fullmatch(rb"\d{1,18}", count):
                raise ValueError(f"{source.name}, line {number}: expected 'word count'")
            try:
                counts[word.decode(decoding.encoding, decoding.errors)] = int(count)
            except UnicodeDecodeError as error:
                raise ValueError(f"{source.name}, line {number}: {cannot_decode(error)}") from error
    return counts


class _Reader:
    """One reading of one file: what its parts share for their checks and messages."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self.name = source.name
        self.n_bytes = source.n_bytes
        self.options = options
        self.window = Window(source.stream)
        self.window.more()
        self.start = bytes(self.window.view[: file_kinds.START_BYTES])
        self.promise = ""  # what the first line says, for messages about files that end too early

    def read_header(self, min_number_bytes: int) -> tuple[int, int, int]:
        """Return V, D, and how many rows to make room for; refuse more rows than the file can hold."""
        match = _HEADER.match(self.start[:_MAX_HEADER_BYTES])
        if match is None:
            line = self.start[:_MAX_HEADER_BYTES].split(b"\n")[0]
            raise ValueError(
                f"{self.name}: not a word2vec file: the first line must hold two numbers, words and dimensions, "
                f"but is {line[:60]!r}. {file_kinds.advice(self.start, 'word2vec')}"
            )
        n_stored, vector_size = int(match[1]), int(match[2])
        if vector_size == 0:
            raise ValueError(f"{self.name}: the first line says that the vectors have no dimensions")
        self.window.take(match.end())
        self.promise = f": the first line promises {n_stored} rows"
        n_words = n_stored if self.options.limit is None else min(n_stored, self.options.limit)
        if self.n_bytes is None:
            return n_stored, vector_size, 0
        min_row_bytes = min_number_bytes * vector_size + 1
        n_left = self.n_bytes - match.end()
        n_fit = (n_left + 1) // min_row_bytes  # the newline after the last row may be missing
        if n_stored > n_fit:
            raise ValueError(
                f"{self.name}: truncated, or not in this format: the first line promises {n_stored} rows of "
                f"at least {min_row_bytes} bytes, but {n_left} bytes follow, room for {n_fit}. "
                + file_kinds.advice(self.start, "word2vec-binary" if self.options.binary else "word2vec-text")
            )
        return n_stored, vector_size, n_words

    def read_binary(self) -> tuple[list[str], np.ndarray]:
        n_stored, vector_size, n_expected = self.read_header(4)
        n_words = n_stored if self.options.limit is None else min(n_stored, self.options.limit)
        words, vectors = read_binary_rows(
            self.window, vector_size, n_words, n_expected, self.options.decoding
        )
        if n_words == n_stored and not self.rest_is_blank():
            raise RowError(n_words + 1, f"too long: the first line promises only {n_words} rows")
        return words, vectors

    def rest_is_blank(self) -> bool:
        while not bytes(self.window.view).strip(b"\r\n "):
            self.window.take(len(self.window.view))
            if not self.window.more():
                return True
        return False

    def read_text(self) -> tuple[list[str], np.ndarray]:
        n_stored, n_expected = None, 0
        if self.options.has_header:
            n_stored, vector_size, n_expected = self.read_header(2)
        else:
            vector_size = self.count_numbers()
        limit = self.options.limit
        n_words = n_stored if limit is None else limit if n_stored is None else min(n_stored, limit)
        reader = LineReader(
            self.window,
            vector_size,
            self.options.decoding,
            n_bytes=self.n_bytes,
            has_spaced_words=not self.options.has_header,
        )
        words, vectors = reader.read(n_words, n_expected)
        if n_words is not None and n_words == n_stored and not reader.rest_is_blank():
            raise RowError(n_words + 1, f"too long: the first line promises only {n_words} rows")
        return words, vectors

    def count_numbers(self) -> int:
        """Return the width of a text file without a header, from its first line."""
        line = bytes(self.window.view)
        while b"\n" not in line and len(line) < _MAX_FIRST_LINE and self.window.more():
            line = bytes(self.window.view)
        n_numbers = line.split(b"\n")[0].rstrip(b" \r").count(b" ")
        if n_numbers == 0:
            advice = file_kinds.advice(self.start, "glove")
            raise RowError(1, f"expected a word and numbers, separated by spaces. {advice}")
        return n_numbers


def _checked_words(words: Sequence[str], prefix: str) -> list[bytes]:
    """Return the words' bytes; ValueError if one contains white space."""
    try:
        text = "\n".join(words).encode("utf-8", "surrogateescape")
    except (TypeError, UnicodeEncodeError):
        text = b""  # word by word, to say which
    # With a line for each word and no other white space, all is well: much faster than looking at each.
    encoded = text.split(b"\n") if text else []
    if len(encoded) != len(words) or _WHITE_SPACE.search(text.replace(b"\n", b"")):
        encoded = [encode_word(word, row) for row, word in enumerate(words)]
        for row, word in enumerate(encoded):
            if _WHITE_SPACE.search(word):
                raise ValueError(
                    f"row {row}: the word {words[row]!r} contains white space, which word2vec's format cannot hold; "
                    f"save it with save() instead, or replace the white space"
                )
    if not prefix:
        return encoded
    start = encode_word(prefix, 0)
    if _WHITE_SPACE.search(start):
        raise ValueError(f"the prefix {prefix!r} contains white space, which word2vec's format cannot hold")
    return [start + word for word in encoded]
