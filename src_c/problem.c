/* problem.c: see problem.h. */
#include "problem.h"

#include <stdlib.h>
#include <string.h>

int64_t w2v_most_targets(const w2v_plan *plan) {
    if (plan->loss != W2V_HIERARCHICAL_SOFTMAX) return windows_together(plan) + (int64_t)plan->n_noise;
    int64_t longest = 0;
    for (int64_t w = 0; w < plan->n_words; w++) {
        int64_t length = plan->tree->offsets[w + 1] - plan->tree->offsets[w];
        if (length > longest) longest = length;
    }
    return longest;
}

/* Noise can be drawn per pair only where a window has several pairs and a loss that draws. */
static int has_noise_per_pair(const w2v_plan *plan) {
    return plan->model == W2V_SKIP_GRAM && plan->loss != W2V_HIERARCHICAL_SOFTMAX && !plan->noise_centers;
}

int64_t w2v_problem_targets(const w2v_plan *plan) {
    const int64_t n_sets = has_noise_per_pair(plan) ? 2 * (int64_t)plan->window : 1;
    return n_sets * w2v_most_targets(plan);
}

/* Skip-gram's contexts that meet the same targets may be merged, but for NCE's: its hits (learn.c) go by windows. */
static int may_merge_inputs(const w2v_plan *plan) {
    return plan->model == W2V_SKIP_GRAM && !has_noise_per_pair(plan) && plan->loss != W2V_NCE;
}

/* Weights of targets lie in rows, one for each choice of windows, a sum of powers of 2: how often the pairs count that
 * these windows make with the target. The rows are so far apart: */
static int64_t weight_stride(const w2v_plan *plan) { return w2v_problem_targets(plan) + W2V_TILE_SLACK; }
static int32_t n_weight_rows(const w2v_plan *plan) { return 1 << windows_together(plan); }
/* How many numbers they are, with what may be read before and after. */
static size_t weights_room(const w2v_plan *plan) {
    return (size_t)n_weight_rows(plan) * (size_t)weight_stride(plan) + 2 * W2V_TILE_SLACK;
}

/* The weights where centres and noise words are distinct, as nearly always: the centres, then the noise. */
static w2v_real *usual_weights(const w2v_plan *plan) {
    const int32_t G = windows_together(plan);
    w2v_real *room = calloc(weights_room(plan), sizeof *room);
    for (int32_t row = 0; room && row < n_weight_rows(plan); row++) {
        w2v_real *weights = room + W2V_TILE_SLACK + row * weight_stride(plan);
        for (int32_t g = 0; g < G; g++) {
            const int32_t within = row >> g & 1;
            weights[g] = (w2v_real)-within;
            for (int32_t k = 0; k < plan->n_noise; k++) weights[G + k] += (w2v_real)(within * plan->noise_weight);
        }
    }
    return room;
}

/* How many levels of a tree stay near by themselves: nearly all windows touch them. */
static int32_t near_depth(const w2v_plan *plan) {
    enum { NEAR_BYTES = 1 << 15 }; /* of the first-level cache */
    const int64_t n_rows = NEAR_BYTES / (plan->stride * (int64_t)sizeof(w2v_real));
    int32_t depth = 0;
    while ((2 << depth) - 1 <= n_rows) depth++;
    return depth;
}

w2v_status w2v_choice_init(w2v_choice *choice, const w2v_plan *plan, const w2v_rows *in_rows,
                           const w2v_rows *out_rows) {
    *choice = (w2v_choice){.plan = plan, .in_rows = in_rows, .out_rows = out_rows, .usual_room = usual_weights(plan)};
    choice->last_alike = -1;
    choice->near_depth = near_depth(plan);
    choice->near = malloc((size_t)w2v_walk_capacity(plan) * sizeof *choice->near);
    choice->hidden_scales = scales_new(plan, plan->hidden_scale);
    choice->context_scales = scales_new(plan, plan->context_scale);
    const int ready = choice->usual_room && choice->near && choice->hidden_scales && choice->context_scales;
    return ready ? W2V_OK : W2V_ERR_MEMORY;
}

void w2v_choice_free(w2v_choice *choice) {
    free(choice->usual_room);
    free(choice->near);
    free(choice->hidden_scales);
    free(choice->context_scales);
}

void w2v_choice_start(w2v_choice *choice, int64_t shard) {
    const w2v_plan *plan = choice->plan;
    choice->last_alike = -1;
    /* Counted from the far end, shards name streams that no walk uses. */
    w2v_noise_start(&choice->noise, plan, rng_stream(plan->seed, plan->epoch, ~(uint64_t)shard));
}

