"""The corpus reader against its slow twin, for any text, block size, threads and memory budget."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_twin import TwinResult, count_and_encode, count_and_encode_lines, ids_of, lines_of

from fastw2v._corpus import LINE_END
from fastw2v.corpus import (
    Corpus,
    EncodedCorpus,
    ReadOptions,
    build_vocabulary,
    encode,
    encode_known,
)
from fastw2v.corpus import (
    count_and_encode as read,
)
from fastw2v.text_files import find_text_files, open_stream
from fastw2v.vocabulary import Vocabulary, VocabularyRules

zstandard = pytest.importorskip("zstandard", reason="the tests write .zst files with it")

BOM = b"\xef\xbb\xbf"
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}

# Few letters and much white space, so that words repeat and meet the ends of blocks; control bytes that are
# no white space; bytes that are not UTF-8; words around the sizes (8, 16) at which the hash table changes its
# ways.
pieces = st.one_of(
    st.sampled_from(
        [b" ", b"\n", b"\t", b"\r\n", b"\v", b"\f", b"a", b"b", b"\x01", b"\x1f", b"\x7f", b"\xff", BOM]
    ),
    st.sampled_from(["é".encode(), "汉".encode(), b"seven77", b"eight888", b"nine99999", b"eight888x" * 2]),
    st.sampled_from([b"x" * n for n in (7, 8, 9, 15, 16, 17, 24, 25, 63)]),
)
texts = st.lists(pieces, max_size=60).map(b"".join)


def same(vocabulary: Vocabulary, encoded: EncodedCorpus, twin: TwinResult) -> None:
    assert vocabulary.words == twin.words
    assert vocabulary.counts.tolist() == twin.counts
    assert vocabulary.counts.dtype == np.int64
    assert encoded.ids.tolist() == twin.ids
    assert encoded.ids.dtype == np.int32
    assert encoded.n_tokens == twin.n_tokens
    assert encoded.n_lines == twin.n_lines
    assert encoded.n_raw_words == twin.n_raw_words


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def options(n_threads: int = 1, block_bytes: int = 1 << 20, memory_budget: int | None = None) -> ReadOptions:
    return ReadOptions(
        n_threads=n_threads, memory_budget=memory_budget, progress=False, block_bytes=block_bytes
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hypothesis, which wants no new folder for each example."""
    return tmp_path_factory.mktemp("corpus")


# ---- any text, any cut, any thread ----


