"""Which words are kept, and in which order."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._corpus import LINE_END, WordCounter
from fastw2v.corpus import Corpus, build_vocabulary
from fastw2v.errors import EmptyVocabularyError
from fastw2v.vocabulary import (
    RULE_DEFAULT,
    RULE_DISCARD,
    RULE_KEEP,
    UNKNOWN,
    Vocabulary,
    VocabularyRules,
    choose_words,
    renumbering,
)


def counter_of(counts: dict[bytes, int]) -> WordCounter:
    counter = WordCounter()
    for word, count in counts.items():
        counter.add(word, count)
    return counter


def chosen(counts: dict[bytes, int], **rules: Any) -> list[str]:
    counter = counter_of(counts)
    return counter.words(choose_words(counter, VocabularyRules(**rules)))


words = st.binary(max_size=40) | st.text("ab", max_size=20).map(str.encode)
counts = st.dictionaries(words, st.integers(1, 6), min_size=1, max_size=40)


@given(counts, st.integers(0, 3))
def test_words_are_ordered_by_count_and_then_by_their_bytes(counts: dict[bytes, int], min_count: int) -> None:
    kept = sorted(
        (word for word in counts if counts[word] >= min_count), key=lambda word: (-counts[word], word)
    )
    if kept:
        assert chosen(counts, min_count=min_count) == [
            word.decode("utf-8", "surrogateescape") for word in kept
        ]


def test_counts_of_any_size_and_thousands_of_equal_beginnings_are_ordered() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 62, 20_000)
    counts = {
        b"%s%d" % ((b"", b"word", b"a long beginning ")[n % 3], rng.integers(1 << 40)): int(
            rng.integers(1 << size)
        )
        for n, size in enumerate(sizes.tolist())
    }
    expected = sorted(counts, key=lambda word: (-counts[word], word))
    assert chosen(counts, min_count=0) == [word.decode() for word in expected]


@given(st.lists(counts, min_size=1, max_size=4))
def test_merged_counters_hold_the_sum_and_say_where_each_word_went(parts: list[dict[bytes, int]]) -> None:
    merged = WordCounter()
    for part in parts:
        counter = counter_of(part)
        ids = merged.merge(counter)
        own_ids = np.arange(len(counter), dtype=np.int32)
        assert (
            merged.words(ids)
            == counter.words(own_ids)
            == [w.decode("utf-8", "surrogateescape") for w in part]
        )
    total: dict[str, int] = {}
    for part in parts:
        for word, count in part.items():
            key = word.decode("utf-8", "surrogateescape")
            total[key] = total.get(key, 0) + count
    found = merged.words(np.arange(len(merged), dtype=np.int32))
    assert dict(zip(found, merged.counts().tolist(), strict=True)) == total


@pytest.mark.parametrize(("n_here", "n_there"), [(314_000, 314_000), (1_000, 157_000)])
def test_counters_without_a_common_word_are_merged_as_fast_as_words_are_added(
    n_here: int, n_there: int
) -> None:
    """Words come in the order of their hashes: in a table that is too small, all want the same slots."""
    merged, other = WordCounter(), WordCounter()
    began = time.perf_counter()
    for counter, letter, n in ((merged, b"a", n_here), (other, b"b", n_there)):
        for number in range(n):
            counter.add(b"%s%d" % (letter, number), 1)
    added = time.perf_counter()
    ids = merged.merge(other)
    ended = time.perf_counter()
    assert set(ids.tolist()) == set(range(n_here, n_here + n_there))
    assert len(merged) == n_here + n_there
    assert ended - added < 5 * (added - began)


@pytest.mark.parametrize("n_expected", [0, 6_000, 7_000, 100_000])
def test_words_are_counted_alike_whatever_number_of_them_is_expected(n_expected: int) -> None:
    counter = WordCounter(n_expected)
    words = [b"%d" % number for number in range(20_000)]
    for word in words + words[::3]:
        counter.add(word, 1)
    assert counter.counts().tolist() == [2, 1, 1] * 6_666 + [2, 1]
    assert counter.words(np.array([0, 19_999], np.int32)) == ["0", "19999"]


@pytest.mark.parametrize("n_expected", [-1, 2**31])
def test_no_such_number_of_words_is_expected(n_expected: int) -> None:
    with pytest.raises(ValueError, match="no such number of words"):
        WordCounter(n_expected)


def test_the_renumbering_of_an_unkept_word_is_unknown() -> None:
    assert renumbering(3, np.array([2, 0], np.int32)).tolist() == [LINE_END, 1, UNKNOWN, 0]


def test_max_final_vocab_is_exact_where_counts_are_equal() -> None:
    counts = {b"d": 2, b"c": 2, b"b": 2, b"a": 1, b"z": 9}
    assert chosen(counts, min_count=1, max_final_vocab=3) == ["z", "b", "c"]
    assert chosen(counts, min_count=1, max_final_vocab=1) == ["z"]
    assert chosen(counts, min_count=2, max_final_vocab=99) == ["z", "b", "c", "d"]


def test_a_trim_rule_keeps_discards_or_leaves_it_to_min_count() -> None:
    seen = []

    def rule(word: str, count: int, min_count: int) -> int:
        seen.append((word, count, min_count))
        return {"rare": RULE_KEEP, "common": RULE_DISCARD}.get(word, RULE_DEFAULT)

    counts = {b"rare": 1, b"common": 9, b"usual": 5, b"seldom": 2}
    assert chosen(counts, min_count=3, trim_rule=rule) == ["usual", "rare"]
    assert sorted(seen) == [("common", 9, 3), ("rare", 1, 3), ("seldom", 2, 3), ("usual", 5, 3)]
    assert all(type(count) is int for _, count, _ in seen)


def test_words_that_a_trim_rule_keeps_have_their_place_within_max_final_vocab() -> None:
    def rule(word: str, count: int, min_count: int) -> int:
        return RULE_KEEP if word in {"x", "y"} else RULE_DEFAULT

    counts = {b"a": 9, b"b": 8, b"c": 7, b"x": 1, b"y": 1}
    assert chosen(counts, min_count=2, max_final_vocab=4, trim_rule=rule) == ["a", "b", "x", "y"]
    assert chosen(counts, min_count=2, max_final_vocab=2, trim_rule=rule) == ["x", "y"]
    with pytest.raises(ValueError, match="trim_rule keeps 2 words, more than max_final_vocab=1"):
        chosen(counts, min_count=2, max_final_vocab=1, trim_rule=rule)


def test_the_rules_are_those_of_gensim() -> None:
    utils = pytest.importorskip("gensim.utils")
    assert (utils.RULE_DEFAULT, utils.RULE_DISCARD, utils.RULE_KEEP) == (
        RULE_DEFAULT,
        RULE_DISCARD,
        RULE_KEEP,
    )


def test_gensim_keeps_the_same_words_with_the_same_counts() -> None:
    word2vec = pytest.importorskip("gensim.models.word2vec")
    random = np.random.default_rng(5)
    sentences = [[f"w{n}" for n in random.zipf(1.5, 20) % 300] for _ in range(200)]

    def rule(word: str, count: int, min_count: int) -> int:
        return RULE_KEEP if word.endswith("7") else RULE_DISCARD if word.endswith("3") else RULE_DEFAULT

    for trim_rule in (None, rule):
        theirs = word2vec.Word2Vec(min_count=4)
        theirs.build_vocab(sentences, trim_rule=trim_rule)
        ours, encoded = build_vocabulary(Corpus.open(sentences), min_count=4, trim_rule=trim_rule)
        expected = {word: theirs.wv.get_vecattr(word, "count") for word in theirs.wv.index_to_key}
        assert dict(zip(ours.words, ours.counts.tolist(), strict=True)) == expected
        assert ours.counts.tolist() == sorted(expected.values(), reverse=True)
        assert (encoded.n_lines, encoded.n_raw_words) == (theirs.corpus_count, theirs.corpus_total_words)


def test_a_trim_rule_that_returns_nonsense_is_named() -> None:
    with pytest.raises(ValueError, match=r"trim_rule returned 7 for the word 'a'"):
        chosen({b"a": 1}, trim_rule=lambda word, count, min_count: 7)
    with pytest.raises(ValueError, match=r"trim_rule returned None"):
        chosen({b"a": 1}, trim_rule=lambda word, count, min_count: None)


def test_a_trim_rule_that_discards_all_is_said_to_do_so() -> None:
    with pytest.raises(
        EmptyVocabularyError, match="trim_rule and min_count=1 leave no word: the corpus has 1 distinct"
    ):
        chosen({b"a": 4}, min_count=1, trim_rule=lambda word, count, min_count: RULE_DISCARD)


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        ({"min_count": -1}, ValueError, "min_count must be at least 0, not -1"),
        ({"min_count": 2.5}, TypeError, "min_count must be an integer, not float"),
        ({"max_final_vocab": 0}, ValueError, "max_final_vocab must be at least 1, not 0"),
        ({"max_final_vocab": "9"}, TypeError, "max_final_vocab must be an integer, not str"),
        ({"trim_rule": 2}, TypeError, "trim_rule must be callable"),
    ],
)
def test_rules_out_of_range_are_refused(rules: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        VocabularyRules(**rules)


def test_raw_counts_are_kept_when_asked_for() -> None:
    corpus = Corpus.open([["a", "b", "a"], ["c\udcff"]])
    vocabulary, _ = build_vocabulary(corpus, min_count=2, raw_counts=True)
    assert vocabulary.words == ["a"]
    assert vocabulary.raw_counts == {"a": 2, "b": 1, "c\udcff": 1}
    assert build_vocabulary(corpus, min_count=2)[0].raw_counts is None


def test_id_of_is_the_place_of_each_word() -> None:
    vocabulary = Vocabulary(["b", "a"], np.array([2, 1]))
    assert vocabulary.id_of == {"b": 0, "a": 1}
    assert len(vocabulary) == 2


def test_a_table_that_grows_many_times_loses_no_word() -> None:
    n_words = 100_000
    counter = WordCounter()
    for number in range(n_words):
        counter.add(b"%d" % number * (1 + number % 5), number)
    for number in range(0, n_words, 7):
        counter.add(b"%d" % number * (1 + number % 5), 1)
    ids = np.arange(len(counter), dtype=np.int32)
    # "1" * 3 is "111": some of the words made here are equal
    expected: dict[str, int] = {}
    for number in range(n_words):
        word = str(number) * (1 + number % 5)
        expected[word] = expected.get(word, 0) + number + (number % 7 == 0)
    assert dict(zip(counter.words(ids), counter.counts().tolist(), strict=True)) == expected
