/* kernels_body.h: the kernels, written once over the vector words of a kernels_<isa>.c.
 *
 * Included by kernels_<isa>.c after the words (vec, V_WIDTH, V_BLOCK, V_SUMS, V_BLOCK_ONE, v_*) are defined; defines
 * the table w2v_kernels_<isa>. Rows are padded to a multiple of every V_WIDTH, so no loop here has a tail.
 *
 * Racing updates. Threads call these kernels on shared rows without locks, and a row may change between its
 * load and its store. That is deliberate ("Hogwild", Niu, Recht, Re & Wright, NIPS 2011): updates are sparse, a
 * lost one is as if its pair had not been drawn, and every value that can be read was a valid value of the
 * row, since aligned loads and stores of a float do not tear. Nowhere else in the library do threads race. */
#include <math.h>

#include "base.h"
#include "kernels.h"

/* log(1 + exp(z)), and its derivative, the sigmoid. */
W2V_INLINE vec v_logistic(vec z, vec *sigmoid) {
    const vec one = v_set1(1), e = v_exp_minus(v_abs(z));
    *sigmoid = v_div(v_if_negative(z, e, one), v_add(one, e));
    return v_add(v_max(v_zero(), z), v_log1p(e));
}

/* The guard of the logistic losses: where |z| exceeds W2V_SCORE_LIMIT the step is scaled by W2V_SCORE_LIMIT / |z|.
 * Scores that high do not occur in healthy training, so ordinary steps are untouched. Vectors that grow (many stale
 * steps summed into one row, as where a line repeats one rare word) have |z| ~ |x| |y|; a step of g x on y, with
 * g ~ 1 / (|x| |y|), then adds at most ~ lr W2V_SCORE_LIMIT / |y|, so that norms grow by addition, never by
 * multiplication, and cannot run away.
 * DIFFERS: word2vec.c and gensim skip pairs with |score| >= 6, wrong ones included; here those still learn. */
W2V_INLINE vec v_guarded(vec step, vec z) {
    const vec size = v_abs(z), limit = v_set1(W2V_SCORE_LIMIT);
    if (v_any_above(size, limit)) step = v_mul(step, v_div(limit, v_max(limit, size)));
    return step;
}

/* With z the score, negated where the weight is negative, a pair's loss is |weight| softplus(z) and its gradient with
 * respect to the score is weight * sigmoid(z); the step is -lr times that. */
W2V_INLINE vec v_factor(vec score, vec weight, vec minus_lr, vec *loss) {
    vec z = v_flip(score, weight), sigmoid;
    *loss = v_fma(v_abs(weight), v_logistic(z, &sigmoid), *loss);
    return v_guarded(v_mul(v_mul(minus_lr, weight), sigmoid), z);
}

/* All of `count`, in blocks of nearly one size, of at most V_BLOCK: `n` of them from number `at` on. Nearly always
 * there is one block, and nothing to divide. */
W2V_INLINE int64_t n_blocks(int64_t count, int64_t most) { return (count + most - 1) / most; }
W2V_INLINE int32_t share_of(int64_t count, int32_t n_turns) {
    return n_turns > 1 ? (int32_t)count / n_turns : (int32_t)count;
}
#define FOR_BLOCKS(at, n, count, n_turns)                                                                    \
    for (int32_t n_left = (int32_t)(n_turns), at = 0, n; n_left > 0 && (n = share_of((count)-at, n_left), 1); \
         at += n, n_left--)
#define FOR_EACH_BLOCK(at, n, count) FOR_BLOCKS(at, n, count, n_blocks(count, V_BLOCK))

W2V_INLINE int at_least(int a, int b) { return a > b ? a : b; }
W2V_INLINE int at_most(int a, int b) { return a < b ? a : b; }

/* Numbers k .. k + V_WIDTH - 1 of NI rows of NT weights laid end to end, put together in a register: what was stored in
 * small pieces cannot be loaded as a whole until all of it has reached the cache. Past the end weights are 0. With
 * `has_own`, the first one of each row is an observed pair's. */
