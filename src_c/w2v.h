/* w2v.h: the public face of the C library, and all of it that Cython sees.
 *
 * The library does arithmetic and loops over tokens. It never includes Python.h, never prints, never
 * exits and keeps no mutable globals but the kernel table chosen for this CPU. Callers own every buffer;
 * functions that can fail return a w2v_status and leave their outputs unusable, their inputs unharmed.
 *
 * Shapes (declared once in src_c/README.md): V words, D dimensions, K noise words, W window, B inputs in
 * a tile, T targets in a tile. IN / OUT / INOUT say which way data flows through a pointer argument.
 * Rows of matrices are `stride` numbers apart; the D..stride-1 padding is zero and stays zero. */
#ifndef W2V_H
#define W2V_H

#include <stdint.h>

/* The precision of everything that is trained. The double build exists for gradient checks only. */
#ifdef W2V_DOUBLE
typedef double w2v_real;
#else
typedef float w2v_real;
#endif

typedef enum {
    W2V_OK = 0,
    W2V_ERR_MEMORY,    /* an allocation failed */
    W2V_ERR_NUL_BYTE,  /* text holds a NUL byte: not a text file */
    W2V_ERR_TOO_MANY,  /* more distinct words than an int32 id can name */
    W2V_ERR_DIVERGED,  /* a loss became NaN or infinite */
    W2V_ERR_STOPPED,   /* the caller asked to stop */
    W2V_ERR_STALE,     /* a copy is not of these numbers */
} w2v_status;

enum {
    W2V_LINE_END = -1,  /* stands in the id array after each line */
    W2V_ROW_ALIGN = 16  /* strides are multiples of this many numbers: the widest vector register */
};

/* ---- corpus and vocabulary ---- */

/* What works on many bytes or ids at a time (text_kernels.h), by instruction set: see w2v_text_kernels_get. */
typedef struct w2v_text_kernels w2v_text_kernels;

/* The distinct words met so far, each with an id (in order of first sight) and a count: a hash table. One
 * thread may write to it, or any number may look words up. After W2V_ERR_MEMORY or W2V_ERR_TOO_MANY only
 * destroy it. */
typedef struct w2v_counter w2v_counter;

enum { W2V_TEXT_PADDING = 64 }; /* bytes that text must be followed by; the functions below overwrite them */

/* One block of work. A word or line end belongs to the block in which it begins: blocks [0, a), [a, b), ...
 * of a text find each word and line end once, wherever the cuts are. */
typedef struct {
    uint8_t *text;        /* INOUT [n_bytes + W2V_TEXT_PADDING]; its words stay unchanged */
    int64_t begin;        /* IN  the block's first byte; text[begin - 1], if any, precedes it in the file */
    int64_t own_end;      /* IN  the first byte that is the next block's */
    int64_t n_bytes;      /* IN  end of the text: >= own_end; no word that begins in the block goes past it */
    const int64_t *sizes; /* IN  [n_sizes] for tokens only: the bytes of each, end to end; -1 ends a sentence */
    int64_t n_sizes;
    int32_t *ids;         /* OUT [own_end - begin] for text, [n_sizes] for tokens: ids and W2V_LINE_END; that may
                           * come first (it then ends a line of the previous block) but never twice in a row */
    int64_t n_ids;        /* OUT */
    int64_t n_words;      /* OUT words met, known or not */
    int64_t n_lines;      /* OUT line ends met, those of empty lines too */
    int64_t nul_byte;     /* OUT where the NUL byte is, after W2V_ERR_NUL_BYTE */
} w2v_block;

/* Room for `n_expected` words is made at once when that for a few thousand is used up. */
w2v_status w2v_counter_create(w2v_counter **counter /* OUT */, int64_t n_expected);
void w2v_counter_destroy(w2v_counter *counter);
int64_t w2v_counter_size(const w2v_counter *counter);
void w2v_counter_counts(const w2v_counter *counter, int64_t *counts /* OUT [1 + size]: of no word, then of each */);
const uint8_t *w2v_counter_word(const w2v_counter *counter, int64_t id, int64_t *n_bytes /* OUT */);

