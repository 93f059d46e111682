"""Gradients against 4-point differences of the engine's own loss, and float32 against float64."""

import itertools

import numpy as np
import pytest
import reference
from activation_formulas import KINKS
from core.problems import ELEMENTWISE, HEADS, HIDDEN, PAIRS, Problem, close, random_head
from loss_formulas import link

from fastmlp import _core

DEPTHS = range(4)
H = 1e-3  # the differences' error is of the order of h^4
KINK = 0.03  # no input this close to a kink, so that no difference steps over it


def loss_and_gradient(p, params, alpha):
    gradient = np.empty(p.net.n_params, p.dtype)
    loss = _core.loss_grad(p.net, params, p.X, p.y, p.weight, alpha, gradient)
    return loss, gradient


def nearest_kink(p):
    """Smallest distance of a unit's input from a kink of its activation, and of a prediction from
    one of its loss, over all rows."""
    weights, biases = reference.unflatten(p.params, p.sizes)
    a, nearest = p.dense, np.inf
    for W, b, name in zip(weights, biases, p.hidden, strict=False):
        z = a @ W + b
        for kink in KINKS.get(name, []):
            nearest = min(nearest, abs(z - kink).min())
        a = reference.ACTIVATIONS[name](z)
    if p.loss in ("absolute_error", "quantile", "huber"):
        n_levels = len(p.head["args"]) if p.loss == "quantile" else 1
        m = link(p.output, a @ weights[-1] + biases[-1])[0]
        d = abs(m - np.repeat(p.Y, n_levels, axis=1))
        nearest = min(nearest, abs(d - (p.head["args"][0] if p.loss == "huber" else 0)).min())
    return nearest


def smooth_problem(rng, sizes, *args, **options):
    """A random problem away from the kinks."""
    for _ in range(1000):
        p = Problem(rng, np.float64, sizes, *args, **options)
        if nearest_kink(p) > KINK:
            return p
    raise AssertionError("no problem without kinks found")


def objective(p, params, alpha):
    """What the gradient belongs to. The squared error's leaves out the mean over outputs, as
    scikit-learn's does."""
    data, _ = loss_and_gradient(p, params, 0.0)
    full, _ = loss_and_gradient(p, params, alpha)
    return data * (p.sizes[-1] if p.loss == "squared_error" else 1) + full - data


def differences(p, alpha):
    gradient = np.empty(p.net.n_params)
    for i in range(len(gradient)):
        values = []
        for step in (-2, -1, 1, 2):
            params = p.params.copy()
            params[i] += step * H
            values.append(objective(p, params, alpha))
        gradient[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * H)
    return gradient


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("weights", [None, "random", "some zero"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("output", "loss"), PAIRS)
@pytest.mark.parametrize("act", HIDDEN)
def test_against_differences(act, output, loss, depth, weights, alpha, rng):
    if depth == 0 and act != HIDDEN[0]:
        pytest.skip("no hidden layer to activate")
    sizes = (3, *(4, 3, 5)[:depth], 2 + (output == "softmax"))
    p = smooth_problem(rng, sizes, output, loss, hidden=[act] * depth, n=6, weights=weights)
    _, gradient = loss_and_gradient(p, p.params, alpha)
    close(gradient, differences(p, alpha), 1e-6)


def test_mixed_activations_against_differences(rng):
    for acts in itertools.permutations(HIDDEN, 2):
        p = smooth_problem(rng, (2, 3, 4, 1), "logistic", "log_loss", hidden=acts, n=5)
        _, gradient = loss_and_gradient(p, p.params, 0.1)
        close(gradient, differences(p, 0.1), 1e-6)


@pytest.mark.parametrize("seed", range(80))
def test_any_activations_against_differences(seed):
    """Random activations, layer by layer, dense and sparse."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 4))
    acts = [ELEMENTWISE[seed % len(ELEMENTWISE)], *rng.choice(ELEMENTWISE, depth - 1)]
    sizes = (3, *rng.integers(2, 6, depth), int(rng.integers(2, 4)))
    density = 0.6 if rng.random() < 0.4 else None
    weights = [None, "random"][rng.integers(2)]
    p = smooth_problem(
        rng, sizes, *PAIRS[rng.integers(4)], hidden=acts, n=4, density=density, weights=weights
    )
    _, gradient = loss_and_gradient(p, p.params, 0.1)
    close(gradient, differences(p, 0.1), 1e-6)
    close(gradient, p.expected_gradient(0.1)[1], 1e-12)


@pytest.mark.parametrize("seed", range(3 * len(HEADS)))
def test_any_loss_against_differences(seed):
    """Each with every output activation it goes with, three times; class indices, probabilities,
    several softmaxes, label smoothing, sample weights, dense and sparse."""
    rng = np.random.default_rng(seed)
    n_outputs, head = random_head(rng, HEADS[seed % len(HEADS)])
    acts = rng.choice(ELEMENTWISE, int(rng.integers(0, 3)))
    sizes = (3, *rng.integers(2, 5, len(acts)), n_outputs)
    density = 0.6 if rng.random() < 0.4 else None
    weights = [None, "random", "some zero"][rng.integers(3)]
    p = smooth_problem(rng, sizes, hidden=acts, n=4, density=density, weights=weights, **head)
    _, gradient = loss_and_gradient(p, p.params, 0.1)
    close(gradient, differences(p, 0.1), 1e-6)
    loss, want = p.expected_gradient(0.1)
    close(gradient, want, 1e-11)
    close(loss_and_gradient(p, p.params, 0.1)[0], loss, 1e-11)


@pytest.mark.parametrize("n", [23, 24, 150, 1300])
def test_wide_layers(isa, dtype, n, rng):
    """Enough panels that their inputs are packed, but for 23 rows; 1300 rows are two chunks."""
    p = Problem(rng, dtype, (205, 290, 261, 3), "identity", "squared_error", n=n, weights="random")
    loss, gradient = loss_and_gradient(p, p.params, 0.1)
    want_loss, want = p.expected_gradient(0.1)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    close(loss, want_loss, rtol)
    close(gradient, want, rtol)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("output", "loss"), PAIRS)
@pytest.mark.parametrize("act", HIDDEN)
def test_float32_against_float64(isa, act, output, loss, depth, rng):
    """Wide enough for every layout; each part of the gradient by its own size."""
    for weights, alpha, last in [(None, 0.0, 1), ("random", 0.7, 9), ("some zero", 0.1, 3)]:
        sizes = (17, *(33, 2, 40)[:depth], last)
        p = Problem(
            rng, np.float32, sizes, output, loss, hidden=[act] * depth, n=29, weights=weights
        )
        want_loss, want = p.expected_gradient(alpha)
        got_loss, got = loss_and_gradient(p, p.params, alpha)
        close(got_loss, want_loss, 1e-5)
        for g, w in zip(
            itertools.chain(*reference.unflatten(got, sizes)),
            itertools.chain(*reference.unflatten(want, sizes)),
            strict=True,
        ):
            close(g, w, 1e-4, scale=abs(w).max() + 1e-2 * abs(want).max())


@pytest.mark.parametrize("head", HEADS)
def test_losses_in_float32_against_float64(isa, head, rng):
    for density in (None, 0.5):
        n_outputs, options = random_head(rng, head)
        p = Problem(
            rng, np.float32, (7, 20, n_outputs), hidden=["tanh"], n=21, density=density,
            weights="some zero", **options,
        )  # fmt: skip
        want_loss, want = p.expected_gradient(0.3)
        got_loss, got = loss_and_gradient(p, p.params, 0.3)
        close(got_loss, want_loss, 1e-4)
        close(got, want, 1e-4)
