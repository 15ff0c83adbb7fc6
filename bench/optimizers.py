#!/usr/bin/env python3
"""The optimizers side by side: words a second beside plain gradient descent, and the quality of the vectors.

    python bench/optimizers.py --corpus wiki.txt.xz --model sg --epochs 5

All train the same model on the same text with negative sampling; alpha is each optimizer's own default, or that of
--alphas. Rounds are interleaved: every model trains one epoch, then all train the next, so that a machine whose speed
varies is unfair to none; the ratio is the median over the epochs. The learning rate falls over all epochs, as usual.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import Scorer, append_line, machine, markdown_table, number, open_corpus, prepare_output
from options import add_corpus_option, add_output_option, add_score_options, new_parser
from settings import BenchError

from fastw2v import DivergedError, Word2Vec
from fastw2v.optimizers import OPTIMIZERS

PLAIN = "sgd"


def make_models(corpus: Path, args: argparse.Namespace) -> dict[str, Word2Vec]:
    """An untrained model for each optimizer, with its vocabulary."""
    models = {}
    for name in [PLAIN, *(name for name in args.optimizers if name != PLAIN)]:
        alpha = {} if name not in args.alphas else {"alpha": args.alphas[name]}
        models[name] = Word2Vec(
            sg=int(args.model == "sg"), vector_size=args.size, epochs=args.epochs, workers=args.threads,
            seed=args.seed, optimizer=name, progress=False, **alpha,
        )  # fmt: skip
        models[name].build_vocab(corpus_file=str(corpus))
    return models


def train(models: dict[str, Word2Vec], args: argparse.Namespace) -> dict[str, str]:
    """Train all, epoch by epoch in turn; returns those that diverged, with the message."""
    failed: dict[str, str] = {}
    for epoch in range(args.epochs):
        for name, model in models.items():
            fall = (model.min_alpha - model.alpha) / args.epochs
            if name in failed:
                continue
            try:
                model.train(
                    epochs=1,
                    start_alpha=model.alpha + fall * epoch,
                    end_alpha=model.alpha + fall * (epoch + 1),
                )
            except DivergedError as error:
                failed[name] = str(error)
    return failed


def judge(name: str, models: dict[str, Word2Vec], scorer: Scorer | None) -> dict[str, Any]:
    """What came of one model."""
    model = models[name]
    rates = [[epoch["words_per_second"] for epoch in one.history] for one in (model, models[PLAIN])]
    record: dict[str, Any] = {
        "kind": "optimizer",
        "optimizer": name,
        "settings": model.settings.to_dict(),
        "words_per_second": statistics.median(rates[0]),
        "of_plain": statistics.median(a / b for a, b in zip(*rates, strict=True)),
        "loss": model.history[-1]["loss"],
    }
    if scorer is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "vectors.bin")
            model.wv.save_word2vec_format(path, binary=True)
            record["quality"] = scorer(path)
    return record


def compare(corpus: Path, args: argparse.Namespace) -> None:
    """Print the table of the optimizers."""
    models, scorer, rows = make_models(corpus, args), None, []
    failed = train(models, args)
    if not args.no_score:
        scorer = Scorer(args.data, args.scorer)
    for name, model in models.items():
        if name in failed:
            print(f"{name}: {failed[name]}", file=sys.stderr)
            continue
        record = judge(name, models, scorer)
        append_line(args.output, record)
        speed = [number(record["words_per_second"] / 1e6, 2), number(100 * record["of_plain"], 0)]
        scores = [
            number(record.get("quality", {}).get(key), 2) for key in ("analogies", "ws353", "men", "simlex")
        ]
        rows.append([name, f"{model.alpha:g}", *speed, number(record["loss"], 3), *scores])
    header = ["optimizer", "alpha", "M words/s", "% of sgd", "loss", "analogies", "ws353", "men", "simlex"]
    print(markdown_table(header, rows))


def alphas_of(text: str) -> dict[str, float]:
    """Learning rates from ``adam=0.02,adagrad=0.3``."""
    pairs = [item.partition("=")[::2] for item in text.split(",") if item]
    return {name: float(value) for name, value in pairs}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    add_corpus_option(parser)
    parser.add_argument(
        "--optimizers", type=lambda text: text.split(","), default=list(OPTIMIZERS), help="default: all"
    )
    parser.add_argument("--alphas", type=alphas_of, default={}, help="such as adam=0.02,adagrad=0.3")
    parser.add_argument("--model", choices=("sg", "cbow"), default="sg")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--seed", type=int, default=1)
    add_score_options(parser)
    parser.add_argument("--no-score", action="store_true", help="speed only")
    add_output_option(parser)
    args = parser.parse_args(arguments)
    for name in [*args.optimizers, *args.alphas]:
        if name not in OPTIMIZERS:
            parser.error(f"unknown optimizer {name!r}; there are {', '.join(OPTIMIZERS)}")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    try:
        prepare_output(args.output)
        with open_corpus(args.corpus) as corpus:
            print(
                f"{machine().get('cpu', 'unknown CPU')}; {corpus.name}, {args.model}, {args.epochs} epochs\n"
            )
            compare(corpus.path, args)
    except BenchError as error:
        print(f"optimizers.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