/* Text is cut at ASCII white space, a line ends at '\n', and a NUL byte is refused. Tokens are taken as
 * they are. The _count functions give new words an id and count all; the _lookup functions leave unknown
 * words out. */
w2v_status w2v_text_count(const w2v_text_kernels *kernels, w2v_counter *counter, w2v_block *block);
w2v_status w2v_text_lookup(const w2v_text_kernels *kernels, const w2v_counter *counter, w2v_block *block);
w2v_status w2v_tokens_count(w2v_counter *counter, w2v_block *block);
w2v_status w2v_tokens_lookup(const w2v_counter *counter, w2v_block *block);

/* The first white space in text [begin, end), or end. */
int64_t w2v_text_first_space(const uint8_t *text, int64_t begin, int64_t end);
/* The last white space in text [begin, end), or begin - 1. */
int64_t w2v_text_last_space(const uint8_t *text, int64_t begin, int64_t end);

/* Add `count` (which may be 0) to a word, new or known. */
w2v_status w2v_counter_add(w2v_counter *counter, const uint8_t *word, int64_t n_bytes, int64_t count);
/* Add the words and counts of `from`; ids OUT [size of from] says which id each of them has in `counter`. */
w2v_status w2v_counter_merge(w2v_counter *counter, const w2v_counter *from, int32_t *ids);
/* Sort ids INOUT [n] by count IN [size], highest first, and then by the bytes of the words. */
w2v_status w2v_counter_sort(const w2v_counter *counter, const int64_t *counts, int32_t *ids, int64_t n);

/* realloc for ids, in huge pages where the system has them; NULL if there is no memory for so many. */
int32_t *w2v_ids_resize(int32_t *ids, int64_t capacity);

/* Blocks of ids, one behind the other, that become one, in place: each is renumbered and, when the one before is where
 * it belongs, moved to the end of that, without line ends that then repeat. Any number of threads share the work: each
 * calls w2v_ids_join. */
typedef struct {
    int32_t *ids;                  /* INOUT all blocks */
    int64_t n_blocks;
    const int64_t *ends;           /* IN    [n_blocks] where they end */
    const int32_t *const *new_ids; /* IN    [n_blocks] for each as in text_kernels.h; NULL: ids stay what they are */
    int64_t n_begun, n_moved;      /* INOUT blocks, 0 at first; atomic */
    int64_t n_ids;                 /* INOUT in the blocks that are moved, 0 at first; only who moves one may look */
} w2v_joining;
void w2v_ids_join(const w2v_text_kernels *kernels, w2v_joining *joining);

typedef struct {
    uint64_t sum;        /* tells these ids from others, unless somebody means to deceive */
    int64_t n_line_ends; /* how many of them are W2V_LINE_END */
    int64_t n_beyond;    /* ... and how many neither that nor one of n_words */
} w2v_ids_facts;

/* Look at ids IN [n_ids], fewer than 2^32. */
void w2v_ids_inspect(const int32_t *ids, int64_t n_ids, int32_t n_words, w2v_ids_facts *facts /* OUT */);

/* ---- end of corpus ---- */

/* ---- instruction sets (dispatch.c) ---- */

/* Choose the kernels: `name` is scalar, avx2, avx512, neon, or NULL for the best this CPU runs.
 * Returns 0 when the name is unknown, not compiled in, or not supported here; the choice is then unchanged. */
int w2v_isa_select(const char *name);
const char *w2v_isa_name(void);         /* the chosen one */
const char *w2v_isa_compiled(int rank); /* compiled in, best first; NULL past the end */
int w2v_isa_supported(const char *name);
int w2v_openmp_version(void);           /* the _OPENMP date, 0 in a serial build */
/* The chosen kernels (kernels.h), or the best ones: handed to what is not linked with them. */
typedef struct w2v_kernels w2v_kernels;
const w2v_kernels *w2v_kernels_get(void);
const w2v_text_kernels *w2v_text_kernels_get(void); /* those for any CPU until there is a choice */

