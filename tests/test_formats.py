"""The formats of word2vec.c: exact bytes, round trips, gensim's files, and files that are damaged or hostile.

The readers are checked against two slow, obvious ones (`slow_binary`, `slow_text`) that define what a valid
file is: on any bytes both must find the same words and vectors, or both must refuse.
"""

from __future__ import annotations

import contextlib
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastw2v import KeyedVectors, row_writers, vector_rows, vector_streams

Table = tuple[list[bytes], np.ndarray]
WORDS = ["the", "naïve", "b\udcff\udcfed", "日本語", "no\u00a0break", "x" * 300, ""]

NUMBER = re.compile(rb"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)
a_word = st.binary(max_size=6).filter(lambda raw: not re.search(rb"[ \t\n\v\f\r]", raw))
a_float = st.floats(width=32, allow_nan=False, allow_infinity=True)
on_files = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def slow_binary(raw: bytes) -> Table:
    """Read a binary file byte by byte; ValueError unless it is exactly V rows."""
    n_words, vector_size, place = slow_header(raw)
    words, rows = [], []
    for _ in range(n_words):
        space = raw.index(b" ", place)
        words.append(raw[place:space].lstrip(b"\n"))
        place = space + 1 + 4 * vector_size
        if place > len(raw):
            raise ValueError("truncated")
        rows.append(np.frombuffer(raw[space + 1 : place], "<f4"))
    if raw[place:].strip(b"\r\n "):
        raise ValueError("too long")
    return words, np.array(rows, np.float32).reshape(n_words, vector_size)


def slow_text(raw: bytes) -> Table:
    """Read a text file number by number; ValueError unless it is exactly V rows."""
    n_words, vector_size, place = slow_header(raw)
    lines = raw[place:].split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    words, rows = [], []
    for line in lines[:n_words]:
        word, *numbers = line.rstrip(b" \r").split(b" ")
        if len(numbers) != vector_size or not all(map(NUMBER.fullmatch, numbers)):
            raise ValueError("not as many numbers")
        words.append(word)
        with np.errstate(over="ignore"):
            rows.append([np.float32(float(number)) for number in numbers])
    if len(rows) < n_words or b"".join(lines[n_words:]).strip(b"\r "):
        raise ValueError("truncated or too long")
    return words, np.array(rows, np.float32).reshape(n_words, vector_size)


def slow_header(raw: bytes) -> tuple[int, int, int]:
    end = raw.index(b"\n") + 1
    match = re.fullmatch(rb"[ \t]*([0-9]{1,15})[ \t]+([0-9]{1,8})[ \t]*\r?\n", raw[:end])
    if end > 256 or match is None or int(match[2]) == 0:
        raise ValueError("no header")
    if int(match[1]) > len(raw):
        raise ValueError("truncated")
    return int(match[1]), int(match[2]), end


def load_or_refuse(path: Path, slow: Callable[[bytes], Table], binary: bool) -> None:
    """Check that the reader agrees with its slow twin about the file at `path`."""
    raw = path.read_bytes()
    try:
        words, vectors = slow(raw)
    except ValueError:
        with pytest.raises(ValueError, match=re.escape(str(path))):
            KeyedVectors.load_word2vec_format(path, binary=binary)
        return
    loaded = KeyedVectors.load_word2vec_format(path, binary=binary)
    first_rows = sorted({word: row for row, word in reversed(list(enumerate(words)))}.values())
    assert loaded.index_to_key == [words[row].decode("utf-8", "surrogateescape") for row in first_rows]
    np.testing.assert_array_equal(loaded.vectors, vectors[first_rows])


def example(n_dimensions: int = 5) -> KeyedVectors:
    rng = np.random.default_rng(0)
    padded = rng.normal(0, 0.3, (len(WORDS), n_dimensions + 3)).astype(np.float32)
    return KeyedVectors.from_arrays(WORDS, padded[:, :n_dimensions], np.arange(len(WORDS), 0, -1))


def same(left: KeyedVectors, right: KeyedVectors) -> bool:
    return left.index_to_key == right.index_to_key and np.array_equal(left.vectors, right.vectors)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("n_dimensions", [1, 5, 300])
def test_words_of_any_bytes_and_every_float_round_trip(
    tmp_path: Path, binary: bool, n_dimensions: int
) -> None:
    ours = example(n_dimensions)
    ours.vectors[0, 0], ours.vectors[1, 0] = np.inf, np.float32(1e-45)
    ours.save_word2vec_format(tmp_path / "v", binary=binary)
    assert same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary), ours)


