/* rows.h: a thread's view of a matrix whose most frequent rows it keeps for itself.
 *
 * Word ids and node numbers are ranks, so "frequent" is "below n_hot". Threads that fight over the cache lines of the
 * same few rows lose a third of their speed; private copies, merged from time to time, win it back. Each thread
 * adds its difference divided by the number of threads: frequent rows are moved by every thread alike and want the
 * mean of what the threads learnt (their sum overshoots and diverges from 4 threads on), or less
 * (hot_share of the plan, which one thread has copies for, too). The less a row is met between two merges, the less its
 * steps overshoot: the last of these rows, the warm ones, may have a larger share of their own. What an optimizer
 * remembers of rows is kept and merged alike. */
#ifndef W2V_ROWS_H
#define W2V_ROWS_H

#include "base.h"
#include "w2v.h"

typedef struct {
    w2v_real *shared; /* [n_rows, stride] */
    w2v_real *hot;    /* [n_hot, stride] this thread's copies */
    w2v_real *base;   /* [n_hot, stride] what they were at the last merge */
    int64_t n_hot, stride;
    int64_t n_warm;      /* the last of the n_hot, ... */
    w2v_real warm_share; /* ... which are merged by this share; none after w2v_rows_init */
} w2v_rows;

/* Whether the next word is frequent is nearly a coin toss: a branch would be mispredicted. */
W2V_INLINE w2v_real *row_of(const w2v_rows *rows, int64_t id) {
    w2v_real *const matrices[2] = {rows->shared, rows->hot};
    return matrices[id < rows->n_hot] + id * rows->stride;
}

/* The inverse of row_of. */
W2V_INLINE int64_t id_of(const w2v_rows *rows, const w2v_real *row) {
    const w2v_real *first = row >= rows->hot && row < rows->hot + rows->n_hot * rows->stride ? rows->hot : rows->shared;
    return (row - first) / rows->stride;
}

w2v_status w2v_rows_init(w2v_rows *rows, w2v_real *shared, int64_t n_hot, int64_t stride);
void w2v_rows_free(w2v_rows *rows);
/* Add `share` times the private rows' differences (of warm rows, warm_share) to the shared rows and start from there.
 * One thread at a time. */
void w2v_rows_merge(w2v_rows *rows, w2v_real share);

#endif
