/* learn.c: see learn.h. */
#include "learn.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

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

/* Most targets of a problem, all its sets together. */
static int64_t most_of_problem(const w2v_plan *plan) {
    const int64_t n_sets = has_noise_per_pair(plan) ? 2 * (int64_t)plan->window : 1;
    return n_sets * w2v_most_targets(plan);
}

/* Weights of targets lie in rows, one for each choice of windows, a sum of powers of 2: how often the pairs count that
 * these windows make with the target. The rows are so far apart: */
static int64_t weight_stride(const w2v_plan *plan) { return most_of_problem(plan) + W2V_TILE_SLACK; }
/* How many numbers they are, with what may be read before and after. */
static size_t weights_room(const w2v_plan *plan) {
    return ((size_t)1 << windows_together(plan)) * (size_t)weight_stride(plan) + 2 * W2V_TILE_SLACK;
}

/* The weights where centres and noise words are distinct, as nearly always: the centres, then the noise. */
static w2v_real *usual_weights(const w2v_plan *plan) {
    const int32_t G = windows_together(plan);
    w2v_real *room = calloc(weights_room(plan), sizeof *room);
    for (int32_t windows = 1; room && windows < 1 << G; windows++) {
        w2v_real *weights = room + W2V_TILE_SLACK + windows * weight_stride(plan);
        for (int32_t g = 0; g < G; g++) {
            const int32_t within = windows >> g & 1;
            weights[g] = (w2v_real)-within;
            for (int32_t k = 0; k < plan->n_noise; k++) weights[G + k] += (w2v_real)(within * plan->noise_weight);
        }
    }
    return room;
}

w2v_status w2v_learner_init(w2v_learner *learner, const w2v_plan *plan) {
    const int32_t n_windows = windows_together(plan);
    const int64_t n_inputs = plan->model == W2V_CBOW ? n_windows : plan->tile_inputs;
    const int64_t n_contexts = n_windows * 2 * (int64_t)plan->window;
    const int64_t step_windows = plan->step_windows + n_windows;
    const int64_t n_targets = step_windows * w2v_most_targets(plan) * (has_noise_per_pair(plan) ? n_contexts : 1);
    memset(learner, 0, sizeof *learner);
    learner->plan = plan;
    learner->kernels = w2v_kernels_get();
    learner->fetches = 1;
    learner->hidden = malloc(2 * (size_t)n_windows * sizeof *learner->hidden);
    learner->hidden_rows = aligned_new(2 * (size_t)(n_windows * plan->stride) * sizeof(w2v_real));
    learner->scratch = malloc((size_t)W2V_TILE_SCRATCH(n_inputs, w2v_most_targets(plan)) * sizeof(w2v_real));
    learner->input_steps = malloc((size_t)n_contexts * sizeof *learner->input_steps);
    learner->target_steps = malloc((size_t)(w2v_most_targets(plan) + 1) * sizeof *learner->target_steps);
    learner->hit_weights = malloc((size_t)n_inputs * sizeof *learner->hit_weights);
    learner->usual_room = usual_weights(plan);
    if (learner->hidden && learner->hidden_rows && learner->scratch && learner->input_steps &&
        learner->target_steps && learner->hit_weights && learner->usual_room &&
        w2v_optimizer_init(&learner->optimizer, plan, step_windows * 2 * plan->window, n_targets, 1) == W2V_OK) {
        for (int32_t i = 0; i < 2 * n_windows; i++) learner->hidden[i] = learner->hidden_rows + i * plan->stride;
        learner->hidden_steps = learner->hidden + n_windows;
        memset(learner->hit_row, 0, sizeof learner->hit_row);
        for (int64_t i = 0; i < n_inputs; i++) learner->hit_weights[i] = learner->hit_row + W2V_TILE_SLACK;
        return W2V_OK;
    }
    w2v_learner_free(learner);
    return W2V_ERR_MEMORY;
}

void w2v_learner_free(w2v_learner *learner) {
    free(learner->hidden);
    aligned_free(learner->hidden_rows);
    free(learner->scratch);
    free(learner->input_steps);
    free(learner->target_steps);
    free(learner->hit_weights);
    free(learner->usual_room);
    w2v_optimizer_free(&learner->optimizer);
    memset(learner, 0, sizeof *learner);
}

