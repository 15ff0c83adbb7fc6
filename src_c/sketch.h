/* sketch.h: a coarse copy of a matrix, a quarter of its bytes, that says which rows a query has to look at.
 *
 * Row x is step * codes + rest, the codes whole numbers from -127 to 127. A query q is t * factors + rest, the factors
 * of 16 bits. Then q x / norm = t * scale * (factors codes), up to what the rests can be: by Cauchy and Schwarz their
 * norms, which are known, times those of the vectors. Nothing is found by codes alone: rows that may be near enough by
 * this bound have their cosines computed (cosine.h), and the others are not near enough for certain.
 *
 * One query waits for memory, so a quarter of the bytes takes a quarter of the time, or less: they may stay in a cache
 * that the matrix does not fit into. nearest.c searches; fastw2v/sketches.py says when a sketch is worth its memory. */
#ifndef W2V_SKETCH_H
#define W2V_SKETCH_H

#include "w2v.h"

/* A query against which all rows of a sketch can be held. */
typedef struct {
    float scale; /* t */
    float reach; /* how many times the errors of the sketch it can be off: 1 for a unit vector */
} w2v_sketched_query;

/* factors OUT [stride]: products with the codes of a row fit into 32 bits. */
w2v_sketched_query w2v_sketch_query(const w2v_sketch *sketch, const float *query, int16_t *factors);

#endif
