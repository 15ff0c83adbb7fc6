"""How a model gets its vocabulary: from text, from counts, or from another model.

Counting and choosing words is corpus.py's and vocabulary.py's work, starting vectors start.py's; this mixin of
`Word2Vec` puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastw2v import _train
from fastw2v.corpus import Corpus, EncodedCorpus, build_vocabulary
from fastw2v.id_cache import IdCache
from fastw2v.model_parts import ModelParts, Sentences, TrimRule
from fastw2v.settings import check_int
from fastw2v.start import grow_parts, read_vectors, start_parts
from fastw2v.vocabulary import Vocabulary, vocabulary_from_counts

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
        """Count the words of a corpus, encode it, and start the vectors; or let the vocabulary grow.

        Parameters
        ----------
        corpus_iterable, corpus_file
            As `sentences` and `corpus_file` of the class; exactly one of them.
        update : bool, default False
            Add to the vocabulary that is there. The counts of this corpus are added to those of earlier ones; words
            that are frequent enough now join; all earlier words stay, with every bit of what was learnt about them,
            whatever `min_count` and `trim_rule` say. DIFFERS: gensim asks for `min_count` within the new corpus, and
            puts new words at the end; here words are ranked by their counts, as always, so ids change.
        keep_raw_vocab : bool, default False
            Keep the counts of all words of the corpus, also of those that are left out, in `raw_vocab`. Words that were
            left out join later, in an update, when all their counts together are enough. Without, an update begins to
            count them anew, as in gensim. Once kept, they are kept in updates as well.
        trim_rule : callable, optional
            Instead of the model's.
        progress_per
            For gensim's sake; without effect.

        Raises
        ------
        EmptyVocabularyError
            The corpus is empty, or no word is kept.
        RuntimeError
            There is nothing to update yet, or the model is being trained.
        ValueError
            An update after training hierarchical softmax: its nodes belong to the tree of the old counts, and what they
            have learnt cannot be carried over to another tree.
        """
        corpus = Corpus.open(corpus_iterable, corpus_file)
        self._build(corpus, trim_rule, keep_raw_vocab, update=update)

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
        RuntimeError, ValueError
            As for `build_vocab`.
        """
        old = self._to_be_updated(update)
        n_lines = 0 if corpus_count is None else check_int("corpus_count", corpus_count, 0)
        self._take(vocabulary_from_counts(word_freq, self._rules(trim_rule), keep_raw_vocab, old), old)
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
        self._refuse_while_training("building a vocabulary")
        self._take(other_model._vocabulary, None)
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
            at hand; ``total``. DIFFERS: exact but for ``vocab``; gensim leaves out what pads the rows. What threads
            keep for themselves while they train is not the model's: some MB, up to 512 if ``deterministic``.
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

    def _build(
        self, corpus: Corpus, trim_rule: TrimRule | None, keep_raw: bool = False, *, update: bool = False
    ) -> EncodedCorpus:
        old = self._to_be_updated(update)
        rules = self._rules(trim_rule)
        is_whole = old is None and not keep_raw  # what a cache has; not the counts of words that are left out
        cache = IdCache.beside(corpus, rules, self.cache_ids if is_whole else False)
        found = None if cache is None else cache.read(self.settings.workers)
        vocabulary, encoded = found or build_vocabulary(
            corpus,
            min_count=rules.min_count,
            max_final_vocab=rules.max_final_vocab,
            trim_rule=rules.trim_rule,
            raw_counts=keep_raw,
            old=old,
            n_threads=self.settings.workers,
            memory_budget=self.memory_budget,
            progress=self.progress,
        )
        if cache is not None and found is None:
            cache.write(vocabulary, encoded)
        self._take(vocabulary, old)
        self._corpus = corpus, encoded
        self.corpus_count, self.corpus_total_words = encoded.n_lines, encoded.n_raw_words
        return encoded

    def _to_be_updated(self, update: bool) -> Vocabulary | None:
        """The vocabulary that is to grow, or None where a new one is wanted; refuses what cannot be."""
        self._refuse_while_training("building a vocabulary")
        if not update:
            return None
        if self._vocabulary is None:
            raise RuntimeError("update=True: there is no vocabulary to update yet; leave it out at first")
        self._check_vectors_are_its_own("given more words")
        if self.settings.loss == "hs" and self.epochs_done:
            raise ValueError(
                "update=True: hierarchical softmax has learnt the nodes of a Huffman tree that new counts would change;"
                " build a new model on all the text, or use negative sampling for a vocabulary that grows"
            )
        return self._vocabulary

    def _take(self, vocabulary: Vocabulary, old: Vocabulary | None) -> None:
        """Begin with these words, or go on with them; nothing of the model is touched before all memory is there."""
        init = read_vectors(self.init_vectors, self.settings.vector_size)
        if old is None:
            self._adopt(vocabulary, *start_parts(vocabulary, self.settings, init))
            self.epochs_done, self.history, self._run = 0, [], None
            return
        parts = self._in_vecs, self._out_vecs, self._memory
        more, locked = self.wv.expandos, self.wv.locked_rows()
        self._adopt(vocabulary, *grow_parts(old, vocabulary, self.settings, parts, init))
        moved = [self.wv.key_to_index[word] for word in old.words]
        for name in more.keys() - self.wv.expandos.keys():
            self.wv.expandos[name] = np.zeros(len(vocabulary), more[name].dtype)
            self.wv.expandos[name][moved] = more[name]
        if locked.any():
            self.wv.vectors_lockf = np.ones(len(vocabulary), np.float32)
            self.wv.vectors_lockf[moved] = 1 - locked
