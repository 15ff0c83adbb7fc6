/* sampler.h: draws from an alias table: one, or the stream of noise words that a thread learns from.
 *
 * A stream hands out runs of words from a pool of W2V_NOISE_POOL, drawn anew when each has been used `reuse` times on
 * average. A run begins anywhere in the pool; with reuse 1 runs follow each other and all draws are independent.
 * Every draw has the table's distribution; only draws close in time are correlated. The rows of a pool stay
 * in the second-level cache, which saves most of the memory traffic of noise rows, and one random number chooses a
 * whole run (and, measured, neither costs quality: bench/NOTES.md). */
#ifndef W2V_SAMPLER_H
#define W2V_SAMPLER_H

#include "kernels.h"
#include "rng.h"
#include "w2v.h"

/* The word that 64 random bits choose: the column by the high half, the coin by the low half. */
W2V_INLINE int32_t alias_word(const w2v_alias *table, uint32_t n_words, uint64_t draw) {
    const uint32_t column = high_below(draw, n_words);
    const w2v_alias entry = table[column];
    const int32_t other = -((uint32_t)draw >= entry.threshold); /* all ones or zero: a branch would be a coin toss */
    return (int32_t)column ^ (((int32_t)column ^ entry.alias) & other);
}

W2V_INLINE int32_t alias_draw(const w2v_alias *table, uint32_t n_words, w2v_rng *rng) {
    return alias_word(table, n_words, rng_next(rng));
}

enum { W2V_NOISE_POOL = 2048 };

typedef struct {
    const w2v_alias *table;
    uint32_t n_words;
    int32_t reuse, n_left; /* draws from this pool */
    w2v_rng rng;
    int32_t ids[W2V_NOISE_POOL];
    int16_t ends[W2V_NOISE_POOL]; /* from each word to here, or further, any W2V_TILE_DISTINCT in a row are distinct */
} w2v_noise;

/* n words in a row. If is_distinct, any W2V_TILE_DISTINCT of them in a row are; else they may be. */
typedef struct {
    const int32_t *ids;
    int32_t n, is_distinct;
} w2v_noise_run;

void w2v_noise_start(w2v_noise *noise, const w2v_plan *plan, w2v_rng rng);
void w2v_noise_refill(w2v_noise *noise);

/* The next run, of `most` words or what a pool has. */
W2V_INLINE w2v_noise_run noise_next(w2v_noise *noise, int32_t most) {
    const int32_t n = most < W2V_NOISE_POOL ? most : W2V_NOISE_POOL;
    if (noise->n_left < n) w2v_noise_refill(noise);
    const uint32_t n_places = (uint32_t)(W2V_NOISE_POOL - n + 1);
    const uint32_t first = noise->reuse == 1 ? (uint32_t)(W2V_NOISE_POOL - noise->n_left)
                                             : high_below(rng_next(&noise->rng), n_places);
    noise->n_left -= n;
    return (w2v_noise_run){noise->ids + first, n, noise->ends[first] >= (int32_t)first + n};
}

#endif
