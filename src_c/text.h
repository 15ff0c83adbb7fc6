/* text.h: finding words in bytes, many at a time.
 *
 * White space is ASCII's: tab, line feed, vertical tab, form feed, carriage return, space, exactly as in
 * Python's bytes.split(). Other control characters are parts of words; NUL is not text and its finder is
 * told. No encoding is assumed: any byte from 0x80 up is an ordinary part of a word, so UTF-8 and Latin-1
 * pass through alike.
 * Included by counter.c only. Invariant: what is read here past the end of the text is its padding of white
 * space. */
#ifndef W2V_TEXT_H
#define W2V_TEXT_H

#include <string.h>

#include "base.h"

/* Eight bytes as a number whose lowest byte comes first in memory, on any machine. */
W2V_INLINE uint64_t load8(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

W2V_INLINE int is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

enum { CHUNK = 64 }; /* bytes that are looked at at once */

/* Bit i says whether text[i] is white space; *has_nul OUT whether one of the bytes is NUL. Compilers turn
 * the first loop into vector code of any ISA. */
W2V_INLINE uint64_t space_bits(const uint8_t *text, int *has_nul) {
    uint8_t flags[CHUNK], nul = 0;
    for (int i = 0; i < CHUNK; i++) {
        flags[i] = (uint8_t)((text[i] == ' ') | ((uint8_t)(text[i] - '\t') <= '\r' - '\t'));
        nul |= text[i] == 0;
    }
    *has_nul = nul;
    uint64_t bits = 0;
    for (int i = 0; i < CHUNK / 8; i++) /* the factor moves bit 0 of byte k to bit 56 + k; no two bits meet */
        bits |= (load8(flags + 8 * i) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    return bits;
}

#endif
