/* moves_body.h: what the factors of a tile's blocks do to its rows.
 *
 * Included by kernels_body.h, whose words it uses. */

/* Where the steps of a tile's rows go. */
enum { AT_ONCE, INPUTS_APART, BOTH_APART };

/* Rows that will be wanted next are prefetched a line at a time between the arithmetic: all at once, they would wait
 * for each other. In the order of base.h, a line whenever a vector begins one of those that are worked on. */
enum { LINE_NUMBERS = W2V_CACHE_LINE / sizeof(w2v_real) };
W2V_INLINE int begins_line(int64_t n_done) { return V_WIDTH >= LINE_NUMBERS || n_done % LINE_NUMBERS == 0; }
W2V_INLINE w2v_inward lines_within(int64_t from, int64_t to) {
    return inward_from(from, from + (to - from + LINE_NUMBERS - 1) / LINE_NUMBERS * LINE_NUMBERS, LINE_NUMBERS);
}

/* The line of each row that begins with number d: by fours, of which the last may look past the end. */
W2V_INLINE void fetch_lines(w2v_real *const *rows, int32_t n_rows, int64_t d) {
    for (int32_t i = 0; i < n_rows; i += 4) {
        W2V_UNROLL
        for (int k = 0; k < 4; k++) W2V_PREFETCH(rows[i + k] + d);
    }
}

/* Targets and inputs learn from each other, one input after the other: step_i += sum_t g_it y_t, and then
 * y_t += g_it x_i, so that the next input meets targets that have moved, which is worth half a point of analogies. The
 * NT targets stay in registers while the inputs stream through, whose steps are summed by halves: one sum would be
 * waited for as long as all of it takes. With `has_own`, the first target is each input's own, which may be that of
 * several of them, and steps of inputs begin here. */
W2V_INLINE void move_block(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                           const int NT, const int where, const int has_own) {
    w2v_real *const *own = tile->targets, *const *targets = own + first_target;
    w2v_real *const *own_steps = where == BOTH_APART ? tile->target_steps : own;
    w2v_real *const *target_steps = own_steps + first_target;
    const int fetches = tile->n_fetch > first_target;
    const int32_t n_own_fetches = at_most(tile->n_inputs, tile->n_fetch);
    w2v_real *const *fetch = fetches ? tile->fetch + first_target : targets;
    w2v_real *const *inputs = tile->inputs, *const *input_steps = where == AT_ONCE ? inputs : tile->input_steps;
    w2v_inward lines = lines_within(from, to);
    for (int64_t d = from; d < to; d += V_WIDTH) {
        const w2v_real *g_i = g;
        vec y[V_BLOCK], sums[V_BLOCK]; /* where targets learn apart from themselves */
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) y[t] = v_load(targets[t] + d);
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) sums[t] = where == BOTH_APART ? v_load(target_steps[t] + d) : y[t];
        if (begins_line(d - from)) {
            const int64_t line = inward_next(&lines);
            if (has_own) fetch_lines(tile->fetch, n_own_fetches, line);
            W2V_UNROLL
            for (int t = has_own; t < NT && fetches; t++) W2V_PREFETCH(fetch[t] + line);
        }
        for (int32_t i = 0; i < tile->n_inputs; i++, g_i += NT) {
            vec x = v_load(inputs[i] + d), step[2] = {x, v_zero()};
            if (has_own) {
                const vec own_y = v_load(own[i] + d), g_i0 = v_set1(g_i[0]);
                v_store(own_steps[i] + d, v_fma(g_i0, x, where == BOTH_APART ? v_load(own_steps[i] + d) : own_y));
                step[0] = v_mul(g_i0, own_y);
            } else if (where != AT_ONCE) {
                step[0] = v_load(input_steps[i] + d);
            }
            W2V_UNROLL
            for (int t = has_own; t < NT; t++) {
                const vec g_it = v_set1(g_i[t]);
                step[t % 2] = v_fma(g_it, y[t], step[t % 2]);
                sums[t] = v_fma(g_it, x, sums[t]);
                if (where != BOTH_APART) y[t] = sums[t];
            }
            v_store(input_steps[i] + d, v_add(step[0], step[1]));
        }
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) v_store(target_steps[t] + d, sums[t]);
    }
}

