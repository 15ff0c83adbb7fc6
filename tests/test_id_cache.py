"""The ids that `cache_ids` keeps: the same model from them, and none from a file that is not theirs."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_pauses import all_numbers

from fastw2v import KeyedVectors, Word2Vec, id_cache, model_file
from fastw2v.cli import main
from fastw2v.corpus import Corpus
from fastw2v.id_cache import IdCache
from fastw2v.text_files import find_text_files
from fastw2v.vocabulary import VocabularyRules

SETTINGS: dict[str, Any] = {"vector_size": 8, "min_count": 2, "epochs": 2, "workers": 1, "progress": False}
RULES = VocabularyRules(2)


def text_of(seed: int = 1) -> bytes:
    rng = np.random.default_rng(seed)
    lines = [b" ".join(b"w%d" % n for n in rng.zipf(1.5, 12) if n < 10**6) for _ in range(200)]
    return b"\n".join([*lines, b"\xff\xfe caf\xc3\xa9 \xff\xfe caf\xc3\xa9"]) + b"\n"


def make_old(path: Path, seconds: float = 100) -> Path:
    """Let a file have been changed some time ago."""
    then = path.stat().st_mtime_ns - int(seconds * 1e9)
    os.utime(path, ns=(then, then))
    return path


def write_text(path: Path, text: bytes | None = None) -> Path:
    path.write_bytes(text_of() if text is None else text)
    return make_old(path)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_text(tmp_path / "text.txt")


@pytest.fixture
def cached(text: Path) -> Path:
    """A cache beside the text."""
    Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    return text.with_name("text.txt.ids")


@pytest.fixture
def _no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads text fails."""

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("the text was read")

    monkeypatch.setattr("fastw2v.vocabulary_building.build_vocabulary", fail)
    monkeypatch.setattr("fastw2v.model_parts.encode", fail)


def same_model(a: Word2Vec, b: Word2Vec) -> bool:
    numbers = [all_numbers(model) for model in (a, b)]
    return (
        a.wv.index_to_key == b.wv.index_to_key
        and (a.corpus_count, a.corpus_total_words) == (b.corpus_count, b.corpus_total_words)
        and all(np.array_equal(x, y) for x, y in zip(*numbers, strict=True))
    )


def read(path: Path, rules: VocabularyRules = RULES, where: bool | Path = True) -> Any:
    cache = IdCache.beside(Corpus.open(corpus_file=path), rules, where)
    assert cache is not None
    return cache.read(2)


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_a_model_from_a_cache_is_the_same_bytes_and_reads_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    pack = {"": bytes, ".gz": gzip.compress, ".xz": __import__("lzma").compress}[ending]
    path = write_text(tmp_path / f"text.txt{ending}", pack(text_of()))
    plain = Word2Vec(corpus_file=path, **SETTINGS)
    first = Word2Vec(corpus_file=path, cache_ids=True, **SETTINGS)
    assert path.with_name(path.name + ".ids").exists()
    monkeypatch.setattr("fastw2v.vocabulary_building.build_vocabulary", None)
    second = Word2Vec(corpus_file=path, cache_ids=True, **SETTINGS)
    assert same_model(plain, first)
    assert same_model(plain, second)
    assert not second._corpus[1].ids.flags.writeable


@pytest.mark.usefixtures("_no_reading")
def test_training_and_resuming_use_the_cache_of_the_vocabulary(text: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the text was read"):
        Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)


def test_resuming_with_a_cache_reads_no_text(
    cached: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Word2Vec(corpus_file=text, checkpoint=tmp_path / "c.safetensors", **SETTINGS)
    monkeypatch.setattr("fastw2v.model_parts.encode", None)
    resumed = Word2Vec.resume(tmp_path / "c.safetensors", corpus_file=text, cache_ids=True)
    assert same_model(expected, resumed)
    other = write_text(tmp_path / "other.txt", text_of(2))
    with pytest.raises(TypeError):  # it would have been encoded
        expected.train(corpus_file=other)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.write_bytes(text_of(2)),
        lambda text: make_old(text, 1),
        lambda text: make_old(text, -50),
        lambda text: write_text(text, text.read_bytes() + b"w1 w1\n"),
    ],
    ids=["content", "older", "newer", "size"],
)
def test_a_text_that_has_changed_is_read_again_and_kept_anew(
    cached: Path, text: Path, change: Callable[[Path], object]
) -> None:
    before = cached.read_bytes()
    change(text)
    assert read(text) is None
    make_old(text, 30)
    model = Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    assert same_model(model, Word2Vec(corpus_file=text, **SETTINGS))
    assert cached.read_bytes() != before
    assert read(text) is not None