/* ---- noise words (sampler.c) ---- */

/* One column of Vose's alias table: keep the column's own id when a 32-bit draw is below `threshold`. */
typedef struct {
    uint32_t threshold;
    int32_t alias;
} w2v_alias;

/* Build the table for drawing id w with probability weights[w] / sum. weights IN [V], finite, >= 0, sum > 0. */
w2v_status w2v_alias_build(const double *weights, int64_t n_words, w2v_alias *table /* OUT [V] */);
/* Draw n ids as training does, from the stream named by `seed`. */
void w2v_alias_draw(const w2v_alias *table, int64_t n_words, uint64_t seed, int32_t *ids /* OUT */, int64_t n);

/* ---- Huffman tree (huffman.c) ---- */

/* The path of word w is entries offsets[w] .. offsets[w+1]-1 of nodes and codes, root first. Node 0 is the
 * root; nodes are numbered from the root down by falling count. */
typedef struct {
    int64_t *offsets; /* [V+1] */
    int32_t *nodes;   /* [offsets[V]] in 0..V-2 */
    uint8_t *codes;   /* [offsets[V]] 0 or 1 */
} w2v_tree;

/* counts IN [V], falling. Allocates the arrays of `tree`; free them with w2v_tree_free. O(V) plus the paths. */
w2v_status w2v_tree_build(const int64_t *counts, int64_t n_words, w2v_tree *tree /* OUT */);
void w2v_tree_free(w2v_tree *tree);

/* ---- training (train.c) ---- */

typedef enum { W2V_SKIP_GRAM, W2V_CBOW } w2v_model;
typedef enum {
    W2V_NEGATIVE_SAMPLING,
    W2V_HIERARCHICAL_SOFTMAX,
    W2V_NCE,
    W2V_SAMPLED_SOFTMAX,
    W2V_BLACKOUT,
    W2V_SOFTMAX
} w2v_loss;

/* How a row is moved by the gradients of a step. The state of a row that a step does not touch stays as it is:
 * it neither coasts nor forgets. */
typedef enum { W2V_SGD, W2V_MOMENTUM, W2V_ADAGRAD, W2V_ADAM } w2v_optimizer;

/* Everything that one epoch needs to know; read-only while it runs, but for the matrices. */
typedef struct {
    w2v_model model;
    w2v_loss loss;
    int64_t n_words;
    int64_t dim;              /* D */
    int32_t has_bias;         /* number D of each row of out_vecs is the word's bias; the batch losses can have one */
    int64_t stride;           /* numbers from one row to the next, a multiple of W2V_ROW_ALIGN */
    w2v_real *in_vecs;        /* INOUT [V, stride], 64-byte aligned */
    w2v_real *out_vecs;       /* INOUT [V, stride], or [V-1, stride] node vectors for hierarchical softmax */
    const uint8_t *frozen;    /* [V] 1: this row of in_vecs stays as it is; NULL: none does */
    const uint32_t *keep_prob; /* [V] a token is kept when a 32-bit draw is <= this; NULL keeps all */
    const w2v_alias *noise;   /* [V], but for the losses that draw no noise words */
    const w2v_tree *tree;     /* hierarchical softmax only */
    int32_t window;           /* W >= 1 */
    int32_t n_noise;          /* noise words drawn, >= 0 */
    double noise_weight;      /* what each of them counts: K / n_noise for a sum that stands for K words */
    int32_t noise_reuse;      /* uses of a drawn noise word, >= 1 (see sampler.h) */
    int32_t shrink_windows;   /* draw 1..W per centre, as word2vec does, instead of W */
    int32_t noise_centers;    /* centres that share a draw of noise words; 0: each pair has its own. 1 for trees */
    int32_t tile_inputs;      /* most inputs of one tile; more are worked off in turn */
    int32_t batch_size;       /* B: inputs that are scored together; 0: window by window (ns, hs, nce) */
    double *nce_log_z;        /* INOUT NCE in batches: log Z, learnt with the rest; NULL: 0, and not learnt */
    w2v_optimizer optimizer;
    double decay_1, decay_2, epsilon; /* see w2v_move in kernels.h */
    int32_t step_windows;     /* windows that make one step, unless there are batches or steps are added at once */
    double clip_norm;         /* longest gradient of a step, all its rows taken together; 0: any */
    w2v_real *in_states;      /* INOUT [V, w2v_state_stride] what the optimizer remembers; NULL for W2V_SGD */
    w2v_real *out_states;     /* INOUT the same of out_vecs */
    int64_t n_thinned[3];     /* so many of the first words are contexts at every second, fourth, eighth place only:
                               * n_thinned[2] <= n_thinned[1] <= n_thinned[0] */
    double hidden_scale;      /* CBOW's hidden vector: 0 for the mean of the context rows, 1 for their sum */
    double context_scale;     /* what a context row gets of the hidden vector's step: 0 for 1 / C, else this factor */
    double lr_start, lr_end;  /* learning rate at the first and after the last token of this epoch */
    int64_t n_tokens;         /* ids >= 0 in the corpus */
    uint64_t seed;
    uint64_t epoch;
    int32_t n_threads;
    int32_t is_repeatable;    /* the result is the same for any number of threads */
    int32_t windows_at_once;  /* then, where windows are learnt by plain descent: how many of each shard are scored
                               * together, >= 1 */
    int64_t n_hot_in, n_hot_out; /* most frequent rows of which each thread keeps a private copy, ... */
    double hot_share;            /* ... and the share of what it learns there that the others see, in (0, 1]; or one by
                                  *     the number of threads, if that is less */
    int64_t n_warm_out;          /* the least frequent of the n_hot_out, ... */
    double warm_share;           /* ... and their share, whatever the number of threads */
} w2v_plan;

