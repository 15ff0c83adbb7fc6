"""The command line: ``fastw2v train | count | svd | similar | analogy | evaluate | convert | cluster | plot
| info | demo``.

It checks what would be a pity to find out after training (the ending and the folder of the output), calls the
library, and prints. Options and default settings are in cli_options.py, and nothing about training is decided
here. The installed script and ``python -m fastw2v`` call `main`.

Invariant: results go to stdout, everything else to stderr; an error of the user or of the machine is one line
``fastw2v: error: ...`` and exit status 1 (it went wrong) or 2 (it was asked wrong), never a traceback.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from fastw2v import any_file, demo, evaluation, file_kinds, model_file, vector_looks
from fastw2v.cli_options import (
    UsageError,
    count_settings_from,
    in_options,
    make_parser,
    resume_settings_from,
    settings_from,
    svd_settings_from,
)
from fastw2v.config import show_config
from fastw2v.cooccurrence import Cooccurrence
from fastw2v.errors import DivergedError, EmptyVocabularyError
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.machine import default_workers
from fastw2v.ppmi import PPMI
from fastw2v.settings import check_which
from fastw2v.svd import SVD
from fastw2v.text_files import find_text_files
from fastw2v.word2vec import Word2Vec

Result = TypeVar("Result")

_KINDS = {"word2vec": "model", "svd": "SVD"}
_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; default `sys.argv`.

    Returns
    -------
    int
        Exit status: 0 done, 1 failed, 2 asked wrong, 130 interrupted, 141 nobody reads the output any more.
    """
    _let_any_word_be_printed()
    try:
        arguments = make_parser().parse_args(argv)
        _COMMANDS[arguments.command](arguments)
        print(end="", flush=True)
    except SystemExit as exit_:  # --help and --version
        return int(exit_.code or 0)
    except UsageError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        print("fastw2v: interrupted", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return _EXIT_BROKEN_PIPE
    except (OSError, ValueError, KeyError, OverflowError, DivergedError, ImportError, MemoryError) as error:
        return _fail(error, 1)
    return 0


def _fail(error: Exception, status: int) -> int:
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{os.fsdecode(error.filename)}: {error.strerror}"
    elif isinstance(error, KeyError) and error.args:
        message = str(error.args[0])  # str() of a KeyError would quote it
    else:
        message = str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
    print("fastw2v: error:", " ".join(message.split()), file=sys.stderr)
    _abandon_stdout()
    return status


def _abandon_stdout() -> None:
    """Keep Python, which flushes once more when it exits, from complaining of a closed pipe or full disk."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _let_any_word_be_printed() -> None:
    """Words may hold bytes that are not UTF-8, and a terminal may lack letters: print what can be printed.

    A stream that somebody else has put in place of the real one is theirs to set up.
    """
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


# --- train ---


def _train(arguments: argparse.Namespace) -> None:
    output_format = _format_of(arguments.output)
    checkpoint = arguments.checkpoint or arguments.resume
    if arguments.checkpoint_every and not checkpoint:
        raise UsageError("--checkpoint-every: there is no --checkpoint")
    model = None if arguments.resume else _untrained_model(settings_from(arguments))
    if model is not None:
        _check_vectors(arguments.vectors, model)
    corpus = _corpus_of(arguments.corpus)
    sources = [file.path for file in find_text_files(corpus)]
    _check_output(arguments.output, sources)
    if checkpoint:
        _check_output(checkpoint, sources)
        if Path(checkpoint).resolve() == Path(arguments.output).resolve():
            raise UsageError(f"{checkpoint}: is the output as well; name another file for checkpoints")
    seconds = {"vocabulary": 0.0}
    began = time.perf_counter()
    if model is None:
        model = _resume(arguments, corpus)
    else:
        model.build_vocab(corpus_file=corpus)
        seconds["vocabulary"] = time.perf_counter() - began
        began = time.perf_counter()
        model.train(checkpoint=checkpoint, checkpoint_every=arguments.checkpoint_every or "epoch")
    seconds["training"] = time.perf_counter() - began
    began = time.perf_counter()
    _save(model, arguments.output, arguments.vectors)
    seconds["saving"] = time.perf_counter() - began
    if arguments.json:
        report = {
            "output": arguments.output,
            "format": output_format,
            "corpus": arguments.corpus,
            "corpus_words": model.corpus_total_words,
            "vocabulary": len(model.wv),
            "seconds": seconds,
            "settings": model.settings.to_dict(),
            "history": model.history,
        }
        print(json.dumps(report))
    elif not arguments.quiet:
        n_bytes = Path(arguments.output).stat().st_size
        mean_speed = sum(epoch["words_per_second"] for epoch in model.history) / len(model.history)
        print(
            f"{model.corpus_total_words:,} words read, {len(model.wv):,} in the vocabulary"
            f" ({seconds['vocabulary']:.1f} s)\n"
            f"{model.epochs} epochs of {model.settings.model} with {model.loss} on {model.workers} thread(s):"
            f" {mean_speed / 1e6:.2f} M words/s, loss {model.history[-1]['loss']:.4f}"
            f" ({seconds['training']:.1f} s)\n"
            f"saved {arguments.output} ({output_format}, {n_bytes / 1e6:.1f} MB)"
        )


def _resume(arguments: argparse.Namespace, corpus: Sequence[str]) -> Word2Vec:
    try:
        model = Word2Vec.resume(arguments.resume, corpus_file=corpus, **resume_settings_from(arguments))
    except ValueError as error:
        raise ValueError(in_options(str(error))) from error
    _check_vectors(arguments.vectors, model)  # the checkpoint holds what was trained, whatever this says
    return model


def _check_vectors(which: str, model: Word2Vec) -> None:
    try:
        check_which(which, model.loss)
    except ValueError as error:
        raise UsageError(str(error).replace("which=", "--vectors ")) from None


# --- counts ---


def _count(arguments: argparse.Namespace) -> None:
    _require_safetensors(arguments.output)
    corpus = _corpus_of(arguments.corpus)
    _check_output(arguments.output, [file.path for file in find_text_files(corpus)])
    began = time.perf_counter()
    counts = _asked(lambda: Cooccurrence(corpus_file=corpus, **count_settings_from(arguments)))
    seconds = time.perf_counter() - began
    counts.save(arguments.output)
    report = {
        "output": arguments.output,
        "corpus": arguments.corpus,
        "corpus_words": counts.corpus_total_words,
        "vocabulary": len(counts),
        "pairs": int(counts.matrix.nnz),
        "seconds": seconds,
        "settings": None if counts.settings is None else asdict(counts.settings),
    }
    _report(
        arguments,
        report,
        f"{counts.corpus_total_words:,} words read, {len(counts):,} in the vocabulary, {counts.matrix.nnz:,}"
        f" different pairs ({seconds:.1f} s)",
    )


def _svd(arguments: argparse.Namespace) -> None:
    _format_of(arguments.output)
    _check_output(arguments.output, [arguments.counts])
    ppmi_settings, svd_settings = svd_settings_from(arguments)
    counts = Cooccurrence.load(arguments.counts)
    began = time.perf_counter()
    ppmi = _asked(lambda: PPMI(counts, **ppmi_settings))
    svd = _asked(lambda: SVD(ppmi, **svd_settings))
    seconds = time.perf_counter() - began
    _save(svd, arguments.output)
    report = {
        "output": arguments.output,
        "vocabulary": len(svd.wv),
        "entries": int(ppmi.matrix.nnz),
        "seconds": seconds,
        "settings": {**asdict(ppmi.settings), "dim": svd.wv.vector_size, "eig": svd.eig, "which": svd.which},
        "singular_values": svd.singular_values.tolist(),
    }
    _report(
        arguments,
        report,
        f"{ppmi.matrix.nnz:,} entries of the PPMI matrix of {len(ppmi):,} words, {svd.wv.vector_size} dimensions"
        f" ({seconds:.1f} s)",
    )


def _report(arguments: argparse.Namespace, report: Mapping[str, Any], summary: str) -> None:
    """Say what was done, in JSON or in words, and what was saved."""
    if arguments.json:
        print(json.dumps(report))
    elif not arguments.quiet:
        path = Path(arguments.output)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        print(f"{summary}\nsaved {arguments.output} ({_format_of(arguments.output)}, {size})")


def _asked(make: Callable[[], Result]) -> Result:
    """Make something of the options' values; what is wrong with a value is said in their words."""
    try:
        return make()
    except EmptyVocabularyError as error:
        raise type(error)(in_options(str(error))) from error
    except ValueError as error:
        raise UsageError(in_options(str(error))) from error


def _corpus_of(paths: Sequence[str]) -> list[str]:
    return ["/dev/stdin" if path == "-" else path for path in paths]


def _require_safetensors(path: str) -> None:
    if Path(path).suffix != ".safetensors":
        raise UsageError(f"{path}: counts are saved as .safetensors (fastw2v) only")


def _untrained_model(settings: Mapping[str, Any]) -> Word2Vec:
    """Return a model without a corpus, which checks the settings."""
    try:
        return Word2Vec(**settings)
    except (ValueError, TypeError) as error:
        raise UsageError(in_options(str(error))) from error


def _format_of(path: str) -> str:
    """Return what a file is by its ending, or say which endings there are."""
    try:
        return any_file.FORMATS[any_file.format_of(path)].title
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check_output(output: str, sources: Sequence[str | Path]) -> None:
    """Find out before training whether the output can be written, and that it is not what is read."""
    path = Path(output)
    if path.is_dir():
        raise IsADirectoryError(None, "is a folder; name a file to write", output)
    if path.exists() and any(Path(source).exists() and path.samefile(source) for source in sources):
        raise UsageError(f"{output}: is the input (corpus, counts or vectors) and would be overwritten")
    folder = path.resolve().parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(None, "the file is write-protected")
    except OSError as error:
        message = f"cannot write there: {error.strerror}; nothing was done"
        raise OSError(error.errno, message, output) from error


def _save(model: Word2Vec | SVD, output: str, which: str = "in") -> None:
    """Write the vectors, or the whole model where the format can hold it and nothing else was asked for."""
    if any_file.format_of(output) == "fastw2v" and (isinstance(model, SVD) or which == "in"):
        model.save(output)
    else:
        any_file.save(model.wv if isinstance(model, SVD) else model.get_keyed_vectors(which), output)


# --- looking at vectors ---


def _read_vectors(path: str) -> KeyedVectors:
    return any_file.load(path)


def _convert(arguments: argparse.Namespace) -> None:
    output_format = arguments.output_format
    if output_format is None:
        _format_of(arguments.output)
    _check_output(arguments.output, [arguments.input])
    wv = any_file.load(
        arguments.input, limit=arguments.limit, counts=arguments.vocab, format_name=arguments.input_format
    )
    any_file.save(wv, arguments.output, output_format)


def _check_words(wv: KeyedVectors, words: Sequence[str]) -> None:
    for word in words:
        if word not in wv.key_to_index:
            spellings = {word.lower(), word.upper(), word.capitalize()}
            known = sorted(spelling for spelling in spellings if spelling in wv.key_to_index)
            hint = f"; there is {known[0]!r}" if known else ""
            raise KeyError(f"the word {word!r} is not in the vocabulary{hint}")


def _print_neighbours(neighbours: Any) -> None:
    for word, cosine in neighbours:
        print(f"{word}\t{cosine:.4f}")


def _similar(arguments: argparse.Namespace) -> None:
    wv = _read_vectors(arguments.vectors)
    _check_words(wv, arguments.word)
    for word in arguments.word:
        if len(arguments.word) > 1:
            print(f"# {word}")
        _print_neighbours(wv.most_similar(word, topn=arguments.number))


def _analogy(arguments: argparse.Namespace) -> None:
    wv = _read_vectors(arguments.vectors)
    _check_words(wv, (arguments.a, arguments.b, arguments.c))
    _print_neighbours(
        wv.most_similar(positive=[arguments.b, arguments.c], negative=[arguments.a], topn=arguments.number)
    )


def _evaluate(arguments: argparse.Namespace) -> None:
    if not arguments.analogies and not arguments.pairs and not arguments.categories:
        raise UsageError(
            "nothing to evaluate: give --analogies FILE, --pairs FILE... or --categories FILE..."
        )
    wv = _read_vectors(arguments.vectors)
    threads = arguments.threads or default_workers()
    report: dict[str, Any] = {"vectors": arguments.vectors, "words": len(wv), "dimensions": wv.vector_size}
    if arguments.analogies:
        analogies = evaluation.score_analogies(
            wv.index_to_key,
            wv.vectors,
            arguments.analogies,
            restrict_vocab=arguments.restrict,
            method=arguments.method,
            threads=threads,
        )
        report["analogies"] = {
            "file": arguments.analogies,
            "method": arguments.method,
            **analogies.to_dict(),
        }
    report["pairs"] = []
    for path in arguments.pairs:
        pairs = evaluation.score_pairs(wv.index_to_key, wv.vectors, path, restrict_vocab=arguments.restrict)
        figures = {
            "spearman": _finite(pairs.spearman[0]),
            "pearson": _finite(pairs.pearson[0]),
            "covered": pairs.n_covered,
            "asked": pairs.n_asked,
        }
        report["pairs"].append({"file": path, **figures})
    report["categories"] = []
    for path in arguments.categories:
        score = wv.evaluate_categories(path, restrict_vocab=arguments.restrict, threads=threads)
        figures = {"purity": score.purity, "covered": score.n_covered, "asked": score.n_asked}
        report["categories"].append({"file": path, "categories": score.n_categories, **figures})
    if arguments.json:
        print(json.dumps(report))
    else:
        _print_evaluation(report)


def _print_evaluation(report: Mapping[str, Any]) -> None:
    print(f"{report['vectors']}: {report['words']:,} words, {report['dimensions']} dimensions")
    if "analogies" in report:
        parts = report["analogies"]
        rows = [
            *parts["sections"].items(),
            *((name, parts[name]) for name in ("semantic", "syntactic", "total")),
        ]
        print(f"\n{'analogies':<32} {'right':>7} {'correct':>8} {'covered':>8} {'asked':>8}")
        for name, part in rows:
            figures = f"{part['correct']:>8} {part['covered']:>8} {part['asked']:>8}"
            print(f"{name:<32} {_per_cent(part['accuracy']):>7} {figures}")
    if report["pairs"]:
        print(f"\n{'word pairs, correlation x 100':<32} {'rho':>7} {'r':>8} {'covered':>8} {'asked':>8}")
        for row in report["pairs"]:
            name = Path(row["file"]).name
            print(
                f"{name:<32} {_per_cent(row['spearman']):>7} {_per_cent(row['pearson']):>8}"
                f" {row['covered']:>8} {row['asked']:>8}"
            )

    if report["categories"]:
        print(f"\n{'categories':<32} {'purity':>7} {'kinds':>8} {'covered':>8} {'asked':>8}")
        for row in report["categories"]:
            figures = f"{row['categories']:>8} {row['covered']:>8} {row['asked']:>8}"
            print(f"{Path(row['file']).name:<32} {_per_cent(row['purity']):>7} {figures}")


def _finite(number: float) -> float | None:
    """None for NaN, the correlation of constants, which JSON cannot hold."""
    return float(number) if math.isfinite(number) else None


def _per_cent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _cluster(arguments: argparse.Namespace) -> None:
    wv = _read_vectors(arguments.vectors)
    _check_output(arguments.output, [arguments.vectors])
    n_words = min(len(wv), arguments.restrict or len(wv))
    if arguments.k > n_words:
        raise UsageError(f"-k {arguments.k}: there are only {n_words} words to cluster")
    labels = wv.cluster(
        arguments.k,
        restrict_vocab=arguments.restrict,
        seed=arguments.seed,
        threads=arguments.threads or default_workers(),
    )
    wv.save_word_classes(arguments.output, labels)


def _plot(arguments: argparse.Namespace) -> None:
    wv = _read_vectors(arguments.vectors)
    words = arguments.words or wv.index_to_key[: arguments.number]
    _check_words(wv, words)
    _check_output(arguments.out, [arguments.vectors])
    vector_looks.save_plot(wv, words, arguments.method, arguments.out, arguments.seed)


def _info(arguments: argparse.Namespace) -> None:
    if arguments.vectors is None:
        print(show_config())
        return
    wv = _read_vectors(arguments.vectors)
    path = Path(arguments.vectors)
    kind = file_kinds.recognise_file(path)
    facts: dict[str, Any] = {
        "file": path,
        "format": f"{any_file.FORMATS[kind.name].title}, {path.stat().st_size:,} bytes",
        "words": f"{len(wv):,}",
        "dimensions": wv.vector_size,
        "first words": " ".join(wv.index_to_key[:10]),
    }
    if kind.name == "fastw2v":
        _, metadata = model_file.read(path, ())
        facts["kind"] = _KINDS.get(metadata["kind"], "vectors only")
        if "settings" in metadata:
            facts |= {
                name: "-" if value is None else value
                for name, value in json.loads(metadata["settings"]).items()
            }
    for name, fact in facts.items():
        print(f"{name + ':':<16} {fact}")


def _demo(arguments: argparse.Namespace) -> None:
    _format_of(arguments.output)
    _check_output(arguments.output, [])
    settings = settings_from(arguments)
    _untrained_model(settings)
    result = demo.run(settings)
    _save(result.model, arguments.output)
    file = shlex.quote(arguments.output)
    print(
        f"\nSaved to {Path(arguments.output).resolve()}. Try:\n"
        f"    fastw2v similar {file} paris\n"
        f"    fastw2v analogy {file} paris france rome"
    )


_COMMANDS = {
    "train": _train,
    "count": _count,
    "svd": _svd,
    "similar": _similar,
    "analogy": _analogy,
    "evaluate": _evaluate,
    "convert": _convert,
    "cluster": _cluster,
    "plot": _plot,
    "info": _info,
    "demo": _demo,
}
