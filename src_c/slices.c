/* slices.c: see slices.h. */
#include "slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "atomics.h"
#include "barrier.h"
#include "buffer.h"
#include "parted.h"
#include "shards.h"
#include "together.h"

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
static int omp_get_num_threads(void) { return 1; }
#endif

/* What has to be done once for each slice of a tile, whatever its length, costs as much as some 40 numbers of it:
 * shorter slices are not worth it. */
enum { SLICE_NUMBERS = 56, MOST_SLICES = W2V_MOST_PARTS };
/* Shards that windows are taken from at once. */
enum { MOST_STRANDS = 4 };

typedef struct {
    const w2v_plan *plan; /* that of `parted` */
    w2v_parted parted;
    const w2v_kernels *kernels;
    w2v_progress *progress;
    w2v_strand strands[MOST_STRANDS];
    int32_t n_slices;
    int64_t room;            /* for the scores of a strand's group */
    w2v_real *parts;         /* [n_slices, MOST_STRANDS, room] of scores */
    w2v_real *weights;       /* [MOST_STRANDS, room] */
    w2v_real *steps;         /* [MOST_STRANDS, room] what becomes of both */
    double *losses;          /* [MOST_STRANDS, W2V_LINES_APART bytes] one each */
    w2v_real **rows;         /* [n_threads, w2v_group_scratch] each thread's own */
    w2v_notes *notes;        /* [n_threads] the same */
    w2v_barrier barrier;
    int64_t n_shards, shard; /* the first of this round, or -1 when there is nothing more to do */
    int32_t n_strands;
    w2v_status status;       /* of the last thread: whether to go on */
} slices_run;

/* A thread, and what it works on. */
typedef struct {
    slices_run *run;
    int32_t thread, n_threads;
    int32_t first_slice, end_slice;
    int64_t from, to;    /* where their numbers are in a row (parted.h) */
    int64_t n_meetings;
    int64_t number;      /* in this round, of the groups it works on: one of each strand */
    int32_t choosing;    /* the strand whose next group it has begun to choose, or -1 */
    int64_t tokens_done; /* of the epoch, when these are learnt */
    w2v_real **rows;
    w2v_notes notes;
} hand;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Earlier slices, and the slices of earlier threads, are larger where the division leaves something over. */
static int64_t slice_start(const slices_run *run, int32_t slice) {
    return ceil_div(run->parted.whole->stride / W2V_ROW_ALIGN * slice, run->n_slices) * W2V_ROW_ALIGN;
}

/* ---- choosing ---- */

/* Strands belong to threads: those with fewer numbers to work on come first. */
static int is_mine(const hand *h, int32_t k) { return k % h->n_threads == h->n_threads - 1 - h->thread; }

/* Of this thread's strands, the one that is behind, if there is a place for its next group. */
static int32_t next_strand(const hand *h) {
    const slices_run *run = h->run;
    int64_t least = h->number - 1 + W2V_GROUPS_EACH; /* those before the last number may still be worked on */
    int32_t found = -1;
    for (int32_t k = 0; k < run->n_strands; k++)
        if (is_mine(h, k) && run->strands[k].n_chosen < least) {
            least = run->strands[k].n_chosen;
            found = k;
        }
    return found;
}

/* Choose a window; returns whether there was a place for it. */
static int choose_window(hand *h) {
    if (h->choosing < 0) h->choosing = next_strand(h);
    if (h->choosing < 0) return 0;
    if (!w2v_strand_choose(&h->run->strands[h->choosing], &h->notes)) h->choosing = -1;
    return 1;
}

/* That groups of this number be there: those of other threads will be when they meet. */
static void have_groups(hand *h, int64_t number) {
    for (int32_t k = 0; k < h->run->n_strands; k++)
        while (is_mine(h, k) && h->run->strands[k].n_chosen <= number) choose_window(h);
}

/* Wait for the others; there may be something to do meanwhile. */
static void meet(hand *h, int may_choose) {
    w2v_barrier *barrier = &h->run->barrier;
    barrier_arrive(barrier, h->thread, h->n_meetings);
    while (may_choose && !barrier_is_over(barrier, h->n_meetings) && choose_window(h)) continue;
    barrier_wait(barrier, h->n_meetings++);
}

/* ---- groups ---- */

/* Ask for numbers that another thread wrote, from anywhere in a line on: all at once, as each takes long to come. */
static void fetch_numbers(const w2v_real *numbers, int64_t n) {
    prefetch_bytes_read(numbers, (size_t)n * sizeof *numbers + W2V_CACHE_LINE);
}

static w2v_real *parts_of(const slices_run *run, int32_t slice, int32_t k) {
    return run->parts + (slice * (int64_t)MOST_STRANDS + k) * run->room;
}

