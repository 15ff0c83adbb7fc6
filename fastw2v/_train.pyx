# cython: language_level=3, boundscheck=False, embedsignature=True
"""The training half of the C library, as Python sees it: conversion and checks of arrays, nothing else.

Callers are word2vec.py, config.py, the tests and the benchmarks. What values mean and which are allowed is decided
in settings.py; here only shapes, types and alignment are checked, since C trusts them.
`_train_double` is this same source in double precision, for gradient checks.
"""
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

cdef extern from "w2v.h" nogil:
    ctypedef float w2v_real
    ctypedef enum w2v_status:
        W2V_OK, W2V_ERR_MEMORY, W2V_ERR_DIVERGED, W2V_ERR_STOPPED
    ctypedef enum w2v_model:
        W2V_SKIP_GRAM, W2V_CBOW
    ctypedef enum w2v_loss:
        W2V_NEGATIVE_SAMPLING, W2V_HIERARCHICAL_SOFTMAX, W2V_NCE, W2V_SAMPLED_SOFTMAX, W2V_BLACKOUT, W2V_SOFTMAX
    ctypedef enum w2v_optimizer:
        W2V_SGD, W2V_MOMENTUM, W2V_ADAGRAD, W2V_ADAM
    ctypedef struct w2v_alias:
        uint32_t threshold
        int32_t alias
    ctypedef struct w2v_tree:
        int64_t *offsets
        int32_t *nodes
        uint8_t *codes
    ctypedef struct w2v_plan:
        w2v_model model
        w2v_loss loss
        int64_t n_words, dim, stride
        int32_t has_bias, batch_size
        double *nce_log_z
        w2v_optimizer optimizer
        double decay_1, decay_2, epsilon, clip_norm
        int32_t step_windows
        w2v_real *in_states
        w2v_real *out_states
        w2v_real *in_vecs
        w2v_real *out_vecs
        const uint8_t *frozen
        const uint32_t *keep_prob
        const w2v_alias *noise
        const w2v_tree *tree
        int32_t window, n_noise, noise_reuse, shrink_windows, noise_centers, tile_inputs
        double noise_weight, hidden_scale, context_scale, lr_start, lr_end
        int64_t n_tokens
        uint64_t seed, epoch
        int32_t n_threads, is_repeatable, windows_at_once
        int64_t[3] n_thinned
        int64_t n_hot_in, n_hot_out
        double hot_share
        int64_t n_warm_out
        double warm_share
    ctypedef struct w2v_progress:
        int64_t tokens_done, n_predictions, next_shard, pause_tokens
        double loss
    w2v_progress w2v_progress_seen(w2v_progress *progress)
    void w2v_progress_pause(w2v_progress *progress)
    void w2v_progress_stop(w2v_progress *progress)
    int W2V_ROW_ALIGN
    int64_t w2v_state_stride(w2v_optimizer optimizer, int64_t stride)
    int w2v_isa_select(const char *name)
    const char *w2v_isa_name()
    const char *w2v_isa_compiled(int rank)
    int w2v_isa_supported(const char *name)
    int w2v_openmp_version()
    ctypedef struct w2v_kernels
    const w2v_kernels *w2v_kernels_get()
    ctypedef struct w2v_text_kernels
    const w2v_text_kernels *w2v_text_kernels_get()
    w2v_status w2v_alias_build(const double *weights, int64_t n_words, w2v_alias *table)
    void w2v_alias_draw(const w2v_alias *table, int64_t n_words, uint64_t seed, int32_t *ids, int64_t n)
    w2v_status w2v_tree_build(const int64_t *counts, int64_t n_words, w2v_tree *tree)
    void w2v_tree_free(w2v_tree *tree)
    w2v_status w2v_train_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress)
    int64_t w2v_shard_count(int64_t n_ids)
    int64_t w2v_walk_list(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, int64_t shard, int32_t *out,
                          int64_t capacity)

