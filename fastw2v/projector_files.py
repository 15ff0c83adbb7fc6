"""Vectors for TensorBoard's embedding projector: numbers separated by tabs, and a file with a word for each line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastw2v import file_kinds
from fastw2v.model_file import encode_word
from fastw2v.row_writers import write_text_rows
from fastw2v.vector_rows import Decoding, LineReader, RowError
from fastw2v.vector_streams import PathLike, Window, open_source, open_target, plain_name, read_lines

_LINE_BREAK = re.compile(
    r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]"
)  # what may end a line or a column elsewhere
_MAX_FIRST_LINE = 1 << 26


def metadata_path(path: PathLike) -> str:
    """Return the file of words that belongs to a file of numbers, unless somebody says otherwise."""
    name = os.fspath(path)
    stem, ending = os.path.splitext(plain_name(name))
    return f"{stem}_metadata{ending}{name[len(stem) + len(ending) :]}"


def write(path: PathLike, words: Sequence[str], vectors: np.ndarray, metadata: PathLike) -> None:
    """Write both files; ValueError for a word that the projector would take for two.

    Neither replaces an old one before both are written.
    """
    for row, word in enumerate(words):
        if _LINE_BREAK.search(word):
            raise ValueError(
                f"row {row}: the word {word!r} contains a tab or a line break, which ends it here"
            )
    lines = [encode_word(word, row) + b"\n" for row, word in enumerate(words)]
    with open_target(metadata) as word_file, open_target(path) as number_file:
        word_file.write(b"".join(lines))
        word_file.flush()
        write_text_rows(number_file, None, vectors, separator=b"\t")


def read(path: PathLike, metadata: PathLike) -> tuple[list[str], np.ndarray]:
    """Read both files; the words are the first column of `metadata`, whose first line may name the columns.

    Raises
    ------
    OSError
        A file is missing or unreadable.
    ValueError
        A line is not of numbers, or of fewer or more than the first; or there are not as many words as vectors.
    """
    with open_source(path) as source:
        window = Window(source.stream)
        window.more()
        start = bytes(window.view[: file_kinds.START_BYTES])
        line = start
        while b"\n" not in line and len(line) < _MAX_FIRST_LINE and window.more():
            line = bytes(window.view)
        n_columns = line.split(b"\n")[0].rstrip(b"\t \r").count(b"\t") + 1
        reader = LineReader(
            window, n_columns, Decoding(), n_bytes=source.n_bytes, separator=b"\t", has_word=False
        )
        try:
            _, vectors = reader.read(None)
        except RowError as error:
            advice = file_kinds.advice(start, "tensorboard")
            raise ValueError(f"{source.name}, row {error.row}: {error}. {advice}") from error
    with open_source(metadata) as source:
        lines = [line.rstrip(b"\r").decode("utf-8", "surrogateescape") for line in read_lines(source)]
    if len(lines) == len(vectors) + 1 and "\t" in lines[0]:
        lines = lines[1:]
    if len(lines) != len(vectors):
        raise ValueError(
            f"{os.fspath(metadata)}: {len(lines)} words for {len(vectors)} vectors in {Path(path).name}"
        )
    return [line.split("\t")[0] for line in lines], vectors
