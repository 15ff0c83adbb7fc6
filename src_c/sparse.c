/* sparse.c: a sparse matrix times a dense one, which is where the time of a truncated SVD goes.
 *
 * The dense matrix is worked off in panels of a few columns: as many of its rows as possible, those of frequent words
 * above all, then stay in the cache while the sparse matrix streams past.
 * Plain C that compilers turn into vector code: memory is what it waits for (with AVX2 it gains a tenth).
 * fastw2v/svd_solver.py and cosines.py call it. */
#include <string.h>

#include "atomics.h"
#include "w2v.h"

enum {
    PANEL = 64,        /* columns: four cache lines of a row of `dense` */
    AHEAD = 12,        /* entries whose rows of `dense` are on their way into the cache */
    ROWS_AT_ONCE = 32, /* rows that a thread claims, and after which it looks at the stop flag */
    FLOATS_PER_LINE = W2V_CACHE_LINE / sizeof(float)
};

W2V_INLINE void panel_multiply(const w2v_sparse *a, int64_t row, const float *dense, int64_t n_columns, int64_t width,
                               float *product) {
    float sums[PANEL] = {0};
    const int64_t last = a->starts[a->n_rows] - 1;
    for (int64_t at = a->starts[row]; at < a->starts[row + 1]; at++) {
        const float value = a->values[at], *inner = dense + a->ids[at] * n_columns;
        const float *later = dense + a->ids[at + AHEAD < last ? at + AHEAD : last] * n_columns;
        for (int64_t column = 0; column < width; column += FLOATS_PER_LINE)
            W2V_PREFETCH_READ(later + column);
        for (int64_t column = 0; column < width; column++)
            sums[column] += value * inner[column];
    }
    memcpy(product + row * n_columns, sums, (size_t)width * sizeof *sums);
}

w2v_status w2v_sparse_multiply(const w2v_sparse *a, const float *dense, int64_t n_columns, float *product,
                               int32_t n_threads, int32_t *stop) {
    for (int64_t panel = 0; panel < n_columns; panel += PANEL) {
        const int64_t width = n_columns - panel < PANEL ? n_columns - panel : PANEL;
        W2V_OMP("omp parallel for schedule(dynamic) num_threads(n_threads)")
        for (int64_t first = 0; first < a->n_rows; first += ROWS_AT_ONCE) {
            if (flag_get(stop)) continue;
            for (int64_t row = first; row < a->n_rows && row < first + ROWS_AT_ONCE; row++)
                if (width == PANEL) panel_multiply(a, row, dense + panel, n_columns, PANEL, product + panel);
                else panel_multiply(a, row, dense + panel, n_columns, width, product + panel);
        }
    }
    (void)n_threads;
    return flag_get(stop) ? W2V_ERR_STOPPED : W2V_OK;
}
