"""Code as gensim's tutorials and its users write it, under both libraries on the same vectors: equal results to 1e-5.

Each snippet is a function of the library's namespace, `gensim.models` or `fastw2v`, which is the import line that users
change. What is trained cannot be equal: those snippets return types, shapes, words and exceptions.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastw2v

models_of_gensim = pytest.importorskip("gensim.models")

N_WORDS, SIZE = 120, 12
COMMON_TEXTS = [
    ["human", "interface", "computer"],
    ["survey", "user", "computer", "system", "response", "time"],
    ["eps", "user", "interface", "system"],
    ["system", "human", "system", "eps"],
    ["user", "response", "time"],
    ["trees"],
    ["graph", "trees"],
    ["graph", "minors", "trees"],
    ["graph", "minors", "survey"],
]
NAMES = [
    "king",
    "queen",
    "man",
    "woman",
    "paris",
    "france",
    "rome",
    "italy",
    "Berlin",
    "germany",
    "cat",
    "dog",
]
WORDS = NAMES + [f"w{row}" for row in range(N_WORDS - len(NAMES))]
MATRIX = np.random.default_rng(7).normal(size=(N_WORDS, SIZE)).astype(np.float32) + 0.3
SMALL = {"vector_size": 6, "min_count": 1, "workers": 1, "epochs": 2}


class Library:
    """One of the two libraries with the same vectors in it, and a folder with the same files."""

    def __init__(self, models: Any, folder: Path) -> None:
        self.models = models
        self.folder = folder
        folder.mkdir()
        lines = [f": family\n{' '.join(NAMES[:4])}\n", f": capitals\n{' '.join(NAMES[4:8])}\n"]
        lines += ["paris france Berlin germany\n", "oslo norway paris france\n"]
        lines += [
            f"{a} {b} {c} {d}\n" for a, b, c, d in zip(*(WORDS[start::4] for start in range(4)), strict=True)
        ]
        self.analogies = self.write("questions.txt", "".join(lines))
        scores = np.random.default_rng(3).random(40).round(2)
        pairs = [f"{WORDS[n]}\t{WORDS[-n - 1]}\t{score}\n" for n, score in enumerate(scores)]
        self.pairs = self.write("pairs.tsv", "# a comment\noslo\tnorway\t7.5\n" + "".join(pairs))
        self.text = self.write("text.txt", "".join(" ".join(words) + "\n" for words in COMMON_TEXTS))

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def wv(self) -> Any:
        wv = self.models.KeyedVectors(SIZE)
        wv.add_vectors(WORDS, MATRIX)
        for row, word in enumerate(WORDS):
            wv.set_vecattr(word, "count", 1000 - 3 * row)
        return wv

    def model(self, **settings: Any) -> Any:
        return self.models.Word2Vec(sentences=COMMON_TEXTS, **{**SMALL, **settings})


Snippet = Callable[[Library], Any]
SNIPPETS: dict[str, Snippet] = {}


def snippet(function: Snippet) -> Snippet:
    SNIPPETS[function.__name__] = function
    return function


def raised(call: Callable[[], Any]) -> str:
    """The name of the exception that a call raises."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert_same(our, their)
    elif isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (float, np.floating)):
        assert type(ours) is type(theirs)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    else:
        assert ours == theirs


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Library, Library]:
    folder = tmp_path_factory.mktemp("dropin")
    return Library(fastw2v, folder / "ours"), Library(models_of_gensim, folder / "theirs")


# ---- looking up ----


@snippet
def vector_of_a_word(lib):
    wv = lib.wv
    return wv["king"], wv.get_vector("king"), wv.get_vector("king", norm=True), wv[3]


@snippet
def vectors_of_several_words(lib):
    return lib.wv[["king", "queen"]], lib.wv[[0, 5]], lib.wv[("man", "woman")]


@snippet
def sizes(lib):
    wv = lib.wv
    return len(wv), wv.vector_size, wv.vectors.shape, wv.vectors, str(wv)


@snippet
def vocabulary_in_both_directions(lib):
    wv = lib.wv
    first_ten = [
        f"word #{index}/{len(wv.index_to_key)} is {word}" for index, word in enumerate(wv.index_to_key[:10])
    ]
    return first_ten, wv.key_to_index["queen"], list(wv.key_to_index)[:5], wv.index_to_key[7]


