"""gensim's corpus classes by their names: `LineSentence`, `PathLineSentences`, `Text8Corpus`.

They let programs that were written for gensim run, and iterate over the words of a text in other ways than training.
`corpus_file=` is the direct way to train on text, and where `Word2Vec` is given one of these that shows whole files, it
reads the files itself and never makes Python strings of them (`Corpus.open`). Lines and words are those of
`corpus_file`: bytes, one sentence a line, split at ASCII white space; DIFFERS: at Unicode's in gensim.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fastw2v.text_files import find_text_files, open_stream

Source = str | os.PathLike[str]

_CHUNK_BYTES = 1 << 20


class LineSentence:
    """
    The sentences of a text file, one a line, as lists of words. Can be iterated over as often as you like.

    Parameters
    ----------
    source : str or os.PathLike
        File, plain, .gz, .bz2, .xz or .zst.
    max_sentence_length : int, optional
        Cut longer lines into pieces of so many words. DIFFERS: not by default; gensim cuts after 10,000.
    limit : int, optional
        Read only so many lines.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    TypeError, ValueError
        An argument is of the wrong type, or below 1.

    Examples
    --------
    >>> model = Word2Vec(LineSentence("corpus.txt"), vector_size=100)
    """

    def __init__(
        self, source: Source, max_sentence_length: int | None = None, limit: int | None = None
    ) -> None:
        for name, value in (("max_sentence_length", max_sentence_length), ("limit", limit)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.source = source
        self.max_sentence_length = max_sentence_length
        self.limit = limit
        self._check(Path(source))
        self._files = find_text_files(source)

    @property
    def whole_files(self) -> Source | None:
        """The source, if iterating gives what ``corpus_file=source`` reads; else None."""
        return self.source if self.max_sentence_length is None and self.limit is None else None

    def __iter__(self) -> Iterator[list[str]]:
        for line in islice(self._lines(), self.limit):
            sentence = [_decode(word) for word in line.split()]
            for start in range(0, len(sentence), self.max_sentence_length or max(1, len(sentence))):
                yield sentence[start : start + (self.max_sentence_length or len(sentence))]

    def _check(self, path: Path) -> None:
        if path.is_dir():
            raise ValueError(f"{str(path)!r} is a folder: use PathLineSentences")

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._chunks():
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            yield from lines
        if rest:
            yield rest

    def _chunks(self) -> Iterator[bytes]:
        buffer = bytearray(_CHUNK_BYTES)
        for file in self._files:
            last = b"\n"
            with open_stream(file) as (stream, _):
                while n_bytes := stream.readinto(memoryview(buffer)):
                    yield (chunk := bytes(buffer[:n_bytes]))
                    last = chunk[-1:]
            if last != b"\n":
                yield b"\n"  # a line ends with its file


class PathLineSentences(LineSentence):
    """
    The sentences of all files in a folder and the folders below it, in the order of their names.

    Parameters
    ----------
    source, max_sentence_length, limit
        As for `LineSentence`; `source` is a folder (or a file), and `limit` counts the lines of all files (DIFFERS: of
        each file in gensim, which does not look into folders below, either).
    """

    def _check(self, path: Path) -> None:
        """Accept folders, too."""


class Text8Corpus(LineSentence):
    """
    The words of a text without lines, such as text8, as lists of `max_sentence_length` words.

    Parameters
    ----------
    fname : str or os.PathLike
        File; line ends count as spaces.
    max_sentence_length : int, default 10000
        Words of a sentence. For training, ``corpus_file=fname`` needs no cutting.
    """

    def __init__(self, fname: Source, max_sentence_length: int = 10_000) -> None:
        super().__init__(fname, max_sentence_length)

    @property
    def whole_files(self) -> Source | None:
        """Sentences are no lines of the file, so None."""
        return None

    def __iter__(self) -> Iterator[list[str]]:
        assert self.max_sentence_length is not None
        words = self._words()
        while sentence := list(islice(words, self.max_sentence_length)):
            yield sentence

    def _words(self) -> Iterator[str]:
        rest = b""
        for chunk in self._chunks():
            text = rest + chunk
            # The last word may go on in the next chunk.
            words = text.split()
            rest = words.pop() if words and not text[-1:].isspace() else b""
            yield from map(_decode, words)
        if rest:
            yield _decode(rest)


def _decode(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")
