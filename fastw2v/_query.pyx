# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Cython face of src_c/nearest.c, sketch.c and analogies.c: cosines, nearest rows and analogy questions, by blocks.

It converts, and checks the shapes that C trusts; nearest.py cuts matrices into blocks and says what is looked for.
Invariant: the GIL is released for every loop over rows.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int8_t, int32_t, int64_t

import numpy as np

from fastw2v import _train

cdef extern from "w2v.h" nogil:
    ctypedef enum w2v_status:
        W2V_OK, W2V_ERR_STALE
    ctypedef struct w2v_kernels
    ctypedef struct w2v_searched:
        const float *vecs
        int64_t stride
        const float *norms
        int64_t n_rows, first_id
        int32_t dim
    ctypedef struct w2v_sketch:
        int64_t stride
        int32_t dim
        int8_t *codes
        float *scales
        float *errors
    int W2V_SKETCH_ALIGN, W2V_FEW_QUERIES
    void w2v_sketch_fill(const w2v_sketch *sketch, const w2v_searched *rows, int32_t n_threads)
    ctypedef struct w2v_nearest:
        int64_t n_queries
        const float *queries
        int64_t n_wanted
        const int64_t *excluded_starts
        const int64_t *excluded
        float *cosines
        int64_t *ids
        int64_t *n_found
        float *bars
        int32_t *locks
    ctypedef struct w2v_analogies:
        int64_t n_questions
        const int32_t *places
        const int32_t *word_groups
        const int32_t *groups
        int32_t multiply
        float *scores
        int64_t *answers
    void w2v_cosines(const w2v_searched *rows, const float *queries, int64_t n_queries, float *cosines, int64_t room,
                     int32_t n_threads)
    w2v_status w2v_nearest_update(const w2v_kernels *kernels, const w2v_searched *rows, const w2v_sketch *sketch,
                                  const w2v_nearest *nearest, int32_t n_threads, int32_t backwards)
    void w2v_nearest_sort(const w2v_nearest *nearest)
    w2v_status w2v_cosines_table(const w2v_kernels *kernels, const w2v_searched *rows, const float *words,
                                 int64_t n_words, float *cosines, int64_t cosines_room, int32_t n_threads,
                                 float *slack)
    void w2v_analogies_update(const w2v_searched *rows, const float *words, const float *table, int64_t room,
                              float slack,
                              const w2v_analogies *asked, int32_t n_threads)

FEW_QUERIES = W2V_FEW_QUERIES
cdef int32_t backwards = 0  # the direction of the last search; nothing but speed depends on it


cdef const w2v_kernels *kernels() except NULL:
    return <const w2v_kernels *> PyCapsule_GetPointer(_train.kernels(), "w2v_kernels")


class Stale(Exception):
    """A sketch is not of the rows that are searched: they were changed since."""


cdef int check(w2v_status status) except -1:
    if status == W2V_ERR_STALE:
        raise Stale("the vectors were changed after they were sketched")
    if status != W2V_OK:
        raise MemoryError("not enough memory for a query")
    return 0


cdef class Rows:
    """A block of rows: float32 vecs [n, D], whose rows may be padded, their norms [n], and the id of the first."""

    cdef w2v_searched c
    cdef const float[:, :] _vecs
    cdef const float[::1] _norms

    def __init__(self, const float[:, :] vecs not None, const float[::1] norms not None, int64_t first_id):
        cdef int64_t n_bytes = sizeof(float)
        if vecs.shape[0] != norms.shape[0] or not vecs.shape[0] or not 0 < vecs.shape[1] < 1 << 30:
            raise ValueError("vectors and norms that do not fit together, or none")
        if (vecs.strides[1] != n_bytes and vecs.shape[1] > 1) or vecs.strides[0] % n_bytes or \
                not vecs.shape[1] <= vecs.strides[0] // n_bytes < 1 << 31:
            raise ValueError("the numbers of a row must follow each other, and rows too")
        self._vecs, self._norms = vecs, norms
        self.c.vecs, self.c.stride, self.c.dim = &vecs[0, 0], vecs.strides[0] // n_bytes, <int32_t> vecs.shape[1]
        self.c.norms, self.c.n_rows, self.c.first_id = &norms[0], vecs.shape[0], first_id

    @property
    def n_rows(self):
        """How many rows there are."""
        return self.c.n_rows

    @property
    def first_id(self):
        """The id of the first."""
        return self.c.first_id

    def cosines(self, const float[:, ::1] queries not None, float[:, ::1] out not None, int32_t n_threads):
        """out [n_queries, >= n] = cosines of unit vectors [n_queries, D] with all rows."""
        self._check_table(queries, out, n_threads)
        if queries.shape[0]:
            with nogil:
                w2v_cosines(&self.c, &queries[0, 0], queries.shape[0], &out[0, 0], out.shape[1], n_threads)

    def table(self, const float[:, ::1] words not None, float[:, ::1] out not None, int32_t n_threads):
        """`cosines`, faster where there are many words; returns how far they may be off."""
        cdef const w2v_kernels *fast = kernels()
        cdef w2v_status status
        cdef float slack = 0
        self._check_table(words, out, n_threads)
        if words.shape[0]:
            with nogil:
                status = w2v_cosines_table(fast, &self.c, &words[0, 0], words.shape[0], &out[0, 0], out.shape[1],
                                           n_threads, &slack)
            check(status)
        return slack

    cdef int _check_table(self, const float[:, ::1] queries, float[:, ::1] out, int32_t n_threads) except -1:
        if queries.shape[1] != self.c.dim or out.shape[0] < queries.shape[0] or out.shape[1] < self.c.n_rows or \
                n_threads < 1:
            raise ValueError("queries or cosines that do not fit the rows")
        return 0


