"""``fastw2v count`` and ``fastw2v svd``: what they write and print, and one line for everything that can go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors
from fastw2v.cli import main

TEXT = "you say goodbye and i say hello .\nthe quick brown fox\n" * 6


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    (tmp_path / "text.txt").write_text(TEXT)
    return str(tmp_path / "text.txt")


@pytest.fixture
def counts(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path = str(tmp_path / "counts.safetensors")
    assert main(["count", corpus, "-o", path, "--window", "2", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    return path


def test_count_saves_what_the_class_counts(
    corpus: str, counts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = Cooccurrence(corpus_file=corpus, window=2)
    assert (Cooccurrence.load(counts).matrix != expected.matrix).nnz == 0
    options = "--weighting harmonic --context left --min-count 1 --max-vocab 6 --threads 2 --max-memory 1K --sample 0.5"
    path = str(tmp_path / "more.safetensors")
    assert main(["count", corpus, "-o", path, *options.split(), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["vocabulary"] == 6
    assert report["settings"]["weighting"] == "harmonic"
    more = Cooccurrence.load(path)
    assert more.settings is not None
    assert (more.settings.context, more.settings.sample) == ("left", 0.5)


@pytest.mark.parametrize("ending", [".bin", ".txt", ".safetensors"])
def test_svd_saves_vectors_that_the_other_commands_read(
    counts: str, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / f"vectors{ending}")
    options = "--size 3 --eig 0.5 --cds 1 --shift 1 --vectors w+c --seed 3 --threads 1"
    assert main(["svd", counts, "-o", path, *options.split()]) == 0
    assert "3 dimensions" in capsys.readouterr().out
    expected = SVD(PPMI(Cooccurrence.load(counts), cds=1), 3, eig=0.5, which="w+c", seed=3, workers=1).wv
    if ending == ".safetensors":
        assert np.array_equal(SVD.load(path).wv.vectors, expected.vectors)
        found = KeyedVectors.load(path)
    else:
        found = KeyedVectors.load_word2vec_format(path, binary=ending == ".bin")
    order = [found.key_to_index[word] for word in expected.index_to_key]
    assert np.array_equal(found.vectors[order], expected.vectors)
    assert main(["similar", path, "say", "-n", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["info", path]) == 0
    assert ("SVD" in capsys.readouterr().out) == (ending == ".safetensors")


def test_a_summary_is_printed(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", corpus, "-o", str(tmp_path / "c.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "72 words read, 11 in the vocabulary" in out
    assert "saved" in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["count", "CORPUS", "-o", "c.bin"], 2, "c.bin: counts are saved as .safetensors"),
        (["count", "CORPUS", "-o", "c.safetensors", "--window", "0"], 2, "window must be between"),
        (["count", "CORPUS", "-o", "c.safetensors", "--max-memory", "lots"], 2, "is not a size"),
        (["count", "CORPUS", "-o", "c.safetensors", "--threads", "0"], 2, "--threads must be between"),
        (["count", "CORPUS", "-o", "c.safetensors", "--weighting", "steep"], 2, "invalid choice"),
        (["count", "none.txt", "-o", "c.safetensors"], 1, "no such corpus file"),
        (["count", "CORPUS", "-o", "c.safetensors", "--min-count", "99"], 1, "--min-count=99"),
        (["svd", "COUNTS", "-o", "v.bin", "--size", "11"], 2, "--size must be less than the number of words"),
        (["svd", "COUNTS", "-o", "v.bin", "--cds", "-1"], 2, "cds must be at least 0"),
        (["svd", "COUNTS", "-o", "v.bin", "--eig", "nan"], 2, "eig must be finite"),
        (["svd", "COUNTS", "-o", "v.pdf"], 2, "the ending decides the format"),
        (["svd", "CORPUS", "-o", "v.bin"], 1, "not a safetensors file"),
        (["svd", "COUNTS", "-o", "COUNTS"], 2, "would be overwritten"),
        (["similar", "COUNTS", "say"], 1, "co-occurrence counts"),
    ],
)
def test_what_goes_wrong_is_one_line_and_nothing_is_written(
    arguments: list[str],
    status: int,
    message: str,
    corpus: str,
    counts: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    words = {"CORPUS": corpus, "COUNTS": counts}
    assert main([words.get(word, word) for word in arguments]) == status
    error = capsys.readouterr().err
    assert error.startswith("fastw2v: error: ")
    assert error.count("\n") == 1
    assert message in error
    assert sorted(tmp_path.iterdir()) == before
