"""A deterministic generator of English-like text over a planted world whose right answers are known.

A sentence shows one role of one entity of `planted_world` (France as france, paris or french) among topic
words of the entity (seine, louvre) and companions of the role (government, mayor, poet), with some noise. A
word's contexts are thus the sum of its entity's and its role's: the structure that lets a good word2vec find
"paris - france + italy = rome", and that nothing else in the text gives away.

It is not a language model and not a benchmark of natural text. ``fastw2v demo`` and the tests call it.
Invariant: the text depends on (n_sentences, seed) only, not on the Python version, the platform or the hash
seed; a longer corpus starts with the shorter one of the same seed.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, permutations
from pathlib import Path
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from fastw2v.planted_world import (
    ADJECTIVES,
    ADVERBS,
    FILLER,
    JOINTS,
    OBJECTS,
    SECTIONS,
    SURNAME_ONSETS,
    WORLD,
    Entity,
    Kind,
)

_T = TypeVar("_T")

__all__ = ["Question", "groups", "questions", "relatives", "sentences", "write_corpus", "write_questions"]

_P_FILLER = 0.12  # share of sentences that say nothing about the world
_P_SECOND = 0.3  # share of sentences with a second, unrelated clause
_P_STRAY = 0.35  # share of topic and role words taken from another entity or role, as life is not that tidy
_SUBJECT_SHIFT = 30.0  # the most frequent subject is written about ten times as often as the rarest
_N_SURNAMES = 6000
_Subject: TypeAlias = tuple[Kind, Entity, int]  # and which of the kind's roles


class Question(NamedTuple):
    """`a` is to `b` as `c` is to `d`; `section` is one of the six sections of the planted world."""

    section: str
    a: str
    b: str
    c: str
    d: str


class _Zipf(Generic[_T]):
    """Draws from `items` with probabilities as 1 / (rank + shift), which rounds alike on every machine."""

    def __init__(self, items: Sequence[_T], shift: float) -> None:
        self.items = items
        self.totals = list(accumulate(1.0 / (rank + shift) for rank in range(len(items))))

    def at(self, quantile: float) -> _T:
        """Return the item at a quantile in [0, 1); rounding may put the last one just beyond the total."""
        place = bisect_right(self.totals, quantile * self.totals[-1])
        return self.items[min(place, len(self.items) - 1)]


def _surnames(n_names: int) -> list[str]:
    """Return made-up names, the tail of the vocabulary: two syllables and an end, in scattered order."""
    syllables = [onset + nucleus for onset in SURNAME_ONSETS for nucleus in "aeiou"]
    ends = "knrsx"
    n_all = len(syllables) ** 2 * len(ends)
    step = 7919  # coprime to n_all: the walk meets every combination once
    names = []
    for turn in range(1, n_names + 1):
        first, rest = divmod(turn * step % n_all, len(syllables) * len(ends))
        second, end = divmod(rest, len(ends))
        names.append(syllables[first] + syllables[second] + ends[end])
    return names


@cache
def _shared_words() -> dict[str, _Zipf[str]]:
    return {
        "A": _Zipf(ADJECTIVES, 3.0),
        "D": _Zipf(ADVERBS, 3.0),
        "L": _Zipf(OBJECTS, 3.0),
        "N": _Zipf(_surnames(_N_SURNAMES), 5.0),
    }


@cache
def _subjects() -> _Zipf[_Subject]:
    """Every role of every entity; the first entities of all kinds are the most frequent ones."""
    n_ranks = max(len(kind.entities) for kind in WORLD)
    ranked = [
        (kind, kind.entities[rank], role)
        for rank in range(n_ranks)
        for kind in WORLD
        if rank < len(kind.entities)
        for role in range(len(kind.roles))
    ]
    return _Zipf(ranked, _SUBJECT_SHIFT)


class _Writer:
    """Draws one sentence after another.

    Only `random.Random.random` is used: Python promises the same numbers for the same integer seed in every
    version, which it does not for `choice`, `shuffle` or `choices`.
    """

    def __init__(self, seed: int) -> None:
        self.uniform = random.Random(seed).random

    def pick(self, items: Sequence[_T]) -> _T:
        return items[int(self.uniform() * len(items))]

    def sentence(self) -> list[str]:
        is_filler = self.uniform() < _P_FILLER
        words = self.filler() if is_filler else self.statement(*_subjects().at(self.uniform()))
        if self.uniform() < _P_SECOND:
            words += [self.pick(JOINTS), *self.filler()]
        return words

    def filler(self) -> list[str]:
        shared = _shared_words()
        template = self.pick(FILLER)
        return [shared[word].at(self.uniform()) if word in shared else word for word in template]

    def statement(self, kind: Kind, entity: Entity, role_number: int) -> list[str]:
        """Fill one template about an entity; `planted_world` explains the slots."""
        shared = _shared_words()
        role = kind.roles[role_number]
        # Topics start anywhere and go round, so that no statement repeats one of its own.
        topic = int(self.uniform() * len(entity.topics))
        words = []
        for word in self.pick(role.templates):
            if not word.isupper():
                words.append(word)
            elif word in shared:
                words.append(shared[word].at(self.uniform()))
            elif word == "W":
                words.append(entity.forms[role_number])
            elif word == "O":
                words.append(entity.forms[(role_number + 1) % len(kind.roles)])
            elif word == "T":
                topic = (topic + 1) % len(entity.topics)
                words.append((self.pick(kind.entities) if self.strays() else entity).topics[topic])
            else:
                slots = (self.pick(kind.roles) if self.strays() else role).slots
                words.append(self.pick(slots.get(word, role.slots[word])))
        return words

    def strays(self) -> bool:
        return self.uniform() < _P_STRAY


class _Sentences:
    """What `sentences` returns: starts again at every iteration."""

    def __init__(self, n_sentences: int, seed: int) -> None:
        self.n_sentences = n_sentences
        self.seed = seed

    def __len__(self) -> int:
        return self.n_sentences

    def __iter__(self) -> Iterator[list[str]]:
        writer = _Writer(self.seed)
        for _ in range(self.n_sentences):
            yield writer.sentence()


def sentences(n_sentences: int = 100_000, seed: int = 1) -> _Sentences:
    """Return the planted corpus as a re-iterable of token lists; `len` tells the number of sentences.

    Parameters
    ----------
    n_sentences : int
        Sentences of 11 to 12 words on average. From about 40,000 on a good trainer learns nearly all
        analogies, from 100,000 on it does so within a few epochs.
    seed : int
        At least 0. The same seed gives the same text everywhere.

    Raises
    ------
    TypeError, ValueError
        `n_sentences` or `seed` is not an integer, or is negative.
    """
    for name, value in (("n_sentences", n_sentences), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
    return _Sentences(n_sentences, seed)


def write_corpus(path: str | os.PathLike[str], n_sentences: int = 100_000, seed: int = 1) -> int:
    """Write the corpus to a text file, one sentence a line, and return the number of words written."""
    n_words = 0
    corpus = sentences(n_sentences, seed)  # checks the arguments before a file is touched
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        for words in corpus:
            n_words += len(words)
            file.write(" ".join(words) + "\n")
    return n_words


def questions() -> list[Question]:
    """Return every analogy of the planted world: all ordered pairs of entities, section by section."""
    kinds = {kind.name: kind for kind in WORLD}
    out = []
    for section, kind_name, role_from, role_to in SECTIONS:
        kind = kinds[kind_name]
        names = [role.name for role in kind.roles]
        i, j = names.index(role_from), names.index(role_to)
        for x, y in permutations(kind.entities, 2):
            out.append(Question(section, x.forms[i], x.forms[j], y.forms[i], y.forms[j]))
    return out


def write_questions(path: str | os.PathLike[str]) -> int:
    """Write `questions()` in the format of word2vec's questions-words.txt and return their number."""
    asked = questions()
    section = None
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        for question in asked:
            if question.section != section:
                section = question.section
                file.write(f": {section}\n")
            file.write(" ".join(question[1:]) + "\n")
    return len(asked)


def groups() -> dict[str, tuple[str, ...]]:
    """Return the planted groups of similar words; a good neighbour of a word shares a group with it.

    There is one for each role (``country``: france, germany, ...; ``plural``: cats, dogs, ...) and one for
    each entity, named by its first word (``france``: france, paris, french and their topics).
    """
    out = {}
    for kind in WORLD:
        for i, role in enumerate(kind.roles):
            out[role.name] = tuple(entity.forms[i] for entity in kind.entities)
    for kind in WORLD:
        for entity in kind.entities:
            out[entity.forms[0]] = entity.forms + entity.topics
    return out


def relatives() -> dict[str, set[str]]:
    """Return for each word of the `groups` all words that share one with it, itself included."""
    related: dict[str, set[str]] = {}
    for group in groups().values():
        for word in group:
            related.setdefault(word, set()).update(group)
    return related
