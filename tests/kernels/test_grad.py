"""The weight gradient of dense layers, panel layout, and the bias's."""

import numpy as np
from kernels.layouts import (
    LONG,
    Output,
    assert_within,
    draw,
    few_columns,
    integers,
    n_columns,
    n_rows,
    n_sums,
    pad,
    product_bound,
    same_bits,
    spread,
    wide,
)


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
    assert (out.result()[:, n:] == 0).all()
    return out.result()[:, :n]


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
