"""`Cooccurrence`: how often words stand near each other, counted from text or taken from a matrix.

It checks settings and keeps the parts together: the matrix, the words and how it was counted. Reading text is
corpus.py's work, counting row_counting.py's; what counts mean is ppmi.py's.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastw2v import model_file
from fastw2v.corpus import Corpus, ReadOptions, build_vocabulary
from fastw2v.row_counting import count_rows, make_weights, thin_ids
from fastw2v.settings import check_choice, check_float, check_int, check_workers
from fastw2v.sparse_files import pack_csr, unpack_csr
from fastw2v.text_files import CorpusPaths
from fastw2v.trainer import keep_probabilities, keep_thresholds
from fastw2v.vocabulary import TrimRule

Sentences = Iterable[Sequence[str]]


@dataclass(frozen=True)
class CountSettings:
    """How pairs were counted; `Cooccurrence` documents the fields."""

    window: int
    weighting: str
    context: str
    sample: float
    subsampling: str
    min_count: int
    max_final_vocab: int | None
    seed: int

    def __post_init__(self) -> None:
        """Refuse what cannot be counted."""
        check_int("window", self.window, 1, 1 << 20)
        check_choice("weighting", self.weighting, ("flat", "harmonic", "dynamic"))
        check_choice("context", self.context, ("symmetric", "left", "right"))
        check_float("sample", self.sample, 0.0)
        check_choice("subsampling", self.subsampling, ("dirty", "clean"))
        check_int("seed", self.seed, -(1 << 63), (1 << 64) - 1)


class Cooccurrence:
    """
    Word by word co-occurrence counts of a text.

    Parameters
    ----------
    sentences : iterable of list of str, optional
        Token lists; an iterator that can be read only once will do.
    corpus_file : path, list of paths, folder or glob pattern, optional
        Text, one sentence a line, words separated by white space; plain, .gz, .bz2, .xz or .zst. Give one of the two.
    window : int, default 10
        Most words W between a centre and a context word; 10 gave the best vectors (bench/NOTES.md). Words that are not
        in the vocabulary do not count as words between (as in word2vec), and no window crosses the end of a line.
    weighting : {"flat", "harmonic", "dynamic"}, default "flat"
        What a context word at distance d counts: 1; 1 / d, as in GloVe (Pennington et al., 2014, section 4.2); or
        (W + 1 - d) / W, which is what word2vec's random windows count on average (Levy, Goldberg & Dagan, TACL 2015,
        section 3.1).
    context : {"symmetric", "left", "right"}, default "symmetric"
        Whether words on both sides are context, or only those before or only those behind the centre.
    sample : float, default 0
        Thin out words more frequent than this share of the corpus, by chance, as `Word2Vec` does (>= 1: a count).
        0: count all.
    subsampling : {"dirty", "clean"}, default "dirty"
        "dirty" leaves words out before there are windows, which then reach further; "clean" leaves gaps, so that no
        pair comes nearer (Levy et al., section 3.1).
    min_count : int, default 5
        Leave out words that occur less often.
    max_final_vocab : int, optional
        Keep only so many words, the most frequent ones.
    trim_rule : callable, optional
        As in `Word2Vec`.
    seed : int, default 1
        Of `sample`'s random numbers.
    workers : int, optional
        Threads; default all cores that this process may use, as for `Word2Vec`.
    max_memory : int, optional
        Bytes that counting may take besides interpreter and vocabulary; what does not fit goes to temporary files
        (``TMPDIR``). A matrix of more than half of it stays in a temporary file and is mapped into memory. At least
        some 40 bytes for each word and thread are needed. Default: half of the memory that this process may use.
    progress : bool, optional
        Whether to show progress bars; default at a terminal.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape [V, V]
        Row: centre; column: context word; ids by falling frequency. int64 for flat weights, else float64.
    index_to_key : list of str
        The word of each row and column.
    key_to_index : dict of str to int
    counts : numpy.ndarray of int64, shape [V]
        How often each word occurs in the text.
    settings : CountSettings, or None for `from_matrix`
    corpus_count, corpus_total_words : int
        Lines, and words known or not, of the text.

    Raises
    ------
    EmptyVocabularyError
        The corpus is empty, or no word is frequent enough.
    TypeError, ValueError
        A setting or the text is not what it should be.
    OverflowError
        A count could exceed 64 bits.
    OSError
        A file cannot be read, or the disk of temporary files is full.
    KeyboardInterrupt
        Ctrl-C. No temporary file is left in any of these cases.

    Notes
    -----
    Counts are exact, and the same to the bit for any number of threads and any memory: fractional weights are summed
    as whole multiples of a unit (harmonic weights in windows beyond 22: multiples of 2^-32).

    Examples
    --------
    >>> text = [["you", "say", "goodbye", "and", "i", "say", "hello", "."]]
    >>> counts = Cooccurrence(text, window=1, min_count=1)
    >>> counts.index_to_key
    ['say', '.', 'and', 'goodbye', 'hello', 'i', 'you']
    >>> counts.matrix.toarray()[0].tolist()
    [0, 0, 0, 1, 1, 1, 1]
    """

    settings: CountSettings | None

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: CorpusPaths | None = None,
        *,
        window: int = 10,
        weighting: str = "flat",
        context: str = "symmetric",
        sample: float = 0.0,
        subsampling: str = "dirty",
        min_count: int = 5,
        max_final_vocab: int | None = None,
        trim_rule: TrimRule | None = None,
        seed: int = 1,
        workers: int | None = None,
        max_memory: int | None = None,
        progress: bool | None = None,
    ) -> None:
        settings = CountSettings(
            window, weighting, context, sample, subsampling, min_count, max_final_vocab, seed
        )
        n_threads = check_workers(workers)
        if max_memory is not None:
            check_int("max_memory", max_memory, 1)
        budget = ReadOptions(memory_budget=max_memory).budget or 1 << 32
        vocabulary, encoded = build_vocabulary(
            Corpus.open(sentences, corpus_file),
            min_count=min_count,
            max_final_vocab=max_final_vocab,
            trim_rule=trim_rule,
            n_threads=n_threads,
            memory_budget=budget // 4,
            progress=progress,
        )
        ids = encoded.ids
        thresholds = keep_thresholds(keep_probabilities(vocabulary.counts, sample))
        if thresholds is not None:
            keep_gaps = subsampling == "clean"
            ids = thin_ids(ids, thresholds, seed % 2**64, keep_gaps, n_threads=n_threads, budget=budget // 4)
        rows = count_rows(
            ids,
            vocabulary.counts,
            make_weights(weighting, window, context, int(vocabulary.counts.max())),
            n_threads=n_threads,
            budget=budget,
            progress=progress,
        )
        matrix = sp.csr_array((rows.sums, rows.columns, rows.starts), shape=(len(vocabulary),) * 2)
        self._set(matrix, vocabulary.words, vocabulary.counts, settings)
        self.corpus_count, self.corpus_total_words = encoded.n_lines, encoded.n_raw_words

    def _set(
        self,
        matrix: sp.csr_array,
        words: list[str],
        counts: NDArray[np.int64],
        settings: CountSettings | None,
    ) -> None:
        self.matrix = matrix
        self.index_to_key = words
        self.key_to_index = {word: row for row, word in enumerate(words)}
        self.counts = counts
        self.settings = settings
        self.corpus_count = self.corpus_total_words = 0

    @classmethod
    def from_matrix(
        cls, matrix: Any, words: Iterable[str], counts: NDArray[np.int64] | None = None
    ) -> Cooccurrence:
        """
        Take counts that are there already.

        Parameters
        ----------
        matrix : sparse or dense matrix, shape [V, V]
            Numbers >= 0, row: centre; column: context word.
        words : iterable of str
            V different words.
        counts : array of int64 [V], optional
            How often each word occurs. Default: the sums of the rows, rounded.

        Raises
        ------
        TypeError
            A word is not a str, or the matrix is not of numbers.
        ValueError
            The matrix is not square, is empty, or holds NaN, infinite or negative numbers; words that are not V
            different ones.
        """
        words = list(words)
        rows = checked_csr(matrix, "the matrix of counts")
        if rows.shape != (len(words), len(words)):
            raise ValueError(
                f"the matrix of counts must have a row and a column for each of the {len(words)} words, not shape "
                f"{rows.shape}"
            )
        wrong = next((word for word in words if not isinstance(word, str)), None)
        if wrong is not None:
            raise TypeError(f"words must be str, not {type(wrong).__name__} ({wrong!r})")
        if len(set(words)) != len(words):
            raise ValueError("a word occurs more than once")
        if rows.nnz and rows.data.min() < 0:
            raise ValueError("the matrix of counts holds negative numbers")
        if counts is None:
            counts = np.rint(np.asarray(rows.sum(axis=1))).astype(np.int64)
        counts = np.asarray(counts)
        if counts.shape != (len(words),) or not np.issubdtype(counts.dtype, np.integer):
            raise ValueError(f"counts must be {len(words)} integers, not {counts.dtype} {counts.shape}")
        self = cls.__new__(cls)
        self._set(rows, words, counts.astype(np.int64), None)
        return self

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{len(self)} words, {self.matrix.nnz} pairs>"

    def count(self, center: str, context: str) -> int | float:
        """
        Return what the matrix says of two words.

        Raises
        ------
        KeyError
            A word is unknown.
        """
        rows = []
        for word in (center, context):
            if word not in self.key_to_index:
                raise KeyError(f"Key '{word}' not present")
            rows.append(self.key_to_index[word])
        number: int | float = self.matrix[rows[0], rows[1]].item()
        return number

    def save(self, path: str | os.PathLike[str]) -> None:
        """
        Write everything to one safetensors file, atomically.

        Raises
        ------
        OSError
            It cannot be written; an old file is intact.
        """
        tensors = {
            **pack_csr(self.matrix),
            "counts": self.counts,
            **model_file.pack_words(self.index_to_key),
        }
        state = {"corpus_count": self.corpus_count, "corpus_total_words": self.corpus_total_words}
        settings = None if self.settings is None else asdict(self.settings)
        model_file.write_object(path, "cooccurrence", tensors, settings=settings, state=state)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cooccurrence:
        """
        Read a file of `save`.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is of another kind, or damaged.
        """
        with model_file.reading_object(path, "cooccurrence", "co-occurrence counts") as (tensors, parts):
            self = cls.from_matrix(unpack_csr(tensors), model_file.unpack_words(tensors), tensors["counts"])
            settings, state = parts["settings"], parts["state"]
            self.settings = None if settings is None else CountSettings(**settings)
            self.corpus_count, self.corpus_total_words = state["corpus_count"], state["corpus_total_words"]
        return self


def checked_csr(matrix: Any, what: str) -> sp.csr_array:
    """
    A matrix of finite numbers as csr_array with sorted columns, each once; a copy only if need be.

    Raises
    ------
    TypeError
        It is not a matrix of numbers.
    ValueError
        It is damaged, has no entry, or one that is NaN or infinite.
    """
    try:
        rows = sp.csr_array(matrix)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} must be a sparse or dense matrix of numbers ({error})") from error
    if rows.ndim != 2 or not (
        np.issubdtype(rows.dtype, np.integer) or np.issubdtype(rows.dtype, np.floating)
    ):
        raise TypeError(f"{what} must be a matrix of integers or floats, not {rows.ndim}-d {rows.dtype}")
    rows.check_format(full_check=True)
    if not rows.has_canonical_format:
        rows = rows.copy()  # its arrays may be the caller's
        rows.sum_duplicates()
    if rows.nnz == 0:
        raise ValueError(f"{what} is empty: it has no entries")
    # A sum is finite if all numbers are, and takes no memory; where it overflows, the numbers decide.
    if not math.isfinite(float(rows.data.sum())) and not np.isfinite(rows.data).all():
        raise ValueError(f"{what} holds NaN or infinite numbers")
    return rows
