"""Every writer at a disk that fills up in the middle of the data: an OSError, the old file intact, nothing left over.

A limit on the size of files makes `write` fail as a full disk does. What one writer does is in test_atomic.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastw2v import KeyedVectors

pytest.importorskip("resource")

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

# Each would write more than 100,000 bytes to `path`, or to a temporary file.
WRITERS = """
import os, resource, signal, sys, tempfile
from pathlib import Path
import numpy as np
from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors, Word2Vec
from fastw2v.cli import main

text = [[f"w{(i * i + j) % 997}" for j in range(30)] for i in range(1000)]
Path("corpus.txt").write_text("\\n".join(map(" ".join, text)))
model = Word2Vec(text, vector_size=64, min_count=1, epochs=1, workers=1)
wv = model.wv
counts = Cooccurrence(text, min_count=1, workers=1)
ppmi = PPMI(counts, workers=1)
svd = SVD(ppmi, 64, workers=1)
wv.save("vectors.safetensors")
COUNT = ["count", "--min-count", "1", "corpus.txt", "-o"]

def command(*arguments):
    if main(list(map(str, arguments))) == 1:
        raise OSError("the command has said what is wrong")

writers = {
    "model": lambda path: model.save(path),
    "vectors": lambda path: wv.save(path),
    "counts": lambda path: counts.save(path),
    "ppmi": lambda path: ppmi.save(path),
    "svd": lambda path: svd.save(path),
    "text": lambda path: wv.save_word2vec_format(path),
    "binary": lambda path: wv.save_word2vec_format(path, binary=True),
    "checkpoint": lambda path: model.train(text, epochs=1, checkpoint=path),
    "convert": lambda path: command("convert", "vectors.safetensors", path),
    "count": lambda path: command("count", "corpus.txt", "-o", path),
    "train": lambda path: command("train", "corpus.txt", "-o", path, "--size", 64, "--epochs", 1),
    "train with a checkpoint": lambda path: command(
        "train", "corpus.txt", "-o", "other.bin", "--checkpoint", path, "--epochs", 1
    ),
}
spills = {
    "ids": lambda: Word2Vec(text, min_count=1, memory_budget=0),
    "ids to be trained on": lambda: model.train(corpus_file=["corpus.txt"] * 2),
    "rows of counts": lambda: Cooccurrence(text, min_count=1, workers=1, max_memory=200_000),
}
model.memory_budget = 0
endings = {"text": ".txt", "binary": ".bin", "convert": ".txt"}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
os.mkdir("scratch")
tempfile.tempdir = os.path.abspath("scratch")
for name, write in writers.items():
    os.mkdir("out")
    path = Path("out") / ("file" + endings.get(name, ".safetensors"))
    path.write_bytes(b"old")
    model.memory_budget = None
    before = wv.vectors.copy()
    try:
        write(path)
        print(name, ": no error")
    except OSError as error:
        whole = path.read_bytes() == b"old" and os.listdir("out") == [path.name]
        print(name, "as it should be" if whole else f": the folder holds {os.listdir('out')}")
    assert np.array_equal(before, wv.vectors), name
    path.unlink()
    os.rmdir("out")
model.memory_budget = 0
for name, spill in spills.items():
    try:
        spill()
        print(name, ": no error")
    except OSError:
        print(name, ": left files" if os.listdir("scratch") else "as it should be")
assert not os.path.exists("other.bin")
"""


def test_no_writer_harms_the_old_file_or_leaves_another(run_python: RunPython) -> None:
    done = run_python(WRITERS)
    assert done.returncode == 0, done.stderr
    wrong = [line for line in done.stdout.splitlines() if not line.endswith(" as it should be")]
    assert not wrong, f"{wrong}\n{done.stderr}"
    assert len(done.stdout.splitlines()) == 15, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["similar", "analogy", "evaluate", "info"])
def test_every_command_that_prints_fails_where_nothing_can_be_printed(tmp_path: Path, command: str) -> None:
    vectors = tmp_path / "v.safetensors"
    KeyedVectors.from_arrays(["a", "b", "c"], np.diag(np.arange(3, dtype=np.float32)) + 1).save(vectors)
    (tmp_path / "pairs").write_text("a\tb\t1\na\tc\t2\nb\tc\t3\n")
    arguments = {
        "similar": ["a"],
        "analogy": ["a", "b", "c"],
        "evaluate": ["--pairs", str(tmp_path / "pairs")],
        "info": [],
    }[command]
    with open("/dev/full", "wb", buffering=0) as full:
        done = subprocess.run(
            [sys.executable, "-m", "fastw2v", command, str(vectors), *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=os.environ,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("fastw2v: error: ")
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr
