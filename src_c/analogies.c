/* analogies.c: questions a : b :: c : ?, answered from a table of the cosines of their words with all rows.
 *
 * As in nearest.c, fast sums propose and one dot product decides: a row that may be the best answer, by the rounding
 * error of the table, has its three cosines computed again. fastw2v/cosines.py hands in the matrix block by block, in
 * rising order. */
#include <math.h>
#include <string.h>

#include "atomics.h"
#include "buffer.h"
#include "cosine.h"
#include "kernels.h"
#include "matrix.h"

enum {
    ROWS_PER_TILE = 128, /* they, and their cosines, stay in the second-level cache */
    LONG_ROW = 1 << 13,  /* of such rows a tile has fewer */
    WORDS_PER_TILE = 256,
    CHUNK = 64 /* scores that are compared at once with what is needed */
};

/* 3CosMul's denominator (Levy & Goldberg, CoNLL 2014, section 3). */
static const float EPSILON = 1e-3f;

/* ---- the table ---- */

typedef struct {
    const w2v_kernels *kernels;
    const w2v_searched *rows;
    const float *words; /* [n_words, D] */
    int64_t n_words;
    float *cosines; /* [n_words, cosines_room] */
    int64_t cosines_room;
    int64_t tile_rows, room; /* of a tile, and from one row to the next where they are columns */
    int64_t n_taken;         /* of the rows; atomic */
} filling;

/* One thread's part: columns [D, room] gets the unit vectors of a tile's rows, scores [WORDS_PER_TILE, room] their
 * products. */
static void fill_tiles(filling *t, float *columns, float *scores) {
    const w2v_searched *rows = t->rows;
    float scales[ROWS_PER_TILE];
    for (int64_t row; (row = atomic_add(&t->n_taken, t->tile_rows) - t->tile_rows) < rows->n_rows;) {
        const int64_t n = least(t->tile_rows, rows->n_rows - row);
        for (int64_t i = 0; i < n; i++) scales[i] = over_norm(1, rows->norms[row + i]);
        transpose(rows->vecs + row * rows->stride, n, rows->dim, rows->stride, columns, t->room);
        for (int64_t d = 0; d < rows->dim; d++)
            for (int64_t i = 0; i < n; i++) columns[d * t->room + i] *= scales[i];
        for (int64_t word = 0; word < t->n_words; word += WORDS_PER_TILE) {
            const w2v_product product = {
                .n_rows = least(WORDS_PER_TILE, t->n_words - word),
                .n_columns = n,
                .n_terms = rows->dim,
                .scale = 1,
                .a = t->words + word * rows->dim,
                .a_row = rows->dim,
                .a_term = 1,
                .b = columns,
                .b_term = t->room,
                .c = scores,
                .c_row = t->room,
            };
            t->kernels->product(&product);
            for (int64_t i = 0; i < product.n_rows; i++)
                memcpy(t->cosines + (word + i) * t->cosines_room + row, scores + i * t->room,
                       (size_t)n * sizeof *scores);
        }
    }
}

w2v_status w2v_cosines_table(const w2v_kernels *kernels, const w2v_searched *rows, const float *words, int64_t n_words,
                             float *cosines, int64_t cosines_room, int32_t n_threads, float *slack) {
    filling t = {.kernels = kernels, .rows = rows, .words = words, .n_words = n_words, .cosines = cosines};
    t.cosines_room = cosines_room;
    t.tile_rows = rows->dim < LONG_ROW ? ROWS_PER_TILE : W2V_ROW_ALIGN;
    t.room = odd_room(t.tile_rows);
    const int64_t columns_size = rows->dim * t.room, size = columns_size + WORDS_PER_TILE * t.room;
    float *tiles = aligned_new((size_t)(n_threads * size) * sizeof *tiles);
    if (!tiles) return W2V_ERR_MEMORY;
    memset(tiles, 0, (size_t)(n_threads * size) * sizeof *tiles);
    W2V_OMP("omp parallel for schedule(static, 1) num_threads(n_threads)")
    for (int32_t thread = 0; thread < n_threads; thread++)
        fill_tiles(&t, tiles + thread * size, tiles + thread * size + columns_size);
    aligned_free(tiles);
    *slack = sums_differ_by(rows->dim);
    return W2V_OK;
}

/* ---- answers ---- */

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
