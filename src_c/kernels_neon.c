/* kernels_neon.c: the kernels for 64-bit ARM: 4 floats a register, 32 registers. */
#include <arm_neon.h>

#include "base.h"
#include "w2v.h"

#define V_ISA neon
#define V_WIDTH 4
#define V_BLOCK 12 /* 12 targets, an input, the halves of its step, a factor: 16 registers; two inputs x 12: 27 */
#define V_FEW_REGISTERS 0
#define V_SUMS 24 /* of four inputs x six targets, or three x eight; with 4 inputs and a target: 29 */
#define V_BLOCK_ONE 24 /* of one input, at once: 24 factors, an input, the halves of its step, a target: 28 */
#define V_ROWS 12 /* of a product, x two vectors */
#define V_FOR_EACH_WIDTH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define V_FOR_EACH_WIDER(X) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24)

typedef float32x4_t vec;

W2V_INLINE vec v_zero(void) { return vdupq_n_f32(0); }
W2V_INLINE vec v_set1(float a) { return vdupq_n_f32(a); }
W2V_INLINE vec v_load(const float *p) { return vld1q_f32(p); }
W2V_INLINE vec v_loadu(const float *p) { return vld1q_f32(p); }
W2V_INLINE void v_store(float *p, vec a) { vst1q_f32(p, a); }
W2V_INLINE void v_storeu(float *p, vec a) { vst1q_f32(p, a); }
W2V_INLINE vec v_add(vec a, vec b) { return vaddq_f32(a, b); }
W2V_INLINE vec v_sub(vec a, vec b) { return vsubq_f32(a, b); }
W2V_INLINE vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
W2V_INLINE vec v_div(vec a, vec b) { return vdivq_f32(a, b); }
W2V_INLINE vec v_sqrt(vec a) { return vsqrtq_f32(a); }
W2V_INLINE vec v_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
W2V_INLINE vec v_max(vec a, vec b) { return vmaxq_f32(a, b); }
W2V_INLINE vec v_abs(vec a) { return vabsq_f32(a); }
W2V_INLINE vec v_flip(vec a, vec sign) {
    uint32x4_t bits = vandq_u32(vreinterpretq_u32_f32(sign), vdupq_n_u32(0x80000000u));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), bits));
}
W2V_INLINE int v_any_above(vec a, vec limit) { return vmaxvq_u32(vcgtq_f32(a, limit)) != 0; }
W2V_INLINE vec v_if_negative(vec z, vec then, vec otherwise) {
    return vbslq_f32(vcltq_f32(z, vdupq_n_f32(0)), then, otherwise);
}
/* p 2^k, 1/2 < p < 2, from 1.5 * 2^23 + k: k sits in the low mantissa bits, the rest is shifted out. */
W2V_INLINE vec v_times_pow2(vec p, vec shifted) {
    int32x4_t k = vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23);
    return vreinterpretq_f32_s32(vaddq_s32(k, vreinterpretq_s32_f32(p)));
}
/* Sums by transposition: each pairwise addition serves two accumulators. */
W2V_INLINE vec v_sums(const vec *s) { return vpaddq_f32(vpaddq_f32(s[0], s[1]), vpaddq_f32(s[2], s[3])); }
W2V_INLINE float v_sum(vec a) { return vaddvq_f32(a); }
W2V_INLINE vec v_lanes(int from, int to, vec within, vec otherwise) {
    const int32_t numbers[4] = {0, 1, 2, 3};
    const int32x4_t lanes = vld1q_s32(numbers);
    const uint32x4_t after = vcgeq_s32(lanes, vdupq_n_s32(from)), before = vcltq_s32(lanes, vdupq_n_s32(to));
    return vbslq_f32(vandq_u32(after, before), within, otherwise);
}

#include "vec_math.h"

#include "matrix_body.h"

#include "kernels_body.h"
