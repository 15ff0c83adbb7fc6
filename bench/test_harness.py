"""Tests of the benchmark scripts themselves: a benchmark that misreports is worse than none.

Next to nothing is trained here; what is tested is the arithmetic of the summaries, the corpora, and that a run which
fails is reported and not lost.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import batch_losses
import compare
import courses
import growth
import harness
import limits
import losses
import numpy as np
import objective
import optimizers
import pytest
import regress
import rivals
import roofline
import settings
import threads
import time_to_quality
import zipf
from scipy.special import expit, log_softmax

import fastw2v
from fastw2v import _train, trainer

TREE = Path(fastw2v.__file__).resolve().parent.parent
SETTINGS = settings.Settings()
CORPUS = harness.Corpus("c.txt", Path("c.txt"), 60, n_words=1_000, n_lines=10)


def result(program: str, round_number: int, train: float, **more: Any) -> harness.Result:
    parts = {"start": 0.5, "scan": 1.0, "init": 0.0, "train": train, "save": 0.5}
    run: harness.Result = {
        "program": program,
        "round": round_number,
        "parts": parts,
        "wall": sum(parts.values()),
    }
    run |= {"n_words": 10, "n_tokens": 900, "peak_bytes": 1_000_000, "versions": {}}
    return run | {"quality": {"analogies": 10.0 * round_number}} | more


def test_ratios_pair_the_runs_of_a_round() -> None:
    runs = [
        result("fastw2v", 1, 1.0),
        result("gensim", 1, 10.0),
        result("fastw2v", 2, 2.0),
        result("gensim", 2, 40.0),
    ]
    summary = compare.summarise(runs, CORPUS, settings.Settings(epochs=2))
    assert summary["ratios"]["gensim"]["train"] == {"median": 15.0, "all": [10.0, 20.0]}
    assert summary["ratios"]["gensim"]["wall"]["all"] == [12 / 3, 42 / 4]
    ours = summary["programs"]["fastw2v"]
    assert ours["words_per_second"] == 2 * 1_000 / 1.5
    assert ours["quality"] == {"analogies": 15.0}
    assert ours["matrices_and_ids_bytes"] == 2 * 4 * 100 * 10 + 4 * (900 + 10)


def test_a_failed_run_is_reported_and_leaves_its_round_out_of_the_ratios() -> None:
    runs = [result("fastw2v", 1, 1.0), {"program": "gensim", "round": 1, "error": "exit status 1: boom"}]
    runs += [result("fastw2v", 2, 1.0), result("gensim", 2, 7.0)]
    summary = compare.summarise(runs, CORPUS, settings.Settings())
    assert summary["programs"]["gensim"]["failures"] == ["exit status 1: boom"]
    assert summary["ratios"]["gensim"]["train"]["all"] == [7.0]
    assert "gensim failed: exit status 1: boom" in compare.report(summary, "x", settings.Settings(), CORPUS)


def test_vectors_that_cannot_be_scored_are_a_failure() -> None:
    runs = [result("fastw2v", 1, 1.0, quality={"error": "vectors are not finite"})]
    summary = compare.summarise(runs, CORPUS, settings.Settings())
    assert summary["programs"]["fastw2v"]["failures"] == ["vectors are not finite"]
    assert summary["programs"]["fastw2v"]["quality"] == {}


def test_without_scores_the_table_has_no_columns_for_them() -> None:
    run = result("fastw2v", 1, 1.0)
    del run["quality"]
    table = compare.report(
        compare.summarise([run], CORPUS, settings.Settings()), "x", settings.Settings(), CORPUS
    )
    assert "analogies" not in table
    assert "| fastw2v |" in table


def test_a_part_inside_another_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    def work(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("rivals.time.perf_counter", lambda: now[0])
    stopwatch = rivals.Stopwatch()
    with stopwatch("outer"):
        stopwatch.timed("inner", work)(2.0)
        work(5.0)
        stopwatch.timed("inner", work)(8.0)
    assert stopwatch.parts == {"inner": 10.0, "outer": 5.0}


@pytest.mark.parametrize("name", settings.PRESETS)
def test_explicit_settings_win_over_those_of_a_preset(name: str) -> None:
    found, values = settings.resolve(name, {"epochs": 7, "alpha": 0.125})
    assert found == name
    assert (values.epochs, values.alpha) == (7, 0.125)
    assert {**vars(values), **settings.PRESETS[name], "epochs": 7, "alpha": 0.125} == vars(values)


@pytest.mark.parametrize(
    "values", [{"model": "glove"}, {"loss": "softmax"}, {"size": 0}, {"alpha": 0.0}, {"sample": -1.0}]
)
def test_settings_that_nothing_can_train_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(settings.BenchError, match=next(iter(values))):
        settings.resolve(None, values)


def test_a_packed_corpus_is_unpacked_and_measured(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "c.txt.gz", "wb") as packed:
        packed.write(b"a b c\n\nd  e")
    with harness.open_corpus(tmp_path / "c.txt.gz") as corpus:
        assert corpus.path.read_bytes() == b"a b c\n\nd  e"
        assert (corpus.name, corpus.n_words, corpus.n_lines, corpus.n_bytes) == ("c.txt", 5, 3, 11)
    assert not corpus.path.exists()


@pytest.mark.parametrize(
    "content", [b"this is not gzip", gzip.compress(b"text " * 999)[:-20], gzip.compress(b" \n")]
)
def test_a_damaged_or_empty_corpus_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.txt.gz"
    path.write_bytes(content)
    with pytest.raises(settings.BenchError, match="corpus"), harness.open_corpus(path):
        pass


def test_hostile_corpora_add_their_line_and_keep_the_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_bytes(b"a a a a b b b c c c d d rare")
    plain = harness.measure_corpus(path)
    words = threads.vocabulary(path, 2)
    assert words == [b"a", b"b", b"c", b"d"]
    added = {}
    for name in threads.HOSTILE:
        with threads.variant(plain, name, 2) as corpus:
            first, last = corpus.path.read_bytes().splitlines()
            assert first == path.read_bytes()
            added[name] = last.split()
    assert added["repeated"] == [b"d"] * threads.N_REPEATS
    assert added["once"] == words
    assert added["alternating"][:4] == [b"c", b"b", b"c", b"b"]
    assert Counter(added["alternating"]) == {b"c": threads.N_REPEATS // 2, b"b": threads.N_REPEATS // 2}


def test_a_program_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    job = rivals.Job("no such program", "c.txt", str(tmp_path / "v.bin"), 1, 1, settings.Settings(), {})
    assert harness.run_job(job)["error"] == "exit status 1: KeyError: 'no such program'"


def test_an_unknown_rival_is_refused_with_the_known_ones() -> None:
    with pytest.raises(settings.BenchError, match="fasttext, gensim"):
        harness.check_programs(["glove"])


def test_results_that_cannot_be_written_are_refused_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(settings.BenchError, match="cannot write the results"):
        harness.prepare_output(tmp_path / "missing" / "results.jsonl")


def test_json_lines_are_appended_and_hold_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    harness.append_line(path, {"a": [math.nan, {"b": math.inf}], "c": 1.5})
    harness.append_line(path, {"path": path})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"a": [None, {"b": None}], "c": 1.5}, {"path": str(path)}]


def test_the_thread_table_shows_gain_and_change_against_the_first_row() -> None:
    runs = {n: [result("fastw2v", 1, 4.0 / n, quality={"analogies": 30.0 + n, "men": 60.0})] for n in (1, 2)}
    runs[4] = [{"error": "DivergedError: epoch 2"}]
    rows = [threads.summarise(n, each, CORPUS, settings.Settings()) for n, each in runs.items()]
    record = {"corpus": "c", "preset": "x", "settings": vars(settings.Settings()), "threads": rows}
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in threads.report(record).splitlines()[4:]
    ]
    assert cells[1][3:6] == ["2.00", "32.00", "1.00"]
    assert cells[2][7] == "1 of 1: DivergedError: epoch 2"


def test_all_losses_are_compared_on_a_small_text(tmp_path: Path, capsys: Any) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat\nthe dog sat on the log\n" * 60)
    noise = ["--losses", "ns,hs,softmax", "--no-score", "--held-out", "10", "--size", "8", "--threads", "1"]
    assert losses.main(["--corpus", str(text), "--output", str(tmp_path / "out.jsonl"), *noise]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in table[2:]] == ["ns", "hs", "softmax"]
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert all(1 < record["perplexity"] < 20 for record in records)
    assert losses.main(["--corpus", str(tmp_path / "missing.txt"), *noise]) == 2


def test_all_optimizers_are_compared_on_a_small_text(tmp_path: Path, capsys: Any) -> None:
    text, path = tmp_path / "text.txt", tmp_path / "out.jsonl"
    text.write_text("the cat sat on the mat\nthe dog sat on the log\n" * 60)
    few = ["--no-score", "--size", "8", "--threads", "1", "--epochs", "3", "--alphas", "adam=0.5"]
    assert optimizers.main(["--corpus", str(text), "--output", str(path), *few]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    cells = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in table[2:]}
    assert list(cells) == list(optimizers.OPTIMIZERS)
    assert cells["adam"][0] == "0.5"
    assert cells["sgd"][2] == "100"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["optimizer"] for record in records] == list(cells)
    assert optimizers.main(["--corpus", str(tmp_path / "missing.txt"), *few]) == 2


def batch_loss(loss: str, scores: np.ndarray, targets: np.ndarray, noise: np.ndarray) -> float:
    """The loss of a batch by its formula; scores, [B, V], are the model's, less log(k q) where there is noise."""
    total = 0.0
    for row, target in zip(scores, targets, strict=True):
        if loss == "nce":
            total -= np.log(expit(row[target])) + np.log(expit(-row[noise])).sum()
            continue
        others = np.delete(np.arange(len(row)), target) if loss == "softmax" else noise[noise != target]
        log_p = log_softmax(row[[target, *others]])
        total -= log_p[0] + (np.log1p(-np.exp(log_p[1:])).sum() if loss == "blackout" else 0)
    return float(total)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("loss", batch_losses.BATCHED)
