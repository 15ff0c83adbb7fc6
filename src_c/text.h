/* text.h: bytes as numbers, and which of them are white space: ASCII's, as text_kernels.h says.
 *
 * Other control characters are parts of words; NUL is not text and its finder is told. No encoding is assumed:
 * any byte from 0x80 up is an ordinary part of a word, so UTF-8 and Latin-1 pass through alike. */
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

W2V_INLINE void store8(uint8_t *bytes, uint64_t word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, 8);
}

W2V_INLINE int is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

#endif
