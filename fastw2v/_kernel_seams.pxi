# _kernel_seams.pxi: single kernels of any instruction set, for tests and benchmarks; a part of _train.pyx.
# Nothing else in the package calls them.

cdef extern from "kernels.h" nogil:
    ctypedef struct w2v_tile:
        int32_t n_inputs, n_targets, n_own
        w2v_real **inputs
        w2v_real **input_steps
        w2v_real **targets
        w2v_real **target_steps
        w2v_real **weights
        w2v_real **fetch
        int32_t n_fetch
        w2v_real *scratch
    ctypedef struct w2v_move:
        w2v_real lr, scale, decay_1, decay_2, epsilon
    ctypedef struct w2v_product:
        int64_t n_rows, n_columns, n_terms
        w2v_real scale
        int keep
        const w2v_real *a
        int64_t a_row, a_term
        const w2v_real *b
        int64_t b_term
        w2v_real *c
        int64_t c_row
    ctypedef struct w2v_kernels:
        int32_t width
        double (*logistic_tile)(const w2v_tile *tile, int64_t n, w2v_real lr) noexcept nogil
        void (*rows_sum)(w2v_real **rows, const int32_t *starts, int32_t n_lists, int64_t n, const w2v_real *scales,
                         w2v_real **sums) noexcept nogil
        void (*rows_add)(w2v_real **rows, const int32_t *starts, int32_t n_lists, int64_t n, const w2v_real *scales,
                         w2v_real **steps) noexcept nogil
        w2v_real (*dot)(const w2v_real *a, const w2v_real *b, int64_t n) noexcept nogil
        w2v_real (*row_max)(const w2v_real *scores, int64_t n) noexcept nogil
        w2v_real (*exp_row)(w2v_real *scores, int64_t n, w2v_real most) noexcept nogil
        void (*scale_row)(w2v_real *scores, int64_t n, w2v_real factor) noexcept nogil
        double (*logistic_row)(w2v_real *scores, int64_t n) noexcept nogil
        double (*blackout_row)(w2v_real *probs, int64_t n, double *odds) noexcept nogil
        void (*product)(const w2v_product *product) noexcept nogil
        void (*columns_max)(const w2v_real *scores, int64_t n_rows, int64_t n, int64_t room,
                            w2v_real *most) noexcept nogil
        void (*columns_exp)(w2v_real *scores, int64_t n_rows, int64_t n, int64_t room, const w2v_real *most,
                            w2v_real *sums) noexcept nogil
        void (*columns_scale)(w2v_real *matrix, int64_t n_rows, int64_t n, int64_t room,
                              const w2v_real *factors) noexcept nogil
        void (*code_products)(const int8_t *codes, int64_t n_rows, int64_t n, const int16_t *factors,
                              int32_t *products) noexcept nogil
        void (*momentum_row)(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n,
                             const w2v_move *move) noexcept nogil
        void (*adagrad_row)(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n,
                            const w2v_move *move) noexcept nogil
        void (*adam_row)(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n,
                         const w2v_move *move) noexcept nogil
        int64_t (*multiply_adds)(int64_t n_rounds, w2v_real factor, w2v_real *sum) noexcept nogil
    const w2v_kernels *w2v_kernels_find(const char *isa)
    int W2V_TILE_SLACK, W2V_SKETCH_ALIGN
    int64_t W2V_TILE_SCRATCH(int64_t n_inputs, int64_t n_targets)


cdef class Rows:
    """Pointers to some rows of a matrix, in any order, repeats allowed."""

    cdef w2v_real **pointers
    cdef int64_t n
    cdef object matrix

    def __cinit__(self, matrix, ids):
        cdef w2v_real *data = rows_pointer(matrix, "matrix")
        self.matrix, self.n = matrix, len(ids)
        self.pointers = <w2v_real **> malloc(max(1, len(ids)) * sizeof(w2v_real *))
        if self.pointers == NULL:
            raise MemoryError
        for i, row in enumerate(ids):
            if not 0 <= row < len(matrix):
                raise IndexError(f"row {row} of {len(matrix)}")
            self.pointers[i] = data + <int64_t> row * <int64_t> matrix.shape[1]

    def __dealloc__(self):
        free(self.pointers)


