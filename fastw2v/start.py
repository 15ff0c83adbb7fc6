"""The parts of a model whose vocabulary is new, has grown, or starts from vectors that are there already.

Arrays go in and come out; what they belong to is vocabulary_building.py's business.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v.keyedvectors import KeyedVectors
from fastw2v.settings import Settings
from fastw2v.trainer import Memory, start_biases, start_matrices, start_memory, start_vectors
from fastw2v.vocabulary import Vocabulary

Parts = tuple[NDArray[np.float32], NDArray[np.float32], Memory]
InitVectors = KeyedVectors | str | os.PathLike[str]


def start_parts(vocabulary: Vocabulary, settings: Settings, init: KeyedVectors | None) -> Parts:
    """Both matrices and the memory of an untrained model."""
    in_vecs, out_vecs = start_matrices(vocabulary.counts, settings)
    if init is not None:
        put_vectors(init, vocabulary.words, np.arange(len(vocabulary)), in_vecs[:, : settings.vector_size])
    return in_vecs, out_vecs, start_memory(len(vocabulary), settings)


def grow_parts(
    old: Vocabulary, new: Vocabulary, settings: Settings, parts: Parts, init: KeyedVectors | None
) -> Parts:
    """
    Move the rows of all old words to where they are in the new vocabulary, and start those of new words.

    Old rows keep every bit: vectors, output vectors, biases, what the optimizer remembers. New words start as those of
    a new model do, from other random numbers.
    """
    dim = settings.vector_size
    moved = np.fromiter((new.id_of[word] for word in old.words), np.int64, len(old))
    is_new = np.ones(len(new), bool)
    is_new[moved] = False
    new_ids = np.flatnonzero(is_new)
    in_vecs, out_vecs, memory = start_parts(new, settings, None)
    start = np.empty((len(new_ids), dim), np.float32)
    start_vectors(start, settings, len(old))
    in_vecs[new_ids, :dim] = start
    out_vecs[new_ids, :dim] = 0
    if settings.has_bias:
        out_vecs[new_ids, dim] = start_biases(new.counts, settings)[new_ids]
    in_vecs[moved], out_vecs[moved] = parts[0], parts[1]
    if memory.states is not None and parts[2].states is not None:
        for grown, state in zip(memory.states, parts[2].states, strict=True):
            grown[moved] = state
    if memory.nce_log_z is not None and parts[2].nce_log_z is not None:
        memory.nce_log_z[:] = parts[2].nce_log_z
    if init is not None:
        put_vectors(init, new.words, new_ids, in_vecs[:, :dim])
    return in_vecs, out_vecs, memory


def read_vectors(init_vectors: InitVectors | None, vector_size: int) -> KeyedVectors | None:
    """
    Open what the user has given as `init_vectors`, and check it.

    Raises
    ------
    OSError, ValueError, TypeError
        The file cannot be read, the vectors have another size or are not finite, or this is something else.
    """
    if init_vectors is None:
        return None
    vectors: Any = init_vectors
    if isinstance(vectors, (str, os.PathLike)):
        path = Path(vectors)
        if ".safetensors" in path.suffixes:
            vectors = KeyedVectors.load(path)
        else:
            vectors = KeyedVectors.load_word2vec_format(path, binary=".bin" in path.suffixes)
    if not hasattr(vectors, "key_to_index") or not hasattr(vectors, "vectors"):
        raise TypeError(f"init_vectors must be KeyedVectors or the path of a file of them, not {vectors!r}")
    if vectors.vectors.ndim != 2 or vectors.vectors.shape[1] != vector_size:
        raise ValueError(
            f"init_vectors have {vectors.vectors.shape[-1]} dimensions, but vector_size is {vector_size}"
        )
    return vectors  # type: ignore[no-any-return]


def put_vectors(
    init: KeyedVectors, words: list[str], ids: NDArray[np.int64], in_vecs: NDArray[np.float32]
) -> None:
    """Copy the vectors of those words `ids` that `init` has into `in_vecs` [V, D]; warn if it has none of them."""
    pairs = [(id, row) for id in ids.tolist() if (row := init.key_to_index.get(words[id])) is not None]
    if not pairs:
        if len(ids):
            warnings.warn("init_vectors: they have none of the words, which start at random", stacklevel=2)
        return
    targets, rows = np.array(pairs).T
    found = np.asarray(init.vectors[rows], np.float32)
    if not np.isfinite(found).all():
        raise ValueError("init_vectors: a vector is not finite")
    in_vecs[targets] = found