void w2v_learner_start(w2v_learner *learner, int64_t shard) {
    const w2v_plan *plan = learner->plan;
    /* Counted from the far end, shards name streams that no walk uses. */
    w2v_noise_start(&learner->noise, plan, rng_stream(plan->seed, plan->epoch, ~(uint64_t)shard));
}

w2v_status w2v_problem_init(w2v_problem *problem, const w2v_plan *plan) {
    const size_t n_windows = (size_t)windows_together(plan), n_contexts = n_windows * 2 * (size_t)plan->window;
    const size_t n_sets = has_noise_per_pair(plan) ? n_contexts : 1;
    const size_t n_targets = (size_t)most_of_problem(plan) + W2V_TILE_SLACK;
    memset(problem, 0, sizeof *problem);
    problem->centers = malloc(n_windows * sizeof *problem->centers);
    problem->context_starts = calloc(n_windows + 1, sizeof *problem->context_starts);
    problem->reaches = malloc(n_windows * sizeof *problem->reaches);
    /* Joint windows may reach W tokens further back than the first of them. */
    problem->context_room = malloc((n_contexts + (size_t)plan->window) * sizeof *problem->context_room);
    problem->set_starts = calloc(n_sets + 1, sizeof *problem->set_starts);
    problem->targets = malloc(2 * n_targets * sizeof *problem->targets);
    problem->weights = calloc(weights_room(plan), sizeof *problem->weights);
    problem->weight_stride = weight_stride(plan);
    problem->input_weights = malloc(n_contexts * sizeof *problem->input_weights);
    problem->hits = malloc(n_sets * n_windows * sizeof *problem->hits);
    if (!problem->centers || !problem->context_starts || !problem->reaches || !problem->context_room ||
        !problem->set_starts || !problem->targets || !problem->weights || !problem->input_weights || !problem->hits) {
        w2v_problem_free(problem);
        return W2V_ERR_MEMORY;
    }
    w2v_problem_empty(problem, plan);
    /* A tile fetches as many rows as it has targets itself: what lies past the last one must be some row, too. */
    for (size_t at = 0; at < 2 * n_targets; at++) problem->targets[at] = plan->out_vecs;
    return W2V_OK;
}

void w2v_problem_free(w2v_problem *problem) {
    free(problem->centers);
    free(problem->context_starts);
    free(problem->reaches);
    free(problem->context_room);
    free(problem->set_starts);
    free(problem->targets);
    free(problem->weights);
    free(problem->input_weights);
    free(problem->hits);
    memset(problem, 0, sizeof *problem);
}

static w2v_real *out_row(const w2v_learner *learner, int64_t id) { return row_of(&learner->optimizer.out.vectors, id); }

int w2v_problem_takes(const w2v_problem *problem, const w2v_plan *plan, const w2v_window *window) {
    const int32_t n = problem->n_windows;
    return !n || !is_joint(plan) || window->number == problem->reaches[n - 1].center + 1;
}

/* The contexts of one window. */
static int32_t add_contexts(w2v_problem *problem, const w2v_rows *rows, const w2v_window *window) {
    w2v_real **to = problem->contexts + problem->n_contexts;
    for (int64_t p = window->low; p < window->pos; p++) *to++ = row_of(rows, window->tokens[p]);
    for (int64_t p = window->pos + 1; p < window->high; p++) *to++ = row_of(rows, window->tokens[p]);
    return (int32_t)(to - problem->contexts);
}

/* The tokens that no window before had, to the left and to the right. */
static int32_t add_tokens(w2v_problem *problem, const w2v_rows *rows, const w2v_window *window) {
    const int32_t *tokens = window->tokens + window->pos - window->number; /* by their numbers */
    const int64_t low = window->number + window->low - window->pos, high = low + window->high - window->low;
    if (!problem->n_windows) problem->first = problem->past = low;
    while (problem->first > low) *--problem->contexts = row_of(rows, tokens[--problem->first]);
    for (; problem->past < high; problem->past++)
        problem->contexts[problem->past - problem->first] = row_of(rows, tokens[problem->past]);
    problem->reaches[problem->n_windows] = (w2v_reach){low, high, window->number};
    return (int32_t)(problem->past - problem->first);
}

