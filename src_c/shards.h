/* shards.h: which shard is worked on next, and where an epoch pauses.
 *
 * Shards are claimed in order. A shard that was begun is finished, and nothing is carried from one to the next but the
 * matrices, what the optimizer remembers, log Z and the sums of w2v_progress: so an epoch that pauses between two
 * shards and goes on later, in this process or another, is the same epoch (with one thread, to the bit; slices.c claims
 * some at a time and pauses between these, with any number of threads). */
#ifndef W2V_SHARDS_H
#define W2V_SHARDS_H

#include "atomics.h"
#include "w2v.h"

W2V_INLINE int is_pausing(w2v_progress *progress) {
    const int64_t tokens = progress->pause_tokens;
    return flag_get(&progress->pause) || (tokens > 0 && atomic_get(&progress->tokens_done) >= tokens);
}

/* The first of n shards (or as many as are left) that nobody has begun, or -1 when no more is to be begun. */
W2V_INLINE int64_t shards_claim(w2v_progress *progress, int64_t n_shards, int64_t n) {
    if (is_pausing(progress)) return -1;
    const int64_t shard = atomic_add(&progress->next_shard, n) - n;
    return shard < n_shards ? shard : -1;
}

W2V_INLINE int64_t shard_claim(w2v_progress *progress, int64_t n_shards) { return shards_claim(progress, n_shards, 1); }

#endif
