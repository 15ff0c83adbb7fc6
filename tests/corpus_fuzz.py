"""Texts that no one would write, for the corpus reader: against its slow twin, or with the error that must come.

    python tests/corpus_fuzz.py --inputs 100000 --seed 1 [--folder /dev/shm]

Each input is a file (or several, or one that is packed, or damaged) of random bytes, words and line ends, read with a
random number of threads, size of blocks and memory for ids. The vocabulary, the counts and the ids must be those of
tests/text_twin.py; a NUL byte, damaged packing and a text without words must be refused. Prints how often each came
about; fails (status 1, the input is kept) at the first other outcome, or if an input takes ten minutes.
"""

from __future__ import annotations

import argparse
import bz2
import collections
import faulthandler
import gzip
import lzma
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from text_twin import TwinResult, count_and_encode, ids_of, lines_of

from fastw2v.corpus import Corpus, ReadOptions, encode_known
from fastw2v.corpus import count_and_encode as read
from fastw2v.errors import EmptyVocabularyError
from fastw2v.vocabulary import VocabularyRules

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda text: gzip.compress(text, 1, mtime=0),
    ".bz2": lambda text: bz2.compress(text, 1),
    ".xz": lambda text: lzma.compress(text, preset=0),
}
SPACES = (b" ", b"\n", b"\t", b"\r\n", b"\v", b"\f", b"\r", b"\n\n\n", b" " * 70, b"\n" * 70)
PIECES = (
    b"a", b"b", b"seven77", b"eight888", b"nine99999", b"sixteen16sixteen", b"seventeen17sevent",
    "é".encode(), "汉字".encode(), "\u00a0".encode(), "\u2028".encode(), "🙂".encode(),
    b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x01", b"\x1f", b"\x7f", b"\x85",
    b"\xa0", b"\xff\xfe", b"</s>",
)  # fmt: skip


def make_text(rng: random.Random) -> bytes:
    """A text of up to some thousand bytes, seldom with a NUL."""
    way = rng.random()
    if way < 0.1:
        text = bytes(rng.randrange(1, 256) for _ in range(rng.choice((1, 10, 100, 1000))))
    elif way < 0.2:  # long words, long lines
        text = b"".join(
            rng.choice((b"x", b"yz")) * rng.choice((1, 15, 16, 17, 63, 64, 65, 1000)) + rng.choice(SPACES)
            for _ in range(rng.randrange(30))
        )
    else:
        pieces = rng.choices(PIECES, k=8) if way < 0.6 else PIECES
        density = rng.choice((0.1, 0.4, 0.7))
        text = b"".join(
            rng.choice(SPACES) if rng.random() < density else rng.choice(pieces)
            for _ in range(rng.choice((0, 1, 5, 50, 500)))
        )
    if rng.random() < 0.03:
        at = rng.randrange(len(text) + 1)
        text = text[:at] + b"\0" + text[at:]
    return text.decode("latin-1").encode("utf-16") if rng.random() < 0.01 else text


class Fuzzer:
    """Makes texts and compares; the same seed makes the same."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.outcomes: collections.Counter[str] = collections.Counter()

    def one(self) -> None:
        """Make an input, read it, and count; AssertionError, or whatever is not foreseen, if it is read wrongly."""
        rng = self.rng
        shutil.rmtree(self.folder / "corpus", ignore_errors=True)
        (self.folder / "corpus").mkdir()
        texts = [make_text(rng) for _ in range(rng.choice((1, 1, 1, 2, 5)))]
        paths = [self.folder / "corpus" / f"{number}.txt" for number in range(len(texts))]
        damaged = False
        for number, (path, text) in enumerate(zip(paths, texts, strict=True)):
            ending = rng.choice(("", "", "", *PACKERS))
            packed = PACKERS[ending](text) if ending else text
            if ending and rng.random() < 0.2:
                packed, damaged = self._damage(packed), True
            paths[number] = path.with_name(path.name + ending)
            paths[number].write_bytes(packed)
        options = ReadOptions(
            n_threads=rng.choice((1, 1, 2, 3, 8)),
            memory_budget=rng.choice((None, None, 0, 100)),
            progress=False,
            block_bytes=rng.choice((1, 2, 3, 7, 16, 64, 1000, 1 << 20)),
        )
        min_count = rng.choice((1, 1, 2, 5))
        try:
            vocabulary, encoded = read(
                Corpus.open(corpus_file=paths), VocabularyRules(min_count, None, None), options
            )
        except EmptyVocabularyError:
            assert damaged or not count_and_encode(texts, min_count).words
            self.outcomes["no words"] += 1
            return
        except ValueError:
            if not damaged and not any(b"\0" in text for text in texts):
                raise
            self.outcomes["refused"] += 1
            return
        if damaged:  # and yet readable: what it holds nobody knows
            self.outcomes["damaged, read"] += 1
            return
        twin = count_and_encode(texts, min_count)
        assert (vocabulary.words, vocabulary.counts.tolist()) == (twin.words, twin.counts)
        assert encoded.ids.tolist() == twin.ids
        assert (encoded.n_tokens, encoded.n_lines, encoded.n_raw_words) == figures(twin)
        if rng.random() < 0.3:
            again = encode_known(Corpus.open(corpus_file=paths), vocabulary, options)
            lines = [line for text in texts for line in lines_of(text)]
            words = [word.encode("utf-8", "surrogateescape") for word in twin.words]
            assert again.ids.tolist() == ids_of(lines, words)
        self.outcomes["as the twin"] += 1

    def _damage(self, packed: bytes) -> bytes:
        changed = bytearray(packed)
        for _ in range(self.rng.choice((1, 1, 4))):
            changed[self.rng.randrange(len(changed))] = self.rng.randrange(256)
        return bytes(changed[: self.rng.randrange(len(changed) + 1)] if self.rng.random() < 0.5 else changed)

    def run(self, n_inputs: int) -> None:
        """Make so many inputs."""
        for _ in range(n_inputs):
            self.one()


def figures(twin: TwinResult) -> tuple[int, int, int]:
    return twin.n_tokens, twin.n_lines, twin.n_raw_words


def main() -> None:
    """Read the command line, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="for files; a file system in memory is fastest")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        fuzzer = Fuzzer(Path(folder), arguments.seed)
        try:
            for done in range(0, arguments.inputs, 1000):
                faulthandler.dump_traceback_later(600, exit=True)
                fuzzer.run(min(1000, arguments.inputs - done))
        except BaseException:
            kept = Path(tempfile.gettempdir(), "fuzz-corpus")
            shutil.copytree(Path(folder, "corpus"), kept, dirs_exist_ok=True)
            print(f"the input is in {kept}", file=sys.stderr)
            raise
        faulthandler.cancel_dump_traceback_later()
    for outcome, n in sorted(fuzzer.outcomes.items()):
        print(f"{outcome:<16} {n:>9,}")
    print(f"{sum(fuzzer.outcomes.values()):,} inputs, no other outcome")


if __name__ == "__main__":
    main()
