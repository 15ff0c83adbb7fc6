/* walk.c: see walk.h. */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

/* 65,536 places keep a shard's bookkeeping below a thousandth of its work while threads still finish together. */
enum { SHARD_PLACES = 65536, MIN_SHARDS = 64, MIN_SHARD_PLACES = 1024 };
enum { LONGEST_PATH = 63 }; /* longer ones, which nearly no text has, count as so long */

static int64_t shard_places(int64_t n_ids) {
    int64_t places = n_ids / MIN_SHARDS;
    return places > SHARD_PLACES ? SHARD_PLACES : places < MIN_SHARD_PLACES ? MIN_SHARD_PLACES : places;
}

int64_t w2v_shard_count(int64_t n_ids) {
    int64_t places = shard_places(n_ids);
    return (n_ids + places - 1) / places;
}

int64_t w2v_walk_capacity(const w2v_plan *plan) { return W2V_WALK_PIECE + 4 * (int64_t)plan->window; }

/* In a byte each, which stays in the second-level cache. */
static uint8_t *path_lengths_new(const w2v_tree *tree, int64_t n_words) {
    uint8_t *lengths = malloc((size_t)n_words);
    for (int64_t w = 0; lengths && w < n_words; w++)
        lengths[w] = (uint8_t)at_most((int32_t)(tree->offsets[w + 1] - tree->offsets[w]), LONGEST_PATH);
    return lengths;
}

/* Only frequent words are ever dropped, and as a rule words are in the order of their counts. */
static int32_t first_whole_word(const w2v_plan *plan) {
    const uint32_t *keep_prob = plan->keep_prob;
    int64_t word = plan->n_words - 1;
    if (!keep_prob || keep_prob[word] != UINT32_MAX) return (int32_t)word;
    while (word > 0 && keep_prob[word - 1] == UINT32_MAX) word--;
    return (int32_t)word;
}

w2v_status w2v_walk_init(w2v_walk *walk, const w2v_plan *plan, const int32_t *ids, int64_t n_ids) {
    memset(walk, 0, sizeof *walk);
    walk->plan = plan;
    walk->ids = ids;
    walk->n_ids = n_ids;
    walk->first_whole = first_whole_word(plan);
    walk->run = is_joint(plan) ? windows_together(plan) : 1;
    walk->n_lanes = is_sliced(plan) ? (plan->windows_at_once + walk->run - 1) / walk->run
                    : is_joint(plan) ? 1
                                     : windows_together(plan);
    walk->capacity = w2v_walk_capacity(plan);
    walk->kept = malloc(3 * (size_t)walk->capacity * sizeof *walk->kept);
    walk->line_low = walk->kept + walk->capacity;
    walk->line_high = walk->line_low + walk->capacity;
    walk->contexts = walk->kept;
    const int thins = plan->n_thinned[0] > 0;
    if (thins) {
        const size_t n = (size_t)walk->capacity + 1;
        walk->contexts = malloc(n * sizeof *walk->contexts);
        walk->before = malloc(n * sizeof *walk->before);
    }
    const int by_paths = plan->tree && walk->n_lanes == 1;
    if (by_paths) {
        walk->order = malloc((size_t)walk->capacity * sizeof *walk->order);
        walk->path_lengths = path_lengths_new(plan->tree, plan->n_words);
    }
    walk->lanes = malloc((size_t)walk->n_lanes * sizeof *walk->lanes);
    const int64_t n_a_round = (int64_t)walk->n_lanes * walk->run;
    walk->windows = malloc((size_t)(W2V_WALK_WINDOWS + n_a_round) * sizeof *walk->windows);
    const int ready = walk->kept && walk->contexts && walk->lanes && walk->windows && (!thins || walk->before) &&
                      (!by_paths || (walk->order && walk->path_lengths));
    if (ready) return W2V_OK;
    w2v_walk_free(walk);
    return W2V_ERR_MEMORY;
}

