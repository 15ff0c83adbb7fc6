/* together.h: windows that are scored together before any of them is learnt, and the tiles they make.
 *
 * What one step of slices.c consists of is chosen here, from the text and the random numbers alone. Windows come from
 * as many places of a piece of text, far from each other (see walk.h), so that they have few rows in common; and a
 * group ends early rather than that a word is a centre twice, or an input more than W2V_MOST_ALIKE_INPUTS times. Where
 * a line repeats a word, steps of many windows, all found from the same old rows, would be summed into one row and
 * overshoot, the next more so, until nothing is finite; ordinary text hardly ever ends a group early. */
#ifndef W2V_TOGETHER_H
#define W2V_TOGETHER_H

#include "learn.h"

enum { W2V_MOST_ALIKE_INPUTS = 8 };

typedef struct {
    w2v_problem *problems; /* [most] */
    int32_t most, n_problems, n_windows;
    w2v_real lr;
    w2v_tile *tiles; /* [n_tiles] but for scratch and rows to fetch, which are each thread's own affair */
    int64_t *starts; /* [n_tiles + 1] where the scores of a tile are, with some room behind them */
    int32_t n_tiles;
    w2v_real *hidden_rows; /* CBOW: [most, 2, G, stride] ... */
    w2v_real **hidden;     /* ... these rows: a problem's G hidden vectors, then the G rows where they learn */
} w2v_group;

/* Reads the text of a shard and chooses. */
typedef struct {
    const w2v_plan *plan;
    w2v_walk walk;
    w2v_learner learner; /* for its noise words and its view of the matrices: it learns nothing */
    w2v_window window;   /* the next one, if ... */
    int has_window;      /* ... it was read already and did not fit the last group */
    int64_t tokens_done; /* of the epoch */
    uint8_t *n_inputs;   /* [V] how often a word is an input of the group */
    uint8_t *is_center;  /* [V] */
    int32_t *noted;      /* [n_noted] the words that these two know of */
    int32_t n_noted;
} w2v_chooser;

w2v_status w2v_group_init(w2v_group *group, const w2v_plan *plan);
void w2v_group_free(w2v_group *group);
/* Numbers that the scores of any group take, and the scratch of any tile. */
int64_t w2v_group_room(const w2v_plan *plan);
int64_t w2v_group_scratch(const w2v_plan *plan);

w2v_status w2v_chooser_init(w2v_chooser *chooser, const w2v_plan *plan, const int32_t *ids, int64_t n_ids);
void w2v_chooser_free(w2v_chooser *chooser);
/* Begin a shard. */
void w2v_chooser_start(w2v_chooser *chooser, int64_t shard);
/* Choose the next group; it is without a tile when the shard has ended. */
void w2v_chooser_fill(w2v_chooser *chooser, w2v_group *group);

/* Of one problem of a group, its hidden vectors or, after them, what they learn. */
W2V_INLINE w2v_real **hidden_of(const w2v_group *group, int32_t problem, int32_t G) {
    return group->hidden + 2 * problem * G;
}

#endif
