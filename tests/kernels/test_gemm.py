"""The products of dense layers, panel layout: forward, backward and the weight gradient."""

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
    pad,
    panels,
    product_bound,
    same_bits,
    spread,
    transposed_panels,
    wide,
)


def n_rows(table):
    return edges(table.mr, extra=(1, 2, 5, 37))


def n_sums(table):
    return edges(table.lanes, extra=(1, 2, 3, 13, 97))


def n_columns(table):
    return edges(table.lanes, table.nr, extra=(1, 2, 3, 4, 6, 8, table.nr + 5))


def few_columns(table):
    """All that a last panel of one vector may have, up to a few."""
    return range(1, min(table.lanes, 9))


# Long sums may be cut into parts, for the caches: lengths at which a cut could go wrong.
LONG = [127, 128, 129, 191, 192, 193, 255, 256, 257, 287, 288, 289, 300, 383, 384, 385, 480, 575]
LONG += [576, 577, 767, 768, 769, 1000, 1153, 1537, 2304, 4609]


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


def grad(table, X, k0, k1, dz, rng, start=None):
    """g (k1 - k0, n) of the kernel; start: accumulate on it."""
    n, width = dz.shape[1], pad(dz.shape[1], table.lanes)
    padded, fill = np.zeros((len(dz), width), table.dtype), np.nan
    padded[:, :n] = dz
    if start is not None:
        fill = np.zeros((k1 - k0, width), table.dtype)
        fill[:, :n] = start
    out = Output((k1 - k0, width), table, rng, fill=fill)
    x, deltas = spread(X, table, rng, 1), spread(padded, table, rng, 2)
    table.grad(x, k0, k1, deltas, start is not None, out.array, n)
    assert (np.nan_to_num(out.result()[:, n:]) == 0).all()
    return out.result()[:, :n]


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


# ----------------------------------------------------------------------------------------- gradient


def test_grad(table, rng):
    """All edge sizes, from any column on, stored and accumulated; NaN there before is not read."""
    ms, heights = n_sums(table), n_rows(table)
    for m in ms:
        X, dz = draw((m, max(heights) + 7), table, rng), draw((m, table.nr), table, rng)
        wX, wdz = wide(table, X, dz)
        product, magnitude = wX.T @ wdz, abs(wX).T @ abs(wdz)
        start = draw((max(heights), table.nr), table, rng)
        for height in heights:
            for k0 in {0, 1, table.mr} if height < 7 else {0, 7}:
                k1 = min(k0 + height, X.shape[1])
                for width in (table.lanes, table.nr):
                    part = np.s_[k0:k1, :width]
                    what = f"{m}, {k0}, {k1}, {width}"
                    got = grad(table, X, k0, k1, dz[:, :width], rng)
                    bound = product_bound(table, m, magnitude[part])
                    assert_within(got, product[part], bound, what)
                    first = start[: k1 - k0, :width]
                    got = grad(table, X, k0, k1, dz[:, :width], rng, first)
                    bound = product_bound(table, m, magnitude[part] + abs(first))
                    assert_within(got, product[part] + first, bound, what)


def test_grad_of_a_weight_is_its_own(table, rng):
    """Bitwise the same in any tile."""
    m, k = 23, 3 * table.mr + 5
    X, dz = draw((m, k), table, rng), draw((m, table.nr), table, rng)
    want = grad(table, X, 0, k, dz, rng)
    for k0 in range(k):
        for k1 in {k0 + 1, min(k, k0 + table.mr), k}:
            assert same_bits(grad(table, X, k0, k1, dz, rng), want[k0:k1])
    assert same_bits(grad(table, X, 0, k, dz[:, : table.lanes], rng), want[:, : table.lanes])


def test_grad_of_few_columns(table, rng):
    """The bits that they have in a whole panel, over any inputs and any number of rows."""
    for m in (31, 32, 33, 50, *LONG[::8]):
        X, dz = draw((m, 101), table, rng), draw((m, table.nr), table, rng)
        start = draw((101, table.nr), table, rng)
        want = grad(table, X, 0, 101, dz, rng)
        more = grad(table, X, 0, 101, dz, rng, start)
        for n in few_columns(table):
            for k0, k1 in [(0, 1), (2, 17), (0, 16), (5, 22), (0, 48), (3, 52), (1, 97), (0, 101)]:
                got = grad(table, X, k0, k1, dz[:, :n], rng)
                assert same_bits(got, want[k0:k1, :n]), f"{m}, {k0}, {k1}, {n}"
                got = grad(table, X, k0, k1, dz[:, :n], rng, start[k0:k1, :n])
                assert same_bits(got, more[k0:k1, :n]), f"{m}, {k0}, {k1}, {n}"


