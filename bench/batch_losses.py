#!/usr/bin/env python3
"""One training step of a mini-batch under the losses that have them: fastw2v beside PyTorch, on the CPU.

    python bench/batch_losses.py --threads 2 --output results.jsonl
    python bench/batch_losses.py --losses softmax --vocabulary 50000 --no-torch

A step is forward, gradient and SGD update of both matrices and the biases, for B predictions: of a centre word
from one context word (--model sg) or from the mean of all in the window (cbow). Both programs start from the
same matrices and learn from the same made-up lines (Zipf's law), so their losses, which are in the table, must be
about the same. fastw2v is timed for whole epochs, in which it walks the text and draws noise words; PyTorch is
handed both ready-made. torch_steps.py
says which ways of writing its step were tried. With skip-gram, a word is an input of several predictions of a
batch, and fastw2v works on it once; with CBOW all inputs differ. There, the full softmax is also measured against
the machine: as a share of the rate at which SciPy's BLAS does one product of the same shape, [B, D] x [D, V],
with as many threads; a step has three such products.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy
from harness import append_line, load_average, machine, markdown_table, number, prepare_output
from options import add_output_option, new_parser
from scipy.linalg.blas import sgemm
from settings import BenchError
from threadpoolctl import threadpool_limits

from fastw2v import Word2Vec, _train, trainer
from fastw2v.losses import LOSSES

BATCHED = ["softmax", "sampled_softmax", "nce", "blackout"]
OURS, TORCH, BY_HAND, SGEMM = "fastw2v", "torch", "torch by hand", "sgemm"
# Narrow, so that a batch has many centre words and few inputs of one target: what fastw2v does to those is no
# part of the losses' formulas (W2V_MOST_ALIKE in src_c/batch.h).
WINDOW, LINE_WORDS, LINE_END = 2, 100, -1
PAUSE = 0.1  # seconds in which the threads of the program before stop spinning

# What is timed, again and again; returns (seconds a step, loss a prediction).
Measure = Callable[[], tuple[float, float]]


class Task:
    """What is learnt: a loss, start matrices, and as many made-up lines as make `n_steps` batches."""

    def __init__(self, loss: str, args: argparse.Namespace, n_steps: int) -> None:
        self.args, self.n_steps = args, n_steps
        noise = {"negative": args.noise} if LOSSES[loss].negative else {}
        self.settings = Word2Vec(
            loss=loss, sg=int(args.model == "sg"), vector_size=args.size, window=WINDOW, shrink_windows=False,
            sample=0, cbow_update="exact", workers=args.threads, batch_size=args.batch, seed=args.seed, **noise,
        ).settings  # fmt: skip
        shares = 1 / (np.arange(args.vocabulary) + 3)
        self.counts = np.ceil(1e9 * shares).astype(np.int64)
        pairs_a_line = 2 * WINDOW * LINE_WORDS - WINDOW * (WINDOW + 1) if args.model == "sg" else LINE_WORDS
        n_lines = -(-n_steps * args.batch // pairs_a_line)
        rng = np.random.default_rng(args.seed)
        self.lines = rng.choice(args.vocabulary, (n_lines, LINE_WORDS), p=shares / shares.sum())

    @property
    def n_words(self) -> int:
        """Words of the text."""
        return self.lines.size

    def ids(self) -> np.ndarray:
        """The lines as fastw2v reads them."""
        return np.pad(self.lines, ((0, 0), (0, 1)), constant_values=LINE_END).astype(np.int32).ravel()

    def predictions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Contexts and their weights, [n_steps, B, C], and targets, [n_steps, B], in the order of fastw2v."""
        centers = np.arange(LINE_WORDS)[:, None]
        contexts = centers + np.array([*range(-WINDOW, 0), *range(1, WINDOW + 1)])
        inside = (contexts >= 0) & (contexts < LINE_WORDS)
        if self.args.model == "sg":
            targets, contexts = np.broadcast_to(centers, contexts.shape)[inside], contexts[inside][:, None]
            weights = np.ones(contexts.shape)
        else:
            targets, weights = centers[:, 0], inside / inside.sum(axis=1, keepdims=True)
            contexts = np.where(inside, contexts, centers)
        steps = self.n_steps, self.args.batch
        n = self.n_steps * self.args.batch
        weights = np.tile(weights, (len(self.lines), 1))[:n].reshape(*steps, -1).astype(np.float32)
        ids = self.lines[:, contexts].reshape(-1, contexts.shape[1])[:n].reshape(*steps, -1)
        return ids, weights, self.lines[:, targets].ravel()[:n].reshape(steps)


