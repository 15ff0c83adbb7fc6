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
#include "text_kernels.h"

enum { HUGE_PAGE = 1 << 21, PAGE = 1 << 12, LANES = 16 };

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

void w2v_ids_join(const w2v_text_kernels *kernels, w2v_joining *joining) {
    for (int64_t block; (block = atomic_add(&joining->n_begun, 1) - 1) < joining->n_blocks;) {
        const int64_t begin = block ? joining->ends[block - 1] : 0;
        int32_t *ids = joining->ids + begin;
        int64_t n = joining->ends[block] - begin;
        if (joining->new_ids)
            n = kernels->renumber(ids, n, joining->new_ids[block]);
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