W2V_INLINE vec weights_from(w2v_real *const *weights, int32_t first_target, const int k, const int NI, const int NT,
                            const int has_own) {
    vec all = v_zero();
    W2V_UNROLL
    for (int i = 0; i < NI; i++) {
        const int from = at_least(0, i * NT - k), to = at_most(V_WIDTH, (i + 1) * NT - k);
        if (from < to) all = v_lanes(from, to, v_loadu(weights[i] + first_target + k - i * NT), all);
        if (has_own && from < to && from == i * NT - k) all = v_lanes(from, from + 1, v_set1(-1), all);
    }
    return all;
}

/* Of NI inputs x NT targets: all scores at once, from numbers from .. to - 1 of the rows, out[i * NT + t]; or, with
 * weights, the factors that follow from them, whose loss is returned. With `has_own`, the first target is own[i]. The
 * sigmoid of what is still in registers waits for no store, and the next inputs' products go on beside it. Writes up to
 * V_WIDTH - 1 numbers past the end. NI and NT are constants after inlining; the accumulators live in registers. */
W2V_INLINE vec scores_block(w2v_real *const *inputs, w2v_real *const *targets, int64_t from, int64_t to, w2v_real *out,
                            w2v_real *const *own, w2v_real *const *weights, int32_t first_target, w2v_real lr,
                            const int NI, const int NT, const int has_own) {
    vec sums[V_SUMS + V_WIDTH], loss = v_zero();
    W2V_UNROLL
    for (int k = 0; k < NI * NT + V_WIDTH - 1; k++) sums[k] = v_zero();
    for (int64_t d = from; d < to; d += V_WIDTH) {
        vec x[4];
        W2V_UNROLL
        for (int i = 0; i < NI; i++) x[i] = v_load(inputs[i] + d);
        W2V_UNROLL
        for (int i = 0; i < NI && has_own; i++) sums[i * NT] = v_fma(x[i], v_load(own[i] + d), sums[i * NT]);
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) {
            vec y = v_load(targets[t] + d);
            W2V_UNROLL
            for (int i = 0; i < NI; i++) sums[i * NT + t] = v_fma(x[i], y, sums[i * NT + t]);
        }
    }
    W2V_UNROLL
    for (int k = 0; k < NI * NT; k += V_WIDTH) {
        vec scores = v_sums(sums + k);
        if (weights) {
            const vec of_pairs = weights_from(weights, first_target, k, NI, NT, has_own);
            scores = v_factor(scores, of_pairs, v_set1(-lr), &loss);
        }
        v_storeu(out + k, scores);
    }
    return loss;
}

/* Where the steps of a tile's rows go. */
enum { AT_ONCE, INPUTS_APART, BOTH_APART };

/* Rows that will be wanted next are prefetched a line at a time between the arithmetic: all at once, they would wait
 * for each other. In the order of base.h, a line whenever a vector begins one of those that are worked on. */
enum { LINE = W2V_CACHE_LINE / sizeof(w2v_real) };
W2V_INLINE int begins_line(int64_t n_done) { return V_WIDTH >= LINE || n_done % LINE == 0; }
W2V_INLINE w2v_inward lines_within(int64_t from, int64_t to) {
    return inward_from(from, from + (to - from + LINE - 1) / LINE * LINE, LINE);
}

/* By fours, of which the last may look past the end. */
W2V_INLINE void fetch_lines(w2v_real *const *rows, int32_t n_rows, int64_t d) {
    for (int32_t i = 0; i < n_rows; i += 4) {
        W2V_UNROLL
        for (int k = 0; k < 4; k++) W2V_PREFETCH(rows[i + k] + d);
    }
}

/* Targets and inputs learn from each other: y_t += sum_i g_it x_i while step_i += sum_t g_it y_t with the y_t from
 * before. The NT old and NT new target registers stay put while the inputs stream through, whose steps are summed by
 * halves: one sum would be waited for as long as all of it takes. With `has_own`, the first target is each input's own,
 * which may be that of several of them, and steps of inputs begin here. */