/* How many numbers an optimizer remembers of a row of `stride` numbers. */
int64_t w2v_state_stride(w2v_optimizer optimizer, int64_t stride);

/* How far an epoch is. Shared with the thread that watches, which uses the functions below: all fields are read and
 * written atomically while an epoch runs, but for pause_tokens, which stays. The first four are all that going on with
 * the epoch needs besides the plan's matrices. */
typedef struct {
    int64_t tokens_done;   /* INOUT tokens of this epoch finished so far */
    int64_t n_predictions; /* INOUT what `loss` sums over */
    double loss;           /* INOUT sum over predictions; the mean is loss / n_predictions */
    int64_t next_shard;    /* INOUT the first shard that nobody has begun; the epoch is over from w2v_shard_count on */
    int64_t pause_tokens;  /* IN  no shard is begun when so many tokens of the epoch are done; 0: all are */
    int32_t pause;         /* set it to 1 and no further shard is begun: the epoch can be gone on with */
    int32_t stop;          /* set it to 1 and the epoch ends within milliseconds, for good */
} w2v_progress;

w2v_progress w2v_progress_seen(w2v_progress *progress); /* the first four, each as it is at some moment */
void w2v_progress_pause(w2v_progress *progress);
void w2v_progress_stop(w2v_progress *progress);

/* Train one epoch over ids [n_ids], or the rest of one, up to its end or a pause. After W2V_ERR_STOPPED or
 * W2V_ERR_DIVERGED the matrices hold what was learnt. */
w2v_status w2v_train_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress);

/* How many shards an epoch is cut into: decided by the corpus alone, so random draws do not depend on threads. */
int64_t w2v_shard_count(int64_t n_ids);

/* ---- co-occurrence (cooccur.c) ---- */

enum { W2V_GAP = -2 }; /* stands in the id array for a token that was left out but keeps its place */

/* A stretch of the corpus whose tokens, turned over, tell where each word stands. */
typedef struct {
    const int32_t *ids;      /* IN [n_ids] ids, W2V_LINE_END, W2V_GAP; with the surroundings of the stretch */
    int64_t n_ids;
    const uint32_t *places;  /* IN where in ids centres stand: those of word w at starts[w] .. starts[w + 1] - 1 */
    const int64_t *starts;   /* IN [V + 1] */
    const int64_t *left;     /* IN [W] what a context word at each distance 1..W counts, >= 1; NULL: nothing */
    const int64_t *right;    /* IN [W] the same on the other side */
    int64_t window;          /* W */
    int64_t n_words;         /* V */
} w2v_stretch;

