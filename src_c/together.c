/* together.c: see together.h. */
#include "together.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

static int32_t most_problems(const w2v_plan *plan) {
    const int32_t G = is_joint(plan) ? 1 : windows_together(plan); /* joint windows may be any number */
    return (plan->windows_at_once + G - 1) / G;
}

/* Inputs, and so tiles, of one problem. */
static int64_t most_inputs(const w2v_plan *plan) {
    return windows_together(plan) * (plan->model == W2V_CBOW ? 1 : 2 * (int64_t)plan->window);
}

int64_t w2v_group_tiles(const w2v_plan *plan) { return most_problems(plan) * most_inputs(plan); }

int64_t w2v_group_room(const w2v_plan *plan) {
    return w2v_group_tiles(plan) * w2v_most_targets(plan) + 2 * W2V_TILE_SLACK;
}

/* Rows of a group's hidden vectors and what they learn. */
static int64_t hidden_rows_of(const w2v_plan *plan) {
    return plan->model == W2V_CBOW ? 2 * (int64_t)most_problems(plan) * windows_together(plan) : 0;
}

static void group_free(w2v_group *group) {
    for (int32_t i = 0; i < group->most; i++) w2v_problem_free(&group->problems[i]);
    free(group->problems);
    aligned_free(group->tiles);
    aligned_free(group->rows);
    free(group->hidden);
    memset(group, 0, sizeof *group);
}

static w2v_status group_init(w2v_group *group, const w2v_plan *plan, w2v_real *hidden_rows) {
    const size_t most = (size_t)most_problems(plan), n_tiles = (size_t)w2v_group_tiles(plan);
    const size_t n_hidden = (size_t)hidden_rows_of(plan);
    const size_t n_rows = n_tiles * (size_t)(1 + w2v_most_targets(plan)) + W2V_TILE_SLACK;
    memset(group, 0, sizeof *group);
    group->problems = calloc(most, sizeof *group->problems);
    group->tiles = aligned_new(n_tiles * sizeof *group->tiles);
    group->rows = aligned_new(n_rows * sizeof *group->rows);
    group->hidden = malloc((n_hidden + 1) * sizeof *group->hidden);
    int ready = group->problems && group->tiles && group->rows && group->hidden;
    while (ready && group->most < (int32_t)most)
        ready = w2v_problem_init(&group->problems[group->most++], plan) == W2V_OK;
    if (!ready) {
        group_free(group);
        return W2V_ERR_MEMORY;
    }
    for (size_t i = 0; i < n_hidden; i++) group->hidden[i] = hidden_rows + i * (size_t)plan->stride;
    /* A tile may fetch what lies past the last one (kernels.h): it must be some row, too. */
    for (size_t i = 0; i < n_rows; i++) group->rows[i] = plan->out_vecs;
    return W2V_OK;
}

/* A note: the lowest bits count how often the word is an input, the next ones how often a centre, and the others are
 * the number of the group. Nothing has to be erased when the next one begins. Each count has bits of its own: the most
 * inputs must be all ones. */
enum { NOTE_CENTER = W2V_MOST_ALIKE_INPUTS + 1, NOTE_GROUP = 32, NOTE_CENTERS = NOTE_GROUP - NOTE_CENTER };

w2v_status w2v_notes_init(w2v_notes *notes, const w2v_plan *plan) {
    *notes = (w2v_notes){.n_words = plan->n_words, .group = NOTE_GROUP};
    notes->words = calloc((size_t)plan->n_words, sizeof *notes->words);
    return notes->words ? W2V_OK : W2V_ERR_MEMORY;
}

void w2v_notes_free(w2v_notes *notes) {
    free(notes->words);
    memset(notes, 0, sizeof *notes);
}

/* Begin a group, to which what is noted of others means nothing. */
static void forget_words(w2v_notes *notes) {
    notes->group = (uint16_t)(notes->group + NOTE_GROUP);
    if (notes->group) return;
    memset(notes->words, 0, (size_t)notes->n_words * sizeof *notes->words); /* numbers begin anew */
    notes->group = NOTE_GROUP;
}

/* What is noted of a word in this group. */
W2V_INLINE uint16_t note_of(const w2v_notes *notes, int32_t word) {
    const uint16_t note = notes->words[word];
    return (note ^ notes->group) < NOTE_GROUP ? note : notes->group;
}

/* Bring near what will be noted of words that come within reach. */
static void fetch_notes(const w2v_notes *notes, const int32_t *tokens, const w2v_window *window) {
    for (const w2v_window *w = window, *past = window + window->n_joint; w < past; w++)
        for (int32_t p = w->entering; p < w->entered; p++) W2V_PREFETCH(&notes->words[tokens[p]]);
}

