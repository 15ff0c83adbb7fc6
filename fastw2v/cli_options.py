"""The options of the command line, the default settings of ``fastw2v train``, and how one becomes the other.

`BEST_SETTINGS` is the one place for the defaults; the help texts are made from it. Values are checked by
`Word2Vec`, not here: this file only makes numbers of strings, and speaks of ``--size`` where the library says
``vector_size``. Only the cli_ files use it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from fastw2v._version import __version__
from fastw2v.any_file import FORMATS
from fastw2v.cosines import METHODS
from fastw2v.intervals import Interval
from fastw2v.losses import LOSSES

# Better than `Word2Vec`'s on 17 M words of Wikipedia for ("sg", "ns"); the others are reasoned, not swept. What is not
# named is as in `Word2Vec`.
_COMMON = {"vector_size": 100, "window": 5, "epochs": 5, "min_count": 5, "min_alpha": 0.0001}
BEST_SETTINGS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("sg", "ns"): {**_COMMON, "alpha": 0.05, "sample": 1e-4, "negative": 10},
    ("sg", "hs"): {**_COMMON, "alpha": 0.025, "sample": 1e-3},
    ("cbow", "ns"): {**_COMMON, "alpha": 0.05, "sample": 1e-4, "negative": 5},
    ("cbow", "hs"): {**_COMMON, "alpha": 0.05, "sample": 1e-3},
}


class UsageError(Exception):
    """The command was asked for something that can never work; exit status 2."""


class _Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, not the usage and a line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _byte_count(text: str) -> int:
    """Bytes from ``500M``, ``2G``, ``1.5GB``, ``4096``: powers of 1024."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500M or 2G")
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


