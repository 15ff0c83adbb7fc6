/* counter.c: from text to counted words and ids, in one reading.
 *
 * A thread gives each block of text to its own counter and gets *provisional* ids, the counter's order of
 * first sight. When all is read the counters are merged, the words sorted, and the blocks renumbered; so a
 * text is read once and no thread waits for another. Which bytes are a block, how files are read and which
 * words are kept is the business of the Python layer (corpus.py, vocabulary.py), which calls this through
 * _corpus.pyx. Words are worked off in batches: first all are cut and hashed and their slots asked for,
 * then looked up, so that the cache misses of rare words overlap. Room is made before a batch, so that no slot
 * moves while it is worked off. Invariant: the ids, once renumbered, do not depend on blocks or threads. */
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "text_kernels.h"
#include "word_table.h"

enum { BATCH = 128, MOST_KEYS = BATCH + 1 }; /* the last word of a batch may end a line */
enum { PIECE = 32 * W2V_TEXT_CHUNK };        /* of text whose white space is found at once */
enum { SPAN = 64, LOG_FIRST_SLOTS = 13, FIRST_SLOTS = 1 << LOG_FIRST_SLOTS };
enum { FIRST_WORDS = 1 << 12, FIRST_BYTES = 1 << 16 };

/* ---- the table ---- */

static word_slot *slots_new(int64_t n_slots) {
    const size_t n_bytes = (size_t)n_slots * sizeof(word_slot);
    word_slot *slots = huge_new(n_bytes);
    if (slots)
        memset(slots, 0, n_bytes);
    return slots;
}

/* One slot in four stays empty. */
W2V_INLINE int64_t most_words(int64_t n_slots) { return n_slots / 4 * 3; }

w2v_status w2v_counter_create(w2v_counter **counter, int64_t n_expected) {
    w2v_counter *made = calloc(1, sizeof *made);
    *counter = made;
    if (!made)
        return W2V_ERR_MEMORY;
    made->n_slots = FIRST_SLOTS;
    made->n_expected = n_expected;
    made->shift = 64 - LOG_FIRST_SLOTS;
    made->words_capacity = FIRST_WORDS;
    made->bytes_capacity = FIRST_BYTES;
    made->slots = slots_new(FIRST_SLOTS);
    made->ends = malloc(FIRST_WORDS * sizeof *made->ends);
    made->bytes = malloc(FIRST_BYTES);
    if (made->slots && made->ends && made->bytes)
        return W2V_OK;
    w2v_counter_destroy(made);
    *counter = NULL;
    return W2V_ERR_MEMORY;
}

void w2v_counter_destroy(w2v_counter *counter) {
    if (!counter)
        return;
    aligned_free(counter->slots);
    free(counter->ends);
    free(counter->bytes);
    free(counter);
}

int64_t w2v_counter_size(const w2v_counter *counter) { return counter->n_words; }

void w2v_counter_counts(const w2v_counter *counter, int64_t *counts) {
    for (int64_t at = 0; at < counter->n_slots; at++)
        counts[counter->slots[at].number] = counter->slots[at].count;
}

const uint8_t *w2v_counter_word(const w2v_counter *counter, int64_t id, int64_t *n_bytes) {
    const int64_t begin = word_begin(counter, id);
    *n_bytes = counter->ends[id] - begin;
    return counter->bytes + begin;
}

/* The key for `counter` of the word in a slot of `from`, whose bytes only long words need. */
W2V_INLINE word_key key_for(const w2v_counter *counter, const w2v_counter *from, const word_slot *slot) {
    word_key key = {slot->start, slot->second, NULL, NULL, 0};
    if (is_short(key.second)) {
        find_home_short(counter, &key);
    } else {
        key.text = w2v_counter_word(from, id_of(slot), &key.n_bytes);
        find_home_long(counter, &key);
    }
    return key;
}

/* Which of the slots from .. from + SPAN - 1 hold a word; returns how many. No branch: it could not be predicted. */
W2V_INLINE int full_slots(const word_slot *from, const word_slot **full /* OUT [SPAN] */) {
    int n = 0;
    for (int at = 0; at < SPAN; at++) {
        full[n] = from + at;
        n += !is_empty(from + at);
    }
    return n;
}

