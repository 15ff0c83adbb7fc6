"""Replace a file all at once or not at all.

`atomic_write` hands out a temporary file in the folder of the target and renames it over the target when the
block has ended well. It is not a lock: of two writers the last one wins, whole. It does not make folders.

Every saver of the package (`model_file`, `word2vec_format`) writes through it, so that the invariant stands
in one place: whatever goes wrong (full disk, read-only folder, exception, Ctrl-C, loss of power), the target
is either its old self, byte for byte, or complete.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], temporary: str | None = None) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` when the ``with`` block ends without an exception.

    The bytes are on the disk (fsync) before the name changes. A symbolic link stays a link: the file behind
    it is replaced. An old file passes its permissions on. A device or a named pipe (``/dev/stdout``) cannot
    be replaced by renaming and is written to directly.

    Parameters
    ----------
    path : str or os.PathLike
        The file to create or replace. Its folder must exist.
    temporary : str, optional
        What to call the temporary file, of which there then can be only one: where the process may be killed, the next
        writer removes what was left behind. Default: a new name each time.

    Yields
    ------
    BinaryIO
        A buffered binary file, open for writing.

    Raises
    ------
    OSError
        The file could not be written: full disk, folder missing or read-only, `path` is a folder, and so on.
        It is of the subclass that belongs to its `errno` (`PermissionError`, `FileNotFoundError`, ...), names
        `path`, and an old file at `path` is as it was.
    """
    try:
        target = Path(path).resolve()
        old_stat = _writable_stat(target)
        if old_stat is not None and not stat.S_ISREG(old_stat.st_mode):
            with target.open("wb") as file:
                yield file
            return
        unfinished = target.with_name(temporary or f".fastw2v-{secrets.token_hex(8)}.tmp")
        if temporary is not None:
            unfinished.unlink(missing_ok=True)
        try:
            with io.BufferedWriter(_EarlyFile(unfinished, "xb")) as file:
                if old_stat is not None:
                    unfinished.chmod(stat.S_IMODE(old_stat.st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise _explained(error, path) from error


class _EarlyFile(io.FileIO):
    """A file whose bytes set out for the disk while more are written: fsync then has little left to wait for."""

    _STRETCH_BYTES = 1 << 27  # each hint costs milliseconds, as it asks every core

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._n_sent = self._n_written = 0

    def write(self, data: ReadableBuffer) -> int:
        """As FileIO.write."""
        n_bytes: int = super().write(data)
        self._n_written += n_bytes
        n_waiting = self._n_written - self._n_sent
        if n_waiting >= self._STRETCH_BYTES and hasattr(os, "posix_fadvise"):
            with contextlib.suppress(
                OSError
            ):  # Linux starts to write what it is told to forget; a hint, no more
                os.posix_fadvise(self.fileno(), self._n_sent, n_waiting, os.POSIX_FADV_DONTNEED)
            self._n_sent = self._n_written
        return n_bytes


def _writable_stat(target: Path) -> os.stat_result | None:
    """Return the stat of an existing `target`, None if there is none; raise if it must not be replaced."""
    try:
        old_stat = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old_stat.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # rename() asks for permission on the folder only: without this a write-protected file would be replaced.
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return old_stat


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where folders can be synced (not on Windows or every network disk)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explained(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Return an error of the same kind that names the file the user asked for and says what became of it."""
    reason = error.strerror or str(error)
    message = f"{reason}: could not write the file; nothing was replaced"
    return OSError(error.errno if error.errno is not None else errno.EIO, message, os.fspath(path))
