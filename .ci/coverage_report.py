"""The tables of .ci/coverage: lines run by file, from coverage.py's JSON and gcov's (one document a line)."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

WANTED = 90.0


def of_python(path: Path) -> dict[str, dict[int, bool]]:
    """Lines by file, and whether they were run."""
    return {
        name: {
            **dict.fromkeys(entry["executed_lines"], True),
            **dict.fromkeys(entry["missing_lines"], False),
        }
        for name, entry in json.loads(path.read_text())["files"].items()
    }


def of_gcov(path: Path) -> dict[str, dict[int, bool]]:
    """The same; a line that was compiled into several modules was run if one of them ran it."""
    lines: dict[str, dict[int, bool]] = collections.defaultdict(dict)
    for text in path.read_text().splitlines():
        for entry in json.loads(text)["files"]:
            name = entry["file"]
            if name.endswith((".pyx", ".pxi")) or name.startswith("src_c/"):
                known = lines[name]
                n_lines = len(Path(name).read_text().splitlines())
                for line in entry["lines"]:
                    number = line["line_number"]
                    if number > n_lines:  # what Cython adds after the last line
                        continue
                    known[number] = known.get(number, False) or line["count"] > 0
    return lines


def missing(lines: dict[int, bool]) -> str:
    """The lines that were not run, neighbours as ranges."""
    numbers = sorted(lines)
    ranges: list[list[int]] = []
    for number in numbers:
        if lines[number]:
            ranges.append([])
        else:
            ranges[-1:] = [[*ranges[-1], number]] if ranges else [[number]]
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in ranges if part)


def report(title: str, files: dict[str, dict[int, bool]]) -> float:
    """Print a table; the share of all lines, in per cent."""
    print(f"\n{title}")
    for name, lines in sorted(files.items()):
        if lines:
            share = 100 * sum(lines.values()) / len(lines)
            print(
                f"{share:6.1f} % of {len(lines):>5}  {name}{'' if share >= WANTED else ': ' + missing(lines)}"
            )
    n_lines = sum(map(len, files.values()))
    share = 100 * sum(sum(lines.values()) for lines in files.values()) / max(1, n_lines)
    print(f"{share:6.1f} % of {n_lines:>5}  {title} as a whole")
    return share


def main() -> None:
    """Read both files, and report."""
    python, gcov = of_python(Path(sys.argv[1])), of_gcov(Path(sys.argv[2]))
    shares = [
        report("Python", python),
        report("C", {name: lines for name, lines in gcov.items() if name.startswith("src_c/")}),
        report("Cython", {name: lines for name, lines in gcov.items() if not name.startswith("src_c/")}),
    ]
    raise SystemExit(min(shares) < WANTED)


if __name__ == "__main__":
    main()
