"""Every kernel of every instruction set this machine runs, against NumPy in double precision.

The vectors are D long, D = 0..130, and padded with zeros as the trainer pads them; kernels are told of D in whole
vectors of their own. Rows beside a tile's and the padding must stay as they were. The double build's kernels are
held to double precision.
"""

from __future__ import annotations

from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import twins

from fastw2v import _train, _train_double

ISAS = _train.isa_supported()
LR = 0.05
# Sizes of the numbers: as at the start of training, as at its end, and with scores far beyond SCORE_LIMIT.
SIZES = [0.01, 0.5, 3.0]
N_ROWS = 48


def zeros(n_rows: int, dim: int, core: ModuleType = _train) -> np.ndarray:
    """Zero rows, also of length 0: for these, NumPy promises no alignment of memory of their own."""
    return core.aligned_zeros(n_rows, dim) if dim else core.aligned_zeros(n_rows, 1)[:, :0]


def random_rows(
    rng: np.random.Generator, dim: int, size: float, n_rows: int = N_ROWS, core: ModuleType = _train
):
    matrix = zeros(n_rows, dim, core)
    matrix[:, :dim] = size * rng.uniform(-1, 1, (n_rows, dim))
    return matrix


class Tile:
    """A random tile: which rows, how they count, and where the steps of the inputs go."""

    def __init__(self, rng, dim, n_inputs, n_targets, size=0.5, *, in_place=False, core=_train):
        self.core, self.dim = core, dim
        self.inputs, self.targets = (random_rows(rng, dim, size, core=core) for _ in range(2))
        self.steps = None if in_place else random_rows(rng, dim, size, n_inputs, core)
        self.input_ids = rng.choice(N_ROWS, n_inputs).tolist()  # some of them more than once
        self.target_ids = rng.permutation(N_ROWS)[:n_targets].tolist()
        self.weights = rng.choice(
            [-3.0, -1.0, -1.0, -0.25, 0.0, 0.25, 1.0, 1.0, 2.0, 3.0], (n_inputs, n_targets)
        )

    def run(self, function, dtype, lr: float = LR, **options):
        """(loss, inputs, targets, steps) as `function` leaves them, starting from copies."""
        inputs, targets, steps = (
            None if a is None else self.copy(a, dtype) for a in (self.inputs, self.targets, self.steps)
        )
        loss = function(
            inputs,
            self.input_ids,
            targets,
            self.target_ids,
            self.weights,
            lr,
            steps=steps,
            **options,
        )
        return loss, inputs, targets, steps

    def copy(self, a, dtype):
        if dtype == np.float64 and self.core is _train:
            return a.astype(np.float64)
        copied = zeros(*a.shape, self.core)
        copied[:] = a
        return copied

    def errors(self, isa: str, lr: float = LR) -> dict[str, Any]:
        """The largest differences from the twin, relative to the size of the numbers."""
        core_result = self.run(self.core.logistic_tile, self.core.REAL, lr, dim=self.dim, isa=isa)
        twin_result = self.run(twins.logistic_tile, np.float64, lr, most_at_once=twins.MOST_AT_ONCE[isa])
        size = max(np.abs(self.inputs).max(initial=0), np.abs(self.targets).max(initial=0), 1e-3)
        worst = {"loss": abs(core_result[0] - twin_result[0]) / (1e-3 + abs(twin_result[0]))}
        for name, got, expected in zip(
            ("inputs", "targets", "steps"), core_result[1:], twin_result[1:], strict=True
        ):
            if got is not None:
                worst[name] = np.abs(got - expected).max(initial=0) / size
        return worst


def assert_small(errors: dict[str, float], bound: float = 1e-5) -> None:
    for name, error in errors.items():
        assert error < bound, f"{name} off by {error}"  # NaN is not < bound


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("isa", ISAS)
def test_a_tile_matches_its_twin_for_every_length(isa, size):
    rng = np.random.default_rng(1)
    for dim in range(131):
        tile = Tile(rng, dim, int(rng.integers(1, 13)), int(rng.integers(1, 17)), size)
        assert_small(tile.errors(isa))


@pytest.mark.parametrize("isa", ISAS)
def test_a_tile_matches_its_twin_for_every_number_of_inputs_and_targets(isa):
    rng = np.random.default_rng(2)
    for n_inputs in range(1, 14):
        for n_targets in range(1, 41):
            assert_small(Tile(rng, 20, n_inputs, n_targets).errors(isa))