def test_grad_of_integers_is_exact(table, generic, rng):
    for m, k in [(1, 1), (50, table.mr + 1), (101, 37)]:
        X, dz = integers((m, k), table, rng), integers((m, table.nr), table, rng)
        product = X.astype(int).T @ dz.astype(int)
        start = integers((k, table.nr), table, rng, 1000)
        for width in (table.lanes, table.nr):
            got = grad(table, X, 0, k, dz[:, :width], rng)
            assert (got == product[:, :width]).all()
            again = grad(table, X, 0, k, dz[:, :width], rng, start[:, :width])
            assert (again == product[:, :width] + start[:, :width]).all()
            for part in range(0, width, generic.nr):
                columns = slice(part, part + generic.nr)
                plain = grad(generic, X, 0, k, dz[:, :width][:, columns], rng)
                assert same_bits(got[:, columns], plain)


def test_long_sums_grad(table, rng):
    """Over many rows; accumulated on top of something too."""
    k = 2 * table.mr + 1
    for m in LONG:
        X, dz = integers((m, k), table, rng), integers((m, table.nr), table, rng)
        product = X.astype(int).T @ dz.astype(int)
        start = integers((k, table.nr), table, rng, 1000)
        for width in (table.lanes, table.nr):
            got = grad(table, X, 0, k, dz[:, :width], rng)
            assert (got == product[:, :width]).all(), m
            got = grad(table, X, 1, k, dz[:, :width], rng, start[1:, :width])
            assert (got == (product + start)[1:, :width]).all(), m
    for m in LONG[::6]:
        X, dz = draw((m, k), table, rng), draw((m, table.nr), table, rng)
        wX, wdz = wide(table, X, dz)
        got = grad(table, X, 0, k, dz, rng)
        assert_within(got, wX.T @ wdz, product_bound(table, m, abs(wX).T @ abs(wdz)), str(m))
        for row in range(k):
            assert same_bits(grad(table, X, row, row + 1, dz, rng)[0], got[row])


def test_grad_keeps_nan(table, rng):
    m, k = 9, table.mr + 1
    X, dz = draw((m, k), table, rng), draw((m, table.nr), table, rng)
    X[4, 2] = np.nan
    dz[7, 1] = np.inf
    bad = np.isnan(grad(table, X, 0, k, dz, rng))
    infinite = np.isinf(grad(table, X, 0, k, dz, rng))
    assert bad[2].all()
    assert bad.sum() == table.nr
    assert (infinite[:, 1] | bad[:, 1]).all()
    assert infinite.sum() == k - 1


def test_grad_bias(table, rng):
    """Column sums of any width; the padding of the result is zero."""
    for m in (*n_sums(table), 4, 5, 6, 8, 11, *LONG):
        for n in n_columns(table) if m < 100 else [1, table.nr + 1]:
            dz, width = draw((m, n), table, rng), pad(n, table.lanes)
            total, magnitude = (f(wide(table, dz)[0]).sum(axis=0) for f in (np.positive, abs))
            start = np.zeros(width, table.dtype)
            for accumulate in (False, True):
                start[:n] = draw(n, table, rng) if accumulate else 0
                fill = start if accumulate else np.nan
                out = Output((width,), table, rng, fill=fill)
                table.grad_bias(spread(dz, table, rng, 3), accumulate, out.array)
                got = out.result()
                bound = product_bound(table, m, magnitude + abs(start[:n]))
                assert_within(got[:n], total + start[:n], bound, f"{m}, {n}")
                assert (got[n:] == 0).all()


def test_grad_bias_of_integers_is_exact(table, rng):
    for m, n in [(1, 1), (101, table.nr), (1024, table.lanes + 1)]:
        dz = integers((m, n), table, rng, 1000)
        start = np.zeros(pad(n, table.lanes))
        start[:n] = integers(n, table, rng, 1000)
        out = Output(start.shape, table, rng, fill=start)
        table.grad_bias(spread(dz, table, rng, 1), True, out.array)
        assert (out.result()[:n] == dz.sum(axis=0, dtype=int) + start[:n]).all()
