"""Damaged and hostile files for every loader: valid files of all formats, changed where it hurts.

    python tests/loader_fuzz.py --inputs 1000000 --seed 1 [--only npz,glove] [--folder /dev/shm]

makes inputs until there are so many, counts what became of each, and fails (status 1, with the input in a file) at the
first that does not give sound vectors or a ValueError, or hangs. Under AddressSanitizer
with `max_allocation_size_mb` (see CONTRIBUTING.md) no allocation beyond the size class of the inputs passes either:
it becomes a MemoryError. tests/test_loader_fuzz.py runs a few hundred inputs.

Changes know the formats: numbers in text are replaced by others that promise much or nothing, lengths in binary by
large ones, separators by other separators; packed data are changed within and packed again with valid checksums.
"""

from __future__ import annotations

import argparse
import bz2
import collections
import faulthandler
import gzip
import io
import logging
import lzma
import random
import re
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fastw2v import PPMI, SVD, Cooccurrence, KeyedVectors, any_file

NUMBERS = (
    b"0",
    b"1",
    b"-1",
    b"2",
    b"65536",
    b"99999999",
    b"4294967296",
    b"999999999999999",
    b"1e999",
    b"nan",
    b"1_0",
)
LENGTHS = (0, 1, 7, 255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1)
SEPARATORS = b" \t\n\r\0,:\x0b\xa0"
Change = Callable[[random.Random, bytes], bytes]


def small_vectors() -> KeyedVectors:
    words = ["the", "naïve", "b\udcffd", "日本", "x" * 40, "of", ""]
    vectors = np.random.default_rng(0).normal(size=(len(words), 5)).astype(np.float32)
    return KeyedVectors.from_arrays(words, vectors, np.arange(len(words), 0, -1))


def valid_files(folder: Path) -> dict[str, bytes]:
    """Return a file of each format as bytes, by a name that begins with the format."""
    wv = small_vectors()
    for name in ("word2vec-binary", "word2vec-text", "glove", "npz", "tensorboard", "fastw2v"):
        any_file.save(wv, folder / name, name)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["words"] = files.pop("tensorboard_metadata")
    records = [
        word.encode("utf-8", "surrogateescape") + b" " + wv[word].tobytes() for word in wv.index_to_key
    ]
    files["word2vec-binary.gensim"] = b"%d %d\n" % wv.vectors.shape + b"".join(records)
    files["word2vec-text.fasttext"] = files["word2vec-text"].replace(b"\n", b" \n")
    strings = io.BytesIO()
    np.savez_compressed(strings, vocab=np.array(wv.index_to_key[:4]), vectors=wv.vectors[:4])
    files["npz.strings"] = strings.getvalue()
    files["word2vec-text.gz"] = gzip.compress(files["word2vec-text"], mtime=0)
    files["word2vec-binary.bz2"] = bz2.compress(files["word2vec-binary"])
    files["glove.xz"] = lzma.compress(files["glove"], preset=0)
    try:
        import zstandard
    except ImportError:
        pass
    else:
        files["word2vec-binary.zst"] = zstandard.ZstdCompressor().compress(files["word2vec-binary"])
    counts = Cooccurrence.from_matrix(np.ones((7, 7)) - np.eye(7), wv.index_to_key, np.arange(7, 0, -1))
    ppmi = PPMI(counts, cds=1.0, base=2)
    for name, thing in (("counts", counts), ("ppmi", ppmi), ("svd", SVD(ppmi, dim=2, progress=False))):
        thing.save(folder / name)
        files[name] = (folder / name).read_bytes()
    files["counts.txt"] = b"".join(
        b"%s %d\n" % (word, row) for row, word in enumerate(files["words"].split(b"\n"))
    )
    return files


def load(name: str, path: Path, other: Path) -> KeyedVectors | None:
    """Read the file at `path` as the format that its name begins with."""
    kind = name.partition(".")[0]
    if name == "counts.txt":
        return KeyedVectors.load_word2vec_format(other, path, binary=True)
    if kind == "words":
        return KeyedVectors.load_tensorboard(other, path)
    if kind == "tensorboard":
        return KeyedVectors.load_tensorboard(path, other)
    if kind in ("counts", "ppmi", "svd"):
        {"counts": Cooccurrence, "ppmi": PPMI, "svd": SVD}[kind].load(path)
        return None
    return any_file.load(path, format_name=kind)


def load_mapped(path: Path) -> KeyedVectors:
    """Map a file, look words up one by one and only then all of them; damage may show at any of these."""
    wv = KeyedVectors.load(path, mmap="r")
    for word in ("the", "naïve", "b\udcffd", "missing", ""):
        if word in wv:
            wv.get_vector(word)
    if len(wv):
        assert isinstance(wv.index_to_key[len(wv) - 1], str)
    assert len(list(wv.key_to_index)) == len(wv.index_to_key)
    return wv


# ---- changes ----


