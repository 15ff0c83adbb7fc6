/* vector_rows.c: rows of vector files, taken out of a piece of the file and put into one.
 *
 * It sees whole blocks of bytes and knows nothing of files, headers or encodings; see w2v.h. Nothing is trusted: every
 * read is bounded by the end of the block, every write by the number of rows that the caller has room for. */
#include <string.h>

#include "decimal.h"
#include "w2v.h"

int64_t w2v_binary_rows_read(const uint8_t *bytes, int64_t n_bytes, int64_t row_bytes, int64_t max_rows,
                             w2v_span *words, uint8_t *rows, int64_t *n_used) {
    int64_t row = 0, at = 0;
    for (; row < max_rows; row++) {
        const uint8_t *space = at < n_bytes ? memchr(bytes + at, ' ', (size_t)(n_bytes - at)) : NULL;
        if (space == NULL || bytes + n_bytes - (space + 1) < row_bytes)
            break;
        while (bytes[at] == '\n')
            at++;
        words[row] = (w2v_span){at, space - bytes};
        memcpy(rows + row * row_bytes, space + 1, (size_t)row_bytes);
        at = (space + 1 - bytes) + row_bytes;
    }
    *n_used = at;
    return row;
}

/* Returns where the word ends. Of empty words alone there are no letters, and no address. */
static uint8_t *word_write(uint8_t *at, const uint8_t *letters, w2v_span word) {
    const size_t n_bytes = (size_t)(word.end - word.begin);
    if (n_bytes) memcpy(at, letters + word.begin, n_bytes);
    return at + n_bytes;
}

int64_t w2v_binary_rows_write(const uint8_t *letters, const w2v_span *words, const uint8_t *rows, int64_t n_rows,
                              int64_t row_bytes, uint8_t *out) {
    uint8_t *at = out;
    for (int64_t row = 0; row < n_rows; row++) {
        at = word_write(at, letters, words[row]);
        *at++ = ' ';
        memcpy(at, rows + row * row_bytes, (size_t)row_bytes);
        at += row_bytes;
        *at++ = '\n';
    }
    return at - out;
}

/* How many separators there are between two places. */
static int64_t count_separators(const uint8_t *begin, const uint8_t *end, uint8_t separator) {
    int64_t n_separators = 0;
    for (const uint8_t *at = begin; at < end; at++)
        n_separators += *at == separator;
    return n_separators;
}

/* Where the word of a line ends: at its first separator, or, if it may contain some, before its last D fields. NULL if
 * the line has no such place. */
static const uint8_t *word_end(const uint8_t *begin, const uint8_t *end, const w2v_text_layout *layout) {
    if (!layout->has_spaced_words)
        return memchr(begin, layout->separator, (size_t)(end - begin));
    int64_t n_fields = 0;
    for (const uint8_t *at = end; at > begin;)
        if (*--at == layout->separator && ++n_fields == layout->n_numbers)
            return at;
    return NULL;
}

/* Reads one line without its end; W2V_ROW_OK, or what is wrong with it. */
static w2v_row_fault line_read(const w2v_decimal_reader *reader, const w2v_text_layout *layout, const uint8_t *begin,
                               const uint8_t *end, const uint8_t **word, float *floats, double *doubles,
                               const uint8_t **fault) {
    const uint8_t *at = begin;
    if (layout->has_word) {
        *fault = begin;
        at = *word = word_end(begin, end, layout);
        if (at == NULL)
            return W2V_ROW_FIELDS;
    }
    for (int64_t number = 0; number < layout->n_numbers; number++) {
        if (number > 0 || layout->has_word) {
            *fault = at;
            if (at == end)
                return W2V_ROW_FIELDS;
            if (*at++ != layout->separator)
                return W2V_ROW_NUMBER;
        }
        *fault = at;
        at = floats ? float_read(reader, at, end, floats + number) : double_read(reader, at, end, doubles + number);
        if (at == NULL)
            return W2V_ROW_NUMBER;
    }
    *fault = at;
    return at == end ? W2V_ROW_OK : *at == layout->separator ? W2V_ROW_FIELDS : W2V_ROW_NUMBER;
}

