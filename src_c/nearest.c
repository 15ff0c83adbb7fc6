/* nearest.c: the rows nearest to some queries by cosine, and analogy questions, over a matrix that is only read.
 *
 * BLAS proposes, one dot product decides. The products of many queries with many rows are left to the caller's sgemm,
 * whose last bits depend on the shape of a product, on the library and on the CPU. Whatever comes within its rounding
 * error of the results found so far is computed again by `dot`, a sum in fixed order, and only that number counts. So a
 * query has the same results, to the bit, alone or among others, with any number of threads, and equal rows have equal
 * cosines. A query reconsiders some topn * log(V / topn) rows: little beside its V products.
 *
 * A few queries are computed by `dot` to begin with: plain C that compilers turn into vector code, for memory is what
 * it waits for. fastw2v/nearest.py hands in the matrix block by block, in rising order, and keeps what was found. */
#include <math.h>

#include "blas.h"
#include "w2v.h"

enum {
    LANES = 16,          /* partial sums of a dot product */
    AHEAD = 512,         /* numbers that are fetched in advance of a dot product: a page or less */
    ROWS_PER_TILE = 512, /* of a product that one thread computes: smaller ones spend more time on copying */
    QUERIES_PER_TILE = 512,
    CHUNK = 64 /* cosines that are compared at once with what is needed */
};

/* Shorter rows have no direction: their squares are not normal numbers. */
static const float MIN_NORM = 1e-18f;
/* 3CosMul's denominator (Levy & Goldberg, CoNLL 2014, section 3). */
static const float EPSILON = 1e-3f;

W2V_INLINE float dot(const float *a, const float *b, int64_t n) {
    float sums[LANES] = {0};
    int64_t d = 0;
    for (int64_t line = 0; line < n; line += LANES) W2V_PREFETCH_READ(a + line + AHEAD);
    for (; d + LANES <= n; d += LANES)
        for (int lane = 0; lane < LANES; lane++) sums[lane] += a[d + lane] * b[d + lane];
    for (; d + 4 <= n; d += 4) /* lanes are constants throughout, so that sums stay in registers */
        for (int lane = 0; lane < 4; lane++) sums[lane] += a[d + lane] * b[d + lane];
    float rest = 0, quarters[4];
    for (; d < n; d++) rest += a[d] * b[d];
    for (int lane = 0; lane < 4; lane++)
        quarters[lane] = (sums[lane] + sums[lane + 4]) + (sums[lane + 8] + sums[lane + 12]);
    return (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]) + rest;
}

W2V_INLINE float over_norm(float product, float norm) { return norm >= MIN_NORM ? product / norm : 0.0f; }

W2V_INLINE float cosine(const w2v_searched *rows, int64_t row, const float *query) {
    return over_norm(dot(rows->vecs + row * rows->stride, query, rows->dim), rows->norms[row]);
}

W2V_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

void w2v_cosines(const w2v_searched *rows, const float *queries, int64_t n_queries, float *cosines, int64_t room,
                 int32_t n_threads, int32_t backwards) {
    const int64_t n_chunks = (rows->n_rows + CHUNK - 1) / CHUNK;
    W2V_OMP("omp parallel for schedule(dynamic, 4) num_threads(n_threads)")
    for (int64_t i = 0; i < n_chunks; i++) {
        const int64_t first = (backwards ? n_chunks - 1 - i : i) * CHUNK;
        for (int64_t row = first; row < least(first + CHUNK, rows->n_rows); row++)
            for (int64_t query = 0; query < n_queries; query++)
                cosines[query * room + row] = cosine(rows, row, queries + query * rows->dim);
    }
    (void)n_threads;
}

float w2v_cosines_approximate(const w2v_searched *rows, const float *queries, int64_t n_queries, float *cosines,
                              int64_t room, int32_t n_threads, w2v_sgemm sgemm) {
    const int64_t tiles_down = (n_queries + QUERIES_PER_TILE - 1) / QUERIES_PER_TILE;
    const int64_t tiles_across = (rows->n_rows + ROWS_PER_TILE - 1) / ROWS_PER_TILE;
    W2V_OMP("omp parallel for schedule(dynamic) num_threads(n_threads)")
    for (int64_t tile = 0; tile < tiles_down * tiles_across; tile++) {
        const int64_t query = tile % tiles_down * QUERIES_PER_TILE, row = tile / tiles_down * ROWS_PER_TILE;
        const int64_t n = least(QUERIES_PER_TILE, n_queries - query), width = least(ROWS_PER_TILE, rows->n_rows - row);
        float *out = cosines + query * room + row, scales[ROWS_PER_TILE];
        for (int64_t j = 0; j < width; j++) scales[j] = over_norm(1, rows->norms[row + j]);
        rows_product(sgemm, (int32_t)n, (int32_t)width, rows->dim, queries + query * rows->dim, rows->dim,
                     rows->vecs + row * rows->stride, (int32_t)rows->stride, out, (int32_t)room);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < width; j++) out[i * room + j] *= scales[j];
    }
    (void)n_threads;
    /* Each of two sums of D products is within D / 2^24 of the exact one (of unit vectors), in any order. */
    return (float)(2.0 * (rows->dim + 8) / (1 << 24));
}

/* ---- the nearest rows of each query ---- */

/* The best so far of one query, as a heap with the worst of them on top; of equal cosines the later row is worse. */
typedef struct {
    float *cosines;
    int64_t *ids;
    int64_t n;
} heap;

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