def fastw2v_measure(task: Task) -> Measure:
    """An epoch of fastw2v from the start matrices, timed from its call to its return."""
    start = trainer.start_matrices(task.counts, task.settings)
    vecs = trainer.empty_matrices(len(task.counts), task.settings)
    plan = trainer.make_plan(task.settings, task.counts, *vecs, task.n_words)
    ids, alpha = task.ids(), task.settings.alpha

    def measure() -> tuple[float, float]:
        for matrix, first in zip(vecs, start, strict=True):
            matrix[:] = first
        progress = _train.Progress()
        began = time.perf_counter()
        plan.train_epoch(ids, progress, lr_start=alpha, lr_end=alpha)
        seconds = time.perf_counter() - began
        n_predictions = progress.n_predictions
        return seconds / (n_predictions / task.args.batch), progress.loss / n_predictions

    return measure


def import_torch() -> Any:
    """The PyTorch side.

    Raises
    ------
    BenchError
        PyTorch is not installed.
    """
    try:
        import torch_steps
    except ImportError as error:
        raise BenchError(
            f'PyTorch cannot be imported ({error}): pip install "fastw2v[torch]", or give --no-torch'
        ) from error
    return torch_steps


def torch_measure(task: Task, *, by_hand: bool) -> Measure:
    """The same batches in PyTorch; the ids are drawn and the matrices made before the clock starts."""
    steps = import_torch()
    torch, s = steps.torch, task.settings
    in_vecs, out_vecs = trainer.start_matrices(task.counts, s)
    offsets = trainer.score_offsets(task.counts, s)  # which fastw2v's biases have absorbed
    matrices = in_vecs[:, : s.vector_size], out_vecs[:, : s.vector_size]
    biases = out_vecs[:, s.vector_size] + offsets
    model = steps.TorchTrainer(
        s.loss, *matrices, biases, offsets, batch_size=task.args.batch, lr=s.alpha, by_hand=by_hand
    )
    batches = [torch.from_numpy(array) for array in task.predictions()]
    q = torch.from_numpy(trainer.noise_weights(task.counts, s.ns_exponent))
    generator = torch.Generator().manual_seed(task.args.seed)
    n_noise = task.n_steps * s.negative
    noise = torch.multinomial(q, max(1, n_noise), replacement=True, generator=generator)
    noise = noise[:n_noise].reshape(task.n_steps, s.negative)

    def measure() -> tuple[float, float]:
        torch.set_num_threads(task.args.threads)
        model.train(*(batch[:3] for batch in batches), noise[:3])
        model.restart()
        began = time.perf_counter()
        loss = model.train(*batches, noise)
        return (time.perf_counter() - began) / task.n_steps, loss / batches[-1].numel()

    return measure


def sgemm_measure(args: argparse.Namespace) -> Measure:
    """One product of SciPy's BLAS, [B, D] x [D, V] or its transpose, in the fastest of its eight layouts."""
    rng = np.random.default_rng(args.seed)
    calls = []
    shapes = (args.batch, args.vocabulary), (args.vocabulary, args.batch)
    for (n_rows, n_columns), turn_a, turn_b in itertools.product(shapes, (0, 1), (0, 1)):
        out = np.empty((n_rows, n_columns), np.float32, order="F")
        a, b = (
            np.asfortranarray(rng.random(shape[::-1] if turned else shape, dtype=np.float32))
            for shape, turned in (((n_rows, args.size), turn_a), ((args.size, n_columns), turn_b))
        )
        options = {"c": out, "trans_a": turn_a, "trans_b": turn_b, "overwrite_c": 1}
        calls.append(functools.partial(sgemm, 1.0, a, b, **options))

    def seconds(call: Callable[[], Any], enough: float) -> float:
        call()
        n_calls, began = 0, time.perf_counter()
        while (taken := time.perf_counter() - began) < enough or not n_calls:
            call()
            n_calls += 1
        return taken / n_calls

    with threadpool_limits(args.threads, user_api="blas"):
        best = min(calls, key=lambda call: min(seconds(call, args.seconds / 20) for _ in range(3)))

    def measure() -> tuple[float, float]:
        with threadpool_limits(args.threads, user_api="blas"):
            return seconds(best, args.seconds / 2), 0.0

    return measure


def steps_that_take(loss: str, args: argparse.Namespace) -> int:
    """How many steps keep fastw2v busy for about --seconds."""
    n_steps = 8
    while True:
        measure = fastw2v_measure(Task(loss, args, n_steps))
        seconds = min(measure()[0] for _ in range(2))
        if n_steps * seconds > args.seconds / 4:
            return max(4, round(args.seconds / seconds))
        n_steps *= 4


