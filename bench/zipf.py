"""Made-up corpora: words by Zipf's law, as ids, as counts and as text.

For what no text at hand has, or where its contents do not matter: vocabularies of millions, a billion tokens,
benchmarks that need no data. The word in rank r has a share proportional to 1 / (r + 3), words follow each other
independently, lines are 40 words long. So frequent rows are in the caches and rare ones are not, as with a real text;
nothing can be learnt. Everything comes from a fixed seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastw2v import _train

LINE_WORDS, LINE_END = 40, -1
LINES_A_PIECE = 100_000


def shares(n_words: int) -> np.ndarray:
    """The share of each word, [V], by falling frequency."""
    weights = 1 / (np.arange(n_words) + 3.0)
    return weights / weights.sum()


def counts(n_words: int, n_tokens: int) -> np.ndarray:
    """How often each word is to be expected among `n_tokens`, at least once, int64 [V]."""
    return np.maximum(1, np.rint(n_tokens * shares(n_words))).astype(np.int64)


def ids(n_words: int, n_tokens: int, seed: int = 1, into: np.ndarray | None = None) -> np.ndarray:
    """Whole lines of ids, at least `n_tokens`, each with its LINE_END, int32.

    They are written to `into` if it is given, which must have `places(n_tokens)` numbers and may be a memory map.
    """
    table = _train.alias_build(shares(n_words))
    out = np.empty(places(n_tokens), np.int32) if into is None else into
    lines = out.reshape(-1, LINE_WORDS + 1)
    for first in range(0, len(lines), LINES_A_PIECE):
        piece = lines[first : first + LINES_A_PIECE]
        drawn = _train.alias_draw(table, len(piece) * LINE_WORDS, seed + (first << 20))
        piece[:, :LINE_WORDS], piece[:, LINE_WORDS] = drawn.reshape(-1, LINE_WORDS), LINE_END
    return out


def places(n_tokens: int) -> int:
    """Numbers that `n_tokens` take in whole lines."""
    return -(-n_tokens // LINE_WORDS) * (LINE_WORDS + 1)


def write_text(path: Path, n_words: int, n_tokens: int, seed: int = 1) -> int:
    """Write whole lines of text, at least `n_tokens`; returns how many words they have."""
    names = np.array([f"word{place:x}" for place in range(n_words)])
    lines = ids(n_words, n_tokens, seed).reshape(-1, LINE_WORDS + 1)[:, :LINE_WORDS]
    with path.open("w") as text:
        text.writelines(" ".join(words) + "\n" for words in names[lines])
    return int(lines.size)


def save_ids(path: Path, n_words: int, n_tokens: int, seed: int = 1) -> Any:
    """Write ids to a file, and return a read-only memory map of it."""
    ids(n_words, n_tokens, seed, np.memmap(path, np.int32, "w+", shape=(places(n_tokens),)))
    return np.memmap(path, np.int32, "r")
