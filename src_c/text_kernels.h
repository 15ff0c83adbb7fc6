/* text_kernels.h: what counting does to many bytes or ids at a time: leaf functions for any CPU of the platform
 * (kernels_text.c), and for AVX-512 with VBMI2 (kernels_text_avx512.c). dispatch.c picks a table.
 *
 * White space is ASCII's: tab, line feed, vertical tab, form feed, carriage return, space, exactly as in Python's
 * bytes.split(). */
#ifndef W2V_TEXT_KERNELS_H
#define W2V_TEXT_KERNELS_H

#include "w2v.h"

enum {
    W2V_TEXT_CHUNK = 64, /* bytes that are looked at at once */
    W2V_IDS_AHEAD = 512  /* which of the next ids to bring near: processors do not fetch ahead beyond a page */
};

struct w2v_text_kernels {
    /* Where text [n_bytes], a multiple of W2V_TEXT_CHUNK, has white space: returns at how many places. More numbers are
     * written than that. */
    int64_t (*find_spaces)(const uint8_t *text, int64_t n_bytes, int32_t *places /* OUT [n_bytes + W2V_TEXT_CHUNK] */,
                           int *has_nul /* OUT whether one of the bytes is NUL */);
    /* Replace each id by new_ids[id + 1], drop those that become -2 or lower, and line ends that then repeat.
     * new_ids[0] must be W2V_LINE_END. Returns how many are left. */
    int64_t (*renumber)(int32_t *ids /* INOUT [n_ids] */, int64_t n_ids, const int32_t *new_ids);
};

extern const w2v_text_kernels w2v_text_base, w2v_text_avx512;

#endif
