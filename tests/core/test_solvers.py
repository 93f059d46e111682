"""Every solver of the engine: torch's trajectories, the formulas, what goes with all of them."""

import numpy as np
import pytest
import reference
import reference_solvers
from core.problems import Problem, close, read, train
from data import torch_trajectories as recorded
from numpy.testing import assert_array_equal

from fastmlp import _core

SOLVERS = list(_core.SOLVERS)
ALL_ON = {
    "alpha": 0.1,
    "weight_decay": 0.2,
    "l1": 0.01,
    "max_norm": 0.7,
    "gradient_clip": 0.3,
    "ema_decay": 0.9,
}


def options_of(hyper, solver):
    """Constructor arguments of a trainer for these hyperparameters."""
    own = _core.SOLVERS[solver].averages
    return {"average": "ema_decay" in hyper and not own, "clip": "gradient_clip" in hyper}


def rate_of(solver):
    return {"adadelta": 0.5, "lion": 0.003}.get(solver, 0.02)


# --------------------------------------------------------------------------------------- torch


def ours(name):
    """Parameters after every full-batch step, as `recorded.trajectory` has them."""
    solver, hyper, *_ = recorded.CASES[name]
    X, y, params = recorded.problem()
    net = _core.Network(recorded.SIZES, ["tanh", "tanh"], "identity", "squared_error", np.float64)
    trainer = _core.Trainer(net, solver, params, None, X, y, None, len(X))
    hyper = {"alpha": 0.0, "learning_rate": recorded.RATES.get(name, 0.01), **hyper}
    found = []
    for step in range(recorded.N_STEPS):
        trainer.train(None, 0, len(X), step=step, **hyper)
        found.append(read(trainer)[0])
    return np.stack(found)


@pytest.mark.parametrize("name", recorded.CASES)
def test_recorded_torch(name):
    with np.load(recorded.FILE) as file:
        assert abs(ours(name)[recorded.RECORDED] - file[name]).max() < 1e-10


@pytest.mark.parametrize("name", recorded.CASES)
def test_live_torch(name):
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, recorded.CASES[name][2]):  # Muon came with torch 2.9
        pytest.skip(f"torch {torch.__version__} has no {recorded.CASES[name][2]}")
    assert abs(ours(name) - recorded.trajectory(name)).max() < 1e-10


# ---------------------------------------------------------------------------------- the formulas


