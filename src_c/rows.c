/* rows.c: see rows.h. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

w2v_status w2v_rows_init(w2v_rows *rows, w2v_real *shared, int64_t n_hot, int64_t stride) {
    const size_t n_bytes = (size_t)(n_hot * stride) * sizeof(w2v_real);
    *rows = (w2v_rows){.shared = shared, .n_hot = n_hot, .stride = stride};
    if (!n_hot) return W2V_OK;
    rows->hot = aligned_new(n_bytes);
    rows->base = aligned_new(n_bytes);
    if (!rows->hot || !rows->base) {
        w2v_rows_free(rows);
        return W2V_ERR_MEMORY;
    }
    memcpy(rows->hot, shared, n_bytes);
    memcpy(rows->base, rows->hot, n_bytes); /* not the shared rows again: another thread may have merged since */
    return W2V_OK;
}

void w2v_rows_free(w2v_rows *rows) {
    aligned_free(rows->hot);
    aligned_free(rows->base);
    *rows = (w2v_rows){0};
}

/* Of rows from .. to - 1. Without branches, so that vectors do it. */
static void merge(const w2v_rows *rows, int64_t from, int64_t to, w2v_real share) {
    w2v_real *restrict shared = rows->shared, *restrict hot = rows->hot, *restrict base = rows->base;
    for (int64_t k = from * rows->stride; k < to * rows->stride; k++) {
        const w2v_real difference = hot[k] - base[k], old = shared[k], moved = old + share * difference;
        shared[k] = hot[k] = base[k] = difference != 0 ? moved : old; /* else -0 would become 0: frozen rows stay */
    }
}

void w2v_rows_merge(w2v_rows *rows, w2v_real share) {
    const int64_t n_top = rows->n_hot - rows->n_warm;
    merge(rows, 0, n_top, share);
    merge(rows, n_top, rows->n_hot, rows->warm_share);
}