def test_a_step_of_torch_has_the_loss_of_the_formula_and_follows_its_gradient(
    loss: str, by_hand: bool
) -> None:
    steps = pytest.importorskip("torch_steps", reason="PyTorch is not installed", exc_type=ImportError)
    rng = np.random.default_rng(1)
    inputs, targets, noise = np.array([0, 3, 3, 5]), np.array([1, 2, 2, 6]), np.array([2, 2, 4, 6, 0])
    start = [rng.normal(0, 0.5, shape) for shape in ((7, 3), (7, 3), (7,))]
    offsets = rng.normal(0, 1, 7) * (loss != "softmax")

    def formula(in_vecs: np.ndarray, out_vecs: np.ndarray, biases: np.ndarray) -> float:
        return batch_loss(loss, in_vecs[inputs] @ out_vecs.T + biases - offsets, targets, noise)

    lr, eps = 0.1, 1e-5
    model = steps.TorchTrainer(loss, *start, offsets, batch_size=4, lr=lr, by_hand=by_hand)
    weights = np.ones((len(inputs), 1), np.float32)
    batch = [steps.torch.from_numpy(ids)[None] for ids in (inputs[:, None], weights, targets, noise)]
    assert model.train(*batch) == pytest.approx(formula(*start), rel=1e-5)
    for matrix, learnt in zip(start, (model.in_vecs, model.out_vecs, model.biases), strict=True):
        expected = matrix.copy()
        for place in np.ndindex(matrix.shape):
            ends = []
            for change in (eps, -2 * eps):
                matrix[place] += change
                ends.append(formula(*start))
            matrix[place] += eps
            expected[place] -= lr * (ends[0] - ends[1]) / (2 * eps)
        np.testing.assert_allclose(learnt.detach().numpy(), expected, rtol=0, atol=1e-5)
    model.restart()
    np.testing.assert_allclose(model.out_vecs.detach().numpy(), start[1], rtol=1e-6)


