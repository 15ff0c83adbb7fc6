"""Models and vectors in one safetensors file each.

The layout: named arrays (`write` and `read` know nothing about their meaning), words as one array of bytes
plus the place where each ends (`pack_words`, so that a word may hold any byte), and a dictionary of strings.
safetensors is a length, a JSON header and the raw arrays: readable from any language, nothing is executed on
loading. The library's own writer is not used: it wants every array contiguous and whole in memory, and
writes over the old file; here rows of a padded matrix stream into an atomic replacement. Its reader is used.

`KeyedVectors` and `Word2Vec` save and load through this file. Both keep their vectors under the name
``vectors``, so that the one can open the file of the other. Arrays start at multiples of their item size.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from fastw2v import file_kinds
from fastw2v._formats import PackedWords
from fastw2v._version import __version__
from fastw2v.atomic import atomic_write
from fastw2v.vector_streams import PathLike

FORMAT = "fastw2v"
FORMAT_VERSION = 1
KINDS = ("keyedvectors", "word2vec", "cooccurrence", "sparsevectors", "ppmi", "svd", "ids")
WORD_TENSORS = ("words", "word_ends")
SLOTS = "word_slots"  # a hash table of the words, so that a mapped file can be searched

_PARTS = ("settings", "state")
_TYPE_NAMES = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8"}
_TYPE_NAMES |= {"u8": "U64", "u4": "U32", "u2": "U16", "u1": "U8", "b1": "BOOL"}
_DTYPES = {name: f"<{code}" for code, name in _TYPE_NAMES.items()}
_BLOCK_BYTES = 1 << 23
_DATA_ALIGNMENT = 64


def write(
    path: PathLike,
    tensors: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    temporary: str | None = None,
) -> None:
    """Write named arrays and a dictionary of strings to `path`, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        The file to create or replace.
    tensors : mapping of str to numpy.ndarray
        Numbers of any shape; need not be contiguous. Beyond them this needs 8 MB of memory.
    metadata : mapping of str to str
        Anything else. ``kind`` says what the file is, one of `KINDS`; ``format`` and
        ``format_version`` are filled in here.
    temporary : str, optional
        See `fastw2v.atomic.atomic_write`.

    Raises
    ------
    OSError
        See `fastw2v.atomic.atomic_write`: an old file at `path` is intact.
    TypeError
        An array of a type that safetensors cannot hold, or metadata that are not strings.
    ValueError
        There is no such kind of file.
    """
    if metadata.get("kind") not in KINDS:
        raise ValueError(f"the kind of a file is one of {', '.join(KINDS)}, not {metadata.get('kind')!r}")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map str to str; {key!r} holds {type(value).__name__}")
    # The largest items first: then each array starts at a multiple of its own item size.
    arrays = sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: dict[str, object] = {
        "__metadata__": {**metadata, "format": FORMAT, "format_version": str(FORMAT_VERSION)}
    }
    offset = 0
    for name, array in arrays:
        if array.dtype.str[1:] not in _TYPE_NAMES:
            raise TypeError(f"array {name!r} has type {array.dtype}, which safetensors cannot hold")
        header[name] = {
            "dtype": _TYPE_NAMES[array.dtype.str[1:]],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    head = json.dumps(header).encode("ascii")
    head += b" " * (-(len(head) + 8) % _DATA_ALIGNMENT)
    with atomic_write(path, temporary) as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for _, array in arrays:
            _write_array(file, array)


def read(
    path: PathLike, names: Collection[str] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a file of `write`.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    names : collection of str, optional
        Read these arrays only, as far as they are there; default all.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        The arrays; writable, in memory of their own.
    metadata : dict of str to str
        With ``format``, ``format_version`` and ``kind``.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        It is not a safetensors file, is damaged or truncated, is not one of ours, or is of a newer version.
        Sizes are checked against the size of the file before memory is taken.
    """
    path = Path(path)
    with path.open("rb") as file:  # for the ordinary exceptions: missing, a folder, no permission
        start = file.read(file_kinds.START_BYTES)
    try:
        with safe_open(path, framework="np") as tensor_file:
            metadata = dict(tensor_file.metadata() or {})
            _check_metadata(path, metadata)
            stored = tensor_file.keys()
            wanted = stored if names is None else [name for name in stored if name in names]
            tensors = _read_arrays(path, wanted)
    except (SafetensorError, OSError, TypeError, KeyError, AttributeError) as error:
        # Which of these comes out depends on the version of safetensors and on what is wrong with the file
        # (an array type that NumPy has not, for one); all of them mean the file.
        raise ValueError(
            f"{path}: not a safetensors file, or a damaged one. "
            f"{file_kinds.advice(start, 'fastw2v')} ({error})"
        ) from error
    return tensors, metadata


