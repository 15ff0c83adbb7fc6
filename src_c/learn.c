/* learn.c: see learn.h. */
#include "learn.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

/* Most targets that one set can have. */
static int64_t most_targets(const w2v_plan *plan) {
    if (plan->loss == W2V_NEGATIVE_SAMPLING) return 1 + (int64_t)plan->n_noise;
    int64_t longest = 0;
    for (int64_t w = 0; w < plan->n_words; w++) {
        int64_t length = plan->tree->offsets[w + 1] - plan->tree->offsets[w];
        if (length > longest) longest = length;
    }
    return longest;
}

/* Noise can be drawn per pair only where a window has several pairs and a loss that draws. */
static int has_noise_per_pair(const w2v_plan *plan) {
    return plan->model == W2V_SKIP_GRAM && plan->loss == W2V_NEGATIVE_SAMPLING && !plan->share_noise;
}

w2v_status w2v_learner_init(w2v_learner *learner, const w2v_plan *plan) {
    const int64_t n_inputs = plan->model == W2V_CBOW ? 1 : plan->tile_inputs;
    const size_t row_bytes = (size_t)plan->stride * sizeof(w2v_real);
    memset(learner, 0, sizeof *learner);
    learner->plan = plan;
    learner->kernels = w2v_kernels_get();
    learner->hidden = aligned_new(row_bytes);
    learner->hidden_step = aligned_new(row_bytes);
    learner->scratch = malloc((size_t)W2V_TILE_SCRATCH(n_inputs, most_targets(plan)) * sizeof(w2v_real));
    if (learner->hidden && learner->hidden_step && learner->scratch &&
        w2v_rows_init(&learner->in_rows, plan->in_vecs, plan->n_hot_in, plan->stride) == W2V_OK &&
        w2v_rows_init(&learner->out_rows, plan->out_vecs, plan->n_hot_out, plan->stride) == W2V_OK)
        return W2V_OK;
    w2v_learner_free(learner);
    return W2V_ERR_MEMORY;
}

void w2v_learner_free(w2v_learner *learner) {
    aligned_free(learner->hidden);
    aligned_free(learner->hidden_step);
    free(learner->scratch);
    w2v_rows_free(&learner->in_rows);
    w2v_rows_free(&learner->out_rows);
    memset(learner, 0, sizeof *learner);
}

void w2v_learner_start(w2v_learner *learner, int64_t shard) {
    const w2v_plan *plan = learner->plan;
    /* Counted from the far end, shards name streams that no walk uses. */
    noise_start(&learner->noise, plan, rng_stream(plan->seed, plan->epoch, ~(uint64_t)shard));
}

w2v_status w2v_problem_init(w2v_problem *problem, const w2v_plan *plan) {
    const size_t n_contexts = 2 * (size_t)plan->window;
    const size_t n_sets = has_noise_per_pair(plan) ? n_contexts : 1;
    const size_t n_targets = n_sets * (size_t)most_targets(plan) + W2V_TILE_SLACK;
    problem->contexts = malloc(n_contexts * sizeof *problem->contexts);
    problem->set_starts = calloc(n_sets + 1, sizeof *problem->set_starts);
    problem->targets = malloc(2 * n_targets * sizeof *problem->targets);
    problem->signs = calloc(n_targets, sizeof *problem->signs);
    problem->weights = calloc(n_targets, sizeof *problem->weights);
    if (!problem->contexts || !problem->set_starts || !problem->targets || !problem->signs || !problem->weights) {
        w2v_problem_free(problem);
        return W2V_ERR_MEMORY;
    }
    /* A tile fetches as many rows as it has targets itself: what lies past the last one must be some row, too. */
    for (size_t at = 0; at < 2 * n_targets; at++) problem->targets[at] = plan->out_vecs;
    return W2V_OK;
}

void w2v_problem_free(w2v_problem *problem) {
    free(problem->contexts);
    free(problem->set_starts);
    free(problem->targets);
    free(problem->signs);
    free(problem->weights);
    memset(problem, 0, sizeof *problem);
}

static int64_t add_target(w2v_problem *problem, int64_t at, w2v_real *row, w2v_real sign, w2v_real weight) {
    problem->targets[at] = row;
    problem->signs[at] = sign;
    problem->weights[at] = weight;
    return at + 1;
}

/* The centre and K noise words. As in word2vec.c, a noise word that is the centre is dropped; one drawn again counts
 * twice, so that the targets a tile updates together are distinct rows. */