def test_the_pairs_of_a_batch_are_those_of_the_lines() -> None:
    task = batch_losses.Task("softmax", batch_losses.parse(["--vocabulary", "50", "--batch", "64"]), 9)
    contexts, weights, centers = task.predictions()
    assert contexts.shape == weights.shape == (9, 64, 1)
    assert centers.shape == (9, 64)
    assert (weights == 1).all()
    first = task.lines[0].tolist()
    assert contexts.ravel()[:9].tolist() == [*first[1:3], first[0], *first[2:4], *first[0:2], *first[3:5]]
    assert centers.ravel()[:9].tolist() == [first[0]] * 2 + [first[1]] * 3 + [first[2]] * 4
    assert task.ids()[:101].tolist() == [*first, batch_losses.LINE_END]


def test_the_windows_of_a_batch_are_those_of_the_lines() -> None:
    arguments = ["--vocabulary", "50", "--batch", "64", "--model", "cbow"]
    task = batch_losses.Task("softmax", batch_losses.parse(arguments), 9)
    contexts, weights, centers = task.predictions()
    first = task.lines[0].tolist()
    assert centers.ravel()[:100].tolist() == first
    for place, around in ((0, first[1:3]), (1, [first[0], *first[2:4]]), (5, [*first[3:5], *first[6:8]])):
        used = weights[0, place] > 0
        assert contexts[0, place][used].tolist() == around
        assert weights[0, place][used] == pytest.approx(1 / len(around))