def sketch_bytes(int64_t n_rows, int64_t dim):
    """The memory of a sketch."""
    return n_rows * ((dim + W2V_SKETCH_ALIGN - 1) // W2V_SKETCH_ALIGN * W2V_SKETCH_ALIGN + 2 * <int64_t> sizeof(float))


cdef class Sketch:
    """A coarse copy of n_rows rows of `dim` numbers, filled block by block; all of it, before anything is searched.

    A row's cosine with a unit vector is scale * (codes vector), give or take its error: codes int8 [n_rows, room],
    scales and errors float32 [n_rows].
    """

    cdef w2v_sketch c
    cdef int64_t n_rows
    cdef readonly object codes, scales, errors

    def __init__(self, int64_t n_rows, int64_t dim):
        cdef int8_t[::1] codes
        cdef float[::1] scales, errors
        if n_rows < 1 or not 0 < dim < 1 << 30:
            raise ValueError("nothing to sketch, or rows that are too long")
        self.n_rows, self.c.dim = n_rows, <int32_t> dim
        self.c.stride = (dim + W2V_SKETCH_ALIGN - 1) // W2V_SKETCH_ALIGN * W2V_SKETCH_ALIGN
        room = np.empty(n_rows * self.c.stride + W2V_SKETCH_ALIGN, np.int8)
        codes = room[-room.ctypes.data % W2V_SKETCH_ALIGN:][:n_rows * self.c.stride]
        self.codes = np.asarray(codes).reshape(n_rows, self.c.stride)
        scales = self.scales = np.empty(n_rows, np.float32)
        errors = self.errors = np.empty(n_rows, np.float32)
        self.c.codes, self.c.scales, self.c.errors = &codes[0], &scales[0], &errors[0]

    def fill(self, Rows rows not None, int32_t n_threads):
        """Sketch one block."""
        self.check(rows)
        with nogil:
            w2v_sketch_fill(&self.c, &rows.c, n_threads)

    cdef int check(self, Rows rows) except -1:
        if rows.c.dim != self.c.dim or rows.c.first_id < 0 or rows.c.first_id + rows.c.n_rows > self.n_rows:
            raise ValueError("rows that the sketch has no room for")
        return 0


cdef class Nearest:
    """The nearest rows found so far of unit vectors [n_queries, D]: ids and cosines [n_queries, n_wanted], of which
    n_found [n_queries] are there.

    Query i finds no row of excluded[excluded_starts[i] : excluded_starts[i + 1]].
    """

    cdef w2v_nearest c
    cdef readonly object ids, cosines, n_found
    cdef const float[:, ::1] _queries
    cdef const int64_t[::1] _starts, _excluded
    cdef float[::1] _bars
    cdef int32_t[::1] _locks

    def __init__(self, int64_t n_wanted, const float[:, ::1] queries not None,
                 const int64_t[::1] excluded_starts not None, const int64_t[::1] excluded not None):
        cdef int64_t n_queries = queries.shape[0]
        cdef int64_t[:, ::1] ids
        cdef float[:, ::1] cosines
        cdef int64_t[::1] n_found
        if n_queries < 1 or queries.shape[1] < 1 or n_wanted < 1 or excluded_starts.shape[0] != n_queries + 1 or \
                excluded_starts[n_queries] != excluded.shape[0]:
            raise ValueError("no queries, nothing wanted, or starts that do not divide what is excluded")
        self.ids = np.empty((n_queries, n_wanted), np.int64)
        self.cosines = np.empty((n_queries, n_wanted), np.float32)
        self.n_found = np.zeros(n_queries, np.int64)
        self._bars = np.full(n_queries, -np.inf, np.float32)
        self._locks = np.zeros(n_queries, np.int32)
        ids, cosines, n_found = self.ids, self.cosines, self.n_found
        self._queries, self._starts, self._excluded = queries, excluded_starts, excluded
        self.c.n_queries, self.c.queries, self.c.n_wanted = n_queries, &queries[0, 0], n_wanted
        self.c.excluded_starts = &excluded_starts[0]
        self.c.excluded = &excluded[0] if excluded.shape[0] else NULL
        self.c.ids, self.c.cosines, self.c.n_found = &ids[0, 0], &cosines[0, 0], &n_found[0]
        self.c.bars, self.c.locks = &self._bars[0], &self._locks[0]

    def update(self, Rows rows not None, Sketch sketch, int32_t n_threads):
        """Look at one more block of rows; Stale if they are seen not to be those of the sketch."""
        cdef const w2v_kernels *fast = kernels()
        cdef const w2v_sketch *sketched = NULL
        cdef int32_t direction
        cdef w2v_status status
        global backwards
        if self._queries.shape[1] != rows.c.dim or n_threads < 1:
            raise ValueError("queries that do not fit the rows")
        if sketch is not None:
            sketch.check(rows)
            sketched = &sketch.c
        direction = backwards = not backwards
        with nogil:
            status = w2v_nearest_update(fast, &rows.c, sketched, &self.c, n_threads, direction)
        check(status)

    def sort(self):
        """Put the nearest first, of equal ones the first row; nothing more can be looked at."""
        with nogil:
            w2v_nearest_sort(&self.c)


cdef class Analogies:
    """Questions a : b :: c : ?, and the best answers so far, -1 where there is none.

    places [n, 3] says where in the table of words a, b and c stand, word_groups [n_words] of which group each of them
    is, groups [V] the same of the matrix's rows; `multiply` is 3CosMul.
    """

    cdef w2v_analogies c
    cdef readonly object answers
    cdef const int32_t[:, ::1] _places
    cdef const int32_t[::1] _word_groups, _groups
    cdef object _scores

    def __init__(self, const int32_t[:, ::1] places not None, const int32_t[::1] word_groups not None,
                 const int32_t[::1] groups not None, bint multiply):
        cdef int64_t[::1] answers
        cdef float[::1] scores
        if not places.shape[0] or places.shape[1] != 3 or not groups.shape[0] or not word_groups.shape[0]:
            raise ValueError("no questions, or no words")
        if np.min(places) < 0 or np.max(places) >= word_groups.shape[0]:
            raise ValueError("a question has a word that is not in the table")
        self.answers = np.full(places.shape[0], -1, np.int64)
        self._scores = np.full(places.shape[0], -np.inf, np.float32)
        answers, scores = self.answers, self._scores
        self._places, self._word_groups, self._groups = places, word_groups, groups
        self.c.n_questions, self.c.places = places.shape[0], &places[0, 0]
        self.c.word_groups, self.c.groups, self.c.multiply = &word_groups[0], &groups[0], multiply
        self.c.scores, self.c.answers = &scores[0], &answers[0]

    def update(self, Rows rows not None, const float[:, ::1] words, const float[:, ::1] table not None, float slack,
               int32_t n_threads):
        """Look at one more block, whose cosines with the words (unit vectors [n_words, D]) are `table`, up to `slack`.

        With slack 0 the words may be None, and only the place and size of the block matter.
        """
        cdef const float *first_word = NULL
        if table.shape[0] < self._word_groups.shape[0] or table.shape[1] < rows.c.n_rows or n_threads < 1 or \
                rows.c.first_id < 0 or rows.c.first_id + rows.c.n_rows > self._groups.shape[0]:
            raise ValueError("a table that does not fit the rows")
        if words is not None and words.shape[0] == self._word_groups.shape[0] and words.shape[1] == rows.c.dim:
            first_word = &words[0, 0]
        elif slack > 0:
            raise ValueError("words that do not fit the rows")
        with nogil:
            w2v_analogies_update(&rows.c, first_word, &table[0, 0], table.shape[1], slack, &self.c, n_threads)
