/* progress.c: what other threads may ask and say while an epoch runs; see w2v.h. */
#include "atomics.h"
#include "w2v.h"

w2v_progress w2v_progress_seen(w2v_progress *progress) {
    return (w2v_progress){
        .next_shard = atomic_get(&progress->next_shard),
        .tokens_done = atomic_get(&progress->tokens_done),
        .n_predictions = atomic_get(&progress->n_predictions),
        .loss = sum_get(&progress->loss),
    };
}

void w2v_progress_pause(w2v_progress *progress) { flag_set(&progress->pause, 1); }

void w2v_progress_stop(w2v_progress *progress) { flag_set(&progress->stop, 1); }
