"""Vectors in NumPy's npz files: a zip archive with an array in each member.

Ours have ``vectors`` [V, D], ``words`` and ``word_ends`` (as in our safetensors files: any word, exactly) and
``counts``. Of others any file is read that has one matrix of floats under one of the usual names and the words as an
array of strings. Nothing is unpickled, and an array takes no memory before its bytes have been read.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from fastw2v import file_kinds, model_file
from fastw2v.vector_streams import PathLike, open_target

NAMES = ("vectors", *model_file.WORD_TENSORS, "counts")
_VECTOR_NAMES = ("vectors", "embeddings", "embedding", "weights", "arr_0")
_WORD_NAMES = ("words", "index_to_key", "vocab", "vocabulary", "labels", "tokens", "arr_1")
_BLOCK_BYTES = 1 << 20
# What zipfile, zlib and NumPy's parser of headers raise for damaged files.
_DAMAGE = (
    ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, RuntimeError, SyntaxError, struct.error,
    tokenize.TokenError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def write(path: PathLike, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays, uncompressed and atomically; OSError as `fastw2v.atomic.atomic_write`."""
    with open_target(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in tensors.items():
            # The same vectors give the same bytes: no time of writing.
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read(path: PathLike) -> tuple[list[str], np.ndarray, np.ndarray | None]:
    """Read words, vectors and, if they are there, counts.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        It is no such file, is damaged, or holds something else.
    """
    with open(path, "rb") as file:
        start = file.read(file_kinds.START_BYTES)
        if file_kinds.recognise(start).name != "npz":
            raise ValueError(f"{os.fspath(path)}: not an npz file. {file_kinds.advice(start, 'npz')}")
        try:
            arrays = _read_arrays(file)
            vectors, words = _first(arrays, _VECTOR_NAMES), _first(arrays, _WORD_NAMES)
            return _words(arrays, words), vectors, arrays.get("counts")
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:  # seeking to where no file can be
                raise
            raise ValueError(f"{os.fspath(path)}: no vectors, or a damaged npz file: {error}") from error


def _read_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    known = {*NAMES, *_VECTOR_NAMES, *_WORD_NAMES}
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name in known and name not in arrays:
                with archive.open(entry) as member:
                    arrays[name] = _read_array(name, member)
    return arrays


def _read_array(name: str, member: Any) -> np.ndarray:
    """Read one array, block by block: its header may promise anything."""
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(
            f"the array {name!r} has a format of version {version}, which holds no plain numbers"
        )
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that Python 2 wrote the file
        shape, is_fortran, dtype = read_header(member)
    if dtype.hasobject:
        raise ValueError(f"the array {name!r} holds Python objects, which would have to be unpickled")
    if any(size < 0 for size in shape):
        raise ValueError(f"the array {name!r} has a negative size")
    n_bytes = dtype.itemsize
    for size in shape:
        n_bytes *= size
    data = bytearray()
    while len(data) < n_bytes:
        block = member.read(min(_BLOCK_BYTES, n_bytes - len(data)))
        if not block:
            raise ValueError(f"the array {name!r} is truncated: {len(data)} of {n_bytes} bytes")
        data += block
    if dtype.itemsize == 0 or n_bytes == 0:
        if max(shape, default=0) > file_kinds.START_BYTES:
            raise ValueError(f"the array {name!r} has {shape} items of no bytes")
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _first(arrays: Mapping[str, np.ndarray], names: Iterable[str]) -> np.ndarray:
    for name in names:
        if name in arrays:
            return arrays[name]
    raise ValueError(f"it holds none of the arrays {', '.join(names)}")


def _words(arrays: Mapping[str, np.ndarray], words: np.ndarray) -> list[str]:
    if "word_ends" in arrays:
        return model_file.unpack_words(arrays)
    if words.ndim != 1 or words.dtype.kind not in "US":
        raise ValueError(f"the words are {words.dtype} of shape {words.shape}, not a list of strings")
    if words.dtype.kind == "S":
        return [word.decode("utf-8", "surrogateescape") for word in words.tolist()]
    codes = np.frombuffer(words.astype(words.dtype.newbyteorder("=")).tobytes(), np.uint32)
    if codes.size and codes.max() > sys.maxunicode:
        raise ValueError("the words hold characters that are none")
    found: list[str] = words.tolist()
    return found
