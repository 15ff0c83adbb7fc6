"""The walk over the corpus: every token is a centre once, and its contexts are its neighbours on the line.

A shard is a range of places, whatever the lines are; the corpora below have hundreds of lines in a shard as
well as one line over many shards. Tokens carry numbers of their own, so that a window tells where it is from.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import twins
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fastw2v import _train

# Lengths of lines; a shard of so small a corpus has 1,024 places.
LINE_LENGTHS = {
    "short lines": [1, 2, 3, 4, 30, 1, 1, 7] * 200,
    "one giant line": [9000],
    "giant lines between short ones": [1, 5, 4000, 2, 1, 3000, 1, 1],
    "lines that end where shards do": [1023, 1023, 1, 1021, 2047, 1023],
    "lines around the cuts": [1022, 1, 1022, 3, 1020, 1024, 1025],
    "pieces of the walk": [1024, 1034, 1044, 1045, 2068],
    "one word": [1],
}


def numbered(lengths) -> list[list[int]]:
    """Lines whose tokens are numbered through."""
    starts = np.cumsum([0, *lengths]).tolist()
    return [list(range(a, b)) for a, b in pairwise(starts)]


def make_plan(n_words: int, model: str = "sg", **fields):
    vecs = _train.aligned_zeros(n_words, 1)
    fields = {"window": 5, "shrink_windows": False, "n_tokens": 1, **fields}
    if "tree" not in fields:
        fields["noise"] = _train.alias_build(np.ones(n_words))
    loss = "hs" if "tree" in fields else "ns"
    return _train.Plan(model=model, loss=loss, in_vecs=vecs, out_vecs=vecs, **fields)


def walk(plan, ids, epoch=0) -> list[tuple[int, list[int]]]:
    """The windows of all shards, one shard after the other."""
    return [
        window for shard in range(_train.shard_count(len(ids))) for window in plan.windows(ids, shard, epoch)
    ]


@pytest.mark.parametrize("window", [1, 2, 5, 40, 1100])
@pytest.mark.parametrize("name", LINE_LENGTHS)
def test_windows_are_the_twins_across_all_cuts(name, window):
    lines = numbered(LINE_LENGTHS[name])
    if window > 1000:  # quadratic: every place where lines and shards end is met by shorter lines as well
        lines = numbered([min(length, 1500) for length in LINE_LENGTHS[name]])
    ids = twins.flat_ids(lines)
    assert walk(make_plan(len(ids), window=window), ids) == twins.windows(lines, window)


@pytest.mark.parametrize("window", [1, 5, 40])
@pytest.mark.parametrize("name", LINE_LENGTHS)
def test_centres_of_a_tree_are_taken_by_the_lengths_of_their_paths(name, window):
    lines = numbered(LINE_LENGTHS[name])
    ids = twins.flat_ids(lines)
    n_words = max(len(ids), 2)
    tree = _train.tree_build(np.sort(np.random.default_rng(1).zipf(1.5, n_words).clip(max=10**6))[::-1])
    plan = make_plan(n_words, window=window, tree=tree)
    lengths = np.diff(tree[0])
    n_short = 0
    for shard in range(_train.shard_count(len(ids))):
        places = [center for center, _ in plan.windows(ids, shard, 0)]
        while places:
            first, n = min(places), twins.ALIKE_PATHS
            block = [place for place in places[:n] if place < first + n]
            assert sorted(block) == list(range(first, first + len(block)))
            assert block == sorted(block, key=lambda place: (lengths[place], place))
            places = places[len(block) :]
            n_short += len(block) < n
    assert sorted(walk(plan, ids)) == twins.windows(lines, window)
    assert n_short <= 4 + len(ids) // 256  # the last ones of pieces of the walk


@settings(max_examples=25)
@given(
    lengths=st.lists(st.integers(1, 12) | st.integers(1, 3000), min_size=1, max_size=12).filter(
        lambda n: sum(n) < 12_000
    ),
    repeat=st.integers(1, 30),
    window=st.integers(1, 12),
    last_line_ends=st.booleans(),
)
def test_shards_cover_each_token_once(lengths, repeat, window, last_line_ends):
    lines = numbered((lengths * repeat)[: 1 + 8000 // max(lengths)])
    ids = twins.flat_ids(lines)
    ids = ids if last_line_ends else ids[:-1]
    assert walk(make_plan(len(ids), window=window), ids) == twins.windows(lines, window)


def test_shards_of_a_large_corpus_meet_at_their_cuts():
    ids = np.arange(5_000_000, dtype=np.int32) % 1000
    ids[::97] = twins.LINE_END
    n_shards = _train.shard_count(len(ids))
    places = 65536
    assert n_shards == -(-len(ids) // places)
    plan = make_plan(1000, window=1)
    for shard in (0, 1, n_shards - 2, n_shards - 1):
        begin, end = shard * places, min((shard + 1) * places, len(ids))
        around = np.concatenate([[twins.LINE_END], ids, [twins.LINE_END]])[begin : end + 2].tolist()
        expected = [
            (center, [id for id in (left, right) if id != twins.LINE_END])
            for left, center, right in zip(around, around[1:], around[2:], strict=False)
            if center != twins.LINE_END
        ]
        assert plan.windows(ids, shard) == expected


@pytest.mark.parametrize("n_lanes", [2, 3, 4, 7])
@pytest.mark.parametrize("name", LINE_LENGTHS)
def test_with_lanes_the_windows_are_the_same_in_another_order(name, n_lanes):
    ids = twins.flat_ids(numbered(LINE_LENGTHS[name]))
    plain, in_lanes = (walk(make_plan(len(ids), "cbow", noise_centers=n), ids) for n in (1, n_lanes))
    assert in_lanes != plain or len(plain) == 1
    assert sorted(in_lanes) == plain


def test_centers_that_share_noise_are_far_apart_even_in_short_lines():
    ids = twins.flat_ids(numbered([3] * 30_000))
    centers = [center for center, _ in make_plan(len(ids), "cbow", noise_centers=4).windows(ids, 3)]
    groups = np.sort(np.array(centers[: len(centers) // 4 * 4]).reshape(-1, 4), axis=1)
    assert (np.diff(groups) > 50).mean() > 0.98  # but for where pieces meet


def test_skip_grams_centers_that_share_noise_are_neighbours():
    ids = twins.flat_ids(numbered([7] * 3000))
    together = [make_plan(len(ids), "sg", noise_centers=n).windows(ids, 1) for n in (1, 3)]
    assert together[0] == together[1]


@pytest.mark.parametrize("windows_at_once", [1, 2, 5, 16])
def test_neighbours_stay_together_where_threads_share_windows(windows_at_once):
    ids = twins.flat_ids(numbered([5, 1, 9] * 800))
    plans = [
        make_plan(len(ids), "sg", noise_centers=n, is_repeatable=again, windows_at_once=windows_at_once)
        for n, again in ((1, False), (2, True))
    ]
    plain, sliced = (plan.windows(ids, 1) for plan in plans)
    assert sorted(sliced) == sorted(plain)
    pairs = [abs(first[0] - second[0]) == 1 for first, second in pairwise(sliced)]
    assert np.mean(pairs) > 0.37  # of 15 tokens in three lines, six pairs


@pytest.mark.parametrize("n_lanes", [1, 2])
@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("name", LINE_LENGTHS)
def test_a_thinned_word_is_a_context_at_some_of_its_places(name, epoch, n_lanes):
    """Lines far longer than a piece of the walk, too: which places these are does not depend on where it begins."""
    lines = numbered(LINE_LENGTHS[name])
    ids = twins.flat_ids(lines)
    n_words = len(ids)
    n_thinned = n_words, n_words // 2, n_words // 3
    model = "sg" if n_lanes == 1 else "cbow"
    plain, thinned = [
        make_plan(n_words, model=model, window=3, noise_centers=2, n_thinned=n).windows(ids, 0, epoch)
        for n in ((0, 0, 0), n_thinned)
    ]
    assert thinned == [
        (center, [c for c in contexts if twins.is_context(c, c, n_thinned, epoch)])
        for center, contexts in plain
    ]


@pytest.mark.parametrize("shard", [-1, 1])
def test_a_shard_that_is_not_there_has_no_windows(shard):
    with pytest.raises(IndexError, match="there are 1 shards"):
        make_plan(2).windows(np.array([0, 1], dtype=np.int32), shard)


def test_there_are_enough_shards_for_many_threads_but_none_is_empty():
    for n_ids in [1, 2, 1023, 1024, 1025, 65535, 65536, 65537, 64 * 65536, 64 * 65536 + 1, 10**10]:
        n_shards = _train.shard_count(n_ids)
        assert min(64, n_ids // 1024) <= n_shards
        assert 1 <= n_shards <= -(-n_ids // 1024)
        assert n_shards <= 65 + n_ids // 65536


@pytest.mark.parametrize("window", [1, 2, 5, 17])
def test_shrunk_windows_reach_equally_often_to_each_distance(window):
    ids = np.arange(40_000, dtype=np.int32)
    found = walk(make_plan(len(ids), window=window, shrink_windows=True), ids)
    assert [center for center, _ in found] == ids.tolist()
    reaches = []
    for center, contexts in found[window:-window]:
        reach = len(contexts) // 2
        assert contexts == [*range(center - reach, center), *range(center + 1, center + 1 + reach)]
        reaches.append(reach)
    times = np.bincount(reaches, minlength=window + 1)
    assert times[0] == 0
    assert len(times) == window + 1
    # A draw is for ALIKE_REACH windows, or those that are left of a piece.
    n_changes = len(reaches) / twins.ALIKE_REACH * (1 - 1 / window)
    assert 0.9 * n_changes <= np.count_nonzero(np.diff(reaches)) <= 1.2 * n_changes
    assert window == 1 or stats.chisquare(times[1:] / twins.ALIKE_REACH).pvalue > 1e-3


@pytest.mark.parametrize("n_lanes", [1, 2, 3, 4])
def test_of_windows_that_share_noise_half_are_narrow_where_the_others_are_wide(n_lanes):
    window, n_shards = 6, 64
    ids = np.arange(768 * n_shards * 2, dtype=np.int32)  # 1,536 places a shard: more than a piece
    plan = make_plan(len(ids), "cbow", noise_centers=n_lanes, window=window, shrink_windows=True)
    assert _train.shard_count(len(ids)) == n_shards
    drawn = []
    for shard in range(1, n_shards - 1):
        found = plan.windows(ids, shard)[: 1020 // n_lanes * n_lanes]  # of the first piece
        reaches = np.array([len(contexts) // 2 for _, contexts in found]).reshape(-1, n_lanes)
        expected = reaches[:, :1].repeat(n_lanes, axis=1)
        expected[:, (n_lanes + 1) // 2 :] = window + 1 - expected[:, (n_lanes + 1) // 2 :]
        np.testing.assert_array_equal(reaches, expected)
        steps = np.arange(len(reaches)) // twins.ALIKE_REACH * twins.ALIKE_REACH
        np.testing.assert_array_equal(reaches, reaches[steps])
        drawn += reaches[:: twins.ALIKE_REACH, 0].tolist()
    assert stats.chisquare(np.bincount(drawn, minlength=window + 1)[1:]).pvalue > 1e-3


@pytest.mark.parametrize(
    "probabilities", [[1.0, 0.9, 0.5, 0.1, 0.01, 0.0], [0.0, 0.01, 1.0, 0.5, 1.0, 1.0], [1.0, 1.0]]
)
def test_a_token_is_kept_as_often_as_its_probability_says(probabilities):
    keep = np.array(probabilities)
    thresholds = np.minimum(keep * 2.0**32, 2**32 - 1).astype(np.uint32)
    rng = np.random.default_rng(1)
    ids = rng.integers(0, len(keep), 120_000).astype(np.int32)
    ids[rng.integers(0, len(ids), 8000)] = twins.LINE_END
    plan = make_plan(len(keep), keep_prob=thresholds)
    total = np.bincount(ids[ids >= 0])
    kept = np.bincount([center for center, _ in walk(plan, ids)], minlength=len(keep))
    np.testing.assert_array_equal(kept[keep == 1], total[keep == 1])
    np.testing.assert_array_equal(kept[keep == 0], 0)
    for word in np.flatnonzero((keep > 0) & (keep < 1)):
        assert stats.binomtest(int(kept[word]), int(total[word]), keep[word]).pvalue > 1e-3


def test_dropped_tokens_leave_no_gap_and_contexts_are_the_kept_neighbours():
    lines = numbered([20] * 40)  # one shard
    ids = twins.flat_ids(lines)
    keep = np.full(len(ids), 2**31, dtype=np.uint32)
    found = walk(make_plan(len(ids), window=3, keep_prob=keep), ids)
    kept = {center for center, _ in found}
    assert 300 < len(kept) < 500
    assert found == twins.windows([[id for id in line if id in kept] for line in lines], 3)


def test_subsampled_windows_stay_on_their_line_and_in_order_across_cuts():
    lines = numbered([5000, 3, 2000, 700])
    ids = twins.flat_ids(lines)
    line_of = {token: number for number, line in enumerate(lines) for token in line}
    keep = np.full(len(ids), 2**30, dtype=np.uint32)
    found = walk(make_plan(len(ids), window=4, keep_prob=keep), ids)
    centers = [center for center, _ in found]
    assert centers == sorted(set(centers))
    n_full = 0
    for center, contexts in found:
        around = sorted([*contexts, center])
        assert len(set(around)) == len(around)
        assert contexts == [token for token in around if token != center]
        assert {line_of[token] for token in around} == {line_of[center]}
        n_full += len(contexts) == 8
    assert n_full > len(found) - 8 * len(lines)  # cuts cost no context, only the ends of lines do


def test_where_nearly_all_tokens_are_dropped_the_walk_still_ends():
    ids = np.zeros(50_000, dtype=np.int32)
    assert walk(make_plan(1, keep_prob=np.array([0], dtype=np.uint32)), ids) == []


def test_draws_depend_on_seed_epoch_and_shard_and_on_nothing_else():
    ids = np.arange(3000, dtype=np.int32)

    def windows(seed: int, epoch: int):
        plan = make_plan(len(ids), shrink_windows=True, seed=seed)
        return walk(plan, ids, epoch)

    assert windows(1, 0) == windows(1, 0)
    assert windows(1, 0) != windows(2, 0)
    assert windows(1, 0) != windows(1, 1)
    first, second = ([len(contexts) for _, contexts in windows(1, 0)[a : a + 900]] for a in (50, 1074))
    assert first != second
