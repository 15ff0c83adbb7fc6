/* problem.h: what is to be learnt from a few windows: which rows are inputs, which are targets, and the tiles that
 * they make.
 *
 * Skip-gram and CBOW differ in the inputs, the losses in the targets. Both are chosen ahead of time, so that the rows
 * have come from memory when they are worked on (learn.h). */
#ifndef W2V_PROBLEM_H
#define W2V_PROBLEM_H

#include "kernels.h"
#include "rows.h"
#include "sampler.h"
#include "walk.h"

/* The windows (G at most) that share their noise words, as rows. Without shared noise G is 1, and each context has
 * its own set of targets: n_sets sets instead of one. */
typedef struct {
    w2v_real lr;
    int32_t most_windows, is_joint; /* G; are they joint (plan.h)? */
    int32_t n_windows, n_contexts, n_sets, n_predictions;
    int32_t *centers;        /* [G] */
    int32_t *context_starts; /* [G + 1] into the next; not if windows are joint: ... */
    const w2v_window *joint; /* [n_windows] ... contexts are all from the first one's low to the last one's high */
    const w2v_real *hidden_scales, *context_scales; /* the choice's */
    w2v_real *const *contexts; /* [2WG] rows of in_vecs: in the room for them or, where windows are joint, in the
                                * choice's own list, valid until the walk's next refill */
    w2v_real **context_room;
    int64_t *set_starts;     /* [n_sets + 1] into the next */
    w2v_real **targets;      /* rows of out_vecs */
    int32_t n_own;           /* the first of them, which are CBOW's inputs' own (kernels.h) */
    int32_t n_near;          /* the first of them, which need no fetching: the nodes next to the root */
    w2v_real *weights;       /* [2^G, weight_stride] as in w2v_tile, for each target and what is in windows g, h, ...:
                              *       row 2^g + 2^h + ... */
    int64_t weight_stride;
    w2v_real **input_weights; /* [2WG] the row of weights of each tile input */
    w2v_real *merged_weights; /* [2WG, weight_stride] where they lie if inputs are merged; n_contexts then
                               *       counts these, and context_starts say nothing */
    w2v_real *hits;           /* [n_sets, G] NCE only: how much noise fell on each window's own centre */
} w2v_problem;

/* What a thread chooses rows with. */
typedef struct {
    const w2v_plan *plan;
    const w2v_rows *in_rows, *out_rows; /* its view of the matrices */
    w2v_real **near;                    /* [walk's capacity] rows of the contexts that have come within reach, by
                                         * their places in the walk's piece: a token is in many windows */
    int32_t near_depth;                 /* so many levels of the tree, from the root on, need no fetching */
    size_t fetch_bytes;                 /* of each of these rows, to bring near */
    int64_t last_alike;                 /* the number in its shard of the last of these contexts that is one of the two
                                         * before it, or -1 */
    w2v_real *hidden_scales, *context_scales; /* [2W + 1] what the sum of so many contexts, and what each of them
                                               * learns, is multiplied by (plan.h) */
    w2v_noise noise;                    /* not for trees */
    w2v_real *usual_room;               /* weights of targets that are all distinct, and room around them */
} w2v_choice;

w2v_status w2v_choice_init(w2v_choice *choice, const w2v_plan *plan, const w2v_rows *in_rows,
                           const w2v_rows *out_rows);
void w2v_choice_free(w2v_choice *choice);
/* Begin a shard: its noise words come from a stream of their own. */
void w2v_choice_start(w2v_choice *choice, int64_t shard);
/* The walk's next windows, as w2v_walk_next; the rows of tokens that come within reach are brought near. */
const w2v_window *w2v_choice_next(w2v_choice *choice, w2v_walk *walk);

w2v_status w2v_problem_init(w2v_problem *problem, const w2v_plan *plan);
void w2v_problem_free(w2v_problem *problem);

/* Most targets that a set can have, and all sets of a problem together. */
int64_t w2v_most_targets(const w2v_plan *plan);
int64_t w2v_problem_targets(const w2v_plan *plan);

/* Add what w2v_choice_next returned, which is not needed afterwards; returns whether the problem must be closed now. */
int w2v_problem_add(w2v_problem *problem, const w2v_choice *choice, const w2v_window *window, w2v_real lr);
/* Choose the targets. */
void w2v_problem_close(w2v_problem *problem, const w2v_walk *walk, w2v_choice *choice);
/* Empty it, in case it is not learnt from. */
void w2v_problem_empty(w2v_problem *problem);
/* The tile of a closed problem that begins with input number `first`: its n_inputs INOUT, all that are left, become as
 * many as it may have; targets and weights OUT. */
void w2v_problem_tile(const w2v_problem *problem, const w2v_plan *plan, int32_t first, w2v_tile *tile);

#endif