w2v_status w2v_text_rows_read(const w2v_text_layout *layout, w2v_text_part *part) {
    w2v_decimal_reader *reader = decimal_reader_create();
    if (reader == NULL)
        return W2V_ERR_MEMORY;
    const uint8_t *text = part->text, *end_of_text = text + part->n_bytes, *at = text;
    const int64_t n_numbers = layout->n_numbers;
    part->fault = W2V_ROW_OK;
    for (part->n_rows = 0; part->n_rows < part->max_rows && at < end_of_text; part->n_rows++) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end_of_text - at));
        if (line_end == NULL)
            break;
        const uint8_t *end = line_end;
        while (end > at && (end[-1] == ' ' || end[-1] == '\r' || end[-1] == layout->separator))
            end--;
        const uint8_t *word = at, *fault = at;
        const int64_t first = part->n_rows * n_numbers;
        part->fault = line_read(reader, layout, at, end, &word, part->floats ? part->floats + first : NULL,
                                part->doubles ? part->doubles + first : NULL, &fault);
        if (part->fault != W2V_ROW_OK) {
            part->n_fields = count_separators(at, end, layout->separator) + 1;
            part->fault_at = (w2v_span){fault - text, end - text};
            break;
        }
        part->words[part->n_rows] = (w2v_span){at - text, word - text};
        at = line_end + 1;
    }
    part->n_used = at - text;
    decimal_reader_destroy(reader);
    return W2V_OK;
}

int64_t w2v_text_rows_write(const w2v_text_layout *layout, const uint8_t *letters, const w2v_span *words,
                            const float *rows, int64_t n_rows, uint8_t *out) {
    uint8_t *at = out;
    for (int64_t row = 0; row < n_rows; row++) {
        if (layout->has_word) at = word_write(at, letters, words[row]);
        for (int64_t number = 0; number < layout->n_numbers; number++) {
            if (number > 0 || layout->has_word)
                *at++ = layout->separator;
            at = float_write(at, rows[row * layout->n_numbers + number]);
        }
        *at++ = '\n';
    }
    return at - out;
}

/* ---- finding words without reading them all ---- */

static uint64_t word_hash(const uint8_t *word, int64_t n_bytes) { /* FNV-1a, then mixed so that low bits are good */
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int64_t at = 0; at < n_bytes; at++)
        hash = (hash ^ word[at]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

enum { MAX_PROBES = 1 << 12 }; /* a chain this long is no accident */

int w2v_word_slots_fill(const w2v_packed_words *words, int32_t *slots, int64_t n_slots) {
    for (int64_t slot = 0; slot < n_slots; slot++)
        slots[slot] = -1;
    for (int64_t row = 0; row < words->n_words; row++) {
        const int64_t begin = row ? words->ends[row - 1] : 0;
        uint64_t slot = word_hash(words->letters + begin, words->ends[row] - begin);
        int64_t n_probes = 0;
        while (slots[slot & (uint64_t)(n_slots - 1)] >= 0) {
            if (++n_probes == MAX_PROBES)
                return 0;
            slot++;
        }
        slots[slot & (uint64_t)(n_slots - 1)] = (int32_t)row;
    }
    return 1;
}

int64_t w2v_word_find(const w2v_packed_words *words, const int32_t *slots, int64_t n_slots, const uint8_t *word,
                      int64_t n_bytes) {
    uint64_t slot = word_hash(word, n_bytes);
    for (int64_t n_probes = 0; n_probes < MAX_PROBES && n_probes < n_slots; n_probes++, slot++) {
        const int64_t row = slots[slot & (uint64_t)(n_slots - 1)];
        if (row == -1)
            return W2V_WORD_UNKNOWN;
        if (row < 0 || row >= words->n_words)
            return W2V_WORDS_DAMAGED;
        const int64_t begin = row ? words->ends[row - 1] : 0, end = words->ends[row];
        if (begin < 0 || end < begin || end > words->n_letters)
            return W2V_WORDS_DAMAGED;
        if (end - begin == n_bytes && (n_bytes == 0 || memcmp(words->letters + begin, word, (size_t)n_bytes) == 0))
            return row;
    }
    return W2V_WORDS_DAMAGED;
}
