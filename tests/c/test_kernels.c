/* test_kernels.c: every kernel of every instruction set that this CPU runs, against the scalar one, on random rows.
 *
 * A plain program, so that kernels can be checked where Python is not: cross-compiled and run under an emulator
 * (.ci/emulate). The Python tests check the scalar kernels against NumPy. Prints one line for each instruction set
 * with the largest error of each kernel; exits 0 if all are within bounds, 1 if not, 2 if an instruction set named
 * as an argument was not tested. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "kernels.h"

enum { MAX_INPUTS = 12, MAX_TARGETS = 40, MAX_LENGTH = 512, GUARD = 16, STRIDE = MAX_LENGTH + GUARD };
static const float GUARD_VALUE = 12345.0f;
static const float LR = 1.0f; /* far too much to train with: steps as large as the rows make small errors visible */

/* Errors are relative to the size of the sums that a number is made of; lengths to 512 and 40 targets in float. */
static const double BOUND = 2e-5;

typedef struct {
    float *data;
    float *rows[MAX_TARGETS];
    int n_rows;
} matrix;

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static double uniform(void) {
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static matrix matrix_new(int n_rows) {
    matrix m = {0};
    char *raw = malloc(sizeof(float) * (size_t)n_rows * STRIDE + 64);
    if (!raw) exit(3);
    m.data = (float *)(raw + 64 - (uintptr_t)raw % 64); /* never freed: the program lives for a second */
    m.n_rows = n_rows;
    for (int i = 0; i < n_rows; i++) m.rows[i] = m.data + (size_t)i * STRIDE;
    return m;
}

static void matrix_fill(matrix *m, int64_t n, double scale) {
    for (int i = 0; i < m->n_rows; i++)
        for (int64_t d = 0; d < STRIDE; d++) m->rows[i][d] = d < n ? (float)(scale * (2 * uniform() - 1)) : GUARD_VALUE;
}

static void matrix_copy(matrix *to, const matrix *from) {
    memcpy(to->data, from->data, sizeof(float) * (size_t)from->n_rows * STRIDE);
}

/* The largest difference, relative to `scale`; infinite if a guard was overwritten or a number is not finite. */
static double matrix_error(const matrix *a, const matrix *b, int64_t n, double scale) {
    double worst = 0;
    for (int i = 0; i < a->n_rows; i++)
        for (int64_t d = 0; d < STRIDE; d++) {
            double error = fabs((double)a->rows[i][d] - b->rows[i][d]) / scale;
            if (!(error <= worst)) worst = error;
            if (!isfinite(error) || (d >= n && a->rows[i][d] != GUARD_VALUE)) return INFINITY;
        }
    return worst;
}

static void keep_worst(double *worst, double error) {
    if (!(error <= *worst)) *worst = error; /* NaN is kept, too */
}

static void tile_compare(const w2v_kernels *kernels, int64_t n, double size, double *worst) {
    static matrix x, y, x_steps, y_steps, y_start, steps_start, y_expected, y_steps_expected, steps_expected;
    static float *scratch;
    if (!scratch) {
        x = matrix_new(MAX_INPUTS), x_steps = matrix_new(MAX_INPUTS), steps_start = matrix_new(MAX_INPUTS);
        y = matrix_new(MAX_TARGETS), y_start = matrix_new(MAX_TARGETS), y_expected = matrix_new(MAX_TARGETS);
        steps_expected = matrix_new(MAX_INPUTS);
        y_steps = matrix_new(MAX_TARGETS), y_steps_expected = matrix_new(MAX_TARGETS);
        scratch = malloc(sizeof(float) * W2V_TILE_SCRATCH(MAX_INPUTS, MAX_TARGETS));
        if (!scratch) exit(3);
    }
    float weights[MAX_INPUTS][MAX_TARGETS + W2V_TILE_SLACK] = {{0}}, *weight_rows[MAX_INPUTS];
    const int B = 1 + (int)(uniform() * MAX_INPUTS), T = 1 + (int)(uniform() * MAX_TARGETS);
    for (int i = 0; i < B; i++) {
        weight_rows[i] = weights[i];
        for (int t = 0; t < T; t++) weights[i][t] = (float)((uniform() < 0.5 ? -1 : 1) * (0.25 + uniform()));
    }
    matrix_fill(&x, n, size), matrix_fill(&y_start, n, size), matrix_fill(&steps_start, n, size);
    const w2v_tile tile = {
        .n_inputs = B,
        .n_targets = T,
        .n_own = B > 1 && B <= T && uniform() < 0.5 ? B : 0,
        .inputs = x.rows,
        .input_steps = x_steps.rows,
        .targets = y.rows,
        .weights = weight_rows,
        .fetch = y_start.rows,
        .n_fetch = T > W2V_TILE_SLACK && uniform() < 0.5 ? T - W2V_TILE_SLACK : 0,
        .target_steps = uniform() < 0.5 ? NULL : y_steps.rows,
        .scratch = scratch,
    };

    matrix_copy(&y, &y_start), matrix_copy(&y_steps, &y_start), matrix_copy(&x_steps, &steps_start);
    const double expected_loss = w2v_kernels_find("scalar")->logistic_tile(&tile, n, LR);
    matrix_copy(&y_expected, &y), matrix_copy(&y_steps_expected, &y_steps), matrix_copy(&steps_expected, &x_steps);

    matrix_copy(&y, &y_start), matrix_copy(&y_steps, &y_start), matrix_copy(&x_steps, &steps_start);
    const double loss = kernels->logistic_tile(&tile, n, LR);
    keep_worst(worst, matrix_error(&y, &y_expected, n, size * (1 + B)));
    keep_worst(worst, matrix_error(&y_steps, &y_steps_expected, n, size * (1 + B)));
    keep_worst(worst, matrix_error(&x_steps, &steps_expected, n, size * (1 + T)));
    /* As scores, the loss goes by size * size. */
    keep_worst(worst, fabs(loss - expected_loss) / (size * size + fabs(expected_loss)));
}

static void rows_compare(const w2v_kernels *kernels, int64_t n, double *worst_sum, double *worst_add) {
    enum { LISTS = 3 };
    static float scales[MAX_INPUTS + 1];
    static matrix rows, start, expected, sums, expected_sums;
    if (!rows.data) {
        rows = matrix_new(MAX_INPUTS), start = matrix_new(MAX_INPUTS), expected = matrix_new(MAX_INPUTS);
        sums = matrix_new(LISTS), expected_sums = matrix_new(LISTS);
    }
    const w2v_kernels *scalar = w2v_kernels_find("scalar");
    float *chosen[LISTS * MAX_INPUTS];
    int32_t starts[LISTS + 1] = {0};
    /* Lists may have no rows, or one several times. */
    for (int l = 0; l < LISTS; l++) starts[l + 1] = starts[l] + (int)(uniform() * (MAX_INPUTS + 1));
    for (int i = 0; i < starts[LISTS]; i++) chosen[i] = rows.rows[(int)(uniform() * MAX_INPUTS)];
    for (int k = 0; k <= MAX_INPUTS; k++) scales[k] = (float)uniform() - 0.5f;
    matrix_fill(&start, n, 1), matrix_fill(&sums, n, 1), matrix_fill(&expected_sums, n, 1);
    matrix_copy(&rows, &start);

    scalar->rows_sum(chosen, starts, LISTS, n, scales, expected_sums.rows);
    kernels->rows_sum(chosen, starts, LISTS, n, scales, sums.rows);
    keep_worst(worst_sum, matrix_error(&sums, &expected_sums, n, MAX_INPUTS));
    scalar->rows_add(chosen, starts, LISTS, n, scales, expected_sums.rows);
    matrix_copy(&expected, &rows), matrix_copy(&rows, &start);
    kernels->rows_add(chosen, starts, LISTS, n, scales, expected_sums.rows);
    keep_worst(worst_add, matrix_error(&rows, &expected, n, LISTS * MAX_INPUTS));
}

/* Steps of an optimizer, several in a row, so that what it remembers counts. */
static void optimizers_compare(const w2v_kernels *kernels, int64_t n, double *worst) {
    typedef void (*row_kernel)(float *, float *, const float *, int64_t, const w2v_move *);
    static matrix row, down, expected;
    static float *states[2];
    const size_t state_bytes = sizeof(float) * (2 * MAX_LENGTH + W2V_ROW_ALIGN);
    if (!row.data) {
        row = matrix_new(1), down = matrix_new(1), expected = matrix_new(1);
        for (int k = 0; k < 2; k++) {
            char *raw = malloc(state_bytes + 64);
            if (!raw) exit(3);
            states[k] = (float *)(raw + 64 - (uintptr_t)raw % 64);
        }
    }
    const w2v_kernels *scalar = w2v_kernels_find("scalar");
    const w2v_move move = {.lr = 0.1f, .scale = 0.5f, .decay_1 = 0.9f, .decay_2 = 0.99f, .epsilon = 1e-8f};
    const row_kernel tested[] = {kernels->momentum_row, kernels->adagrad_row, kernels->adam_row};
    const row_kernel reference[] = {scalar->momentum_row, scalar->adagrad_row, scalar->adam_row};
    for (int k = 0; k < 3; k++) {
        memset(states[0], 0, state_bytes), memset(states[1], 0, state_bytes);
        matrix_fill(&row, n, 1), matrix_copy(&expected, &row);
        for (int step = 0; step < 4; step++) {
            matrix_fill(&down, n, 1);
            tested[k](row.rows[0], states[0], down.rows[0], n, &move);
            reference[k](expected.rows[0], states[1], down.rows[0], n, &move);
        }
        keep_worst(worst, matrix_error(&row, &expected, n, 1));
    }
}

/* Rows of scores: relative to the largest number of the row. */
static void scores_compare(const w2v_kernels *kernels, int64_t n, double *worst) {
    const w2v_kernels *scalar = w2v_kernels_find("scalar");
    float scores[MAX_LENGTH], got[MAX_LENGTH], expected[MAX_LENGTH];
    double a, b, odds_a, odds_b, sum = 0;
    for (int64_t k = 0; k < n; k++) scores[k] = (float)(20 * (2 * uniform() - 1));
    const float most = scalar->row_max(scores, n);
    keep_worst(worst, fabs((double)most - kernels->row_max(scores, n)));
#define COMPARE(call)                                                                                        \
    memcpy(got, scores, sizeof got), memcpy(expected, scores, sizeof expected);                              \
    {                                                                                                        \
        const w2v_kernels *with = scalar;                                                                    \
        float *row = expected;                                                                               \
        double *odds = &odds_b;                                                                              \
        b = call, with = kernels, row = got, odds = &odds_a, a = call;                                       \
        (void)odds;                                                                                          \
    }                                                                                                        \
    keep_worst(worst, fabs(a - b) / (1 + fabs(b)));                                                          \
    for (int64_t k = 0; k < n; k++) keep_worst(worst, fabs((double)got[k] - expected[k]) / (1 + fabs(expected[k])));
    COMPARE((double)with->exp_row(row, n, most))
    COMPARE(with->logistic_row(row, n))
    COMPARE((with->scale_row(row, n, 0.3f), 0.0))
    for (int64_t k = 0; k < n; k++) sum += scores[k] = (float)exp(scores[k]);
    for (int64_t k = 0; k < n; k++) scores[k] = (float)(0.9 * scores[k] / sum);
    COMPARE(with->blackout_row(row, n, odds))
    keep_worst(worst, fabs(odds_a - odds_b) / (1 + fabs(odds_b)));
#undef COMPARE
    static matrix rows;
    if (!rows.data) rows = matrix_new(2);
    matrix_fill(&rows, n, 1);
    const float product = kernels->dot(rows.rows[0], rows.rows[1], n);
    keep_worst(worst, fabs((double)product - scalar->dot(rows.rows[0], rows.rows[1], n)) / 20);
}

/* Products and columns of matrices whose sides are no multiples of anything. */
static void matrices_compare(const w2v_kernels *kernels, int64_t n, double *worst) {
    static matrix a, b, start, got, expected;
    static float *aligned[3];
    if (!a.data) {
        a = matrix_new(MAX_TARGETS), b = matrix_new(MAX_TARGETS), start = matrix_new(MAX_TARGETS);
        got = matrix_new(MAX_TARGETS), expected = matrix_new(MAX_TARGETS);
        for (int k = 0; k < 3; k++) aligned[k] = matrix_new(1).data;
    }
    const w2v_kernels *scalar = w2v_kernels_find("scalar");
    const int turned = uniform() < 0.5;
    const int64_t n_rows = 1 + (int64_t)(uniform() * MAX_TARGETS), n_terms = 1 + (int64_t)(uniform() * MAX_TARGETS);
    matrix_fill(&a, STRIDE, 1), matrix_fill(&b, n, 1), matrix_fill(&start, n, 1);
    w2v_product product = {
        .n_rows = n_rows,
        .n_columns = n - (int64_t)(uniform() * 4),
        .n_terms = n_terms,
        .scale = 0.5f,
        .keep = uniform() < 0.5,
        .a = a.data,
        .a_row = turned ? 1 : STRIDE,
        .a_term = turned ? STRIDE : 1,
        .b = b.data,
        .b_term = STRIDE,
        .c_row = STRIDE,
    };
    matrix_copy(&got, &start), matrix_copy(&expected, &start);
    product.c = got.data, kernels->product(&product);
    product.c = expected.data, scalar->product(&product);
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t j = 0; j < product.n_columns; j++)
            keep_worst(worst, fabs((double)got.rows[i][j] - expected.rows[i][j]) / sqrt((double)n_terms));
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t j = n; j < STRIDE; j++)
            if (got.rows[i][j] != GUARD_VALUE) keep_worst(worst, INFINITY);

    float *tops = aligned[0], *sums = aligned[1], *expected_sums = aligned[2];
    matrix_fill(&start, n, 4), matrix_copy(&got, &start), matrix_copy(&expected, &start);
    for (int64_t j = 0; j < n; j++) tops[j] = 1;
    kernels->columns_max(got.data, n_rows, n, STRIDE, tops);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < n_rows; i++)
            if (start.rows[i][j] > tops[j]) keep_worst(worst, INFINITY);
    kernels->columns_exp(got.data, n_rows, n, STRIDE, tops, sums);
    scalar->columns_exp(expected.data, n_rows, n, STRIDE, tops, expected_sums);
    for (int64_t j = 0; j < n; j++) keep_worst(worst, fabs((double)sums[j] - expected_sums[j]) / (1 + sums[j]));
    kernels->columns_scale(got.data, n_rows, n, STRIDE, tops);
    scalar->columns_scale(expected.data, n_rows, n, STRIDE, tops);
    keep_worst(worst, matrix_error(&got, &expected, n, 4));
}

