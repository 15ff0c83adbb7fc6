/* word_order.c: the words of a counter in the order of the vocabulary.
 *
 * By count, the highest first, and then by their bytes: a sort by digits, the last one first, of what decides
 * nearly always (the first eight bytes, and before them the count), and then of words that are still equal as
 * a whole. vocabulary.py calls it through _corpus.pyx. Invariant: the order depends on words and counts alone. */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "w2v.h"

typedef struct {
    uint64_t start; /* the first eight bytes as a big-endian number, which compares as the bytes do */
    uint64_t rank;  /* the less, the more frequent */
    int32_t id;
} sort_entry;

/* A word whose count and first eight bytes are those of others. */
typedef struct {
    const uint8_t *word;
    int64_t n_bytes;
    int32_t id;
} tied_word;

static int compare_tied(const void *left, const void *right) {
    const tied_word *a = left, *b = right;
    const int order = memcmp(a->word, b->word, (size_t)(a->n_bytes < b->n_bytes ? a->n_bytes : b->n_bytes));
    if (order)
        return order;
    return a->n_bytes < b->n_bytes ? -1 : a->n_bytes > b->n_bytes;
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* Move entries into `to` by one digit of their start or rank, those of equal digits in the order they have; 0
 * if that would change nothing. */
static int sort_by_digit(const sort_entry *from, sort_entry *to, int64_t n, int by_rank, int shift) {
    int64_t places[DIGITS] = {0}, place = 0;
#define DIGIT_OF(entry) (((by_rank ? (entry).rank : (entry).start) >> shift) & (DIGITS - 1))
    for (int64_t i = 0; i < n; i++)
        places[DIGIT_OF(from[i])]++;
    if (places[DIGIT_OF(from[0])] == n)
        return 0;
    for (int64_t digit = 0; digit < DIGITS; digit++) {
        const int64_t n_equal = places[digit];
        places[digit] = place;
        place += n_equal;
    }
    for (int64_t i = 0; i < n; i++)
        to[places[DIGIT_OF(from[i])]++] = from[i];
#undef DIGIT_OF
    return 1;
}

/* Sort the words of entries [n] by their bytes, given that the first eight are equal. */
static w2v_status sort_tied(const w2v_counter *counter, sort_entry *entries, int64_t n) {
    tied_word *tied = malloc((size_t)n * sizeof *tied);
    if (!tied)
        return W2V_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        tied[i].id = entries[i].id;
        tied[i].word = w2v_counter_word(counter, tied[i].id, &tied[i].n_bytes);
    }
    qsort(tied, (size_t)n, sizeof *tied, compare_tied);
    for (int64_t i = 0; i < n; i++)
        entries[i].id = tied[i].id;
    free(tied);
    return W2V_OK;
}

w2v_status w2v_counter_sort(const w2v_counter *counter, const int64_t *counts, int32_t *ids, int64_t n) {
    sort_entry *entries = malloc((size_t)(n ? n : 1) * 2 * sizeof *entries), *spare = entries + n;
    if (!entries || n == 0) {
        free(entries);
        return n == 0 ? W2V_OK : W2V_ERR_MEMORY;
    }
    sort_entry *sorted = entries;
    for (int64_t i = 0; i < n; i++) {
        int64_t n_bytes;
        const uint8_t *word = w2v_counter_word(counter, ids[i], &n_bytes);
        entries[i] = (sort_entry){0, INT64_MAX - (uint64_t)counts[ids[i]], ids[i]};
        for (int64_t byte = 0; byte < 8; byte++)
            entries[i].start = entries[i].start << 8 | (byte < n_bytes ? word[byte] : 0);
    }
    for (int by_rank = 0; by_rank < 2; by_rank++)
        for (int shift = 0; shift < 64; shift += DIGIT_BITS)
            if (sort_by_digit(sorted, spare, n, by_rank, shift)) {
                sort_entry *moved = spare;
                spare = sorted;
                sorted = moved;
            }
    w2v_status status = W2V_OK;
    for (int64_t first = 0, end; first < n && status == W2V_OK; first = end) {
        for (end = first + 1;
             end < n && sorted[end].rank == sorted[first].rank && sorted[end].start == sorted[first].start;)
            end++;
        if (end - first > 1)
            status = sort_tied(counter, sorted + first, end - first);
    }
    for (int64_t i = 0; i < n; i++)
        ids[i] = sorted[i].id;
    free(entries);
    return status;
}