def compare(p, solver, n_steps, batch, rtol, hyper, **options):
    """Train with the engine and with the reference; compare weights that predict and train."""
    hyper = dict(hyper)
    if _core.SOLVERS[solver].averages:
        hyper.pop("ema_decay", None)
    rates = rate_of(solver) * np.linspace(1, 0.5, n_steps)
    t = p.trainer(solver, batch, **options_of(hyper, solver), **options)
    oracle = reference_solvers.Solver(solver, p.params, p.sizes, **hyper)
    order = np.random.RandomState(0).permutation(p.n).astype(np.intp)
    step = 0
    while step < n_steps:
        start = step * batch % (p.n // batch * batch)
        train(t, order, start, start + batch, step, rates=rates[step : step + 1], **hyper)
        rows = order[start : start + batch]
        weight = None if p.weight is None else p.weight[rows].astype(float)
        _, g = reference.loss_and_gradient(
            oracle.w, *p.reference, p.dense[rows].astype(float), p.Y[rows], weight,
            hyper.get("alpha", 0.0), eps=np.finfo(p.dtype).eps,
        )  # fmt: skip
        oracle.step(g, rates[step])
        step += 1
    params, state = read(t, solver)
    close(params, oracle.average, rtol)
    if len(state) > _core.SOLVERS[solver].n_state:
        close(state[-1], oracle.w, rtol)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hyper", [{}, {"alpha": 0.3}, ALL_ON], ids=["plain", "alpha", "all"])
def test_formulas(solver, hyper, rng):
    """Float64, mini-batches, rates that change, layers of every layout."""
    rng = np.random.default_rng(1)
    for k, (sizes, density) in enumerate([((7, 19, 33, 2), None), ((9, 6, 3, 5), 0.4)]):
        p = Problem(rng, np.float64, sizes, hidden=["tanh", "tanh"], n=32, density=density,
                    weights="random" if k else None)  # fmt: skip
        compare(p, solver, 12, 8, 1e-8, hyper)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lion"])
@pytest.mark.parametrize("name", ALL_ON)
@pytest.mark.parametrize("density", [None, 0.1], ids=["dense", "sparse"])
def test_one_constraint_alone(solver, name, density):
    """Also where columns that no row touches take their steps later, or must not."""
    rng = np.random.default_rng(10)
    p = Problem(rng, np.float64, (30, 6, 2), hidden=["tanh"], n=32, density=density, scale=3)
    compare(p, solver, 12, 4, 1e-8, {name: ALL_ON[name]})


@pytest.mark.parametrize("solver", SOLVERS)
def test_formulas_in_float32(solver):
    """On wide and narrow layers, to float32's rounding as a few steps magnify it."""
    rng = np.random.default_rng(2)
    p = Problem(rng, np.float32, (20, 40, 17, 1), hidden=["tanh", "logistic"], n=64)
    compare(p, solver, 3, 64, 2e-3 if solver in ("lion", "rprop") else 2e-4, {"alpha": 0.1})


@pytest.mark.parametrize("solver", SOLVERS)
def test_formulas_over_several_chunks(solver):
    """A mini-batch whose activations are not held at once."""
    p = Problem(np.random.default_rng(3), np.float64, (4, 9, 5, 2), hidden=["tanh"] * 2, n=2600)
    compare(p, solver, 3, 1300, 1e-7, ALL_ON)


def test_muon_on_matrices_of_every_shape():
    """Tall, wide, narrow and square ones, over several blocks."""
    rng = np.random.default_rng(8)
    for sizes in [(5, 70, 100, 61, 60, 3), (8, 5, 2, 9, 1, 1, 4)]:
        p = Problem(rng, np.float64, sizes, hidden=["tanh"] * (len(sizes) - 2), n=32)
        compare(p, "muon", 4, 16, 1e-7, {"alpha": 0.1, "weight_decay": 0.1, "l1": 0.01})


def test_muon_in_blocks_on_many_threads():
    """Products of several blocks, tall and wide, and bits that do not depend on who does them."""
    p = Problem(np.random.default_rng(11), np.float32, (5, 130, 100, 150, 2), n=32)
    want = everything(p, "muon", {"alpha": 0.1}, 16)
    for n_threads in (2, 4, 7):
        for a, b in zip(everything(p, "muon", {"alpha": 0.1}, 16, n_threads), want, strict=True):
            assert_array_equal(a, b, strict=True)


def test_muon_is_torchs(monkeypatch):
    """With torch's orthogonalization in float64 rather than bfloat16."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    rng = np.random.default_rng(9)
    p = Problem(rng, np.float64, (6, 24, 40, 3), hidden=["tanh"] * 2, n=32)
    _, g = p.expected_gradient()
    w, g = (reference.unflatten(a, p.sizes)[0][1] for a in (p.params, g))
    parameter = torch.nn.Parameter(torch.tensor(w.T.copy()))
    parameter.grad = torch.tensor(g.T.copy())
    torch.optim.Muon([parameter], lr=0.1, weight_decay=0.5).step()
    t = p.trainer("muon", 32)
    train(t, None, 0, 32, learning_rate=0.1, weight_decay=0.5)
    ours = reference.unflatten(read(t)[0], p.sizes)[0][1]
    theirs = parameter.detach().numpy().T
    close(ours - w, theirs - w, 1e-9)


@pytest.mark.parametrize("solver", ["nadam", "radam", "amsgrad", "schedulefree"])
def test_many_steps(solver):
    """Scalars that depend on the step's number, far out."""
    p = Problem(np.random.default_rng(4), np.float64, (3, 4, 2), hidden=["tanh"], n=4)
    compare(p, solver, 400, 4, 1e-6, {"alpha": 0.1})


# ------------------------------------------------------------------- invariance and state


def everything(p, solver, hyper, batch, n_threads=1, cuts=()):
    """All that training in calls cut at these rows gives back."""
    t = p.trainer(
        solver, batch, n_threads=n_threads, exact_threads=True, **options_of(hyper, solver)
    )
    n_steps = -(-p.n // batch)
    rates = rate_of(solver) * np.linspace(0.2, 1, 2 * n_steps)
    step = 0
    for _ in range(2):
        for start, stop in zip([0, *cuts], [*cuts, p.n], strict=True):
            step, loss = train_with_rates(t, start, stop, step, rates, hyper)
    return step, loss, *read(t, solver), t.rate_sum, t.forward(p.X)


def train_with_rates(t, start, stop, step, rates, hyper):
    while start < stop:
        start, steps, loss = t.train(
            None, start, stop, step=step, learning_rate=0.0, rates=rates[step:], **hyper
        )
        step += steps
    return step, loss


def problem_for_all(seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    density = [None, 0.3][seed % 2]
    return Problem(rng, dtype, (33, 40, 24, 3), hidden=["tanh", "relu"], n=96, density=density,
                   weights="some zero")  # fmt: skip


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constraints", [False, True], ids=["plain", "all"])
def test_threads_and_cuts_change_no_bit(solver, constraints):
    for seed in range(2):
        p = problem_for_all(seed, [np.float32, np.float64][seed])
        hyper = dict(ALL_ON) if constraints else {"alpha": 0.0}
        want = everything(p, solver, hyper, 16)
        assert np.isfinite(want[2]).all()
        for n_threads in (2, 4, 7):
            for a, b in zip(everything(p, solver, hyper, 16, n_threads), want, strict=True):
                assert_array_equal(a, b, strict=True)
        for a, b in zip(everything(p, solver, hyper, 16, 2, (32, 48)), want, strict=True):
            assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constraints", [False, True], ids=["plain", "all"])
def test_state_goes_out_and_in(solver, constraints):
    """Training goes on from what `read` gave as if it had not been interrupted."""
    p = problem_for_all(0)
    hyper = {**(ALL_ON if constraints else {"alpha": 0.1}), "learning_rate": 0.01}
    make = options_of(hyper, solver)
    t = p.trainer(solver, 16, **make)
    step, _ = train(t, None, 0, p.n, **hyper)
    params, state = read(t, solver)
    u = _core.Trainer(p.net, solver, params, state, p.X, p.y, p.weight, 16, **make)
    u.rate_sum = t.rate_sum
    for trainer in (t, u):
        train(trainer, None, 0, p.n, step, **hyper)
    for a, b in zip(read(u, solver), read(t, solver), strict=True):
        assert_array_equal(a, b)


def test_a_batch_without_weight_uses_no_rate():
    p = Problem(np.random.default_rng(0), np.float64, (4, 5, 2), n=24)
    p.weight = np.ones(24)
    p.weight[8:16] = 0
    rates = np.array([0.01, 0.02, np.nan])
    t = p.trainer("adamw", 8)
    assert train(t, None, 0, 24, rates=rates)[0] == 2
    u = p.trainer("adamw", 8)
    train(u, None, 0, 8, rates=rates[:1])
    train(u, None, 16, 24, 1, rates=rates[1:])
    assert_array_equal(read(t)[0], read(u)[0])


def test_too_few_rates_are_refused():
    p = Problem(np.random.default_rng(0), np.float64, (4, 5, 2), n=24)
    with pytest.raises(ValueError):
        train(p.trainer("adamw", 8), None, 0, 24, rates=np.ones(2))
    with pytest.raises(TypeError):
        train(p.trainer("adamw", 8), None, 0, 24, rates=np.ones(3, np.float32))


def test_unknown_solver():
    p = Problem(np.random.default_rng(0), np.float64, (4, 5, 2))
    with pytest.raises(ValueError, match="solver"):
        p.trainer("adan", 8)


# ------------------------------------------------------------------------------- constraints


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("density", [None, 0.3], ids=["dense", "sparse"])
def test_max_norm_holds(solver, density, dtype):
    rng = np.random.default_rng(5)
    p = Problem(rng, dtype, (30, 21, 3, 9), n=64, density=density, scale=3)
    hyper = {"alpha": 0.0, "max_norm": 0.5, "learning_rate": 3 * rate_of(solver)}
    t = p.trainer(solver, 16)
    train(t, None, 0, p.n, **hyper)
    params, _ = read(t, solver)
    norms = [
        np.linalg.norm(w, axis=0) for w in reference.unflatten(params.astype(float), p.sizes)[0]
    ]
    assert all((n <= 0.5 * (1 + 20 * np.finfo(dtype).eps)).all() for n in norms)
    assert any((n > 0.499).any() for n in norms), "nothing was capped"


@pytest.mark.parametrize("solver", [s for s in SOLVERS if not _core.SOLVERS[s].averages])
def test_l1_makes_zeros(solver):
    """Exact ones, of weights only, and training goes on from them."""
    rng = np.random.default_rng(6)
    p = Problem(rng, np.float32, (30, 21, 9), n=64)
    t = p.trainer(solver, 16)
    step = 0
    for _ in range(5):
        step, _ = train(t, None, 0, p.n, step, learning_rate=rate_of(solver), l1=2.0)
    weights, biases = reference.unflatten(read(t)[0], p.sizes)
    assert np.mean(np.concatenate([w.ravel() for w in weights]) == 0) > 0.3
    assert all((b != 0).all() for b in biases)


def test_clipping_bounds_the_step():
    """A step of plain gradient descent is as long as rate times the clipped norm."""
    p = Problem(np.random.default_rng(7), np.float64, (30, 21, 9), n=64, scale=5)
    for clip in (0.01, 1e6):
        t = p.trainer("sgd", 64, clip=True)
        train(t, None, 0, 64, learning_rate=0.5, momentum=0, nesterov=False, gradient_clip=clip)
        _, g = p.expected_gradient()
        want = min(clip, np.linalg.norm(g))
        assert np.isclose(np.linalg.norm(read(t)[0] - p.params), 0.5 * want, rtol=1e-10)


def test_snapshots_are_of_what_predicts():
    """An average's snapshot restores what it predicted; training goes on from there."""
    for solver, average in [("adamw", True), ("schedulefree", False)]:
        p = problem_for_all(0)
        t = p.trainer(solver, 16, average=average)
        hyper = {"ema_decay": 0.5, "learning_rate": 0.01}
        step, _ = train(t, None, 0, 48, **hyper)
        best, kept = t.forward(p.X), t.snapshot()
        assert_array_equal(best, _core.forward(p.net, read(t)[0], p.X))
        step, _ = train(t, None, 48, 96, step, **hyper)
        assert (t.forward(p.X) != best).any()
        t.restore(kept)
        assert_array_equal(t.forward(p.X), best)
        params, state = read(t, solver)
        assert_array_equal(state[-1], params)
        if solver == "schedulefree":
            assert_array_equal(state[0], params)
