/* immintrin.h: what kernels_avx512.c uses of the compiler's header of this name, in plain C.
 *
 * Found before it (-Itests/c/emulated), it makes the AVX-512 kernels run on any CPU: slowly, but the same source, with
 * the same blocks of registers and the same shuffles. Names and meanings are Intel's (Intrinsics Guide). */
#ifndef W2V_EMULATED_IMMINTRIN_H
#define W2V_EMULATED_IMMINTRIN_H

#include <math.h>
#include <stdint.h>

typedef float __m512 __attribute__((vector_size(64)));
typedef int32_t __m512i __attribute__((vector_size(64)));
typedef uint16_t __mmask16;
typedef float emulated_unaligned __attribute__((vector_size(64), aligned(4)));

#define EMULATED static __attribute__((noinline)) /* inlined, they would take minutes to compile */
#define EMULATED_LANES for (int k = 0; k < 16; k++)
enum { _CMP_GT_OQ = 30 };

EMULATED __m512 _mm512_setzero_ps(void) { return (__m512){0}; }
EMULATED __m512 _mm512_set1_ps(float a) { return (__m512){a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a}; }
EMULATED __m512i _mm512_set1_epi32(int32_t a) {
    return (__m512i){a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a};
}
EMULATED __m512 _mm512_load_ps(const float *p) { return *(const __m512 *)p; }
EMULATED __m512 _mm512_loadu_ps(const float *p) { return (__m512) * (const emulated_unaligned *)p; }
EMULATED void _mm512_storeu_ps(float *p, __m512 a) { *(emulated_unaligned *)p = (emulated_unaligned)a; }

EMULATED __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
EMULATED __m512 _mm512_sub_ps(__m512 a, __m512 b) { return a - b; }
EMULATED __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
EMULATED __m512 _mm512_div_ps(__m512 a, __m512 b) { return a / b; }
EMULATED __m512i _mm512_add_epi32(__m512i a, __m512i b) { return a + b; }
EMULATED __m512i _mm512_slli_epi32(__m512i a, int n) { return a << n; }
EMULATED __m512i _mm512_castps_si512(__m512 a) { return (__m512i)a; }
EMULATED __m512 _mm512_castsi512_ps(__m512i a) { return (__m512)a; }
EMULATED __m512 _mm512_and_ps(__m512 a, __m512 b) { return (__m512)((__m512i)a & (__m512i)b); }
EMULATED __m512 _mm512_xor_ps(__m512 a, __m512 b) { return (__m512)((__m512i)a ^ (__m512i)b); }
EMULATED __m512 _mm512_abs_ps(__m512 a) { return _mm512_and_ps(a, (__m512)_mm512_set1_epi32(INT32_MAX)); }
EMULATED __m512 _mm512_sqrt_ps(__m512 a) {
    EMULATED_LANES a[k] = sqrtf(a[k]);
    return a;
}
EMULATED __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
    EMULATED_LANES c[k] = fmaf(a[k], b[k], c[k]);
    return c;
}
EMULATED __m512 _mm512_max_ps(__m512 a, __m512 b) { /* b if either is not a number */
    EMULATED_LANES b[k] = a[k] > b[k] ? a[k] : b[k];
    return b;
}

EMULATED __mmask16 emulated_signs(__m512i a) {
    __mmask16 mask = 0;
    EMULATED_LANES mask |= (__mmask16)((uint32_t)a[k] >> 31 << k);
    return mask;
}
EMULATED __mmask16 _mm512_movepi32_mask(__m512i a) { return emulated_signs(a); }
/* `how` is _CMP_GT_OQ, the only one that is asked for. */
EMULATED __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int how) {
    (void)how;
    return emulated_signs((__m512i)(a > b));
}
EMULATED __m512 _mm512_mask_blend_ps(__mmask16 mask, __m512 a, __m512 b) {
    EMULATED_LANES a[k] = mask >> k & 1 ? b[k] : a[k];
    return a;
}
EMULATED __m512 _mm512_mask_mov_ps(__m512 otherwise, __mmask16 mask, __m512 a) {
    return _mm512_mask_blend_ps(mask, otherwise, a);
}

/* Of each pair of bits of `which` the number of a quarter: two of a, then two of b. */
EMULATED __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, int which) {
    __m512 all = {0};
    EMULATED_LANES all[k] = (k < 8 ? a : b)[(which >> k / 4 * 2 & 3) * 4 + k % 4];
    return all;
}
/* In every quarter, of each pair of bits the number of a lane: two of a's quarter, then two of b's. */
EMULATED __m512 _mm512_shuffle_ps(__m512 a, __m512 b, int which) {
    __m512 all = {0};
    EMULATED_LANES all[k] = (k % 4 < 2 ? a : b)[k / 4 * 4 + (which >> k % 4 * 2 & 3)];
    return all;
}
EMULATED float _mm512_reduce_add_ps(__m512 a) {
    float sum = 0;
    EMULATED_LANES sum += a[k];
    return sum;
}

#endif
