/* text.h: finding words in bytes, eight at a time.
 *
 * White space is ASCII's: tab, line feed, vertical tab, form feed, carriage return, space, exactly as in Python's
 * bytes.split(). Other control characters are parts of words; NUL is not text and its finder is told. No encoding
 * is assumed: any byte from 0x80 up is an ordinary part of a word, so UTF-8 and Latin-1 pass through alike.
 * Included by counter.c only. Invariant: every reader here may look at W2V_TEXT_PADDING bytes past the end of
 * the text, and word_end stops there at the latest, because the padding is white space. */
#ifndef W2V_TEXT_H
#define W2V_TEXT_H

#include <string.h>

#include "base.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
W2V_INLINE int lowest_bit(uint64_t bits) {
    unsigned long pos;
    _BitScanForward64(&pos, bits);
    return (int)pos;
}
#else
W2V_INLINE int lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }
#endif

/* Eight bytes as a number whose lowest byte comes first in memory, on any machine. */
W2V_INLINE uint64_t load8(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The first `n` of eight loaded bytes, zeros after them. n in 0..8. */
W2V_INLINE uint64_t first_bytes(uint64_t word, int64_t n) {
    return n == 0 ? 0 : word & (~UINT64_C(0) >> (64 - 8 * n));
}

W2V_INLINE int is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/* The first white space or NUL byte at or after pos. The text must hold one. */
W2V_INLINE int64_t word_end(const uint8_t *text, int64_t pos) {
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    for (;;) {
        const uint64_t word = load8(text + pos);
        /* Sets the high bit of bytes below 0x21; borrows can falsify it only above the first hit. */
        const uint64_t low = (word - ones * 0x21) & ~word & high;
        if (!low) {
            pos += 8;
            continue;
        }
        pos += lowest_bit(low) >> 3;
        if (is_space(text[pos]) || text[pos] == 0)
            return pos;
        pos++;
    }
}

#endif