def test_shares_and_ratios_of_steps_are_those_of_rounds() -> None:
    record = {"vocabulary": 1000, "settings": {"batch_size": 100, "vector_size": 10}}
    record["seconds"] = {"fastw2v": [4.0, 6.0], "torch": [8.0, 18.0], "sgemm": [1.0, 1.0]}
    summary = batch_losses.summarise(record)
    assert summary["ratios"] == {"torch": {"median": 2.5, "min": 2.0, "max": 3.0}}
    assert summary["shares"]["fastw2v"] == {"median": 0.625, "min": 0.5, "max": 0.75}
    assert summary["sgemm_gflops"] == 2e-3


@pytest.mark.parametrize("model", ["sg", "cbow"])
@pytest.mark.parametrize("with_torch", [False, True])
def test_batches_are_compared_and_both_programs_have_the_same_loss(
    with_torch: bool, model: str, tmp_path: Path, capsys: Any
) -> None:
    if with_torch:
        pytest.importorskip("torch_steps", reason="PyTorch is not installed", exc_type=ImportError)
    path = tmp_path / "out.jsonl"
    small = ["--vocabulary", "300", "--size", "8", "--batch", "32", "--noise", "32", "--threads", "1"]
    few = ["--model", model, "--rounds", "2", "--seconds", "0.02", "--output", str(path)]
    assert batch_losses.main([*small, *few, *([] if with_torch else ["--no-torch"])]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in table[2:6]] == batch_losses.BATCHED
    for record in map(json.loads, path.read_text().splitlines()):
        assert (record["loss"] == "softmax" and model == "cbow") == bool(record["shares"])
        assert set(record["ratios"]) == ({"torch", "torch by hand"} if with_torch else set())
        for program in record["ratios"]:
            assert record["losses"][program] == pytest.approx(record["losses"]["fastw2v"], rel=0.05)


def test_without_torch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "torch_steps", raising=False)
    assert batch_losses.main(["--losses", "nce"]) == 2
    assert 'pip install "fastw2v[torch]"' in capsys.readouterr().err


def test_the_work_of_a_window_is_that_of_its_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "thinned_words", lambda counts, settings: (0, 0, 0))
    counts = zipf.counts(500, 100_000)
    for model, loss in itertools.product(("sg", "cbow"), ("ns", "hs")):
        settings = courses.settings_of(model, loss, 16, 1, shrink_windows=False, sample=0, window=2)
        course = courses.Course(settings, counts, zipf.ids(500, 4_000))
        progress = _train.Progress()
        course.plan.train_epoch(course.ids, progress, lr_start=0.01, lr_end=0.01)
        n_shards = _train.shard_count(len(course.ids))
        found = [window for shard in range(n_shards) for window in course.plan.windows(course.ids, shard)]
        lengths = np.diff(_train.tree_build(counts)[0])
        flop = 0.0
        for center, contexts in found:
            targets, c = (lengths[center] if loss == "hs" else 1 + settings.negative), len(contexts)
            flop += 6 * 16 * c * targets if model == "sg" else 6 * 16 * targets + 2 * 16 * c
        n_tokens = progress.tokens_done
        assert n_tokens == 4_000
        work = objective.work(
            course, objective.walk(course, 99), progress.n_predictions / n_tokens, limits.caches()
        )
        assert work.flop == pytest.approx(flop / n_tokens, rel=1e-9)
        assert list(work.traffic) == list(limits.LEVELS)