cdef const w2v_kernels *kernels_of(isa) except NULL:
    cdef const w2v_kernels *kernels = w2v_kernels_find((isa or isa_name()).encode())
    if kernels == NULL:
        raise ValueError(f"instruction set {isa!r} cannot be used here; choose one of {', '.join(isa_supported())}")
    return kernels


cdef int64_t whole_vectors(const w2v_kernels *kernels, matrix, int64_t dim) except -1:
    """How many numbers of each row are worked on where the first `dim` count; all for 0."""
    cdef int64_t n = (dim + kernels.width - 1) // kernels.width * kernels.width
    if not 0 <= n <= matrix.shape[1]:
        raise ValueError(f"rows of {matrix.shape[1]} numbers have no {dim}")
    return n if dim else matrix.shape[1]


def logistic_tile(inputs, input_ids, targets, target_ids, weights, double lr, *, has_own=False, steps=None,
                  target_steps=None, int64_t dim=0, isa=None, int64_t repeat=1):
    """Work `repeat` times on the tile of rows input_ids x target_ids; returns the last loss.

    weights [B, T] or [T]: how many times a pair counts, negative where the target was observed. If the inputs have
    targets of their own, these are the first B, and their weights are known.
    The inputs' steps go to the rows of `steps` (one for each input), or to the inputs themselves for None; likewise
    the targets' to those of `target_steps`. Of each row, `dim` numbers count, or all for 0.
    """
    cdef Rows x = Rows(inputs, input_ids), y = Rows(targets, target_ids)
    cdef Rows x_steps = x if steps is None else Rows(steps, range(len(input_ids)))
    cdef Rows y_steps = y if target_steps is None else Rows(target_steps, range(len(target_ids)))
    cdef const w2v_kernels *kernels = kernels_of(isa)
    padded = aligned_zeros(x.n, y.n + W2V_TILE_SLACK)
    padded[:, :y.n] = weights
    cdef Rows weight_rows = Rows(padded, range(x.n))
    cdef w2v_real[::1] scratch = np.empty(W2V_TILE_SCRATCH(x.n, y.n), dtype=REAL)
    cdef w2v_tile tile
    cdef int64_t n = whole_vectors(kernels, inputs, dim)
    cdef double loss = 0
    if not inputs.shape[1] == targets.shape[1] == x_steps.matrix.shape[1] == y_steps.matrix.shape[1]:
        raise ValueError("rows differ in length")
    tile.n_inputs, tile.n_targets, tile.n_own = <int32_t> x.n, <int32_t> y.n, <int32_t> (x.n if has_own else 0)
    tile.inputs, tile.input_steps, tile.targets = x.pointers, x_steps.pointers, y.pointers
    tile.target_steps = NULL if target_steps is None else y_steps.pointers
    tile.weights, tile.scratch, tile.fetch, tile.n_fetch = weight_rows.pointers, &scratch[0], NULL, 0
    with nogil:
        for _ in range(repeat):
            loss = kernels.logistic_tile(&tile, n, <w2v_real> lr)
    return loss


cdef class Lists:
    """Lists of a matrix's rows, one behind the other, and what a list of so many rows is multiplied by."""

    cdef Rows rows
    cdef int32_t[::1] starts
    cdef w2v_real[::1] scales
    cdef int32_t n

    def __cinit__(self, matrix, lists, scales):
        if not lists or max(map(len, lists)) >= len(scales):
            raise ValueError("there must be a list, and a scale for the longest one")
        self.n = len(lists)
        self.rows = Rows(matrix, [row for rows in lists for row in rows])
        self.starts = np.cumsum([0, *map(len, lists)], dtype=np.int32)
        self.scales = np.array(scales, dtype=REAL)


