"""The first layer on CSR input, rows layout: forward and the weight gradient."""

import numpy as np
import pytest
import scipy.sparse as sp
from kernels.layouts import (
    ACTIVATIONS,
    Output,
    activate,
    assert_within,
    draw,
    edges,
    eps,
    integers,
    pad,
    product_bound,
    random_csr,
    rows_layout,
    same_bits,
    spread,
    wide,
)


@pytest.fixture(params=[np.int32, np.int64], ids=["int32", "int64"])
def index_dtype(request):
    return request.param


def n_columns(table):
    return edges(table.lanes, 4 * table.lanes, 8 * table.lanes, extra=(1, 2, 3))


def forward(table, X, index, W, b, act, rng, gap=0):
    out = Output((len(index), pad(len(b), table.lanes)), table, rng, gap)
    table.forward_sparse(X, index.astype(np.intp), rows_layout(table, W, b, rng), act, out.array)
    return out.result()


def by_columns(table, X, index):
    """Rows `index` of X as the engine hands them to the gradient: entries by column."""
    columns = X[index].tocsc()
    columns.sort_indices()
    start, row = columns.indptr.astype(np.intp), columns.indices.astype(np.int32)
    return start, row, columns.data.astype(table.dtype)


def grad(table, columns, k0, k1, dz, rng, start=None):
    """g (k1 - k0, width) of the kernel; start: accumulate on it."""
    fill = np.nan if start is None else start
    out = Output((k1 - k0, dz.shape[1]), table, rng, fill=fill)
    table.grad_sparse(columns, k0, k1, spread(dz, table, rng, 2), start is not None, out.array)
    return out.result()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_forward(table, act, index_dtype, rng):
    m = 11
    for k, density in [(1, 0.5), (13, 0.3), (57, 0.1), (57, 1)]:
        X = random_csr(m, k, density, table.dtype, index_dtype, rng)
        index = rng.permutation(m)[: m - 2]
        W, b = draw((k, max(n_columns(table))), table, rng), draw(max(n_columns(table)), table, rng)
        wA, wW, wb = wide(table, X.toarray()[index], W, b)
        want = activate(act, wA @ wW + wb)
        bound = product_bound(table, k, abs(wA) @ abs(wW) + abs(wb)) + 4 * eps(table)
        zero = activate(act, np.zeros(1))[0]
        for n in n_columns(table):
            got = forward(table, X, index, W[:, :n], b[:n], act, rng, gap=n % 3)
            assert_within(got[:, :n], want[:, :n], bound[:, :n], f"{k}, {n}")
            assert (got[:, n:] == zero).all()


def test_forward_of_a_row_is_its_own(table, index_dtype, rng):
    m, k, n = 9, 31, 13 * table.lanes
    X = random_csr(m, k, 0.4, table.dtype, index_dtype, rng)
    W, b = draw((k, n), table, rng), draw(n, table, rng)
    want = forward(table, X, np.arange(m), W, b, "tanh", rng)
    for rows in ([3], [8, 0, 0, 4], range(m - 1, -1, -1)):
        index = np.array(rows)
        assert same_bits(forward(table, X, index, W, b, "tanh", rng), want[index])


