"""What an epoch needs: turns settings and counts into the tables and numbers of a C plan, and starts the matrices.

epochs.py runs the plan. Nothing here knows about words or files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import _train
from fastw2v.optimizers import plan_fields
from fastw2v.row_threads import Pool
from fastw2v.settings import Settings

# The numbers below were chosen by measurement on 17 M words of Wikipedia: bench/NOTES.md.
#
# Most inputs of one tile. More in one go is faster, but all scores come before the first step.
TILE_INPUTS = {"ns": 13, "nce": 10, "hs": 12}
# ... and the most that alpha, inputs and targets of each may multiply to under negative sampling: beyond, steps that
# were all computed from the same scores go too far together. With few different words, vectors would grow without end.
MOST_SUMMED_STEPS = 4.0
# How often a drawn noise word is used before the next is drawn (see src_c/sampler.h), where noise is shared.
NOISE_REUSE = 5
# Centres that share their noise words. CBOW has one prediction per window: several together make a tile that is worth
# its targets' rows. Skip-gram's neighbours have most of their contexts in common, which are then scored once; not with
# NCE, whose noise may be one of the centres. From LONG_VECTORS numbers on there are three of them: an input meets fewer
# noise words then, which costs short vectors more than a point of analogies, those of 300 numbers half of one.
NOISE_CENTERS = {"sg": 2, "cbow": 4}
LONG_VECTORS, CENTERS_OF_LONG_VECTORS = 200, 3
# Noise words drawn for each that `negative` asks for, at a weight that keeps the sum, where subsampling is stronger
# than the usual one. It leaves mostly rare words, which need many; fewer would cost 1 to 4 points of analogies.
USUAL_SAMPLE, NOISE_DRAWS_FOR_RARE_WORDS = 1e-3, 1.6
# The input vectors start uniform in +-START_REACH / vector_size, or +-LEAST_START if that is more. DIFFERS: word2vec.c
# has 0.5 / vector_size and gensim 1 / vector_size; the output vectors start at zero, so the first steps are in
# proportion to this, and a larger start learns sooner. With 300 dimensions that decides 2 or 3 points of analogies.
START_REACH = 5.0
LEAST_START = {"sg": 0.1, "cbow": 0.05}
START_NUMBERS = 2**18  # that one thread fills at a time
# Inputs of a batch, where nobody says otherwise. Their gradients are summed, and a batch that meets each word often
# would move it by many steps at once: no more inputs than words.
BATCH_SIZE = 256
# Windows whose gradients are summed for one step of an optimizer: neighbours share most of their contexts, so that
# fewer rows are moved.
STEP_WINDOWS = 8
# Windows that are scored before any of them is learnt, in deterministic training, from each of four places of the text
# (src_c/slices.h), by model and by whether targets are nodes of a tree: those near its root are in every window.
WINDOWS_AT_ONCE = {("sg", False): 32, ("cbow", False): 8, ("sg", True): 1, ("cbow", True): 4}
# The most frequent words are contexts at every second of their places only: those that are this share of the tokens
# that subsampling leaves, at every fourth those of four times the share, at every eighth those of sixteen times (the
# square root that subsampling has, too); but no more than 1 word in so many. They say little about a centre: less is
# done, and analogies are better, CBOW's by a point, with a tree by three; with more such words negative sampling loses
# them again.
LEAST_THINNED_SHARE = {"ns": 3e-4, "hs": 1.5e-4}
VOCABULARY_PER_THINNED_WORD = 80
# Rows of which each thread keeps a copy; at most 1 row in 256 of the vocabulary is "frequent" (see src_c/rows.h).
MOST_HOT_ROWS = 128
VOCABULARY_PER_HOT_ROW = 256
# How much of what a thread learns in its copies moves the rows that all share, where steps are plain and taken window
# by window (one by the number of threads, if that is less). CBOW's frequent words are in nearly every mean and their
# rows overshoot: with an eighth the loss is lower and analogies are better, for every number of threads.
HOT_SHARE = {"sg": 1.0, "cbow": 0.125}
# With several workers and a tree, each also keeps the next nodes, 7 more for each of the above, on which a quarter of a
# path lies: cores that are far apart gain 10 to 17 %. How much of what each learns there counts: all of it, where CBOW
# moves a node once a window; so the more workers, the fewer such nodes. Skip-gram moves it for each context, and the
# sum is too much, the mean of 16 too little.
WARM_NODES_PER_HOT_ROW = 7
WARM_SHARE_EXPONENT = {"sg": -0.5, "cbow": 0.0}  # of the number of workers


@dataclass
class Memory:
    """What training remembers from epoch to epoch besides the vectors. Plans write to the arrays."""

    states: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    """The optimizer's, for the input and the output vectors, [V, state stride] each; None for plain descent."""
    nce_log_z: NDArray[np.float64] | None
    """log Z of NCE, [1], where it is learnt."""