@given(
    table=st.integers(1, 4).flatmap(
        lambda d: st.lists(
            st.tuples(a_word, st.lists(a_float, min_size=d, max_size=d)),
            min_size=1,
            unique_by=lambda row: row[0],
        )
    ),
    binary=st.booleans(),
)
@on_files
def test_any_table_round_trips(tmp_path: Path, table: list[tuple[bytes, list[float]]], binary: bool) -> None:
    words = [word.decode("utf-8", "surrogateescape") for word, _ in table]
    ours = KeyedVectors.from_arrays(words, np.array([row for _, row in table], np.float32))
    ours.save_word2vec_format(tmp_path / "v", binary=binary)
    assert same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary), ours)


def test_binary_files_have_word2vec_c_s_bytes_and_text_files_have_few_digits(tmp_path: Path) -> None:
    vectors = np.array([[1, -0.1, 1e-7], [0, 1e10, 1 / 3]], np.float32)
    ours = KeyedVectors.from_arrays(["a", "é"], vectors)
    ours.save_word2vec_format(tmp_path / "b", binary=True)
    # word2vec.c: "%lld %lld\n", then for each word "%s ", the floats as they are in memory, and "\n".
    expected = b"2 3\na " + vectors[0].tobytes() + b"\n\xc3\xa9 " + vectors[1].tobytes() + b"\n"
    assert (tmp_path / "b").read_bytes() == expected
    ours.save_word2vec_format(tmp_path / "t")
    assert (tmp_path / "t").read_text("utf-8") == "2 3\na 1.0 -0.1 1e-07\né 0.0 10000000000.0 0.33333334\n"


def test_files_larger_than_the_blocks_of_reader_and_writer_round_trip(tmp_path: Path) -> None:
    n_words = 20_017
    vectors = np.random.default_rng(3).normal(size=(n_words, 300)).astype(np.float32)
    assert vectors.nbytes > 2 * max(vector_streams._BLOCK_BYTES, row_writers._BINARY_BYTES)
    ours = KeyedVectors.from_arrays([f"word{row}" for row in range(n_words)], vectors)
    for binary in (True, False):
        ours.save_word2vec_format(tmp_path / "v", binary=binary)
        assert same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary), ours)


def test_one_row_may_be_longer_than_a_block_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_streams, "_FIRST_BYTES", 16)
    monkeypatch.setattr(vector_streams, "_BLOCK_BYTES", 16)
    example(50).save_word2vec_format(tmp_path / "v", binary=True)
    assert same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=True), example(50))


@pytest.mark.parametrize("binary", [True, False])
def test_gensim_reads_our_files(tmp_path: Path, binary: bool) -> None:
    gensim = pytest.importorskip("gensim.models")
    ours = example()
    ours.save_word2vec_format(tmp_path / "v", binary=binary)
    theirs = gensim.KeyedVectors.load_word2vec_format(
        str(tmp_path / "v"), binary=binary, unicode_errors="surrogateescape"
    )
    assert theirs.index_to_key == ours.index_to_key
    np.testing.assert_array_equal(theirs.vectors, ours.vectors)