@snippet
def membership(lib):
    wv = lib.wv
    return (
        "king" in wv,
        "cameroon" in wv,
        5 in wv,
        500 in wv,
        wv.has_index_for("king"),
        wv.has_index_for("cameroon"),
    )


@snippet
def indices(lib):
    wv = lib.wv
    return (
        wv.get_index("man"),
        wv.get_index("cameroon", -1),
        wv.get_index("cameroon", default=0),
        wv.get_index(4),
    )


@snippet
def a_word_that_never_occurred(lib):
    wv = lib.wv
    calls = [
        lambda: wv["cameroon"],
        lambda: wv.get_vector("cameroon"),
        lambda: wv.get_index("cameroon"),
        lambda: wv.similarity("king", "cameroon"),
        lambda: wv.distance("king", "cameroon"),
        lambda: wv.distances("king", ["cameroon"]),
        lambda: wv.most_similar("cameroon"),
        lambda: wv.most_similar(positive=["king"], negative=["cameroon"]),
        lambda: wv.closer_than("king", "cameroon"),
        lambda: wv.rank("cameroon", "king"),
        lambda: wv.get_mean_vector(["king", "cameroon"], ignore_missing=False),
        lambda: wv.get_vecattr("cameroon", "count"),
        lambda: wv.get_vecattr("king", "colour"),
        lambda: wv.most_similar_to_given("king", ["cameroon"]),
    ]
    return [raised(call) for call in calls]


@snippet
def try_and_except_key_error(lib):
    try:
        lib.wv["cameroon"]
    except KeyError:
        return "The word 'cameroon' does not appear in this model"


@snippet
def vectors_are_read_only(lib):
    wv = lib.wv
    return (
        wv["king"].flags.writeable,
        wv.get_vector("king", norm=True).flags.writeable,
        wv.vectors.flags.writeable,
    )


@snippet
def all_vectors_normed(lib):
    wv = lib.wv
    return wv.get_normed_vectors(), np.linalg.norm(wv.get_normed_vectors(), axis=1)


@snippet
def norms_after_fill_norms(lib):
    wv = lib.wv
    before = wv.norms
    wv.fill_norms()
    return before, wv.norms


@snippet
def norms_after_a_change_by_hand(lib):
    wv = lib.wv
    wv.fill_norms()
    wv.vectors[0] *= 3
    wv.fill_norms(force=True)
    return wv.norms, wv.most_similar("king")


@snippet
def a_loop_over_the_vocabulary(lib):
    wv = lib.wv
    return {word: float(np.linalg.norm(wv[word])) for word in wv.key_to_index}


@snippet
def a_matrix_for_an_embedding_layer(lib):
    wv = lib.wv
    matrix = np.zeros((len(wv) + 1, wv.vector_size))
    for word, index in wv.key_to_index.items():
        matrix[index + 1] = wv[word]
    return matrix


@snippet
def the_mean_of_a_document(lib):
    wv = lib.wv
    tokens = ["the", "king", "and", "the", "queen", "of", "france"]
    return np.mean([wv[token] for token in tokens if token in wv], axis=0)


# ---- similarities ----


@snippet
def similarity(lib):
    pairs = [("king", "queen"), ("king", "man"), ("king", "king"), ("paris", "w7"), (0, "queen")]
    lines = ["%r\t%r\t%.2f" % (w1, w2, lib.wv.similarity(w1, w2)) for w1, w2 in pairs]  # noqa: UP031
    return lines, lib.wv.similarity("king", "queen")


@snippet
def distance(lib):
    return lib.wv.distance("king", "queen"), lib.wv.distance("king", "king")


@snippet
def distances_to_some(lib):
    wv = lib.wv
    return (
        wv.distances("king", ["queen", "man"]),
        wv.distances(wv["king"] * 2, ["queen", 5]),
        wv.distances(3, ("w1",)),
    )


@snippet
def distances_to_all(lib):
    return lib.wv.distances("king"), lib.wv.distances(lib.wv["king"]), lib.wv.distances("queen", [])


