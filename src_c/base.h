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
#define W2V_NOINLINE static __declspec(noinline)
#define W2V_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#define W2V_PREFETCH_READ(p) W2V_PREFETCH(p)
#define W2V_UNROLL
#define W2V_PAUSE() YieldProcessor()
#else
#define W2V_INLINE static inline __attribute__((always_inline))
#define W2V_NOINLINE static __attribute__((noinline))
/* For what will be written, and for what is only read. In assembler, as GCC leaves out calls of functions that do
 * nothing but prefetch, and unless told of a processor that has prefetchw (those that do not, skip it) asks for a line
 * as if it were only read: one that other threads have, too, must then be asked for once more. */
#if defined(__x86_64__)
#define W2V_PREFETCH(p) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(p)))
#define W2V_PREFETCH_READ(p) __asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)(p)))
#else
#define W2V_PREFETCH_FOR(p, writing) do { __builtin_prefetch((p), (writing), 3); __asm__ volatile(""); } while (0)
#define W2V_PREFETCH(p) W2V_PREFETCH_FOR(p, 1)
#define W2V_PREFETCH_READ(p) W2V_PREFETCH_FOR(p, 0)
#endif
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

W2V_INLINE int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }
W2V_INLINE int32_t at_least(int32_t a, int32_t b) { return a > b ? a : b; }

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

/* Places from .. to - step, from the outside in. A row's lines are asked for in this order: one after the other they
 * look like a stream, and processors fetch what follows it, the row of another word. Where another thread writes that,
 * it has to ask once more for lines that it had to itself. */
typedef struct {
    int64_t place, later, step;
} w2v_inward;

W2V_INLINE w2v_inward inward_from(int64_t from, int64_t to, int64_t step) {
    return (w2v_inward){from, to - step, step};
}

W2V_INLINE int64_t inward_next(w2v_inward *order) {
    const int64_t place = order->place, after = place + order->step;
    order->place = order->later;
    order->later = after;
    order->step = -order->step;
    return place;
}

/* The same of 0 .. n - 1, where n is a constant: number k. */
#define W2V_INWARD(k, n) ((k) % 2 ? (n) - 1 - (k) / 2 : (k) / 2)

/* Ask for all lines of what begins with one, in that order. */
#define W2V_PREFETCH_BYTES(prefetch, first, n_bytes)                                                         \
    int64_t low = 0, high = ((int64_t)(n_bytes)-1) / W2V_CACHE_LINE * W2V_CACHE_LINE;                        \
    for (; low < high; low += W2V_CACHE_LINE, high -= W2V_CACHE_LINE) {                                      \
        prefetch((const char *)(first) + low);                                                               \
        prefetch((const char *)(first) + high);                                                              \
    }                                                                                                        \
    if (low == high && (n_bytes) > 0) prefetch((const char *)(first) + low)
W2V_INLINE void prefetch_bytes(const void *first, size_t n_bytes) { W2V_PREFETCH_BYTES(W2V_PREFETCH, first, n_bytes); }
W2V_INLINE void prefetch_bytes_read(const void *first, size_t n_bytes) {
    W2V_PREFETCH_BYTES(W2V_PREFETCH_READ, first, n_bytes);
}

#endif
