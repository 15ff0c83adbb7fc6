/* limits_body.h: what a core can do at most, over the vector words of a kernels_<isa>.c: for bench/roofline.py, which
 * relates the trainer's speed to it. Nothing that trains calls this.
 *
 * Chains enough that none waits for its own last result (a multiply-add takes about four cycles, and there are two
 * units for it), and few enough that all stay in registers. */
enum { N_CHAINS = 12 };

static int64_t multiply_adds(int64_t n_rounds, w2v_real factor, w2v_real *sum) {
    const vec factors = v_set1(factor), terms = v_set1(1);
    vec sums[N_CHAINS];
    W2V_UNROLL
    for (int k = 0; k < N_CHAINS; k++) sums[k] = v_set1((w2v_real)k);
    for (int64_t i = 0; i < n_rounds; i++) {
        W2V_UNROLL
        for (int k = 0; k < N_CHAINS; k++) sums[k] = v_fma(sums[k], factors, terms);
    }
    W2V_UNROLL
    for (int k = 1; k < N_CHAINS; k++) sums[0] = v_add(sums[0], sums[k]);
    w2v_real lanes[V_WIDTH];
    v_storeu(lanes, sums[0]);
    *sum = lanes[0];
    return n_rounds * N_CHAINS * V_WIDTH;
}
