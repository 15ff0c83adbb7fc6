/* sampled.c: see sampled.h.
 *
 * Scores here are s' = s - log(k q(w)), s being the model's and q the noise distribution, k its draws: the biases
 * absorb the difference, which is constant for a word, and all three losses are functions of s' alone. Whoever
 * predicts adds log q(w) back. With t the target, n the noise words, p' the softmax of s' over both:
 *
 *   NCE (Gutmann & Hyvarinen, JMLR 2012)     L = -log sigma(s'_t) - sum_n log sigma(-s'_n)
 *   sampled softmax (Bengio & Senecal, 2008) L = -log p'_t
 *   BlackOut (Ji et al., ICLR 2016)          L = -log p'_t - sum_n log(1 - p'_n)
 *
 * A noise word that is the target does not count, but for NCE: that one's noise may be any word. Where NCE's Z is
 * learnt, log Z is taken off its scores; it moves by the mean of a batch's gradients, in plain gradient descent. */
#include "sampled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "matrix.h"
#include "sampler.h"

/* Inputs that are scored and learn together: their scores stay in the second-level cache. */
enum { INPUTS_AT_ONCE = 96 };

w2v_status w2v_sampled_init(w2v_sampled *sampled, const w2v_plan *plan) {
    memset(sampled, 0, sizeof *sampled);
    if (w2v_batch_init(&sampled->batch, plan) != W2V_OK) return W2V_ERR_MEMORY;
    sampled->n_scores = (plan->n_noise + W2V_ROW_ALIGN - 1) / W2V_ROW_ALIGN * W2V_ROW_ALIGN;
    sampled->room = (int32_t)odd_room(plan->n_noise);
    const size_t capacity = (size_t)sampled->batch.capacity, room = (size_t)sampled->room;
    const size_t n_bytes = room * (size_t)plan->stride * sizeof(w2v_real);
    sampled->noise = malloc(room * sizeof *sampled->noise);
    sampled->noise_rows = aligned_new(n_bytes);
    sampled->noise_columns = aligned_new(n_bytes);
    sampled->noise_steps = aligned_new(n_bytes);
    sampled->scores = aligned_new(capacity * room * sizeof(w2v_real));
    sampled->grads = aligned_new(capacity * room * sizeof(w2v_real));
    sampled->row = aligned_new(room * sizeof(w2v_real));
    sampled->target_grads = malloc(capacity * sizeof(w2v_real));
    if (!sampled->noise || !sampled->noise_rows || !sampled->noise_columns || !sampled->noise_steps ||
        !sampled->scores || !sampled->grads || !sampled->row || !sampled->target_grads) {
        w2v_sampled_free(sampled);
        return W2V_ERR_MEMORY;
    }
    memset(sampled->noise_steps, 0, n_bytes);
    memset(sampled->noise_columns, 0, n_bytes);
    if (plan->nce_log_z) sampled->log_z = sampled->shared_log_z = *plan->nce_log_z;
    return W2V_OK;
}

void w2v_sampled_free(w2v_sampled *sampled) {
    w2v_batch_free(&sampled->batch);
    free(sampled->noise);
    aligned_free(sampled->noise_rows);
    aligned_free(sampled->noise_columns);
    aligned_free(sampled->noise_steps);
    aligned_free(sampled->scores);
    aligned_free(sampled->grads);
    aligned_free(sampled->row);
    free(sampled->target_grads);
    memset(sampled, 0, sizeof *sampled);
}

void w2v_sampled_start(w2v_sampled *sampled, int64_t shard) {
    const w2v_plan *plan = sampled->batch.plan;
    sampled->rng = rng_stream(plan->seed, plan->epoch, ~(uint64_t)shard);
}

void w2v_sampled_merge(w2v_sampled *sampled, double share) {
    double *log_z = sampled->batch.plan ? sampled->batch.plan->nce_log_z : NULL;
    if (!log_z) return;
    *log_z += share * (sampled->log_z - sampled->shared_log_z);
    sampled->log_z = sampled->shared_log_z = *log_z;
}

static w2v_real *out_row(const w2v_plan *plan, int32_t id) { return plan->out_vecs + id * plan->stride; }

/* Ask for the row of an id that is W2V_ROWS_AHEAD places further on, if the ids go as far. */
static void fetch_later_row(const w2v_plan *plan, const int32_t *ids, int32_t place, int32_t n) {
    if (place + W2V_ROWS_AHEAD >= n) return;
    prefetch_bytes_read(out_row(plan, ids[place + W2V_ROWS_AHEAD]), (size_t)plan->stride * sizeof(w2v_real));
}

static void draw_noise(w2v_sampled *sampled) {
    const w2v_batch *batch = &sampled->batch;
    const w2v_plan *plan = batch->plan;
    const int32_t K = plan->n_noise;
    for (int32_t k = 0; k < K; k++)
        sampled->noise[k] = alias_draw(plan->noise, (uint32_t)plan->n_words, &sampled->rng);
    for (int32_t k = 0; k < K; k++) {
        w2v_real *row = out_row(plan, sampled->noise[k]);
        fetch_later_row(plan, sampled->noise, k, K);
        row_scale(batch->kernels, row, plan->stride, 1, sampled->noise_rows + k * plan->stride);
    }
    transpose(sampled->noise_rows, plan->n_noise, plan->stride, plan->stride, sampled->noise_columns, sampled->room);
}

