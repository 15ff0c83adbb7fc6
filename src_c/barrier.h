/* barrier.h: where threads that work in step wait for each other, a few hundred thousand times a second.
 *
 * A count that only grows: a thread adds 1 when it has done its part of step number `step`, and goes on when all have.
 * What was written before an arrival can be read after the wait. Waiting is a loop for some microseconds, which is
 * what it takes if every thread has a core; then the core is offered to others, perhaps the very thread that is waited
 * for: with a longer loop, threads that share a core take 10 times as long. */
#ifndef W2V_BARRIER_H
#define W2V_BARRIER_H

#include "base.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <sched.h>
#endif

typedef struct {
    int64_t n_arrivals; /* atomic */
    int64_t n_threads;
} w2v_barrier;

#if defined(_MSC_VER) && !defined(__clang__)
W2V_INLINE void barrier_arrive(w2v_barrier *barrier) { _InterlockedExchangeAdd64(&barrier->n_arrivals, 1); }
W2V_INLINE int64_t barrier_count(w2v_barrier *barrier) { return _InterlockedOr64(&barrier->n_arrivals, 0); }
#else
W2V_INLINE void barrier_arrive(w2v_barrier *barrier) { __atomic_add_fetch(&barrier->n_arrivals, 1, __ATOMIC_RELEASE); }
W2V_INLINE int64_t barrier_count(w2v_barrier *barrier) {
    return __atomic_load_n(&barrier->n_arrivals, __ATOMIC_ACQUIRE);
}
#endif

W2V_INLINE void yield_core(void) {
#ifdef _WIN32
    SwitchToThread();
#else
    sched_yield();
#endif
}

/* Steps are numbered from 0; each thread arrives once at each. */
W2V_INLINE void barrier_wait(w2v_barrier *barrier, int64_t step) {
    enum { PATIENCE = 128 };
    const int64_t all = (step + 1) * barrier->n_threads;
    for (int k = 0; barrier_count(barrier) < all;) {
        if (k < PATIENCE) k++, W2V_PAUSE();
        else yield_core();
    }
}

#endif
