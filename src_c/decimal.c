/* decimal.c: see decimal.h.
 *
 * Reading: the first 19 digits make an integer, times a power of ten. In double precision that product has a
 * relative error of less than 2^-51, so it lies between the exact number times (1 - 2^-50) and (1 + 2^-50); where both
 * ends round to the same float, this is the answer. About one number in four million is not decided that way, and
 * left to the C library. A double is decided where the product is exact up to its one rounding (Clinger, How to read
 * floating point numbers accurately, PLDI 1990): at most 2^53 times or over at most 10^22.
 *
 * Writing: the float is scaled to 6, 7, 8, then 9 digits, and the first that reads back is taken. (Next to a power of
 * two, whose lower neighbour is nearer, a digit less would do once in a while.) */
#include "decimal.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#if defined(__APPLE__)
#include <xlocale.h>
#endif

#ifdef _WIN32
typedef _locale_t numeric_locale;
static numeric_locale plain_locale(void) { return _create_locale(LC_ALL, "C"); }
#define freelocale _free_locale
#define strtof_l _strtof_l
#define strtod_l _strtod_l
#else
typedef locale_t numeric_locale;
static numeric_locale plain_locale(void) { return newlocale(LC_ALL_MASK, "C", (locale_t)0); }
#endif

struct w2v_decimal_reader {
    numeric_locale locale; /* a comma must not become the decimal point because the user's program speaks German */
};

w2v_decimal_reader *decimal_reader_create(void) {
    w2v_decimal_reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->locale = plain_locale();
    if (reader->locale == (numeric_locale)0) {
        free(reader);
        return NULL;
    }
    return reader;
}

void decimal_reader_destroy(w2v_decimal_reader *reader) {
    if (reader != NULL)
        freelocale(reader->locale);
    free(reader);
}

enum { MAX_DIGITS = 19, MIN_POWER = -64, MAX_POWER = 64, EXPONENT_LIMIT = 100000000 };

/* Each is the double nearest to the power of ten. */
static const double powers[MAX_POWER - MIN_POWER + 1] = {
    1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55, 1e-54, 1e-53, 1e-52, 1e-51, 1e-50, 1e-49,
    1e-48, 1e-47, 1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33,
    1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17,
    1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1,
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31,
    1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47,
    1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63,
    1e64,
};

W2V_INLINE double power_of_ten(int64_t exponent) { return powers[exponent - MIN_POWER]; }

/* A number of text, taken apart: digits x 10^exponent, and whether more digits than those were there. */
typedef struct {
    uint64_t digits;
    int64_t exponent;
    int is_negative, is_cut;
} decimal;

/* Whether digits x 10^exponent rounds to a float that is beyond doubt. */
W2V_INLINE int float_decided(const decimal *number, float *value) {
    if (number->digits == 0) {
        *value = 0;
        return 1;
    }
    if (number->exponent < MIN_POWER || number->exponent > MAX_POWER)
        return 0;
    const double about = (double)number->digits * power_of_ten(number->exponent);
    const float below = (float)(about * (1 - 0x1p-50)), above = (float)(about * (1 + 0x1p-50));
    *value = below;
    return below == above;
}

W2V_INLINE int double_decided(const decimal *number, double *value) {
    const int64_t exponent = number->exponent;
    if (number->digits > UINT64_C(1) << 53 || number->is_cut || exponent < -22 || exponent > 22) {
        *value = 0;
        return number->digits == 0;
    }
    *value = exponent < 0 ? (double)number->digits / power_of_ten(-exponent)
                          : (double)number->digits * power_of_ten(exponent);
    return 1;
}

W2V_INLINE int is_digit(uint8_t byte) { return (uint8_t)(byte - '0') <= 9; }

/* Digits in a row: the number they make, which overflows harmlessly beyond 19 of them. */
W2V_INLINE const uint8_t *digits_read(uint64_t *digits, const uint8_t *text, const uint8_t *end) {
    for (; text < end && is_digit(*text); text++)
        *digits = 10 * *digits + (uint64_t)(*text - '0');
    return text;
}

/* The first 19 digits of a number that has more, after its leading zeros. */
static void many_digits_read(decimal *number, const uint8_t *text, const uint8_t *end) {
    int n_digits = 0, is_fraction = 0;
    number->digits = 0;
    number->exponent = 0;
    for (; text < end; text++) {
        if (*text == '.') {
            is_fraction = 1;
        } else if (n_digits < MAX_DIGITS) {
            number->digits = 10 * number->digits + (uint64_t)(*text - '0');
            n_digits += number->digits > 0;
            number->exponent -= is_fraction;
        } else {
            number->is_cut |= *text > '0';
            number->exponent += !is_fraction;
        }
    }
}

/* Takes a number apart; returns where it ends, or NULL. The exponent stays far from overflow. */
W2V_INLINE const uint8_t *decimal_split(decimal *number, const uint8_t *text, const uint8_t *end) {
    *number = (decimal){0};
    if (text < end && (*text == '-' || *text == '+'))
        number->is_negative = *text++ == '-';
    const uint8_t *whole = text;
    text = digits_read(&number->digits, text, end);
    int64_t n_digits = text - whole;
    if (text < end && *text == '.') {
        const uint8_t *fraction = ++text;
        text = digits_read(&number->digits, text, end);
        number->exponent = fraction - text;
        n_digits += text - fraction;
    }
    if (n_digits == 0)
        return NULL;
    if (n_digits > MAX_DIGITS)
        many_digits_read(number, whole, text);
    if (text < end && (*text | 32) == 'e') {
        text++;
        int is_negative = 0;
        if (text < end && (*text == '-' || *text == '+'))
            is_negative = *text++ == '-';
        if (text == end || !is_digit(*text))
            return NULL;
        int64_t exponent = 0;
        for (; text < end && is_digit(*text); text++)
            if (exponent < EXPONENT_LIMIT)
                exponent = 10 * exponent + (*text - '0');
        number->exponent += is_negative ? -exponent : exponent;
    }
    return text;
}