def test_forward_keeps_nan(table, index_dtype, rng):
    m, k, n = 5, 6, table.lanes + 1
    X = random_csr(m, k, 0.5, table.dtype, index_dtype, rng)
    X.data[X.indptr[m // 2]] = np.nan
    W, b = draw((k, n), table, rng), draw(n, table, rng)
    for act in ACTIVATIONS:
        got = forward(table, X, np.arange(m), W, b, act, rng)
        assert (np.isnan(got[:, :n]).any(axis=1) == (np.arange(m) == m // 2)).all()


def test_unsorted_and_repeated_entries(table, index_dtype, rng):
    """A column given twice in a row counts twice; rows may be empty."""
    n = table.nr
    index = np.arange(3)
    X = sp.csr_array((3, 6), dtype=table.dtype)
    X.data = np.array([1, -2, 3, 4, 5], table.dtype)
    X.indices = np.array([5, 0, 3, 3, 1], index_dtype)
    X.indptr = np.array([0, 2, 2, 5], index_dtype)
    dense = np.array([[-2, 0, 0, 0, 0, 1], [0] * 6, [0, 5, 0, 7, 0, 0]])
    W, b = integers((6, n), table, rng), integers(n, table, rng)
    assert (forward(table, X, index, W, b, "identity", rng) == dense @ W + b).all()


def test_grad(table, rng):
    """Any range of inputs, any rows, stored and accumulated; NaN there before is not read."""
    m = 23
    for k, density in [(1, 0.5), (13, 0.3), (57, 0.1), (20, 1)]:
        X = random_csr(m, k, density, table.dtype, np.int32, rng)
        index = rng.permutation(m)[: m - 3]
        columns = by_columns(table, X, index)
        dz = draw((len(index), pad(max(n_columns(table)), table.lanes)), table, rng)
        wA, wdz = wide(table, X.toarray()[index], dz)
        product, magnitude = wA.T @ wdz, abs(wA.T) @ abs(wdz)
        start = draw(product.shape, table, rng)
        for width in sorted({pad(n, table.lanes) for n in n_columns(table)}):
            for k0, k1 in {(0, k), (k // 2, k), (0, (k + 1) // 2), (k // 3, k // 3 + 1)}:
                part, what = np.s_[k0:k1, :width], f"{k}, {width}, {k0}, {k1}"
                got = grad(table, columns, k0, k1, dz[:, :width], rng)
                bound = product_bound(table, m, magnitude[part])
                assert_within(got, product[part], bound, what)
                got = grad(table, columns, k0, k1, dz[:, :width], rng, start[part])
                bound = product_bound(table, m, magnitude[part] + abs(start[part]))
                assert_within(got, product[part] + start[part], bound, what)


def test_grad_of_a_weight_is_its_own(table, rng):
    """Bitwise the same for any cut of the inputs: that is how threads share them."""
    m, k, n = 17, 24, 13 * table.lanes
    X = random_csr(m, k, 0.5, table.dtype, np.int32, rng)
    columns, dz = by_columns(table, X, rng.permutation(m)), draw((m, n), table, rng)
    want = grad(table, columns, 0, k, dz, rng)
    for k0 in range(k):
        for k1 in {k0 + 1, k}:
            assert same_bits(grad(table, columns, k0, k1, dz, rng), want[k0:k1])
    for width in range(table.lanes, n, table.lanes):
        assert same_bits(grad(table, columns, 0, k, dz[:, :width], rng), want[:, :width])


def test_long_sums(table, rng):
    """Rows and columns of many entries."""
    n = 5 * table.lanes
    for m, k in [(5, 600), (600, 5), (2000, 3), (3, 5000)]:
        X = random_csr(m, k, 0.9, table.dtype, np.int32, rng, lambda *s: rng.integers(-5, 6, s))
        index, A = np.arange(m), X.toarray().astype(int)
        W, b, dz = (integers(s, table, rng) for s in [(k, n), n, (m, n)])
        want = A @ W.astype(int) + b.astype(int)
        assert (forward(table, X, index, W, b, "identity", rng) == want).all()
        want = A.T @ dz.astype(int)
        assert (grad(table, by_columns(table, X, index), 0, k, dz, rng) == want).all()


def test_integers_are_exact(table, generic, index_dtype, rng):
    m, k, n = 29, 31, 3 * table.lanes + 1
    X = random_csr(
        m, k, 0.5, table.dtype, index_dtype, rng, lambda *shape: rng.integers(-5, 6, shape)
    )
    index = rng.permutation(m)
    W, b = integers((k, n), table, rng), integers(n, table, rng)
    A = X.toarray().astype(int)[index]
    for act, f in [("identity", lambda z: z), ("relu", lambda z: np.maximum(z, 0))]:
        got = forward(table, X, index, W, b, act, rng)[:, :n]
        assert (got == f(A @ W.astype(int) + b.astype(int))).all()
        assert same_bits(got, forward(generic, X, index, W, b, act, rng))
    columns = by_columns(table, X, index)
    dz, start = integers((m, n), table, rng), integers((k, n), table, rng, 1000)
    dz, start = dz[:, : n - 1], start[:, : n - 1]
    product = A.T @ dz.astype(int)
    got = grad(table, columns, 3, k, dz, rng)
    assert (got == product[3:]).all()
    assert same_bits(got, grad(generic, columns, 3, k, dz, rng))
    assert (grad(table, columns, 0, k, dz, rng, start) == product + start).all()
