# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Cython face of src_c/cooccur.c and sparse.c: rows of co-occurrence counts, and sparse times dense products.

It converts, and checks the shapes that C trusts. row_counting.py decides what is counted by which thread, and
svd_solver.py what is multiplied.
Invariants: the GIL is released for every loop over tokens or entries; a `RowSums` is used by one thread at a time; ids
are below the number of words that they belong to, which is the caller's promise.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "w2v.h" nogil:
    ctypedef enum w2v_status:
        W2V_OK, W2V_ERR_MEMORY, W2V_ERR_STOPPED
    enum:
        W2V_GAP
    ctypedef struct w2v_stretch:
        const int32_t *ids
        int64_t n_ids
        const uint32_t *places
        const int64_t *starts
        const int64_t *left
        const int64_t *right
        int64_t window, n_words
    ctypedef struct w2v_counts:
        int64_t *ends
        int32_t *ids
        int64_t *sums
    ctypedef struct w2v_row_sums:
        pass
    ctypedef struct w2v_sparse:
        int64_t n_rows
        const int64_t *starts
        const int32_t *ids
        const float *values
    w2v_status w2v_row_sums_create(int64_t n_words, w2v_row_sums **row)
    void w2v_row_sums_destroy(w2v_row_sums *row)
    int64_t w2v_ids_thin(int32_t *ids, int64_t n_ids, int64_t first_place, const uint32_t *keep_prob, uint64_t seed,
                         int keep_gaps)
    void w2v_places_count(const int32_t *ids, int64_t n_ids, int64_t *n_places)
    void w2v_places_fill(const int32_t *ids, int64_t begin, int64_t end, int64_t *next, uint32_t *places)
    w2v_status w2v_cooccur_count(const w2v_stretch *stretch, w2v_row_sums *row, int64_t first, int64_t last,
                                 w2v_counts *rows, int32_t *stop)
    void w2v_cooccur_merge(const w2v_counts *parts, int64_t n_parts, int64_t n_rows, w2v_row_sums *row,
                           w2v_counts *total)
    w2v_status w2v_sparse_multiply(const w2v_sparse *matrix, const float *dense, int64_t n_columns, float *product,
                                   int32_t n_threads, int32_t *stop)

GAP = W2V_GAP


class Stopped(Exception):
    """Somebody has set the stop flag."""


cdef int check(w2v_status status) except -1:
    if status == W2V_ERR_STOPPED:
        raise Stopped
    if status == W2V_ERR_MEMORY:
        raise MemoryError("not enough memory for the sums of a row")
    return 0


cdef class StopFlag:
    """Ends the calls that were given it, within milliseconds, with `Stopped`."""

    cdef int32_t _flag

    def set(self):
        """Stop."""
        self._flag = 1

    def is_set(self):
        """Whether somebody has said stop."""
        return self._flag != 0


def thin(int32_t[::1] ids not None, int64_t first_place, const uint32_t[::1] keep_prob not None, uint64_t seed,
         bint keep_gaps):
    """Leave tokens out of ids in place by chance; see w2v_ids_thin. Returns how many ids are left at the start."""
    cdef int64_t n_left = 0
    if ids.shape[0] and keep_prob.shape[0]:
        with nogil:
            n_left = w2v_ids_thin(&ids[0], ids.shape[0], first_place, &keep_prob[0], seed, keep_gaps)
    return n_left


def places_count(const int32_t[::1] ids not None, int64_t[::1] n_places not None):
    """Add to n_places [V] how often each word occurs in ids."""
    if ids.shape[0] and n_places.shape[0]:
        with nogil:
            w2v_places_count(&ids[0], ids.shape[0], &n_places[0])


def places_fill(const int32_t[::1] ids not None, int64_t begin, int64_t end, int64_t[::1] next not None,
                uint32_t[::1] places not None):
    """Write where in ids[begin:end] each word stands to places, from next[word] [V] on, which moves on."""
    if not 0 <= begin <= end <= ids.shape[0]:
        raise ValueError(f"no such stretch: {begin=}, {end=}")
    if begin < end and next.shape[0] and places.shape[0]:
        with nogil:
            w2v_places_fill(&ids[0], begin, end, &next[0], &places[0])


cdef class Stretch:
    """A stretch of the corpus, turned over: w2v_stretch with the arrays that it points into.

    ids has the surroundings of the stretch, places and starts say where the centres are (see src_c/w2v.h), left and
    right what a context word counts by its distance, or None.
    """

    cdef w2v_stretch _stretch
    cdef const int32_t[::1] _ids
    cdef const uint32_t[::1] _places
    cdef const int64_t[::1] _starts, _left, _right

    def __init__(self, const int32_t[::1] ids not None, const uint32_t[::1] places not None,
                 const int64_t[::1] starts not None, const int64_t[::1] left, const int64_t[::1] right):
        if starts.shape[0] < 1 or starts[starts.shape[0] - 1] != places.shape[0]:
            raise ValueError("starts does not divide places")
        if left is not None and right is not None and left.shape[0] != right.shape[0]:
            raise ValueError("both sides of a window must have the same width")
        self._ids, self._places, self._starts, self._left, self._right = ids, places, starts, left, right
        self._stretch.ids = &ids[0] if ids.shape[0] else NULL
        self._stretch.n_ids = ids.shape[0]
        self._stretch.places = &places[0] if places.shape[0] else NULL
        self._stretch.starts = &starts[0]
        self._stretch.n_words = starts.shape[0] - 1
        if left is not None and left.shape[0]:
            self._stretch.left, self._stretch.window = &left[0], left.shape[0]
        if right is not None and right.shape[0]:
            self._stretch.right, self._stretch.window = &right[0], right.shape[0]