static int64_t scores_of(const w2v_tile *tile) { return (int64_t)tile->n_inputs * tile->n_targets; }

static w2v_real *steps_of(const slices_run *run, int32_t k) { return run->steps + k * run->room; }

static double *loss_of(const slices_run *run, int32_t k) {
    return run->losses + (size_t)k * W2V_LINES_APART / sizeof *run->losses;
}

/* This thread's slices of the scores. */
static void score_groups(const hand *h, int64_t number) {
    slices_run *run = h->run;
    const int64_t first = slice_start(run, h->first_slice);
    for (int32_t k = 0; k < run->n_strands; k++) {
        w2v_group *group = w2v_strand_group(&run->strands[k], number);
        w2v_group_hide(group, run->plan, h->from, h->to, h->rows);
        int64_t at = 0;
        for (int32_t t = 0; t < group->n_tiles; t++) {
            const w2v_tile *tile = &group->tiles[t];
            for (int32_t s = h->first_slice; s < h->end_slice; s++)
                run->kernels->tile_scores(tile, h->from + slice_start(run, s) - first,
                                          h->from + slice_start(run, s + 1) - first, parts_of(run, s, k) + at);
            at += scores_of(tile);
        }
    }
}

/* Steps are found by whoever chose the group, since what makes them is near. But the second of two threads that has
 * fewer numbers, and would wait, finds those of the last strand, too. */
static int finds_steps(const hand *h, int32_t k) {
    const int64_t *from = h->run->parted.from, *to = h->run->parted.to;
    const int helps = h->n_threads == 2 && k == MOST_STRANDS - 1 && to[1] - from[1] < to[0] - from[0];
    return helps ? h->thread == 1 : is_mine(h, k);
}

/* Ask for where the weights of another thread's tiles are. */
static void fetch_weights(const w2v_group *group) {
    for (int32_t t = 0; t < group->n_tiles; t++) {
        const w2v_tile *tile = &group->tiles[t];
        prefetch_bytes_read(tile->weights, (size_t)tile->n_inputs * sizeof *tile->weights);
    }
}

/* From scores to steps. */
static void find_steps(const hand *h, int32_t k, const w2v_group *group, w2v_real lr) {
    slices_run *run = h->run;
    w2v_parts parts = {.n = run->n_slices, .apart = MOST_STRANDS * run->room};
    for (int32_t s = 0; s < run->n_slices; s++)
        if (s < h->first_slice || s >= h->end_slice) fetch_numbers(parts_of(run, s, k), group->n_scores);
    w2v_real *weights = run->weights + k * run->room;
    int64_t at = 0;
    for (int32_t t = 0; t < group->n_tiles; t++) {
        w2v_tile tile = group->tiles[t];
        tile.scratch = weights + at;
        run->kernels->tile_weights(&tile);
        at += scores_of(&tile);
    }
    parts.first = parts_of(run, 0, k);
    *loss_of(run, k) = run->kernels->steps(&parts, weights, group->n_scores, lr, steps_of(run, k));
}

static void find_all_steps(const hand *h, int64_t number) {
    slices_run *run = h->run;
    const w2v_real lr = lr_after(run->plan, h->tokens_done);
    for (int32_t k = 0; k < run->n_strands; k++)
        if (finds_steps(h, k) && !is_mine(h, k)) fetch_weights(w2v_strand_group(&run->strands[k], number));
    for (int32_t k = 0; k < run->n_strands; k++)
        if (finds_steps(h, k)) find_steps(h, k, w2v_strand_group(&run->strands[k], number), lr);
}

/* Bring near what a later group needs: the inputs of its tile, or the contexts of its problem, number t. Targets are
 * fetched by the kernel. */
static void fetch_inputs(const hand *h, const w2v_group *later, int32_t t) {
    const int is_cbow = h->run->plan->model == W2V_CBOW;
    if (t >= (is_cbow ? later->n_problems : later->n_tiles)) return;
    w2v_real *const *rows = is_cbow ? later->problems[t].contexts : later->tiles[t].inputs;
    const int32_t n = is_cbow ? later->problems[t].n_contexts : later->tiles[t].n_inputs;
    for (int32_t i = 0; i < n; i++) prefetch_bytes(rows[i] + h->from, (size_t)(h->to - h->from) * sizeof(w2v_real));
}

/* What other threads chose, before it is wanted, and where the group after it begins. */
static void fetch_choices(const hand *h, int64_t number) {
    for (int32_t k = 0; k < h->run->n_strands; k++) {
        const w2v_group *group = w2v_strand_group(&h->run->strands[k], number);
        if (is_mine(h, k)) continue;
        prefetch_bytes_read(w2v_strand_group(&h->run->strands[k], number + 1), offsetof(w2v_group, apart));
        prefetch_bytes_read(group->tiles, (size_t)group->n_tiles * sizeof *group->tiles);
        prefetch_bytes_read(group->rows, (size_t)group->n_rows * sizeof *group->rows);
    }
}

