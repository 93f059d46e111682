"""What a trainer holds: parameters and state read out, written in, and put back by a snapshot."""

import numpy as np
import pytest
from core.problems import SOLVERS, TOLERANCE, Problem, as_csr, close, read, some, train

from fastmlp import _core


@pytest.mark.parametrize("solver", SOLVERS)
def test_read_gives_back_what_was_written(isa, dtype, solver, rng):
    for p in some(rng, dtype, 32, density=None):
        for X in (p.dense, as_csr(p.dense)):
            p.X = X
            state = rng.normal(size=p.state(solver).shape).astype(dtype)
            t = p.trainer(solver, 5, state)
            params, got = read(t, solver)
            assert np.array_equal(params, p.params)
            assert np.array_equal(got, state)
            t.write(-p.params, 2 * state)
            params, got = read(t, solver)
            assert np.array_equal(params, -p.params)
            assert np.array_equal(got, 2 * state)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(333, 850, 2), (850, 333, 5), (70_001, 4), (3, 300_000)])
def test_wide_weights_go_in_and_out_in_pieces(dtype, n_threads, sizes, rng):
    """Several threads share the work; layers are panels, narrow, and both beside each other."""
    p = Problem(rng, dtype, sizes, n=3)
    state = rng.normal(size=p.state("adam").shape).astype(dtype)
    t = p.trainer("adam", 3, state, n_threads=n_threads)
    params, got = read(t, "adam")
    assert np.array_equal(params, p.params)
    assert np.array_equal(got, state)
    few = _core.forward(p.net, p.params, p.X)  # on the flat weights
    assert np.allclose(t.forward(p.X), few, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_goes_on_from_a_state(isa, dtype, solver, rng):
    """Reading out and starting anew in between makes no difference, bit for bit."""
    p = Problem(rng, dtype, (9, 33, 2), "exp", "poisson", n=40)
    whole, first = p.trainer(solver, 10), p.trainer(solver, 10)
    train(whole, None, 0, 40, alpha=0.1)
    step, _ = train(first, None, 0, 20, alpha=0.1)
    p.params, state = read(first, solver)
    second = p.trainer(solver, 10, state)
    train(second, None, 20, 40, step, alpha=0.1)
    for a, b in zip(read(whole, solver), read(second, solver), strict=True):
        assert np.array_equal(a, b)


def test_parameters_are_copied_in(rng):
    p = Problem(rng, np.float64, (3, 4, 1))
    before, state = p.params.copy(), p.state("sgd")
    t = p.trainer("sgd", 5, state)
    train(t, None, 0, p.n)
    assert np.array_equal(p.params, before)
    assert not state.any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_snapshot_and_restore(isa, dtype, solver, rng):
    """The weights come back, those of the backward pass too; the moments stay."""
    for p in some(rng, dtype, 8):
        t = p.trainer(solver, 5)
        train(t, None, 0, 20)
        params, state = read(t, solver)
        snapshot = t.snapshot()
        train(t, None, 0, 20, alpha=0.1)  # which moves what has no gradient, as one class of one
        assert not np.array_equal(read(t)[0], params)
        moved = read(t, solver)[1]
        t.restore(snapshot)
        assert np.array_equal(read(t)[0], params)
        assert np.array_equal(read(t, solver)[1], moved)
        p.params = params
        again = p.trainer(solver, 5, moved)
        for trainer in (t, again):
            train(trainer, None, 0, 20, alpha=0.1)
        for a, b in zip(read(t, solver), read(again, solver), strict=True):
            assert np.array_equal(a, b)
        t.write(params, state)
        assert np.array_equal(read(t, solver)[1], state)


def test_restore_of_something_else(rng):
    p = Problem(rng, np.float64, (3, 4, 1))
    t = p.trainer("sgd", 5)
    with pytest.raises(ValueError, match="snapshot"):
        t.restore(t.snapshot()[:-1])
    with pytest.raises(TypeError):
        t.restore(p.params)


def test_weights_finite(isa, dtype, rng):
    for p in some(rng, dtype, 8):
        t = p.trainer("sgd", 5)
        assert t.weights_finite()
        for at in (0, p.net.n_params // 2, p.net.n_params - 1):
            for bad in (np.nan, np.inf, -np.inf):
                params = p.params.copy()
                params[at] = bad
                t.write(params)
                assert not t.weights_finite()
        t.write(p.params)
        assert t.weights_finite()


def test_good_weights_after_bad_ones(isa, dtype, rng):
    """Training that ran off leaves nothing behind once the weights are replaced."""
    for p in some(rng, dtype, 16, n=20):
        t = p.trainer("sgd", 20)
        state, snapshot = p.state("sgd"), t.snapshot()
        for put_back in ("write", "restore"):
            t.write(np.full_like(p.params, np.finfo(dtype).max))
            train(t, None, 0, 20, learning_rate=1e30)
            assert not t.weights_finite()
            t.write(p.params, state)
            if put_back == "restore":
                t.restore(snapshot)
            assert t.weights_finite()
            close(t.forward(p.X), p.expected_output(), 10 * TOLERANCE[dtype])
            train(t, None, 0, 20)
            assert t.weights_finite()
