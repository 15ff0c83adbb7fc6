/* sampler.c: see sampler.h. A draw takes O(1) time and the table O(V) memory, by Walker's alias method as Vose builds
 * it (IEEE TSE 1991).
 *
 * Weights are any non-negative numbers; raising counts to ns_exponent is the caller's business. */
#include "sampler.h"

#include <stdlib.h>

w2v_status w2v_alias_build(const double *weights, int64_t n_words, w2v_alias *table) {
    double *share = malloc((size_t)n_words * sizeof *share); /* of each column, 1 = exactly full */
    int32_t *stack = malloc((size_t)n_words * sizeof *stack); /* poor columns grow from the left, rich from the right */
    if (!share || !stack) {
        free(share);
        free(stack);
        return W2V_ERR_MEMORY;
    }
    double sum = 0;
    for (int64_t w = 0; w < n_words; w++) sum += weights[w];
    int64_t n_poor = 0, rich = n_words;
    for (int64_t w = 0; w < n_words; w++) {
        share[w] = weights[w] / sum * (double)n_words;
        if (share[w] < 1) stack[n_poor++] = (int32_t)w;
        else stack[--rich] = (int32_t)w;
    }
    while (n_poor > 0 && rich < n_words) {
        int32_t poor = stack[--n_poor], giver = stack[rich];
        table[poor].threshold = (uint32_t)(share[poor] * 4294967296.0);
        table[poor].alias = giver;
        share[giver] -= 1 - share[poor];
        if (share[giver] < 1) { /* now poor itself: it moves to the other stack */
            rich++;
            stack[n_poor++] = giver;
        }
    }
    /* What is left on either stack is full but for rounding. A column that is its own alias never misses. */
    while (n_poor > 0) {
        int32_t w = stack[--n_poor];
        table[w] = (w2v_alias){UINT32_MAX, w};
    }
    for (; rich < n_words; rich++) table[stack[rich]] = (w2v_alias){UINT32_MAX, stack[rich]};
    free(share);
    free(stack);
    return W2V_OK;
}

void w2v_alias_draw(const w2v_alias *table, int64_t n_words, uint64_t seed, int32_t *ids, int64_t n) {
    w2v_rng rng = rng_stream(seed, 0, 0);
    for (int64_t i = 0; i < n; i++) ids[i] = alias_draw(table, (uint32_t)n_words, &rng);
}

void w2v_noise_start(w2v_noise *noise, const w2v_plan *plan, w2v_rng rng) {
    noise->table = plan->noise;
    noise->n_words = (uint32_t)plan->n_words;
    noise->reuse = plan->noise_reuse;
    noise->n_left = 0;
    noise->rng = rng;
}

void w2v_noise_refill(w2v_noise *noise) {
    enum { KINDS = 4096, AT_ONCE = 32 };
    int32_t *ids = noise->ids, end = W2V_NOISE_POOL;
    int16_t next[KINDS]; /* place of the next word of this kind; two words of a kind are taken for the same */
    for (int32_t kind = 0; kind < KINDS; kind++) next[kind] = W2V_NOISE_POOL;
    /* The table is larger than the second-level cache: waits for it overlap. */
    for (int32_t first = 0; first < W2V_NOISE_POOL; first += AT_ONCE) {
        uint64_t draws[AT_ONCE];
        for (int32_t k = 0; k < AT_ONCE; k++) {
            draws[k] = rng_next(&noise->rng);
            W2V_PREFETCH_READ(noise->table + high_below(draws[k], noise->n_words));
        }
        for (int32_t k = 0; k < AT_ONCE; k++) ids[first + k] = alias_word(noise->table, noise->n_words, draws[k]);
    }
    for (int32_t k = W2V_NOISE_POOL - 1; k >= 0; k--) {
        int16_t *same = &next[ids[k] % KINDS];
        if (*same - k < W2V_TILE_DISTINCT && *same < end) end = *same;
        *same = (int16_t)k;
        noise->ends[k] = (int16_t)end;
    }
    noise->n_left = W2V_NOISE_POOL * noise->reuse;
}
