"""Words and vectors to rows of binary or text, block by block; the reverse of vector_rows.py.

word2vec_format.py and projector_files.py know what stands around the rows and have checked the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np

from fastw2v import _formats
from fastw2v.row_threads import Pool, thread_count

_ROWS_BYTES = 1 << 18  # of the vectors that each thread turns into text at once: stays in cache
_BINARY_BYTES = 1 << 20  # of those that are copied at once: fewer hand-overs between the two threads
_SPAN = np.dtype([("begin", np.int64), ("end", np.int64)])


def write_binary_rows(
    file: BinaryIO, words: Sequence[bytes], vectors: np.ndarray, order: np.ndarray | None = None
) -> None:
    """Write rows as word2vec.c does; see `fastw2v.word2vec_format.write`.

    While the system takes one block, the next one is made: two buffers take turns, since new memory for each block
    would cost more than the copying.
    """
    buffers = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
    written: Future[Any] | None = None
    with ThreadPoolExecutor(1) as executor:
        for number, (encoded, rows) in enumerate(_blocks(words, vectors, order, _BINARY_BYTES)):
            letters, spans = _packed(encoded)
            raw = rows.view(np.uint8).reshape(len(rows), -1)
            n_bytes = len(letters) + raw.size + 2 * len(rows)
            if n_bytes > len(buffers[number % 2]):
                buffers[number % 2] = np.empty(2 * n_bytes, np.uint8)
            out = buffers[number % 2]
            n_bytes = _formats.write_binary(letters, spans, raw, out)
            if written is not None:
                written.result()
            written = executor.submit(file.write, out.data[:n_bytes])
        if written is not None:
            written.result()


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

    with Pool(n_parts) as pool:
        for encoded, rows in _blocks(encoded_words, vectors, order, n_parts * _ROWS_BYTES):
            step = -(-len(rows) // n_parts)
            firsts = range(0, len(rows), step)
            for text in pool.map(
                lines,
                [encoded[first : first + step] for first in firsts],
                [rows[first : first + step] for first in firsts],
            ):
                file.write(text)


def _blocks(
    words: Sequence[bytes], vectors: np.ndarray, order: np.ndarray | None, n_bytes: int
) -> Iterator[tuple[Sequence[bytes], np.ndarray]]:
    """Yield words and packed little-endian float32 rows, in the order of writing."""
    step = max(1, n_bytes // (4 * vectors.shape[1]))
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