W2V_INLINE void move_block(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                           const int NT, const int where, const int has_own) {
    w2v_real *const *own = tile->targets, *const *targets = own + first_target;
    w2v_real *const *own_steps = where == BOTH_APART ? tile->target_steps : own;
    w2v_real *const *target_steps = own_steps + first_target;
    const int fetches = tile->n_fetch > first_target;
    const int32_t n_own_fetches = at_most(tile->n_inputs, tile->n_fetch);
    w2v_real *const *fetch = fetches ? tile->fetch + first_target : targets;
    w2v_real *const *inputs = tile->inputs, *const *input_steps = where == AT_ONCE ? inputs : tile->input_steps;
    w2v_inward lines = lines_within(from, to);
    for (int64_t d = from; d < to; d += V_WIDTH) {
        const w2v_real *g_i = g;
        vec y_old[V_BLOCK], y_new[V_BLOCK];
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) y_old[t] = y_new[t] = v_load(targets[t] + d);
        W2V_UNROLL
        for (int t = has_own; t < NT && where == BOTH_APART; t++) y_new[t] = v_load(target_steps[t] + d);
        if (begins_line(d - from)) {
            const int64_t line = inward_next(&lines);
            if (has_own) fetch_lines(tile->fetch, n_own_fetches, line);
            W2V_UNROLL
            for (int t = has_own; t < NT && fetches; t++) W2V_PREFETCH(fetch[t] + line);
        }
        for (int32_t i = 0; i < tile->n_inputs; i++, g_i += NT) {
            vec x = v_load(inputs[i] + d), step[2] = {x, v_zero()};
            if (has_own) {
                const vec y = v_load(own[i] + d), g_i0 = v_set1(g_i[0]);
                v_store(own_steps[i] + d, v_fma(g_i0, x, where == BOTH_APART ? v_load(own_steps[i] + d) : y));
                step[0] = v_mul(g_i0, y);
            } else if (where != AT_ONCE) {
                step[0] = v_load(input_steps[i] + d);
            }
            W2V_UNROLL
            for (int t = has_own; t < NT; t++) {
                vec g_it = v_set1(g_i[t]);
                y_new[t] = v_fma(g_it, x, y_new[t]);
                step[t % 2] = v_fma(g_it, y_old[t], step[t % 2]);
            }
            v_store(input_steps[i] + d, v_add(step[0], step[1]));
        }
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) v_store(target_steps[t] + d, y_new[t]);
    }
}

/* The same of one input, past which the targets stream. Its steps are loaded wherever they go. */
W2V_INLINE void move_one_input(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                               const int NT, const int where) {
    w2v_real *const *targets = tile->targets + first_target;
    w2v_real *const *target_steps = where == BOTH_APART ? tile->target_steps + first_target : targets;
    const int32_t n_fetch = at_most(NT, tile->n_fetch - first_target);
    w2v_real *const *fetch = n_fetch > 0 ? tile->fetch + first_target : targets;
    const w2v_real *input = tile->inputs[0];
    w2v_real *input_step = tile->input_steps[0];
    w2v_inward lines = lines_within(from, to);
    vec factors[V_BLOCK_ONE];
    W2V_UNROLL
    for (int t = 0; t < NT; t++) factors[t] = v_set1(g[t]);
    for (int64_t d = from; d < to; d += V_WIDTH) {
        const vec x = v_load(input + d);
        vec step[2] = {v_load(input_step + d), v_zero()};
        if (begins_line(d - from)) fetch_lines(fetch, n_fetch, inward_next(&lines));
        W2V_UNROLL
        for (int t = 0; t < NT; t++) {
            const vec y = v_load(targets[t] + d);
            v_store(target_steps[t] + d, v_fma(factors[t], x, where == BOTH_APART ? v_load(target_steps[t] + d) : y));
            step[t % 2] = v_fma(factors[t], y, step[t % 2]);
        }
        v_store(input_step + d, v_add(step[0], step[1]));
    }
}

