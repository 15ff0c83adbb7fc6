"""Readers for the files that vectors are evaluated on: analogy questions, scored word pairs, words with categories.

Only the files: who answers and scores is `evaluation` and `categories`, the only callers. No line is skipped silently:
what is neither data nor one of the documented exceptions is a ValueError with file and line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def read_questions(
    path: str | os.PathLike[str],
) -> tuple[list[str], list[tuple[str, str, str, str]], np.ndarray]:
    """Read analogy questions: UTF-8 lines ``: section`` and lines of four words.

    Returns
    -------
    sections : list of str
        Their names.
    questions : list of tuple of (str, str, str, str)
        As spelled in the file.
    section_of : numpy.ndarray of int64, shape [number of questions]
        The section of each question, as a place in `sections`.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        A line is neither of both, or a question comes before the first section; the message has the line.
    """
    sections: list[str] = []
    questions: list[tuple[str, str, str, str]] = []
    section_of: list[int] = []
    for place, line in _lines(path, "utf-8"):
        if line.startswith(":"):
            sections.append(line[1:].strip())
            continue
        fields = line.split()
        if len(fields) != 4:
            raise ValueError(f"{place}: an analogy question has four words, but here are {len(fields)}")
        if not sections:
            raise ValueError(f"{place}: a question before the first section; sections start with ': name'")
        questions.append((fields[0], fields[1], fields[2], fields[3]))
        section_of.append(len(sections) - 1)
    return sections, questions, np.array(section_of, np.int64)


def read_pairs(
    path: str | os.PathLike[str], delimiter: str | None, encoding: str
) -> tuple[list[tuple[str, str]], list[float]]:
    """Read word pairs and the scores that people gave them.

    Lines hold word, word, score and perhaps more, separated by `delimiter` (None: any white space). Lines
    that start with ``#`` are comments, and a first line without a score names the columns.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        A line is something else; the message has the line.
    """
    pairs: list[tuple[str, str]] = []
    human: list[float] = []
    n_lines = 0
    for place, line in _lines(path, encoding):
        if line.startswith("#"):
            continue
        n_lines += 1
        fields = line.split(delimiter)
        try:
            score = float(fields[2])
        except (IndexError, ValueError):
            if n_lines == 1 and len(fields) >= 3:
                continue
            raise ValueError(f"{place}: word, word and score expected, separated by {delimiter!r}") from None
        pairs.append((fields[0].strip(), fields[1].strip()))
        human.append(score)
    return pairs, human


def read_categories(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the category of each word: UTF-8 lines of both, separated by white space; ``#`` starts a comment line.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        A line is something else, or a word has two categories; the message has the line.
    """
    category_of: dict[str, str] = {}
    for place, line in _lines(path, "utf-8"):
        if line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 2:
            raise ValueError(f"{place}: a word and its category expected, but here are {len(fields)} fields")
        word, category = fields
        if category_of.setdefault(word, category) != category:
            raise ValueError(f"{place}: {word!r} is of {category_of[word]!r} already, not of {category!r}")
    return category_of


def _lines(path: str | os.PathLike[str], encoding: str) -> Iterator[tuple[str, str]]:
    """Yield (place for messages, line) for each line that is not blank."""
    name = os.fspath(path)
    line_number = 0
    with Path(path).open(encoding=encoding) as file:
        try:
            for line_number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{name}, line {line_number}", line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            message = f"{name}: no {encoding} text after line {line_number} ({error.reason})"
            raise ValueError(message) from error
