"""Losses, their deltas and the output activations against the formulas, in a wider type.

The probabilities of log_loss are clipped to [eps, 1 - eps] of the element type, as scikit-learn
does. Rows of weight 0 are absent, whatever is in them.
"""

import numpy as np
import pytest
from kernels.layouts import Output, assert_within, edges, eps, same_bits, spread, wide

PAIRS = [
    ("identity", "squared_error"),
    ("exp", "poisson"),
    ("logistic", "log_loss"),
    ("softmax", "log_loss"),
    ("softmax", "log_loss classes"),
]
pairs = pytest.mark.parametrize(("output", "loss"), PAIRS)


def n_rows(table):
    return edges(table.lanes, extra=(1, 2, 3, 13))


def n_outputs(table):
    return sorted({1, 2, 3, 5, 10, table.lanes + 1, 2 * table.lanes})


def classes_of(Y, loss):
    return Y.argmax(axis=1).astype(np.int32) if loss.endswith("classes") else None


def call(table, output, loss, z, Y, index, weight, rng, gap=0):
    """(deltas, losses of the rows) of the kernel; row i has the target and weight of index[i]."""
    deltas = Output(z.shape, table, rng, gap, z)
    losses = Output((len(z),), table, rng)
    classes = classes_of(Y, loss)
    table.loss(
        output,
        loss.split()[0],
        deltas.array,
        np.asarray(index, np.intp),
        None if classes is not None else np.ascontiguousarray(Y, table.dtype),
        classes,
        weight,
        losses.array,
    )
    return deltas.result(), losses.result()


def predict(output, z):
    if output == "logistic":
        t = np.exp(-abs(z))
        return np.where(z < 0, t, 1) / (1 + t)
    if output == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    return np.exp(z) if output == "exp" else z


def xlogy(x, y):
    return np.where(x == 0, 0, x * np.log(np.where(x == 0, 1, y)))


def truth(table, output, loss, z, Y):
    """Per row: loss, its error bound, deltas, their error bound, all in a wider type."""
    z, Y = wide(table, z, Y)
    e, n = eps(table), z.shape[1]
    p = predict(output, z)
    deltas = p - Y
    # exponents are off by eps |z|, which multiplies the probabilities
    delta_bound = e * (abs(p) * (4 + n + 2 * abs(z)) + 2 * abs(Y))
    if loss == "squared_error":
        losses = (deltas**2).mean(axis=1) / 2
        bound = e * (n + 4) * (deltas**2 + abs(deltas) * (abs(z) + abs(Y))).sum(axis=1) / n
        return losses, bound, deltas, e * (abs(z) + abs(Y))
    if loss == "poisson":
        terms = xlogy(Y, Y / p) - Y + p
        size = abs(xlogy(Y, Y / p)) + Y + p
        return terms.sum(axis=1), ((n + 6 + abs(z)) * e * size).sum(axis=1), deltas, delta_bound
    q = np.clip(p, e, 1 - e)
    on, off = -xlogy(Y, q), -xlogy(1 - Y, 1 - q) if output == "logistic" else 0 * Y
    # the logarithm's own error, and that of p (and 1 - p) magnified by it
    shift = e * (4 + n + 2 * abs(z).max(axis=1, keepdims=True))
    bound = (n + 4) * e * (on + off) + shift * Y
    if output == "logistic":
        bound = bound + 4 * e * (1 - Y) * q / (1 - q)
    return (on + off).sum(axis=1), bound.sum(axis=1) + e, deltas, delta_bound


def problem(table, output, m, n, rng, scale=3):
    z = (rng.normal(size=(m, n)) * scale).astype(table.dtype)
    if output == "softmax":
        Y = np.eye(n)[rng.integers(0, n, 2 * m)]
    elif output == "logistic":
        Y = rng.integers(0, 2, (2 * m, n))
    elif output == "exp":
        Y = rng.poisson(1.5, (2 * m, n))
    else:
        Y = rng.normal(size=(2 * m, n))
    return z, Y.astype(table.dtype), rng.permutation(2 * m)[:m]


@pairs
def test_loss_and_deltas(table, output, loss, rng):
    """All row counts around a vector, all output counts, with and without weights."""
    for n in n_outputs(table):
        for m in n_rows(table):
            z, Y, index = problem(table, output, m, n, rng)
            weight = rng.uniform(0, 3, 2 * m).astype(table.dtype)
            weight[rng.random(2 * m) < 0.3] = 0
            losses, loss_bound, deltas, delta_bound = truth(table, output, loss, z, Y[index])
            what = f"{m}, {n}"
            got, rows = call(table, output, loss, z, Y, index, None, rng, gap=m % 3)
            assert_within(got, deltas, delta_bound, what)
            assert_within(rows, losses, loss_bound, what)
            w = weight[index].astype(deltas.dtype)
            got, rows = call(table, output, loss, z, Y, index, weight, rng, gap=m % 3)
            bound = w[:, None] * (delta_bound + eps(table) * abs(deltas))
            assert_within(got, deltas * w[:, None], bound, what)
            assert_within(rows, losses * w, w * (loss_bound + eps(table) * losses), what)
            assert (rows[w == 0] == 0).all()
            assert (got[w == 0] == 0).all()


