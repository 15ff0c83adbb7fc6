"""Everything that has threads, on small things: for ThreadSanitizer (.ci/tsan).

And to see that several work at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fault_scenes import LINES, vectors, write_corpus

from fastw2v import PPMI, SVD, Cooccurrence, Word2Vec, sketches
from fastw2v.losses import LOSSES
from fastw2v.optimizers import OPTIMIZERS

SETTINGS = {"vector_size": 16, "min_count": 1, "workers": 3, "epochs": 1, "progress": False}
LONG = LINES * 4


def trained(**settings: object) -> Word2Vec:
    return Word2Vec(LONG, **{**SETTINGS, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sg", [0, 1])
def test_threads_train_each_loss(loss: str, sg: int) -> None:
    batch = {"batch_size": 64, "negative": 32} if LOSSES[loss].has_bias and LOSSES[loss].negative else {}
    for optimizer in OPTIMIZERS:
        model = trained(loss=loss, sg=sg, optimizer=optimizer, **batch)
        assert np.isfinite(model.wv.vectors).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_threads_in_step_give_the_vectors_of_one(loss: str) -> None:
    settings = {"loss": loss, "deterministic": True, "vector_size": 96}
    models = [trained(**settings, workers=workers) for workers in (1, 3)]
    assert models[0].wv.vectors.tobytes() == models[1].wv.vectors.tobytes()


def test_threads_count_words_and_give_the_numbers_of_one(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    models = [Word2Vec(**{**SETTINGS, "workers": workers}) for workers in (1, 4)]  # type: ignore[arg-type]
    for model in models:
        model.build_vocab(corpus_file=corpus)
    assert models[0].wv.index_to_key == models[1].wv.index_to_key


def test_threads_count_pairs_and_decompose() -> None:
    svds = []
    for workers in (1, 3):
        counts = Cooccurrence(LONG, min_count=1, workers=workers, progress=False)
        svds.append(SVD(PPMI(counts, workers=workers), dim=8, workers=workers, progress=False))
    np.testing.assert_allclose(svds[0].singular_values, svds[1].singular_values, rtol=1e-3)


def ask_in_threads(ask: Callable[[], object]) -> list[object]:
    """The answers that three threads get at once."""
    answers: list[object] = []
    asking = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    return answers


def test_threads_ask_one_set_of_vectors_and_each_query_has_threads() -> None:
    wv = vectors()
    expected = wv.most_similar_batch(wv.index_to_key, topn=3, threads=1)
    assert ask_in_threads(lambda: wv.most_similar_batch(wv.index_to_key, topn=3, threads=3)) == [expected] * 3


def test_threads_ask_one_by_one_while_a_sketch_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "LEAST_BYTES", 0)
    wv = vectors()
    expected = wv.most_similar_batch(range(40), topn=3)  # type: ignore[arg-type]
    one_by_one = ask_in_threads(lambda: [wv.most_similar(row, topn=3, threads=3) for row in range(40)])
    assert one_by_one == [expected] * 3


def test_models_train_in_threads_of_one_process() -> None:
    models: list[Word2Vec] = []
    training = [threading.Thread(target=lambda: models.append(trained(workers=2))) for _ in range(3)]
    for thread in training:
        thread.start()
    for thread in training:
        thread.join()
    assert len(models) == 3


def test_vectors_are_written_and_read_by_threads(tmp_path: Path) -> None:
    wv = vectors()
    for binary in (False, True):
        wv.save_word2vec_format(tmp_path / "vectors", binary=binary, threads=3)
        again = type(wv).load_word2vec_format(tmp_path / "vectors", binary=binary, threads=3)
        assert again.vectors.tobytes() == wv.vectors.tobytes()
