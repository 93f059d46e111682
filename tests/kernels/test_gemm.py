"""The products of dense layers, panel layout: forward and backward."""

import numpy as np
import pytest
from kernels.layouts import (
    ACTIVATIONS,
    LONG,
    Output,
    activate,
    assert_within,
    derivative,
    draw,
    edges,
    eps,
    few_columns,
    integers,
    n_columns,
    n_rows,
    n_sums,
    pad,
    panels,
    product_bound,
    same_bits,
    spread,
    transposed_panels,
    wide,
)


def forward(table, A, W, b, act, rng, x_gap=3, gap=0):
    """out (m, n padded) of the kernel."""
    out = Output((len(A), pad(len(b), table.lanes)), table, rng, gap)
    w = panels(table, W, b, rng)
    table.forward(spread(A, table, rng, x_gap), w, act, out.array, len(b))
    return out.result()


def backward(table, dz, W, act, a, rng, gap=0):
    """dz_in (m, n_in padded) of the kernel."""
    width = pad(len(W), table.lanes)
    padded = np.zeros((len(dz), width), table.dtype)
    padded[:, : len(W)] = a
    out = Output((len(dz), width), table, rng, gap)
    table.backward(
        spread(dz, table, rng, 5),
        transposed_panels(table, W, rng),
        act,
        spread(padded, table, rng, 2 * gap),
        out.array,
        len(W),
    )
    return out.result()


# ----------------------------------------------------------------------------------------- forward


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward(table, act, rng):
    """Every edge size, against the wide reference; columns of padding are f(0)."""
    ms, ns = n_rows(table), n_columns(table)
    for k in n_sums(table):
        A, W, b = (draw(s, table, rng) for s in [(max(ms), k), (k, max(ns)), max(ns)])
        wA, wW, wb = wide(table, A, W, b)
        want = activate(act, wA @ wW + wb)
        bound = product_bound(table, k, abs(wA) @ abs(wW) + abs(wb)) + 4 * eps(table)
        zero = activate(act, np.zeros(1))[0]
        for i, n in enumerate(ns):
            for m in ms if act == "identity" else ms[i % 2 :: 2]:
                got = forward(table, A[:m], W[:, :n], b[:n], act, rng, gap=m % 3)
                assert_within(got[:, :n], want[:m, :n], bound[:m, :n], f"{m}, {k}, {n}")
                assert (got[:, n:] == zero).all()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward_of_a_row_is_its_own(table, act, rng):
    """Bitwise the same wherever a row stands and whatever stands around it."""
    m, k, n = 3 * table.mr + 5, 29, 2 * table.nr + table.lanes
    A, W, b = draw((m, k), table, rng), draw((k, n), table, rng), draw(n, table, rng)
    want = forward(table, A, W, b, act, rng)
    for start in range(m):
        for stop in {start + 1, min(m, start + table.mr), m}:
            assert same_bits(forward(table, A[start:stop], W, b, act, rng), want[start:stop])
    order = rng.permutation(m)
    assert same_bits(forward(table, A[order], W, b, act, rng), want[order])


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward_flat(table, act, rng):
    """Weights as they lie: the bits of the panels, at every edge size."""
    for k in edges(table.lanes, 8, extra=(1, 2, 3, 97)):
        for n in [*edges(table.lanes, table.nr, extra=(1, 2, 3)), 1030]:
            A, W, b = draw((9, k), table, rng), draw((k, n), table, rng), draw(n, table, rng)
            want = forward(table, A, W, b, act, rng)[:, :n]
            w, bias = np.ascontiguousarray(W), np.ascontiguousarray(b)
            for m in (1, 2, 3, 9):
                out = Output((m, n), table, rng, gap=m % 3)
                table.forward_flat(spread(A[:m], table, rng, 3), w, bias, act, out.array)
                assert same_bits(out.result(), want[:m]), f"{m}, {k}, {n}"


def test_forward_is_the_same_in_every_panel(table, rng):
    """A column's result does not depend on the panel's width or place."""
    m, k, n = 5, 31, table.nr
    A, W, b = draw((m, k), table, rng), draw((k, n), table, rng), draw(n, table, rng)
    want = forward(table, A, W, b, "identity", rng)
    twice = forward(table, A, np.hstack([W, W]), np.hstack([b, b]), "identity", rng)
    half = forward(table, A, W[:, : table.lanes], b[: table.lanes], "identity", rng)
    assert same_bits(twice, np.hstack([want, want]))
    assert same_bits(half, want[:, : table.lanes])


