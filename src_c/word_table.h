/* word_table.h: the hash table of distinct words, and the one hot function of counting: finding a word in it.
 *
 * Open addressing with linear probing. Half a cache line holds all that counting a word needs: its first 16
 * bytes, which in ordinary text are nearly always the whole of it, its count and its id. All words lie in
 * one string of bytes, too (`bytes`, cut by `ends`), in the order of their ids. The hash has no secret: a
 * text built to collide is counted right, but slowly.
 * Included by counter.c only. Invariant: at least one slot in four is empty. */
#ifndef W2V_WORD_TABLE_H
#define W2V_WORD_TABLE_H

#include "text.h"
#include "w2v.h"

typedef struct {
    uint64_t start, second; /* the first and the second eight bytes, zeros after the end */
    int64_t count;
    uint32_t tag;    /* see word_key */
    uint32_t number; /* id + 1; 0 in an empty slot */
} word_slot;

struct w2v_counter {
    word_slot *slots; /* [n_slots] */
    int64_t n_slots;  /* a power of two */
    int shift;        /* 64 - log2(n_slots): what is above these bits of a hash is its slot */
    int64_t n_words;
    int64_t words_capacity; /* of ends */
    int64_t *ends;          /* [n_words] where each word ends in `bytes`; there the next one begins */
    uint8_t *bytes;         /* [bytes_capacity] */
    int64_t bytes_capacity;
};

/* A word that is looked up. */
typedef struct {
    uint64_t start, second; /* as in its slot */
    uint64_t hash;
    const uint8_t *text;
    int64_t n_bytes; /* or -1: not a word but the end of a line */
    uint32_t tag;    /* Equal for equal words. With `start` and `second` it decides alone about words that fit a
                      * slot: it has their size. */
} word_key;

enum {
    SLOT_BYTES = 16,          /* how much of a word its slot holds */
    TAG_LONG = SLOT_BYTES + 1 /* what stands for the size in the tags of longer words */
};

W2V_INLINE uint64_t mix(uint64_t hash) { return hash ^ (hash >> 32); }

/* Complete a key that has the text. */
W2V_INLINE void hash_key(word_key *key) {
    /* 2^64 / the golden ratio (Knuth, TAOCP 3, section 6.4) and 2^63 * the square root of 2, odd */
    const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15), root = UINT64_C(0xB504F333F9DE6485);
    uint64_t hash = mix(key->start * golden + key->second * root);
    for (int64_t pos = SLOT_BYTES; pos < key->n_bytes; pos += 8) /* the last step may take bytes again */
        hash = mix((hash ^ load8(key->text + (pos + 8 <= key->n_bytes ? pos : key->n_bytes - 8))) * root);
    key->hash = hash * golden;
    key->tag = (uint32_t)(key->hash >> 16) << 5 | (uint32_t)(key->n_bytes < TAG_LONG ? key->n_bytes : TAG_LONG);
}

/* SLOT_BYTES must be readable at `text`, however few of them are the word's. */
W2V_INLINE word_key key_of(const uint8_t *text, int64_t n_bytes) {
    static const uint8_t keep[TAG_LONG + SLOT_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255, 255,
                                                        255, 255, 255, 255, 255, 255, 255, 255}; /* and zeros */
    const uint8_t *mask = keep + TAG_LONG - (n_bytes < TAG_LONG ? n_bytes : TAG_LONG);
    word_key key = {load8(text) & load8(mask), load8(text + 8) & load8(mask + 8), 0, text, n_bytes, 0};
    hash_key(&key);
    return key;
}

W2V_INLINE int64_t size_in_tag(uint32_t tag) { return tag & 31; }

W2V_INLINE word_slot *first_slot(const w2v_counter *counter, uint64_t hash) {
    return &counter->slots[hash >> counter->shift];
}

W2V_INLINE word_slot *next_slot(const w2v_counter *counter, word_slot *slot) {
    return slot + 1 == counter->slots + counter->n_slots ? counter->slots : slot + 1;
}

W2V_INLINE int64_t word_begin(const w2v_counter *counter, int64_t id) {
    return id ? counter->ends[id - 1] : 0;
}

/* Whether word `id` is the key, given that what slots hold of them is equal and that they are longer. */
W2V_INLINE int rest_is_equal(const w2v_counter *counter, int64_t id, const word_key *key) {
    const int64_t begin = word_begin(counter, id), n_bytes = counter->ends[id] - begin;
    return n_bytes == key->n_bytes && memcmp(counter->bytes + begin, key->text, (size_t)n_bytes) == 0;
}

/* The slot of a word; if that is empty (number 0), it is where the word would have to be put. */
W2V_INLINE word_slot *find_word(const w2v_counter *counter, const word_key *key) {
    for (word_slot *slot = first_slot(counter, key->hash);; slot = next_slot(counter, slot)) {
        const uint64_t start_differs = slot->start ^ key->start, second_differs = slot->second ^ key->second;
        if (!(start_differs | second_differs | (slot->tag ^ key->tag)) &&
            (key->n_bytes <= SLOT_BYTES || rest_is_equal(counter, (int64_t)slot->number - 1, key)))
            return slot; /* an empty slot may look like the empty word; so it is where that one belongs */
        if (slot->number == 0)
            return slot;
    }
}

#endif
