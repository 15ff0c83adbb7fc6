/* sampler.h: draws from an alias table: one, or a stream of noise words.
 *
 * The table is larger than the nearest caches, so a draw waits for memory; a stream draws many at a time, whose
 * waits overlap. The numbers do not depend on how many are drawn ahead. */
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

enum { W2V_NOISE_AHEAD = 256 };

typedef struct {
    const w2v_alias *table;
    uint32_t n_words;
    int32_t n_left;
    w2v_rng rng;
    int32_t ids[W2V_NOISE_AHEAD];
} w2v_noise;

W2V_INLINE void noise_start(w2v_noise *noise, const w2v_alias *table, int64_t n_words, w2v_rng rng) {
    noise->table = table;
    noise->n_words = (uint32_t)n_words;
    noise->rng = rng;
    noise->n_left = 0;
}

W2V_INLINE int32_t noise_next(w2v_noise *noise) {
    if (!noise->n_left) {
        for (int32_t k = 0; k < W2V_NOISE_AHEAD; k++)
            noise->ids[W2V_NOISE_AHEAD - 1 - k] = alias_draw(noise->table, noise->n_words, &noise->rng);
        noise->n_left = W2V_NOISE_AHEAD;
    }
    return noise->ids[--noise->n_left];
}

#endif
