"""The command line: ``fastw2v train | count | svd | similar | analogy | evaluate | convert | cluster | plot
| info | demo``.

Options and default settings are in cli_options.py, what the commands do in cli_training.py, cli_counts.py and
cli_vectors.py: a command imports what it needs and no more. The installed script and ``python -m fastw2v`` call `main`.

Invariant: results go to stdout, everything else to stderr; an error of the user or of the machine is one line
``fastw2v: error: ...`` and exit status 1 (it went wrong) or 2 (it was asked wrong), never a traceback.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from fastw2v.cli_options import UsageError, make_parser
from fastw2v.errors import DivergedError

_MODULES = {
    "cli_training": ("train", "demo"),
    "cli_counts": ("count", "svd"),
    "cli_vectors": ("similar", "analogy", "evaluate", "convert", "cluster", "plot", "info"),
}
_COMMANDS = {command: module for module, commands in _MODULES.items() for command in commands}
_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; default `sys.argv`.

    Returns
    -------
    int
        Exit status: 0 done, 1 failed, 2 asked wrong, 130 interrupted, 141 nobody reads the output any more.
    """
    _let_any_word_be_printed()
    try:
        arguments = make_parser().parse_args(argv)
        module = importlib.import_module(f"fastw2v.{_COMMANDS[arguments.command]}")
        getattr(module, arguments.command)(arguments)
        print(end="", flush=True)
    except SystemExit as exit_:  # --help and --version
        return int(exit_.code or 0)
    except UsageError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        print("fastw2v: interrupted", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return _EXIT_BROKEN_PIPE
    except (OSError, ValueError, KeyError, OverflowError, DivergedError, ImportError, MemoryError) as error:
        return _fail(error, 1)
    return 0


def _fail(error: Exception, status: int) -> int:
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{os.fsdecode(error.filename)}: {error.strerror}"
    elif isinstance(error, KeyError) and error.args:
        message = str(error.args[0])  # str() of a KeyError would quote it
    else:
        message = str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
    print("fastw2v: error:", " ".join(message.split()), file=sys.stderr)
    _abandon_stdout()
    return status


def _abandon_stdout() -> None:
    """Keep Python, which flushes once more when it exits, from complaining of a closed pipe or full disk."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _let_any_word_be_printed() -> None:
    """Words may hold bytes that are not UTF-8, and a terminal may lack letters: print what can be printed.

    A stream that somebody else has put in place of the real one is theirs to set up.
    """
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")
