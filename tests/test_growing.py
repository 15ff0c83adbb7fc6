"""Vocabularies that grow, vectors to start from, and words that are frozen."""

from __future__ import annotations

import numpy as np
import pytest
from small_model import SENTENCES, SMALL
from test_pauses import BASE, KINDS, TEXT

from fastw2v import Callback, EmptyVocabularyError, KeyedVectors, Word2Vec, model_file

MORE = [["hello", "wide", "world"], ["say", "wide", "wide"], ["i", "again"]] * 4


def counts_of(model: Word2Vec) -> dict[str, int]:
    return {word: model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key}


def rows_of(model: Word2Vec, words: list[str]) -> list[np.ndarray]:
    """All that is known of words: vectors, output vectors with biases, what the optimizer remembers."""
    ids = [model.wv.key_to_index[word] for word in words]
    return [array[ids].copy() for array in (model._in_vecs, model._out_vecs, *(model._memory.states or ()))]


# ---- build_vocab(update=True) ----


def test_counts_are_added_and_words_ranked_anew():
    model = Word2Vec(SENTENCES, **SMALL)
    model.build_vocab(MORE, update=True)
    assert counts_of(model) == {
        "hello": 34, "say": 24, "i": 14, "wide": 12, "goodbye": 10, "you": 10, "again": 4, "world": 4,
    }  # fmt: skip
    assert model.wv.index_to_key == ["hello", "say", "i", "wide", "goodbye", "you", "again", "world"]
    assert (model.corpus_count, model.corpus_total_words) == (12, 32), "as in gensim, of the new corpus"
    assert [entry["epoch"] for entry in model.history] == [1, 2]
    assert model.train() == (2 * 32, 2 * 32)
    assert [entry["epoch"] for entry in model.history] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "hs" not in kind])
def test_old_rows_keep_every_bit_and_new_ones_are_started(kind):
    model = Word2Vec(TEXT, **BASE, **KINDS[kind])
    words = list(model.wv.index_to_key)
    before, log_z = rows_of(model, words), model.nce_z
    model.build_vocab([["brand", "new", "w1", "words"] * 500], update=True)
    for now, then in zip(rows_of(model, words), before, strict=True):
        assert np.array_equal(now, then)
    assert model.nce_z == log_z
    new = model.wv["brand"], model.wv["new"], model.wv["words"]
    assert all(0 < np.abs(vector).max() <= 5 / model.vector_size for vector in new)
    assert len({vector.tobytes() for vector in model.wv.vectors}) == len(words) + 3
    assert (model.get_vectors("out")[[model.wv.get_index(word) for word in ("brand", "new")]] == 0).all()
    model.train()
    assert np.isfinite(model._in_vecs).all()
    assert np.isfinite(model._out_vecs).all()
    assert np.abs(model.get_vectors("out")[model.wv.get_index("brand")]).max() > 0


def test_new_words_are_learnt_and_ids_fit_the_corpus():
    """The new words take part: "wide" ends up beside what it stands beside."""
    rng = np.random.default_rng(3)
    first = [["cat", "purrs"], ["dog", "barks"]] * 300
    second = [["lion", "purrs"], ["wolf", "barks"]] * 300
    rng.shuffle(second)
    model = Word2Vec(first, **{**SMALL, "epochs": 20}, alpha=0.05)
    model.build_vocab(second, update=True)
    model.train(second, epochs=20)
    assert model.wv.similarity("lion", "cat") > model.wv.similarity("lion", "dog")
    assert model.wv.similarity("wolf", "dog") > model.wv.similarity("wolf", "cat")


def test_counts_are_merged_before_min_count():
    model = Word2Vec(**{**SMALL, "min_count": 5})
    model.build_vocab([["often"] * 6 + ["seldom"] * 3])
    model.build_vocab([["often"] * 1 + ["seldom"] * 3], update=True)
    assert counts_of(model) == {"often": 7}, "that it was met before is not known"
    model.build_vocab([["seldom"] * 5], update=True)
    assert counts_of(model) == {"often": 7, "seldom": 5}


