/* together.h: windows of a shard that are scored together before any of them is learnt, and the tiles they make.
 *
 * What one step of slices.c consists of is chosen here, from the text and the random numbers alone. Windows come from
 * as many places of a piece of text, far from each other (see walk.h), so that they have few rows in common; and a
 * group ends early rather than that a word is a centre more than W2V_MOST_ALIKE_CENTERS times, or an input more than
 * W2V_MOST_ALIKE_INPUTS times. Where a line repeats a word, steps of many windows, all found from the same old rows,
 * would be summed into one row and overshoot, the next more so, until nothing is finite. */
#ifndef W2V_TOGETHER_H
#define W2V_TOGETHER_H

#include "problem.h"

enum { W2V_MOST_ALIKE_INPUTS = 7, W2V_MOST_ALIKE_CENTERS = 2 };
/* Bytes between what one thread writes and another reads: processors fetch lines in pairs. */
enum { W2V_LINES_APART = 2 * W2V_CACHE_LINE };

/* Whoever chooses a group fills it; others read it but for its problems, and rows of CBOW's contexts. What they read is
 * in few cache lines, none of which is being written for another group: lines that cross between cores are slow. */
typedef struct {
    w2v_problem *problems; /* [most] */
    int32_t most, n_problems, n_windows, n_tiles, n_predictions;
    int64_t n_tokens; /* of the text that were done when it was chosen, and not when the one before was */
    int64_t n_scores; /* of all tiles; they stand one behind the other */
    int64_t n_rows;
    w2v_tile *tiles;   /* [n_tiles] but for scratch and rows to fetch, which are each thread's own affair */
    w2v_real **rows;   /* [n_rows] the targets of all tiles, and skip-gram's inputs */
    w2v_real **hidden; /* [most, 2, G] CBOW's rows: a problem's G hidden vectors, then the G rows where they learn */
    char apart[W2V_LINES_APART];
} w2v_group;

/* Which words are in the group that is being chosen. */
typedef struct {
    uint16_t *words; /* [V] what is noted of each: the last group it was in, and as what (see together.c) */
    int64_t n_words;
    uint16_t group; /* the number of this one, as it is in notes */
} w2v_notes;

/* Reads the text of a shard and chooses. */
typedef struct {
    const w2v_plan *plan;
    w2v_walk walk;
    w2v_choice choice;
    w2v_rows in_rows, out_rows;
    const w2v_window *window; /* the next one, if ... */
    int has_window;           /* ... it was read already and did not fit the last group */
} w2v_chooser;

/* A shard, and its next groups. While one is learnt the next is scored, and another thread may still be learning from
 * the one before: others are chosen ahead. */
enum { W2V_GROUPS_EACH = 6 };
typedef struct {
    w2v_group *groups; /* [W2V_GROUPS_EACH] a ring */
    char apart[W2V_LINES_APART]; /* only its thread reads what follows */
    w2v_chooser chooser;
    int64_t n_chosen;
    int is_begun; /* is the next one? */
    char apart_too[W2V_LINES_APART];
} w2v_strand;

/* Most tiles of a group, and the numbers that its scores take. */
int64_t w2v_group_tiles(const w2v_plan *plan);
int64_t w2v_group_room(const w2v_plan *plan);

/* How many rows a strand needs besides those of the matrices. */
int64_t w2v_strand_hidden(const w2v_plan *plan);
/* strand INOUT all zero. */
w2v_status w2v_strand_init(w2v_strand *strand, const w2v_plan *plan, const int32_t *ids, int64_t n_ids,
                           w2v_real *hidden_rows /* zero */);
void w2v_strand_free(w2v_strand *strand);
/* Begin a shard. */
void w2v_strand_start(w2v_strand *strand, int64_t shard);
/* Choose a window of the next group; returns whether more are to follow. Once the shard has ended, groups are without
 * a tile. The notes are those that the group was begun with, free of words before and after. */
int w2v_strand_choose(w2v_strand *strand, w2v_notes *notes);

W2V_INLINE w2v_group *w2v_strand_group(w2v_strand *strand, int64_t number) {
    return &strand->groups[number % W2V_GROUPS_EACH];
}

/* Rows of a problem's contexts and hidden vectors. */
W2V_INLINE int64_t w2v_group_scratch(const w2v_plan *plan) {
    return windows_together(plan) * (2 * (int64_t)plan->window + 1);
}
/* Numbers from .. to - 1 of CBOW's hidden vectors, before the tiles are scored, and, when they are learnt, of what the
 * contexts learn. rows [w2v_group_scratch] is scratch. */
void w2v_group_hide(const w2v_group *group, const w2v_plan *plan, int64_t from, int64_t to, w2v_real **rows);
void w2v_group_spread(const w2v_group *group, const w2v_plan *plan, int64_t from, int64_t to, w2v_real **rows);

w2v_status w2v_notes_init(w2v_notes *notes, const w2v_plan *plan);
void w2v_notes_free(w2v_notes *notes);

/* Of one problem of a group, its hidden vectors or, after them, what they learn. */
W2V_INLINE w2v_real **hidden_of(const w2v_group *group, int32_t problem, int32_t G) {
    return group->hidden + 2 * problem * G;
}

#endif
