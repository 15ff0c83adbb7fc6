"""Numbers in text: read to the very bit as exact arithmetic has it, and written with digits that bring them back."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import _formats

SPAN = np.dtype([("begin", np.int64), ("end", np.int64)])


def read(texts: list[bytes], dtype: type = np.float32) -> np.ndarray:
    rows = np.zeros((len(texts), 1), dtype)
    block = b"".join(text + b"\n" for text in texts)
    spans, n_used, fault = _formats.read_text(_formats.TextLayout(1, has_word=False), block, rows)
    assert fault is None, fault
    assert (len(spans), n_used) == (len(texts), len(block))
    return rows[:, 0]


def write(numbers: np.ndarray) -> list[bytes]:
    out = np.empty(2 * len(numbers) * _formats.MAX_NUMBER_CHARS, np.uint8)
    rows = np.ascontiguousarray(numbers, np.float32)[:, None]
    layout = _formats.TextLayout(1, has_word=False)
    return out[: _formats.write_text(layout, b"", np.zeros(len(numbers), SPAN), rows, out)].tobytes().split()


def exact_float32(text: str) -> np.float32:
    """The float32 nearest to a decimal number, ties to even, by exact arithmetic (slow)."""
    with np.errstate(over="ignore"):
        near = np.float32(float(text))  # at most one too far, as it was rounded twice
    largest = np.finfo(np.float32).max
    if np.isinf(near) and abs(float(text)) < 1e39 and abs(Fraction(text)) < 2**128 - 2**103:
        near = np.copysign(largest, near)  # not beyond the middle of the largest and the next
    if not np.isfinite(near) or abs(float(text)) < 1e-46:
        return near
    number = Fraction(text)
    with np.errstate(all="ignore"):
        around = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    around = [each for each in around if np.isfinite(each)]
    return min(around, key=lambda each: (abs(Fraction(float(each)) - number), int(each.view(np.uint32)) & 1))


HARD = [
    "0.1", "-0", "+1.5", ".5", "5.", "00012.50", "1e5", "1E+05", "1e-45", "7e-46", "7.1e-46",
    "1.1754943508222875e-38",
    "3.4028235e38", "3.4028235677973366e38", "3.4028235677973367e38", "3.5e38", "1e39", "1e-99999999999",
    "1e99999999999",
    "16777217", "16777219", "33554434.99999999", "0." + "0" * 60 + "1e60", "1" + "0" * 40 + "e-40",
    "8388609.5", "8388608.50000000000000000000000001", "0.50000002980232238769531250000000000000001",
    "0.50000002980232238769531249999999999999999", "0.5000000298023223876953125", "1.00000017881393432617187499",
    "1.00000017881393432617187500", "1.00000017881393432617187501", "7.0064923216240854e-46", "1." + "9" * 800,
    "123456789012345678901234567890e-30", "9007199254740993", "9007199254740992.9999999999999999999999999999",
]  # fmt: skip


def test_hard_numbers_are_rounded_once() -> None:
    found = read([text.encode() for text in HARD])
    for text, number in zip(HARD, found, strict=True):
        assert number.view(np.uint32) == exact_float32(text).view(np.uint32), text
    doubles = read([text.encode() for text in HARD], np.float64)
    assert doubles.tobytes() == np.array([float(text) for text in HARD]).tobytes()


def test_numbers_next_to_the_middle_of_two_floats_are_rounded_once() -> None:
    rng = random.Random(1)
    texts = []
    for _ in range(300):
        left = np.uint32(rng.randrange(1, 0x7F7FFFFF)).view(np.float32)
        middle = (Fraction(float(left)) + Fraction(float(np.nextafter(left, np.float32(np.inf))))) / 2
        scale = 10 ** rng.randrange(20, 60)
        for offset in (-1, 0, 1):  # in units far below the float's last place
            digits = int(middle * scale) + offset
            texts.append(f"{digits}e-{len(str(scale)) - 1}")
    found = read([text.encode() for text in texts])
    expected = np.array([exact_float32(text) for text in texts])
    assert found.tobytes() == expected.tobytes()


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False).map(str), min_size=1, max_size=50))
def test_any_decimals_are_read_as_python_reads_them(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    assert read(encoded, np.float64).tobytes() == np.array([float(text) for text in texts]).tobytes()
    found = read(encoded)
    for text, number in zip(texts, found, strict=True):
        if abs(float(text)) < 1e30 and len(text) < 60:  # exact arithmetic with huge exponents takes for ever
            assert number.tobytes() == exact_float32(text).tobytes()


def test_names_of_no_numbers_are_read_in_any_case() -> None:
    found = read([b"nan", b"-NaN", b"inf", b"-Infinity", b"+INF"])
    assert np.isnan(found[:2]).all()
    assert np.signbit(found[:2]).tolist() == [False, True]
    assert found[2:].tolist() == [np.inf, -np.inf, np.inf]


@pytest.mark.parametrize(
    "text",
    [b"", b"-", b".", b"e5", b"1e", b"1e+", b"1_0", b"0x1p3", b"1,5", b"--1", b"1.2.3", b"infin", b"nan(1)"],
)
def test_what_is_no_number_is_refused(text: bytes) -> None:
    rows = np.zeros((1, 2), np.float32)
    _, n_used, fault = _formats.read_text(
        _formats.TextLayout(2, has_word=False), b"1 " + text + b" 2\n", rows
    )
    assert n_used == 0
    assert fault is not None


def test_random_bits_survive_and_are_written_with_nine_digits_at_most() -> None:
    bits = np.random.default_rng(2).integers(0, 1 << 32, 100_000, dtype=np.uint32)
    edges = [
        0,
        1,
        0x7FFFFF,
        0x800000,
        0x7F7FFFFF,
        0x7F800000,
        0x80000000,
        0x3F800000,
        *(n << 23 for n in range(255)),
    ]
    numbers = np.concatenate([bits, np.array(edges, np.uint32)]).view(np.float32)
    numbers = numbers[~np.isnan(numbers)]
    texts = write(numbers)
    assert read(texts).tobytes() == numbers.tobytes()
    digits = [text.split(b"e")[0].replace(b".", b"").strip(b"-0") for text in texts]
    assert max(map(len, digits)) == 9


def test_numbers_of_usual_size_are_written_as_numpy_prints_them() -> None:
    numbers = np.random.default_rng(3).normal(0, 0.3, 20_000).astype(np.float32)
    numbers = np.concatenate(
        [numbers, np.float32([0, -0.0, 1, -1, 0.5, 100, 1e-5, 1e20, np.inf, -np.inf, np.nan])]
    )
    plain = (abs(numbers) > 1e-3) & (abs(numbers) < 1e6) | (abs(numbers) < 1e-5) | ~np.isfinite(numbers)
    assert [text.decode() for text in write(numbers[plain])] == [str(number) for number in numbers[plain]]


def test_the_locale_changes_nothing(run_python) -> None:
    result = run_python("""
import locale, numpy as np
for name in ("de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"):  # whichever is installed
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        pass
from fastw2v import _formats
rows = np.zeros((1, 1), np.float32)
_formats.read_text(_formats.TextLayout(1, has_word=False), b"1.00000017881393432617187501\\n", rows)
print(rows[0, 0] > 1)
""")
    assert result.stdout == "True\n", result.stderr
