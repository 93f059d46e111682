"""Layers of a few outputs, narrow layout: forward, backward and the weight gradient."""

import numpy as np
import pytest
from kernels.layouts import (
    ACTIVATIONS,
    Output,
    activate,
    assert_within,
    derivative,
    draw,
    edges,
    eps,
    integers,
    narrow,
    pad,
    product_bound,
    same_bits,
    spread,
    wide,
)

from fastmlp import _kernels

ROWS = [1, 2, 5, 6, 7, 11, 12, 13, 37]


@pytest.fixture
def table(table):
    """The tables whose vectors are wide enough for a narrow layout."""
    if table.narrow_max == 0:
        pytest.skip(f"{table.isa} {table.dtype} has no narrow layout")
    return table


def n_outputs(table):
    return range(1, table.narrow_max + 1)


def n_inputs(table):
    return edges(table.lanes, 4 * table.lanes, 6 * table.lanes)


def forward(table, A, W, b, act, rng, x_gap=3, gap=0):
    out = Output((len(A), len(b)), table, rng, gap)
    table.forward_narrow(spread(A, table, rng, x_gap), narrow(table, W, b, rng), act, out.array)
    return out.result()


def backward(table, dz, W, act, a, rng, gap=0):
    width = pad(len(W), table.lanes)
    padded = np.zeros((len(dz), width), table.dtype)
    padded[:, : len(W)] = a
    out = Output((len(dz), width), table, rng, gap)
    w = narrow(table, W, np.zeros(W.shape[1]), rng)
    table.backward_narrow(
        spread(dz, table, rng, gap), w, act, spread(padded, table, rng, 2 * gap), out.array
    )
    return out.result()


def grad(table, X, k0, k1, dz, rng, start=None, gap=0):
    """g (n_out, k1 - k0 padded); start (n_out, k1 - k0): accumulate on it."""
    shape = dz.shape[1], pad(k1 - k0, table.lanes)
    fill = np.full(shape, np.nan)
    if start is not None:
        fill[:] = 0
        fill[:, : k1 - k0] = start
    out = Output(shape, table, rng, gap, fill)
    table.grad_narrow(
        spread(X, table, rng, 1), k0, k1, spread(dz, table, rng, gap), start is not None, out.array
    )
    return out.result()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward(table, act, rng):
    for k in n_inputs(table):
        A, W = draw((max(ROWS), k), table, rng), draw((k, table.narrow_max), table, rng)
        b = draw(table.narrow_max, table, rng)
        wA, wW, wb = wide(table, A, W, b)
        want = activate(act, wA @ wW + wb)
        bound = product_bound(table, k, abs(wA) @ abs(wW) + abs(wb)) + 4 * eps(table)
        for n in n_outputs(table):
            for m in ROWS:
                got = forward(table, A[:m], W[:, :n], b[:n], act, rng, gap=m % 3)
                assert_within(got, want[:m, :n], bound[:m, :n], f"{m}, {k}, {n}")


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward_of_a_row_is_its_own(table, act, rng):
    m, k = 20, 3 * table.lanes + 1
    for n in n_outputs(table):
        A, W, b = draw((m, k), table, rng), draw((k, n), table, rng), draw(n, table, rng)
        want = forward(table, A, W, b, act, rng)
        for start in range(m):
            for stop in {start + 1, min(m, start + 6), m}:
                assert same_bits(forward(table, A[start:stop], W, b, act, rng), want[start:stop])


def test_forward_through_any_rows(table, rng):
    m, k, n = 14, table.lanes + 3, table.narrow_max
    A, W, b = draw((m, k), table, rng), draw((k, n), table, rng), draw(n, table, rng)
    w = narrow(table, W, b, rng)
    want = forward(table, A, W, b, "identity", rng)
    x = spread(A, table, rng, 2)
    for rows, expected in [(x[::-1], want[::-1]), (x[::3], want[::3])]:
        out = Output((len(rows), n), table, rng)
        table.forward_narrow(rows, w, "identity", out.array)
        assert same_bits(out.result(), expected)
    for offset in range(table.lanes):
        buffer = np.zeros(A.size + offset, table.dtype)[offset:]
        buffer[:] = A.ravel()
        out = Output((m, n), table, rng)
        table.forward_narrow(buffer.reshape(m, k), w, "identity", out.array)
        assert same_bits(out.result(), want)


def test_forward_keeps_nan_and_infinity(table, rng):
    m, k, n = 9, table.lanes + 1, table.narrow_max
    A, W, b = abs(draw((m, k), table, rng)), abs(draw((k, n), table, rng)), draw(n, table, rng)
    for act in ACTIVATIONS:
        want = forward(table, A, W, b, act, rng)
        for row, value in [(0, np.nan), (m - 1, np.nan), (3, np.inf), (m - 1, np.inf)]:
            bad = A.copy()
            bad[row, k - 1] = value
            got = forward(table, bad, W, b, act, rng)
            expected = np.full(n, activate(act, np.array(value))).astype(table.dtype)
            assert same_bits(got[row], expected)
            assert same_bits(np.delete(got, row, axis=0), np.delete(want, row, axis=0))


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_backward(table, act, rng):
    for n_in in n_inputs(table):
        W, dz = draw((n_in, table.narrow_max), table, rng), draw((13, 4), table, rng)
        a = activate(act, rng.uniform(-6, 6, (13, n_in))).astype(table.dtype)
        if act != "identity":
            a[rng.random(a.shape) < 0.1] = 1
        for n in n_outputs(table):
            for m in (1, 2, 6, 13):
                wdz, wW, wa = wide(table, dz[:m, :n], W[:, :n], a[:m])
                want = (wdz @ wW.T) * derivative(act, wa)
                bound = product_bound(table, n + 4, abs(wdz) @ abs(wW.T))
                got = backward(table, dz[:m, :n], W[:, :n], act, a[:m], rng, m % 3)
                assert_within(got[:, :n_in], want, bound, f"{m}, {n}, {n_in}")
                assert (got[:, n_in:] == 0).all()


