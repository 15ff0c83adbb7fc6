/* walk.h: a walk over one shard of the corpus that yields the window around each kept token.
 *
 * A shard is a range of places in the id array, cut without regard to lines: each place belongs to exactly one
 * shard, its token is the centre exactly once (if subsampling keeps it), and contexts reach over the
 * shard's ends into its neighbours, so nothing is lost at a cut. Lines may be of any length: the walk holds a
 * sliding piece of the text. It chooses ids only; what is learnt from a window is problem.c's business.
 *
 * CBOW's centres that share noise words learn from each other's rows as they were before. Neighbours would be the worst
 * choice, since their contexts are nearly the same, so a piece is cut into as many lanes as there are centres to
 * share, and a centre is taken from each lane in turn. Skip-gram's are neighbours in a line, for what they have in
 * common is then scored once. With one lane the text is walked in order.
 *
 * How far windows reach is drawn for W2V_ALIKE_REACH steps: each reach is as likely as ever, what joint neighbours have
 * in common is the most it can be, and loops over contexts end where they ended before, as the processor predicts. Of
 * several lanes, the first half reaches as far as was drawn, the others as far as is left of W + 1: windows that share
 * noise words should not all be wide or all narrow, which costs quality where steps are large.
 *
 * The most frequent words are contexts at some of their places only (plan.h).
 *
 * With one lane, hierarchical softmax's centres are taken in the order of their paths' lengths, W2V_ALIKE_PATHS at a
 * time, for the same reason: what is done for each node of a path ends where it ended before.
 *
 * Windows are listed some at a time, in one loop, and then handed out. */
#ifndef W2V_WALK_H
#define W2V_WALK_H

#include "plan.h"
#include "rng.h"

/* A centre and the contexts around it: contexts[low .. high-1] of the walk without contexts[own]. */
typedef struct {
    int32_t n_joint;           /* so many windows are of neighbours in a line, and learn as one */
    int32_t center;            /* the word */
    int32_t own, low, high;    /* `own` is `high` where the centre may not be a context */
    int32_t n_predictions;     /* pairs of the centre and a context; CBOW's is one. 0: there are no contexts */
    int32_t entering, entered; /* contexts[entering .. entered-1] come within reach of a lane with this centre, of its
                                * line or not: a window's have, now or with an earlier centre since the last refill */
} w2v_window;

W2V_INLINE int32_t w2v_window_contexts(const w2v_window *window) {
    return window->high - window->low - (window->own < window->high);
}
/* Of a window and those that are joint with it. */
W2V_INLINE int32_t w2v_joint_predictions(const w2v_window *window) {
    int32_t n = 0;
    for (int32_t g = 0; g < window->n_joint; g++) n += window[g].n_predictions;
    return n;
}

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
    int32_t *contexts;             /* [capacity] what may be a context: `kept` itself, unless words are thinned; ... */
    int32_t *before;               /* [capacity + 1] ... then, how many of these stand before kept[p] */
    int32_t *order;                /* [capacity] turn p is that of the centre kept[order[p]]; NULL: of kept[p] */
    uint8_t *path_lengths;         /* [V] if there is such an order */
    int32_t n_lanes, lane_length, run; /* up to `run` neighbours in a line are taken from a lane at once */
    int32_t *lanes;                /* [n_lanes] whose next turn it is, in each of them */
    int32_t n_left, n_rounds;      /* centres of this piece not listed yet; rounds through the lanes so far */
    int32_t drawn_reach;           /* how far windows of the first half of the lanes reach now */
    w2v_window *windows;           /* the next ones, in their turns, few enough for the first-level cache ... */
    int32_t n_windows, n_walked;   /* ... so many, of which this many have been handed out */
} w2v_walk;

enum {
    W2V_WALK_PIECE = 1024, /* kept tokens between two refills: how often the caller gets to look up */
    W2V_WALK_WINDOWS = 64, /* listed at a time, and up to a round more */
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
/* List the next windows of the piece; 0 at its end. */
int w2v_walk_list_windows(w2v_walk *walk);
/* The next window of the piece, and behind it those that are joint with it, valid until the next call; NULL at the
 * piece's end. */
W2V_INLINE const w2v_window *w2v_walk_next(w2v_walk *walk) {
    if (walk->n_walked == walk->n_windows && !w2v_walk_list_windows(walk)) return NULL;
    const w2v_window *window = walk->windows + walk->n_walked;
    walk->n_walked += window->n_joint;
    return window;
}

#endif
