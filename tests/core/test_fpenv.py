"""The engine flushes denormals to zero while it works; nobody else's arithmetic may notice."""

import threading

import numpy as np
import pytest
from core.problems import Problem, read, train

from fastmlp import MLPClassifier, MLPRegressor, _core


def keeps_denormals():
    """Whether denormal results (FTZ) and arguments (DAZ) count, in both element types."""
    single = np.full(64, 1e-30, np.float32) * np.full(64, 1e-10, np.float32)
    double = np.full(64, 1e-300) * np.full(64, 1e-12)
    python = float("1e-300") * float("1e-12")
    results = bool(single.all() and double.all() and python)
    arguments = [np.full(64, 1e-40, np.float32) * 1e10, np.full(64, 5e-324) * 1e10]
    return results and all(bool((a > 0).all()) for a in arguments) and 5e-324 * 2.0**60 > 0


def work(n_threads=1):
    """Every kind of engine call, in both element types."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        p = Problem(rng, dtype, (5, 40, 3), "softmax", "log_loss", n=50)
        options = {"n_threads": n_threads, "exact_threads": True}
        _core.forward(p.net, p.params, p.X, **options)
        t = p.trainer("adam", 10, **options)
        train(t, None, 0, p.n)
        t.forward(p.X)
        p.trainer(None, p.n, **options).loss_grad(0.1, np.empty_like(p.params))


def in_thread(function):
    """The function's result, computed by another Python thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_caller_keeps_denormals(isa, n_threads):
    assert keeps_denormals()
    work(n_threads)
    assert keeps_denormals()
    assert in_thread(keeps_denormals)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_other_callers_keep_denormals(n_threads):
    """Threads that call the engine, and threads that only run beside one."""

    def call_and_look():
        work(n_threads)
        return keeps_denormals()

    stop = threading.Event()
    seen = []

    def watch():
        while not stop.is_set():
            seen.append(keeps_denormals())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert all(in_thread(call_and_look) for _ in range(3))
    finally:
        stop.set()
        watcher.join()
    assert seen
    assert all(seen)
    assert keeps_denormals()


def test_denormals_survive_errors():
    """A refused call leaves nothing changed either."""
    p = Problem(np.random.default_rng(0), np.float64, (3, 4, 2), "softmax", "log_loss")
    p.y[3] = 99
    t = p.trainer("sgd", 5)
    with pytest.raises(ValueError):
        t.train(None, 0, p.n, step=0, learning_rate=0.1, alpha=0.0)
    assert keeps_denormals()


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_estimators_keep_denormals(Estimator, solver, quick, iris):
    X, y = iris
    quick = quick if solver != "lbfgs" else quick | {"max_iter": 300, "tol": 1e-1}
    model = Estimator(solver=solver, random_state=0, **quick).fit(X, y)
    assert keeps_denormals()
    model.predict(X)
    assert keeps_denormals()
    assert in_thread(lambda: model.predict(X) is not None and keeps_denormals())


def test_importing_changes_nothing():
    """No flush-to-zero linked in (gcc does so for -ffast-math): this process has the modules."""
    assert keeps_denormals()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_denormal_numbers(isa, dtype, solver):
    """As weights, moments, inputs and targets they count as zero, or as themselves."""
    rng = np.random.default_rng(0)
    tiny = np.finfo(dtype).smallest_subnormal
    p = Problem(rng, dtype, (9, 20, 20, 2), weights="random", n=30)
    for scale in (tiny, 1000 * tiny, np.finfo(dtype).tiny):
        params = (np.sign(p.params) * scale).astype(dtype)
        out = _core.forward(p.net, params, p.X)
        assert (abs(out) <= 1000 * np.finfo(dtype).tiny).all()
        t = _core.Trainer(
            p.net, solver, params, p.state(solver) + scale, p.X, p.y, p.weight, 10
        )  # fmt: skip
        train(t, None, 0, p.n, alpha=0.1)
        assert all(np.isfinite(a).all() for a in read(t, solver))
    X = np.full_like(p.dense, tiny)
    assert np.allclose(
        _core.forward(p.net, p.params, X), _core.forward(p.net, p.params, np.zeros_like(X))
    )
