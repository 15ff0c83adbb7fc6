"""Copies and pickles of a `Word2Vec`, and what happens to a model whose vectors were changed by hand.

A model's vectors are views of matrices whose rows are padded and aligned for the training kernels: a copy takes the
numbers and puts them into matrices of its own. As in a file of `save`, the corpus is not part of it, and neither is
`trim_rule`, which may be a function that cannot be pickled. For what lasts, use `save`: a pickle is read by the same
version of the package only, and runs code when it is loaded.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastw2v.model_parts import ModelParts
from fastw2v.trainer import Memory, empty_matrices, start_memory

_LEFT_BEHIND = ("_corpus", "trim_rule", "_run")


class CopyingMixin(ModelParts):
    """Copying and pickling for `Word2Vec`."""

    def __copy__(self) -> Any:
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: None if name in _LEFT_BEHIND else value for name, value in vars(self).items()}
        if self._vocabulary is not None:
            self._check_vectors_are_its_own("copied")
            del state["_in_vecs"]  # their numbers are in wv
            state["_out_vecs"] = self._out_vecs[:, : self.settings.vector_size + self.settings.has_bias]
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        if self._vocabulary is None:
            return
        dim = self.settings.vector_size
        n_words, n_columns = self._out_vecs.shape
        in_vecs, out_vecs = empty_matrices(n_words, self.settings)
        in_vecs[:, :dim], out_vecs[:, :n_columns] = self.wv.vectors, self._out_vecs
        self._in_vecs, self._out_vecs = in_vecs, out_vecs
        self.wv.vectors = in_vecs[:, :dim]
        memory = start_memory(n_words, self.settings)
        for mine, other in zip(_arrays(memory), _arrays(self._memory), strict=True):
            mine[:] = other
        self._memory = memory


def _arrays(memory: Memory) -> list[np.ndarray]:
    return [*(memory.states or ()), *(() if memory.nce_log_z is None else (memory.nce_log_z,))]