static int64_t add_noise_set(w2v_problem *problem, w2v_learner *learner, int64_t start, int32_t center) {
    const w2v_plan *plan = learner->plan;
    int64_t at = add_target(problem, start, row_of(&learner->out_rows, center), -1, 1);
    const w2v_real weight = (w2v_real)plan->noise_weight;
    for (int32_t k = 0; k < plan->n_noise; k++) {
        int32_t id = noise_next(&learner->noise);
        if (id == center) continue;
        w2v_real *row = row_of(&learner->out_rows, id);
        int64_t same = at - 1, first = at - W2V_TILE_DISTINCT > start ? at - W2V_TILE_DISTINCT : start;
        while (same >= first && problem->targets[same] != row) same--;
        if (same >= first) problem->weights[same] += weight;
        else at = add_target(problem, at, row, 1, weight);
    }
    return at;
}

/* The nodes from the root to the centre; the label of a node is 1 - code. */
static int64_t add_path(w2v_problem *problem, const w2v_learner *learner, int32_t center) {
    const w2v_tree *tree = learner->plan->tree;
    int64_t at = 0;
    for (int64_t entry = tree->offsets[center]; entry < tree->offsets[center + 1]; entry++)
        at = add_target(problem, at, row_of(&learner->out_rows, tree->nodes[entry]), tree->codes[entry] ? 1 : -1, 1);
    return at;
}

void w2v_problem_prepare(w2v_problem *problem, w2v_learner *learner, const w2v_window *window, w2v_real lr) {
    const w2v_plan *plan = learner->plan;
    const int32_t center = window->line[window->pos];
    int32_t n = 0;
    for (int64_t p = window->low; p < window->high; p++)
        if (p != window->pos) problem->contexts[n++] = row_of(&learner->in_rows, window->line[p]);
    problem->lr = lr;
    problem->n_contexts = n;
    for (int64_t p = window->entering; p < window->entered; p++)
        row_prefetch(row_of(&learner->in_rows, window->line[p]), (size_t)plan->stride * sizeof(w2v_real));
    if (!n) return;

    problem->n_sets = has_noise_per_pair(plan) ? n : 1;
    for (int32_t set = 0; set < problem->n_sets; set++)
        problem->set_starts[set + 1] =
            plan->loss == W2V_NEGATIVE_SAMPLING
                ? add_noise_set(problem, learner, problem->set_starts[set], center)
                : add_path(problem, learner, center);
}

static void learn_tile(w2v_learner *learner, const w2v_problem *problem, int32_t set, w2v_tile *tile) {
    const int64_t start = problem->set_starts[set];
    tile->n_targets = (int32_t)(problem->set_starts[set + 1] - start);
    tile->targets = problem->targets + start;
    tile->signs = problem->signs + start;
    tile->weights = problem->weights + start;
    tile->scratch = learner->scratch;
    tile->fetch = learner->fetch;
    if (learner->fetch_end - learner->fetch > tile->n_targets) learner->fetch += tile->n_targets;
    else learner->fetch = learner->fetch_end = NULL;
    learner->loss += learner->kernels->logistic_tile(tile, learner->plan->stride, problem->lr);
    learner->n_predictions += tile->n_inputs;
}

static void learn_skip_gram(w2v_learner *learner, const w2v_problem *problem) {
    const int32_t most = problem->n_sets > 1 ? 1 : learner->plan->tile_inputs;
    for (int32_t first = 0; first < problem->n_contexts; first += most) {
        const int32_t left = problem->n_contexts - first;
        w2v_real *const *inputs = problem->contexts + first;
        w2v_tile tile = {.n_inputs = left < most ? left : most, .inputs = inputs, .input_steps = inputs};
        learn_tile(learner, problem, problem->n_sets > 1 ? first : 0, &tile);
    }
}

static void learn_cbow(w2v_learner *learner, const w2v_problem *problem) {
    const w2v_plan *plan = learner->plan;
    const w2v_kernels *kernels = learner->kernels;
    const double mean = 1.0 / problem->n_contexts;
    const w2v_real hidden_scale = (w2v_real)(plan->hidden_scale > 0 ? plan->hidden_scale : mean);
    const w2v_real context_scale = (w2v_real)(plan->context_scale > 0 ? plan->context_scale : mean);
    w2v_tile tile = {.n_inputs = 1, .inputs = &learner->hidden, .input_steps = &learner->hidden_step};
    kernels->rows_sum(problem->contexts, problem->n_contexts, plan->stride, hidden_scale, learner->hidden);
    memset(learner->hidden_step, 0, (size_t)plan->stride * sizeof(w2v_real));
    learn_tile(learner, problem, 0, &tile);
    kernels->rows_add(problem->contexts, problem->n_contexts, plan->stride, context_scale, learner->hidden_step);
}

void w2v_problem_learn(w2v_learner *learner, const w2v_problem *problem, const w2v_problem *later) {
    if (!problem->n_contexts) return;
    learner->fetch = learner->fetch_end = NULL;
    if (later && later->n_contexts) {
        learner->fetch = later->targets;
        learner->fetch_end = later->targets + later->set_starts[later->n_sets];
    }
    if (learner->plan->model == W2V_SKIP_GRAM) learn_skip_gram(learner, problem);
    else learn_cbow(learner, problem);
}
