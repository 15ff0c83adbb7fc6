"""Slow and obvious twins of the trainer's parts, in NumPy and plain Python.

The tests compare the C library with them. They share no code with it, use float64 throughout, and make no
attempt at speed: what a twin does must be plain to see. `train_epoch` is the whole trainer, for little text.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from optimizer_twin import Optimizer
from scipy.special import expit

from fastw2v.settings import DEFAULT_NEGATIVE, Settings

LINE_END = -1
NOISE_POOL = 2048
TILE_DISTINCT = 16
ALIKE_REACH = 32
ALIKE_PATHS = 64
SCORE_LIMIT = 16.0  # W2V_SCORE_LIMIT
U64 = (1 << 64) - 1


def make_settings(**changes: Any) -> Settings:
    """Settings of the constructor's defaults, but for one worker, no subsampling, and the changes given."""
    defaults = {
        "vector_size": 8, "alpha": 0.025, "min_alpha": 1e-4, "window": 3, "epochs": 1, "seed": 1,
        "workers": 1, "min_count": 1, "max_final_vocab": None, "sample": 0, "shrink_windows": True,
        "share_noise": True,
        "sg": 1, "hs": 0, "loss": None, "negative": DEFAULT_NEGATIVE, "ns_exponent": 0.75,
        "cbow_mean": 1, "cbow_update": "word2vec", "batch_size": None, "nce_z": None,
        "optimizer": "sgd", "optimizer_options": None, "clip_norm": None, "deterministic": False,
    }  # fmt: skip
    assert changes.keys() <= defaults.keys()
    return Settings.from_arguments({**defaults, **changes})


def flat_ids(lines: Sequence[Sequence[int]]) -> np.ndarray:
    """Lines as the flat array of ids that the library trains on."""
    return np.array([id for line in lines for id in [*line, LINE_END]], dtype=np.int32)


def split_lines(ids: Sequence[int]) -> list[list[int]]:
    """The lines of a flat array of ids; the last one need not be ended."""
    lines: list[list[int]] = [[]]
    for id in ids:
        if id == LINE_END:
            lines.append([])
        else:
            lines[-1].append(int(id))
    return lines if lines[-1] else lines[:-1]


def windows(lines: Sequence[Sequence[int]], window: int) -> list[tuple[int, list[int]]]:
    """Every centre with its contexts, when all tokens are kept and windows do not shrink."""
    return [
        (center, [*line[max(0, pos - window) : pos], *line[pos + 1 : pos + 1 + window]])
        for line in lines
        for pos, center in enumerate(line)
    ]


# ---- kernels ----

ANY_NUMBER = 1000, 1000
# How many targets of a single input, and of several, the kernels move at once: V_BLOCK_ONE and V_BLOCK.
MOST_AT_ONCE = {"scalar": (8, 4), "avx2": (20, 8), "avx512": (24, 8), "neon": (24, 12)}


def logistic_tile(
    inputs: np.ndarray,
    input_ids: Sequence[int],
    targets: np.ndarray,
    target_ids: Sequence[int],
    weights: np.ndarray | Sequence[float],
    lr: float,
    steps: np.ndarray | None = None,
    most_at_once: tuple[int, int] = ANY_NUMBER,
) -> float:
    """Score, loss and update of some inputs against distinct targets, in place.

    `weights`, [T] or [B, T], are negative where a target was observed.
    After all scores, `most_at_once` targets at most (of one input, of several) learn together from one input after the
    other; later ones see inputs that earlier ones have moved.
    """
    assert len(set(target_ids)) == len(target_ids)
    scores = inputs[input_ids] @ targets[target_ids].T
    factors, loss = logistic_factors(scores, weights, lr)
    move_tile(inputs, input_ids, targets, target_ids, factors, steps, most_at_once)
    return loss


def logistic_factors(
    scores: np.ndarray, weights: np.ndarray | Sequence[float] | float, lr: float
) -> tuple[np.ndarray, float]:
    """How far a row moves along the other one of its pair, and the loss."""
    weights = np.broadcast_to(np.asarray(weights, float), scores.shape)
    z = np.where(weights < 0, -scores, scores)
    guard = SCORE_LIMIT / np.maximum(SCORE_LIMIT, np.abs(z))
    loss = float((np.abs(weights) * np.logaddexp(0, z)).sum())
    return -lr * weights * expit(z) * guard, loss


