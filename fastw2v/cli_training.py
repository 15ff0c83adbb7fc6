"""The commands that train: ``fastw2v train`` and ``fastw2v demo``. Nothing about training is decided here."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from fastw2v import demo as demo_corpus
from fastw2v.cli_checks import check_output, corpus_of, format_of, save_result, untrained_model
from fastw2v.cli_options import UsageError, in_options, resume_settings_from, settings_from
from fastw2v.settings import check_which
from fastw2v.text_files import find_text_files
from fastw2v.word2vec import Word2Vec


def train(arguments: argparse.Namespace) -> None:
    """``fastw2v train``, with ``--resume``, too."""
    output_format = format_of(arguments.output)
    checkpoint = arguments.checkpoint or arguments.resume
    if arguments.checkpoint_every and not checkpoint:
        raise UsageError("--checkpoint-every: there is no --checkpoint")
    model = None if arguments.resume else untrained_model(settings_from(arguments))
    if model is not None:
        _check_vectors(arguments.vectors, model)
    corpus = corpus_of(arguments.corpus)
    sources = [file.path for file in find_text_files(corpus)]
    check_output(arguments.output, sources)
    if checkpoint:
        check_output(checkpoint, sources)
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
    save_result(model, arguments.output, arguments.vectors)
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


def demo(arguments: argparse.Namespace) -> None:
    """``fastw2v demo``: the corpus that comes with the package."""
    format_of(arguments.output)
    check_output(arguments.output, [])
    settings = settings_from(arguments)
    untrained_model(settings)
    result = demo_corpus.run(settings)
    save_result(result.model, arguments.output)
    file = shlex.quote(arguments.output)
    print(
        f"\nSaved to {Path(arguments.output).resolve()}. Try:\n"
        f"    fastw2v similar {file} paris\n"
        f"    fastw2v analogy {file} paris france rome"
    )
