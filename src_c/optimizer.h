/* optimizer.h: a thread's view of both matrices: where the steps of rows go, and what an optimizer makes of them.
 *
 * Plain gradient descent adds each step to its row at once, times the learning rate. Everything else (momentum,
 * Adagrad, Adam, a bound on the gradient's length) needs the whole gradient of a row, so steps are first summed by row,
 * in memory of the thread's own, and w2v_optimizer_move then moves the rows. A step is what is learnt from a few
 * windows or a batch; rows that it does not touch, and what is remembered of them, stay as they are.
 *
 *   momentum (Polyak, 1964)                   v = decay_1 v - g;      row += lr v
 *   Adagrad (Duchi et al., JMLR 2011)         G += g^2;               row -= lr g / (sqrt(G) + epsilon)
 *   Adam (Kingma & Ba, ICLR 2015, alg. 1)     m, v: running means of g, g^2, corrected by the count of the row's steps;
 *                                             row -= lr m / (sqrt(v) + epsilon)
 *   clip_norm (Pascanu et al., ICML 2013)     g is shortened so that the gradients of a step have this norm at most */
#ifndef W2V_OPTIMIZER_H
#define W2V_OPTIMIZER_H

#include "kernels.h"
#include "plan.h"
#include "rows.h"

/* One matrix, and the steps of its rows. */
typedef struct {
    w2v_rows vectors;
    w2v_rows states;  /* what the optimizer remembers of each row */
    int32_t *slots;   /* [n_rows] 1 + the row's place in the next two, 0 if it was not touched; NULL where plain */
    int32_t *ids;     /* [capacity] the rows that were touched */
    w2v_real *sums;   /* [capacity, stride] their steps; the rest is zero */
    int64_t n_touched;
} w2v_row_steps;

typedef struct {
    const w2v_plan *plan;
    const w2v_kernels *kernels;
    w2v_row_steps in, out;
    w2v_real *nowhere; /* [stride] what frozen rows would learn; nobody reads it. NULL where none is frozen */
} w2v_optimizer_run;

/* Room for steps on so many distinct rows of in_vecs and out_vecs; none is needed, or taken, where the plan is plain.
 * `with_hot` says whether the thread keeps the plan's hot rows to itself. */
w2v_status w2v_optimizer_init(w2v_optimizer_run *run, const w2v_plan *plan, int64_t n_in, int64_t n_out, int with_hot);
void w2v_optimizer_free(w2v_optimizer_run *run);
/* w2v_rows_merge for all that is hot. */
void w2v_optimizer_merge(w2v_optimizer_run *run, w2v_real share);

/* Where to add a step of row `id` of in_vecs or out_vecs. Several rows may have the same place: frozen ones. */
w2v_real *w2v_in_steps(w2v_optimizer_run *run, int64_t id);
w2v_real *w2v_out_steps(w2v_optimizer_run *run, int64_t id);

/* What steps are to be multiplied by before they are added: the learning rate comes in now or when rows are moved. */
W2V_INLINE w2v_real step_factor(const w2v_plan *plan, w2v_real lr) { return is_plain(plan) ? lr : 1; }

/* Move the rows that were touched since the last call. */
void w2v_optimizer_move(w2v_optimizer_run *run, w2v_real lr);

/* The same in parts, for a caller that holds the steps of one matrix itself. */

/* The squared norm of all steps so far; 0 where the plan does not ask for it. */
double w2v_optimizer_squared(w2v_optimizer_run *run);
/* What is done with steps of this squared norm. */
w2v_move w2v_move_of(const w2v_plan *plan, w2v_real lr, double squared);
void w2v_optimizer_move_by(w2v_optimizer_run *run, const w2v_move *move);
/* Move one row by its steps. */
void w2v_row_move(const w2v_optimizer_run *run, w2v_real *row, w2v_real *state, const w2v_real *steps,
                  const w2v_move *move);

#endif
