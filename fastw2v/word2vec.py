"""`Word2Vec`: gensim 4's interface over the C trainer.

It checks the arguments of the constructor, and hands out what was learnt. The rest are its mixins: where the vocabulary
comes from (vocabulary_building.py), how it is trained (training.py), what it says about words in context (predict.py).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import word2vec_file
from fastw2v.callbacks import CallbackList
from fastw2v.checkpoint import Checkpoint
from fastw2v.corpus import Corpus
from fastw2v.epochs import Position
from fastw2v.id_cache import check_cache
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.model_copying import CopyingMixin
from fastw2v.model_parts import Run, Sentences, TrimRule
from fastw2v.predict import PredictionMixin
from fastw2v.sentences import LineSentence as LineSentence  # gensim.models.word2vec has these names
from fastw2v.sentences import PathLineSentences as PathLineSentences
from fastw2v.sentences import Text8Corpus as Text8Corpus
from fastw2v.settings import (
    DEFAULT_ALPHA,
    DEFAULT_NEGATIVE,
    DEFAULT_NS_EXPONENT,
    Settings,
    check_int,
    check_which,
    check_words,
)
from fastw2v.start import InitVectors
from fastw2v.training import TrainingMixin
from fastw2v.vocabulary_building import VocabularyMixin

Path = str | os.PathLike[str]


def _setting(name: str, doc: str) -> Any:
    return property(lambda self: getattr(self.settings, name), doc=doc)


class Word2Vec(VocabularyMixin, TrainingMixin, PredictionMixin, CopyingMixin):
    """Word vectors by skip-gram or CBOW (Mikolov et al., 2013) under one of six output layers.

    Arguments, names and defaults are gensim 4's, but for `workers`; what stands behind the star is ours. Given
    `sentences` or `corpus_file`, the model is trained at once; without, call `build_vocab` and `train`.

    Parameters
    ----------
    sentences : iterable of list of str, optional
        Token lists. An iterator that can be read only once will do: it is encoded once and kept.
    corpus_file : path, list of paths, folder or glob pattern, optional
        Text, one sentence a line, words separated by white space; plain, .gz, .bz2, .xz or .zst.
    vector_size : int, default 100
        Dimensions D of the vectors.
    alpha, min_alpha : float, default 0.025 and 0.0001
        Learning rate at the start and at the end; linear between them, by tokens done. The full softmax has 0.05 by
        default, and other optimizers than plain descent have their own (see `optimizer`).
    window : int, default 5
        Most words W between a centre and a context word.
    min_count : int, default 5
        Leave out words that occur less often.
    max_vocab_size : int, optional
        DIFFERS: refused. gensim prunes while it counts, which makes counts inexact; use `max_final_vocab`.
    sample : float, default 1e-3
        Thin out words more frequent than this fraction of the corpus (0: none; >= 1: a count, as in gensim).
    seed : int, default 1
        Of all random numbers. With ``workers=1`` or `deterministic` the same seed gives the same bytes.
    workers : int, optional
        Threads. DIFFERS: default all cores that this process may use, considering its affinity and the quota of its
        container, or the environment variable ``OMP_NUM_THREADS``; gensim's is 3.
    sg : {0, 1}, default 0
        1 for skip-gram, 0 for CBOW.
    hs : {0, 1}, default 0
        1 for hierarchical softmax. DIFFERS: gensim then trains negative sampling too unless ``negative=0``.
    negative : int, default 5
        Noise words K per prediction; for NCE 64, sampled softmax and BlackOut 256, shared by the inputs of a batch.
        Refused with losses that draw none.
    ns_exponent : float, default 0.75
        Noise words are drawn in proportion to count ** ns_exponent (any real number; 0 is uniform). NCE's default is 1,
        BlackOut's 0.4.
    cbow_mean : {0, 1}, default 1
        CBOW's hidden vector is the mean (1) or the sum (0) of the context vectors.
    epochs : int, default 5
        Passes over the corpus.
    trim_rule : callable, optional
        ``trim_rule(word, count, min_count)`` returns 0 (as `min_count` says), 1 (discard) or 2 (keep).
    max_final_vocab : int, optional
        Keep only this many words, the most frequent ones. DIFFERS: exact; gensim may keep fewer.
    shrink_windows : bool, default True
        Draw each window's reach from 1..W, as word2vec does, instead of taking W.
    callbacks : iterable, optional
        Of the training that a corpus here starts; see `train`.
    compute_loss, hashfxn, batch_words, comment
        For gensim's sake. The loss is always computed; the others have nothing to do here.
    null_word, sorted_vocab
        Only gensim's defaults (0, 1) are supported; anything else is refused.
    loss : {"ns", "hs", "nce", "sampled_softmax", "blackout", "softmax"}, optional
        The output layer by name, instead of `hs`: negative sampling (Mikolov et al., NIPS 2013), hierarchical softmax
        (Morin & Bengio, 2005), noise-contrastive estimation (Gutmann & Hyvarinen, 2012), importance sampling of the
        softmax (Bengio & Senecal, 2008), BlackOut (Ji et al., 2016), the full softmax. All but the first two learn
        from mini-batches and have a bias for each word.
    share_noise : bool, default True
        One draw of noise words serves two neighbouring windows, four windows for CBOW (Ji, Satish, Li & Dubey, 2016,
        "pWord2Vec", share one for a window), and some later ones, which is much faster. False draws them for each
        pair, as word2vec does.
    cbow_update : {"word2vec", "exact"}, default "word2vec"
        What a context row gets of the hidden vector's step: what word2vec.c and gensim add, or the true gradient, which
        wants a larger `alpha`.
    batch_size : int, default 256 or the size of the vocabulary
        Inputs B (context words for skip-gram, windows for CBOW) that are scored together, share their noise words and
        learn from the same, older vectors. The step is the sum of their gradients, in which a target counts 8 times at
        most. For the losses that have batches.
    nce_z : float or "learn", default 1
        NCE's normalising constant Z. Fixed, as Mnih & Teh (2012) have it: scores learn to be normalised; or one number
        learnt with the rest, as Gutmann & Hyvarinen do, starting at 1 (see the attribute `nce_z`).
    optimizer : {"sgd", "momentum", "adagrad", "adam"}, default "sgd"
        How gradients move the vectors: stochastic gradient descent; with momentum (Polyak, 1964); Adagrad (Duchi et
        al., JMLR 2011); Adam (Kingma & Ba, ICLR 2015). The gradient of a step is the sum over a window (four for CBOW)
        or a batch. Rows that a step does not touch stay as they are, with what is remembered of them. The learning rate
        falls from `alpha` to `min_alpha` for all; `alpha` defaults to 0.005 for momentum, 0.2 for Adagrad, 0.02
        for Adam. What is remembered takes the memory of one more model (Adam: two) and is saved with it.
    optimizer_options : dict, optional
        ``momentum`` (0.9); ``epsilon`` (1e-8) of Adagrad and Adam; ``beta_1`` (0.9), ``beta_2`` (0.999) of Adam.
    clip_norm : float, optional
        Shorten the gradient of each step to this Euclidean norm, all its rows taken together (Pascanu, Mikolov &
        Bengio, ICML 2013). With any optimizer.
    deterministic : bool, default False
        Give the same bytes for any number of workers, with this build of the library and the same instruction set
        (`show_config`); others round differently, and learn as well. Negative sampling and hierarchical softmax under
        plain descent are learnt by all workers, who share each window by slices of its vectors (at most one worker for
        56 dimensions, and 8), each with its slices in memory of its own while that takes less than 0.5 GB; so is the
        full softmax under any optimizer, by up to 16. Whatever else there is (mini-batches that draw noise words, NCE,
        other optimizers, clipping, frozen words) is learnt by one worker, which is no slower than ``workers=1``.
        Workers meet for each few windows: give them cores of their own.
    memory_budget : int, optional
        Bytes of memory that token ids may take; beyond, they go to a memory-mapped temporary file. Default:
        half of what this process may use.
    cache_ids : bool or path, default False
        Keep what was read of a `corpus_file`, 4 bytes a word, in a file that the next training on the same text maps
        instead of reading the text again: ``x.txt.ids`` beside ``x.txt`` (for several files, beside the first, with a
        name of its own that begins with a dot), or the file that is named. It is used while size and time of change of
        all files, `min_count` and `max_final_vocab` are the same, and its own sums are right; else it is replaced.
        Where it cannot be written, or another kind of file has its name, that is a warning. A text that was changed a
        moment before it was read is not kept yet. Not with a `trim_rule`, nor for sentences and pipes; not used by
        `build_vocab` with `update` or `keep_raw_vocab`.
    progress : bool, optional
        Show progress bars; default only on a terminal.
    init_vectors : KeyedVectors or path, optional
        Vectors that words start from, in memory or in a file (.safetensors; .bin, or else text, in word2vec's format).
        Words that are not among them start at random, as usual; what has no place in the vocabulary is left out.
    frozen : iterable of str, optional
        Words whose vectors stay as they are, to the bit, in every training that is not told otherwise; see `train`.
    checkpoint, checkpoint_every : optional
        Of the training that a corpus here starts; see `train` and `resume`.

    Attributes
    ----------
    wv : KeyedVectors
        The word vectors. They share memory with the model.
    history : list of dict
        For each epoch: ``epoch``, ``loss`` (mean per prediction, natural logarithm), ``predictions``, ``alpha``
        (at the end), ``seconds`` and ``words_per_second`` (of the vocabulary).
    corpus_count, corpus_total_words : int
        Sentences and words of the corpus that the vocabulary was built from, rare words included.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong type, out of range, or in contradiction to another.
    EmptyVocabularyError
        No word reaches `min_count`.
    DivergedError
        Numbers became infinite while training; use a smaller `alpha`.

    Examples
    --------
    >>> model = Word2Vec([["you", "say", "goodbye"], ["i", "say", "hello"]], min_count=1, vector_size=8)
    >>> model.wv.index_to_key
    ['say', 'goodbye', 'hello', 'i', 'you']
    """

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: Any = None,
        vector_size: int = 100,
        alpha: float = DEFAULT_ALPHA,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = None,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = DEFAULT_NEGATIVE,
        ns_exponent: float = DEFAULT_NS_EXPONENT,
        cbow_mean: int = 1,
        hashfxn: Any = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10000,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        loss: str | None = None,
        share_noise: bool = True,
        cbow_update: str = "word2vec",
        batch_size: int | None = None,
        nce_z: float | str | None = None,
        optimizer: str = "sgd",
        optimizer_options: Mapping[str, float] | None = None,
        clip_norm: float | None = None,
        deterministic: bool = False,
        memory_budget: int | None = None,
        cache_ids: bool | Path = False,
        progress: bool | None = None,
        init_vectors: InitVectors | None = None,
        frozen: Iterable[str] | None = None,
        checkpoint: Path | None = None,
        checkpoint_every: int | str = "epoch",
    ) -> None:
        _refuse_unsupported(max_vocab_size, null_word, sorted_vocab)
        listed = CallbackList(callbacks)
        written = None if checkpoint is None else Checkpoint(checkpoint, checkpoint_every)
        self.settings = Settings.from_arguments(locals())
        self.memory_budget = None if memory_budget is None else check_int("memory_budget", memory_budget, 0)
        self.cache_ids = check_cache(cache_ids)
        self.progress = progress
        self.trim_rule = trim_rule
        self.init_vectors = init_vectors
        self.frozen = None if frozen is None else check_words("frozen", frozen)
        self.history: list[dict[str, float]] = []
        self.epochs_done = 0
        self.corpus_count = self.corpus_total_words = 0
        self.wv = KeyedVectors(self.settings.vector_size)
        self._vocabulary = self._corpus = self._run = None
        if sentences is not None or corpus_file is not None:
            encoded = self._build(Corpus.open(sentences, corpus_file), trim_rule)
            run = Run(Position(0, self.epochs), self.alpha, self.min_alpha, self._frozen_rows(None))
            self._session(encoded, run, listed, written).train()
        elif len(listed) or written is not None:
            raise ValueError(
                "callbacks and checkpoint belong to a training: give them to train(), or a corpus with them"
            )

    vector_size: int = _setting("vector_size", "Dimensions of the vectors.")
    window: int = _setting("window", "Most words between a centre and a context word.")
    workers: int = _setting("workers", "Threads used for training.")
    deterministic: bool = _setting(
        "deterministic", "Whether the result is the same for any number of workers."
    )
    epochs: int = _setting("epochs", "Passes over the corpus.")
    min_count: int = _setting("min_count", "Words less frequent were left out.")
    sample: float = _setting("sample", "Frequency above which words are thinned out.")
    seed: int = _setting("seed", "Of the random numbers.")
    negative: int = _setting("negative", "Noise words per prediction; 0 for hierarchical softmax.")
    ns_exponent: float = _setting("ns_exponent", "Noise is drawn in proportion to count ** ns_exponent.")
    cbow_mean: int = _setting("cbow_mean", "1 if CBOW's hidden vector is a mean, 0 if a sum.")
    shrink_windows: bool = _setting("shrink_windows", "Whether each window's reach is drawn.")
    optimizer: str = _setting("optimizer", "How gradients move the vectors.")
    loss: str = _setting("loss", "The output layer, a name in fastw2v.losses.LOSSES.")

    @property
    def sg(self) -> int:
        """1 for skip-gram, 0 for CBOW."""
        return int(self.settings.model == "sg")

    @property
    def hs(self) -> int:
        """1 for hierarchical softmax."""
        return int(self.settings.loss == "hs")

    @property
    def nce_z(self) -> float | None:
        """NCE's Z, as given or as learnt so far; None for other losses."""
        if self.loss != "nce":
            return None
        learnt = self._memory.nce_log_z if self._vocabulary is not None else None
        return (self.settings.nce_z or 1.0) if learnt is None else math.exp(learnt[0])

    def __repr__(self) -> str:
        s = self.settings
        return f"Word2Vec<{s.model}, {s.loss}, vocab={len(self.wv)}, vector_size={s.vector_size}, alpha={s.alpha:g}>"

    def get_vectors(self, which: str = "in") -> NDArray[np.float32]:
        """The word vectors, [V, D] or [V, 2 D], in the order of ``wv.index_to_key``.

        Parameters
        ----------
        which : {"in", "out", "sum", "concat"}
            The input vectors (those of `wv`, not a copy), the output vectors (without biases), their sum (Pennington,
            Socher & Manning, 2014, section 4.2; "W + C"), or both side by side.

        Raises
        ------
        ValueError
            Anything else, or other than "in" for hierarchical softmax: its output vectors belong to the inner nodes of
            the tree, not to words.
        """
        check_which(which, self.loss)
        if self._vocabulary is None:
            raise RuntimeError("there are no vectors yet: the model has no vocabulary")
        in_vecs, out_vecs = (m[:, : self.vector_size] for m in (self._in_vecs, self._out_vecs))
        if which == "in":
            return in_vecs
        if which == "out":
            return out_vecs
        return in_vecs + out_vecs if which == "sum" else np.hstack([in_vecs, out_vecs])

    @property
    def syn1neg(self) -> NDArray[np.float32]:
        """The output vectors by gensim's name, [V, D]; hierarchical softmax has none."""
        if self.loss == "hs" or self._vocabulary is None:
            raise AttributeError("syn1neg: no output vectors of words (see syn1 for hierarchical softmax)")
        return self.get_vectors("out")

    @property
    def syn1(self) -> NDArray[np.float32]:
        """The vectors of the Huffman tree's inner nodes by gensim's name, [V - 1, D], the root first."""
        if self.loss != "hs" or self._vocabulary is None:
            raise AttributeError(
                "syn1: no vectors of nodes (see syn1neg for other losses than hierarchical softmax)"
            )
        return self._out_vecs[: len(self._vocabulary) - 1, : self.vector_size]

    def get_keyed_vectors(self, which: str = "in") -> KeyedVectors:
        """`get_vectors` as KeyedVectors of their own, for queries or to be saved in any format; `wv` for "in"."""
        vectors = self.get_vectors(which)
        if which == "in" or self._vocabulary is None:
            return self.wv
        return KeyedVectors.from_arrays(list(self.wv.index_to_key), vectors, self._vocabulary.counts)

    def save(self, path: Path) -> None:
        """Write the whole model to one safetensors file: vectors, output layer, vocabulary, counts, settings.

        The file is replaced at once or not at all. It holds no code and can be read by other programs;
        `KeyedVectors.load` reads the vectors alone.

        Raises
        ------
        OSError
            It cannot be written (disk full, no permission); an old file is intact.
        """
        if self._vocabulary is None:
            raise RuntimeError("there is nothing to save yet: the model has no vocabulary")
        self._check_vectors_are_its_own("saved")
        word2vec_file.write(self, path)

    @classmethod
    def load(cls, path: Path) -> Word2Vec:
        """Read a model that `save` has written. The corpus is not part of it; `train` wants one.

        Raises
        ------
        OSError
            The file is missing or unreadable.
        ValueError
            It is not a fastw2v model, or is damaged.
        """
        return word2vec_file.read(cls, path)


def _refuse_unsupported(max_vocab_size: Any, null_word: Any, sorted_vocab: Any) -> None:
    """Refuse those of gensim's arguments whose effect would be missed if they were ignored."""
    if max_vocab_size is not None:
        raise ValueError(
            "max_vocab_size is not supported (counts are exact here): use max_final_vocab to bound the vocabulary"
        )
    if null_word:
        raise ValueError("null_word=1 is not supported")
    if not sorted_vocab:
        raise ValueError("sorted_vocab=0 is not supported: ids are always ranks by frequency")
