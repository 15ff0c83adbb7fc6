"""The planted corpus: the same everywhere, consistent with its own answers, learnable from contexts alone.

The oracle needs no trainer: positive pointwise mutual information of co-occurrence counts, factored by SVD
(Levy and Goldberg 2014, Levy, Goldberg and Dagan 2015), which finds what word2vec finds.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

from fastw2v import planted, planted_world
from fastw2v.evaluation import answer_analogies

EXPECTED_DIGEST = "89387776ede8f237790ef1033e08e852ca3a7396c76088d359b975c0b19ffb3a"


def digest(corpus: Iterable[list[str]]) -> str:
    text = "".join(" ".join(words) + "\n" for words in corpus)
    return hashlib.sha256(text.encode()).hexdigest()


def ppmi_svd(corpus: list[list[str]], window: int = 5, dimensions: int = 130) -> tuple[list[str], np.ndarray]:
    """Words (by frequency, those seen 5 times at least) and vectors, from counts alone."""
    counts = Counter(word for words in corpus for word in words)
    vocabulary = [word for word, count in counts.most_common() if count >= 5]
    id_of = {word: row for row, word in enumerate(vocabulary)}
    known = [
        (sentence, id_of[word]) for sentence, words in enumerate(corpus) for word in words if word in id_of
    ]
    sentence_of, ids = np.array(known).T
    joint = sparse.csr_matrix((len(vocabulary),) * 2)
    for distance in range(1, window + 1):
        together = sentence_of[distance:] == sentence_of[:-distance]
        pairs = ids[:-distance][together], ids[distance:][together]
        joint += sparse.csr_matrix((np.ones(len(pairs[0])), pairs), shape=joint.shape)
    joint = (joint + joint.T).tocoo()
    margin = np.asarray(joint.sum(axis=1)).ravel()
    smoothed = margin**0.75
    information = np.log(joint.data * smoothed.sum() / (margin[joint.row] * smoothed[joint.col]))
    ppmi = sparse.csr_matrix((np.maximum(information, 0), (joint.row, joint.col)), shape=joint.shape)
    with threadpool_limits(1):  # threads that wait for each other in so small a product only lose time
        left, singular, _ = svds(ppmi, k=dimensions, v0=np.ones(len(vocabulary)))
    return vocabulary, (left * np.sqrt(singular)).astype(np.float32)


def accuracy(words: list[str], vectors: np.ndarray) -> float:
    """Share of the planted analogies answered right; unknown words make a question wrong."""
    id_of = {word: row for row, word in enumerate(words)}
    asked = [question[1:] for question in planted.questions()]
    known = np.array(
        [[id_of[word] for word in four] for four in asked if all(word in id_of for word in four)]
    )
    return float((answer_analogies(vectors, known[:, :3]) == known[:, 3]).sum()) / len(asked)


def test_the_same_seed_gives_the_same_text_on_every_platform_and_python():
    assert digest(planted.sentences(2000, seed=1)) == digest(planted.sentences(2000, seed=1))
    assert digest(planted.sentences(2000, seed=1)) == EXPECTED_DIGEST


def test_the_text_does_not_depend_on_the_hash_seed(run_python):
    code = "from fastw2v import planted; print(hash('paris'), list(planted.sentences(50)))"
    outputs = [run_python(code, PYTHONHASHSEED=seed).stdout.split(" ", 1) for seed in ("1", "2")]
    assert outputs[0][0] != outputs[1][0]
    assert outputs[0][1] == outputs[1][1] != ""


def test_another_seed_gives_another_text_and_a_longer_text_starts_with_the_shorter():
    short, long = list(planted.sentences(100, seed=7)), list(planted.sentences(200, seed=7))
    assert long[:100] == short
    assert list(planted.sentences(100, seed=8)) != short


def test_sentences_can_be_iterated_twice_and_interleaved():
    corpus = planted.sentences(50)
    assert len(corpus) == 50
    assert all(first == second for first, second in zip(corpus, corpus, strict=True))
    assert list(planted.sentences(0)) == []


def test_tokens_are_lower_case_ascii_words_and_every_slot_is_filled():
    words = {word for sentence in planted.sentences(5000) for word in sentence}
    assert all(word.isascii() and word.isalpha() and word == word.lower() for word in words)


@pytest.mark.parametrize("bad", [-1, 1.5, "100", None, True])
@pytest.mark.parametrize("name", ["n_sentences", "seed"])
def test_a_bad_size_or_seed_is_refused_by_name_and_no_file_is_made(tmp_path, name, bad):
    with pytest.raises((TypeError, ValueError), match=name):
        planted.sentences(**{name: bad})
    with pytest.raises((TypeError, ValueError), match=name):
        planted.write_corpus(tmp_path / "corpus.txt", **{name: bad})
    assert list(tmp_path.iterdir()) == []


def test_write_corpus_writes_the_sentences_and_counts_the_words(tmp_path):
    path = tmp_path / "corpus.txt"
    n_words = planted.write_corpus(path, 300, seed=3)
    lines = path.read_bytes().decode().split("\n")
    assert [line.split(" ") for line in lines[:-1]] == list(planted.sentences(300, seed=3))
    assert lines[-1] == ""
    assert n_words == sum(len(sentence) for sentence in planted.sentences(300, seed=3))


def test_words_of_an_entity_occur_nowhere_else_in_the_world():
    seen = Counter(
        word
        for kind in planted_world.WORLD
        for entity in kind.entities
        for word in entity.forms + entity.topics
    )
    assert [word for word, count in seen.items() if count > 1] == []
    other = {
        word
        for kind in planted_world.WORLD
        for role in kind.roles
        for words in (*role.templates, *role.slots.values())
        for word in words
    }
    other.update(*planted_world.FILLER, planted_world.JOINTS, planted_world.OBJECTS)
    other.update(planted_world.ADJECTIVES, planted_world.ADVERBS, planted._surnames(planted._N_SURNAMES))
    assert other & seen.keys() == set()


def test_the_world_is_well_formed():
    for kind in planted_world.WORLD:
        for entity in kind.entities:
            assert len(entity.forms) == len(kind.roles)
            assert len(entity.topics) == 5  # a stray topic is taken by its place
        for role in kind.roles:
            slots = {word for template in role.templates for word in template if word.isupper()}
            assert slots - set("WTOADNL") == role.slots.keys()
            assert all(len(words) > 0 for words in role.slots.values())
    names = planted._surnames(planted._N_SURNAMES)
    assert len(set(names)) == len(names)


def test_every_question_is_about_words_of_the_corpus_and_is_asked_once(tmp_path):
    asked = planted.questions()
    assert len(set(asked)) == len(asked) > 4000
    assert planted.Question("capital-country", "paris", "france", "rome", "italy") in asked
    assert planted.Question("gram3-past-tense", "walk", "walked", "swim", "swam") in asked
    assert all(len(set(question[1:])) == 4 for question in asked)
    words = {word for sentence in planted.sentences(20_000) for word in sentence}
    assert {word for question in asked for word in question[1:]} <= words


def test_write_questions_writes_each_question_under_its_section(tmp_path):
    path = tmp_path / "questions.txt"
    assert planted.write_questions(path) == len(planted.questions())
    read, section = [], ""
    for line in path.read_text().splitlines():
        if line.startswith(": "):
            section = line[2:]
        else:
            read.append(planted.Question(section, *line.split()))
    assert read == planted.questions()


def test_groups_hold_roles_and_entities_and_relatives_are_their_union():
    groups, related = planted.groups(), planted.relatives()
    assert {"paris", "rome"} <= set(groups["capital"])
    assert {"france", "paris", "french", "seine"} <= set(groups["france"])
    for word, name in itertools.product(("paris", "seine", "cats"), groups):
        shares_group = word in groups[name]
        assert (set(groups[name]) <= related[word]) == shares_group
    assert "seine" not in related["rome"]


def test_frequencies_fall_like_zipf_and_no_planted_word_is_rare():
    counts = Counter(word for sentence in planted.sentences(40_000) for word in sentence)
    ranked = [count for _, count in counts.most_common()]
    ranks = np.arange(1, 1001)
    slope = np.polyfit(np.log(ranks), np.log(ranked[:1000]), 1)[0]
    assert -1.5 < slope < -0.7
    planted_words = [word for question in planted.questions() for word in question[1:]]
    assert min(counts[word] for word in planted_words) >= 20


def test_the_analogies_can_be_learnt_from_the_contexts_and_from_nothing_else():
    corpus = list(planted.sentences(20_000))
    assert accuracy(*ppmi_svd(corpus)) > 0.85
    words = np.array([word for sentence in corpus for word in sentence], dtype=object)
    np.random.default_rng(1).shuffle(words)
    ends = np.cumsum([len(sentence) for sentence in corpus])
    shuffled = [list(words[end - len(sentence) : end]) for end, sentence in zip(ends, corpus, strict=True)]
    assert accuracy(*ppmi_svd(shuffled)) < 0.02