@pytest.mark.parametrize("binary", [True, False])
def test_we_read_gensim_s_files_which_differ_from_ours_in_known_ways(tmp_path: Path, binary: bool) -> None:
    gensim = pytest.importorskip("gensim.models")
    rng = np.random.default_rng(4)
    theirs = gensim.KeyedVectors(4)
    words = ["the", "naïve", "日本語", ""]
    theirs.add_vectors(words, rng.normal(size=(4, 4)).astype(np.float32))
    theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=binary)
    ours = KeyedVectors.load_word2vec_format(tmp_path / "theirs", binary=binary)
    assert ours.index_to_key == words
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)

    ours.save_word2vec_format(tmp_path / "ours", binary=binary)
    written, expected = (tmp_path / "ours").read_bytes(), (tmp_path / "theirs").read_bytes()
    if binary:  # the same but for word2vec.c's newline after each record
        records = [
            word.encode() + b" " + vector.tobytes() for word, vector in zip(words, ours.vectors, strict=True)
        ]
        assert expected == b"4 4\n" + b"".join(records)
        assert written == b"4 4\n" + b"".join(record + b"\n" for record in records)
    else:  # the same but for the number of digits
        assert [len(line.split(b" ")) for line in written.split(b"\n")] == [2, 5, 5, 5, 5, 1]
        assert [line.split(b" ")[0] for line in written.split(b"\n")] == [
            line.split(b" ")[0] for line in expected.split(b"\n")
        ]
        assert slow_text(written)[1].tobytes() == slow_text(expected)[1].tobytes()


def test_text_files_of_word2vec_c_load(tmp_path: Path) -> None:
    # "%lf " for each number: six decimals and a space at the end of the line; Windows may have been there.
    (tmp_path / "v").write_bytes(b"2 2\n</s> 0.004003 0.004419 \nthe -1.250000 0.500000 \r\n\n")
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v")
    assert loaded.index_to_key == ["</s>", "the"]
    np.testing.assert_array_equal(loaded.vectors, np.array([[0.004003, 0.004419], [-1.25, 0.5]], np.float32))


def test_floats_that_look_like_separators_do_not_confuse_the_binary_reader(tmp_path: Path) -> None:
    odd = np.frombuffer(b"    \n\n\n\n a \nb c\n\0\0\0\0", "<f4").reshape(1, 5)
    assert odd.tobytes().count(b" ") > 4
    ours = KeyedVectors.from_arrays(["a", "b"], np.repeat(odd, 2, axis=0))
    ours.save_word2vec_format(tmp_path / "v", binary=True)
    assert same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=True), ours)


def test_rows_are_written_by_descending_count_with_their_counts(tmp_path: Path) -> None:
    ours = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32), np.array([3, 9, 3]))
    ours.save_word2vec_format(tmp_path / "v", tmp_path / "counts")
    assert (tmp_path / "counts").read_bytes() == b"b 9\na 3\nc 3\n"
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v", tmp_path / "counts")
    assert loaded.index_to_key == ["b", "a", "c"]
    np.testing.assert_array_equal(loaded["b"], [0, 1, 0])
    assert [loaded.get_vecattr(word, "count") for word in "abc"] == [3, 9, 3]
    gensim = pytest.importorskip("gensim.models")
    theirs = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "v"), str(tmp_path / "counts"))
    assert theirs.get_vecattr("b", "count") == 9


def test_a_file_of_counts_must_be_well_formed_and_complete(tmp_path: Path) -> None:
    example().save_word2vec_format(tmp_path / "v", binary=True)
    for content, message in (
        (b"the 9\n", "'naïve' is missing"),
        (b"the nine\n", "line 1"),
        (b"the 1\n\xff", "line 2"),
    ):
        (tmp_path / "counts").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            KeyedVectors.load_word2vec_format(tmp_path / "v", tmp_path / "counts", binary=True)
    without = KeyedVectors.from_arrays(["a"], np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="no counts"):
        without.save_word2vec_format(tmp_path / "w", tmp_path / "counts")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("word", ["a b", "a\n", "\t", "\v", "\f", "\r"])
def test_words_with_white_space_are_refused_and_nothing_is_written(
    tmp_path: Path, binary: bool, word: str
) -> None:
    path = tmp_path / "v"
    path.write_bytes(b"old")
    ours = KeyedVectors.from_arrays(["ok", word], np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match=r"row 1: the word .* white space.*save\(\)"):
        ours.save_word2vec_format(path, binary=binary)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("binary", [True, False])
def test_limit_reads_the_first_rows_and_datatype_converts(tmp_path: Path, binary: bool) -> None:
    example().save_word2vec_format(tmp_path / "v", binary=binary)
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, limit=2, datatype=np.float64)
    assert loaded.index_to_key == WORDS[:2]
    assert loaded.vectors.dtype == np.float64
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, limit=99)) == len(WORDS)
    with pytest.raises(ValueError, match="limit"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, limit=-1)