cdef extern from *:
    """
    #if defined(__VERSION__)
    #define W2V_COMPILER __VERSION__
    #else
    #define W2V_COMPILER "MSVC"
    #endif
    """
    const char *W2V_COMPILER
    long CYTHON_HEX_VERSION

REAL = np.dtype(np.float32 if sizeof(w2v_real) == 4 else np.float64)
ROW_ALIGN = W2V_ROW_ALIGN
ALIAS = np.dtype([("threshold", np.uint32), ("alias", np.int32)])
_MODELS = {"sg": W2V_SKIP_GRAM, "cbow": W2V_CBOW}
_LOSSES = {
    "ns": W2V_NEGATIVE_SAMPLING,
    "hs": W2V_HIERARCHICAL_SOFTMAX,
    "nce": W2V_NCE,
    "sampled_softmax": W2V_SAMPLED_SOFTMAX,
    "blackout": W2V_BLACKOUT,
    "softmax": W2V_SOFTMAX,
}
_OPTIMIZERS = {"sgd": W2V_SGD, "momentum": W2V_MOMENTUM, "adagrad": W2V_ADAGRAD, "adam": W2V_ADAM}


class Diverged(ArithmeticError):
    """A loss became NaN or infinite."""


class Stopped(Exception):
    """The epoch was asked to stop."""


cdef int check(w2v_status status) except -1:
    if status == W2V_ERR_MEMORY:
        raise MemoryError("not enough memory for the training buffers")
    if status == W2V_ERR_DIVERGED:
        raise Diverged("the loss is no longer finite")
    if status == W2V_ERR_STOPPED:
        raise Stopped("stopped on request")
    return 0


# ---- instruction sets ----

def isa_compiled():
    """Names of the instruction sets built into this extension, best first."""
    names = []
    while w2v_isa_compiled(len(names)) != NULL:
        names.append(w2v_isa_compiled(len(names)).decode())
    return names


def isa_supported():
    """Those of `isa_compiled` that this CPU and operating system can run, best first."""
    return [name for name in isa_compiled() if w2v_isa_supported(name.encode())]


def isa_name():
    """The instruction set in use."""
    return w2v_isa_name().decode()


def isa_select(name=None):
    """Use instruction set `name`, or the best one for None. Raises ValueError if it cannot be had here."""
    if name is None:
        w2v_isa_select(NULL)
    elif not w2v_isa_select(name.encode()):
        raise ValueError(f"instruction set {name!r} cannot be used here; choose one of {', '.join(isa_supported())}")


def kernels():
    """The kernels of the instruction set in use, for other extensions: a capsule named "w2v_kernels"."""
    return PyCapsule_New(<void *> w2v_kernels_get(), "w2v_kernels", NULL)


def text_kernels():
    """What counts and encodes, in the same way: a capsule named "w2v_text_kernels"."""
    return PyCapsule_New(<void *> w2v_text_kernels_get(), "w2v_text_kernels", NULL)


def has_openmp():
    """Whether training can use more than one thread."""
    return w2v_openmp_version() > 0


def build_info():
    """How this extension was built: precision, date of the OpenMP standard (0: serial), compiler, Cython."""
    cython = ".".join(str(CYTHON_HEX_VERSION >> shift & 255) for shift in (24, 16, 8))
    return {
        "real": REAL.name,
        "openmp": w2v_openmp_version(),
        "compiler": W2V_COMPILER.decode(),
        "cython": cython,
    }


# ---- noise words and Huffman tree ----

def alias_build(weights):
    """Alias table (dtype ALIAS, [V]) that draws word w with probability weights[w] / sum(weights)."""
    cdef const double[::1] w = np.ascontiguousarray(weights, dtype=np.float64)
    table = np.empty(w.shape[0], dtype=ALIAS)
    cdef uint8_t[::1] raw = table.view(np.uint8)
    check(w2v_alias_build(&w[0], w.shape[0], <w2v_alias *> &raw[0]))
    return table