def compare(loss: str, args: argparse.Namespace) -> dict[str, Any]:
    """Measure all programs in turn, round after round."""
    task = Task(loss, args, steps_that_take(loss, args))
    programs = {OURS: fastw2v_measure(task)}
    if not args.no_torch:
        programs |= {TORCH: torch_measure(task, by_hand=False), BY_HAND: torch_measure(task, by_hand=True)}
    if loss == "softmax" and args.model == "cbow":
        programs[SGEMM] = sgemm_measure(args)
    record: dict[str, Any] = {"kind": "batch_loss", "loss": loss, "settings": task.settings.to_dict()}
    record |= {"vocabulary": args.vocabulary, "steps": task.n_steps, "load_before": load_average()}
    record |= {"seconds": {program: [] for program in programs}, "losses": {}}
    for _ in range(args.rounds):
        for program, measure in programs.items():
            time.sleep(PAUSE)
            seconds, record["losses"][program] = measure()
            record["seconds"][program].append(seconds)
    record["losses"].pop(SGEMM, None)
    return summarise(record)


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median of the rounds, and the smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summarise(record: dict[str, Any]) -> dict[str, Any]:
    """Add what the rounds' seconds a step come to: medians, ratios within rounds, shares of sgemm's rate."""
    seconds = record["seconds"]
    times = {program: spread(values) for program, values in seconds.items()}
    ratios = {
        program: spread([theirs / ours for theirs, ours in zip(seconds[program], seconds[OURS], strict=True)])
        for program in (TORCH, BY_HAND)
        if program in seconds
    }
    shares = {}
    if SGEMM in seconds:  # three products of its size make a step
        shares = {
            program: spread([3 * one / step for one, step in zip(seconds[SGEMM], values, strict=True)])
            for program, values in seconds.items()
            if program != SGEMM
        }
        flop = 2 * record["settings"]["batch_size"] * record["vocabulary"] * record["settings"]["vector_size"]
        record = {**record, "sgemm_gflops": flop / 1e9 / times[SGEMM]["median"]}
    return {**record, "times": times, "ratios": ratios, "shares": shares}


def report(records: Sequence[dict[str, Any]]) -> str:
    """The tables."""
    programs = [name for name in (OURS, TORCH, BY_HAND) if name in records[0]["seconds"]]
    header = ["loss", *(f"{name}, ms" for name in programs), *(f"{name} / {OURS}" for name in programs[1:])]
    header += [f"loss: {name}" for name in programs[:2]]
    rows = [
        [record["loss"], *(number(1e3 * record["times"][name]["median"], 3) for name in programs)]
        + [in_words(record["ratios"][name], 2) for name in programs[1:]]
        + [number(record["losses"][name], 3) for name in programs[:2]]
        for record in records
    ]
    text = markdown_table(header, rows)
    for record in records:
        if record["shares"]:
            text += f"\n\nthe full softmax, per cent of sgemm's {record['sgemm_gflops']:.0f} GFLOP/s:\n\n"
            shares = [
                {key: 100 * value for key, value in record["shares"][name].items()} for name in programs
            ]
            text += markdown_table(programs, [[in_words(share, 0) for share in shares]])
    return text


def in_words(values: dict[str, float], digits: int) -> str:
    return "{} ({} to {})".format(*(number(values[key], digits) for key in ("median", "min", "max")))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    parser.add_argument("--losses", type=lambda text: text.split(","), default=BATCHED, help="default: all")
    parser.add_argument("--model", choices=("sg", "cbow"), default="sg")
    parser.add_argument("--vocabulary", type=int, default=10_000, help="words V (default 10000)")
    parser.add_argument("--size", type=int, default=100, help="dimensions D (default 100)")
    parser.add_argument("--batch", type=int, default=256, help="predictions B of a batch (default 256)")
    parser.add_argument("--noise", type=int, default=256, help="noise words K of a batch (default 256)")
    parser.add_argument("--threads", type=int, default=2, help="of each program (default 2)")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--seconds", type=float, default=0.5, help="of fastw2v in a round (default 0.5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-torch", action="store_true", help="fastw2v and sgemm alone")
    add_output_option(parser)
    args = parser.parse_args(arguments)
    unknown = [loss for loss in args.losses if loss not in BATCHED]
    if unknown:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(BATCHED)}")
    for name in ("vocabulary", "size", "batch", "noise", "threads", "rounds", "seconds"):
        if getattr(args, name) <= 0:
            parser.error(f"--{name} must be above 0")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    try:
        prepare_output(args.output)
        if args.noise > args.vocabulary and set(args.losses) != {"softmax"}:
            raise BenchError(f"{args.noise} noise words are more than {args.vocabulary} words: lower --noise")
        info = {**machine(), "scipy": scipy.__version__}
        if not args.no_torch:
            info["torch"] = import_torch().torch.__version__
        print(
            f"{info.get('cpu', 'unknown CPU')}, {args.threads} threads; {args.model}, B={args.batch}, ",
            end="",
        )
        print(f"V={args.vocabulary}, D={args.size}, K={args.noise}; {args.rounds} rounds\n")
        records = []
        for loss in args.losses:
            records.append({**compare(loss, args), "machine": info})
            append_line(args.output, records[-1])
        print(report(records))
    except BenchError as error:
        print(f"batch_losses.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