def test_forward_of_few_columns(table, rng):
    """A last panel of few columns has the bits that they have in a whole one."""
    for k in (31, 32, 33, 48, 97, *LONG[::8]):
        A, W, b = (draw(s, table, rng) for s in [(49, k), (k, table.nr), table.nr])
        for act in ("identity", "relu", "tanh"):
            want = forward(table, A, W, b, act, rng)
            for n in few_columns(table):
                for m in (1, 15, 16, 17, 32, 33, 49):
                    got = forward(table, A[:m], W[:, :n], b[:n], act, rng, gap=m % 3)
                    assert same_bits(got[:, :n], want[:m, :n]), f"{m}, {k}, {n}"
                    assert (got[:, n:] == 0).all()


def test_forward_through_any_rows(table, rng):
    """Rows come through pointers: reversed, repeated, unaligned."""
    m, k, n = 2 * table.mr + 1, 19, table.nr
    A, W, b = draw((m, k), table, rng), draw((k, n), table, rng), draw(n, table, rng)
    w = panels(table, W, b, rng)
    want = forward(table, A, W, b, "tanh", rng)
    x = spread(A, table, rng, 2)
    for rows, expected in [
        (x[::-1], want[::-1]),
        (x[::3], want[::3]),
        (np.broadcast_to(x[1], (m, k)), np.repeat(want[1:2], m, axis=0)),
    ]:
        out = Output((len(rows), n), table, rng)
        table.forward(rows, w, "tanh", out.array)
        assert same_bits(out.result(), expected)
    for offset in range(table.lanes):
        buffer = np.zeros(A.size + offset, table.dtype)[offset:]
        buffer[:] = A.ravel()
        out = Output((m, n), table, rng)
        table.forward(buffer.reshape(m, k), w, "tanh", out.array)
        assert same_bits(out.result(), want)


def test_forward_of_integers_is_exact(table, generic, rng):
    for m, k, n in [(1, 1, 1), (table.mr + 1, 50, table.nr + 1), (37, 101, 3 * table.nr - 1)]:
        A, W = integers((m, k), table, rng), integers((k, n), table, rng)
        b = integers(n, table, rng, 1000)
        want = A.astype(int) @ W.astype(int) + b.astype(int)
        for act, exact in [("identity", want), ("relu", np.maximum(want, 0))]:
            got = forward(table, A, W, b, act, rng)[:, :n]
            assert (got == exact).all()
            assert same_bits(got, forward(generic, A, W, b, act, rng)[:, :n])


def test_long_sums_forward(table, rng):
    """Exact with small integers; for real numbers within the bound, and each row its own."""
    m, n = table.mr + 1, table.nr + table.lanes
    for k in LONG:
        A, W = integers((m, k), table, rng), integers((k, n), table, rng)
        b = integers(n, table, rng, 1000)
        want = A.astype(int) @ W.astype(int) + b.astype(int)
        for act, exact in [("identity", want), ("relu", np.maximum(want, 0))]:
            assert (forward(table, A, W, b, act, rng) == exact).all(), k
    for k in LONG[::6]:
        A, W, b = (draw(s, table, rng) for s in [(m, k), (k, n), n])
        wA, wW, wb = wide(table, A, W, b)
        bound = product_bound(table, k, abs(wA) @ abs(wW) + abs(wb)) + 4 * eps(table)
        for act in ACTIVATIONS:
            got = forward(table, A, W, b, act, rng)
            assert_within(got, activate(act, wA @ wW + wb), bound, f"{k}, {act}")
            for row in range(m):
                assert same_bits(forward(table, A[row : row + 1], W, b, act, rng)[0], got[row])


def test_forward_keeps_nan_and_infinity(table, rng):
    """In the rows where they are, and in no other."""
    m, k, n = 2 * table.mr + 1, 7, table.nr + 1
    A, W, b = abs(draw((m, k), table, rng)), abs(draw((k, n), table, rng)), draw(n, table, rng)
    for act in ACTIVATIONS:
        want = forward(table, A, W, b, act, rng)
        for row in range(m):
            bad = A.copy()
            bad[row, row % k] = np.nan
            got = forward(table, bad, W, b, act, rng)
            assert np.isnan(got[row, :n]).all()
            bad[row, row % k] = np.inf
            infinite = forward(table, bad, W, b, act, rng)
            assert (infinite[row, :n] == activate(act, np.array(np.inf))).all()
            others = np.arange(m) != row
            assert same_bits(got[others], want[others])
            assert same_bits(infinite[others], want[others])


# ---------------------------------------------------------------------------------------- backward