@snippet
def cosine_similarities(lib):
    wv = lib.wv
    return wv.cosine_similarities(wv["king"], wv.vectors), lib.models.KeyedVectors.cosine_similarities(
        MATRIX[0].astype(np.float64), MATRIX[:9].astype(np.float64)
    )


@snippet
def n_similarity(lib):
    wv = lib.wv
    sets = [
        (["king", "man"], ["queen", "woman"]),
        (["cat"], ["dog", "unknown"]),
        ({"paris"}, ("rome", "italy")),
    ]
    return [wv.n_similarity(*pair) for pair in sets]


@snippet
def n_similarity_of_nothing(lib):
    wv = lib.wv
    return raised(lambda: wv.n_similarity([], ["king"])), raised(lambda: wv.n_similarity(["king"], []))


@snippet
def n_similarity_of_unknown_words(lib):
    return lib.wv.n_similarity(["sushi", "shop"], ["king"])


@snippet
def doesnt_match(lib):
    wv = lib.wv
    lists = ["paris rome Berlin cat", "king queen man woman w3", "fire water land cat"]
    return [wv.doesnt_match(words.split()) for words in lists]


@snippet
def doesnt_match_without_known_words(lib):
    return raised(lambda: lib.wv.doesnt_match(["fire", "water"])), raised(lambda: lib.wv.doesnt_match([]))


@snippet
def rank_by_centrality(lib):
    words = ["king", "queen", "paris", "unknown", "w3"]
    return lib.wv.rank_by_centrality(words), lib.wv.rank_by_centrality(words, use_norm=False)


@snippet
def rank_and_closer_than(lib):
    wv = lib.wv
    return (
        wv.rank("king", "queen"),
        wv.rank("cat", "w9"),
        wv.closer_than("king", "queen"),
        wv.closer_than("cat", "cat"),
    )


@snippet
def most_similar_to_given(lib):
    return lib.wv.most_similar_to_given("king", ["queen", "man", "paris"])


@snippet
def relative_cosine_similarity(lib):
    wv = lib.wv
    return wv.relative_cosine_similarity("king", "queen"), wv.relative_cosine_similarity(
        "king", "man", topn=5
    )


@snippet
def relative_cosine_similarity_to_nothing(lib):
    return raised(lambda: lib.wv.relative_cosine_similarity("king", "queen", topn=0))


@snippet
def mean_vectors(lib):
    wv, keys = lib.wv, ["king", "queen", 5, MATRIX[9]]
    return [
        wv.get_mean_vector(keys),
        wv.get_mean_vector(keys, weights=[1, 2, -0.5, 0.25]),
        wv.get_mean_vector(keys, weights=np.array([0.1, 0.2, 0.3, 0.4], np.float32), pre_normalize=False),
        wv.get_mean_vector(keys, post_normalize=True),
        wv.get_mean_vector(["king", "unknown"]),
        wv.get_mean_vector(["unknown"]),
    ]


@snippet
def mean_vectors_that_are_none(lib):
    wv = lib.wv
    calls = [
        lambda: wv.get_mean_vector([]),
        lambda: wv.get_mean_vector(["king"], weights=[1, 2]),
        lambda: wv.get_mean_vector(["unknown"], ignore_missing=False),
    ]
    return [raised(call) for call in calls]


@snippet
def wmdistance(lib):
    pytest.importorskip("ot")
    wv = lib.wv
    documents = [
        "king queen paris paris",
        "man woman rome",
        "cat dog cat unknown",
        "unknown words",
        "cat",
        "cat cat",
    ]
    tokens = [document.split() for document in documents]
    return [[wv.wmdistance(one, other) for one in tokens] for other in tokens] + [
        wv.wmdistance(tokens[0], tokens[1], norm=False)
    ]


# ---- nearest words ----


@snippet
def most_similar_of_a_word(lib):
    return (
        lib.wv.most_similar("king"),
        lib.wv.most_similar(positive=["king"], topn=5),
        lib.wv.most_similar(0, topn=1),
    )


@snippet
def most_similar_analogy(lib):
    wv = lib.wv
    result = wv.most_similar(positive=["woman", "king"], negative=["man"])
    most_similar_key, similarity = result[0]
    return result, most_similar_key, similarity


