"""The commands of the count-based baselines: ``fastw2v count`` and ``fastw2v svd``."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from fastw2v.cli_checks import (
    asked,
    check_output,
    corpus_of,
    format_of,
    report_saved,
    require_safetensors,
    save_result,
)
from fastw2v.cli_options import count_settings_from, svd_settings_from
from fastw2v.cooccurrence import Cooccurrence
from fastw2v.ppmi import PPMI
from fastw2v.svd import SVD
from fastw2v.text_files import find_text_files


def count(arguments: argparse.Namespace) -> None:
    """``fastw2v count``: co-occurrence counts of a text."""
    require_safetensors(arguments.output)
    corpus = corpus_of(arguments.corpus)
    check_output(arguments.output, [file.path for file in find_text_files(corpus)])
    began = time.perf_counter()
    counts = asked(lambda: Cooccurrence(corpus_file=corpus, **count_settings_from(arguments)))
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
    report_saved(
        arguments,
        report,
        f"{counts.corpus_total_words:,} words read, {len(counts):,} in the vocabulary, {counts.matrix.nnz:,}"
        f" different pairs ({seconds:.1f} s)",
    )


def svd(arguments: argparse.Namespace) -> None:
    """``fastw2v svd``: vectors of counts."""
    format_of(arguments.output)
    check_output(arguments.output, [arguments.counts])
    ppmi_settings, svd_settings = svd_settings_from(arguments)
    counts = Cooccurrence.load(arguments.counts)
    began = time.perf_counter()
    ppmi = asked(lambda: PPMI(counts, **ppmi_settings))
    svd = asked(lambda: SVD(ppmi, **svd_settings))
    seconds = time.perf_counter() - began
    save_result(svd, arguments.output)
    report = {
        "output": arguments.output,
        "vocabulary": len(svd.wv),
        "entries": int(ppmi.matrix.nnz),
        "seconds": seconds,
        "settings": {**asdict(ppmi.settings), "dim": svd.wv.vector_size, "eig": svd.eig, "which": svd.which},
        "singular_values": svd.singular_values.tolist(),
    }
    report_saved(
        arguments,
        report,
        f"{ppmi.matrix.nnz:,} entries of the PPMI matrix of {len(ppmi):,} words, {svd.wv.vector_size} dimensions"
        f" ({seconds:.1f} s)",
    )
