# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Cython face of src_c/vector_rows.c: blocks of vector files to rows and words, and back; words looked up in files.

It converts, and checks the shapes that C trusts. word2vec_format.py and lazy_words.py know what the bytes mean.
Invariants: the GIL is released while numbers are read and written, so that blocks can be worked on side by side; a
caller's block is not changed, and is not referred to afterwards.
"""
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

cdef extern from "w2v.h" nogil:
    ctypedef enum w2v_status:
        W2V_OK, W2V_ERR_MEMORY
    ctypedef enum w2v_row_fault:
        W2V_ROW_OK, W2V_ROW_FIELDS, W2V_ROW_NUMBER
    enum:
        W2V_NUMBER_CHARS, W2V_WORDS_DAMAGED
    ctypedef struct w2v_span:
        int64_t begin, end
    ctypedef struct w2v_text_layout:
        int64_t n_numbers
        uint8_t separator
        int has_word, has_spaced_words
    ctypedef struct w2v_text_part:
        const uint8_t *text
        int64_t n_bytes, max_rows
        float *floats
        double *doubles
        w2v_span *words
        int64_t n_rows, n_used
        w2v_row_fault fault
        int64_t n_fields
        w2v_span fault_at
    ctypedef struct w2v_packed_words:
        const uint8_t *letters
        int64_t n_letters
        const int64_t *ends
        int64_t n_words
    int64_t w2v_binary_rows_read(const uint8_t *bytes, int64_t n_bytes, int64_t row_bytes, int64_t max_rows,
                                 w2v_span *words, uint8_t *rows, int64_t *n_used)
    int64_t w2v_binary_rows_write(const uint8_t *letters, const w2v_span *words, const uint8_t *rows, int64_t n_rows,
                                  int64_t row_bytes, uint8_t *out)
    w2v_status w2v_text_rows_read(const w2v_text_layout *layout, w2v_text_part *part)
    int64_t w2v_text_rows_write(const w2v_text_layout *layout, const uint8_t *letters, const w2v_span *words,
                                const float *rows, int64_t n_rows, uint8_t *out)
    int w2v_word_slots_fill(const w2v_packed_words *words, int32_t *slots, int64_t n_slots)
    int64_t w2v_word_find(const w2v_packed_words *words, const int32_t *slots, int64_t n_slots, const uint8_t *word,
                          int64_t n_bytes)

MAX_NUMBER_CHARS = W2V_NUMBER_CHARS
_SPAN = np.dtype([("begin", np.int64), ("end", np.int64)])


def read_binary(const uint8_t[::1] block not None, uint8_t[:, ::1] rows not None):
    """Take whole rows out of a block of a binary file.

    Parameters
    ----------
    block : buffer of bytes
        Begins where a row does.
    rows : OUT uint8 [max_rows, 4 D]
        The vectors, as they are in the file.

    Returns
    -------
    spans : numpy.ndarray [n_rows]
        Where in the block each word stands, for `decode`.
    n_used : int
        Bytes that the rows take.
    """
    cdef int64_t n_rows = 0, n_used = 0, max_rows = rows.shape[0]
    spans = np.empty(max_rows, _SPAN)
    cdef w2v_span[::1] words = spans
    if max_rows and block.shape[0]:
        with nogil:
            n_rows = w2v_binary_rows_read(&block[0], block.shape[0], rows.shape[1], max_rows, &words[0], &rows[0, 0],
                                          &n_used)
    return spans[:n_rows], n_used


def decode(const uint8_t[::1] block not None, const w2v_span[::1] spans not None, list words not None, str encoding,
           str errors):
    """Append the words that stand at `spans` of a block to a list; UnicodeDecodeError at the first that is none."""
    cdef Py_ssize_t row
    cdef bint is_utf8 = encoding.lower() in ("utf8", "utf-8")
    cdef bytes error_name = errors.encode()
    cdef const char *error_handler = error_name
    for row in range(spans.shape[0]):
        if not 0 <= spans[row].begin <= spans[row].end <= block.shape[0]:
            raise ValueError("a word outside its block")
        if spans[row].begin == spans[row].end:
            words.append("")
        elif is_utf8:
            words.append(PyUnicode_DecodeUTF8(<const char *>&block[spans[row].begin],
                                              spans[row].end - spans[row].begin, error_handler))
        else:
            words.append(bytes(block[spans[row].begin:spans[row].end]).decode(encoding, errors))


def write_binary(const uint8_t[::1] letters not None, const w2v_span[::1] words not None,
                 const uint8_t[:, ::1] rows not None, uint8_t[::1] out not None):
    """Write rows as word2vec.c does, for words that stand at `words` of `letters`; returns the bytes written.

    `out` must have room for the words and two bytes more than each row has.
    """
    cdef int64_t n_bytes
    _check_words(letters, words, rows.shape[0], out.shape[0] - rows.shape[0] * (rows.shape[1] + 2))
    if not rows.shape[0]:
        return 0
    with nogil:
        n_bytes = w2v_binary_rows_write(&letters[0] if letters.shape[0] else NULL, &words[0], &rows[0, 0],
                                        rows.shape[0], rows.shape[1], &out[0])
    return n_bytes


cdef _check_words(const uint8_t[::1] letters, const w2v_span[::1] words, int64_t n_rows, int64_t room):
    """ValueError unless there is a word for each row, within `letters`, and `room` for all of them."""
    cdef int64_t row
    if words.shape[0] != n_rows:
        raise ValueError("words and rows that do not fit together")
    for row in range(n_rows):
        if not 0 <= words[row].begin <= words[row].end <= letters.shape[0]:
            raise ValueError("a word outside its letters")
        room -= words[row].end - words[row].begin
    if room < 0:
        raise ValueError("no room for the rows")


cdef class TextLayout:
    """How lines of text are made up.

    Parameters
    ----------
    n_numbers : int
        D.
    separator : bytes, default b" "
        One byte between fields. At the end of a line it means nothing.
    has_word : bool, default True
        Whether a word stands before the numbers.
    has_spaced_words : bool, default False
        Whether words may contain the separator: then a word is all before the last D fields.
    """

    cdef w2v_text_layout _layout

    def __init__(self, n_numbers, bytes separator not None=b" ", has_word=True, has_spaced_words=False):
        if n_numbers < 1 or len(separator) != 1:
            raise ValueError("a line needs numbers, and one byte between them")
        self._layout.n_numbers = n_numbers
        self._layout.separator = separator[0]
        self._layout.has_word = has_word
        self._layout.has_spaced_words = has_spaced_words


def read_text(TextLayout layout not None, const uint8_t[::1] block not None, rows not None):
    """Read whole lines.

    Parameters
    ----------
    layout : TextLayout
        What a line is.
    block : buffer of bytes
        Begins where a line does. What follows its last newline is not read.
    rows : OUT float32 or float64 [max_rows, D]
        The numbers, rounded once.

    Returns
    -------
    spans : numpy.ndarray [n_rows]
        Where in the block each word stands.
    n_used : int
        Bytes that these lines take.
    fault : tuple or None
        What is wrong with the next line: the number of its fields and None, or the number and the bytes of
        what is no number.
    """
    cdef w2v_text_part part
    cdef w2v_status status
    cdef float[:, ::1] floats
    cdef double[:, ::1] doubles
    spans = np.empty(len(rows), _SPAN)
    cdef w2v_span[::1] words = spans
    if rows.shape[1] != layout._layout.n_numbers:
        raise ValueError("rows of another width")
    if not len(rows) or not block.shape[0]:
        return spans[:0], 0, None
    part.text, part.n_bytes, part.max_rows, part.words = &block[0], block.shape[0], len(rows), &words[0]
    part.floats, part.doubles = NULL, NULL
    if rows.dtype == np.float32:
        floats = rows
        part.floats = &floats[0, 0]
    else:
        doubles = rows
        part.doubles = &doubles[0, 0]
    with nogil:
        status = w2v_text_rows_read(&layout._layout, &part)
    if status == W2V_ERR_MEMORY:
        raise MemoryError("no memory to read numbers")
    fault = None
    if part.fault == W2V_ROW_FIELDS:
        fault = part.n_fields, None
    elif part.fault == W2V_ROW_NUMBER:
        begin, end = part.fault_at.begin, min(part.fault_at.end, part.fault_at.begin + 60)
        fault = part.n_fields, bytes(block[begin:end])
    return spans[:part.n_rows], part.n_used, fault


def write_text(TextLayout layout not None, const uint8_t[::1] letters not None, const w2v_span[::1] words not None,
               const float[:, ::1] rows not None, uint8_t[::1] out not None):
    """Write lines; returns the bytes written.

    `out` must have room for the words and `MAX_NUMBER_CHARS` for each row and number.
    """
    cdef int64_t n_bytes
    if rows.shape[1] != layout._layout.n_numbers:
        raise ValueError("rows of another width")
    _check_words(letters, words, rows.shape[0], out.shape[0] - rows.shape[0] * (rows.shape[1] + 1) * W2V_NUMBER_CHARS)
    if not rows.shape[0]:
        return 0
    with nogil:
        n_bytes = w2v_text_rows_write(&layout._layout, &letters[0] if letters.shape[0] else NULL, &words[0],
                                      &rows[0, 0], rows.shape[0], &out[0])
    return n_bytes


cdef class PackedWords:
    """Words as arrays of a file hold them, searched without being decoded.

    Parameters
    ----------
    letters : uint8 [n_letters]
        The bytes of all words, one after the other.
    ends : int64 [V]
        Where in them each word ends.
    slots : int32 [n_slots], optional
        A hash table of `make_slots`; see src_c/w2v.h.
    """

    cdef w2v_packed_words _words
    cdef const uint8_t[::1] _letters
    cdef const int64_t[::1] _ends
    cdef const int32_t[::1] _slots

    def __init__(self, const uint8_t[::1] letters not None, const int64_t[::1] ends not None, slots=None):
        self._letters, self._ends = letters, ends
        self._words.letters = &letters[0] if letters.shape[0] else NULL
        self._words.n_letters = letters.shape[0]
        self._words.ends = &ends[0] if ends.shape[0] else NULL
        self._words.n_words = ends.shape[0]
        self._slots = np.empty(0, np.int32) if slots is None else slots
        if self._slots.shape[0] & (self._slots.shape[0] - 1):
            raise ValueError("the hash table of words must have a power of two as its size")

    def __len__(self):
        return self._words.n_words

    def word(self, Py_ssize_t row):
        """Return the bytes of one word; ValueError where `ends` makes no sense, IndexError beyond the last."""
        if not 0 <= row < self._words.n_words:
            raise IndexError("no such row")
        cdef int64_t begin = self._ends[row - 1] if row else 0, end = self._ends[row]
        if not 0 <= begin <= end <= self._words.n_letters:
            raise ValueError("the vocabulary is damaged: word_ends does not divide words")
        return bytes(self._letters[begin:end])

    def find(self, const uint8_t[::1] word not None):
        """Return the row of a word, or -1; ValueError where the arrays make no sense."""
        cdef int64_t row
        if not self._slots.shape[0]:
            raise ValueError("there is no hash table of words")
        row = w2v_word_find(&self._words, &self._slots[0], self._slots.shape[0], &word[0] if word.shape[0] else NULL,
                            word.shape[0])
        if row == W2V_WORDS_DAMAGED:
            raise ValueError("the vocabulary is damaged: word_slots makes no sense")
        return row

    def make_slots(self):
        """Return a hash table int32 [a power of two] of words whose `ends` make sense.

        None for more words than it can number, or words that collide on purpose.
        """
        cdef int32_t[::1] slots
        cdef int filled
        if not 0 < self._words.n_words < 1 << 30:
            return None
        result = np.empty(1 << (2 * self._words.n_words - 1).bit_length(), np.int32)
        slots = result
        with nogil:
            filled = w2v_word_slots_fill(&self._words, &slots[0], slots.shape[0])
        return result if filled else None
