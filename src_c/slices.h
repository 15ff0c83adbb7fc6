/* slices.h: one epoch, window by window, whose result is the same for any number of threads. Called by train.c.
 *
 * The rows of both matrices are cut into slices, as many as their length is worth. All threads work on the same
 * windows, in the order of the text; a slice belongs to one thread, who alone reads and writes it. A group of windows
 * (together.h) is scored slice by slice, the threads wait for each other, and each adds up the parts of all scores, in
 * the order of the slices, and moves its own slices: nothing races, and no sum depends on who computed its terms. The
 * last thread, who has the fewest numbers to work on, also chooses the windows, two groups ahead.
 *
 * DIFFERS from the racing mode in what is old when it is used: a group's scores are those of the rows before any of
 * its windows was learnt. There, windows are stale by what other threads are doing meanwhile, and frequent rows by
 * much more. */
#ifndef W2V_SLICES_H
#define W2V_SLICES_H

#include "w2v.h"

w2v_status w2v_slices_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress);

#endif
