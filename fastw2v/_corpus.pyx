# cython: language_level=3, boundscheck=False, wraparound=False
"""Cython face of src_c/counter.c and ids.c: word counters, the blocks of text that threads feed to them, ids.

It converts and checks; it reads no files and decides nothing. corpus.py, block_reader.py, id_store.py and
vocabulary.py call it.
Invariants: the GIL is released for every pass over a block or a table; a counter that counts is used by one
thread at a time, one that only looks words up by any number; a Block's memory is its own, so views from
`room` and `ids` are good until the next call on the same block.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.buffer cimport PyBUF_WRITE, PyBuffer_FillInfo
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport INT32_MAX, UINT32_MAX, int32_t, int64_t, uint64_t, uint8_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

import numpy as np

from fastw2v import _train


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_AsUTF8String(object text)
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)


cdef extern from "base.h" nogil:
    void W2V_PREFETCH_READ(const void *place)


cdef extern from "text_kernels.h" nogil:
    ctypedef struct w2v_text_kernels:
        int64_t (*renumber)(int32_t *ids, int64_t n_ids, const int32_t *new_ids) noexcept nogil


cdef extern from "w2v.h" nogil:
    ctypedef enum w2v_status:
        W2V_OK
        W2V_ERR_MEMORY
        W2V_ERR_NUL_BYTE
        W2V_ERR_TOO_MANY
    enum:
        W2V_LINE_END
        W2V_TEXT_PADDING
    ctypedef struct w2v_counter:
        pass
    ctypedef struct w2v_block:
        uint8_t *text
        int64_t begin
        int64_t own_end
        int64_t n_bytes
        const int64_t *sizes
        int64_t n_sizes
        int32_t *ids
        int64_t n_ids
        int64_t n_words
        int64_t n_lines
        int64_t nul_byte

    w2v_status w2v_counter_create(w2v_counter **counter, int64_t n_expected)
    void w2v_counter_destroy(w2v_counter *counter)
    int64_t w2v_counter_size(const w2v_counter *counter)
    void w2v_counter_counts(const w2v_counter *counter, int64_t *counts)
    const uint8_t *w2v_counter_word(const w2v_counter *counter, int64_t id, int64_t *n_bytes)
    w2v_status w2v_counter_add(w2v_counter *counter, const uint8_t *word, int64_t n_bytes, int64_t count)
    w2v_status w2v_counter_merge(w2v_counter *counter, const w2v_counter *other, int32_t *ids)
    w2v_status w2v_counter_sort(const w2v_counter *counter, const int64_t *counts, int32_t *ids, int64_t n)
    w2v_status w2v_text_count(const w2v_text_kernels *kernels, w2v_counter *counter, w2v_block *block)
    w2v_status w2v_text_lookup(const w2v_text_kernels *kernels, const w2v_counter *counter, w2v_block *block)
    w2v_status w2v_tokens_count(w2v_counter *counter, w2v_block *block)
    w2v_status w2v_tokens_lookup(const w2v_counter *counter, w2v_block *block)
    int64_t w2v_text_first_space(const uint8_t *text, int64_t begin, int64_t end)
    int64_t w2v_text_last_space(const uint8_t *text, int64_t begin, int64_t end)
    ctypedef struct w2v_ids_facts:
        uint64_t sum
        int64_t n_line_ends
        int64_t n_beyond
    void w2v_ids_inspect(const int32_t *ids, int64_t n_ids, int32_t n_words, w2v_ids_facts *facts)
    int32_t *w2v_ids_resize(int32_t *ids, int64_t capacity)
    ctypedef struct w2v_joining:
        int32_t *ids
        int64_t n_blocks
        const int64_t *ends
        const int32_t *const *new_ids
        int64_t n_ids
    void w2v_ids_join(const w2v_text_kernels *kernels, w2v_joining *joining)


LINE_END = W2V_LINE_END


cdef const w2v_text_kernels *text_kernels() except NULL:
    return <const w2v_text_kernels *> PyCapsule_GetPointer(_train.text_kernels(), "w2v_text_kernels")


class NulByteError(ValueError):
    """A block holds a NUL byte; ``pos`` says where in the block's text."""

    def __init__(self, pos):
        super().__init__(f"NUL byte at {pos}")
        self.pos = pos