def _interval(text: str) -> str:
    try:
        Interval.parse("it", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


# Option, its argument of `Word2Vec`, type, help.
_OPTIONS: tuple[tuple[str, str, Any, str], ...] = (
    ("--size", "vector_size", int, "dimensions of the vectors"),
    ("--window", "window", int, "most words between a word and a word of its context"),
    ("--negative", "negative", int, "noise words per prediction, for losses that draw some"),
    ("--batch-size", "batch_size", int, "predictions that learn together; not with --loss ns or hs"),
    ("--epochs", "epochs", int, "passes over the corpus"),
    ("--alpha", "alpha", float, "learning rate at the start"),
    ("--min-alpha", "min_alpha", float, "learning rate at the end"),
    ("--sample", "sample", float, "thin out words more frequent than this share of the corpus; 0: none"),
    ("--min-count", "min_count", int, "leave out words that occur less often"),
    ("--max-vocab", "max_final_vocab", int, "keep only so many words, the most frequent ones"),
    ("--ns-exponent", "ns_exponent", float, "draw noise words in proportion to count ** EXPONENT"),
    ("--cbow-update", "cbow_update", str, "step of context words in CBOW: word2vec or exact"),
    ("--nce-z", "nce_z", _number_or_word, "normalising constant of nce: a number, or learn"),
    ("--optimizer", "optimizer", str, "sgd, momentum, adagrad or adam"),
    ("--clip-norm", "clip_norm", float, "shorten the gradient of a step to this length"),
    ("--threads", "workers", int, "default: all cores that this process may use"),
    (
        "--seed",
        "seed",
        int,
        "of all random numbers; with --threads 1 or --deterministic it decides every byte",
    ),
    (
        "--memory-budget",
        "memory_budget",
        _byte_count,
        "for the encoded corpus, such as 2G; what exceeds it goes to disk",
    ),
)
# The demo's corpus is small: CBOW, which takes fewer steps in an epoch, needs more epochs than on Wikipedia.
_DEMO_SETTINGS: Mapping[tuple[str, str], Mapping[str, Any]] = {("cbow", "ns"): {"epochs": 10}}
_DEMO_OPTIONS = ("--size", "--window", "--negative", "--epochs", "--alpha", "--sample", "--threads", "--seed")


def settings_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return arguments for `Word2Vec`: the best for this model and loss, and on top what the user said."""
    given = vars(arguments)
    chosen = arguments.model or "sg", arguments.loss or "ns"
    settings = dict(BEST_SETTINGS.get(chosen, _COMMON))
    if arguments.command == "demo":
        settings |= _DEMO_SETTINGS.get(chosen, {})
    if given.get("optimizer") not in (None, "sgd"):
        settings.pop("alpha", None)  # it was found for plain descent; optimizers have their own
    settings |= {name: given[name] for _, name, _, _ in _OPTIONS if given.get(name) is not None}
    settings |= {"sg": int(chosen[0] == "sg"), "loss": chosen[1]}
    if given.get("no_share_noise"):
        settings["share_noise"] = False
    if given.get("deterministic"):
        settings["deterministic"] = True
    if given.get("cache_ids"):
        settings["cache_ids"] = True
    settings["progress"] = False if arguments.quiet else None
    return settings


def resume_settings_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return arguments for `Word2Vec.resume`: what the user said, no more."""
    given = vars(arguments)
    settings = {name: given[name] for _, name, _, _ in _OPTIONS if given[name] is not None}
    if arguments.model is not None:
        settings["sg"] = int(arguments.model == "sg")
    if arguments.loss is not None:
        settings["loss"] = arguments.loss
    if arguments.no_share_noise:
        settings["share_noise"] = False
    if arguments.deterministic:
        settings["deterministic"] = True
    for name in ("checkpoint", "checkpoint_every", "cache_ids"):
        settings[name] = given[name]
    return settings | {"progress": False if arguments.quiet else None}


def in_options(message: str) -> str:
    """Return a message of the library with its arguments' names replaced by the options that set them."""
    names = {"cache_ids": "--cache-ids", **{name: option for option, name, _, _ in _OPTIONS}}
    names |= {name: option for option, name, _, _, _ in _COUNT_OPTIONS}
    # Where there are choices, the parser has checked them, and "which" is a word of messages, too.
    names |= {name: option for _, option, name, _, choices, _ in _SVD_OPTIONS if choices is None}
    for name, option in names.items():
        if name != option.removeprefix("--"):
            message = re.sub(rf"\b{name}\b", option, message)
    return message


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; the command's name is in ``command`` of what it parses."""
    parser = _Parser(prog="fastw2v", description="Train word vectors from plain text, and query them.")
    parser.add_argument("--version", action="version", version=f"fastw2v {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    train = commands.add_parser("train", help="train vectors on text")
    train.add_argument(
        "corpus",
        nargs="+",
        metavar="CORPUS",
        help="text, one sentence a line: files (also .gz, .bz2, .xz, .zst), folders, globs, or - for stdin",
    )
    train.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="file to write: .bin, .txt, .vec, .safetensors, .npz or .tsv",
    )
    _add_model_options(train, [option for option, _, _, _ in _OPTIONS])
    train.add_argument("-q", "--quiet", action="store_true", help="no progress bars, no report")
    train.add_argument(
        "--vectors",
        choices=("in", "out", "sum", "concat"),
        default="in",
        help="which matrix to save as the word vectors: input (default), output, their sum, or both side by side",
    )
    train.add_argument("--no-share-noise", action="store_true", help="draw noise words for each pair: slower")
    train.add_argument(
        "--deterministic", action="store_true", help="the same bytes for any number of threads: slower"
    )
    train.add_argument(
        "--cache-ids",
        action="store_true",
        help="keep the encoded corpus beside it (CORPUS.ids), and use it next time instead of the text",
    )
    train.add_argument("--json", action="store_true", help="report in one line of JSON")
    train.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep in this file all that is needed to go on if training is killed",
    )
    train.add_argument(
        "--checkpoint-every",
        type=_interval,
        metavar="HOW-OFTEN",
        help="10min, 30s, 2h, a number of words such as 500000, or epoch (default)",
    )
    train.add_argument(
        "--resume",
        metavar="FILE",
        help="go on from this checkpoint, on the same corpus; settings need not be repeated",
    )

    _add_count_parsers(commands)

    similar = commands.add_parser("similar", help="list the nearest neighbours of words")
    _add_vectors(similar)
    similar.add_argument("word", nargs="+", metavar="WORD", help="each gets a list of its own")
    _add_number(similar, 10)

    analogy = commands.add_parser("analogy", help="answer: A is to B as C is to ?")
    _add_vectors(analogy)
    for name in ("a", "b", "c"):
        analogy.add_argument(name, metavar=name.upper())
    _add_number(analogy, 5)

    evaluate = commands.add_parser("evaluate", help="score vectors on analogies and on pairs rated by people")
    _add_vectors(evaluate)
    evaluate.add_argument(
        "--analogies", metavar="FILE", help="questions in the format of questions-words.txt"
    )
    evaluate.add_argument(
        "--pairs", nargs="+", action="extend", default=[], metavar="FILE", help="lines of word, word, score"
    )
    evaluate.add_argument(
        "--categories",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="lines of word, category, to compare with clusters (needs scikit-learn)",
    )
    evaluate.add_argument(
        "--method", choices=METHODS, default="3cosadd", help="how analogies are answered; default %(default)s"
    )
    evaluate.add_argument(
        "--threads", type=_positive, metavar="N", help="default: all cores that this process may use"
    )
    evaluate.add_argument(
        "--restrict",
        type=_positive,
        metavar="N",
        help="use the N first (most frequent) words only; default all",
    )
    evaluate.add_argument("--json", action="store_true", help="report in one line of JSON")

    _add_convert(commands)
    _add_look_parsers(commands)

    info = commands.add_parser("info", help="tell about this installation, or what a file of vectors holds")
    info.add_argument("vectors", nargs="?", metavar="VECTORS", help="file of vectors")

    show = commands.add_parser(
        "demo", help="train on a generated corpus and show what was learnt: needs no data"
    )
    show.add_argument(
        "-o", "--output", default="fastw2v-demo.safetensors", metavar="OUT", help="default %(default)s"
    )
    _add_model_options(show, _DEMO_OPTIONS)
    show.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    return parser


