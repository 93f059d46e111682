"""Sums, the check for finite values, transposition."""

import numpy as np
import pytest
from kernels.layouts import Output, assert_within, edges, spread

from fastmlp import _kernels


def test_sum(table, rng):
    """In double whatever the element type, and the same bits on every instruction set."""
    for n in (0, *edges(8, table.lanes), 1000, 4097):
        x = rng.normal(size=n).astype(table.dtype)
        got = table.sum(spread(x, table, rng))
        want = x.astype(np.longdouble).sum()
        bound = (n / 8 + 4) * np.finfo(float).eps * abs(x.astype(float)).sum()
        assert_within(np.array(got), np.array(want), bound, str(n))
        others = [_kernels.Table(isa, table.dtype).sum(x) for isa in _kernels.available()]
        assert set(others) == {got}


def test_sum_of_integers_is_exact(table):
    x = np.arange(1, 1002).astype(table.dtype)
    assert table.sum(x) == 1001 * 501
    x = np.full(1001, 2.0**24 - 1, table.dtype)  # too much for a sum in float32
    assert table.sum(x) == 1001 * (2.0**24 - 1)


def test_sum_keeps_nan_and_infinity(table):
    for value in (np.nan, np.inf, -np.inf):
        for at in range(19):
            x = np.ones(19, table.dtype)
            x[at] = value
            assert np.array_equal(table.sum(x), value, equal_nan=True)


def test_finite(table, rng):
    info = np.finfo(table.dtype)
    extremes = np.array([info.max, info.min, info.tiny, -info.smallest_subnormal, 0, -0.0, 1])
    for n in (0, *edges(table.lanes, table.nr)):
        x = np.resize(extremes, n).astype(table.dtype)
        assert table.finite(spread(x, table, rng))
        for at in range(n):
            for value in (np.nan, -np.nan, np.inf, -np.inf):
                bad = x.copy()
                bad[at] = value
                assert not table.finite(spread(bad, table, rng)), (n, at, value)


def test_infinities_do_not_cancel(table):
    x = np.zeros(2 * table.nr, table.dtype)
    x[0], x[table.lanes] = np.inf, -np.inf
    assert not table.finite(x)


@pytest.mark.parametrize("gap", [0, 3])
def test_transpose(table, gap, rng):
    sizes = edges(table.lanes, extra=(1, 2, 3, 13))
    for m in sizes:
        for n in sizes:
            x = rng.normal(size=(m, n)).astype(table.dtype)
            x[rng.random(x.shape) < 0.05] = np.nan
            out = Output((n, m), table, rng, gap, fill=0)
            table.transpose(spread(x, table, rng, 2 * gap), out.array)
            assert np.array_equal(out.result(), x.T, equal_nan=True)


def test_transpose_is_a_copy_of_bits(table, rng):
    bits = rng.integers(0, 256, 9 * 17 * table.dtype.itemsize, np.uint8)
    x = bits.view(table.dtype).reshape(9, 17)
    out = np.empty((17, 9), table.dtype)
    table.transpose(x, out)
    kind = f"i{table.dtype.itemsize}"
    assert np.array_equal(out.view(kind), np.ascontiguousarray(x.T).view(kind))


def test_fma_peak_counts(table):
    """The benchmark's yardstick ends, with a number of operations that grows with the rounds."""
    assert _kernels.fma_peak(1, table.dtype, 0.001, table.isa) > 1e6
