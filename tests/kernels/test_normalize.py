"""Layer and batch normalisation against their formulas, and torch where it is installed."""

import numpy as np
import pytest
from kernels.layouts import Output, assert_within, eps, pad, same_bits, spread

EPS = 1e-5
ROWS = [2, 3, 64, 65, 193]


def widths(table):
    return sorted({1, 3, table.lanes - 1, table.lanes, table.lanes + 1, 5 * table.lanes + 2} - {0})


def padded(x, table):
    """x with columns of zeros up to a whole vector."""
    out = np.zeros((*x.shape[:-1], pad(x.shape[-1], table.lanes)), table.dtype)
    out[..., : x.shape[-1]] = x
    return out


def filled(x, table, rng, gap=0):
    return Output(x.shape, table, rng, gap, fill=x)


def normalise(z, axis, weight=None):
    """z^ and the biased variance, in float64."""
    z = np.asarray(z, float)
    mean = np.average(z, axis=axis, weights=weight, keepdims=True)
    var = np.average((z - mean) ** 2, axis=axis, weights=weight, keepdims=True)
    return (z - mean) / np.sqrt(var + EPS), mean, var


def close(table, got, want, units, scale=1.0):
    size = np.abs(want).max(initial=0) + scale
    assert_within(np.asarray(got, float), np.asarray(want, float), units * eps(table) * size)


def draw(rng, table, m, n, offset=3.0):
    z = (offset + rng.normal(size=(m, n)) * rng.uniform(0.5, 2, n)).astype(table.dtype)
    dy = rng.normal(size=(m, n)).astype(table.dtype)
    gamma, beta = rng.normal(size=(2, n)).astype(table.dtype)
    return z, dy, gamma, beta


@pytest.mark.parametrize("in_place", [False, True])
def test_layer_norm(table, in_place, rng):
    for n in widths(table):
        z, _, gamma, beta = draw(rng, table, 7, n)
        zhat = filled(padded(z, table), table, rng, 3)
        y = zhat if in_place else filled(padded(z, table) * np.nan, table, rng, 1)
        rstd = Output((7,), table, rng)
        g, b = padded(gamma, table), padded(beta, table)
        table.layer_norm(n, zhat.array, g, b, EPS, y.array, None if in_place else rstd.array)
        want, _, var = normalise(z, 1)
        close(table, y.result()[:, :n], want * gamma + beta, 40)
        assert (y.result()[:, n:] == 0).all()
        if not in_place:
            close(table, zhat.result()[:, :n], want, 40)
            close(table, rstd.result() * np.sqrt(var[:, 0] + EPS), 1, 20)


def test_layer_norm_ignores_padding(table, rng):
    n = table.lanes + 1
    z = padded(rng.normal(size=(2, n)), table)
    one, zero = padded(np.ones(n), table), padded(np.zeros(n), table)
    other = z.copy()
    other[:, n:] = 1e6
    table.layer_norm(n, z, one, zero, EPS, z)
    table.layer_norm(n, other, one, zero, EPS, other)
    assert same_bits(z, other)


def test_layer_norm_backward(table, rng):
    for n in widths(table):
        z, dy, gamma, _ = draw(rng, table, 7, n)
        zhat, _, var = normalise(z, 1)
        zhat, rstd = zhat.astype(table.dtype), (1 / np.sqrt(var[:, 0] + EPS)).astype(table.dtype)
        g = dy.astype(float) * gamma
        want = rstd[:, None] * (g - g.mean(1, keepdims=True) - zhat * (g * zhat).mean(1)[:, None])
        dz = Output((7, pad(n, table.lanes)), table, rng, 2)
        hat = padded(zhat, table)
        hat[:, n:] = 5  # left by the forward pass
        table.layer_norm_backward(
            n, padded(dy, table), hat, padded(gamma, table), spread(rstd, table, rng), dz.array
        )
        close(table, dz.result()[:, :n], want, 100, abs(g).max() * abs(rstd).max())
        assert (dz.result()[:, n:] == 0).all()


def batch(table, rng, m, n, kind):
    """z, dy, gamma, beta and weights with their sum."""
    arrays = draw(rng, table, m, n)
    weight = None
    if kind is not None:
        weight = rng.uniform(0.2, 3, m).astype(table.dtype)
        if kind == "some zero":
            weight[rng.random(m) < 0.3] = 0
            weight[:2] = 1, 2
    return *arrays, weight, float(m if weight is None else weight.astype(float).sum())