/* The same of one input, past which the targets stream. Its steps are loaded wherever they go. */
W2V_INLINE void move_one_input(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                               const int NT, const int where) {
    w2v_real *const *targets = tile->targets + first_target;
    w2v_real *const *target_steps = where == BOTH_APART ? tile->target_steps + first_target : targets;
    const int32_t n_fetch = at_most(NT, tile->n_fetch - first_target);
    w2v_real *const *fetch = n_fetch > 0 ? tile->fetch + first_target : targets;
    const w2v_real *input = tile->inputs[0];
    w2v_real *input_step = tile->input_steps[0];
    w2v_inward lines = lines_within(from, to);
    vec factors[V_BLOCK_ONE];
    W2V_UNROLL
    for (int t = 0; t < NT; t++) factors[t] = v_set1(g[t]);
    for (int64_t d = from; d < to; d += V_WIDTH) {
        const vec x = v_load(input + d);
        vec step[2] = {v_load(input_step + d), v_zero()};
        if (begins_line(d - from)) fetch_lines(fetch, n_fetch, inward_next(&lines));
        W2V_UNROLL
        for (int t = 0; t < NT; t++) {
            const vec y = v_load(targets[t] + d);
            v_store(target_steps[t] + d, v_fma(factors[t], x, where == BOTH_APART ? v_load(target_steps[t] + d) : y));
            step[t % 2] = v_fma(factors[t], y, step[t % 2]);
        }
        v_store(input_step + d, v_add(step[0], step[1]));
    }
}

enum { MOST_FEW = 3 };

/* The same of NI inputs, MOST_FEW at most, whose factors stay in registers, as far as there are so many, while all rows
 * stream past. That takes fewer instructions, since a factor is loaded once, not once for each vector of the rows; but
 * these inputs must learn in rows that differ from each other. */
W2V_INLINE void move_few_inputs(const w2v_tile *tile, int32_t first_input, int32_t first_target, int64_t from,
                                int64_t to, const w2v_real *g, const int NI, const int NT, const int where,
                                const int has_own, const int fetches) {
    w2v_real *const *inputs = tile->inputs + first_input;
    w2v_real *const *input_steps = where == AT_ONCE ? inputs : tile->input_steps + first_input;
    w2v_real *const *own = tile->targets + first_input, *const *targets = tile->targets + first_target;
    w2v_real *const *own_steps = where == BOTH_APART ? tile->target_steps + first_input : own;
    w2v_real *const *target_steps = where == BOTH_APART ? tile->target_steps + first_target : targets;
    const int32_t n_own_fetches = at_most(tile->n_inputs, tile->n_fetch);
    w2v_real *const *fetch = tile->n_fetch > first_target ? tile->fetch + first_target : targets;
    w2v_inward lines = lines_within(from, to);
    vec factors[MOST_FEW * V_BLOCK];
    W2V_UNROLL
    for (int k = 0; k < NI * NT; k++) factors[k] = v_set1(g[k]);
    for (int64_t d = from; d < to; d += V_WIDTH) {
        vec x[MOST_FEW], step[MOST_FEW];
        if (fetches && begins_line(d - from)) {
            const int64_t line = inward_next(&lines);
            if (has_own) fetch_lines(tile->fetch, n_own_fetches, line);
            W2V_UNROLL
            for (int t = has_own; t < NT; t++) W2V_PREFETCH(fetch[t] + line);
        }
        W2V_UNROLL
        for (int i = 0; i < NI; i++) x[i] = v_load(inputs[i] + d);
        W2V_UNROLL
        for (int i = 0; i < NI; i++) {
            if (!has_own) {
                step[i] = where == AT_ONCE ? x[i] : v_load(input_steps[i] + d);
                continue;
            }
            const vec y = v_load(own[i] + d), g_i0 = factors[i * NT];
            v_store(own_steps[i] + d, v_fma(g_i0, x[i], where == BOTH_APART ? v_load(own_steps[i] + d) : y));
            step[i] = v_mul(g_i0, y);
        }
        W2V_UNROLL
        for (int t = has_own; t < NT; t++) {
            vec y = v_load(targets[t] + d), sum = where == BOTH_APART ? v_load(target_steps[t] + d) : y;
            W2V_UNROLL
            for (int i = 0; i < NI; i++) {
                step[i] = v_fma(factors[i * NT + t], y, step[i]);
                sum = v_fma(factors[i * NT + t], x[i], sum);
                if (where != BOTH_APART) y = sum;
            }
            v_store(target_steps[t] + d, sum);
        }
        W2V_UNROLL
        for (int i = 0; i < NI; i++) v_store(input_steps[i] + d, step[i]);
    }
}