/* Sums of whole numbers are exact. */
static void codes_compare(const w2v_kernels *kernels, double *worst) {
    enum { ROWS = 5, LENGTH = 3 * W2V_SKETCH_ALIGN };
    int8_t codes[ROWS * LENGTH];
    int16_t factors[LENGTH];
    int32_t got[ROWS], expected[ROWS];
    for (int k = 0; k < ROWS * LENGTH; k++) codes[k] = (int8_t)(uniform() * 255 - 127);
    for (int k = 0; k < LENGTH; k++) factors[k] = (int16_t)(uniform() * 65535 - 32767);
    for (int64_t n = W2V_SKETCH_ALIGN; n <= LENGTH; n += W2V_SKETCH_ALIGN) {
        kernels->code_products(codes, ROWS, n, factors, got);
        w2v_kernels_find("scalar")->code_products(codes, ROWS, n, factors, expected);
        if (memcmp(got, expected, sizeof got)) keep_worst(worst, INFINITY);
    }
}

/* Whether the order of lines (base.h) has each place once, from the outside in. */
static int inward_passes(void) {
    enum { FROM = 48, STEP = 16, MOST = 40 };
    for (int n = 1; n <= MOST; n++) {
        w2v_inward order = inward_from(FROM, FROM + n * STEP, STEP);
        int is_next = 1;
        for (int k = 0; k < n; k++) {
            const int line = k % 2 ? n - 1 - k / 2 : k / 2;
            is_next &= inward_next(&order) == FROM + line * STEP;
        }
        if (!is_next) return 0;
    }
    return 1;
}

