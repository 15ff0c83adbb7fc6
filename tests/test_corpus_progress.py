"""The progress bar: shown when asked for or at a terminal, and told the truth."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from fastw2v.corpus import Corpus, build_vocabulary
from fastw2v.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("is_terminal", "enabled", "is_shown"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_a_bar_is_shown_at_a_terminal_or_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, enabled: bool | None, is_shown: bool
) -> None:
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with Progress(100, "counting", "B", enabled) as bar:
        bar.advance_to(40, loss="0.5")
        bar.advance_to(100)
    assert ("counting" in stream.getvalue()) == is_shown
    assert ("loss=0.5" in stream.getvalue()) == is_shown


def test_no_standard_error_means_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with Progress(1, "counting", "B") as bar:
        bar.advance_to(1)


def test_counting_ends_with_all_bytes_or_sentences_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    totals: list[int | None] = []

    class Spy(Progress):
        def __init__(self, total: int | None, *rest: object) -> None:
            totals.append(total)
            super().__init__(total, "", "B", False)

        def advance_to(self, n: int, **postfix: object) -> None:
            seen.append(n)

    monkeypatch.setattr("fastw2v.corpus.Progress", Spy)
    (tmp_path / "a.txt").write_bytes(b"some words\n" * 300_000)
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"some words\n" * 1000))
    build_vocabulary(Corpus.open(corpus_file=tmp_path), n_threads=2)
    assert seen == sorted(seen)
    assert totals == [sum(path.stat().st_size for path in tmp_path.iterdir())] == [seen[-1]]
    for sentences in ([["a"]] * 10, iter([["a"]] * 10)):
        build_vocabulary(Corpus.open(sentences), min_count=1)
        assert seen[-1] == 10
    assert totals[1:] == [10, None]
