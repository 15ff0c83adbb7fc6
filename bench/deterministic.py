#!/usr/bin/env python3
"""What deterministic training costs and gives, beside the racing kind: words a second and analogies.

    python bench/deterministic.py --corpus wiki.txt.xz --threads 2 --seeds 1,2,3

Both train the same model on the same text. Rounds are interleaved: one epoch of each in turn, so that a machine whose
speed varies is unfair to neither; the ratio is the median over the epochs of all seeds. Threads of a deterministic
epoch meet after every few windows, so another busy process on one of their cores costs them more than it costs racing
ones: measure on an idle machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from harness import Scorer, machine, markdown_table, number, open_corpus
from options import DEFAULT_DATA, positive_integers
from settings import BenchError

from fastw2v import Word2Vec


def train_both(corpus: Path, seed: int, args: argparse.Namespace) -> dict[bool, Word2Vec]:
    """A racing and a deterministic model, trained epoch by epoch in turn."""
    models = {
        is_deterministic: Word2Vec(
            sg=int(args.model == "sg"), loss=args.loss, vector_size=args.size, epochs=args.epochs, seed=seed,
            workers=args.threads, deterministic=is_deterministic, progress=False,
        )
        for is_deterministic in (False, True)
    }  # fmt: skip
    for model in models.values():
        model.build_vocab(corpus_file=str(corpus))
    for epoch in range(args.epochs):
        for model in models.values():
            fall = (model.min_alpha - model.alpha) / args.epochs
            start = model.alpha + fall * epoch
            model.train(epochs=1, start_alpha=start, end_alpha=start + fall)
    return models


def score(model: Word2Vec, scorer: Scorer) -> float:
    """Analogies answered right, per cent."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vectors.bin")
        model.wv.save_word2vec_format(path, binary=True)
        return float(scorer(path)["analogies"])


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="text file, plain or .gz, .bz2, .xz")
    parser.add_argument("--model", choices=("sg", "cbow"), default="sg")
    parser.add_argument("--loss", choices=("ns", "hs", "softmax"), default="ns")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=positive_integers, default=[1, 2, 3])
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of questions-words.txt")
    parser.add_argument("--scorer", type=Path, help="score with this script, not with fastw2v.evaluation")
    return parser.parse_args()


def main() -> int:
    """Run all seeds and print a table; return 0, or 2 if they could not start."""
    args = parse()
    try:
        scorer = Scorer(args.data, args.scorer)
        rows, ratios = [], []
        with open_corpus(args.corpus) as corpus:
            for seed in args.seeds:
                models = train_both(corpus.path, seed, args)
                speeds = [[epoch["words_per_second"] for epoch in m.history] for m in models.values()]
                ratios += [b / a for a, b in zip(*speeds, strict=True)]
                medians = [number(statistics.median(rates) / 1e6, 2) for rates in speeds]
                rows.append([seed, *medians, *(number(score(m, scorer), 2) for m in models.values())])
    except BenchError as error:
        print(f"deterministic.py: {error}", file=sys.stderr)
        return 2
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores, {args.threads} threads\n")
    header = ["seed", "racing M words/s", "deterministic", "racing analogies", "deterministic"]
    print(markdown_table(header, rows))
    print(f"\nspeed beside racing: {statistics.median(ratios):.2f} (median of {len(ratios)} epochs)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
