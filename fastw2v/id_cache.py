"""The ids of a corpus in a file beside it, so that the next training on the same text begins at once.

    cache = IdCache.beside(corpus, rules, True)
    found = cache.read(n_threads)           # the vocabulary and the mapped ids, or None
    cache.write(vocabulary, encoded)        # after reading the text

The file is one of model_file.py: ids, words, counts, and what they were made from. It is looked at whole before it is
used, at some GB/s, since C trusts ids. It decides nothing about words; vocabulary_building.py and model_parts.py call
it. Invariants: what is read is what the text would give, or None; a cache that cannot be used or written is never an
error; no file is replaced that is not a cache.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastw2v import file_kinds, model_file
from fastw2v._corpus import inspect
from fastw2v._version import __version__
from fastw2v.corpus import Corpus, EncodedCorpus
from fastw2v.vocabulary import Vocabulary, VocabularyRules

ENDING = ".ids"
KIND = "ids"
READER = 1  # to be raised when the same text would give other words, counts, ids or another order
# A change to a file within a tick of its time stamp cannot be seen; FAT's tick is the longest.
TICK_NS = 2 * 10**9
_PIECE_IDS = 1 << 22
_ARRAYS = ("ids", "counts", *model_file.WORD_TENSORS)

logger = logging.getLogger(__name__)


class IdCache:
    """
    The cache of one corpus under one set of rules. Made by `beside`.

    Parameters
    ----------
    path : Path
        The file.
    made_from : dict
        What it is made from, as JSON can hold it.
    newest_ns : int
        When the corpus was last changed.
    """

    def __init__(self, path: Path, made_from: dict[str, Any], newest_ns: int) -> None:
        self.path, self._made_from = path, made_from
        self._is_settled = newest_ns < time.time_ns() - TICK_NS

    @classmethod
    def beside(
        cls, corpus: Corpus, rules: VocabularyRules, where: bool | str | os.PathLike[str]
    ) -> IdCache | None:
        """
        Say where the cache of a corpus is; None if there is to be none. Opens no file.

        Parameters
        ----------
        corpus : Corpus
        rules : VocabularyRules
        where : bool or path
            True for ``x.txt.ids`` beside ``x.txt``, or, for several files, a name with a dot beside the first; or the
            file's name.

        Raises
        ------
        ValueError
            The corpus is not in files, or cannot be read again; or there is a `trim_rule`, which may change unnoticed.
        """
        if where is False:
            return None
        if corpus.signature is None:
            raise ValueError("cache_ids needs a corpus_file that can be read again, not sentences or a pipe")
        if rules.trim_rule is not None:
            raise ValueError(
                "cache_ids cannot know whether a trim_rule is still the same: leave out one of them"
            )
        names, sizes, times = zip(*corpus.signature, strict=True)
        path = _usual_path(names) if where is True else Path(where)
        made_from = {
            "reader": READER,
            "min_count": rules.min_count,
            "max_final_vocab": rules.max_final_vocab,
            "files": [_seen_from(path.parent, name) for name in names],
            "sizes": list(sizes),
            "times_ns": list(times),
        }
        return cls(path, made_from, max(times))

    def read(self, n_threads: int = 1) -> tuple[Vocabulary, EncodedCorpus] | None:
        """
        Map the ids that are there, if they are those of this text as it is now, under these rules.

        Returns
        -------
        tuple of Vocabulary and EncodedCorpus, or None
            None also for a file that is damaged, with a warning that says so.
        """
        try:
            tensors, metadata = model_file.map_file(self.path, _ARRAYS)
            if metadata["kind"] != KIND:
                return None
            made_from = json.loads(metadata["made_from"])
            if made_from != self._made_from:
                what = [name for name, value in self._made_from.items() if made_from.get(name) != value]
                logger.info("%s is of other %s: not used", self.path, ", ".join(what))
                return None
            return _checked(tensors, metadata, n_threads)
        except OSError:  # it is not there, or `write` will say what is wrong
            return None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if self._start_is_ours():
                self._warn(f"is damaged and not used ({error})")
            return None

    def write(self, vocabulary: Vocabulary, encoded: EncodedCorpus) -> None:
        """Keep what was read from the text; if that fails, training is worth more: a warning.

        A text that was changed up to two seconds before it was read is not kept: it might change again unnoticed.
        """
        if not self._is_settled:
            logger.info("%s is not written: the text was changed a moment ago", self.path)
            return
        if not self._start_is_ours() and self._is_there():
            self._warn("is not a cache, so it stays as it is; name another file")
            return
        tensors: dict[str, npt.NDArray[Any]] = {"ids": encoded.ids, "counts": vocabulary.counts}
        tensors |= model_file.pack_words(vocabulary.words)
        del tensors[model_file.SLOTS]
        numbers = {"lines": encoded.n_lines, "raw_words": encoded.n_raw_words}
        metadata = {
            "kind": KIND,
            "fastw2v_version": __version__,
            "made_from": json.dumps(self._made_from),
            "numbers": json.dumps(numbers),
        }
        metadata["digest"] = _digest(tensors, metadata, 1)[0]
        try:
            model_file.write(self.path, tensors, metadata)
        except OSError as error:
            self._warn(f"cannot be written, the next training will read the text again ({error})")

    def _start_is_ours(self) -> bool:
        """Whether a cache is there, sound or not."""
        try:
            with self.path.open("rb") as file:
                return file_kinds.recognise(file.read(file_kinds.START_BYTES)).name == file_kinds.IDS
        except OSError:
            return False

    def _is_there(self) -> bool:
        """Whether anything is there, but for an empty file."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return status.st_size > 0 or not stat.S_ISREG(status.st_mode)

    def _warn(self, what: str) -> None:
        warnings.warn(f"cache_ids: {os.fspath(self.path)!r} {what}", RuntimeWarning, stacklevel=3)


