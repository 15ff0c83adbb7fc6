"""Checkpoints: a training that dies anywhere and is resumed ends with the bits of one that did not."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys

import kill_and_resume
import numpy as np
import pytest
from test_pauses import BASE, KINDS, TEXT, all_numbers

from fastw2v import Callback, KeyedVectors, Word2Vec, model_file


class Accident(Exception):
    pass


class Crash(Callback):
    """Fails at the `number`-th pause, which comes as often as can be."""

    every = 1

    def __init__(self, number: int) -> None:
        self.left = number

    def on_interval(self, model):
        self.left -= 1
        if self.left < 0:
            raise Accident


def crash(path, number: int = 7, every: int | str = 2000, **settings) -> None:
    """Leave a checkpoint of a training that has failed."""
    with pytest.raises(Accident):
        Word2Vec(
            TEXT,
            **{**BASE, **settings},
            checkpoint=path,
            checkpoint_every=every,
            callbacks=[Crash(number)],
        )


@pytest.fixture
def left_behind(tmp_path):
    """The checkpoint of a training that failed in its second epoch."""
    crash(tmp_path / "run.safetensors")
    return tmp_path / "run.safetensors"


def same_results(ours: Word2Vec, theirs: Word2Vec) -> None:
    for mine, other in zip(all_numbers(ours), all_numbers(theirs), strict=True):
        assert np.array_equal(mine, other)
    for mine, other in zip(ours.history, theirs.history, strict=True):
        assert {**mine, "seconds": 0, "words_per_second": 0} == {**other, "seconds": 0, "words_per_second": 0}
    assert ours.epochs_done == theirs.epochs_done
    assert ours.get_latest_training_loss() == theirs.get_latest_training_loss()


# ---- the same bits ----


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_ends_with_the_bits_of_one_that_never_failed(tmp_path, kind):
    path = tmp_path / "run.safetensors"
    crash(path, 9, 1500, **KINDS[kind])
    assert json.loads(model_file.read(path, ())[1]["training"])["position"]["next_shard"] > 0
    resumed = Word2Vec.resume(path, TEXT)
    same_results(resumed, Word2Vec(TEXT, **BASE, **KINDS[kind]))


@pytest.mark.parametrize("number", [0, 1, 4, 8, 11])
def test_it_does_not_matter_when_training_failed(tmp_path, number):
    path = tmp_path / "run.safetensors"
    crash(path, number, 1)
    same_results(Word2Vec.resume(path, TEXT), Word2Vec(TEXT, **BASE))


def test_a_training_that_fails_again_and_again_ends_the_same(tmp_path):
    path = tmp_path / "run.safetensors"
    crash(path, 3, 1)
    for _ in range(3):
        with pytest.raises(Accident):
            Word2Vec.resume(path, TEXT, callbacks=[Crash(2)])
    same_results(Word2Vec.resume(path, TEXT), Word2Vec(TEXT, **BASE))


def test_a_file_as_corpus_and_further_trainings_are_resumed_too(tmp_path):
    """Ids of a text that is only looked up are those of one that was counted; learning rates are those of the call."""
    corpus, path = tmp_path / "text.txt", tmp_path / "run.safetensors"
    corpus.write_text("".join(" ".join(line) + "\n\n \n" for line in TEXT))
    settings = {**BASE, "min_count": 3}
    twice = Word2Vec(corpus_file=corpus, **settings)
    failed = Word2Vec(corpus_file=corpus, **settings)
    call = {"epochs": 3, "start_alpha": 0.07, "end_alpha": 0.002}
    twice.train(**call)
    with pytest.raises(Accident):
        failed.train(**call, checkpoint=path, checkpoint_every=1500, callbacks=[Crash(9)])
    resumed = Word2Vec.resume(path, corpus_file=corpus)
    same_results(resumed, twice)
    assert (resumed.alpha, resumed.corpus_count) == (0.025, twice.corpus_count)


def test_what_callbacks_changed_is_in_the_checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"

    class Slower(Callback):
        def on_epoch_end(self, model):
            model.alpha = model.min_alpha = 0.01

    with pytest.raises(Accident):
        Word2Vec(TEXT, **BASE, callbacks=[Slower(), Crash(8)], checkpoint=path)
    same_results(Word2Vec.resume(path, TEXT), Word2Vec(TEXT, **BASE, callbacks=[Slower()]))


@pytest.mark.parametrize("model", [{"sg": 1}, {"hs": 1}])
def test_deterministic_training_is_resumed_to_the_same_bits_by_any_number_of_workers(tmp_path, model):
    settings = {**BASE, "vector_size": 96, "deterministic": True, **model}
    crash(tmp_path / "run.safetensors", 2, 1500, **{**settings, "workers": 2})
    resumed = Word2Vec.resume(tmp_path / "run.safetensors", TEXT, workers=3)
    same_results(resumed, Word2Vec(TEXT, **settings))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_trainings_that_are_killed_are_resumed_to_the_same_bytes(tmp_path):
    """A short slice of `python tests/kill_and_resume.py --kills 200`, in a process that has trained nothing yet."""
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import kill_and_resume as k;"
        "t = k.run(4, 3, k.SETTINGS, pathlib.Path('.')); print(t.kills, t.same, t.unreadable, t.left_over)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(kill_and_resume.__file__)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.split() == ["4", "4", "0", "0"], done.stderr


# ---- the file ----


def test_a_checkpoint_is_a_model(left_behind):
    model = Word2Vec.load(left_behind)
    assert KeyedVectors.load(left_behind).index_to_key == model.wv.index_to_key
    model.train(TEXT, epochs=1)
    assert [entry["epoch"] for entry in model.history] == [1, 3], "the second epoch was begun"


def test_a_checkpoint_is_written_at_the_beginning_and_at_the_end(tmp_path):
    path = tmp_path / "run.safetensors"
    crash(path, 0, "1h")
    model = Word2Vec.resume(path, TEXT)
    assert len(model.history) == 2
    again = Word2Vec.resume(path, TEXT)
    same_results(again, model)
    assert again.train(TEXT, epochs=1)[0] > 0


def test_a_stopped_training_can_be_gone_on_with(tmp_path):
    path = tmp_path / "run.safetensors"

    class Stop(Callback):
        every = 3000

        def on_interval(self, model):
            model.stop_training()

    Word2Vec(TEXT, **BASE, callbacks=[Stop()], checkpoint=path, checkpoint_every="1h")
    same_results(Word2Vec.resume(path, TEXT), Word2Vec(TEXT, **BASE))


def test_checkpoints_come_as_often_as_was_asked_for(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "fastw2v.checkpoint.word2vec_file.write", lambda model, *_, **__: written.append(model._run)
    )
    for every, expected in (("epoch", 3), (3000, 5), ("1h", 2), (1, 13)):
        written.clear()
        model = Word2Vec(TEXT, **BASE, checkpoint=tmp_path / "run.safetensors", checkpoint_every=every)
        assert model._corpus[1].n_tokens * 2 // 3000 == 3
        assert len(written) == expected, every


def test_a_checkpoint_goes_on_to_be_written_to_the_same_file_or_another(left_behind, tmp_path):
    before = left_behind.read_bytes()
    Word2Vec.resume(left_behind, TEXT, checkpoint=tmp_path / "other.safetensors", checkpoint_every="epoch")
    assert left_behind.read_bytes() == before
    finished = Word2Vec.resume(tmp_path / "other.safetensors", TEXT)
    same_results(Word2Vec.resume(left_behind, TEXT), finished)
    assert left_behind.read_bytes() != before


# ---- what does not fit ----


def test_another_corpus_is_refused_with_what_differs(left_behind):
    before = left_behind.read_bytes()
    with pytest.raises(
        ValueError, match=r"not that of the checkpoint: 6 lines there and 5 here, 5144 words there"
    ):
        Word2Vec.resume(left_behind, TEXT[:-1])
    swapped = [*TEXT[:3], TEXT[3][::-1], *TEXT[4:]]
    with pytest.raises(ValueError, match="as many lines and words, but other words or another order"):
        Word2Vec.resume(left_behind, swapped)
    assert left_behind.read_bytes() == before


def test_other_settings_are_refused_with_what_differs(left_behind):
    for settings, message in (
        ({"vector_size": 13}, "vector_size is 12 there and 13 here"),
        ({"sg": 1, "window": 4}, "window is 5 there and 4 here, model is 'cbow' there and 'sg' here"),
        ({"hs": 1}, "loss is 'ns' there and 'hs' here"),
        ({"loss": "softmax"}, "loss is 'ns' there and 'softmax' here"),
        ({"optimizer": "adam"}, "optimizer is 'sgd' there and 'adam' here"),
        ({"alpha": 0.03}, "alpha is 0.025 there and 0.03 here"),
        ({"min_alpha": 0.0}, "min_alpha is 0.0001 there and 0.0 here"),
    ):
        with pytest.raises(ValueError, match=f"settings are not those of the checkpoint: {message}"):
            Word2Vec.resume(left_behind, TEXT, **settings)
    with pytest.raises(TypeError, match="colour is not a setting"):
        Word2Vec.resume(left_behind, TEXT, colour="red")
    same = {name: value for name, value in BASE.items() if name not in ("workers", "progress")}
    same_results(Word2Vec.resume(left_behind, TEXT, **same, negative=5, hs=0), Word2Vec(TEXT, **BASE))


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_the_same_as_themselves(kind):
    settings = Word2Vec(**BASE, **KINDS[kind]).settings
    settings.check_arguments({**settings.to_arguments(), **KINDS[kind]})


def test_more_workers_may_go_on(left_behind):
    model = Word2Vec.resume(left_behind, TEXT, workers=2)
    assert model.workers == 2
    assert [entry["epoch"] for entry in model.history] == [1, 2]


def test_what_is_no_checkpoint_is_refused(tmp_path, left_behind):
    Word2Vec.load(left_behind).save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"a finished model, not a checkpoint: Word2Vec\.load reads it"):
        Word2Vec.resume(tmp_path / "model.safetensors", TEXT)
    with pytest.raises(FileNotFoundError):
        Word2Vec.resume(tmp_path / "absent.safetensors", TEXT)
    with pytest.raises(TypeError, match="neither of them"):
        Word2Vec.resume(left_behind)
    tensors, metadata = model_file.read(left_behind)
    good = json.loads(metadata["training"])
    for bad in (
        "not JSON",
        "[]",
        "{}",
        json.dumps({**good, "position": {}}),
        json.dumps({**good, "position": {**good["position"], "next_shard": -1}}),
        json.dumps({**good, "position": {**good["position"], "tokens_done": 1.5}}),
        json.dumps({**good, "position": {**good["position"], "loss": "low"}}),
        json.dumps({**good, "position": {**good["position"], "n_epochs": True}}),
        json.dumps({**good, "every": "often"}),
        json.dumps({**good, "start_alpha": None}),
        json.dumps({**good, "corpus": 3}),
    ):
        model_file.write(tmp_path / "bad.safetensors", tensors, {**metadata, "training": bad})
        with pytest.raises(ValueError, match="damaged checkpoint"):
            Word2Vec.resume(tmp_path / "bad.safetensors", TEXT)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"checkpoint_every": "often"}, ValueError, "checkpoint_every must be a number of tokens"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be"),
        ({"checkpoint": "."}, IsADirectoryError, None),
        ({"checkpoint": "no/such/folder"}, FileNotFoundError, "no/such/folder"),
        ({"checkpoint": 3}, TypeError, None),
    ],
)
def test_what_is_wrong_with_a_checkpoint_shows_before_training(
    tmp_path, monkeypatch, arguments, kind, message
):
    monkeypatch.chdir(tmp_path)
    model = Word2Vec(**BASE)
    model.build_vocab(TEXT)
    with pytest.raises(kind, match=message):
        model.train(**{"checkpoint": "run.safetensors", **arguments})
    assert model.history == []
    with pytest.raises(ValueError, match="belong to a training"):
        Word2Vec(**BASE, checkpoint="run.safetensors")


def test_a_training_half_done_is_not_overwritten(left_behind):
    before = left_behind.read_bytes()
    with pytest.raises(
        FileExistsError, match=r"holds an unfinished training: go on with that \(resume\), or delete"
    ):
        Word2Vec(TEXT, **BASE, checkpoint=left_behind)
    assert left_behind.read_bytes() == before
    Word2Vec.resume(left_behind, TEXT)
    Word2Vec(TEXT, **BASE, checkpoint=left_behind)  # it is finished now


def test_what_nobody_will_go_on_with_may_be_overwritten(tmp_path):
    path = tmp_path / "run.safetensors"

    class Stop(Callback):
        def on_epoch_end(self, model):
            model.stop_training()

    crash(path, 0, "1h")  # nothing was learnt yet
    Word2Vec(TEXT, **BASE, callbacks=[Stop()], checkpoint=path)
    Word2Vec(TEXT, **BASE, checkpoint=path).save(path)
    Word2Vec(TEXT, **BASE, checkpoint=path)


def test_the_corpus_is_not_overwritten(tmp_path):
    corpus = tmp_path / "text.txt"
    corpus.write_text("a b c\n" * 10)
    with pytest.raises(ValueError, match="is a file of the corpus"):
        Word2Vec(corpus_file=corpus, **BASE, checkpoint=corpus)
    assert corpus.read_text() == "a b c\n" * 10


def test_a_disk_that_fills_up_does_not_end_training(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    from fastw2v import atomic

    healthy, calls = os.fsync, []

    def failing(descriptor):
        calls.append(descriptor)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "no space left on device")
        return healthy(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", failing)
    with pytest.warns(RuntimeWarning, match="the previous one stays.*space"):
        model = Word2Vec(TEXT, **BASE, checkpoint=path, checkpoint_every=1)
    monkeypatch.undo()
    same_results(model, Word2Vec(TEXT, **BASE))
    assert not list(tmp_path.glob(".fastw2v-*"))
    shutil.copy(path, tmp_path / "copy.safetensors")
    same_results(Word2Vec.resume(tmp_path / "copy.safetensors", TEXT), model)
