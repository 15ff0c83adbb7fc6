/* blas.h: the matrix product of queries, in row-major terms, over a BLAS that the caller hands in.
 *
 * The caller passes a pointer to SciPy's sgemm, so nothing is linked and every thread calls it for itself; whoever
 * starts the threads sees to it that the BLAS uses one thread inside each. Nothing else in the library knows
 * of BLAS, or of Fortran's column-major order: a row-major matrix is its own transpose there. */
#ifndef W2V_BLAS_H
#define W2V_BLAS_H

#include "base.h"
#include "w2v.h"

/* scores[B, T] (rows `room` apart) = inputs[B, D] targets[T, D]', rows of either matrix with a stride of their own.
 * Training has a product of its own, for matrices that lie well (matrix_body.h); those of queries can be long. */
W2V_INLINE void rows_product(w2v_sgemm sgemm, int32_t B, int32_t T, int32_t D, const float *inputs,
                             int32_t input_stride, const float *targets, int32_t target_stride, float *scores,
                             int32_t room) {
    char yes = 'T', no = 'N';
    float one = 1, zero = 0;
    sgemm(&yes, &no, &T, &B, &D, &one, (float *)targets, &target_stride, (float *)inputs, &input_stride, &zero,
          scores, &room);
}

#endif