@pytest.mark.parametrize("n_targets", [0, 1, 6, 8, 9, 30])
@pytest.mark.parametrize("n_inputs", [2, 3, 4, 5, 8, 11, 18])
@pytest.mark.parametrize("isa", ISAS)
def test_inputs_with_targets_of_their_own_match_the_twin(isa, n_inputs, n_targets):
    """Several may have the same one. What was in the inputs' steps before does not matter."""
    rng = np.random.default_rng(n_inputs * n_targets)
    for dim in (1, 16, 20, 100, 130):
        x, y, steps = (random_rows(rng, dim, 0.5, n) for n in (n_inputs, 40, n_inputs))
        rows = rng.permutation(40).tolist()
        others, own = rows[:n_targets], rng.choice(rows[n_targets:], n_inputs).tolist()
        weights = rng.choice([0.25, 1.0], (n_inputs, n_targets))
        expected = [matrix.astype(float) for matrix in (x, y, steps)]
        twin_loss = twins.tile_with_own(*expected[:2], own, others, weights, LR, expected[2])
        weights = np.hstack([np.full((n_inputs, n_inputs), 7.0), weights])
        loss = _train.logistic_tile(
            x, range(n_inputs), y, own + others, weights, LR, has_own=True, steps=steps, dim=dim, isa=isa
        )
        assert loss == pytest.approx(twin_loss, rel=1e-4)
        for got, twin in zip((x, y, steps), expected, strict=True):
            np.testing.assert_allclose(got, twin, atol=1e-5)


@pytest.mark.parametrize("isa", ISAS)
def test_inputs_with_targets_of_their_own_have_all_steps_apart_where_asked(isa):
    rng = np.random.default_rng(14)
    for dim, n_inputs, n_targets in product((1, 20, 130), (2, 4, 7), (0, 5, 6, 30)):
        n_all = n_inputs + n_targets
        x, y, steps, target_steps = (random_rows(rng, dim, 0.5, n) for n in (n_inputs, 40, n_inputs, n_all))
        others, own = list(range(n_targets)), rng.integers(30, 40, n_inputs).tolist()
        weights = np.hstack([np.full((n_inputs, n_inputs), 7.0), np.full((n_inputs, n_targets), 0.5)])
        own_factors, _ = twins.logistic_factors((x * y[own]).sum(axis=1), -1.0, LR)
        factors, _ = twins.logistic_factors(x @ y[others].T, 0.5, LR)
        expected_steps = own_factors[:, None] * y[own] + factors @ y[others]
        expected = target_steps + np.vstack([own_factors[:, None] * x, factors.T @ x])
        unmoved = y.copy()
        _train.logistic_tile(
            x, range(n_inputs), y, own + others, weights, LR,
            has_own=True, steps=steps, target_steps=target_steps, dim=dim, isa=isa,
        )  # fmt: skip
        np.testing.assert_allclose(steps, expected_steps, atol=1e-5)
        np.testing.assert_allclose(target_steps, expected, atol=1e-5)
        assert np.array_equal(y, unmoved)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("isa", ISAS)
def test_inputs_that_are_updated_in_place_get_their_steps_repeated_ones_too(isa, size):
    rng = np.random.default_rng(3)
    for dim in range(0, 131, 13):
        for n_inputs in range(1, 12):
            tile = Tile(rng, dim, n_inputs, n_targets=int(rng.integers(1, 5)), size=size, in_place=True)
            tile.input_ids[-1] = tile.input_ids[0]
            assert_small(tile.errors(isa))


@pytest.mark.parametrize("isa", ISAS)
def test_a_tile_of_one_input_matches_its_twin_for_every_number_of_targets(isa):
    rng = np.random.default_rng(13)
    for n_targets in range(1, 41):
        for dim in (16, 100):
            assert_small(Tile(rng, dim, 1, n_targets).errors(isa))


@pytest.mark.parametrize("isa", ISAS)
def test_later_blocks_see_what_earlier_ones_have_moved(isa):
    rng = np.random.default_rng(4)
    for n_inputs, n_targets in product(range(1, 12), range(5, 41, 3)):
        assert_small(Tile(rng, 100, n_inputs, n_targets, in_place=True).errors(isa))


