"""A whole `Word2Vec` model in one safetensors file: which arrays and strings it is made of.

model_file.py knows the format, word2vec.py the model; this file only takes the one apart for the other, and puts it
together again. What was not part of a model (the corpus, its memory budget) is not in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastw2v import model_file
from fastw2v._version import __version__
from fastw2v.settings import Settings, check_int, check_words
from fastw2v.trainer import empty_matrices, start_memory
from fastw2v.vocabulary import Vocabulary

if TYPE_CHECKING:
    from fastw2v.word2vec import Word2Vec

Path = str | os.PathLike[str]
Model = TypeVar("Model", bound="Word2Vec")


def write(
    model: Word2Vec,
    path: Path,
    more_metadata: Mapping[str, str] | None = None,
    more_tensors: Mapping[str, NDArray[Any]] | None = None,
    temporary: str | None = None,
) -> None:
    """Write a model that has a vocabulary, and more, if need be; for `temporary` see `fastw2v.atomic`."""
    assert model._vocabulary is not None
    dim = model.vector_size
    tensors: dict[str, NDArray[Any]] = {
        "vectors": model._in_vecs[:, :dim],
        "output_vectors": model._out_vecs[:, :dim],
        "counts": model._vocabulary.counts,
        **model_file.pack_words(model._vocabulary.words),
        **(more_tensors or {}),
    }
    if model.settings.has_bias:
        tensors["output_biases"] = model._out_vecs[:, dim]
    if model._memory.states is not None:
        tensors["input_states"], tensors["output_states"] = model._memory.states
    if model._memory.nce_log_z is not None:
        tensors["nce_log_z"] = model._memory.nce_log_z
    raw_counts = model._vocabulary.raw_counts
    if raw_counts is not None:
        packed = model_file.pack_words(raw_counts)
        tensors |= {f"raw_{name}": array for name, array in packed.items()}
        tensors["raw_counts"] = np.fromiter(raw_counts.values(), np.int64, len(raw_counts))
    state = {"epochs_done": model.epochs_done, "history": model.history, "frozen": model.frozen}
    state |= {"corpus_count": model.corpus_count, "corpus_total_words": model.corpus_total_words}
    metadata = {
        "kind": "word2vec",
        "fastw2v_version": __version__,
        "settings": json.dumps(model.settings.to_dict()),
        "state": json.dumps(state),
        **(more_metadata or {}),
    }
    model_file.write(path, tensors, metadata, temporary)


def read(cls: type[Model], path: Path) -> Model:
    """Read a model that `write` has written; ValueError if it is damaged or something else."""
    return read_all(cls, path)[0]


def read_all(cls: type[Model], path: Path) -> tuple[Model, dict[str, NDArray[Any]], dict[str, str]]:
    """Read a model, and return all the arrays and metadata of its file as well."""
    tensors, metadata = model_file.read(path)
    if metadata["kind"] != "word2vec":
        raise ValueError(f"{path} holds vectors without a model: read it with KeyedVectors.load")
    try:
        settings = Settings.from_dict(json.loads(metadata["settings"]))
        state = json.loads(metadata["state"])
        words = model_file.unpack_words(tensors)
        vectors, output, counts = tensors["vectors"], tensors["output_vectors"], tensors["counts"]
        dim = settings.vector_size
        if not vectors.shape == output.shape == (len(counts), dim) or len(words) != len(counts):
            raise ValueError("arrays do not fit together")
        # C relies on counts that fall, and on settings that were checked.
        if counts.dtype != np.int64 or (counts[1:] > counts[:-1]).any() or (counts < 0).any():
            raise ValueError("words are not in the order of their counts")
        model = cls.__new__(cls)
        model.settings = settings
        model.memory_budget = model.progress = model.trim_rule = model._corpus = model._run = None
        model.init_vectors, frozen = None, dict(state).get("frozen")
        model.frozen = None if frozen is None else check_words("frozen", frozen)
        model.history = list(state["history"])
        model.epochs_done = check_int("epochs_done", state["epochs_done"], 0, (1 << 63) - 1)
        model.corpus_count = check_int("corpus_count", state["corpus_count"], 0)
        model.corpus_total_words = check_int("corpus_total_words", state["corpus_total_words"], 0)
        in_vecs, out_vecs = empty_matrices(len(counts), settings)
        if settings.has_bias:
            out_vecs[:, dim] = tensors["output_biases"]
        in_vecs[:, :dim], out_vecs[:, :dim] = vectors, output
        memory = start_memory(len(counts), settings)
        if memory.states is not None:
            memory.states[0][:], memory.states[1][:] = tensors["input_states"], tensors["output_states"]
        if memory.nce_log_z is not None:
            memory.nce_log_z[:] = tensors["nce_log_z"]
        model._adopt(Vocabulary(words, counts, _raw_counts(tensors)), in_vecs, out_vecs, memory)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: damaged or incomplete model file ({error})") from error
    return model, tensors, metadata


def _raw_counts(tensors: Mapping[str, NDArray[Any]]) -> dict[str, int] | None:
    """The counts of all words, where they were kept."""
    if "raw_counts" not in tensors:
        return None
    words = model_file.unpack_words({name: tensors[f"raw_{name}"] for name in model_file.WORD_TENSORS})
    if tensors["raw_counts"].dtype != np.int64 or len(set(words)) < len(words):
        raise ValueError("the counts of all words are damaged")
    return dict(zip(words, tensors["raw_counts"].tolist(), strict=True))
