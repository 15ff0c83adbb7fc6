/* decimal.h: numbers as decimal text, exactly, whatever the locale.
 *
 * Reading rounds once, to nearest, ties to even: the same bits as a correct strtof or strtod. Writing gives the
 * fewest digits that read back as the same float. Used by vector_rows.c only. */
#ifndef W2V_DECIMAL_H
#define W2V_DECIMAL_H

#include "base.h"

/* What a reader of numbers needs for the few that the quick way cannot decide. */
typedef struct w2v_decimal_reader w2v_decimal_reader;
w2v_decimal_reader *decimal_reader_create(void); /* NULL without memory */
void decimal_reader_destroy(w2v_decimal_reader *reader);

/* The number that begins at `text`, which ends (at the latest at a byte that is no part of a number) before `end`:
 * digits with an optional sign, point and exponent, or inf, infinity, nan in any case. Returns where it ends, NULL if
 * there is none. No white space, no underscores, no hexadecimal numbers. Too large is infinite, too small is 0. */
const uint8_t *float_read(const w2v_decimal_reader *reader, const uint8_t *text, const uint8_t *end, float *value);
const uint8_t *double_read(const w2v_decimal_reader *reader, const uint8_t *text, const uint8_t *end, double *value);

/* Writes a float as NumPy prints it (0.1, 1.0, 1e-05, 1.5e+20, nan, -inf), less than W2V_NUMBER_CHARS bytes; returns
 * the end. */
uint8_t *float_write(uint8_t *out, float value);

#endif
