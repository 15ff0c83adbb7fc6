/* train.c: one epoch: threads that claim shards, walk them, and learn window by window.
 *
 * Shards are claimed in order (shards.h), so fast threads do more of them and one thread walks the corpus from
 * front to back. Threads share the matrices (see kernels_body.h on races) and meet under one lock to merge
 * their hot rows and to report. Nothing is allocated once the first token has been read. */
#include <math.h>
#include <stdlib.h>

#include "atomics.h"
#include "learn.h"
#include "sampled.h"
#include "shards.h"
#include "slices.h"
#include "softmax.h"

#ifdef _OPENMP
#include <omp.h>
#else
typedef int omp_lock_t;
static void omp_init_lock(omp_lock_t *lock) { *lock = 0; }
static void omp_destroy_lock(omp_lock_t *lock) { (void)lock; }
static void omp_set_lock(omp_lock_t *lock) { (void)lock; }
static void omp_unset_lock(omp_lock_t *lock) { (void)lock; }
#endif

enum { MERGE_TOKENS = 20000 };

typedef struct {
    const w2v_plan *plan;
    const int32_t *ids;
    int64_t n_ids, n_shards;
    int32_t n_threads;
    w2v_progress *progress;
    int32_t status;     /* atomic: a w2v_status */
    omp_lock_t lock;
} epoch_run;

/* Losses with few targets learn window by window, those with many batch by batch. */
typedef struct {
    w2v_walk walk;
    w2v_sampled sampled; /* if is_batched(plan); else: */
    w2v_learner learner;
    w2v_problem problems[2]; /* one that windows are being added to, ... */
    int newest;              /* ... problems[newest], and one that is closed, or empty: it is learnt while rows of the
                              * other are fetched */
    int64_t tokens_since_merge;
} worker;

static void worker_free(worker *w) {
    w2v_walk_free(&w->walk);
    w2v_sampled_free(&w->sampled);
    w2v_learner_free(&w->learner);
    for (int i = 0; i < 2; i++) w2v_problem_free(&w->problems[i]);
}

static w2v_status worker_init(worker *w, const epoch_run *run) {
    const int batched = is_batched(run->plan);
    *w = (worker){0};
    w2v_status status = w2v_walk_init(&w->walk, run->plan, run->ids, run->n_ids);
    if (status == W2V_OK && batched) status = w2v_sampled_init(&w->sampled, run->plan);
    if (status == W2V_OK && !batched) status = w2v_learner_init(&w->learner, run->plan);
    for (int i = 0; status == W2V_OK && !batched && i < 2; i++)
        status = w2v_problem_init(&w->problems[i], run->plan);
    if (status != W2V_OK) worker_free(w);
    return status;
}

/* Merge hot rows and add to the sums that the caller sees. */
static void report(epoch_run *run, worker *w) {
    const int batched = is_batched(run->plan);
    double *loss = batched ? &w->sampled.loss : &w->learner.loss;
    int64_t *n_predictions = batched ? &w->sampled.n_predictions : &w->learner.n_predictions;
    const double mean = 1.0 / run->n_threads, share = run->plan->hot_share;
    omp_set_lock(&run->lock);
    w2v_optimizer_merge(&w->learner.optimizer, (w2v_real)(share < mean ? share : mean));
    w2v_sampled_merge(&w->sampled, mean);
    sum_add(&run->progress->loss, *loss);
    atomic_add(&run->progress->n_predictions, *n_predictions);
    if (!isfinite(run->progress->loss)) flag_set(&run->status, W2V_ERR_DIVERGED);
    omp_unset_lock(&run->lock);
    *loss = 0;
    *n_predictions = 0;
    w->tokens_since_merge = 0;
}

/* Learn from the problem that is closed, if one is, while the rows of `newest` (or NULL) are fetched. */
static void learn_closed(worker *w, const w2v_problem *newest) {
    w2v_problem *closed = &w->problems[!w->newest];
    if (closed->n_windows) w2v_problem_learn(&w->learner, closed, newest);
}