@given(
    contents=st.lists(texts, min_size=1, max_size=3),
    block_bytes=st.integers(1, 70),
    n_threads=st.integers(1, 9),
    min_count=st.integers(1, 3),
    suffix=st.sampled_from(["", *COMPRESSORS]),
    memory_budget=st.sampled_from([None, 0, 40]),
)
@example([BOM + b"a b"], 1, 3, 1, "", None)
@example([b"word" * 50, b"\nword" * 50], 4, 5, 1, "", 0)
@example(["汉 ".encode()], 4, 1, 1, ".gz", None)
@example([b"a", b"", b"\n", b"b\n"], 5, 2, 1, ".gz", None)
@example([b"a rare\nrare2\n\na"], 4, 2, 2, "", None)
def test_any_text_is_read_as_the_twin_reads_it(
    folder: Path,
    contents: list[bytes],
    block_bytes: int,
    n_threads: int,
    min_count: int,
    suffix: str,
    memory_budget: int | None,
) -> None:
    paths = [folder / f"{number}.txt{suffix}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(COMPRESSORS[suffix](content) if suffix else content)
    twin = count_and_encode(contents, min_count)
    corpus = Corpus.open(corpus_file=paths)
    how = options(n_threads, block_bytes, memory_budget)
    if not twin.words:
        with pytest.raises(ValueError, match="corpus"):
            read(corpus, VocabularyRules(min_count), how)
        return
    vocabulary, encoded = read(corpus, VocabularyRules(min_count), how)
    same(vocabulary, encoded, twin)
    again = encode_known(corpus, vocabulary, how)
    same(vocabulary, again, twin)


@given(
    sentences=st.lists(st.lists(st.text(max_size=20) | st.sampled_from("ab"), max_size=8), max_size=12),
    block_bytes=st.integers(1, 40),
    n_threads=st.integers(1, 9),
    is_one_shot=st.booleans(),
    memory_budget=st.sampled_from([None, 0]),
)
def test_any_sentences_are_encoded_token_by_token(
    sentences: list[list[str]], block_bytes: int, n_threads: int, is_one_shot: bool, memory_budget: int | None
) -> None:
    twin = count_and_encode_lines([[word.encode() for word in sentence] for sentence in sentences], 1)
    given = (iter(sentence) for sentence in sentences) if is_one_shot else sentences
    corpus = Corpus.open(given)
    assert corpus.is_one_shot == is_one_shot
    how = options(n_threads, block_bytes, memory_budget)
    if not twin.words:
        with pytest.raises(ValueError, match="the corpus is empty"):
            read(corpus, VocabularyRules(1), how)
        return
    vocabulary, encoded = read(corpus, VocabularyRules(1), how)
    same(vocabulary, encoded, twin)


@given(known=st.lists(pieces, unique=True), text=texts, n_threads=st.integers(1, 3))
def test_encoding_leaves_unknown_words_out_and_line_ends_single(
    folder: Path, known: list[bytes], text: bytes, n_threads: int
) -> None:
    words = [word.decode("utf-8", "surrogateescape") for word in known]
    path = write(folder / "known.txt", text)
    vocabulary = Vocabulary(words, np.ones(len(words), np.int64))
    encoded = encode_known(Corpus.open(corpus_file=path), vocabulary, options(n_threads, 5))
    expected = ids_of(lines_of(text), known)
    assert encoded.ids.tolist() == expected
    assert encoded.n_tokens == sum(id != LINE_END for id in expected)
    assert encoded.n_raw_words == len(text.removeprefix(BOM).split())


def test_a_corpus_of_many_blocks_and_words_is_read_as_the_twin_reads_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    ranks = random.zipf(1.3, 150_000) % 60_000
    sizes = random.integers(1, 40, 60_000)
    words = [(b"%d-" % rank) * (size // 8 + 1) for rank, size in enumerate(sizes)]
    text = b"".join(words[rank] + (b"\n" if rank % 29 == 0 else b" ") for rank in ranks)
    path = write(tmp_path / "large.txt", text)
    twin = count_and_encode([text], 2)
    for n_threads in (1, 2, 5, 8):
        vocabulary, encoded = read(
            Corpus.open(corpus_file=path), VocabularyRules(2), options(n_threads, 1 << 16)
        )
        same(vocabulary, encoded, twin)


# ---- particular texts ----


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_word_of_a_million_bytes_and_a_line_of_many_blocks_stay_whole(
    tmp_path: Path, n_threads: int, suffix: str
) -> None:
    giant_word = b"w" * 1_000_000
    giant_line = b"one two three " * 20_000
    text = b"short " + giant_word + b" after\n" + giant_line
    path = write(tmp_path / f"giant.txt{suffix}", COMPRESSORS[suffix](text) if suffix else text)
    vocabulary, encoded = read(Corpus.open(corpus_file=path), VocabularyRules(1), options(n_threads, 1 << 12))
    same(vocabulary, encoded, count_and_encode([text], 1))
    assert encoded.n_lines == 2


def test_a_giant_token_and_a_giant_sentence_stay_whole() -> None:
    sentences = [["t" * 300_000, "é" * 200_000], ["x", "y"] * 50_000]
    vocabulary, encoded = read(Corpus.open(sentences), VocabularyRules(1), options(2, 1 << 12))
    assert vocabulary.words == ["x", "y", "t" * 300_000, "é" * 200_000]
    assert encoded.ids.tolist() == [2, 3, LINE_END, *([0, 1] * 50_000), LINE_END]
    assert encoded.n_lines == 2


def test_line_ends_of_windows_are_white_space(tmp_path: Path) -> None:
    path = write(tmp_path / "crlf.txt", b"a b\r\nb\r\n")
    vocabulary, encoded = build_vocabulary(Corpus.open(corpus_file=path), min_count=1)
    assert vocabulary.words == ["b", "a"]
    assert encoded.ids.tolist() == [1, 0, LINE_END, 0, LINE_END]


def test_a_file_without_a_last_line_end_is_the_same_as_with_one(tmp_path: Path) -> None:
    with_end = write(tmp_path / "with.txt", b"a b\na\n")
    without = write(tmp_path / "without.txt", b"a b\na")
    results = [build_vocabulary(Corpus.open(corpus_file=path), min_count=1) for path in (with_end, without)]
    assert results[0][1].ids.tolist() == results[1][1].ids.tolist()
    assert results[0][1].n_lines == results[1][1].n_lines == 2


def test_the_lines_of_two_files_do_not_flow_together(tmp_path: Path) -> None:
    paths = [write(tmp_path / "1.txt", b"a b"), write(tmp_path / "2.txt", b"b a")]
    _, encoded = build_vocabulary(Corpus.open(corpus_file=paths), min_count=1)
    assert encoded.ids.tolist() == [0, 1, LINE_END, 1, 0, LINE_END]


def test_a_byte_order_mark_is_skipped_at_the_start_of_each_file_only(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.txt", BOM + b"a " + BOM + b"a") for n in range(2)]
    vocabulary, _ = build_vocabulary(Corpus.open(corpus_file=paths), min_count=1)
    assert dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)) == {"a": 2, "\ufeffa": 2}


def test_bytes_that_are_not_utf_8_survive_the_round_trip(tmp_path: Path) -> None:
    latin1 = "caf\xe9 na\xefve".encode("latin-1")
    path = write(tmp_path / "latin1.txt", latin1 + b"\n\xff\xfe\x80")
    vocabulary, encoded = build_vocabulary(Corpus.open(corpus_file=path), min_count=1)
    assert sorted(word.encode("utf-8", "surrogateescape") for word in vocabulary.words) == sorted(
        [*latin1.split(), b"\xff\xfe\x80"]
    )
    same_words = encode(Corpus.open([vocabulary.words]), vocabulary)
    assert same_words.ids.tolist() == [0, 1, 2, LINE_END]
    assert encoded.n_tokens == 3


def test_tokens_may_hold_white_space_and_nul() -> None:
    sentences = [["new york", "a\nb", "", "\0", "\0\0", "a"], ["a", "a\0", "a"]]
    vocabulary, encoded = build_vocabulary(Corpus.open(sentences), min_count=1)
    assert sorted(vocabulary.words) == sorted({word for sentence in sentences for word in sentence})
    decoded = [vocabulary.words[id] for id in encoded.ids if id != LINE_END]
    assert decoded == [word for sentence in sentences for word in sentence]


def test_empty_lines_and_sentences_are_counted_but_have_no_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "empty_lines.txt", b"\n\na\n \n\nb\n\n")
    _, encoded = build_vocabulary(Corpus.open(corpus_file=path), min_count=1)
    assert (encoded.ids.tolist(), encoded.n_lines) == ([0, LINE_END, 1, LINE_END], 7)
    _, encoded = build_vocabulary(Corpus.open([[], ["a"], [], ["b"], []]), min_count=1)
    assert (encoded.ids.tolist(), encoded.n_lines) == ([0, LINE_END, 1, LINE_END], 5)


# ---- compressed, piped ----


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.integers(10, 400), st.integers(0, 255)), max_size=4),
    st.sampled_from([b"", b"\0", b"\0" * 70_000, b"x", b"\0\x1f\x8b"]),
    st.integers(0, 3000),
)
def test_gzip_is_read_and_refused_as_by_python_itself(
    tmp_path_factory: pytest.TempPathFactory,
    members: list[tuple[bytes, int, int]],
    between: bytes,
    cut: int,
) -> None:
    packed = b""
    for text, place, flip in members:  # behind the header: Python overlooks flags that must not be set
        member = bytearray(gzip.compress(text))
        if place < len(member):
            member[place] ^= flip
        packed += member + between
    path = write(tmp_path_factory.getbasetemp() / "members.gz", packed[: len(packed) - cut % 20])
    try:
        expected = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        expected = None
    found, buffer = bytearray(), memoryview(bytearray(100))
    with open_stream(find_text_files(path)[0]) as (stream, _):
        try:
            while n := stream.readinto(buffer):
                found += buffer[:n]
        except Exception:  # open_stream says which; see below
            found = None
    assert found == expected


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("n_parts", [1, 3])
def test_a_compressed_file_of_several_members_equals_the_plain_one(
    tmp_path: Path, suffix: str, n_parts: int
) -> None:
    text = b"".join(b"word%d common line%d\n" % (n % 91, n % 7) for n in range(40_000))
    step = -(-len(text) // n_parts)
    members = b"".join(COMPRESSORS[suffix](text[at : at + step]) for at in range(0, len(text), step))
    plain = Corpus.open(corpus_file=write(tmp_path / "plain.txt", text))
    packed = Corpus.open(corpus_file=write(tmp_path / f"packed.txt{suffix.upper()}", members))
    results = [read(corpus, VocabularyRules(1), options(2, 1 << 14)) for corpus in (plain, packed)]
    assert results[0][0].words == results[1][0].words
    assert np.array_equal(results[0][0].counts, results[1][0].counts)
    assert np.array_equal(results[0][1].ids, results[1][1].ids)
    assert results[1][1].n_lines == 40_000


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_damaged_compressed_file_is_refused_by_name(tmp_path: Path, suffix: str, n_threads: int) -> None:
    noise = np.random.default_rng(1).integers(97, 122, 300_000, np.uint8).tobytes().replace(b"e", b" ")
    sound = COMPRESSORS[suffix](noise)
    flipped = bytearray(sound)
    flipped[len(sound) // 2] ^= 0xFF
    damaged = {
        "cut": sound[:-9],
        "half": sound[: len(sound) // 2],
        "not": b"text\n" * 99,
    }
    if suffix != ".zst":  # whose frames have no checksum unless the writer asks for one
        damaged["flip"] = bytes(flipped)
    for name, data in damaged.items():
        path = write(tmp_path / f"{name}.txt{suffix}", data)
        message = rf"corpus file '.*{name}.txt{suffix}' is not a whole and sound {suffix} file"
        with pytest.raises(ValueError, match=message):
            build_vocabulary(Corpus.open(corpus_file=path), min_count=1, n_threads=n_threads)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_read_once_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = b"to be or not to be\n" * 30_000
    writer = threading.Thread(target=pipe.write_bytes, args=(text,))
    writer.start()
    corpus = Corpus.open(corpus_file=pipe)
    assert corpus.is_one_shot
    assert corpus.signature is None
    vocabulary, encoded = read(corpus, VocabularyRules(1), options(2, 1 << 12))
    writer.join()
    same(vocabulary, encoded, count_and_encode([text], 1))


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no /dev/stdin on this system")
def test_standard_input_is_a_corpus_file() -> None:
    code = (
        "from fastw2v.corpus import Corpus, build_vocabulary\n"
        "vocabulary, encoded = build_vocabulary(Corpus.open(corpus_file='/dev/stdin'))\n"
        "print(vocabulary.words, encoded.n_tokens, encoded.n_lines)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], input=b"a b a\n" * 1000, capture_output=True, check=True
    )
    assert result.stdout.split() == b"['a', 'b'] 3000 1000".split()


# ---- which files ----


def test_a_folder_is_read_with_its_sub_folders_sorted_and_without_hidden_files(tmp_path: Path) -> None:
    write(tmp_path / "c.txt", b"third")
    write(tmp_path / "b" / "deep" / "2.txt", b"second")
    write(tmp_path / "b" / "deep" / "1.txt.gz", gzip.compress(b"first"))
    write(tmp_path / ".hidden", b"no")
    write(tmp_path / ".git" / "objects", b"no")
    corpus = Corpus.open(corpus_file=tmp_path)
    assert corpus.files is not None
    assert [file.path.relative_to(tmp_path).as_posix() for file in corpus.files] == [
        "b/deep/1.txt.gz",
        "b/deep/2.txt",
        "c.txt",
    ]
    vocabulary, encoded = build_vocabulary(corpus, min_count=1)
    assert [vocabulary.words[id] for id in encoded.ids if id != LINE_END] == ["first", "second", "third"]


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path / "real" / "a.txt", b"a")
    try:
        (tmp_path / "real" / "back").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "top").mkdir()
        (tmp_path / "top" / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let us make links")
    corpus = Corpus.open(corpus_file=tmp_path / "top")
    assert corpus.files is not None
    assert [file.path.name for file in corpus.files].count("a.txt") == 1


def test_a_pattern_is_expanded_sorted_and_a_file_of_that_very_name_goes_first(tmp_path: Path) -> None:
    for name in ("part2.txt", "part1.txt", "other.md"):
        write(tmp_path / name, name.encode())
    write(tmp_path / "part3.txt" / "inside", b"folders do not match")
    files = Corpus.open(corpus_file=str(tmp_path / "part*.txt")).files
    assert files is not None
    assert [file.path.name for file in files] == ["part1.txt", "part2.txt"]
    write(tmp_path / "a[1].txt", b"x")
    files = Corpus.open(corpus_file=str(tmp_path / "a[1].txt")).files
    assert files is not None
    assert [file.path.name for file in files] == ["a[1].txt"]


def test_a_list_of_paths_keeps_its_order_and_may_name_a_file_twice(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", b"one"), write(tmp_path / "2", b"two")
    vocabulary, encoded = build_vocabulary(Corpus.open(corpus_file=[two, str(one), two]), min_count=1)
    assert [vocabulary.words[id] for id in encoded.ids if id != LINE_END] == ["two", "one", "two"]


def test_the_signature_tells_whether_a_file_has_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"a b")
    first, second = Corpus.open(corpus_file=path), Corpus.open(corpus_file=str(path))
    assert first.signature == second.signature is not None
    assert first.is_same_as(second)
    path.write_bytes(b"a b c")
    assert not first.is_same_as(Corpus.open(corpus_file=path))


def test_only_one_and_the_same_iterator_is_the_same_corpus() -> None:
    sentences = [["a"]]
    generator = (sentence for sentence in sentences)
    assert Corpus.open(generator).is_same_as(Corpus.open(generator))
    assert not Corpus.open(iter(sentences)).is_same_as(Corpus.open(iter(sentences)))
    assert not Corpus.open(sentences).is_same_as(Corpus.open(sentences))


# ---- memory budget ----


def temporary_files(folder: Path) -> list[str]:
    """What is left in the folder or still open from it, unlinked or not, as the system sees it."""
    left = [path.name for path in folder.iterdir()]
    descriptors = Path("/proc/self/fd")
    if descriptors.exists():
        links = (os.readlink(entry) for entry in descriptors.iterdir() if entry.is_symlink())
        left += [link for link in links if link.startswith(str(folder))]
    return left


@pytest.fixture
def spill_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spill))
    return spill


