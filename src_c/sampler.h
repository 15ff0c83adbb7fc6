/* sampler.h: draws from an alias table: one, or the stream of noise words that a thread learns from.
 *
 * A stream serves its draws from a pool of W2V_NOISE_POOL words, drawn anew when each has been used `reuse` times on
 * average. Every draw has the table's distribution; only draws close in time are correlated. The rows of a pool stay
 * in the second-level cache, which saves most of the memory traffic of noise rows (and, measured, costs no
 * quality: bench/NOTES.md). With reuse 1 draws are independent. */
#ifndef W2V_SAMPLER_H
#define W2V_SAMPLER_H

#include "rng.h"
#include "w2v.h"

/* One 64-bit draw gives both the column (high half) and the coin (low half). */
W2V_INLINE int32_t alias_draw(const w2v_alias *table, uint32_t n_words, w2v_rng *rng) {
    uint64_t draw = rng_next(rng);
    uint32_t column = high_below(draw, n_words);
    const w2v_alias entry = table[column];
    const int32_t other = -((uint32_t)draw >= entry.threshold); /* all ones or zero: a branch would be a coin toss */
    return (int32_t)column ^ (((int32_t)column ^ entry.alias) & other);
}

enum { W2V_NOISE_POOL = 2048 };

typedef struct {
    const w2v_alias *table;
    uint32_t n_words;
    int32_t reuse, n_left;
    w2v_rng rng;
    int32_t ids[W2V_NOISE_POOL];
} w2v_noise;

W2V_INLINE void noise_start(w2v_noise *noise, const w2v_plan *plan, w2v_rng rng) {
    noise->table = plan->noise;
    noise->n_words = (uint32_t)plan->n_words;
    noise->reuse = plan->noise_reuse;
    noise->n_left = 0;
    noise->rng = rng;
}

/* Many draws in a row overlap their waits for the table. */
W2V_INLINE void noise_refill(w2v_noise *noise) {
    for (int32_t k = 0; k < W2V_NOISE_POOL; k++) noise->ids[k] = alias_draw(noise->table, noise->n_words, &noise->rng);
    noise->n_left = W2V_NOISE_POOL * noise->reuse;
}

W2V_INLINE int32_t noise_next(w2v_noise *noise) {
    if (!noise->n_left) noise_refill(noise);
    noise->n_left--;
    return noise->ids[noise->reuse == 1 ? (uint32_t)noise->n_left
                                        : high_below(rng_next(&noise->rng), W2V_NOISE_POOL)];
}

#endif
