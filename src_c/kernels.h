/* kernels.h: the leaf functions that are compiled once per instruction set, and the table that names them.
 *
 * A kernel is pure arithmetic on rows it is handed: it cannot fail, allocates nothing and knows nothing of
 * words, windows or threads. kernels_body.h writes them once; kernels_<isa>.c gives that body its vector
 * words; dispatch.c picks a table. */
#ifndef W2V_KERNELS_H
#define W2V_KERNELS_H

#include "base.h"
#include "w2v.h"

/* B inputs scored against T targets under the logistic loss. Rows are aligned to a cache line; their length n is a
 * multiple of the kernels' width, and nothing beyond it is looked at. Any W2V_TILE_DISTINCT consecutive targets are
 * distinct rows; inputs may repeat. */
typedef struct {
    int32_t n_inputs;             /* B */
    int32_t n_targets;            /* T */
    int32_t n_own;                /* 0, or B > 1: the first targets are each observed once with one input, the first
                                   *       with the first and so on, and meet no other. logistic_tile then looks at no
                                   *       weights of theirs. They need to be distinct from the other targets only;
                                   *       input_steps, which are not the inputs, are OUT */
    w2v_real *const *inputs;      /* IN    [B] rows [n] */
    w2v_real *const *input_steps; /* INOUT [B] rows [n] the inputs' steps are added to: the inputs themselves, or not */
    w2v_real *const *targets;     /* INOUT [T] rows [n] */
    w2v_real *const *target_steps; /* INOUT [T] rows [n] the targets' steps are added to; NULL: the targets */
    w2v_real *const *weights;     /* IN    [B] rows [T], W2V_TILE_SLACK numbers before and after them may be read:
                                   *       how many times the pair counts, negative where the target was observed with
                                   *       the input, positive for noise */
    w2v_real *const *fetch;       /* IN    [n_fetch + W2V_TILE_SLACK] rows to bring near meanwhile, any rows */
    int32_t n_fetch;              /*       0 .. T, more are left out */
    w2v_real *scratch;            /*       [W2V_TILE_SCRATCH(B, T)] room for two numbers for each pair; tile_weights and
                                   *       tile_moves use one for each */
} w2v_tile;

enum { W2V_TILE_DISTINCT = 16, W2V_TILE_SLACK = 16 };
#define W2V_TILE_SCRATCH(B, T) (2 * ((int64_t)(B) * (T) + 2 * W2V_TILE_SLACK))

/* Scores in parts, which are added up in their order. */
typedef struct {
    const w2v_real *first; /* [n, apart] each part is as tile_scores leaves it */
    int64_t n, apart;
} w2v_parts;

/* What an optimizer does with the gradient of a row (optimizer.h). */
typedef struct {
    w2v_real lr;
    w2v_real scale;            /* the gradient counts this much, at most 1: what clipping leaves of it */
    w2v_real decay_1, decay_2; /* of running means: momentum or Adam's first moment; Adam's second moment */
    w2v_real epsilon;          /* added to what is divided by */
} w2v_move;

/* c[i, j] = scale * sum_term a[i, term] b[term, j], added to c if `keep`. Rows of b and c begin on a vector's
 * boundary, as all rows do that are W2V_ROW_ALIGN numbers long, or a multiple; columns up to the end of the last
 * vector are written. */
typedef struct {
    int64_t n_rows, n_columns, n_terms;
    w2v_real scale;
    int keep;
    const w2v_real *a; /* IN    a[i, term] is at i * a_row + term * a_term; one of the two is 1 */
    int64_t a_row, a_term;
    const w2v_real *b; /* IN    [n_terms, n_columns], rows b_term apart */
    int64_t b_term;
    w2v_real *c; /*       INOUT [n_rows, n_columns], rows c_row apart */
    int64_t c_row;
} w2v_product;

/* |score| above which a step shrinks in proportion (see v_guarded in kernels_body.h). */
#define W2V_SCORE_LIMIT 16