W2V_INLINE int is_among(int64_t id, const int64_t *ids, const int64_t *end) {
    while (ids < end && *ids != id) ids++;
    return ids < end;
}

static int any_above(const float *scores, int64_t n, float bar) {
    int any = 0;
    for (int64_t i = 0; i < n; i++) any |= scores[i] > bar;
    return any;
}

/* Rows come in rising order, so one that equals the worst found so far is no better than it. */
static void nearest_of_query(const w2v_searched *rows, const float *query, const float *cosines, float slack,
                             const w2v_nearest *nearest, int64_t place) {
    const int64_t k = nearest->n_wanted;
    const int64_t *excluded = nearest->excluded + nearest->excluded_starts[place];
    const int64_t *end = nearest->excluded + nearest->excluded_starts[place + 1];
    heap h = {nearest->cosines + place * k, nearest->ids + place * k, nearest->n_found[place]};
    for (int64_t first = 0; first < rows->n_rows; first += CHUNK) {
        const int64_t last = least(first + CHUNK, rows->n_rows);
        if (!any_above(cosines + first, last - first, h.n < k ? -INFINITY : h.cosines[0] - slack)) continue;
        for (int64_t row = first; row < last; row++) {
            const int64_t id = rows->first_id + row;
            if (h.n == k && !(cosines[row] > h.cosines[0] - slack)) continue;
            if (is_among(id, excluded, end)) continue;
            const float exact = slack > 0 ? cosine(rows, row, query) : cosines[row];
            if (h.n < k) {
                h.cosines[h.n] = exact, h.ids[h.n] = id;
                sift_up(&h, h.n++);
            } else if (exact > h.cosines[0]) {
                h.cosines[0] = exact, h.ids[0] = id;
                sift_down(&h, k);
            }
        }
    }
    nearest->n_found[place] = h.n;
}

void w2v_nearest_update(const w2v_searched *rows, const float *queries, const float *cosines, int64_t room, float slack,
                        const w2v_nearest *nearest, int32_t n_threads) {
    W2V_OMP("omp parallel for schedule(dynamic) num_threads(n_threads) if (nearest->n_queries > 1)")
    for (int64_t place = 0; place < nearest->n_queries; place++)
        nearest_of_query(rows, queries + place * rows->dim, cosines + place * room, slack, nearest, place);
    (void)n_threads;
}

void w2v_nearest_sort(const w2v_nearest *nearest) {
    for (int64_t place = 0; place < nearest->n_queries; place++) {
        heap h = {nearest->cosines + place * nearest->n_wanted, nearest->ids + place * nearest->n_wanted,
                  nearest->n_found[place]};
        for (int64_t n = h.n - 1; n > 0; n--) {
            swap(&h, 0, n);
            sift_down(&h, n);
        }
    }
}

/* ---- analogies ---- */

/* What the answer to a : b :: c : ? is to have most of, given its cosines to the three words, each of which may be
 * `slack` too small or too large: the most that it can be. */
W2V_INLINE float analogy_score(float a, float b, float c, float slack, const int multiply) {
    if (!multiply) return b - a + c + 3 * slack;
    const float below = (1 + a - slack) / 2 + EPSILON;
    return (1 + b + slack) / 2 * ((1 + c + slack) / 2) / (below > EPSILON / 2 ? below : EPSILON / 2);
}

W2V_INLINE void answer_question(const w2v_searched *rows, const float *words, const float *table, int64_t room,
                                float slack, const w2v_analogies *asked, int64_t question, const int multiply) {
    const int32_t *place = asked->places + 3 * question;
    const float *a = table + place[0] * room, *b = table + place[1] * room, *c = table + place[2] * room;
    float best = asked->scores[question];
    for (int64_t first = 0; first < rows->n_rows; first += CHUNK) {
        const int64_t last = least(first + CHUNK, rows->n_rows);
        int any = 0;
        for (int64_t row = first; row < last; row++)
            any |= analogy_score(a[row], b[row], c[row], slack, multiply) > best;
        if (!any) continue;
        for (int64_t row = first; row < last; row++) {
            if (!(analogy_score(a[row], b[row], c[row], slack, multiply) > best)) continue;
            const int32_t group = asked->groups[rows->first_id + row];
            if (group == asked->word_groups[place[0]] || group == asked->word_groups[place[1]] ||
                group == asked->word_groups[place[2]])
                continue;
            float exact[3] = {a[row], b[row], c[row]};
            for (int i = 0; i < 3 && slack > 0; i++) exact[i] = cosine(rows, row, words + place[i] * rows->dim);
            const float score = analogy_score(exact[0], exact[1], exact[2], 0, multiply);
            if (!(score > best)) continue;
            best = score;
            asked->answers[question] = rows->first_id + row;
        }
    }
    asked->scores[question] = best;
}

void w2v_analogies_update(const w2v_searched *rows, const float *words, const float *table, int64_t room, float slack,
                          const w2v_analogies *asked, int32_t n_threads) {
    W2V_OMP("omp parallel for schedule(dynamic, 16) num_threads(n_threads)")
    for (int64_t question = 0; question < asked->n_questions; question++)
        if (asked->multiply) answer_question(rows, words, table, room, slack, asked, question, 1);
        else answer_question(rows, words, table, room, slack, asked, question, 0);
    (void)n_threads;
}
