"""The command line: checkpoints while training, and going on from them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastw2v import Word2Vec, model_file, planted
from fastw2v.cli import main

SETTINGS = ["--size", "16", "--epochs", "3", "--min-count", "2", "--threads", "1", "--negative", "3"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    planted.write_corpus(path, 60_000)
    return str(path)


def train(*arguments: str | Path) -> int:
    return main(["train", *map(str, arguments), "--quiet"])


def test_a_training_that_was_killed_is_resumed_to_the_same_bytes(tmp_path, corpus):
    whole, resumed, checkpoint = (
        tmp_path / "whole.bin",
        tmp_path / "resumed.bin",
        tmp_path / "run.safetensors",
    )
    assert train(corpus, "-o", whole, *SETTINGS) == 0
    # Many epochs more than it will have time for.
    command = [
        sys.executable,
        "-m",
        "fastw2v",
        "train",
        corpus,
        "-o",
        tmp_path / "never.bin",
        *SETTINGS,
        "--quiet",
    ]
    command += ["--checkpoint", checkpoint, "--checkpoint-every", "2000"]
    process = subprocess.Popen(list(map(str, command)))
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    process.wait()
    assert train(corpus, "-o", resumed, "--resume", checkpoint) == 0
    assert resumed.read_bytes() == whole.read_bytes()
    # The end is a checkpoint as well, and settings may be said again.
    resumed.unlink()
    assert (
        train(corpus, "-o", resumed, "--resume", checkpoint, *SETTINGS, "--model", "sg", "--loss", "ns") == 0
    )
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_after_ctrl_c_nothing_is_lost(tmp_path, corpus):
    """A last checkpoint is written although its interval is far from over."""
    whole, resumed, checkpoint = (
        tmp_path / "whole.bin",
        tmp_path / "resumed.bin",
        tmp_path / "run.safetensors",
    )
    settings = [*SETTINGS, "--epochs", "20"]
    assert train(corpus, "-o", whole, *settings) == 0
    # A shell that starts the tests in the background makes them, and their children, ignore SIGINT.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    code += "from fastw2v.cli import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        code,
        "train",
        corpus,
        "-o",
        tmp_path / "never.bin",
        *settings,
        "--quiet",
    ]
    command += ["--checkpoint", checkpoint, "--checkpoint-every", "10h"]
    for _ in range(5):  # on a busy machine training may be over before this process has a turn
        checkpoint.unlink(missing_ok=True)
        process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE)
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        messages = process.communicate()[1]
        if process.returncode:
            break
    assert (process.returncode, messages) == (130, b"fastw2v: interrupted\n")
    position = json.loads(model_file.read(checkpoint, ())[1]["training"])["position"]
    assert position["next_shard"] + position["epochs_done"] > 0, "the last checkpoint is not the first"
    assert train(corpus, "-o", resumed, "--resume", checkpoint) == 0
    assert resumed.read_bytes() == whole.read_bytes()


def test_the_report_of_a_resumed_training_is_complete(tmp_path, corpus, capsys):
    checkpoint, out = tmp_path / "run.safetensors", str(tmp_path / "out.txt")
    assert train(corpus, "-o", out, *SETTINGS, "--model", "cbow", "--checkpoint", checkpoint) == 0
    capsys.readouterr()
    assert main(["train", corpus, "-o", out, "--resume", str(checkpoint), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [entry["epoch"] for entry in report["history"]] == [1, 2, 3]
    assert (report["settings"]["model"], report["settings"]["vector_size"]) == ("cbow", 16)
    assert main(["train", corpus, "-o", out, "--resume", str(checkpoint)]) == 0
    assert "3 epochs of cbow with ns on 1 thread(s)" in capsys.readouterr().out
    assert Word2Vec.load(checkpoint).sg == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--resume", "absent.safetensors"], 1, "absent.safetensors: No such file"),
        (["--resume", "run.safetensors", "--size", "17"], 1, "--size is 16 there and 17 here"),
        (["--resume", "run.safetensors", "--model", "sg"], 1, "model is 'cbow' there and 'sg' here"),
        (["--resume", "run.safetensors", "--loss", "hs"], 1, "loss is 'ns' there and 'hs' here"),
        (["--resume", "out.bin"], 2, "is the output as well"),
        (["--checkpoint", "no/such/run"], 1, "no/such/run: cannot write there"),
        (
            ["--checkpoint", "a.txt", "--checkpoint-every", "often"],
            2,
            "--checkpoint-every: it must be a number",
        ),
        (["--checkpoint-every", "10min"], 2, "there is no --checkpoint"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, monkeypatch, corpus, capsys, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    given = [*SETTINGS, "--epochs", "1", "--model", "cbow", "--checkpoint", "run.safetensors"]
    assert train(corpus, "-o", "out.bin", *given) == 0
    checkpoint = Path("run.safetensors").read_bytes()
    capsys.readouterr()
    assert main(["train", corpus, "-o", "out.bin", *arguments]) == status
    assert message in capsys.readouterr().err
    assert Path("run.safetensors").read_bytes() == checkpoint


def test_another_corpus_is_refused(tmp_path, corpus, capsys):
    other, checkpoint = tmp_path / "other.txt", tmp_path / "run.safetensors"
    other.write_text(Path(corpus).read_text() + "one line more\n")
    assert train(corpus, "-o", tmp_path / "out.bin", *SETTINGS, "--checkpoint", checkpoint) == 0
    assert train(other, "-o", tmp_path / "out.bin", "--resume", checkpoint) == 1
    assert "the corpus is not that of the checkpoint" in capsys.readouterr().err
    assert train(corpus, "-o", tmp_path / "out.bin", "--checkpoint", corpus) == 2
    assert "would be overwritten" in capsys.readouterr().err
