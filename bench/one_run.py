"""The child process: train one program once, and write down what it took.

    python one_run.py JOB.json REPORT.json

Deliberately without options, statistics or scoring: whatever this process does beside training would count
against the program. harness.py starts it. Invariant: the report is written last, so a report that exists is
a run that ended well; anything else is a traceback on stderr and a non-zero exit status.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rivals import PROGRAMS, Job, Stopwatch
from settings import Settings


def peak_memory_bytes() -> int:
    """Return the largest resident memory of this process.

    Linux's ru_maxrss is inherited from the parent that forked us, so VmHWM is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else 1024 * peak


def run(job: Job) -> dict[str, Any]:
    """Train, and return the report of it."""
    stopwatch = Stopwatch()
    trained = PROGRAMS[job.program](job, stopwatch)
    report = {**asdict(trained), "parts": stopwatch.parts, "peak_bytes": peak_memory_bytes()}
    import numpy

    report["versions"] = {"python": platform.python_version(), "numpy": numpy.__version__}
    report["versions"][job.program] = report.pop("version")
    if job.program == "fastw2v":
        from fastw2v import _train

        report["isa"] = _train.isa_name()
    return report


def main() -> None:
    job_path, report_path = map(Path, sys.argv[1:])
    fields = json.loads(job_path.read_text())
    report = run(Job(**{**fields, "settings": Settings(**fields["settings"])}))
    report_path.write_text(json.dumps(report, default=str))


if __name__ == "__main__":
    main()