@pytest.mark.parametrize("n_threads", [1, 4])
def test_ids_over_the_memory_budget_are_the_same_in_a_file_that_vanishes(
    tmp_path: Path, spill_folder: Path, n_threads: int
) -> None:
    text = b"".join(b"w%d w%d\n" % (n % 100, n % 37) for n in range(20_000))
    corpus = Corpus.open(corpus_file=write(tmp_path / "a.txt", text))
    in_memory = read(corpus, VocabularyRules(200), options(n_threads, 1 << 12))
    in_file = read(corpus, VocabularyRules(200), options(n_threads, 1 << 12, memory_budget=100_000))
    assert not isinstance(in_memory[1].ids, np.memmap)
    assert isinstance(in_file[1].ids, np.memmap)
    assert np.array_equal(in_memory[1].ids, in_file[1].ids)
    assert in_memory[0].words == in_file[0].words
    encoded = encode_known(corpus, in_file[0], options(n_threads, 1 << 12, memory_budget=100_000))
    assert isinstance(encoded.ids, np.memmap)
    assert np.array_equal(encoded.ids, in_file[1].ids)
    del in_file, encoded
    assert temporary_files(spill_folder) == []


def test_ids_cannot_be_written_to_in_memory_or_in_a_file(tmp_path: Path) -> None:
    corpus = Corpus.open(corpus_file=write(tmp_path / "a.txt", b"a b c\n"))
    for memory_budget in (None, 0):
        _, encoded = build_vocabulary(corpus, min_count=1, memory_budget=memory_budget)
        assert not encoded.ids.flags.writeable


