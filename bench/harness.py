"""What compare.py and threads.py share: the corpus, one run in a fresh process, its scores, results, tables.

Deliberately knows nothing of what is compared with what. Invariant: a figure that is reported comes from one
process that was started for it, went from the text file to saved vectors, and whose vectors were then scored;
a result is appended to the output file as soon as it is there, so an interrupted benchmark loses only the run
in progress.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import json
import lzma
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rivals import PROGRAMS, Job
from settings import BenchError

HERE = Path(__file__).resolve().parent
PAIR_SETS = {
    "ws353": "EN-WS-353-ALL.txt",
    "men": "EN-MEN-TR-3k.txt",
    "simlex": "EN-SIMLEX-999.txt",
    "mturk": "EN-MTurk-771.txt",
    "rg65": "EN-RG-65.txt",
}
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

OURS = "fastw2v"
RIVALS = tuple(sorted({*PROGRAMS} - {OURS}))

N_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
ONE_AND_ALL = sorted({1, N_CORES})

Result = dict[str, Any]


@dataclass(frozen=True)
class Corpus:
    """A plain text file that every program reads, and its size by a count that belongs to none of them."""

    name: str
    path: Path
    n_bytes: int
    n_words: int
    n_lines: int


@contextmanager
def open_corpus(path: Path) -> Iterator[Corpus]:
    """Unpack a compressed corpus once for all programs, and read it once so that none finds it cold.

    Raises
    ------
    BenchError
        The file is missing, unreadable, damaged or empty.
    """
    with tempfile.TemporaryDirectory(prefix="fastw2v-bench-") as folder:
        plain = path
        try:
            if path.suffix in OPENERS:
                plain = Path(folder) / path.stem
                with OPENERS[path.suffix](path, "rb") as packed, plain.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 24)
            corpus = measure_corpus(plain)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise BenchError(f"cannot read the corpus {path}: {error}") from error
        yield corpus


def measure_corpus(path: Path) -> Corpus:
    """Count the words and lines of a plain text file."""
    n_words = n_lines = 0
    with path.open("rb") as lines:
        for line in lines:
            n_words += len(line.split())
            n_lines += 1
    if not n_words:
        raise BenchError(f"there is not a word in the corpus {path}")
    return Corpus(path.name, path, path.stat().st_size, n_words, n_lines)


def check_programs(names: Sequence[str]) -> None:
    """Raise BenchError unless every program can be imported by the process that will run it."""
    for name in names:
        if name not in PROGRAMS:
            raise BenchError(f"there is no rival {name!r}; the rivals are {', '.join(RIVALS)}")
        # The child's import path: this folder first, not the one we were started in.
        code = f"import sys; sys.path[0] = {str(HERE)!r}; import {name}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode:
            why = _last_line(done.stderr)
            advice = "pip install ."
            if name != OURS:
                advice = "pip install '.[bench]' (fasttext is built then, which takes a C++ compiler)"
            raise BenchError(f"{name} cannot be imported ({why}); try: {advice}")


def _environment() -> dict[str, str]:
    """Return this process's environment, but bytecode is kept, as an installed program's is, whatever ours says."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


