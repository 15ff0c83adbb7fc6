/* softmax.c: one epoch under the full softmax: all threads work on the same batch, each on its share of the words.
 *
 * A thread scores its words, block by block, for all inputs of the batch, keeping for each input the largest score, the
 * sum of exponentials beneath it (online log-sum-exp; Milakov & Gimelshein, 2018) and, while a block's exponentials are
 * still in the cache, the sum of words that they weigh: what the words teach the input, but for a factor. When all have
 * done so the probabilities are known, and each thread moves its words; the factors go on the inputs, so that nobody
 * has to pass over the exponentials again. Inputs are columns here: a row of scores is that of a word, and what is said
 * of each input is said of whole vectors of them. Rows belong to one thread, so nothing races, and a run is repeated
 * exactly by the same number of threads, or, where shares are fixed (deterministic), by any. Exponentials are kept
 * between the two passes where they take at most KEPT_BYTES a thread; beyond, scores are computed again, so that memory
 * does not grow with words x inputs. */
#include "softmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "atomics.h"
#include "batch.h"
#include "buffer.h"
#include "matrix.h"
#include "shards.h"

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
static int omp_get_num_threads(void) { return 1; }
#endif

/* A block's exponentials of one strip of inputs fit the first-level cache; 132 words are whole blocks of registers for
 * every instruction set. */
enum { BLOCK_WORDS = 132, KEPT_BYTES = 1 << 26 };

/* Shares of a repeatable epoch, whatever the number of threads; they are whole blocks, and keep less each. */
enum { MOST_SHARES = 16, KEPT_BYTES_OF_MANY = KEPT_BYTES / 8 };

