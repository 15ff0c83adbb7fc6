/* buffer.h: memory aligned to a cache line, for rows that the kernels load whole. */
#ifndef W2V_BUFFER_H
#define W2V_BUFFER_H

#include <stdlib.h>

#include "base.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

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

/* The same; much of it in huge pages where the system has them, since access to a large table or matrix here and there
 * is a TLB miss each time else. Freed like the others. */
W2V_INLINE void *huge_new(size_t n_bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    enum { HUGE_PAGE = 1 << 21 };
    if (n_bytes >= HUGE_PAGE) {
        void *p = aligned_alloc(HUGE_PAGE, (n_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
        if (p) madvise(p, n_bytes, MADV_HUGEPAGE); /* advice: it may be declined */
        return p;
    }
#endif
    return aligned_new(n_bytes);
}

#endif
