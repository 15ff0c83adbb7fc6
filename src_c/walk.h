/* walk.h: a walk over one shard of the corpus that yields the window around each kept token.
 *
 * A shard is a range of places in the id array, cut without regard to lines: each place belongs to exactly one
 * shard, its token is the centre exactly once (if subsampling keeps it), and contexts reach over the
 * shard's ends into its neighbours, so nothing is lost at a cut. Lines may be of any length: the walk holds a
 * sliding piece of them. It chooses ids only; what is learnt from a window is learn.c's business. */
#ifndef W2V_WALK_H
#define W2V_WALK_H

#include "rng.h"
#include "w2v.h"

/* The kept tokens around a centre: line[low .. high-1] without line[pos] are the contexts. Valid until the next
 * refill. */
typedef struct {
    const int32_t *line;
    int64_t pos, low, high;
    int64_t entering, entered; /* line[entering .. entered-1] come within reach with this centre, shrunk or not */
} w2v_window;

typedef struct {
    const w2v_plan *plan;
    const int32_t *ids;
    int64_t n_ids;
    int64_t end;   /* of the shard */
    int64_t place; /* next one to read */
    int64_t n_read; /* tokens of the shard read so far: the caller may reset it */
    w2v_rng rng;
    int32_t *kept;                 /* [capacity] piece of the current line after subsampling */
    int64_t capacity;
    int64_t n_kept, next, n_ready; /* centres are next .. n_ready-1; further tokens are context only */
    int line_open;                 /* the line goes on beyond the piece */
} w2v_walk;

enum { W2V_WALK_PIECE = 1024 }; /* kept tokens between two refills: how often the caller gets to look up */

w2v_status w2v_walk_init(w2v_walk *walk, const w2v_plan *plan, const int32_t *ids, int64_t n_ids);
void w2v_walk_free(w2v_walk *walk);
void w2v_walk_start(w2v_walk *walk, int64_t shard);
/* Is another window ready without reading on? */
W2V_INLINE int walk_is_ready(const w2v_walk *walk) { return walk->next < walk->n_ready; }
/* Read the next piece; 0 at the end of the shard. Lines without a usable centre give pieces without windows. */
int w2v_walk_refill(w2v_walk *walk);
/* The next window; only when walk_is_ready. */
w2v_window w2v_walk_next(w2v_walk *walk);

#endif
