/* slices.c: see slices.h. */
#include "slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "atomics.h"
#include "barrier.h"
#include "buffer.h"
#include "shards.h"
#include "together.h"

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
static int omp_get_num_threads(void) { return 1; }
#endif

/* Summing up a slice's part of a score costs as much as multiplying 16 numbers: shorter slices are not worth it. */
enum { SLICE_NUMBERS = 32, MOST_SLICES = 8 };
/* While one group is learnt and the next one scored, the last thread may be choosing the one after them, and another
 * thread still be learning from the one before. */
enum { GROUPS = 4 };

typedef struct {
    const w2v_plan *plan;
    const w2v_kernels *kernels;
    w2v_progress *progress;
    w2v_chooser chooser;     /* the last thread's */
    w2v_group groups[GROUPS];
    int32_t n_slices;
    w2v_real *parts[2];      /* [n_slices, room] of the scores of this group and the next */
    int64_t room;
    w2v_real *scratch;       /* [n_slices, scratch_room] each thread's own */
    int64_t scratch_room;
    w2v_real **rows;         /* [n_slices, 2W] the same */
    w2v_barrier barrier;
    int64_t shard, n_shards; /* shard is -1 when there is nothing more to do */
    w2v_status verdicts[2];  /* of the last thread: whether to go on with this group and the next */
    w2v_status status;
} slices_run;

/* A thread, and what it works on. */
typedef struct {
    slices_run *run;
    int is_last;
    int32_t first_slice, end_slice;
    int64_t from, to; /* the numbers of a row in these slices */
    int64_t step;     /* how often it has met the others */
    int64_t group;    /* number of the group it works on */
    w2v_real *scratch, **rows;
    double loss;
    int64_t n_predictions;
} hand;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Earlier slices, and the slices of earlier threads, are larger where the division leaves something over. */
static int64_t slice_start(const slices_run *run, int32_t slice) {
    return ceil_div(run->plan->stride / W2V_ROW_ALIGN * slice, run->n_slices) * W2V_ROW_ALIGN;
}

static w2v_group *group_at(slices_run *run, int64_t number) { return &run->groups[number % GROUPS]; }

static void meet(hand *h) {
    barrier_arrive(&h->run->barrier);
    barrier_wait(&h->run->barrier, h->step++);
}

/* ---- a group ---- */

/* Rows from this thread's first number on: for kernels that do not know of slices. */
static w2v_real *const *shifted(const hand *h, w2v_real *const *rows, int32_t n) {
    for (int32_t i = 0; i < n; i++) h->rows[i] = rows[i] + h->from;
    return h->rows;
}

static void make_hidden(const hand *h, w2v_group *group) {
    const w2v_plan *plan = h->run->plan;
    const int32_t G = windows_together(plan);
    for (int32_t k = 0; k < group->n_problems; k++) {
        const w2v_problem *problem = &group->problems[k];
        w2v_real **hidden = hidden_of(group, k, G);
        for (int32_t g = 0; g < problem->n_windows; g++) {
            const int32_t start = problem->context_starts[g], n = problem->context_starts[g + 1] - start;
            h->run->kernels->rows_sum(shifted(h, problem->contexts + start, n), n, h->to - h->from,
                                      scale_of(plan->hidden_scale, n), hidden[g] + h->from);
            memset(hidden[G + g] + h->from, 0, (size_t)(h->to - h->from) * sizeof(w2v_real));
        }
    }
}

static void spread_hidden(const hand *h, w2v_group *group) {
    const w2v_plan *plan = h->run->plan;
    const int32_t G = windows_together(plan);
    for (int32_t k = 0; k < group->n_problems; k++) {
        const w2v_problem *problem = &group->problems[k];
        w2v_real **steps = hidden_of(group, k, G) + G;
        for (int32_t g = 0; g < problem->n_windows; g++) {
            const int32_t start = problem->context_starts[g], n = problem->context_starts[g + 1] - start;
            h->run->kernels->rows_add(shifted(h, problem->contexts + start, n), n, h->to - h->from,
                                      scale_of(plan->context_scale, n), steps[g] + h->from);
        }
    }
}

static void score_group(const hand *h, int64_t number) {
    slices_run *run = h->run;
    w2v_group *group = group_at(run, number);
    if (run->plan->model == W2V_CBOW) make_hidden(h, group);
    for (int32_t t = 0; t < group->n_tiles; t++)
        for (int32_t s = h->first_slice; s < h->end_slice; s++)
            run->kernels->tile_scores(&group->tiles[t], slice_start(run, s), slice_start(run, s + 1),
                                      run->parts[number % 2] + s * run->room + group->starts[t]);
}

/* Bring near what a later group needs; its targets are fetched by the kernel. */
static void fetch_inputs(const hand *h, const w2v_problem *later) {
    for (int32_t i = 0; i < later->n_contexts; i++)
        row_prefetch(later->contexts[i] + h->from, (size_t)(h->to - h->from) * sizeof(w2v_real));
}

static void learn_group(hand *h, int64_t number) {
    slices_run *run = h->run;
    w2v_group *group = group_at(run, number), *later = group_at(run, number + 1);
    w2v_parts parts = {.n = run->n_slices, .apart = run->room};
    for (int32_t t = 0; t < group->n_tiles; t++) {
        w2v_tile tile = group->tiles[t];
        tile.scratch = h->scratch;
        tile.fetch = t < later->n_tiles ? later->tiles[t].targets : NULL;
        if (t < later->n_problems) fetch_inputs(h, &later->problems[t]);
        parts.first = run->parts[number % 2] + group->starts[t];
        h->loss += run->kernels->tile_steps(&tile, h->from, h->to, &parts, group->lr);
    }
    for (int32_t k = 0; k < group->n_problems; k++) h->n_predictions += group->problems[k].n_predictions;
    if (run->plan->model == W2V_CBOW) spread_hidden(h, group);
}

