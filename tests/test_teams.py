"""A process that forks after it has trained and answered, several models at a time, and a second OpenMP beside ours.

GNU's OpenMP waits for ever in a forked child unless teams.py does its part: then the timeouts end these tests.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastw2v import Word2Vec, planted

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

EVERYTHING = """
import multiprocessing, os, signal, sys
import numpy as np
from fastw2v import PPMI, SVD, Cooccurrence, Word2Vec, planted
from fastw2v.evaluation import answer_analogies

TEXT = list(planted.sentences(300))
QUESTIONS = np.arange(30).reshape(10, 3)

def everything():
    model = Word2Vec(TEXT, vector_size=16, workers=2, min_count=1, epochs=1)
    Word2Vec(TEXT, vector_size=16, workers=2, min_count=1, epochs=1, loss="softmax")
    words = model.wv.index_to_key[:40]
    found = [model.wv.most_similar_batch(some, topn=3, threads=2) for some in (words[:2], words)]
    answer_analogies(model.wv.vectors, QUESTIONS, "3cosadd", threads=2)
    counts = Cooccurrence(TEXT, window=2, min_count=1, workers=2)
    ppmi = PPMI(counts, workers=2)
    SVD(ppmi, 4, workers=2)
    answer_analogies(ppmi.vectors, QUESTIONS, "3cosmul", threads=2)
    return model.wv.vectors

def in_child(task):
    signal.alarm(60)
    return bool(np.isfinite(everything()).all())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_of_a_process_that_used_threads_can_do_all_that_its_parent_can(run_python: RunPython) -> None:
    done = run_python(
        EVERYTHING
        + """
everything()
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(0 if np.isfinite(everything()).all() else 1)
print(os.waitpid(child, 0)[1])
"""
    )
    assert done.stdout == "0\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_pool_may_be_forked_while_a_model_is_trained(run_python: RunPython) -> None:
    done = run_python(
        EVERYTHING
        + """
import threading
everything()
model = Word2Vec(vector_size=16, workers=2, min_count=1, epochs=100_000)
model.build_vocab(TEXT)
trainer = threading.Thread(target=model.train)
trainer.start()
while model._run is None:
    pass
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(in_child, range(2)))
model.stop_training()
trainer.join()
"""
    )
    assert done.stdout == "[True, True]\n", done.stderr


def test_models_trained_in_threads_of_one_process_are_those_trained_one_after_the_other() -> None:
    text = list(planted.sentences(300))

    def train(seed: int) -> np.ndarray:
        model = Word2Vec(text, vector_size=16, workers=1, min_count=1, epochs=2, seed=seed)
        model.wv.most_similar_batch(model.wv.index_to_key[:40], topn=3, threads=2)
        return model.wv.vectors

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(train, range(4)))
        racing = pool.map(lambda s: Word2Vec(text, vector_size=16, workers=2, seed=s, epochs=1), range(4))
        assert all(np.isfinite(model.wv.vectors).all() for model in racing)
    for seed, vectors in enumerate(together):
        assert np.array_equal(train(seed), vectors)


def test_threads_that_cannot_be_started_are_an_error_and_not_the_end_of_the_process(
    run_python: RunPython,
) -> None:
    pytest.importorskip("resource")
    done = run_python("""
import dataclasses, resource, threading
from fastw2v import PPMI, SVD, Cooccurrence, Word2Vec, planted
text = list(planted.sentences(10_000))
model = Word2Vec(text, vector_size=16, workers=1, epochs=1)
model.settings = dataclasses.replace(model.settings, workers=1000)
before = model.wv.vectors.copy()
ppmi = PPMI(Cooccurrence(text, window=2, workers=1), workers=1)
SVD(ppmi, 2, workers=1)  # loads what it needs
threading.stack_size(1 << 27)
resource.setrlimit(resource.RLIMIT_AS, (1 << 33, resource.RLIM_INFINITY))
for action in (
    lambda: model.wv.most_similar(0, threads=1000),
    lambda: model.train(epochs=1),
    lambda: Word2Vec(text, workers=1000),
    lambda: Cooccurrence(text, workers=1000),
    lambda: SVD(ppmi, 2, workers=1000),
):
    try:
        action()
    except OSError as error:
        print(error)
assert (before == model.wv.vectors).all()
model.wv.most_similar(0, threads=2)
""")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    for line in lines:
        assert re.match(r"this process cannot start \d+ threads, only \d+: give fewer workers", line)
    assert (
        sum(line.startswith("this process cannot start 1000 ") for line in lines) == 4
    )  # training needs fewer


@pytest.mark.parametrize("order", ["torch, then fastw2v", "fastw2v, then torch"])
def test_threads_of_pytorch_and_ours_live_in_one_process(run_python: RunPython, order: str) -> None:
    pytest.importorskip("torch")
    multiply = (
        "import torch\ntorch.set_num_threads(2)\na = torch.ones(600, 600)\nassert (a @ a)[0, 0] == 600\n"
    )
    multiply += "assert torch.exp(torch.zeros(1_000_000)).sum() == 1_000_000\n"
    parts = [multiply, EVERYTHING + "everything()\n"]
    first, second = parts if order.startswith("torch") else reversed(parts)
    done = run_python(f"{first}{second}{multiply}everything()\nprint('done')")
    assert done.stdout == "done\n", done.stderr
