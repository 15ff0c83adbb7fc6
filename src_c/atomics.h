/* atomics.h: the few atomic operations on words shared between threads.
 *
 * C11's <stdatomic.h> is missing from MSVC's default mode, so the two spellings meet here. Relaxed order is
 * enough everywhere: the values are counters, flags and bounds; barrier.h and lock.h have what guards other data. */
#ifndef W2V_ATOMICS_H
#define W2V_ATOMICS_H

#include "base.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
W2V_INLINE int64_t atomic_add(int64_t *p, int64_t n) { return _InterlockedExchangeAdd64(p, n) + n; }
W2V_INLINE int64_t atomic_get(int64_t *p) { return _InterlockedOr64(p, 0); }
W2V_INLINE int32_t flag_get(int32_t *p) { return _InterlockedOr((long *)p, 0); }
W2V_INLINE void flag_set(int32_t *p, int32_t v) { _InterlockedExchange((long *)p, v); }
W2V_INLINE double sum_get(double *p) {
    const int64_t bits = _InterlockedOr64((int64_t *)p, 0);
    return *(const double *)&bits;
}
W2V_INLINE void sum_set(double *p, double v) { _InterlockedExchange64((int64_t *)p, *(int64_t *)&v); }
W2V_INLINE float float_get(float *p) {
    const int32_t bits = flag_get((int32_t *)p);
    return *(const float *)&bits;
}
W2V_INLINE void float_set(float *p, float v) { flag_set((int32_t *)p, *(int32_t *)&v); }
#else
W2V_INLINE int64_t atomic_add(int64_t *p, int64_t n) { return __atomic_add_fetch(p, n, __ATOMIC_RELAXED); }
W2V_INLINE int64_t atomic_get(int64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
W2V_INLINE int32_t flag_get(int32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
W2V_INLINE void flag_set(int32_t *p, int32_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
W2V_INLINE double sum_get(double *p) {
    double v;
    __atomic_load(p, &v, __ATOMIC_RELAXED);
    return v;
}
W2V_INLINE void sum_set(double *p, double v) { __atomic_store(p, &v, __ATOMIC_RELAXED); }
W2V_INLINE float float_get(float *p) {
    float v;
    __atomic_load(p, &v, __ATOMIC_RELAXED);
    return v;
}
W2V_INLINE void float_set(float *p, float v) { __atomic_store(p, &v, __ATOMIC_RELAXED); }
#endif

/* One thread at a time adds; others may look meanwhile. */
W2V_INLINE void sum_add(double *p, double term) { sum_set(p, sum_get(p) + term); }

#endif