void w2v_walk_free(w2v_walk *walk) {
    if (walk->contexts != walk->kept) free(walk->contexts);
    free(walk->before);
    free(walk->kept);
    free(walk->order);
    free(walk->path_lengths);
    free(walk->lanes);
    free(walk->windows);
    walk->kept = walk->contexts = walk->order = walk->lanes = NULL;
    walk->before = NULL;
    walk->path_lengths = NULL;
    walk->windows = NULL;
}

/* Words that are never dropped are looked up in one place, which stays in the first-level cache. */
static int is_kept(w2v_walk *walk, int32_t id) {
    const uint32_t *keep_prob = walk->plan->keep_prob;
    const int32_t place = at_most(id, walk->first_whole);
    return !keep_prob || (uint32_t)(rng_next(&walk->rng) >> 32) <= keep_prob[place];
}

/* How far beyond a shard's ends to look for contexts: where subsampling drops nearly everything, there may be none. */
static int64_t look_around(const w2v_walk *walk) { return 64 + 16 * (int64_t)walk->plan->window; }

/* Contexts of the first centres, where the shard begins within a line. */
static void look_back(w2v_walk *walk, int64_t begin) {
    const int64_t window = walk->plan->window, furthest = begin - look_around(walk);
    int64_t n = 0;
    for (int64_t p = begin - 1; p >= 0 && p >= furthest && n < window && walk->ids[p] != W2V_LINE_END; p--)
        if (is_kept(walk, walk->ids[p])) walk->kept[n++] = walk->ids[p];
    for (int64_t i = 0; i < n / 2; i++) {
        int32_t swapped = walk->kept[i];
        walk->kept[i] = walk->kept[n - 1 - i];
        walk->kept[n - 1 - i] = swapped;
    }
    memset(walk->line_low, 0, (size_t)n * sizeof *walk->line_low);
    walk->n_kept = walk->n_ready = n;
}

void w2v_walk_start(w2v_walk *walk, int64_t shard) {
    const int64_t places = shard_places(walk->n_ids);
    walk->place = shard * places;
    walk->end = walk->place + places < walk->n_ids ? walk->place + places : walk->n_ids;
    walk->n_read = 0;
    walk->rng = rng_stream(walk->plan->seed, walk->plan->epoch, (uint64_t)shard);
    walk->n_kept = walk->n_ready = walk->n_dropped = walk->n_past = walk->line_start = 0;
    walk->n_left = walk->n_windows = walk->n_walked = 0;
    if (walk->place > 0) look_back(walk, walk->place);
}

/* Whether a token is kept is a coin toss, which no branch predicts: it is written in any case. There must be room. */
static void read_token(w2v_walk *walk, int32_t id) {
    walk->kept[walk->n_kept] = id;
    walk->line_low[walk->n_kept] = walk->line_start;
    walk->n_kept += is_kept(walk, id);
}

/* Contexts of the last centres, where the shard ends within a line. */
static void look_ahead(w2v_walk *walk) {
    const int64_t furthest = walk->end + look_around(walk), stop = furthest < walk->n_ids ? furthest : walk->n_ids;
    const int64_t full = walk->n_kept + walk->plan->window;
    if (walk->ids[walk->end - 1] == W2V_LINE_END) return;
    for (int64_t p = walk->end; p < stop && walk->n_kept < full && walk->ids[p] != W2V_LINE_END; p++)
        read_token(walk, walk->ids[p]);
}

/* Drop the first tokens; lines that began there begin at the first one left. */
static void drop_tokens(w2v_walk *walk, int32_t n) {
    walk->n_dropped += n;
    walk->n_past += walk->before ? walk->before[n] : n;
    walk->n_kept -= n;
    memmove(walk->kept, walk->kept + n, (size_t)walk->n_kept * sizeof *walk->kept);
    for (int64_t p = 0; p < walk->n_kept; p++)
        walk->line_low[p] = walk->line_low[p + n] > n ? walk->line_low[p + n] - n : 0;
    walk->line_start = walk->line_start > n ? walk->line_start - n : 0;
}

