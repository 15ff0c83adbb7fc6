/* buffer.h: memory aligned to a cache line, for rows that the kernels load whole. */
#ifndef W2V_BUFFER_H
#define W2V_BUFFER_H

#include <stdlib.h>

#include "base.h"

#ifdef _WIN32
#include <malloc.h>
W2V_INLINE void *aligned_new(size_t n_bytes) { return _aligned_malloc(n_bytes, W2V_CACHE_LINE); }
W2V_INLINE void aligned_free(void *p) { _aligned_free(p); }
#else
W2V_INLINE void *aligned_new(size_t n_bytes) {
    return aligned_alloc(W2V_CACHE_LINE, (n_bytes + W2V_CACHE_LINE - 1) / W2V_CACHE_LINE * W2V_CACHE_LINE);
}
W2V_INLINE void aligned_free(void *p) { free(p); }
#endif

#endif
