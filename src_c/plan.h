/* plan.h: what follows from a plan, said once for all who ask.
 *
 * Only what several files need to know; each is a line of arithmetic on w2v_plan. */
#ifndef W2V_PLAN_H
#define W2V_PLAN_H

#include <stdlib.h>

#include "base.h"
#include "w2v.h"

/* Does the loss learn batch by batch, or window by window? */
W2V_INLINE int is_batched(const w2v_plan *plan) { return plan->batch_size > 0; }

/* Are steps added to rows at once, as they come? Else they are summed first (see optimizer.h). */
W2V_INLINE int is_plain(const w2v_plan *plan) { return plan->optimizer == W2V_SGD && plan->clip_norm <= 0; }

/* Do inputs learn where they are? Else w2v_in_steps says where (see optimizer.h). */
W2V_INLINE int inputs_learn_in_place(const w2v_plan *plan) { return is_plain(plan) && !plan->frozen; }

/* Do threads share the rows of every window (slices.h)? Else a repeatable epoch has one thread, but for the full
 * softmax. NCE's hits (learn.c) come one after the other. */
W2V_INLINE int is_sliced(const w2v_plan *plan) {
    return plan->is_repeatable && !is_batched(plan) && inputs_learn_in_place(plan) && plan->loss != W2V_NCE;
}

/* How many windows share noise words, or 1. */
W2V_INLINE int32_t windows_together(const w2v_plan *plan) { return plan->noise_centers > 1 ? plan->noise_centers : 1; }

/* Skip-gram's windows that share noise words are neighbours in a line, and learn as one: a token is an input once,
 * whichever of them it is in. CBOW's are from far apart (walk.h). */
W2V_INLINE int is_joint(const w2v_plan *plan) {
    return plan->model == W2V_SKIP_GRAM && windows_together(plan) > 1;
}

/* The most frequent words are contexts at every second, fourth or eighth of their places only: they say little about a
 * centre. Is the word one at this place? */
W2V_INLINE uint32_t is_context_at(const w2v_plan *plan, int32_t word, uint32_t place) {
    const int64_t *n = plan->n_thinned;
    const uint32_t others = (uint32_t)(word < n[0]) | (uint32_t)(word < n[1]) << 1 | (uint32_t)(word < n[2]) << 2;
    return (place & others) == 0;
}

/* The numbers of a row that a matrix product works on: D, and the bias if there is one. */
W2V_INLINE int32_t row_numbers(const w2v_plan *plan) { return (int32_t)plan->dim + plan->has_bias; }

/* One of CBOW's two scales, for 0 .. 2W context rows, or NULL; in a plan 0 stands for 1 / n. Divisions window by window
 * take their time. */
W2V_INLINE w2v_real *scales_new(const w2v_plan *plan, double scale) {
    w2v_real *scales = malloc((2 * (size_t)plan->window + 1) * sizeof *scales);
    for (int32_t n = 0; scales && n <= 2 * plan->window; n++)
        scales[n] = (w2v_real)(scale > 0 || n == 0 ? scale : 1.0 / n);
    return scales;
}

/* The learning rate when so many tokens of the epoch are done. */
W2V_INLINE w2v_real lr_after(const w2v_plan *plan, int64_t tokens_done) {
    const double done = (double)tokens_done / (double)plan->n_tokens;
    return (w2v_real)(plan->lr_start + (plan->lr_end - plan->lr_start) * (done < 1 ? done : 1));
}

#endif