@pytest.mark.parametrize("isa", ISAS)
def test_the_padding_of_rows_stays_zero(isa):
    rng = np.random.default_rng(5)
    for dim in (1, 15, 17, 100, 130):
        _, inputs, targets, steps = Tile(rng, dim, 5, 9, size=3.0).run(
            _train.logistic_tile, np.float32, isa=isa
        )
        for matrix in (inputs, targets, steps):
            assert not matrix[:, dim:].any()


@pytest.mark.parametrize("isa", ISAS)
def test_the_loss_is_exact_over_the_whole_range_of_scores(isa):
    for score in [0.0, 1e-6, 1e-3, 0.5, 1.0, 5.9, 6.1, 15.9, 16.1, 30.0, 80.0, 88.0, 100.0, 1000.0]:
        for z in (score, -score):
            x, y = _train.aligned_zeros(1, 1), _train.aligned_zeros(1, 1)
            x[0, 0], y[0, 0] = 1.0, z
            loss = _train.logistic_tile(x, [0], y, [0], [1.0], 0.0, isa=isa)
            assert loss == pytest.approx(np.logaddexp(0, np.float32(z).astype(float)), rel=3e-6, abs=2.5e-7)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_saturated_wrong_pair_still_learns_by_a_bounded_step_and_a_right_one_stays(isa, sign):
    for size in (20.0, 1e3, 1e6):
        for z, step in ((size, twins.SCORE_LIMIT / size), (-size, 0.0)):
            x, y = _train.aligned_zeros(1, 16), _train.aligned_zeros(1, 16)
            x[0, 0], y[0, 0] = sign * z, 1.0
            x[0, 1], y[0, 2] = 2.0, 3.0  # the score is x[0] y[0] alone; the step of each is the other row
            _train.logistic_tile(x, [0], y, [0], [sign], 0.1, isa=isa)
            assert y[0, 1] == pytest.approx(-0.1 * sign * step * 2.0, rel=1e-5, abs=1e-9)
            assert x[0, 2] == pytest.approx(-0.1 * sign * step * 3.0, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("isa", ISAS)
def test_nan_in_any_place_of_any_row_reaches_the_loss(isa):
    rng = np.random.default_rng(6)
    for n_inputs, n_targets in ((1, 1), (1, 6), (2, 7), (5, 13), (10, 16)):
        for dim in (0, 7, 16, 31):
            for spoilt in ("inputs", "targets"):
                tile = Tile(rng, 32, n_inputs, n_targets)
                ids = tile.input_ids if spoilt == "inputs" else tile.target_ids
                tile.weights[:] = 1
                getattr(tile, spoilt)[ids[rng.integers(len(ids))], dim] = np.nan
                assert np.isnan(tile.run(_train.logistic_tile, np.float32, isa=isa)[0])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, 3e38])
def test_an_overflow_reaches_the_loss_at_the_second_look_at_the_latest(isa, value):
    rng = np.random.default_rng(7)
    for n_inputs, n_targets in ((1, 1), (3, 6), (6, 6)):
        tile = Tile(rng, 32, n_inputs, n_targets, in_place=True)
        tile.weights[:] = 1
        tile.inputs[tile.input_ids[0]] = tile.targets[tile.target_ids] = value
        assert not np.isfinite(tile.run(_train.logistic_tile, np.float32, isa=isa, repeat=2)[0])


@pytest.mark.parametrize("isa", ISAS)
def test_a_learning_rate_of_zero_changes_nothing_but_tells_the_loss(isa):
    tile = Tile(np.random.default_rng(8), 100, 6, 6, in_place=True)
    loss, inputs, targets, _ = tile.run(_train.logistic_tile, np.float32, 0.0, isa=isa)
    assert loss > 0
    assert np.array_equal(inputs, tile.inputs)
    assert np.array_equal(targets, tile.targets)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_double_build_is_exact_to_double_precision(in_place):
    rng = np.random.default_rng(9)
    for size in SIZES:
        for dim in range(0, 131, 5):
            tile = Tile(
                rng, dim, int(rng.integers(1, 11)), 1 + dim % 4, size, in_place=in_place, core=_train_double
            )
            assert_small(tile.errors("scalar"), 1e-13)


def lists_of_rows(rng, sizes):
    """Lists of rows, repeated ones included, and a scale for each length."""
    return [rng.choice(N_ROWS, size).tolist() for size in sizes], rng.uniform(-2, 2, max(sizes) + 1).tolist()