def rows_sum(matrix, lists, scales, *, int64_t dim=0, isa=None):
    """The sums [n_lists, stride] of lists of rows, each times scales[its length]; `dim` numbers count, or all for 0."""
    cdef Lists l = Lists(matrix, lists, scales)
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef int64_t n = whole_vectors(kernels, matrix, dim)
    totals = aligned_zeros(l.n, matrix.shape[1])
    cdef Rows sums = Rows(totals, range(l.n))
    kernels.rows_sum(l.rows.pointers, &l.starts[0], l.n, n, &l.scales[0], sums.pointers)
    return totals


def rows_add(matrix, lists, scales, steps, *, int64_t dim=0, isa=None):
    """Add scales[length] * steps[l] to the rows of each list, as often as they are named: `dim` numbers, 0 for all."""
    cdef Lists l = Lists(matrix, lists, scales)
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef int64_t n = whole_vectors(kernels, matrix, dim)
    rows = aligned_zeros(l.n, matrix.shape[1])
    rows[:] = steps
    cdef Rows aligned_steps = Rows(rows, range(l.n))
    kernels.rows_add(l.rows.pointers, &l.starts[0], l.n, n, &l.scales[0], aligned_steps.pointers)


def dot(a, b, *, isa=None):
    """The product of two rows of one length, [stride]."""
    cdef w2v_real *x = rows_pointer(a[None], "a")
    cdef w2v_real *y = rows_pointer(b[None], "b")
    if len(a) != len(b):
        raise ValueError("rows differ in length")
    return kernels_of(isa).dot(x, y, len(a))


def row_kernel(str name, scores, double number=0, *, isa=None):
    """A kernel that works on a row of scores [n]: (the row afterwards, what the kernel returned)."""
    cdef const w2v_kernels *kernels = kernels_of(isa)
    row = np.array(scores, dtype=REAL)
    cdef w2v_real[::1] view = row
    cdef int64_t n = len(row)
    cdef double odds = 0
    if n % W2V_ROW_ALIGN or n == 0:
        raise ValueError(f"a row of scores must have a multiple of {W2V_ROW_ALIGN} numbers, not {n}")
    if name == "max":
        return row, kernels.row_max(&view[0], n)
    if name == "exp":
        return row, kernels.exp_row(&view[0], n, <w2v_real> number)
    if name == "scale":
        kernels.scale_row(&view[0], n, <w2v_real> number)
        return row, None
    if name == "logistic":
        return row, kernels.logistic_row(&view[0], n)
    if name == "blackout":
        loss = kernels.blackout_row(&view[0], n, &odds)
        return row, (loss, odds)
    raise ValueError(f"there is no kernel {name!r}")


def product(a, b, c, int64_t n_rows, int64_t n_columns, int64_t n_terms, *, double scale=1, bint keep=False,
            bint turned=False, isa=None, int64_t repeat=1):
    """c[:n_rows, :n_columns] = scale * a[:n_rows, :n_terms] b[:n_terms, :n_columns], in place; added to c if `keep`.

    With `turned`, a is handed in as its transpose. The columns of c up to the end of the last vector are written, too.
    """
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef w2v_product task
    if max(n_rows, n_terms) > max(a.shape) or min(n_rows, n_columns, n_terms) < 1 or n_terms > len(b) or \
            n_rows > len(c) or n_columns > min(b.shape[1], c.shape[1]):
        raise ValueError("matrices that do not fit together")
    task.n_rows, task.n_columns, task.n_terms = n_rows, n_columns, n_terms
    task.scale, task.keep = <w2v_real> scale, keep
    task.a, task.b, task.c = rows_pointer(a, "a"), rows_pointer(b, "b"), rows_pointer(c, "c")
    task.a_row, task.a_term = (1, a.shape[1]) if turned else (a.shape[1], 1)
    task.b_term, task.c_row = b.shape[1], c.shape[1]
    with nogil:
        for _ in range(repeat):
            kernels.product(&task)


def code_products(const int8_t[:, ::1] codes not None, const int16_t[::1] factors not None, *, isa=None):
    """codes [n_rows, n] factors [n], int32 [n_rows]; n is a multiple of 64."""
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef int32_t[::1] products = np.empty(max(1, codes.shape[0]), np.int32)
    if codes.shape[1] != factors.shape[0] or codes.shape[1] % W2V_SKETCH_ALIGN or not codes.shape[0] or \
            not codes.shape[1]:
        raise ValueError("codes and factors that do not fit together")
    kernels.code_products(&codes[0, 0], codes.shape[0], codes.shape[1], &factors[0], &products[0])
    return np.asarray(products)


