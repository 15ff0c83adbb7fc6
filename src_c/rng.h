/* rng.h: the library's own random numbers, so that results do not depend on Python, libc or the platform.
 *
 * SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): one addition and a bijective mix per draw, any state is
 * valid. A stream is named by (seed, epoch, shard), so a shard draws the same numbers whichever thread
 * walks it. Not for cryptography. */
#ifndef W2V_RNG_H
#define W2V_RNG_H

#include "base.h"

typedef struct {
    uint64_t state;
} w2v_rng;

W2V_INLINE uint64_t mix64(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

W2V_INLINE uint64_t rng_next(w2v_rng *rng) { return mix64(rng->state += 0x9E3779B97F4A7C15u); }

/* Mixing after each name keeps streams of neighbouring names unrelated. */
W2V_INLINE w2v_rng rng_stream(uint64_t seed, uint64_t epoch, uint64_t shard) {
    w2v_rng rng = {mix64(mix64(mix64(seed + 1) + epoch) + shard)};
    return rng;
}

/* The high 32 bits of a draw as a number in 0..n-1 (Lemire's multiplication; bias below n / 2^32). */
W2V_INLINE uint32_t high_below(uint64_t draw, uint32_t n) { return (uint32_t)(((draw >> 32) * n) >> 32); }

#endif
