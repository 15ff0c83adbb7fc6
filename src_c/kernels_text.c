/* kernels_text.c: the kernels of counting for any CPU of the platform. */
#include <string.h>
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define ON_SSE2 1 /* which every x86-64 has */
#endif

#include "text.h"
#include "text_kernels.h"

/* Bit i says whether text[i] is white space; has_nul INOUT. */
#ifdef ON_SSE2
W2V_INLINE uint64_t space_bits(const uint8_t *text, int *has_nul) {
    const __m128i blank = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), span = _mm_set1_epi8('\r' - '\t');
    __m128i least = _mm_set1_epi8(-1);
    uint64_t bits = 0;
    for (int i = 0; i < W2V_TEXT_CHUNK; i += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(text + i)), above = _mm_sub_epi8(bytes, tab);
        const __m128i is_other = _mm_cmpeq_epi8(_mm_min_epu8(above, span), above); /* tab to carriage return */
        const __m128i spaces = _mm_or_si128(_mm_cmpeq_epi8(bytes, blank), is_other);
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(spaces) << i;
        least = _mm_min_epu8(least, bytes);
    }
    *has_nul |= _mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())) != 0;
    return bits;
}
#else
W2V_INLINE uint64_t space_bits(const uint8_t *text, int *has_nul) {
    uint8_t flags[W2V_TEXT_CHUNK], nul = 0;
    for (int i = 0; i < W2V_TEXT_CHUNK; i++) { /* compilers make vectors of it */
        flags[i] = (uint8_t)((text[i] == ' ') | ((uint8_t)(text[i] - '\t') <= '\r' - '\t'));
        nul |= text[i] == 0;
    }
    *has_nul |= nul;
    uint64_t bits = 0;
    for (int i = 0; i < W2V_TEXT_CHUNK / 8; i++) /* the factor moves bit 0 of byte k to bit 56 + k; no two bits meet */
        bits |= (load8(flags + 8 * i) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    return bits;
}
#endif

static int64_t find_spaces(const uint8_t *text, int64_t n_bytes, int32_t *places, int *has_nul) {
    int64_t n = 0;
    *has_nul = 0;
    for (int64_t at = 0; at < n_bytes; at += W2V_TEXT_CHUNK)
        for (uint64_t spaces = space_bits(text + at, has_nul); spaces; spaces &= spaces - 1)
            places[n++] = (int32_t)at + lowest_bit(spaces);
    return n;
}

/* Put an id behind those that are left, if it is to stay. No branch: which words are dropped cannot be predicted. */
W2V_INLINE int64_t put_id(int32_t *ids, int64_t n_left, int32_t id, uint32_t *after_end /* INOUT */) {
    const uint32_t is_word = id >= 0, is_end = id == W2V_LINE_END, repeats = is_end & *after_end;
    ids[n_left] = id;
    *after_end = (*after_end | is_end) & !is_word;
    return n_left + (is_word | (is_end ^ repeats));
}

static int64_t renumber(int32_t *ids, int64_t n_ids, const int32_t *new_ids) {
    enum { GROUP = 8 };
    int64_t n_left = 0, pos = 0;
    uint32_t after_end = 0; /* whether the last one left is a line end */
    for (; pos + GROUP <= n_ids; pos += GROUP) {
        W2V_PREFETCH(ids + pos + W2V_IDS_AHEAD);
        int32_t next[GROUP], dropped = 0, repeats = -(int32_t)after_end; /* negative: there is such an id */
        for (int i = 0; i < GROUP; i++) {
            next[i] = new_ids[ids[pos + i] + 1];
            dropped |= next[i] - W2V_LINE_END;
        }
        repeats &= next[0];
        for (int i = 1; i < GROUP; i++)
            repeats |= next[i - 1] & next[i];
        if (dropped >= 0 && repeats >= 0) { /* mostly so */
            memcpy(ids + n_left, next, sizeof next);
            n_left += GROUP;
            after_end = next[GROUP - 1] == W2V_LINE_END;
        } else {
            for (int i = 0; i < GROUP; i++)
                n_left = put_id(ids, n_left, next[i], &after_end);
        }
    }
    for (; pos < n_ids; pos++)
        n_left = put_id(ids, n_left, new_ids[ids[pos] + 1], &after_end);
    return n_left;
}

const w2v_text_kernels w2v_text_base = {find_spaces, renumber};