/* Each of these turns the scores of one prediction's noise words into the gradients of its loss, which it returns, and
 * the target's score into the target's gradient. */

static double nce_row(const w2v_kernels *kernels, w2v_real *scores, int32_t n, w2v_real *target, w2v_real log_z) {
    if (log_z != 0)
        for (int32_t k = 0; k < n; k++) scores[k] -= log_z;
    *target -= log_z;
    const double t = (double)*target, size = fabs(t), e = exp(-size);
    const double guard = size > W2V_SCORE_LIMIT ? W2V_SCORE_LIMIT / size : 1; /* as in kernels_body.h */
    *target = (w2v_real)(guard * (t > 0 ? -e / (1 + e) : -1 / (1 + e)));
    return kernels->logistic_row(scores, n) + log1p(e) + (t < 0 ? -t : 0);
}

/* Scores become p'; returns -log p'_t and says what 1 - p'_t is. */
static double softmax_row(const w2v_kernels *kernels, w2v_real *scores, int32_t n, w2v_real target, double *rest) {
    w2v_real most = kernels->row_max(scores, n);
    if (target > most) most = target;
    const double sum = (double)kernels->exp_row(scores, n, most), own = exp((double)(target - most)), all = sum + own;
    kernels->scale_row(scores, n, (w2v_real)(1 / all));
    *rest = sum / all;
    return log(all) - (double)(target - most);
}

static double sampled_softmax_row(const w2v_kernels *kernels, w2v_real *scores, int32_t n, w2v_real *target) {
    double rest;
    const double loss = softmax_row(kernels, scores, n, *target, &rest);
    *target = (w2v_real)-rest;
    return loss;
}

/* With a = sum_n p'_n / (1 - p'_n): dL/ds'_t = p'_t (1 - a) - 1 and dL/ds'_n = p'_n (1 - a) + p'_n / (1 - p'_n). */
static double blackout_row(const w2v_kernels *kernels, w2v_real *scores, int32_t n, w2v_real *target) {
    double rest, odds;
    double loss = softmax_row(kernels, scores, n, *target, &rest);
    loss += kernels->blackout_row(scores, n, &odds);
    *target = (w2v_real)((1 - rest) * (1 - odds) - 1);
    return loss;
}

/* dL / dlog Z is minus the sum of the gradients by the scores. */
static double log_z_descent(const w2v_real *grads, int32_t n, w2v_real target_grad) {
    double sum = (double)target_grad;
    for (int32_t k = 0; k < n; k++) sum += (double)grads[k];
    return sum;
}

/* From the scores of a prediction's noise words, in `row`, and its target to the gradients by them; returns the
 * loss. */
static double find_gradients_of(w2v_sampled *sampled, int32_t prediction, w2v_real *row, w2v_real *target) {
    const w2v_batch *batch = &sampled->batch;
    const w2v_plan *plan = batch->plan;
    const w2v_kernels *kernels = batch->kernels;
    const int32_t K = plan->n_noise, n = sampled->n_scores, id = batch->targets[prediction];
    const w2v_real *input = batch->inputs + (int64_t)batch->input_of[prediction] * plan->stride;
    if (plan->loss != W2V_NCE)
        for (int32_t k = 0; k < K; k++) row[k] = sampled->noise[k] == id ? W2V_OUT_OF_SIGHT : row[k];
    for (int32_t k = K; k < n; k++) row[k] = W2V_OUT_OF_SIGHT;
    *target = kernels->dot(input, out_row(plan, id), plan->stride);
    const double loss = plan->loss == W2V_NCE ? nce_row(kernels, row, n, target, (w2v_real)sampled->log_z)
                        : plan->loss == W2V_SAMPLED_SOFTMAX ? sampled_softmax_row(kernels, row, n, target)
                                                            : blackout_row(kernels, row, n, target);
    if (batch->weights[prediction] < 1) {
        kernels->scale_row(row, n, batch->weights[prediction]);
        *target *= batch->weights[prediction];
    }
    return loss;
}

/* Does each prediction have an input of its own, of the same number? In CBOW, always. */
static int is_paired(const w2v_batch *batch) { return batch->n_inputs == batch->n_predictions; }

/* The gradients of predictions from first to end - 1; input `first` has the first row of scores. Scores become
 * gradients where they are if each is one prediction's; an input of several has the sum of theirs. Adds to `descent`
 * what log Z learns, where it does; returns where the gradients are. */