def test_contexts_that_are_left_out_are_no_work() -> None:
    settings = courses.settings_of("sg", "hs", 16, 1, shrink_windows=False, sample=0)
    course = courses.Course(settings, zipf.counts(2000, 100_000), zipf.ids(2000, 100_000))
    half, quarter, eighth = trainer.thinned_words(course.counts, settings)
    counts = course.counts
    left_out = counts[:half].sum() / 2 + counts[:quarter].sum() / 4 + counts[:eighth].sum() / 8
    share = left_out / counts.sum()
    windows = objective.walk(course, 99)
    a_window = (2 * 5 * zipf.LINE_WORDS - 5 * 6) / zipf.LINE_WORDS
    assert share > 0.1
    assert windows.contexts == pytest.approx(a_window * (1 - share), rel=0.01)
    work = objective.work(course, windows, windows.contexts, limits.caches())
    assert work.flop == pytest.approx(windows.contexts * 6 * 16 * windows.path)


def test_programs_are_run_with_bytecode_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    environment = harness._environment()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["PYTHONPATH"] == "somewhere"


def test_what_windows_share_is_counted_as_done() -> None:
    settings = courses.settings_of("cbow", "ns", 100, 1)
    course = courses.Course(settings, zipf.counts(500, 100_000), zipf.ids(500, 4_000))
    tiny = {"L1": 0, "L2": 0, "L3": 0}
    windows = objective.Windows(n_windows=10, n_contexts=60, path=0)
    needed, done = (objective.work(course, windows, 1.0, tiny, done=is_done) for is_done in (False, True))
    assert needed.flop == 6 * 100 * 6 + 2 * 100 * 6
    assert done.flop == 6 * 112 * (1 + 5) + 2 * 112 * 6  # padded rows
    assert needed.traffic["L2"] == pytest.approx(8 * 100 * (1 + 1 + 5))
    assert done.traffic["L2"] == pytest.approx(8 * 112 * (1 + 1 + 5 / (4 * trainer.NOISE_REUSE)))


def test_a_cache_holds_the_rows_that_are_wanted_most() -> None:
    rates = np.array([0.5, 3.0, 1.0, 2.0])
    assert [objective.missed(rates, n) for n in (0, 1, 2, 4, 9)] == [6.5, 3.5, 1.5, 0.0, 0.0]


def test_the_limit_that_would_take_longest_binds() -> None:
    of = limits.Limits(100.0, {"L1": 10.0, "L2": 10.0})
    work = objective.Work(8.0, {"L1": 1.0, "L2": 0.1})
    assert roofline.binding(work, of, 5.0) == ("L1", 0.5)
    assert roofline.binding(objective.Work(16.0, work.traffic), of, 5.0) == ("FMA", 0.8)


def test_a_rate_counts_the_work_of_all_threads() -> None:
    done: list[int] = []

    def work(repeats: int) -> None:
        done.append(repeats)
        time.sleep(0.001 * repeats)

    assert 0 < limits.rate(work, 2, 0.02) <= 2_000
    assert done[-1] == done[-2]


def test_the_roofline_has_a_row_for_each_combination(tmp_path: Path, capsys: Any) -> None:
    isa, path = _train.isa_name(), tmp_path / "out.jsonl"
    small = [
        "--vocabulary",
        "300",
        "--tokens",
        "20000",
        "--sizes",
        "16",
        "--threads",
        "1",
        "--isas",
        "scalar",
    ]
    quick = ["--rounds", "1", "--seconds", "0.02", "--output", str(path)]
    assert roofline.main([*small, *quick]) == 0
    assert _train.isa_name() == isa
    records = [json.loads(line) for line in path.read_text().splitlines()]
    combinations = [(model, loss) for loss in ("ns", "hs") for model in ("sg", "cbow")]
    assert [(record["model"], record["loss"]) for record in records] == combinations
    assert all(record["share"] > 0 for record in records)
    # Neighbours of skip-gram save more by what they have in common than their shared noise costs.
    assert [record["share"] <= record["share_done"] for record in records] == [False, True, True, True]
    assert capsys.readouterr().out.count("| scalar") == 1 + len(combinations)