cdef class RowSums:
    """The sums of one row at a time, [V], and room for the rows that come out; memory is kept for the next use."""

    cdef w2v_row_sums *_row
    cdef int64_t _n_words
    cdef object _ids, _sums

    def __cinit__(self, int64_t n_words):
        check(w2v_row_sums_create(n_words, &self._row))
        self._n_words = n_words
        self._ids = np.empty(0, np.int32)
        self._sums = np.empty(0, np.int64)

    def __dealloc__(self):
        w2v_row_sums_destroy(self._row)

    def _reserve(self, int64_t n_entries):
        if n_entries > len(self._ids):
            self._ids = self._sums = None  # the old content is not wanted
            self._ids = np.empty(n_entries, np.int32)
            self._sums = np.empty(n_entries, np.int64)

    def count(self, Stretch stretch not None, int64_t first, int64_t last, int64_t capacity, StopFlag stop not None):
        """The rows of words first .. last - 1 as (ends, ids, sums), new arrays; see w2v_counts in src_c/w2v.h.

        `capacity` is at least as many entries as there can be. Raises Stopped.
        """
        if not 0 <= first < last < stretch._starts.shape[0] or stretch._starts.shape[0] - 1 > self._n_words:
            raise ValueError(f"no such rows: {first=}, {last=}")
        self._reserve(max(capacity, 1))
        ends = np.empty(last - first, np.int64)
        cdef int64_t[::1] ends_view = ends
        cdef int32_t[::1] ids_view = self._ids
        cdef int64_t[::1] sums_view = self._sums
        cdef int64_t n_entries
        cdef w2v_counts rows
        cdef w2v_status status
        rows.ends, rows.ids, rows.sums = &ends_view[0], &ids_view[0], &sums_view[0]
        with nogil:
            status = w2v_cooccur_count(&stretch._stretch, self._row, first, last, &rows, &stop._flag)
        check(status)
        n_entries = ends_view[ends_view.shape[0] - 1]
        return ends, self._ids[:n_entries].copy(), self._sums[:n_entries].copy()

    def merge(self, list parts not None):
        """Add up parts, each (ends, ids, sums) of the same rows; returns the same of their total."""
        cdef int64_t n_parts = len(parts), n_rows = len(parts[0][0]), part, n_entries
        cdef int64_t[::1] ends_view
        cdef int32_t[::1] ids_view
        cdef int64_t[::1] sums_view
        cdef w2v_counts total
        cdef w2v_counts *rows
        if any(len(ends) != n_rows or not ends[n_rows - 1] == len(ids) == len(sums) for ends, ids, sums in parts):
            raise ValueError("parts that do not belong together")
        self._reserve(max(1, sum(len(ids) for _, ids, _ in parts)))
        ends = np.empty(n_rows, np.int64)
        rows = <w2v_counts *>malloc(n_parts * sizeof(w2v_counts))
        if rows == NULL:
            raise MemoryError("not enough memory to merge runs")
        try:
            for part in range(n_parts):
                ends_view, ids_view, sums_view = parts[part]
                rows[part].ends = &ends_view[0]
                rows[part].ids = &ids_view[0] if ids_view.shape[0] else NULL
                rows[part].sums = &sums_view[0] if sums_view.shape[0] else NULL
            ends_view, ids_view, sums_view = ends, self._ids, self._sums
            total.ends, total.ids, total.sums = &ends_view[0], &ids_view[0], &sums_view[0]
            with nogil:
                w2v_cooccur_merge(rows, n_parts, n_rows, self._row, &total)
        finally:
            free(rows)
        n_entries = ends_view[ends_view.shape[0] - 1]
        return ends, self._ids[:n_entries].copy(), self._sums[:n_entries].copy()


def sparse_multiply(const int64_t[::1] starts not None, const int32_t[::1] ids not None,
                    const float[::1] values not None, const float[:, ::1] dense not None,
                    float[:, ::1] product not None, int32_t n_threads, StopFlag stop not None):
    """product [n_rows, n_columns] = CSR matrix x dense [n_inner, n_columns]; see src_c/w2v.h. Raises Stopped."""
    cdef w2v_sparse matrix
    cdef w2v_status status
    if starts.shape[0] != product.shape[0] + 1 or dense.shape[1] != product.shape[1] or n_threads < 1:
        raise ValueError("matrices that do not fit together")
    if starts[starts.shape[0] - 1] != ids.shape[0] or ids.shape[0] != values.shape[0]:
        raise ValueError("starts does not divide ids and values")
    product[:] = 0
    if not ids.shape[0] or not product.shape[1]:
        return
    matrix.n_rows = product.shape[0]
    matrix.starts, matrix.ids, matrix.values = &starts[0], &ids[0], &values[0]
    with nogil:
        status = w2v_sparse_multiply(&matrix, &dense[0, 0], dense.shape[1], &product[0, 0], n_threads, &stop._flag)
    check(status)