cdef int check(w2v_status status) except -1:
    if status == W2V_OK:
        return 0
    if status == W2V_ERR_TOO_MANY:
        raise OverflowError(f"the corpus has more than {INT32_MAX} distinct words")
    raise MemoryError("not enough memory for the table of distinct words")


cdef object decoded(const uint8_t *word, int64_t n_bytes):
    """A word as str. ASCII by a shorter way than the decoder's, which is made for long texts."""
    cdef uint8_t seen = 0
    cdef int64_t pos
    for pos in range(n_bytes):
        seen |= word[pos]
    if seen >= 128 or n_bytes < 2:  # of a single character Python has an object already
        return PyUnicode_DecodeUTF8(<const char *>word, n_bytes, "surrogateescape")
    text = PyUnicode_New(n_bytes, 127)
    memcpy(PyUnicode_DATA(text), word, n_bytes)
    return text


cdef class WordCounter:
    """The distinct words met so far: each has an id, in the order of first sight, and a count.

    If ``n_expected`` is given, room for so many is made at once when that for a few thousand is used up.
    """

    cdef w2v_counter *_counter
    cdef object _counts  # what `counts` has found, or None since words were added

    def __cinit__(self, int64_t n_expected=0):
        if not 0 <= n_expected <= INT32_MAX:
            raise ValueError(f"no such number of words: {n_expected=}")
        check(w2v_counter_create(&self._counter, n_expected))

    def __dealloc__(self):
        w2v_counter_destroy(self._counter)

    def __len__(self):
        return w2v_counter_size(self._counter)

    def add(self, bytes word not None, int64_t count=0):
        """Add ``count`` to a word, new or known."""
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(word)
        self._counts = None
        check(w2v_counter_add(self._counter, text, PyBytes_GET_SIZE(word), count))

    def merge(self, WordCounter other not None):
        """Add the words and counts of ``other``; returns the id here of each of its words, int32."""
        cdef int32_t[::1] ids = np.empty(len(other), np.int32)
        cdef w2v_status status
        cdef int32_t *first = &ids[0] if ids.shape[0] else NULL
        self._counts = None
        with nogil:
            status = w2v_counter_merge(self._counter, other._counter, first)
        check(status)
        return np.asarray(ids)

    def counts(self):
        """The count of each word, int64 [len(self)], read-only."""
        if self._counts is not None:
            return self._counts
        cdef int64_t n = w2v_counter_size(self._counter)
        counts = np.empty(n + 1, np.int64)
        cdef int64_t[::1] out = counts
        with nogil:
            w2v_counter_counts(self._counter, &out[0])
        counts = counts[1:]
        counts.setflags(write=False)
        self._counts = counts
        return counts

    def sort(self, int32_t[::1] ids not None):
        """Sort ids in place by count, highest first, and then by the bytes of the words."""
        cdef w2v_status status = W2V_OK
        cdef const int64_t[::1] counts = self.counts()
        if ids.shape[0]:
            with nogil:
                status = w2v_counter_sort(self._counter, &counts[0], &ids[0], ids.shape[0])
        check(status)

    def words(self, const int32_t[::1] ids not None):
        """The words with these ids as a list of str; bytes that are not UTF-8 become surrogate escapes."""
        cdef int64_t n_bytes, pos, ahead = 16
        cdef const uint8_t *word
        cdef list words = []
        for pos in range(ids.shape[0]):
            if pos + ahead < ids.shape[0]:  # words lie in the order of first sight
                W2V_PREFETCH_READ(w2v_counter_word(self._counter, ids[pos + ahead], &n_bytes))
            word = w2v_counter_word(self._counter, ids[pos], &n_bytes)
            words.append(decoded(word, n_bytes))
        return words


cdef class SentenceSource:
    """The tokens of an iterable of sentences, handed out in bounded pieces, however long a sentence is."""

    cdef object _sentences, _tokens
    cdef readonly int64_t n_sentences
    cdef int64_t _token_no

    def __init__(self, sentences):
        self._sentences = iter(sentences)
        self._tokens = None
        self.n_sentences = 0

    cdef int _next_sentence(self) except -1:
        """Begin the next sentence; 0 when there is none."""
        try:
            sentence = next(self._sentences)
        except StopIteration:
            return 0
        if isinstance(sentence, (str, bytes)):
            raise TypeError(
                f"sentence {self.n_sentences} is a string, {shortened(sentence)}, but each sentence must be "
                "a list of tokens: split it, for instance sentences=[line.split() for line in lines]"
            )
        try:
            self._tokens = iter(sentence)
        except TypeError:
            raise TypeError(
                f"sentence {self.n_sentences} is {shortened(sentence)}, but each sentence must be a list of "
                "tokens"
            ) from None
        self._token_no = 0
        return 1

    cdef int _fail(self, token, Exception cause) except -1:
        where = f"token {self._token_no} of sentence {self.n_sentences}"
        if isinstance(token, str):
            raise ValueError(
                f"{where}, {shortened(token)}, holds a lone surrogate and cannot be stored as UTF-8"
            ) from cause
        raise TypeError(f"{where} is {shortened(token)}, a {type(token).__name__}, but tokens must be str")