/* This thread's slices of the rows are moved, while those of the group after it are fetched. */
static void learn_group(const hand *h, w2v_group *group, const w2v_group *later, const w2v_real *steps) {
    for (int32_t t = 0; t < group->n_tiles; t++) {
        w2v_tile tile = group->tiles[t];
        if (t < later->n_tiles) tile.fetch = later->tiles[t].targets, tile.n_fetch = later->tiles[t].n_targets;
        fetch_inputs(h, later, t);
        h->run->kernels->tile_moves(&tile, h->from, h->to, steps);
        steps += scores_of(&tile);
    }
    w2v_group_spread(group, h->run->plan, h->from, h->to, h->rows);
}

static void learn_groups(const hand *h, int64_t number) {
    slices_run *run = h->run;
    for (int32_t k = 0; k < run->n_strands; k++) {
        const w2v_group *group = w2v_strand_group(&run->strands[k], number);
        if (!finds_steps(h, k)) fetch_numbers(steps_of(run, k), group->n_scores);
    }
    for (int32_t k = 0; k < run->n_strands; k++)
        learn_group(h, w2v_strand_group(&run->strands[k], number), w2v_strand_group(&run->strands[k], number + 1),
                    steps_of(run, k));
}

/* ---- the last thread's additional duties ---- */

static int is_last(const hand *h) { return h->thread == h->n_threads - 1; }

static void report_tokens(const hand *h) {
    w2v_progress *progress = h->run->progress;
    atomic_add(&progress->tokens_done, h->tokens_done - progress->tokens_done);
}

/* Report what came of groups, and judge whether to go on. */
static void judge(const hand *h, int64_t number) {
    slices_run *run = h->run;
    w2v_progress *progress = run->progress;
    double loss = 0;
    int64_t n_predictions = 0;
    if (!is_last(h)) return;
    for (int32_t k = 0; k < run->n_strands; k++) {
        const w2v_group *group = w2v_strand_group(&run->strands[k], number);
        loss += *loss_of(run, k);
        n_predictions += group->n_predictions;
    }
    sum_add(&progress->loss, loss);
    atomic_add(&progress->n_predictions, n_predictions);
    report_tokens(h);
    if (!isfinite(progress->loss)) run->status = W2V_ERR_DIVERGED;
    if (flag_get(&progress->stop)) run->status = W2V_ERR_STOPPED;
}

/* The next shards, one for each strand. They are all learnt before the epoch may pause. */
static void choose_shards(hand *h) {
    slices_run *run = h->run;
    meet(h, 0); /* nobody works on the last ones any more */
    if (is_last(h)) {
        report_tokens(h);
        if (flag_get(&run->progress->stop)) run->status = W2V_ERR_STOPPED;
        run->shard = run->status == W2V_OK ? shards_claim(run->progress, run->n_shards, MOST_STRANDS) : -1;
        const int64_t n_left = run->n_shards - run->shard;
        run->n_strands = n_left < MOST_STRANDS ? (int32_t)n_left : MOST_STRANDS;
    }
    meet(h, 0);
    for (int32_t k = 0; k < run->n_strands && run->shard >= 0; k++)
        if (is_mine(h, k)) w2v_strand_start(&run->strands[k], run->shard + k);
    h->number = 0;
}

/* ---- all threads ---- */

/* Take up the groups of this number; returns whether there are any. */
static int begin_groups(hand *h) {
    int any = 0;
    for (int32_t k = 0; k < h->run->n_strands; k++) {
        const w2v_group *group = w2v_strand_group(&h->run->strands[k], h->number);
        h->tokens_done += group->n_tokens;
        any |= group->n_tiles > 0;
    }
    return any;
}

static void learn_shards(hand *h) {
    slices_run *run = h->run;
    have_groups(h, 1); /* two ahead, so that they have been fetched when they are wanted */
    meet(h, 0);
    score_groups(h, 0);
    while (begin_groups(h)) {
        meet(h, 1);
        if (run->status != W2V_OK) break;
        fetch_choices(h, h->number + 1);
        find_all_steps(h, h->number);
        have_groups(h, h->number + 2);
        meet(h, 1);
        learn_groups(h, h->number);
        judge(h, h->number);
        score_groups(h, ++h->number);
    }
}

static int32_t first_slice(const slices_run *run, int32_t thread) {
    return (int32_t)ceil_div((int64_t)run->n_slices * thread, run->barrier.n_threads);
}

