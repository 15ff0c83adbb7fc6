/* softmax.c: one epoch under the full softmax: all threads work on the same batch, each on its share of the words.
 *
 * A thread scores the batch against its words block by block, keeping for each input the largest score, the sum of
 * exponentials beneath it (online log-sum-exp; Milakov & Gimelshein, 2018) and, while a block's exponentials are still
 * in the cache, the sum of words that they weigh: what the words teach the input, but for a factor. When all have done
 * so the probabilities are known, and each thread moves its words; the factors go on the inputs, so that nobody has to
 * pass over the exponentials again. Rows belong to one thread, so nothing races, and a run is repeated exactly by the
 * same number of threads. Exponentials are kept between the two passes where they take at most KEPT_BYTES a thread;
 * beyond, scores are computed again, so that memory does not grow with words x inputs. */
#include "softmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "atomics.h"
#include "batch.h"
#include "blas.h"
#include "buffer.h"
#include "shards.h"

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
static int omp_get_num_threads(void) { return 1; }
#endif

enum { BLOCK_WORDS = 512, KEPT_BYTES = 1 << 26 };

typedef struct {
    int32_t first, end, n_blocks; /* this thread's words, in blocks of BLOCK_WORDS */
    int kept;                     /* are the exponentials of all blocks kept? */
    w2v_real *scores;             /* [n_blocks or 1][capacity, BLOCK_WORDS] */
    w2v_real *block_max;          /* [n_blocks][capacity] what the exponentials of a block are relative to */
    double *sum;                  /* [capacity] of exponentials relative to ... */
    w2v_real *max;                /* [capacity] ... the largest score */
    w2v_real *steps;              /* [capacity, stride] the sum of words by these exponentials */
    w2v_real *factored;           /* [capacity, stride] the inputs, each times what makes them probabilities */
    double squared;               /* of the steps of this thread's words, where somebody wants to know */
} share;

typedef struct {
    const w2v_plan *plan;
    const w2v_kernels *kernels;
    w2v_progress *progress;
    w2v_batch batch;
    w2v_walk walk;
    int64_t n_shards;
    w2v_real *target_scores; /* [capacity] of each prediction */
    w2v_real *target_rows;   /* [capacity, stride] the targets as they were when the batch began */
    w2v_real *input_weights; /* [capacity] the sum of the weights of an input's predictions */
    w2v_real *log_sums;      /* [capacity] of each input: log sum_w exp(score) */
    w2v_real *word_steps;    /* [V, stride] unless the plan is plain: what the words learn from a batch */
    w2v_move move;           /* what is done with it ... */
    int moving;              /* ... if it is */
    share *shares;           /* [n_shares] */
    int32_t n_shares;
    w2v_status status;
} softmax_run;

static w2v_status share_init(share *s, const softmax_run *run, int32_t number) {
    const int64_t V = run->plan->n_words, n = run->n_shares, stride = run->plan->stride;
    const size_t capacity = (size_t)run->batch.capacity, block = capacity * BLOCK_WORDS * sizeof(w2v_real);
    const size_t step_bytes = capacity * (size_t)stride * sizeof(w2v_real);
    s->first = (int32_t)(V * number / n);
    s->end = (int32_t)(V * (number + 1) / n);
    s->n_blocks = (s->end - s->first + BLOCK_WORDS - 1) / BLOCK_WORDS;
    s->kept = (size_t)s->n_blocks * block <= KEPT_BYTES;
    s->scores = aligned_new((s->kept ? (size_t)s->n_blocks : 1) * block + 1);
    s->block_max = malloc(((size_t)s->n_blocks * capacity + 1) * sizeof *s->block_max);
    s->sum = malloc(capacity * sizeof *s->sum);
    s->max = malloc(capacity * sizeof *s->max);
    s->steps = aligned_new(step_bytes);
    s->factored = aligned_new(step_bytes);
    if (!s->scores || !s->block_max || !s->sum || !s->max || !s->steps || !s->factored) return W2V_ERR_MEMORY;
    memset(s->steps, 0, step_bytes);
    return W2V_OK;
}

static void run_free(softmax_run *run) {
    for (int32_t i = 0; run->shares && i < run->n_shares; i++) {
        aligned_free(run->shares[i].scores);
        free(run->shares[i].block_max);
        free(run->shares[i].sum);
        free(run->shares[i].max);
        aligned_free(run->shares[i].steps);
        aligned_free(run->shares[i].factored);
    }
    free(run->shares);
    free(run->target_scores);
    aligned_free(run->target_rows);
    free(run->input_weights);
    free(run->log_sums);
    aligned_free(run->word_steps);
    w2v_batch_free(&run->batch);
    w2v_walk_free(&run->walk);
}

