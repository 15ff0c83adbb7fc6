/* barrier.h: where threads that work in step wait for each other, a few hundred thousand times a second.
 *
 * Each thread counts its arrivals in a place of its own, and may go on with step number `step` when every count is
 * beyond it. What was written before an arrival can be read after the wait. An arrival is a plain store, which costs
 * nothing but the time that it takes to be seen elsewhere: a fraction of a microsecond, for which the caller may have
 * something to do. Waiting is a loop for some microseconds, which is what it takes if every thread has a core; then the
 * core is offered to others, perhaps the very thread that is waited for: with a longer loop, threads that share a core
 * take 10 times as long. */
#ifndef W2V_BARRIER_H
#define W2V_BARRIER_H

#include "base.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <sched.h>
#endif

/* Two cache lines apart, as processors fetch them in pairs. */
enum { W2V_MOST_MEETING = 8, W2V_ARRIVALS_APART = 16 };

typedef struct {
    int64_t n_threads;
    int64_t arrivals[(W2V_MOST_MEETING + 1) * W2V_ARRIVALS_APART]; /* atomic; the first place stays empty */
} w2v_barrier;

W2V_INLINE int64_t *arrivals_of(w2v_barrier *barrier, int64_t thread) {
    return &barrier->arrivals[(thread + 1) * W2V_ARRIVALS_APART];
}

#if defined(_MSC_VER) && !defined(__clang__)
W2V_INLINE void arrivals_set(int64_t *p, int64_t n) { _InterlockedExchange64(p, n); }
W2V_INLINE int64_t arrivals_get(int64_t *p) { return _InterlockedOr64(p, 0); }
#else
W2V_INLINE void arrivals_set(int64_t *p, int64_t n) { __atomic_store_n(p, n, __ATOMIC_RELEASE); }
W2V_INLINE int64_t arrivals_get(int64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
#endif

W2V_INLINE void yield_core(void) {
#ifdef _WIN32
    SwitchToThread();
#else
    sched_yield();
#endif
}

/* Steps are numbered from 0; each thread arrives once at each. */
W2V_INLINE void barrier_arrive(w2v_barrier *barrier, int64_t thread, int64_t step) {
    arrivals_set(arrivals_of(barrier, thread), step + 1);
}

W2V_INLINE int barrier_is_over(w2v_barrier *barrier, int64_t step) {
    for (int64_t thread = 0; thread < barrier->n_threads; thread++)
        if (arrivals_get(arrivals_of(barrier, thread)) <= step) return 0;
    return 1;
}

/* What is done while waiting, again and again; *patience is 0 at first. */
W2V_INLINE void wait_a_little(int *patience) {
    enum { PATIENCE = 128 };
    if (*patience < PATIENCE) ++*patience, W2V_PAUSE();
    else yield_core();
}

W2V_INLINE void barrier_wait(w2v_barrier *barrier, int64_t step) {
    for (int patience = 0; !barrier_is_over(barrier, step);) wait_a_little(&patience);
}

/* Wait until other threads have set a count to n or more. */
W2V_INLINE void arrivals_await(int64_t *count, int64_t n) {
    for (int patience = 0; arrivals_get(count) < n;) wait_a_little(&patience);
}

#endif