def start_memory(n_words: int, settings: Settings, *, core: Any = _train) -> Memory:
    """The memory of a model before its first step."""
    row = core.aligned_zeros(1, settings.vector_size + settings.has_bias).shape[1]
    width = core.state_stride(settings.optimizer, row)
    states = (core.aligned_zeros(n_words, width), core.aligned_zeros(n_words, width)) if width else None
    return Memory(states, np.zeros(1) if settings.nce_z is None else None)


def start_vectors(vectors: NDArray[np.float32], settings: Settings, n_before: int = 0) -> None:
    """Fill vectors, [V, D], with random numbers around 0; others for words that join a vocabulary of `n_before`.

    Threads fill a piece each, and so are the first to touch its pages. All pieces are of one stream of numbers.
    """
    seed, (n_words, dim) = settings.seed % 2**64, vectors.shape
    reach = max(START_REACH / dim, LEAST_START[settings.model])
    n_rows = max(START_NUMBERS // dim // 2 * 2, 2)

    def fill(first: int) -> None:
        rows = vectors[first : first + n_rows]
        # 64 bits make two numbers, and pieces begin with an even one.
        bits = np.random.PCG64([seed, n_before] if n_before else seed).advance(first * dim // 2)
        start = np.random.Generator(bits).random(rows.shape, dtype=np.float32)
        start -= np.float32(0.5)
        start *= np.float32(2 * reach)
        rows[:] = start

    with Pool(settings.workers) as pool:
        list(pool.map(fill, range(0, n_words, n_rows)))


def start_matrices(
    counts: NDArray[np.int64], settings: Settings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The input and output vectors of an untrained model, in padded rows, [V, stride]."""
    dim = settings.vector_size
    in_vecs, out_vecs = empty_matrices(len(counts), settings)
    start_vectors(in_vecs[:, :dim], settings)
    if settings.has_bias:
        out_vecs[:, dim] = start_biases(counts, settings)
    return in_vecs, out_vecs


def empty_matrices(n_words: int, settings: Settings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Zero matrices of the shape that a plan wants: [V, stride] with room for biases, and the 1 that each meets."""
    n_columns = settings.vector_size + settings.has_bias
    in_vecs, out_vecs = (_train.aligned_zeros(n_words, n_columns) for _ in range(2))
    in_vecs[:, settings.vector_size : n_columns] = 1
    return in_vecs, out_vecs


def score_offsets(counts: NDArray[np.int64], settings: Settings) -> NDArray[np.float64]:
    """What is to be added to a score of training to make it log p(word | context) up to a constant, [V].

    Losses that draw noise words from q learn scores less log(k q(w)): their biases absorb that part (Levy & Goldberg,
    NIPS 2014, for ns; src_c/sampled.c for the others). For NCE the constant is log Z as well.
    """
    if settings.negative == 0:
        return np.zeros(len(counts))
    weights = noise_weights(counts, settings.ns_exponent)
    with np.errstate(divide="ignore"):
        offsets: NDArray[np.float64] = np.log(settings.negative * weights / weights.sum())
    return offsets + math.log(settings.nce_z or 1.0)


def start_biases(counts: NDArray[np.int64], settings: Settings) -> NDArray[np.float32]:
    """Biases with which the model starts out as the unigram distribution, [V].

    From zero, the noise gradients of NCE would spend the beginning on pushing all scores to -log V.
    """
    known = np.maximum(counts, 1)
    biases: NDArray[np.float32] = (np.log(known / known.sum()) - score_offsets(known, settings)).astype(
        np.float32
    )
    return biases


def keep_probabilities(counts: NDArray[np.int64], sample: float) -> NDArray[np.float64]:
    """Probability of keeping a token of each word, [V] (Mikolov et al., NIPS 2013, as word2vec.c computes it).

    `sample` is the frequency above which words are thinned out; as in gensim, a value >= 1 is a count instead.
    """
    if sample == 0:
        return np.ones(len(counts))
    known = np.maximum(counts, 1)  # counts of the user's own may be 0
    threshold = sample * known.sum() if sample < 1 else math.floor(sample * (3 + math.sqrt(5)) / 2)
    ratio = threshold / known
    kept: NDArray[np.float64] = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return kept


def thinned_words(counts: NDArray[np.int64], settings: Settings) -> tuple[int, int, int]:
    """How many of the first words are contexts at every second, fourth and eighth of their places only.

    Ids are ranks as a rule; else it is fewer words. None where subsampling is stronger than usual, which does the same
    to contexts and centres alike: short trainings with a large alpha lost analogies.
    """
    is_shared = settings.loss == "hs" or (settings.loss == "ns" and settings.share_noise)
    if 0 < settings.sample < USUAL_SAMPLE or not (is_shared and learns_by_window(settings)):
        return 0, 0, 0
    kept = counts * keep_probabilities(counts, settings.sample)
    shares = kept[: len(counts) // VOCABULARY_PER_THINNED_WORD] / kept.sum()
    least = LEAST_THINNED_SHARE[settings.loss]
    half, quarter, eighth = (
        int(np.logical_and.accumulate(shares >= times * least).sum()) for times in (1, 4, 16)
    )
    return half, quarter, eighth


def noise_weights(counts: NDArray[np.int64], exponent: float) -> NDArray[np.float64]:
    """Weights counts ** exponent up to a constant factor, for any exponent without overflow, [V]."""
    logs = exponent * np.log(np.maximum(counts, 1))
    weights: NDArray[np.float64] = np.exp(logs - logs.max())
    return weights


def learns_by_window(settings: Settings) -> bool:
    """Are steps plain ones, which are taken window by window?"""
    return settings.optimizer == "sgd" and settings.clip_norm is None and not settings.batched


def noise_centers(settings: Settings) -> int:
    """Centres that share their noise words, where a loss shares them among windows."""
    is_long = settings.model == "sg" and settings.vector_size >= LONG_VECTORS
    return CENTERS_OF_LONG_VECTORS if is_long else NOISE_CENTERS[settings.model]


def tile_inputs(settings: Settings) -> int:
    """Most inputs of a skip-gram tile: all that neighbours reach, if neither they nor their steps are too many."""
    most = min(TILE_INPUTS.get(settings.loss, 1), 2 * settings.window + noise_centers(settings))
    of_one = settings.alpha * (1 + settings.negative) if settings.loss == "ns" else 0.0
    return max(1, int(MOST_SUMMED_STEPS / of_one)) if most * of_one > MOST_SUMMED_STEPS else most


def noise_draws(settings: Settings) -> float:
    """Shared noise words to draw for each that is asked for."""
    return NOISE_DRAWS_FOR_RARE_WORDS if 0 < settings.sample < USUAL_SAMPLE else 1.0


def noise_fields(settings: Settings) -> dict[str, float]:
    """The fields of a plan that say how noise words are drawn and shared."""
    n_noise, centers, reuse = settings.negative, 0, 1
    if settings.batched or settings.loss == "hs":
        centers = 1
    elif settings.share_noise and settings.loss == "nce" and settings.model == "sg":
        centers, reuse = 1, NOISE_REUSE
    elif settings.share_noise:
        n_noise = math.ceil(settings.negative * noise_draws(settings))
        centers, reuse = noise_centers(settings), NOISE_REUSE
    weight = settings.negative / n_noise if n_noise else 1.0
    return {"n_noise": n_noise, "noise_weight": weight, "noise_reuse": reuse, "noise_centers": centers}


def keep_thresholds(probabilities: NDArray[np.float64]) -> NDArray[np.uint32] | None:
    """Probabilities for comparison with 32 random bits; None when every token is kept."""
    if (probabilities >= 1).all():
        return None
    return np.minimum(probabilities * 2.0**32, 2.0**32 - 1).astype(np.uint32)


def make_plan(
    settings: Settings,
    counts: NDArray[np.int64],
    in_vecs: NDArray[np.float32],
    out_vecs: NDArray[np.float32],
    n_tokens: int,
    memory: Memory | None = None,
    frozen: NDArray[np.uint8] | None = None,
    *,
    core: Any = _train,
) -> Any:
    """The C plan for training these matrices, with a fresh memory if there is none.

    Rows of `in_vecs` where `frozen` is 1 stay as they are. `core` is `_train`, or its double-precision twin in tests.
    """
    memory = memory or start_memory(len(counts), settings, core=core)
    tables: dict[str, Any] = {}
    if settings.negative:
        if settings.has_bias and settings.negative > len(counts):
            raise ValueError(
                f"negative={settings.negative} noise words are more than the vocabulary has words"
                f" ({len(counts)}): give a smaller negative, or loss='softmax'"
            )
        tables["noise"] = core.alias_build(noise_weights(counts, settings.ns_exponent))
    elif settings.loss == "hs":
        tables["tree"] = core.tree_build(counts)
    # DIFFERS from the exact gradient, on purpose: word2vec.c and gensim add the hidden vector's step undivided
    # to each context row of a mean, and gensim divides it for a sum. "exact" is the other way round in both cases.
    undivided = bool(settings.cbow_mean) == (settings.cbow_update == "word2vec")
    by_window = learns_by_window(settings)
    hot_share = HOT_SHARE[settings.model] if by_window else 1.0
    has_hot = (settings.workers > 1 or hot_share < 1) and not settings.deterministic
    n_hot = min(MOST_HOT_ROWS, len(counts) // VOCABULARY_PER_HOT_ROW) if has_hot else 0
    has_warm = by_window and settings.loss == "hs" and settings.workers > 1
    n_warm = WARM_NODES_PER_HOT_ROW * n_hot if has_warm else 0
    if settings.model == "cbow":
        n_warm = 2 * n_warm // settings.workers
    return core.Plan(
        model=settings.model,
        loss=settings.loss,
        in_vecs=in_vecs,
        out_vecs=out_vecs,
        dim=settings.vector_size,
        has_bias=settings.has_bias,
        batch_size=(settings.batch_size or min(BATCH_SIZE, len(counts))) if settings.batched else 0,
        states=memory.states,
        nce_log_z=memory.nce_log_z,
        frozen=frozen,
        clip_norm=settings.clip_norm or 0.0,
        step_windows=STEP_WINDOWS,
        keep_prob=keep_thresholds(keep_probabilities(counts, settings.sample)),
        window=settings.window,
        shrink_windows=settings.shrink_windows,
        tile_inputs=tile_inputs(settings),
        hidden_scale=0.0 if settings.cbow_mean else 1.0,
        context_scale=1.0 if undivided else 0.0,
        n_tokens=n_tokens,
        seed=settings.seed % 2**64,
        n_threads=settings.workers,
        is_repeatable=settings.deterministic,
        windows_at_once=WINDOWS_AT_ONCE[settings.model, settings.loss == "hs"],
        n_thinned=thinned_words(counts, settings),
        n_hot_in=n_hot,
        n_hot_out=n_hot + n_warm,
        hot_share=hot_share,
        n_warm_out=n_warm,
        warm_share=float(settings.workers) ** WARM_SHARE_EXPONENT[settings.model],
        **noise_fields(settings),
        **plan_fields(settings.optimizer, settings.optimizer_options),
        **tables,
    )