/* One input and any block of targets, those of more than V_SUMS by halves. */
W2V_INLINE vec one_input_block(w2v_real *const *input, w2v_real *const *targets, int64_t from, int64_t to,
                               w2v_real *out, w2v_real *const *own, w2v_real *const *weights, int32_t first_target,
                               w2v_real lr, const int NT, const int has_own) {
    const int first = NT > V_SUMS ? (NT + 1) / 2 : NT, rest = NT - first;
    vec loss = scores_block(input, targets, from, to, out, own, weights, first_target, lr, 1, first, has_own);
    if (rest)
        loss = v_add(loss, scores_block(input, targets + first, from, to, out + first, own, weights,
                                        first_target + first, lr, 1, rest, 0));
    return loss;
}

/* Inputs four, three or two at a time where the registers hold them (a last single one would be the slowest). Blocks of
 * more than V_BLOCK targets have one input. */
W2V_INLINE vec inputs_by_blocks(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, w2v_real *out,
                                w2v_real *const *weights, w2v_real lr, const int NT, const int has_own) {
    w2v_real *const *inputs = tile->inputs, *const *targets = tile->targets + first_target, *const *own = tile->targets;
    vec loss = v_zero();
    for (int32_t left = tile->n_inputs, take; left > 0; left -= take) {
        take = NT > V_BLOCK ? 1
               : 4 * NT <= V_SUMS ? (left == 5 ? 3 : left > 4 ? 4 : left)
               : 3 * NT <= V_SUMS ? (left == 3 ? 3 : left > 1 ? 2 : 1)
               : left > 1 ? 2 : 1;
#define BLOCK(NI) scores_block(inputs, targets, from, to, out, own, weights, first_target, lr, NI, NT, has_own)
        vec more;
        if (4 * NT <= V_SUMS && take == 4) more = BLOCK(4);
        else if (3 * NT <= V_SUMS && take == 3) more = BLOCK(3);
        else if (NT <= V_BLOCK && take == 2) more = BLOCK(2);
        else more = one_input_block(inputs, targets, from, to, out, own, weights, first_target, lr, NT, has_own);
#undef BLOCK
        loss = v_add(loss, more);
        inputs += take;
        own += take;
        out += take * NT;
        if (weights) weights += take;
    }
    return loss;
}

static void scores_of_width(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, w2v_real *scores,
                            int nt) {
#define SCORES(NT)                                                                                           \
    case NT: inputs_by_blocks(tile, first_target, from, to, scores, NULL, 0, NT, 0); break;
    switch (nt) {
        V_FOR_EACH_WIDTH(SCORES)
        V_FOR_EACH_WIDER(SCORES)
    }
#undef SCORES
}

/* The same, and on to the factors; returns the loss. */
static vec factors_of_width(const w2v_tile *tile, int32_t first_target, int64_t n, w2v_real *factors, w2v_real lr,
                            int nt) {
#define FACTORS(NT)                                                                                          \
    case NT: return inputs_by_blocks(tile, first_target, 0, n, factors, tile->weights, lr, NT, 0);
    switch (nt) {
        V_FOR_EACH_WIDTH(FACTORS)
        V_FOR_EACH_WIDER(FACTORS)
    }
#undef FACTORS
    return v_zero();
}

static void move_of_width(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                          int nt) {
#define MOVE(NT)                                                                                             \
    case NT:                                                                                                 \
        if (tile->target_steps) move_block(tile, first_target, from, to, g, NT, BOTH_APART, 0);              \
        else if (tile->inputs != tile->input_steps)                                                          \
            move_block(tile, first_target, from, to, g, NT, INPUTS_APART, 0);                                \
        else move_block(tile, first_target, from, to, g, NT, AT_ONCE, 0);                                    \
        break;
    switch (nt) {
        V_FOR_EACH_WIDTH(MOVE)
    }
#undef MOVE
}

