"""What every test file shares: which copy of the package is under test, and how child processes find it.

`pytest` tests the installed package (see the import mode in pyproject.toml); `python -m pytest`, after a
build in place, tests this tree. Whichever it is, a test that starts Python again must reach that same copy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

try:
    import fastw2v
except ImportError as problem:
    pytest.exit(
        f"fastw2v cannot be imported ({problem}). Run `pip install .`, then `pytest` (not `python -m pytest`,"
        " which prefers the folder ./fastw2v), or build in place: `python setup.py build_ext --inplace`.",
        returncode=pytest.ExitCode.USAGE_ERROR,
    )

PACKAGE = Path(fastw2v.__file__).parent
TREE = Path(__file__).resolve().parent.parent

# A child process that starts in this folder must not find ./fastw2v first (Python >= 3.11).
os.environ["PYTHONSAFEPATH"] = "1"
# POT, which computes Word Mover's Distances, would import any of these that is installed: ten seconds.
for backend in ("PYTORCH", "TENSORFLOW", "JAX", "CUPY"):
    os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
if PACKAGE.parent == TREE:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TREE), os.environ.get("PYTHONPATH")]))

# No deadlines: a busy machine is not a bug. `--hypothesis-profile=short` is for builds that are slow, `long` for
# nights.
settings.register_profile("default", deadline=None)
settings.register_profile("short", deadline=None, max_examples=15)
settings.register_profile("long", deadline=None, max_examples=8000)
settings.load_profile("default")


def pytest_report_header() -> list[str]:
    """Say which build was tested: a log without it proves nothing."""
    config = fastw2v.show_config()
    isa, threads = config["isa"], config["threads"]
    return [
        f"fastw2v {config['fastw2v']} from {PACKAGE}",
        f"isa {isa['chosen']} of {', '.join(isa['supported'])} (compiled: {', '.join(isa['compiled'])}); "
        f"{threads['usable_cores']} cores; OpenMP {'yes' if threads['openmp'] else 'no'}",
    ]


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python code, or a list of arguments, in a child process with extra environment variables."""

    def run(code: str | list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        arguments = ["-c", code] if isinstance(code, str) else code
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
