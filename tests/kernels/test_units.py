"""prelu, with a slope for each unit, and maxout, with several columns for each."""

import numpy as np
import pytest
from activation_formulas import maxout, prelu, winner
from kernels.layouts import Output, assert_within, edges, eps, same_bits, spread, wide

from fastmlp import _core, _kernels

POINTS = [0.0, -0.0, 1e3, -1e3, 1.0, -1.0, 1e-30, -1e-30, np.inf, -np.inf]
GAPS = [(0, 0, 0), (1, 5, 3)]


def widths(table):
    return edges(table.lanes, table.nr, extra=(1, 2, 3, 29))


def run_prelu(table, z, slopes, rng, gaps=(0, 0, 0), training=True):
    a, d, e = (
        Output(z.shape, table, rng, gap, fill)
        for gap, fill in zip(gaps, (z, np.nan, np.nan), strict=True)
    )
    more = (d.array, e.array) if training else ()
    table.prelu(spread(slopes, table, rng), a.array, *more)
    return a.result(), *((d.result(), e.result()) if training else ())


def prelu_back(table, slopes, z, g, rng, gaps=(0, 0, 0)):
    dz, e = Output(g.shape, table, rng, gaps[0], g), Output(g.shape, table, rng, gaps[1], z)
    table.prelu_backward(spread(slopes, table, rng), e.array, dz.array)
    return dz.result(), e.result()


