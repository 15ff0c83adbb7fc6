/* kernels_avx512.c: the kernels for x86-64 with AVX-512 (F, DQ, BW, VL): 16 floats a register, 32 registers. */
#include <immintrin.h>

#include "base.h"
#include "w2v.h"

#define V_ISA avx512
#define V_WIDTH 16
#define V_BLOCK 8 /* 8 targets, an input, the halves of its step, a factor: 12; three inputs x 8: 28 */
#define V_FEW_REGISTERS 0
#define V_SUMS 24 /* of four inputs x six targets, or three x eight; with 4 inputs and a target: 29 */
#define V_BLOCK_ONE 24 /* of one input, at once: 24 factors, an input, the halves of its step, a target: 28 */
#define V_ROWS 8 /* of a product, x two vectors */
#define V_FOR_EACH_WIDTH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define V_FOR_EACH_WIDER(X)                                                                                  \
    X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24)

typedef __m512 vec;

W2V_INLINE vec v_zero(void) { return _mm512_setzero_ps(); }
W2V_INLINE vec v_set1(float a) { return _mm512_set1_ps(a); }
W2V_INLINE vec v_load(const float *p) { return _mm512_load_ps(p); }
W2V_INLINE vec v_loadu(const float *p) { return _mm512_loadu_ps(p); }
#ifdef __GNUC__
/* The intrinsic's store may be one to anything: pointers to rows would be loaded again after each. */
typedef float floats __attribute__((vector_size(64)));
W2V_INLINE void v_store(float *p, vec a) { *(floats *)p = (floats)a; }
#else
W2V_INLINE void v_store(float *p, vec a) { _mm512_store_ps(p, a); }
#endif
W2V_INLINE void v_storeu(float *p, vec a) { _mm512_storeu_ps(p, a); }
W2V_INLINE vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
W2V_INLINE vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
W2V_INLINE vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
W2V_INLINE vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
W2V_INLINE vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
W2V_INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
W2V_INLINE vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
W2V_INLINE vec v_abs(vec a) { return _mm512_abs_ps(a); }
W2V_INLINE vec v_flip(vec a, vec sign) { return _mm512_xor_ps(a, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign)); }
W2V_INLINE int v_any_above(vec a, vec limit) { return _mm512_cmp_ps_mask(a, limit, _CMP_GT_OQ) != 0; }
W2V_INLINE vec v_if_negative(vec z, vec then, vec otherwise) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(z)), otherwise, then);
}
/* p 2^k, 1/2 < p < 2, from 1.5 * 2^23 + k: k sits in the low mantissa bits, the rest is shifted out. */
W2V_INLINE vec v_times_pow2(vec p, vec shifted) {
    __m512i k = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(k, _mm512_castps_si512(p)));
}
/* Sums by transposition: halves, then quarters, of different accumulators share each addition. */
W2V_INLINE vec pair(vec a, vec b) { /* quarters a0+a2, a1+a3, b0+b2, b1+b3 */
    return _mm512_add_ps(_mm512_mask_blend_ps(0xFF00, a, b), _mm512_shuffle_f32x4(a, b, 0x4E));
}
W2V_INLINE vec quarters(vec a, vec b, vec c, vec d) { /* one each, of four numbers */
    vec ab = pair(a, b), cd = pair(c, d);
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xDD));
}
W2V_INLINE vec halved(vec a, vec b) { /* the four numbers of each quarter become two */
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xDD));
}
W2V_INLINE vec v_sums(const vec *s) {
    vec first = halved(quarters(s[0], s[4], s[8], s[12]), quarters(s[1], s[5], s[9], s[13]));
    return halved(first, halved(quarters(s[2], s[6], s[10], s[14]), quarters(s[3], s[7], s[11], s[15])));
}
W2V_INLINE float v_sum(vec a) { return _mm512_reduce_add_ps(a); }
W2V_INLINE vec v_lanes(int from, int to, vec within, vec otherwise) {
    return _mm512_mask_mov_ps(otherwise, (__mmask16)((1u << to) - (1u << from)), within);
}

#include "vec_math.h"

#include "matrix_body.h"

#include "kernels_body.h"