def test_backward_nan(table, rng):
    """A dead unit passes nothing on, not even NaN; a unit that is NaN passes everything on."""
    m, n_in = 3, 2 * table.lanes
    W, dz = draw((n_in, table.narrow_max), table, rng), draw((m, table.narrow_max), table, rng)
    a = np.maximum(draw((m, n_in), table, rng), 0)
    a[0] = np.nan
    dz[1] = np.nan
    got = backward(table, dz, W, "relu", a, rng)
    assert (got[0] != 0).all()
    assert (np.isnan(got[1]) == (a[1] != 0)).all()
    assert (got[1][a[1] == 0] == 0).all()
    assert np.isfinite(got[[0, 2]]).all()


def test_grad(table, rng):
    """All edge widths from several columns on; columns beyond k1 get zeros."""
    lanes = table.lanes
    for k1 in n_inputs(table):
        X = draw((37, k1 + 5), table, rng)
        dz = draw((37, table.narrow_max), table, rng)
        start = draw((table.narrow_max, k1), table, rng)
        for n in n_outputs(table):
            for m in (1, 2, 37):
                wX, wdz = wide(table, X[:m], dz[:m, :n])
                product, magnitude = wdz.T @ wX, abs(wdz.T) @ abs(wX)
                for k0 in {0, k1 // lanes // 2 * lanes, (k1 - 1) // lanes * lanes}:
                    part, what = np.s_[:, k0:k1], f"{m}, {n}, {k0}, {k1}"
                    width = k1 - k0
                    got = grad(table, X[:m], k0, k1, dz[:m, :n], rng, gap=m % 3)
                    bound = product_bound(table, m, magnitude[part])
                    assert_within(got[:, :width], product[part], bound, what)
                    assert (got[:, width:] == 0).all()
                    first = start[:n, :width]
                    got = grad(table, X[:m], k0, k1, dz[:m, :n], rng, first, gap=m % 3)
                    bound = product_bound(table, m, magnitude[part] + abs(first))
                    assert_within(got[:, :width], product[part] + first, bound, what)
                    assert (got[:, width:] == 0).all()


def test_grad_of_a_weight_is_its_own(table, rng):
    m, k, lanes = 19, 13 * table.lanes + 1, table.lanes
    X, dz = draw((m, k), table, rng), draw((m, table.narrow_max), table, rng)
    want = grad(table, X, 0, k, dz, rng)[:, :k]
    for k0 in range(0, k, lanes):
        for k1 in {min(k, k0 + lanes), min(k, k0 + 3 * lanes - 1), k}:
            assert same_bits(grad(table, X, k0, k1, dz, rng)[:, : k1 - k0], want[:, k0:k1])


def test_long_sums(table, rng):
    """Exact with small integers, wherever a long sum may be cut into parts."""
    n, m = table.narrow_max, 13
    for k in (127, 128, 129, 192, 255, 256, 257, 300, 511, 512, 513, 1000, 1025, 4609):
        A, W = integers((m, k), table, rng), integers((k, n), table, rng)
        b, dz = integers(n, table, rng), integers((m, n), table, rng)
        iA, iW, iz = (x.astype(int) for x in (A, W, dz))
        assert (forward(table, A, W, b, "identity", rng) == iA @ iW + b.astype(int)).all(), k
        got = backward(table, dz, W, "identity", A, rng)
        assert (got[:, :k] == iz @ iW.T).all(), k
        assert (grad(table, A, 0, k, dz, rng)[:, :k] == iz.T @ iA).all(), k
        tall, start = integers((k, 5), table, rng), integers((n, 5), table, rng)
        deltas = integers((k, n), table, rng)
        want = deltas.astype(int).T @ tall.astype(int) + start
        assert (grad(table, tall, 0, 5, deltas, rng, start)[:, :5] == want).all(), k


def test_integers_are_exact(table, rng):
    """All three products; and the same bits on every instruction set that has the layout."""
    others = [_kernels.Table(isa, table.dtype) for isa in _kernels.available()]
    others = [other for other in others if other.narrow_max >= table.narrow_max]
    for m, k in [(1, 1), (7, table.lanes + 1), (50, 13 * table.lanes - 1)]:
        A, n = integers((m, k), table, rng), table.narrow_max
        W, b = integers((k, n), table, rng), integers(n, table, rng, 1000)
        dz, a = integers((m, n), table, rng), np.maximum(integers((m, k), table, rng), 0)
        start = integers((n, k), table, rng, 1000)
        iA, iW, iz = (x.astype(int) for x in (A, W, dz))
        for act, f in [("identity", np.positive), ("relu", lambda z: np.maximum(z, 0))]:
            got = [forward(t, A, W, b, act, rng) for t in (table, *others)]
            assert (got[0] == f(iA @ iW + b.astype(int))).all()
            assert all(same_bits(got[0], other) for other in got)
        for act, live in [("identity", 1), ("relu", a != 0)]:
            got = [backward(t, dz, W, act, a, rng)[:, :k] for t in (table, *others)]
            assert (got[0] == (iz @ iW.T) * live).all()
            assert all(same_bits(got[0], other) for other in got)
        got = [grad(t, A, 0, k, dz, rng)[:, :k] for t in (table, *others)]
        assert (got[0] == iz.T @ iA).all()
        assert all(same_bits(got[0], other) for other in got)
        assert (grad(table, A, 0, k, dz, rng, start)[:, :k] == iz.T @ iA + start).all()
