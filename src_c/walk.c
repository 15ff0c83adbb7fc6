/* walk.c: see walk.h. */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }

/* 65,536 places keep a shard's bookkeeping below a thousandth of its work while threads still finish together. */
enum { SHARD_PLACES = 65536, MIN_SHARDS = 64, MIN_SHARD_PLACES = 1024 };
enum {
    AHEAD = 2,         /* turns between a centre and the one that is `soon` */
    LONGEST_PATH = 63, /* longer ones, which nearly no text has, count as so long */
};

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
        lengths[w] = (uint8_t)at_most(tree->offsets[w + 1] - tree->offsets[w], LONGEST_PATH);
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
    if (plan->model == W2V_SKIP_GRAM && plan->n_halved > 0) {
        const size_t n = (size_t)walk->capacity + 1;
        walk->contexts = malloc(3 * n * sizeof *walk->contexts);
        walk->n_before = walk->contexts + n;
        walk->n_counted = walk->n_before + n;
    }
    const int by_paths = plan->tree && walk->n_lanes == 1;
    if (by_paths) {
        walk->order = malloc((size_t)walk->capacity * sizeof *walk->order);
        walk->path_lengths = path_lengths_new(plan->tree, plan->n_words);
    }
    if (walk->kept && walk->contexts && (!by_paths || (walk->order && walk->path_lengths))) return W2V_OK;
    w2v_walk_free(walk);
    return W2V_ERR_MEMORY;
}

void w2v_walk_free(w2v_walk *walk) {
    if (walk->contexts != walk->kept) free(walk->contexts);
    free(walk->kept);
    free(walk->order);
    free(walk->path_lengths);
    walk->kept = walk->contexts = walk->order = NULL;
    walk->path_lengths = NULL;
}

/* Words that are never dropped are looked up in one place, which stays in the first-level cache. */
static int is_kept(w2v_walk *walk, int32_t id) {
    const uint32_t *keep_prob = walk->plan->keep_prob;
    const int64_t place = at_most(id, walk->first_whole);
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
    walk->n_past += walk->n_before ? walk->n_before[n] : n;
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

/* What may be a context. Places of halved words that do not count, and those that count twice, are others in the next
 * epoch. No branch predicts which is which: a token is written in any case, and kept if it counts. */
static void find_contexts(w2v_walk *walk) {
    int32_t n = 0, n_counted = 0;
    for (int64_t p = 0; p < walk->n_kept; p++) {
        const int32_t halved = is_halved(walk->plan, walk->kept[p]);
        const int32_t is_odd = (int32_t)(((uint64_t)(walk->n_dropped + p) + walk->plan->epoch) & 1);
        const int32_t times = 1 + halved - 2 * (halved & is_odd);
        walk->contexts[n] = walk->kept[p];
        walk->n_before[p] = n;
        walk->n_counted[p] = n_counted;
        n += times > 0;
        n_counted += times;
    }
    walk->n_before[walk->n_kept] = n;
    walk->n_counted[walk->n_kept] = n_counted;
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
    if (walk->n_before) find_contexts(walk);
    walk->lane_length = (walk->n_ready - walk->first + walk->n_lanes - 1) / walk->n_lanes;
    walk->lane = walk->step = walk->taken = 0;
    for (int64_t p = walk->first; walk->order && p < walk->n_ready; p += W2V_ALIKE_PATHS)
        order_centers(walk, p, at_most(p + W2V_ALIKE_PATHS, walk->n_ready));
    return 1;
}

static int32_t draw_reach(w2v_walk *walk) {
    const w2v_plan *plan = walk->plan;
    return plan->shrink_windows ? 1 + (int32_t)high_below(rng_next(&walk->rng), (uint32_t)plan->window) : plan->window;
}

/* How far windows of the lane whose turn it is reach. */
static int64_t reach_of_lane(const w2v_walk *walk) {
    const w2v_plan *plan = walk->plan;
    const int is_drawn = !plan->shrink_windows || 2 * walk->lane < walk->n_lanes;
    return is_drawn ? walk->drawn_reach : plan->window + 1 - walk->drawn_reach;
}

static int64_t pos_at(const w2v_walk *walk, int64_t turn) { return walk->order ? walk->order[turn] : turn; }

/* A window of places in `kept` becomes one of places among what may be a context. */
static void leave_others_out(const w2v_walk *walk, w2v_window *window) {
    const int32_t *before = walk->n_before, *counted = walk->n_counted;
    const int64_t low = window->low, high = window->high, pos = window->pos;
    const int32_t is_context = before[pos + 1] - before[pos];
    window->low = before[low];
    window->high = before[high];
    window->pos = before[is_context ? pos : high];
    window->n_contexts = before[high] - before[low] - is_context;
    window->n_pairs = counted[high] - counted[low] - (counted[pos + 1] - counted[pos]);
    window->entering = before[window->entering];
    window->entered = before[window->entered];
}

int w2v_walk_next(w2v_walk *walk, w2v_window *window) {
    const w2v_plan *plan = walk->plan;
    int64_t turn, step, reach;
    do {
        step = walk->step + walk->taken;
        if (step >= walk->lane_length) return 0;
        turn = walk->first + walk->lane * walk->lane_length + step;
        if (!walk->lane && !walk->taken && step % W2V_ALIKE_REACH < walk->run) walk->drawn_reach = draw_reach(walk);
        reach = reach_of_lane(walk);
        if (++walk->taken < walk->run && step + 1 < walk->lane_length) continue;
        walk->taken = 0;
        if (++walk->lane == walk->n_lanes) {
            walk->lane = 0;
            walk->step += walk->run;
        }
    } while (turn >= walk->n_ready);

    /* All tokens near a centre must have entered, wherever in the order its turn is. */
    const int64_t furthest = turn + plan->window + (walk->order ? W2V_ALIKE_PATHS : 0);
    const int64_t pos = pos_at(walk, turn);
    window->tokens = walk->contexts;
    window->pos = pos;
    window->low = at_least(pos - reach, walk->line_low[pos]);
    window->high = at_most(pos + reach + 1, walk->line_high[pos]);
    window->n_past = walk->n_past;
    window->n_contexts = window->n_pairs = (int32_t)(window->high - window->low) - 1;
    window->center = walk->kept[pos];
    window->soon = walk->kept[pos_at(walk, at_most(turn + AHEAD, walk->n_ready - 1))];
    window->number = walk->n_dropped + pos;
    window->entering = step == 0 ? at_least(turn - plan->window, 0) : at_most(furthest, walk->n_kept);
    window->entered = at_most(furthest + 1, walk->n_kept);
    if (walk->n_before) leave_others_out(walk, window);
    return 1;
}

int64_t w2v_walk_list(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, int64_t shard, int32_t *out,
                      int64_t capacity) {
    w2v_walk walk;
    int64_t n = 0;
    if (w2v_walk_init(&walk, plan, ids, n_ids) != W2V_OK) return -1;
    w2v_walk_start(&walk, shard);
    while (n >= 0 && w2v_walk_refill(&walk)) {
        w2v_window window;
        while (w2v_walk_next(&walk, &window)) {
            if (n + 2 + window.n_contexts > capacity) {
                n = -1;
                break;
            }
            out[n++] = window.center;
            out[n++] = window.n_contexts;
            for (int64_t p = window.low; p < window.high; p++)
                if (p != window.pos) out[n++] = window.tokens[p];
        }
    }
    w2v_walk_free(&walk);
    return n;
}
