"""Dropout masks and noise: Philox by its published answers, the kernels by Philox in NumPy."""

import numpy as np
import philox
import pytest
from activation_formulas import ACTIVATIONS
from kernels.layouts import Output, assert_within, edges, eps, same_bits, spread

PLACE = (0x123456789ABCDEF0, 7, 3)
SIZES = [1, 2, 15, 16, 17, 63, 64, 65, 129, 200]
BY_OUTPUT = [
    "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "softsign", "hard_sigmoid",
]  # fmt: skip

# From kat_vectors of Random123 1.14, the authors' own implementation: counter, key, answer.
KNOWN = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_reference_gives_the_known_answers(counter, key, answer):
    counter, key, answer = ([int(w, 16) for w in text.split()] for text in (counter, key, answer))
    assert philox.philox(counter, key).tolist() == answer


def drop(table, rng, place, row, p, a, gap=0, d=None, act="stored"):
    out = Output(a.shape, table, rng, gap, fill=a)
    d_out = None if d is None else Output(a.shape, table, rng, gap + 1, fill=d)
    table.dropout(place, row, p, act, out.array, None if d is None else d_out.array)
    return out.result() if d is None else (out.result(), d_out.result())


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-9])
def test_dropout(table, p, rng):
    for n in SIZES:
        a, d = rng.normal(size=(2, 5, n)).astype(table.dtype)
        mask = philox.mask(PLACE, np.arange(3, 8), n, p)
        scale = table.dtype.type(1 / (1 - p))
        for got, x in zip(drop(table, rng, PLACE, 3, p, a, 2, d), (a, d), strict=True):
            assert same_bits(got, np.where(mask > 0, x * scale, 0))
        assert same_bits(drop(table, rng, PLACE, 3, p, a), np.where(mask > 0, a * scale, 0))


@pytest.mark.parametrize("act", BY_OUTPUT)
def test_dropout_of_activations(table, act, rng):
    """Derivatives of those that are functions of the output are made on the way."""
    f, slope = ACTIVATIONS[act]
    for n in SIZES:
        z = 2 * rng.normal(size=(5, n))
        a, rubbish = f(z).astype(table.dtype), np.full_like(z, np.nan, table.dtype)
        mask = philox.mask(PLACE, np.arange(5), n, 0.3)
        got, d = drop(table, rng, PLACE, 0, 0.3, a, 1, rubbish, act)
        assert same_bits(got, drop(table, rng, PLACE, 0, 0.3, a))
        np.testing.assert_allclose(d, slope(z) * mask, rtol=0, atol=20 * eps(table))


def test_dropout_passes_nothing_on(table, rng):
    """A dropped unit is zero whatever it was."""
    a = np.full((1, 64), np.nan, table.dtype)
    got = drop(table, rng, PLACE, 0, 0.5, a)
    assert np.array_equal(np.isnan(got), philox.mask(PLACE, [0], 64, 0.5) > 0)


@pytest.mark.parametrize("row", [0, 5, 2**32 - 2])
def test_masks_do_not_depend_on_the_block(table, row, rng):
    a = np.ones((12, 70), table.dtype)
    whole = drop(table, rng, PLACE, row, 0.3, a)
    for first, rows in [(0, 1), (3, 4), (11, 1)]:
        part = drop(table, rng, PLACE, row + first, 0.3, a[:rows])
        assert same_bits(part, whole[first : first + rows])


@pytest.mark.parametrize("place", [(1, 7, 3), (PLACE[0], 8, 3), (PLACE[0], 7, 4)])
def test_each_place_has_its_own_mask(table, place, rng):
    a = np.ones((8, 100), table.dtype)
    same = drop(table, rng, PLACE, 0, 0.5, a) == drop(table, rng, place, 0, 0.5, a)
    assert 0.4 < same.mean() < 0.6


@pytest.mark.parametrize("p", [0.1, 0.5, 0.85])
def test_share_and_independence_of_masks(table, p, rng):
    """Each of many counts within five standard deviations."""
    m, n = 2000, 130
    kept = drop(table, rng, (5, 0, 0), 0, p, np.ones((m, n), table.dtype)) > 0
    sigma = np.sqrt(p * (1 - p))
    assert abs(kept.mean() - (1 - p)) < 5 * sigma / np.sqrt(m * n)
    assert (abs(kept.mean(axis=0) - (1 - p)) < 5 * sigma / np.sqrt(m)).all()
    c = (kept - (1 - p)) / sigma
    for lag in (1, 2, 8, 16, 64):
        assert abs((c[:, lag:] * c[:, :-lag]).mean()) < 5 / np.sqrt(m * (n - lag))
        assert abs((c[lag:] * c[:-lag]).mean()) < 5 / np.sqrt((m - lag) * n)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_entries_have_the_masks_of_dense_ones(table, index, rng):
    for n in edges(table.lanes):
        columns = np.sort(rng.choice(500, n, replace=False)).astype(index)
        x = rng.normal(size=n).astype(table.dtype)
        out = Output((n,), table, rng)
        table.dropout_entries(PLACE, 4, 0.4, columns, spread(x, table, rng), out.array)
        dense = np.zeros((1, 500), table.dtype)
        dense[0, columns] = x
        assert same_bits(out.result(), drop(table, rng, PLACE, 4, 0.4, dense)[0, columns])


def test_noise(table, rng):
    for n in SIZES:
        a = rng.normal(size=(4, n)).astype(table.dtype)
        out = Output(a.shape, table, rng, 1, fill=a)
        table.noise(PLACE, 9, 0.25, out.array)
        want = a + 0.25 * philox.normal(PLACE, np.arange(9, 13), n)
        assert_within(out.result().astype(float), want, 16 * eps(table) * (1 + abs(want)), str(n))


def test_extreme_deviates(generic, table, rng):
    """Every ISA agrees with the plain C kernels also where a uniform number is next to 0 or 1."""
    a = np.zeros((3000, 64), table.dtype)
    b = a.copy()
    table.noise((1, 2, 3), 0, 1.0, a)
    generic.noise((1, 2, 3), 0, 1.0, b)
    assert np.isfinite(a).all()
    assert abs(a).max() > 4
    assert_within(a.astype(float), b.astype(float), 16 * eps(table) * (1 + abs(b)))


def test_moments_of_noise(table):
    m, n = 4000, 100
    a = np.zeros((m, n), table.dtype)
    table.noise((11, 0, 0), 0, 1.0, a)
    a = a.astype(float)
    count = m * n
    for power, moment, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)]:
        assert abs((a**power).mean() - moment) < 5 * np.sqrt(variance / count)
    for lag in (1, 16, 32, 48, 64):  # 16: the two of a pair
        assert abs((a[:, lag:] * a[:, :-lag]).mean()) < 5 / np.sqrt(m * (n - lag))
        assert abs((a[:, lag:] ** 2 * a[:, :-lag] ** 2).mean() - 1) < 40 / np.sqrt(m * (n - lag))
    assert abs((a[1:] * a[:-1]).mean()) < 5 / np.sqrt((m - 1) * n)
