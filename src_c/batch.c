/* batch.c: see batch.h. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

w2v_status w2v_batch_init(w2v_batch *batch, const w2v_plan *plan) {
    const size_t reach = 2 * (size_t)plan->window, capacity = (size_t)plan->batch_size + reach;
    const size_t n_contexts = capacity * (plan->model == W2V_CBOW ? reach : 1);
    const size_t n_bytes = capacity * (size_t)plan->stride * sizeof(w2v_real);
    *batch = (w2v_batch){.plan = plan, .kernels = w2v_kernels_get(), .capacity = (int32_t)capacity};
    batch->targets = malloc(capacity * sizeof *batch->targets);
    batch->input_of = malloc(capacity * sizeof *batch->input_of);
    batch->seen = calloc((size_t)plan->n_words, sizeof *batch->seen);
    batch->starts = calloc(capacity + 1, sizeof *batch->starts);
    batch->contexts = malloc(n_contexts * sizeof *batch->contexts);
    batch->inputs = aligned_new(n_bytes);
    batch->steps = aligned_new(n_bytes);
    batch->rows = malloc(reach * sizeof *batch->rows);
    batch->hidden_scales = scales_new(plan, plan->hidden_scale);
    batch->context_scales = scales_new(plan, plan->context_scale);
    batch->weights = malloc(capacity * sizeof *batch->weights);
    batch->n_alike = calloc((size_t)plan->n_words, sizeof *batch->n_alike);
    /* The full softmax holds the steps of out_vecs itself. */
    const size_t n_out = plan->loss == W2V_SOFTMAX ? 0 : capacity + (size_t)plan->n_noise;
    const w2v_status status = w2v_optimizer_init(&batch->optimizer, plan, (int64_t)n_contexts, (int64_t)n_out, 0);
    if (!batch->targets || !batch->input_of || !batch->seen || !batch->starts || !batch->contexts ||
        !batch->inputs || !batch->steps || !batch->rows || !batch->hidden_scales || !batch->context_scales ||
        !batch->weights || !batch->n_alike || status != W2V_OK) {
        w2v_batch_free(batch);
        return W2V_ERR_MEMORY;
    }
    memset(batch->inputs, 0, n_bytes);
    memset(batch->steps, 0, n_bytes);
    return W2V_OK;
}

void w2v_batch_free(w2v_batch *batch) {
    free(batch->targets);
    free(batch->input_of);
    free(batch->seen);
    free(batch->starts);
    free(batch->contexts);
    aligned_free(batch->inputs);
    aligned_free(batch->steps);
    free(batch->rows);
    free(batch->hidden_scales);
    free(batch->context_scales);
    free(batch->weights);
    free(batch->n_alike);
    w2v_optimizer_free(&batch->optimizer);
    memset(batch, 0, sizeof *batch);
}

static void add_prediction(w2v_batch *batch, int32_t target, int32_t input) {
    batch->targets[batch->n_predictions] = target;
    batch->input_of[batch->n_predictions++] = input;
}

/* An input of the contexts that have been listed since the last one. */
static int32_t new_input(w2v_batch *batch, int32_t contexts_end) {
    batch->starts[++batch->n_inputs] = contexts_end;
    return batch->n_inputs - 1;
}

int w2v_batch_add(w2v_batch *batch, const w2v_walk *walk, const w2v_window *window, w2v_real lr) {
    const int32_t target = window->center, start = batch->starts[batch->n_inputs];
    int32_t end = start;
    batch->lr = lr;
    for (int32_t p = window->low; p < window->high; p++) {
        const int32_t context = walk->contexts[p];
        if (p == window->own) continue;
        if (batch->plan->model == W2V_CBOW) {
            batch->contexts[end++] = context;
            continue;
        }
        if (!batch->seen[context]) {
            batch->contexts[end++] = context;
            batch->seen[context] = 1 + new_input(batch, end);
        }
        add_prediction(batch, target, batch->seen[context] - 1);
    }
    if (batch->plan->model == W2V_CBOW && end > start) add_prediction(batch, target, new_input(batch, end));
    return batch->n_predictions >= batch->plan->batch_size;
}

static void find_weights(w2v_batch *batch) {
    for (int32_t i = 0; i < batch->n_predictions; i++) batch->n_alike[batch->targets[i]]++;
    for (int32_t i = 0; i < batch->n_predictions; i++) {
        const int32_t n = batch->n_alike[batch->targets[i]];
        batch->weights[i] = n > W2V_MOST_ALIKE ? (w2v_real)W2V_MOST_ALIKE / (w2v_real)n : 1;
    }
    for (int32_t i = 0; i < batch->n_predictions; i++) batch->n_alike[batch->targets[i]] = 0;
}

/* Neighbouring windows share their words but for the last: its row alone is likely to be far away. */
static void fetch_last_context(const w2v_batch *batch, int32_t input) {
    const w2v_plan *plan = batch->plan;
    if (input >= batch->n_inputs) return;
    const int64_t id = batch->contexts[batch->starts[input + 1] - 1];
    prefetch_bytes_read(plan->in_vecs + id * plan->stride, (size_t)plan->stride * sizeof(w2v_real));
}

void w2v_batch_gather(w2v_batch *batch) {
    const w2v_plan *plan = batch->plan;
    for (int32_t b = 0; b < batch->n_inputs; b++) {
        /* 1 for skip-gram, where mean and sum are the same. */
        const int32_t list[] = {0, batch->starts[b + 1] - batch->starts[b]}, n = list[1];
        const int32_t *ids = batch->contexts + batch->starts[b];
        for (int32_t c = 0; c < n; c++) batch->rows[c] = plan->in_vecs + ids[c] * plan->stride;
        fetch_last_context(batch, b + W2V_ROWS_AHEAD);
        w2v_real *input = batch->inputs + b * plan->stride;
        batch->kernels->rows_sum(batch->rows, list, 1, plan->stride, batch->hidden_scales, &input);
        if (plan->has_bias) input[plan->dim] = 1;
    }
    find_weights(batch);
}

void w2v_batch_scatter(w2v_batch *batch) {
    const w2v_plan *plan = batch->plan;
    for (int32_t b = 0; b < batch->n_inputs; b++) {
        const int32_t list[] = {0, batch->starts[b + 1] - batch->starts[b]}, n = list[1];
        const int32_t *ids = batch->contexts + batch->starts[b];
        for (int32_t c = 0; c < n; c++) batch->rows[c] = w2v_in_steps(&batch->optimizer, ids[c]);
        w2v_real *step = batch->steps + b * plan->stride;
        if (plan->has_bias) step[plan->dim] = 0; /* the 1 that goes with a bias is not a number to learn */
        batch->kernels->rows_add(batch->rows, list, 1, plan->stride, batch->context_scales, &step);
    }
    for (int32_t c = 0; c < batch->starts[batch->n_inputs]; c++) batch->seen[batch->contexts[c]] = 0;
    batch->n_inputs = batch->n_predictions = 0;
}