def test_a_corpus_without_known_words_has_no_ids_even_over_the_budget() -> None:
    vocabulary = Vocabulary(["a"], np.ones(1, np.int64))
    encoded = encode(Corpus.open([["b"], ["c"]]), vocabulary, memory_budget=0)
    assert (len(encoded.ids), encoded.n_tokens, encoded.n_lines, encoded.n_raw_words) == (0, 0, 2, 2)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_no_temporary_file_and_no_thread_is_left_after_an_exception(
    spill_folder: Path, error: type[BaseException]
) -> None:
    def sentences() -> Iterator[list[str]]:
        for n in range(20_000):
            yield [f"w{n}", "the"]
        assert temporary_files(spill_folder) or not Path("/proc").exists()  # there is one to be left
        raise error

    with pytest.raises(error):
        read(Corpus.open(sentences()), VocabularyRules(1), options(3, 1 << 10, memory_budget=1000))
    assert temporary_files(spill_folder) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fastw2v")]


def test_a_full_disk_is_reported_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    corpus = Corpus.open(corpus_file=write(tmp_path / "a.txt", b"a b c\n" * 10_000))
    monkeypatch.setattr("fastw2v.id_store._temporary_file", FullDisk)
    with pytest.raises(OSError, match=r"no space left for the ids .* set TMPDIR .* memory_budget"):
        build_vocabulary(corpus, min_count=1, memory_budget=0)
