"""``fastw2v demo``: train on a generated corpus, offline, and show how much of the planted world was found.

It writes the corpus to a temporary file and goes the way of every user: `Word2Vec(corpus_file=...)`,
`most_similar`, `evaluate_word_analogies`. The command line hands in settings and saves the vectors; this file
only trains, looks and tells. Every score it prints is computed against the answers of `planted`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastw2v import planted
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.word2vec import Word2Vec

__all__ = ["DemoResult", "run"]

N_SENTENCES = 100_000
TOPN = 5
_SHOWN_WORDS = ("paris", "queen", "cats", "swam")
_SHOWN_ANALOGIES = (
    ("paris", "france", "rome", "italy"),
    ("man", "woman", "king", "queen"),
    ("japan", "japanese", "peru", "peruvian"),
    ("cat", "cats", "child", "children"),
    ("walk", "walked", "swim", "swam"),
    ("dance", "dancing", "write", "writing"),
)


@dataclass(frozen=True)
class DemoResult:
    """What the demo trained and how well.

    Attributes
    ----------
    model : Word2Vec
        The trained model.
    n_words : int
        Words of the generated corpus.
    seconds : float
        Wall time of counting and training.
    analogies : float
        Share of the planted analogies answered right, 0 to 1; questions with unknown words count as wrong.
    neighbours : float
        Share of the planted words' five nearest neighbours that are planted relatives of the word, 0 to 1.
    """

    model: Word2Vec
    n_words: int
    seconds: float
    analogies: float
    neighbours: float


def run(
    settings: Mapping[str, Any],
    *,
    n_sentences: int = N_SENTENCES,
    seed: int = 1,
    tell: Callable[[str], None] = print,
) -> DemoResult:
    """Generate the corpus, train on it, and show and score the result.

    Parameters
    ----------
    settings : mapping
        Keyword arguments of `Word2Vec`.
    n_sentences, seed : int
        As for `planted.sentences`.
    tell : callable
        Takes each line of the report.

    Raises
    ------
    OSError
        The temporary folder cannot be written to.
    """
    with TemporaryDirectory(prefix="fastw2v-demo-") as folder:
        corpus_file = Path(folder, "corpus.txt")
        n_words = planted.write_corpus(corpus_file, n_sentences, seed)
        tell(f"Generated {n_sentences:,} sentences ({n_words:,} words) about a planted world, for example:")
        for sentence in islice(planted.sentences(n_sentences, seed), 3):
            tell(f"    {' '.join(sentence)}")
        began = time.perf_counter()
        model = Word2Vec(corpus_file=corpus_file, **settings)
        seconds = time.perf_counter() - began
        first_loss, last_loss = model.history[0]["loss"], model.history[-1]["loss"]
        tell(
            f"\nCounted and trained in {seconds:.1f} s: {model!r},\n"
            f"    {model.epochs} epochs on {model.workers} thread(s); the loss fell from {first_loss:.3f} to"
            f" {last_loss:.3f}."
        )
        neighbours = _show_neighbours(model.wv, tell)
        analogies = _show_analogies(model.wv, Path(folder, "questions.txt"), tell)
    return DemoResult(model, n_words, seconds, analogies, neighbours)


def _show_neighbours(wv: KeyedVectors, tell: Callable[[str], None]) -> float:
    related = planted.relatives()
    n_related = n_found = 0
    for word in related:
        if word in wv:
            found = [neighbour for neighbour, _ in wv.most_similar(word, topn=TOPN)]
            n_found += len(found)
            n_related += sum(neighbour in related[word] for neighbour in found)
    tell("\nNearest neighbours (in brackets: no planted relative):")
    for word in _SHOWN_WORDS:
        if word in wv:
            shown = (
                neighbour if neighbour in related[word] else f"({neighbour})"
                for neighbour, _ in wv.most_similar(word, topn=TOPN)
            )
            tell(f"    {word + ':':<8} {', '.join(shown)}")
    share = n_related / n_found if n_found else 0.0
    tell(f"    Of all {n_found:,} neighbours of planted words, {share:.1%} are planted relatives.")
    return share


def _show_analogies(wv: KeyedVectors, questions_file: Path, tell: Callable[[str], None]) -> float:
    tell("\nAnalogies:")
    for a, b, c, expected in _SHOWN_ANALOGIES:
        if a in wv and b in wv and c in wv:
            answer = wv.most_similar(positive=[b, c], negative=[a], topn=1)[0][0]
            verdict = "right" if answer == expected else f"wrong: {expected}"
            tell(f"    {a} is to {b} as {c} is to {answer} ({verdict})")
    planted.write_questions(questions_file)
    score, sections = wv.evaluate_word_analogies(questions_file, dummy4unknown=True)
    tell("\nAll planted analogies:")
    for section in sections:
        n_right = len(section["correct"])
        n_asked = n_right + len(section["incorrect"])
        name = section["section"]
        tell(f"    {name:<28} {n_right:>5,} of {n_asked:>5,} right, {n_right / n_asked:6.1%}")
    return score