static w2v_real *find_gradients(w2v_sampled *sampled, int32_t first, int32_t end, double *descent) {
    const w2v_batch *batch = &sampled->batch;
    const w2v_plan *plan = batch->plan;
    const w2v_kernels *kernels = batch->kernels;
    const int32_t n = sampled->n_scores, room = sampled->room, in_place = is_paired(batch);
    if (!in_place) memset(sampled->grads, 0, (size_t)batch->n_inputs * (size_t)room * sizeof *sampled->grads);
    for (int32_t i = first; i < end; i++) {
        const int64_t at = (int64_t)(batch->input_of[i] - first) * room;
        w2v_real *scores = sampled->scores + at, *grads = sampled->grads + at;
        w2v_real *row = in_place ? scores : sampled->row;
        if (!in_place) row_scale(kernels, scores, n, 1, row);
        fetch_later_row(plan, batch->targets, i, end);
        sampled->loss += find_gradients_of(sampled, i, row, &sampled->target_grads[i]);
        if (!in_place) row_add(kernels, row, n, 1, grads);
        if (plan->nce_log_z) *descent += log_z_descent(row, plan->n_noise, sampled->target_grads[i]);
    }
    return in_place ? sampled->scores : sampled->grads;
}

/* The three products, for inputs from first to end - 1: scores [B, K], what the inputs learn [B, D], what the noise
 * words learn [K, D]. */

static void score(w2v_sampled *sampled, int32_t first, int32_t end) {
    const w2v_plan *plan = sampled->batch.plan;
    const w2v_product product = {
        .n_rows = end - first,
        .n_columns = plan->n_noise,
        .n_terms = row_numbers(plan),
        .scale = 1,
        .a = sampled->batch.inputs + first * plan->stride,
        .a_row = plan->stride,
        .a_term = 1,
        .b = sampled->noise_columns,
        .b_term = sampled->room,
        .c = sampled->scores,
        .c_row = sampled->room,
    };
    sampled->batch.kernels->product(&product);
}

static void find_steps(w2v_sampled *sampled, const w2v_real *grads, int32_t first, int32_t end, w2v_real factor) {
    const w2v_plan *plan = sampled->batch.plan;
    w2v_product product = {
        .n_rows = end - first,
        .n_columns = row_numbers(plan),
        .n_terms = plan->n_noise,
        .scale = factor,
        .a = grads,
        .a_row = sampled->room,
        .a_term = 1,
        .b = sampled->noise_rows,
        .b_term = plan->stride,
        .c = sampled->batch.steps + first * plan->stride,
        .c_row = plan->stride,
    };
    sampled->batch.kernels->product(&product);
    product.n_rows = plan->n_noise;
    product.n_terms = end - first;
    product.keep = first > 0;
    product.a_row = 1;
    product.a_term = sampled->room;
    product.b = sampled->batch.inputs + first * plan->stride;
    product.c = sampled->noise_steps;
    sampled->batch.kernels->product(&product);
}

/* Find what the inputs and the noise words learn: a part of the inputs at a time where each has its own prediction, or
 * all of them. */
static void learn_by_parts(w2v_sampled *sampled, w2v_real factor) {
    const w2v_batch *batch = &sampled->batch;
    const int32_t n = batch->n_inputs, at_once = is_paired(batch) ? INPUTS_AT_ONCE : n;
    double descent = 0;
    for (int32_t first = 0; first < n; first += at_once) {
        const int32_t end = n - first < at_once ? n : first + at_once;
        score(sampled, first, end);
        const int32_t predictions_end = is_paired(batch) ? end : batch->n_predictions;
        const w2v_real *grads = find_gradients(sampled, first, predictions_end, &descent);
        find_steps(sampled, grads, first, end, factor);
    }
    sampled->log_z += (double)batch->lr * descent / batch->n_predictions;
    sampled->n_predictions += batch->n_predictions;
}

/* All gradients are those of the rows as they were when the batch began. */
void w2v_sampled_learn(w2v_sampled *sampled) {
    w2v_batch *batch = &sampled->batch;
    const w2v_plan *plan = batch->plan;
    const w2v_kernels *kernels = batch->kernels;
    const int64_t stride = plan->stride;
    const w2v_real factor = -step_factor(plan, batch->lr);
    if (!batch->n_inputs) return;

    w2v_batch_gather(batch);
    draw_noise(sampled);
    learn_by_parts(sampled, factor);
    for (int32_t i = 0; i < batch->n_predictions; i++) {
        w2v_real *step = batch->steps + batch->input_of[i] * stride;
        row_add(kernels, out_row(plan, batch->targets[i]), stride, factor * sampled->target_grads[i], step);
    }
    for (int32_t i = 0; i < batch->n_predictions; i++) {
        w2v_real *row = w2v_out_steps(&batch->optimizer, batch->targets[i]);
        const w2v_real *input = batch->inputs + batch->input_of[i] * stride;
        row_add(kernels, input, stride, factor * sampled->target_grads[i], row);
    }
    for (int32_t k = 0; k < plan->n_noise; k++) {
        w2v_real *row = w2v_out_steps(&batch->optimizer, sampled->noise[k]);
        row_add(kernels, sampled->noise_steps + k * stride, stride, 1, row);
    }
    w2v_batch_scatter(batch);
    w2v_optimizer_move(&batch->optimizer, batch->lr);
}