static int isa_passes(const char *name, const w2v_kernels *kernels) {
    /* Sizes of numbers: as at the start of training, as at its end, and scores far beyond the limit of the guard. */
    static const double SIZES[] = {0.01, 0.5, 3.0};
    double tile[3] = {0}, sum = 0, add = 0, scores = 0, moves = 0, matrices = 0;
    for (int64_t n = kernels->width; n <= MAX_LENGTH; n += kernels->width)
        for (int trial = 0; trial < 8; trial++) {
            for (int k = 0; k < 3; k++) tile_compare(kernels, n, SIZES[k], &tile[k]);
            rows_compare(kernels, n, &sum, &add);
            if (n % W2V_ROW_ALIGN) continue;
            scores_compare(kernels, n, &scores);
            optimizers_compare(kernels, n, &moves);
            matrices_compare(kernels, n, &matrices);
            codes_compare(kernels, &matrices);
        }
    const int passed = tile[0] <= BOUND && tile[1] <= BOUND && tile[2] <= BOUND && sum <= BOUND && add <= BOUND &&
                       scores <= BOUND && moves <= BOUND && matrices <= BOUND;
    printf("%-7s %s  largest error: tile %.1e %.1e %.1e, rows_sum %.1e, rows_add %.1e, scores %.1e, moves %.1e, "
           "matrices %.1e\n",
           name, passed ? "ok  " : "FAIL", tile[0], tile[1], tile[2], sum, add, scores, moves, matrices);
    return passed;
}

int main(int n_arguments, char **required) {
    const char *isa;
    int passed = inward_passes();
    if (!passed) printf("FAIL    the order in which lines are fetched\n");
    for (int rank = 0; (isa = w2v_isa_compiled(rank)) != NULL; rank++) {
        if (w2v_isa_supported(isa)) passed &= isa_passes(isa, w2v_kernels_find(isa));
        else printf("%-7s skipped: compiled, but this CPU does not run it\n", isa);
    }
#ifdef W2V_EMULATED_AVX512 /* not in the table of what this CPU runs */
    passed &= isa_passes("avx512 (emulated)", &w2v_kernels_avx512);
#endif
    for (int i = 1; i < n_arguments; i++)
        if (!w2v_kernels_find(required[i])) {
            printf("%s was to be tested, but is not compiled in or not supported here\n", required[i]);
            return 2;
        }
    return !passed;
}