w2v_status w2v_problem_init(w2v_problem *problem, const w2v_plan *plan) {
    const size_t n_windows = (size_t)windows_together(plan), n_contexts = n_windows * 2 * (size_t)plan->window;
    const size_t n_sets = has_noise_per_pair(plan) ? n_contexts : 1;
    const size_t n_targets = (size_t)w2v_problem_targets(plan) + W2V_TILE_SLACK;
    *problem = (w2v_problem){.most_windows = (int32_t)n_windows, .is_joint = is_joint(plan)};
    problem->centers = malloc(n_windows * sizeof *problem->centers);
    problem->context_starts = calloc(n_windows + 1, sizeof *problem->context_starts);
    problem->context_room = malloc(n_contexts * sizeof *problem->context_room);
    problem->set_starts = calloc(n_sets + 1, sizeof *problem->set_starts);
    problem->targets = malloc(2 * n_targets * sizeof *problem->targets);
    problem->weights = calloc(weights_room(plan), sizeof *problem->weights);
    problem->weight_stride = weight_stride(plan);
    problem->input_weights = malloc(n_contexts * sizeof *problem->input_weights);
    const size_t n_merged = may_merge_inputs(plan) ? n_contexts * (size_t)weight_stride(plan) : 0;
    problem->merged_weights = calloc(n_merged + 2 * W2V_TILE_SLACK, sizeof *problem->merged_weights);
    problem->hits = malloc(n_sets * n_windows * sizeof *problem->hits);
    if (!problem->centers || !problem->context_starts || !problem->context_room || !problem->set_starts ||
        !problem->targets || !problem->weights || !problem->input_weights || !problem->merged_weights ||
        !problem->hits) {
        w2v_problem_free(problem);
        return W2V_ERR_MEMORY;
    }
    w2v_problem_empty(problem);
    /* A tile fetches as many rows as it has targets itself: what lies past the last one must be some row, too. */
    for (size_t at = 0; at < 2 * n_targets; at++) problem->targets[at] = plan->out_vecs;
    return W2V_OK;
}

void w2v_problem_free(w2v_problem *problem) {
    free(problem->centers);
    free(problem->context_starts);
    free(problem->context_room);
    free(problem->set_starts);
    free(problem->targets);
    free(problem->weights);
    free(problem->input_weights);
    free(problem->merged_weights);
    free(problem->hits);
    memset(problem, 0, sizeof *problem);
}

void w2v_problem_empty(w2v_problem *problem) {
    problem->n_windows = problem->n_contexts = problem->n_predictions = problem->n_own = 0;
    problem->contexts = problem->context_room;
}

/* Bring near what add_path will read: of the tokens that come within reach, where their paths begin, and a little
 * before a token becomes the centre, its path. */
static void fetch_paths(const w2v_tree *tree, const w2v_walk *walk, const w2v_window *window) {
    enum { AHEAD = 2, LINE_NODES = W2V_CACHE_LINE / sizeof *tree->nodes };
    const int32_t soon = at_most(walk->n_walked - 1 + AHEAD, walk->n_windows - 1);
    const int64_t start = tree->offsets[walk->windows[soon].center];
    W2V_PREFETCH_READ(tree->nodes + start);
    W2V_PREFETCH_READ(tree->nodes + start + LINE_NODES);
    W2V_PREFETCH_READ(tree->codes + start);
    for (int32_t p = window->entering; p < window->entered; p++)
        W2V_PREFETCH_READ(tree->offsets + walk->contexts[p]);
}

/* A context comes within reach. */
W2V_INLINE void bring_near(w2v_choice *choice, const w2v_walk *walk, int32_t p) {
    const int32_t *words = walk->contexts;
    w2v_real *row = choice->near[p] = row_of(choice->in_rows, words[p]);
    prefetch_bytes(row, choice->fetch_bytes);
    if (p < 2 || (words[p] != words[p - 1] && words[p] != words[p - 2])) return;
    const int64_t number = walk->n_past + p;
    if (number > choice->last_alike) choice->last_alike = number;
}

const w2v_window *w2v_choice_next(w2v_choice *choice, w2v_walk *walk) {
    const w2v_window *window = w2v_walk_next(walk);
    if (!window) return NULL;
    for (const w2v_window *w = window, *past = window + window->n_joint; w < past; w++)
        for (int32_t p = w->entering; p < w->entered; p++) bring_near(choice, walk, p);
    if (choice->plan->tree && choice->plan->n_words > 1) fetch_paths(choice->plan->tree, walk, window);
    return window;
}

