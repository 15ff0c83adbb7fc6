"""Any order of build_vocab, updates, training, freezing, saving and loading: a model against a shadow of dictionaries.

The long version: `pytest tests/test_model_machine.py --hypothesis-profile=long` (2,000 runs).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fastw2v import Callback, EmptyVocabularyError, Word2Vec

WORDS = ["a", "b", "c", "d", "é", "\udcff", "日本", "word with a space"]
words = st.sampled_from(WORDS)
sentences = st.lists(st.lists(words, max_size=8), min_size=1, max_size=8)
LAYERS = [{"loss": "ns", "negative": 2}, {"loss": "hs"}, {"loss": "nce", "negative": 1, "nce_z": "learn"}]
LAYERS += [{"loss": "blackout", "negative": 1}, {"loss": "softmax"}]


class Pause(Callback):
    every = 1

    def on_interval(self, model: Word2Vec) -> None:
        assert model.alpha > 0


class ModelMachine(RuleBasedStateMachine):
    """The shadow: what each word was counted, which words are in the vocabulary, and which vectors they have."""

    @initialize(
        layer=st.sampled_from(LAYERS),
        sg=st.integers(0, 1),
        optimizer=st.sampled_from(["sgd", "adam", "adagrad"]),
        workers=st.sampled_from([1, 1, 2]),
        min_count=st.integers(1, 3),
        keep_raw=st.booleans(),
    )
    def begin(self, layer, sg, optimizer, workers, min_count, keep_raw):
        self.folder = tempfile.TemporaryDirectory()
        self.model = Word2Vec(
            vector_size=5,
            sg=sg,
            min_count=min_count,
            workers=workers,
            optimizer=optimizer,
            progress=False,
            **layer,
        )
        self.keep_raw = keep_raw
        self.counted: dict[str, int] = {}
        self.vocabulary: dict[str, int] = {}
        self.vectors: dict[str, bytes] = {}
        self.n_epochs = 0

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    # ---- what the shadow expects ----

    def count(self, met: dict[str, int], update: bool) -> dict[str, int]:
        """The vocabulary after these words were met."""
        before = self.counted if update else {}
        known = {word: before.get(word, 0) + met.get(word, 0) for word in [*before, *met]}
        old = self.vocabulary if update else {}
        return {
            word: count for word, count in known.items() if word in old or count >= self.model.min_count
        }, known

    def build(self, met: dict[str, int], update: bool, call) -> None:
        expected, known = self.count(met, update)
        if update and self.model.hs and self.n_epochs:
            with pytest.raises(ValueError, match="Huffman"):
                call()
        elif not expected or not met:
            with pytest.raises(EmptyVocabularyError):
                call()
        else:
            call()
            self.vocabulary = expected
            self.counted = known if self.keep_raw else dict(expected)
            if not update:
                self.vectors, self.n_epochs = {}, 0
            for word, vector in self.vectors.items():
                assert self.model.wv[word].tobytes() == vector, "an old row has changed"
        self.remember()

    def remember(self) -> None:
        self.vectors = {word: self.model.wv[word].tobytes() for word in self.vocabulary}

    # ---- what may happen ----

    @rule(text=sentences, update=st.booleans())
    def build_vocab(self, text, update):
        update = update and bool(self.vocabulary)
        met = {word: sum(line.count(word) for line in text) for line in text for word in line}
        self.build(
            met, update, lambda: self.model.build_vocab(text, update=update, keep_raw_vocab=self.keep_raw)
        )

    @rule(counts=st.dictionaries(words, st.integers(0, 5)), update=st.booleans())
    def build_vocab_from_freq(self, counts, update):
        update = update and bool(self.vocabulary)
        self.build(
            counts,
            update,
            lambda: self.model.build_vocab_from_freq(counts, keep_raw_vocab=self.keep_raw, update=update),
        )

    @precondition(lambda self: self.vocabulary)
    @rule(text=st.none() | sentences, epochs=st.integers(1, 3), frozen=st.sets(words), pauses=st.booleans())
    def train(self, text, epochs, frozen, pauses):
        at_hand = self.model._corpus is not None if text is None else True
        n_tokens = 0
        if text is not None:
            n_tokens = sum(word in self.vocabulary for line in text for word in line)
        elif at_hand:
            n_tokens = self.model._corpus[1].n_tokens
        arguments = {"epochs": epochs, "frozen": list(frozen), "callbacks": [Pause()] if pauses else []}
        if pauses:
            arguments |= {"checkpoint": Path(self.folder.name) / "run", "checkpoint_every": 1}
        if not at_hand or not n_tokens:
            with pytest.raises(ValueError, match="give a corpus|no word of the corpus"):
                self.model.train(text, **arguments)
            return
        if self.model.settings.negative > len(self.vocabulary) and self.model.settings.has_bias:
            with pytest.raises(ValueError, match="negative"):
                self.model.train(text, **arguments)
            return
        assert self.model.train(text, **arguments)[0] == n_tokens * epochs
        self.n_epochs += epochs
        for word in frozen & self.vocabulary.keys():
            assert self.model.wv[word].tobytes() == self.vectors[word], "a frozen row has changed"
        self.remember()

    @precondition(lambda self: self.vocabulary)
    @rule()
    def save_and_load(self):
        path = Path(self.folder.name) / "model.safetensors"
        self.model.save(path)
        loaded = Word2Vec.load(path)
        for now, then in zip(self.arrays(loaded), self.arrays(self.model), strict=True):
            assert now.tobytes() == then.tobytes()
        assert loaded.history == self.model.history
        self.model = loaded

    @precondition(lambda self: self.vocabulary)
    @rule(sg=st.integers(0, 1))
    def reset_from_another(self, sg):
        other = Word2Vec(
            vector_size=5,
            sg=sg,
            min_count=self.model.min_count,
            loss="ns",
            negative=2,
            workers=1,
            progress=False,
        )
        other.reset_from(self.model)
        self.model, self.n_epochs = other, 0
        self.remember()

    # ---- what always holds ----

    @staticmethod
    def arrays(model: Word2Vec) -> list[np.ndarray]:
        memory = model._memory
        log_z = [] if memory.nce_log_z is None else [memory.nce_log_z]
        return [model._in_vecs, model._out_vecs, *(memory.states or ()), *log_z]

    @invariant()
    def the_vocabulary_is_that_of_the_shadow(self):
        wv = self.model.wv
        ranked = sorted(
            self.vocabulary, key=lambda w: (-self.vocabulary[w], w.encode("utf-8", "surrogateescape"))
        )
        assert wv.index_to_key == ranked
        assert [int(wv.get_vecattr(word, "count")) for word in ranked] == [
            self.vocabulary[word] for word in ranked
        ]
        assert self.model.raw_vocab == (self.counted if self.keep_raw else {})

    @invariant()
    def numbers_are_finite_and_padding_is_zero(self):
        if not self.vocabulary:
            return
        model, dim = self.model, self.model.vector_size
        assert all(np.isfinite(array).all() for array in self.arrays(model))
        assert np.shares_memory(model.wv.vectors, model._in_vecs)
        assert not model._in_vecs[:, dim + model.settings.has_bias :].any()
        assert not model._out_vecs[:, dim + model.settings.has_bias :].any()
        assert model._in_vecs.shape == model._out_vecs.shape == (len(self.vocabulary), 16)

    @invariant()
    def history_counts_epochs(self):
        assert [entry["epoch"] for entry in self.model.history] == list(range(1, self.n_epochs + 1))
        assert self.model.epochs_done == self.n_epochs


TestModelMachine = ModelMachine.TestCase
# A run is a dozen calls: fewer of them than of a profile's simple examples.
TestModelMachine.settings = settings(
    max_examples=max(10, settings().max_examples // 4), stateful_step_count=12, deadline=None
)