def alias_draw(table, int64_t n, uint64_t seed=0):
    """n ids drawn from an alias table, int32 [n]."""
    cdef const uint8_t[::1] raw = table.view(np.uint8)
    cdef int32_t[::1] ids = np.empty(n, dtype=np.int32)
    if n:
        w2v_alias_draw(<const w2v_alias *> &raw[0], len(table), seed, &ids[0], n)
    return np.asarray(ids)


def tree_build(counts):
    """Huffman tree over falling counts [V]: (offsets int64 [V+1], nodes int32, codes uint8), paths root first."""
    cdef const int64_t[::1] c = np.ascontiguousarray(counts, dtype=np.int64)
    cdef w2v_tree tree
    check(w2v_tree_build(&c[0], c.shape[0], &tree))
    cdef int64_t[::1] offsets
    cdef int32_t[::1] nodes
    cdef uint8_t[::1] codes
    cdef int64_t n_entries = tree.offsets[c.shape[0]]
    try:
        offsets = np.empty(c.shape[0] + 1, dtype=np.int64)
        nodes = np.empty(n_entries, dtype=np.int32)
        codes = np.empty(n_entries, dtype=np.uint8)
        memcpy(&offsets[0], tree.offsets, offsets.nbytes)
        if n_entries:
            memcpy(&nodes[0], tree.nodes, nodes.nbytes)
            memcpy(&codes[0], tree.codes, codes.nbytes)
    finally:
        w2v_tree_free(&tree)
    return offsets.base, nodes.base, codes.base


# ---- training ----

cdef class Progress:
    """How far an epoch is. Another thread may read it and call `pause` and `stop` at any time.

    The four numbers that the constructor takes are all that going on with an epoch needs, besides the plan's arrays.
    """

    cdef w2v_progress c

    def __init__(self, *, int64_t next_shard=0, int64_t tokens_done=0, int64_t n_predictions=0, double loss=0):
        self.c.next_shard = next_shard
        self.c.tokens_done = tokens_done
        self.c.n_predictions = n_predictions
        self.c.loss = loss

    @property
    def next_shard(self):
        """The first shard that has not been begun; at least `shard_count` when the epoch is over."""
        return w2v_progress_seen(&self.c).next_shard

    @property
    def tokens_done(self):
        """Tokens of the epoch that are finished."""
        return w2v_progress_seen(&self.c).tokens_done

    @property
    def n_predictions(self):
        """Predictions that `loss` sums over."""
        return w2v_progress_seen(&self.c).n_predictions

    @property
    def loss(self):
        """Sum of the losses (natural logarithm)."""
        return w2v_progress_seen(&self.c).loss

    def pause(self):
        """Ask the epoch to pause as soon as the shards that were begun are finished: `train_epoch` then returns."""
        w2v_progress_pause(&self.c)

    def pause_at(self, int64_t tokens):
        """Pause by itself as soon as so many tokens of the epoch are done; 0: do not."""
        self.c.pause_tokens = tokens

    def stop(self):
        """Ask the epoch to end; it does within milliseconds, and cannot be gone on with."""
        w2v_progress_stop(&self.c)


cdef w2v_real *rows_pointer(matrix, str name) except NULL:
    """The data of a writable [n_rows, stride] matrix that the kernels can work on."""
    if matrix.dtype != REAL or matrix.ndim != 2 or not matrix.flags.c_contiguous or not matrix.flags.writeable:
        raise ValueError(f"{name} must be a writable, C-contiguous matrix of {REAL.name}")
    if matrix.shape[1] % W2V_ROW_ALIGN or matrix.ctypes.data % 64:
        raise ValueError(f"{name} must have rows padded to {W2V_ROW_ALIGN} numbers and start on a cache line")
    return <w2v_real *> <size_t> matrix.ctypes.data


def state_stride(str optimizer, int64_t stride):
    """How many numbers an optimizer remembers of a row of `stride` numbers."""
    return w2v_state_stride(_OPTIMIZERS[optimizer], stride)