@pytest.mark.parametrize("saved", [False, True])
def test_kept_raw_counts_let_words_join_later(tmp_path, saved):
    model = Word2Vec(**{**SMALL, "min_count": 5})
    model.build_vocab([["often"] * 6 + ["seldom"] * 3 + ["\udcff"]], keep_raw_vocab=True)
    if saved:
        model.save(tmp_path / "model.safetensors")
        model = Word2Vec.load(tmp_path / "model.safetensors")
    assert model.raw_vocab == {"often": 6, "seldom": 3, "\udcff": 1}
    model.build_vocab([["seldom"] * 2 + ["rare"]], update=True)
    assert counts_of(model) == {"often": 6, "seldom": 5}
    model.build_vocab_from_freq({"rare": 4, "seldom": 4}, update=True)
    assert counts_of(model) == {"seldom": 9, "often": 6, "rare": 5}
    assert model.raw_vocab == {"often": 6, "seldom": 9, "rare": 5, "\udcff": 1}


def test_growing_by_counts_is_growing_by_text():
    by_text, by_counts = Word2Vec(SENTENCES, **SMALL), Word2Vec(SENTENCES, **SMALL)
    by_text.build_vocab(MORE, update=True)
    by_counts.build_vocab_from_freq(
        {"wide": 12, "world": 4, "again": 4, "hello": 4, "say": 4, "i": 4}, corpus_count=12, update=True
    )
    assert counts_of(by_text) == counts_of(by_counts)
    for model in (by_text, by_counts):
        model.train(MORE)
    assert np.array_equal(by_text.wv.vectors, by_counts.wv.vectors)


def test_growing_does_not_depend_on_threads_or_the_way_the_text_comes(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(" ".join(line) + "\n" for line in TEXT * 3))
    models = []
    for workers, corpus in ((1, {"corpus_iterable": TEXT * 3}), (3, {"corpus_file": path})):
        model = Word2Vec(**{**BASE, "workers": workers})
        model.build_vocab([["w1", "w2", "w3000"], ["w7"] * 5000])
        model.build_vocab(**corpus, update=True)
        models.append(model)
    assert models[0].wv.index_to_key == models[1].wv.index_to_key
    assert np.array_equal(models[0]._corpus[1].ids, models[1]._corpus[1].ids)
    assert np.array_equal(models[0].wv.vectors, models[1].wv.vectors)


def test_rules_choose_among_new_words_only():
    model = Word2Vec(SENTENCES, **SMALL, max_final_vocab=7)
    model.build_vocab(MORE, update=True, trim_rule=lambda word, *_: 1 if word in ("wide", "hello") else 0)
    assert counts_of(model) == {
        "hello": 34,
        "say": 24,
        "i": 14,
        "goodbye": 10,
        "you": 10,
        "again": 4,
        "world": 4,
    }
    with pytest.raises(ValueError, match=r"the vocabulary so far keep 8 words, more than max_final_vocab=7"):
        model.build_vocab([["yet"]], update=True, trim_rule=lambda word, *_: 2 if word == "yet" else 0)
    assert len(model.wv) == 7


def test_what_cannot_be_updated_is_refused():
    with pytest.raises(RuntimeError, match="no vocabulary to update yet"):
        Word2Vec(**SMALL).build_vocab(SENTENCES, update=True)
    with pytest.raises(RuntimeError, match="no vocabulary to update yet"):
        Word2Vec(**SMALL).build_vocab_from_freq({"a": 3}, update=True)
    by_tree = Word2Vec(**SMALL, hs=1)
    by_tree.build_vocab(SENTENCES)
    by_tree.build_vocab(MORE, update=True)
    assert len(by_tree.wv) == 8, "nothing has been learnt of the nodes yet"
    by_tree.train()
    vectors = by_tree.wv.vectors.copy()
    with pytest.raises(ValueError, match="hierarchical softmax has learnt the nodes of a Huffman tree"):
        by_tree.build_vocab([["hello", "new"]], update=True)
    assert np.array_equal(by_tree.wv.vectors, vectors)
    model = Word2Vec(SENTENCES, **SMALL)
    with pytest.raises(EmptyVocabularyError, match="the corpus is empty"):
        model.build_vocab([], update=True)
    model.train()