def columns_kernel(str name, scores, numbers, int64_t n, *, isa=None):
    """A kernel on the first n columns of scores [n_rows, room], in place, and their `numbers` [room].

    "max" raises the numbers to the columns' largest scores; "exp" subtracts them before it exponentiates, and returns
    the sums; "scale" multiplies the columns by them.
    """
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef w2v_real *data = rows_pointer(scores, "scores")
    cdef w2v_real *per_column = rows_pointer(numbers[None], "numbers")
    cdef int64_t n_rows = scores.shape[0], room = scores.shape[1]
    sums = aligned_zeros(1, room)
    if len(numbers) != room or n > room:
        raise ValueError("rows differ in length")
    if name == "max":
        kernels.columns_max(data, n_rows, n, room, per_column)
    elif name == "exp":
        kernels.columns_exp(data, n_rows, n, room, per_column, rows_pointer(sums, "sums"))
        return sums[0]
    else:
        kernels.columns_scale(data, n_rows, n, room, per_column)
    return None


def optimizer_row(str optimizer, row, state, descent, *, double lr, double scale=1, double decay_1=0,
                  double decay_2=0, double epsilon=0, isa=None):
    """One step of an optimizer on a row [stride], in place, as is its state [state_stride]."""
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef w2v_move move = w2v_move(<w2v_real> lr, <w2v_real> scale, <w2v_real> decay_1, <w2v_real> decay_2,
                                  <w2v_real> epsilon)
    cdef w2v_real *x = rows_pointer(row[None], "row")
    cdef w2v_real *remembered = rows_pointer(state[None], "state")
    cdef w2v_real *down = rows_pointer(descent[None], "descent")
    if len(row) != len(descent) or len(state) != state_stride(optimizer, len(row)):
        raise ValueError("rows differ in length")
    if optimizer == "momentum":
        kernels.momentum_row(x, remembered, down, len(row), &move)
    elif optimizer == "adagrad":
        kernels.adagrad_row(x, remembered, down, len(row), &move)
    else:
        kernels.adam_row(x, remembered, down, len(row), &move)


def multiply_adds(int64_t n_rounds, *, double factor=0.5, isa=None):
    """Multiply-adds that never leave the registers, s = factor * s + 1 in all lanes: (how many, a sum of some s)."""
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef w2v_real total = 0
    cdef int64_t n
    with nogil:
        n = kernels.multiply_adds(n_rounds, <w2v_real> factor, &total)
    return n, total


def scale_in_place(matrix, double factor, *, isa=None, int64_t repeat=1):
    """Multiply all numbers of a matrix `repeat` times: each time it is read and written once, front to back."""
    cdef const w2v_kernels *kernels = kernels_of(isa)
    cdef w2v_real *data = rows_pointer(matrix, "matrix")
    cdef int64_t n = matrix.size
    with nogil:
        for _ in range(repeat):
            kernels.scale_row(data, n, <w2v_real> factor)


cdef extern from "text_kernels.h" nogil:
    enum:
        W2V_TEXT_CHUNK
    ctypedef struct w2v_text_kernels:
        int64_t (*find_spaces)(const uint8_t *text, int64_t n_bytes, int32_t *places, int *has_nul) noexcept nogil


def find_spaces(bytes text not None):
    """(places of white space int32, whether there is a NUL), by the kernels in use; more white space ends the text."""
    cdef int64_t n, padding = -len(text) % W2V_TEXT_CHUNK
    cdef const uint8_t[::1] padded = text + padding * b" "
    cdef int32_t[::1] places = np.empty(len(padded) + W2V_TEXT_CHUNK, np.int32)
    cdef int has_nul = 0
    n = w2v_text_kernels_get().find_spaces(&padded[0], len(padded), &places[0], &has_nul) if len(padded) else 0
    return np.asarray(places)[: n - padding], has_nul != 0