def test_targets_need_not_be_one_hot(table, rng):
    """Cross-entropy with soft targets; squared error and poisson with any."""
    m, n = table.lanes + 3, 4
    z = (rng.normal(size=(m, n))).astype(table.dtype)
    Y = rng.dirichlet(np.ones(n), m).astype(table.dtype)
    for output, loss in PAIRS[:4]:
        losses, loss_bound, deltas, delta_bound = truth(table, output, loss, z, Y)
        got, rows = call(table, output, loss, z, Y, range(m), None, rng)
        assert_within(got, deltas, delta_bound)
        assert_within(rows, losses, loss_bound)


def test_classes_are_one_hot_targets(table, rng):
    """Bitwise the same deltas, the same loss."""
    m, n = 2 * table.lanes + 1, 7
    z, Y, index = problem(table, "softmax", m, n, rng)
    dense = call(table, "softmax", "log_loss", z, Y, index, None, rng)
    by_class = call(table, "softmax", "log_loss classes", z, Y, index, None, rng)
    assert same_bits(dense[0], by_class[0])
    assert same_bits(dense[1], by_class[1])


@pairs
def test_a_row_is_its_own(table, output, loss, rng):
    """Bitwise the same loss and deltas wherever a row stands and whatever stands around it."""
    m, n = 3 * table.lanes + 2, 3
    z, Y, index = problem(table, output, m, n, rng)
    weight = rng.uniform(0, 3, 2 * m).astype(table.dtype)
    deltas, losses = call(table, output, loss, z, Y, index, weight, rng)
    p = probabilities(table, output, z, rng)
    for start in range(m):
        for stop in {start + 1, min(m, start + table.lanes), m}:
            part = slice(start, stop)
            got = call(table, output, loss, z[part], Y, index[part], weight, rng)
            assert same_bits(got[0], deltas[part])
            assert same_bits(got[1], losses[part])
            assert same_bits(probabilities(table, output, z[part], rng), p[part])


@pytest.mark.parametrize("size", [20, 1e3])
def test_clipping(table, size, rng):
    """Certain and wrong: -log(eps), not infinite. Certain and right: -log(1 - eps)."""
    m, e = 2 * table.lanes + 1, eps(table)
    for z, y, output in [
        ([size], [0], "logistic"),
        ([-size], [1], "logistic"),
        ([size], [1], "logistic"),
        ([-size, 0], [0, 1], "logistic"),
        ([size, -size], [0, 1], "softmax"),
        ([size, -size], [1, 0], "softmax"),
        ([size] * 4, [0, 1, 0, 0], "softmax"),
    ]:
        Z, Y = (np.tile(np.array(row), (m, 1)).astype(table.dtype) for row in (z, y))
        p = predict(output, wide(table, Z)[0])
        q = np.clip(p, e, 1 - e)
        want = -(xlogy(Y, q) + (xlogy(1 - Y, 1 - q) if output == "logistic" else 0)).sum(axis=1)
        # an error of p next to 1 is large in 1 - p; clipped it is none
        magnified = np.where((q == p) & (Y == 0), 4 * q / (1 - q), 0).sum(axis=1)
        for kind in ["log_loss", "log_loss classes"][: 1 + (output == "softmax")]:
            deltas, losses = call(table, output, kind, Z, Y, range(m), None, rng)
            assert_within(losses, want, e * (4 + abs(want) + magnified), (z, y))
            assert_within(deltas, p - Y, 2 * e)


def test_certain_and_wrong(table, rng):
    """The numbers themselves: the clip is at eps of the element type."""
    worst = -np.log(eps(table))
    for output, z, y in [
        ("logistic", [1e3], [0]),
        ("logistic", [-1e3], [1]),
        ("softmax", [1e3, -1e3], [0, 1]),
    ]:
        Z, Y = np.array([z], table.dtype), np.array([y], table.dtype)
        _, losses = call(table, output, "log_loss", Z, Y, [0], None, rng)
        assert abs(losses[0] - worst) <= 4 * eps(table) * worst


def test_extremes_of_poisson(table, rng):
    """exp underflows to 0 and overflows to infinity; y log(y) of nothing is nothing."""
    z = np.array([-1e3, -1e3, 1e3, 0], table.dtype)[:, None]
    Y = np.array([0, 2, 1, 0], table.dtype)[:, None]
    deltas, losses = call(table, "exp", "poisson", z, Y, range(4), None, rng)
    assert deltas[:, 0].tolist() == [0, -2, np.inf, 1]
    assert_within(losses[:2], np.array([0, 2 * np.log(2) + 2e3 - 2]), 2e3 * eps(table))
    assert losses[2] == np.inf
    assert_within(losses[3:], np.ones(1), 2 * eps(table))


