/* ids.c: what is done to the ids of a corpus as a whole: memory, numbers, a look at each.
 *
 * Which ids these are is the business of id_store.py and id_cache.py, which call this through _corpus.pyx. */
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "atomics.h"
#include "barrier.h"
#include "w2v.h"

enum { HUGE_PAGE = 1 << 21, PAGE = 1 << 12, LANES = 16, GROUP = 8 };

int32_t *w2v_ids_resize(int32_t *ids, int64_t capacity) {
    const size_t n_bytes = (size_t)capacity * sizeof *ids;
    int32_t *resized = (uint64_t)capacity > SIZE_MAX / sizeof *ids ? NULL : realloc(ids, n_bytes);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (resized && n_bytes >= 2 * HUGE_PAGE) { /* the whole pages of it */
        uint8_t *first = (uint8_t *)(((uintptr_t)resized + PAGE - 1) / PAGE * PAGE);
        madvise(first, n_bytes - (size_t)(first - (uint8_t *)resized), MADV_HUGEPAGE);
    }
#endif
    return resized;
}

/* Put an id behind those that are left, if it is to stay. No branch: which words are dropped cannot be predicted. */
W2V_INLINE int64_t put_id(int32_t *ids, int64_t n_left, int32_t id, uint32_t *after_end /* INOUT */) {
    const uint32_t is_word = id >= 0, is_end = id == W2V_LINE_END, repeats = is_end & *after_end;
    ids[n_left] = id;
    *after_end = (*after_end | is_end) & !is_word;
    return n_left + (is_word | (is_end ^ repeats));
}

int64_t w2v_ids_renumber(int32_t *ids, int64_t n_ids, const int32_t *new_ids) {
    int64_t n_left = 0, pos = 0;
    uint32_t after_end = 0; /* whether the last one left is a line end */
    for (; pos + GROUP <= n_ids; pos += GROUP) {
        W2V_PREFETCH(ids + pos + 512); /* processors do not fetch ahead beyond a page */
        int32_t next[GROUP], dropped = 0, repeats = -(int32_t)after_end; /* negative: there is such an id */
        for (int i = 0; i < GROUP; i++) {
            next[i] = new_ids[ids[pos + i] + 1];
            dropped |= next[i] - W2V_LINE_END;
        }
        repeats &= next[0];
        for (int i = 1; i < GROUP; i++)
            repeats |= next[i - 1] & next[i];
        if (dropped >= 0 && repeats >= 0) { /* mostly so */
            memcpy(ids + n_left, next, sizeof next);
            n_left += GROUP;
            after_end = next[GROUP - 1] == W2V_LINE_END;
        } else {
            for (int i = 0; i < GROUP; i++)
                n_left = put_id(ids, n_left, next[i], &after_end);
        }
    }
    for (; pos < n_ids; pos++)
        n_left = put_id(ids, n_left, new_ids[ids[pos] + 1], &after_end);
    return n_left;
}

void w2v_ids_join(w2v_joining *joining) {
    for (int64_t block; (block = atomic_add(&joining->n_begun, 1) - 1) < joining->n_blocks;) {
        const int64_t begin = block ? joining->ends[block - 1] : 0;
        int32_t *ids = joining->ids + begin;
        int64_t n = joining->ends[block] - begin;
        if (joining->new_ids)
            n = w2v_ids_renumber(ids, n, joining->new_ids[block]);
        arrivals_await(&joining->n_moved, block);
        int32_t *end = joining->ids + joining->n_ids;
        const int repeats = n > 0 && ids[0] == W2V_LINE_END && (joining->n_ids == 0 || end[-1] == W2V_LINE_END);
        if (n > repeats) /* else there may be no memory yet */
            memmove(end, ids + repeats, (size_t)(n - repeats) * sizeof *ids);
        joining->n_ids += n - repeats;
        arrivals_set(&joining->n_moved, block + 1);
    }
}

void w2v_ids_inspect(const int32_t *ids, int64_t n_ids, int32_t n_words, w2v_ids_facts *facts) {
    /* Fletcher's sums, of each lane by itself: the second one depends on the order */
    uint64_t sums[LANES] = {0}, sums_of_sums[LANES] = {0};
    uint32_t n_ends[LANES] = {0}, n_beyond[LANES] = {0}; /* < 2^32 ids in a lane: see w2v.h */
    for (int64_t begin = 0; begin < n_ids; begin += LANES) {
        int32_t last[LANES] = {0};
        const int32_t *some = ids + begin;
        if (n_ids - begin < LANES) {
            memcpy(last, some, (size_t)(n_ids - begin) * sizeof *last);
            some = last;
        }
        for (int lane = 0; lane < LANES; lane++) {
            sums[lane] += (uint32_t)some[lane];
            sums_of_sums[lane] += sums[lane];
            n_ends[lane] += some[lane] == W2V_LINE_END;
            n_beyond[lane] += (uint32_t)(some[lane] < W2V_LINE_END) | (uint32_t)(some[lane] >= n_words);
        }
    }
    *facts = (w2v_ids_facts){.sum = (uint64_t)n_ids};
    for (int lane = 0; lane < LANES; lane++) {
        facts->sum = (facts->sum ^ sums[lane]) * UINT64_C(0x9E3779B97F4A7C15); /* as in word_table.h */
        facts->sum = ((facts->sum ^ facts->sum >> 32) + sums_of_sums[lane]) * UINT64_C(0xB504F333F9DE6485);
        facts->n_line_ends += n_ends[lane];
        facts->n_beyond += n_beyond[lane];
    }
}
