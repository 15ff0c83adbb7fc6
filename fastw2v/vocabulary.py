"""The words of a model: which of the counted words are kept, and in which order.

It decides from words and counts alone; reading and counting are the business of corpus.py, which calls it.
Invariant: the same counts give the same vocabulary, in the same order, on every run and number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import index

import numpy as np
import numpy.typing as npt

from ._corpus import LINE_END, WordCounter
from .errors import EmptyVocabularyError

RULE_DEFAULT, RULE_DISCARD, RULE_KEEP = 0, 1, 2  # what a trim_rule returns; gensim.utils has the same
UNKNOWN = -2  # what becomes of a word that is not kept

TrimRule = Callable[[str, int, int], int]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """
    Words and how often each occurs, the most frequent first.

    Parameters
    ----------
    words : list of str
        A word's id is its place. Bytes that are not UTF-8 are surrogate escapes (PEP 383). In the
        vocabularies that `build_vocabulary` makes, equally frequent words are in the order of their bytes.
    counts : int64 array [V]
    raw_counts : dict of str to int, optional
        The counts of all words of the corpus, also of those that are not in the vocabulary, if asked for.
    """

    words: list[str]
    counts: npt.NDArray[np.int64]
    raw_counts: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def id_of(self) -> dict[str, int]:
        """The id of each word."""
        return {word: id for id, word in enumerate(self.words)}


@dataclass(frozen=True)
class VocabularyRules:
    """
    Which words are kept.

    Parameters
    ----------
    min_count : int
        The least count, >= 0.
    max_final_vocab : int, optional
        At most so many words, >= 1: the most frequent ones, and of equally frequent ones those first in byte
        order. DIFFERS: gensim raises `min_count` until few enough are left, and so drops all words of that
        count.
    trim_rule : callable, optional
        Called as ``trim_rule(word, count, min_count)`` for each word; returns `RULE_KEEP` or `RULE_DISCARD`
        (2, 1), or `RULE_DEFAULT` (0) to let `min_count` decide. Kept words count towards `max_final_vocab`,
        and come before all others there.

    Raises
    ------
    TypeError, ValueError
        A value is of the wrong type or out of range.
    """

    min_count: int = 5
    max_final_vocab: int | None = None
    trim_rule: TrimRule | None = None

    def __post_init__(self) -> None:
        _check_at_least(0, "min_count", self.min_count)
        if self.max_final_vocab is not None:
            _check_at_least(1, "max_final_vocab", self.max_final_vocab)
        if self.trim_rule is not None and not callable(self.trim_rule):
            raise TypeError(f"trim_rule must be callable or None, not {type(self.trim_rule).__name__}")


def _check_at_least(least: int, name: str, value: object) -> None:
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")


def choose_words(
    counter: WordCounter, rules: VocabularyRules, old_ids: npt.NDArray[np.int32] | None = None
) -> npt.NDArray[np.int32]:
    """
    Choose the words of a vocabulary.

    Parameters
    ----------
    counter : WordCounter
    rules : VocabularyRules
    old_ids : int32 array, optional
        Words that are kept whatever the rules say: those of a vocabulary that grows.

    Returns
    -------
    int32 array [V]
        The counter's ids of the words that are kept, in the order of the vocabulary.

    Raises
    ------
    EmptyVocabularyError
        There are no words, or none is kept.
    ValueError
        `trim_rule` returns something else than a rule, or keeps more words than `max_final_vocab`.
    """
    counts = counter.counts()
    if len(counts) == 0:
        raise EmptyVocabularyError("the corpus is empty: there is no word in it")
    kept = counts >= rules.min_count
    always = np.zeros(len(counts), bool)
    if rules.trim_rule is not None:
        verdicts = _ask(rules.trim_rule, counter.words(_all_ids(counter)), counts, rules.min_count)
        always = verdicts == RULE_KEEP
        kept = always | (kept & (verdicts == RULE_DEFAULT))
    if old_ids is not None:
        always[old_ids] = kept[old_ids] = True
    ids = np.flatnonzero(kept).astype(np.int32)
    if len(ids) == 0:
        raise _nothing_kept(counter, counts, rules)
    counter.sort(ids)
    if rules.max_final_vocab is not None and rules.max_final_vocab < len(ids):
        n_always = int(always.sum())
        if n_always > rules.max_final_vocab:
            raise ValueError(
                f"trim_rule and the vocabulary so far keep {n_always} words, more than"
                f" max_final_vocab={rules.max_final_vocab}"
                if old_ids is not None
                else f"trim_rule keeps {n_always} words, more than max_final_vocab={rules.max_final_vocab}"
            )
        ordinary_left = rules.max_final_vocab - n_always
        is_ordinary = ~always[ids]
        ids = ids[~is_ordinary | (np.cumsum(is_ordinary) <= ordinary_left)]
    return ids


def _ask(
    trim_rule: TrimRule, words: list[str], counts: npt.NDArray[np.int64], min_count: int
) -> npt.NDArray[np.int64]:
    verdicts = np.empty(len(words), np.int64)
    for id, (word, count) in enumerate(zip(words, counts.tolist(), strict=True)):
        verdict = trim_rule(word, count, min_count)
        if verdict not in (RULE_DEFAULT, RULE_DISCARD, RULE_KEEP):
            raise ValueError(
                f"trim_rule returned {verdict!r} for the word {word!r}; it must return RULE_DEFAULT (0), "
                "RULE_DISCARD (1) or RULE_KEEP (2)"
            )
        verdicts[id] = verdict
    return verdicts


def _nothing_kept(
    counter: WordCounter, counts: npt.NDArray[np.int64], rules: VocabularyRules
) -> EmptyVocabularyError:
    most = np.array([counts.argmax()], np.int32)
    found = (
        f"the corpus has {len(counts)} distinct words, and the most frequent, {counter.words(most)[0]!r}, "
        f"occurs {counts.max()} times"
    )
    if rules.trim_rule is not None:
        return EmptyVocabularyError(f"trim_rule and min_count={rules.min_count} leave no word: {found}")
    return EmptyVocabularyError(
        f"no word occurs at least min_count={rules.min_count} times: {found}; lower it or use more text"
    )


def vocabulary_of(counter: WordCounter, ids: npt.NDArray[np.int32], raw_counts: bool = False) -> Vocabulary:
    """Make the vocabulary of the words with these ids, in this order."""
    counts = counter.counts()
    raw = None
    if raw_counts:
        raw = dict(zip(counter.words(_all_ids(counter)), counts.tolist(), strict=True))
    return Vocabulary(counter.words(ids), counts[ids], raw)


def vocabulary_from_counts(
    word_freq: Mapping[str, int],
    rules: VocabularyRules,
    raw_counts: bool = False,
    old: Vocabulary | None = None,
) -> Vocabulary:
    """
    Choose the vocabulary from words that were counted elsewhere, on top of an old one if there is one.

    Raises
    ------
    EmptyVocabularyError, ValueError
        As `choose_words`; a word has no UTF-8 form, or a count is negative or beyond 63 bits.
    TypeError
        This is not a mapping, a word is not a str, or a count not a whole number.
    """
    counter = counter_of(word_freq)
    old_ids = None if old is None else add_vocabulary(counter, old)
    keeps_raw = raw_counts or (old is not None and old.raw_counts is not None)
    return vocabulary_of(counter, choose_words(counter, rules, old_ids), keeps_raw)


def add_vocabulary(counter: WordCounter, old: Vocabulary) -> npt.NDArray[np.int32]:
    """Add the counts of an old vocabulary, and those of the words it left out where it knows them; returns its ids."""
    if len(counter) == 0:
        raise EmptyVocabularyError("the corpus is empty: there is no word in it")
    before = WordCounter()
    for word, count in zip(old.words, old.counts.tolist(), strict=True):
        before.add(word.encode("utf-8", "surrogateescape"), count)
    for word, count in (old.raw_counts or {}).items():
        if word not in old.id_of:
            before.add(word.encode("utf-8", "surrogateescape"), count)
    return counter.merge(before)[: len(old)]


def counter_of(word_freq: Mapping[str, int]) -> WordCounter:
    """Make a counter that has met these words so often; errors as in `vocabulary_from_counts`."""
    if not isinstance(word_freq, Mapping):
        raise TypeError(f"word_freq must map words to counts, not be a {type(word_freq).__name__}")
    counter, total = WordCounter(), 0
    for word, value in word_freq.items():
        if not isinstance(word, str):
            raise TypeError(f"word_freq: a word must be a str, not {word!r}")
        try:
            count = index(value)
            letters = word.encode("utf-8", "surrogateescape")
        except TypeError:
            raise TypeError(
                f"word_freq: the count of {word!r} must be a whole number, not {value!r}"
            ) from None
        except UnicodeEncodeError as error:
            raise ValueError(f"word_freq: the word {word!r} has no UTF-8 form ({error.reason})") from error
        total += count
        if count < 0 or total >= 1 << 63:
            raise ValueError(
                f"word_freq: the count of {word!r} must be at least 0, all below 2^63, not {count}"
            )
        counter.add(letters, count)
    return counter


def renumbering(n_words: int, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """For `fastw2v._corpus.renumber`: each counter's id + 1 to the place it has in `ids`, or to `UNKNOWN`."""
    new_ids = np.full(n_words + 1, UNKNOWN, np.int32)
    new_ids[0] = LINE_END
    new_ids[ids + 1] = np.arange(len(ids), dtype=np.int32)
    return new_ids


def _all_ids(counter: WordCounter) -> npt.NDArray[np.int32]:
    return np.arange(len(counter), dtype=np.int32)
