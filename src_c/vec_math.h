/* vec_math.h: exp(-a) and log(1 + e) for float vectors of any width, from the arithmetic words of a vec_<isa>.h.
 *
 * Not general: exp takes a >= 0 and log1p takes 0 <= e <= 1, which is all that a sigmoid needs. Both are within
 * 2e-7 of the exact value, relative for exp and absolute for log1p; NaN passes through. */

/* exp(-a) = 2^k exp(r), k = round(-a / ln 2), |r| <= ln 2 / 2, with Taylor's polynomial of degree 7 for exp(r). */
W2V_INLINE vec v_exp_minus(vec a) {
    const vec shift = v_set1(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer in the low mantissa bits */
    vec x = v_max(v_set1(-87.0f), v_sub(v_zero(), a));
    vec shifted = v_fma(x, v_set1(1.44269504f), shift);
    vec k = v_sub(shifted, shift);
    vec r = v_fma(k, v_set1(-0.693359375f), x); /* ln 2 in two parts: the first is exact in few bits */
    r = v_fma(k, v_set1(2.12194440e-4f), r);
    vec p = v_fma(r, v_set1(1.0f / 5040), v_set1(1.0f / 720));
    p = v_fma(p, r, v_set1(1.0f / 120));
    p = v_fma(p, r, v_set1(1.0f / 24));
    p = v_fma(p, r, v_set1(1.0f / 6));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(p, r, v_set1(1.0f));
    p = v_fma(p, r, v_set1(1.0f));
    return v_mul(p, v_pow2_of_shifted(shifted));
}

/* log(1 + e) = 2 atanh(t) for t = e / (2 + e) <= 1/3, which the caller has at hand, by its series to t^13. */
W2V_INLINE vec v_log1p(vec e, vec t) {
    vec t2 = v_mul(t, t);
    (void)e;
    vec p = v_fma(t2, v_set1(2.0f / 13), v_set1(2.0f / 11));
    p = v_fma(p, t2, v_set1(2.0f / 9));
    p = v_fma(p, t2, v_set1(2.0f / 7));
    p = v_fma(p, t2, v_set1(2.0f / 5));
    p = v_fma(p, t2, v_set1(2.0f / 3));
    p = v_fma(p, t2, v_set1(2.0f));
    return v_mul(p, t);
}
