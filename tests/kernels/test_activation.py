"""Activations of blocks and their derivatives, in place."""

import numpy as np
import pytest
from kernels.layouts import (
    ACTIVATIONS,
    Output,
    activate,
    assert_within,
    derivative,
    edges,
    eps,
    same_bits,
    spread,
    wide,
)

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, -1e-30, 5e-39, -5e-39]


def widths(table):
    return edges(table.lanes, table.nr, extra=(1, 2, 3, 29))


def forward(table, z, act, rng, gap=0):
    out = Output(z.shape, table, rng, gap, z)
    table.act_forward(act, out.array)
    return out.result()


def backward(table, a, d, act, rng, gap=0, a_gap=0):
    out = Output(d.shape, table, rng, gap, d)
    table.act_backward(act, spread(a, table, rng, a_gap), out.array)
    return out.result()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward(table, act, rng):
    for n in widths(table):
        for m, gap in [(1, 0), (3, 0), (3, 1), (4, 5)]:
            z = (rng.normal(size=(m, n)) * 4).astype(table.dtype)
            (wz,) = wide(table, z)
            want = activate(act, wz)
            bound = 0 if act in ("identity", "relu") else 3 * eps(table) * abs(want)
            assert_within(forward(table, z, act, rng, gap), want, bound, f"{m}, {n}, {gap}")


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_backward(table, act, rng):
    for n in widths(table):
        for m, *gaps in [(1, 0, 0), (3, 0, 0), (3, 1, 0), (3, 0, 2), (4, 5, 3)]:
            a = activate(act, rng.normal(size=(m, n)) * 4).astype(table.dtype)
            a[rng.random(a.shape) < 0.1] = 1
            d = rng.normal(size=(m, n)).astype(table.dtype)
            wa, wd = wide(table, a, d)
            bound = 0 if act in ("identity", "relu") else 2 * eps(table) * abs(wd)
            got = backward(table, a, d, act, rng, *gaps)
            assert_within(got, wd * derivative(act, wa), bound, f"{m}, {n}, {gaps}")


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_special_values(table, act, rng):
    """NaN stays NaN, relu included; saturated is exact; in every lane and in the tail."""
    with np.errstate(over="ignore"):
        want = activate(act, np.array(SPECIAL))
    with np.errstate(under="ignore"):
        z, want = np.array(SPECIAL).astype(table.dtype), want.astype(table.dtype)
    for shift in range(2 * table.lanes):
        row = np.r_[np.ones(shift, table.dtype), z]
        got = forward(table, row[None], act, rng)[0, shift:]
        assert (np.isnan(got) == np.isnan(z)).all()
        exact = ~np.isnan(z) & ~(abs(want) < 1e-20)  # infinities too
        assert (got[exact] == want[exact]).all()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_backward_of_special_values(table, act, rng):
    """Where the derivative is zero nothing finite comes through; NaN in a or d is not lost."""
    n = 2 * table.lanes + 1
    ones = np.ones((1, n), table.dtype)
    flat = {"logistic": [0, 1], "tanh": [-1, 1], "relu": [0, -0.0], "identity": []}[act]
    for a in flat:
        assert (backward(table, a * ones, 5 * ones, act, rng) == 0).all()
    alive = {"logistic": 0.5, "tanh": 0.5, "relu": 1e-30, "identity": 0}[act]
    assert np.isnan(backward(table, alive * ones, np.nan * ones, act, rng)).all()
    assert (backward(table, np.nan * ones, ones, act, rng) != 0).all()
    if act == "relu":
        assert (backward(table, 0 * ones, np.nan * ones, act, rng) == 0).all()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_an_element_is_its_own(table, act, rng):
    """Bitwise the same in any lane, any tail, any row."""
    z = (rng.normal(size=67) * 3).astype(table.dtype)
    want = forward(table, z[None], act, rng)[0]
    slope = backward(table, want[None], z[None], act, rng)[0]
    for start in range(9):
        for n in (1, 3, table.lanes, table.nr + 1):
            part = slice(start, start + n)
            assert same_bits(forward(table, z[None, part], act, rng)[0], want[part])
            got = backward(table, want[None, part], z[None, part], act, rng)[0]
            assert same_bits(got, slope[part])