/* The contexts of one window: in one loop, whose end is foreseen more often than those of two. */
static int32_t add_contexts(w2v_problem *problem, const w2v_choice *choice, const w2v_window *window) {
    const int32_t center = window->own - window->low, n = w2v_window_contexts(window);
    w2v_real *const *from = choice->near + window->low, **to = problem->context_room + problem->n_contexts;
    for (int32_t i = 0; i < n; i++) to[i] = from[i + (i >= center)];
    return problem->n_contexts + n;
}

/* Joint windows' contexts are all that are within reach of any of them. */
static void add_joint(w2v_problem *problem, const w2v_choice *choice, const w2v_window *windows) {
    const int32_t G = problem->n_windows = windows->n_joint, low = windows->low;
    for (int32_t g = 0; g < G; g++) problem->centers[g] = windows[g].center;
    problem->joint = windows;
    problem->contexts = choice->near + low;
    problem->n_contexts = windows[G - 1].high - low;
}

int w2v_problem_add(w2v_problem *problem, const w2v_choice *choice, const w2v_window *window, w2v_real lr) {
    const int32_t n_predictions = w2v_joint_predictions(window);
    if (!n_predictions) return 0; /* a centre without contexts teaches nothing */
    problem->lr = lr;
    problem->n_predictions += n_predictions;
    if (problem->is_joint) {
        add_joint(problem, choice, window);
        return 1;
    }
    problem->n_contexts = add_contexts(problem, choice, window);
    problem->centers[problem->n_windows++] = window->center;
    problem->context_starts[problem->n_windows] = problem->n_contexts;
    return problem->n_windows == problem->most_windows;
}

/* The weights of what is in these windows, a sum of powers of 2, where a set's weights begin `at`. */
W2V_INLINE w2v_real *weights_of(const w2v_problem *problem, w2v_real *at, int32_t windows) {
    return at + windows * problem->weight_stride;
}

/* The target from `start` on that is `row`, among the last that a tile needs distinct, or else a new one at the end,
 * which weighs nothing yet. */
static int64_t find_target(w2v_problem *problem, int64_t start, int64_t *end, w2v_real *row, w2v_real *at) {
    const int64_t first = *end - W2V_TILE_DISTINCT > start ? *end - W2V_TILE_DISTINCT : start;
    for (int64_t t = *end - 1; t >= first; t--)
        if (problem->targets[t] == row) return t - start;
    problem->targets[*end] = row;
    for (int32_t g = 0; g < problem->n_windows; g++) weights_of(problem, at, 1 << g)[*end - start] = 0;
    return (*end)++ - start;
}

/* The centres of the windows and K noise words; returns where their weights begin. A noise word that is drawn again
 * counts twice, so that the targets a tile updates together are distinct rows. One that is the centre of a window does
 * not count, as in word2vec.c, nor for the windows that share it; with NCE, whose noise may be any word, it is a hit
 * (learn_hits in learn.c). */
static w2v_real *add_any_noise(w2v_problem *problem, w2v_choice *choice, int32_t set, w2v_noise_run run) {
    const w2v_plan *plan = choice->plan;
    const w2v_rows *rows = choice->out_rows;
    const w2v_real weight = (w2v_real)plan->noise_weight;
    const int64_t start = problem->set_starts[set];
    const int32_t *centers = problem->centers, G = problem->n_windows;
    w2v_real *hits = problem->hits + set;
    w2v_real *at = problem->weights + W2V_TILE_SLACK + start;
    int64_t end = start;
    for (int32_t g = 0; g < G; g++) {
        const int64_t t = find_target(problem, start, &end, row_of(rows, centers[g]), at);
        weights_of(problem, at, 1 << g)[t] = -1;
    }
    for (int32_t left = plan->n_noise;; run = noise_next(&choice->noise, left)) {
        for (int32_t k = 0; k < run.n; k++) {
            const int32_t id = run.ids[k];
            int is_center = 0;
            for (int32_t g = 0; g < G; g++) is_center |= id == centers[g];
            if (is_center && plan->loss != W2V_NCE) continue;
            const int64_t t = find_target(problem, start, &end, row_of(rows, id), at);
            for (int32_t g = 0; g < G; g++)
                *(id == centers[g] ? &hits[g] : &weights_of(problem, at, 1 << g)[t]) += weight;
        }
        if (!(left -= run.n)) break;
    }
    /* What is in several windows learns from all of them. */
    for (int32_t windows = 3; is_joint(plan) && windows < 1 << G; windows++) {
        const int32_t one = windows & -windows, others = windows - one;
        const w2v_real *a = weights_of(problem, at, one), *b = weights_of(problem, at, others);
        w2v_real *sum = weights_of(problem, at, windows);
        for (int64_t t = 0; others && t < end - start; t++) sum[t] = a[t] + b[t];
    }
    problem->set_starts[set + 1] = end;
    return at;
}