/* Sparse rows: the entries of row r are ends[r - 1] .. ends[r] - 1 (row 0 begins at 0), ids rising. */
typedef struct {
    int64_t *ends; /* [n_rows] */
    int32_t *ids;  /* [ends[n_rows - 1]] */
    int64_t *sums; /* the same */
} w2v_counts;

/* Where the sums of one row come together: V numbers. One thread uses it at a time. */
typedef struct w2v_row_sums w2v_row_sums;

w2v_status w2v_row_sums_create(int64_t n_words, w2v_row_sums **row /* OUT */);
void w2v_row_sums_destroy(w2v_row_sums *row);

/* Leave out tokens with probability 1 - keep_prob [V] (as in w2v_plan). The draw belongs to the token's place in the
 * corpus, `first_place` for ids[0]. With keep_gaps W2V_GAP takes its place, else the others move up. ids INOUT [n_ids];
 * returns how many are left. */
int64_t w2v_ids_thin(int32_t *ids, int64_t n_ids, int64_t first_place, const uint32_t *keep_prob, uint64_t seed,
                     int keep_gaps);

/* Turn ids over: how often each word occurs (added to n_places INOUT [V]), and where in ids [begin, end) it stands,
 * written to places from next INOUT [V] on. */
void w2v_places_count(const int32_t *ids, int64_t n_ids, int64_t *n_places);
void w2v_places_fill(const int32_t *ids, int64_t begin, int64_t end, int64_t *next, uint32_t *places);

/* The rows of words first .. last - 1. rows OUT must have room for the least of V and places x weights in each.
 * Ends with W2V_ERR_STOPPED soon after *stop has become 1; the sums are then fit for destruction only. */
w2v_status w2v_cooccur_count(const w2v_stretch *stretch, w2v_row_sums *row, int64_t first, int64_t last,
                             w2v_counts *rows, int32_t *stop);
/* Add up n_parts x n_rows rows. total OUT must have room for all their entries. */
void w2v_cooccur_merge(const w2v_counts *parts, int64_t n_parts, int64_t n_rows, w2v_row_sums *row, w2v_counts *total);

/* ---- sparse matrix times dense (sparse.c) ---- */

/* A matrix in compressed sparse rows. */
typedef struct {
    int64_t n_rows;
    const int64_t *starts; /* IN [n_rows + 1] */
    const int32_t *ids;    /* IN columns */
    const float *values;   /* IN */
} w2v_sparse;

/* product OUT [n_rows, n_columns] = a sparse matrix times dense IN [n_inner, n_columns]; both dense ones are packed.
 * Each number is a sum in the order of the row's entries, so the bytes do not depend on n_threads. Ends with
 * W2V_ERR_STOPPED soon after *stop has become 1. */
w2v_status w2v_sparse_multiply(const w2v_sparse *matrix, const float *dense, int64_t n_columns, float *product,
                               int32_t n_threads, int32_t *stop);

/* ---- vector files (vector_rows.c) ---- */

/* A stretch of bytes. */
typedef struct {
    int64_t begin, end;
} w2v_span;

/* Take rows "word, space, row_bytes bytes" out of a block of a binary file; newlines before a word are left out. words
 * OUT [max_rows] where in bytes IN each word stands, rows OUT [max_rows, row_bytes]. Returns how many whole rows were
 * there, n_used OUT the bytes that they take. */
int64_t w2v_binary_rows_read(const uint8_t *bytes, int64_t n_bytes, int64_t row_bytes, int64_t max_rows,
                             w2v_span *words, uint8_t *rows, int64_t *n_used);
/* The reverse, with a newline after each row. words IN [n_rows] in letters; out OUT has room for the words and
 * row_bytes + 2 bytes for each row. Returns the bytes written. */
