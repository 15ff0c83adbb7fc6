/* together.c: see together.h. */
#include "together.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

/* Between the scores of two tiles: kernels write and read a little more than there is. */
enum { ROOM_BETWEEN = 2 * W2V_TILE_SLACK };

static int32_t most_problems(const w2v_plan *plan) {
    const int32_t G = is_joint(plan) ? 1 : windows_together(plan); /* joint windows may be any number */
    return (plan->windows_at_once + G - 1) / G;
}

/* Inputs, and so tiles, of one problem. */
static int64_t most_inputs(const w2v_plan *plan) {
    return windows_together(plan) * (plan->model == W2V_CBOW ? 1 : 2 * (int64_t)plan->window);
}

int64_t w2v_group_room(const w2v_plan *plan) {
    const int64_t n_inputs = most_problems(plan) * most_inputs(plan);
    return n_inputs * (w2v_most_targets(plan) + ROOM_BETWEEN);
}

int64_t w2v_group_scratch(const w2v_plan *plan) {
    return W2V_TILE_SCRATCH(most_inputs(plan), w2v_most_targets(plan));
}

w2v_status w2v_group_init(w2v_group *group, const w2v_plan *plan) {
    const size_t most = (size_t)most_problems(plan), n_tiles = most * (size_t)most_inputs(plan);
    const size_t n_hidden = 2 * most * (size_t)windows_together(plan);
    const size_t n_bytes = n_hidden * (size_t)plan->stride * sizeof(w2v_real);
    memset(group, 0, sizeof *group);
    group->problems = calloc(most, sizeof *group->problems);
    group->tiles = malloc(n_tiles * sizeof *group->tiles);
    group->starts = calloc(n_tiles + 1, sizeof *group->starts);
    group->hidden_rows = aligned_new(n_bytes);
    group->hidden = malloc(n_hidden * sizeof *group->hidden);
    int ready = group->problems && group->tiles && group->starts && group->hidden_rows && group->hidden;
    while (ready && group->most < (int32_t)most)
        ready = w2v_problem_init(&group->problems[group->most++], plan) == W2V_OK;
    if (!ready) {
        w2v_group_free(group);
        return W2V_ERR_MEMORY;
    }
    memset(group->hidden_rows, 0, n_bytes);
    for (size_t i = 0; i < n_hidden; i++) group->hidden[i] = group->hidden_rows + i * (size_t)plan->stride;
    return W2V_OK;
}

void w2v_group_free(w2v_group *group) {
    for (int32_t i = 0; i < group->most; i++) w2v_problem_free(&group->problems[i]);
    free(group->problems);
    free(group->tiles);
    free(group->starts);
    aligned_free(group->hidden_rows);
    free(group->hidden);
    memset(group, 0, sizeof *group);
}

w2v_status w2v_chooser_init(w2v_chooser *chooser, const w2v_plan *plan, const int32_t *ids, int64_t n_ids) {
    const size_t n_words = (size_t)plan->n_words, widest = 2 * (size_t)plan->window + 1;
    /* A group has all its windows, and one more that did not fit. */
    const size_t n_noted = ((size_t)most_problems(plan) * (size_t)windows_together(plan) + 1) * widest;
    memset(chooser, 0, sizeof *chooser);
    chooser->plan = plan;
    chooser->n_inputs = calloc(n_words, 1);
    chooser->is_center = calloc(n_words, 1);
    chooser->noted = malloc(n_noted * sizeof *chooser->noted);
    if (chooser->n_inputs && chooser->is_center && chooser->noted &&
        w2v_walk_init(&chooser->walk, plan, ids, n_ids) == W2V_OK &&
        w2v_learner_init(&chooser->learner, plan) == W2V_OK) {
        chooser->learner.fetches = 0;
        return W2V_OK;
    }
    w2v_chooser_free(chooser);
    return W2V_ERR_MEMORY;
}

void w2v_chooser_free(w2v_chooser *chooser) {
    free(chooser->n_inputs);
    free(chooser->is_center);
    free(chooser->noted);
    w2v_walk_free(&chooser->walk);
    w2v_learner_free(&chooser->learner);
    memset(chooser, 0, sizeof *chooser);
}