static void work(slices_run *run, int64_t tokens_done) {
    hand h = {.run = run, .tokens_done = tokens_done, .choosing = -1};
    h.thread = omp_get_thread_num();
    h.n_threads = (int32_t)run->barrier.n_threads;
    h.first_slice = first_slice(run, h.thread);
    h.end_slice = first_slice(run, h.thread + 1);
    h.from = run->parted.from[h.thread];
    h.to = run->parted.to[h.thread];
    h.rows = run->rows + h.thread * w2v_group_scratch(run->plan);
    h.notes = run->notes[h.thread];
    w2v_parted_take(&run->parted, h.thread);
    for (choose_shards(&h); run->shard >= 0; choose_shards(&h)) learn_shards(&h);
    w2v_parted_return(&run->parted, h.thread);
}

static void run_free(slices_run *run) {
    for (int k = 0; k < MOST_STRANDS; k++) w2v_strand_free(&run->strands[k]);
    for (int32_t thread = 0; run->notes && thread < run->barrier.n_threads; thread++)
        w2v_notes_free(&run->notes[thread]);
    free(run->notes);
    aligned_free(run->parts);
    aligned_free(run->steps);
    aligned_free(run->weights);
    aligned_free(run->losses);
    free(run->rows);
    w2v_parted_free(&run->parted);
}

static w2v_real *new_numbers(int64_t n) {
    w2v_real *numbers = aligned_new((size_t)n * sizeof(w2v_real));
    if (numbers) memset(numbers, 0, (size_t)n * sizeof(w2v_real));
    return numbers;
}

/* Tokens up to the end of the epoch, or to its next pause that is known of. */
static int64_t tokens_left(const w2v_plan *plan, const w2v_progress *progress) {
    const int64_t pause = progress->pause_tokens;
    return (pause > 0 && pause < plan->n_tokens ? pause : plan->n_tokens) - progress->tokens_done;
}

static w2v_status run_init(slices_run *run, const w2v_plan *plan, const int32_t *ids, int64_t n_ids) {
    const int32_t n_threads = (int32_t)run->barrier.n_threads;
    const int64_t n_hidden = w2v_strand_hidden(plan);
    int64_t starts[MOST_SLICES];
    for (int32_t thread = 0; thread < n_threads; thread++) starts[thread] = slice_start(run, first_slice(run, thread));
    if (w2v_parted_init(&run->parted, plan, starts, n_threads, MOST_STRANDS * n_hidden,
                        tokens_left(plan, run->progress)) != W2V_OK)
        return W2V_ERR_MEMORY;
    run->plan = &run->parted.plan;
    run->n_shards = w2v_shard_count(n_ids);
    run->room = w2v_group_room(plan);
    run->parts = new_numbers(run->n_slices * MOST_STRANDS * run->room);
    run->steps = new_numbers(MOST_STRANDS * run->room);
    run->weights = new_numbers(MOST_STRANDS * run->room);
    run->losses = aligned_new((size_t)MOST_STRANDS * W2V_LINES_APART);
    run->rows = malloc((size_t)(n_threads * w2v_group_scratch(plan)) * sizeof *run->rows);
    run->notes = calloc((size_t)n_threads, sizeof *run->notes);
    int ready = run->parts && run->steps && run->weights && run->losses && run->rows && run->notes;
    for (int32_t thread = 0; ready && thread < n_threads; thread++)
        ready = w2v_notes_init(&run->notes[thread], plan) == W2V_OK;
    for (int k = 0; ready && k < MOST_STRANDS; k++)
        ready = w2v_strand_init(&run->strands[k], run->plan, ids, n_ids,
                                run->parted.spare_rows + k * n_hidden * run->plan->stride) == W2V_OK;
    return ready ? W2V_OK : W2V_ERR_MEMORY;
}

w2v_status w2v_slices_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress) {
    slices_run run = {.plan = plan, .parted.whole = plan, .kernels = w2v_kernels_get(), .progress = progress};
    const int64_t tokens_done = progress->tokens_done, n_slices = ceil_div(plan->stride, SLICE_NUMBERS);
    run.n_slices = (int32_t)(n_slices < MOST_SLICES ? n_slices : MOST_SLICES);
    const int32_t n_threads = plan->n_threads < run.n_slices ? plan->n_threads : run.n_slices;
    (void)n_threads; /* of a serial build */
    W2V_OMP("omp parallel num_threads(n_threads)")
    {
        W2V_OMP("omp single")
        {
            run.barrier.n_threads = omp_get_num_threads(); /* may be fewer than asked for */
            run.status = run_init(&run, plan, ids, n_ids);
        }
        if (run.status != W2V_ERR_MEMORY) work(&run, tokens_done);
    }
    run_free(&run);
    return run.status;
}