def test_text_without_a_header_loads_when_told(tmp_path: Path) -> None:
    (tmp_path / "glove").write_bytes(b"the 1 2 3\nof 4 5 6\n")
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "glove", no_header=True)
    np.testing.assert_array_equal(loaded["of"], [4, 5, 6])
    with pytest.raises(ValueError, match="no_header=True"):
        KeyedVectors.load_word2vec_format(tmp_path / "glove")
    with pytest.raises(ValueError, match="no_header is for text"):
        KeyedVectors.load_word2vec_format(tmp_path / "glove", no_header=True, binary=True)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ValueError, match="row 1"):
        KeyedVectors.load_word2vec_format(tmp_path / "empty", no_header=True)


def test_of_repeated_words_the_first_is_kept_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "v").write_bytes(b"4 1\na 1\nb 2\na 3\nc 4\n")
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v")
    assert loaded.index_to_key == ["a", "b", "c"]
    np.testing.assert_array_equal(loaded.vectors[:, 0], [1, 2, 4])
    assert "1 words occur again" in caplog.text


def test_bytes_that_are_not_utf8_follow_unicode_errors(tmp_path: Path) -> None:
    for binary in (True, False):
        example().save_word2vec_format(tmp_path / "v", binary=binary)
        with pytest.raises(ValueError, match=r"row 3.*surrogateescape"):
            KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, unicode_errors="strict")
        replaced = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, unicode_errors="replace")
        assert "b\ufffd\ufffdd" in replaced


@pytest.mark.parametrize("binary", [True, False])
def test_every_truncation_is_refused_and_names_file_and_row(tmp_path: Path, binary: bool) -> None:
    example().save_word2vec_format(tmp_path / "whole", binary=binary)
    whole = (tmp_path / "whole").read_bytes()
    for n_kept in range(len(whole) - 1):  # the last newline may be missing
        (tmp_path / "part").write_bytes(whole[:n_kept])
        if not binary and n_kept > len(whole) - 15:
            continue  # a number cut short is a number
        with pytest.raises(ValueError, match="part"):
            KeyedVectors.load_word2vec_format(tmp_path / "part", binary=binary)
    (tmp_path / "part").write_bytes(whole[:-20] if binary else whole[: whole.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(ValueError, match=f"part, row {len(WORDS)}: truncated"):
        KeyedVectors.load_word2vec_format(tmp_path / "part", binary=binary)


@pytest.mark.parametrize("binary", [True, False])
def test_a_file_that_goes_on_is_refused_unless_it_is_white_space(tmp_path: Path, binary: bool) -> None:
    example().save_word2vec_format(tmp_path / "v", binary=binary)
    with (tmp_path / "v").open("ab") as file:
        file.write(b"\n\r\n  \n")
    assert same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary), example())
    with (tmp_path / "v").open("ab") as file:
        file.write(b" " * vector_streams._BLOCK_BYTES + b"x")
    with pytest.raises(ValueError, match=f"row {len(WORDS) + 1}: too long"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)