int64_t w2v_binary_rows_write(const uint8_t *letters, const w2v_span *words, const uint8_t *rows, int64_t n_rows,
                              int64_t row_bytes, uint8_t *out);

/* How lines of text are made up. */
typedef struct {
    int64_t n_numbers;    /* D */
    uint8_t separator;    /* between fields: a space or a tab; at the end of a line it means nothing */
    int has_word;         /* a word stands before the numbers */
    int has_spaced_words; /* the word may contain separators: it is all before the last D of them */
} w2v_text_layout;

typedef enum {
    W2V_ROW_OK = 0,
    W2V_ROW_FIELDS, /* a line has more or fewer fields than a word and D numbers */
    W2V_ROW_NUMBER, /* a field is no number */
} w2v_row_fault;

/* Lines of text to read. */
typedef struct {
    const uint8_t *text; /* IN  [n_bytes]; the last byte is a newline */
    int64_t n_bytes;
    int64_t max_rows; /* IN */
    float *floats;    /* OUT [max_rows, D], or NULL: then doubles */
    double *doubles;
    w2v_span *words;     /* OUT [max_rows] where the words stand */
    int64_t n_rows;      /* OUT rows that were read */
    int64_t n_used;      /* OUT bytes that they take */
    w2v_row_fault fault; /* OUT what was wrong with the row after them, if it is not W2V_ROW_OK: */
    int64_t n_fields;    /* OUT how many fields it has, the word included */
    w2v_span fault_at;   /* OUT from where the fault is to the end of its line */
} w2v_text_part;

/* Read lines, the numbers exactly (decimal.h). */
w2v_status w2v_text_rows_read(const w2v_text_layout *layout, w2v_text_part *part);
/* Write lines. words as in w2v_binary_rows_write; rows IN [n_rows, D]; out OUT has room for the words and
 * W2V_NUMBER_CHARS for each number and each row. Returns the bytes written. */
int64_t w2v_text_rows_write(const w2v_text_layout *layout, const uint8_t *letters, const w2v_span *words,
                            const float *rows, int64_t n_rows, uint8_t *out);
enum { W2V_NUMBER_CHARS = 24 };

/* The bytes of words, one after the other, and where each ends. */
typedef struct {
    const uint8_t *letters; /* IN [n_letters] */
    int64_t n_letters;
    const int64_t *ends; /* IN [n_words] */
    int64_t n_words;
} w2v_packed_words;

/* A hash table of words that can be searched where it lies in a file. A word's place is the first free slot from its
 * hash (FNV-1a of 64 bits, the upper half xor-ed to the lower) modulo n_slots on, a power of two above n_words; a slot
 * holds a row, or -1. Returns 0 if the words collide beyond reason: then there is no such table.
 * slots OUT [n_slots]. */
int w2v_word_slots_fill(const w2v_packed_words *words, int32_t *slots, int64_t n_slots);
/* The row of a word, or one of these. Any slots and ends are safe to search. */
enum { W2V_WORD_UNKNOWN = -1, W2V_WORDS_DAMAGED = -2 };
int64_t w2v_word_find(const w2v_packed_words *words, const int32_t *slots, int64_t n_slots, const uint8_t *word,
                      int64_t n_bytes);

/* ---- queries (nearest.c, sketch.c, analogies.c) ---- */

/* A block of rows of a matrix, each with its Euclidean norm. */
typedef struct {
    const float *vecs;  /* IN [n_rows, stride] */
    int64_t stride;     /* at least D */
    const float *norms; /* IN [n_rows]; a row that is (almost) zero has the cosine 0 with everything */
    int64_t n_rows;
    int64_t first_id; /* the id of row 0 */
    int32_t dim;      /* D */
} w2v_searched;

/* cosines OUT [n_queries, room]: of unit vectors, queries IN [n_queries, D], with each row; room >= n_rows. Sums in
 * fixed order, so each number depends on its two vectors alone. */
void w2v_cosines(const w2v_searched *rows, const float *queries, int64_t n_queries, float *cosines, int64_t room,
                 int32_t n_threads);