static void move_one_of_width(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                              int nt) {
#define MOVE(NT)                                                                                             \
    case NT:                                                                                                 \
        if (tile->target_steps) move_one_input(tile, first_target, from, to, g, NT, BOTH_APART);             \
        else move_one_input(tile, first_target, from, to, g, NT, INPUTS_APART);                              \
        break;
    switch (nt) {
        V_FOR_EACH_WIDTH(MOVE)
        V_FOR_EACH_WIDER(MOVE)
    }
#undef MOVE
}

/* Bring together the inputs' weights of one block of targets. May write one vector past the end. */
W2V_INLINE void gather_weights(const w2v_tile *tile, int32_t first_target, int32_t nt, w2v_real *to) {
    for (int32_t i = 0; i < tile->n_inputs; i++)
        for (int32_t t = 0; t < nt; t += V_WIDTH)
            v_storeu(to + i * nt + t, v_loadu(tile->weights[i] + first_target + t));
}

/* All targets, in blocks of at most V_BLOCK or, for a single input, V_BLOCK_ONE: `nt` of them from number `t` on. */
W2V_INLINE int64_t blocks_of_tile(const w2v_tile *tile) {
    return tile->n_inputs == 1 ? n_blocks(tile->n_targets, V_BLOCK_ONE) : n_blocks(tile->n_targets, V_BLOCK);
}
#define FOR_EACH_TARGET_BLOCK(tile) FOR_BLOCKS(t, nt, (tile)->n_targets, blocks_of_tile(tile))

/* ---- inputs and targets that are their own ---- */

/* The first block of what each input meets: its own target and some others, which stand behind all that are own.
 * Returns the loss. */
static vec own_factors(const w2v_tile *tile, int64_t n, w2v_real lr, int nt) {
#define FACTORS(NT)                                                                                          \
    case NT: return inputs_by_blocks(tile, tile->n_own - 1, 0, n, tile->scratch, tile->weights, lr, NT, 1);
    switch (nt) {
        V_FOR_EACH_WIDTH(FACTORS)
    }
#undef FACTORS
    return v_zero();
}

static void move_own(const w2v_tile *tile, int64_t n, int nt) {
#define MOVE(NT)                                                                                             \
    case NT:                                                                                                 \
        if (tile->target_steps) move_block(tile, tile->n_own - 1, 0, n, tile->scratch, NT, BOTH_APART, 1);   \
        else move_block(tile, tile->n_own - 1, 0, n, tile->scratch, NT, INPUTS_APART, 1);                    \
        break;
    switch (nt) {
        V_FOR_EACH_WIDTH(MOVE)
    }
#undef MOVE
}

/* A tile whose first targets are its inputs' own, and what they all meet. */
static double tile_with_own(const w2v_tile *tile, int64_t n, w2v_real lr) {
    const int32_t first = tile->n_own - 1, n_targets = tile->n_targets - first; /* of each input */
    vec loss = v_zero();
    FOR_EACH_BLOCK(t, nt, n_targets) {
        w2v_real *factors = tile->scratch + (int64_t)tile->n_inputs * t;
        loss = v_add(loss, t ? factors_of_width(tile, first + t, n, factors, lr, nt) : own_factors(tile, n, lr, nt));
    }
    FOR_EACH_BLOCK(t, nt, n_targets) {
        if (t) move_of_width(tile, first + t, 0, n, tile->scratch + (int64_t)tile->n_inputs * t, nt);
        else move_own(tile, n, nt);
    }
    return (double)v_sum(loss);
}

/* ---- tiles ---- */

/* The scores of a tile as far as numbers from .. to - 1 of its rows make them, block after block: B x nt from
 * B t on. */
static void tile_scores(const w2v_tile *tile, int64_t from, int64_t to, w2v_real *scores) {
    FOR_EACH_TARGET_BLOCK(tile)
    scores_of_width(tile, t, from, to, scores + (int64_t)tile->n_inputs * t, nt);
}

/* Move numbers from .. to - 1 of all rows: blocks of targets in turn. Where the inputs' steps go to the inputs
 * themselves, later blocks see inputs that earlier ones moved: a difference of second order in lr, as between
 * neighbouring pairs of plain stochastic gradient descent. */