/* Whether the letters of `name` stand here, in whatever case. */
static int has_name(const uint8_t *text, const uint8_t *end, const char *name) {
    for (; *name != 0; name++, text++)
        if (text == end || (*text | 32) != (uint8_t)*name)
            return 0;
    return 1;
}

/* inf, infinity or nan with its sign; NULL if it is neither. */
static const uint8_t *name_read(const uint8_t *text, const uint8_t *end, float *value) {
    int is_negative = 0;
    if (text < end && (*text == '-' || *text == '+'))
        is_negative = *text++ == '-';
    if (has_name(text, end, "nan")) {
        *value = is_negative ? -NAN : NAN;
        return text + 3;
    }
    *value = is_negative ? -INFINITY : INFINITY;
    if (has_name(text, end, "infinity"))
        return text + 8;
    return has_name(text, end, "inf") ? text + 3 : NULL;
}

const uint8_t *float_read(const w2v_decimal_reader *reader, const uint8_t *text, const uint8_t *end, float *value) {
    decimal number;
    const uint8_t *next = decimal_split(&number, text, end);
    if (next == NULL)
        return name_read(text, end, value);
    if (float_decided(&number, value))
        *value = number.is_negative ? -*value : *value;
    else
        *value = strtof_l((const char *)text, NULL, reader->locale);
    return next;
}

const uint8_t *double_read(const w2v_decimal_reader *reader, const uint8_t *text, const uint8_t *end, double *value) {
    decimal number;
    const uint8_t *next = decimal_split(&number, text, end);
    if (next == NULL) {
        float named;
        next = name_read(text, end, &named);
        *value = named;
    } else if (double_decided(&number, value))
        *value = number.is_negative ? -*value : *value;
    else
        *value = strtod_l((const char *)text, NULL, reader->locale);
    return next;
}

/* The fewest digits, at most nine, that stand for a positive, finite float. */
static decimal shortest_decimal(float value) {
    int binary_exponent;
    frexpf(value, &binary_exponent);
    int tens = (int)floor((binary_exponent - 1) * 0.30102999566398120); /* times log10(2): exact or one too small */
    tens += value >= power_of_ten(tens + 1);
    decimal number = {0};
    for (int n_digits = value < FLT_MIN ? 1 : FLT_DIG; n_digits <= 9; n_digits++) {
        number.exponent = tens + 1 - n_digits;
        number.digits = (uint64_t)llrint((double)value * power_of_ten(-number.exponent));
        float back;
        if (float_decided(&number, &back) && back == value)
            break;
    }
    while (number.digits % 10 == 0) {
        number.digits /= 10;
        number.exponent++;
    }
    return number;
}

static uint8_t *digits_write(uint8_t *out, const uint8_t *digits, int n_digits) {
    for (int place = 0; place < n_digits; place++)
        out[place] = digits[place];
    return out + n_digits;
}

static uint8_t *zeros_write(uint8_t *out, int n_zeros) {
    for (int place = 0; place < n_zeros; place++)
        out[place] = '0';
    return out + n_zeros;
}

uint8_t *float_write(uint8_t *out, float value) {
    if (isnan(value))
        return digits_write(out, (const uint8_t *)"nan", 3);
    if (signbit(value)) {
        *out++ = '-';
        value = -value;
    }
    if (isinf(value))
        return digits_write(out, (const uint8_t *)"inf", 3);
    if (value == 0)
        return digits_write(out, (const uint8_t *)"0.0", 3);
    const decimal number = shortest_decimal(value);
    uint8_t digits[MAX_DIGITS];
    int n_digits = 0;
    for (uint64_t rest = number.digits; rest > 0; rest /= 10)
        digits[MAX_DIGITS - ++n_digits] = (uint8_t)('0' + rest % 10);
    const uint8_t *first = digits + MAX_DIGITS - n_digits;
    const int point = n_digits + (int)number.exponent; /* digits before the decimal point */
    if (point <= -4 || point > 16) {
        *out++ = *first;
        if (n_digits > 1) {
            *out++ = '.';
            out = digits_write(out, first + 1, n_digits - 1);
        }
        const int power = point - 1, size = power < 0 ? -power : power;
        *out++ = 'e';
        *out++ = power < 0 ? '-' : '+';
        *out++ = (uint8_t)('0' + size / 10);
        *out++ = (uint8_t)('0' + size % 10);
        return out;
    }
    if (point <= 0) {
        *out++ = '0';
        *out++ = '.';
        out = zeros_write(out, -point);
        return digits_write(out, first, n_digits);
    }
    const int n_whole = point < n_digits ? point : n_digits;
    out = digits_write(out, first, n_whole);
    out = zeros_write(out, point - n_whole);
    *out++ = '.';
    return point < n_digits ? digits_write(out, first + n_whole, n_digits - n_whole) : zeros_write(out, 1);
}
