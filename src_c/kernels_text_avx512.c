/* kernels_text_avx512.c: the kernels of counting with AVX-512 (F, BW, VBMI2): what is wanted of a vector is moved to
 * its front, and how much that was is counted, so that no loop ends where only the text knows. */
#include <immintrin.h>

#include "base.h"
#include "text_kernels.h"

W2V_INLINE int n_bits(uint64_t bits) { return (int)_mm_popcnt_u64(bits); }

/* Numbers 16 * quarter .. of a vector of bytes, as so many more than `first`. */
#define PLACES(bytes, quarter, first)                                                                        \
    _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, quarter)), first)

static int64_t find_spaces(const uint8_t *text, int64_t n_bytes, int32_t *places, int *has_nul) {
    const __m512i blank = _mm512_set1_epi8(' '), tab = _mm512_set1_epi8('\t'), span = _mm512_set1_epi8('\r' - '\t');
    uint8_t counting[W2V_TEXT_CHUNK];
    for (int i = 0; i < W2V_TEXT_CHUNK; i++) counting[i] = (uint8_t)i;
    const __m512i numbers = _mm512_loadu_si512(counting);
    uint64_t nul = 0;
    int32_t *to = places;
    for (int64_t at = 0; at < n_bytes; at += W2V_TEXT_CHUNK) {
        const __m512i bytes = _mm512_loadu_si512(text + at), first = _mm512_set1_epi32((int32_t)at);
        const uint64_t spaces = _mm512_cmpeq_epi8_mask(bytes, blank) |
                                _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, tab), span); /* tab to carriage return */
        const __m512i found = _mm512_maskz_compress_epi8(spaces, numbers);
        const int n = n_bits(spaces);
        nul |= _mm512_testn_epi8_mask(bytes, bytes);
        _mm512_storeu_si512(to, PLACES(found, 0, first));
        if (n > 16) { /* seldom: words are longer than two letters */
            _mm512_storeu_si512(to + 16, PLACES(found, 1, first));
            _mm512_storeu_si512(to + 32, PLACES(found, 2, first));
            _mm512_storeu_si512(to + 48, PLACES(found, 3, first));
        }
        to += n;
    }
    *has_nul = nul != 0;
    return to - places;
}

/* Of a vector's line ends those that stay: there is a word, or the beginning of all, since the line end before. */
W2V_INLINE uint32_t ends_that_stay(uint32_t ends, uint32_t words, uint32_t after_end) {
    uint32_t stay = 0;
    for (uint32_t since = words; ends; ends &= ends - 1) {
        const uint32_t end = ends & (0 - ends); /* the lowest */
        if ((since & (end - 1)) || !after_end) stay |= end;
        since &= 0 - end; /* words behind it */
        after_end = 1;
    }
    return stay;
}

static int64_t renumber(int32_t *ids, int64_t n_ids, const int32_t *new_ids) {
    enum { WIDTH = 16 };
    const __m512i line_end = _mm512_set1_epi32(W2V_LINE_END);
    int64_t n_left = 0;
    uint32_t after_end = 0; /* whether the last one left is a line end */
    for (int64_t pos = 0; pos < n_ids; pos += WIDTH) {
        const __mmask16 there = (__mmask16)(n_ids - pos < WIDTH ? (1u << (n_ids - pos)) - 1 : 0xFFFF);
        W2V_PREFETCH(ids + pos + W2V_IDS_AHEAD);
        const __m512i old = _mm512_maskz_loadu_epi32(there, ids + pos);
        const __m512i next = _mm512_mask_i32gather_epi32(line_end, there, old, new_ids + 1, sizeof *new_ids);
        const uint32_t words = _mm512_mask_cmpgt_epi32_mask(there, next, line_end);
        const uint32_t ends = _mm512_mask_cmpeq_epi32_mask(there, next, line_end);
        uint32_t left = words;
        if (ends) { /* seldom */
            left |= ends_that_stay(ends, words, after_end);
            after_end = ends > words;
        } else {
            after_end &= words == 0;
        }
        /* What this overwrites has been read: n_left <= pos. */
        _mm512_mask_storeu_epi32(ids + n_left, there, _mm512_maskz_compress_epi32((__mmask16)left, next));
        n_left += n_bits(left);
    }
    return n_left;
}

const w2v_text_kernels w2v_text_avx512 = {find_spaces, renumber};
