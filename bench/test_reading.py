"""Tests of the programs that measure how text is read and where ids lie: scan.py, mapped.py."""

from __future__ import annotations

import json
from pathlib import Path

import harness
import mapped
import pytest
import scan
import zipf

TREE = Path(__file__).resolve().parent.parent


def test_ratios_of_the_scan_are_those_within_a_round() -> None:
    corpus = harness.Corpus("c.txt", Path("c.txt"), 2_000_000, n_words=1_000_000, n_lines=10)
    seconds = {"memcpy": [0.01, 0.02, 0.03], "plain": [1.0, 2.0, 4.0], "gensim": [20.0, 50.0, 60.0]}
    lines = scan.report(seconds, corpus).splitlines()
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == [
        "plain", "2.000", "1", "0.5", "20 (15 to 25)", "1 (0.75 to 1)",
    ]  # fmt: skip
    assert lines[4].split("|")[-3].strip() == "-"


def test_a_scan_is_timed_in_each_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TREE))  # a child finds what is built in place, too
    zipf.write_text(tmp_path / "z.txt", 50, 4_000)
    command = [
        "--corpus",
        str(tmp_path / "z.txt"),
        "--formats",
        "plain,gz,xz",
        "--no-gensim",
        "--rounds",
        "2",
    ]
    assert scan.main([*command, "--threads", "1", "--output", str(tmp_path / "lines")]) == 0
    record = json.loads((tmp_path / "lines").read_text())
    assert list(record["seconds"]) == ["memcpy", "plain", "gz", "xz"]
    assert all(len(values) == 2 and min(values) > 0 for values in record["seconds"].values())
    assert "MB/s of text" in capsys.readouterr().out


def test_training_is_timed_from_memory_and_from_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zipf.write_text(tmp_path / "z.txt", 50, 20_000)
    command = ["--corpus", str(tmp_path / "z.txt"), "--size", "8", "--threads", "1", "--seconds", "0.01"]
    assert (
        mapped.main([*command, "--rounds", "2", "--models", "cbow", "--output", str(tmp_path / "lines")]) == 0
    )
    speeds = json.loads((tmp_path / "lines").read_text())["speeds"]
    assert {"memory", "mapped"} <= speeds.keys()
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in speeds.values())
    assert "1.000 (1.000 to 1.000)" in capsys.readouterr().out


@pytest.mark.parametrize("program", [scan, mapped])
def test_a_corpus_that_is_not_there_is_one_line_and_status_2(
    program: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scan, "check_programs", lambda _: None)
    assert program.main(["--corpus", "nowhere.txt"]) == 2  # type: ignore[attr-defined]
    assert "nowhere.txt" in capsys.readouterr().err