def test_made_up_texts_are_whole_lines_of_known_words(tmp_path: Path) -> None:
    assert zipf.write_text(tmp_path / "z.txt", 50, 90) == 120
    lines = [line.split() for line in (tmp_path / "z.txt").read_text().splitlines()]
    assert [len(line) for line in lines] == [40, 40, 40]
    ids = zipf.save_ids(tmp_path / "z.ids", 50, 90)
    assert isinstance(ids, np.memmap)
    words = [f"word{place:x}" for place in ids[ids != zipf.LINE_END]]
    assert words == [word for line in lines for word in line]
    many = zipf.ids(50, 200_000)
    observed = np.bincount(many[many >= 0], minlength=50)
    np.testing.assert_allclose(observed / 200_000, zipf.shares(50), rtol=0.1)
    assert zipf.counts(10, 1)[-1] == 1


def test_growth_compares_each_point_with_the_first_of_its_curve() -> None:
    points = growth.points_of("vocabulary", growth.BASE, most=True)
    assert list(points) == [1_000, 10_000, 80_000, 300_000, 1_000_000, 5_000_000]
    paces = {value: [courses.Pace(1, 5, 4.0), courses.Pace(2, 10, 4.0)] for value in points}
    paces[80_000] = [courses.Pace(2, 8, 4.0), courses.Pace(8, 32, 4.0)]
    records = {record["value"]: record for record in growth.summarise("vocabulary", points, paces)}
    assert records[1_000]["predictions_per_word"] == 5
    assert records[5_000_000]["ratios"] == [0.5, 0.25]
    assert records[80_000]["ratio"] == 1
    assert "2.67" in growth.report(list(records.values()))


def test_growth_measures_and_draws_its_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(growth, "CURVES", {"size": ([8, 100], []), "tokens": ([4_000], [80_000])})
    small = [
        "--vocabulary",
        "300",
        "--tokens",
        "4000",
        "--threads",
        "1",
        "--rounds",
        "2",
        "--seconds",
        "0.01",
    ]
    out = ["--output", str(tmp_path / "out.jsonl"), "--figure", str(tmp_path / "growth.png")]
    assert growth.main([*small, *out, "--most", "--curves", "size,tokens"]) == 0
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["curve"], r["value"]) for r in records] == [
        ("size", 8), ("size", 100), ("tokens", 4_000), ("tokens", 80_000)
    ]  # fmt: skip
    assert all(len(record["rounds"]) == 2 and min(record["rounds"]) > 0 for record in records)
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def fake_run(seconds_an_epoch: float) -> tuple[list[tuple[float, int]], Any]:
    """Runs that were asked for, and a run whose score grows by 10 an epoch, by 5 at alpha 0.1."""
    asked: list[tuple[float, int]] = []

    def run(settings: settings.Settings, timeout: float | None) -> harness.Result:
        asked.append((settings.alpha, settings.epochs))
        wall = settings.epochs * seconds_an_epoch * (0.4 if settings.alpha == 0.075 else 1)
        if timeout is not None and wall > timeout:
            return {"error": "ended after", "timed_out": True}
        step = 5 if settings.alpha == 0.1 else 10
        return {"wall": wall, "quality": {"analogies": settings.epochs * step}}

    return asked, run


def test_the_sweep_finds_the_soonest_setting_and_gives_up_on_slower_ones() -> None:
    asked, run = fake_run(1.0)
    grid = [settings.Settings(alpha=alpha) for alpha in (0.05, 0.1, 0.075)]
    best = time_to_quality.search(run, grid, 30, 5)
    assert best is not None
    assert (best.alpha, best.epochs) == (0.075, 3)
    assert asked == [(0.05, n) for n in (1, 2, 3)] + [(0.1, n) for n in (1, 2, 3)] + [
        (0.075, n) for n in (1, 2, 3)
    ]
    assert time_to_quality.search(run, grid, 99, 5) is None


