"""From what the user calls a corpus to a vocabulary and a flat array of ids, in one reading.

    corpus = Corpus.open(corpus_file="text.txt")
    vocabulary, encoded = build_vocabulary(corpus, min_count=5, n_threads=2)

It checks arguments and puts the pieces together: text_files.py finds and opens files, block_reader.py reads
and counts with threads, vocabulary.py chooses words, id_store.py keeps the ids. word2vec.py and the command
line call it. Invariant: the result depends on the text and the rules alone, not on threads, blocks or memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from functools import cached_property
from operator import index

import numpy as np
import numpy.typing as npt

from ._corpus import LINE_END, SentenceSource, WordCounter
from .block_reader import BLOCK_BYTES, ReadTotals, read_blocks
from .id_store import IdStore
from .machine import usable_memory
from .progress import Progress
from .sentences import LineSentence
from .text_files import CorpusPaths, TextFile, find_text_files
from .vocabulary import (
    TrimRule,
    Vocabulary,
    VocabularyRules,
    add_vocabulary,
    choose_words,
    renumbering,
    vocabulary_of,
)

__all__ = ["LINE_END", "Corpus", "EncodedCorpus", "build_vocabulary", "encode"]

Sentences = Iterable[Iterable[str]]

# Of so many of the ids that a text may have, one is of a word that a thread has not met before: fewer in a long text.
IDS_PER_WORD, MOST_EXPECTED = 64, 750_000


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """
    A corpus as vocabulary ids.

    Parameters
    ----------
    ids : int32 array
        One id after the other, and `LINE_END` (-1) after each line or sentence that has any; words that are
        not in the vocabulary are left out. Read-only. In memory, or a memory map of a temporary file.
    n_tokens : int
        How many of them are words (>= 0).
    n_lines : int
        Lines or sentences read, empty ones too: gensim's `corpus_count`.
    n_raw_words : int
        Words read, in the vocabulary or not: gensim's `corpus_total_words`.
    """

    ids: npt.NDArray[np.int32]
    n_tokens: int
    n_lines: int
    n_raw_words: int

    @cached_property
    def fingerprint(self) -> dict[str, int | str]:
        """What tells it from other corpora: its counts, and a digest of the ids, which takes a second for 10^9."""
        digest = hashlib.blake2b(self.ids.astype("<i4", copy=False).data, digest_size=16).hexdigest()
        return {
            "lines": self.n_lines,
            "words": self.n_raw_words,
            "words_of_the_vocabulary": self.n_tokens,
            "digest": digest,
        }


@dataclass(frozen=True, eq=False)
class Corpus:
    """
    A text that is there to be read: files, or sentences. Made by `Corpus.open`.

    Parameters
    ----------
    files : list of TextFile, optional
    sentences : iterable of iterables of str, optional
        One of the two is None.
    """

    files: list[TextFile] | None
    sentences: Sentences | None

    @classmethod
    def open(cls, sentences: Sentences | None = None, corpus_file: CorpusPaths | None = None) -> Corpus:
        """
        Check what the user has given and find the files. Reads no text.

        Parameters
        ----------
        sentences : iterable of lists of str
            Each sentence is a list (or other iterable) of tokens; a token is any str without lone surrogates. A
            `LineSentence` that shows whole files is the same as `corpus_file`.
        corpus_file : str, os.PathLike, or a list of them
            Text files, one sentence a line of any length, words separated by ASCII white space; ``.gz``,
            ``.bz2``, ``.xz`` and ``.zst`` are decompressed. Folders, patterns and pipes: see
            `fastw2v.text_files.find_text_files`. DIFFERS: gensim cuts lines after 10,000 words, and its
            `LineSentence` splits at the white space of Unicode (no-break space, ...), too.

        Raises
        ------
        TypeError
            Not exactly one of the two is given, or it is not what it should be.
        OSError
            A file is missing (`FileNotFoundError`) or cannot be read (`PermissionError` and others).
        """
        if isinstance(sentences, LineSentence) and sentences.whole_files and corpus_file is None:
            corpus_file, sentences = sentences.whole_files, None
        if (sentences is None) == (corpus_file is None):
            given = "neither" if sentences is None else "both"
            raise TypeError(f"give either sentences or corpus_file; {given} of them was given")
        if corpus_file is not None:
            return cls(find_text_files(corpus_file), None)
        if isinstance(sentences, (str, bytes, os.PathLike)):
            raise TypeError(
                "sentences must be an iterable of token lists, not a string or path; for a text file use "
                f"corpus_file={str(sentences)[:60]!r}, for one text sentences=[text.split()]"
            )
        try:
            iter(sentences)  # type: ignore[arg-type]
        except TypeError:
            advice = "; call the generator function: sentences=f()" if callable(sentences) else ""
            raise TypeError(
                f"sentences must be an iterable of token lists, not {type(sentences).__name__}{advice}"
            ) from None
        return cls(None, sentences)

    @property
    def is_one_shot(self) -> bool:
        """Whether it can be read only once: a generator or another iterator, a pipe, a device."""
        if self.files is not None:
            return not all(file.is_regular for file in self.files)
        return iter(self.sentences) is self.sentences  # type: ignore[arg-type]

    @property
    def likely_ids(self) -> int:
        """More ids than text of words of some letters has, if its size is known or can be guessed; else 0."""
        if self.files is None or not all(file.is_regular for file in self.files):
            return 0
        return sum(file.size // 2 if file.decompressor is None else file.size * 2 for file in self.files)

    @property
    def signature(self) -> tuple[tuple[str, int, int], ...] | None:
        """
        Path, size and time of change (ns) of each file when the corpus was opened; None for anything else.

        Equal signatures mean the same text, as far as the file system can tell.
        """
        if self.files is None or self.is_one_shot:
            return None
        return tuple((str(file.path), file.size, file.mtime_ns) for file in self.files)

    def is_same_as(self, other: Corpus) -> bool:
        """
        Whether both are certain to be the same text: unchanged files, or one and the same iterator or pipe.

        A list may have been changed since: it is never certain to be the same, not even as itself.
        """
        if self.signature is not None:
            return self.signature == other.signature
        if not self.is_one_shot:
            return False
        return self.files == other.files and self.sentences is other.sentences


@dataclass(frozen=True)
class ReadOptions:
    """How a corpus is read; nothing here changes the result."""

    n_threads: int = 1
    memory_budget: int | None = None
    progress: bool | None = None
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        for name in ("n_threads", "memory_budget"):
            value = getattr(self, name)
            if value is None and name == "memory_budget":
                continue
            try:
                number = index(value)
            except TypeError:
                raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
            if number < (name == "n_threads"):
                raise ValueError(f"{name} must be at least {int(name == 'n_threads')}, not {number}")

    @property
    def budget(self) -> int | None:
        """Bytes of ids to keep in memory: by default half of what this process may use, no limit if that is unknown."""
        if self.memory_budget is not None:
            return self.memory_budget
        usable = usable_memory()
        return None if usable is None else usable // 2


def build_vocabulary(
    corpus: Corpus,
    *,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    trim_rule: TrimRule | None = None,
    raw_counts: bool = False,
    old: Vocabulary | None = None,
    n_threads: int = 1,
    memory_budget: int | None = None,
    progress: bool | None = None,
) -> tuple[Vocabulary, EncodedCorpus]:
    """
    Count the words of a corpus, choose the vocabulary, and encode the corpus with it, in one reading.

    Parameters
    ----------
    corpus : Corpus
    min_count, max_final_vocab, trim_rule
        Which words are kept: see `fastw2v.vocabulary.VocabularyRules`.
    raw_counts : bool
        Whether the vocabulary also keeps the counts of all other words.
    old : Vocabulary, optional
        One that is to grow: its words stay, and its counts are added to those of the corpus before words are chosen.
    n_threads : int
        How many threads count. The result is the same for any number.
    memory_budget : int, optional
        Bytes. If the ids (4 bytes a word) need more, they are kept in temporary files in the folder of
        `tempfile` (set ``TMPDIR`` to move it). Default: half of the memory that this process may use.
    progress : bool, optional
        Whether to show a progress bar. Default: only if standard error is a terminal.

    Returns
    -------
    vocabulary : Vocabulary
    encoded : EncodedCorpus

    Raises
    ------
    EmptyVocabularyError
        The corpus is empty, or no word is kept.
    TypeError
        A sentence is a string, or a token is not.
    ValueError
        A file holds a NUL byte or damaged compressed data; a token cannot be stored as UTF-8.
    OSError
        A file cannot be read, or has changed while it was; the disk of temporary files is full.
    KeyboardInterrupt
        Ctrl-C. No temporary file is left behind in any of these cases.
    """
    rules = VocabularyRules(min_count, max_final_vocab, trim_rule)
    return count_and_encode(corpus, rules, ReadOptions(n_threads, memory_budget, progress), raw_counts, old)


def count_and_encode(
    corpus: Corpus,
    rules: VocabularyRules,
    options: ReadOptions,
    raw_counts: bool = False,
    old: Vocabulary | None = None,
) -> tuple[Vocabulary, EncodedCorpus]:
    """`build_vocabulary` with all options, those for tests too."""
    n_expected = min(corpus.likely_ids // options.n_threads // IDS_PER_WORD, MOST_EXPECTED)
    counters = [WordCounter(n_expected) for _ in range(options.n_threads)]
    with IdStore(options.budget, corpus.likely_ids) as store:
        totals = _read(corpus, counters, True, store, options)
        counter, merged_ids = counters.pop(0), []
        while counters:  # each is freed when it has been merged
            merged_ids.append(counter.merge(counters.pop(0)))
        old_ids = None if old is None else add_vocabulary(counter, old)
        chosen = choose_words(counter, rules, old_ids)
        keeps_raw = raw_counts or (old is not None and old.raw_counts is not None)
        new_ids = renumbering(len(counter), chosen)
        numberings = [new_ids, *(np.concatenate((new_ids[:1], new_ids[1:][ids])) for ids in merged_ids)]
        made: list[Vocabulary] = []
        ids = store.finish(
            numberings,
            options.n_threads,
            lambda: made.append(vocabulary_of(counter, chosen, keeps_raw)),
        )
    vocabulary = made.pop()
    n_tokens = int(vocabulary.counts.sum()) if old is None else _count_tokens(ids)
    return vocabulary, EncodedCorpus(ids, n_tokens, totals.n_lines, totals.n_words)


def encode(
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    n_threads: int = 1,
    memory_budget: int | None = None,
    progress: bool | None = None,
) -> EncodedCorpus:
    """
    Encode a corpus with a vocabulary that is there already.

    Parameters
    ----------
    corpus : Corpus
    vocabulary : Vocabulary
        Words that are not in it are left out.
    n_threads, memory_budget, progress
        As for `build_vocabulary`.

    Returns
    -------
    EncodedCorpus
        It may be empty (`n_tokens` 0), if no word is known.

    Raises
    ------
    TypeError, ValueError, OSError, KeyboardInterrupt
        As for `build_vocabulary`.
    """
    return encode_known(corpus, vocabulary, ReadOptions(n_threads, memory_budget, progress))


def encode_known(corpus: Corpus, vocabulary: Vocabulary, options: ReadOptions) -> EncodedCorpus:
    """`encode` with all options, those for tests too."""
    counter = WordCounter()
    for word in vocabulary.words:
        counter.add(word.encode("utf-8", "surrogateescape"))
    with IdStore(options.budget, corpus.likely_ids) as store:
        totals = _read(corpus, [counter] * options.n_threads, False, store, options)
        ids = store.finish(None, options.n_threads)
    return EncodedCorpus(ids, _count_tokens(ids), totals.n_lines, totals.n_words)


def _count_tokens(ids: npt.NDArray[np.int32]) -> int:
    """Piece by piece: the ids may be more than fits into memory."""
    pieces = range(0, len(ids), 1 << 24)
    return len(ids) - sum(
        int(np.count_nonzero(ids[first : first + (1 << 24)] == LINE_END)) for first in pieces
    )


def _read(
    corpus: Corpus, counters: list[WordCounter], learn: bool, store: IdStore, options: ReadOptions
) -> ReadTotals:
    files = corpus.files
    if files is None:
        assert corpus.sentences is not None
        total = len(corpus.sentences) if isinstance(corpus.sentences, Sized) else None
        with Progress(total, "counting", " sentences", options.progress) as bar:
            source = SentenceSource(corpus.sentences)
            return read_blocks(source, counters, learn, store, bar, options.block_bytes)
    total = sum(file.size for file in files) if all(file.is_regular for file in files) else None
    with Progress(total, "counting", "B", options.progress) as bar:
        totals = read_blocks(files, counters, learn, store, bar, options.block_bytes)
    for file in files:
        if file.has_changed():
            raise OSError(f"corpus file {str(file.path)!r} was changed while it was being read; try again")
    return totals