def random_activations(act, shape, table, rng):
    """What an activation function returns, zeros and saturated values among them."""
    z = rng.uniform(-6, 6, shape)
    a = activate(act, z)
    if act != "identity":
        a[rng.random(shape) < 0.1] = activate(act, np.array(-1e3)) if act != "logistic" else 0
        a[rng.random(shape) < 0.1] = 1
    return a.astype(table.dtype)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_backward(table, act, rng):
    ms, n_ins = n_rows(table), n_columns(table)
    for k in n_sums(table):
        dz, W = draw((max(ms), k), table, rng), draw((max(n_ins), k), table, rng)
        a = random_activations(act, (max(ms), max(n_ins)), table, rng)
        wdz, wW, wa = wide(table, dz, W, a)
        want = (wdz @ wW.T) * derivative(act, wa)
        bound = product_bound(table, k + 4, abs(wdz) @ abs(wW.T))
        for i, n in enumerate(n_ins):
            for m in ms if act == "relu" else ms[i % 2 :: 2]:
                got = backward(table, dz[:m], W[:n], act, a[:m, :n], rng, gap=m % 3)
                assert_within(got[:, :n], want[:m, :n], bound[:m, :n], f"{m}, {k}, {n}")
                assert (got[:, n:] == 0).all()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_backward_of_a_row_is_its_own(table, act, rng):
    m, k, n = 3 * table.mr + 5, 11, 2 * table.nr + table.lanes
    dz, W = draw((m, k), table, rng), draw((n, k), table, rng)
    a = random_activations(act, (m, n), table, rng)
    want = backward(table, dz, W, act, a, rng)
    for start in range(m):
        for stop in {start + 1, min(m, start + table.mr), m}:
            got = backward(table, dz[start:stop], W, act, a[start:stop], rng)
            assert same_bits(got, want[start:stop])


def test_backward_of_few_columns(table, rng):
    for k in (31, 32, 33, 48, 97, *LONG[::8]):
        dz, W = draw((49, k), table, rng), draw((table.nr, k), table, rng)
        for act in ("identity", "relu", "tanh"):
            a = random_activations(act, (49, table.nr), table, rng)
            want = backward(table, dz, W, act, a, rng)
            for n in few_columns(table):
                for m in (1, 15, 16, 17, 32, 33, 49):
                    got = backward(table, dz[:m], W[:n], act, a[:m, :n], rng, gap=m % 3)
                    assert same_bits(got[:, :n], want[:m, :n]), f"{m}, {k}, {n}"
                    assert (got[:, n:] == 0).all()


def test_backward_of_integers_is_exact(table, generic, rng):
    for m, k, n in [(1, 1, 1), (table.mr + 1, 50, table.nr + 1), (37, 101, 3 * table.nr - 1)]:
        dz, W = integers((m, k), table, rng), integers((n, k), table, rng)
        a = np.maximum(integers((m, n), table, rng), 0)
        want = dz.astype(int) @ W.astype(int).T
        for act, exact in [("identity", want), ("relu", np.where(a, want, 0))]:
            got = backward(table, dz, W, act, a, rng)[:, :n]
            assert (got == exact).all()
            assert same_bits(got, backward(generic, dz, W, act, a, rng)[:, :n])


def test_long_sums_backward(table, rng):
    m, n = table.mr + 1, table.nr + table.lanes
    for k in LONG:
        dz, W = integers((m, k), table, rng), integers((n, k), table, rng)
        a = np.maximum(integers((m, n), table, rng), 0)
        want = dz.astype(int) @ W.astype(int).T
        for act, exact in [("identity", want), ("relu", np.where(a, want, 0))]:
            assert (backward(table, dz, W, act, a, rng) == exact).all(), k
    for k in LONG[::6]:
        dz, W = draw((m, k), table, rng), draw((n, k), table, rng)
        wdz, wW = wide(table, dz, W)
        bound = product_bound(table, k + 4, abs(wdz) @ abs(wW.T))
        for act in ACTIVATIONS:
            a = random_activations(act, (m, n), table, rng)
            got = backward(table, dz, W, act, a, rng)
            slope = derivative(act, *wide(table, a))
            assert_within(got, (wdz @ wW.T) * slope, bound, f"{k}, {act}")
            for i in range(m):
                row = slice(i, i + 1)
                assert same_bits(backward(table, dz[row], W, act, a[row], rng), got[row])


def test_backward_nan(table, rng):
    """A dead unit passes nothing on, not even NaN; a unit that is NaN passes everything on."""
    m, k, n = table.mr + 2, 3, table.nr
    dz, W = draw((m, k), table, rng), draw((n, k), table, rng)
    a = random_activations("relu", (m, n), table, rng)
    dz[1] = np.nan
    got = backward(table, dz, W, "relu", a, rng)
    assert (np.isnan(got[1]) == (a[1] != 0)).all()
    assert (got[1][a[1] == 0] == 0).all()
    assert np.isfinite(np.delete(got, 1, axis=0)).all()
    a[0] = np.nan
    assert (backward(table, dz, W, "relu", a, rng)[0] != 0).all()
