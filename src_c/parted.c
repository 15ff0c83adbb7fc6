/* parted.c: see parted.h. */
#include "parted.h"

#include <string.h>

#include "buffer.h"

/* Copying a word there and back takes as long as learning a few tokens. */
enum { TOKENS_PER_WORD = 16 };
static const int64_t MOST_COPIED_BYTES = (int64_t)1 << 29;
/* Between the copies of two parts: more than processors fetch ahead. */
enum { GAP = 1024 };

static int64_t n_rows_of(const w2v_plan *plan, int which) {
    return which == 1 && plan->loss == W2V_HIERARCHICAL_SOFTMAX ? plan->n_words - 1 : plan->n_words;
}

static w2v_real *matrix_of(const w2v_plan *plan, int which) { return which ? plan->out_vecs : plan->in_vecs; }

/* Rows as they are, or NULL if there is no memory for the spare ones. */
static w2v_status use_in_place(w2v_parted *parted, int32_t n_parts) {
    const size_t n_bytes = (size_t)(parted->n_spare * parted->whole->stride) * sizeof(w2v_real);
    for (int32_t p = 0; p < n_parts; p++) {
        parted->from[p] = parted->starts[p];
        parted->to[p] = p + 1 < n_parts ? parted->starts[p + 1] : parted->whole->stride;
    }
    parted->spare_rows = n_bytes ? aligned_new(n_bytes) : NULL;
    if (n_bytes && !parted->spare_rows) return W2V_ERR_MEMORY;
    if (n_bytes) memset(parted->spare_rows, 0, n_bytes);
    return W2V_OK;
}

w2v_status w2v_parted_init(w2v_parted *parted, const w2v_plan *plan, const int64_t *starts, int32_t n_parts,
                           int64_t n_spare, int64_t n_tokens) {
    int64_t longest = 0;
    *parted = (w2v_parted){.whole = plan, .plan = *plan, .n_spare = n_spare};
    memcpy(parted->starts, starts, (size_t)n_parts * sizeof *starts);
    const w2v_status status = use_in_place(parted, n_parts);
    if (status != W2V_OK || n_parts == 1 || n_tokens < TOKENS_PER_WORD * plan->n_words) return status;

    for (int32_t p = 0; p < n_parts; p++)
        if (parted->to[p] - parted->from[p] > longest) longest = parted->to[p] - parted->from[p];
    const int64_t apart = (plan->n_words + n_spare) * longest + GAP;
    const int64_t n_bytes = n_parts * apart * (int64_t)sizeof(w2v_real);
    if (2 * n_bytes > MOST_COPIED_BYTES) return W2V_OK;
    for (int which = 0; which < 2; which++) parted->copies[which] = huge_new((size_t)n_bytes);
    if (!parted->copies[0] || !parted->copies[1]) {
        for (int which = 0; which < 2; which++) aligned_free(parted->copies[which]);
        parted->copies[0] = parted->copies[1] = NULL;
        return W2V_OK;
    }
    parted->plan.in_vecs = parted->copies[0];
    parted->plan.out_vecs = parted->copies[1];
    parted->plan.stride = longest;
    for (int32_t p = 0; p < n_parts; p++) {
        parted->to[p] += p * apart - parted->from[p];
        parted->from[p] = p * apart;
    }
    aligned_free(parted->spare_rows);
    parted->spare_rows = parted->copies[0] + plan->n_words * longest;
    return W2V_OK;
}

void w2v_parted_free(w2v_parted *parted) {
    if (!parted->copies[0]) aligned_free(parted->spare_rows);
    for (int which = 0; which < 2; which++) aligned_free(parted->copies[which]);
    memset(parted, 0, sizeof *parted);
}

static void copy_part(const w2v_parted *parted, int32_t part, int comes_back) {
    const size_t n_bytes = (size_t)(parted->to[part] - parted->from[part]) * sizeof(w2v_real);
    for (int which = 0; which < 2 && parted->copies[which]; which++) {
        w2v_real *ours = parted->copies[which] + parted->from[part];
        w2v_real *theirs = matrix_of(parted->whole, which) + parted->starts[part];
        const int64_t n_rows = n_rows_of(parted->whole, which);
        for (int64_t row = 0; row < n_rows; row++, ours += parted->plan.stride, theirs += parted->whole->stride) {
            if (comes_back) memcpy(theirs, ours, n_bytes);
            else memcpy(ours, theirs, n_bytes);
        }
    }
}

void w2v_parted_take(const w2v_parted *parted, int32_t part) {
    copy_part(parted, part, 0);
    if (parted->copies[0] && parted->n_spare)
        memset(parted->spare_rows + parted->from[part], 0,
               (size_t)(parted->n_spare * parted->plan.stride) * sizeof(w2v_real));
}

void w2v_parted_return(const w2v_parted *parted, int32_t part) { copy_part(parted, part, 1); }