@snippet
def most_similar_of_vectors(lib):
    wv = lib.wv
    vector = wv["king"] - wv["man"] + wv["woman"]
    return (
        wv.most_similar(vector),
        wv.most_similar([vector], topn=3),
        wv.most_similar(positive=wv.vectors[:2]),
    )


@snippet
def most_similar_with_weights(lib):
    return lib.wv.most_similar(positive=[("king", 0.7), ("woman", 0.5)], negative=[("man", 0.3)], topn=7)


@snippet
def most_similar_restricted(lib):
    wv = lib.wv
    return wv.most_similar("king", restrict_vocab=50), wv.most_similar("king", clip_start=20, clip_end=60)


@snippet
def most_similar_of_all(lib):
    wv = lib.wv
    return (
        wv.most_similar("king", topn=None),
        wv.most_similar("king", topn=len(wv)),
        wv.most_similar("king", topn=0),
    )


@snippet
def most_similar_of_nothing(lib):
    wv = lib.wv
    return (
        raised(lambda: wv.most_similar(positive=[])),
        raised(lambda: wv.most_similar()),
        raised(lambda: wv.most_similar([])),
    )


@snippet
def most_similar_with_an_indexer(lib):
    class Indexer:
        def most_similar(self, vector, topn):
            return [("asked", round(float(np.linalg.norm(vector)), 4)), topn]

    return lib.wv.most_similar("king", topn=3, indexer=Indexer())


@snippet
def similar_by_word(lib):
    return lib.wv.similar_by_word("cat"), lib.wv.similar_by_word("cat", topn=3, restrict_vocab=40)


@snippet
def similar_by_key(lib):
    return lib.wv.similar_by_key("cat"), lib.wv.similar_by_key("cat", topn=None)


@snippet
def similar_by_vector(lib):
    return lib.wv.similar_by_vector(lib.wv["cat"], topn=5), lib.wv.similar_by_vector(
        MATRIX[3] * -1, restrict_vocab=9
    )


@snippet
def most_similar_cosmul(lib):
    return lib.wv.most_similar_cosmul(positive=["woman", "king"], negative=["man"])


@snippet
def most_similar_cosmul_of_single_words(lib):
    return lib.wv.most_similar_cosmul("king"), lib.wv.most_similar_cosmul("dog", "cat", topn=3)


@snippet
def most_similar_cosmul_with_all_scores(lib):
    return lib.wv.most_similar_cosmul(positive=["king"], negative=["man"], topn=None)


@snippet
def a_word_without_vector_in_cosmul(lib):
    wv = lib.wv
    return raised(lambda: wv.most_similar_cosmul("cameroon")), raised(lambda: wv.most_similar_cosmul([]))


# ---- evaluation ----


@snippet
def evaluate_word_analogies(lib):
    score, sections = lib.wv.evaluate_word_analogies(lib.analogies)
    return score, sections


@snippet
def evaluate_word_analogies_with_options(lib):
    return (
        lib.wv.evaluate_word_analogies(lib.analogies, restrict_vocab=60, case_insensitive=False),
        lib.wv.evaluate_word_analogies(lib.analogies, dummy4unknown=True),
    )


@snippet
def sections_of_an_evaluation(lib):
    _, sections = lib.wv.evaluate_word_analogies(lib.analogies)
    return [
        (section["section"], len(section["correct"]), len(section["correct"]) + len(section["incorrect"]))
        for section in sections
    ]


@snippet
def evaluate_word_pairs(lib):
    pearson, spearman, oov_ratio = lib.wv.evaluate_word_pairs(lib.pairs)
    return [float(number) for number in (*pearson, *spearman, oov_ratio)]


@snippet
def evaluate_word_pairs_with_options(lib):
    results = [
        lib.wv.evaluate_word_pairs(lib.pairs, restrict_vocab=110, case_insensitive=False),
        lib.wv.evaluate_word_pairs(lib.pairs, dummy4unknown=True, encoding="utf8", delimiter="\t"),
    ]
    return [[float(pearson[0]), float(spearman[0])] for pearson, spearman, _ in results]