static void find_line_ends(w2v_walk *walk) {
    int32_t high = (int32_t)walk->n_kept;
    for (int32_t p = high - 1; p >= 0; p--) {
        walk->line_high[p] = high;
        if (walk->line_low[p] == p) high = p;
    }
}

/* What may be a context. Places of thinned words are others in the next epoch. No branch predicts which they are: a
 * token is written in any case, and kept if it is a context. */
static void find_contexts(w2v_walk *walk) {
    const int32_t *kept = walk->kept, n_kept = (int32_t)walk->n_kept;
    const uint32_t first_place = (uint32_t)((uint64_t)walk->n_dropped + walk->plan->epoch);
    int32_t *contexts = walk->contexts, *before = walk->before, n = 0;
    for (int32_t p = 0; p < n_kept; p++) {
        contexts[n] = kept[p];
        before[p] = n;
        n += (int32_t)is_context_at(walk->plan, kept[p], first_place + (uint32_t)p);
    }
    before[n_kept] = n;
}

/* Centres begin .. end - 1, by the lengths of their paths and, of one length, as they stand. */
static void order_centers(w2v_walk *walk, int64_t begin, int64_t end) {
    int32_t next[LONGEST_PATH + 1] = {0}, turn = (int32_t)begin;
    for (int64_t p = begin; p < end; p++) next[walk->path_lengths[walk->kept[p]]]++;
    for (int length = 0; length <= LONGEST_PATH; length++) {
        const int32_t n = next[length];
        next[length] = turn;
        turn += n;
    }
    for (int64_t p = begin; p < end; p++) walk->order[next[walk->path_lengths[walk->kept[p]]]++] = (int32_t)p;
}

static int32_t draw_reach(w2v_walk *walk) {
    const w2v_plan *plan = walk->plan;
    return plan->shrink_windows ? 1 + (int32_t)high_below(rng_next(&walk->rng), (uint32_t)plan->window) : plan->window;
}

/* The window of a place in `kept`. */
W2V_INLINE void list_window(const w2v_walk *walk, int32_t pos, int32_t reach, w2v_window *window) {
    const int32_t low = at_least(pos - reach, walk->line_low[pos]);
    const int32_t high = at_most(pos + reach + 1, walk->line_high[pos]);
    window->center = walk->kept[pos];
    const int32_t *before = walk->before;
    window->low = before ? before[low] : low;
    window->high = before ? before[high] : high;
    window->own = !before ? pos : before[pos + 1] > before[pos] ? before[pos] : before[high];
    const int32_t n = w2v_window_contexts(window);
    window->n_predictions = walk->plan->model == W2V_CBOW ? n > 0 : n;
}

/* What comes within reach with the centre of a turn, the first one of its lane or not. */
W2V_INLINE void list_entering(const w2v_walk *walk, int32_t turn, int is_first, w2v_window *window) {
    const int32_t W = walk->plan->window, n_kept = (int32_t)walk->n_kept;
    /* All tokens near a centre must have entered, wherever in the order its turn is. */
    const int32_t furthest = turn + W + (walk->order ? W2V_ALIKE_PATHS : 0);
    const int32_t from = is_first ? at_least(turn - W, 0) : at_most(furthest, n_kept);
    const int32_t to = at_most(furthest + 1, n_kept);
    window->entering = walk->before ? walk->before[from] : from;
    window->entered = walk->before ? walk->before[to] : to;
}

/* Before the first window of a piece. */
static void start_windows(w2v_walk *walk) {
    const int32_t first = (int32_t)walk->first, n = (int32_t)(walk->n_ready - walk->first);
    walk->lane_length = (n + walk->n_lanes - 1) / walk->n_lanes;
    for (int32_t lane = 0; lane < walk->n_lanes; lane++)
        walk->lanes[lane] = first + at_most(lane * walk->lane_length, n);
    walk->n_left = n;
    walk->n_rounds = walk->n_windows = walk->n_walked = 0;
}

