/* optimizer.c: see optimizer.h. */
#include "optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

int64_t w2v_state_stride(w2v_optimizer optimizer, int64_t stride) {
    switch (optimizer) {
        case W2V_SGD: return 0;
        case W2V_MOMENTUM:
        case W2V_ADAGRAD: return stride;
        case W2V_ADAM: return 2 * stride + W2V_ROW_ALIGN;
    }
    return 0;
}

static w2v_status sums_init(w2v_row_steps *steps, int64_t n_rows, int64_t capacity) {
    if (capacity > n_rows) capacity = n_rows;
    const size_t n_bytes = (size_t)(capacity * steps->vectors.stride) * sizeof(w2v_real);
    steps->slots = calloc((size_t)n_rows, sizeof *steps->slots);
    steps->ids = malloc((size_t)capacity * sizeof *steps->ids + 1);
    steps->sums = aligned_new(n_bytes + 1);
    if (!steps->slots || !steps->ids || !steps->sums) return W2V_ERR_MEMORY;
    memset(steps->sums, 0, n_bytes);
    return W2V_OK;
}

w2v_status w2v_optimizer_init(w2v_optimizer_run *run, const w2v_plan *plan, int64_t n_in, int64_t n_out, int with_hot) {
    const int64_t stride = plan->stride, state_stride = w2v_state_stride(plan->optimizer, stride);
    const int64_t n_hot_in = with_hot ? plan->n_hot_in : 0, n_hot_out = with_hot ? plan->n_hot_out : 0;
    *run = (w2v_optimizer_run){.plan = plan, .kernels = w2v_kernels_get()};
    if (plan->frozen) run->nowhere = aligned_new((size_t)stride * sizeof(w2v_real));
    if (run->nowhere) memset(run->nowhere, 0, (size_t)stride * sizeof(w2v_real));
    if ((run->nowhere || !plan->frozen) &&
        w2v_rows_init(&run->in.vectors, plan->in_vecs, n_hot_in, stride) == W2V_OK &&
        w2v_rows_init(&run->out.vectors, plan->out_vecs, n_hot_out, stride) == W2V_OK &&
        w2v_rows_init(&run->in.states, plan->in_states, state_stride ? n_hot_in : 0, state_stride) == W2V_OK &&
        w2v_rows_init(&run->out.states, plan->out_states, state_stride ? n_hot_out : 0, state_stride) == W2V_OK &&
        (is_plain(plan) || (sums_init(&run->in, plan->n_words, n_in) == W2V_OK &&
                            sums_init(&run->out, plan->n_words, n_out) == W2V_OK))) {
        run->out.vectors.n_warm = with_hot ? plan->n_warm_out : 0;
        run->out.vectors.warm_share = (w2v_real)plan->warm_share;
        return W2V_OK;
    }
    w2v_optimizer_free(run);
    return W2V_ERR_MEMORY;
}

static void steps_free(w2v_row_steps *steps) {
    w2v_rows_free(&steps->vectors);
    w2v_rows_free(&steps->states);
    free(steps->slots);
    free(steps->ids);
    aligned_free(steps->sums);
}

void w2v_optimizer_free(w2v_optimizer_run *run) {
    steps_free(&run->in);
    steps_free(&run->out);
    aligned_free(run->nowhere);
    memset(run, 0, sizeof *run);
}

void w2v_optimizer_merge(w2v_optimizer_run *run, w2v_real share) {
    w2v_rows_merge(&run->in.vectors, share);
    w2v_rows_merge(&run->out.vectors, share);
    w2v_rows_merge(&run->in.states, share);
    w2v_rows_merge(&run->out.states, share);
}

static w2v_real *steps_of(w2v_row_steps *steps, int64_t id) {
    if (!steps->slots) return row_of(&steps->vectors, id);
    if (!steps->slots[id]) {
        steps->ids[steps->n_touched] = (int32_t)id;
        steps->slots[id] = (int32_t)++steps->n_touched;
    }
    return steps->sums + (steps->slots[id] - 1) * steps->vectors.stride;
}

w2v_real *w2v_in_steps(w2v_optimizer_run *run, int64_t id) {
    const uint8_t *frozen = run->plan->frozen;
    return frozen && frozen[id] ? run->nowhere : steps_of(&run->in, id);
}
w2v_real *w2v_out_steps(w2v_optimizer_run *run, int64_t id) { return steps_of(&run->out, id); }

static double squared_of(const w2v_kernels *kernels, const w2v_row_steps *steps) {
    const int64_t stride = steps->vectors.stride;
    double sum = 0;
    for (const w2v_real *row = steps->sums; row < steps->sums + steps->n_touched * stride; row += stride)
        sum += (double)kernels->dot(row, row, stride);
    return sum;
}

double w2v_optimizer_squared(w2v_optimizer_run *run) {
    if (run->plan->clip_norm <= 0) return 0;
    return squared_of(run->kernels, &run->in) + squared_of(run->kernels, &run->out);
}

w2v_move w2v_move_of(const w2v_plan *plan, w2v_real lr, double squared) {
    const double norm = sqrt(squared), longest = plan->clip_norm;
    return (w2v_move){.lr = lr,
                      .scale = longest > 0 && norm > longest ? (w2v_real)(longest / norm) : 1,
                      .decay_1 = (w2v_real)plan->decay_1,
                      .decay_2 = (w2v_real)plan->decay_2,
                      .epsilon = (w2v_real)plan->epsilon};
}

void w2v_row_move(const w2v_optimizer_run *run, w2v_real *row, w2v_real *state, const w2v_real *steps,
                  const w2v_move *move) {
    const w2v_kernels *kernels = run->kernels;
    const int64_t n = run->plan->stride;
    switch (run->plan->optimizer) {
        case W2V_SGD: row_add(kernels, steps, n, move->lr * move->scale, row); break;
        case W2V_MOMENTUM: kernels->momentum_row(row, state, steps, n, move); break;
        case W2V_ADAGRAD: kernels->adagrad_row(row, state, steps, n, move); break;
        case W2V_ADAM: kernels->adam_row(row, state, steps, n, move); break;
    }
}

static void move_rows(const w2v_optimizer_run *run, w2v_row_steps *steps, const w2v_move *move) {
    enum { AHEAD = 3 }; /* rows: their states have not been near since they were last moved */
    const int64_t stride = steps->vectors.stride;
    const size_t state_bytes = (size_t)steps->states.stride * sizeof(w2v_real);
    for (int64_t slot = 0; slot < steps->n_touched; slot++) {
        const int64_t id = steps->ids[slot], later = slot + AHEAD;
        if (later < steps->n_touched) prefetch_bytes(row_of(&steps->states, steps->ids[later]), state_bytes);
        w2v_row_move(run, row_of(&steps->vectors, id), row_of(&steps->states, id), steps->sums + slot * stride, move);
        steps->slots[id] = 0;
    }
    memset(steps->sums, 0, (size_t)(steps->n_touched * stride) * sizeof(w2v_real));
    steps->n_touched = 0;
}

void w2v_optimizer_move_by(w2v_optimizer_run *run, const w2v_move *move) {
    if (is_plain(run->plan)) return;
    move_rows(run, &run->in, move);
    move_rows(run, &run->out, move);
}

void w2v_optimizer_move(w2v_optimizer_run *run, w2v_real lr) {
    if (is_plain(run->plan)) return;
    const w2v_move move = w2v_move_of(run->plan, lr, w2v_optimizer_squared(run));
    w2v_optimizer_move_by(run, &move);
}