cdef class Plan:
    """Everything that an epoch needs to know, with the arrays kept alive; the fields are w2v_plan's (src_c/w2v.h).

    `states` are the two arrays of the optimizer, those of in_vecs and out_vecs; `nce_log_z` is a float64 array of one
    number, where NCE's log Z is to be learnt; `frozen` is uint8 [V], 1 for the rows of in_vecs that are to stay.
    """

    cdef w2v_plan c
    cdef w2v_tree tree
    cdef object arrays

    def __init__(self, *, model, loss, in_vecs, out_vecs, keep_prob=None, noise=None, tree=None, optimizer="sgd",
                 states=None, nce_log_z=None, frozen=None, **numbers):
        cdef const uint32_t[::1] keep_view
        cdef const uint8_t[::1] noise_view, codes_view, frozen_view
        cdef const int64_t[::1] offsets_view
        cdef const int32_t[::1] nodes_view
        cdef double[::1] log_z_view
        self.arrays = [in_vecs, out_vecs, keep_prob, noise, tree, states, nce_log_z, frozen]
        self.c.model = _MODELS[model]
        self.c.loss = _LOSSES[loss]
        self.c.in_vecs = rows_pointer(in_vecs, "in_vecs")
        self.c.out_vecs = rows_pointer(out_vecs, "out_vecs")
        self.c.n_words, self.c.stride = in_vecs.shape
        if out_vecs.shape[1] != in_vecs.shape[1] or len(out_vecs) < len(in_vecs) - (loss == "hs"):
            raise ValueError("in_vecs and out_vecs do not fit together")
        if keep_prob is not None:
            keep_view = keep_prob
            self.c.keep_prob = &keep_view[0]
        if frozen is not None:
            frozen_view = frozen
            if frozen_view.shape[0] != self.c.n_words:
                raise ValueError("frozen must say of each word whether it is")
            self.c.frozen = &frozen_view[0]
        if noise is not None:
            noise_view = noise.view(np.uint8)
            self.c.noise = <const w2v_alias *> &noise_view[0]
        if tree is not None:
            offsets_view, nodes_view, codes_view = tree
            self.tree.offsets = <int64_t *> &offsets_view[0]
            if nodes_view.shape[0]:  # a vocabulary of one word has no nodes
                self.tree.nodes = <int32_t *> &nodes_view[0]
                self.tree.codes = <uint8_t *> &codes_view[0]
            self.c.tree = &self.tree
        if (loss in ("ns", "nce", "sampled_softmax", "blackout")) != (noise is not None) or \
                (loss == "hs") != (tree is not None):
            raise ValueError(f"the loss {loss!r} wants other tables than these")
        self.c.optimizer = _OPTIMIZERS[optimizer]
        self.c.decay_1 = numbers.pop("decay_1", 0.0)
        self.c.decay_2 = numbers.pop("decay_2", 0.0)
        self.c.epsilon = numbers.pop("epsilon", 0.0)
        self.c.clip_norm = numbers.pop("clip_norm", 0.0)
        self.c.step_windows = numbers.pop("step_windows", 1)
        if optimizer != "sgd":
            shape = (self.c.n_words, w2v_state_stride(self.c.optimizer, self.c.stride))
            if any(state.shape != shape for state in states):
                raise ValueError(f"the optimizer's states must be of shape {shape}")
            self.c.in_states, self.c.out_states = (rows_pointer(states[0], "in_states"),
                                                   rows_pointer(states[1], "out_states"))
        if nce_log_z is not None:
            log_z_view = nce_log_z
            self.c.nce_log_z = &log_z_view[0]
        self.c.dim = numbers.pop("dim", self.c.stride)
        self.c.has_bias = numbers.pop("has_bias", False)
        if self.c.dim + self.c.has_bias > self.c.stride:
            raise ValueError("the matrices have no column for biases")
        self.c.batch_size = numbers.pop("batch_size", 0)
        if not self.c.batch_size and loss in ("sampled_softmax", "blackout", "softmax"):
            raise ValueError(f"the loss {loss!r} wants batches")
        self.c.window = numbers.pop("window")
        self.c.n_noise = numbers.pop("n_noise", 0)
        self.c.noise_weight = numbers.pop("noise_weight", 1.0)
        self.c.noise_reuse = numbers.pop("noise_reuse", 1)
        self.c.shrink_windows = numbers.pop("shrink_windows", True)
        self.c.noise_centers = numbers.pop("noise_centers", 1)
        self.c.tile_inputs = numbers.pop("tile_inputs", 2 * self.c.window)
        self.c.hidden_scale = numbers.pop("hidden_scale", 0.0)
        self.c.context_scale = numbers.pop("context_scale", 1.0)
        self.c.n_tokens = numbers.pop("n_tokens")
        self.c.seed = numbers.pop("seed", 1)
        self.c.n_threads = numbers.pop("n_threads", 1)
        self.c.is_repeatable = numbers.pop("is_repeatable", False)
        self.c.windows_at_once = numbers.pop("windows_at_once", 1)
        self.c.n_thinned = numbers.pop("n_thinned", (0, 0, 0))
        self.c.n_hot_in = numbers.pop("n_hot_in", 0)
        self.c.n_hot_out = numbers.pop("n_hot_out", 0)
        self.c.hot_share = numbers.pop("hot_share", 1)
        self.c.n_warm_out = numbers.pop("n_warm_out", 0)
        self.c.warm_share = numbers.pop("warm_share", 1)
        if numbers:
            raise TypeError(f"unknown plan fields: {', '.join(numbers)}")

    def train_epoch(self, const int32_t[::1] ids, Progress progress, *, uint64_t epoch=0, double lr_start,
                    double lr_end):
        """Train an epoch, or the rest of one, without the GIL, up to its end or a pause.

        Raises Stopped, Diverged or MemoryError; what was learnt stays.
        """
        cdef w2v_status status
        self.c.epoch = epoch
        self.c.lr_start = lr_start
        self.c.lr_end = lr_end
        with nogil:
            status = w2v_train_epoch(&self.c, &ids[0], ids.shape[0], &progress.c)
        check(status)

    def windows(self, const int32_t[::1] ids, int64_t shard, uint64_t epoch=0):
        """The windows that a shard walks, as a list of (centre, [contexts]); for tests."""
        if not 0 <= shard < w2v_shard_count(ids.shape[0]):
            raise IndexError(f"there are {w2v_shard_count(ids.shape[0])} shards, not a shard {shard}")
        self.c.epoch = epoch
        cdef int64_t n = windows_room(ids.shape[0], self.c.window)
        cdef int32_t[::1] out = np.empty(n, dtype=np.int32)
        n = w2v_walk_list(&self.c, &ids[0], ids.shape[0], shard, &out[0], n)
        flat, found, at = np.asarray(out)[:n].tolist(), [], 0
        while at < len(flat):
            end = at + 2 + flat[at + 1]
            found.append((flat[at], flat[at + 2:end]))
            at = end
        return found


cdef int64_t windows_room(int64_t n_ids, int64_t window):
    return (2 + 2 * window) * min(n_ids, 65536)


def shard_count(int64_t n_ids):
    """Into how many shards an epoch over n_ids ids is cut."""
    return w2v_shard_count(n_ids)


def aligned_zeros(int64_t n_rows, int64_t dim):
    """A zero matrix [n_rows, stride] on a cache line, stride = dim rounded up to ROW_ALIGN."""
    cdef int64_t stride = (dim + W2V_ROW_ALIGN - 1) // W2V_ROW_ALIGN * W2V_ROW_ALIGN
    flat = np.zeros(n_rows * stride + 64 // REAL.itemsize, dtype=REAL)
    start = -flat.ctypes.data % 64 // REAL.itemsize
    return flat[start:start + n_rows * stride].reshape(n_rows, stride)


include "_kernel_seams.pxi"
