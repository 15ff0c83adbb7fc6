"""Which word of a vocabulary a word of a question file means, regardless of case.

Words are compared in lower case, by Unicode's rules (`str.lower`: "ΛΌΓΟΣ" ends in "ς"). Those that are not found so
are looked for once more in Unicode's canonical caseless matching (The Unicode Standard, section 3.13, D145), where
"STRASSE" is "straße", "ς" is "σ", and an accent may stand in or after its letter. The other order would take "Maße" for
the more frequent "Masse". Upper case, as in gensim and word2vec.c, confuses these two, and "ı" with "i". "İ" is no form
of "i" or "I" anywhere but in Turkish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray


class Spellings:
    """
    The words of a vocabulary by their spelling.

    Parameters
    ----------
    words : sequence of str
        V different words; of several spellings the first one counts.
    case_insensitive : bool
        Otherwise each word is found by its own spelling only.

    Attributes
    ----------
    groups : numpy.ndarray of int32, shape [V]
        For each row the first row of a word that is the same in lower case.
    """

    def __init__(self, words: Sequence[str], case_insensitive: bool) -> None:
        self._words = words
        self._case_insensitive = case_insensitive
        self._fold: Callable[[str], str] = str.lower if case_insensitive else str
        self._row_of: dict[str, int] = {}
        self._caseless_row_of: dict[str, int] | None = None
        folded = map(self._fold, words)
        self.groups: NDArray[np.int32] = np.array(
            [self._row_of.setdefault(word, row) for row, word in enumerate(folded)], np.int32
        )

    def row_of(self, word: str) -> int:
        """Return the row of a word, or -1."""
        row = self._row_of.get(self._fold(word), -1)
        if row < 0 and self._case_insensitive:
            if self._caseless_row_of is None:
                self._caseless_row_of = {}
                for row_, known in enumerate(self._words):
                    self._caseless_row_of.setdefault(caseless(known), row_)
            row = self._caseless_row_of.get(caseless(word), -1)
        return row

    def rows_of(self, tuples: Iterable[Iterable[str]]) -> NDArray[np.int64]:
        """Return the row of each word of each tuple, flat; -1 where it is unknown."""
        known: dict[str, int] = {}
        rows = []
        for words in tuples:
            for word in words:
                if word not in known:
                    known[word] = self.row_of(word)
                rows.append(known[word])
        return np.array(rows, np.int64)


def caseless(word: str) -> str:
    """Return what is the same for canonical caseless matches."""
    return word.lower() if word.isascii() else normalize("NFD", normalize("NFD", word).casefold())
