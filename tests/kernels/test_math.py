"""The bounds that csrc/kernels/math.inc.h and special.inc.h state, by ULP.

tests/c/check_math.h tries far more points, each float if asked to.
"""

import numpy as np
import pytest
from kernels.layouts import Output, edges, same_bits, spread

BOUND = {
    "exp": 2, "log": 2, "logistic": 3, "tanh": 3, "expm1": 3, "log1p": 3, "normal_cdf": 12
}  # fmt: skip
OPS = list(BOUND)
PI_REST = np.longdouble("1.2246467991473531772e-16")  # of pi beyond float64


def call(table, op, x):
    y = np.empty_like(x)
    table.math(op, x, y)
    return y


def truth(op, x):
    """In long double."""
    x = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        if op == "logistic":
            t = np.exp(-abs(x))
            return np.where(x < 0, t, 1) / (1 + t)
        if op == "normal_cdf":
            return normal_cdf(x)
        return {
            "exp": np.exp, "log": np.log, "tanh": np.tanh, "expm1": np.expm1, "log1p": np.log1p
        }[op](x)  # fmt: skip


def normal_cdf(x):
    """By the continued fraction of the tail and the series of the middle, in long double."""
    y = abs(x)
    density = np.exp(-y * y / 2) / np.sqrt(2 * np.longdouble(np.pi) + 2 * PI_REST)
    fraction = np.zeros_like(y)
    for k in range(120, 0, -1):
        fraction = k / (y + fraction)
    series, term = np.zeros_like(y), np.minimum(y, 3)
    for k in range(1, 80):
        series, term = series + term, term * np.minimum(y, 3) ** 2 / (2 * k + 1)
    tail = np.where(y > 3, density / (y + fraction), 0.5 - density * series)
    return np.where(x < 0, tail, 1 - tail)


def ulps(got, want):
    """Error in units of the last place of `want`, as the type of `got` has them."""
    info = np.finfo(got.dtype)
    exponent = np.frexp(np.where(np.isfinite(want), want, 1))[1]
    unit = np.ldexp(np.longdouble(1), np.maximum(exponent, info.minexp + 1) - info.nmant - 1)
    with np.errstate(all="ignore"):
        error = abs(got.astype(np.longdouble) - want) / unit
        rounded = want.astype(got.dtype)  # overflows to inf, as it must
    same = (rounded == got) | (np.isnan(got) & np.isnan(want))
    return np.where(same, 0, error)


def samples(table, op, rng):
    """Where the function lives, at all magnitudes, around 1 and 0, and bit patterns at random."""
    n = 20_000
    info = np.finfo(table.dtype)
    top = np.log(float(info.max))
    parts = [
        rng.uniform(-1.1 * top, 1.1 * top, n),
        rng.uniform(-25, 25, n),
        rng.uniform(-2, 2, n),
        np.exp2(rng.uniform(info.minexp + 1, info.maxexp - 1, n)),
        -np.exp2(rng.uniform(-60, 12, n)),
        1 + rng.uniform(-1, 1, n) * np.exp2(rng.uniform(-info.nmant, 0, n)),
        np.arange(-n // 2, n // 2) * np.log(2) / 2,  # where the reduction changes
    ]
    bits = rng.integers(0, 256, 4 * n * table.dtype.itemsize, np.uint8).view(table.dtype)
    x = np.concatenate([*(p.astype(table.dtype) for p in parts), bits])
    x = x[np.isfinite(x)]
    return domain(op, x)


def domain(op, x):
    """Those of x that the function is for."""
    if op == "log":
        return abs(x)
    return {"normal_cdf": x[::4].copy(), "expm1": x[x <= 0], "log1p": x[(x >= 0) & (x <= 1)]}.get(
        op, x
    )


@pytest.mark.parametrize("op", OPS)
def test_error_in_ulp(table, op, rng):
    x = samples(table, op, rng)
    want = truth(op, x)
    got = call(table, op, x)
    error = ulps(got, want)
    worst = int(np.argmax(error))
    assert error[worst] <= BOUND[op], (x[worst], got[worst], want[worst])


@pytest.mark.parametrize("op", OPS)
def test_monotone_enough(table, op):
    """Neighbours never differ by more than the bounds allow."""
    x = domain(op, np.linspace(-3 if op == "expm1" else 0.5, 3, 5001).astype(table.dtype))
    y = call(table, op, x)
    assert (np.diff(y) >= -2 * BOUND[op] * np.spacing(abs(y[1:]))).all()


INF, NAN = np.inf, np.nan
SPECIAL = {
    "exp": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (1e4, INF), (-1e4, 0), (NAN, NAN)],
    "log": [(1, 0), (0, -INF), (-0.0, -INF), (-1, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "logistic": [(0, 0.5), (INF, 1), (-INF, 0), (1e3, 1), (-1e3, 0), (40, 1), (NAN, NAN)],
    "expm1": [(0, 0), (-INF, -1), (-1e30, -1), (-50, -1), (NAN, NAN)],
    "log1p": [(0, 0), (NAN, NAN)],
    "normal_cdf": [(0, 0.5), (INF, 1), (-INF, 0), (1e3, 1), (-1e3, 0), (NAN, NAN)],
    "tanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (30, 1), (-30, -1), (NAN, NAN)],
}


@pytest.mark.parametrize("op", OPS)
def test_special_values(table, op):
    """In every lane and among other values; the sign of zero counts."""
    for x, want in SPECIAL[op]:
        for n in (1, table.lanes, table.nr + 1):
            for at in range(n):
                row = np.full(n, 0.75, table.dtype)
                row[at] = x
                got = call(table, op, row)
                assert same_bits(got[at : at + 1], np.array([want], table.dtype)), (x, got[at])
                assert len(set(np.delete(got, at))) <= 1


def test_limits(table):
    """Bounded where the function is bounded; subnormal results and arguments are right."""
    info = np.finfo(table.dtype)
    x = np.concatenate([np.linspace(-1e3, 1e3, 4001), np.linspace(8, 20, 4001)]).astype(info.dtype)
    assert (abs(call(table, "tanh", x)) <= 1).all()
    assert ((call(table, "logistic", x) >= 0) & (call(table, "logistic", x) <= 1)).all()
    small = (info.tiny * np.array([2.0**-3, 2.0**-10, 1, 3])).astype(info.dtype)
    assert (ulps(call(table, "log", small), truth("log", small)) <= 2).all()
    assert same_bits(call(table, "tanh", small), small)
    low = np.log(np.longdouble(info.tiny)) - np.arange(12)
    low = low.astype(info.dtype)
    for op in ("exp", "logistic"):
        assert (ulps(call(table, op, low), truth(op, low)) <= BOUND[op]).all()


@pytest.mark.parametrize("op", OPS)
def test_an_element_is_its_own(table, op, rng):
    """The same bits for any n, at any place, in place or not; nothing else is written."""
    x = rng.uniform(0.01, 20, 3 * table.nr + 5).astype(table.dtype)
    x = {"expm1": -x, "log1p": x / 20}.get(op, x)
    want = call(table, op, x)
    for n in edges(table.lanes, table.nr):
        for start in range(0, len(x) - n, 3):
            out = Output((n,), table, rng)
            table.math(op, spread(x[start : start + n], table, rng), out.array)
            assert same_bits(out.result(), want[start : start + n])
    table.math(op, x, x)
    assert same_bits(x, want)
