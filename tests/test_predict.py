"""Probabilities of words in context: exact sums over the vocabulary, against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_expit, log_softmax

from fastw2v import Word2Vec, _train, predict, trainer

TEXT = [line.split() for line in ("a b c a b d", "c a", "b b a d e f a", "e", "f a b c d e f a b")]
LOSSES = ["ns", "hs", "nce", "sampled_softmax", "blackout", "softmax"]
VARIANTS = [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": 0}]


def make_model(loss: str, **changes) -> Word2Vec:
    noise = {} if loss in ("hs", "softmax") else {"negative": 3}
    return Word2Vec(
        TEXT * 10, loss=loss, vector_size=6, window=2, min_count=1, sample=0, epochs=3, alpha=0.2, workers=1,
        **noise, **changes,
    )  # fmt: skip


def log_p(model: Word2Vec, hidden: np.ndarray) -> np.ndarray:
    """log p of every word, by the plainest formulas there are."""
    out = model._out_vecs.astype(float)
    counts = np.array([model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key])
    if model.loss == "hs":
        offsets, nodes, codes = _train.tree_build(counts)
        return np.array(
            [
                sum(
                    log_expit((1 - 2.0 * codes[entry]) * (hidden @ out[nodes[entry], :6]))
                    for entry in range(offsets[word], offsets[word + 1])
                )
                for word in range(len(counts))
            ]
        )
    scores = out[:, :6] @ hidden
    if model.loss != "ns":
        scores += out[:, 6]
    if model.loss != "softmax":
        scores += np.log(counts**model.ns_exponent / (counts**model.ns_exponent).sum())
    return log_softmax(scores)


def predictions(model: Word2Vec, line: list[str]):
    """(context words, centre) as the model is trained on them, windows unshrunk."""
    for pos, center in enumerate(line):
        contexts = line[max(0, pos - 2) : pos] + line[pos + 1 : pos + 3]
        yield from (
            [([word], center) for word in contexts] if model.sg else [(contexts, center)] if contexts else []
        )


def hidden_of(model: Word2Vec, contexts: list[str]) -> np.ndarray:
    vectors = np.array([model.wv[word] for word in contexts], dtype=float)
    return vectors.sum(axis=0) if not model.sg and not model.cbow_mean else vectors.mean(axis=0)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_scores_and_perplexity_are_the_slow_twins(monkeypatch, loss, variant):
    model = make_model(loss, **variant)
    lines = [*TEXT, ["a"], [], ["b", "unknown", "c"]]
    known = [[word for word in line if word != "unknown"] for line in lines]
    logs = []
    for line in known:
        found = [(log_p(model, hidden_of(model, c)), center) for c, center in predictions(model, line)]
        logs.append([p[model.wv.key_to_index[center]] for p, center in found])
    np.testing.assert_allclose(model.score(lines), [sum(line) for line in logs], rtol=1e-5, atol=1e-6)
    flat = np.concatenate(logs)
    assert model.perplexity(lines) == pytest.approx(np.exp(-flat.mean()), rel=1e-5)
    # Cut into the smallest pieces and blocks, it is the same.
    monkeypatch.setattr(predict, "PIECE_TOKENS", 2)
    monkeypatch.setattr(predict, "BLOCK_NUMBERS", 7)
    assert model.perplexity(lines) == pytest.approx(np.exp(-flat.mean()), rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_predicted_probabilities_sum_to_one_and_are_the_slow_twins(loss, variant):
    model = make_model(loss, **variant)
    found = model.predict_output_word(["a", "unknown", "d"], topn=100)
    assert sum(p for _, p in found) == pytest.approx(1, abs=1e-6)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    expected = np.exp(log_p(model, hidden_of(model, ["a", "d"])))
    for word, p in found:
        assert p == pytest.approx(expected[model.wv.key_to_index[word]], rel=1e-4)
    assert model.predict_output_word(["a", "d"], topn=2) == found[:2]
    assert model.predict_output_word([model.wv.key_to_index["a"], "d"], topn=2) == found[:2]


def test_scores_that_would_overflow_an_exponential_do_not():
    model = make_model("softmax", sg=1)
    model._in_vecs[:, :6] *= 1e4
    found = model.predict_output_word(["a"], topn=6)
    assert sum(p for _, p in found) == pytest.approx(1)
    assert np.isfinite(model.score(TEXT)).all()


def test_contexts_that_say_nothing_are_refused():
    model = make_model("ns")
    with pytest.raises(ValueError, match="the context is empty"):
        model.predict_output_word([])
    with pytest.raises(ValueError, match="no word of the context is in the vocabulary"):
        model.predict_output_word(["unknown"])
    with pytest.raises(TypeError, match="not a string"):
        model.predict_output_word("a b")
    with pytest.raises(ValueError, match="topn must be at least 1"):
        model.predict_output_word(["a"], topn=0)
    with pytest.raises(ValueError, match="a word's id must be between 0 and 5"):
        model.predict_output_word([99])
    with pytest.raises(TypeError, match="not a string"):
        model.score(["a b c"])
    with pytest.raises(ValueError, match="no two words of the vocabulary within a window"):
        model.perplexity([["a"], ["unknown", "b"]])
    with pytest.raises(RuntimeError, match="no vocabulary"):
        Word2Vec().predict_output_word(["a"])


def test_the_vectors_can_be_input_output_sum_or_both():
    model = make_model("nce", sg=1)
    in_vecs, out_vecs = model._in_vecs[:, :6], model._out_vecs[:, :6]
    assert np.shares_memory(model.get_vectors(), in_vecs)
    assert np.array_equal(model.get_vectors("out"), out_vecs)
    assert np.array_equal(model.get_vectors("sum"), in_vecs + out_vecs)
    assert np.array_equal(model.get_vectors("concat"), np.hstack([in_vecs, out_vecs]))
    wv = model.get_keyed_vectors("concat")
    assert wv.vector_size == 12
    assert wv.index_to_key == model.wv.index_to_key
    assert np.array_equal(wv["a"][:6], model.wv["a"])
    assert wv.get_vecattr("a", "count") == model.wv.get_vecattr("a", "count")
    assert model.get_keyed_vectors() is model.wv
    with pytest.raises(ValueError, match="which must be one of 'in', 'out', 'sum', 'concat', not 'both'"):
        model.get_vectors("both")
    with pytest.raises(RuntimeError, match="no vocabulary"):
        Word2Vec().get_vectors()


@pytest.mark.parametrize("which", ["out", "sum", "concat"])
def test_nodes_of_a_tree_are_no_word_vectors(which):
    with pytest.raises(ValueError, match="belong to the inner nodes of the tree"):
        make_model("hs").get_vectors(which)


def test_a_line_longer_than_a_piece_is_scored_whole():
    model = make_model("ns")
    once, twice, thrice, often = model.score([TEXT[2] * n for n in (1, 2, 3, 3000)])
    assert often == pytest.approx(once + (twice - once) + 2998 * (thrice - twice), rel=1e-5)


def test_offsets_are_the_logarithm_of_expected_draws():
    model = make_model("ns")
    counts = np.array([9, 4, 1])
    weights = counts**0.75 / (counts**0.75).sum()
    np.testing.assert_allclose(trainer.score_offsets(counts, model.settings), np.log(3 * weights))