def run_job(job: Job, timeout: float | None = None) -> Result:
    """Run one job in a fresh process.

    Returns
    -------
    dict
        The report of one_run.py with "wall" (seconds from start to end of the process, interpreter and
        imports included) and parts["start"] (what of it is no other part); or {"error": why there is none}.
    """
    with tempfile.TemporaryDirectory(prefix="fastw2v-bench-") as folder:
        job_path, report_path, log_path = (Path(folder) / name for name in ("job.json", "report.json", "log"))
        job_path.write_text(json.dumps(asdict(job)))
        with log_path.open("wb") as log:
            start = time.perf_counter()
            child = subprocess.Popen(
                [sys.executable, str(HERE / "one_run.py"), str(job_path), str(report_path)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )
            try:
                status = child.wait(timeout)
                wall = time.perf_counter() - start
            except subprocess.TimeoutExpired:
                return {"error": f"ended after {timeout:g} s, the limit of a run", "timed_out": True}
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()
        if status or not report_path.exists():
            said = log_path.read_text(errors="replace")
            return {"error": f"exit status {status}: {_last_line(said)}", "log": said.splitlines()[-30:]}
        report: Result = json.loads(report_path.read_text())
    report["wall"] = wall
    report["parts"]["start"] = wall - sum(report["parts"].values())
    return report


@dataclass(frozen=True)
class Scorer:
    """Scores saved vectors: with fastw2v.evaluation, or with a script that is independent of it.

    A script is called as ``SCRIPT VECTORS --data FOLDER --json`` and prints a JSON object with "analogies",
    "semantic", "syntactic" (per cent) and the names of PAIR_SETS (Spearman's rho x 100), or with "error".
    """

    data: Path
    script: Path | None = None

    def __post_init__(self) -> None:
        """Find out before the first run whether scoring can work at all."""
        if not (self.data / "questions-words.txt").is_file():
            raise BenchError(
                f"{self.data} has no questions-words.txt: name the folder with the analogy questions and "
                "word-sim/ with --data or in FASTW2V_BENCH_DATA, or give --no-score (see bench/README.md)"
            )
        if self.script is not None and not self.script.is_file():
            raise BenchError(f"there is no scorer {self.script}")

    def __call__(self, vectors: Path) -> Result:
        """Return the scores of a word2vec-binary file, or {"error": why}."""
        return self._by_script(vectors) if self.script else self._by_package(vectors)

    def _by_script(self, vectors: Path) -> Result:
        done = subprocess.run(
            [sys.executable, str(self.script), str(vectors), "--data", str(self.data), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            scores: Result = json.loads(done.stdout)
        except ValueError:
            return {"error": f"{self.script} failed: {_last_line(done.stderr)}"}
        return scores

    def _by_package(self, path: Path) -> Result:
        from fastw2v import KeyedVectors
        from fastw2v.evaluation import score_analogies, score_pairs

        try:
            vectors = KeyedVectors.load_word2vec_format(str(path), binary=True)
            words, matrix = vectors.index_to_key, vectors.vectors
            analogies = score_analogies(words, matrix, self.data / "questions-words.txt")
        except ValueError as error:
            return {"error": str(error)}
        scores: Result = {
            "words": len(words),
            "covered": analogies.n_covered,
            "analogies": 100 * analogies.accuracy,
            "semantic": 100 * analogies.semantic,
            "syntactic": 100 * analogies.syntactic,
        }
        for name, file in PAIR_SETS.items():
            pairs = self.data / "word-sim" / file
            if pairs.is_file():
                try:
                    scores[name] = 100 * float(score_pairs(words, matrix, pairs).spearman[0])
                except ValueError:  # fewer than two pairs covered: a tiny corpus
                    scores[name] = math.nan
        return {key: round(value, 2) if isinstance(value, float) else value for key, value in scores.items()}


def run_and_score(job: Job, scorer: Scorer | None, timeout: float | None = None) -> Result:
    """Do one run, score its vectors, and return both as one flat record."""
    before = load_average()
    asked = {key: value for key, value in asdict(job).items() if key != "output"}
    result = {**asked, "load_before": before, **run_job(job, timeout)}
    if scorer is not None and "error" not in result:
        result["quality"] = scorer(Path(job.output))
    return result


def mean_score(scores: Sequence[Result], key: str) -> float:
    """Return the mean of a score over the runs; NaN if one of them has none."""
    return statistics.fmean(math.nan if s.get(key) is None else s[key] for s in scores)


def failure(run: Result) -> str | None:
    """Return why a run, or the scoring of it, failed; None if neither did."""
    why: str | None = run.get("error") or run.get("quality", {}).get("error")
    return why


def machine() -> Result:
    """Return what a reader needs to know of this machine to judge a figure."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = named[0] if named else cpu
    found: Result = {"cpu": cpu, "cores": N_CORES, "system": f"{platform.system()} {platform.release()}"}
    found["python"] = platform.python_version()
    try:
        config = importlib.import_module("fastw2v").show_config()
    except (ImportError, AttributeError) as error:
        return {**found, "fastw2v": f"not available: {error}"}
    # Not all of it: the paths of loaded libraries are nobody's business when results are published.
    found["fastw2v"] = {
        key: config[key] for key in ("fastw2v", "isa", "threads", "versions") if key in config
    }
    return found


def prepare_output(lines: Path | None, folder: Path | None = None) -> None:
    """Find out before the first run that results can be written; raise BenchError if not."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        if lines is not None:
            lines.open("a").close()
    except OSError as error:
        raise BenchError(f"cannot write the results: {error}") from error


def load_average() -> float | None:
    """Return the average number of running processes in the last minute: what else was going on."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def append_line(path: Path | None, record: Result) -> None:
    """Append one JSON line; not a number becomes null, which JSON can say."""
    if path is not None:
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(_finite(record), default=str) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table whose columns line up as plain text, too; None is shown as a dash."""
    cells = [[("-" if cell is None else str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    lines = ["| " + " | ".join(row) + " |" for row in padded]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def number(value: float | None, digits: int = 1) -> str | None:
    """Return a figure as a table shows it; None for none."""
    return None if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"
