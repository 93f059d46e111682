"""The same bits for any number of threads, and for any cut of the rows of a prediction."""

import numpy as np
import pytest
from core.problems import ELEMENTWISE, PAIRS, Problem, random_sizes, read, train
from numpy.testing import assert_array_equal

from fastmlp import MLPClassifier, MLPRegressor, _core

THREADS = [2, 3, 4, 7, 8]  # against 1
N_CONFIGURATIONS = 40


def configuration(seed):
    """A random problem and how to train on it."""
    rng = np.random.default_rng(seed)

    def one_of(*values):
        return values[rng.integers(len(values))]

    several_chunks = rng.random() < 0.2  # more rows in a mini-batch than are held at once
    dtype = one_of(np.float32, np.float64)
    sizes = random_sizes(rng, rng.integers(4), 65 if several_chunks else 130)
    p = Problem(
        rng,
        dtype,
        sizes,
        *PAIRS[seed % 4],
        hidden=rng.choice(ELEMENTWISE, len(sizes) - 2),
        n=1400 if several_chunks else int(rng.integers(20, 300)),
        weights=one_of(None, "random", "some zero"),
        density=one_of(None, None, 0.2),
        index_dtype=one_of(np.int32, np.int64),
    )
    options = {
        "solver": one_of("adam", "sgd"),
        "batch": 1300 if several_chunks else one_of(1, 7, 32, 100),
        "order": one_of(None, rng.permutation(p.n)),
        "alpha": one_of(0.0, 0.1),
    }
    return p, options


def run(p, n_threads, solver, batch, order, alpha):
    """Everything a training call gives back."""
    t = p.trainer(solver, batch, n_threads=n_threads, exact_threads=True)
    steps, loss = train(t, order, 0, min(p.n, 6 * batch), alpha=alpha)
    params, state = read(t, solver)
    return steps, loss, params, state, t.forward(p.X)


def gradient(p, n_threads, alpha):
    g = np.empty_like(p.params)
    t = p.trainer(None, p.n, n_threads=n_threads, exact_threads=True)
    return t.loss_grad(alpha, g), g


def predict(p, n_threads, X=None):
    X = p.X if X is None else X
    return _core.forward(p.net, p.params, X, n_threads=n_threads, exact_threads=True)


@pytest.mark.parametrize("seed", range(N_CONFIGURATIONS))
def test_threads(seed):
    """Weights, moments, losses, gradients and predictions."""
    p, options = configuration(seed)
    want = run(p, 1, **options), gradient(p, 1, 0.1), predict(p, 1)
    assert np.isfinite(want[0][2]).all()
    for n_threads in THREADS:
        got = run(p, n_threads, **options), gradient(p, n_threads, 0.1), predict(p, n_threads)
        for a, b in zip([*got[0], *got[1], got[2]], [*want[0], *want[1], want[2]], strict=True):
            assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("seed", range(3))
def test_threads_on_every_isa(isa, seed):
    p, options = configuration(seed)
    want = run(p, 1, **options)
    for a, b in zip(run(p, 3, **options), want, strict=True):
        assert_array_equal(a, b, strict=True)


def test_threads_of_wide_layers(isa, dtype):
    """Each thread packs the inputs of the layers' gradients for itself, and those of items that it
    takes over."""
    rng = np.random.default_rng(0)
    p = Problem(rng, dtype, (230, 410, 290, 3), n=130)
    options = {"solver": "adam", "batch": 50, "order": rng.permutation(p.n), "alpha": 0.1}
    want = run(p, 1, **options)
    for n_threads in THREADS:
        for a, b in zip(run(p, n_threads, **options), want, strict=True):
            assert_array_equal(a, b, strict=True)


def test_the_same_again():
    """No run depends on the one before or on what is in memory."""
    p, options = configuration(1)
    want = run(p, 4, **options)
    for _ in range(20):
        for a, b in zip(run(p, 4, **options), want, strict=True):
            assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("seed", range(0, N_CONFIGURATIONS, 3))
def test_any_cut_of_the_rows(isa, seed):
    """A row's prediction is its own, whatever rows it comes with, dense or sparse."""
    p, _ = configuration(seed)
    rng = np.random.default_rng(seed)
    want = predict(p, 1)

    def rows(index):
        if not isinstance(p.X, tuple):
            return p.dense[index]
        data, indices, indptr, _ = p.X
        pieces = [np.arange(indptr[i], indptr[i + 1]) for i in index]
        entries = np.concatenate([np.empty(0, int), *pieces])
        lengths = np.cumsum([0, *map(len, pieces)]).astype(indptr.dtype)
        return data[entries], indices[entries], lengths, len(index)

    for i in (0, 1, p.n // 2, p.n - 1):
        assert_array_equal(predict(p, 1, rows([i])), want[[i]])
    for pieces in (2, 3, 10):
        cuts = np.sort(rng.integers(0, p.n + 1, pieces - 1))
        parts = np.split(np.arange(p.n), cuts)
        got = [predict(p, n % 3 + 1, rows(part)) for n, part in enumerate(parts)]
        assert_array_equal(np.concatenate(got), want)
    order = rng.permutation(p.n)
    assert_array_equal(predict(p, 2, rows(order)), want[order])
    assert_array_equal(p.trainer("sgd", 7).forward(p.X), want)


# -------------------------------------------------------------------------------------- estimators


@pytest.fixture
def oversubscribe(monkeypatch):
    """More threads than this machine has CPUs."""
    monkeypatch.setenv("FASTMLP_OVERSUBSCRIBE", "1")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_estimators(oversubscribe, Estimator, solver, digits):
    """Whole fits, of layers wide enough for several threads."""
    X, y = digits
    X, y = X[:600], y[:600]
    fitted = {}
    for n_threads in [1, *THREADS]:
        options = {"solver": solver, "max_iter": 2, "n_threads": n_threads, "random_state": 0}
        model = Estimator(hidden_layer_sizes=(120,), **options)
        fitted[n_threads] = model.fit(X, y)
    one = fitted[1]
    for n_threads in THREADS:
        model = fitted[n_threads]
        for a, b in zip(
            model.coefs_ + model.intercepts_, one.coefs_ + one.intercepts_, strict=True
        ):
            assert_array_equal(a, b)
        assert model.loss_ == one.loss_
        assert_array_equal(model.predict(X), one.predict(X))
        assert_array_equal(model.predict(X[100:107]), one.predict(X)[100:107])
        if Estimator is MLPClassifier:
            whole = model.predict_proba(X)
            assert_array_equal(whole, one.predict_proba(X))
            cut = [model.predict_proba(X[i : i + 171]) for i in range(0, len(X), 171)]
            assert_array_equal(np.concatenate(cut), whole)