def run_maxout(table, z, pieces, rng, gaps=(0, 0, 0), training=True):
    n = z.shape[1] // pieces
    a, d, e = (
        Output(shape, table, rng, gap, fill)
        for shape, gap, fill in zip(
            (z.shape, (len(z), n), (len(z), n)), gaps, (z, np.nan, np.nan), strict=True
        )
    )
    more = (d.array, e.array) if training else ()
    table.maxout(n, a.array, *more)
    got = a.result()
    vectors = -(-n // table.lanes) * table.lanes
    assert (got[:, n:vectors] == 0).all()
    assert same_bits(got[:, vectors:], z[:, vectors:]), "other columns changed"
    return got[:, :n], *((d.result(), e.result()) if training else ())


# ------------------------------------------------------------------------------------------- prelu


def test_prelu(table, rng):
    for n in widths(table):
        for m, gaps in [(1, GAPS[0]), (4, GAPS[0]), (4, GAPS[1])]:
            z = (rng.normal(size=(m, n)) * 4).astype(table.dtype)
            slopes = rng.normal(size=n).astype(table.dtype)
            want, _, _ = prelu(*wide(table, z, slopes))
            a, d, e = run_prelu(table, z, slopes, rng, gaps)
            assert_within(a, want, eps(table) * abs(want), "value")
            assert (d == 1).all()
            assert same_bits(e, z)
            assert same_bits(run_prelu(table, z, slopes, rng, gaps, training=False)[0], a)


def test_prelu_backward(table, rng):
    for n in widths(table):
        for gaps in GAPS:
            z, g = (rng.normal(size=(2, 3, n)) * 4).astype(table.dtype)
            slopes = rng.normal(size=n).astype(table.dtype)
            _, slope, by_slope = prelu(z, slopes)
            dz, de = prelu_back(table, slopes, z, g, rng, gaps)
            assert same_bits(dz, g * slope.astype(table.dtype))
            assert same_bits(de, g * by_slope)


def test_prelu_at_points(table, rng):
    """Zeros count as negative, infinities stay, NaN is not lost; in every lane and in the tail."""
    z, slope = np.array(POINTS, table.dtype), table.dtype.type(0.25)
    want, d_want, by_slope = prelu(z, slope)
    for shift in range(2 * table.lanes):
        row = np.r_[np.full(shift, np.nan, table.dtype), z][None]
        slopes = np.full(row.shape[1], slope)
        a, _, e = run_prelu(table, row, slopes, rng)
        dz, de = prelu_back(table, slopes, e, np.ones_like(row), rng)
        assert np.isnan(a[0, :shift]).all()
        assert np.isnan(de[0, :shift]).all()
        assert same_bits(a[0, shift:], want.astype(table.dtype))
        assert np.array_equal(dz[0, shift:], d_want)
        assert np.array_equal(de[0, shift:], by_slope)


def test_prelu_with_other_slopes(table, rng):
    """0 is relu; slopes of any sign and above 1 are slopes like any other."""
    z = np.array([POINTS[:8]], table.dtype)
    for slope in (0.0, 1.0, -2.0, 3.0):
        slopes = np.full(z.shape[1], slope, table.dtype)
        a, _, e = run_prelu(table, z, slopes, rng)
        dz, _ = prelu_back(table, slopes, e, np.ones_like(z), rng)
        assert np.array_equal(a[0], np.where(z[0] > 0, z[0], slope * z[0]))
        assert np.array_equal(dz[0], np.where(z[0] > 0, 1, slope))


def test_prelu_against_torch(rng):
    torch = pytest.importorskip("torch")
    table = _kernels.Table(_core.isa_name(), np.float64)
    z = np.r_[np.array(POINTS[:8]), rng.normal(size=92) * 3].reshape(10, 10)
    slopes, g = rng.normal(size=10), rng.normal(size=(10, 10))
    tz, ts = (torch.tensor(x, requires_grad=True) for x in (z, slopes))
    ta = torch.nn.functional.prelu(tz, ts)
    ta.backward(torch.tensor(g))
    a, _, e = run_prelu(table, z, slopes, rng)
    dz, e = prelu_back(table, slopes, e, g, rng)
    assert_within(a, ta.detach().numpy(), 1e-12 * np.maximum(1, abs(a)), "value")
    assert_within(dz, tz.grad.numpy(), 1e-12, "gradient")
    de = e.sum(axis=0)
    assert_within(de, ts.grad.numpy(), 1e-12 * np.maximum(1, abs(de)), "gradient of the slopes")


# ------------------------------------------------------------------------------------------ maxout


@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_maxout(table, pieces, rng):
    for n in widths(table):
        for m, gaps in [(1, GAPS[0]), (4, GAPS[0]), (4, GAPS[1])]:
            z = rng.integers(-3, 4, (m, n * pieces)).astype(table.dtype)  # with equals
            value, _ = maxout(z, pieces)
            a, d, e = run_maxout(table, z, pieces, rng, gaps)
            assert same_bits(a, value)
            assert (d == 1).all()
            assert np.array_equal(e, winner(z, pieces))
            assert same_bits(run_maxout(table, z, pieces, rng, gaps, training=False)[0], a)


@pytest.mark.parametrize("pieces", [2, 3])
def test_maxout_backward(table, pieces, rng):
    for n in widths(table):
        for gap, e_gap in [(0, 0), (3, 2)]:
            z = rng.normal(size=(3, n * pieces)).astype(table.dtype)
            g = rng.normal(size=(3, n)).astype(table.dtype)
            won = maxout(z, pieces)[1]
            dz = Output(z.shape, table, rng, gap)
            dz.array[:, :n] = g
            table.maxout_backward(n, spread(winner(z, pieces), table, rng, e_gap), dz.array)
            assert np.array_equal(dz.result(), np.tile(g, pieces) * won)


def test_maxout_at_points(table, rng):
    """Every pair of special values; NaN in any piece is not lost; infinities are numbers."""
    points = np.array([*POINTS, np.nan], table.dtype)
    first, second = (x.ravel() for x in np.meshgrid(points, points))
    nan = np.isnan(first) | np.isnan(second)
    a, _, e = run_maxout(table, np.r_[first, second][None], 2, rng)
    assert (np.isnan(a[0]) == nan).all()
    assert np.array_equal(a[0][~nan], np.maximum(first, second)[~nan])
    assert np.array_equal(e[0][~nan], (second > first)[~nan])
    assert set(e[0]) == {0, 1}


def test_maxout_against_torch(rng):
    torch = pytest.importorskip("torch")
    table = _kernels.Table(_core.isa_name(), np.float64)
    z, g = rng.normal(size=(7, 33)) * 3, rng.normal(size=(7, 11))
    z[0, :3] = [1e3, -1e3, 0.0]
    tz = torch.tensor(z, requires_grad=True)
    ta = tz.view(7, 3, 11).max(dim=1).values
    ta.backward(torch.tensor(g))
    a, _, e = run_maxout(table, z, 3, rng)
    dz = np.zeros_like(z)
    dz[:, :11] = g
    table.maxout_backward(11, e, dz)
    assert np.array_equal(a, ta.detach().numpy())
    assert np.array_equal(dz, tz.grad.numpy())


# -------------------------------------------------------------------------------------------- both


def test_an_element_is_its_own(table, rng):
    """Bitwise the same in any lane, any tail, any row."""
    n = 3 * table.nr + 1
    z = (rng.normal(size=(2, 2 * n)) * 3).astype(table.dtype)
    slopes = rng.normal(size=2 * n).astype(table.dtype)
    whole, unit = run_prelu(table, z, slopes, rng), run_maxout(table, z, 2, rng)[0]
    for start in range(0, 2 * table.lanes, 3):
        for width in (1, table.lanes, table.nr + 1):
            part = slice(start, start + width)
            got = run_prelu(table, z[1:, part], slopes[part], rng)
            assert all(same_bits(x, y[1:, part]) for x, y in zip(got, whole, strict=True))
            columns = np.r_[z[1, part], z[1, n + start : n + start + width]][None]
            assert same_bits(run_maxout(table, columns, 2, rng)[0], unit[1:, part])
