/* rows_body.h: kernels that work on one row after the other: sums of rows, a row of scores, the step of an optimizer.
 *
 * Included by kernels_body.h, whose words it uses. */

/* Sums of rows stay in registers while the rows stream by, and so does a step that is added to many rows: NV vectors of
 * each row at a time, in one loop whose end alone is hard to predict. Lists are short: what can be done once for all of
 * them is. Vectors of rows are taken from the outside in, for the reasons that base.h gives. More than 8 at a time gain
 * nothing (measured with AVX2: bench/NOTES.md). */
enum { MOST_COLUMNS = 8 };
#define FOR_EACH_COLUMNS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)

W2V_INLINE void sum_columns(w2v_real *const *rows, const int32_t *starts, int32_t n_lists, int64_t d,
                            const w2v_real *scales, w2v_real *const *sums, const int NV) {
    for (int32_t list = 0; list < n_lists; list++) {
        vec sum[MOST_COLUMNS];
        W2V_UNROLL
        for (int v = 0; v < NV; v++) sum[v] = v_zero();
        for (int32_t i = starts[list], end = starts[list + 1]; i < end; i++) {
            const w2v_real *row = rows[i] + d;
            W2V_UNROLL
            for (int k = 0; k < NV; k++) {
                const int v = W2V_INWARD(k, NV);
                sum[v] = v_add(sum[v], v_load(row + v * V_WIDTH));
            }
        }
        const vec scale = v_set1(scales[starts[list + 1] - starts[list]]);
        W2V_UNROLL
        for (int v = 0; v < NV; v++) v_store(sums[list] + d + v * V_WIDTH, v_mul(scale, sum[v]));
    }
}

W2V_INLINE void add_columns(w2v_real *const *rows, const int32_t *starts, int32_t n_lists, int64_t d,
                            const w2v_real *scales, w2v_real *const *steps, const int NV) {
    for (int32_t list = 0; list < n_lists; list++) {
        const vec scale = v_set1(scales[starts[list + 1] - starts[list]]);
        vec step[MOST_COLUMNS];
        W2V_UNROLL
        for (int v = 0; v < NV; v++) step[v] = v_mul(scale, v_load(steps[list] + d + v * V_WIDTH));
        for (int32_t i = starts[list], end = starts[list + 1]; i < end; i++) {
            w2v_real *row = rows[i] + d;
            W2V_UNROLL
            for (int k = 0; k < NV; k++) {
                const int v = W2V_INWARD(k, NV);
                v_store(row + v * V_WIDTH, v_add(step[v], v_load(row + v * V_WIDTH)));
            }
        }
    }
}

static void rows_sum(w2v_real *const *rows, const int32_t *starts, int32_t n_lists, int64_t n, const w2v_real *scales,
                     w2v_real *const *sums) {
#define SUM(NV)                                                                                              \
    case NV: sum_columns(rows, starts, n_lists, v * V_WIDTH, scales, sums, NV); break;
    FOR_BLOCKS(v, nv, n / V_WIDTH, n_blocks(n / V_WIDTH, MOST_COLUMNS))
    switch (nv) {
        FOR_EACH_COLUMNS(SUM)
    }
#undef SUM
}

static void rows_add(w2v_real *const *rows, const int32_t *starts, int32_t n_lists, int64_t n, const w2v_real *scales,
                     w2v_real *const *steps) {
#define ADD(NV)                                                                                              \
    case NV: add_columns(rows, starts, n_lists, v * V_WIDTH, scales, steps, NV); break;
    FOR_BLOCKS(v, nv, n / V_WIDTH, n_blocks(n / V_WIDTH, MOST_COLUMNS))
    switch (nv) {
        FOR_EACH_COLUMNS(ADD)
    }
#undef ADD
}

static w2v_real dot(const w2v_real *a, const w2v_real *b, int64_t n) {
    vec sum = v_zero();
    for (int64_t d = 0; d < n; d += V_WIDTH) sum = v_fma(v_load(a + d), v_load(b + d), sum);
    return v_sum(sum);
}

/* ---- rows of scores ---- */

static w2v_real row_max(const w2v_real *scores, int64_t n) {
    vec most = v_loadu(scores);
    for (int64_t k = V_WIDTH; k < n; k += V_WIDTH) most = v_max(most, v_loadu(scores + k));
    w2v_real lanes[V_WIDTH], largest;
    v_storeu(lanes, most);
    largest = lanes[0];
    for (int lane = 1; lane < V_WIDTH; lane++)
        if (!(lanes[lane] <= largest)) largest = lanes[lane];
    return largest;
}

static w2v_real exp_row(w2v_real *scores, int64_t n, w2v_real most) {
    vec sum = v_zero(), mosts = v_set1(most);
    for (int64_t k = 0; k < n; k += V_WIDTH) {
        vec e = v_exp_minus(v_sub(mosts, v_loadu(scores + k)));
        v_storeu(scores + k, e);
        sum = v_add(sum, e);
    }
    return v_sum(sum);
}

