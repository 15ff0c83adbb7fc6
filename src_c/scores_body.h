/* scores_body.h: the scores of a tile's blocks, and the factors of its steps that follow from them.
 *
 * Included by kernels_body.h, whose words it uses. */

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
               : 2 * NT <= V_SUMS && left > 1 ? 2 : 1;
#define BLOCK(NI) scores_block(inputs, targets, from, to, out, own, weights, first_target, lr, NI, NT, has_own)
        vec more;
        if (4 * NT <= V_SUMS && take == 4) more = BLOCK(4);
        else if (3 * NT <= V_SUMS && take == 3) more = BLOCK(3);
        else if (2 * NT <= V_SUMS && take == 2) more = BLOCK(2);
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

/* With few registers, whether NT targets fill a vector, or nearly, but leave no room for the sums of two inputs. */
W2V_INLINE int fill_vectors(const int NT) { return V_FEW_REGISTERS && 2 * NT > V_SUMS && NT <= V_WIDTH; }

/* The factors of such a block of targets: the scores of one input are a vector, and weights need not be gathered. First
 * all scores, so that no sigmoid waits for its own. Each vector of factors ends before the next one's scores begin. */
W2V_INLINE vec factors_by_vectors(const w2v_tile *tile, int64_t n, w2v_real *factors, w2v_real lr, const int NT,
                                  const int has_own) {
    const int32_t first_target = has_own ? tile->n_own - 1 : 0;
    w2v_real *const *targets = tile->targets + first_target;
    const vec minus_lr = v_set1(-lr);
    vec loss = v_zero();
    for (int32_t i = 0; i < tile->n_inputs; i++)
        scores_block(tile->inputs + i, targets, 0, n, factors + i * V_WIDTH, tile->targets + i, NULL, 0, 0, 1, NT,
                     has_own);
    for (int32_t i = 0; i < tile->n_inputs; i++) {
        const vec weights = weights_from(tile->weights + i, first_target, 0, 1, NT, has_own);
        v_storeu(factors + i * NT, v_factor(v_loadu(factors + i * V_WIDTH), weights, minus_lr, &loss));
    }
    return loss;
}
/* A function for each, as for moves: in a single one GCC keeps less in registers. */
#define FACTORS_BY_VECTORS(NT)                                                                               \
    W2V_NOINLINE vec factors_of_##NT(const w2v_tile *tile, int64_t n, w2v_real *factors, w2v_real lr) {      \
        return factors_by_vectors(tile, n, factors, lr, NT, 0);                                              \
    }                                                                                                        \
    W2V_NOINLINE vec own_factors_of_##NT(const w2v_tile *tile, int64_t n, w2v_real *factors, w2v_real lr) {  \
        return factors_by_vectors(tile, n, factors, lr, NT, 1);                                              \
    }
V_FOR_EACH_WIDTH(FACTORS_BY_VECTORS)

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