def change(rng: random.Random, raw: bytes) -> bytes:
    """Change bytes in one to three ways."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        raw = rng.choice(CHANGES)(rng, raw)
    return raw


def _flip(rng: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 4, 16))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(rng: random.Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _stretch(rng: random.Random, raw: bytes) -> tuple[int, int]:
    begin = rng.randrange(len(raw) + 1)
    return begin, min(len(raw), begin + rng.choice((1, 2, 4, 8, 30, 200)))


def _drop(rng: random.Random, raw: bytes) -> bytes:
    begin, end = _stretch(rng, raw)
    return raw[:begin] + raw[end:]


def _repeat(rng: random.Random, raw: bytes) -> bytes:
    begin, end = _stretch(rng, raw)
    return raw[:end] + raw[begin:end] * rng.choice((1, 1, 2, 50)) + raw[end:]


def _number(rng: random.Random, raw: bytes) -> bytes:
    places = list(re.finditer(rb"\d+", raw[:4096]))
    if not places:
        return raw
    place = rng.choice(places[:4] if rng.random() < 0.5 else places)
    return raw[: place.start()] + rng.choice(NUMBERS) + raw[place.end() :]


def _length(rng: random.Random, raw: bytes) -> bytes:
    size, code = rng.choice(((2, "<H"), (4, "<I"), (8, "<Q")))
    if len(raw) < size:
        return raw
    at = 0 if rng.random() < 0.1 else rng.randrange(len(raw) - size + 1)
    value = rng.choice(LENGTHS) & ((1 << 8 * size) - 1)
    return raw[:at] + struct.pack(code, value) + raw[at + size :]


def _separator(rng: random.Random, raw: bytes) -> bytes:
    places = [place for place, byte in enumerate(raw[:4096]) if byte in SEPARATORS]
    if not places:
        return raw
    at = rng.choice(places)
    return raw[:at] + bytes([rng.choice(SEPARATORS)]) * rng.choice((0, 1, 1, 2, 300)) + raw[at + 1 :]


CHANGES: tuple[Change, ...] = (_flip, _cut, _drop, _repeat, _number, _number, _length, _separator)


def change_file(rng: random.Random, name: str, raw: bytes) -> bytes:
    """Change a file; half of the packed ones within their packing."""
    if rng.random() < 0.5:
        if name.endswith(".gz"):
            return gzip.compress(change(rng, gzip.decompress(raw)), 1, mtime=0)
        if name.endswith(".bz2"):
            return bz2.compress(change(rng, bz2.decompress(raw)), 1)
        if name.startswith("npz"):
            return _change_archive(rng, raw)
    return change(rng, raw)


def _change_archive(rng: random.Random, raw: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = rng.randrange(len(old.namelist()))
        for number, name in enumerate(old.namelist()):
            data = old.read(name)
            new.writestr(name, change(rng, data) if number == chosen else data)
    return out.getvalue()


# ---- runs ----


class Fuzzer:
    """Makes inputs and counts what becomes of them.

    Parameters
    ----------
    folder : Path
        For files.
    seed : int
        The same seed makes the same inputs.
    only : collection of str, optional
        Names of `valid_files`, or "mapped".
    """

    def __init__(self, folder: Path, seed: int, only: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        sources = folder / "sources"
        sources.mkdir()
        self.files = valid_files(sources)
        self.names = only or (*self.files, "mapped")
        self.others = {"words": "tensorboard", "tensorboard": "words", "counts.txt": "word2vec-binary"}
        self.outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
        for name, raw in self.files.items():
            (folder / f"other-{name}").write_bytes(raw)

    def one(self, name: str) -> None:
        """Make an input for one loader, load it and count; whatever is not foreseen is raised."""
        raw = self.files["fastw2v" if name == "mapped" else name]
        path = self.folder / "input"
        path.unlink(missing_ok=True)  # a file that is mapped must not change
        path.write_bytes(change_file(self.rng, name, raw))
        try:
            if name == "mapped":
                wv = load_mapped(path)
            else:
                wv = load(name, path, self.folder / f"other-{self.others.get(name, name)}")
        except ValueError:
            self.outcomes[name, "ValueError"] += 1
            return
        if wv is not None:
            assert wv.vectors.shape == (len(wv.index_to_key), wv.vector_size)
            assert len(set(wv.index_to_key)) == len(wv.index_to_key)
        self.outcomes[name, "vectors"] += 1

    def run(self, n_inputs: int) -> None:
        """Make `n_inputs`, in turn for each loader."""
        for number in range(n_inputs):
            self.one(self.names[number % len(self.names)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), default=())
    parser.add_argument("--folder", help="for files; a file system in memory is fastest")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # about repeated words
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        fuzzer = Fuzzer(Path(folder), arguments.seed, arguments.only)
        try:
            for done in range(0, arguments.inputs, 1000):
                faulthandler.dump_traceback_later(600, exit=True)  # 1,000 inputs take a second
                fuzzer.run(min(1000, arguments.inputs - done))
                if done % 50_000 == 0:
                    print(f"{done:,} inputs", file=sys.stderr, flush=True)
        except BaseException:
            kept = Path(tempfile.gettempdir(), "fuzz-input")
            kept.write_bytes((Path(folder) / "input").read_bytes())
            print(f"the input is in {kept}", file=sys.stderr)
            raise
        faulthandler.cancel_dump_traceback_later()
    for name in fuzzer.names:
        counts = [fuzzer.outcomes[name, outcome] for outcome in ("vectors", "ValueError")]
        print(f"{name:<24} {counts[0]:>9,} vectors {counts[1]:>9,} ValueError")
    print(f"{sum(fuzzer.outcomes.values()):,} inputs, no other outcome")


if __name__ == "__main__":
    main()