/* Bring near what add_path will read: of the tokens that come within reach, where their paths begin, and a little
 * before a token becomes the centre, its path. */
static void fetch_paths(const w2v_tree *tree, const w2v_window *window) {
    enum { AHEAD = 2, LINE_NODES = W2V_CACHE_LINE / sizeof *tree->nodes };
    const int64_t next = window->pos + AHEAD < window->entered ? window->pos + AHEAD : window->entered - 1;
    const int64_t start = tree->offsets[window->tokens[next]];
    W2V_PREFETCH_READ(tree->nodes + start);
    W2V_PREFETCH_READ(tree->nodes + start + LINE_NODES);
    W2V_PREFETCH_READ(tree->codes + start);
    for (int64_t p = window->entering; p < window->entered; p++)
        W2V_PREFETCH_READ(tree->offsets + window->tokens[p]);
}

int w2v_problem_add(w2v_problem *problem, const w2v_learner *learner, const w2v_window *window, w2v_real lr) {
    const w2v_plan *plan = learner->plan;
    const w2v_rows rows = learner->optimizer.in.vectors; /* a copy: what is stored below cannot change it */
    const size_t n_bytes = (size_t)plan->stride * sizeof(w2v_real);
    for (int64_t p = window->entering; p < window->entered && learner->fetches; p++)
        row_prefetch(row_of(&rows, window->tokens[p]), n_bytes);
    if (plan->tree && plan->n_words > 1) fetch_paths(plan->tree, window);
    if (window->high - window->low < 2) return 0; /* a centre without contexts teaches nothing */
    const int32_t n = is_joint(plan) ? add_tokens(problem, &rows, window) : add_contexts(problem, &rows, window);
    problem->lr = lr;
    problem->n_predictions += plan->model == W2V_CBOW ? 1 : (int32_t)(window->high - window->low - 1);
    problem->centers[problem->n_windows++] = window->tokens[window->pos];
    problem->context_starts[problem->n_windows] = problem->n_contexts = n;
    return problem->n_windows == windows_together(plan);
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
 * counts twice, so that the targets a tile updates together are distinct rows. For a window whose centre it is it does
 * not count, as in word2vec.c, nor for windows joint with that one; with NCE, whose noise may be any word, it is a hit
 * (see learn_hits). */
static w2v_real *add_any_noise(w2v_problem *problem, w2v_learner *learner, int32_t set, w2v_noise_run run) {
    const w2v_plan *plan = learner->plan;
    const w2v_rows *rows = &learner->optimizer.out.vectors;
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
    for (int32_t left = plan->n_noise;; run = noise_next(&learner->noise, left)) {
        for (int32_t k = 0; k < run.n; k++) {
            const int32_t id = run.ids[k];
            int is_center = 0;
            for (int32_t g = 0; g < G; g++) is_center |= id == centers[g];
            if (is_center && is_joint(plan)) continue;
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

/* The same where all of these words are distinct, as they nearly always are: no weight is then a new one. */
W2V_INLINE w2v_real *add_noise_set(w2v_problem *problem, w2v_learner *learner, int32_t set, const int32_t G) {
    const w2v_rows rows = learner->optimizer.out.vectors; /* a copy: what is stored below cannot change it */
    const int32_t *centers = problem->centers, K = learner->plan->n_noise;
    const w2v_noise_run run = noise_next(&learner->noise, K);
    int repeats = !run.is_distinct | (run.n < K) | (G < windows_together(learner->plan));
    for (int32_t g = 0; g < G; g++) {
        problem->hits[set + g] = 0;
        for (int32_t other = 0; other < g; other++) repeats |= centers[g] == centers[other];
    }
    for (int32_t k = 0; k < run.n; k++)
        for (int32_t g = 0; g < G; g++) repeats |= run.ids[k] == centers[g];
    if (repeats) return add_any_noise(problem, learner, set, run);
    w2v_real **targets = problem->targets + problem->set_starts[set];
    for (int32_t g = 0; g < G; g++) targets[g] = row_of(&rows, centers[g]);
    for (int32_t k = 0; k < K; k++) targets[G + k] = row_of(&rows, run.ids[k]);
    problem->set_starts[set + 1] = problem->set_starts[set] + G + K;
    return learner->usual_room + W2V_TILE_SLACK;
}

/* The nodes from the root to the centre; the label of a node is 1 - code. Codes are coin tosses: a branch would be
 * mispredicted for half of them. By fours, so that the loop's end is foreseen more often; past the path's own end there
 * is room for what is written. Returns where their weights begin. */
static w2v_real *add_path(w2v_problem *problem, const w2v_learner *learner) {
    enum { NEAR_BYTES = 1 << 15 }; /* of the first-level cache; nodes are numbered by falling count */
    const w2v_tree *tree = learner->plan->tree;
    const w2v_rows rows = learner->optimizer.out.vectors; /* a copy: what is stored below cannot change it */
    const int32_t most_near = (int32_t)(NEAR_BYTES / (rows.stride * (int64_t)sizeof(w2v_real)));
    const int64_t start = tree->offsets[problem->centers[0]];
    const int64_t length = tree->offsets[problem->centers[0] + 1] - start;
    const int32_t *nodes = tree->nodes;
    w2v_real *at = problem->weights + W2V_TILE_SLACK, *weights = weights_of(problem, at, 1);
    w2v_real **targets = problem->targets;
    w2v_real *const matrices[2] = {rows.shared, rows.hot};
    int32_t n_near = 0;
    for (int64_t first = 0; first < length; first += 4) {
        W2V_UNROLL
        for (int64_t t = first; t < first + 4; t++) {
            const int64_t entry = start + (t < length ? t : length - 1);
            weights[t] = (w2v_real)(2 * tree->codes[entry] - 1);
            targets[t] = matrices[nodes[entry] < rows.n_hot] + nodes[entry] * rows.stride;
            n_near += nodes[entry] < most_near;
        }
    }
    problem->n_near = n_near < length ? n_near : (int32_t)length;
    problem->set_starts[1] = length;
    return at;
}

/* Inputs learn from the set that is theirs: each is in one window, and a context in several of those that are joint. */
W2V_INLINE void weigh_inputs(const w2v_problem *problem, const w2v_plan *plan, w2v_real *at, const int32_t G) {
    w2v_real **weights = problem->input_weights;
    if (plan->model == W2V_CBOW) {
        for (int32_t g = 0; g < G; g++) weights[g] = weights_of(problem, at, 1 << g);
    } else if (!is_joint(plan)) {
        for (int32_t i = 0; i < problem->n_contexts; i++) weights[i] = weights_of(problem, at, 1);
    } else {
        for (int32_t i = 0; i < problem->n_contexts; i++) {
            const int64_t number = problem->first + i;
            int32_t windows = 0;
            for (int32_t g = 0; g < G; g++) {
                const w2v_reach *reach = &problem->reaches[g];
                windows |= ((number >= reach->low) & (number < reach->high) & (number != reach->center)) << g;
            }
            weights[i] = weights_of(problem, at, windows);
        }
    }
}

/* Of a loss that draws, in G windows. For the usual G, a constant, there are no loops over windows. */
W2V_INLINE void close_noise_sets(w2v_problem *problem, w2v_learner *learner, const int32_t G) {
    if (problem->n_sets == 1) {
        weigh_inputs(problem, learner->plan, add_noise_set(problem, learner, 0, G), G);
        return;
    }
    for (int32_t set = 0; set < problem->n_sets; set++)
        problem->input_weights[set] = weights_of(problem, add_noise_set(problem, learner, set, 1), 1);
}

void w2v_problem_close(w2v_problem *problem, w2v_learner *learner) {
    const w2v_plan *plan = learner->plan;
    problem->n_sets = has_noise_per_pair(plan) ? problem->n_contexts : 1;
    if (plan->loss == W2V_HIERARCHICAL_SOFTMAX) {
        weigh_inputs(problem, plan, add_path(problem, learner), 1);
        return;
    }
    switch (problem->n_windows) {
        case 1: close_noise_sets(problem, learner, 1); break;
        case 2: close_noise_sets(problem, learner, 2); break;
        case 4: close_noise_sets(problem, learner, 4); break;
        default: close_noise_sets(problem, learner, problem->n_windows);
    }
}

/* Where a row learns that is not moved at once. */
static w2v_real *in_steps_of(w2v_learner *learner, const w2v_real *row) {
    return w2v_in_steps(&learner->optimizer, id_of(&learner->optimizer.in.vectors, row));
}
static w2v_real *out_steps_of(w2v_learner *learner, const w2v_real *row) {
    return w2v_out_steps(&learner->optimizer, id_of(&learner->optimizer.out.vectors, row));
}

/* Where the plan is not plain, targets and skip-gram's inputs learn in sums of their own; frozen inputs do not. */
static void redirect_steps(w2v_learner *learner, w2v_tile *tile) {
    if (!is_plain(learner->plan)) {
        for (int32_t t = 0; t < tile->n_targets; t++)
            learner->target_steps[t] = out_steps_of(learner, tile->targets[t]);
        tile->target_steps = learner->target_steps;
    }
    if (learner->plan->model == W2V_CBOW || inputs_learn_in_place(learner->plan)) return;
    for (int32_t i = 0; i < tile->n_inputs; i++) learner->input_steps[i] = in_steps_of(learner, tile->inputs[i]);
    tile->input_steps = learner->input_steps;
}

static void work_tile(w2v_learner *learner, const w2v_tile *tile, w2v_real lr) {
    const w2v_plan *plan = learner->plan;
    learner->loss += learner->kernels->logistic_tile(tile, plan->stride, step_factor(plan, lr));
    if (!plan->has_bias) return;
    /* The 1 that goes with a bias is not a number to learn. */
    for (int32_t i = 0; i < tile->n_inputs; i++)
        tile->input_steps[i][plan->dim] = tile->input_steps[i] == tile->inputs[i] ? 1 : 0;
}

/* A noise word that is the centre adds noise to the tile's observed pair, which one weight with one sign cannot say:
 * it is learnt right after it. */
static void learn_hits(w2v_learner *learner, const w2v_problem *problem, const w2v_tile *whole, int32_t first_input) {
    const w2v_plan *plan = learner->plan;
    const int32_t set = problem->n_sets > 1 ? first_input : 0, past = first_input + whole->n_inputs;
    const w2v_real *hits = problem->hits + set;
    for (int32_t g = 0; g < problem->n_windows; g++) {
        int32_t begin = plan->model == W2V_CBOW ? g : problem->context_starts[g];
        int32_t end = plan->model == W2V_CBOW ? g + 1 : problem->context_starts[g + 1];
        if (begin < first_input) begin = first_input;
        if (end > past) end = past;
        if (hits[g] == 0 || begin >= end) continue;
        w2v_real *center = out_row(learner, problem->centers[g]);
        w2v_real *center_steps = is_plain(plan) ? center : w2v_out_steps(&learner->optimizer, problem->centers[g]);
        w2v_tile tile = *whole;
        tile.n_inputs = end - begin;
        tile.inputs += begin - first_input;
        tile.input_steps += begin - first_input;
        tile.n_targets = 1;
        tile.targets = &center;
        tile.target_steps = is_plain(plan) ? NULL : &center_steps;
        tile.weights = learner->hit_weights;
        tile.n_fetch = 0;
        learner->hit_weights[0][0] = hits[g];
        work_tile(learner, &tile, problem->lr);
    }
}

void w2v_problem_tile(const w2v_problem *problem, const w2v_plan *plan, int32_t first, w2v_tile *tile) {
    const int32_t set = problem->n_sets > 1 ? first : 0;
    const int32_t most = problem->n_sets > 1 ? 1 : plan->model == W2V_CBOW ? problem->n_windows : plan->tile_inputs;
    const int64_t start = problem->set_starts[set];
    if (tile->n_inputs > most) tile->n_inputs = most;
    tile->n_targets = (int32_t)(problem->set_starts[set + 1] - start);
    tile->targets = problem->targets + start;
    tile->weights = problem->input_weights + first;
}

/* Learn a tile of the inputs from number `first_input` of the problem on; returns of how many. */
static int32_t learn_tile(w2v_learner *learner, const w2v_problem *problem, int32_t first_input, w2v_tile *tile) {
    const w2v_plan *plan = learner->plan;
    w2v_problem_tile(problem, plan, first_input, tile);
    tile->scratch = learner->scratch;
    tile->fetch = learner->fetch;
    tile->n_fetch = learner->n_fetch < tile->n_targets ? learner->n_fetch : tile->n_targets;
    learner->fetch += tile->n_fetch;
    learner->n_fetch -= tile->n_fetch;
    redirect_steps(learner, tile);
    work_tile(learner, tile, problem->lr);
    if (plan->loss == W2V_NCE) learn_hits(learner, problem, tile, first_input);
    return tile->n_inputs;
}

static void learn_skip_gram(w2v_learner *learner, const w2v_problem *problem) {
    for (int32_t first = 0; first < problem->n_contexts;) {
        w2v_real *const *inputs = problem->contexts + first;
        w2v_tile tile = {.n_inputs = problem->n_contexts - first, .inputs = inputs, .input_steps = inputs};
        first += learn_tile(learner, problem, first, &tile);
    }
}

/* Where the contexts of a window learn: the rows themselves, or somewhere else. */
static w2v_real *const *context_steps(w2v_learner *learner, const w2v_problem *problem, int32_t g) {
    w2v_real *const *contexts = problem->contexts + problem->context_starts[g];
    if (inputs_learn_in_place(learner->plan)) return contexts;
    for (int32_t i = 0; i < problem->context_starts[g + 1] - problem->context_starts[g]; i++)
        learner->input_steps[i] = in_steps_of(learner, contexts[i]);
    return learner->input_steps;
}

static void learn_cbow(w2v_learner *learner, const w2v_problem *problem) {
    const w2v_plan *plan = learner->plan;
    const w2v_kernels *kernels = learner->kernels;
    const int32_t G = problem->n_windows, *starts = problem->context_starts;
    w2v_tile tile = {.n_inputs = G, .inputs = learner->hidden, .input_steps = learner->hidden_steps};
    for (int32_t g = 0; g < G; g++) {
        const int32_t n = starts[g + 1] - starts[g];
        const w2v_real scale = scale_of(plan->hidden_scale, n);
        kernels->rows_sum(problem->contexts + starts[g], n, plan->stride, scale, learner->hidden[g]);
        if (plan->has_bias) learner->hidden[g][plan->dim] = 1;
    }
    memset(learner->hidden_steps[0], 0, (size_t)(G * plan->stride) * sizeof(w2v_real));
    learn_tile(learner, problem, 0, &tile);
    for (int32_t g = 0; g < G; g++) {
        const int32_t n = starts[g + 1] - starts[g];
        const w2v_real scale = scale_of(plan->context_scale, n);
        kernels->rows_add(context_steps(learner, problem, g), n, plan->stride, scale, learner->hidden_steps[g]);
    }
}

void w2v_problem_empty(w2v_problem *problem, const w2v_plan *plan) {
    problem->n_windows = problem->n_contexts = problem->n_predictions = 0;
    problem->contexts = problem->context_room + plan->window;
}

void w2v_learner_finish(w2v_learner *learner) {
    w2v_optimizer_move(&learner->optimizer, learner->lr);
    learner->n_unmoved = 0;
}

void w2v_problem_learn(w2v_learner *learner, w2v_problem *problem, const w2v_problem *later) {
    learner->fetch = problem->targets;
    learner->n_fetch = 0;
    if (later) {
        learner->fetch = later->targets + later->n_near;
        learner->n_fetch = (int32_t)later->set_starts[later->n_sets] - later->n_near;
    }
    if (learner->plan->model == W2V_SKIP_GRAM) learn_skip_gram(learner, problem);
    else learn_cbow(learner, problem);
    learner->n_predictions += problem->n_predictions;
    learner->n_unmoved += problem->n_windows;
    learner->lr = problem->lr;
    if (learner->n_unmoved >= learner->plan->step_windows) w2v_learner_finish(learner);
    w2v_problem_empty(problem, learner->plan);
}
