"""Gradients of small networks, summed by parts of the mini-batch (csrc/core/parts.c)."""

import numpy as np
import pytest
from core.problems import Problem, read, train
from core.test_training import HYPER, check_training
from numpy.testing import assert_array_equal

from fastmlp import MLPClassifier

# (layer sizes, rows, rows of a mini-batch): a last mini-batch too short for parts, one layer, an
# odd number of rows, several chunks of a mini-batch and a short one
CASES = [
    ((20, 100, 2), 230, 200),
    ((7, 3), 200, 100),
    ((9, 60, 70, 5), 515, 257),
    ((5, 40, 1), 2078, 2078),
]


def problem(rng, dtype, sizes, n):
    head = ("softmax", "log_loss") if sizes[-1] > 1 else ("identity", "squared_error")
    hidden = ["relu", "tanh"][: len(sizes) - 2]
    return Problem(rng, dtype, sizes, *head, hidden=hidden, n=n, weights="random", scale=0.5)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(("sizes", "n", "batch_size"), CASES)
def test_training(isa, solver, sizes, n, batch_size, rng):
    """As the oracle, which knows no parts."""
    p = problem(rng, np.float64, sizes, n)
    check_training(p, solver, batch_size, rng.permutation(n), 1e-8, **HYPER[solver][0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("sizes", "n", "batch_size"), CASES)
def test_threads(dtype, sizes, n, batch_size, rng):
    """The same bits with fewer threads than parts, as many, and more."""
    p = problem(rng, dtype, sizes, n)
    order = rng.permutation(n)

    def run(n_threads):
        t = p.trainer("adam", batch_size, n_threads=n_threads, exact_threads=True)
        steps, loss = train(t, order, 0, n, alpha=0.1)
        g = np.empty_like(p.params)
        gradients = p.trainer(None, n, n_threads=n_threads, exact_threads=True)
        return steps, loss, *read(t, "adam"), gradients.loss_grad(0.1, g), g

    want = run(1)
    for n_threads in (2, 3, 7):
        for a, b in zip(run(n_threads), want, strict=True):
            assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("options", [{"gradient_clip": 0.1}, {"dropout": 0.3}, {"solver": "muon"}])
def test_threads_with(options, rng):
    X, y = rng.normal(size=(450, 20)), rng.integers(0, 3, 450)

    def fit(n_threads):
        model = MLPClassifier((50,), batch_size=200, max_iter=3, random_state=0, **options)
        model.set_params(n_threads=n_threads)
        with pytest.warns(UserWarning, match="Maximum iterations"):
            model.fit(X, y)
        return model

    want = fit(1)
    for n_threads in (2, 5):
        assert_array_equal(fit(n_threads).loss_curve_, want.loss_curve_)
        for a, b in zip(fit(n_threads).coefs_, want.coefs_, strict=True):
            assert_array_equal(a, b, strict=True)