/* Each of CBOW's windows has its own centre; the kernels of slices make no difference. */
static int has_own_targets(const w2v_plan *plan) { return plan->model == W2V_CBOW && !is_sliced(plan); }

/* The same where all of these words are distinct, as they nearly always are: no weight is then a new one. Centres that
 * are their inputs' own (kernels.h) need not be. */
W2V_INLINE w2v_real *add_noise_set(w2v_problem *problem, w2v_choice *choice, int32_t set, const int32_t G) {
    const w2v_rows rows = *choice->out_rows; /* a copy: what is stored below cannot change it */
    const int32_t *centers = problem->centers, K = choice->plan->n_noise;
    const int32_t n_own = has_own_targets(choice->plan) && G > 1 ? G : 0;
    const w2v_noise_run run = noise_next(&choice->noise, K);
    int is_usual = run.is_distinct & (run.n == K) & (G == windows_together(choice->plan));
    w2v_real **targets = problem->targets + problem->set_starts[set];
    int32_t n = G;
    for (int32_t g = 0; g < G; g++) {
        problem->hits[set + g] = 0;
        targets[g] = row_of(&rows, centers[g]);
        for (int32_t other = 0; other < g; other++) is_usual &= n_own || centers[g] != centers[other];
    }
    for (int32_t k = 0; k < run.n; k++) {
        int is_center = 0;
        for (int32_t g = 0; g < G; g++) is_center |= run.ids[k] == centers[g];
        targets[n] = row_of(&rows, run.ids[k]);
        n += !is_center;
    }
    if (!is_usual || (choice->plan->loss == W2V_NCE && n < G + K)) return add_any_noise(problem, choice, set, run);
    problem->set_starts[set + 1] = problem->set_starts[set] + n;
    problem->n_own = n_own;
    return choice->usual_room + W2V_TILE_SLACK;
}

/* The nodes from the root to the centre; the label of a node is 1 - code. Codes are coin tosses: a branch would be
 * mispredicted for half of them. By fours, so that the loop's end is foreseen more often; past the path's own end there
 * is room for what is written. Returns where their weights begin. */
static w2v_real *add_path(w2v_problem *problem, const w2v_choice *choice) {
    const w2v_plan *plan = choice->plan;
    const w2v_tree *tree = plan->tree;
    const w2v_rows rows = *choice->out_rows; /* a copy: what is stored below cannot change it */
    const int64_t start = tree->offsets[problem->centers[0]];
    const int64_t length = tree->offsets[problem->centers[0] + 1] - start;
    const int32_t *nodes = tree->nodes;
    w2v_real *at = problem->weights + W2V_TILE_SLACK, *weights = weights_of(problem, at, 1);
    w2v_real **targets = problem->targets;
    w2v_real *const matrices[2] = {rows.shared, rows.hot};
    for (int64_t first = 0; first < length; first += 4) {
        W2V_UNROLL
        for (int64_t t = first; t < first + 4; t++) {
            const int64_t entry = start + (t < length ? t : length - 1);
            weights[t] = (w2v_real)(2 * tree->codes[entry] - 1);
            targets[t] = matrices[nodes[entry] < rows.n_hot] + nodes[entry] * rows.stride;
        }
    }
    problem->n_near = at_most(choice->near_depth, (int32_t)length);
    problem->set_starts[1] = length;
    return at;
}

/* Inputs learn from the set that is theirs: each is in one window, and a context in several of those that are joint. */
W2V_INLINE void weigh_inputs(const w2v_problem *problem, const w2v_plan *plan, w2v_real *at, const int32_t G) {
    w2v_real **weights = problem->input_weights;
    if (plan->model == W2V_CBOW) {
        for (int32_t g = 0; g < G; g++) weights[g] = weights_of(problem, at, 1 << g);
    } else {
        /* Nearly all are in all windows. (The edges below look at G inputs, however few there are.) */
        w2v_real *all = weights_of(problem, at, problem->is_joint ? (1 << G) - 1 : 1);
        for (int32_t i = 0, n = at_least(problem->n_contexts, G); i < n; i++) weights[i] = all;
    }
    if (problem->is_joint) {
        /* Reaches are alike: with each centre, at most one context goes and one comes. */
        const int32_t low = problem->joint->low, last = problem->n_contexts - 1;
        for (int32_t g = 0; g < G; g++) {
            const w2v_window *window = &problem->joint[g];
            const int64_t one_less = problem->weight_stride << g;
            const int32_t is_context = window->own < window->high, own = window->own - !is_context - low;
            weights[at_least(own, 0)] -= is_context * one_less;
            for (int32_t k = 0; k < g; k++) weights[k] -= (k < window->low - low) * one_less;
            for (int32_t k = last; k > last - (G - 1 - g); k--)
                weights[at_least(k, 0)] -= (k >= window->high - low) * one_less;
        }
    }
}

