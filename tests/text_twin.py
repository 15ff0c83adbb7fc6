"""A slow and obvious twin of the corpus reader: whole files in memory, bytes.split() and Counter.

The tests compare `fastw2v.corpus` with it. It shares no code with the package and makes no attempt at speed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LINE_END = -1


@dataclass
class TwinResult:
    words: list[str]
    counts: list[int]
    ids: list[int]
    n_tokens: int
    n_lines: int
    n_raw_words: int


def lines_of(text: bytes) -> list[list[bytes]]:
    """The words of each line. A byte order mark is no text, and no line begins after the last line end."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.split() for line in lines]


def ids_of(lines: Iterable[Sequence[bytes]], words: Sequence[bytes]) -> list[int]:
    id_of = {word: id for id, word in enumerate(words)}
    ids: list[int] = []
    for line in lines:
        known = [id_of[word] for word in line if word in id_of]
        if known:
            ids += [*known, LINE_END]
    return ids


def count_and_encode(texts: Iterable[bytes], min_count: int) -> TwinResult:
    """What `build_vocabulary` should make of files with these texts."""
    return count_and_encode_lines([line for text in texts for line in lines_of(text)], min_count)


def count_and_encode_lines(lines: Sequence[Sequence[bytes]], min_count: int) -> TwinResult:
    counter = Counter(word for line in lines for word in line)
    words = sorted(
        (word for word in counter if counter[word] >= min_count), key=lambda word: (-counter[word], word)
    )
    ids = ids_of(lines, words)
    return TwinResult(
        words=[word.decode("utf-8", "surrogateescape") for word in words],
        counts=[counter[word] for word in words],
        ids=ids,
        n_tokens=sum(id != LINE_END for id in ids),
        n_lines=len(lines),
        n_raw_words=sum(counter.values()),
    )