def test_time_to_quality_pairs_the_runs_of_a_seed() -> None:
    def runs(*walls: float) -> list[harness.Result]:
        return [
            {
                "wall": wall,
                "parts": {"train": 1.0},
                "quality": {"analogies": 30.0},
                "settings": vars(SETTINGS),
            }
            for wall in walls
        ]

    entrants = {"fastw2v": runs(2, 4), "gensim": runs(20, 60), time_to_quality.AS_IT_COMES: runs(100)}
    rows = time_to_quality.summarise(entrants, 29.5)
    assert [row["ratio"] for row in rows] == [1, 12.5, 50]
    assert all(row["is_reached"] for row in rows)
    assert "50.0 (50.0 to 50.0)" in time_to_quality.report(rows, 29.5)


def test_a_run_of_fastw2v_is_timed_in_all_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TREE))  # a child finds what is built in place, too
    zipf.write_text(tmp_path / "z.txt", 50, 4_000)
    values = settings.Settings(size=8, epochs=1)
    job = rivals.Job("fastw2v", str(tmp_path / "z.txt"), str(tmp_path / "v.bin"), 1, 1, values, {})
    report = harness.run_job(job)
    assert "error" not in report, report
    assert set(report["parts"]) == {"scan", "init", "train", "save", "start"}
    assert report["n_tokens"] == 4_000


def test_a_part_is_slower_if_the_median_of_its_rounds_is() -> None:
    ones = [1.0] * 4
    seconds = {"scan": {"base": ones, "head": [1.0, 1.25, 1.25, 2.0]}}
    seconds["query"] = {"base": ones, "head": [0.5, 1.0, 1.0, 2.0]}
    seconds["noisy"] = {"base": ones, "head": [0.5, 0.8, 2.0, 2.0]}
    records = regress.summarise(seconds, 0.05)
    assert records[0]["ratios"] == [1.0, 0.8, 0.8, 0.5]
    assert [record["is_slower"] for record in records] == [True, False, False]
    assert regress.report(records).count("SLOWER") == 1
    assert not regress.summarise(seconds, 0.2)[0]["is_slower"]


def test_both_versions_are_timed_in_turn() -> None:
    class Fake:
        def __init__(self, name: str) -> None:
            self.name = name

        def time(self, part: str) -> float:
            order.append(self.name + part)
            return 1.0

    order: list[str] = []
    found: dict[str, dict[str, list[float]]] = {part: {"base": [], "head": []} for part in ("1", "2")}
    regress.compare(Fake("b"), Fake("h"), 2, found)
    assert order == ["b1", "h1", "b2", "h2", "h1", "b1", "h2", "b2"]
    assert found["2"] == {"base": [1.0, 1.0], "head": [1.0, 1.0]}


def test_the_standard_set_times_each_part_in_a_process_of_its_own(tmp_path: Path) -> None:
    zipf.write_text(tmp_path / "z.txt", 50, 4_000)
    version = regress.Version(TREE, tmp_path / "z.txt", 1, ["sg-ns-100", "scan"])
    try:
        assert all(version.time(part) > 0 for part in ("sg-ns-100", "scan", "query", "query-batch"))
        with pytest.raises(settings.BenchError, match="ended early"):
            version.time("no such part")
    finally:
        version.close()
    with pytest.raises(settings.BenchError, match=r"ended early|was imported"):
        regress.Version(tmp_path, tmp_path / "z.txt", 1, [])


def test_two_commits_are_checked_out_and_taken_away(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    (tmp_path / "setup.py").write_text("from pathlib import Path; Path('built').touch()\n")
    for command in (["init", "-q"], ["add", "setup.py"], [*identity, "commit", "-qm", "first"]):
        subprocess.run([git, "-C", str(tmp_path), *command], check=True)
    commit = regress.commit_of("HEAD", tmp_path)
    with regress.built(commit, tmp_path) as tree:
        assert (tree / "built").exists()
    assert not tree.exists()
    with pytest.raises(settings.BenchError, match="looking up 'nowhere'"):
        regress.commit_of("nowhere", tmp_path)


def test_a_machine_has_one_file_of_results() -> None:
    assert regress.file_name({"cpu": "Fast(R) CPU @ 3 GHz", "cores": 2}) == "fast-r-cpu-3-ghz-2-cores.jsonl"