static w2v_status run_init(softmax_run *run, const int32_t *ids, int64_t n_ids) {
    const w2v_plan *plan = run->plan;
    run->n_shards = w2v_shard_count(n_ids);
    run->n_shares = plan->n_threads < plan->n_words ? plan->n_threads : (int32_t)plan->n_words;
    if (w2v_batch_init(&run->batch, plan) != W2V_OK) return W2V_ERR_MEMORY;
    if (w2v_walk_init(&run->walk, plan, ids, n_ids) != W2V_OK) return W2V_ERR_MEMORY;
    run->target_scores = malloc((size_t)run->batch.capacity * sizeof(w2v_real));
    run->target_rows = aligned_new((size_t)run->batch.capacity * (size_t)plan->stride * sizeof(w2v_real));
    run->input_weights = malloc((size_t)run->batch.capacity * sizeof(w2v_real));
    run->log_sums = malloc((size_t)run->batch.capacity * sizeof(w2v_real));
    run->shares = calloc((size_t)run->n_shares, sizeof *run->shares);
    if (!is_plain(plan)) run->word_steps = aligned_new((size_t)(plan->n_words * plan->stride) * sizeof(w2v_real));
    if ((!run->word_steps && !is_plain(plan)) || !run->target_scores || !run->target_rows ||
        !run->input_weights || !run->log_sums || !run->shares)
        return W2V_ERR_MEMORY;
    for (int32_t i = 0; i < run->n_shares; i++)
        if (share_init(&run->shares[i], run, i) != W2V_OK) return W2V_ERR_MEMORY;
    return W2V_OK;
}

/* Read on until the batch is full or the shard ends. Returns whether there is anything to learn. */
static int fill_batch(softmax_run *run) {
    w2v_progress *progress = run->progress;
    w2v_window window;
    if (flag_get(&progress->stop)) run->status = W2V_ERR_STOPPED;
    while (run->status == W2V_OK) {
        const w2v_real lr = lr_after(run->plan, progress->tokens_done);
        while (w2v_walk_next(&run->walk, &window))
            if (w2v_batch_add(&run->batch, &window, lr)) return 1;
        atomic_add(&progress->tokens_done, run->walk.n_read);
        run->walk.n_read = 0;
        if (w2v_walk_refill(&run->walk)) continue;
        if (run->batch.n_predictions > 0) return 1; /* what has been begun in a shard is finished in it */
        const int64_t shard = shard_claim(progress, run->n_shards);
        if (shard < 0) return 0;
        w2v_walk_start(&run->walk, shard);
    }
    return 0;
}

static int32_t words_of_block(const share *s, int32_t block) {
    const int32_t left = s->end - s->first - block * BLOCK_WORDS;
    return left < BLOCK_WORDS ? left : BLOCK_WORDS;
}

/* Where the scores of a block are, [B, BLOCK_WORDS]. */
static w2v_real *scores_of_block(const softmax_run *run, const share *s, int32_t block) {
    return s->scores + (s->kept ? (int64_t)block * run->batch.capacity * BLOCK_WORDS : 0);
}

/* Score one block of words; returns the block's scores [B, BLOCK_WORDS], those beyond its last word out of sight. */
static w2v_real *score_block(softmax_run *run, share *s, int32_t block) {
    const w2v_plan *plan = run->plan;
    const int32_t B = run->batch.n_inputs, begin = s->first + block * BLOCK_WORDS, n = words_of_block(s, block);
    w2v_real *scores = scores_of_block(run, s, block);
    scores_product(plan->gemm, B, n, row_numbers(plan), run->batch.inputs, plan->out_vecs + begin * plan->stride,
                   (int32_t)plan->stride, scores, BLOCK_WORDS);
    for (int32_t i = 0; i < B && n < BLOCK_WORDS; i++)
        for (int32_t t = n; t < BLOCK_WORDS; t++) scores[(int64_t)i * BLOCK_WORDS + t] = W2V_OUT_OF_SIGHT;
    return scores;
}

/* Once asked to stop, what is left of a batch is left undone: with millions of words it would take seconds. */
static int is_stopping(softmax_run *run) { return flag_get(&run->progress->stop); }

/* dest [stride] = factor * row. */
static void copy_row(const softmax_run *run, w2v_real *row, w2v_real factor, w2v_real *dest) {
    run->kernels->rows_sum(&row, 1, run->plan->stride, factor, dest);
}

