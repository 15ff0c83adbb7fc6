/* lock.h: a lock of four bytes, 0 at first: one for each of many things that threads seldom want at the same time. */
#ifndef W2V_LOCK_H
#define W2V_LOCK_H

#include "barrier.h"

#if defined(_MSC_VER) && !defined(__clang__)
W2V_INLINE int lock_try(int32_t *lock) { return !_InterlockedExchange((long *)lock, 1); }
W2V_INLINE void lock_release(int32_t *lock) { _InterlockedExchange((long *)lock, 0); }
#else
W2V_INLINE int lock_try(int32_t *lock) { return !__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE); }
W2V_INLINE void lock_release(int32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }
#endif

W2V_INLINE void lock_take(int32_t *lock) {
    while (!lock_try(lock)) yield_core();
}

#endif
