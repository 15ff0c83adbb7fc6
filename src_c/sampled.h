/* sampled.h: the losses that compare a target with some hundred noise words: NCE, sampled softmax, BlackOut.
 *
 * All predictions of a batch share the noise words, so that scores, the inputs' steps and the noise words' steps are
 * three matrix products. A thread has a batch of its own. */
#ifndef W2V_SAMPLED_H
#define W2V_SAMPLED_H

#include "batch.h"
#include "rng.h"

typedef struct {
    w2v_batch batch;
    w2v_rng rng;
    int32_t n_scores;        /* K rounded up to whole vectors */
    int32_t room;            /* from one row of scores to the next */
    int32_t *noise;          /* [K] ids */
    w2v_real *noise_rows;    /* [K, stride] copies of rows of out_vecs */
    w2v_real *noise_columns; /* [stride, room] the same, turned about */
    w2v_real *noise_steps;   /* [K, stride] */
    w2v_real *scores;        /* [capacity, room] of each input and noise word */
    w2v_real *grads;         /* [capacity, room] of the loss by them, summed over the predictions of an input */
    w2v_real *row;           /* [room] one prediction's part of them */
    w2v_real *target_grads;  /* [capacity] of the loss by the score of each prediction's target */
    double log_z, shared_log_z; /* NCE's log Z as this thread has it, and as it was when the threads last met */
    double loss;             /* sums since the caller last took them */
    int64_t n_predictions;
} w2v_sampled;

w2v_status w2v_sampled_init(w2v_sampled *sampled, const w2v_plan *plan);
void w2v_sampled_free(w2v_sampled *sampled);
/* Begin a shard: its noise words come from a stream of their own. */
void w2v_sampled_start(w2v_sampled *sampled, int64_t shard);
/* Score the batch, learn, and empty it. */
void w2v_sampled_learn(w2v_sampled *sampled);
/* Add `share` of what this thread has learnt of log Z to the plan's, and go on from there. One thread at a time. */
void w2v_sampled_merge(w2v_sampled *sampled, double share);

#endif