def test_attributes_of_words_move_with_them():
    model = Word2Vec(SENTENCES, **SMALL)
    model.wv.expandos["kind"] = np.arange(5)
    before = {word: int(model.wv.expandos["kind"][id]) for id, word in enumerate(model.wv.index_to_key)}
    model.build_vocab([["you", "new"]] * 50, update=True)
    after = {word: int(model.wv.expandos["kind"][id]) for id, word in enumerate(model.wv.index_to_key)}
    assert after == {**before, "new": 0}


# ---- init_vectors ----


def test_words_start_from_given_vectors_and_others_as_usual(tmp_path):
    given = KeyedVectors.from_arrays(
        ["say", "unheard-of", "you"], np.arange(24, dtype=np.float32).reshape(3, 8)
    )
    plain = Word2Vec(**SMALL)
    plain.build_vocab(SENTENCES)
    given.save(tmp_path / "given.safetensors")
    given.save_word2vec_format(tmp_path / "given.bin", binary=True)
    given.save_word2vec_format(tmp_path / "given.txt")
    paths = [tmp_path / name for name in ("given.safetensors", "given.bin", "given.txt")]
    for init_vectors in (given, *paths, str(paths[0])):
        model = Word2Vec(**SMALL, init_vectors=init_vectors)
        model.build_vocab(SENTENCES)
        assert np.array_equal(model.wv["say"], given["say"])
        assert np.array_equal(model.wv["you"], given["you"])
        for word in ("hello", "i", "goodbye"):
            assert np.array_equal(model.wv[word], plain.wv[word])
    model.build_vocab([["unheard-of", "say"]], update=True)
    assert np.array_equal(model.wv["unheard-of"], given["unheard-of"])
    trained = Word2Vec(SENTENCES, **SMALL, init_vectors=given)
    assert not np.array_equal(trained.wv["say"], given["say"])


@pytest.mark.parametrize(
    ("init_vectors", "kind", "message"),
    [
        (
            KeyedVectors.from_arrays(["say"], np.ones((1, 9))),
            ValueError,
            "9 dimensions, but vector_size is 8",
        ),
        (KeyedVectors.from_arrays(["say"], np.full((1, 8), np.inf)), ValueError, "not finite"),
        ("absent.bin", FileNotFoundError, "absent.bin"),
        (3, TypeError, "must be KeyedVectors or the path"),
    ],
)
def test_init_vectors_that_do_not_fit_are_refused(init_vectors, kind, message):
    model = Word2Vec(**SMALL, init_vectors=init_vectors)
    with pytest.raises(kind, match=message):
        model.build_vocab(SENTENCES)
    assert len(model.wv) == 0


def test_init_vectors_of_quite_other_words_are_worth_a_warning():
    with pytest.warns(UserWarning, match="none of the words"):
        Word2Vec(SENTENCES, **SMALL, init_vectors=KeyedVectors.from_arrays(["SAY"], np.ones((1, 8))))


# ---- frozen ----


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_frozen_vectors_keep_every_bit_and_others_learn(kind, workers):
    model = Word2Vec(**{**BASE, "workers": workers}, **KINDS[kind])
    text = [
        *TEXT,
        [f"rare{number}" for number in range(1500)],
    ]  # enough words for rows that threads keep copies of
    model.build_vocab(text)
    model._in_vecs[:, 0] = -0.0  # whose sign a sum with 0 would lose
    frozen = ["w1", "w3", *(f"w{number}" for number in range(10, 400, 3))]
    ids = [id for id, word in enumerate(model.wv.index_to_key) if word in frozen]
    before, others = model._in_vecs.copy(), np.delete(np.arange(len(model.wv)), ids)
    model.train(frozen=[*frozen, "unheard-of"])
    assert model._in_vecs[ids].tobytes() == before[ids].tobytes()
    moved = (model._in_vecs[others] != before[others]).any(axis=1)
    assert moved[:100].all()
    assert np.abs(model._out_vecs[ids[:10], : model.vector_size]).max() > 0
    assert np.isfinite(model._out_vecs).all()
    model.train(epochs=1, frozen=[])
    assert (model._in_vecs[ids[:2]] != before[ids[:2]]).any(axis=1).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("adam", "adagrad batches")])
