"""Activations of blocks and their derivatives, in place."""

import numpy as np
import pytest
from activation_formulas import ACTIVATIONS as FORMULAS
from activation_formulas import KINKS
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

from fastmlp import _core, _kernels

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


# ------------------------------------------------------------------------------ every activation

ALL = list(FORMULAS)
ELEMENTWISE = [name for name, a in _core.ACTIVATIONS.items() if not a.slopes and not a.pieces]

# In units of the last place of the value. That of the derivatives is absolute: some cross zero.
FLOAT32_BOUND = {"gelu": 13, "mish": 6, "softplus": 5}


def store(table, z, act, rng, gap=0, d_gap=0):
    a, d = Output(z.shape, table, rng, gap, z), Output(z.shape, table, rng, d_gap)
    table.act_store(act, a.array, d.array)
    return a.result(), d.result()


def points(act, dtype, rng):
    """Zeros, kinks and their neighbours, saturation, small and ordinary numbers."""
    exact = [0.0, -0.0, 1e3, -1e3, 1.0, -1.0, 20.0, -20.0, 1e-30, -1e-30, *KINKS.get(act, [])]
    z = np.array(exact, dtype)
    close = 4 * np.finfo(dtype).eps  # not closer: hard_sigmoid rounds z + 3
    z = np.r_[z, z * (1 + close), z * (1 - close)]
    wide = [rng.normal(size=900) * 3, rng.uniform(-50, 50, 900), np.exp(rng.uniform(-30, 7, 99))]
    return np.concatenate([z, *wide]).astype(dtype)


def test_the_oracle_knows_every_activation():
    assert set(ALL) == set(ELEMENTWISE)
    assert set(_kernels.ACTIVATIONS) == {*_core.ACTIVATIONS, "stored"}


@pytest.mark.parametrize("act", ALL)
def test_formulas(table, act, rng):
    """Value and derivative of what the closed form gives in float64."""
    z = points(act, table.dtype.type, rng)
    a, d = (x[0] for x in store(table, z[None], act, rng))
    f, slope = (function(z.astype(float)) for function in FORMULAS[act])
    if table.dtype == np.float64:
        assert_within(a, f, 1e-12 * np.maximum(1, abs(f)), "value")
        assert_within(d, slope, 1e-12, "derivative")
    else:
        unit = np.spacing(abs(f).astype(np.float32)).astype(float)
        assert_within(a, f, FLOAT32_BOUND.get(act, 4) * unit, "value")
        assert_within(d, slope, 4 * eps(table), "derivative")


@pytest.mark.parametrize("act", ALL)
def test_against_torch(act, rng):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    theirs = {
        "identity": lambda z: 1 * z,
        "logistic": torch.sigmoid,
        "softplus": lambda z: f.softplus(z, threshold=100),  # theirs is z from 20 on
        "hard_sigmoid": f.hardsigmoid,
        "hard_swish": f.hardswish,
    }
    z = points(act, np.float64, rng)
    tz = torch.tensor(z, requires_grad=True)
    function = theirs.get(act, getattr(f, act, None))
    if function is None:
        pytest.skip("PyTorch has no such function")
    ta = function(tz)
    ta.sum().backward()
    table = _kernels.Table(_core.isa_name(), np.float64)
    a, d = (x[0] for x in store(table, z[None], act, rng))
    want, slope = ta.detach().numpy(), tz.grad.numpy()
    assert_within(a, want, 1e-12 * np.maximum(1, abs(want)), "value")
    # their hardsigmoid has 1/6 in float32
    assert_within(d, slope, 1e-8 if act == "hard_sigmoid" else 1e-12, "derivative")


@pytest.mark.parametrize("act", ALL)
def test_doors_agree(table, act, rng):
    """act_forward has act_store's values, act_backward its derivatives."""
    for n, gap, d_gap in [(table.nr + 3, 0, 0), (5, 2, 0), (table.lanes, 0, 3)]:
        z = (rng.normal(size=(3, n)) * 4).astype(table.dtype)
        g = rng.normal(size=(3, n)).astype(table.dtype)
        a, d = store(table, z, act, rng, gap, d_gap)
        assert same_bits(forward(table, z, act, rng), a)
        assert same_bits(backward(table, d, g, "stored", rng, d_gap, gap), d * g)
        if not _core.ACTIVATIONS[act].stored:
            assert_within(backward(table, a, g, act, rng), d * g, 2 * eps(table) * abs(d * g))


@pytest.mark.parametrize("act", ALL)
def test_nan_stays_and_an_element_is_its_own(table, act, rng):
    z = (rng.normal(size=40) * 3).astype(table.dtype)
    z[::7] = np.nan
    a, d = (x[0] for x in store(table, z[None], act, rng))
    assert (np.isnan(a) == np.isnan(z)).all()
    for start in range(0, 9, 2):
        for n in (1, table.lanes, table.nr + 1):
            part = slice(start, start + n)
            for got, want in zip(store(table, z[None, part], act, rng), (a, d), strict=True):
                assert same_bits(got[0], want[part])