@pairs
def test_nan(table, output, loss, rng):
    """A NaN anywhere in a row is in its loss, and in no other row's."""
    m, n = table.lanes + 2, 3
    z, Y, index = problem(table, output, m, n, rng)
    _, want = call(table, output, loss, z, Y, index, None, rng)
    for row in range(m):
        for column in range(n):
            if output == "logistic" or loss == "poisson":
                Y[index[row], column] = 1
            bad = z.copy()
            bad[row, column] = np.nan
            deltas, losses = call(table, output, loss, bad, Y, index, None, rng)
            assert np.isnan(losses[row])
            assert np.isnan(deltas[row, column])
            assert np.isnan(deltas[row]).all() == (output == "softmax")
            others = np.arange(m) != row
            assert np.isfinite(deltas[others]).all()
            if output == "softmax":
                assert same_bits(losses[others], want[others])


@pairs
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e3, -1e3])
def test_a_row_of_weight_zero_is_absent(table, output, loss, bad, rng):
    """Even where its loss is not finite."""
    m, n = table.lanes + 2, 2
    z, Y, index = problem(table, output, m, n, rng)
    weight = np.ones(2 * m, table.dtype)
    want = call(table, output, loss, z, Y, index, weight, rng)
    for row in (0, m - 1):
        other = z.copy()
        other[row] = bad
        weight[:] = 1
        weight[index[row]] = 0
        deltas, losses = call(table, output, loss, other, Y, index, weight, rng)
        assert losses[row] == 0
        assert (deltas[row] == 0).all()
        others = np.arange(m) != row
        assert same_bits(deltas[others], want[0][others])
        assert same_bits(losses[others], want[1][others])


def test_squared_error_of_integers_is_exact(table, generic, rng):
    m, n = 2 * table.lanes + 1, 4
    z, Y = rng.integers(-9, 9, (2, m, n)).astype(table.dtype)
    deltas, losses = call(table, "identity", "squared_error", z, Y, range(m), None, rng)
    assert (deltas == z - Y).all()
    assert (losses == ((z - Y) ** 2).sum(axis=1) / 8).all()
    plain = call(generic, "identity", "squared_error", z, Y, range(m), None, rng)
    assert same_bits(deltas, plain[0])
    assert same_bits(losses, plain[1])


# ------------------------------------------------------------------------------ output activations


def probabilities(table, output, z, rng, gap=0, gap_z=0):
    out = Output(z.shape, table, rng, gap)
    table.output(output, spread(z, table, rng, gap_z), out.array)
    return out.result()


@pytest.mark.parametrize("output", ["identity", "logistic", "softmax", "exp"])
def test_output(table, output, rng):
    for n in n_outputs(table):
        for m in n_rows(table):
            z = (rng.normal(size=(m, n)) * 4).astype(table.dtype)
            want = predict(output, wide(table, z)[0])
            steps = 4 + (n + 2 * abs(z) if output == "softmax" else 0)
            bound = 0 if output == "identity" else eps(table) * steps * want
            got = probabilities(table, output, z, rng, gap=m % 3, gap_z=m % 2)
            assert_within(got, want, bound, f"{m}, {n}")
            if output == "softmax":
                assert_within(got.sum(axis=1), np.ones(m), (n + 2) * eps(table))


def test_output_extremes(table, rng):
    """Softmax never overflows; NaN poisons its own row."""
    z = np.array([[1e3, -1e3, 0], [-1e3, -1e3, -1e3], [5, 5, 5], [np.nan, 0, 1], [-np.inf, 0, 0]])
    z = z.astype(table.dtype)
    third = np.float64(1) / 3
    want = [[1, 0, 0], [third] * 3, [third] * 3, [np.nan] * 3, [0, 0.5, 0.5]]
    got = probabilities(table, "softmax", z, rng)
    assert np.allclose(got, want, rtol=2 * eps(table), atol=0, equal_nan=True)
    big = np.array([[1e4, -1e4, np.nan, 0]], table.dtype)
    got = probabilities(table, "logistic", big, rng)[0]
    assert np.array_equal(got, [1, 0, np.nan, 0.5], equal_nan=True)
    got = probabilities(table, "exp", big, rng)[0]
    assert np.array_equal(got, [np.inf, 0, np.nan, 1], equal_nan=True)


def test_textbook_softmax(table, rng):
    got = probabilities(table, "softmax", np.array([[2, 1, 0]], table.dtype), rng)
    assert np.allclose(got, [[0.66524096, 0.24472847, 0.09003057]], atol=1e-7)
