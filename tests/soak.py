"""Train and free a thousand models, and see whether memory stays flat.

    python tests/soak.py [--models 1000]

Each model goes its whole way: counted from a file, trained, asked, saved, loaded, freed. Models, losses and optimizers
take turns. Prints the resident memory after each hundredth model, and fails (status 1) if it is more than 5 % larger
after the last than after a tenth of them. Linux.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import tempfile
from pathlib import Path

from fastw2v import KeyedVectors, Word2Vec
from fastw2v.losses import LOSSES
from fastw2v.optimizers import OPTIMIZERS

MOST_GROWTH = 0.05


def resident_bytes() -> int:
    """Memory of this process that is in RAM; what has been freed is given back first."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmRSS")


def write_corpus(path: Path, n_words: int = 5000) -> None:
    rng = random.Random(7)
    words = [f"w{int(rng.paretovariate(0.8))}"[:5] for _ in range(n_words)]
    path.write_text("\n".join(" ".join(words[at : at + 20]) for at in range(0, n_words, 20)))


def live_once(folder: Path, sg: int, loss: str, optimizer: str, workers: int) -> None:
    """The life of one model."""
    model = Word2Vec(
        corpus_file=folder / "corpus.txt",
        vector_size=24,
        min_count=1,
        epochs=1,
        sg=sg,
        loss=loss,
        optimizer=optimizer,
        negative=16 if LOSSES[loss].negative else 0,
        workers=workers,
        progress=False,
        checkpoint=folder / "checkpoint",
    )
    model.wv.most_similar(model.wv.index_to_key[0])
    model.save(folder / "model")
    Word2Vec.load(folder / "model").build_vocab([["a", "new", "word"]] * 2, update=not model.hs)
    KeyedVectors.load(folder / "model", mmap="r").most_similar(model.wv.index_to_key[1])


def soak(n_models: int, report: bool = False) -> tuple[int, int]:
    """Resident bytes after a tenth of the models, and after all."""
    kinds = itertools.cycle(itertools.product((1, 0), LOSSES, OPTIMIZERS, (1, 2)))
    after: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder / "corpus.txt")
        for number, kind in zip(range(1, n_models + 1), kinds, strict=False):
            live_once(folder, *kind)
            if number % max(1, n_models // 10) == 0:
                after[number] = resident_bytes()
                if report:
                    print(f"{number:>6} models: {after[number] / 2**20:7.1f} MiB", flush=True)
    return after[max(1, n_models // 10)], after[n_models // 10 * 10]


def main() -> None:
    """Read the command line, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=1000)
    early, late = soak(parser.parse_args().models, report=True)
    print(f"{early / 2**20:.1f} MiB, then {late / 2**20:.1f} MiB: {100 * (late / early - 1):+.1f} %")
    raise SystemExit(late > early * (1 + MOST_GROWTH))


if __name__ == "__main__":
    main()