/* Twice as many slots, or as many as are needed for the words that are expected. */
static w2v_status grow_slots(w2v_counter *counter) {
    word_slot *old = counter->slots;
    const int64_t n_old = counter->n_slots;
    int log_growth = 1;
    while (most_words(n_old << log_growth) < counter->n_expected)
        log_growth++;
    word_slot *slots = slots_new(n_old << log_growth);
    if (!slots)
        return W2V_ERR_MEMORY;
    counter->slots = slots;
    counter->n_slots = n_old << log_growth;
    counter->shift -= log_growth;
    const word_slot *full[SPAN];
    for (int64_t first = 0; first < n_old; first += SPAN) {
        const int n = full_slots(old + first, full);
        for (int i = 0; i < n; i++) {
            word_slot *slot = key_for(counter, counter, full[i]).home;
            while (!is_empty(slot))
                slot = next_slot(counter, slot);
            *slot = *full[i];
        }
    }
    aligned_free(old);
    return W2V_OK;
}

/* Make room for n more words: no slot moves, and no key goes stale, while these are put in. */
W2V_INLINE w2v_status make_room(w2v_counter *counter, int64_t n) {
    w2v_status status = W2V_OK;
    while (!status && counter->n_words + n > most_words(counter->n_slots))
        status = grow_slots(counter);
    return status;
}

static w2v_status grow_words(w2v_counter *counter) {
    const int64_t capacity = counter->words_capacity * 2;
    int64_t *ends = realloc(counter->ends, (size_t)capacity * sizeof *ends);
    if (!ends)
        return W2V_ERR_MEMORY;
    counter->ends = ends;
    counter->words_capacity = capacity;
    return W2V_OK;
}

static w2v_status grow_bytes(w2v_counter *counter, int64_t at_least) {
    const int64_t twice = counter->bytes_capacity * 2, capacity = twice > at_least ? twice : at_least;
    uint8_t *bytes = realloc(counter->bytes, (size_t)capacity);
    if (!bytes)
        return W2V_ERR_MEMORY;
    counter->bytes = bytes;
    counter->bytes_capacity = capacity;
    return W2V_OK;
}

/* Put a word that find_word did not find into the empty slot that it returned. There must be room. */
static w2v_status insert_word(w2v_counter *counter, const word_key *key, word_slot *slot, int64_t count) {
    const int64_t id = counter->n_words, begin = word_begin(counter, id);
    const int64_t end = begin + (is_short(key->second) ? last_byte(key->second) - 1 : key->n_bytes);
    if (id == INT32_MAX)
        return W2V_ERR_TOO_MANY;
    if (id == counter->words_capacity && grow_words(counter))
        return W2V_ERR_MEMORY;
    if (end + KEY_BYTES > counter->bytes_capacity && grow_bytes(counter, end + KEY_BYTES))
        return W2V_ERR_MEMORY;
    if (is_short(key->second)) { /* what the key holds beyond the word, the next one replaces */
        store8(counter->bytes + begin, key->start);
        store8(counter->bytes + begin + 8, key->second);
    } else {
        memcpy(counter->bytes + begin, key->text, (size_t)key->n_bytes);
    }
    counter->ends[id] = end;
    *slot = (word_slot){key->start, key->second, count, (uint32_t)(id + 1)};
    counter->n_words = id + 1;
    return W2V_OK;
}

/* Whether the words of `from` will not fit, by those that were new among its first `n_seen` slots. Words come in the
 * order of their hashes: where they have been put, the table is as full already as all of it will be in the end. */
static int will_overflow(const w2v_counter *counter, int64_t n_before, const w2v_counter *from, int64_t n_seen) {
    const double room = (double)(most_words(counter->n_slots) - n_before);
    const double seen = (double)n_seen / (double)from->n_slots;
    return (double)(counter->n_words - n_before) > room * (seen + 1.0 / 256); /* few words prove nothing */
}