def move_tile(
    inputs: np.ndarray,
    input_ids: Sequence[int],
    targets: np.ndarray,
    target_ids: Sequence[int],
    factors: np.ndarray,
    steps: np.ndarray | None,
    most_at_once: tuple[int, int],
) -> None:
    target_ids = np.asarray(target_ids)
    n_blocks = -(-len(target_ids) // most_at_once[len(input_ids) > 1])
    first = 0
    for block in range(n_blocks):
        part = slice(first, first + (len(target_ids) - first) // (n_blocks - block))
        for i, row in enumerate(input_ids):
            x = inputs[row].copy()
            step = inputs[row] if steps is None else steps[i]
            step += factors[i, part] @ targets[target_ids[part]]
            targets[target_ids[part]] += np.outer(factors[i, part], x)
        first = part.stop


def tile_with_own(
    inputs: np.ndarray,
    targets: np.ndarray,
    own: Sequence[int],
    others: Sequence[int],
    weights: np.ndarray,
    lr: float,
    steps: np.ndarray,
    most_at_once: tuple[int, int] = ANY_NUMBER,
) -> float:
    """A tile of all inputs, each observed with a target of its `own`, and others that all of them meet: `steps` OUT.

    After all scores, inputs and their own targets learn one after the other: targets of several inputs may be the same.
    """
    steps[:] = 0
    own_factors, own_loss = logistic_factors((inputs * targets[own]).sum(axis=1), -1.0, lr)
    factors, loss = logistic_factors(inputs @ targets[others].T, weights, lr)
    for i, row in enumerate(own):
        steps[i] += own_factors[i] * targets[row]
        targets[row] += own_factors[i] * inputs[i]
    move_tile(inputs, range(len(inputs)), targets, others, factors, steps, most_at_once)
    return own_loss + loss


# ---- random numbers ----


def mix64(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & U64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & U64
    return z ^ (z >> 31)


@dataclass
class Rng:
    """SplitMix64, in the stream of a seed, an epoch and a shard."""

    seed: int
    epoch: int
    shard: int
    state: int = field(init=False)

    def __post_init__(self) -> None:
        self.state = 0
        for name in (self.seed + 1, self.epoch, self.shard):
            self.state = mix64((self.state + name) & U64)

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & U64
        return mix64(self.state)

    def below(self, n: int) -> tuple[int, int]:
        """A number in 0..n-1 from the high half of a draw, and the low half."""
        draw = self.next()
        return ((draw >> 32) * n) >> 32, draw & 0xFFFFFFFF

    def noise(self, table: np.ndarray) -> int:
        column, coin = self.below(len(table))
        return column if coin < table["threshold"][column] else int(table["alias"][column])


def alias_probabilities(table: np.ndarray) -> np.ndarray:
    """What an alias table draws: each column keeps its own id below the threshold."""
    own = table["threshold"] / 2.0**32
    total = own.copy()
    np.add.at(total, table["alias"], 1 - own)
    return total / len(table)


# ---- Huffman tree ----


def huffman_lengths(counts: Sequence[int]) -> list[int]:
    """Code lengths of an optimal prefix code, by a heap; of equal counts, the flattest tree first."""
    order = count()
    heap = [(int(n), 0, next(order), [word]) for word, n in enumerate(counts)]
    heapq.heapify(heap)
    lengths = [0] * len(counts)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        for word in a[3] + b[3]:
            lengths[word] += 1
        heapq.heappush(heap, (a[0] + b[0], 1 + max(a[1], b[1]), next(order), a[3] + b[3]))
    return lengths


# ---- training ----


@dataclass
class Tables:
    """What follows from settings and counts: thresholds of keeping, the alias table of noise, the Huffman tree."""

    keep_prob: np.ndarray | None = None
    noise: np.ndarray | None = None
    tree: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


@dataclass
class Trained:
    """The sums of an epoch."""

    loss: float = 0.0
    n_predictions: int = 0


@dataclass
class NoiseStream:
    """Runs of noise words from a pool: from anywhere in it, or, with reuse 1, one after the other."""

    table: np.ndarray
    reuse: int
    rng: Rng
    pool: list[int] = field(default_factory=list)
    n_left: int = 0

    def take(self, n: int) -> list[int]:
        if self.n_left < n:
            self.pool = [self.rng.noise(self.table) for _ in range(NOISE_POOL)]
            self.n_left = NOISE_POOL * self.reuse
        first = NOISE_POOL - self.n_left if self.reuse == 1 else self.rng.below(NOISE_POOL - n + 1)[0]
        self.n_left -= n
        return self.pool[first : first + n]


def noise_targets(
    centers: Sequence[int], noise: Sequence[int], weight: float, hits: bool
) -> dict[int, np.ndarray]:
    """{row: its weight for each window} of some centres and noise words: no noise to itself.

    Nor to those that it shares the noise with, unless noise that hits a centre is learnt (NCE).
    """
    noise = [word for word in noise if hits or word not in centers]
    targets = {row: np.zeros(len(centers)) for row in [*centers, *noise]}
    for window, center in enumerate(centers):
        targets[center][window] -= 1
        for word in noise:
            targets[word][window] += weight if word != center else 0
    return targets


def are_distinct(words: Sequence[int]) -> bool:
    """Is no word the same as one of the TILE_DISTINCT - 1 before it?"""
    return not any(word in words[max(0, k + 1 - TILE_DISTINCT) : k] for k, word in enumerate(words))


def path_targets(center: int, tree: tuple[np.ndarray, ...]) -> dict[int, np.ndarray]:
    offsets, nodes, codes = tree
    path = range(offsets[center], offsets[center + 1])
    return {int(nodes[entry]): np.array([1.0 if codes[entry] else -1.0]) for entry in path}


def tile_gradients(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss of inputs [B, D] against targets [T, D] and its gradients by both; weights [B, T] as above."""
    scores = inputs @ targets.T
    z = np.where(weights < 0, -scores, scores)
    g = weights * expit(z) * (SCORE_LIMIT / np.maximum(SCORE_LIMIT, np.abs(z)))
    return float((np.abs(weights) * np.logaddexp(0, z)).sum()), g @ targets, g.T @ inputs


def is_context(place: int, word: int, n_thinned: Sequence[int], epoch: int) -> bool:
    """May the word be one at this place? The first ones are at every second, fourth, eighth place only."""
    return (place + epoch) % 2 ** sum(word < n for n in n_thinned) == 0


Window = tuple[int, list[int]]  # the place of the centre, the places of its contexts


def read_windows(
    lines: Sequence[Sequence[int]],
    s: Settings,
    tables: Tables,
    rng: Rng,
    n_lanes: int,
    run: int = 1,
    n_thinned: Sequence[int] = (0, 0, 0),
) -> tuple[list[int], list[list[Window]]]:
    """The tokens that are kept, and the windows, up to `run` neighbours of a line at a time.

    Places where a word is no context are left out. Of a single shard that is one piece of the walk; draws as it
    goes. Windows of half of the lanes reach as far for ALIKE_REACH // run rounds, while the others reach as far as is
    left of window + 1. With a tree, ALIKE_PATHS centres at a time are in the order of their paths' lengths.
    """
    kept = []  # (line, id)
    for number, line in enumerate(lines):
        for id in line:
            threshold = 0xFFFFFFFF if tables.keep_prob is None else int(tables.keep_prob[id])
            if tables.keep_prob is None or rng.next() >> 32 <= threshold:
                kept.append((number, id))
    counts = [is_context(p, id, n_thinned, rng.epoch) for p, (_, id) in enumerate(kept)]
    order = list(range(len(kept)))
    if s.loss == "hs":
        lengths = np.diff(tables.tree[0])
        for first in range(0, len(kept), ALIKE_PATHS):
            block = order[first : first + ALIKE_PATHS]
            order[first : first + ALIKE_PATHS] = sorted(block, key=lambda p: lengths[kept[p][1]])
    length = -(-len(kept) // n_lanes)
    lanes = [order[lane * length : (lane + 1) * length] for lane in range(n_lanes)]
    groups = []
    drawn = s.window
    for turn in count():
        if not any(lanes):
            break
        if s.shrink_windows and turn % max(1, ALIKE_REACH // run) == 0:
            drawn = 1 + rng.below(s.window)[0]
        for lane, places in enumerate(lanes):
            reach = s.window + 1 - drawn if s.shrink_windows and 2 * lane >= n_lanes else drawn
            taken = [pos for pos in places[:run] if kept[pos][0] == kept[places[0]][0]]
            del places[: len(taken)]
            around = [range(max(0, pos - reach), min(len(kept), pos + 1 + reach)) for pos in taken]
            groups.append(
                [
                    (pos, [p for p in near if kept[p][0] == kept[pos][0] and p != pos and counts[p]])
                    for pos, near in zip(taken, around, strict=True)
                ]
            )
    return [id for _, id in kept], groups


def problems(groups: Sequence[list[Window]], n: int, joint: bool) -> Iterator[Sequence[Window]]:
    """The windows that share noise words: those that are joint and have any context, or n windows that have some."""
    if joint:
        return (group for group in groups if any(places for _, places in group))
    return batched([window for group in groups for window in group if window[1]], n)


def merged(inputs: Sequence[tuple[int, np.ndarray]]) -> Sequence[tuple[int, np.ndarray]]:
    """The same row once, in all windows that it is in, if half of the rows are one of the two before them."""
    rows = [row for row, _ in inputs]
    if len(rows) < 3 or 2 * sum(row in rows[i : i + 2] for i, row in enumerate(rows[2:])) < len(rows):
        return inputs
    return [(row, sum(member for other, member in inputs if other == row)) for row in dict.fromkeys(rows)]


def train_epoch(
    s: Settings,
    tables: Tables,
    vecs: tuple[np.ndarray, np.ndarray],
    lines: Sequence[Sequence[int]],
    *,
    epoch: int,
    lr: float,
    tile_inputs: int,
    noise_fields: Mapping[str, Any],
    step_windows: int = 1,
    most_at_once: tuple[int, int] = ANY_NUMBER,
    n_thinned: Sequence[int] = (0, 0, 0),
) -> Trained:
    """One epoch with one thread, in place; for text of one piece, so that `lr` is that of its start, and few targets.

    Where words have biases, they are column D of the output vectors, and column D of the input vectors is 1.
    """
    in_vecs, out_vecs = vecs
    sums = Trained()
    optimizer = Optimizer(s, vecs)
    is_plain = s.optimizer == "sgd" and s.clip_norm is None
    per_pair = s.model == "sg" and s.loss != "hs" and not s.share_noise
    together = max(1, noise_fields["noise_centers"])
    joint = s.model == "sg" and together > 1
    biases = slice(s.vector_size, s.vector_size + s.has_bias)
    step = Step(vecs)

    def learn(
        inputs: np.ndarray, rows: list[int], targets: Any, weights: np.ndarray, steps: Any = None
    ) -> None:
        sums.loss += logistic_tile(inputs, rows, out_vecs, targets, weights, lr, steps, most_at_once)
        in_vecs[:, biases] = 1

    noise = NoiseStream(tables.noise, noise_fields["noise_reuse"], Rng(s.seed, epoch, shard=U64))
    others: tuple[list[int], np.ndarray] | None = None  # the noise words, if they are apart from the centres

    def choose_targets(centers: list[int]) -> tuple[list[int], np.ndarray, np.ndarray, np.ndarray]:
        """Rows, weights [window, target], noise that adds to an observed pair [window] and [window, target]."""
        if s.loss == "hs":
            targets, hits = path_targets(centers[0], tables.tree), np.zeros(len(centers))
        else:
            words, weight = noise.take(noise_fields["n_noise"]), noise_fields["noise_weight"]
            targets = noise_targets(centers, words, weight, hits=s.loss == "nce")
            nonlocal others
            others = None
            are_apart = are_distinct(words) and not (s.loss == "nce" and set(words) & set(centers))
            if s.model == "cbow" and len(centers) == together > 1 and are_apart:
                words = [word for word in words if word not in centers]
                others = words, np.full((len(centers), len(words)), weight)
            hits = np.array([weight * words.count(center) * (s.loss == "nce") for center in centers])
        more = hits[:, None] * (np.array(list(targets)) == np.array(centers)[:, None])
        return list(targets), np.stack(list(targets.values()), axis=1), hits, more

    rng, lanes, run = Rng(s.seed, epoch, shard=0), 1 if joint else together, together if joint else 1
    ids, groups = read_windows(lines, s, tables, rng, lanes, run, n_thinned)
    counts = [is_context(p, id, n_thinned, epoch) for p, id in enumerate(ids)]
    for group in problems(groups, together, joint):
        centers = [ids[pos] for pos, _ in group]
        contexts = [[ids[p] for p in places] for _, places in group]
        if not per_pair:
            rows_out, weights, hits, more = choose_targets(centers)
        if s.model == "cbow":
            means = np.array([[1 / len(rows)] for rows in contexts])
            hidden = np.stack([in_vecs[rows].sum(axis=0) for rows in contexts])
            hidden *= means if s.cbow_mean else 1
            hidden[:, biases] = 1
            hidden_steps = np.zeros_like(hidden)
            if is_plain:
                if others:
                    words, their_weights = others
                    sums.loss += tile_with_own(
                        hidden, out_vecs, centers, words, their_weights, lr, hidden_steps, most_at_once
                    )
                else:
                    learn(hidden, list(range(len(group))), rows_out, weights, hidden_steps)
                for window in np.flatnonzero(hits):
                    own = slice(window, window + 1)
                    learn(hidden[own], [0], [centers[window]], hits[own], hidden_steps[own])
            for part in () if is_plain else (weights, more):
                loss, by_inputs, by_targets = tile_gradients(hidden, out_vecs[rows_out], part)
                sums.loss += loss
                hidden_steps -= by_inputs
                step.add(1, rows_out, by_targets)
            hidden_steps[:, biases] = 0
            sums.n_predictions += len(group)
            exact = means if s.cbow_mean else np.ones_like(means)
            other = np.ones_like(means) if s.cbow_mean else means  # gensim's in place of the exact step
            hidden_steps *= exact if s.cbow_update == "exact" else other
            for rows, hidden_step in zip(contexts, hidden_steps, strict=True):
                if is_plain:
                    np.add.at(in_vecs, rows, hidden_step)
                else:
                    step.add(0, rows, -hidden_step)
        else:
            # (row, which windows it is in)
            inputs = [
                (ids[p], row_of_eye)
                for (_, places), row_of_eye in zip(group, np.eye(len(group)), strict=True)
                for p in places
            ]
            if joint:
                reach = [p for pos, places in group for p in [pos, *places] if counts[p]]
                inputs = [
                    (ids[p], np.array([float(p in places) for _, places in group]))
                    for p in range(min(reach), max(reach) + 1)
                    if counts[p]
                ]
            sums.n_predictions += sum(len(places) for _, places in group)
            if not per_pair and s.loss != "nce":
                inputs = merged(inputs)
            for part in batched(inputs, 1 if per_pair else tile_inputs):
                rows, members = [row for row, _ in part], np.stack([member for _, member in part])
                if per_pair:
                    rows_out, weights, hits, more = choose_targets(centers)
                if is_plain:
                    learn(in_vecs, rows, rows_out, members @ weights)
                    for window in np.flatnonzero(hits):
                        if own := [row for row, member in part if member[window]]:
                            learn(in_vecs, own, [centers[window]], hits[[window]])
                for chosen in () if is_plain else (weights, more):
                    loss, by_inputs, by_targets = tile_gradients(
                        in_vecs[rows], out_vecs[rows_out], members @ chosen
                    )
                    sums.loss += loss
                    by_inputs[:, biases] = 0
                    step.add(0, rows, by_inputs)
                    step.add(1, rows_out, by_targets)
        step.n_windows += len(group)
        if step.n_windows >= step_windows:
            optimizer.move(step.gradients, step.touched, lr)
            step = Step(vecs)
    optimizer.move(step.gradients, step.touched, lr)
    return sums


class Step:
    """The gradients of some windows by both matrices, and the rows that they touch."""

    def __init__(self, vecs: Sequence[np.ndarray]) -> None:
        self.gradients = [np.zeros_like(matrix) for matrix in vecs]
        self.touched: list[set[int]] = [set(), set()]
        self.n_windows = 0

    def add(self, matrix: int, rows: Sequence[int], gradients: np.ndarray) -> None:
        np.add.at(self.gradients[matrix], rows, gradients)
        self.touched[matrix].update(rows)


def batched(items: Sequence[Any], n: int) -> list[Sequence[Any]]:
    return [items[at : at + n] for at in range(0, len(items), n)]
