"""A loss of the caller's: each step of training needs its forward pass, and just that."""

import numpy as np
import pytest
from core.problems import Problem

from fastmlp import _core


def custom_trainer(rng):
    """A trainer whose loss is the caller's, its rows and its targets."""
    net = _core.Network((3, 4, 2), ["tanh"], "identity", "custom", np.float64)
    X, answers = rng.normal(size=(20, 3)), np.zeros((20, 3))
    params = rng.normal(size=net.n_params)
    return _core.Trainer(net, "sgd", params, None, X, answers, None, 8), X, answers


def test_a_custom_loss_needs_its_forward_pass(rng):
    t, X, answers = custom_trainer(rng)
    order = rng.permutation(20)

    def step(start, stop):
        return t.train(order, start, stop, step=0, learning_rate=0.1, alpha=0)

    with pytest.raises(ValueError, match="out of range"):
        step(0, 8)
    raw = t.forward_rows(order, 0, 8)
    assert np.array_equal(raw, t.forward(X[order[:8]]))
    answers[order[:8]] = np.c_[raw, (raw**2).sum(axis=1) / 2]
    with pytest.raises(ValueError, match="out of range"):
        step(0, 7)
    position, steps, loss_sum = step(0, 8)
    assert (position, steps) == (8, 1)
    assert np.isclose(loss_sum, (raw**2).sum() / 2)
    assert (abs(t.forward(X[order[:8]])) < abs(raw)).mean() > 0.5
    with pytest.raises(ValueError, match="out of range"):
        step(0, 8)  # a forward pass serves one step


def test_forward_passes_that_are_refused(rng):
    t, _, _ = custom_trainer(rng)
    for rows in [(0, 9), (-1, 3), (15, 21), (4, 3)]:
        with pytest.raises(ValueError, match="out of range"):
            t.forward_rows(None, *rows)
    with pytest.raises(ValueError, match="order"):
        t.forward_rows(np.arange(5), 0, 8)
    with pytest.raises(ValueError, match="out of range"):
        Problem(rng, np.float64, (3, 2)).trainer("sgd", 8).forward_rows(None, 0, 8)
