"""Columns of sparse input that a mini-batch does not touch are updated later, to the same bits."""

import numpy as np
import pytest
from core.problems import Problem, read

from fastmlp import _core

STEPS = 150  # more than the engine puts off
# schedulefree is not lazy, and goes on from its average when weights are put back
SOLVERS = [name for name in _core.SOLVERS if name != "schedulefree"]


def wide_problem(rng, dtype, weighted):
    p = Problem(rng, dtype, (211, 18, 3), "softmax", "log_loss", n=4 * STEPS, density=0.01)
    if weighted:
        p.weight = rng.uniform(0.5, 2, p.n).astype(dtype)
        p.weight[: p.n // 3] = 0  # mini-batches without a step among them
    return p


def epoch(trainer, p, order, look, rows_a_call):
    """Returns what is left of the calls: steps, the loss and the final weights and state."""
    position = step = 0
    while position < p.n:
        stop = min(position + rows_a_call, p.n)
        position, steps, loss = trainer.train(
            order,
            position,
            stop,
            step=step,
            learning_rate=0.01,
            alpha=0.1,
            weight_decay=0.3,
            l1=0.02,
        )
        step += steps
        look(trainer)
    return step, loss


def nothing(trainer):
    pass


def write_back(trainer):
    params = np.empty(trainer.net.n_params, trainer.net.dtype)
    state = np.empty((trainer.n_state, params.size), params.dtype)
    trainer.read(params, state)
    trainer.write(params, state)


def restore(trainer):
    trainer.restore(trainer.snapshot())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_equals_updating_every_column_at_every_step(isa, dtype, solver, weighted, rng):
    p = wide_problem(rng, dtype, weighted)
    order = np.arange(p.n) if weighted else rng.permutation(p.n)
    eager = p.trainer(solver, 4)
    expected = epoch(eager, p, order, nothing, 4)  # a call's end brings all up to date
    looks = nothing, write_back, restore, lambda t: t.weights_finite(), lambda t: t.forward(p.X)
    for i, look in enumerate(looks):
        trainer = p.trainer(solver, 4, n_threads=1 + i % 3, exact_threads=True)
        assert epoch(trainer, p, order, look, p.n) == expected
        for a, b in zip(read(eager, solver), read(trainer, solver), strict=True):
            np.testing.assert_array_equal(a, b)


def test_outputs_in_the_middle_of_an_epoch(rng):
    p = wide_problem(rng, np.float32, False)
    lazy, eager = p.trainer("adam", 4), p.trainer("adam", 4)
    position, steps, _ = lazy.train(None, 0, p.n, step=0, learning_rate=0.01, alpha=0.1)
    assert position == 4 * steps < p.n
    eager.train(None, 0, position, step=0, learning_rate=0.01, alpha=0.1)
    np.testing.assert_array_equal(lazy.forward(p.X), eager.forward(p.X))
