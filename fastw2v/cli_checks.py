"""What the commands share: they check what would be a pity to find out after training, save, and say what was saved."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastw2v import any_file
from fastw2v.cli_options import UsageError, in_options
from fastw2v.errors import EmptyVocabularyError
from fastw2v.word2vec import Word2Vec

if TYPE_CHECKING:
    from fastw2v.svd import SVD

Result = TypeVar("Result")


def report_saved(arguments: argparse.Namespace, report: Mapping[str, Any], summary: str) -> None:
    """Say what was done, in JSON or in words, and what was saved."""
    if arguments.json:
        print(json.dumps(report))
    elif not arguments.quiet:
        path = Path(arguments.output)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        print(f"{summary}\nsaved {arguments.output} ({format_of(arguments.output)}, {size})")


def asked(make: Callable[[], Result]) -> Result:
    """Make something of the options' values; what is wrong with a value is said in their words."""
    try:
        return make()
    except EmptyVocabularyError as error:
        raise type(error)(in_options(str(error))) from error
    except ValueError as error:
        raise UsageError(in_options(str(error))) from error


def corpus_of(paths: Sequence[str]) -> list[str]:
    """Name the standard input as files are named."""
    return ["/dev/stdin" if path == "-" else path for path in paths]


def require_safetensors(path: str) -> None:
    """Refuse any other ending, which no format for counts has."""
    if Path(path).suffix != ".safetensors":
        raise UsageError(f"{path}: counts are saved as .safetensors (fastw2v) only")


def untrained_model(settings: Mapping[str, Any]) -> Word2Vec:
    """Return a model without a corpus, which checks the settings."""
    try:
        return Word2Vec(**settings)
    except (ValueError, TypeError) as error:
        raise UsageError(in_options(str(error))) from error


def format_of(path: str) -> str:
    """Return what a file is by its ending, or say which endings there are."""
    try:
        return any_file.FORMATS[any_file.format_of(path)].title
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_output(output: str, sources: Sequence[str | Path]) -> None:
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


def save_result(model: Word2Vec | SVD, output: str, which: str = "in") -> None:
    """Write the vectors, or the whole model where the format can hold it and nothing else was asked for."""
    if any_file.format_of(output) == "fastw2v" and (not isinstance(model, Word2Vec) or which == "in"):
        model.save(output)
    else:
        any_file.save(model.get_keyed_vectors(which) if isinstance(model, Word2Vec) else model.wv, output)
