"""What kind of file this is, told from its first bytes, and what to do with it.

One place for all loaders: a file of the wrong kind is named in their messages, and `fastw2v.any_file` chooses the
loader. It looks at bytes only; nothing is parsed here that could be large.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastw2v.vector_streams import PathLike, Window, compression_of, open_source

START_BYTES = 1 << 16
FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")
_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)
_HEADER = re.compile(rb"[ \t]*\d{1,15}[ \t]+(\d{1,8})[ \t]*\r?\n")


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes
    ----------
    name : str
        A short name, such as ``"word2vec-binary"``.
    title : str
        What it is, as a noun with its article.
    advice : str
        How to read it, or what to do instead.
    """

    name: str
    title: str
    advice: str


IDS = "fastw2v-ids"
_OURS = {
    "keyedvectors": ("fastw2v", "vectors of fastw2v", "read it with KeyedVectors.load"),
    "word2vec": ("fastw2v", "a model of fastw2v", "read it with Word2Vec.load, or its vectors with KeyedVectors.load"),
    "svd": ("fastw2v", "an SVD of fastw2v", "read it with SVD.load, or its vectors with KeyedVectors.load"),
    "ppmi": ("fastw2v-sparse", "a PPMI matrix of fastw2v", "read it with PPMI.load"),
    "sparsevectors": ("fastw2v-sparse", "sparse vectors of fastw2v", "read it with SparseVectors.load"),
    "ids": (IDS, "the ids of a corpus", "cache_ids of Word2Vec has left them beside the text; they are no vectors"),
    "cooccurrence": ("fastw2v-counts", "co-occurrence counts of fastw2v", "read it with Cooccurrence.load"),
}  # fmt: skip
_LOAD_WORD2VEC = "read it with KeyedVectors.load_word2vec_format"
_KINDS = {
    "empty": ("an empty file", "nothing can be read from it"),
    "word2vec-binary": ("a file in word2vec's binary format", f"{_LOAD_WORD2VEC}(..., binary=True)"),
    "word2vec-text": ("a file in word2vec's text format", _LOAD_WORD2VEC),
    "glove": (
        "text without a first line of two numbers, as GloVe's",
        f"{_LOAD_WORD2VEC}(..., no_header=True)",
    ),
    "tensorboard": (
        "numbers separated by tabs, as TensorBoard's",
        "read it with KeyedVectors.load_tensorboard",
    ),
    "npz": ("an npz file of NumPy", "read it with KeyedVectors.load_npz"),
    "npy": (
        "a single NumPy array, without words",
        "if gensim has written it beside a .kv or .model file, give that one to KeyedVectors.from_gensim",
    ),
    "pickle": (
        "a pickle",
        "if gensim has written it, KeyedVectors.from_gensim reads it; unpickling runs whatever is in the file, so do "
        "it only if you trust the source",
    ),
    "fasttext-bin": (
        "a binary model of fastText",
        "that format is fastText's own: take the .vec file beside it, or load it with "
        "gensim.models.fasttext.load_facebook_vectors and give that to KeyedVectors.from_gensim",
    ),
    "safetensors": (
        "a safetensors file",
        "but not written by fastw2v: which rows are which words cannot be told",
    ),
    "torch": ("a file of PyTorch", "load it with PyTorch and use KeyedVectors.from_arrays"),
    "zip": ("a zip archive", "unpack it first"),
    "hdf5": ("an HDF5 file", "read it with h5py and use KeyedVectors.from_arrays"),
    "compressed": ("compressed data", "unpack it first"),
    "html": ("a web page", "the download did not bring the file itself"),
    "git-lfs": ("a pointer of Git LFS", "fetch the file itself with git lfs pull"),
    "unknown": ("of no kind that is known here", "damaged, perhaps, or of another kind than it seems"),
}


def recognise(start: bytes) -> FileKind:
    """Tell the kind of a file from its first bytes, decompressed; the more the surer, `START_BYTES` are enough."""
    ours = _our_kind(start)
    if ours is not None:
        return FileKind(*_OURS[ours])
    name = _name(start)
    return FileKind(name, *_KINDS[name])


def recognise_file(path: PathLike) -> FileKind:
    """Tell the kind of a file, compressed or not; errors as `fastw2v.vector_streams.open_source`."""
    with open_source(path) as source:
        window = Window(source.stream)
        window.more()
        return recognise(bytes(window.view))


def advice(start: bytes, wanted: str) -> str:
    """Return a sentence for the message of a loader that wanted files whose kind begins with `wanted`."""
    kind = recognise(start)
    if kind.name.startswith(wanted):
        return f"It begins like {kind.title}; it is damaged, or the options do not fit"
    return f"It looks like {kind.title}: {kind.advice}"


def _our_kind(start: bytes) -> str | None:
    """The kind that a safetensors file of ours has in its header."""
    if not _is_safetensors(start) or not re.search(rb'"format": ?"fastw2v"', start):
        return None
    match = re.search(rb'"kind": ?"(\w+)"', start)
    name = match[1].decode("ascii", "replace") if match else ""
    return name if name in _OURS else None


def _is_safetensors(start: bytes) -> bool:
    return start[8:10] in (b'{"', b"{}", b"{ ") and start[6:8] == b"\0\0"


def _name(start: bytes) -> str:
    simple = {
        b"\x93NUMPY": "npy",
        FASTTEXT_MAGIC: "fasttext-bin",
        b"\x89HDF\r\n": "hdf5",
        b"version https://git-lfs": "git-lfs",
    }
    for magic, name in simple.items():
        if start.startswith(magic):
            return name
    if not start:
        return "empty"
    if start.startswith(b"PK\3\4"):
        first_name = start[30 : 30 + int.from_bytes(start[26:28], "little")]
        return "npz" if first_name.endswith(b".npy") else "torch" if b"data.pkl" in first_name else "zip"
    if re.match(rb"\x80[\x02-\x05]", start):
        return "pickle"
    if _is_safetensors(start):
        return "safetensors"
    if compression_of(start) is not None:
        return "compressed"
    if re.match(rb"\s*<(?:!doctype|html|\?xml)", start, re.IGNORECASE):
        return "html"
    return _name_of_vectors(start)


def _name_of_vectors(start: bytes) -> str:
    header = _HEADER.match(start[:256])
    line = start[header.end() if header else 0 :].split(b"\n")[0]
    # What stands at the end of what was read may be half a number, and lacks the end of its line.
    is_whole = len(line) < len(start) - (header.end() if header else 0)
    fields = line.rstrip(b" \r\t").split(b" ")
    if header:
        numbers = fields[1:] if is_whole else fields[1:-1]
        is_text = all(map(_NUMBER.fullmatch, numbers)) and (not is_whole or len(numbers) == int(header[1]))
        return "word2vec-text" if is_text or not line.strip() else "word2vec-binary"
    columns = line.rstrip(b" \r").split(b"\t")
    if len(columns) > 1 and all(map(_NUMBER.fullmatch, columns if is_whole else columns[:-1])):
        return "tensorboard"
    numbers = fields[1:] if is_whole or len(fields) < 3 else fields[1:-1]
    return "glove" if numbers and all(map(_NUMBER.fullmatch, numbers)) else "unknown"
