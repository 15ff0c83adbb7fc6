/* faults.c: lets the N-th allocation or write of our own code fail. For tests/fault_injection.py; LD_PRELOAD, glibc.
 *
 *     cc -O1 -shared -fPIC -pthread tests/c/faults.c -o faults.so
 *
 * malloc and its kin are ours when the instruction they return to lies in a watched range of addresses: the code of our
 * extension modules, or, for large blocks, the interpreter's. NumPy asks for the data of arrays through `array_memory`.
 * Writes are ours when they go to a regular file. Allocations of our modules that are still alive are counted:
 * leaks. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_RANGES = 64, N_SLOTS = 1 << 16 };
enum kind { NOTHING, ALLOCATIONS, WRITES, SHORT_WRITES };

typedef struct {
    uintptr_t begin, end;
    size_t least; /* bytes of an allocation that counts */
} code_range;

static code_range ranges[MOST_RANGES];
static int n_ranges;
static _Atomic int armed = NOTHING;
static _Atomic long countdown, n_seen;

/* ---- which allocations are alive: a hash table under a lock ---- */

static uintptr_t slots[N_SLOTS];
static long n_alive;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t slot_of(uintptr_t address) { return (size_t)((address >> 4) * 0x9E3779B97F4A7C15u >> 48) % N_SLOTS; }

static void remember(void *block) {
    if (!block)
        return;
    pthread_mutex_lock(&lock);
    size_t slot = slot_of((uintptr_t)block);
    while (slots[slot])
        slot = (slot + 1) % N_SLOTS;
    slots[slot] = (uintptr_t)block;
    ++n_alive;
    pthread_mutex_unlock(&lock);
}

/* Later entries of the same run move up, but none to before its own slot. A mark in place of an entry would stay: once
 * there is no empty slot left, a search would not end. */
static void clear(size_t gap) {
    for (size_t slot = (gap + 1) % N_SLOTS; slots[slot]; slot = (slot + 1) % N_SLOTS)
        if ((slot - slot_of(slots[slot])) % N_SLOTS >= (slot - gap) % N_SLOTS) {
            slots[gap] = slots[slot];
            gap = slot;
        }
    slots[gap] = 0;
}

static void forget(void *block) {
    if (!block || !n_ranges)
        return;
    pthread_mutex_lock(&lock);
    if (n_alive)
        for (size_t slot = slot_of((uintptr_t)block); slots[slot]; slot = (slot + 1) % N_SLOTS)
            if (slots[slot] == (uintptr_t)block) {
                clear(slot);
                --n_alive;
                break;
            }
    pthread_mutex_unlock(&lock);
}

/* ---- what Python calls ---- */

void fault_watch(uintptr_t begin, uintptr_t end, size_t least) {
    if (n_ranges < MOST_RANGES)
        ranges[n_ranges++] = (code_range){begin, end, least};
}

/* Let event number n (from 1 on; 0: none) of a kind fail, and count them. */
void fault_arm(int kind, long n) {
    n_seen = 0;
    countdown = n;
    armed = kind;
}

/* Stop; how many events there were. */
long fault_disarm(void) {
    armed = NOTHING;
    return n_seen;
}

long fault_alive(void) { return n_alive; }

static int fails(int kind) {
    if (armed != kind)
        return 0;
    ++n_seen;
    return atomic_fetch_sub(&countdown, 1) == 1;
}

/* ---- allocations ---- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static const code_range *watched(uintptr_t caller, size_t n_bytes) {
    for (int i = 0; i < n_ranges; ++i)
        if (caller >= ranges[i].begin && caller < ranges[i].end)
            return n_bytes >= ranges[i].least ? &ranges[i] : NULL;
    return NULL;
}

static void *out_of_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* Large blocks of others (least > 0) may be kept by the interpreter: only ours must be gone when all is over. */
#define ALLOCATE(n_bytes, call)                                                                                        \
    const code_range *range = n_ranges ? watched((uintptr_t)__builtin_return_address(0), n_bytes) : NULL;              \
    if (!range)                                                                                                        \
        return call;                                                                                                   \
    if (fails(ALLOCATIONS))                                                                                            \
        return out_of_memory();                                                                                        \
    void *block = call;                                                                                                \
    if (!range->least)                                                                                                 \
        remember(block);                                                                                               \
    return block