def test_the_other_format_is_refused_with_advice(tmp_path: Path) -> None:
    example(50).save_word2vec_format(tmp_path / "b", binary=True)
    with pytest.raises(ValueError, match="binary=True"):
        KeyedVectors.load_word2vec_format(tmp_path / "b")
    example(50).save_word2vec_format(tmp_path / "t")
    with pytest.raises(ValueError, match="t, row"):
        KeyedVectors.load_word2vec_format(tmp_path / "t", binary=True)
    example().save(tmp_path / "s")
    with pytest.raises(ValueError, match="not a word2vec file"):
        KeyedVectors.load_word2vec_format(tmp_path / "s", binary=True)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"10\n", b"3 0\n", b"-1 5\n", b"1 2 3\n", b"a b\n", b"9" * 300 + b" 1\n", b"1 1"]
)
@pytest.mark.parametrize("binary", [True, False])
def test_files_without_a_proper_first_line_are_refused(tmp_path: Path, content: bytes, binary: bool) -> None:
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(ValueError, match="first line"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    "header", [b"999999999999999 1\n", b"1 99999999\n", b"99999999 99999999\n", b"3000 1000\n"]
)
def test_promises_that_the_file_cannot_keep_take_no_memory(
    tmp_path: Path, header: bytes, binary: bool
) -> None:
    (tmp_path / "v").write_bytes(header + b"a 1 2 3\n" * 100)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="truncated"):
            KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_line_of_nothing_but_separators_takes_no_more_memory_than_its_length(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"1 1\na" + b" " * 2_000_000 + b"1\n")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="row 1"):
            KeyedVectors.load_word2vec_format(tmp_path / "v")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KeyedVectors.load_word2vec_format(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        KeyedVectors.load_word2vec_format(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="not a regular file"):
            KeyedVectors.load_word2vec_format(tmp_path / "pipe")


@given(
    header=st.sampled_from([b"0 1\n", b"1 1\n", b"2 1\n", b"2 2\n", b" 3\t1 \r\n"]),
    body=st.one_of(st.binary(max_size=60), st.text("ab 1.-e\n\r\t_\0", max_size=60).map(str.encode)),
    binary=st.booleans(),
)
@on_files
def test_on_any_bytes_the_readers_agree_with_their_slow_twins(
    tmp_path: Path, header: bytes, body: bytes, binary: bool
) -> None:
    (tmp_path / "v").write_bytes(header + body)
    load_or_refuse(tmp_path / "v", slow_binary if binary else slow_text, binary)


@given(
    changes=st.lists(st.tuples(st.integers(0, 500), st.sampled_from(b" \n\r0123456789.-a\xff")), max_size=3),
    cut=st.one_of(st.none(), st.integers(0, 500)),
    inserted=st.binary(max_size=3),
    binary=st.booleans(),
)
@on_files
def test_on_damaged_files_the_readers_agree_with_their_slow_twins(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int | None, inserted: bytes, binary: bool
) -> None:
    path = tmp_path / "v"
    words = ["the", "b\udcffd", "of", "and"]
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
    KeyedVectors.from_arrays(words, vectors).save_word2vec_format(path, binary=binary)
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place % len(raw)] = value
    if cut is not None:
        raw[cut % len(raw) :] = inserted
    path.write_bytes(raw)
    load_or_refuse(path, slow_binary if binary else slow_text, binary)


@given(st.binary(max_size=80))
@on_files
def test_any_bytes_without_a_header_give_vectors_or_a_value_error(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "v").write_bytes(raw)
    with contextlib.suppress(ValueError):
        loaded = KeyedVectors.load_word2vec_format(tmp_path / "v", no_header=True)
        assert loaded.vectors.shape == (len(loaded), loaded.vector_size)


# ---- gensim's further arguments, other writers, compression, threads ----


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"total_vec": 99},
        {"write_header": False},
        {"prefix": "*dt_"},
        {"append": True},
        {"append": True, "write_header": False, "prefix": "x"},
        {"sort_attr": "age"},
        {"sort_attr": "missing"},
    ],
)
def test_savers_write_what_gensim_writes(tmp_path: Path, binary: bool, options: dict[str, object]) -> None:
    pytest.importorskip("gensim")
    words = ["the", "naïve", "日本", "of"]
    vectors = np.random.default_rng(4).normal(size=(4, 5)).astype(np.float32)
    ours = KeyedVectors.from_arrays(words, vectors, np.array([5, 9, 5, 7]))
    ours.expandos["age"] = np.array([1.5, 2.5, 0.5, 2.5])
    with_counts = options.get("sort_attr") != "missing"
    files = {}
    for name, wv in (("ours", ours), ("theirs", ours.to_gensim())):
        path, counts = str(tmp_path / name), str(tmp_path / f"{name}-counts")
        for each in (path, counts):
            Path(each).write_bytes(b"old\n")
        wv.save_word2vec_format(path, counts if with_counts else None, binary=binary, **options)
        files[name] = Path(path).read_bytes(), Path(counts).read_bytes()
    assert files["ours"][1] == files["theirs"][1]
    if not binary:
        assert files["ours"][0] == files["theirs"][0]
    else:
        # The same but for word2vec.c's newline after each record.
        stripped = files["ours"][0]
        for vector in vectors:
            stripped = stripped.replace(vector.tobytes() + b"\n", vector.tobytes())
        assert stripped == files["theirs"][0]