@snippet
def correlations_by_name(lib):
    pearson, spearman, _ = lib.wv.evaluate_word_pairs(lib.pairs)
    return float(pearson.statistic), float(spearman.correlation), float(spearman.pvalue)


# ---- attributes ----


@snippet
def counts_of_words(lib):
    wv = lib.wv
    return (
        wv.get_vecattr("king", "count"),
        wv.get_vecattr(5, "count"),
        sorted(wv.key_to_index, key=lambda word: wv.get_vecattr(word, "count"))[:5],
    )


@snippet
def attributes_of_ones_own(lib):
    wv = lib.wv
    wv.set_vecattr("king", "weight", 0.5)
    wv.set_vecattr("queen", "label", "monarch")
    wv.set_vecattr("man", "seen", True)
    return (
        [float(wv.get_vecattr(word, "weight")) for word in ("king", "queen")],
        [wv.get_vecattr(word, "label") for word in ("king", "queen")],
        [bool(wv.get_vecattr(word, "seen")) for word in ("king", "man")],
    )


@snippet
def attributes_of_the_wrong_type(lib):
    wv = lib.wv
    return raised(lambda: wv.set_vecattr("king", "count", "many")), raised(
        lambda: wv.set_vecattr("king", "count", 0.5)
    )


@snippet
def attributes_allocated(lib):
    wv = lib.wv
    wv.allocate_vecattrs(attrs=["sample_int", "score"], types=[np.uint32, np.float32])
    return {name: (str(values.dtype), len(values)) for name, values in wv.expandos.items()}


# ---- changing ----


@snippet
def add_vector(lib):
    wv = lib.wv
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        index = wv.add_vector("new", np.arange(SIZE, dtype=np.float32))
    return index, len(wv), wv["new"], wv.index_to_key[-1], "new" in wv, wv.get_vecattr("new", "count")


@snippet
def add_vector_to_free_rows(lib):
    wv = lib.models.KeyedVectors(vector_size=3, count=2)
    rows = [wv.add_vector(word, [1.0, 2.0, row]) for row, word in enumerate("ab")]
    return rows, wv.index_to_key, wv.key_to_index, wv.vectors


@snippet
def add_vectors(lib):
    wv = lib.wv
    wv.add_vectors(["new", "king"], [np.ones(SIZE), np.zeros(SIZE)])
    return len(wv), wv["new"], wv["king"], wv.similarity("new", "king"), wv.most_similar("queen", topn=200)


@snippet
def add_vectors_and_replace(lib):
    wv = lib.wv
    wv.add_vectors(["king", "new"], np.ones((2, SIZE)), replace=True)
    return wv["king"], wv["new"], len(wv)


@snippet
def add_vectors_of_one_word(lib):
    wv = lib.models.KeyedVectors(3)
    wv.add_vectors("only", np.array([1.0, 2.0, 3.0]))
    return wv["only"], wv.vectors.dtype == np.float32


@snippet
def build_from_a_dictionary(lib):
    vectors = {"a": [1.0, 0.0], "b": [0.6, 0.8], "c": [0.0, 1.0]}
    wv = lib.models.KeyedVectors(vector_size=2)
    wv.add_vectors(list(vectors.keys()), list(vectors.values()))
    return wv.most_similar("a"), wv.similarity("a", "b")


@snippet
def set_items(lib):
    wv = lib.wv
    wv["king"] = np.ones(SIZE, dtype=np.float32)
    wv[["queen", "new"]] = [np.zeros(SIZE) + 2, np.ones(SIZE)]
    return wv[["king", "queen", "new"]], len(wv)


@snippet
def keys_that_are_numbers(lib):
    wv = lib.models.KeyedVectors(2)
    wv.add_vectors([10, 20, 30], np.array([[1, 0], [1, 1], [0, 1]], dtype=np.float32))
    return wv[20], 30 in wv, wv.most_similar(10), wv.index_to_key


@snippet
def resize_vectors(lib):
    wv = lib.models.KeyedVectors(4)
    wv.add_vectors(["a"], np.ones((1, 4)))
    for word in "bc":
        wv.key_to_index[word] = len(wv.index_to_key)
        wv.index_to_key.append(word)
    wv.resize_vectors(seed=5)
    return wv.vectors, wv["b"], len(wv)