w2v_status w2v_counter_merge(w2v_counter *counter, const w2v_counter *from, int32_t *ids) {
    const int64_t n_before = counter->n_words;
    w2v_status status = W2V_OK;
    while (!status && counter->n_slots < from->n_slots)
        status = grow_slots(counter);
    if (!status)
        status = make_room(counter, SPAN);
    /* In the order of the slots: equal hashes, so both tables are walked nearly from front to back. */
    const word_slot *full[SPAN];
    word_key keys[SPAN];
    for (int64_t first = 0; !status && first < from->n_slots; first += SPAN) {
        const int n = full_slots(from->slots + first, full);
        for (int i = 0; i < n; i++) {
            keys[i] = key_for(counter, from, full[i]);
            W2V_PREFETCH(keys[i].home);
            W2V_PREFETCH_READ(full[i] + 2 * SPAN); /* processors do not fetch ahead beyond a page */
        }
        for (int i = 0; !status && i < n; i++) {
            word_slot *slot = find_word(counter, &keys[i]);
            if (is_empty(slot)) {
                ids[id_of(full[i])] = (int32_t)counter->n_words;
                status = insert_word(counter, &keys[i], slot, full[i]->count);
            } else {
                ids[id_of(full[i])] = id_of(slot);
                slot->count += full[i]->count;
            }
        }
        if (!status && will_overflow(counter, n_before, from, first + SPAN))
            status = grow_slots(counter);
        if (!status)
            status = make_room(counter, SPAN);
    }
    return status;
}

w2v_status w2v_counter_add(w2v_counter *counter, const uint8_t *word, int64_t n_bytes, int64_t count) {
    uint8_t padded[KEY_BYTES] = {0};
    if (n_bytes < KEY_BYTES)
        memcpy(padded, word, (size_t)n_bytes);
    if (make_room(counter, 1))
        return W2V_ERR_MEMORY;
    word_key key;
    make_key(counter, &key, n_bytes < KEY_BYTES ? padded : word, n_bytes);
    word_slot *slot = find_word(counter, &key);
    if (is_empty(slot))
        return insert_word(counter, &key, slot, count);
    slot->count += count;
    return W2V_OK;
}

/* ---- from text or tokens to ids ---- */

/* Turn a batch into ids. Either `learner` is `known` and takes new words and counts, or it is NULL. */
W2V_INLINE w2v_status put_batch(const w2v_counter *known, w2v_counter *learner, w2v_block *block,
                                const word_key *batch, const word_key *end) {
    int32_t *ids = block->ids + block->n_ids; /* not counted in *block, which any store might change */
    int64_t n_lines = 0;
    for (const word_key *key = batch; key < end; key++) {
        word_slot *slot = key->home;
        if (!(has_key(slot, key) && is_short(key->second))) { /* seldom */
            if (last_byte(key->second) == END_OF_LINE) {
                n_lines++;
                if (ids == block->ids || ids[-1] != W2V_LINE_END)
                    *ids++ = W2V_LINE_END;
                continue;
            }
            slot = find_word(known, key);
            if (is_empty(slot)) {
                if (learner) {
                    *ids++ = (int32_t)learner->n_words;
                    const w2v_status status = insert_word(learner, key, slot, 1);
                    if (status)
                        return status;
                }
                continue;
            }
        }
        *ids++ = id_of(slot);
        if (learner)
            slot->count++;
    }
    block->n_ids = ids - block->ids;
    block->n_lines += n_lines;
    block->n_words += end - batch - n_lines;
    return learner ? make_room(learner, MOST_KEYS) : W2V_OK;
}

static void start_block(w2v_block *block) {
    block->n_ids = block->n_words = block->n_lines = 0;
    block->nul_byte = -1;
    memset(block->text + block->n_bytes, ' ', W2V_TEXT_PADDING);
}

/* Add a word to the batch and ask for its slot, which put_batch will need. */
W2V_INLINE void put_key(const w2v_counter *known, word_key **next, const uint8_t *word, int64_t n_bytes) {
    word_key *key = (*next)++;
    make_key(known, key, word, n_bytes);
    W2V_PREFETCH(key->home);
}

W2V_INLINE void put_line_end(const w2v_counter *known, word_key **next) {
    *(*next)++ = (word_key){0, (uint64_t)END_OF_LINE << 56, known->slots, NULL, 0}; /* in no slot is that */
}

