/* threads.c: as much of OpenMP's run-time library as we use, on pthreads, for ThreadSanitizer; see .ci/tsan.
 *
 *     cc -O1 -g -fsanitize=thread -shared -fPIC -pthread tests/c/threads.c -o threads.so
 *
 * GCC's libgomp synchronises with futexes, which ThreadSanitizer does not see: every barrier would be a false alarm.
 * This one does the same with what it knows, and is loaded before libgomp. What is missing here falls through to
 * libgomp, and .ci/tsan fails if our modules want more than this. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    void (*work)(void *);
    void *data;
    unsigned n_threads;
    pthread_barrier_t barrier;
    pthread_mutex_t lock;
    unsigned long n_singles; /* constructs `single` that somebody has taken */
    bool has_loop;
    unsigned n_in_loop;
    unsigned long n_loops;
    long next, end, step, chunk;
} team;

static _Thread_local team *team_of_thread;
static _Thread_local unsigned number;
static _Thread_local unsigned long singles_seen, loops_seen;

typedef struct {
    team *team;
    unsigned number;
} member;

static void work(team *of, unsigned n) {
    team_of_thread = of, number = n, singles_seen = loops_seen = 0;
    of->work(of->data);
    team_of_thread = NULL, number = 0;
}

static void *start(void *argument) {
    const member *me = argument;
    work(me->team, me->number);
    return NULL;
}

void GOMP_parallel(void (*function)(void *), void *data, unsigned n_threads, unsigned flags) {
    (void)flags;
    team *outer = team_of_thread;
    if (n_threads == 0) n_threads = 2;
    if (outer) n_threads = 1; /* no nesting, as by default */
    team crew = {.work = function, .data = data, .n_threads = n_threads};
    pthread_t *threads = malloc(n_threads * sizeof *threads);
    member *members = malloc(n_threads * sizeof *members);
    if (!threads || !members) abort();
    const unsigned outer_number = number;
    const unsigned long outer_singles = singles_seen, outer_loops = loops_seen;
    pthread_barrier_init(&crew.barrier, NULL, n_threads);
    pthread_mutex_init(&crew.lock, NULL);
    for (unsigned n = 1; n < n_threads; n++) {
        members[n] = (member){&crew, n};
        if (pthread_create(&threads[n], NULL, start, &members[n])) abort();
    }
    work(&crew, 0);
    for (unsigned n = 1; n < n_threads; n++) pthread_join(threads[n], NULL);
    pthread_mutex_destroy(&crew.lock);
    pthread_barrier_destroy(&crew.barrier);
    free(members);
    free(threads);
    team_of_thread = outer, number = outer_number, singles_seen = outer_singles, loops_seen = outer_loops;
}

int omp_get_thread_num(void) { return (int)number; }
int omp_get_num_threads(void) { return team_of_thread ? (int)team_of_thread->n_threads : 1; }

void GOMP_barrier(void) {
    if (team_of_thread) pthread_barrier_wait(&team_of_thread->barrier);
}

/* The first thread that comes to the n-th `single` takes it. */
bool GOMP_single_start(void) {
    team *crew = team_of_thread;
    if (!crew) return true;
    pthread_mutex_lock(&crew->lock);
    const bool is_first = singles_seen++ == crew->n_singles;
    crew->n_singles += is_first;
    pthread_mutex_unlock(&crew->lock);
    return is_first;
}

/* Loops with schedule(dynamic) and nowait: no thread begins another before all have begun this one, since the parallel
 * region ends behind it. */
bool GOMP_loop_nonmonotonic_dynamic_next(long *begin, long *end) {
    team *crew = team_of_thread;
    pthread_mutex_lock(&crew->lock);
    const long first = crew->next;
    const bool is_left = crew->step > 0 ? first < crew->end : first > crew->end;
    if (is_left) {
        const long last = first + crew->chunk * crew->step;
        const bool is_past = crew->step > 0 ? last > crew->end : last < crew->end;
        *begin = first, *end = crew->next = is_past ? crew->end : last;
    }
    pthread_mutex_unlock(&crew->lock);
    return is_left;
}

bool GOMP_loop_nonmonotonic_dynamic_start(long first, long stop, long step, long chunk, long *begin, long *end) {
    team *crew = team_of_thread;
    pthread_mutex_lock(&crew->lock);
    if (loops_seen++ == crew->n_loops) {
        crew->n_loops++;
        crew->next = first, crew->end = stop, crew->step = step, crew->chunk = chunk;
    }
    pthread_mutex_unlock(&crew->lock);
    return GOMP_loop_nonmonotonic_dynamic_next(begin, end);
}

void GOMP_loop_end_nowait(void) {}

/* A lock of OpenMP has room for a pointer on every system. */
void omp_init_lock(void *lock) {
    pthread_mutex_t **mutex = lock;
    *mutex = malloc(sizeof **mutex);
    if (!*mutex) abort();
    pthread_mutex_init(*mutex, NULL);
}

void omp_destroy_lock(void *lock) {
    pthread_mutex_destroy(*(pthread_mutex_t **)lock);
    free(*(pthread_mutex_t **)lock);
}

void omp_set_lock(void *lock) { pthread_mutex_lock(*(pthread_mutex_t **)lock); }
void omp_unset_lock(void *lock) { pthread_mutex_unlock(*(pthread_mutex_t **)lock); }
