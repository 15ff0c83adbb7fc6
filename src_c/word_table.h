/* word_table.h: the hash table of distinct words, and the one hot function of counting: finding a word in it.
 *
 * Open addressing with linear probing. Half a cache line holds all that counting a word needs: its first 15
 * bytes, which in ordinary text are nearly always the whole of it, its size, its count and its id. All words lie
 * in one string of bytes, too (`bytes`, cut by `ends`), in the order of their ids. The hash has no secret: a
 * text built to collide is counted right, but slowly.
 * Included by counter.c only. Invariant: at least one slot in four is empty. */
#ifndef W2V_WORD_TABLE_H
#define W2V_WORD_TABLE_H

#include "text.h"
#include "w2v.h"

typedef struct {
    uint64_t start, second; /* see word_key; zeros in an empty slot */
    int64_t count;
    uint32_t number; /* id + 1; 0 in an empty slot */
} word_slot;

struct w2v_counter {
    word_slot *slots; /* [n_slots] */
    int64_t n_slots;  /* a power of two */
    int shift;        /* 64 - log2(n_slots): what is above these bits of a hash is its slot */
    int64_t n_words;
    int64_t n_expected; /* of them, as far as the caller can guess */
    int64_t words_capacity; /* of ends */
    int64_t *ends;          /* [n_words] where each word ends in `bytes`; there the next one begins */
    uint8_t *bytes;         /* [bytes_capacity] */
    int64_t bytes_capacity;
};

/* What is looked up. The last byte of `second` says what it is, see below. */
typedef struct {
    uint64_t start, second; /* of a word of up to SHORT_BYTES its bytes, and zeros; of a longer one the first eight,
                             * and a part of its hash */
    word_slot *home;     /* the slot to look at first, until the table grows */
    const uint8_t *text; /* these two only of longer words */
    int64_t n_bytes;
} word_key;

enum {
    SHORT_BYTES = 15,            /* up to so many, the last byte of `second` is the size of the word and 1, ... */
    LONG_WORD = SHORT_BYTES + 2, /* ... else it is this, or this: never 0, as in an empty slot */
    END_OF_LINE,
    KEY_BYTES = 16 /* which must be readable where a word begins */
};

W2V_INLINE int last_byte(uint64_t second) { return (int)(second >> 56); }

W2V_INLINE int is_short(uint64_t second) { return second < (uint64_t)LONG_WORD << 56; }

W2V_INLINE int is_empty(const word_slot *slot) { return slot->number == 0; }

W2V_INLINE int32_t id_of(const word_slot *slot) { return (int32_t)(slot->number - 1); }

W2V_INLINE uint64_t mix(uint64_t hash) { return hash ^ (hash >> 32); }

/* 2^64 / the golden ratio (Knuth, TAOCP 3, section 6.4) and 2^63 * the square root of 2, odd */
static const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15), root = UINT64_C(0xB504F333F9DE6485);

W2V_INLINE word_slot *first_slot(const w2v_counter *counter, uint64_t hash) {
    return &counter->slots[hash >> counter->shift];
}

W2V_INLINE void find_home_short(const w2v_counter *counter, word_key *key) {
    key->home = first_slot(counter, mix(key->start * golden + key->second * root) * golden);
}

W2V_INLINE void find_home_long(const w2v_counter *counter, word_key *key) {
    uint64_t hash = mix(key->start * golden + (uint64_t)key->n_bytes);
    for (int64_t pos = 8; pos < key->n_bytes; pos += 8) /* the last step may take bytes again */
        hash = mix((hash ^ load8(key->text + (pos + 8 <= key->n_bytes ? pos : key->n_bytes - 8))) * root);
    key->second = (uint64_t)LONG_WORD << 56 | hash >> 8;
    key->home = first_slot(counter, hash * golden);
}

/* KEY_BYTES must be readable at `text`, however few of them are the word's. */
W2V_INLINE void make_key(const w2v_counter *counter, word_key *key /* OUT */, const uint8_t *text,
                         int64_t n_bytes) {
    static const uint8_t keep[2 * KEY_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                255, 255, 255, 255, 255, 255, 255, 255}; /* and zeros */
    if (n_bytes <= SHORT_BYTES) {
        const uint8_t *mask = keep + KEY_BYTES - n_bytes;
        key->start = load8(text) & load8(mask);
        key->second = (load8(text + 8) & load8(mask + 8)) | (uint64_t)(n_bytes + 1) << 56;
        find_home_short(counter, key);
    } else {
        key->start = load8(text);
        key->text = text;
        key->n_bytes = n_bytes;
        find_home_long(counter, key);
    }
}

W2V_INLINE word_slot *next_slot(const w2v_counter *counter, word_slot *slot) {
    return slot + 1 == counter->slots + counter->n_slots ? counter->slots : slot + 1;
}

W2V_INLINE int64_t word_begin(const w2v_counter *counter, int64_t id) {
    return id ? counter->ends[id - 1] : 0;
}

/* Whether word `id`, which is long, is the key. */
W2V_INLINE int is_long_word(const w2v_counter *counter, int64_t id, const word_key *key) {
    const int64_t begin = word_begin(counter, id), n_bytes = counter->ends[id] - begin;
    return n_bytes == key->n_bytes && memcmp(counter->bytes + begin, key->text, (size_t)n_bytes) == 0;
}

W2V_INLINE int has_key(const word_slot *slot, const word_key *key) {
    return !((slot->start ^ key->start) | (slot->second ^ key->second));
}

/* The slot of a word; if that is empty, it is where the word would have to be put. */
W2V_INLINE word_slot *find_word(const w2v_counter *counter, const word_key *key) {
    word_slot *slot = key->home;
    while (!is_empty(slot) &&
           !(has_key(slot, key) && (is_short(key->second) || is_long_word(counter, id_of(slot), key))))
        slot = next_slot(counter, slot);
    return slot;
}

#endif
