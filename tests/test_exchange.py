"""Formats and objects of other libraries: round trips, what they read and write themselves, and wrong files named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastw2v import PPMI, Cooccurrence, KeyedVectors, any_file, file_kinds
from fastw2v.errors import MissingExtraError

WORDS = ["the", "naïve", "b\udcffd", "日本", "of"]


def example() -> KeyedVectors:
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
    wide = np.zeros((len(WORDS), 8), np.float32)
    wide[:, :6] = vectors
    return KeyedVectors.from_arrays(WORDS, wide[:, :6], np.arange(len(WORDS), 0, -1))


def same(left: KeyedVectors, right: KeyedVectors) -> bool:
    return list(left.index_to_key) == list(right.index_to_key) and np.array_equal(left.vectors, right.vectors)


PACKINGS = ("", ".gz", ".bz2", ".xz", ".zst")
STREAMS = [f"v{ending}{packing}" for ending in (".txt", ".vec", ".bin", ".tsv") for packing in PACKINGS]


@pytest.mark.parametrize("name", [*STREAMS, "v.npz", "v.safetensors"])
def test_the_ending_decides_what_is_written_and_the_content_how_it_is_read(tmp_path: Path, name: str) -> None:
    if name.endswith(".zst"):
        pytest.importorskip("zstandard")
    any_file.save(example(), tmp_path / name)
    assert same(KeyedVectors.load_any(tmp_path / name), example())
    if name.startswith("v.tsv"):
        return  # its words are in a file of another name
    (tmp_path / name).rename(tmp_path / "renamed")
    assert same(KeyedVectors.load_any(tmp_path / "renamed"), example())
    assert KeyedVectors.load_any(tmp_path / "renamed", limit=2).index_to_key == WORDS[:2]


def test_the_same_vectors_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz", "a.txt.gz", "b.txt.gz"):
        any_file.save(example(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.txt.gz").read_bytes() == (tmp_path / "b.txt.gz").read_bytes()
    example().save_word2vec_format(tmp_path / "plain")
    assert gzip.decompress((tmp_path / "a.txt.gz").read_bytes()) == (tmp_path / "plain").read_bytes()


@given(st.lists(st.text(max_size=5), min_size=1, unique=True), st.integers(1, 3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_npz_holds_any_words(tmp_path: Path, words: list[str], size: int) -> None:
    words = [word for word in words if word.isascii() or word.isprintable()]
    ours = KeyedVectors.from_arrays(words, np.ones((len(words), size), np.float16))
    ours.save_npz(tmp_path / "v.npz")
    back = KeyedVectors.load_npz(tmp_path / "v.npz")
    assert same(back, ours)
    assert back.vectors.dtype == np.float16


def test_npz_of_others_is_read_and_what_needs_unpickling_is_not(tmp_path: Path) -> None:
    path, vectors = tmp_path / "v.npz", np.eye(2, 3, dtype=np.float32)
    np.savez_compressed(path, vocab=np.array(["a", "日"]), embeddings=np.asfortranarray(vectors))
    assert same(KeyedVectors.load_npz(path), KeyedVectors.from_arrays(["a", "日"], vectors))
    np.savez(path, np.float64(vectors), np.array([b"a", b"b\xff"]))
    assert KeyedVectors.load_npz(path).index_to_key == ["a", "b\udcff"]
    for arrays, message in (
        ({"words": np.array(["a", None]), "vectors": vectors}, "unpickled"),
        ({"vectors": vectors}, "none of the arrays"),
        ({"words": np.arange(2), "vectors": vectors}, "not a list of strings"),
        ({"words": np.array(["a", "a"]), "vectors": vectors}, "more than once"),
        ({"words": np.array(["a", "b"]), "vectors": np.eye(2, dtype=int)}, "array of floats"),
        ({"words": np.array(["a"]), "vectors": vectors}, "shape"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=rf"v\.npz.*{message}"):
            KeyedVectors.load_npz(path)


def test_an_array_that_promises_more_than_its_member_holds_takes_no_memory(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 300)}
    )
    with zipfile.ZipFile(tmp_path / "v.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.npy", head.getvalue() + bytes(5000))
    with pytest.raises(ValueError, match="truncated: 5000 of"):
        KeyedVectors.load_npz(tmp_path / "v.npz")


def test_tensorboard_files_have_one_line_a_word_and_gensim_s_layout(tmp_path: Path) -> None:
    ours = KeyedVectors.from_arrays(["a b", "ü"], np.float32([[1, 0.5], [-0.1, 0]]))
    ours.save_tensorboard(tmp_path / "v.tsv")
    assert (tmp_path / "v.tsv").read_bytes() == b"1.0\t0.5\n-0.1\t0.0\n"
    assert (tmp_path / "v_metadata.tsv").read_text("utf-8") == "a b\nü\n"
    (tmp_path / "words").write_text("word\tcount\na b\t9\nü\t3\n", "utf-8")
    assert same(KeyedVectors.load_tensorboard(tmp_path / "v.tsv", tmp_path / "words"), ours)
    (tmp_path / "words").write_text("one\n")
    with pytest.raises(ValueError, match="1 words for 2 vectors"):
        KeyedVectors.load_tensorboard(tmp_path / "v.tsv", tmp_path / "words")
    (tmp_path / "bad.tsv").write_bytes(b"1\t2\n3\t4\t5\n")
    with pytest.raises(ValueError, match=r"bad\.tsv, row 2: expected 2 numbers, but there are 3"):
        KeyedVectors.load_tensorboard(tmp_path / "bad.tsv", tmp_path / "words")
    with pytest.raises(ValueError, match="tab or a line break"):
        KeyedVectors.from_arrays(["a\tb"], np.ones((1, 2), np.float32)).save_tensorboard(tmp_path / "w.tsv")
    assert not (tmp_path / "w.tsv").exists()


def test_gensim_takes_our_vectors_and_gives_them_back(tmp_path: Path) -> None:
    gensim = pytest.importorskip("gensim")
    theirs = example().to_gensim()
    assert isinstance(theirs, gensim.models.KeyedVectors)
    assert theirs.get_vecattr("naïve", "count") == 4
    words, cosines = zip(*theirs.most_similar("the"), strict=True)
    our_words, our_cosines = zip(*example().most_similar("the"), strict=True)
    assert words == our_words
    np.testing.assert_allclose(cosines, our_cosines, atol=1e-6)
    theirs.add_vector("new", np.ones(6))
    assert len(KeyedVectors.from_gensim(theirs)) == len(WORDS) + 1
    with pytest.raises(TypeError, match="not gensim's KeyedVectors"):
        KeyedVectors.from_gensim(example())
    model = gensim.models.Word2Vec([["a", "b"]] * 9, vector_size=4, min_count=1)
    model.save(str(tmp_path / "g.model"))
    for source in (model, tmp_path / "g.model"):
        ours = KeyedVectors.from_gensim(source)
        assert ours.index_to_key == model.wv.index_to_key
        assert np.array_equal(ours.vectors, model.wv.vectors)
        assert ours.get_vecattr("a", "count") == 9


def test_a_pickle_is_never_opened_unasked(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    (tmp_path / "g.kv").write_bytes(pickle.dumps(Bomb()))
    for load in (
        KeyedVectors.load,
        KeyedVectors.load_any,
        KeyedVectors.load_npz,
        KeyedVectors.load_word2vec_format,
    ):
        with pytest.raises(ValueError, match=r"pickle.*from_gensim"):
            load(tmp_path / "g.kv")
    assert not (tmp_path / "executed").exists()


def test_torch_and_pandas_get_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = example()
    torch = pytest.importorskip("torch")
    embedding = ours.to_torch()
    assert isinstance(embedding, torch.nn.Embedding)
    assert np.array_equal(embedding(torch.tensor([2, 0])).numpy(), ours.vectors[[2, 0]])
    assert not embedding.weight.requires_grad
    trained = ours.to_torch(freeze=False)
    assert trained.weight.requires_grad
    with torch.no_grad():
        trained.weight[:] = 0
    assert ours.vectors.any()


def test_pandas_has_words_as_the_index() -> None:
    pytest.importorskip("pandas")
    frame = example().to_pandas()
    assert list(frame.index) == WORDS
    assert np.array_equal(frame.loc["日本"].to_numpy(), example()["日本"])


@pytest.mark.parametrize(
    ("method", "module", "extra"),
    [
        ("to_gensim", "gensim.models", "gensim"),
        ("to_torch", "torch", "torch"),
        ("to_pandas", "pandas", "pandas"),
    ],
)
def test_missing_libraries_name_their_extra(
    monkeypatch: pytest.MonkeyPatch, method: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"fastw2v\[{extra}\]"):
        getattr(example(), method)()


def test_sparse_vectors_are_not_made_dense(tmp_path: Path) -> None:
    ppmi = PPMI(Cooccurrence.from_matrix(np.ones((5, 5)) - np.eye(5), WORDS), cds=1.0, base=2)
    with pytest.raises(TypeError, match="sparse vectors"):
        ppmi.save_npz(tmp_path / "v.npz")
    with pytest.raises(TypeError, match="sparse vectors"):
        ppmi.save_tensorboard(tmp_path / "v.tsv")


# ---- what a file is ----

FASTTEXT = file_kinds.FASTTEXT_MAGIC + bytes(60)
OTHERS = {
    "empty": b"",
    "npy": b"\x93NUMPY\x01\x00",
    "pickle": pickle.dumps({"a": 1}),
    "fasttext-bin": FASTTEXT,
    "zip": b"PK\3\4" + bytes(40),
    "torch": b"PK\3\4" + bytes(22) + b"\x10\0\0\0archive/data.pkl",
    "hdf5": b"\x89HDF\r\n\x1a\n",
    "html": b"<!DOCTYPE html><html>",
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\n",
    "unknown": b"\x01\x02\x03 hello",
    "safetensors": (2).to_bytes(8, "little") + b"{}",
    "compressed": gzip.compress(gzip.compress(b"twice")),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_files_of_other_kinds_are_named_by_every_loader(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(OTHERS[kind])
    assert file_kinds.recognise_file(path).name == kind
    title = file_kinds.recognise_file(path).title
    with pytest.raises(ValueError, match=title):
        KeyedVectors.load_any(path)
    loaders = [KeyedVectors.load_word2vec_format]
    if kind != "compressed":
        loaders += [KeyedVectors.load, KeyedVectors.load_npz]
    for load in loaders:
        with pytest.raises(ValueError, match=title):
            load(path)
    with pytest.raises(ValueError, match=title):
        KeyedVectors.load_word2vec_format(path, binary=True)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"2 3\na 1 2 3\nb 4 5 6\n", "word2vec-text"),
        (b"2 3\na 1 2 3 \n", "word2vec-text"),
        (b"2 300\na 0.1 -2e-5 .5 na", "word2vec-text"),
        (b"0 3\n", "word2vec-text"),
        (b"2 3\na \x00\x01\x02\x03 \n", "word2vec-binary"),
        (b"1 1\na    1\n", "word2vec-binary"),
        (b"the 0.1 0.2 0.3\n", "glove"),
        (b"the 0.1 0.2 0.", "glove"),
        (b"0.1\t0.2\n", "tensorboard"),
        (b"hello world\n", "unknown"),
    ],
)
def test_text_and_binary_are_told_apart(start: bytes, kind: str) -> None:
    assert file_kinds.recognise(start).name == kind


def test_files_of_ours_are_named_and_their_loader_too(tmp_path: Path) -> None:
    counts = Cooccurrence.from_matrix(np.ones((5, 5)) - np.eye(5), WORDS)
    counts.save(tmp_path / "counts")
    PPMI(counts, cds=1.0, base=2).save(tmp_path / "ppmi")
    for name, message in (("counts", r"Cooccurrence\.load"), ("ppmi", r"PPMI\.load")):
        with pytest.raises(ValueError, match=message):
            KeyedVectors.load_any(tmp_path / name)
        with pytest.raises(ValueError, match=message):
            KeyedVectors.load_word2vec_format(tmp_path / name)


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz", ".zst"])
def test_damaged_compressed_files_are_named(tmp_path: Path, packing: str) -> None:
    if packing == ".zst":
        pytest.importorskip("zstandard")
    path = tmp_path / f"v.txt{packing}"
    example().save_word2vec_format(path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-9])
    with pytest.raises(ValueError, match=rf"v\.txt{packing} is not a whole and sound {packing} file"):
        KeyedVectors.load_word2vec_format(path)


@pytest.mark.parametrize("packer", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, packer) -> None:
    for head in (b"1000000 1000000\n", b"1 99999999\n", b"99999999 3\n", b""):
        (tmp_path / "v").write_bytes(packer(head + bytes(20_000_000)))
        for options in ({"binary": True}, {}, {"no_header": True}):
            if not head and options == {"binary": True}:
                continue
            with pytest.raises(ValueError, match="v"):
                KeyedVectors.load_word2vec_format(tmp_path / "v", **options)


# ---- URLs ----


@pytest.fixture
def server(tmp_path: Path):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = tmp_path / self.path.lstrip("/")
            self.send_response(200 if path.exists() else 404)
            self.end_headers()
            self.wfile.write(path.read_bytes() if path.exists() else b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_urls_are_read_with_smart_open_and_refused_without(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "smart_open", None)
    with pytest.raises(MissingExtraError, match=r"fastw2v\[remote\]"):
        KeyedVectors.load_word2vec_format(f"{server}/v.txt")
    monkeypatch.undo()
    pytest.importorskip("smart_open")
    pytest.importorskip("requests")
    for name in ("v.txt", "v.bin.gz"):
        any_file.save(example(), tmp_path / name)
        assert same(KeyedVectors.load_any(f"{server}/{name}"), example())
    example().save(tmp_path / "v.safetensors")
    with pytest.raises(ValueError, match="download this file first"):
        KeyedVectors.load_any(f"{server}/v.safetensors")
    with pytest.raises(ValueError, match="cannot open"):
        example().save_word2vec_format(f"{server}/w.txt")