static void scale_row(w2v_real *scores, int64_t n, w2v_real factor) {
    const vec factors = v_set1(factor);
    for (int64_t k = 0; k < n; k += V_WIDTH) v_storeu(scores + k, v_mul(factors, v_loadu(scores + k)));
}

static double logistic_row(w2v_real *scores, int64_t n) {
    vec loss = v_zero();
    for (int64_t k = 0; k < n; k += V_WIDTH) {
        vec sigmoid;
        vec z = v_loadu(scores + k);
        loss = v_add(loss, v_logistic(z, &sigmoid));
        v_storeu(scores + k, v_guarded(sigmoid, z));
    }
    return (double)v_sum(loss);
}

/* Probabilities that are all but 1 would divide by nothing. */
#define LEAST_REST ((w2v_real)1e-6)

static double blackout_row(w2v_real *probs, int64_t n, double *odds) {
    const vec one = v_set1(1), least = v_set1(LEAST_REST);
    vec sum = v_zero(), product = one;
    for (int64_t k = 0; k < n; k += V_WIDTH) {
        vec p = v_loadu(probs + k), rest = v_max(least, v_sub(one, p));
        sum = v_add(sum, v_div(p, rest));
        product = v_mul(product, rest);
    }
    w2v_real lanes[V_WIDTH];
    double all = 1;
    v_storeu(lanes, product);
    for (int lane = 0; lane < V_WIDTH; lane++) all *= (double)lanes[lane];
    *odds = (double)v_sum(sum);
    const vec other = v_set1((w2v_real)(1 - *odds));
    for (int64_t k = 0; k < n; k += V_WIDTH) {
        vec p = v_loadu(probs + k), rest = v_max(least, v_sub(one, p));
        v_storeu(probs + k, v_fma(p, other, v_div(p, rest)));
    }
    return -log(all);
}

/* ---- optimizers ---- */

static void momentum_row(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n, const w2v_move *move) {
    const vec lr = v_set1(move->lr), scale = v_set1(move->scale), decay = v_set1(move->decay_1);
    for (int64_t d = 0; d < n; d += V_WIDTH) {
        vec velocity = v_fma(decay, v_load(state + d), v_mul(scale, v_load(descent + d)));
        v_store(state + d, velocity);
        v_store(row + d, v_fma(lr, velocity, v_load(row + d)));
    }
}

static void adagrad_row(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n, const w2v_move *move) {
    const vec lr = v_set1(move->lr), scale = v_set1(move->scale), epsilon = v_set1(move->epsilon);
    for (int64_t d = 0; d < n; d += V_WIDTH) {
        vec down = v_mul(scale, v_load(descent + d));
        vec squares = v_fma(down, down, v_load(state + d));
        v_store(state + d, squares);
        v_store(row + d, v_fma(lr, v_div(down, v_add(epsilon, v_sqrt(squares))), v_load(row + d)));
    }
}

/* Behind the two moments stand the same running means of 1, which correct the moments' bias towards their start: Adam's
 * 1 - beta^t, where t counts the steps of this row. */
static void adam_row(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n, const w2v_move *move) {
    w2v_real *moment_1 = state, *moment_2 = state + n, *of_ones = state + 2 * n;
    const w2v_real gain_1 = 1 - move->decay_1, gain_2 = 1 - move->decay_2;
    of_ones[0] = move->decay_1 * of_ones[0] + gain_1;
    of_ones[1] = move->decay_2 * of_ones[1] + gain_2;
    /* The correction of the second moment, sqrt(v / c), is done on the other side: lr sqrt(c) and epsilon sqrt(c). */
    const w2v_real root = (w2v_real)sqrt((double)of_ones[1]);
    const vec lr = v_set1(move->lr * root / of_ones[0]), epsilon = v_set1(move->epsilon * root);
    const vec scale = v_set1(move->scale), decay_1 = v_set1(move->decay_1), decay_2 = v_set1(move->decay_2);
    const vec gains_1 = v_set1(gain_1), gains_2 = v_set1(gain_2);
    for (int64_t d = 0; d < n; d += V_WIDTH) {
        vec down = v_mul(scale, v_load(descent + d));
        vec mean = v_fma(decay_1, v_load(moment_1 + d), v_mul(gains_1, down));
        vec mean_of_squares = v_fma(decay_2, v_load(moment_2 + d), v_mul(gains_2, v_mul(down, down)));
        v_store(moment_1 + d, mean);
        v_store(moment_2 + d, mean_of_squares);
        v_store(row + d, v_fma(lr, v_div(mean, v_add(epsilon, v_sqrt(mean_of_squares))), v_load(row + d)));
    }
}
