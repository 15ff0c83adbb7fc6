/* base.h: what every C file may assume of the compiler, in one place.
 *
 * Inlining, restrict, unrolling and prefetch have a spelling per compiler; the rest of the library uses
 * the words below. It is not a place for types or logic. */
#ifndef W2V_BASE_H
#define W2V_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <xmmintrin.h>
#define W2V_INLINE static __forceinline
#define W2V_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#define W2V_PREFETCH_READ(p) W2V_PREFETCH(p)
#define W2V_UNROLL
#define W2V_PAUSE() YieldProcessor()
#else
#define W2V_INLINE static inline __attribute__((always_inline))
#define W2V_PREFETCH(p) __builtin_prefetch((p), 1, 3)
#define W2V_PREFETCH_READ(p) __builtin_prefetch((p), 0, 3) /* for what threads share and none writes */
#if defined(__x86_64__) || defined(__i386__)
#define W2V_PAUSE() __builtin_ia32_pause() /* in a loop that waits for another thread */
#elif defined(__aarch64__)
#define W2V_PAUSE() __asm__ volatile("yield")
#else
#define W2V_PAUSE() (void)0
#endif
#ifdef __clang__
#define W2V_UNROLL _Pragma("unroll")
#else
#define W2V_UNROLL _Pragma("GCC unroll 32")
#endif
#endif

/* The place of the lowest bit that is set; `bits` must not be 0. */
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

/* OpenMP, where the compiler has it. */
#ifdef _OPENMP
#define W2V_OMP(directive) _Pragma(directive)
#else
#define W2V_OMP(directive)
#endif

enum { W2V_CACHE_LINE = 64 };

/* Ask for a whole row; the hardware follows a stream only after the first misses. */
W2V_INLINE void row_prefetch(const void *row, size_t n_bytes) {
    for (size_t at = 0; at < n_bytes; at += W2V_CACHE_LINE)
        W2V_PREFETCH((const char *)row + at);
}

#endif