@pytest.mark.parametrize("settings", [{"min_count": 3}, {"max_final_vocab": 5}])
def test_other_rules_do_not_use_it(cached: Path, text: Path, settings: dict[str, int]) -> None:
    wanted = SETTINGS | settings
    assert same_model(
        Word2Vec(corpus_file=text, cache_ids=True, **wanted), Word2Vec(corpus_file=text, **wanted)
    )
    assert read(text) is None


def test_another_version_of_the_reader_does_not_use_it(
    cached: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(text) is not None
    monkeypatch.setattr(id_cache, "READER", id_cache.READER + 1)
    assert read(text) is None


def test_a_text_that_was_changed_a_moment_ago_is_not_kept_as_it_might_change_unnoticed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(text_of())
    Word2Vec(corpus_file=path, cache_ids=True, **SETTINGS)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_can_be_moved_with_text_and_cache(cached: Path, text: Path, tmp_path: Path) -> None:
    moved = tmp_path / "there"
    moved.mkdir()
    for path in (cached, text):
        shutil.copy2(path, moved)
    assert read(moved / text.name) is not None
    shutil.copy2(text, moved / "renamed.txt")
    shutil.copy2(cached, moved / "renamed.txt.ids")
    assert read(moved / "renamed.txt") is None


def test_several_files_and_folders_have_one_cache_which_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    parts = [write_text(folder / f"{n}.txt", text_of(n)) for n in range(3)]
    Word2Vec(corpus_file=parts[1], cache_ids=True, **SETTINGS)
    expected = Word2Vec(corpus_file=folder, **SETTINGS)
    for _ in range(2):
        assert same_model(Word2Vec(corpus_file=folder, cache_ids=True, **SETTINGS), expected)
    assert [file.path for file in find_text_files(folder)] == parts
    assert [file.path for file in find_text_files(str(folder / "*"))] == parts
    assert read(folder) is not None  # type: ignore[arg-type]
    assert Corpus.open(corpus_file=parts).is_same_as(Corpus.open(corpus_file=folder))
    write_text(folder / "3.txt")
    assert read(folder) is None
    write_text(folder / "lonely.ids")  # without a text of that name it is one
    assert folder / "lonely.ids" in [file.path for file in find_text_files(folder)]


def damage(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write a cache whose sums are right, but for what is told about ids."""
    tensors, metadata = model_file.read(path)
    tensors[name] = change(tensors[name].copy())
    with contextlib.suppress(TypeError, ValueError):  # of the wrong type
        metadata["digest"] = id_cache._digest(tensors, metadata, 1)[0]
    model_file.write(path, tensors, metadata)


def put(value: int, place: int = 3) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ids", put(10**6)),
        ("ids", put(-2)),
        ("ids", put(np.iinfo(np.int32).min)),
        ("ids", put(-1)),
        ("ids", lambda ids: ids[:-2]),
        ("ids", lambda ids: ids.astype(np.int64)),
        ("ids", lambda ids: ids.astype(np.float32)),
        ("ids", lambda ids: ids.reshape(1, -1)),
        ("counts", put(0, 0)),
        ("counts", put(-1, -1)),
        ("counts", put(2**62, 0)),
        ("counts", lambda counts: counts[:-1]),
        ("counts", lambda counts: counts.astype(np.float64)),
        ("counts", lambda counts: counts[:0]),
        ("words", lambda words: np.full_like(words, ord("a"))),
        ("words", lambda words: words[:-1]),
        ("word_ends", put(2**40, 0)),
        ("word_ends", lambda ends: ends[::-1].copy()),
    ],
)
def test_a_cache_that_was_made_up_is_not_used(
    cached: Path, text: Path, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    damage(cached, name, change)
    with pytest.warns(RuntimeWarning, match="damaged and not used"):
        model = Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    assert same_model(model, Word2Vec(corpus_file=text, **SETTINGS))
    assert read(text) is not None  # a sound one has taken its place


def test_any_change_of_a_byte_or_the_length_is_noticed(cached: Path, text: Path) -> None:
    rng = np.random.default_rng(3)
    sound = cached.read_bytes()
    expected = read(text)
    for n in range(300):
        damaged = bytearray(sound)
        if n % 5:
            damaged[rng.integers(len(sound))] ^= 1 << rng.integers(8)
        else:
            del damaged[rng.integers(1, len(sound)) :]
        cached.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read(text)
        if found is not None:  # a blank of the header, or the version that wrote it
            assert np.array_equal(found[1].ids, expected[1].ids)
            assert found[0].words == expected[0].words
            assert found[0].counts.tolist() == expected[0].counts.tolist()


@pytest.mark.parametrize(
    "numbers", ['{"lines": -1, "raw_words": 9999}', '{"lines": 1, "raw_words": 1}', "[]", "{}"]
)
def test_numbers_that_cannot_be_are_not_used(cached: Path, text: Path, numbers: str) -> None:
    tensors, metadata = model_file.read(cached)
    metadata["numbers"] = numbers
    metadata["digest"] = id_cache._digest(tensors, metadata, 1)[0]
    model_file.write(cached, tensors, metadata)
    with pytest.warns(RuntimeWarning, match="damaged and not used"):
        assert read(text) is None


@pytest.mark.parametrize("content", [b"my notes", b"\0" * 100, b"{}" * 50])
def test_a_file_of_another_kind_is_left_alone(text: Path, content: bytes) -> None:
    place = text.with_name("text.txt.ids")
    place.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="is not a cache, so it stays as it is"):
        Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    assert place.read_bytes() == content


def test_a_model_or_the_text_itself_is_left_alone(text: Path, tmp_path: Path) -> None:
    model = Word2Vec(corpus_file=text, **SETTINGS)
    model.save(tmp_path / "model")
    for place in (tmp_path / "model", text):
        before = place.read_bytes()
        with pytest.warns(RuntimeWarning, match="is not a cache"):
            Word2Vec(corpus_file=text, cache_ids=place, **SETTINGS)
        assert place.read_bytes() == before


def test_an_empty_file_is_replaced(text: Path) -> None:
    text.with_name("text.txt.ids").touch()
    Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    assert read(text) is not None


def test_where_it_cannot_be_written_training_goes_on(text: Path, tmp_path: Path) -> None:
    expected = Word2Vec(corpus_file=text, **SETTINGS)
    (tmp_path / "folder").mkdir()
    for place, why in (
        (tmp_path / "folder", "stays"),
        (tmp_path / "no" / "such" / "folder", "cannot be written"),
    ):
        with pytest.warns(RuntimeWarning, match=why):
            model = Word2Vec(corpus_file=text, cache_ids=place, **SETTINGS)
        assert same_model(model, expected)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_a_warning(text: Path) -> None:
    text.parent.chmod(0o500)
    try:
        with pytest.warns(RuntimeWarning, match="cannot be written"):
            Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    finally:
        text.parent.chmod(0o700)


def test_a_writer_that_dies_leaves_the_old_cache(
    cached: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(text, 10)
    before = cached.read_bytes()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_file, "_write_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Word2Vec(corpus_file=text, cache_ids=True, **SETTINGS)
    assert cached.read_bytes() == before
    assert sorted(path.name for path in text.parent.iterdir()) == ["text.txt", "text.txt.ids"]


def test_several_writers_at_once_leave_a_whole_cache(text: Path) -> None:
    code = "import sys, fastw2v; fastw2v.Word2Vec(corpus_file=sys.argv[1], cache_ids=True, min_count=2, epochs=1)"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(text)]) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert read(text) is not None
    assert sorted(path.name for path in text.parent.iterdir()) == ["text.txt", "text.txt.ids"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sentences": [["a", "a"]], "cache_ids": True}, ValueError, "needs a corpus_file"),
        ({"cache_ids": 1}, TypeError, "True, False or a path"),
        ({"cache_ids": ""}, ValueError, "empty string"),
        ({"trim_rule": lambda *_: 0, "cache_ids": True}, ValueError, "whether a trim_rule is still the same"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    text: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    corpus = {} if "sentences" in arguments else {"corpus_file": text}
    with pytest.raises(error, match=message):
        Word2Vec(**corpus, **arguments, **SETTINGS)


def test_a_growing_vocabulary_and_all_counts_come_from_the_text(
    cached: Path, text: Path, tmp_path: Path
) -> None:
    model = Word2Vec(cache_ids=True, **SETTINGS)
    model.build_vocab(corpus_file=text, keep_raw_vocab=True)
    assert len(model.raw_vocab) > len(model.wv)
    more = write_text(tmp_path / "more.txt", text_of(2))
    model.build_vocab(corpus_file=more, update=True)
    assert not (tmp_path / "more.txt.ids").exists()


def test_other_loaders_say_what_it_is(cached: Path) -> None:
    with pytest.raises(ValueError, match="there are no vectors"):
        KeyedVectors.load(cached)
    with pytest.raises(ValueError, match="holds vectors without a model|ids"):
        Word2Vec.load(cached)


def test_the_command_keeps_and_uses_it(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "train",
        str(text),
        "-o",
        str(tmp_path / "v.bin"),
        "--min-count",
        "2",
        "--epochs",
        "1",
        "--threads",
        "1",
    ]
    outputs = []
    for _ in range(2):
        assert main([*command, "--cache-ids", "--json"]) == 0
        outputs.append((tmp_path / "v.bin").read_bytes())
        assert json.loads(capsys.readouterr().out)["vocabulary"] > 0
    assert outputs[0] == outputs[1]
    assert read(text) is not None
