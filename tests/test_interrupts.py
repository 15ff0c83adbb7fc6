"""Ctrl-C, wherever it finds the program: it stops at once, and what there was before can be used.

Counting, training and the SVD are interrupted in test_corpus_errors.py, test_cooccurrence.py, test_training_hazards.py
and test_ppmi_svd.py; here is the rest. Each action would take minutes, or for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process on Windows")

SETUP = """
import itertools, os, signal, sys, threading, time
import numpy as np
from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors, Word2Vec
from fastw2v.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # background shells make their children ignore it
signal.alarm(60)  # ends what Ctrl-C does not
text = [["a", "b", "c", "d"]] * 100

def endless():
    return itertools.repeat(["a", "b", "c", "d"])

def many_vectors(n=100_000, dim=64):
    return KeyedVectors.from_arrays([f"w{i}" for i in range(n)], np.random.default_rng(1).random((n, dim), np.float32))

def pipe(content):
    "A pipe that `content` flows into again and again."
    os.mkfifo("pipe")
    def pump():
        with open("pipe", "wb") as file:
            while True:
                file.write(content)
    threading.Thread(target=pump, daemon=True).start()
    return "pipe"
"""

# name: what is prepared, what is interrupted, what must hold afterwards
ACTIONS = {
    "encode": (
        "model = Word2Vec(text, min_count=1, vector_size=8, workers=2); before = model.wv.vectors.copy()",
        "model.train(endless(), epochs=1)",
        "assert np.array_equal(before, model.wv.vectors); model.train(text, epochs=1)",
    ),
    "grow": (
        "model = Word2Vec(text, min_count=1, vector_size=8, workers=2); before = list(model.wv.index_to_key)",
        "model.build_vocab(endless(), update=True)",
        "assert before == model.wv.index_to_key; model.train(text, epochs=1)",
    ),
    "co-occurrences of sentences": ("", "Cooccurrence(endless(), min_count=1)", ""),
    "softmax": (
        "model = Word2Vec(vector_size=16, workers=2, loss='softmax', epochs=1_000_000)\n"
        "model.build_vocab([[f'w{i % 5000}' for i in range(j, j + 50)] for j in range(0, 250_000, 50)])",
        "model.train()",
        "assert np.isfinite(model.wv.vectors).all()",
    ),
    "queries": (
        "wv = many_vectors()",
        "wv.most_similar_batch(wv.index_to_key * 20, topn=5, threads=2)",
        "assert len(wv.most_similar('w1')) == 10",
    ),
    "analogies": (
        "wv = many_vectors()\n"
        "with open('questions', 'w') as file:\n"
        "    file.write(': section\\n')\n"
        "    file.writelines(f'w{i} w{i + 1} w{i + 2} w{i + 3}\\n' for i in range(90_000))",
        "for _ in range(20): wv.evaluate_word_analogies('questions', threads=2)",
        "assert len(wv.most_similar('w1')) == 10",
    ),
    "convert": (
        "many_vectors().save_word2vec_format('vectors.txt')",
        "while True: main(['convert', 'vectors.txt', 'vectors.bin']) == 130 and sys.exit('')",
        "os.remove('vectors.txt'); os.path.exists('vectors.bin') and os.remove('vectors.bin')",
    ),
    "saving": (
        "wv = many_vectors(); os.mkfifo('full'); reader = os.open('full', os.O_RDWR)",
        "wv.save_word2vec_format('full')",
        "assert len(wv.most_similar('w1')) == 10",
    ),
    "the command": (
        "path = pipe(b'a b c d\\n' * 1000)",
        "sys.exit(main(['train', '-o', 'vectors.txt', path]))",
        "",
    ),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_ctrl_c_ends_it_at_once_and_leaves_a_usable_state(tmp_path: Path, name: str) -> None:
    before, action, after = ACTIONS[name]
    code = (
        f"{SETUP}\n{before}\n"
        "threading.Timer(0.5, lambda: print('ready', flush=True)).start()\n"
        "try:\n"
        f"    {action}\n"
        "except (KeyboardInterrupt, SystemExit) as stop:\n"
        "    print('interrupted', getattr(stop, 'code', ''), flush=True)\n"
        f"{after}\n"
        "print(sorted(os.listdir('.')), flush=True)\n"
        "os._exit(0)\n"  # the pump never ends
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            ready = child.stdout.readline()
            began = time.perf_counter()
            child.send_signal(signal.SIGINT)
            answer = child.stdout.readline()
            print(name, "took", time.perf_counter() - began, "seconds")
            output, errors = child.stdout.read(), child.stderr.read()
        finally:
            child.kill()
    assert ready == "ready\n", errors
    assert answer == ("interrupted 130\n" if name == "the command" else "interrupted \n"), errors
    assert child.returncode == 0, errors
    left = {"analogies": ["questions"], "saving": ["full"]}.get(name, [])
    assert output == f"{left if not (tmp_path / 'pipe').exists() else ['pipe']}\n", errors