/* Where the next piece of a block's text has white space; the last piece reaches into the padding, which is some. */
W2V_INLINE w2v_status spaces_of_piece(const w2v_text_kernels *kernels, w2v_block *block, int64_t pos, int32_t *places,
                                      int64_t *n_places) {
    const int64_t left = (block->n_bytes - pos) / W2V_TEXT_CHUNK * W2V_TEXT_CHUNK + W2V_TEXT_CHUNK;
    const int64_t n_bytes = left < PIECE ? left : PIECE;
    int has_nul;
    *n_places = kernels->find_spaces(block->text + pos, n_bytes, places, &has_nul);
    if (!has_nul)
        return W2V_OK;
    block->nul_byte = (const uint8_t *)memchr(block->text + pos, 0, (size_t)n_bytes) - block->text;
    return W2V_ERR_NUL_BYTE;
}

W2V_INLINE w2v_status text_to_ids(const w2v_text_kernels *kernels, const w2v_counter *known, w2v_counter *learner,
                                  w2v_block *block) {
    start_block(block);
    const uint8_t *text = block->text;
    const int64_t own_end = block->own_end;
    int64_t pos = block->begin;
    int64_t word = pos; /* where the current word begins; or, between words, after the last white space */
    if (pos > 0 && !is_space(text[pos - 1])) /* in the middle of a word, which is the previous block's */
        pos = word = w2v_text_first_space(text, pos, own_end);
    word_key batch[MOST_KEYS], *next = batch;
    int32_t places[PIECE + W2V_TEXT_CHUNK];
    w2v_status status = learner ? make_room(learner, MOST_KEYS) : W2V_OK;
    for (; !status && word < own_end; pos += PIECE) {
        int64_t n_places;
        status = spaces_of_piece(kernels, block, pos, places, &n_places);
        for (int64_t i = 0; !status && i < n_places && word < own_end; i++) {
            const int64_t space = pos + places[i];
            if (space > word)
                put_key(known, &next, text + word, space - word);
            if (text[space] == '\n' && space < own_end)
                put_line_end(known, &next);
            word = space + 1;
            if (next >= batch + BATCH) {
                status = put_batch(known, learner, block, batch, next);
                next = batch;
            }
        }
    }
    return status ? status : put_batch(known, learner, block, batch, next);
}

W2V_INLINE w2v_status tokens_to_ids(const w2v_counter *known, w2v_counter *learner, w2v_block *block) {
    start_block(block);
    const uint8_t *text = block->text;
    word_key batch[BATCH], *next = batch;
    if (learner && make_room(learner, MOST_KEYS))
        return W2V_ERR_MEMORY;
    for (int64_t token = 0; token < block->n_sizes; token++) {
        const int64_t n_bytes = block->sizes[token];
        if (n_bytes < 0) {
            put_line_end(known, &next);
        } else {
            put_key(known, &next, text, n_bytes);
            text += n_bytes;
        }
        if (next == batch + BATCH || token + 1 == block->n_sizes) {
            const w2v_status status = put_batch(known, learner, block, batch, next);
            if (status)
                return status;
            next = batch;
        }
    }
    return W2V_OK;
}

w2v_status w2v_text_count(const w2v_text_kernels *kernels, w2v_counter *counter, w2v_block *block) {
    return text_to_ids(kernels, counter, counter, block);
}

w2v_status w2v_text_lookup(const w2v_text_kernels *kernels, const w2v_counter *counter, w2v_block *block) {
    return text_to_ids(kernels, counter, NULL, block);
}

w2v_status w2v_tokens_count(w2v_counter *counter, w2v_block *block) {
    return tokens_to_ids(counter, counter, block);
}

w2v_status w2v_tokens_lookup(const w2v_counter *counter, w2v_block *block) {
    return tokens_to_ids(counter, NULL, block);
}

int64_t w2v_text_first_space(const uint8_t *text, int64_t begin, int64_t end) {
    while (begin < end && !is_space(text[begin]))
        begin++;
    return begin;
}

int64_t w2v_text_last_space(const uint8_t *text, int64_t begin, int64_t end) {
    while (end > begin && !is_space(text[end - 1]))
        end--;
    return end - 1;
}
