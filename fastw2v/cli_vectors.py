"""The commands that look at vectors: ``fastw2v similar | analogy | evaluate | convert | cluster | plot | info``."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastw2v import any_file, evaluation, file_kinds, model_file, vector_looks
from fastw2v.cli_checks import check_output, format_of
from fastw2v.cli_options import UsageError
from fastw2v.config import show_config
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.machine import default_workers

_KINDS = {"word2vec": "model", "svd": "SVD"}


def _read_vectors(path: str) -> KeyedVectors:
    return any_file.load(path)


def convert(arguments: argparse.Namespace) -> None:
    """``fastw2v convert``."""
    output_format = arguments.output_format
    if output_format is None:
        format_of(arguments.output)
    check_output(arguments.output, [arguments.input])
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


def similar(arguments: argparse.Namespace) -> None:
    """``fastw2v similar``."""
    wv = _read_vectors(arguments.vectors)
    _check_words(wv, arguments.word)
    for word in arguments.word:
        if len(arguments.word) > 1:
            print(f"# {word}")
        _print_neighbours(wv.most_similar(word, topn=arguments.number))


def analogy(arguments: argparse.Namespace) -> None:
    """``fastw2v analogy``."""
    wv = _read_vectors(arguments.vectors)
    _check_words(wv, (arguments.a, arguments.b, arguments.c))
    _print_neighbours(
        wv.most_similar(positive=[arguments.b, arguments.c], negative=[arguments.a], topn=arguments.number)
    )


def evaluate(arguments: argparse.Namespace) -> None:
    """``fastw2v evaluate``."""
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


def cluster(arguments: argparse.Namespace) -> None:
    """``fastw2v cluster``."""
    wv = _read_vectors(arguments.vectors)
    check_output(arguments.output, [arguments.vectors])
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


def plot(arguments: argparse.Namespace) -> None:
    """``fastw2v plot``."""
    wv = _read_vectors(arguments.vectors)
    words = arguments.words or wv.index_to_key[: arguments.number]
    _check_words(wv, words)
    check_output(arguments.out, [arguments.vectors])
    vector_looks.save_plot(wv, words, arguments.method, arguments.out, arguments.seed)


def info(arguments: argparse.Namespace) -> None:
    """``fastw2v info``: of a file, or of the library itself."""
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
