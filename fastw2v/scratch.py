"""Temporary files without a name, for what does not fit into memory.

The system deletes such a file when it is closed, so it is gone after an exception, Ctrl-C or a crash, too (where files
must have names, as on Windows, tempfile deletes them). id_store.py and row_store.py use it and decide what goes there.
"""

from __future__ import annotations

import errno
import tempfile
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray


def open_scratch(what: str) -> BinaryIO:
    """Open a temporary file for reading and writing; `what` becomes a part of the name, if it has one."""
    return cast(BinaryIO, tempfile.TemporaryFile(prefix=f"fastw2v-{what}-"))


def write_array(file: BinaryIO, array: NDArray[Any], what: str, budget_name: str) -> None:
    """
    Append an array to a file.

    Parameters
    ----------
    file : BinaryIO
    array : numpy.ndarray
    what, budget_name : str
        For the message: what the array is, and which argument would keep it in memory.

    Raises
    ------
    OSError
        It cannot be written; if the disk is full, the message says what to do.
    """
    if array.size == 0:  # which has no memoryview of bytes
        return
    try:
        file.write(memoryview(np.ascontiguousarray(array)).cast("B"))
        file.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(
            errno.ENOSPC,
            f"no space left for {what} in {tempfile.gettempdir()}: set TMPDIR to a larger disk, or raise "
            f"{budget_name} to keep them in memory",
        ) from error


def read_array(file: BinaryIO, offset: int, array: NDArray[Any], what: str) -> None:
    """Fill a contiguous array from bytes `offset` on; OSError if the file ends before it is full."""
    file.seek(offset)
    if array.size == 0:
        return
    if file.readinto(memoryview(array).cast("B")) != array.nbytes:  # type: ignore[attr-defined]
        raise OSError(errno.EIO, f"the temporary file of {what} was cut short")