/* The problem that windows are being added to is complete: choose its targets, and learn what has waited. */
static void close_newest(worker *w) {
    w2v_problem *newest = &w->problems[w->newest];
    w2v_problem_close(newest, &w->walk, &w->learner.choice);
    learn_closed(w, newest);
    w->newest = !w->newest;
}

static void learn_ready_windows(const epoch_run *run, worker *w, w2v_real lr) {
    const w2v_window *window;
    if (is_batched(run->plan)) {
        while ((window = w2v_walk_next(&w->walk))) {
            if (!w2v_batch_add(&w->sampled.batch, &w->walk, window, lr)) continue;
            w2v_sampled_learn(&w->sampled);
            if (flag_get(&run->progress->stop)) return; /* a piece of text may be seconds of work */
        }
        return;
    }
    w2v_choice *choice = &w->learner.choice;
    while ((window = w2v_choice_next(choice, &w->walk)))
        if (w2v_problem_add(&w->problems[w->newest], choice, window, lr)) close_newest(w);
    learn_closed(w, NULL); /* before the walk forgets the contexts of this piece */
}

/* What has been begun in a shard is finished in it. */
static void finish(const epoch_run *run, worker *w) {
    if (is_batched(run->plan)) {
        w2v_sampled_learn(&w->sampled);
        return;
    }
    if (w->problems[w->newest].n_windows) close_newest(w);
    learn_closed(w, NULL);
    w2v_learner_finish(&w->learner);
}

static void learn_shard(epoch_run *run, worker *w, int64_t shard) {
    w2v_walk_start(&w->walk, shard);
    if (is_batched(run->plan)) w2v_sampled_start(&w->sampled, shard);
    else w2v_choice_start(&w->learner.choice, shard);
    while (w2v_walk_refill(&w->walk)) {
        if (flag_get(&run->progress->stop)) flag_set(&run->status, W2V_ERR_STOPPED);
        if (flag_get(&run->status) != W2V_OK) break;
        learn_ready_windows(run, w, lr_after(run->plan, atomic_get(&run->progress->tokens_done)));
        atomic_add(&run->progress->tokens_done, w->walk.n_read);
        w->tokens_since_merge += w->walk.n_read;
        w->walk.n_read = 0;
        if (w->tokens_since_merge >= MERGE_TOKENS) report(run, w);
    }
    finish(run, w);
    report(run, w); /* so that where sums are rounded does not depend on where the epoch pauses */
}

static void work(epoch_run *run) {
    worker w;
    int64_t shard;
    w2v_status status = worker_init(&w, run);
    if (status != W2V_OK) {
        flag_set(&run->status, status);
        return;
    }
    while (flag_get(&run->status) == W2V_OK && (shard = shard_claim(run->progress, run->n_shards)) >= 0)
        learn_shard(run, &w, shard);
    worker_free(&w);
}

w2v_status w2v_train_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress) {
    epoch_run run = {.plan = plan, .ids = ids, .n_ids = n_ids, .progress = progress};
    if (n_ids < 1) return W2V_OK;
    if (plan->loss == W2V_SOFTMAX) return w2v_softmax_epoch(plan, ids, n_ids, progress);
    if (is_sliced(plan)) return w2v_slices_epoch(plan, ids, n_ids, progress);
    run.n_shards = w2v_shard_count(n_ids);
    run.n_threads = plan->n_threads < run.n_shards ? plan->n_threads : (int32_t)run.n_shards;
    if (plan->is_repeatable) run.n_threads = 1; /* nothing races */
    omp_init_lock(&run.lock);
#ifdef _OPENMP
#pragma omp parallel num_threads(run.n_threads)
#pragma omp single
    run.n_threads = omp_get_num_threads(); /* may be fewer than asked for */
#pragma omp parallel num_threads(run.n_threads)
#else
    run.n_threads = 1;
#endif
    work(&run);
    omp_destroy_lock(&run.lock);
    return (w2v_status)run.status;
}
