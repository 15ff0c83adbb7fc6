/* sampler.h: one draw from an alias table, inlined where noise words are drawn. */
#ifndef W2V_SAMPLER_H
#define W2V_SAMPLER_H

#include "rng.h"
#include "w2v.h"

/* One 64-bit draw gives both the column (high half) and the coin (low half). */
W2V_INLINE int32_t alias_draw(const w2v_alias *table, uint32_t n_words, w2v_rng *rng) {
    uint64_t draw = rng_next(rng);
    uint32_t column = high_below(draw, n_words);
    return (uint32_t)draw < table[column].threshold ? (int32_t)column : table[column].alias;
}

#endif
