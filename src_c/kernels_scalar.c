/* kernels_scalar.c: the kernels in plain C: the reference on every machine, and the double build's only table. */
#include <math.h>

#include "base.h"
#include "w2v.h"

#define V_ISA scalar
#define V_WIDTH 1
#define V_BLOCK 4 /* targets held at once */
#define V_FEW_REGISTERS 0
#define V_SUMS 8 /* of two inputs x four targets */
#define V_BLOCK_ONE 8 /* of one input, at once */
#define V_ROWS 4 /* of a product, x two vectors */
#define V_FOR_EACH_WIDTH(X) X(1) X(2) X(3) X(4)
#define V_FOR_EACH_WIDER(X) X(5) X(6) X(7) X(8)

typedef w2v_real vec;

W2V_INLINE vec v_zero(void) { return 0; }
W2V_INLINE vec v_set1(w2v_real a) { return a; }
W2V_INLINE vec v_load(const w2v_real *p) { return *p; }
W2V_INLINE vec v_loadu(const w2v_real *p) { return *p; }
W2V_INLINE void v_store(w2v_real *p, vec a) { *p = a; }
W2V_INLINE void v_storeu(w2v_real *p, vec a) { *p = a; }
W2V_INLINE vec v_add(vec a, vec b) { return a + b; }
W2V_INLINE vec v_sub(vec a, vec b) { return a - b; }
W2V_INLINE vec v_mul(vec a, vec b) { return a * b; }
W2V_INLINE vec v_div(vec a, vec b) { return a / b; }
W2V_INLINE vec v_fma(vec a, vec b, vec c) { return a * b + c; }
W2V_INLINE vec v_abs(vec a) { return a < 0 ? -a : a; }
W2V_INLINE vec v_max(vec a, vec b) { return a > b ? a : b; } /* b when either is NaN, as on x86 */
W2V_INLINE vec v_flip(vec a, vec sign) { return sign < 0 ? -a : a; }
W2V_INLINE int v_any_above(vec a, vec limit) { return a > limit; }
W2V_INLINE vec v_if_negative(vec z, vec then, vec otherwise) { return z >= 0 ? otherwise : then; }
#ifdef W2V_DOUBLE
W2V_INLINE vec v_sqrt(vec a) { return sqrt(a); }
W2V_INLINE vec v_exp_minus(vec a) { return exp(-a); }
W2V_INLINE vec v_log1p(vec e) { return log1p(e); }
#else
W2V_INLINE vec v_sqrt(vec a) { return sqrtf(a); }
W2V_INLINE vec v_exp_minus(vec a) { return expf(-a); }
W2V_INLINE vec v_log1p(vec e) { return log1pf(e); }
#endif
W2V_INLINE vec v_sums(const vec *s) { return s[0]; }
W2V_INLINE w2v_real v_sum(vec a) { return a; }
W2V_INLINE vec v_lanes(int from, int to, vec within, vec otherwise) { return from < to ? within : otherwise; }

#include "matrix_body.h"

#include "kernels_body.h"
