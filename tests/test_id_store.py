"""Blocks of ids that are put in any order come back joined, renumbered and in order, in memory and in a file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._corpus import LINE_END, IdBuffer, Joining
from fastw2v.id_store import IdStore
from fastw2v.vocabulary import UNKNOWN

N_WORDS, N_OWNERS = 5, 3
blocks = st.lists(st.lists(st.integers(LINE_END, N_WORDS - 1), max_size=12), max_size=12)
numbers = st.lists(st.integers(0, 9) | st.just(UNKNOWN), min_size=N_WORDS, max_size=N_WORDS)


def joined(blocks: list[list[int]], numberings: list[list[int]] | None) -> list[int]:
    """The slow twin: block n is owner n % N_OWNERS's."""
    ids = [LINE_END]
    for block_no, block in enumerate(blocks):
        for id in block:
            if numberings is not None and id != LINE_END:
                id = numberings[block_no % N_OWNERS][id]
            if id != UNKNOWN and (id, ids[-1]) != (LINE_END, LINE_END):
                ids.append(id)
    return ids[1:]


@given(
    blocks,
    st.none() | st.lists(numbers, min_size=N_OWNERS, max_size=N_OWNERS),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 0, 40, 400]),
    st.sampled_from([0, 1, 30]),
    st.integers(1, 4),
)
def test_blocks_put_in_any_order_are_joined_in_theirs(blocks, numberings, rng, budget, likely_ids, n_threads):
    new_ids = None
    if numberings is not None:
        new_ids = [np.array([LINE_END, *numbering], np.int32) for numbering in numberings]
    in_any_order = list(enumerate(blocks))
    rng.shuffle(in_any_order)
    with IdStore(budget, likely_ids) as store:
        for block_no, block in in_any_order:
            kept = [id for at, id in enumerate(block) if (id, block[at - 1 : at]) != (LINE_END, [LINE_END])]
            store.put(block_no, block_no % N_OWNERS, np.array(kept, np.int32))
        ids = store.finish(new_ids, n_threads)
    assert ids.tolist() == joined(blocks, numberings)
    assert ids.dtype == np.int32
    assert not ids.flags.writeable


def test_a_numbering_that_fails_is_an_error_and_no_thread_waits_for_ever():
    with IdStore() as store:
        for block_no in range(20):
            store.put(block_no, block_no, np.array([0], np.int32))
        with pytest.raises(IndexError):
            store.finish([np.array([LINE_END, 0], np.int32)] * 7, 3)


def test_a_buffer_cuts_only_ids_that_it_has():
    buffer = IdBuffer(2)
    buffer.append(np.arange(5, dtype=np.int32))
    for impossible in (-1, 6):
        with pytest.raises(ValueError, match="no such ids"):
            buffer.cut(impossible)
    looked_at = np.frombuffer(buffer, np.int32)
    with pytest.raises(BufferError, match="cannot be moved"):
        buffer.cut(2)
    assert looked_at.tolist() == [0, 1, 2, 3, 4]
    del looked_at
    buffer.cut(2)
    assert np.frombuffer(buffer, np.int32).tolist() == [0, 1]
    buffer.cut(0)
    assert len(buffer) == 0
    buffer.append(np.array([7], np.int32))
    assert np.frombuffer(buffer, np.int32).tolist() == [7]


def test_only_blocks_that_fill_the_buffer_are_joined_each_with_a_numbering():
    buffer = IdBuffer()
    buffer.append(np.arange(5, dtype=np.int32))
    for sizes in ([], [5, 1], [4], [6, -1]):
        with pytest.raises(ValueError, match="not those of the buffer"):
            Joining(buffer, sizes)
    with pytest.raises(ValueError, match="one numbering for each"):
        Joining(buffer, [2, 3], [np.arange(9, dtype=np.int32)])
    joining = Joining(buffer, [2, 3])
    with pytest.raises(BufferError, match="cannot be moved"):
        buffer.cut(2)
    joining.work()
    joining.work()  # nothing is left to be done
    assert joining.n_ids == 5


@pytest.mark.parametrize("budget", [None, 0])
def test_what_is_to_be_done_meanwhile_is_done_before_ids_are_returned_and_its_error_is_raised(budget):
    done: list[int] = []
    with IdStore(budget) as store:
        store.put(0, 0, np.arange(3, dtype=np.int32))
        assert store.finish(None, 2, lambda: done.append(1)).tolist() == [0, 1, 2]
    assert done == [1]
    with IdStore(budget) as store:
        store.put(0, 0, np.arange(3, dtype=np.int32))
        with pytest.raises(ZeroDivisionError):
            store.finish(None, 2, lambda: 1 // 0)
