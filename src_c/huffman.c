/* huffman.c: the Huffman tree over the vocabulary, for hierarchical softmax.
 *
 * Counts arrive sorted, so van Leeuwen's two queues (ICALP 1976) build the tree in O(V): leaves from the last
 * word backwards, and inner nodes in the order in which they are made, are both sorted already. Codes may be
 * of any length (word2vec.c overflows beyond 40). */
#include <stdlib.h>
#include <string.h>

#include "w2v.h"

typedef struct {
    int64_t *count;  /* [V-1] of each inner node, in the order made */
    int64_t *parent; /* [2V-1] leaf w at w, inner node m at V + m; parents are inner nodes m */
    uint8_t *code;   /* [2V-1] the branch taken from the parent */
    int64_t *depth;  /* [V-1] of inner nodes */
} builder;

static void join_rarest(builder *b, const int64_t *counts, int64_t n_words) {
    int64_t leaf = n_words - 1, oldest = 0;
    for (int64_t made = 0; made < n_words - 1; made++) {
        b->count[made] = 0;
        for (uint8_t code = 0; code < 2; code++) {
            /* Of equal counts the leaf goes first, which keeps the longest code as short as it can be. */
            int take_leaf = leaf >= 0 && (oldest == made || counts[leaf] <= b->count[oldest]);
            int64_t child = take_leaf ? leaf-- : n_words + oldest++;
            b->count[made] += take_leaf ? counts[child] : b->count[child - n_words];
            b->parent[child] = made;
            /* word2vec.c gives 0 to the rarest and 1 to the other */
            b->code[child] = code;
        }
    }
}

static int64_t leaf_depth(const builder *b, int64_t w) { return b->depth[b->parent[w]] + 1; }

static w2v_status write_paths(const builder *b, int64_t n_words, w2v_tree *tree) {
    const int64_t n_nodes = n_words - 1;
    tree->offsets[0] = 0;
    for (int64_t w = 0; w < n_words; w++)
        tree->offsets[w + 1] = tree->offsets[w] + (n_nodes ? leaf_depth(b, w) : 0);
    const int64_t n_entries = tree->offsets[n_words];
    tree->nodes = malloc((size_t)(n_entries + 1) * sizeof *tree->nodes);
    tree->codes = malloc((size_t)(n_entries + 1) * sizeof *tree->codes);
    if (!tree->nodes || !tree->codes) return W2V_ERR_MEMORY;
    for (int64_t w = 0; w < n_words; w++) {
        int64_t child = w;
        for (int64_t entry = tree->offsets[w + 1]; entry-- > tree->offsets[w];) {
            int64_t made = b->parent[child];
            tree->nodes[entry] = (int32_t)(n_nodes - 1 - made); /* the last one made is the root: node 0 */
            tree->codes[entry] = b->code[child];
            child = n_words + made;
        }
    }
    return W2V_OK;
}

w2v_status w2v_tree_build(const int64_t *counts, int64_t n_words, w2v_tree *tree) {
    const size_t n_inner = (size_t)n_words, n_all = 2 * (size_t)n_words;
    builder b = {malloc(n_inner * sizeof(int64_t)), malloc(n_all * sizeof(int64_t)), malloc(n_all),
                 malloc(n_inner * sizeof(int64_t))};
    memset(tree, 0, sizeof *tree);
    tree->offsets = malloc((n_inner + 1) * sizeof *tree->offsets);
    w2v_status status = W2V_ERR_MEMORY;
    if (b.count && b.parent && b.code && b.depth && tree->offsets) {
        join_rarest(&b, counts, n_words);
        for (int64_t made = n_words - 2; made >= 0; made--) /* parents are made after their children */
            b.depth[made] = made == n_words - 2 ? 0 : b.depth[b.parent[n_words + made]] + 1;
        status = write_paths(&b, n_words, tree);
    }
    free(b.count);
    free(b.parent);
    free(b.code);
    free(b.depth);
    if (status != W2V_OK) w2v_tree_free(tree);
    return status;
}

void w2v_tree_free(w2v_tree *tree) {
    free(tree->offsets);
    free(tree->nodes);
    free(tree->codes);
    memset(tree, 0, sizeof *tree);
}
