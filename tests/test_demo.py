"""The demo: learns the planted world, and its scores are those of the vectors it saved."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from fastw2v import KeyedVectors, Word2Vec, demo, planted
from fastw2v.cli import main
from fastw2v.cli_options import make_parser, settings_from


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the whole demo prints, as users start it, and where it saved the model."""
    output = tmp_path_factory.mktemp("demo") / "my demo.safetensors"
    stdout = io.StringIO()
    with redirect_stdout(stdout):
        assert main(["demo", "--output", str(output), "--quiet"]) == 0
    return stdout.getvalue(), output


def test_the_demo_learns_the_planted_world_and_says_so(shown):
    text, _ = shown
    total = re.search(r"Total accuracy +([\d,]+) of +([\d,]+) right, +([\d.]+)%", text)
    assert int(total[2].replace(",", "")) == len(planted.questions())
    assert float(total[3]) > 90
    assert float(re.search(r"neighbours of planted words, ([\d.]+)% are", text)[1]) > 60
    assert "paris is to france as rome is to" in text
    assert "queen:" in text


def test_the_demo_says_where_it_saved_and_what_to_try_with_quotes_where_needed(shown):
    text, output = shown
    assert f"Saved to {output.resolve()}." in text
    assert f"fastw2v similar '{output}' paris" in text
    assert len(Word2Vec.load(output).history) > 0


def test_the_scores_shown_are_those_of_the_saved_vectors(shown, tmp_path):
    text, output = shown
    wv = KeyedVectors.load(output)
    planted.write_questions(tmp_path / "questions.txt")
    score, sections = wv.evaluate_word_analogies(tmp_path / "questions.txt", dummy4unknown=True)
    assert f"{score:6.1%}" in text.split("Total accuracy")[1]
    for section in sections:
        assert f"{len(section['correct']):,} of" in text
    shown_neighbours = re.search(r"^ +swam: +(.*)$", text, re.MULTILINE)[1]
    expected = [word for word, _ in wv.most_similar("swam", topn=5)]
    assert [word.strip("()") for word in shown_neighbours.split(", ")] == expected
    bracketed = {word.strip("()") for word in shown_neighbours.split(", ") if word.startswith("(")}
    assert bracketed == set(expected) - planted.relatives()["swam"]


@pytest.mark.parametrize(
    ("model", "loss", "n_sentences"),
    [("cbow", "ns", demo.N_SENTENCES), ("sg", "hs", 40_000), ("cbow", "hs", 40_000)],
)
def test_the_other_models_and_losses_learn_the_planted_world_too(model, loss, n_sentences):
    arguments = make_parser().parse_args(["demo", "--quiet", "--model", model, "--loss", loss])
    result = demo.run(settings_from(arguments), n_sentences=n_sentences, tell=lambda line: None)
    assert result.analogies > 0.7
    assert result.neighbours > 0.5
    assert result.model.history[-1]["loss"] < result.model.history[0]["loss"]
    assert result.n_words == result.model.corpus_total_words


def test_vectors_that_learnt_nothing_score_nothing_in_the_demo():
    """The bars above mean something: an `alpha` of nearly 0 leaves the random vectors of the start."""
    settings = {"alpha": 1e-9, "min_alpha": 1e-9, "epochs": 1, "sg": 1, "progress": False}
    lines: list[str] = []
    result = demo.run(settings, n_sentences=5000, tell=lines.append)
    assert result.analogies < 0.05
    assert result.neighbours < 0.2
    assert any("wrong:" in line for line in lines)
    assert any("(" in line for line in lines if "paris:" in line)


def test_a_corpus_too_small_for_a_shown_word_still_makes_a_demo():
    lines: list[str] = []
    result = demo.run({"epochs": 1, "min_count": 2, "progress": False}, n_sentences=60, tell=lines.append)
    assert 0 <= result.analogies <= 1
    assert np.isfinite(result.model.wv.vectors).all()
    assert not any("swam:" in line for line in lines)


def test_the_demo_leaves_no_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    demo.run({"epochs": 1, "progress": False}, n_sentences=500, tell=lambda line: None)
    assert list(tmp_path.iterdir()) == []
