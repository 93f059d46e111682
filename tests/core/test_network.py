"""Networks against the oracle of reference.py: outputs, loss, gradient; and their descriptions."""

import itertools

import numpy as np
import pytest
import reference
from core.problems import TOLERANCE, Problem, as_csr, close, some

from fastmlp import _core

# ------------------------------------------------------------------------------------------ outputs


def test_forward(isa, dtype, rng):
    for n in (1, 2, 37, 300):
        for p in some(rng, dtype, 16, n=n):
            want = p.expected_output()
            close(_core.forward(p.net, p.params, p.X), want, 10 * TOLERANCE[dtype])
            out = np.full_like(want, np.nan, dtype)
            assert _core.forward(p.net, p.params, p.X, out=out) is out
            close(out, want, 10 * TOLERANCE[dtype])
            close(p.trainer("sgd", 5).forward(p.X), want, 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("output", ["softmax", "identity"])
def test_memory_for_few_rows(output, dtype, rng):
    """Around 8 KiB, up to which no memory is asked for, any part can be the one too many."""
    loss = "log_loss" if output == "softmax" else "squared_error"
    for depth, n in itertools.product(range(30), (1, 8)):
        sizes = (5, *rng.integers(1, 60, depth), 3)
        p = Problem(rng, dtype, sizes, output, loss, hidden=["tanh"] * depth, n=n)
        close(_core.forward(p.net, p.params, p.X), p.expected_output(), 10 * TOLERANCE[dtype])


def test_memory_for_many_groups(rng):
    """The groups of outputs alone are more than the 8 KiB."""
    n = 1100
    net = _core.Network((3, 2 * n), [], "softmax", "log_loss", np.float64, groups=(2,) * n)
    params, X = rng.normal(size=net.n_params), rng.normal(size=(1, 3))
    z = reference.forward(params, (3, 2 * n), [], "identity", X).reshape(n, 2)
    close(_core.forward(net, params, X).reshape(n, 2), reference.softmax(z), 1e-12)


def test_forward_raw(isa, dtype, rng):
    """Outputs before the output activation."""
    for p in some(rng, dtype, 8):
        params, X = p.wide(p.params, p.dense)
        want = reference.forward(params, p.sizes, p.hidden, "identity", X)
        close(_core.forward(p.net, p.params, p.X, raw=True), want, 10 * TOLERANCE[dtype])
        close(p.trainer("sgd", 5).forward(p.X, raw=True), want, 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_forward_sparse(isa, dtype, index_dtype, rng):
    for density in (0, 0.1, 1):
        for p in some(rng, dtype, 8, density=density, index_dtype=index_dtype):
            want = p.expected_output()
            close(_core.forward(p.net, p.params, p.X), want, 10 * TOLERANCE[dtype])
            close(p.trainer("sgd", 5).forward(p.X), want, 10 * TOLERANCE[dtype])


def test_forward_of_no_rows(isa, dtype, rng):
    for p in some(rng, dtype, 4, n=0):
        assert _core.forward(p.net, p.params, p.X).shape == (0, p.sizes[-1])
        assert p.trainer("adam", 5).forward(p.X).shape == (0, p.sizes[-1])
        X = as_csr(p.dense)
        assert _core.forward(p.net, p.params, X).shape == (0, p.sizes[-1])


def test_every_width(isa, rng):
    """All widths from 1 to 130 in every place of the network."""
    for width in range(1, 131):
        for sizes in [(width, 3, 2), (3, width, 2), (3, 5, width)]:
            p = Problem(rng, np.float32, sizes, n=5)
            want_loss, want = p.expected_gradient(0.1)
            gradient = np.empty_like(p.params)
            loss = _core.loss_grad(p.net, p.params, p.X, p.y, None, 0.1, gradient)
            close(loss, want_loss, 1e-5)
            close(gradient, want, 1e-5)
            close(_core.forward(p.net, p.params, p.X), p.expected_output(), 1e-5)


# ----------------------------------------------------------------------------------- loss, gradient


@pytest.mark.parametrize("weights", [None, "random", "some zero"])
@pytest.mark.parametrize("density", [None, 0.2])
def test_loss_and_gradient(isa, dtype, weights, density, rng):
    """More rows than one chunk among them."""
    for n in (1, 37, 2500):
        for p in some(rng, dtype, 8, n=n, weights=weights, density=density):
            want_loss, want = p.expected_gradient(0.3)
            gradient = np.full_like(p.params, np.nan)
            loss = _core.loss_grad(p.net, p.params, p.X, p.y, p.weight, 0.3, gradient)
            close(loss, want_loss, 100 * TOLERANCE[dtype])
            close(gradient, want, 100 * TOLERANCE[dtype])


def test_loss_grad_twice(dtype, rng):
    """A trainer can be asked again, with other weights too."""
    p = Problem(rng, dtype, (5, 9, 3), "softmax", "log_loss", n=1500)
    t = p.trainer(None, p.n)
    first, second, other = (np.empty_like(p.params) for _ in range(3))
    loss = t.loss_grad(0.1, first)
    t.write(p.params * 2)
    t.loss_grad(0.1, other)
    t.write(p.params)
    assert t.loss_grad(0.1, second) == loss
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_dense_targets_of_softmax(dtype, rng):
    """One-hot rows or class indices."""
    p = Problem(rng, dtype, (5, 9, 3), "softmax", "log_loss", weights="random")
    results = []
    for y in (p.y, np.ascontiguousarray(p.Y, dtype)):
        gradient = np.empty_like(p.params)
        loss = _core.loss_grad(p.net, p.params, p.X, y, p.weight, 0.1, gradient)
        results.append((loss, gradient))
    assert results[0][0] == results[1][0]
    assert np.array_equal(results[0][1], results[1][1])


# ------------------------------------------------------------------------------------- descriptions


def test_network_tells_its_sizes():
    net = _core.Network([3, 4, 2], ["tanh"], "softmax", "log_loss", np.float32)
    assert net.n_params == 3 * 4 + 4 * 2 + 4 + 2
    assert (net.n_features, net.n_outputs, net.layer_sizes) == (3, 2, (3, 4, 2))
    assert (net.activations, net.output, net.loss) == (("tanh",), "softmax", "log_loss")
    assert net.dtype == np.float32


@pytest.mark.parametrize(
    ("sizes", "hidden", "output", "loss", "error"),
    [
        ((3, 0, 2), ["relu"], "softmax", "log_loss", ValueError),
        ((3, -1, 2), ["relu"], "softmax", "log_loss", ValueError),
        ((0, 2), [], "softmax", "log_loss", ValueError),
        ((3,), [], "softmax", "log_loss", ValueError),
        ((3, 4, 2), [], "softmax", "log_loss", ValueError),
        ((3, 2), ["relu"], "softmax", "log_loss", ValueError),
        ((3, 2), [], "softmax", "squared_error", ValueError),
        ((3, 2), [], "identity", "log_loss", ValueError),
        ((3, 2), [], "identity", "poisson", ValueError),
        ((3, 2), [], "exp", "log_loss", ValueError),
        ((2**62, 4), [], "identity", "squared_error", MemoryError),
        ((2**40, 2**40, 1), ["relu"], "identity", "squared_error", MemoryError),
        ((3, 4, 2), ["swoosh"], "softmax", "log_loss", ValueError),
        ((3, 2), [], "softplus", "log_loss", (KeyError, ValueError)),
    ],
)
def test_unsound_networks(sizes, hidden, output, loss, error):
    with pytest.raises(error):
        _core.Network(sizes, hidden, output, loss, np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, ">f8"])
def test_unsound_dtypes(dtype):
    with pytest.raises((TypeError, ValueError)):
        _core.Network((3, 2), [], "identity", "squared_error", dtype)


def test_a_network_too_big_for_the_machine():
    """MemoryError names the bytes."""
    net = _core.Network((2**20, 2**24, 1), ["relu"], "identity", "squared_error", np.float64)
    assert net.n_params > 2**44
    params = np.lib.stride_tricks.as_strided(np.zeros(1), (1,), (8,))
    with pytest.raises(ValueError, match="params"):
        _core.forward(net, params, np.zeros((1, 2**20)))
