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
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define W2V_TEXT_SSE2 1 /* which every x86-64 has */
#endif

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

W2V_INLINE void store8(uint8_t *bytes, uint64_t word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, 8);
}

W2V_INLINE int is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

enum { CHUNK = 64 }; /* bytes that are looked at at once */

/* Bit i says whether text[i] is white space; *has_nul OUT whether one of the bytes is NUL. */
#ifdef W2V_TEXT_SSE2
W2V_INLINE uint64_t space_bits(const uint8_t *text, int *has_nul) {
    const __m128i blank = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), span = _mm_set1_epi8('\r' - '\t');
    __m128i least = _mm_set1_epi8(-1);
    uint64_t bits = 0;
    for (int i = 0; i < CHUNK; i += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(text + i)), above = _mm_sub_epi8(bytes, tab);
        const __m128i is_other = _mm_cmpeq_epi8(_mm_min_epu8(above, span), above); /* tab to carriage return */
        const __m128i spaces = _mm_or_si128(_mm_cmpeq_epi8(bytes, blank), is_other);
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(spaces) << i;
        least = _mm_min_epu8(least, bytes);
    }
    *has_nul = _mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())) != 0;
    return bits;
}
#else
W2V_INLINE uint64_t space_bits(const uint8_t *text, int *has_nul) {
    uint8_t flags[CHUNK], nul = 0;
    for (int i = 0; i < CHUNK; i++) { /* compilers make vectors of it */
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

#endif
