/* matrix.h: how the matrices that are multiplied lie in memory. What is done with them is in matrix_body.h. */
#ifndef W2V_MATRIX_H
#define W2V_MATRIX_H

#include "base.h"
#include "w2v.h"

/* The numbers from one row to the next of a matrix of n columns: whole cache lines, and an odd number of them, or the
 * lines of one column would compete for few places in the cache. */
W2V_INLINE int64_t odd_room(int64_t n) {
    const int64_t n_lines = (n + W2V_ROW_ALIGN - 1) / W2V_ROW_ALIGN;
    return (n_lines | 1) * W2V_ROW_ALIGN;
}

/* to [n_columns, n_rows] = from [n_rows, n_columns]', both with rows of their own length. */
W2V_INLINE void transpose(const w2v_real *from, int64_t n_rows, int64_t n_columns, int64_t from_room, w2v_real *to,
                          int64_t to_room) {
    for (int64_t i = 0; i < n_rows; i += W2V_ROW_ALIGN)
        for (int64_t j = 0; j < n_columns; j++)
            for (int64_t k = i; k < i + W2V_ROW_ALIGN && k < n_rows; k++)
                to[j * to_room + k] = from[k * from_room + j];
}

#endif