def _add_model_options(parser: argparse.ArgumentParser, options: Collection[str]) -> None:
    # The default None tells what the user left out from what they said; see `settings_from`.
    parser.add_argument("--model", choices=("sg", "cbow"), help="skip-gram (sg, default) or CBOW")
    parser.add_argument(
        "--loss",
        choices=tuple(LOSSES),
        help="output layer: "
        + ", ".join(f"{name} {layer.title}" for name, layer in LOSSES.items())
        + " (default ns)",
    )
    for option, name, kind, text in _OPTIONS:
        if option in options:
            metavar = option.removeprefix("--").rpartition("-")[2].upper()
            parser.add_argument(option, dest=name, type=kind, metavar=metavar, help=text + _defaults_of(name))


# Option, its argument of `Cooccurrence`, type, choices, help. Defaults are those of the class.
_COUNT_OPTIONS: tuple[tuple[str, str, Any, tuple[str, ...] | None, str], ...] = (
    ("--window", "window", int, None, "most words between a word and a word of its context (default 10)"),
    (
        "--weighting",
        "weighting",
        str,
        ("flat", "harmonic", "dynamic"),
        "what a context word counts: 1 (default), 1 / distance, or less from place to place",
    ),
    ("--context", "context", str, ("symmetric", "left", "right"), "which sides count (default both)"),
    ("--sample", "sample", float, None, "thin out words more frequent than this share of the corpus"),
    ("--subsampling", "subsampling", str, ("dirty", "clean"), "before there are windows, or leaving gaps"),
    ("--min-count", "min_count", int, None, "leave out words that occur less often (default 5)"),
    ("--max-vocab", "max_final_vocab", int, None, "keep only so many words, the most frequent ones"),
    ("--threads", "workers", int, None, "default: all cores that this process may use"),
    ("--seed", "seed", int, None, "of --sample's random numbers"),
    ("--max-memory", "max_memory", _byte_count, None, "such as 2G; what exceeds it goes to disk"),
)
# The same for `PPMI` and `SVD`, by the class that has the argument.
_SVD_OPTIONS: tuple[tuple[str, str, str, Any, tuple[str, ...] | None, str], ...] = (
    ("ppmi", "--cds", "cds", float, None, "exponent of the counts of context words (default 0.75)"),
    ("ppmi", "--shift", "shift", float, None, "take log SHIFT away from each entry (default 1: nothing)"),
    ("svd", "--size", "dim", int, None, "dimensions of the vectors (default 100)"),
    ("svd", "--eig", "eig", float, None, "exponent of the singular values (default 0.25)"),
    ("svd", "--vectors", "which", str, ("w", "w+c"), "word vectors (default), or plus context vectors"),
    ("svd", "--seed", "seed", int, None, "of the random start"),
    ("svd", "--threads", "workers", int, None, "default: all cores that this process may use"),
)


def count_settings_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return arguments for `Cooccurrence`: what the user said, no more."""
    given = vars(arguments)
    settings = {name: given[name] for _, name, *_ in _COUNT_OPTIONS if given[name] is not None}
    return settings | {"progress": False if arguments.quiet else None}


def svd_settings_from(arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arguments for `PPMI` and for `SVD`: what the user said, no more."""
    given = vars(arguments)
    settings: dict[str, dict[str, Any]] = {"ppmi": {}, "svd": {}}
    for owner, _, name, *_ in _SVD_OPTIONS:
        if given[name] is not None:
            settings[owner][name] = given[name]
    if arguments.workers is not None:
        settings["ppmi"]["workers"] = arguments.workers
    return settings["ppmi"], settings["svd"] | {"progress": False if arguments.quiet else None}


