"""Numbers beyond 32 bits, files in odd states, memory and disks that are full. docs/limits.md is the list.

What takes minutes or gigabytes is in test_huge.py. Matrices of more than 2^31 numbers are cheap here: memory that
nobody touches is not there.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastw2v import Word2Vec, _count, _train, nearest, trainer
from fastw2v.corpus import Corpus, build_vocabulary

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

# ---- matrices of more than 2^31 numbers ----

STRIDE = 2160
N_WORDS, N_USED = 1_000_040, 40  # only the last rows are used, all of them beyond
assert (N_WORDS - N_USED) * STRIDE > 2**31


def lazy_zeros(n_rows: int, n_columns: int) -> np.ndarray:
    """A matrix of which only what is touched takes memory."""
    if sys.platform != "linux":
        pytest.skip("needs memory that is not reserved before it is used")
    no_reserve = 0x4000
    size = 4 * n_rows * n_columns
    try:
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    except OSError as error:
        pytest.skip(f"no address space: {error}")
    return np.frombuffer(memory, np.float32).reshape(n_rows, n_columns)


def always(word: int, n_words: int) -> np.ndarray:
    """A table that draws the same noise word every time, whatever the random number."""
    table = np.zeros(n_words, _train.ALIAS)
    table["alias"] = word
    return table


def train(n_words: int, loss: str, **fields: Any) -> tuple[np.ndarray, np.ndarray, _train.Progress]:
    """Train the last words of a vocabulary; returns their vectors. Nothing random depends on the vocabulary's size."""
    first = n_words - N_USED
    ids = np.random.default_rng(1).integers(0, N_USED, 5000, dtype=np.int32)
    ids[::20] = -1 - first
    vecs = [lazy_zeros(n_words, STRIDE) for _ in range(2)]
    for matrix in vecs:
        matrix[first:] = np.random.default_rng(2).random((N_USED, STRIDE), np.float32) / STRIDE - 0.5 / STRIDE
    tables: dict[str, Any] = {}
    if loss == "hs":
        offsets, nodes, codes = _train.tree_build(np.arange(N_USED, 0, -1))
        offsets = np.concatenate([np.zeros(first, np.int64), offsets])
        tables["tree"] = offsets, nodes + np.int32(first), codes
    else:
        tables["noise"] = always(first + 3, n_words)
        fields = {"n_noise": 2, **fields}
    if fields.get("optimizer"):
        fields["states"] = [lazy_zeros(n_words, STRIDE) for _ in range(2)]
    plan = _train.Plan(
        model="sg", loss=loss, in_vecs=vecs[0], out_vecs=vecs[1], window=3, n_tokens=5000, **tables, **fields
    )
    progress = _train.Progress()
    plan.train_epoch(ids + np.int32(first), progress, lr_start=0.05, lr_end=0.05)
    return vecs[0][first:], vecs[1][first:], progress


@pytest.mark.parametrize(
    ("loss", "fields"),
    [
        ("ns", {}),
        ("hs", {}),
        ("ns", {"noise_centers": 4}),
        ("ns", {"optimizer": "momentum", "decay_1": 0.9, "step_windows": 8}),
        ("nce", {"dim": STRIDE - 1, "has_bias": True}),
        ("nce", {"dim": STRIDE - 1, "has_bias": True, "batch_size": 64, "n_noise": 16}),
    ],
)
def test_rows_beyond_two_to_the_31_numbers_are_trained_as_the_first_ones_are(
    loss: str, fields: dict[str, Any]
) -> None:
    large, small = train(N_WORDS, loss, **fields), train(N_USED, loss, **fields)
    assert np.isfinite(small[0]).all()
    assert np.abs(small[0]).max() > 1 / STRIDE, "nothing was learnt"
    if not fields.get("has_bias"):  # how likely noise words are depends on how many there are
        assert np.array_equal(large[0], small[0])
        assert np.array_equal(large[1], small[1])
    assert np.isfinite(large[0]).all()
    assert np.abs(large[0]).max() > 1 / STRIDE
    assert large[2].n_predictions == small[2].n_predictions