/* Note the words of a window; returns whether it may join the others. */
static int note_window(w2v_notes *notes, const int32_t *tokens, const w2v_window *window) {
    const int32_t center = window->center;
    const uint16_t note = note_of(notes, center), most = (uint16_t)(notes->group + W2V_MOST_ALIKE_INPUTS);
    const int counts = (note & NOTE_CENTERS) < W2V_MOST_ALIKE_CENTERS * NOTE_CENTER; /* as a centre once more */
    int fits = counts;
    for (int32_t p = window->low; p < window->high; p++) {
        const uint16_t before = note_of(notes, tokens[p]);
        const int is_full = p != window->own && (before & ~NOTE_CENTERS) == most;
        fits &= !is_full;
        notes->words[tokens[p]] = (uint16_t)(before + (p != window->own && !is_full));
    }
    /* The centre may be none of the tokens, and its note of an earlier group. */
    notes->words[center] = (uint16_t)(note_of(notes, center) + (counts ? NOTE_CENTER : 0));
    return fits;
}

/* The same of windows that are joint. */
static int note_words(w2v_notes *notes, const int32_t *tokens, const w2v_window *windows) {
    int fit = 1;
    for (int32_t g = 0; g < windows->n_joint; g++) fit &= note_window(notes, tokens, &windows[g]);
    return fit;
}

static void chooser_free(w2v_chooser *chooser) {
    w2v_walk_free(&chooser->walk);
    w2v_choice_free(&chooser->choice);
    memset(chooser, 0, sizeof *chooser);
}

static w2v_status chooser_init(w2v_chooser *chooser, const w2v_plan *plan, const int32_t *ids, int64_t n_ids) {
    memset(chooser, 0, sizeof *chooser);
    chooser->plan = plan;
    chooser->in_rows = (w2v_rows){.shared = plan->in_vecs, .stride = plan->stride};
    chooser->out_rows = (w2v_rows){.shared = plan->out_vecs, .stride = plan->stride};
    if (w2v_walk_init(&chooser->walk, plan, ids, n_ids) == W2V_OK &&
        w2v_choice_init(&chooser->choice, plan, &chooser->in_rows, &chooser->out_rows) == W2V_OK)
        return W2V_OK;
    chooser_free(chooser);
    return W2V_ERR_MEMORY;
}

static void chooser_start(w2v_chooser *chooser, int64_t shard) {
    w2v_walk_start(&chooser->walk, shard);
    w2v_choice_start(&chooser->choice, shard);
    chooser->has_window = 0;
}

/* The next windows that have contexts. */
static int read_window(w2v_chooser *chooser, w2v_group *group) {
    w2v_walk *walk = &chooser->walk;
    do
        while (!(chooser->window = w2v_choice_next(&chooser->choice, walk))) {
            group->n_tokens += walk->n_read;
            walk->n_read = 0;
            if (!w2v_walk_refill(walk)) return 0;
        }
    while (!w2v_joint_predictions(chooser->window));
    return 1;
}

/* Copy some rows' places behind those that the group has. */
static w2v_real *const *add_rows(w2v_group *group, w2v_real *const *rows, int64_t n) {
    w2v_real **to = group->rows + group->n_rows;
    for (int64_t i = 0; i < n; i++) to[i] = rows[i];
    group->n_rows += n;
    return to;
}

/* Choose the targets of the problem that windows were being added to, and make its tiles. */
static void close_problem(w2v_chooser *chooser, w2v_group *group) {
    const w2v_plan *plan = chooser->plan;
    const int is_cbow = plan->model == W2V_CBOW;
    const int32_t number = group->n_problems++, G = windows_together(plan);
    w2v_problem *problem = &group->problems[number];
    w2v_problem_close(problem, &chooser->walk, &chooser->choice);
    if (group->n_problems < group->most) w2v_problem_empty(&group->problems[group->n_problems]);
    const int32_t n_inputs = is_cbow ? problem->n_windows : problem->n_contexts;
    w2v_real *const *contexts = is_cbow ? NULL : add_rows(group, problem->contexts, n_inputs);
    w2v_real *const *targets = add_rows(group, problem->targets, problem->set_starts[problem->n_sets]);
    group->n_predictions += problem->n_predictions;
    for (int32_t first = 0; first < n_inputs;) {
        w2v_tile *tile = &group->tiles[group->n_tiles++];
        tile->n_inputs = n_inputs - first;
        tile->inputs = is_cbow ? hidden_of(group, number, G) : contexts + first;
        tile->input_steps = is_cbow ? hidden_of(group, number, G) + G : tile->inputs;
        tile->target_steps = tile->fetch = NULL;
        tile->n_fetch = 0;
        w2v_problem_tile(problem, plan, first, tile);
        tile->targets = targets + (tile->targets - problem->targets);
        group->n_scores += (int64_t)tile->n_inputs * tile->n_targets;
        first += tile->n_inputs;
    }
}

/* Begin to fill it. */
static void group_empty(w2v_group *group) {
    group->n_problems = group->n_windows = group->n_tiles = group->n_predictions = 0;
    group->n_tokens = group->n_scores = group->n_rows = 0;
    w2v_problem_empty(&group->problems[0]);
}

