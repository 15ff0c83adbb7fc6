/* kernels_avx2.c: the kernels for x86-64 with AVX2 and FMA: 8 floats a register, 16 registers. */
#include <immintrin.h>

#include "base.h"
#include "w2v.h"

#define V_ISA avx2
#define V_WIDTH 8
#define V_BLOCK 8         /* eight scores of an input fill a vector; ... */
#define V_FEW_REGISTERS 1 /* ... factors of three inputs and eight targets that do not fit are operands in memory */
#define V_SUMS 12 /* of two inputs x six targets; with 2 inputs and a target: 15 */
#define V_BLOCK_ONE 20 /* of one input, at once: of more than 12 factors some are loaded when they are wanted */
#define V_ROWS 6 /* of a product; x two vectors: 12 sums */
#define V_FOR_EACH_WIDTH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define V_FOR_EACH_WIDER(X) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20)

typedef __m256 vec;

W2V_INLINE vec v_zero(void) { return _mm256_setzero_ps(); }
W2V_INLINE vec v_set1(float a) { return _mm256_set1_ps(a); }
W2V_INLINE vec v_load(const float *p) { return _mm256_load_ps(p); }
W2V_INLINE vec v_loadu(const float *p) { return _mm256_loadu_ps(p); }
#ifdef __GNUC__
/* The intrinsic's store may be one to anything: pointers to rows would be loaded again after each. */
typedef float floats __attribute__((vector_size(32)));
W2V_INLINE void v_store(float *p, vec a) { *(floats *)p = (floats)a; }
#else
W2V_INLINE void v_store(float *p, vec a) { _mm256_store_ps(p, a); }
#endif
W2V_INLINE void v_storeu(float *p, vec a) { _mm256_storeu_ps(p, a); }
W2V_INLINE vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
W2V_INLINE vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
W2V_INLINE vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
W2V_INLINE vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
W2V_INLINE vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
W2V_INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
W2V_INLINE vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
W2V_INLINE vec v_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
W2V_INLINE vec v_flip(vec a, vec sign) { return _mm256_xor_ps(a, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign)); }
W2V_INLINE int v_any_above(vec a, vec limit) { return _mm256_movemask_ps(_mm256_cmp_ps(a, limit, _CMP_GT_OQ)) != 0; }
W2V_INLINE vec v_if_negative(vec z, vec then, vec otherwise) { return _mm256_blendv_ps(otherwise, then, z); }
/* p 2^k, 1/2 < p < 2, from 1.5 * 2^23 + k: k sits in the low mantissa bits, the rest is shifted out. */
W2V_INLINE vec v_times_pow2(vec p, vec shifted) {
    __m256i k = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(k, _mm256_castps_si256(p)));
}
/* Sums by transposition: each horizontal addition serves two accumulators. */
W2V_INLINE vec halves(vec a, vec b, vec c, vec d) { return _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d)); }
W2V_INLINE vec v_sums(const vec *s) {
    vec low = halves(s[0], s[1], s[2], s[3]), high = halves(s[4], s[5], s[6], s[7]);
    return _mm256_add_ps(_mm256_blend_ps(low, high, 0xF0), _mm256_permute2f128_ps(low, high, 0x21));
}
W2V_INLINE float v_sum(vec a) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    sum = _mm_hadd_ps(sum, sum);
    return _mm_cvtss_f32(_mm_hadd_ps(sum, sum));
}
W2V_INLINE vec v_lanes(int from, int to, vec within, vec otherwise) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i before = _mm256_cmpgt_epi32(_mm256_set1_epi32(from), lanes);
    const __m256i until = _mm256_cmpgt_epi32(_mm256_set1_epi32(to), lanes);
    return _mm256_blendv_ps(otherwise, within, _mm256_castsi256_ps(_mm256_andnot_si256(before, until)));
}

#include "vec_math.h"

#include "matrix_body.h"

#include "kernels_body.h"
