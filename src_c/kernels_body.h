/* kernels_body.h: the kernels, written once over the vector words of a kernels_<isa>.c.
 *
 * Included by kernels_<isa>.c after the words (vec, V_WIDTH, V_BLOCK, V_FEW_REGISTERS, V_SUMS, V_BLOCK_ONE, V_ROWS,
 * v_*) are defined; defines the table w2v_kernels_<isa>. Tiles are here, over the blocks of scores_body.h and
 * moves_body.h; what works on single rows is in rows_body.h. Rows are padded to a multiple of every V_WIDTH, so no loop
 * here has a tail.
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

#include "scores_body.h"

#include "moves_body.h"

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
    case NT:                                                                                                 \
        return fill_vectors(NT)                                                                              \
                   ? own_factors_of_##NT(tile, n, tile->scratch, lr)                  \
                   : inputs_by_blocks(tile, tile->n_own - 1, 0, n, tile->scratch, tile->weights, lr, NT, 1);
    switch (nt) {
        V_FOR_EACH_WIDTH(FACTORS)
    }
#undef FACTORS
    return v_zero();
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
        else move_own_of_width(tile, first, 0, n, tile->scratch, nt);
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

/* The factors of a tile, block after block; returns the loss. With few registers, where blocks do not fill vectors,
 * sigmoids are taken of all pairs together; elsewhere while the scores are still in registers. */
static double tile_factors(const w2v_tile *tile, int64_t n, w2v_real lr) {
    w2v_real *factors = tile->scratch;
#define BY_VECTORS(NT)                                                                                       \
    case NT:                                                                                                 \
        if (fill_vectors(NT)) return (double)v_sum(factors_of_##NT(tile, n, factors, lr));      \
        break;
    switch (tile->n_targets) {
        V_FOR_EACH_WIDTH(BY_VECTORS)
    }
#undef BY_VECTORS
    if (V_FEW_REGISTERS) {
        const int64_t n_pairs = (int64_t)tile->n_inputs * tile->n_targets;
        w2v_real *scores = factors + n_pairs + 2 * W2V_TILE_SLACK;
        tile_weights(tile);
        tile_scores(tile, 0, n, scores);
        return steps_of(&(w2v_parts){scores, 1, 0}, factors, n_pairs, lr, factors);
    }
    vec loss = v_zero();
    FOR_EACH_TARGET_BLOCK(tile)
    loss = v_add(loss, factors_of_width(tile, t, n, factors + (int64_t)tile->n_inputs * t, lr, nt));
    return (double)v_sum(loss);
}

/* All scores come before the first update. */
static double logistic_tile(const w2v_tile *tile, int64_t n, w2v_real lr) {
    if (tile->n_inputs == 1 && tile->n_targets <= V_BLOCK_ONE) return one_input_tile(tile, n, lr);
    if (tile->n_own) return tile_with_own(tile, n, lr);
    const double loss = tile_factors(tile, n, lr);
    tile_moves(tile, 0, n, tile->scratch);
    return loss;
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
