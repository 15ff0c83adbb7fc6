/* blas.h: the matrix products of a batch tile and of queries, in row-major terms, over a BLAS that the caller hands in.
 *
 * The caller passes a pointer to SciPy's ?gemm, so nothing is linked and every thread calls it for itself; whoever
 * starts the threads sees to it that the BLAS uses one thread inside each. Nothing else in the library knows
 * of BLAS, or of Fortran's column-major order: a row-major matrix is its own transpose there. */
#ifndef W2V_BLAS_H
#define W2V_BLAS_H

#include "base.h"
#include "w2v.h"

/* scores[B, T] (rows `room` apart) = inputs[B, D] targets[T, D]', rows of either matrix with a stride of their own */
W2V_INLINE void rows_product(w2v_gemm gemm, int32_t B, int32_t T, int32_t D, const w2v_real *inputs,
                             int32_t input_stride, const w2v_real *targets, int32_t target_stride, w2v_real *scores,
                             int32_t room) {
    char yes = 'T', no = 'N';
    w2v_real one = 1, zero = 0;
    gemm(&yes, &no, &T, &B, &D, &one, (w2v_real *)targets, &target_stride, (w2v_real *)inputs, &input_stride, &zero,
         scores, &room);
}

/* The same for matrices of one stride. */
W2V_INLINE void scores_product(w2v_gemm gemm, int32_t B, int32_t T, int32_t D, const w2v_real *inputs,
                               const w2v_real *targets, int32_t stride, w2v_real *scores, int32_t room) {
    rows_product(gemm, B, T, D, inputs, stride, targets, stride, scores, room);
}

/* steps[B, D] = scale * grads[B, T] targets[T, D] + keep * steps */
W2V_INLINE void input_steps_product(w2v_gemm gemm, int32_t B, int32_t T, int32_t D, w2v_real scale,
                                    const w2v_real *grads, int32_t room, const w2v_real *targets, int32_t stride,
                                    w2v_real keep, w2v_real *steps) {
    char no = 'N';
    gemm(&no, &no, &D, &B, &T, &scale, (w2v_real *)targets, &stride, (w2v_real *)grads, &room, &keep, steps, &stride);
}

/* steps[T, D] = scale * grads[B, T]' inputs[B, D] + keep * steps */
W2V_INLINE void target_steps_product(w2v_gemm gemm, int32_t B, int32_t T, int32_t D, w2v_real scale,
                                     const w2v_real *grads, int32_t room, const w2v_real *inputs, int32_t stride,
                                     w2v_real keep, w2v_real *steps) {
    char no = 'N', yes = 'T';
    gemm(&no, &yes, &D, &T, &B, &scale, (w2v_real *)inputs, &stride, (w2v_real *)grads, &room, &keep, steps, &stride);
}

#endif
