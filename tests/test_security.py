"""What SECURITY.md promises and no other test holds."""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import loader_fuzz
import numpy as np
import pytest
from small_model import SENTENCES, SMALL

from fastw2v import KeyedVectors, Word2Vec, scratch

EVENTS: list[tuple[str, tuple[object, ...]]] = []
WATCHED = ("open", "pickle.find_class", "exec")
watching = False


def note_event(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event in WATCHED:
        EVENTS.append((event, arguments))


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(note_event)  # which can not be removed again, but does nothing unless `watching`


@pytest.fixture
def events() -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """What the interpreter reports while the test runs."""
    global watching
    EVENTS.clear()
    watching = True
    try:
        yield EVENTS
    finally:
        watching = False


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo a pickle was trusted; exit 1",)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> loader_fuzz.Fuzzer:
    fuzzer = loader_fuzz.Fuzzer(tmp_path_factory.mktemp("files"), seed=1)
    for name, raw in fuzzer.files.items():  # what is imported late is imported now
        path = fuzzer.folder / f"warm-{name}"
        path.write_bytes(raw)
        loader_fuzz.load(name, path, fuzzer.folder / f"other-{fuzzer.others.get(name, name)}")
    return fuzzer


def test_loaders_open_the_files_they_are_given_and_run_no_code(files, events) -> None:
    for name in files.files:
        path, other = files.folder / f"warm-{name}", files.folder / f"other-{files.others.get(name, name)}"
        events.clear()
        loader_fuzz.load(name, path, other)
        opened = {os.fspath(arguments[0]) for event, arguments in events if event == "open"}
        # /proc and /sys tell how many threads there may be (machine.py).
        opened = {name for name in opened if not name.startswith(("/proc/", "/sys/"))}
        assert opened <= {str(path), str(other)}, name
        assert {event for event, _ in events} <= {"open"}, name


def test_a_pickle_is_refused_before_it_is_read(tmp_path: Path, events) -> None:
    (tmp_path / "bomb").write_bytes(pickle.dumps(_Bomb()))
    for load in (KeyedVectors.load, KeyedVectors.load_any, Word2Vec.load, KeyedVectors.load_word2vec_format):
        with pytest.raises(ValueError, match=r"pickle|truncated|first line|header"):
            load(tmp_path / "bomb")
    np.savez(tmp_path / "bomb.npz", vectors=np.ones((1, 2)), words=np.array([_Bomb()], dtype=object))
    events.clear()
    with pytest.raises(ValueError, match="Python objects"):
        KeyedVectors.load_npz(tmp_path / "bomb.npz")
    assert not [event for event, _ in events if event == "pickle.find_class"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="names of temporary files are needed here")
def test_what_does_not_fit_into_memory_has_no_name_and_one_reader(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch.open_scratch("ids") as file:
        status = os.fstat(file.fileno())
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_nlink == 0
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    """That of a checkpoint always has the same name, which others could guess."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".fastw2v-{hashlib.blake2b(b'run', digest_size=8).hexdigest()}.tmp").symlink_to(victim)
    Word2Vec(SENTENCES, **SMALL, checkpoint=tmp_path / "run")
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "victim"]
