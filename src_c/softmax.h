/* softmax.h: an epoch under the full softmax, which is organised otherwise than the rest (see softmax.c). */
#ifndef W2V_SOFTMAX_H
#define W2V_SOFTMAX_H

#include "w2v.h"

/* As w2v_train_epoch, for plans with W2V_SOFTMAX. */
w2v_status w2v_softmax_epoch(const w2v_plan *plan, const int32_t *ids, int64_t n_ids, w2v_progress *progress);

#endif
