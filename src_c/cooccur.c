/* cooccur.c: how often words stand near each other, one row of the matrix at a time.
 *
 * The corpus is turned over: for each word, where it stands. A row is then a walk along the places of its word, and the
 * neighbours that it meets are added up in V sums, which stay in the core's own cache. No pair is ever stored, nothing
 * is hashed or sorted, and rows are independent. Callers divide rows among threads, and long corpora into stretches
 * whose rows are merged; all sums are integers, so neither changes a bit of the result.
 * Not here: which weights there are and what becomes of rows (fastw2v/row_counting.py). */
#include <stdlib.h>

#include "atomics.h"
#include "rng.h"
#include "w2v.h"

enum {
    WORD_BITS = 64,
    AHEAD = 8,           /* places whose surroundings are on their way into the cache */
    STOP_INTERVAL = 1024 /* places between looks at the stop flag */
};

/* One bit in `marks` for each sum that is not 0, one in `groups` for each word of marks that is not: the sums are found
 * in rising order, without a sort and without looking at all V of them. */
struct w2v_row_sums {
    int64_t n_groups;
    int64_t *sums;    /* [V] */
    uint64_t *marks;  /* [V / 64] */
    uint64_t *groups; /* [V / 4096] */
};

static int64_t words_of_bits(int64_t n_bits) { return (n_bits + WORD_BITS - 1) / WORD_BITS; }

w2v_status w2v_row_sums_create(int64_t n_words, w2v_row_sums **made) {
    w2v_row_sums *row = calloc(1, sizeof *row);
    *made = row;
    if (!row) return W2V_ERR_MEMORY;
    const int64_t n_marks = words_of_bits(n_words);
    row->n_groups = words_of_bits(n_marks);
    row->sums = calloc((size_t)n_words, sizeof *row->sums);
    row->marks = calloc((size_t)n_marks, sizeof *row->marks);
    row->groups = calloc((size_t)row->n_groups, sizeof *row->groups);
    return row->sums && row->marks && row->groups ? W2V_OK : W2V_ERR_MEMORY;
}

void w2v_row_sums_destroy(w2v_row_sums *row) {
    if (!row) return;
    free(row->sums);
    free(row->marks);
    free(row->groups);
    free(row);
}

W2V_INLINE void add(w2v_row_sums *row, int32_t id, int64_t weight) {
    const int64_t sum = row->sums[id];
    row->sums[id] = sum + weight;
    if (sum) return;
    const int64_t mark = id / WORD_BITS;
    row->marks[mark] |= UINT64_C(1) << (id % WORD_BITS);
    row->groups[mark / WORD_BITS] |= UINT64_C(1) << (mark % WORD_BITS);
}

/* Move the row into ids and sums, which leaves it empty; returns how many entries it had. */
static int64_t take(w2v_row_sums *row, int32_t *ids, int64_t *sums) {
    int64_t n = 0;
    for (int64_t group = 0; group < row->n_groups; group++) {
        for (uint64_t marked = row->groups[group]; marked; marked &= marked - 1) {
            const int64_t mark = group * WORD_BITS + lowest_bit(marked);
            for (uint64_t bits = row->marks[mark]; bits; bits &= bits - 1) {
                const int64_t id = mark * WORD_BITS + lowest_bit(bits);
                ids[n] = (int32_t)id;
                sums[n++] = row->sums[id];
                row->sums[id] = 0;
            }
            row->marks[mark] = 0;
        }
        row->groups[group] = 0;
    }
    return n;
}

/* Add the context words on one side of a centre, up to the end of the line. */
W2V_INLINE void add_side(w2v_row_sums *row, const int32_t *center, int step, int64_t reach, const int64_t *weights) {
    for (int64_t distance = 1; distance <= reach; distance++) {
        const int32_t id = center[step * distance];
        if (id >= 0) add(row, id, weights[distance - 1]);
        else if (id == W2V_LINE_END) return;
    }
}

W2V_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

w2v_status w2v_cooccur_count(const w2v_stretch *stretch, w2v_row_sums *row, int64_t first, int64_t last, w2v_counts *rows,
                             int32_t *stop) {
    const int64_t window = stretch->window, end = stretch->starts[last];
    int64_t n = 0;
    for (int64_t word = first; word < last; word++) {
        for (int64_t at = stretch->starts[word]; at < stretch->starts[word + 1]; at++) {
            const int64_t place = stretch->places[at];
            const int32_t *center = stretch->ids + place;
            if (at + AHEAD < end) W2V_PREFETCH_READ(stretch->ids + stretch->places[at + AHEAD]);
            if (stretch->left) add_side(row, center, -1, least(window, place), stretch->left);
            if (stretch->right) add_side(row, center, 1, least(window, stretch->n_ids - 1 - place), stretch->right);
            if (at % STOP_INTERVAL == 0 && flag_get(stop)) return W2V_ERR_STOPPED;
        }
        n += take(row, rows->ids + n, rows->sums + n);
        rows->ends[word - first] = n;
    }
    return W2V_OK;
}

void w2v_cooccur_merge(const w2v_counts *parts, int64_t n_parts, int64_t n_rows, w2v_row_sums *row, w2v_counts *total) {
    int64_t n = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        for (int64_t part = 0; part < n_parts; part++) {
            const w2v_counts *from = parts + part;
            for (int64_t i = r ? from->ends[r - 1] : 0; i < from->ends[r]; i++)
                add(row, from->ids[i], from->sums[i]);
        }
        n += take(row, total->ids + n, total->sums + n);
        total->ends[r] = n;
    }
}

void w2v_places_count(const int32_t *ids, int64_t n_ids, int32_t first, int32_t last, int64_t *n_places) {
    const uint32_t n_words = (uint32_t)(last - first);
    for (int64_t at = 0; at < n_ids; at++) {
        const uint32_t word = (uint32_t)ids[at] - (uint32_t)first; /* what is below `first` becomes very large */
        if (word < n_words) n_places[word]++;
    }
}

void w2v_places_fill(const int32_t *ids, int64_t begin, int64_t end, int32_t first, int32_t last, int64_t *next,
                     uint32_t *places) {
    const uint32_t n_words = (uint32_t)(last - first);
    for (int64_t at = begin; at < end; at++) {
        const uint32_t word = (uint32_t)ids[at] - (uint32_t)first;
        if (word < n_words) places[next[word]++] = (uint32_t)at;
    }
}

int64_t w2v_ids_thin(int32_t *ids, int64_t n_ids, int64_t first_place, const uint32_t *keep_prob, uint64_t seed,
                     int keep_gaps) {
    int64_t n = 0;
    for (int64_t at = 0; at < n_ids; at++) {
        const int32_t id = ids[at];
        if (id >= 0 && keep_prob[id] != UINT32_MAX) {
            w2v_rng rng = rng_stream(seed, 0, (uint64_t)(first_place + at));
            if ((uint32_t)(rng_next(&rng) >> 32) > keep_prob[id]) {
                if (keep_gaps) ids[n++] = W2V_GAP;
                continue;
            }
        }
        ids[n++] = id;
    }
    return n;
}
