/* learn.h: how a problem is learnt: its tiles, one after the other, and where their steps go. */
#ifndef W2V_LEARN_H
#define W2V_LEARN_H

#include "optimizer.h"
#include "problem.h"

typedef struct {
    const w2v_plan *plan;
    const w2v_kernels *kernels;
    int64_t n_numbers;                /* of a row: D and a bias, in whole vectors of the kernels */
    w2v_choice choice;                /* of problems: this thread chooses what it learns */
    w2v_optimizer_run optimizer;      /* the matrices and, unless the plan is plain, ... */
    w2v_real **input_steps, **target_steps; /* [most inputs], [most targets] ... where the rows of a tile learn */
    w2v_real **hidden, **hidden_steps; /* [G] rows: CBOW's inputs and what they learnt */
    w2v_real *hidden_rows;            /* [2G, stride] these rows */
    w2v_real *scratch;                /* of a tile */
    w2v_real hit_row[2 * W2V_TILE_SLACK], **hit_weights; /* [most inputs] the weights of a tile of hits: all this row */
    w2v_real *const *fetch;           /* [n_fetch] the later problem's targets that no tile has fetched yet */
    int32_t n_fetch;
    int32_t n_unmoved;                /* windows whose steps the optimizer has not yet made moves of, ... */
    w2v_real lr;                      /* ... and what to make them with */
    double loss;                      /* sums since the caller last took them */
    int64_t n_predictions;
} w2v_learner;

w2v_status w2v_learner_init(w2v_learner *learner, const w2v_plan *plan);
void w2v_learner_free(w2v_learner *learner);

/* Score and learn, fetching the targets of a `later` problem (or NULL) meanwhile; the problem is empty afterwards. */
void w2v_problem_learn(w2v_learner *learner, w2v_problem *problem, const w2v_problem *later);

/* Nothing will be learnt for a while: move what is still to be moved. */
void w2v_learner_finish(w2v_learner *learner);

#endif