def map_file(path: PathLike, names: Collection[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a file of `write` without reading its arrays: they are views of the file, mapped into memory.

    Parameters, results and exceptions are those of `read`, but the arrays cannot be written to. The file must stay as
    it is while they are in use; replacing it (as all writers of the package do) leaves them the old one.
    """
    _, metadata = read(path, ())  # which checks the header, and the size of the file against it
    with Path(path).open("rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    tensors = {}
    try:
        for name, dtype, shape, begin, end in _places(memory, names):
            if begin % dtype.itemsize:  # not by our writer
                raise ValueError(f"the array {name!r} is not aligned")
            tensors[name] = np.frombuffer(memory[begin:end], dtype).reshape(shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)}: cannot be mapped, try it without mmap ({error})") from error
    return tensors, metadata


def _read_arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Read arrays of a file that safetensors has found sound: it would hold each of them twice."""
    tensors = {}
    with path.open("rb", buffering=0) as file:
        head = file.read(8)
        head += file.read(int.from_bytes(head, "little"))
        for name, dtype, shape, begin, _ in _places(memoryview(head), names):
            tensors[name] = np.empty(shape, dtype)
            file.seek(begin)
            rest = memoryview(tensors[name].reshape(-1)).cast("B") if tensors[name].size else memoryview(b"")
            while rest:
                n_read = file.readinto(rest)
                if not n_read:
                    raise ValueError(f"{path}: it became shorter while it was read")
                rest = rest[n_read:]
    return tensors


def _places(
    memory: memoryview, names: Collection[str]
) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...], int, int]]:
    """Yield name, type, shape, begin and end of arrays, from the start of a sound safetensors file."""
    n_head = int.from_bytes(memory[:8], "little")
    head = json.loads(bytes(memory[8 : 8 + n_head]))
    for name in names:
        if name in head:
            begin, end = (8 + n_head + offset for offset in head[name]["data_offsets"])
            yield name, np.dtype(_DTYPES[head[name]["dtype"]]), tuple(head[name]["shape"]), begin, end


def write_object(path: PathLike, kind: str, tensors: Mapping[str, np.ndarray], **parts: Any) -> None:
    """Write what a class consists of: arrays, and `parts` that JSON can hold; errors as `write`."""
    texts = {name: json.dumps(part) for name, part in parts.items()}
    write(path, tensors, {"kind": kind, "fastw2v_version": __version__, **texts})


@contextlib.contextmanager
def reading_object(
    path: PathLike, kind: str, title: str
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """Read a file of `write_object` for a block that puts the object together; yields arrays and parts.

    Raises
    ------
    OSError
        The file is missing or unreadable.
    ValueError
        It is of another kind, or damaged; also if the block fails for want of a part or with a wrong one.
    """
    tensors, metadata = read(path)
    if metadata["kind"] != kind:
        raise ValueError(f"{os.fspath(path)} holds no {title} but {metadata['kind']!r}")
    try:
        yield tensors, {name: json.loads(metadata[name]) for name in _PARTS if name in metadata}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)}: damaged or incomplete file of {title} ({error})") from error


def pack_words(words: Iterable[str]) -> dict[str, np.ndarray]:
    """Turn words into arrays for `write`.

    Parameters
    ----------
    words : iterable of str
        Any characters; bytes that are not UTF-8 as ``surrogateescape`` spells them.

    Returns
    -------
    dict of str to numpy.ndarray
        ``words``: uint8, the UTF-8 bytes of all words, one after the other; ``word_ends``: int64 [V], where
        in them each word ends; ``word_slots``: int32, a hash table of them (src_c/w2v.h), if there are words.

    Raises
    ------
    TypeError
        A word is not a str.
    ValueError
        A word has no UTF-8 form: a surrogate that does not stand for a byte.
    """
    encoded = [encode_word(word, row) for row, word in enumerate(words)]
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), dtype=np.int64)
    slots = PackedWords(letters, ends).make_slots()
    return {"words": letters, "word_ends": ends, **({} if slots is None else {SLOTS: slots})}


def unpack_words(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Return the words that `pack_words` has packed.

    Raises
    ------
    ValueError
        The arrays are missing or contradict each other.
    """
    check_word_types(tensors)
    letters, ends = tensors["words"], tensors["word_ends"]
    last_end = int(ends[-1]) if len(ends) else 0
    if last_end != len(letters) or (len(ends) and (ends[0] < 0 or bool((ends[1:] < ends[:-1]).any()))):
        raise ValueError("the vocabulary is damaged: word_ends does not divide words")
    blob = letters.tobytes()
    bounds = ends.tolist()
    return [
        blob[start:end].decode("utf-8", "surrogateescape")
        for start, end in zip([0, *bounds][:-1], bounds, strict=True)
    ]


def check_word_types(tensors: Mapping[str, np.ndarray]) -> None:
    """ValueError unless the arrays of `pack_words` are there, with the right types."""
    if any(name not in tensors for name in WORD_TENSORS):
        raise ValueError(f"the arrays {' and '.join(WORD_TENSORS)} are missing: no vocabulary")
    letters, ends = tensors["words"], tensors["word_ends"]
    if letters.dtype != np.uint8 or letters.ndim != 1 or ends.dtype != np.int64 or ends.ndim != 1:
        raise ValueError("the vocabulary is damaged: wrong types or shapes of words and word_ends")


def encode_word(word: str, row: int) -> bytes:
    """Return the bytes of a word as every file of the package holds them; `row` is for the message."""
    if not isinstance(word, str):
        raise TypeError(f"row {row}: a word must be a str, not {type(word).__name__} ({word!r})")
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"row {row}: the word {word!r} has no UTF-8 form ({error.reason})") from error


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    """Write little-endian rows; only blocks that are not laid out so already are copied."""
    rows = array.reshape(1) if array.ndim == 0 else array
    if rows.size == 0:
        return
    step = max(1, _BLOCK_BYTES // (rows.nbytes // len(rows)))
    little = rows.dtype.newbyteorder("<")
    for first in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[first : first + step], little)
        file.write(block.data)


def _check_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    if metadata.get("format") != FORMAT or metadata.get("kind") not in KINDS:
        raise ValueError(f"{path}: a safetensors file, but not written by fastw2v")
    version = metadata.get("format_version", "")
    if not version.isascii() or not version.isdigit() or len(version) > 9:
        raise ValueError(f"{path}: damaged: format_version is {version!r}")
    if int(version) > FORMAT_VERSION:
        raise ValueError(f"{path}: format version {version} is newer than this fastw2v can read; upgrade it")