def test_rows_beyond_two_to_the_31_numbers_are_found_and_multiplied() -> None:
    vectors = lazy_zeros(N_WORDS, STRIDE)
    used = np.random.default_rng(1).standard_normal((N_USED, STRIDE)).astype(np.float32)
    vectors[-N_USED:] = used
    norms = np.zeros(N_WORDS, np.float32)
    norms[-N_USED:] = np.linalg.norm(used, axis=1)
    ids = range(N_WORDS - 100, N_WORDS)
    targets = np.ascontiguousarray(used / norms[-N_USED:, None])
    for n in (1, N_USED):  # by dot products, and by products of matrices
        found, cosines = nearest.find(vectors, norms, targets[:n], 2, ids, [[]] * n, threads=2)
        assert found[:, 0].tolist() == list(range(N_WORDS - N_USED, N_WORDS - N_USED + n))
        assert np.allclose(cosines[:, 0], 1)
    starts, columns = np.arange(N_USED + 1), np.arange(N_WORDS - N_USED, N_WORDS, dtype=np.int32)
    product = np.empty((N_USED, STRIDE), np.float32)
    _count.sparse_multiply(
        starts, columns, np.ones(N_USED, np.float32), vectors, product, 2, _count.StopFlag()
    )
    assert np.array_equal(product, used)


# ---- counts and corpora beyond 32 bits ----

COUNTS = np.array([3 << 40, (1 << 32) + 1, 1 << 31, 7, 1])


def test_the_tables_of_counts_beyond_32_bits_are_those_of_exact_arithmetic() -> None:
    total = sum(COUNTS.tolist())
    kept = trainer.keep_probabilities(COUNTS, 1e-3)
    expected = [min(1, (total * 1e-3 / n) ** 0.5 + total * 1e-3 / n) for n in COUNTS.tolist()]
    assert np.allclose(kept, expected, rtol=1e-12)
    offsets, _, _ = _train.tree_build(COUNTS)
    assert np.diff(offsets).tolist() == [1, 2, 3, 4, 4]
    noise = _train.alias_build(trainer.noise_weights(COUNTS, 1.0))
    drawn = np.bincount(_train.alias_draw(noise, 1_000_000), minlength=5) / 1e6
    assert np.allclose(drawn, COUNTS / total, atol=1e-3)


@pytest.mark.parametrize("hs", [0, 1])
def test_a_model_of_counts_beyond_32_bits_is_trained_grows_and_is_saved(tmp_path: Path, hs: int) -> None:
    model = Word2Vec(vector_size=8, min_count=1, hs=hs, workers=1)
    model.build_vocab_from_freq({"a": 3 << 40, "b": 1 << 33, "c": 5})
    model.train([["a", "b", "c"]] * 50, epochs=1)
    if not hs:  # a tree cannot grow
        model.build_vocab([["c", "d"]] * 7, update=True)
        assert model.wv.get_vecattr("d", "count") == 7
    model.save(tmp_path / "m")
    again = Word2Vec.load(tmp_path / "m")
    assert again.wv.get_vecattr("a", "count") == 3 << 40
    assert again.wv.get_vecattr("c", "count") == (5 if hs else 12)
    assert np.isfinite(again.wv.vectors).all()


def test_counts_whose_sum_is_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="all below 2\\^63"):
        Word2Vec(min_count=1).build_vocab_from_freq({"a": 2**62, "b": 2**62})


