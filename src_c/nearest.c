/* nearest.c: the rows nearest to some queries by cosine, over a matrix that is only read.
 *
 * Fast sums propose, one dot product decides. The products of many queries with many rows are left to the kernel
 * `product`, whose last bits depend on the instruction set. Whatever comes within its rounding error of the results
 * found so far is computed again by `cosine`, a sum in fixed order, and only that number counts. So a query has the
 * same results, to the bit, alone or among others, with any number of threads, and equal rows have equal cosines. A
 * query reconsiders some topn * log(V / topn) rows: little beside its V products. Of a few queries all cosines are
 * computed by `cosine` to begin with, as memory is what they wait for, or a sketch of the rows proposes (sketch.h).
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
#include "sketch.h"

enum {
    ROWS_OF_FEW = 512,   /* at once: contiguous memory, and threads that end together */
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
    const w2v_sketch *sketch;
    int16_t *factors;            /* [n_queries, stride of the sketch] */
    w2v_sketched_query *queries; /* [n_queries] */
    float *columns;              /* [D, room] the queries as columns */
    int64_t room;
    float slack;                 /* how far from cosines the products may be */
    int32_t status;              /* atomic */
    int32_t backwards;
    int64_t tile_rows, n_tiles, n_taken; /* of the tiles of rows; the last is atomic */
} search;

/* The first row of a tile that nobody has taken, or -1. */
static int64_t take_tile(search *s) {
    const int64_t n = atomic_add(&s->n_taken, 1);
    if (n > s->n_tiles) return -1;
    return (s->backwards ? s->n_tiles - n : n - 1) * s->tile_rows;
}

static void search_few(search *s) {
    const w2v_nearest *nearest = s->nearest;
    float cosines[ROWS_OF_FEW];
    for (int64_t first; (first = take_tile(s)) >= 0;) {
        const int64_t n = least(ROWS_OF_FEW, s->rows->n_rows - first);
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

/* What the sketch proposes of one query, given the products of its codes with rows from `first` on. */
static void look_at_products(search *s, const int32_t *products, int64_t first, int64_t n, int64_t query) {
    const w2v_searched *rows = s->rows;
    const w2v_sketched_query sketched = s->queries[query];
    const float *scales = s->sketch->scales + rows->first_id + first;
    const float *errors = s->sketch->errors + rows->first_id + first;
    float bar = float_get(&s->nearest->bars[query]), most[CHUNK];
    int any = 0;
    for (int64_t i = 0; i < n; i++) {
        most[i] = (float)products[i] * scales[i] * sketched.scale + errors[i] * sketched.reach;
        any |= most[i] >= bar;
    }
    if (!any) return;
    for (int64_t i = 0; i < n; i++) {
        const int64_t id = rows->first_id + first + i;
        if (!(most[i] >= bar) || is_excluded(s->nearest, query, id)) continue;
        const float exact = cosine(rows, first + i, s->nearest->queries + query * rows->dim);
        if (exact > most[i] || exact < most[i] - 2 * errors[i] * sketched.reach) flag_set(&s->status, W2V_ERR_STALE);
        if (exact >= bar) bar = offer(s->nearest, query, id, exact);
    }
}

static void search_sketch(search *s) {
    const w2v_sketch *sketch = s->sketch;
    int32_t products[ROWS_OF_FEW];
    for (int64_t first; (first = take_tile(s)) >= 0;) {
        const int64_t n = least(ROWS_OF_FEW, s->rows->n_rows - first);
        const int8_t *codes = sketch->codes + (s->rows->first_id + first) * sketch->stride;
        for (int64_t query = 0; query < s->nearest->n_queries; query++) {
            s->kernels->code_products(codes, n, sketch->stride, s->factors + query * sketch->stride, products);
            for (int64_t i = 0; i < n; i += CHUNK)
                look_at_products(s, products + i, first + i, least(CHUNK, n - i), query);
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

/* What the queries look like to those who search; W2V_ERR_MEMORY leaves it to search_free. */
static w2v_status search_init(search *s) {
    const w2v_nearest *nearest = s->nearest;
    const size_t n_queries = (size_t)nearest->n_queries, dim = (size_t)s->rows->dim;
    if (nearest->n_queries < W2V_FEW_QUERIES) {
        s->tile_rows = ROWS_OF_FEW;
        if (!s->sketch) return W2V_OK;
        s->factors = aligned_new(n_queries * (size_t)s->sketch->stride * sizeof *s->factors);
        s->queries = malloc(n_queries * sizeof *s->queries);
        if (!s->factors || !s->queries) return W2V_ERR_MEMORY;
        for (int64_t query = 0; query < nearest->n_queries; query++)
            s->queries[query] = w2v_sketch_query(s->sketch, nearest->queries + query * s->rows->dim,
                                                 s->factors + query * s->sketch->stride);
        return W2V_OK;
    }
    s->sketch = NULL;
    s->tile_rows = ROWS_PER_TILE;
    s->slack = sums_differ_by(s->rows->dim);
    s->room = odd_room(nearest->n_queries);
    s->columns = aligned_new(dim * (size_t)s->room * sizeof *s->columns);
    if (!s->columns) return W2V_ERR_MEMORY;
    memset(s->columns, 0, dim * (size_t)s->room * sizeof *s->columns);
    transpose(nearest->queries, nearest->n_queries, s->rows->dim, s->rows->dim, s->columns, s->room);
    return W2V_OK;
}

static void search_free(search *s) {
    aligned_free(s->factors);
    free(s->queries);
    aligned_free(s->columns);
}

/* One thread's part. */
static void work(search *s) {
    if (s->sketch) {
        search_sketch(s);
    } else if (!s->columns) {
        search_few(s);
    } else {
        float *scores = aligned_new((size_t)(ROWS_PER_TILE * odd_room(QUERIES_PER_TILE)) * sizeof *scores);
        if (scores) search_many(s, scores);
        else flag_set(&s->status, W2V_ERR_MEMORY);
        aligned_free(scores);
    }
}

w2v_status w2v_nearest_update(const w2v_kernels *kernels, const w2v_searched *rows, const w2v_sketch *sketch,
                              const w2v_nearest *nearest, int32_t n_threads, int32_t backwards) {
    search s = {.kernels = kernels, .rows = rows, .sketch = sketch, .nearest = nearest, .backwards = backwards};
    s.status = search_init(&s);
    if (s.status == W2V_OK) {
        s.n_tiles = (rows->n_rows + s.tile_rows - 1) / s.tile_rows;
        W2V_OMP("omp parallel num_threads((int32_t)least(n_threads, s.n_tiles))")
        work(&s);
    }
    search_free(&s);
    (void)n_threads;
    return (w2v_status)s.status;
}

void w2v_cosines(const w2v_searched *rows, const float *queries, int64_t n_queries, float *cosines, int64_t room,
                 int32_t n_threads) {
    W2V_OMP("omp parallel for schedule(static, 256) num_threads(n_threads)")
    for (int64_t row = 0; row < rows->n_rows; row++)
        for (int64_t query = 0; query < n_queries; query++)
            cosines[query * room + row] = cosine(rows, row, queries + query * rows->dim);
    (void)n_threads;
}
