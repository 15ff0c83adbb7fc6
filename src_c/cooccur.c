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
    GROUP_MARKS = 64, /* a cache line */
    GROUP_IDS = WORD_BITS * GROUP_MARKS,
    AHEAD = 8,           /* places whose surroundings are on their way into the cache */
    STOP_INTERVAL = 1024 /* places between looks at the stop flag */
};

/* One bit in `marks` for each sum that is not 0, a byte in `groups` for each 64 words of marks that are not all 0: the
 * sums are found in rising order, without a sort and without looking at all V of them. Groups are bytes, since there
 * are few of them, and a plain store does not wait for the one before. */
struct w2v_row_sums {
    int64_t n_groups;
    int64_t *wide;    /* [V] sums that may need 64 bits */
    uint32_t *narrow; /* [V] sums that need 32 at most: half the cache */
    uint64_t *marks;  /* [V / 64] */
    uint8_t *groups;  /* [V / 4096] */
};

w2v_status w2v_row_sums_create(int64_t n_words, w2v_row_sums **made) {
    w2v_row_sums *row = calloc(1, sizeof *row);
    *made = row;
    if (!row) return W2V_ERR_MEMORY;
    row->n_groups = n_words / GROUP_IDS + 1;
    row->wide = calloc((size_t)n_words, sizeof *row->wide);
    row->narrow = calloc((size_t)n_words, sizeof *row->narrow);
    row->marks = calloc((size_t)row->n_groups * GROUP_MARKS, sizeof *row->marks);
    row->groups = calloc((size_t)row->n_groups, sizeof *row->groups);
    return row->wide && row->narrow && row->marks && row->groups ? W2V_OK : W2V_ERR_MEMORY;
}

void w2v_row_sums_destroy(w2v_row_sums *row) {
    if (!row) return;
    free(row->wide);
    free(row->narrow);
    free(row->marks);
    free(row->groups);
    free(row);
}

W2V_INLINE void add(w2v_row_sums *row, int32_t id, int64_t weight, int is_wide) {
    if (is_wide) row->wide[id] += weight;
    else row->narrow[id] += (uint32_t)weight;
    row->marks[(uint32_t)id / WORD_BITS] |= UINT64_C(1) << ((uint32_t)id % WORD_BITS);
    row->groups[(uint32_t)id / GROUP_IDS] = 1;
}

/* Move the row into ids and sums, which leaves it empty; returns how many entries it had. */
W2V_INLINE int64_t take(w2v_row_sums *row, int32_t *ids, int64_t *sums, int is_wide) {
    int64_t n = 0;
    for (int64_t group = 0; group < row->n_groups; group++) {
        if (!row->groups[group]) continue;
        for (int64_t mark = group * GROUP_MARKS; mark < (group + 1) * GROUP_MARKS; mark++) {
            if (!row->marks[mark]) continue;
            for (uint64_t bits = row->marks[mark]; bits; bits &= bits - 1) {
                const int64_t id = mark * WORD_BITS + lowest_bit(bits);
                ids[n] = (int32_t)id;
                sums[n++] = is_wide ? row->wide[id] : row->narrow[id];
                if (is_wide) row->wide[id] = 0;
                else row->narrow[id] = 0;
            }
            row->marks[mark] = 0;
        }
        row->groups[group] = 0;
    }
    return n;
}

/* Add the context words on one side of a centre, up to the end of the line. */
W2V_INLINE void add_side(w2v_row_sums *row, const int32_t *center, int step, int64_t reach, const int64_t *weights,
                         int is_wide) {
    for (int64_t distance = 1; distance <= reach; distance++) {
        const int32_t id = center[step * distance];
        if (id >= 0) add(row, id, weights[distance - 1], is_wide);
        else if (id == W2V_LINE_END) return;
    }
}

W2V_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Add up the row of one word; 0 when it is time to stop. */
W2V_INLINE int add_word(const w2v_stretch *stretch, w2v_row_sums *row, int64_t word, int is_wide, int32_t *stop) {
    const int64_t window = stretch->window, last_place = stretch->n_ids - 1;
    const int64_t n_places = stretch->starts[stretch->n_words];
    for (int64_t at = stretch->starts[word]; at < stretch->starts[word + 1]; at++) {
        const int64_t place = stretch->places[at];
        const int32_t *center = stretch->ids + place;
        if (at + AHEAD < n_places) {
            const int32_t *later = stretch->ids + stretch->places[at + AHEAD];
            W2V_PREFETCH_READ(later - least(window, later - stretch->ids));
            W2V_PREFETCH_READ(later + least(window, last_place - (later - stretch->ids)));
        }
        if (stretch->left) add_side(row, center, -1, least(window, place), stretch->left, is_wide);
        if (stretch->right) add_side(row, center, 1, least(window, last_place - place), stretch->right, is_wide);
        if (at % STOP_INTERVAL == 0 && flag_get(stop)) return 0;
    }
    return 1;
}

static int64_t weight_of_place(const w2v_stretch *stretch) {
    int64_t sum = 0;
    for (int64_t i = 0; i < stretch->window; i++)
        sum += (stretch->left ? stretch->left[i] : 0) + (stretch->right ? stretch->right[i] : 0);
    return sum;
}

w2v_status w2v_cooccur_count(const w2v_stretch *stretch, w2v_row_sums *row, int64_t first, int64_t last,
                             w2v_counts *rows, int32_t *stop) {
    const int64_t most_narrow = UINT32_MAX / weight_of_place(stretch);
    int64_t n = 0;
    for (int64_t word = first; word < last; word++) {
        const int is_wide = stretch->starts[word + 1] - stretch->starts[word] > most_narrow;
        const int is_done = is_wide ? add_word(stretch, row, word, 1, stop) : add_word(stretch, row, word, 0, stop);
        if (!is_done) return W2V_ERR_STOPPED;
        n += is_wide ? take(row, rows->ids + n, rows->sums + n, 1) : take(row, rows->ids + n, rows->sums + n, 0);
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
                add(row, from->ids[i], from->sums[i], 1);
        }
        n += take(row, total->ids + n, total->sums + n, 1);
        total->ends[r] = n;
    }
}

void w2v_places_count(const int32_t *ids, int64_t n_ids, int64_t *n_places) {
    for (int64_t at = 0; at < n_ids; at++)
        if (ids[at] >= 0) n_places[ids[at]]++;
}

void w2v_places_fill(const int32_t *ids, int64_t begin, int64_t end, int64_t *next, uint32_t *places) {
    for (int64_t at = begin; at < end; at++)
        if (ids[at] >= 0) places[next[ids[at]]++] = (uint32_t)at;
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