def test_an_epoch_over_more_than_two_to_the_31_ids_goes_on_at_its_end_as_over_few(tmp_path: Path) -> None:
    # A sparse file: what is not written takes no space. Shards are of 65,536 ids; the last two are trained.
    shard = 65536
    text = np.random.default_rng(1).integers(0, 50, 2 * shard, dtype=np.int32)
    text[::20] = -1
    text[:1] = -1
    n_before = (2**31 // shard + 5) * shard
    try:
        with (tmp_path / "ids").open("wb") as file:
            file.truncate(4 * n_before)
            file.seek(4 * n_before)
            file.write(text.tobytes())
        ids = np.memmap(tmp_path / "ids", np.int32, "r")
    except OSError as error:
        pytest.skip(f"no sparse files of 8 GB here: {error}")
    allocated = getattr(os.stat(tmp_path / "ids"), "st_blocks", 0) * 512
    if allocated > 1 << 24:
        pytest.skip("files are not sparse here")
    few = np.concatenate([np.zeros(70 * shard, np.int32), text])  # fewer would be cut into smaller shards

    def learn(ids: np.ndarray) -> tuple[np.ndarray, _train.Progress]:
        vecs = [_train.aligned_zeros(50, 16) for _ in range(2)]
        vecs[0][:] = np.random.default_rng(2).random((50, 16)) - 0.5
        plan = _train.Plan(
            model="sg", loss="ns", in_vecs=vecs[0], out_vecs=vecs[1], noise=always(3, 50), n_noise=2, window=3,
            shrink_windows=False, n_tokens=len(ids),
        )  # fmt: skip
        n_shards = _train.shard_count(len(ids))
        assert n_shards == len(ids) // shard
        progress = _train.Progress(next_shard=n_shards - 2, tokens_done=len(ids) - 2 * shard)
        plan.train_epoch(ids, progress, lr_start=0.05, lr_end=0.05)
        assert progress.tokens_done == len(ids) - int((text == -1).sum())
        return vecs[0], progress

    assert len(ids) > 2**31
    (expected, few_progress), (found, progress) = learn(few), learn(ids)
    assert np.array_equal(found, expected)
    assert progress.n_predictions == few_progress.n_predictions > 0


# ---- files in odd states ----


def test_links_that_lead_to_themselves_are_errors_that_name_the_file(tmp_path: Path) -> None:
    try:
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")
    except OSError:
        pytest.skip("no links here")
    for path in (tmp_path, tmp_path / "a"):
        with pytest.raises(OSError, match="symbolic links|no such corpus file"):
            Corpus.open(corpus_file=path)


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="needs /dev/stdin")
def test_standard_input_may_be_a_file_or_a_pipe(tmp_path: Path, run_python: RunPython) -> None:
    code = "from fastw2v import Word2Vec; print(len(Word2Vec(corpus_file='/dev/stdin', min_count=1).wv))"
    (tmp_path / "text").write_bytes(b"a b c\r\n\r\n a b")
    with (tmp_path / "text").open("rb") as file:
        for stdin in ({"stdin": file}, {"input": (tmp_path / "text").read_bytes()}):
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, **stdin)
            assert done.stdout == b"3\n", done.stderr


def test_a_compressed_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"a b\n" * 100_000))
    corpus = Corpus.open(corpus_file=path)
    path.write_bytes(gzip.compress(b"a b\n" * 10))
    with pytest.raises(OSError, match=r"log.gz' was changed while it was being read"):
        build_vocabulary(corpus)


# ---- memory that is full ----

STARVED = """
import os, resource
import numpy as np
from fastw2v import Word2Vec, planted

text = list(planted.sentences(500))
model = Word2Vec(text, vector_size=16, workers=2, min_count=1, epochs=1)
words = list(model.wv.index_to_key)
more = [[f"x{i}" for i in range(first, first + 1000)] for first in range(0, 1_000_000, 1000)]
queries = words * 20
actions = {
    "a large model": lambda: Word2Vec(text, vector_size=1 << 20, min_count=1, workers=2),
    "large windows": lambda: Word2Vec(text, window=1 << 20, min_count=1, workers=2),
    "much noise": lambda: Word2Vec(text, negative=1 << 20, min_count=1, workers=2),
    "new words": lambda: model.build_vocab(more, update=True),
    "many queries": lambda: model.wv.most_similar_batch(queries, topn=len(words)),
}
for name, action in actions.items():
    before = model.wv.vectors.copy()
    pages = int(open("/proc/self/statm").read().split()[0])
    limit = pages * resource.getpagesize() + (60 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        action()
        print(name, "was possible")
    except MemoryError:
        pass
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert np.array_equal(before, model.wv.vectors), name
    assert model.wv.index_to_key == words, name
model.train(text, epochs=1)
assert len(model.wv.most_similar(0, topn=3)) == 3
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_memory_that_runs_out_is_an_error_and_the_model_is_unharmed(run_python: RunPython) -> None:
    done = run_python(STARVED)
    assert done.stdout == "done\n", done.stdout + done.stderr
