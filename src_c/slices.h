/* slices.h: one epoch, window by window, whose result is the same for any number of threads. Called by train.c.
 *
 * The rows of both matrices are cut into slices, as many as their length is worth. All threads work on the same
 * windows; a slice belongs to one thread, who alone reads and writes it (parted.h). Some windows at a time, from four
 * shards, make a step: they are scored slice by slice; the threads meet; each adds up the parts of some scores, in the
 * order of the slices, and finds what is to be added to rows; they meet again; and each moves its slices of all these
 * rows. Nothing races, and no sum depends on who computed its terms. While a thread waits for the others it chooses
 * windows of later steps (together.h): each shard has one thread that does.
 *
 * What one core writes comes late to another, by half a microsecond where they are far apart. So lines that cross are
 * few, none is written by one thread while another reads it, and all are asked for at once, before they are wanted.
 *
 * DIFFERS from the racing mode in what is old when it is used: the scores of a step are those of the rows before any of
 * its windows was learnt. There, windows are stale by what other threads are doing meanwhile, and frequent rows by
 * much more. */
#ifndef W2V_SLICES_H
#define W2V_SLICES_H

#include "w2v.h"

w2v_status w2v_slices_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress);

#endif
