/* parted.h: the matrices of a plan, cut up by numbers: each thread has its part of every row to itself.
 *
 * In place, parts of one row lie side by side, and processors that fetch ahead take lines that another thread is
 * writing: threads then slow each other, by half where their cores are far apart. So each has its parts copied to
 * memory of its own while there is enough to learn to be worth it, and a copy is not too large. What is learnt is the
 * same. Called by slices.c. */
#ifndef W2V_PARTED_H
#define W2V_PARTED_H

#include "w2v.h"

enum { W2V_MOST_PARTS = 8 }; /* no more than can meet (barrier.h) */

typedef struct {
    const w2v_plan *whole;
    w2v_plan plan; /* the same, but for where rows are and how far apart; number d of a row's part p ... */
    int64_t from[W2V_MOST_PARTS], to[W2V_MOST_PARTS]; /* ... is at row + d, for from[p] <= d < to[p] ... */
    int64_t starts[W2V_MOST_PARTS]; /* ... and number d - from[p] + starts[p] of the whole row */
    w2v_real *spare_rows; /* [n_spare] more rows of this kind, for the caller */
    int64_t n_spare;
    w2v_real *copies[2];  /* of the input and the output vectors, or NULL: they are used in place */
} w2v_parted;

/* Cut rows at `starts` IN [n_parts]; n_tokens are to be learnt. */
w2v_status w2v_parted_init(w2v_parted *parted, const w2v_plan *plan, const int64_t *starts, int32_t n_parts,
                           int64_t n_spare, int64_t n_tokens);
void w2v_parted_free(w2v_parted *parted);
/* Before anything is learnt, and after: each thread, for its part. */
void w2v_parted_take(const w2v_parted *parted, int32_t part);
void w2v_parted_return(const w2v_parted *parted, int32_t part);

#endif
