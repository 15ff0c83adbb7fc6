"""Probabilities of words in their context, by a trained model's output layer: exact, over the whole vocabulary.

`Word2Vec.predict_output_word`, `score` and `perplexity` are made of what stands here. Unlike training, windows do not
shrink, nothing is subsampled and nothing is drawn. Sums are in float64 and no exponential can overflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import _train
from fastw2v.corpus import Corpus, encode
from fastw2v.model_parts import ModelParts
from fastw2v.settings import check_int
from fastw2v.trainer import score_offsets

if TYPE_CHECKING:
    from fastw2v.vocabulary import Vocabulary

BLOCK_NUMBERS = 1 << 22  # scores that are held at once
PIECE_TOKENS = 10_000  # of a line that are worked on at once
LINE_END = -1


class OutputLayer:
    """log p(word | hidden vector) for all words at once."""

    def __init__(self, model: PredictionMixin) -> None:
        dim, counts = model.settings.vector_size, model._trained_vocabulary().counts
        self._vectors = model._out_vecs[:, :dim]
        self._paths = None
        if model.settings.loss == "hs":
            from scipy.sparse import (
                csr_array,
            )  # here because importing it takes as long as all the rest of the package

            offsets, nodes, codes = _train.tree_build(counts)
            # Going left at a node (code 0) is the label 1: log sigmoid(score); right, log sigmoid(-score).
            shape = len(offsets) - 1, max(1, len(offsets) - 2)
            self._paths = [
                csr_array(((codes == code).astype(np.float64), nodes, offsets), shape=shape)
                for code in (0, 1)
            ]
            self._vectors = self._vectors[: shape[1]]
        self._offsets = score_offsets(counts, model.settings)
        if model.settings.has_bias:
            self._offsets = self._offsets + model._out_vecs[:, dim]
        self.block_inputs = max(1, BLOCK_NUMBERS // len(counts))

    def log_probabilities(self, hidden: NDArray[np.float32]) -> NDArray[np.float64]:
        """For hidden vectors [n, D], log p of every word, [n, V]; each row sums to 1 when exponentiated."""
        scores = (hidden @ self._vectors.T).astype(np.float64)
        if self._paths is not None:
            left, right = -np.logaddexp(0, -scores), -np.logaddexp(0, scores)
            return np.asarray((self._paths[0] @ left.T + self._paths[1] @ right.T).T)
        scores += self._offsets
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return scores

    def log_probabilities_of(
        self, hidden: NDArray[np.float32], targets: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """The log p of one word for each hidden vector, [n]; works in blocks, so that n may be large."""
        found = np.empty(len(targets))
        for first in range(0, len(targets), self.block_inputs):
            part = slice(first, first + self.block_inputs)
            logs = self.log_probabilities(hidden[part])
            found[part] = logs[np.arange(len(logs)), targets[part]]
        return found


def hidden_vectors(
    model: PredictionMixin, contexts: NDArray[np.int32], starts: NDArray[np.int64], *, mean: bool
) -> NDArray[np.float32]:
    """The mean or sum of the context vectors contexts[starts[i] : starts[i + 1]], none of them empty, [n, D]."""
    vectors = model._in_vecs[:, : model.settings.vector_size]
    sums: NDArray[np.float32] = np.add.reduceat(vectors[contexts], starts[:-1], axis=0)
    if mean:
        sums /= np.diff(starts)[:, None].astype(np.float32)
    return sums


def windows_of_line(ids: NDArray[np.int32], window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(centre, context) places of a line for all pairs at most `window` apart, by centre and then by context."""
    reach = np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
    centers = np.repeat(np.arange(len(ids)), len(reach))
    contexts = (np.arange(len(ids))[:, None] + reach).ravel()
    inside = (contexts >= 0) & (contexts < len(ids))
    return centers[inside], contexts[inside]


def log_probabilities_of_line(
    model: PredictionMixin, layer: OutputLayer, line: NDArray[np.int32]
) -> NDArray[np.float64]:
    """The log-probabilities of a line's predictions: of its pairs for skip-gram, of its centres for CBOW.

    A long line is worked off in pieces that see each other's words, so that memory stays bounded.
    """
    pieces = []
    for first in range(0, len(line), PIECE_TOKENS):
        low = max(0, first - model.settings.window)
        ids = line[low : first + PIECE_TOKENS + model.settings.window]
        centers, contexts = windows_of_line(ids, model.settings.window)
        inside = (centers >= first - low) & (centers < first - low + PIECE_TOKENS)
        if inside.any():
            pieces.append(_log_probabilities(model, layer, ids, centers[inside], contexts[inside]))
    return np.concatenate(pieces) if pieces else np.empty(0)