cdef str shortened(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


cdef class Block:
    """One block of text or tokens, and its ids after `count` or `lookup`. Memory is kept for the next use.

    What `set_text` sets is explained at w2v_block in src_c/w2v.h.
    """

    cdef w2v_block _block
    cdef int64_t *_sizes
    cdef int64_t _text_capacity, _sizes_capacity, _ids_capacity

    def __dealloc__(self):
        free(self._block.text)
        free(self._sizes)
        free(self._block.ids)

    cdef int _reserve_text(self, int64_t n_bytes) except -1:
        cdef int64_t needed = n_bytes + W2V_TEXT_PADDING + 1  # + 1 for the line end of a file without one
        if needed <= self._text_capacity:
            return 0
        cdef void *text = realloc(self._block.text, needed)
        if text == NULL:
            raise MemoryError(f"not enough memory for a block of {n_bytes} bytes of text")
        self._block.text = <uint8_t *>text
        self._text_capacity = needed
        return 0

    cdef int _reserve_sizes(self, int64_t n_sizes) except -1:
        if n_sizes <= self._sizes_capacity:
            return 0
        cdef void *sizes = realloc(self._sizes, n_sizes * sizeof(int64_t))
        if sizes == NULL:
            raise MemoryError(f"not enough memory for a block of {n_sizes} tokens")
        self._sizes = <int64_t *>sizes
        self._sizes_capacity = n_sizes
        return 0

    cdef int _reserve_ids(self, int64_t n_ids) except -1:
        if n_ids <= self._ids_capacity:
            return 0
        free(self._block.ids)  # the old ids are not wanted: cheaper than realloc
        self._ids_capacity = 0
        self._block.ids = <int32_t *>malloc(n_ids * sizeof(int32_t))
        if self._block.ids == NULL:
            raise MemoryError(f"not enough memory for the ids of a block of {n_ids} bytes of text")
        self._ids_capacity = n_ids
        return 0

    def room(self, int64_t begin, int64_t n_bytes):
        """A writable memoryview of text[begin, begin + n_bytes); what is before it stays."""
        self._reserve_text(begin + n_bytes)
        return PyMemoryView_FromMemory(<char *>self._block.text + begin, n_bytes, PyBUF_WRITE)

    def text(self, int64_t begin, int64_t end):
        """A copy of text[begin, end)."""
        return (<char *>self._block.text)[begin:end]

    def copy_tail(self, Block source not None, int64_t begin, int64_t end):
        """Start this block's text with source's text[begin, end)."""
        self._reserve_text(end - begin)
        memcpy(self._block.text, source._block.text + begin, end - begin)

    def set_text(self, int64_t begin, int64_t own_end, int64_t n_bytes):
        """Say what the text filled in through `room` is; see w2v_block in src_c/w2v.h."""
        if not 0 <= begin <= own_end <= n_bytes or n_bytes + W2V_TEXT_PADDING > self._text_capacity:
            raise ValueError(f"no such block: {begin=}, {own_end=}, {n_bytes=}")
        self._block.begin = begin
        self._block.own_end = own_end
        self._block.n_bytes = n_bytes
        self._block.sizes = NULL
        self._block.n_sizes = 0

    def end_last_line(self):
        """Add the line end that a file's last line may lack: only for a block that ends with the file."""
        if self._block.begin < self._block.n_bytes and self._block.text[self._block.n_bytes - 1] != b"\n":
            self._block.text[self._block.n_bytes] = b"\n"
            self._block.n_bytes += 1
            self._block.own_end = self._block.n_bytes

    def first_space(self, int64_t begin, int64_t end):
        """Where the first white space in text[begin, end) is; ``end`` if there is none."""
        cdef int64_t pos
        with nogil:
            pos = w2v_text_first_space(self._block.text, begin, end)
        return pos

    def last_space(self, int64_t begin, int64_t end):
        """Where the last white space in text[begin, end) is; ``begin - 1`` if there is none."""
        cdef int64_t pos
        with nogil:
            pos = w2v_text_last_space(self._block.text, begin, end)
        return pos

    def fill_tokens(self, SentenceSource source not None, int64_t n_bytes):
        """Fill the block with tokens, about ``n_bytes`` of them; False when there are none left."""
        cdef Py_ssize_t size
        cdef const char *utf8
        cdef int64_t end = 0, n_sizes = 0
        self._block.n_sizes = 0
        # A token may be empty: bounding the number of tokens, too, bounds the block's memory.
        while end < n_bytes and n_sizes < n_bytes:
            if source._tokens is None and not source._next_sentence():
                break
            if n_sizes == self._sizes_capacity:
                self._reserve_sizes(max(2 * n_sizes, 1024))
            try:
                token = next(source._tokens)
            except StopIteration:
                source._tokens = None
                source.n_sentences += 1
                self._sizes[n_sizes] = -1
                n_sizes += 1
                continue
            if not isinstance(token, str):
                source._fail(token, None)
            if PyUnicode_IS_COMPACT_ASCII(token):
                utf8 = PyUnicode_AsUTF8AndSize(token, &size)
            else:  # into bytes that are dropped: AndSize would keep the UTF-8 with each token for good
                try:
                    encoded = PyUnicode_AsUTF8String(token)
                except UnicodeEncodeError:
                    try:
                        encoded = token.encode("utf-8", "surrogateescape")
                    except UnicodeEncodeError as error:
                        source._fail(token, error)
                utf8 = PyBytes_AS_STRING(encoded)
                size = PyBytes_GET_SIZE(encoded)
            if end + size + W2V_TEXT_PADDING + 1 > self._text_capacity:
                self._reserve_text(max(2 * end, end + size, 1024))
            memcpy(self._block.text + end, utf8, size)
            end += size
            self._sizes[n_sizes] = size
            n_sizes += 1
            source._token_no += 1
        self._reserve_text(end)
        self._block.begin = 0
        self._block.own_end = self._block.n_bytes = end
        self._block.sizes = self._sizes
        self._block.n_sizes = n_sizes
        return n_sizes > 0

    def to_ids(self, WordCounter counter not None, bint learn):
        """Turn the block into ids; with ``learn`` new words get ids and all are counted.

        Returns (n_words, n_lines), of all words, known or not, and of all lines that end in the block.
        """
        cdef w2v_status status
        cdef bint is_text = self._block.sizes == NULL
        cdef const w2v_text_kernels *kernels = text_kernels()
        self._reserve_text(self._block.n_bytes)
        self._reserve_ids(self._block.own_end - self._block.begin if is_text else self._block.n_sizes)
        if learn:
            counter._counts = None
        with nogil:
            if is_text and learn:
                status = w2v_text_count(kernels, counter._counter, &self._block)
            elif is_text:
                status = w2v_text_lookup(kernels, counter._counter, &self._block)
            elif learn:
                status = w2v_tokens_count(counter._counter, &self._block)
            else:
                status = w2v_tokens_lookup(counter._counter, &self._block)
        if status == W2V_ERR_NUL_BYTE:
            raise NulByteError(self._block.nul_byte)
        check(status)
        return self._block.n_words, self._block.n_lines

    def ids(self):
        """The ids made by `to_ids`: an int32 view that the next use of the block overwrites."""
        if self._block.n_ids == 0:
            return np.empty(0, np.int32)
        cdef Py_ssize_t n_bytes = self._block.n_ids * sizeof(int32_t)
        return np.frombuffer(PyMemoryView_FromMemory(<char *>self._block.ids, n_bytes, PyBUF_WRITE), np.int32)


cdef class IdBuffer:
    """Ids end to end in memory that grows; it has the buffer interface, for instance for `numpy.frombuffer`.

    ``capacity`` is how many to make room for: address space, which becomes memory as it is filled. Growing beyond moves
    all ids, and out of their huge pages.
    """

    cdef int32_t *_ids
    cdef int64_t _n_ids, _capacity
    cdef Py_ssize_t _n_exported

    def __cinit__(self, int64_t capacity=0):
        self._ids = w2v_ids_resize(NULL, capacity) if capacity > 0 else NULL
        self._capacity = capacity if self._ids != NULL else 0

    def __dealloc__(self):
        free(self._ids)

    def __len__(self):
        return self._n_ids

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self._ids, self._n_ids * sizeof(int32_t), 0, flags)
        self._n_exported += 1

    def __releasebuffer__(self, Py_buffer *view):
        self._n_exported -= 1

    cdef int _resize(self, int64_t capacity) except -1:
        if self._n_exported:
            raise BufferError("ids that are looked at cannot be moved")
        cdef int32_t *ids = w2v_ids_resize(self._ids, capacity)
        if ids == NULL:
            raise MemoryError(f"not enough memory for {capacity} ids")
        self._ids = ids
        self._capacity = capacity
        return 0

    def append(self, const int32_t[::1] ids not None):
        """Add ids at the end."""
        cdef int64_t n = ids.shape[0], end = self._n_ids
        if end + n > self._capacity:
            self._resize(max(end + n, self._capacity + self._capacity // 2))
        if n:
            with nogil:
                memcpy(self._ids + end, &ids[0], n * sizeof(int32_t))
        self._n_ids = end + n

    def cut(self, int64_t n):
        """Keep the first ``n`` ids, and give the rest of the memory back."""
        if not 0 <= n <= self._n_ids:
            raise ValueError(f"no such ids: {n=}")
        self._resize(max(n, 1))
        self._n_ids = n


cdef class Joining:
    """Blocks of ids, one behind the other in a buffer, that become one: threads that call `work` share it.

    ``sizes`` says how many ids each has; ``new_ids`` has for each what `renumber` wants, or is None: ids stay.
    Afterwards ``n_ids`` are left.
    """

    cdef w2v_joining _joining
    cdef const int32_t **_new_ids
    cdef list _kept  # whose memory these use

    def __init__(self, IdBuffer buffer not None, sizes, new_ids=None):
        cdef const int64_t[::1] ends = np.cumsum(np.array(sizes, np.int64))
        cdef const int32_t[::1] numbering
        cdef int64_t block, n_blocks = ends.shape[0]
        if (n_blocks and min(sizes) < 0) or (ends[n_blocks - 1] if n_blocks else 0) != len(buffer):
            raise ValueError("the blocks are not those of the buffer")
        if new_ids is not None:
            if len(new_ids) != n_blocks or self._new_ids != NULL:
                raise ValueError("there must be one numbering for each block")
            self._new_ids = <const int32_t **>malloc(max(n_blocks, 1) * sizeof(int32_t *))
            if self._new_ids == NULL:
                raise MemoryError(f"not enough memory for a list of {n_blocks} blocks")
            for block in range(n_blocks):
                numbering = new_ids[block]
                self._new_ids[block] = &numbering[0]
        self._kept = [memoryview(buffer), ends, new_ids]
        self._joining.ids = buffer._ids
        self._joining.n_blocks = n_blocks
        self._joining.ends = &ends[0] if n_blocks else NULL
        self._joining.new_ids = self._new_ids

    def __dealloc__(self):
        free(self._new_ids)

    @property
    def n_ids(self):
        return self._joining.n_ids

    def work(self):
        """Do what nobody has begun; returns when that is done, though others may still be at work."""
        cdef const w2v_text_kernels *kernels = text_kernels()
        with nogil:
            w2v_ids_join(kernels, &self._joining)


def renumber(int32_t[::1] ids not None, const int32_t[::1] new_ids not None):
    """Replace each id in place by ``new_ids[id + 1]``, dropping those that become -2 and repeated line ends.

    Returns how many ids are left at the start of ``ids``. ``new_ids[0]`` must be LINE_END.
    """
    cdef int64_t n_left = 0
    cdef const w2v_text_kernels *kernels = text_kernels()
    if ids.shape[0]:
        with nogil:
            n_left = kernels.renumber(&ids[0], ids.shape[0], &new_ids[0])
    return n_left


def inspect(const int32_t[::1] ids not None, int32_t n_words):
    """(a sum that tells them from others, how many are LINE_END, how many are neither that nor below n_words)."""
    cdef w2v_ids_facts facts
    if ids.shape[0] > UINT32_MAX:
        raise ValueError("too many ids at once")
    with nogil:
        w2v_ids_inspect(&ids[0] if ids.shape[0] else NULL, ids.shape[0], n_words, &facts)
    return facts.sum, facts.n_line_ends, facts.n_beyond
