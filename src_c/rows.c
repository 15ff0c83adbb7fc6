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

void w2v_rows_merge(w2v_rows *rows, w2v_real share) {
    const int64_t n = rows->n_hot * rows->stride;
    for (int64_t k = 0; k < n; k++) {
        const w2v_real difference = rows->hot[k] - rows->base[k];
        if (difference != 0) rows->shared[k] += share * difference; /* else -0 would become 0: frozen rows stay */
        rows->hot[k] = rows->base[k] = rows->shared[k];
    }
}
