"""A few points of tests/fault_injection.py, short runs of tests/corpus_fuzz.py and tests/soak.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import corpus_fuzz
import fault_injection
import pytest

TESTS = Path(__file__).parent
# They have allocators of their own, and count what is not ours.
only_bare = pytest.mark.skipif(
    "LD_PRELOAD" in os.environ, reason="something else is loaded before the C library"
)
only_linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")


@only_linux
@only_bare
@pytest.mark.parametrize(
    "arguments",
    [["--only", "save"], ["--only", "count", "--every", "5"], ["--only", "softmax adam", "--every", "15"]],
)
def test_a_run_survives_when_memory_or_disk_fail(arguments: list[str], tmp_path: Path, run_python) -> None:
    try:
        fault_injection.compile_shim(tmp_path)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the shim needs a C compiler and glibc")
    done = run_python([str(TESTS / "fault_injection.py"), *arguments])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "survived" in done.stdout


def test_texts_are_read_as_by_the_twin_or_refused(tmp_path: Path) -> None:
    fuzzer = corpus_fuzz.Fuzzer(tmp_path, seed=3)
    fuzzer.run(250)
    assert set(fuzzer.outcomes) >= {"as the twin", "no words", "refused"}
    assert fuzzer.outcomes["as the twin"] > 50


@only_linux
@only_bare
def test_memory_stays_flat_over_many_models() -> None:
    """In a process of its own, whose memory nothing else has stirred."""
    code = "import soak; early, late = soak.soak(120); raise SystemExit(late > 1.05 * early)"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=300)
    assert done.returncode == 0