@snippet
def unit_normalize_all(lib):
    wv = lib.wv
    wv.unit_normalize_all()
    return wv.vectors, wv.most_similar("king")


@snippet
def sort_by_descending_frequency(lib):
    wv = lib.models.KeyedVectors(2)
    wv.add_vectors(["rare", "common", "middling"], np.arange(6).reshape(3, 2))
    for word, count in (("rare", 1), ("common", 100), ("middling", 10)):
        wv.set_vecattr(word, "count", count)
    wv.sort_by_descending_frequency()
    return (
        wv.index_to_key,
        wv.key_to_index,
        wv.vectors,
        [int(wv.get_vecattr(row, "count")) for row in range(3)],
    )


@snippet
def vectors_for_all(lib):
    chosen = lib.wv.vectors_for_all(["queen", "unknown", "king", "queen"])
    return chosen.index_to_key, chosen.vectors, chosen.most_similar("queen"), len(chosen)


@snippet
def vectors_for_all_with_counts(lib):
    chosen = lib.wv.vectors_for_all(["queen", "w3"], allow_inference=False, copy_vecattrs=True)
    return [int(chosen.get_vecattr(word, "count")) for word in chosen.index_to_key]


@snippet
def shapes_that_do_not_fit(lib):
    wv = lib.wv
    return raised(lambda: wv.add_vectors(["a", "b"], np.ones((2, SIZE + 1))))


# ---- copies and files ----


@snippet
def copies(lib):
    wv = lib.wv
    return [
        clone.most_similar("king")
        for clone in (copy.copy(wv), copy.deepcopy(wv), pickle.loads(pickle.dumps(wv)))
    ]


@snippet
def save_and_load(lib):
    lib.wv.save(lib.path("vectors.kv"))
    wv = lib.models.KeyedVectors.load(lib.path("vectors.kv"))
    return wv.vectors, wv.index_to_key, int(wv.get_vecattr("king", "count"))


@snippet
def save_and_load_word2vec_format(lib):
    found = []
    for binary in (False, True):
        lib.wv.save_word2vec_format(lib.path("vectors.w2v"), binary=binary)
        wv = lib.models.KeyedVectors.load_word2vec_format(lib.path("vectors.w2v"), binary=binary)
        found.append((wv.index_to_key, wv.vectors, wv.most_similar("king")))
    return found


@snippet
def save_and_load_with_vocabulary(lib):
    lib.wv.save_word2vec_format(lib.path("v.txt"), fvocab=lib.path("v.vocab"), binary=False)
    wv = lib.models.KeyedVectors.load_word2vec_format(lib.path("v.txt"), fvocab=lib.path("v.vocab"))
    return [int(wv.get_vecattr(word, "count")) for word in wv.index_to_key]


@snippet
def load_word2vec_format_with_limit(lib):
    lib.wv.save_word2vec_format(lib.path("v.bin"), binary=True)
    load = lib.models.KeyedVectors.load_word2vec_format
    wv = load(lib.path("v.bin"), binary=True, limit=10, unicode_errors="ignore", datatype=np.float64)
    return wv.index_to_key, wv.vectors, wv.get_vecattr("king", "count")


@snippet
def load_glove(lib):
    path = lib.write("glove.txt", "the 0.1 0.2 -0.3\nof 1 2 3\n")
    wv = lib.models.KeyedVectors.load_word2vec_format(path, binary=False, no_header=True)
    return wv.index_to_key, wv.vectors


@snippet
def save_word2vec_format_without_header(lib):
    lib.wv.save_word2vec_format(lib.path("glove.out"), write_header=False)
    return lib.models.KeyedVectors.load_word2vec_format(lib.path("glove.out"), no_header=True).vectors


@snippet
def save_word2vec_format_with_prefix_and_total(lib):
    lib.wv.save_word2vec_format(lib.path("p.txt"), prefix="*dt_", total_vec=N_WORDS, sort_attr="count")
    return lib.models.KeyedVectors.load_word2vec_format(lib.path("p.txt")).index_to_key[:3]


@snippet
def files_that_are_missing(lib):
    path, kv = lib.path("missing"), lib.models.KeyedVectors
    return raised(lambda: kv.load(path)), raised(lambda: kv.load_word2vec_format(path, binary=True))