int w2v_walk_list_windows(w2v_walk *walk) {
    const int32_t run = walk->run, window = walk->plan->window, n_alike = at_least(W2V_ALIKE_REACH / run, 1);
    const int32_t first = (int32_t)walk->first, past = (int32_t)walk->n_ready;
    w2v_window *next = walk->windows, *const full = walk->windows + W2V_WALK_WINDOWS;
    for (; walk->n_left > 0 && next < full; walk->n_rounds++) {
        if (walk->n_rounds % n_alike == 0) walk->drawn_reach = draw_reach(walk);
        for (int32_t lane = 0; lane < walk->n_lanes; lane++) {
            const int32_t start = first + lane * walk->lane_length, turn = walk->lanes[lane];
            const int32_t left = at_most(start + walk->lane_length, past) - turn;
            const int32_t n = run == 1 || !left ? left > 0 : at_most(at_most(run, left), walk->line_high[turn] - turn);
            const int is_drawn = !walk->plan->shrink_windows || 2 * lane < walk->n_lanes;
            const int32_t reach = is_drawn ? walk->drawn_reach : window + 1 - walk->drawn_reach;
            for (int32_t t = turn; t < turn + n; t++, next++) {
                list_window(walk, walk->order ? walk->order[t] : t, reach, next);
                list_entering(walk, t, t == start, next);
                next->n_joint = n;
            }
            walk->n_left -= n;
            walk->lanes[lane] = turn + n;
        }
    }
    walk->n_windows = (int32_t)(next - walk->windows);
    walk->n_walked = 0;
    return walk->n_windows > 0;
}

int w2v_walk_refill(w2v_walk *walk) {
    const int64_t window = walk->plan->window;
    if (walk->place >= walk->end) return 0;
    /* Keep what the next centres still need to their left. */
    const int64_t n_passed = walk->n_ready > window ? walk->n_ready - window : 0;
    drop_tokens(walk, (int32_t)n_passed);
    walk->first = walk->n_ready - n_passed;
    /* Room for `window` tokens stays free for look_ahead. */
    while (walk->place < walk->end && walk->n_kept < walk->capacity - window) {
        int32_t id = walk->ids[walk->place++];
        if (id == W2V_LINE_END) {
            walk->line_start = (int32_t)walk->n_kept;
            continue;
        }
        walk->n_read++;
        read_token(walk, id);
    }
    if (walk->place < walk->end) {
        walk->n_ready = walk->n_kept - window;
    } else {
        walk->n_ready = walk->n_kept;
        look_ahead(walk);
    }
    find_line_ends(walk);
    if (walk->before) find_contexts(walk);
    for (int32_t p = (int32_t)walk->first, n = (int32_t)walk->n_ready; walk->order && p < n; p += W2V_ALIKE_PATHS)
        order_centers(walk, p, at_most(p + W2V_ALIKE_PATHS, n));
    start_windows(walk);
    return 1;
}

/* The centre, how many contexts it has, and these; returns where the next window begins, or -1 if there is no room. */
static int64_t write_window(const w2v_walk *walk, const w2v_window *window, int32_t *out, int64_t n, int64_t capacity) {
    const int32_t n_contexts = w2v_window_contexts(window);
    if (n + 2 + n_contexts > capacity) return -1;
    out[n++] = window->center;
    out[n++] = n_contexts;
    for (int32_t p = window->low; p < window->high; p++)
        if (p != window->own) out[n++] = walk->contexts[p];
    return n;
}

int64_t w2v_walk_list(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, int64_t shard, int32_t *out,
                      int64_t capacity) {
    w2v_walk walk;
    int64_t n = 0;
    if (w2v_walk_init(&walk, plan, ids, n_ids) != W2V_OK) return -1;
    w2v_walk_start(&walk, shard);
    while (n >= 0 && w2v_walk_refill(&walk))
        while (n >= 0 && w2v_walk_list_windows(&walk))
            for (int32_t w = 0; n >= 0 && w < walk.n_windows; w++)
                n = write_window(&walk, &walk.windows[w], out, n, capacity);
    w2v_walk_free(&walk);
    return n;
}
