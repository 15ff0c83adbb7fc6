/* kernels_avx512.c: the kernels for x86-64 with AVX-512 (F, DQ, BW, VL): 16 floats a register, 32 registers. */
#include <immintrin.h>

#include "base.h"
#include "w2v.h"

#define V_ISA avx512
#define V_WIDTH 16
#define V_BLOCK 12 /* 12 old + 12 new targets, an input, its step and a gradient: 27 registers */
#define V_QUAD 6   /* four inputs x six targets: 24 sums, 4 inputs, a target */
#define V_FOR_EACH_WIDTH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)

typedef __m512 vec;

W2V_INLINE vec v_zero(void) { return _mm512_setzero_ps(); }
W2V_INLINE vec v_set1(float a) { return _mm512_set1_ps(a); }
W2V_INLINE vec v_load(const float *p) { return _mm512_load_ps(p); }
W2V_INLINE vec v_loadu(const float *p) { return _mm512_loadu_ps(p); }
W2V_INLINE void v_store(float *p, vec a) { _mm512_store_ps(p, a); }
W2V_INLINE void v_storeu(float *p, vec a) { _mm512_storeu_ps(p, a); }
W2V_INLINE vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
W2V_INLINE vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
W2V_INLINE vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
W2V_INLINE vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
W2V_INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
W2V_INLINE vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
W2V_INLINE vec v_abs(vec a) { return _mm512_abs_ps(a); }
W2V_INLINE vec v_if_negative(vec z, vec then, vec otherwise) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(z)), otherwise, then);
}
/* 2^k from 1.5 * 2^23 + k: k sits in the low mantissa bits, the rest is shifted out. */
W2V_INLINE vec v_pow2_of_shifted(vec shifted) {
    __m512i bits = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(bits, _mm512_castps_si512(_mm512_set1_ps(1.0f))));
}
/* Four sums by transposition: fold to 256 bits, then each horizontal addition serves two accumulators. */
W2V_INLINE __m256 fold(vec a) { return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)); }
W2V_INLINE void v_sum4(vec a, vec b, vec c, vec d, float *out) {
    __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(fold(a), fold(b)), _mm256_hadd_ps(fold(c), fold(d)));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}

#include "vec_math.h"

#include "kernels_body.h"