/* ---- the last thread's additional duties ---- */

static void choose_group(const hand *h, int64_t number) {
    if (h->is_last) w2v_chooser_fill(&h->run->chooser, group_at(h->run, number));
}

/* Report, and judge whether to go on. All threads have the same sums. */
static void judge(hand *h, int64_t number) {
    w2v_progress *progress = h->run->progress;
    if (!h->is_last) return;
    sum_add(&progress->loss, h->loss);
    atomic_add(&progress->n_predictions, h->n_predictions);
    h->loss = 0;
    h->n_predictions = 0;
    atomic_add(&progress->tokens_done, h->run->chooser.tokens_done - progress->tokens_done);
    h->run->verdicts[number % 2] = flag_get(&progress->stop)       ? W2V_ERR_STOPPED
                                   : isfinite(progress->loss) ? W2V_OK
                                                              : W2V_ERR_DIVERGED;
}

static void choose_shard(hand *h) {
    slices_run *run = h->run;
    meet(h); /* nobody works on the last one any more */
    if (h->is_last) {
        judge(h, 0);
        run->status = run->verdicts[0];
        run->shard = run->status == W2V_OK ? shard_claim(run->progress, run->n_shards) : -1;
        if (run->shard >= 0) w2v_chooser_start(&run->chooser, run->shard);
        for (int k = 0; k < 2 && run->shard >= 0; k++) choose_group(h, h->group + k);
    }
    meet(h);
}

/* ---- all threads ---- */

static void learn_shard(hand *h) {
    slices_run *run = h->run;
    score_group(h, h->group);
    while (group_at(run, h->group)->n_tiles) {
        judge(h, h->group);
        barrier_arrive(&run->barrier);
        choose_group(h, h->group + 2);
        barrier_wait(&run->barrier, h->step++);
        if (run->verdicts[h->group % 2] != W2V_OK) break;
        learn_group(h, h->group++);
        score_group(h, h->group);
    }
}

static void work(slices_run *run) {
    const int32_t thread = omp_get_thread_num(), n = (int32_t)run->barrier.n_threads;
    hand h = {.run = run, .is_last = thread == n - 1};
    h.first_slice = (int32_t)ceil_div((int64_t)run->n_slices * thread, n);
    h.end_slice = (int32_t)ceil_div((int64_t)run->n_slices * (thread + 1), n);
    h.from = slice_start(run, h.first_slice);
    h.to = slice_start(run, h.end_slice);
    h.scratch = run->scratch + thread * run->scratch_room;
    h.rows = run->rows + thread * 2 * (int64_t)run->plan->window;
    for (choose_shard(&h); run->shard >= 0; choose_shard(&h)) learn_shard(&h);
}

static void run_free(slices_run *run) {
    w2v_chooser_free(&run->chooser);
    for (int k = 0; k < GROUPS; k++) w2v_group_free(&run->groups[k]);
    for (int k = 0; k < 2; k++) aligned_free(run->parts[k]);
    aligned_free(run->scratch);
    free(run->rows);
}

static w2v_status run_init(slices_run *run, const int32_t *ids, int64_t n_ids) {
    const w2v_plan *plan = run->plan;
    const int64_t n_slices = ceil_div(plan->stride, SLICE_NUMBERS);
    run->n_shards = w2v_shard_count(n_ids);
    run->n_slices = (int32_t)(n_slices < MOST_SLICES ? n_slices : MOST_SLICES);
    run->room = w2v_group_room(plan);
    run->scratch_room = ceil_div(w2v_group_scratch(plan), W2V_ROW_ALIGN) * W2V_ROW_ALIGN;
    const size_t n_bytes = (size_t)(run->n_slices * run->room) * sizeof(w2v_real);
    int ready = w2v_chooser_init(&run->chooser, plan, ids, n_ids) == W2V_OK;
    for (int k = 0; k < GROUPS; k++) ready = ready && w2v_group_init(&run->groups[k], plan) == W2V_OK;
    for (int k = 0; k < 2; k++) {
        run->parts[k] = aligned_new(n_bytes);
        ready = ready && run->parts[k];
        if (run->parts[k]) memset(run->parts[k], 0, n_bytes);
    }
    run->scratch = aligned_new((size_t)(run->n_slices * run->scratch_room) * sizeof(w2v_real));
    run->rows = malloc((size_t)run->n_slices * 2 * (size_t)plan->window * sizeof *run->rows);
    return ready && run->scratch && run->rows ? W2V_OK : W2V_ERR_MEMORY;
}

w2v_status w2v_slices_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress) {
    slices_run run = {.plan = plan, .kernels = w2v_kernels_get(), .progress = progress};
    run.status = run_init(&run, ids, n_ids);
    run.chooser.tokens_done = progress->tokens_done;
    if (run.status == W2V_OK) {
        const int32_t n_threads = plan->n_threads < run.n_slices ? plan->n_threads : run.n_slices;
        (void)n_threads; /* of a serial build */
        W2V_OMP("omp parallel num_threads(n_threads)")
        {
            W2V_OMP("omp single")
            run.barrier.n_threads = omp_get_num_threads(); /* may be fewer than asked for */
            work(&run);
        }
    }
    run_free(&run);
    return run.status;
}
