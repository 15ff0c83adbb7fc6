/* batch.h: a mini-batch of predictions, each of a target word from an input.
 *
 * Skip-gram makes an input of each context word, CBOW of each window. A word is a context of all its neighbours, so
 * skip-gram's predictions share their inputs many times over: an input is in the batch once, whatever the number of
 * its targets. The inputs are copied together before the batch is scored, and what they learnt is added to the rows
 * they came from afterwards. How they are scored is the business of sampled.c and softmax.c. */
#ifndef W2V_BATCH_H
#define W2V_BATCH_H

#include "kernels.h"
#include "optimizer.h"
#include "walk.h"

enum {
    W2V_MOST_ALIKE = 8,
    W2V_ROWS_AHEAD = 8 /* how much earlier than it is copied or scored a row is asked for */
};

/* A score whose exponential is nothing: that of a place in a row of scores where no word is. */
#define W2V_OUT_OF_SIGHT ((w2v_real)-1e30)

typedef struct {
    const w2v_plan *plan;
    const w2v_kernels *kernels;
    w2v_real lr;
    int32_t n_predictions; /* so far: the plan's batch_size when full, or up to 2W - 1 more: windows stay together */
    int32_t n_inputs;      /* B, of them all */
    int32_t capacity;      /* for predictions */
    int32_t *targets;      /* [capacity] of each prediction: its word's id ... */
    int32_t *input_of;     /* [capacity] ... and its input */
    int32_t *starts;       /* [capacity + 1] of each input: where in the next are ... */
    int32_t *contexts;     /* ... the ids of the words whose vectors make it */
    int32_t *seen;         /* [V] skip-gram: 1 + the input that is this word, 0 if there is none */
    w2v_real *inputs;      /* [capacity, stride] */
    w2v_real *steps;       /* [capacity, stride] what they learn */
    w2v_real *weights;     /* [capacity] what a prediction's gradient counts, at most 1 (see w2v_batch_gather) */
    int32_t *n_alike;      /* [V] scratch, zero between uses */
    w2v_real **rows;       /* [2W] */
    w2v_real *hidden_scales, *context_scales; /* [2W + 1] (plan.h) */
    w2v_optimizer_run optimizer;
} w2v_batch;

w2v_status w2v_batch_init(w2v_batch *batch, const w2v_plan *plan);
void w2v_batch_free(w2v_batch *batch);
/* Add the predictions of a window; returns whether the batch is full. */
int w2v_batch_add(w2v_batch *batch, const w2v_walk *walk, const w2v_window *window, w2v_real lr);
/* Fill `inputs`; their bias column, if there is one, is 1. And `weights`: a target that occurs more than
 * W2V_MOST_ALIKE times counts as often as that. Ordinary text has few (skip-gram's widest windows, words that come
 * in clusters) and exceeds it by little; in a line that repeats a word, the sum of all steps from the same old rows
 * would overshoot, the next batch more so, and training would diverge. */
void w2v_batch_gather(w2v_batch *batch);
/* Add `steps` to those of the rows that the inputs were made of, and empty the batch. */
void w2v_batch_scatter(w2v_batch *batch);

#endif