@snippet
def intersect_word2vec_format(lib):
    lib.write(
        "other.txt", "2 12\nking " + " ".join(["1"] * SIZE) + "\nunknown " + " ".join(["2"] * SIZE) + "\n"
    )
    wv = lib.wv
    wv.vectors_lockf = np.ones(len(wv), dtype=np.float32)
    wv.intersect_word2vec_format(lib.path("other.txt"), lockf=1.0)
    return wv["king"], wv["queen"], len(wv), "unknown" in wv


@snippet
def intersect_with_vectors_of_another_size(lib):
    path = lib.write("narrow.txt", "1 2\nking 1 2\n")
    return raised(lambda: lib.wv.intersect_word2vec_format(path))


# ---- corpora ----


@snippet
def line_sentence(lib):
    sentences = lib.models.word2vec.LineSentence(lib.text)
    return list(sentences), list(sentences)[:2]


@snippet
def line_sentence_cut_and_limited(lib):
    make = lib.models.word2vec.LineSentence
    return list(make(lib.text, max_sentence_length=2)), list(make(lib.text, limit=3))


@snippet
def path_line_sentences(lib):
    folder = lib.folder / "parts"
    folder.mkdir(exist_ok=True)
    for part, text in (("b.txt", "d e\n\nf"), ("a.txt", "a b c\n")):
        (folder / part).write_text(text)
    return list(lib.models.word2vec.PathLineSentences(str(folder)))


@snippet
def text8_corpus(lib):
    path = lib.write("text8", " ".join(f"w{n}" for n in range(25)))
    return list(lib.models.word2vec.Text8Corpus(path, max_sentence_length=10))


# ---- training ----


def facts(model: Any) -> Any:
    wv = model.wv
    return (
        sorted(wv.index_to_key),
        wv.vectors.shape,
        str(wv.vectors.dtype),
        model.corpus_count,
        model.vector_size,
    )


@snippet
def train_on_lists(lib):
    model = lib.models.Word2Vec(sentences=COMMON_TEXTS, vector_size=100, window=5, min_count=1, workers=4)
    return facts(model), len(model.wv["computer"]), len(model.wv.most_similar("computer", topn=10))


@snippet
def train_on_a_file(lib):
    return facts(lib.models.Word2Vec(corpus_file=lib.text, **SMALL))


@snippet
def train_on_a_line_sentence(lib):
    return facts(lib.models.Word2Vec(lib.models.word2vec.LineSentence(lib.text), **SMALL))


@snippet
def train_on_an_object_that_streams(lib):
    class MyCorpus:
        def __iter__(self):
            with open(lib.text) as file:
                for line in file:
                    yield line.split()

    return facts(lib.models.Word2Vec(sentences=MyCorpus(), **SMALL))


@snippet
def train_in_steps(lib):
    model = lib.models.Word2Vec(vector_size=6, window=3, min_count=2, workers=1, sg=1, negative=3)
    model.build_vocab(COMMON_TEXTS, progress_per=1000)
    model.train(COMMON_TEXTS, total_examples=model.corpus_count, epochs=model.epochs)
    return facts(model), model.epochs, model.sg, model.negative, model.hs, model.window, model.min_count


@snippet
def train_on(lib):
    model = lib.model()
    before = model.wv["system"].copy()
    trained, read = model.train([["hello", "system"], ["system", "human"]] * 20, total_examples=40, epochs=1)
    return isinstance(trained, int), read, bool((model.wv["system"] != before).any())


@snippet
def train_skip_gram_with_hierarchical_softmax(lib):
    return facts(lib.model(sg=1, hs=1, negative=0, sample=0, alpha=0.05, min_alpha=0.01, seed=42))


@snippet
def counts_of_a_trained_model(lib):
    model = lib.model()
    return {
        word: int(model.wv.get_vecattr(word, "count")) for word in model.wv.index_to_key
    }, model.corpus_total_words


@snippet
def trim_rule(lib):
    def rule(word, count, min_count):
        return 1 if word == "system" else 2 if word == "minors" else 0

    return facts(lib.model(min_count=3, trim_rule=rule))