def check_cache(where: object) -> bool | str | os.PathLike[str]:
    """The argument `cache_ids`; TypeError or ValueError if it is not what it should be."""
    if not isinstance(where, (bool, str, os.PathLike)):
        raise TypeError(f"cache_ids must be True, False or a path, not {type(where).__name__}")
    if where == "":
        raise ValueError("cache_ids is an empty string: name a file, or say True")
    return where


def _usual_path(names: tuple[str, ...]) -> Path:
    first = Path(names[0])
    if len(names) == 1:
        return first.with_name(first.name + ENDING)
    digest = hashlib.blake2b(json.dumps(names).encode(), digest_size=8).hexdigest()
    return first.with_name(
        f".fastw2v-{digest}{ENDING}"
    )  # a dot: were it in a folder that is read, it is no text


def _seen_from(folder: Path, name: str) -> str:
    """A relative path, which stays the same when a folder is moved with all that is in it."""
    try:
        return Path(os.path.relpath(name, folder)).as_posix()
    except ValueError:  # another drive
        return name


def _checked(
    tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str], n_threads: int
) -> tuple[Vocabulary, EncodedCorpus]:
    """What the arrays say; KeyError, TypeError or ValueError if they are not as `IdCache.write` has left them."""
    ids, counts = tensors["ids"], tensors["counts"]
    if (ids.dtype.str, ids.ndim, counts.dtype.str, counts.ndim) != ("<i4", 1, "<i8", 1):
        raise ValueError("wrong types or shapes of ids and counts")
    ids, counts = ids.astype(np.int32, copy=False), counts.astype(np.int64)
    words = model_file.unpack_words(tensors)
    if not len(set(words)) == len(words) == len(counts) > 0:
        raise ValueError("words and counts do not fit together")
    digest, n_line_ends, n_beyond = _digest({**tensors, "ids": ids}, metadata, n_threads)
    n_tokens = len(ids) - n_line_ends
    falls = bool((counts[:-1] >= counts[1:]).all()) and counts[-1] >= 0
    if digest != metadata["digest"] or n_beyond or not falls or counts.sum() != n_tokens:
        raise ValueError("ids, words and counts are not those that were written")
    numbers = json.loads(metadata["numbers"])
    n_lines, n_raw_words = numbers["lines"], numbers["raw_words"]
    if type(n_lines) is not int or type(n_raw_words) is not int or n_lines < 0 or n_raw_words < n_tokens:
        raise ValueError("numbers of lines and words are wrong")
    return Vocabulary(words, counts), EncodedCorpus(ids, n_tokens, n_lines, n_raw_words)


def _digest(
    tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str], n_threads: int
) -> tuple[str, int, int]:
    """A digest of all that counts; how many ids are line ends; how many are neither that nor a word's."""
    ids, n_words = tensors["ids"], len(tensors["counts"])
    pieces = [ids[first : first + _PIECE_IDS] for first in range(0, len(ids), _PIECE_IDS)]
    with ThreadPoolExecutor(n_threads, "fastw2v-inspect") as pool:
        facts = list(pool.map(lambda piece: inspect(piece, n_words), pieces))
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.array([total for total, _, _ in facts], "<u8").tobytes())
    for name in _ARRAYS[1:]:
        digest.update(np.ascontiguousarray(tensors[name], tensors[name].dtype.newbyteorder("<")).tobytes())
    digest.update(metadata["made_from"].encode() + metadata["numbers"].encode())
    return digest.hexdigest(), sum(ends for _, ends, _ in facts), sum(beyond for _, _, beyond in facts)