void *malloc(size_t n_bytes) { ALLOCATE(n_bytes, __libc_malloc(n_bytes)); }

void *calloc(size_t n, size_t size) { ALLOCATE(n * size, __libc_calloc(n, size)); }

void *aligned_alloc(size_t alignment, size_t n_bytes) { ALLOCATE(n_bytes, __libc_memalign(alignment, n_bytes)); }

void *realloc(void *old, size_t n_bytes) {
    const code_range *range = n_ranges ? watched((uintptr_t)__builtin_return_address(0), n_bytes) : NULL;
    if (range && fails(ALLOCATIONS))
        return out_of_memory();
    forget(old); /* before another thread can be given the same address */
    void *block = __libc_realloc(old, n_bytes);
    if (range && !range->least)
        remember(block ? block : old);
    return block;
}

void free(void *block) {
    forget(block);
    __libc_free(block);
}

/* NumPy's PyDataMem_Handler: the data of arrays. What NumPy allocates for itself it does not always check. */

static size_t least_array = SIZE_MAX;
void fault_watch_arrays(size_t least) { least_array = least; }

static void *array_malloc(void *context, size_t n_bytes) {
    (void)context;
    return n_bytes >= least_array && fails(ALLOCATIONS) ? NULL : __libc_malloc(n_bytes);
}

static void *array_calloc(void *context, size_t n, size_t size) {
    (void)context;
    return n * size >= least_array && fails(ALLOCATIONS) ? NULL : __libc_calloc(n, size);
}

static void *array_realloc(void *context, void *old, size_t n_bytes) {
    (void)context;
    return n_bytes >= least_array && fails(ALLOCATIONS) ? NULL : __libc_realloc(old, n_bytes);
}

static void array_free(void *context, void *block, size_t n_bytes) {
    (void)context, (void)n_bytes;
    __libc_free(block);
}

const struct {
    char name[127];
    uint8_t version;
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *, size_t);
} array_memory = {"faults", 1, NULL, array_malloc, array_calloc, array_realloc, array_free};

/* ---- writes: what a full or broken disk does ---- */

static int is_file(int descriptor) {
    struct stat status;
    return armed >= WRITES && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

static int disk_full(void) {
    errno = ENOSPC;
    return -1;
}

ssize_t write(int descriptor, const void *bytes, size_t n_bytes) {
    if (is_file(descriptor)) {
        if (fails(WRITES))
            return disk_full();
        if (n_bytes > 1 && fails(SHORT_WRITES))
            n_bytes /= 2;
    }
    return syscall(SYS_write, descriptor, bytes, n_bytes);
}

size_t fwrite(const void *bytes, size_t size, size_t n, FILE *file) {
    if (is_file(fileno(file)) && fails(WRITES)) {
        disk_full();
        return 0;
    }
    flockfile(file);
    size_t written = fwrite_unlocked(bytes, size, n, file);
    funlockfile(file);
    return written;
}

int fsync(int descriptor) {
    if (is_file(descriptor) && fails(WRITES)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

int ftruncate(int descriptor, off_t length) {
    if (is_file(descriptor) && fails(WRITES))
        return disk_full();
    return (int)syscall(SYS_ftruncate, descriptor, length);
}
int ftruncate64(int descriptor, off64_t length) { return ftruncate(descriptor, length); }

int rename(const char *from, const char *to) {
    if (armed == WRITES && fails(WRITES))
        return disk_full();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* A file is made: open with O_CREAT (or O_TMPFILE). */
static int make(const char *path, int flags, mode_t mode) {
    if ((flags & (O_CREAT | __O_TMPFILE)) && armed == WRITES && fails(WRITES))
        return disk_full();
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | __O_TMPFILE)) ? (mode_t)va_arg(rest, int) : 0;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return make(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return make(path, flags | O_LARGEFILE, mode);
}
