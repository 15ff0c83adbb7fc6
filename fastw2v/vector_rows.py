"""Rows of vector files to words and matrices and back, block by block, on several threads.

_formats.pyx does the work on a block; here blocks are cut, matrices grow, and faults become messages with the
number of the row, counted from 1. word2vec_format.py and projector_files.py know what stands around the rows.
Invariant: what a file promises takes no memory. A matrix has room for rows that have been seen, not more than
about twice as many; only who knows the size of a file may ask for all rows at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from fastw2v import _formats
from fastw2v.machine import MAX_WORKERS, default_workers
from fastw2v.vector_streams import PathLike, Window

_logger = logging.getLogger(__name__)
_MAX_WORD_BYTES = 1 << 20
_MAX_NUMBER_BYTES = 1 << 10  # a mean over a line: some numbers may be longer
_PART_BYTES = 1 << 17  # of a text, that are worth a thread
_ROWS_BYTES = 1 << 21  # of the vectors that are written at once by each thread
_SPAN = np.dtype([("begin", np.int64), ("end", np.int64)])


class RowError(ValueError):
    """A row cannot be read; `row` counts from 1."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


class GrowingRows:
    """A matrix [n_rows, n_columns] whose rows come one block after the other.

    Parameters
    ----------
    n_columns : int
        D.
    dtype : numpy dtype
        Of the matrix.
    n_expected : int, default 0
        Make room for so many rows at once.
    """

    def __init__(self, n_columns: int, dtype: Any, n_expected: int = 0) -> None:
        self._rows = np.empty((n_expected, n_columns), dtype)
        self.n_rows = 0

    def room(self, n_rows: int, n_expected: int = 0) -> np.ndarray:
        """Return the next rows, to be filled; the view ends with the next call."""
        needed = self.n_rows + n_rows
        if needed > len(self._rows):
            capacity = max(needed, n_expected, len(self._rows) * 3 // 2)
            self._rows.resize((capacity, self._rows.shape[1]), refcheck=False)
        return self._rows[self.n_rows : needed]

    def finish(self) -> np.ndarray:
        """Return the rows that were counted in `n_rows`."""
        self._rows.resize((self.n_rows, self._rows.shape[1]), refcheck=False)
        return self._rows


@dataclass(frozen=True)
class Decoding:
    """How bytes become words and numbers.

    Attributes
    ----------
    encoding, errors : str
        As for bytes.decode.
    dtype : numpy dtype
        Of the matrix.
    n_threads : int or None
        To read and write numbers with; default all cores that the process may use.
    """

    encoding: str = "utf-8"
    errors: str = "surrogateescape"
    dtype: Any = np.float32
    n_threads: int | None = None

    def words(self, block: Any, spans: np.ndarray, words: list[str]) -> None:
        """Append the words of a block; RowError at one that cannot be decoded."""
        try:
            _formats.decode(block, spans, words, self.encoding, self.errors)
        except UnicodeDecodeError as error:
            raise RowError(len(words) + 1, cannot_decode(error)) from error


def cannot_decode(error: UnicodeDecodeError) -> str:
    """Say what is wrong with a word."""
    return (
        f"the word {error.object[:60]!r} is not {error.encoding} ({error.reason}); "
        f"unicode_errors='surrogateescape' keeps its bytes"
    )


def read_binary_rows(
    window: Window, n_columns: int, n_rows: int, n_expected: int, decoding: Decoding
) -> tuple[list[str], np.ndarray]:
    """Read rows ``word, space, n_columns little-endian float32``, with newlines before a word or without.

    Parameters
    ----------
    window : Window
        Begins with the first row, and afterwards with what follows the last.
    n_columns, n_rows : int
        D, and how many rows to read.
    n_expected : int
        Make room for so many of them at once; 0 unless the size of the file is known.
    decoding : Decoding
        How to read them.

    Raises
    ------
    RowError
        The stream ends too early, or a word cannot be decoded.
    """
    row_bytes = 4 * n_columns
    words: list[str] = []
    is_float32 = np.dtype(decoding.dtype) == np.dtype("<f4")
    rows = GrowingRows(n_columns, decoding.dtype, n_expected)
    while rows.n_rows < n_rows:
        block = window.view
        n_possible = min(n_rows - rows.n_rows, len(block) // (row_bytes + 1))
        room = rows.room(n_possible) if is_float32 else np.empty((n_possible, n_columns), "<f4")
        spans, n_used = _formats.read_binary(block, room.view(np.uint8).reshape(n_possible, row_bytes))
        decoding.words(block, spans, words)
        if not is_float32:
            with np.errstate(over="ignore"):  # a number too large for the type is infinite
                rows.room(len(spans))[:] = room[: len(spans)]
        rows.n_rows += len(spans)
        del block, room
        if len(spans):
            window.take(n_used)
        elif len(window.view) > row_bytes + _MAX_WORD_BYTES:
            raise RowError(rows.n_rows + 1, f"no space within {_MAX_WORD_BYTES} bytes: where is the word?")
        elif not window.more():
            raise RowError(rows.n_rows + 1, "truncated")
    return words, rows.finish()


class LineReader:
    """Reads lines of a word and numbers, or of numbers.

    Parameters
    ----------
    window : Window
        Begins with the first line.
    n_columns : int
        D.
    decoding : Decoding
        How to read them.
    n_bytes : int, optional
        Of the whole stream, if that is known.
    separator, has_word, has_spaced_words
        See `fastw2v._formats.TextLayout`.
    """

    def __init__(
        self,
        window: Window,
        n_columns: int,
        decoding: Decoding,
        *,
        n_bytes: int | None = None,
        separator: bytes = b" ",
        has_word: bool = True,
        has_spaced_words: bool = False,
    ) -> None:
        self._window = window
        self._n_columns = n_columns
        self._decoding = decoding
        self._n_bytes = n_bytes
        self._has_word = has_word
        self._separator = separator
        self._blanks = b" \r\n" + separator
        self._layout = _formats.TextLayout(n_columns, separator, has_word, has_spaced_words)
        self._is_exact = np.dtype(decoding.dtype) in (np.dtype("=f4"), np.dtype("=f8"))
        self._words: list[str] = []
        self._rest = b""

    def read(self, n_rows: int | None, n_expected: int = 0) -> tuple[list[str], np.ndarray]:
        """Read `n_rows` lines, or all but empty ones at the end if it is None; errors as `read_binary_rows`.

        Returns
        -------
        words : list of str
            Empty if there are no words in the lines.
        rows : numpy.ndarray, shape [n, D]
        """
        rows = GrowingRows(self._n_columns, self._decoding.dtype, n_expected)
        n_threads = thread_count(self._decoding.n_threads)
        with _Pool(n_threads) as pool:
            while n_rows is None or rows.n_rows < n_rows:
                block = self._next_lines(rows.n_rows + 1)
                if not block:
                    break
                parts = _cut_lines(block, min(n_threads, len(block) // _PART_BYTES + 1))
                n_lines = [block.count(b"\n", begin, end) for begin, end in parts]
                if n_rows is not None:
                    n_lines = _limited(n_lines, n_rows - rows.n_rows)
                # No room for more rows than there can be of D numbers each, whatever the newlines say.
                capacities = [
                    min(wanted, (end - begin) // (2 * self._n_columns))
                    for wanted, (begin, end) in zip(n_lines, parts, strict=True)
                ]
                n_new = sum(capacities)
                expected = 0
                if self._n_bytes is not None and n_rows is None and rows.n_rows == 0:
                    expected = int(1.02 * n_new * self._n_bytes / len(block)) + 1
                room = rows.room(n_new, expected)
                starts = np.cumsum([0, *capacities])
                pieces = [room[starts[part] : starts[part + 1]] for part in range(len(parts))]
                done = list(pool.map(self._read_part, [memoryview(block)[a:b] for a, b in parts], pieces))
                del room
                if not self._accept(block, parts, n_lines, done, rows, n_rows):
                    break
        if n_rows is not None and rows.n_rows < n_rows:
            raise RowError(rows.n_rows + 1, "truncated")
        return self._words, rows.finish()

    def rest_is_blank(self) -> bool:
        """Whether nothing but white space follows."""
        while not (self._rest + bytes(self._window.view)).strip(self._blanks):
            self._rest = b""
            self._window.take(len(self._window.view))
            if not self._window.more():
                return True
        return False

    def _next_lines(self, row: int) -> bytes:
        """Return the whole lines that are in the window, the last of the stream with a newline."""
        while True:
            block = bytes(self._window.view)
            end = block.rfind(b"\n") + 1
            if end:
                self._window.take(end)
                return block[:end]
            if len(block) > _MAX_WORD_BYTES + _MAX_NUMBER_BYTES * self._n_columns:
                raise RowError(row, f"the line is too long for {self._n_columns} numbers")
            if not self._window.more():
                self._window.take(len(block))
                return block + b"\n" if block else b""

    def _read_part(self, block: memoryview, room: np.ndarray) -> Any:
        if self._is_exact:
            return _formats.read_text(self._layout, block, room)
        numbers = np.empty(room.shape, np.float64)
        spans, n_used, fault = _formats.read_text(self._layout, block, numbers)
        with np.errstate(over="ignore"):  # a number too large for the type is infinite
            room[: len(spans)] = numbers[: len(spans)]
        return spans, n_used, fault

    def _accept(
        self,
        block: bytes,
        parts: Sequence[tuple[int, int]],
        n_lines: Sequence[int],
        done: Sequence[Any],
        rows: GrowingRows,
        n_rows: int | None,
    ) -> bool:
        """Count the rows that were read and decode their words; False at the end, RowError at a fault."""
        for (begin, end), wanted, (spans, n_used, fault) in zip(parts, n_lines, done, strict=True):
            if self._has_word:
                self._decoding.words(memoryview(block)[begin:end], spans, self._words)
            rows.n_rows += len(spans)
            if rows.n_rows == n_rows:
                self._rest = block[begin + n_used :]
                return False
            if len(spans) < wanted:
                self._rest = block[begin + n_used :]
                if n_rows is None and self.rest_is_blank():
                    return False
                raise RowError(rows.n_rows + 1, self._explain(fault, block[begin + n_used : end]))
        return True

    def _explain(self, fault: tuple[int, bytes | None] | None, line: bytes) -> str:
        line = line.split(b"\n")[0].rstrip(self._blanks)
        n_fields, wrong = fault or (line.count(self._separator) + 1, None)
        what = "a word and " if self._has_word else ""
        if wrong is None or n_fields != self._n_columns + self._has_word:
            n_found = n_fields - self._has_word
            message = f"expected {what}{self._n_columns} numbers, but there are {n_found}"
        else:
            field = wrong.split(b" ")[0].split(b"\t")[0]
            message = f"{field[:40]!r} is not a number"
        has_control_bytes = any(byte < 9 or 14 <= byte < 32 for byte in line[:4096])
        return message + ("; is it a binary file? then give binary=True" if has_control_bytes else "")


def write_binary_rows(
    file: BinaryIO, words: Sequence[bytes], vectors: np.ndarray, order: np.ndarray | None = None
) -> None:
    """Write rows as word2vec.c does; see `fastw2v.word2vec_format.write`."""
    for encoded, rows in _blocks(words, vectors, order, 1):
        letters, spans = _packed(encoded)
        raw = rows.view(np.uint8).reshape(len(rows), -1)
        out = np.empty(len(letters) + raw.size + 2 * len(rows), np.uint8)
        file.write(out.data[: _formats.write_binary(letters, spans, raw, out)])


def write_text_rows(
    file: BinaryIO,
    words: Sequence[bytes] | None,
    vectors: np.ndarray,
    order: np.ndarray | None = None,
    *,
    separator: bytes = b" ",
    n_threads: int | None = None,
) -> None:
    """Write lines of words and numbers, or of numbers only if `words` is None."""
    layout = _formats.TextLayout(vectors.shape[1], separator, words is not None)
    encoded_words = [b""] * len(vectors) if words is None else words
    n_parts = thread_count(n_threads)

    def lines(encoded: Sequence[bytes], rows: np.ndarray) -> memoryview:
        letters, spans = _packed(encoded)
        n_numbers = len(rows) * (rows.shape[1] + 1)
        out = np.empty(len(letters) + n_numbers * _formats.MAX_NUMBER_CHARS, np.uint8)
        return out.data[: _formats.write_text(layout, letters, spans, rows, out)]

    with _Pool(n_parts) as pool:
        for encoded, rows in _blocks(encoded_words, vectors, order, n_parts):
            step = -(-len(rows) // n_parts)
            firsts = range(0, len(rows), step)
            for text in pool.map(
                lines,
                [encoded[first : first + step] for first in firsts],
                [rows[first : first + step] for first in firsts],
            ):
                file.write(text)


def without_repetitions(
    path: PathLike, words: list[str], vectors: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Keep the first row of each word, with a warning if that leaves some out."""
    if len(set(words)) == len(words):
        return words, vectors
    rows = sorted({word: row for row, word in reversed(list(enumerate(words)))}.values())
    _logger.warning("%s: %d words occur again; the first is kept", path, len(words) - len(rows))
    return [words[row] for row in rows], vectors[rows]


class _Pool:
    """Threads that start when there is work for more than one."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown()

    def map(self, function: Callable[..., Any], *arguments: Sequence[Any]) -> Iterable[Any]:
        """As the built-in map."""
        if len(arguments[0]) == 1:
            return map(function, *arguments)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._n_threads)
        return self._executor.map(function, *arguments)


def thread_count(asked: int | None) -> int:
    """Return the number of threads that was asked for, or `default_workers`."""
    return default_workers() if asked is None else min(max(1, asked), MAX_WORKERS)


def _blocks(
    words: Sequence[bytes], vectors: np.ndarray, order: np.ndarray | None, n_parts: int
) -> Iterator[tuple[Sequence[bytes], np.ndarray]]:
    """Yield words and packed little-endian float32 rows, in the order of writing."""
    step = max(1, n_parts * _ROWS_BYTES // (4 * vectors.shape[1]))
    for first in range(0, len(vectors), step):
        chosen = slice(first, first + step) if order is None else order[first : first + step]
        encoded = words[chosen] if isinstance(chosen, slice) else [words[row] for row in chosen.tolist()]
        yield encoded, np.ascontiguousarray(vectors[chosen], "<f4")


def _packed(encoded: Sequence[bytes]) -> tuple[bytes, np.ndarray]:
    """Return words one after the other, and where each stands."""
    spans = np.empty(len(encoded), _SPAN)
    spans["end"] = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
    spans["begin"][0] = 0
    spans["begin"][1:] = spans["end"][:-1]
    return b"".join(encoded), spans


def _cut_lines(block: bytes, n_parts: int) -> list[tuple[int, int]]:
    """Cut whole lines into stretches of about the same size, each of whole lines."""
    cuts = [0]
    for part in range(1, n_parts):
        cuts.append(max(cuts[-1], block.find(b"\n", len(block) * part // n_parts) + 1))
    return [(begin, end) for begin, end in zip(cuts, [*cuts[1:], len(block)], strict=True) if begin < end]


def _limited(capacities: Sequence[int], total: int) -> list[int]:
    """Cut capacities down so that their sum is at most `total`."""
    limited = []
    for capacity in capacities:
        limited.append(min(capacity, total))
        total -= limited[-1]
    return limited
