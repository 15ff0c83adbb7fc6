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
    batch->starts = calloc(capacity + 1, sizeof *batch->starts);
    batch->contexts = malloc(n_contexts * sizeof *batch->contexts);
    batch->inputs = aligned_new(n_bytes);
    batch->steps = aligned_new(n_bytes);
    batch->rows = malloc(reach * sizeof *batch->rows);
    batch->weights = malloc(capacity * sizeof *batch->weights);
    batch->n_alike = calloc((size_t)plan->n_words, sizeof *batch->n_alike);
    /* The full softmax holds the steps of out_vecs itself. */
    const size_t n_out = plan->loss == W2V_SOFTMAX ? 0 : capacity + (size_t)plan->n_noise;
    const w2v_status status = w2v_optimizer_init(&batch->optimizer, plan, (int64_t)n_contexts, (int64_t)n_out, 0);
    if (!batch->targets || !batch->starts || !batch->contexts || !batch->inputs || !batch->steps || !batch->rows ||
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
    free(batch->starts);
    free(batch->contexts);
    aligned_free(batch->inputs);
    aligned_free(batch->steps);
    free(batch->rows);
    free(batch->weights);
    free(batch->n_alike);
    w2v_optimizer_free(&batch->optimizer);
    memset(batch, 0, sizeof *batch);
}

int w2v_batch_add(w2v_batch *batch, const w2v_window *window, w2v_real lr) {
    const int32_t together = batch->plan->model == W2V_CBOW ? INT32_MAX : 1; /* contexts that make one input */
    int32_t n_waiting = 0, end = batch->starts[batch->n_inputs];
    batch->lr = lr;
    for (int64_t p = window->low; p < window->high; p++) {
        if (p == window->pos) continue;
        if (n_waiting++ == 0) batch->targets[batch->n_inputs++] = window->tokens[window->pos];
        batch->contexts[end++] = window->tokens[p];
        batch->starts[batch->n_inputs] = end;
        if (n_waiting == together) n_waiting = 0;
    }
    return batch->n_inputs >= batch->plan->batch_size;
}

void w2v_batch_gather(w2v_batch *batch) {
    const w2v_plan *plan = batch->plan;
    for (int32_t i = 0; i < batch->n_inputs; i++) {
        const int32_t n = batch->starts[i + 1] - batch->starts[i]; /* 1 for skip-gram, where mean and sum are the same */
        const int32_t *ids = batch->contexts + batch->starts[i];
        for (int32_t c = 0; c < n; c++) batch->rows[c] = plan->in_vecs + ids[c] * plan->stride;
        w2v_real *input = batch->inputs + i * plan->stride;
        batch->kernels->rows_sum(batch->rows, n, plan->stride, scale_of(plan->hidden_scale, n), input);
        if (plan->has_bias) input[plan->dim] = 1;
        batch->n_alike[batch->targets[i]]++;
    }
    for (int32_t i = 0; i < batch->n_inputs; i++) {
        const int32_t n = batch->n_alike[batch->targets[i]];
        batch->weights[i] = n > W2V_MOST_ALIKE ? (w2v_real)W2V_MOST_ALIKE / (w2v_real)n : 1;
    }
    for (int32_t i = 0; i < batch->n_inputs; i++) batch->n_alike[batch->targets[i]] = 0;
}

void w2v_batch_scatter(w2v_batch *batch) {
    const w2v_plan *plan = batch->plan;
    for (int32_t i = 0; i < batch->n_inputs; i++) {
        const int32_t n = batch->starts[i + 1] - batch->starts[i], *ids = batch->contexts + batch->starts[i];
        for (int32_t c = 0; c < n; c++) batch->rows[c] = w2v_in_steps(&batch->optimizer, ids[c]);
        w2v_real *step = batch->steps + i * plan->stride;
        if (plan->has_bias) step[plan->dim] = 0; /* the 1 that goes with a bias is not a number to learn */
        batch->kernels->rows_add(batch->rows, n, plan->stride, scale_of(plan->context_scale, n), step);
    }
    batch->n_inputs = 0;
}
