"""The Huffman tree: a prefix code of optimal length whose nodes are numbered from the root down."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import twins
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastw2v import _train

falling_counts = st.one_of(
    st.lists(st.integers(0, 50) | st.integers(1, 10**12), min_size=1, max_size=120),
    st.lists(st.sampled_from([1, 2, 3, 4, 8]), min_size=1, max_size=40),  # many ties
).map(lambda counts: sorted(counts, reverse=True))


def paths(counts) -> list[tuple[list[int], str]]:
    """The nodes and the code of each word."""
    offsets, nodes, codes = _train.tree_build(counts)
    assert offsets[0] == 0
    assert len(offsets) == len(counts) + 1
    assert offsets[-1] == len(nodes) == len(codes)
    spans = list(pairwise(offsets))
    return [(nodes[a:b].tolist(), "".join(map(str, codes[a:b].tolist()))) for a, b in spans]


@settings(max_examples=40)
@given(falling_counts)
@example([5, 5, 5, 5, 5])
@example([1])
@example([0, 0, 0])
def test_codes_are_a_complete_prefix_code(counts):
    codes = sorted(code for _, code in paths(counts))
    assert sum(Fraction(1, 2 ** len(code)) for code in codes) == 1
    # Sorted, a code that is the beginning of others stands right before one of them.
    assert not any(after.startswith(code) for code, after in pairwise(codes))


@settings(max_examples=40)
@given(falling_counts)
@example([1, 1, 1, 1, 1, 1])
@example([2, 2, 1, 1])
def test_codes_are_as_short_as_can_be_in_total_and_the_longest_too(counts):
    lengths = [len(code) for _, code in paths(counts)]
    expected = twins.huffman_lengths(counts)
    weigh = [sum(n * length for n, length in zip(counts, each, strict=True)) for each in (lengths, expected)]
    assert weigh[0] == weigh[1]
    assert max(lengths) == max(expected)


@settings(max_examples=40)
@given(falling_counts)
def test_a_node_is_what_the_words_beneath_it_have_in_common_and_the_root_is_node_0(counts):
    prefix_of: dict[int, str] = {}
    beneath: dict[int, int] = {}
    for n, (nodes, code) in zip(counts, paths(counts), strict=True):
        assert len(nodes) == len(code)
        for depth, node in enumerate(nodes):
            assert prefix_of.setdefault(node, code[:depth]) == code[:depth]
            beneath[node] = beneath.get(node, 0) + n
    assert sorted(prefix_of) == list(range(len(counts) - 1))
    assert len(set(prefix_of.values())) == len(counts) - 1
    assert prefix_of.get(0, "") == ""
    falling = [beneath[node] for node in range(len(counts) - 1)]
    assert falling == sorted(falling, reverse=True)


def test_codes_longer_than_forty_bits_are_whole():
    fibonacci = [1, 1]
    while len(fibonacci) < 85:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    found = paths(fibonacci[::-1])
    assert [len(nodes) for nodes, _ in found] == [*range(1, 85), 84]
    assert found[-1][0] == list(range(84))


@pytest.mark.parametrize("counts", [[7], [0]])
def test_one_word_has_an_empty_path(counts):
    assert paths(counts) == [([], "")]


def test_two_words_share_the_root_and_the_rarer_gets_0():
    assert paths([9, 4]) == [([0], "1"), ([0], "0")]


def test_a_large_vocabulary_has_optimal_length():
    counts = np.maximum(1, 10**8 // np.arange(1, 30_001) ** 1.1).astype(np.int64)
    offsets, nodes, _ = _train.tree_build(counts)
    expected = sum(
        n * length for n, length in zip(counts.tolist(), twins.huffman_lengths(counts), strict=True)
    )
    assert int((np.diff(offsets) * counts).sum()) == expected
    assert (nodes[offsets[:-1]] == 0).all()
    assert nodes.max() == len(counts) - 2
