/* nearest.c: the rows nearest to some queries by cosine, over a matrix that is only read.
 *
 * Fast sums propose, one dot product decides. The products of many queries with many rows are left to the kernel
 * `product`, whose last bits depend on the instruction set. Whatever comes within its rounding error of the results
 * found so far is computed again by `cosine`, a sum in fixed order, and only that number counts. So a query has the
 * same results, to the bit, alone or among others, with any number of threads, and equal rows have equal cosines. A
 * query reconsiders some topn * log(V / topn) rows: little beside its V products. Of a few queries all cosines are
 * computed by `cosine` to begin with: memory is what they wait for.
 *
 * Threads take the rows tile by tile, in any order: the best rows, of equal cosines the first ones, are the same. A
 * tile's scores are compared with what is needed as long as they are in the cache; the few that are enough are offered
 * to the query's heap, under its lock. fastw2v/nearest.py hands in the matrix block by block. */
#include <math.h>
#include <string.h>

#include "atomics.h"
#include "buffer.h"
#include "cosine.h"
#include "kernels.h"
#include "lock.h"
#include "matrix.h"

enum {
    FEW_QUERIES = 4,     /* from so many on `product` is faster */
    ROWS_PER_TILE = 128, /* they, and their scores, stay in the second-level cache */
    QUERIES_PER_TILE = 256,
    CHUNK = 64 /* scores that are compared at once with what is needed */
};

/* ---- the best so far ---- */

/* The best rows of one query, as a heap with the worst of them on top; of equal cosines the later row is worse. */
typedef struct {
    float *cosines;
    int64_t *ids;
} heap;

static heap heap_of(const w2v_nearest *nearest, int64_t query) {
    const int64_t first = query * nearest->n_wanted;
    return (heap){nearest->cosines + first, nearest->ids + first};
}

W2V_INLINE int is_worse(const heap *h, int64_t a, int64_t b) {
    return h->cosines[a] < h->cosines[b] || (h->cosines[a] == h->cosines[b] && h->ids[a] > h->ids[b]);
}

W2V_INLINE void swap(heap *h, int64_t a, int64_t b) {
    const float c = h->cosines[a];
    const int64_t id = h->ids[a];
    h->cosines[a] = h->cosines[b], h->ids[a] = h->ids[b];
    h->cosines[b] = c, h->ids[b] = id;
}

static void sift_up(heap *h, int64_t place) {
    for (int64_t parent; place > 0 && is_worse(h, place, parent = (place - 1) / 2); place = parent)
        swap(h, place, parent);
}

static void sift_down(heap *h, int64_t n) {
    for (int64_t place = 0, child; (child = 2 * place + 1) < n; place = child) {
        child += child + 1 < n && is_worse(h, child + 1, child);
        if (!is_worse(h, child, place)) return;
        swap(h, place, child);
    }
}

/* Keep the row if it is among the best so far; returns the bar: rows with a smaller cosine are not. */
static float offer(const w2v_nearest *nearest, int64_t query, int64_t id, float cosine) {
    heap h = heap_of(nearest, query);
    const int64_t k = nearest->n_wanted;
    lock_take(&nearest->locks[query]);
    int64_t *n = &nearest->n_found[query];
    if (*n < k) {
        h.cosines[*n] = cosine, h.ids[*n] = id;
        sift_up(&h, (*n)++);
    } else if (cosine > h.cosines[0] || (cosine == h.cosines[0] && id < h.ids[0])) {
        h.cosines[0] = cosine, h.ids[0] = id;
        sift_down(&h, k);
    }
    if (*n == k) float_set(&nearest->bars[query], h.cosines[0]);
    const float bar = nearest->bars[query];
    lock_release(&nearest->locks[query]);
    return bar;
}

void w2v_nearest_sort(const w2v_nearest *nearest) {
    for (int64_t query = 0; query < nearest->n_queries; query++) {
        heap h = heap_of(nearest, query);
        for (int64_t n = nearest->n_found[query] - 1; n > 0; n--) {
            swap(&h, 0, n);
            sift_down(&h, n);
        }
    }
}

static int is_excluded(const w2v_nearest *nearest, int64_t query, int64_t id) {
    const int64_t *at = nearest->excluded + nearest->excluded_starts[query];
    const int64_t *end = nearest->excluded + nearest->excluded_starts[query + 1];
    while (at < end && *at != id) at++;
    return at < end;
}

/* ---- searching ---- */

typedef struct {
    const w2v_kernels *kernels;
    const w2v_searched *rows;
    const w2v_nearest *nearest;
    float *columns; /* [D, room] the queries as columns */
    int64_t room;
    float slack; /* how far from cosines the scores may be */
    int32_t backwards;
    int64_t n_tiles, n_taken; /* of the tiles of rows; atomic */
} search;

/* The first row of a tile that nobody has taken, or -1. */
static int64_t take_tile(search *s) {
    const int64_t n = atomic_add(&s->n_taken, 1);
    if (n > s->n_tiles) return -1;
    return (s->backwards ? s->n_tiles - n : n - 1) * ROWS_PER_TILE;
}

