/* walk.h: a walk over one shard of the corpus that yields the window around each kept token.
 *
 * A shard is a range of places in the id array, cut without regard to lines: each place belongs to exactly one
 * shard, its token is the centre exactly once (if subsampling keeps it), and contexts reach over the
 * shard's ends into its neighbours, so nothing is lost at a cut. Lines may be of any length: the walk holds a
 * sliding piece of the text. It chooses ids only; what is learnt from a window is problem.c's business.
 *
 * CBOW's centres that share noise words learn from each other's rows as they were before. Neighbours would be the worst
 * choice, since their contexts are nearly the same, so a piece is cut into as many lanes as there are centres to
 * share, and a centre is taken from each lane in turn. Skip-gram's are neighbours, for what they have in common is then
 * scored once. With one lane the text is walked in order.
 *
 * How far windows reach is drawn for W2V_ALIKE_REACH steps: each reach is as likely as ever, what joint neighbours have
 * in common is the most it can be, and loops over contexts end where they ended before, as the processor predicts. Of
 * several lanes, the first half reaches as far as was drawn, the others as far as is left of W + 1: windows that share
 * noise words should not all be wide or all narrow, which costs quality where steps are large.
 *
 * Skip-gram's halved words (plan.h) are contexts at every second of their places only.
 *
 * With one lane, hierarchical softmax's centres are taken in the order of their paths' lengths, W2V_ALIKE_PATHS at a
 * time, for the same reason: what is done for each node of a path ends where it ended before. */
#ifndef W2V_WALK_H
#define W2V_WALK_H

#include "plan.h"
#include "rng.h"

/* A centre and the contexts around it: tokens[low .. high-1] without tokens[pos]. Valid until the next refill. */
typedef struct {
    const int32_t *tokens;     /* the kept ones that may be contexts */
    int64_t pos, low, high;    /* pos is `high` where the centre is not among them */
    int64_t n_past;            /* such tokens of the shard before tokens[0] */
    int32_t n_contexts;
    int32_t n_pairs;           /* of the centre and a context, some of which count twice */
    int32_t center, soon;      /* words; `soon` will be the centre a little later */
    int64_t number;            /* of the centre among the shard's kept tokens */
    int64_t entering, entered; /* tokens[entering .. entered-1] come within reach of a lane with this centre, of its
                                * line or not: a window's have, now or with an earlier centre since the last refill */
} w2v_window;

typedef struct {
    const w2v_plan *plan;
    const int32_t *ids;
    int64_t n_ids;
    int64_t end;    /* of the shard */
    int64_t place;  /* next one to read */
    int64_t n_read; /* tokens of the shard read so far: the caller may reset it */
    w2v_rng rng;
    int32_t first_whole;           /* subsampling drops neither this word nor any after it; or it is the last one */
    int32_t *kept;                 /* [capacity] piece of the text after subsampling */
    int32_t *line_low, *line_high; /* [capacity] the line of kept[p] is kept[line_low[p] .. line_high[p]-1] */
    int64_t capacity, n_kept;
    int32_t line_start;            /* of the line that is being read */
    int64_t first, n_ready;        /* the centres of this piece; tokens before and after are context only */
    int64_t n_dropped, n_past;     /* kept tokens before kept[0], and those of them that could be contexts */
    int32_t *contexts;             /* [capacity] what may be a context: `kept` itself, unless words are halved. Then: */
    int32_t *n_before, *n_counted; /* [capacity + 1] so many of these stand before kept[p]; as often as they count */
    int32_t *order;                /* [capacity] turn p is that of the centre kept[order[p]]; NULL: of kept[p] */
    uint8_t *path_lengths;         /* [V] if there is such an order */
    int64_t n_lanes, lane_length, run; /* `run` neighbours are taken from a lane before the next one's turn ... */
    int64_t lane, step, taken;     /* ... so turn first + lane * lane_length + step + taken is next */
    int64_t drawn_reach;           /* how far windows of the first half of the lanes reach now */
} w2v_walk;

enum {
    W2V_WALK_PIECE = 1024, /* kept tokens between two refills: how often the caller gets to look up */
    W2V_ALIKE_REACH = 32,
    W2V_ALIKE_PATHS = 64, /* rows of so many tokens fit into a first-level cache; more gain little */
};

/* The most tokens that a piece can have. */
int64_t w2v_walk_capacity(const w2v_plan *plan);
w2v_status w2v_walk_init(w2v_walk *walk, const w2v_plan *plan, const int32_t *ids, int64_t n_ids);
void w2v_walk_free(w2v_walk *walk);
void w2v_walk_start(w2v_walk *walk, int64_t shard);
/* Read the next piece; 0 at the end of the shard. */
int w2v_walk_refill(w2v_walk *walk);
/* The next window of the piece; 0 at its end. */
int w2v_walk_next(w2v_walk *walk, w2v_window *window /* OUT */);

#endif
