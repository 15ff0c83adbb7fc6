"""What a `Word2Vec` is made of, declared once for the mixins that make it: vocabulary, training, prediction.

The parts are replaced together, in `_adopt`, when all that needs memory is done: ids that do not fit the matrices
would be fatal, and an error must leave the model as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v.corpus import Corpus, EncodedCorpus, encode
from fastw2v.epochs import Position
from fastw2v.id_cache import IdCache
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.settings import Settings
from fastw2v.start import InitVectors
from fastw2v.trainer import Memory
from fastw2v.vocabulary import Vocabulary, VocabularyRules

Sentences = Iterable[Sequence[str]]
TrimRule = Callable[[str, int, int], int]


@dataclass
class Run:
    """A call of `train`: the one that is under way, or the latest."""

    position: Position
    start_alpha: float
    end_alpha: float
    frozen: NDArray[np.uint8] | None = None
    """[V] 1 for the words whose vectors stay."""
    is_active: bool = field(default=False, init=False)
    is_stopping: bool = field(default=False, init=False)

    @property
    def alphas(self) -> tuple[float, float]:
        """The learning rate at the start and at the end of all epochs."""
        return self.start_alpha, self.end_alpha


class ModelParts:
    """The parts of a model, and how they are replaced."""

    settings: Settings
    wv: KeyedVectors
    history: list[dict[str, float]]
    epochs_done: int
    corpus_count: int
    corpus_total_words: int
    memory_budget: int | None
    cache_ids: bool | str | os.PathLike[str] = False
    progress: bool | None
    trim_rule: TrimRule | None
    init_vectors: InitVectors | None
    frozen: list[str] | None
    _vocabulary: Vocabulary | None
    _in_vecs: NDArray[np.float32]
    _out_vecs: NDArray[np.float32]
    _memory: Memory
    _corpus: tuple[Corpus, EncodedCorpus] | None
    """The last one encoded, and what it was made from."""
    _run: Run | None

    def _refuse_while_training(self, what: str) -> None:
        if self._run is not None and self._run.is_active:
            raise RuntimeError(f"the model is being trained: {what} has to wait until train() has returned")

    def _check_vectors_are_its_own(self, what: str) -> None:
        """Refuse to go on with a model when the words of `wv` were added to, sorted or given another matrix.

        Raises
        ------
        RuntimeError
            `wv` does not show the model's matrix any more.
        """
        own = self._in_vecs[:, : self.settings.vector_size]
        if self.wv.vectors.shape != own.shape or not np.may_share_memory(self.wv.vectors, own):
            raise RuntimeError(
                f"the model cannot be {what}: words were added to model.wv or sorted, or its matrix was replaced, and"
                " the model has no output vectors that belong to it. Keep the words with model.wv.save(); to keep the"
                " model, change a copy: copy.deepcopy(model.wv)"
            )

    def _adopt(
        self,
        vocabulary: Vocabulary,
        in_vecs: NDArray[np.float32],
        out_vecs: NDArray[np.float32],
        memory: Memory,
    ) -> None:
        """Take parts that fit together; nothing here can fail once the vectors have their words."""
        self.wv = KeyedVectors.from_arrays(
            vocabulary.words, in_vecs[:, : self.settings.vector_size], vocabulary.counts
        )
        self._vocabulary, self._in_vecs, self._out_vecs = vocabulary, in_vecs, out_vecs
        self._memory = memory

    def _encoded(self, corpus_iterable: Sentences | None, corpus_file: Any) -> EncodedCorpus:
        """The corpus as ids: the one at hand where it is certain to be the same, else freshly encoded."""
        if corpus_iterable is None and corpus_file is None:
            if self._corpus is None:
                raise ValueError(
                    "give a corpus: the one that the vocabulary was built from is not at hand any more"
                )
            return self._corpus[1]
        return self._encode(Corpus.open(corpus_iterable, corpus_file))

    def _encode(self, corpus: Corpus) -> EncodedCorpus:
        assert self._vocabulary is not None
        if self._corpus is None or not corpus.is_same_as(self._corpus[0]):
            encoded = self._encoded_before(corpus) or encode(
                corpus,
                self._vocabulary,
                n_threads=self.settings.workers,
                memory_budget=self.memory_budget,
                progress=self.progress,
            )
            self._corpus = corpus, encoded
        return self._corpus[1]

    def _encoded_before(self, corpus: Corpus) -> EncodedCorpus | None:
        """The ids that `cache_ids` has kept, if they are those of this vocabulary's words."""
        assert self._vocabulary is not None
        if self.trim_rule is not None or corpus.signature is None:
            return None
        cache = IdCache.beside(corpus, self._rules(None), self.cache_ids)
        found = None if cache is None else cache.read(self.settings.workers)
        return found[1] if found is not None and found[0].words == self._vocabulary.words else None

    def _rules(self, trim_rule: TrimRule | None) -> VocabularyRules:
        return VocabularyRules(
            self.settings.min_count, self.settings.max_final_vocab, trim_rule or self.trim_rule
        )