def _add_count_parsers(commands: Any) -> None:
    count = commands.add_parser("count", help="count which words stand near each other")
    count.add_argument("corpus", nargs="+", metavar="CORPUS", help="as for train")
    count.add_argument("-o", "--output", required=True, metavar="OUT", help="file to write: .safetensors")
    for option, name, kind, choices, text in _COUNT_OPTIONS:
        count.add_argument(
            option, dest=name, type=kind, choices=choices, metavar=_metavar(option, choices), help=text
        )
    svd = commands.add_parser("svd", help="make vectors of counts: PPMI and truncated SVD")
    svd.add_argument("counts", metavar="COUNTS", help="file that count has written")
    svd.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="file to write: .bin, .txt, .vec, .safetensors, .npz or .tsv",
    )
    for _, option, name, kind, choices, text in _SVD_OPTIONS:
        svd.add_argument(
            option, dest=name, type=kind, choices=choices, metavar=_metavar(option, choices), help=text
        )
    for parser in (count, svd):
        parser.add_argument("-q", "--quiet", action="store_true", help="no progress bars, no report")
        parser.add_argument("--json", action="store_true", help="report in one line of JSON")


def _add_look_parsers(commands: Any) -> None:
    cluster = commands.add_parser("cluster", help="sort words into classes by k-means")
    _add_vectors(cluster)
    cluster.add_argument("output", metavar="OUT", help="file to write: lines of word, class")
    cluster.add_argument("-k", type=_positive, default=500, metavar="K", help="classes (default %(default)s)")
    plot = commands.add_parser("plot", help="draw a map of words")
    _add_vectors(plot)
    plot.add_argument(
        "-o", "--out", required=True, metavar="FILE", help="picture to write: .png, .svg, .pdf and others"
    )
    words = plot.add_mutually_exclusive_group()
    words.add_argument("--words", nargs="+", metavar="WORD", help="words to show")
    words.add_argument(
        "-n",
        dest="number",
        type=_positive,
        default=100,
        metavar="N",
        help="or so many first words (default %(default)s)",
    )
    plot.add_argument(
        "--method",
        choices=("pca", "tsne", "umap"),
        default="pca",
        help="how to reduce dimensions (default %(default)s)",
    )
    for parser in (cluster, plot):
        parser.add_argument("--seed", type=int, default=1, metavar="SEED", help="of all random numbers")
    cluster.add_argument(
        "--restrict",
        type=_positive,
        metavar="N",
        help="use the N first (most frequent) words only; default all",
    )
    cluster.add_argument(
        "--threads", type=_positive, metavar="N", help="default: all cores that this process may use"
    )


def _metavar(option: str, choices: tuple[str, ...] | None) -> str | None:
    return None if choices else option.removeprefix("--").rpartition("-")[2].upper()


def _defaults_of(name: str) -> str:
    """What the best settings say about an argument, for its help; empty if they say nothing."""
    values = {models: settings[name] for models, settings in BEST_SETTINGS.items() if name in settings}
    if not values:
        return ""
    if len(set(values.values())) == 1:
        return f" (default {next(iter(values.values()))})"
    return " (default " + ", ".join(f"{'/'.join(models)} {value}" for models, value in values.items()) + ")"


def _add_convert(commands: Any) -> None:
    convert = commands.add_parser(
        "convert",
        help="write a file of vectors in another format",
        description="Formats: "
        + "; ".join(f"{name} ({' '.join(each.endings) or 'no ending'})" for name, each in FORMATS.items()),
    )
    convert.add_argument("input", metavar="IN", help="file of vectors, compressed or not, or a URL")
    convert.add_argument(
        "output",
        metavar="OUT",
        help="file to write; .bin, .txt, .vec and .tsv may be followed by .gz and the like",
    )
    convert.add_argument(
        "--from",
        dest="input_format",
        choices=tuple(FORMATS),
        help="what IN is; default: its content tells. gensim unpickles IN: only if you trust its source",
    )
    convert.add_argument(
        "--to",
        dest="output_format",
        choices=tuple(name for name, each in FORMATS.items() if each.save is not None),
        help="what OUT is to be; default: its ending tells",
    )
    convert.add_argument(
        "--binary",
        dest="output_format",
        action="store_const",
        const="word2vec-binary",
        help="the same as --to word2vec-binary",
    )
    convert.add_argument("--limit", type=_positive, metavar="N", help="the first N words only")
    convert.add_argument(
        "--vocab", metavar="FILE", help="lines of word and count, if IN is in word2vec's format"
    )


def _add_vectors(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "vectors", metavar="VECTORS", help="file of vectors, of any format that convert reads"
    )


def _add_number(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "-n",
        dest="number",
        type=_positive,
        default=default,
        metavar="N",
        help="words to list (default %(default)s)",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number