def test_the_rest_learns_beside_frozen_words_as_it_would_anyway(kind):
    """A few steps so small that rows hardly depend on what others have learnt meanwhile."""
    models = []
    for frozen in ([], ["a", "c"]):
        model = Word2Vec(
            **{**BASE, "window": 2, "sample": 0, "epochs": 1}, **{**KINDS[kind], "clip_norm": None}
        )
        model.build_vocab([["a", "b", "c", "d"], [f"w{number}" for number in range(70)]])
        model._out_vecs[:, : model.vector_size] = np.random.default_rng(1).normal(0, 0.3, (74, 12))
        before = model._in_vecs.copy(), model._out_vecs.copy()
        model.train([["a", "b", "c", "d", "a", "b"]], start_alpha=1e-3, end_alpha=1e-3, frozen=frozen)
        models.append(
            [now - then for now, then in zip((model._in_vecs, model._out_vecs), before, strict=True)]
        )
    (free_in, free_out), (bound_in, bound_out) = models
    np.testing.assert_allclose(bound_out, free_out, atol=0.02 * np.abs(free_out).max())
    ids = [model.wv.key_to_index[word] for word in "abcd"]
    assert not bound_in[ids][[0, 2]].any()
    assert np.abs(free_in[ids]).max(axis=1).all()
    np.testing.assert_allclose(bound_in[ids][[1, 3]], free_in[ids][[1, 3]], atol=0.02 * np.abs(free_in).max())


def test_a_mask_and_the_class_say_the_same_as_words():
    mask = np.array([True, False, True, False, False])  # hello and goodbye
    models = [Word2Vec(**SMALL), Word2Vec(**SMALL), Word2Vec(**SMALL, frozen=("hello", "goodbye"))]
    for model, frozen in zip(models, (mask, ["goodbye", "hello"], None), strict=True):
        model.build_vocab(SENTENCES)
        model.train(frozen=frozen)
    assert np.array_equal(models[0].wv.vectors, models[1].wv.vectors)
    assert np.array_equal(models[0].wv.vectors, models[2].wv.vectors)
    at_once = Word2Vec(SENTENCES, **SMALL, frozen=["hello", "goodbye"])
    assert np.array_equal(models[0].wv.vectors, at_once.wv.vectors)
    other = Word2Vec(SENTENCES, **SMALL)
    assert not np.array_equal(models[0].wv.vectors, other.wv.vectors)


@pytest.mark.parametrize(
    ("frozen", "kind", "message"),
    [
        ("hello", TypeError, "frozen must be a list of words, not 'hello'"),
        ([1, 0, 1], TypeError, "a list of words"),
        (3, TypeError, "a list of words"),
        (np.array([True, False]), ValueError, "a mask needs 5 values"),
        (np.ones((5, 1), bool), ValueError, "a mask needs 5 values"),
    ],
)
def test_what_cannot_be_frozen_is_refused(frozen, kind, message):
    model = Word2Vec(**SMALL)
    model.build_vocab(SENTENCES)
    with pytest.raises(kind, match=message):
        model.train(frozen=frozen)
    assert model.history == []


def test_what_is_frozen_is_remembered_by_files_and_checkpoints(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, model):
            model.stop_training()

    path = tmp_path / "run.safetensors"
    Word2Vec(SENTENCES, **SMALL).save(tmp_path / "model.safetensors")
    model = Word2Vec(**SMALL, frozen=["hello"])
    model.build_vocab(SENTENCES)
    start = model.wv["hello"].copy()
    model.train(callbacks=[Stop()], checkpoint=path)
    resumed = Word2Vec.resume(path, SENTENCES)
    whole = Word2Vec(SENTENCES, **SMALL, frozen=["hello"])
    assert np.array_equal(resumed.wv.vectors, whole.wv.vectors)
    assert np.array_equal(resumed.wv["hello"], start)
    loaded = Word2Vec.load(path)
    assert loaded.frozen == ["hello"]
    loaded.train(SENTENCES)
    assert np.array_equal(loaded.wv["hello"], start)
    tensors, metadata = model_file.read(path)
    for damaged in (tensors["frozen"][:3], tensors["frozen"].astype(np.int64)):
        model_file.write(path, {**tensors, "frozen": damaged}, metadata)
        with pytest.raises(ValueError, match="damaged checkpoint"):
            Word2Vec.resume(path, SENTENCES)
