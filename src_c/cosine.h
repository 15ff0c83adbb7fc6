/* cosine.h: the cosine that counts, of a row and a unit vector: a sum in fixed order, divided by the row's norm.
 *
 * It depends on the two vectors alone, whatever the CPU and whoever asks: everything else that queries compute only
 * proposes rows for it. Plain C that compilers turn into vector code: what it waits for is memory. */
#ifndef W2V_COSINE_H
#define W2V_COSINE_H

#include "base.h"
#include "w2v.h"

enum {
    LANES = 16, /* partial sums of a dot product */
    AHEAD = 512 /* numbers that are fetched in advance of a dot product: a page or less */
};

W2V_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

W2V_INLINE float dot(const float *a, const float *b, int64_t n) {
    float sums[LANES] = {0};
    int64_t d = 0;
    for (int64_t line = 0; line < n; line += LANES) W2V_PREFETCH_READ(a + line + AHEAD);
    for (; d + LANES <= n; d += LANES)
        for (int lane = 0; lane < LANES; lane++) sums[lane] += a[d + lane] * b[d + lane];
    for (; d + 4 <= n; d += 4) /* lanes are constants throughout, so that sums stay in registers */
        for (int lane = 0; lane < 4; lane++) sums[lane] += a[d + lane] * b[d + lane];
    float rest = 0, quarters[4];
    for (; d < n; d++) rest += a[d] * b[d];
    for (int lane = 0; lane < 4; lane++)
        quarters[lane] = (sums[lane] + sums[lane + 4]) + (sums[lane + 8] + sums[lane + 12]);
    return (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]) + rest;
}

/* Shorter rows have no direction: their squares are not normal numbers. */
W2V_INLINE float over_norm(float product, float norm) { return norm >= 1e-18f ? product / norm : 0.0f; }

W2V_INLINE float cosine(const w2v_searched *rows, int64_t row, const float *query) {
    return over_norm(dot(rows->vecs + row * rows->stride, query, rows->dim), rows->norms[row]);
}

/* How far from each other two cosines may be: each of two sums of D products is within D / 2^24 of the exact one (of
 * unit vectors), in any order. */
W2V_INLINE float sums_differ_by(int64_t dim) { return (float)(2.0 * (double)(dim + 8) / (1 << 24)); }

#endif
