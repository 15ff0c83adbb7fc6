/* vec_math.h: exp(-a) and log(1 + e) for float vectors of any width, from the arithmetic words of a kernels_<isa>.c.
 *
 * Not general: exp takes a >= 0 and log1p takes 0 <= e <= 1, which is all that a sigmoid needs. Both are within
 * 2e-7 of the exact value, relative for exp and absolute for log1p; NaN passes through. Polynomials are minimax
 * (Remez' algorithm) and summed up in pairs (Estrin): a sigmoid is waited for, and this is half as long a wait as term
 * after term. */

/* exp(-a) = 2^(k + f), k = round(-a / ln 2), |f| <= 1/2. */
W2V_INLINE vec v_exp_minus(vec a) {
    const vec shift = v_set1(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer in the low mantissa bits */
    const vec log2_e = v_set1(1.44269504f);
    vec x = v_max(v_set1(-87.0f), v_sub(v_zero(), a));
    vec shifted = v_fma(x, log2_e, shift);
    vec f = v_fma(x, v_set1(1.92596299e-8f), v_fma(x, log2_e, v_sub(shift, shifted))); /* 1 / ln 2 in two parts */
    vec f2 = v_mul(f, f);
    vec low = v_fma(f, v_set1(0.6931469671f), v_set1(1.000000072f));
    vec middle = v_fma(f, v_set1(0.05550713272f), v_set1(0.2402211972f));
    vec high = v_fma(f, v_set1(0.001327647263f), v_set1(0.009675541343f));
    return v_times_pow2(v_fma(f2, v_fma(f2, high, middle), low), shifted);
}

W2V_INLINE vec v_log1p(vec e) {
    vec e2 = v_mul(e, e), e4 = v_mul(e2, e2);
    vec a = v_fma(e, v_set1(-0.4998740456f), v_set1(0.9999964236f));
    vec b = v_fma(e, v_set1(-0.24073079f), v_set1(0.3317982614f));
    vec c = v_fma(e, v_set1(-0.09532259767f), v_set1(0.1676479379f));
    vec d = v_fma(e, v_set1(-0.006452631005f), v_set1(0.03608458974f));
    return v_mul(e, v_fma(e4, v_fma(e2, d, c), v_fma(e2, b, a)));
}