/* A coarse copy of a matrix (sketch.h). */
typedef struct {
    int64_t stride; /* D rounded up to a multiple of W2V_SKETCH_ALIGN */
    int32_t dim;    /* D */
    int8_t *codes;  /* [V, stride] */
    float *scales;  /* [V] */
    float *errors;  /* [V] how far the product of codes may be from the cosine */
} w2v_sketch;
enum { W2V_SKETCH_ALIGN = 64 };

/* Sketch a block of rows. */
void w2v_sketch_fill(const w2v_sketch *sketch, const w2v_searched *rows, int32_t n_threads);

enum { W2V_FEW_QUERIES = 4 }; /* from so many on, products of matrices are faster than looking at one by one */

/* The nearest rows found so far. */
typedef struct {
    int64_t n_queries;              /* >= 1 */
    const float *queries;           /* IN [n_queries, D] unit vectors */
    int64_t n_wanted;               /* >= 1 */
    const int64_t *excluded_starts; /* IN [n_queries + 1] where the rows that a query must not find stand ... */
    const int64_t *excluded;        /* IN ... in these ids */
    float *cosines;                 /* INOUT [n_queries, n_wanted] */
    int64_t *ids;                   /* INOUT the same */
    int64_t *n_found;               /* INOUT [n_queries], at first 0 */
    float *bars;                    /* INOUT [n_queries] the worst of n_wanted rows; at first -INFINITY */
    int32_t *locks;                 /* INOUT [n_queries], at first 0 */
} w2v_nearest;

/* Look at one more block of rows. Whoever asks again and again has the rows read forwards and backwards in turn: those
 * that were read last are still in the cache. Fewer than W2V_FEW_QUERIES may have a sketch of the rows, or NULL; if
 * the rows are not those that were sketched, this may be noticed: then W2V_ERR_STALE. */
w2v_status w2v_nearest_update(const w2v_kernels *kernels, const w2v_searched *rows, const w2v_sketch *sketch,
                              const w2v_nearest *nearest, int32_t n_threads, int32_t backwards);
/* After the last block: nearest first, of equal cosines the first row. */
void w2v_nearest_sort(const w2v_nearest *nearest);

/* As w2v_cosines, but fast where there are many queries, and only up to `slack` OUT: for w2v_analogies_update. */
w2v_status w2v_cosines_table(const w2v_kernels *kernels, const w2v_searched *rows, const float *words, int64_t n_words,
                             float *cosines, int64_t cosines_room, int32_t n_threads, float *slack);

/* Questions a : b :: c : ?, answered by the row with the largest cos(b) - cos(a) + cos(c), or with `multiply`
 * cos'(b) cos'(c) / (cos'(a) + 0.001), cos' = (1 + cos) / 2, of equal ones by the first. */
typedef struct {
    int64_t n_questions;
    const int32_t *places;      /* IN [n_questions, 3] rows of the table of words: a, b, c */
    const int32_t *word_groups; /* IN [n_words] */
    const int32_t *groups;      /* IN [V] rows of the groups of a, b and c are no answers */
    int32_t multiply;
    float *scores;    /* INOUT [n_questions], at first -INFINITY */
    int64_t *answers; /* INOUT [n_questions], at first -1 */
} w2v_analogies;

/* Look at one more block of rows; `table` [n_words, room] has their cosines with the words of the questions, unit
 * vectors [n_words, D], up to `slack`. With slack 0 neither `words` nor the vectors of `rows` are looked at. */
void w2v_analogies_update(const w2v_searched *rows, const float *words, const float *table, int64_t room, float slack,
                          const w2v_analogies *asked, int32_t n_threads);

/* ---- seams for tests and benchmarks ---- */

/* Write each window that shard `shard` of `n_ids` ids walks, as (centre, n_contexts, contexts ...), into out
 * [capacity]; returns the numbers written, or -1 when capacity is too small. */
int64_t w2v_walk_list(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, int64_t shard, int32_t *out,
                      int64_t capacity);

#endif