static void search_few(search *s) {
    const w2v_nearest *nearest = s->nearest;
    float cosines[ROWS_PER_TILE];
    for (int64_t first; (first = take_tile(s)) >= 0;) {
        const int64_t n = least(ROWS_PER_TILE, s->rows->n_rows - first);
        for (int64_t query = 0; query < nearest->n_queries; query++) {
            const float *vec = nearest->queries + query * s->rows->dim;
            for (int64_t i = 0; i < n; i++) cosines[i] = cosine(s->rows, first + i, vec);
            float bar = float_get(&nearest->bars[query]);
            for (int64_t i = 0; i < n; i++) {
                const int64_t id = s->rows->first_id + first + i;
                if (cosines[i] >= bar && !is_excluded(nearest, query, id))
                    bar = offer(nearest, query, id, cosines[i]);
            }
        }
    }
}

/* Does any of a row's scores [n], times `scale`, reach what is needed? */
static int any_reaches(const float *scores, float scale, const float *needed, int64_t n) {
    int any = 0;
    for (int64_t k = 0; k < n; k++) any |= scores[k] * scale >= needed[k];
    return any;
}

/* Consider the rows whose products with queries from `query` on are in scores [n_rows, score_room]. */
static void look_through(const search *s, const float *scores, int64_t score_room, int64_t row, int64_t n_rows,
                         int64_t query, int64_t n_queries) {
    float needed[QUERIES_PER_TILE];
    for (int64_t k = 0; k < n_queries; k++) needed[k] = float_get(&s->nearest->bars[query + k]) - s->slack;
    for (int64_t i = row; i < row + n_rows; i++, scores += score_room) {
        const int64_t id = s->rows->first_id + i;
        const float scale = over_norm(1, s->rows->norms[i]);
        for (int64_t first = 0; first < n_queries; first += CHUNK) {
            const int64_t end = least(first + CHUNK, n_queries);
            if (!any_reaches(scores + first, scale, needed + first, end - first)) continue;
            for (int64_t k = first; k < end; k++) {
                if (!(scores[k] * scale >= needed[k]) || is_excluded(s->nearest, query + k, id)) continue;
                const float exact = cosine(s->rows, i, s->nearest->queries + (query + k) * s->rows->dim);
                needed[k] = offer(s->nearest, query + k, id, exact) - s->slack;
            }
        }
    }
}

static void search_many(search *s, float *scores) {
    const w2v_searched *rows = s->rows;
    for (int64_t row; (row = take_tile(s)) >= 0;) {
        w2v_product product = {
            .n_rows = least(ROWS_PER_TILE, rows->n_rows - row),
            .n_terms = rows->dim,
            .scale = 1,
            .a = rows->vecs + row * rows->stride,
            .a_row = rows->stride,
            .a_term = 1,
            .b_term = s->room,
            .c = scores,
            .c_row = odd_room(QUERIES_PER_TILE),
        };
        for (int64_t query = 0; query < s->nearest->n_queries; query += QUERIES_PER_TILE) {
            product.n_columns = least(QUERIES_PER_TILE, s->nearest->n_queries - query);
            product.b = s->columns + query;
            s->kernels->product(&product);
            look_through(s, scores, product.c_row, row, product.n_rows, query, product.n_columns);
        }
    }
}

w2v_status w2v_nearest_update(const w2v_kernels *kernels, const w2v_searched *rows, const w2v_nearest *nearest,
                              int32_t n_threads, int32_t backwards) {
    const int is_few = nearest->n_queries < FEW_QUERIES;
    const int64_t scores_size = ROWS_PER_TILE * odd_room(QUERIES_PER_TILE);
    search s = {.kernels = kernels, .rows = rows, .nearest = nearest, .backwards = backwards};
    float *scores = NULL;
    s.n_tiles = (rows->n_rows + ROWS_PER_TILE - 1) / ROWS_PER_TILE;
    n_threads = (int32_t)least(n_threads, s.n_tiles);
    if (!is_few) {
        s.slack = sums_differ_by(rows->dim);
        s.room = odd_room(nearest->n_queries);
        s.columns = aligned_new((size_t)(rows->dim * s.room) * sizeof *s.columns);
        scores = aligned_new((size_t)(n_threads * scores_size) * sizeof *scores);
        if (!s.columns || !scores) {
            aligned_free(s.columns);
            aligned_free(scores);
            return W2V_ERR_MEMORY;
        }
        memset(s.columns, 0, (size_t)(rows->dim * s.room) * sizeof *s.columns);
        transpose(nearest->queries, nearest->n_queries, rows->dim, rows->dim, s.columns, s.room);
    }
    W2V_OMP("omp parallel for schedule(static, 1) num_threads(n_threads)")
    for (int32_t thread = 0; thread < n_threads; thread++)
        if (is_few) search_few(&s);
        else search_many(&s, scores + thread * scores_size);
    aligned_free(s.columns);
    aligned_free(scores);
    return W2V_OK;
}

void w2v_cosines(const w2v_searched *rows, const float *queries, int64_t n_queries, float *cosines, int64_t room,
                 int32_t n_threads) {
    W2V_OMP("omp parallel for schedule(static, 256) num_threads(n_threads)")
    for (int64_t row = 0; row < rows->n_rows; row++)
        for (int64_t query = 0; query < n_queries; query++)
            cosines[query * room + row] = cosine(rows, row, queries + query * rows->dim);
    (void)n_threads;
}