@pytest.mark.parametrize("isa", ISAS)
def test_rows_sum_matches_numpy_for_every_length_and_lists_with_repeated_or_no_rows(isa):
    rng = np.random.default_rng(10)
    for dim in range(1, 131):
        rows = random_rows(rng, dim, 1.0)
        for sizes in ([0], [1], [2, 10], [37, 0, 1]):
            lists, scales = lists_of_rows(rng, sizes)
            sums = _train.rows_sum(rows, lists, scales, dim=dim, isa=isa)
            for total, ids in zip(sums, lists, strict=True):
                expected = scales[len(ids)] * rows[ids].astype(float).sum(axis=0)
                np.testing.assert_allclose(total, expected, atol=2e-6 * (1 + len(ids)))


@pytest.mark.parametrize("isa", ISAS)
def test_rows_add_matches_numpy_for_every_length_and_adds_to_a_repeated_row_each_time(isa):
    rng = np.random.default_rng(11)
    for dim in range(1, 131):
        rows = random_rows(rng, dim, 1.0)
        lists, scales = lists_of_rows(rng, rng.integers(0, 10, int(rng.integers(1, 4))))
        steps = random_rows(rng, dim, 1.0, n_rows=len(lists))
        expected = rows.astype(float)
        for ids, step in zip(lists, steps, strict=True):
            np.add.at(expected, ids, scales[len(ids)] * step.astype(float))
        _train.rows_add(rows, lists, scales, steps, dim=dim, isa=isa)
        np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_instruction_sets_are_chosen_by_name_and_unknown_ones_refused():
    before = _train.isa_name()
    try:
        for isa in ISAS:
            _train.isa_select(isa)
            assert _train.isa_name() == isa
        _train.isa_select(None)
        assert _train.isa_name() == ISAS[0]
        with pytest.raises(ValueError, match=r"'mmx' cannot be used here; choose one of .*scalar"):
            _train.isa_select("mmx")
        assert _train.isa_name() == ISAS[0]
    finally:
        _train.isa_select(before)
    assert "scalar" in ISAS
    assert set(ISAS) <= set(_train.isa_compiled())


def test_matrices_that_the_kernels_cannot_work_on_are_refused():
    good = _train.aligned_zeros(4, 16)
    assert good.shape == (4, 16)
    assert good.ctypes.data % 64 == 0
    read_only = _train.aligned_zeros(4, 16)
    read_only.flags.writeable = False
    unaligned = _train.aligned_zeros(4, 16).reshape(-1)[1:49].reshape(3, 16)
    for bad in (
        good.astype(np.float64),
        good[:, :8],
        good[::2],
        unaligned,
        read_only,
        good[0],
        good.reshape(8, 8),
    ):
        with pytest.raises(ValueError, match="must"):
            _train.rows_sum(bad, [[0]], [1.0, 1.0])
    with pytest.raises(IndexError, match="row 4 of 4"):
        _train.rows_sum(good, [[4]], [1.0, 1.0])
    with pytest.raises(ValueError, match="differ in length"):
        _train.logistic_tile(good, [0], _train.aligned_zeros(4, 32), [0], [1], 0.1)
    for lists, scales in (([], [1.0]), ([[0], [1, 2]], [1.0, 1.0])):
        with pytest.raises(ValueError, match="a scale for the longest"):
            _train.rows_sum(good, lists, scales)
    for dim in (-16, 17):
        with pytest.raises(ValueError, match=f"rows of 16 numbers have no {dim}"):
            _train.rows_sum(good, [[0]], [1.0, 1.0], dim=dim)


@pytest.mark.parametrize("core", [_train, _train_double])
def test_multiply_adds_are_done_and_counted(core):
    for isa in core.isa_supported():
        n, total = core.multiply_adds(60, factor=0.5, isa=isa)
        # Each chain goes to 1 / (1 - factor).
        n_chains = total / 2
        assert n_chains == pytest.approx(round(n_chains), abs=1e-5)
        width = 1 if isa == "scalar" else n // (60 * round(n_chains))
        assert n == 60 * round(n_chains) * width
        assert width in (1, 4, 8, 16)


@pytest.mark.parametrize("isa", ISAS)
def test_a_matrix_is_scaled_as_often_as_asked(isa):
    matrix = random_rows(np.random.default_rng(1), 40, 0.5)
    expected = matrix * 0.5**3
    _train.scale_in_place(matrix, 0.5, isa=isa, repeat=3)
    np.testing.assert_array_equal(matrix, expected)