static void tile_moves(const w2v_tile *tile, int64_t from, int64_t to, const w2v_real *factors) {
    FOR_EACH_TARGET_BLOCK(tile) {
        const w2v_real *g = factors + (int64_t)tile->n_inputs * t;
        if (tile->n_inputs == 1) move_one_of_width(tile, t, from, to, g, nt);
        else move_of_width(tile, t, from, to, g, nt);
    }
}

/* One input and one block of targets. Their number is asked for once only: how long the path of the next word is, no
 * branch predicts. */
static double one_input_tile(const w2v_tile *tile, int64_t n, w2v_real lr) {
    w2v_real *factors = tile->scratch;
    vec loss = v_zero();
#define ONE(NT)                                                                                              \
    case NT:                                                                                                 \
        loss = one_input_block(tile->inputs, tile->targets, 0, n, factors, NULL, tile->weights, 0, lr, NT, 0); \
        if (tile->target_steps) move_one_input(tile, 0, 0, n, factors, NT, BOTH_APART);                      \
        else move_one_input(tile, 0, 0, n, factors, NT, INPUTS_APART);                                       \
        break;
    switch (tile->n_targets) {
        V_FOR_EACH_WIDTH(ONE)
        V_FOR_EACH_WIDER(ONE)
    }
#undef ONE
    return (double)v_sum(loss);
}

/* All scores come before the first update. */
static double logistic_tile(const w2v_tile *tile, int64_t n, w2v_real lr) {
    if (tile->n_inputs == 1 && tile->n_targets <= V_BLOCK_ONE) return one_input_tile(tile, n, lr);
    if (tile->n_own) return tile_with_own(tile, n, lr);
    vec loss = v_zero();
    FOR_EACH_TARGET_BLOCK(tile)
    loss = v_add(loss, factors_of_width(tile, t, n, tile->scratch + (int64_t)tile->n_inputs * t, lr, nt));
    tile_moves(tile, 0, n, tile->scratch);
    return (double)v_sum(loss);
}

static void tile_weights(const w2v_tile *tile) {
    FOR_EACH_TARGET_BLOCK(tile)
    gather_weights(tile, t, nt, tile->scratch + (int64_t)tile->n_inputs * t);
}

static double steps_of(const w2v_parts *parts, const w2v_real *weights, int64_t n, w2v_real lr, w2v_real *steps) {
    const vec minus_lr = v_set1(-lr);
    vec loss = v_zero();
    for (int64_t k = 0; k < n; k += V_WIDTH) {
        vec score = v_loadu(parts->first + k), weight = v_loadu(weights + k);
        for (int64_t part = 1; part < parts->n; part++)
            score = v_add(score, v_loadu(parts->first + part * parts->apart + k));
        if (n - k < V_WIDTH) { /* lanes past the end weigh nothing */
            score = v_lanes(0, (int)(n - k), score, v_zero());
            weight = v_lanes(0, (int)(n - k), weight, v_zero());
        }
        v_storeu(steps + k, v_factor(score, weight, minus_lr, &loss));
    }
    return (double)v_sum(loss);
}

#include "rows_body.h"

#include "limits_body.h"

#define W2V_JOIN_(a, b) a##b
#define W2V_JOIN(a, b) W2V_JOIN_(a, b)
#define W2V_TEXT_(a) #a
#define W2V_TEXT(a) W2V_TEXT_(a)

const w2v_kernels W2V_JOIN(w2v_kernels_, V_ISA) = {W2V_TEXT(V_ISA), V_WIDTH, logistic_tile, tile_scores, tile_weights,
                                                     steps_of, tile_moves,
                                                     rows_sum, rows_add, dot,
                                                     row_max, exp_row, scale_row, logistic_row, blackout_row,
                                                     product, columns_max, columns_exp, columns_scale, code_products,
                                                     momentum_row, adagrad_row, adam_row,
                                                     multiply_adds};
