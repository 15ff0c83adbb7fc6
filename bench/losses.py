#!/usr/bin/env python3
"""The six output layers side by side: speed, exact held-out perplexity, and the quality of the vectors.

    python bench/losses.py --corpus wiki.txt.xz --model cbow --vocabulary 10000
    python bench/losses.py --corpus wiki.txt.xz --model cbow --growth --figure growth.png

All losses get the same text, vocabulary and model; alpha, noise words and batch size are each loss's own defaults. The
last lines of the text are held out, and perplexity is normalised over the whole vocabulary. --growth measures
instead what a prediction costs as the vocabulary and the number of noise words grow. Everything runs in this
process: it compares fastw2v with itself; compare.py is for rivals.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import Scorer, append_line, machine, markdown_table, number, open_corpus, prepare_output
from options import add_corpus_option, add_output_option, add_score_options, new_parser
from settings import BenchError

from fastw2v import Word2Vec
from fastw2v.losses import LOSSES

VOCABULARIES = [1_000, 10_000, 80_000]
NOISE_WORDS = [5, 20, 64, 256, 1000]
ALL_LINES = 1 << 62


@contextmanager
def split_corpus(path: Path, n_lines: int, n_held_out: int) -> Iterator[tuple[Path, Path]]:
    """The first lines of a text and the `n_held_out` lines after them, as two files."""
    with tempfile.TemporaryDirectory(prefix="fastw2v-losses-") as folder, path.open("rb") as lines:
        parts = Path(folder, "train.txt"), Path(folder, "held-out.txt")
        for part, n in zip(parts, (n_lines - n_held_out, n_held_out), strict=True):
            with part.open("wb") as out:
                out.writelines(itertools.islice(lines, n))
        yield parts


def train(corpus: Path, loss: str, args: argparse.Namespace, **changes: Any) -> Word2Vec:
    """A model trained with the defaults of its loss."""
    settings: dict[str, Any] = {
        "loss": loss,
        "sg": int(args.model == "sg"),
        "vector_size": args.size,
        "epochs": args.epochs,
        "workers": args.threads,
        "max_final_vocab": args.vocabulary,
        "seed": args.seed,
        "progress": False,
        **changes,
    }
    return Word2Vec(corpus_file=str(corpus), **settings)


def measure(
    loss: str, files: tuple[Path, Path], args: argparse.Namespace, scorer: Scorer | None
) -> dict[str, Any]:
    """Train with one loss and judge the outcome."""
    changes = {} if args.alpha is None else {"alpha": args.alpha}
    began = time.perf_counter()
    model = train(files[0], loss, args, **changes)
    record: dict[str, Any] = {
        "kind": "loss",
        "loss": loss,
        "settings": model.settings.to_dict(),
        "vocabulary": len(model.wv),
    }
    record["seconds"] = time.perf_counter() - began
    record |= rates(model)
    record["perplexity"] = model.perplexity(corpus_file=str(files[1]))
    if scorer is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "vectors.bin")
            model.wv.save_word2vec_format(path, binary=True)
            record["quality"] = scorer(path)
    return record


def rates(model: Word2Vec) -> dict[str, float]:
    """Words and predictions a second, while training."""
    seconds = sum(epoch["seconds"] for epoch in model.history)
    words = sum(epoch["seconds"] * epoch["words_per_second"] for epoch in model.history)
    return {
        "words_per_second": words / seconds,
        "predictions_per_second": sum(epoch["predictions"] for epoch in model.history) / seconds,
    }


def compare(files: tuple[Path, Path], args: argparse.Namespace) -> None:
    """Print the table of the losses."""
    scorer = None if args.no_score else Scorer(args.data, args.scorer)
    rows = []
    for loss in args.losses:
        record = measure(loss, files, args, scorer)
        append_line(args.output, record)
        settings, quality = record["settings"], record.get("quality", {})
        noise = settings["negative"] or None
        rows.append(
            [
                loss,
                f"{settings['alpha']:g}",
                noise,
                number(record["seconds"]),
                number(record["words_per_second"] / 1e3),
            ]
            + [number(record["predictions_per_second"] / 1e3), number(record["perplexity"])]
            + [number(quality.get(name), 2) for name in ("analogies", "ws353", "men", "simlex")]
        )
        print(f"{loss}: {record['seconds']:.1f} s, perplexity {record['perplexity']:.1f}", file=sys.stderr)
    header = ["loss", "alpha", "noise words", "s", "k words/s", "k predictions/s", "perplexity", "analogies"]
    print(markdown_table([*header, "ws353", "men", "simlex"], rows))


def growth(files: tuple[Path, Path], args: argparse.Namespace) -> list[dict[str, Any]]:
    """Print microseconds a prediction as the vocabulary grows, and as the noise words do."""
    records = []
    noisy = [loss for loss in args.losses if LOSSES[loss].negative]
    sweeps: list[tuple[str, list[str], list[int]]] = [
        ("words", args.losses, VOCABULARIES),
        ("noise words", noisy, NOISE_WORDS),
    ]
    for what, losses, sizes in sweeps:
        rows = []
        for loss in losses:
            costs: list[str | None] = []
            for size in sizes:
                changes = {"max_final_vocab": size} if what == "words" else {"negative": size}
                model = train(files[0], loss, args, **{"epochs": 1, "min_count": 1, **changes})
                cost = 1e6 / rates(model)["predictions_per_second"]
                actual = len(model.wv) if what == "words" else size
                records.append(
                    {"kind": "growth", "of": what, "loss": loss, "size": actual, "microseconds": cost}
                )
                append_line(args.output, records[-1])
                costs.append(number(cost, 2) if actual == size else None)  # a text with too few words
            rows.append([loss, *costs])
        print(
            f"\nmicroseconds a prediction ({args.model}, {args.size} dimensions, {args.threads} threads), by {what}:\n"
        )
        print(markdown_table(["loss", *(f"{size:,}" for size in sizes)], rows))
    return records


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """Draw what `growth` measured."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise BenchError("--figure needs matplotlib: pip install 'fastw2v[bench]'") from None
    kinds = sorted({record["of"] for record in records}, reverse=True)
    figure, axes = plt.subplots(1, len(kinds), figsize=(5 * len(kinds), 4), sharey=True, squeeze=False)
    for axis, kind in zip(axes[0], kinds, strict=True):
        for loss in dict.fromkeys(record["loss"] for record in records if record["of"] == kind):
            points = [r for r in records if r["of"] == kind and r["loss"] == loss]
            axis.loglog([r["size"] for r in points], [r["microseconds"] for r in points], "o-", label=loss)
        axis.set_xlabel(kind)
    axes[0][0].set_ylabel("microseconds a prediction")
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    add_corpus_option(parser)
    parser.add_argument(
        "--losses", type=lambda text: text.split(","), default=list(LOSSES), help="default: all"
    )
    parser.add_argument("--model", choices=("sg", "cbow"), default="cbow")
    parser.add_argument(
        "--lines", type=int, default=ALL_LINES, help="use only the first LINES lines of the text"
    )
    parser.add_argument("--held-out", type=int, default=500, help="lines for perplexity (default 500)")
    parser.add_argument(
        "--vocabulary", type=int, default=10_000, help="most frequent words kept (default 10000)"
    )
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--alpha", type=float, help="the same for all; default: each loss's own")
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", action="store_true", help="measure cost against size instead")
    parser.add_argument("--figure", type=Path, help="draw the growth to this file")
    add_score_options(parser)
    parser.add_argument("--no-score", action="store_true", help="perplexity only")
    add_output_option(parser)
    args = parser.parse_args(arguments)
    unknown = [loss for loss in args.losses if loss not in LOSSES]
    if unknown:
        parser.error(f"unknown loss {unknown[0]!r}; there are {', '.join(LOSSES)}")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0, or 2 if it could not be."""
    args = parse(arguments)
    try:
        prepare_output(args.output)
        with open_corpus(args.corpus) as corpus:
            n_lines = min(args.lines, corpus.n_lines)
            if not 0 < args.held_out < n_lines:
                raise BenchError(f"--held-out must be between 1 and {n_lines - 1} lines")
            info = machine()
            print(f"{info.get('cpu', 'unknown CPU')}; {corpus.name}, {n_lines:,} lines, {args.model}\n")
            with split_corpus(corpus.path, n_lines, args.held_out) as files:
                if not args.growth:
                    compare(files, args)
                elif args.figure:
                    draw(growth(files, args), args.figure)
                else:
                    growth(files, args)
    except BenchError as error:
        print(f"losses.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
