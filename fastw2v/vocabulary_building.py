"""How a model gets its vocabulary: from text, from counts, or from another model.

Counting and choosing words is corpus.py's and vocabulary.py's work; this mixin of `Word2Vec` starts the vectors of
the words that were chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastw2v import _train
from fastw2v.corpus import Corpus, EncodedCorpus, build_vocabulary
from fastw2v.model_parts import ModelParts, Sentences, TrimRule
from fastw2v.settings import check_int
from fastw2v.trainer import start_matrices, start_memory
from fastw2v.vocabulary import Vocabulary, VocabularyRules, vocabulary_from_counts

WORD_BYTES = 250  # about what Python needs for a word in a list and a dictionary, with its counts and norms


class VocabularyMixin(ModelParts):
    """The vocabulary of a model."""

    def build_vocab(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: Any = None,
        update: bool = False,
        progress_per: int = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
    ) -> None:
        """Count the words of a corpus, encode it, and start the vectors.

        Parameters
        ----------
        corpus_iterable, corpus_file
            As `sentences` and `corpus_file` of the class; exactly one of them.
        update : bool, default False
            Adding words to a vocabulary is not supported yet.
        keep_raw_vocab : bool, default False
            Keep the counts of all words of the corpus, also of those that are left out, in `raw_vocab`.
        trim_rule : callable, optional
            Instead of the model's.
        progress_per
            For gensim's sake; without effect.
        """
        if update:
            raise NotImplementedError(
                "build_vocab(update=True) is not supported yet: build a new model on all the text"
            )
        self._refuse_while_training("build_vocab()")
        self._build(Corpus.open(corpus_iterable, corpus_file), trim_rule or self.trim_rule, keep_raw_vocab)

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[str, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """Make the vocabulary of counts that are there already, and start the vectors. `train` then wants a corpus.

        Parameters
        ----------
        word_freq : mapping of str to int
            Words, and how often each occurs.
        keep_raw_vocab, trim_rule, update
            As for `build_vocab`.
        corpus_count : int, optional
            What the attribute of this name shall be: sentences of the corpus that was counted. Default 0.

        Raises
        ------
        EmptyVocabularyError
            No word is frequent enough.
        TypeError, ValueError
            Words are not str, or counts not whole numbers >= 0.
        """
        if update:
            raise NotImplementedError(
                "build_vocab_from_freq(update=True) is not supported yet: build a new model on all the text"
            )
        self._refuse_while_training("build_vocab_from_freq()")
        n_lines = 0 if corpus_count is None else check_int("corpus_count", corpus_count, 0)
        vocabulary = vocabulary_from_counts(word_freq, self._rules(trim_rule), keep_raw_vocab)
        self._start(vocabulary)
        self._corpus = None
        self.corpus_count, self.corpus_total_words = n_lines, sum(word_freq.values())

    def reset_from(self, other_model: VocabularyMixin) -> None:
        """Take over another model's vocabulary, and its corpus as far as it is at hand; start the vectors anew.

        Settings stay this model's own, `min_count` among them, which has no effect here. DIFFERS: in gensim both models
        then share what they know of words, and neither may change it; here neither can change the other's.

        Raises
        ------
        RuntimeError
            The other model has no vocabulary.
        """
        if other_model._vocabulary is None:
            raise RuntimeError("there is nothing to take over: the other model has no vocabulary")
        self._refuse_while_training("reset_from()")
        self._start(other_model._vocabulary)
        self._corpus = other_model._corpus
        self.corpus_count, self.corpus_total_words = other_model.corpus_count, other_model.corpus_total_words

    @property
    def raw_vocab(self) -> dict[str, int]:
        """Counts of all words met, where `keep_raw_vocab` asked for them; else empty."""
        raw = None if self._vocabulary is None else self._vocabulary.raw_counts
        return raw or {}

    def estimate_memory(
        self, vocab_size: int | None = None, report: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """Bytes of memory that a model with these settings takes.

        Parameters
        ----------
        vocab_size : int, optional
            Words V. Default: those of the vocabulary.
        report : mapping of str to int, optional
            More to add to the total.

        Returns
        -------
        dict of str to int
            ``vocab`` (roughly), ``vectors``, ``syn1`` (hierarchical softmax) or ``syn1neg`` (all other losses) for the
            output vectors, ``optimizer`` where it remembers something, ``corpus`` for the ids of a corpus that is
            at hand; ``total``. DIFFERS: exact but for ``vocab``; gensim leaves out what pads the rows.
        """
        n_words = len(self.wv) if vocab_size is None else check_int("vocab_size", vocab_size, 0)
        settings = self.settings
        align, n_columns = _train.ROW_ALIGN, settings.vector_size + settings.has_bias
        stride = -(-n_columns // align) * align
        matrix = n_words * stride * 4
        bytes_of = dict(report or {})
        bytes_of |= {"vocab": n_words * WORD_BYTES, "vectors": matrix}
        bytes_of["syn1" if settings.loss == "hs" else "syn1neg"] = matrix
        if state_stride := _train.state_stride(settings.optimizer, stride):
            bytes_of["optimizer"] = 2 * n_words * state_stride * 4
        if self._corpus is not None:
            bytes_of["corpus"] = self._corpus[1].ids.nbytes
        bytes_of["total"] = sum(bytes_of.values())
        return bytes_of

    def _rules(self, trim_rule: TrimRule | None) -> VocabularyRules:
        settings = self.settings
        return VocabularyRules(settings.min_count, settings.max_final_vocab, trim_rule or self.trim_rule)

    def _build(self, corpus: Corpus, trim_rule: TrimRule | None, keep_raw: bool = False) -> EncodedCorpus:
        vocabulary, encoded = build_vocabulary(
            corpus,
            min_count=self.settings.min_count,
            max_final_vocab=self.settings.max_final_vocab,
            trim_rule=trim_rule,
            raw_counts=keep_raw,
            n_threads=self.settings.workers,
            memory_budget=self.memory_budget,
            progress=self.progress,
        )
        self._start(vocabulary)
        self._corpus = corpus, encoded
        self.corpus_count, self.corpus_total_words = encoded.n_lines, encoded.n_raw_words
        return encoded

    def _start(self, vocabulary: Vocabulary) -> None:
        """Begin with these words; nothing of an earlier vocabulary is touched before all memory is there."""
        in_vecs, out_vecs = start_matrices(vocabulary.counts, self.settings)
        self._adopt(vocabulary, in_vecs, out_vecs, start_memory(len(vocabulary), self.settings))
        self.epochs_done, self.history, self._run = 0, [], None