@snippet
def errors_of_training(lib):
    word2vec = lib.models.Word2Vec
    return raised(lambda: word2vec(**SMALL).train(COMMON_TEXTS, total_examples=9, epochs=1)), raised(
        lambda: word2vec(sentences=COMMON_TEXTS, corpus_file=lib.text)
    )


@snippet
def save_and_load_a_model(lib):
    model = lib.model()
    model.save(lib.path("word2vec.model"))
    loaded = lib.models.Word2Vec.load(lib.path("word2vec.model"))
    loaded.train([["hello", "world"], ["system", "human"]] * 9, total_examples=18, epochs=1)
    return facts(model)[:3], facts(loaded)[:3]


@snippet
def keep_the_vectors_only(lib):
    word_vectors = lib.model().wv
    word_vectors.save(lib.path("word2vec.wordvectors"))
    return sorted(lib.models.KeyedVectors.load(lib.path("word2vec.wordvectors")).index_to_key)


@snippet
def models_pickled(lib):
    model = lib.model()
    loaded = pickle.loads(pickle.dumps(model))
    return bool((loaded.wv.vectors == model.wv.vectors).all()), facts(loaded)


@snippet
def predict_output_word(lib):
    found = lib.model(epochs=20).predict_output_word(["human", "interface"], topn=3)
    return len(found), [type(word) for word, _ in found], 0 < sum(float(p) for _, p in found) <= 1


@snippet
def score_of_hierarchical_softmax(lib):
    scores = lib.model(sg=1, hs=1, negative=0).score(COMMON_TEXTS[:3], total_sentences=3)
    return scores.shape, bool((scores < 0).all())


@snippet
def compute_loss(lib):
    model = lib.model(compute_loss=True, sample=0)
    return model.get_latest_training_loss() > 0


def hooks(lib: Library) -> Any:
    """gensim's base class of callbacks, for both libraries: users keep theirs."""
    from gensim.models.callbacks import CallbackAny2Vec

    return CallbackAny2Vec


@snippet
def callbacks_that_tell_the_loss(lib):
    class Logger(hooks(lib)):
        def __init__(self):
            self.epoch, self.losses, self.calls = 0, [], []

        def on_train_begin(self, model):
            self.calls.append("train begins")

        def on_epoch_begin(self, model):
            self.calls.append(f"epoch {self.epoch} begins")

        def on_epoch_end(self, model):
            self.losses.append(model.get_latest_training_loss() > 0)
            self.epoch += 1

        def on_train_end(self, model):
            self.calls.append("train ends")

    logger = Logger()
    lib.model(compute_loss=True, callbacks=[logger], epochs=3, sample=0)
    return logger.calls, logger.losses


@snippet
def callbacks_that_save_every_epoch(lib):
    class Saver(hooks(lib)):
        def __init__(self):
            self.epoch = 0

        def on_epoch_end(self, model):
            model.save(lib.path(f"epoch{self.epoch}.model"))
            self.epoch += 1

    lib.model(callbacks=[Saver()], epochs=2)
    return facts(lib.models.Word2Vec.load(lib.path("epoch1.model")))[:3]


@snippet
def build_vocab_from_freq(lib):
    model = lib.models.Word2Vec(**SMALL)
    model.build_vocab_from_freq({"human": 10, "system": 5, "trees": 2})
    model.train(COMMON_TEXTS, total_examples=9, epochs=1)
    return model.wv.index_to_key, model.wv.vectors.shape, int(model.wv.get_vecattr("human", "count"))


@snippet
def reset_from(lib):
    model = lib.models.Word2Vec(**{**SMALL, "vector_size": 9})
    model.reset_from(lib.model())
    return sorted(model.wv.index_to_key), model.wv.vectors.shape


# ---- the test ----


# gensim leaves a file open, and calls what it has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", [*SNIPPETS])
def test_a_snippet_gives_the_same_under_both_libraries(name: str, libraries: tuple[Library, Library]) -> None:
    ours, theirs = (SNIPPETS[name](library) for library in libraries)
    assert_same(ours, theirs)


def test_there_are_sixty_snippets() -> None:
    assert len(SNIPPETS) >= 60