def test_a_failed_append_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "v"
    example().save_word2vec_format(path)
    old = path.read_bytes()
    with pytest.raises(ValueError, match="white space"):
        KeyedVectors.from_arrays(["a b"], np.ones((1, 5), np.float32)).save_word2vec_format(path, append=True)
    assert path.read_bytes() == old


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
def test_packed_files_are_appended_to(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"v{packing}"
    first = KeyedVectors.from_arrays(["a"], np.ones((1, 2), np.float32))
    first.save_word2vec_format(path, total_vec=2)
    second = KeyedVectors.from_arrays(["b"], np.zeros((1, 2), np.float32))
    second.save_word2vec_format(path, append=True, write_header=False)
    assert KeyedVectors.load_word2vec_format(path).index_to_key == ["a", "b"]


def test_a_prefix_with_white_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="prefix"):
        example().save_word2vec_format(tmp_path / "v", prefix="a b")
    assert not list(tmp_path.iterdir())


def test_fasttext_s_and_glove_s_files_load(tmp_path: Path) -> None:
    (tmp_path / "v.vec").write_bytes(b"2 2\n</s> 0.1 -0.2 \n\xc2\xa0x 1e-5 3 \n")
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v.vec")
    assert loaded.index_to_key == ["</s>", "\xa0x"]
    np.testing.assert_array_equal(loaded.vectors, np.float32([[0.1, -0.2], [1e-5, 3]]))
    # Some of GloVe's words contain spaces, and two of its words are the same.
    (tmp_path / "glove").write_bytes(b"the 1 2\n. . . 3 4\nat name@x.org 5 6\n\n")
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "glove", no_header=True)
    assert loaded.index_to_key == ["the", ". . .", "at name@x.org"]
    assert loaded["at name@x.org"].tolist() == [5, 6]
    (tmp_path / "glove").write_bytes(b"the 1 2\n\nof 3 4\n")
    with pytest.raises(ValueError, match="glove, row 2: expected a word and 2 numbers, but there are 0"):
        KeyedVectors.load_word2vec_format(tmp_path / "glove", no_header=True)


def test_every_number_of_threads_reads_and_writes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_rows, "_PART_BYTES", 64)
    monkeypatch.setattr(row_writers, "_ROWS_BYTES", 256)
    monkeypatch.setattr(vector_streams, "_FIRST_BYTES", 1024)
    monkeypatch.setattr(vector_streams, "_BLOCK_BYTES", 1024)
    vectors = np.random.default_rng(5).normal(size=(500, 7)).astype(np.float32)
    ours = KeyedVectors.from_arrays([f"w{row}" for row in range(500)], vectors)
    ours.save_word2vec_format(tmp_path / "1", threads=1)

    def text_as(dtype: type) -> np.ndarray:
        lines = (tmp_path / "1").read_text().splitlines()[1:]
        return np.array([[float(number) for number in line.split()[1:]] for line in lines]).astype(dtype)

    for threads in (1, 2, 3, 8):
        ours.save_word2vec_format(tmp_path / "n", threads=threads)
        assert (tmp_path / "n").read_bytes() == (tmp_path / "1").read_bytes()
        for options in ({}, {"limit": 333}, {"datatype": np.float64}, {"datatype": np.float16}):
            loaded = KeyedVectors.load_word2vec_format(tmp_path / "n", threads=threads, **options)
            n_rows = options.get("limit", 500)
            assert loaded.index_to_key == ours.index_to_key[:n_rows]
            if "datatype" not in options:
                assert np.array_equal(loaded.vectors, vectors[:n_rows])
            else:
                assert loaded.vectors.dtype == options["datatype"]
                assert loaded.vectors.tobytes() == text_as(options["datatype"]).tobytes()
    raw = (tmp_path / "1").read_bytes().splitlines(keepends=True)
    raw[301] = raw[301].replace(b".", b"_", 1)
    (tmp_path / "bad").write_bytes(b"".join(raw))
    for threads in (1, 2, 8):
        with pytest.raises(ValueError, match="bad, row 301: b.* is not a number"):
            KeyedVectors.load_word2vec_format(tmp_path / "bad", threads=threads)