void w2v_chooser_start(w2v_chooser *chooser, int64_t shard) {
    w2v_walk_start(&chooser->walk, shard);
    w2v_learner_start(&chooser->learner, shard);
    chooser->has_window = 0;
}

/* The next window that has contexts. */
static int read_window(w2v_chooser *chooser) {
    w2v_walk *walk = &chooser->walk;
    do
        while (!w2v_walk_next(walk, &chooser->window)) {
            chooser->tokens_done += walk->n_read;
            walk->n_read = 0;
            if (!w2v_walk_refill(walk)) return 0;
        }
    while (chooser->window.high - chooser->window.low < 2);
    return 1;
}

static void forget_words(w2v_chooser *chooser) {
    for (int32_t i = 0; i < chooser->n_noted; i++)
        chooser->n_inputs[chooser->noted[i]] = chooser->is_center[chooser->noted[i]] = 0;
    chooser->n_noted = 0;
}

/* Note the words of the window that was read; returns whether they may join the others. */
static int note_words(w2v_chooser *chooser) {
    const w2v_window *window = &chooser->window;
    const int32_t *tokens = window->tokens, center = tokens[window->pos];
    int32_t *noted = chooser->noted + chooser->n_noted;
    int fits = !chooser->is_center[center];
    chooser->is_center[center] = 1;
    for (int64_t p = window->low; p < window->high; p++) {
        uint8_t *n_inputs = &chooser->n_inputs[tokens[p]];
        *noted++ = tokens[p];
        if (p == window->pos) continue;
        if (*n_inputs == W2V_MOST_ALIKE_INPUTS) fits = 0;
        else ++*n_inputs;
    }
    chooser->n_noted = (int32_t)(noted - chooser->noted);
    return fits;
}

static void add_tile(w2v_group *group, const w2v_tile *tile) {
    const int32_t n = group->n_tiles++;
    group->tiles[n] = *tile;
    group->starts[n + 1] = group->starts[n] + (int64_t)tile->n_inputs * tile->n_targets + ROOM_BETWEEN;
}

/* Choose the targets of the problem that windows were being added to, and make its tiles. */
static void close_problem(w2v_chooser *chooser, w2v_group *group) {
    const w2v_plan *plan = chooser->plan;
    const int is_cbow = plan->model == W2V_CBOW;
    const int32_t number = group->n_problems++, G = windows_together(plan);
    w2v_problem *problem = &group->problems[number];
    w2v_problem_close(problem, &chooser->learner);
    const int32_t n_inputs = is_cbow ? problem->n_windows : problem->n_contexts;
    for (int32_t first = 0; first < n_inputs;) {
        w2v_tile tile = {.n_inputs = n_inputs - first};
        tile.inputs = is_cbow ? hidden_of(group, number, G) : problem->contexts + first;
        tile.input_steps = is_cbow ? hidden_of(group, number, G) + G : tile.inputs;
        w2v_problem_tile(problem, plan, first, &tile);
        add_tile(group, &tile);
        first += tile.n_inputs;
    }
}

void w2v_chooser_fill(w2v_chooser *chooser, w2v_group *group) {
    w2v_problem *problem = NULL;
    group->n_problems = group->n_windows = group->n_tiles = 0;
    forget_words(chooser);
    while (group->n_windows < chooser->plan->windows_at_once && (chooser->has_window || read_window(chooser))) {
        chooser->has_window = !note_words(chooser) && group->n_windows > 0;
        if (chooser->has_window) break;
        if (problem && !w2v_problem_takes(problem, chooser->plan, &chooser->window)) {
            close_problem(chooser, group);
            problem = NULL;
        }
        if (!problem) {
            problem = &group->problems[group->n_problems];
            w2v_problem_empty(problem, chooser->plan);
        }
        group->lr = lr_after(chooser->plan, chooser->tokens_done);
        group->n_windows++;
        if (!w2v_problem_add(problem, &chooser->learner, &chooser->window, group->lr)) continue;
        close_problem(chooser, group);
        problem = NULL;
    }
    if (problem && problem->n_windows) close_problem(chooser, group);
}