/* Keep what learning needs of those targets that are in a block, as they are now. */
static void keep_targets(softmax_run *run, const share *s, int32_t block, const w2v_real *scores) {
    const int32_t begin = s->first + block * BLOCK_WORDS, n = words_of_block(s, block);
    for (int32_t i = 0; i < run->batch.n_predictions; i++) {
        const int32_t id = run->batch.targets[i], place = id - begin;
        if (place < 0 || place >= n) continue;
        run->target_scores[i] = scores[(int64_t)run->batch.input_of[i] * BLOCK_WORDS + place];
        copy_row(run, run->plan->out_vecs + id * run->plan->stride, 1, run->target_rows + i * run->plan->stride);
    }
}

static void sum_exponentials(softmax_run *run, share *s) {
    const w2v_plan *plan = run->plan;
    const int32_t B = run->batch.n_inputs, D = row_numbers(plan), stride = (int32_t)plan->stride;
    for (int32_t i = 0; i < B; i++) s->max[i] = W2V_OUT_OF_SIGHT;
    memset(s->sum, 0, (size_t)B * sizeof *s->sum);
    for (int32_t block = 0; block < s->n_blocks && !is_stopping(run); block++) {
        w2v_real *scores = score_block(run, s, block);
        keep_targets(run, s, block, scores);
        for (int32_t i = 0; i < B; i++) {
            w2v_real *row = scores + (int64_t)i * BLOCK_WORDS;
            const w2v_real most = run->kernels->row_max(row, BLOCK_WORDS);
            if (most > s->max[i]) {
                const double factor = exp((double)(s->max[i] - most));
                s->sum[i] *= factor;
                run->kernels->scale_row(s->steps + (int64_t)i * stride, stride, (w2v_real)factor);
                s->max[i] = most;
            }
            s->block_max[(int64_t)block * run->batch.capacity + i] = s->max[i];
            s->sum[i] += (double)run->kernels->exp_row(row, BLOCK_WORDS, s->max[i]);
        }
        input_steps_product(plan->gemm, B, words_of_block(s, block), D, 1, scores, BLOCK_WORDS,
                            plan->out_vecs + (s->first + (int64_t)block * BLOCK_WORDS) * stride, stride, block > 0,
                            s->steps);
    }
}

/* Once the sums of all shares are known, so are the probabilities, and with them what the inputs learn. */
static void combine_shares(softmax_run *run) {
    const int64_t stride = run->plan->stride;
    w2v_batch *batch = &run->batch;
    const w2v_real factor = step_factor(run->plan, batch->lr);
    if (is_stopping(run)) return;
    memset(batch->steps, 0, (size_t)batch->n_inputs * (size_t)stride * sizeof *batch->steps);
    memset(run->input_weights, 0, (size_t)batch->n_inputs * sizeof *run->input_weights);
    for (int32_t i = 0; i < batch->n_predictions; i++) {
        w2v_real *step = batch->steps + batch->input_of[i] * stride;
        run->input_weights[batch->input_of[i]] += batch->weights[i];
        run->kernels->rows_add(&step, 1, stride, factor * batch->weights[i], run->target_rows + i * stride);
    }
    for (int32_t b = 0; b < batch->n_inputs; b++) {
        w2v_real most = W2V_OUT_OF_SIGHT, *step = batch->steps + b * stride;
        double sum = 0;
        for (int32_t n = 0; n < run->n_shares; n++)
            if (run->shares[n].max[b] > most) most = run->shares[n].max[b];
        for (int32_t n = 0; n < run->n_shares; n++)
            sum += run->shares[n].sum[b] * exp((double)(run->shares[n].max[b] - most));
        const double log_sum = (double)most + log(sum);
        run->log_sums[b] = (w2v_real)log_sum;
        for (int32_t n = 0; n < run->n_shares; n++) {
            const w2v_real part = (w2v_real)exp((double)run->shares[n].max[b] - log_sum);
            run->kernels->rows_add(&step, 1, stride, -factor * run->input_weights[b] * part,
                                   run->shares[n].steps + b * stride);
        }
    }
    for (int32_t i = 0; i < batch->n_predictions; i++)
        run->progress->loss += (double)run->log_sums[batch->input_of[i]] - (double)run->target_scores[i];
    run->progress->n_predictions += batch->n_predictions;
    if (!isfinite(run->progress->loss)) run->status = W2V_ERR_DIVERGED;
}

/* The gradient of the loss by a score is the word's probability, less 1 for the target. What words learn goes to them
 * at once, or to `word_steps`. */