def _log_probabilities(
    model: PredictionMixin,
    layer: OutputLayer,
    ids: NDArray[np.int32],
    centers: NDArray[np.int64],
    contexts: NDArray[np.int64],
) -> NDArray[np.float64]:
    if model.settings.model == "cbow":
        starts = np.append(np.flatnonzero(np.diff(centers, prepend=-1)), len(centers))
        hidden = hidden_vectors(model, ids[contexts], starts, mean=bool(model.settings.cbow_mean))
        return layer.log_probabilities_of(hidden, ids[centers[starts[:-1]]])
    # A word's vector is the input whatever it predicts: each is scored against the vocabulary once.
    words, inputs = np.unique(ids[contexts], return_inverse=True)
    found = np.empty(len(centers))
    step = layer.block_inputs
    for first in range(0, len(words), step):
        logs = layer.log_probabilities(
            model._in_vecs[words[first : first + step], : model.settings.vector_size]
        )
        here = (inputs >= first) & (inputs < first + step)
        found[here] = logs[inputs[here] - first, ids[centers[here]]]
    return found


def lines_of(ids: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    """The lines of a flat array of ids."""
    start = 0
    for end in np.append(np.flatnonzero(ids == LINE_END), len(ids)):
        yield np.asarray(ids[start:end])
        start = end + 1


class PredictionMixin(ModelParts):
    """What a model with an output layer can say about words in their context; `Word2Vec` is made with it."""

    def predict_output_word(
        self, context_words_list: Sequence[str | int], topn: int = 10
    ) -> list[tuple[str, float]]:
        """The most probable words in a context, with their probabilities over the whole vocabulary.

        The context is the mean of its words' vectors (the sum for ``cbow_mean=0``), for skip-gram too, as in gensim.
        DIFFERS: gensim leaves out the noise distribution q(w), so that its probabilities are not those the model
        was trained for; here p(w) is proportional to exp(score) q(w) for the losses that draw noise words
        (Levy & Goldberg, NIPS 2014). Words outside the vocabulary are left out.

        Raises
        ------
        ValueError
            No word of the context is in the vocabulary (gensim: a warning and None), or there is none.
        """
        topn = check_int("topn", topn, 1)
        self._trained_vocabulary()
        if isinstance(context_words_list, (str, bytes)):
            raise TypeError("the context must be a list of words, not a string: split it first")
        ids = [self._id_of(word) for word in context_words_list]
        known = np.array([id for id in ids if id is not None], dtype=np.int32)
        if not len(known):
            raise ValueError(
                "no word of the context is in the vocabulary"
                if ids
                else "the context is empty: give some words"
            )
        mean = self.settings.model == "sg" or bool(self.settings.cbow_mean)
        hidden = hidden_vectors(self, known, np.array([0, len(known)]), mean=mean)
        logs = OutputLayer(self).log_probabilities(hidden)[0]
        best = np.lexsort((np.arange(len(logs)), -logs))[:topn]
        return [(self.wv.index_to_key[id], float(np.exp(logs[id]))) for id in best]

    def score(
        self,
        sentences: Iterable[Sequence[str]],
        total_sentences: int = int(1e6),
        chunksize: int = 100,
        queue_factor: int = 2,
        report_delay: float = 1,
    ) -> NDArray[np.float64]:
        """The log-probability (natural logarithm) of each sentence under the model, [n].

        The sum of log p over all pairs within the window for skip-gram, over all centres for CBOW, normalised over the
        whole vocabulary. Words outside it are left out. DIFFERS: gensim knows it for hierarchical softmax only. All
        sentences are scored; arguments other than `sentences` are for gensim's sake.
        """
        self._trained_vocabulary()
        layer, scores = OutputLayer(self), []
        for sentence in sentences:
            if isinstance(sentence, (str, bytes)):
                raise TypeError("a sentence must be a list of words, not a string: split it first")
            ids = [self._id_of(word) for word in sentence]
            line = np.array([id for id in ids if id is not None], dtype=np.int32)
            scores.append(log_probabilities_of_line(self, layer, line).sum())
        return np.array(scores, dtype=np.float64)

    def perplexity(self, sentences: Iterable[Sequence[str]] | None = None, corpus_file: Any = None) -> float:
        """The exp of the mean negative log-probability of a prediction on a corpus, such as a held-out one.

        Predictions are those of `score`. It takes a product with the whole vocabulary for each of them.

        Raises
        ------
        ValueError
            The corpus has no two words of the vocabulary within a window.
        """
        corpus = encode(
            Corpus.open(sentences, corpus_file),
            self._trained_vocabulary(),
            n_threads=self.settings.workers,
            memory_budget=self.memory_budget,
            progress=False,
        )
        layer, total, n = OutputLayer(self), 0.0, 0
        for line in lines_of(corpus.ids):
            logs = log_probabilities_of_line(self, layer, line)
            total, n = total + logs.sum(), n + len(logs)
        if n == 0:
            raise ValueError("the corpus has no two words of the vocabulary within a window")
        return float(np.exp(-total / n))

    def _id_of(self, word: str | int) -> int | None:
        if isinstance(word, str):
            return self.wv.key_to_index.get(word)
        return check_int("a word's id", word, 0, len(self.wv) - 1)

    def _trained_vocabulary(self) -> Vocabulary:
        if self._vocabulary is None:
            raise RuntimeError("there is nothing to predict with yet: the model has no vocabulary")
        return self._vocabulary