/* How many of the inputs that are left go together: nearly always two or three. */
W2V_INLINE int32_t inputs_together(w2v_real *const *steps, int32_t left) {
    const int32_t n = left == 4 ? 2 : at_most(left, MOST_FEW);
    if (n == 1 || steps[0] == steps[1]) return 1;
    return n == 3 && (steps[0] == steps[2] || steps[1] == steps[2]) ? 2 : n;
}

/* All inputs so; the first of them fetch the rows that come next. */
W2V_INLINE void move_by_inputs(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                               const int NT, const int where, const int has_own) {
    for (int32_t i = 0, n; i < tile->n_inputs; i += n, g += n * NT) {
        n = inputs_together(tile->input_steps + i, tile->n_inputs - i);
#define FEW(NI, FETCHES) move_few_inputs(tile, i, first_target, from, to, g, NI, NT, where, has_own, FETCHES)
        if (n == 3) i ? FEW(3, 0) : FEW(3, 1);
        else if (n == 2) i ? FEW(2, 0) : FEW(2, 1);
        else i ? FEW(1, 0) : FEW(1, 1);
#undef FEW
    }
}

/* A function for each kind: in a single one GCC keeps less in registers. */
#define MOVES_BY_INPUTS(NT, WHERE, HAS_OWN)                                                                  \
    W2V_NOINLINE void move_##NT##_##WHERE##_##HAS_OWN(const w2v_tile *tile, int32_t first_target, int64_t from, \
                                                      int64_t to, const w2v_real *g) {                       \
        move_by_inputs(tile, first_target, from, to, g, NT, WHERE, HAS_OWN);                                 \
    }
#if V_FEW_REGISTERS
#define MOVES_OF_WIDTH(NT)                                                                                   \
    MOVES_BY_INPUTS(NT, AT_ONCE, 0)                                                                          \
    MOVES_BY_INPUTS(NT, INPUTS_APART, 0)                                                                     \
    MOVES_BY_INPUTS(NT, INPUTS_APART, 1)                                                                     \
    MOVES_BY_INPUTS(NT, BOTH_APART, 0)                                                                       \
    MOVES_BY_INPUTS(NT, BOTH_APART, 1)
V_FOR_EACH_WIDTH(MOVES_OF_WIDTH)
#define MOVE_BLOCK(NT, WHERE, HAS_OWN) move_##NT##_##WHERE##_##HAS_OWN(tile, first_target, from, to, g)
#else
#define MOVE_BLOCK(NT, WHERE, HAS_OWN) move_block(tile, first_target, from, to, g, NT, WHERE, HAS_OWN)
#endif

static void move_of_width(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                          int nt) {
#define MOVE(NT)                                                                                             \
    case NT:                                                                                                 \
        if (tile->target_steps) MOVE_BLOCK(NT, BOTH_APART, 0);                                               \
        else if (tile->inputs != tile->input_steps) MOVE_BLOCK(NT, INPUTS_APART, 0);                         \
        else MOVE_BLOCK(NT, AT_ONCE, 0);                                                                     \
        break;
    switch (nt) {
        V_FOR_EACH_WIDTH(MOVE)
    }
#undef MOVE
}

/* The same where the first target is each input's own. */
static void move_own_of_width(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                              int nt) {
#define MOVE(NT)                                                                                             \
    case NT:                                                                                                 \
        if (tile->target_steps) MOVE_BLOCK(NT, BOTH_APART, 1);                                               \
        else MOVE_BLOCK(NT, INPUTS_APART, 1);                                                                \
        break;
    switch (nt) {
        V_FOR_EACH_WIDTH(MOVE)
    }
#undef MOVE
}

static void move_one_of_width(const w2v_tile *tile, int32_t first_target, int64_t from, int64_t to, const w2v_real *g,
                              int nt) {
#define MOVE(NT)                                                                                             \
    case NT:                                                                                                 \
        if (tile->target_steps) move_one_input(tile, first_target, from, to, g, NT, BOTH_APART);             \
        else move_one_input(tile, first_target, from, to, g, NT, INPUTS_APART);                              \
        break;
    switch (nt) {
        V_FOR_EACH_WIDTH(MOVE)
        V_FOR_EACH_WIDER(MOVE)
    }
#undef MOVE
}
