/* sketch.c: see sketch.h. Everything that can be off is rounded upwards here, once, into one number for each row. */
#include "sketch.h"

#include <math.h>
#include <string.h>

#include "cosine.h"

enum { MOST_CODE = 127, MOST_FACTOR = 32767 };

/* More than the rounding of the bounds themselves. */
static const double MARGIN = 1.001;

/* The largest factor with which no sum of D products leaves 32 bits. */
static double most_factor(int64_t dim) {
    const int64_t most = INT32_MAX / (MOST_CODE * dim);
    return (double)least(most, MOST_FACTOR);
}

/* y to the nearest whole number, for |y| < 2^22: added to 1.5 * 2^23 it stands in the sum's low bits. What is not
 * finite becomes some number. There is no branch, so compilers make vector code of it. */
W2V_INLINE int32_t nearest_whole(float y) {
    const float shifted = y + 12582912.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (int32_t)(bits - 0x4B400000u);
}

/* A row is read in parts of LANES numbers, the last of them with zeros behind: loops that compilers know. */
typedef struct {
    float squares[LANES], rests[LANES]; /* sums of the squares of y = x / step and of y - code, by lanes */
} sums;

W2V_INLINE void code_part(const float *x, float inverse_step, int8_t *codes, sums *sum) {
    int32_t wide[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        const float y = x[lane] * inverse_step;
        wide[lane] = nearest_whole(y);
        const float rest = y - (float)wide[lane];
        sum->squares[lane] += y * y;
        sum->rests[lane] += rest * rest;
    }
    for (int lane = 0; lane < LANES; lane++) codes[lane] = (int8_t)wide[lane];
}

W2V_INLINE void raise(const float *x, float *most) {
    for (int lane = 0; lane < LANES; lane++) {
        const float size = fabsf(x[lane]);
        most[lane] = size > most[lane] ? size : most[lane];
    }
}

/* The last part of a row, if it is not whole. */
W2V_INLINE int64_t last_part(const float *x, int64_t dim, float *part) {
    const int64_t whole = dim / LANES * LANES;
    memset(part, 0, LANES * sizeof *part);
    memcpy(part, x + whole, (size_t)(dim - whole) * sizeof *part);
    return whole;
}

static float largest_size(const float *x, int64_t dim) {
    float most[LANES] = {0}, part[LANES];
    const int64_t whole = last_part(x, dim, part);
    for (int64_t d = 0; d < whole; d += LANES) raise(x + d, most);
    raise(part, most);
    for (int lane = 1; lane < LANES; lane++) most[0] = most[lane] > most[0] ? most[lane] : most[0];
    return most[0];
}

/* codes OUT [dim, rounded up to whole parts]. */
static void code_row(const float *x, int64_t dim, float inverse_step, int8_t *codes, float *squares, float *rests) {
    float part[LANES];
    const int64_t whole = last_part(x, dim, part);
    sums sum = {{0}, {0}};
    for (int64_t d = 0; d < whole; d += LANES) code_part(x + d, inverse_step, codes + d, &sum);
    if (whole < dim) code_part(part, inverse_step, codes + whole, &sum);
    *squares = *rests = 0;
    for (int lane = 0; lane < LANES; lane++) *squares += sum.squares[lane], *rests += sum.rests[lane];
}

void w2v_sketch_fill(const w2v_sketch *sketch, const w2v_searched *rows, int32_t n_threads) {
    const int64_t dim = rows->dim, stride = sketch->stride;
    const double slack = (double)sums_differ_by(dim);
    const double query_rest = sqrt((double)dim) / 2 / most_factor(dim); /* at most, of a unit vector */
    W2V_OMP("omp parallel for schedule(static) num_threads(n_threads)")
    for (int64_t row = 0; row < rows->n_rows; row++) {
        const int64_t id = rows->first_id + row;
        const float *x = rows->vecs + row * rows->stride, most = largest_size(x, dim);
        int8_t *codes = sketch->codes + id * stride;
        const double scale = (double)over_norm(most / MOST_CODE, rows->norms[row]);
        float squares, rest_squares;
        memset(codes + dim, 0, (size_t)(stride - dim));
        code_row(x, dim, scale > 0 ? MOST_CODE / most : 0, codes, &squares, &rest_squares);
        /* Sums of D squares in single precision are within D / 2^23 of themselves. */
        const double summed = 1 + (double)(dim + 8) / (1 << 23);
        const double length = scale * sqrt((double)squares * summed);
        const double rest = scale * sqrt((double)rest_squares * summed);
        const double error = MARGIN * (rest * (1 + query_rest) + length * (query_rest + slack) + slack);
        const int is_finite = scale < INFINITY && error < INFINITY;
        sketch->scales[id] = is_finite ? (float)scale : 0;
        sketch->errors[id] = is_finite ? (float)error : INFINITY;
        if (!is_finite) memset(codes, 0, (size_t)stride);
    }
    (void)n_threads;
}

w2v_sketched_query w2v_sketch_query(const w2v_sketch *sketch, const float *query, int16_t *factors) {
    const int64_t dim = sketch->dim;
    const double most = (double)largest_size(query, dim), step = most / most_factor(dim);
    double squares = 0;
    memset(factors, 0, (size_t)sketch->stride * sizeof *factors);
    for (int64_t d = 0; d < dim; d++) {
        squares += (double)query[d] * (double)query[d];
        if (step > 0) factors[d] = (int16_t)lrint((double)query[d] / step);
    }
    return (w2v_sketched_query){(float)step, squares > 1 ? (float)(MARGIN * sqrt(squares)) : 1};
}
