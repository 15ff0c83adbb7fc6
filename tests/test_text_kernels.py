"""The kernels of counting against obvious loops, and what is counted with them, by every instruction set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_twin import count_and_encode

from fastw2v import _train
from fastw2v._corpus import LINE_END, Block, NulByteError, WordCounter, renumber
from fastw2v.corpus import Corpus, ReadOptions
from fastw2v.corpus import count_and_encode as read
from fastw2v.vocabulary import UNKNOWN, VocabularyRules

WHITE = b" \t\n\v\f\r"


@pytest.fixture(params=_train.isa_supported(), autouse=True, scope="module")
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _train.isa_name()
    _train.isa_select(request.param)
    yield request.param
    _train.isa_select(before)


@given(
    st.lists(
        st.sampled_from([b" ", b"\n", b"\r\t", b"a", b"word", b"\xff\x80", b"\0"]) | st.binary(max_size=80)
    )
)
@example([])
@example([bytes(range(256))])
@example([b" " * 64, b"x" * 64, b"x " * 32, b"x  " * 64])
@example([b"xxx " * 16, b"xx xx   " * 8, b"\n" * 17 + b"x" * 47])
def test_white_space_is_found_as_python_finds_it(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    places, has_nul = _train.find_spaces(text)
    assert places.tolist() == [place for place, byte in enumerate(text) if byte in WHITE]
    assert has_nul == (b"\0" in text)


@pytest.mark.parametrize("n_spaces", range(65))
def test_any_number_of_spaces_in_a_chunk_is_found(n_spaces: int) -> None:
    rng = np.random.default_rng(n_spaces)
    chunks = np.full((3, 64), ord("x"), np.uint8)
    for chunk in chunks[::2]:
        chunk[rng.permutation(64)[:n_spaces]] = ord(" ")
    places, _ = _train.find_spaces(chunks.tobytes())
    assert places.tolist() == np.flatnonzero(chunks == ord(" ")).tolist()


def renumbered(ids: npt.NDArray[np.int32], new_ids: npt.NDArray[np.int32]) -> list[int]:
    left: list[int] = []
    for id in ids:
        new = int(new_ids[id + 1])
        if new >= 0 or (new == LINE_END and left[-1:] != [LINE_END]):
            left.append(new)
    return left


@given(
    st.lists(st.integers(-1, 9) | st.just(-1), max_size=100),
    st.lists(st.sampled_from([True, True, False]), min_size=10, max_size=10),
)
def test_renumbering_drops_unknown_words_and_the_line_ends_that_then_repeat(
    ids: list[int], is_known: list[bool]
) -> None:
    new_ids = np.array([LINE_END, *(id + 3 if is_known[id] else UNKNOWN for id in range(10))], np.int32)
    array = np.array(ids, np.int32)
    expected = renumbered(array, new_ids)
    n_left = renumber(array, new_ids)
    assert array[:n_left].tolist() == expected


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9])
def test_many_ids_are_renumbered_as_one_by_one(share: float) -> None:
    rng = np.random.default_rng(1)
    for n in [*range(70), 1_000, 10_007]:
        room = np.full(n + 32, 77, np.int32)  # what is behind the ids stays as it is
        ids = room[:n]
        ids[:] = rng.integers(LINE_END, 20, n, dtype=np.int32)
        new_ids = rng.permutation(np.arange(LINE_END, 20, dtype=np.int32))
        new_ids[1:][(rng.random(20) < share) | (new_ids[1:] == LINE_END)] = UNKNOWN
        new_ids[0] = LINE_END
        expected = renumbered(ids, new_ids)
        n_left = renumber(ids, new_ids)
        assert ids[:n_left].tolist() == expected
        assert set(room[n:].tolist()) == {77}


@pytest.mark.parametrize("block_bytes", [50, 2047, 1 << 20])
def test_text_of_all_kinds_of_words_is_read_as_the_twin_reads_it(block_bytes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(block_bytes)
    words = [bytes(rng.integers(97, 101, size, dtype=np.uint8)) for size in rng.integers(1, 40, 300)]
    spaces = [b" "] * 12 + [b"\n", b"\t", b"\r\n", b"\n\n", b"   " * 30]
    text = b"".join(words[rng.integers(300)] + spaces[rng.integers(len(spaces))] for _ in range(5_000))
    path = tmp_path / "text"
    path.write_bytes(text)
    twin = count_and_encode([text], 1)
    options = ReadOptions(n_threads=2, progress=False, block_bytes=block_bytes)
    vocabulary, encoded = read(Corpus.open(corpus_file=path), VocabularyRules(1), options)
    assert vocabulary.words == twin.words
    assert vocabulary.counts.tolist() == twin.counts
    assert encoded.ids.tolist() == twin.ids
    assert encoded.n_lines == twin.n_lines


@pytest.mark.parametrize("place", [0, 1, 63, 64, 2047, 2048, 2049, 4999])
def test_the_first_nul_of_a_block_is_told(place: int) -> None:
    text = bytearray(b"word " * 1_000)
    text[place] = text[4999] = 0
    block = Block()
    block.room(0, len(text))[:] = text
    block.set_text(0, len(text), len(text))
    with pytest.raises(NulByteError) as raised:
        block.to_ids(WordCounter(), learn=True)
    assert raised.value.pos == place