@pytest.mark.parametrize("kind", [None, "random", "some zero"])
def test_batch_norm(table, kind, rng):
    for m in ROWS:
        for n in widths(table)[::2]:
            z, dy, gamma, beta, weight, total = batch(table, rng, m, n, kind)
            wide = pad(n, table.lanes)
            mean, var = Output((wide,), table, rng), Output((wide,), table, rng)
            running = padded(rng.uniform(1, 2, (2, n)), table)
            before = running.astype(float)[:, :n]
            hat = filled(padded(z, table), table, rng, 1)
            w = None if weight is None else spread(weight, table, rng)
            table.batch_stats(hat.array, w, total, 0.1, mean.array, var.array, *running)
            want, want_mean, want_var = normalise(z, 0, weight)
            close(table, mean.result()[:n], want_mean[0], 100)
            close(table, var.result()[:n], want_var[0], 100, 10)
            unbiased = want_var[0] * (total / (total - 1) if total > 2 else max(total, 1))
            new = 0.9 * before + 0.1 * np.array([want_mean[0], unbiased])
            close(table, running[:, :n], new, 100, 10)

            # the rounding of z counts for more where it varies little
            size = 1 + abs(z).max() / np.sqrt(want_var + EPS).min()
            y = Output(hat.array.shape, table, rng, 2)
            g, b = padded(gamma, table), padded(beta, table)
            table.batch_norm(hat.array, mean.array, var.array, EPS, g, b, y.array)
            close(table, hat.result()[:, :n], want, 20, size)
            close(table, y.result()[:, :n], want * gamma + beta, 60, size)
            assert (y.result()[:, n:] == 0).all()

            dgamma, dbeta = Output((wide,), table, rng), Output((wide,), table, rng)
            if weight is not None:
                dy = dy * weight[:, None]
            table.norm_sums(padded(dy, table), hat.array, False, dgamma.array, dbeta.array)
            close(table, dgamma.result()[:n], (dy * want).sum(0), 100, m * size)
            close(table, dbeta.result()[:n], dy.astype(float).sum(0), 100, m)
            dz = Output(hat.array.shape, table, rng, 1)
            table.batch_norm_backward(
                padded(dy, table), hat.array, w, total, dgamma.array, dbeta.array, var.array, EPS,
                g, dz.array,
            )  # fmt: skip
            share = np.full((m, 1), 1 / total) if weight is None else weight[:, None] / total
            inner = dy - share * (dy.astype(float).sum(0) + want * (dy * want).sum(0))
            scale = gamma / np.sqrt(want_var + EPS)
            close(table, dz.result()[:, :n], scale * inner, 100, size * abs(scale).max())
            assert (dz.result()[:, n:] == 0).all()


def test_absent_rows_do_not_count(table, rng):
    """Rows of weight 0 change no bit, even where they are not finite; weight 2 is the row twice."""
    n = 2 * table.lanes
    z = rng.normal(size=(9, n)).astype(table.dtype)
    weight = np.array([1, 0, 2, 1, 0, 0, 1, 2, 1], table.dtype)
    bad = z.copy()
    bad[weight == 0] = np.nan
    copies = np.repeat(z, weight.astype(int), axis=0)
    results = []
    there = weight > 0
    for rows, w in [(z, weight), (bad, weight), (z[there], weight[there]), (copies, None)]:
        stats = np.zeros((4, n), table.dtype)
        table.batch_stats(rows, w, 8.0, 1.0, *stats)
        results.append(stats)
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])
    close(table, results[0], results[3], 8)


@pytest.mark.parametrize(("total", "factor"), [(0.25, 1), (1, 1), (1.5, 1.5), (2, 2), (5, 1.25)])
def test_unbiased_variance_of_small_weights(table, total, factor):
    z = padded(np.array([[1.0], [3.0]]), table)
    weight = np.full(2, total / 2, table.dtype)
    stats = np.full((4, z.shape[1]), np.nan, table.dtype)
    table.batch_stats(z, weight, total, 1.0, *stats)  # momentum 1: replaced, NaN or not
    assert stats[:, 0].tolist() == [2, 1, 2, factor]


def test_sums_of_many_rows(table, rng):
    """The error does not grow with the number of rows."""
    z = (100 + rng.normal(size=(20_000, table.lanes))).astype(table.dtype)
    stats = np.zeros((4, table.lanes), table.dtype)
    table.batch_stats(z, None, float(len(z)), 1.0, *stats)
    close(table, stats[0], z.astype(float).mean(0), 100, 0)
    assert_within(stats[1].astype(float), z.astype(float).var(0), 3e-4)


def test_norm_sums_accumulate(table, rng):
    dy, zhat = rng.integers(-4, 5, (2, 70, table.lanes)).astype(table.dtype)
    sums, parts = np.zeros((2, 2, table.lanes), table.dtype)
    table.norm_sums(dy, zhat, False, *sums)
    table.norm_sums(dy[:31], zhat[:31], False, *parts)
    table.norm_sums(dy[31:], zhat[31:], True, *parts)
    assert np.array_equal(sums, parts)
    assert np.array_equal(sums, [(dy * zhat).sum(0), dy.sum(0)])
