/* learn.c: see learn.h. */
#include "learn.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

w2v_status w2v_learner_init(w2v_learner *learner, const w2v_plan *plan) {
    const int32_t n_windows = windows_together(plan);
    const int64_t n_inputs = plan->model == W2V_CBOW ? n_windows : plan->tile_inputs;
    const int64_t n_contexts = n_windows * 2 * (int64_t)plan->window;
    const int64_t step_windows = plan->step_windows + n_windows;
    const int64_t n_targets = step_windows * w2v_problem_targets(plan);
    memset(learner, 0, sizeof *learner);
    learner->plan = plan;
    learner->kernels = w2v_kernels_get();
    const int32_t width = learner->kernels->width;
    learner->n_numbers = (row_numbers(plan) + width - 1) / width * width;
    learner->hidden = malloc(2 * (size_t)n_windows * sizeof *learner->hidden);
    learner->hidden_rows = aligned_new(2 * (size_t)(n_windows * plan->stride) * sizeof(w2v_real));
    learner->scratch = aligned_new((size_t)W2V_TILE_SCRATCH(n_inputs, w2v_most_targets(plan)) * sizeof(w2v_real));
    learner->input_steps = malloc((size_t)n_contexts * sizeof *learner->input_steps);
    learner->target_steps = malloc((size_t)(w2v_most_targets(plan) + 1) * sizeof *learner->target_steps);
    learner->hit_weights = malloc((size_t)n_inputs * sizeof *learner->hit_weights);
    if (learner->hidden && learner->hidden_rows && learner->scratch && learner->input_steps &&
        learner->target_steps && learner->hit_weights &&
        w2v_optimizer_init(&learner->optimizer, plan, step_windows * 2 * plan->window, n_targets, 1) == W2V_OK &&
        w2v_choice_init(&learner->choice, plan, &learner->optimizer.in.vectors, &learner->optimizer.out.vectors) ==
            W2V_OK) {
        learner->choice.fetch_bytes = (size_t)plan->stride * sizeof(w2v_real);
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
    aligned_free(learner->scratch);
    free(learner->input_steps);
    free(learner->target_steps);
    free(learner->hit_weights);
    w2v_choice_free(&learner->choice);
    w2v_optimizer_free(&learner->optimizer);
    memset(learner, 0, sizeof *learner);
}

static w2v_real *out_row(const w2v_learner *learner, int64_t id) { return row_of(&learner->optimizer.out.vectors, id); }

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
    learner->loss += learner->kernels->logistic_tile(tile, learner->n_numbers, step_factor(plan, lr));
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
        tile.n_own = 0;
        tile.targets = &center;
        tile.target_steps = is_plain(plan) ? NULL : &center_steps;
        tile.weights = learner->hit_weights;
        tile.n_fetch = 0;
        learner->hit_weights[0][0] = hits[g];
        work_tile(learner, &tile, problem->lr);
    }
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

/* Where the contexts of windows learn: the rows themselves, or somewhere else. */
static w2v_real *const *context_steps(w2v_learner *learner, const w2v_problem *problem) {
    if (inputs_learn_in_place(learner->plan)) return problem->contexts;
    for (int32_t i = 0; i < problem->n_contexts; i++)
        learner->input_steps[i] = in_steps_of(learner, problem->contexts[i]);
    return learner->input_steps;
}

static void learn_cbow(w2v_learner *learner, const w2v_problem *problem) {
    const w2v_plan *plan = learner->plan;
    const w2v_kernels *kernels = learner->kernels;
    const int32_t G = problem->n_windows, *starts = problem->context_starts;
    const int64_t n = learner->n_numbers;
    w2v_tile tile = {.n_inputs = G, .inputs = learner->hidden, .input_steps = learner->hidden_steps};
    kernels->rows_sum(problem->contexts, starts, G, n, problem->hidden_scales, learner->hidden);
    for (int32_t g = 0; plan->has_bias && g < G; g++) learner->hidden[g][plan->dim] = 1;
    /* Where windows have targets of their own, the tile begins the steps. */
    if (!problem->n_own) memset(learner->hidden_steps[0], 0, (size_t)(G * plan->stride) * sizeof(w2v_real));
    learn_tile(learner, problem, 0, &tile);
    kernels->rows_add(context_steps(learner, problem), starts, G, n, problem->context_scales, learner->hidden_steps);
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
    w2v_problem_empty(problem);
}