/* Add the next window; returns whether there may be more. */
static int chooser_add(w2v_chooser *chooser, w2v_notes *notes, w2v_group *group) {
    int fits = chooser->has_window || read_window(chooser, group);
    if (fits) {
        fetch_notes(notes, chooser->walk.contexts, chooser->window);
        fits = note_words(notes, chooser->walk.contexts, chooser->window) || !group->n_windows;
        chooser->has_window = !fits;
    }
    if (fits) {
        const w2v_window *window = chooser->window;
        group->n_windows += window->n_joint;
        if (w2v_problem_add(&group->problems[group->n_problems], &chooser->choice, window, 0))
            close_problem(chooser, group);
        if (group->n_windows < chooser->plan->windows_at_once) return 1;
    }
    if (group->n_problems < group->most && group->problems[group->n_problems].n_windows) close_problem(chooser, group);
    forget_words(notes);
    return 0;
}

int64_t w2v_strand_hidden(const w2v_plan *plan) { return W2V_GROUPS_EACH * hidden_rows_of(plan); }

w2v_status w2v_strand_init(w2v_strand *strand, const w2v_plan *plan, const int32_t *ids, int64_t n_ids,
                           w2v_real *hidden_rows) {
    int ready = chooser_init(&strand->chooser, plan, ids, n_ids) == W2V_OK;
    strand->groups = aligned_new(W2V_GROUPS_EACH * sizeof *strand->groups);
    if (!strand->groups) return W2V_ERR_MEMORY;
    memset(strand->groups, 0, W2V_GROUPS_EACH * sizeof *strand->groups);
    for (int g = 0; ready && g < W2V_GROUPS_EACH; g++)
        ready = group_init(&strand->groups[g], plan, hidden_rows + g * hidden_rows_of(plan) * plan->stride) == W2V_OK;
    return ready ? W2V_OK : W2V_ERR_MEMORY;
}

void w2v_strand_free(w2v_strand *strand) {
    chooser_free(&strand->chooser);
    for (int g = 0; g < W2V_GROUPS_EACH && strand->groups; g++) group_free(&strand->groups[g]);
    aligned_free(strand->groups);
}

void w2v_strand_start(w2v_strand *strand, int64_t shard) {
    chooser_start(&strand->chooser, shard);
    strand->n_chosen = strand->is_begun = 0;
}

/* Take back what others have read of a group, all at once: lines that cross between cores are slow. Nobody reads it any
 * more, or not for long. */
static void take_group(const w2v_group *group) {
    prefetch_bytes(group, offsetof(w2v_group, apart));
    prefetch_bytes(group->tiles, (size_t)group->n_tiles * sizeof *group->tiles);
    prefetch_bytes(group->rows, (size_t)group->n_rows * sizeof *group->rows);
}

int w2v_strand_choose(w2v_strand *strand, w2v_notes *notes) {
    w2v_group *group = w2v_strand_group(strand, strand->n_chosen);
    if (!strand->is_begun) group_empty(group);
    strand->is_begun = chooser_add(&strand->chooser, notes, group);
    if (strand->is_begun) return 1;
    take_group(w2v_strand_group(strand, ++strand->n_chosen));
    return 0;
}

/* Numbers from `from` on of some rows: for kernels that do not know of slices. */
static w2v_real *const *shifted(w2v_real *const *rows, int32_t n, int64_t from, w2v_real **to) {
    for (int32_t i = 0; i < n; i++) to[i] = rows[i] + from;
    return to;
}

void w2v_group_hide(const w2v_group *group, const w2v_plan *plan, int64_t from, int64_t to, w2v_real **rows) {
    const int32_t G = windows_together(plan);
    for (int32_t k = 0; k < group->n_problems && plan->model == W2V_CBOW; k++) {
        const w2v_problem *problem = &group->problems[k];
        const int32_t n = problem->n_windows;
        w2v_real **hidden = hidden_of(group, k, G);
        w2v_real *const *contexts = shifted(problem->contexts, problem->n_contexts, from, rows);
        w2v_real *const *sums = shifted(hidden, n, from, rows + problem->n_contexts);
        w2v_kernels_get()->rows_sum(contexts, problem->context_starts, n, to - from, problem->hidden_scales, sums);
        for (int32_t g = 0; g < n; g++) memset(hidden[G + g] + from, 0, (size_t)(to - from) * sizeof(w2v_real));
    }
}

void w2v_group_spread(const w2v_group *group, const w2v_plan *plan, int64_t from, int64_t to, w2v_real **rows) {
    const int32_t G = windows_together(plan);
    for (int32_t k = 0; k < group->n_problems && plan->model == W2V_CBOW; k++) {
        const w2v_problem *problem = &group->problems[k];
        const int32_t n = problem->n_windows;
        w2v_real *const *contexts = shifted(problem->contexts, problem->n_contexts, from, rows);
        w2v_real *const *steps = shifted(hidden_of(group, k, G) + G, n, from, rows + problem->n_contexts);
        w2v_kernels_get()->rows_add(contexts, problem->context_starts, n, to - from, problem->context_scales, steps);
    }
}