/* Is at least half of a problem's contexts one of the two before them? */
static int are_alike(const w2v_problem *problem, const w2v_walk *walk, const w2v_choice *choice) {
    w2v_real *const *rows = problem->contexts;
    const int32_t n = problem->n_contexts;
    int32_t n_alike = 0;
    if (problem->is_joint && choice->last_alike < walk->n_past + problem->joint->low + 2) return 0; /* nearly always */
    for (int32_t i = 2; i < n; i++) n_alike += (rows[i] == rows[i - 1]) | (rows[i] == rows[i - 2]);
    return n > 2 && 2 * n_alike >= n;
}

/* Make one input of those that are the same row, its weights the sum of theirs. Where a line is one word or two, steps
 * that were all computed from the same score would else grow from one to the next. */
static void merge_inputs(w2v_problem *problem) {
    w2v_real *const *from = problem->contexts, **rows = problem->context_room, **weights = problem->input_weights;
    w2v_real *sum = problem->merged_weights + W2V_TILE_SLACK;
    const int64_t n_targets = problem->set_starts[1];
    int32_t n = 0, n_before;
    for (int32_t i = 0; i < problem->n_contexts; i++) {
        for (n_before = 0; n_before < n && rows[n_before] != from[i];) n_before++;
        if (n_before < n) {
            for (int64_t t = 0; t < n_targets; t++) weights[n_before][t] += weights[i][t];
            continue;
        }
        rows[n] = from[i];
        memcpy(sum, weights[i], (size_t)n_targets * sizeof *sum);
        weights[n++] = sum;
        sum += problem->weight_stride;
    }
    problem->contexts = rows;
    problem->n_contexts = n;
}

/* Of a loss that draws, in G windows. For the usual G, a constant, there are no loops over windows. */
W2V_INLINE void close_noise_sets(w2v_problem *problem, w2v_choice *choice, const int32_t G) {
    if (problem->n_sets == 1) {
        weigh_inputs(problem, choice->plan, add_noise_set(problem, choice, 0, G), G);
        return;
    }
    for (int32_t set = 0; set < problem->n_sets; set++)
        problem->input_weights[set] = weights_of(problem, add_noise_set(problem, choice, set, 1), 1);
}

void w2v_problem_close(w2v_problem *problem, const w2v_walk *walk, w2v_choice *choice) {
    const w2v_plan *plan = choice->plan;
    problem->hidden_scales = choice->hidden_scales;
    problem->context_scales = choice->context_scales;
    problem->n_sets = has_noise_per_pair(plan) ? problem->n_contexts : 1;
    switch (plan->loss == W2V_HIERARCHICAL_SOFTMAX ? 0 : problem->n_windows) {
        case 0: weigh_inputs(problem, plan, add_path(problem, choice), 1); break;
        case 1: close_noise_sets(problem, choice, 1); break;
        case 2: close_noise_sets(problem, choice, 2); break;
        case 3: close_noise_sets(problem, choice, 3); break;
        case 4: close_noise_sets(problem, choice, 4); break;
        default: close_noise_sets(problem, choice, problem->n_windows);
    }
    if (may_merge_inputs(plan) && are_alike(problem, walk, choice)) merge_inputs(problem);
}

void w2v_problem_tile(const w2v_problem *problem, const w2v_plan *plan, int32_t first, w2v_tile *tile) {
    const int32_t set = problem->n_sets > 1 ? first : 0;
    const int32_t most = problem->n_sets > 1 ? 1 : plan->model == W2V_CBOW ? problem->n_windows : plan->tile_inputs;
    const int64_t start = problem->set_starts[set];
    if (tile->n_inputs > most) tile->n_inputs = most;
    tile->n_targets = (int32_t)(problem->set_starts[set + 1] - start);
    tile->targets = problem->targets + start;
    tile->weights = problem->input_weights + first;
    tile->n_own = problem->n_own;
}
