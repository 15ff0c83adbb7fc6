"""What the corpus reader does with bad input: each kind has its own exception, which says what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastw2v.corpus import Corpus, ReadOptions, build_vocabulary, count_and_encode
from fastw2v.errors import EmptyVocabularyError, MissingExtraError
from fastw2v.vocabulary import VocabularyRules


def test_exactly_one_kind_of_corpus_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="either sentences or corpus_file; neither"):
        Corpus.open()
    with pytest.raises(TypeError, match="either sentences or corpus_file; both"):
        Corpus.open([["a"]], tmp_path)


@pytest.mark.parametrize("sentences", ["to be or not", b"to be", Path("corpus.txt")])
def test_a_string_is_not_sentences(sentences: Any) -> None:
    with pytest.raises(
        TypeError, match=r"token lists, not a string or path; for a text file use corpus_file="
    ):
        Corpus.open(sentences)


@pytest.mark.parametrize("sentences", [["a b c", "d"], ("a",), {"a": 1}, [b"a b"]])
def test_a_sentence_that_is_a_string_is_refused_with_advice(sentences: Any) -> None:
    with pytest.raises(
        TypeError, match=r"sentence 0 is a string, .*split it, for instance sentences=\[line.split"
    ):
        build_vocabulary(Corpus.open(sentences), min_count=1)


def test_things_that_are_not_iterable_are_not_sentences() -> None:
    def generator_function() -> Iterator[list[str]]:
        yield ["a"]

    with pytest.raises(TypeError, match="not int"):
        Corpus.open(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"call the generator function"):
        Corpus.open(generator_function)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"sentence 1 is None, but each sentence must be a list of tokens"):
        build_vocabulary(Corpus.open([["a"], None]), min_count=1)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("token", "kind"), [(7, "int"), (None, "NoneType"), (b"x", "bytes"), (["x"], "list")]
)
def test_a_token_that_is_not_a_string_is_named_with_its_place(token: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"token 1 of sentence 2 is .*, a {kind}, but tokens must be str"):
        build_vocabulary(Corpus.open([["a"], [], ["b", token]]), min_count=1)


def test_a_lone_surrogate_that_no_byte_stands_for_is_refused() -> None:
    with pytest.raises(ValueError, match="token 0 of sentence 0, .* holds a lone surrogate"):
        build_vocabulary(Corpus.open([["x\ud800y"]]), min_count=1)


def test_an_exception_of_the_users_generator_passes_through_unchanged() -> None:
    def sentences() -> Iterator[list[str]]:
        yield ["a"]
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        build_vocabulary(Corpus.open(sentences()), min_count=1, n_threads=3)


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \t\r\n", b"\xef\xbb\xbf"])
def test_an_empty_corpus_is_said_to_be_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    with pytest.raises(EmptyVocabularyError, match="the corpus is empty"):
        build_vocabulary(Corpus.open(corpus_file=path))
    with pytest.raises(EmptyVocabularyError, match="the corpus is empty"):
        build_vocabulary(Corpus.open([]))


def test_when_no_word_is_frequent_enough_the_message_says_how_frequent_they_are() -> None:
    with pytest.raises(
        EmptyVocabularyError, match=r"min_count=5 times: the corpus has 2 distinct words.*'a', occurs 3 times"
    ):
        build_vocabulary(Corpus.open([["a", "b", "a"], ["a"]]))


def test_missing_files_are_named(tmp_path: Path) -> None:
    there = tmp_path / "there.txt"
    there.write_bytes(b"a")
    with pytest.raises(FileNotFoundError, match=r"no such corpus file: '.*gone.txt'"):
        Corpus.open(corpus_file=[there, tmp_path / "gone.txt"])
    with pytest.raises(FileNotFoundError, match=r"no file matches the corpus pattern '.*\*.text'"):
        Corpus.open(corpus_file=str(tmp_path / "*.text"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".hidden").write_bytes(b"a")
    with pytest.raises(FileNotFoundError, match="no files in the corpus folder"):
        Corpus.open(corpus_file=tmp_path / "folder")
    with pytest.raises(FileNotFoundError, match="empty list"):
        Corpus.open(corpus_file=[])
    with pytest.raises(FileNotFoundError, match="empty string"):
        Corpus.open(corpus_file="")


@pytest.mark.parametrize("corpus_file", [7, [7], 1.5, [["a.txt"]]])
def test_what_is_not_a_path_is_refused(corpus_file: Any) -> None:
    with pytest.raises(TypeError, match="corpus_file must be"):
        Corpus.open(corpus_file=corpus_file)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs files that this user may not read")
def test_an_unreadable_file_is_found_before_anything_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes(b"a")
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"secret.txt"):
        Corpus.open(corpus_file=path)


@pytest.mark.parametrize("n_threads", [1, 4])
@pytest.mark.parametrize("block_bytes", [4, 64, 1 << 20])
@pytest.mark.parametrize("offset", [0, 1, 500, 9999])
def test_a_nul_byte_is_reported_with_file_and_offset(
    tmp_path: Path, n_threads: int, block_bytes: int, offset: int
) -> None:
    text = bytearray(b"words and " * 1000)
    text[offset] = 0
    text[9999] = 0  # of several the first one counts
    path = tmp_path / "binary.txt"
    path.write_bytes(text)
    options = ReadOptions(n_threads, None, False, block_bytes)
    with pytest.raises(
        ValueError, match=rf"corpus file '.*binary.txt' holds a NUL byte at offset {offset}, so"
    ):
        count_and_encode(Corpus.open(corpus_file=path), VocabularyRules(1), options)


def test_utf_16_is_refused_rather_than_read_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "utf16.txt"
    path.write_text("some text", encoding="utf-16")
    with pytest.raises(ValueError, match="not UTF-16"):
        build_vocabulary(Corpus.open(corpus_file=path))


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"a b\n" * 1000)
    corpus = Corpus.open(corpus_file=path)
    path.write_bytes(b"a b\n" * 10)
    with pytest.raises(OSError, match=r"log.txt' was cut short while it was being read"):
        build_vocabulary(corpus)
    path.write_bytes(b"a b\n" * 2000)
    with pytest.raises(OSError, match=r"log.txt' was changed while it was being read"):
        build_vocabulary(corpus)


def test_the_earliest_error_of_the_text_is_raised_whichever_thread_is_faster(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.txt" for n in range(8)]
    for path in paths:
        path.write_bytes(b"x" * 100 + b"\0")
    for _ in range(20):
        with pytest.raises(ValueError, match=r"0.txt' holds a NUL byte"):
            build_vocabulary(Corpus.open(corpus_file=paths), n_threads=5)


def test_a_zst_file_without_a_decompressor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zst"
    path.write_bytes(b"")
    for name in ("zstandard", "compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fastw2v\[zstd\]'"):
        Corpus.open(corpus_file=path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1, not 0"),
        ({"n_threads": 1.5}, TypeError, "n_threads must be an integer, not float"),
        ({"memory_budget": -1}, ValueError, "memory_budget must be at least 0, not -1"),
        ({"memory_budget": "1 GB"}, TypeError, "memory_budget must be an integer, not str"),
    ],
)
def test_reading_options_out_of_range_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build_vocabulary(Corpus.open([["a"]]), **options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_ctrl_c_stops_counting_at_once_even_at_a_pipe_that_never_ends(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = (
        "import signal\n"
        "from fastw2v.corpus import Corpus, build_vocabulary\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background shells have it ignored
        f"corpus = Corpus.open(corpus_file={str(pipe)!r})\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    build_vocabulary(corpus, n_threads=2)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pipe.open("wb") as writer:
            writer.write(b"a b c\n" * 100)
            writer.flush()
            time.sleep(0.2)
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n"
            assert child.wait(20) == 0