static void learn_words(softmax_run *run, share *s) {
    const w2v_plan *plan = run->plan;
    const w2v_batch *batch = &run->batch;
    const int32_t B = batch->n_inputs, D = row_numbers(plan), stride = (int32_t)plan->stride;
    const w2v_real factor = step_factor(plan, batch->lr);
    w2v_real *words = run->word_steps ? run->word_steps : plan->out_vecs;
    if (run->word_steps)
        memset(words + (int64_t)s->first * stride, 0, (size_t)(s->end - s->first) * (size_t)stride * sizeof *words);
    for (int32_t block = 0; block < s->n_blocks && !is_stopping(run); block++) {
        w2v_real *exponentials = s->kept ? scores_of_block(run, s, block) : score_block(run, s, block);
        for (int32_t i = 0; i < B; i++) {
            const w2v_real known = s->kept ? s->block_max[(int64_t)block * batch->capacity + i] : run->log_sums[i];
            const double probability_of_1 = exp((double)(known - run->log_sums[i]));
            if (!s->kept) run->kernels->exp_row(exponentials + (int64_t)i * BLOCK_WORDS, BLOCK_WORDS, known);
            copy_row(run, batch->inputs + (int64_t)i * stride,
                     -factor * run->input_weights[i] * (w2v_real)probability_of_1, s->factored + (int64_t)i * stride);
        }
        target_steps_product(plan->gemm, B, words_of_block(s, block), D, 1, exponentials, BLOCK_WORDS, s->factored,
                             stride, 1, words + (s->first + (int64_t)block * BLOCK_WORDS) * stride);
    }
    for (int32_t i = 0; i < batch->n_predictions && !is_stopping(run); i++) {
        w2v_real *row = words + (int64_t)batch->targets[i] * stride;
        if (batch->targets[i] >= s->first && batch->targets[i] < s->end)
            run->kernels->rows_add(&row, 1, stride, factor * batch->weights[i],
                                   batch->inputs + (int64_t)batch->input_of[i] * stride);
    }
}

/* Where the plan is not plain, rows move only now, when the length of all steps together can be known. */

static void measure_words(softmax_run *run, share *s) {
    const int64_t stride = run->plan->stride;
    const w2v_real *end = run->word_steps + s->end * stride;
    s->squared = 0;
    if (run->plan->clip_norm <= 0) return;
    for (const w2v_real *row = run->word_steps + s->first * stride; row < end; row += stride)
        s->squared += (double)run->kernels->dot(row, row, stride);
}

static void move_inputs(softmax_run *run) {
    w2v_batch *batch = &run->batch;
    run->moving = 0;
    if (is_stopping(run)) return;
    w2v_batch_scatter(batch);
    double squared = w2v_optimizer_squared(&batch->optimizer);
    for (int32_t n = 0; n < run->n_shares; n++) squared += run->shares[n].squared;
    run->move = w2v_move_of(run->plan, batch->lr, squared);
    w2v_optimizer_move_by(&batch->optimizer, &run->move);
    run->moving = run->word_steps != NULL;
}

static void move_words(softmax_run *run, const share *s) {
    w2v_optimizer_run *optimizer = &run->batch.optimizer;
    for (int64_t id = s->first; id < s->end; id++)
        w2v_row_move(optimizer, row_of(&optimizer->out.vectors, id), row_of(&optimizer->out.states, id),
                     run->word_steps + id * run->plan->stride, &run->move);
}

/* What each thread does; those beyond the number that OpenMP grants do not exist, so shares are dealt out in turn. */
static void work(softmax_run *run, int *going) {
    const int32_t first = omp_get_thread_num(), step = omp_get_num_threads();
    for (;;) {
        W2V_OMP("omp single")
        {
            *going = fill_batch(run);
            if (*going) w2v_batch_gather(&run->batch);
        }
        if (!*going) break;
        for (int32_t n = first; n < run->n_shares; n += step) sum_exponentials(run, &run->shares[n]);
        W2V_OMP("omp barrier")
        W2V_OMP("omp single")
        combine_shares(run);
        for (int32_t n = first; n < run->n_shares; n += step) {
            learn_words(run, &run->shares[n]);
            if (run->word_steps) measure_words(run, &run->shares[n]);
        }
        W2V_OMP("omp barrier")
        W2V_OMP("omp single")
        move_inputs(run);
        for (int32_t n = first; n < run->n_shares && run->moving; n += step) move_words(run, &run->shares[n]);
    }
}

w2v_status w2v_softmax_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress) {
    softmax_run run = {.plan = plan, .kernels = w2v_kernels_get(), .progress = progress};
    int going = 0;
    run.status = run_init(&run, ids, n_ids);
    if (run.status == W2V_OK) {
        W2V_OMP("omp parallel num_threads(run.n_shares)")
        work(&run, &going);
    }
    run_free(&run);
    return run.status;
}
