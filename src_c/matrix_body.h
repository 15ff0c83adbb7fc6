/* matrix_body.h: what mini-batches and queries are made of: products of matrices, and kernels that work on columns.
 *
 * Written over the vector words, as kernels_body.h, which it precedes in each kernels_<isa>.c.
 *
 * Why not a BLAS: it copies both sides into an order of its own before it multiplies. The matrices here are small, or
 * come by a tile at a time, and stand in the cache already; rows of one are the vectors that the kernel wants, and the
 * other is read number by number in any order, so that copying gains nothing. V_ROWS rows x V_PAIR vectors of the
 * result stay in registers while the terms stream by; a strip of V_PAIR vectors of `b` stays in the first-level cache
 * for all rows of the result. */
#include "base.h"
#include "kernels.h"

enum { V_PAIR = 2, TERMS_AT_ONCE = 256 };

/* NI rows x NV vectors of a product. After inlining, NI and NV are constants and one of a's strides is 1. While the
 * registers add up, the rows of c are brought near, and those of a that come next, a line at a time. */
W2V_INLINE void product_block(const w2v_product *p, const w2v_real *a, int64_t a_row, int64_t a_term,
                              const w2v_real *b, int64_t n_terms, w2v_real *c, int keep, const int NI, const int NV) {
    const int64_t b_term = p->b_term, c_row = p->c_row;
    vec sums[V_ROWS * V_PAIR];
    W2V_UNROLL
    for (int k = 0; k < NI * NV; k++) sums[k] = v_zero();
    W2V_UNROLL
    for (int i = 0; i < NI; i++) W2V_PREFETCH(c + i * c_row);
    for (int64_t done = 0; done < n_terms; done += W2V_ROW_ALIGN) {
        const int64_t n_left = n_terms - done, n = n_left < W2V_ROW_ALIGN ? n_left : W2V_ROW_ALIGN;
        W2V_UNROLL
        for (int i = 0; i < NI && a_term == 1; i++) W2V_PREFETCH_READ(a + (i + NI) * a_row);
        for (int64_t term = 0; term < n; term++) {
            vec y[V_PAIR];
            W2V_UNROLL
            for (int v = 0; v < NV; v++) y[v] = v_load(b + v * V_WIDTH);
            W2V_UNROLL
            for (int i = 0; i < NI; i++) {
                const vec x = v_set1(a[i * a_row]);
                W2V_UNROLL
                for (int v = 0; v < NV; v++) sums[i * NV + v] = v_fma(x, y[v], sums[i * NV + v]);
            }
            a += a_term;
            b += b_term;
        }
    }
    const vec scale = v_set1(p->scale);
    W2V_UNROLL
    for (int i = 0; i < NI; i++)
        W2V_UNROLL
        for (int v = 0; v < NV; v++) {
            w2v_real *to = c + i * c_row + v * V_WIDTH;
            const vec sum = sums[i * NV + v];
            v_store(to, keep ? v_fma(scale, sum, v_load(to)) : v_mul(scale, sum));
        }
}

W2V_INLINE void product_rows(const w2v_product *p, const w2v_real *a, int64_t a_row, int64_t a_term,
                             const w2v_real *b, int64_t n_terms, w2v_real *c, int keep, int ni, int nv) {
#define ROWS(NI)                                                                                             \
    case NI:                                                                                                 \
        if (NI > V_ROWS) return; /* never asked for */                                                       \
        if (nv == V_PAIR) product_block(p, a, a_row, a_term, b, n_terms, c, keep, NI, V_PAIR);               \
        else product_block(p, a, a_row, a_term, b, n_terms, c, keep, NI, 1);                                 \
        break;
    switch (ni) {
        V_FOR_EACH_WIDTH(ROWS)
    }
#undef ROWS
}

W2V_INLINE void product_in_order(const w2v_product *p, int64_t a_row, int64_t a_term) {
    for (int64_t term = 0; term < p->n_terms; term += TERMS_AT_ONCE) {
        const int64_t n_terms = p->n_terms - term < TERMS_AT_ONCE ? p->n_terms - term : TERMS_AT_ONCE;
        const int keep = p->keep || term > 0;
        for (int64_t j = 0, nv; j < p->n_columns; j += nv * V_WIDTH) {
            nv = p->n_columns - j > V_WIDTH ? V_PAIR : 1;
            const w2v_real *b = p->b + term * p->b_term + j;
            for (int64_t i = 0, ni; i < p->n_rows; i += ni) {
                ni = p->n_rows - i < V_ROWS ? p->n_rows - i : V_ROWS;
                product_rows(p, p->a + i * a_row + term * a_term, a_row, a_term, b, n_terms, p->c + i * p->c_row + j,
                             keep, (int)ni, (int)nv);
            }
        }
    }
}

static void product(const w2v_product *p) {
    if (p->a_term == 1) product_in_order(p, p->a_row, 1);
    else product_in_order(p, 1, p->a_term);
}

static void columns_max(const w2v_real *scores, int64_t n_rows, int64_t n, int64_t room, w2v_real *most) {
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t k = 0; k < n; k += V_WIDTH)
            v_store(most + k, v_max(v_load(most + k), v_load(scores + row * room + k)));
}

static void columns_exp(w2v_real *scores, int64_t n_rows, int64_t n, int64_t room, const w2v_real *most,
                        w2v_real *sums) {
    for (int64_t k = 0; k < n; k += V_WIDTH) v_store(sums + k, v_zero());
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t k = 0; k < n; k += V_WIDTH) {
            w2v_real *at = scores + row * room + k;
            const vec e = v_exp_minus(v_sub(v_load(most + k), v_load(at)));
            v_store(at, e);
            v_store(sums + k, v_add(v_load(sums + k), e));
        }
}

static void columns_scale(w2v_real *matrix, int64_t n_rows, int64_t n, int64_t room, const w2v_real *factors) {
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t k = 0; k < n; k += V_WIDTH) {
            w2v_real *at = matrix + row * room + k;
            v_store(at, v_mul(v_load(at), v_load(factors + k)));
        }
}

/* Plain C: compilers know this sum, of 16-bit numbers into 32 bits, as an instruction of every set. */
static void code_products(const int8_t *codes, int64_t n_rows, int64_t n, const int16_t *factors, int32_t *products) {
    for (int64_t row = 0; row < n_rows; row++, codes += n) {
        int32_t sum = 0;
        for (int64_t i = 0; i < n; i++) sum += (int16_t)codes[i] * factors[i];
        products[row] = sum;
    }
}
