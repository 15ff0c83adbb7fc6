"""Products of matrices and kernels on columns, of every instruction set, against NumPy in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import _train, _train_double

ISAS = _train.isa_supported()
RNG = np.random.default_rng(1)


def random_matrix(n_rows, n_columns, module=_train):
    matrix = module.aligned_zeros(n_rows, n_columns)
    matrix[:, :n_columns] = RNG.normal(size=(n_rows, n_columns))
    return matrix


def check_product(n_rows, n_columns, n_terms, module, **options):
    a = random_matrix(n_rows, n_terms, module)
    b, c = random_matrix(n_terms, n_columns, module), random_matrix(n_rows, n_columns, module)
    before, scale = c.copy(), -0.7
    expected = scale * (a[:, :n_terms].astype(float) @ b[:, :n_columns].astype(float))
    if options.get("keep"):
        expected += before[:, :n_columns]
    if options.get("turned"):
        turned = module.aligned_zeros(n_terms, n_rows)
        turned[:, :n_rows] = a[:, :n_terms].T
        a = turned
    module.product(a, b, c, n_rows, n_columns, n_terms, scale=scale, **options)
    bound = (1e-6 if module is _train else 1e-14) * (2 + n_terms**0.5) * 3
    np.testing.assert_allclose(c[:, :n_columns], expected, rtol=0, atol=bound)
    assert not c[:, n_columns:].any()  # the zeros behind b's rows stay zeros


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("isa", ISAS)
def test_product_matches_numpy_for_every_small_shape(isa, turned):
    for n_rows in range(1, 27):
        for n_columns in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40):
            for n_terms in (1, 2, 15, 16, 17, 33):
                check_product(n_rows, n_columns, n_terms, _train, isa=isa, turned=turned, keep=n_rows % 2)


@given(
    shape=st.tuples(st.integers(1, 140), st.integers(1, 120), st.integers(1, 600)),
    turned=st.booleans(),
    keep=st.booleans(),
    isa=st.sampled_from(ISAS),
)
def test_product_matches_numpy_for_shapes_of_batches(shape, turned, keep, isa):
    check_product(*shape, _train, isa=isa, turned=turned, keep=keep)


def test_product_in_double_precision():
    for turned in (False, True):
        check_product(13, 21, 300, _train_double, turned=turned, keep=True)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("n", [1, 15, 16, 17, 70, 256])
def test_columns_are_exponentiated_relative_to_their_largest_score(isa, n):
    scores = random_matrix(132, n)
    scores *= 20
    start = scores.astype(float)
    most = _train.aligned_zeros(1, n)[0]
    most[:] = -1e30
    _train.columns_kernel("max", scores, most, n, isa=isa)
    np.testing.assert_array_equal(most[:n], start.max(axis=0)[:n])
    sums = _train.columns_kernel("exp", scores, most, n, isa=isa)
    expected = np.exp(start - start.max(axis=0))
    np.testing.assert_allclose(scores[:, :n], expected[:, :n], rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(sums[:n], expected.sum(axis=0)[:n], rtol=1e-5)


@pytest.mark.parametrize("isa", ISAS)
def test_a_largest_score_from_before_is_kept(isa):
    scores, most = random_matrix(5, 32), _train.aligned_zeros(1, 32)[0]
    most[:16] = 9
    most[16:] = -9
    _train.columns_kernel("max", scores, most, 32, isa=isa)
    assert (most[:16] == 9).all()
    np.testing.assert_array_equal(most[16:], scores.max(axis=0)[16:])


@pytest.mark.parametrize("isa", ISAS)
def test_nan_in_a_column_is_not_lost(isa):
    for row in range(4):
        scores, most = random_matrix(4, 16), _train.aligned_zeros(1, 16)[0]
        most[:] = 9
        scores[row, 3] = np.nan
        sums = _train.columns_kernel("exp", scores, most, 16, isa=isa)
        assert np.isnan(sums[3])
        assert np.isfinite(np.delete(sums, 3)).all()


@pytest.mark.parametrize("isa", ISAS)
def test_columns_are_scaled(isa):
    matrix = random_matrix(7, 33)
    factors = RNG.normal(size=matrix.shape[1]).astype(np.float32)
    aligned = _train.aligned_zeros(1, 33)[0]
    aligned[:] = factors
    expected = matrix * factors
    _train.columns_kernel("scale", matrix, aligned, 33, isa=isa)
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("n", [64, 128, 320])
def test_codes_are_multiplied_exactly_up_to_the_largest(isa, n):
    codes = RNG.integers(-127, 128, (37, n)).astype(np.int8)
    factors = RNG.integers(-32767, 32768, n).astype(np.int16)
    codes[0], codes[1] = 127, -127
    factors[:] = np.where(n > 128, factors, 32767)
    expected = codes.astype(np.int64) @ factors.astype(np.int64)
    assert abs(expected).max() < 1 << 31
    np.testing.assert_array_equal(_train.code_products(codes, factors, isa=isa), expected)
