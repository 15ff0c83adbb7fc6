"""The words of a file that is mapped into memory, decoded when somebody asks for them.

`LazyWords` stands for the list `index_to_key`, its `rows` for the dict `key_to_index`. A few look-ups touch a few
pages of the file, however many words there are; what needs all words makes the list or the dict once, and from then
on this is a thin cover over it. Also before the first change: the file is never written to.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence
from typing import Any

import numpy as np

from fastw2v import model_file
from fastw2v._formats import PackedWords


class LazyWords(MutableSequence[str]):
    """The words of a file by row.

    Parameters
    ----------
    tensors : mapping of str to numpy.ndarray
        Arrays of `fastw2v.model_file.pack_words`.

    Attributes
    ----------
    rows : LazyRows
        The rows by word.

    Raises
    ------
    ValueError
        Arrays are missing or of wrong types.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        model_file.check_word_types(tensors)
        slots = tensors.get(model_file.SLOTS)
        if slots is not None and (slots.dtype != np.int32 or slots.ndim != 1):
            raise ValueError(f"the vocabulary is damaged: wrong type or shape of {model_file.SLOTS}")
        self._tensors = {name: tensors[name] for name in model_file.WORD_TENSORS}
        self.packed = PackedWords(tensors["words"], tensors["word_ends"], slots)
        self.has_slots = slots is not None and len(slots) > 0
        self._words: list[str] | None = None
        self.rows = LazyRows(self)

    @property
    def all(self) -> list[str]:
        """All words; ValueError if the file does not hold what it should."""
        if self._words is None:
            self._words = model_file.unpack_words(self._tensors)
        return self._words

    def __len__(self) -> int:
        return len(self.packed) if self._words is None else len(self._words)

    def __getitem__(self, row: Any) -> Any:
        if self._words is not None or isinstance(row, slice):
            return self.all[row]
        place = operator.index(row)
        place += len(self.packed) if place < 0 else 0
        return self.packed.word(place).decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __contains__(self, word: object) -> bool:
        return word in self.rows

    def __setitem__(self, row: Any, word: Any) -> None:
        self.all[row] = word

    def __delitem__(self, row: Any) -> None:
        del self.all[row]

    def insert(self, index: int, value: str) -> None:
        """As list.insert."""
        self.all.insert(index, value)

    def __eq__(self, other: object) -> bool:
        return self.all == (other.all if isinstance(other, LazyWords) else other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: list[str]) -> list[str]:
        return self.all + other

    def __repr__(self) -> str:
        return f"<{len(self)} words>" if self._words is None else repr(self._words)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self.all,)


class LazyRows(MutableMapping[str, int]):
    """The rows of words; `LazyWords` makes it."""

    def __init__(self, words: LazyWords) -> None:
        self._words = words
        self._rows: dict[str, int] | None = None

    @property
    def all(self) -> dict[str, int]:
        """All rows by word; ValueError if a word occurs twice in the file."""
        if self._rows is None:
            words = self._words.all
            self._rows = {word: row for row, word in enumerate(words)}
            if len(self._rows) != len(words):
                raise ValueError("the vocabulary is damaged: a word occurs more than once")
        return self._rows

    def __getitem__(self, word: str) -> int:
        if self._rows is not None or not self._words.has_slots:
            return self.all[word]
        try:
            row = self._words.packed.find(word.encode("utf-8", "surrogateescape"))
        except (AttributeError, UnicodeEncodeError):  # what is no word is not in the vocabulary
            row = -1
        if row < 0:
            raise KeyError(word)
        return row

    def __len__(self) -> int:
        return len(self._words) if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __setitem__(self, word: str, row: int) -> None:
        self.all[word] = row

    def __delitem__(self, word: str) -> None:
        del self.all[word]

    def __eq__(self, other: object) -> bool:
        return self.all == (other.all if isinstance(other, LazyRows) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<rows of {len(self)} words>" if self._rows is None else repr(self._rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.all,)
