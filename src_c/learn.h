/* learn.h: what is learnt from one window: which rows are inputs, which are targets, and the tiles they make.
 *
 * Skip-gram and CBOW differ in the inputs, the losses in the targets; both are chosen in w2v_problem_prepare, some
 * windows ahead, so that the rows have come from memory when w2v_problem_learn works on them. */
#ifndef W2V_LEARN_H
#define W2V_LEARN_H

#include "kernels.h"
#include "rows.h"
#include "sampler.h"
#include "walk.h"

/* One window, as rows. Without shared noise each context has its own targets: n_sets sets instead of one. */
typedef struct {
    w2v_real lr;
    int32_t n_contexts, n_sets;
    w2v_real **contexts;  /* [2W] rows of in_vecs */
    int64_t *set_starts;  /* [n_sets + 1] into the next three */
    w2v_real **targets;   /* rows of out_vecs */
    w2v_real *signs, *weights; /* as in w2v_tile */
} w2v_problem;

typedef struct {
    const w2v_plan *plan;
    const w2v_kernels *kernels;
    w2v_rows in_rows, out_rows;
    w2v_noise noise;                /* negative sampling only */
    w2v_real *hidden, *hidden_step; /* [stride] CBOW's input and what it learnt */
    w2v_real *scratch;              /* of a tile */
    w2v_real *const *fetch;         /* the later problem's targets that no tile has fetched yet ... */
    w2v_real *const *fetch_end;     /* ... up to here */
    double loss;                    /* sums since the caller last took them */
    int64_t n_predictions;
} w2v_learner;

w2v_status w2v_learner_init(w2v_learner *learner, const w2v_plan *plan);
void w2v_learner_free(w2v_learner *learner);

w2v_status w2v_problem_init(w2v_problem *problem, const w2v_plan *plan);
void w2v_problem_free(w2v_problem *problem);

/* Begin a shard: its noise words come from a stream of their own. */
void w2v_learner_start(w2v_learner *learner, int64_t shard);
/* Choose the rows of a window. */
void w2v_problem_prepare(w2v_problem *problem, w2v_learner *learner, const w2v_window *window, w2v_real lr);
/* Score them and learn, fetching the targets of a `later` problem (or NULL) meanwhile. */
void w2v_problem_learn(w2v_learner *learner, const w2v_problem *problem, const w2v_problem *later);

#endif
