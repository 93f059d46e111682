"""Solvers and constraints of the weights through the estimators."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
import reference
import reference_solvers
import scipy.sparse as sp
from estimators.models import parameters
from estimators.solvers import SCHEDULES, SOLVERS, STOCHASTIC, data
from numpy.testing import assert_array_equal
from sklearn.datasets import make_moons

from fastmlp import MLPClassifier, MLPRegressor, _core

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RATES = {"sgd": 0.1, "adadelta": 1.0, "lion": 0.003, "adagrad": 0.05, "schedulefree": 0.03}
CONSTRAINTS = {
    "weight_decay": 0.1, "l1": 0.01, "max_norm": 1.0, "gradient_clip": 0.5, "ema_decay": 0.8,
}  # fmt: skip


def constraints_of(solver):
    """Those that the solver can have."""
    own = _core.SOLVERS[solver].averages
    return {k: v for k, v in CONSTRAINTS.items() if not (own and k == "ema_decay")}


# -------------------------------------------------------------------------------------- it learns


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_every_solver_learns(solver, sparse):
    X, y = make_moons(400, noise=0.1, random_state=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rate, batch = RATES.get(solver, 0.01), "auto" if solver == "rprop" else 50
    model = MLPClassifier((20, 20), solver=solver, learning_rate_init=rate, random_state=0,
                          max_iter=100, batch_size=batch, epsilon=1e-6)  # fmt: skip
    model.fit(sp.csr_array(X) if sparse else X, y)
    assert model.score(X, y) > 0.97
    assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]


# ------------------------------------------------------------------- parameters reach the engine


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constrained", [False, True], ids=["plain", "all"])
def test_fit_is_the_formula(solver, constrained):
    """Whole fits, with a schedule and a warm-up, against float64 NumPy."""
    X, y = data()
    hyper = constraints_of(solver) if constrained else {}
    other = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-6, "rho": 0.95, "momentum": 0.7}
    rate, epochs = RATES.get(solver, 0.01), 6
    scheduled = solver != "rprop"
    options = {"learning_rate": "cosine", "warmup_fraction": 0.3} if scheduled else {}
    batch = 20 if scheduled else 60
    model = MLPRegressor(
        hidden_layer_sizes=(9, 11), activation="tanh", solver=solver, alpha=0.2, shuffle=False,
        batch_size=batch, learning_rate_init=rate, random_state=1, max_iter=epochs, **options,
        **hyper, **other, tol=0,
    )  # fmt: skip
    start = parameters(copy.deepcopy(model).set_params(learning_rate_init=1e-30).fit(X, y))
    if solver in ("lion", "rprop") or constrained:  # these move whatever the rate
        start = reference.init_params((6, 9, 11, 2), np.random.RandomState(1))
    model.fit(X, y)
    oracle = reference_solvers.Solver(solver, start, (6, 9, 11, 2), **other, **hyper)
    total = epochs * 60 // batch
    warm = int(np.ceil(0.3 * total))
    for s in range(total):
        rows = slice(s * batch % 60, s * batch % 60 + batch)
        _, g = reference.loss_and_gradient(
            oracle.w, (6, 9, 11, 2), ["tanh", "tanh"], "identity", "squared_error", X[rows],
            y[rows], None, 0.2,
        )  # fmt: skip
        at = rate
        if scheduled:
            cosine = 0.5 * (1 + np.cos(np.pi * (s - warm) / (total - warm)))
            at = rate * ((s + 1) / warm if s < warm else cosine)
        oracle.step(g, at)
    np.testing.assert_allclose(parameters(model), oracle.average, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", [*SOLVERS, *SCHEDULES, "plateau"])
def test_docstrings_have_all(Estimator, name):
    assert f"'{name}'" in Estimator.__doc__


def test_default_rho_is_torchs():
    X, y = data()
    for solver, rho in [("adadelta", 0.9), ("rmsprop", 0.99)]:
        models = [
            MLPRegressor(solver=solver, rho=r, random_state=0, max_iter=3).fit(X, y)
            for r in (None, rho, 0.5)
        ]
        assert_array_equal(parameters(models[0]), parameters(models[1]))
        assert (parameters(models[0]) != parameters(models[2])).any()


@pytest.mark.parametrize("density", [None, 0.2], ids=["dense", "sparse"])
def test_constraints_hold_after_fit(Estimator, dtype, density):
    X, y = data(200)
    X = np.where(np.random.RandomState(0).uniform(size=X.shape) < (density or 1), X, 0)
    X = X.astype(dtype) if density is None else sp.csr_array(X.astype(dtype))
    y = y[:, 0] > 0 if Estimator is MLPClassifier else y
    for solver in STOCHASTIC:
        rate = 10 * RATES.get(solver, 0.01)
        model = Estimator(hidden_layer_sizes=(8, 20, 2), solver=solver, learning_rate_init=rate,
                          max_iter=4, random_state=0, max_norm=0.8)  # fmt: skip
        model.fit(X, y)
        for coef in model.coefs_:
            norms = np.linalg.norm(coef.astype(float), axis=0)
            assert norms.max() <= 0.8 * (1 + 30 * np.finfo(dtype).eps), solver
    model = Estimator(
        hidden_layer_sizes=(30,), l1=3.0, max_iter=30, learning_rate_init=0.01, random_state=0
    ).fit(X, y)
    assert (model.coefs_[0] == 0).mean() > 0.2


# ---------------------------------------------------------------------------- going on and keeping


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("kind", ["plain", "constraints", "layers"])
def test_partial_fit_goes_on_exactly(solver, kind, tmp_path):
    """Calls of partial_fit are the epochs of fit, bit for bit, schedule included.

    Also of copies, of pickles, and of what joblib has mapped into memory for reading.
    """

    def mapped(model):
        joblib.dump(model, tmp_path / "model")
        return joblib.load(tmp_path / "model", mmap_mode="r")

    X, y = data()
    params = {
        "hidden_layer_sizes": (9, 8), "solver": solver, "random_state": 0, "shuffle": False,
        "batch_size": 16, "max_iter": 5, "learning_rate": "one_cycle", "tol": 0,
    }  # fmt: skip
    params |= constraints_of(solver) if kind == "constraints" else {}
    if kind == "layers":  # with parameters beside the weights, and running statistics
        params |= {"activation": ["prelu", "maxout"], "normalization": "batch", "residual": True}
    whole = MLPRegressor(**params).fit(X, y)
    parts = MLPRegressor(**params)
    for again in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), mapped, mapped, mapped):
        parts = again(parts.partial_fit(X, y))
    assert_array_equal(parameters(parts), parameters(whole))
    assert_array_equal(parts.predict(X), whole.predict(X))
    assert parts.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_pickles_after_fit_are_small(solver):
    """They start with moments of zero, from the weights that predict."""
    X, y = data()
    options = {} if _core.SOLVERS[solver].averages else {"ema_decay": 0.9}
    model = MLPRegressor(solver=solver, random_state=0, max_iter=3, **options).fit(X, y)
    stored = pickle.dumps(model)
    assert len(stored) < parameters(model).nbytes + 5000
    loaded = pickle.loads(stored)
    assert_array_equal(loaded.predict(X), model.predict(X))
    before = parameters(loaded)
    loaded.partial_fit(X, y)
    assert loaded._optimizer.t == 1
    assert 0 < abs(parameters(loaded) - before).max() < 0.1


def test_weights_set_by_hand_end_an_average():
    X, y = data()
    for options in ({"ema_decay": 0.99}, {"solver": "schedulefree"}):
        model = (
            MLPRegressor(hidden_layer_sizes=(5,), random_state=0, **options)
            .partial_fit(X, y)
            .partial_fit(X, y)
        )
        for w in model.coefs_ + model.intercepts_:
            w[:] = 0
        model.partial_fit(X, y)
        assert abs(parameters(model)).max() < 0.05, "training went on from weights replaced"


def test_warm_start():
    X, y = data()
    for solver in ("adamw", "schedulefree", "muon", "rprop"):
        model = MLPRegressor(
            hidden_layer_sizes=(8, 8), solver=solver, warm_start=True, random_state=0, max_iter=20
        )
        first = model.fit(X, y).loss_
        assert model.fit(X, y).loss_curve_[20] < model.loss_curve_[0]
        assert model.loss_ < first


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_keeps_the_best(solver):
    """What validated best is what predicts, also of an average."""
    X, y = make_moons(300, noise=0.3, random_state=0)
    for options in ({}, {"ema_decay": 0.9}):
        if options and _core.SOLVERS[solver].averages:
            continue
        rate = 3 * RATES.get(solver, 0.01)
        model = MLPClassifier((30,), solver=solver, learning_rate_init=rate, early_stopping=True,
                              random_state=0, max_iter=15, **options)  # fmt: skip
        scores = []
        original = model._score

        def spy(X, y, sample_weight=None, scores=scores, original=original, model=model):
            scores.append((original(X, y, sample_weight), parameters(model).copy()))
            return scores[-1][0]

        model._score = spy  # a subclass's own score sees the weights that validate
        model.fit(X, y)
        best = max(scores, key=lambda pair: pair[0])
        assert model.best_validation_score_ == best[0] == max(model.validation_scores_)
        assert_array_equal(parameters(model), best[1])


def test_zero_weight_batches_do_no_step():
    X, y = data()
    weight = np.ones(60)
    weight[20:40] = 0
    keep = weight > 0
    options = {"solver": "nadam", "batch_size": 20, "shuffle": False, "random_state": 0,
               "learning_rate": lambda t: 1.0, "max_iter": 3}  # fmt: skip
    a = MLPRegressor(hidden_layer_sizes=(5,), **options).fit(X, y, weight)
    b = MLPRegressor(hidden_layer_sizes=(5,), **options).fit(X[keep], y[keep])
    np.testing.assert_allclose(parameters(a), parameters(b), rtol=1e-12, atol=1e-14)


# --------------------------------------------------------------------------------------- bad input


BAD_VALUES = [
    ("rho", [0, 1, -0.5, "x"]),
    ("warmup_fraction", [-0.1, 1, 2, None]),
    ("learning_rate_min", [-1e-9, np.inf, None]),
    ("decay_rate", [0, 1, -1]),
    ("decay_steps", [0, -3, 1.5]),
    ("weight_decay", [-0.1, np.nan, None]),
    ("l1", [-0.1, np.inf, None]),
    ("max_norm", [0, -1, "x"]),
    ("gradient_clip", [0, -1, np.nan]),
    ("ema_decay", [0, 1, -0.5]),
]


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD_VALUES for v in values])
def test_bad_values(Estimator, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {Estimator.__name__} must be"):
        Estimator(**{name: value}).fit([[0.0], [1.0]], [0, 1])


REFUSED = [
    *({"solver": "lbfgs", k: v} for k, v in CONSTRAINTS.items()),
    *({"solver": "lbfgs", "learning_rate": name} for name in ["cosine", "plateau", "step"]),
    {"solver": "lbfgs", "learning_rate": abs},
    {"solver": "lbfgs", "warmup_fraction": 0.1},
    {"solver": "rprop", "learning_rate": "adaptive"},
    {"solver": "rprop", "learning_rate": "cosine"},
    {"solver": "rprop", "warmup_fraction": 0.1},
    {"solver": "rprop", "batch_size": 3},
    {"solver": "schedulefree", "ema_decay": 0.9},
    {"learning_rate": "constant", "learning_rate_min": 1e-5},
    {"learning_rate": "coslog4", "warmup_fraction": 0.1},
]


@pytest.mark.parametrize("params", REFUSED, ids=str)
def test_what_cannot_go_together(Estimator, params):
    """Names both parameters, before any training."""
    X, y = np.arange(8.0)[:, None], np.arange(8) % 2
    model = Estimator(**params)
    with pytest.raises(ValueError) as error:
        model.fit(X, y)
    assert all(f"{name}=" in str(error.value) for name in params)
    assert not hasattr(model, "coefs_")


def test_rprop_refuses_partial_fit(Estimator):
    with pytest.raises(ValueError, match=r"partial_fit does not support solver='rprop'"):
        Estimator(solver="rprop").partial_fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("bad", [lambda t: "x", lambda t: -1.0, lambda t: np.nan, lambda t: None])
def test_bad_callable(bad):
    model = MLPRegressor(learning_rate=bad)
    with pytest.raises(ValueError, match="callable learning_rate must return"):
        model.fit([[0.0], [1.0]], [0, 1])
    assert not hasattr(model, "coefs_")


def test_partial_fit_is_there_for_all_but_lbfgs():
    for solver in SOLVERS:
        assert hasattr(MLPRegressor(solver=solver), "partial_fit")
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")


def test_adam_still_ignores_sklearns_schedules():
    X, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a, b = (
            MLPRegressor(
                hidden_layer_sizes=(3,), learning_rate=name, random_state=0, max_iter=3
            ).fit(X, y)
            for name in ("constant", "invscaling")
        )
    assert_array_equal(parameters(a), parameters(b))