struct w2v_kernels {
    const char *isa;
    int32_t width; /* numbers of a vector, at most W2V_ROW_ALIGN */
    /* Score, loss, gradient and update of one tile; returns the tile's loss (natural logarithm, weights applied). */
    double (*logistic_tile)(const w2v_tile *tile, int64_t n, w2v_real lr);
    /* The same in parts, for threads that share a tile by slices of its rows, and several tiles at a time. What numbers
     * from .. to - 1 of the rows add to the B x T scores, in the kernels' own order; ... */
    void (*tile_scores)(const w2v_tile *tile, int64_t from, int64_t to,
                        w2v_real *scores /* OUT [B T + W2V_TILE_SLACK] */);
    /* ... the weights in the same order, to the tile's scratch: some time before they are wanted, as they are written
     * in pieces and read in other pieces; ... */
    void (*tile_weights)(const w2v_tile *tile);
    /* ... the loss, and the steps that these weights and all parts of the scores make, of any number of tiles whose
     * scores stand one behind the other; ... */
    double (*steps)(const w2v_parts *parts, const w2v_real *weights, int64_t n, w2v_real lr,
                    w2v_real *steps /* OUT [n + W2V_TILE_SLACK] */);
    /* ... and what these do to numbers from .. to - 1 of the rows. */
    void (*tile_moves)(const w2v_tile *tile, int64_t from, int64_t to, const w2v_real *steps);
    /* Of lists of rows as a tile's, list l being rows[starts[l]] .. rows[starts[l + 1] - 1]; scales[k] is the scale of
     * a list of k rows. sums[l][n] = scale * the sum of the list. */
    void (*rows_sum)(w2v_real *const *rows, const int32_t *starts, int32_t n_lists, int64_t n, const w2v_real *scales,
                     w2v_real *const *sums);
    /* row[n] += scale * steps[l][n] for each row of a list, repeated rows included. */
    void (*rows_add)(w2v_real *const *rows, const int32_t *starts, int32_t n_lists, int64_t n, const w2v_real *scales,
                     w2v_real *const *steps);
    w2v_real (*dot)(const w2v_real *a, const w2v_real *b, int64_t n);

    /* Scores of one input for n targets, n a multiple of W2V_ROW_ALIGN, changed in place. */

    w2v_real (*row_max)(const w2v_real *scores, int64_t n);
    /* exp(score - most), most being no less than any score; returns the sum. */
    w2v_real (*exp_row)(w2v_real *scores, int64_t n, w2v_real most);
    void (*scale_row)(w2v_real *scores, int64_t n, w2v_real factor);
    /* The sigmoid, guarded as in logistic_tile; returns the sum of log(1 + exp(score)). */
    double (*logistic_row)(w2v_real *scores, int64_t n);
    /* From p to p (1 - odds) + p / (1 - p), where odds = sum p / (1 - p); returns - sum log(1 - p). */
    double (*blackout_row)(w2v_real *probs, int64_t n, double *odds /* OUT */);

    void (*product)(const w2v_product *product);

    /* A matrix of scores [n_rows, n], rows `room` apart, of which each column has a number of its own in `most`, `sums`
     * or `factors` [n]; n is rounded up to whole vectors. */

    /* most = the larger of itself and the column's largest score. */
    void (*columns_max)(const w2v_real *scores, int64_t n_rows, int64_t n, int64_t room, w2v_real *most);
    /* exp(score - most), most being no less than any score of the column; sums = those of the columns. */
    void (*columns_exp)(w2v_real *scores, int64_t n_rows, int64_t n, int64_t room, const w2v_real *most,
                        w2v_real *sums);
    void (*columns_scale)(w2v_real *matrix, int64_t n_rows, int64_t n, int64_t room, const w2v_real *factors);

    /* products [n_rows] = codes [n_rows, n] factors [n], n a multiple of W2V_SKETCH_ALIGN; none leaves 32 bits. */
    void (*code_products)(const int8_t *codes, int64_t n_rows, int64_t n, const int16_t *factors, int32_t *products);

    /* One step of an optimizer on a row [n]: `descent` [n] is minus its gradient, `state` what the optimizer
     * remembers of the row: [n] numbers, for Adam [2n + W2V_ROW_ALIGN]; all zero before the first step. */

    void (*momentum_row)(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n, const w2v_move *move);
    void (*adagrad_row)(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n, const w2v_move *move);
    void (*adam_row)(w2v_real *row, w2v_real *state, const w2v_real *descent, int64_t n, const w2v_move *move);

    /* For benchmarks: multiply-adds that never leave the registers; returns how many. With 0 < factor < 1 the sum,
     * which is there so that the work is not left out, stays finite. */
    int64_t (*multiply_adds)(int64_t n_rounds, w2v_real factor, w2v_real *sum /* OUT */);
};

extern const w2v_kernels w2v_kernels_scalar, w2v_kernels_avx2, w2v_kernels_avx512, w2v_kernels_neon;

/* rows_sum and rows_add of a single row: to = scale * row, and to += scale * row. */
W2V_INLINE void row_scale(const w2v_kernels *kernels, const w2v_real *row, int64_t n, w2v_real scale, w2v_real *to) {
    static const int32_t starts[] = {0, 1};
    const w2v_real scales[] = {scale, scale};
    w2v_real *const from = (w2v_real *)row;
    kernels->rows_sum(&from, starts, 1, n, scales, &to);
}
W2V_INLINE void row_add(const w2v_kernels *kernels, const w2v_real *row, int64_t n, w2v_real scale, w2v_real *to) {
    static const int32_t starts[] = {0, 1};
    const w2v_real scales[] = {scale, scale};
    w2v_real *const step = (w2v_real *)row;
    kernels->rows_add(&to, starts, 1, n, scales, &step);
}

const w2v_kernels *w2v_kernels_find(const char *isa); /* NULL unless compiled in and supported */

#endif
