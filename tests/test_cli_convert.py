"""``fastw2v convert``, and commands that read vectors of any format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastw2v import KeyedVectors, any_file
from fastw2v.cli import main


def example() -> KeyedVectors:
    vectors = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    return KeyedVectors.from_arrays(["the", "of", "b\udcff", "日"], vectors, np.array([9, 7, 5, 1]))


@pytest.mark.parametrize("source", ["v.safetensors", "v.bin", "v.txt.gz", "v.npz", "v.tsv"])
@pytest.mark.parametrize("target", ["w.safetensors", "w.bin.gz", "w.vec", "w.npz", "w.tsv"])
def test_every_format_becomes_every_other(tmp_path: Path, source: str, target: str) -> None:
    any_file.save(example(), tmp_path / source)
    assert main(["convert", str(tmp_path / source), str(tmp_path / target)]) == 0
    back = KeyedVectors.load_any(tmp_path / target)
    assert back.index_to_key == example().index_to_key
    assert np.array_equal(back.vectors, example().vectors)


def test_formats_can_be_named_rows_limited_and_counts_added(tmp_path: Path) -> None:
    source, counts, target = (str(tmp_path / name) for name in ("glove", "counts", "out"))
    example().save_word2vec_format(source, counts, write_header=False)
    assert main(["convert", source, target, "--to", "fastw2v", "--limit", "2", "--vocab", counts]) == 0
    assert KeyedVectors.load(target).index_to_key == ["the", "of"]
    assert KeyedVectors.load(target).get_vecattr("of", "count") == 7
    assert main(["convert", source, target, "--binary", "--from", "glove"]) == 0
    assert KeyedVectors.load_word2vec_format(target, binary=True).index_to_key == example().index_to_key


def test_gensim_s_files_are_converted_when_asked_for_by_name_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gensim")
    example().to_gensim().save(str(tmp_path / "g.kv"))
    arguments = ["convert", str(tmp_path / "g.kv"), str(tmp_path / "v.bin")]
    assert main(arguments) == 1
    assert "pickle" in capsys.readouterr().err
    assert main([*arguments, "--from", "gensim"]) == 0
    assert KeyedVectors.load_any(tmp_path / "v.bin").index_to_key == example().index_to_key


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["IN", "out.pdf"], 2, r"the ending decides the format"),
        (["IN", "IN"], 2, "would be overwritten"),
        (["missing.bin", "out.bin"], 1, "No such file"),
        (["IN", "out.npz.gz"], 2, r"all but \.safetensors"),
        (["IN", "out.bin", "--limit", "0"], 2, "at least 1"),
        (["IN", "out.bin", "--vocab", "IN"], 1, "counts goes with word2vec"),
    ],
)
def test_what_goes_wrong_is_one_line_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    example().save("v.safetensors")
    assert main(["convert", *(argument.replace("IN", "v.safetensors") for argument in arguments)]) == status
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert any(part in error for part in message.replace("\\", "").split("|"))
    assert [path.name for path in tmp_path.iterdir()] == ["v.safetensors"]


def test_commands_read_vectors_of_any_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = KeyedVectors.from_arrays(["the", "of", "and"], example().vectors[:3])
    words.save_npz(tmp_path / "vectors.npz")
    assert main(["similar", str(tmp_path / "vectors.npz"), "the", "-n", "1"]) == 0
    assert capsys.readouterr().out.split("\t")[0] == words.most_similar("the")[0][0]
    assert main(["info", str(tmp_path / "vectors.npz")]) == 0
    assert "NumPy" in capsys.readouterr().out