typedef struct {
    int32_t first, end, n_blocks; /* this thread's words, in blocks of BLOCK_WORDS */
    int kept;                     /* are the exponentials of all blocks kept? */
    w2v_real *scores;             /* [n_blocks or 1][BLOCK_WORDS, room] */
    w2v_real *block_max;          /* [n_blocks][room] what the exponentials of a block are relative to */
    w2v_real *max;                /* [room] the largest score of each input ... */
    double *sum;                  /* [room] ... and the sum of exponentials relative to it */
    w2v_real *block_sum;          /* [room] that of one block */
    w2v_real *rescale;            /* [room] what sums that are relative to an older maximum must be multiplied by */
    w2v_real *steps_by_number;    /* [stride, room] the sum of words by these exponentials, a column an input ... */
    w2v_real *steps;              /* [capacity, stride] ... and turned about */
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
    int64_t room;            /* from one row to the next where inputs are columns */
    w2v_real *columns;       /* [stride, room] the inputs of the batch as columns */
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

static w2v_real *reals_new(int64_t n) {
    w2v_real *reals = aligned_new((size_t)n * sizeof *reals + 1);
    if (reals) memset(reals, 0, (size_t)n * sizeof *reals);
    return reals;
}

static w2v_status share_init(share *s, const softmax_run *run, int32_t number) {
    const int64_t V = run->plan->n_words, n = run->n_shares, stride = run->plan->stride, room = run->room;
    const int64_t capacity = run->batch.capacity, block = BLOCK_WORDS * room;
    const int64_t kept_bytes = run->plan->is_repeatable ? KEPT_BYTES_OF_MANY : KEPT_BYTES;
    const int64_t unit = run->plan->is_repeatable ? BLOCK_WORDS : 1, n_units = (V + unit - 1) / unit;
    s->first = (int32_t)(n_units * number / n * unit);
    s->end = number + 1 < n ? (int32_t)(n_units * (number + 1) / n * unit) : (int32_t)V;
    s->n_blocks = (s->end - s->first + BLOCK_WORDS - 1) / BLOCK_WORDS;
    s->kept = s->n_blocks * block * (int64_t)sizeof(w2v_real) <= kept_bytes;
    s->scores = reals_new((s->kept ? s->n_blocks : 1) * block);
    s->block_max = reals_new(s->n_blocks * room);
    s->max = reals_new(room);
    s->sum = malloc((size_t)room * sizeof *s->sum);
    s->block_sum = reals_new(room);
    s->rescale = reals_new(room);
    s->steps_by_number = reals_new(stride * room);
    s->steps = reals_new(capacity * stride);
    s->factored = reals_new(capacity * stride);
    return s->scores && s->block_max && s->max && s->sum && s->block_sum && s->rescale && s->steps_by_number &&
                   s->steps && s->factored
               ? W2V_OK
               : W2V_ERR_MEMORY;
}

static void run_free(softmax_run *run) {
    for (int32_t i = 0; run->shares && i < run->n_shares; i++) {
        share *s = &run->shares[i];
        w2v_real *reals[] = {s->scores,  s->block_max,       s->max,   s->block_sum,
                             s->rescale, s->steps_by_number, s->steps, s->factored};
        for (size_t k = 0; k < sizeof reals / sizeof *reals; k++) aligned_free(reals[k]);
        free(s->sum);
    }
    free(run->shares);
    aligned_free(run->columns);
    free(run->target_scores);
    aligned_free(run->target_rows);
    free(run->input_weights);
    aligned_free(run->log_sums);
    aligned_free(run->word_steps);
    w2v_batch_free(&run->batch);
    w2v_walk_free(&run->walk);
}

static w2v_status run_init(softmax_run *run, const int32_t *ids, int64_t n_ids) {
    const w2v_plan *plan = run->plan;
    run->n_shards = w2v_shard_count(n_ids);
    const int64_t n_blocks = (plan->n_words + BLOCK_WORDS - 1) / BLOCK_WORDS;
    const int64_t n_shares = plan->is_repeatable ? MOST_SHARES : plan->n_threads;
    const int64_t most_shares = plan->is_repeatable ? n_blocks : plan->n_words;
    run->n_shares = (int32_t)(n_shares < most_shares ? n_shares : most_shares);
    if (w2v_batch_init(&run->batch, plan) != W2V_OK) return W2V_ERR_MEMORY;
    if (w2v_walk_init(&run->walk, plan, ids, n_ids) != W2V_OK) return W2V_ERR_MEMORY;
    run->room = odd_room(run->batch.capacity);
    run->columns = reals_new(plan->stride * run->room);
    run->target_scores = malloc((size_t)run->batch.capacity * sizeof(w2v_real));
    run->target_rows = aligned_new((size_t)run->batch.capacity * (size_t)plan->stride * sizeof(w2v_real));
    run->input_weights = malloc((size_t)run->batch.capacity * sizeof(w2v_real));
    run->log_sums = reals_new(run->room);
    run->shares = calloc((size_t)run->n_shares, sizeof *run->shares);
    if (!is_plain(plan)) run->word_steps = aligned_new((size_t)(plan->n_words * plan->stride) * sizeof(w2v_real));
    if ((!run->word_steps && !is_plain(plan)) || !run->columns || !run->target_scores || !run->target_rows ||
        !run->input_weights || !run->log_sums || !run->shares)
        return W2V_ERR_MEMORY;
    for (int32_t i = 0; i < run->n_shares; i++)
        if (share_init(&run->shares[i], run, i) != W2V_OK) return W2V_ERR_MEMORY;
    return W2V_OK;
}

/* Read on until the batch is full or the shard ends. Returns whether there is anything to learn. */
static int fill_batch(softmax_run *run) {
    w2v_progress *progress = run->progress;
    const w2v_window *window;
    if (flag_get(&progress->stop)) run->status = W2V_ERR_STOPPED;
    while (run->status == W2V_OK) {
        const w2v_real lr = lr_after(run->plan, progress->tokens_done);
        while ((window = w2v_walk_next(&run->walk)))
            if (w2v_batch_add(&run->batch, &run->walk, window, lr)) return 1;
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

/* The words of a block, [BLOCK_WORDS, stride]. */
static w2v_real *words_at(const softmax_run *run, const share *s, w2v_real *matrix, int32_t block) {
    return matrix + (s->first + (int64_t)block * BLOCK_WORDS) * run->plan->stride;
}

/* Where the scores of a block are, [BLOCK_WORDS, room]. */
static w2v_real *scores_at(const softmax_run *run, const share *s, int32_t block) {
    return s->scores + (s->kept ? (int64_t)block * BLOCK_WORDS * run->room : 0);
}

/* Score one block of words for all inputs. */
static w2v_real *score_block(const softmax_run *run, share *s, int32_t block) {
    w2v_real *scores = scores_at(run, s, block);
    const w2v_product words_by_inputs = {
        .n_rows = words_of_block(s, block),
        .n_columns = run->batch.n_inputs,
        .n_terms = row_numbers(run->plan),
        .scale = 1,
        .a = words_at(run, s, run->plan->out_vecs, block),
        .a_row = run->plan->stride,
        .a_term = 1,
        .b = run->columns,
        .b_term = run->room,
        .c = scores,
        .c_row = run->room,
    };
    run->kernels->product(&words_by_inputs);
    return scores;
}

/* Once asked to stop, what is left of a batch is left undone: with millions of words it would take seconds. */
static int is_stopping(softmax_run *run) { return flag_get(&run->progress->stop); }

/* dest [stride] = factor * row. */
static void copy_row(const softmax_run *run, w2v_real *row, w2v_real factor, w2v_real *dest) {
    row_scale(run->kernels, row, run->plan->stride, factor, dest);
}

/* Keep what learning needs of those targets that are in a block, as they are now. */
static void keep_targets(softmax_run *run, const share *s, int32_t block, const w2v_real *scores) {
    const int32_t begin = s->first + block * BLOCK_WORDS, n = words_of_block(s, block);
    for (int32_t i = 0; i < run->batch.n_predictions; i++) {
        const int32_t id = run->batch.targets[i], place = id - begin;
        if (place < 0 || place >= n) continue;
        run->target_scores[i] = scores[place * run->room + run->batch.input_of[i]];
        copy_row(run, run->plan->out_vecs + id * run->plan->stride, 1, run->target_rows + i * run->plan->stride);
    }
}

/* Where a block has larger scores than those before, what was summed so far becomes relative to them. */
static void raise_max(const softmax_run *run, share *s, const w2v_real *scores, int32_t n) {
    const int32_t B = run->batch.n_inputs;
    int raised = 0;
    memcpy(s->rescale, s->max, (size_t)B * sizeof *s->max);
    run->kernels->columns_max(scores, n, B, run->room, s->max);
    for (int32_t i = 0; i < B; i++) {
        const w2v_real before = s->rescale[i];
        s->rescale[i] = 1;
        if (!(s->max[i] > before)) continue;
        const double factor = exp((double)(before - s->max[i]));
        s->rescale[i] = (w2v_real)factor;
        s->sum[i] *= factor;
        raised = 1;
    }
    if (raised) run->kernels->columns_scale(s->steps_by_number, run->plan->stride, B, run->room, s->rescale);
}

static void sum_exponentials(softmax_run *run, share *s) {
    const w2v_plan *plan = run->plan;
    const int32_t B = run->batch.n_inputs, D = row_numbers(plan);
    for (int32_t i = 0; i < B; i++) s->max[i] = W2V_OUT_OF_SIGHT;
    memset(s->sum, 0, (size_t)B * sizeof *s->sum);
    for (int32_t block = 0; block < s->n_blocks && !is_stopping(run); block++) {
        const int32_t n = words_of_block(s, block);
        w2v_real *scores = score_block(run, s, block);
        keep_targets(run, s, block, scores);
        raise_max(run, s, scores, n);
        memcpy(s->block_max + block * run->room, s->max, (size_t)B * sizeof *s->max);
        run->kernels->columns_exp(scores, n, B, run->room, s->max, s->block_sum);
        for (int32_t i = 0; i < B; i++) s->sum[i] += (double)s->block_sum[i];
        const w2v_product numbers_by_inputs = {
            .n_rows = D,
            .n_columns = B,
            .n_terms = n,
            .scale = 1,
            .keep = block > 0,
            .a = words_at(run, s, plan->out_vecs, block),
            .a_row = 1,
            .a_term = plan->stride,
            .b = scores,
            .b_term = run->room,
            .c = s->steps_by_number,
            .c_row = run->room,
        };
        run->kernels->product(&numbers_by_inputs);
    }
    transpose(s->steps_by_number, D, B, run->room, s->steps, plan->stride);
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
        row_add(run->kernels, run->target_rows + i * stride, stride, factor * batch->weights[i], step);
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
            row_add(run->kernels, run->shares[n].steps + b * stride, stride, -factor * run->input_weights[b] * part,
                    step);
        }
    }
    for (int32_t i = 0; i < batch->n_predictions; i++)
        sum_add(&run->progress->loss, (double)run->log_sums[batch->input_of[i]] - (double)run->target_scores[i]);
    atomic_add(&run->progress->n_predictions, batch->n_predictions);
    if (!isfinite(run->progress->loss)) run->status = W2V_ERR_DIVERGED;
}

/* Multiply each input by what makes the block's exponentials of it probabilities, and by what its gradients count. */
static void factor_inputs(const softmax_run *run, share *s, const w2v_real *relative_to) {
    const w2v_batch *batch = &run->batch;
    const int64_t stride = run->plan->stride;
    const w2v_real factor = step_factor(run->plan, batch->lr);
    for (int32_t i = 0; i < batch->n_inputs; i++) {
        const w2v_real probability_of_1 = (w2v_real)exp((double)(relative_to[i] - run->log_sums[i]));
        copy_row(run, batch->inputs + i * stride, -factor * run->input_weights[i] * probability_of_1,
                 s->factored + i * stride);
    }
}

/* The gradient of the loss by a score is the word's probability, less 1 for the target. What words learn goes to them
 * at once, or to `word_steps`. */
static void learn_words(softmax_run *run, share *s) {
    const w2v_plan *plan = run->plan;
    const w2v_batch *batch = &run->batch;
    const int32_t B = batch->n_inputs, D = row_numbers(plan), stride = (int32_t)plan->stride;
    const w2v_real factor = step_factor(plan, batch->lr);
    const w2v_real *relative_to = NULL;
    w2v_real *words = run->word_steps ? run->word_steps : plan->out_vecs;
    if (run->word_steps)
        memset(words + (int64_t)s->first * stride, 0, (size_t)(s->end - s->first) * (size_t)stride * sizeof *words);
    for (int32_t block = 0; block < s->n_blocks && !is_stopping(run); block++) {
        const int32_t n = words_of_block(s, block);
        const w2v_real *now_relative_to = s->kept ? s->block_max + block * run->room : run->log_sums;
        w2v_real *exponentials = s->kept ? scores_at(run, s, block) : score_block(run, s, block);
        if (!s->kept) run->kernels->columns_exp(exponentials, n, B, run->room, run->log_sums, s->block_sum);
        if (!relative_to || memcmp(relative_to, now_relative_to, (size_t)B * sizeof *relative_to) != 0)
            factor_inputs(run, s, now_relative_to);
        relative_to = now_relative_to;
        const w2v_product words_by_numbers = {
            .n_rows = n,
            .n_columns = D,
            .n_terms = B,
            .scale = 1,
            .keep = 1,
            .a = exponentials,
            .a_row = run->room,
            .a_term = 1,
            .b = s->factored,
            .b_term = stride,
            .c = words_at(run, s, words, block),
            .c_row = stride,
        };
        run->kernels->product(&words_by_numbers);
    }
    for (int32_t i = 0; i < batch->n_predictions && !is_stopping(run); i++) {
        w2v_real *row = words + (int64_t)batch->targets[i] * stride;
        if (batch->targets[i] >= s->first && batch->targets[i] < s->end)
            row_add(run->kernels, batch->inputs + (int64_t)batch->input_of[i] * stride, stride,
                    factor * batch->weights[i], row);
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
            if (*going) {
                w2v_batch_gather(&run->batch);
                transpose(run->batch.inputs, run->batch.n_inputs, run->plan->stride, run->plan->stride, run->columns,
                          run->room);
            }
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
        const int32_t n_threads = plan->n_threads < run.n_shares ? plan->n_threads : run.n_shares;
        (void)n_threads; /* of a serial build */
        W2V_OMP("omp parallel num_threads(n_threads)")
        work(&run, &going);
    }
    run_free(&run);
    return run.status;
}
