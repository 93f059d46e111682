"""Memory: predictions need O(tile) whatever the number of rows, and nothing is leaked."""

import gc
import os
import tracemalloc

import numpy as np
import pytest
from core.problems import Problem, as_csr, read, train

from fastmlp import MLPClassifier, MLPRegressor, _core

pytestmark = pytest.mark.thread_unsafe(reason="the memory of all threads is counted")


def peak(call):
    """Bytes that Python and NumPy hold at most during the call, and its result."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def resident():
    """Resident bytes of this process."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pytest.skip("no /proc")


@pytest.mark.parametrize("n_threads", [1, 2])
def test_forward_needs_a_tile(n_threads):
    """Beyond the output, the same for any number of rows; far less than the activations."""
    rng = np.random.default_rng(0)
    extra = []
    for n in (3_000, 60_000):
        p = Problem(rng, np.float32, (8, 256, 256, 2), n=n)
        bytes_, out = peak(
            lambda p=p: _core.forward(p.net, p.params, p.X, n_threads, exact_threads=True)
        )
        extra.append(bytes_ - out.nbytes)
    assert extra[1] <= extra[0] + 10_000
    assert extra[1] < 60_000 * 256 * 4 / 10
    bytes_, _ = peak(lambda: p.trainer("sgd", 100).forward(p.X))
    assert bytes_ - out.nbytes < extra[1] + 20 * p.params.nbytes


def test_sparse_forward_needs_a_tile():
    """The rows of a sparse matrix are never made dense."""
    extra = []
    for n in (1_000, 20_000):
        net = _core.Network((2000, 16, 2), ["relu"], "softmax", "log_loss", np.float64)
        params = np.zeros(net.n_params)
        indptr = np.arange(n + 1, dtype=np.int32)
        X = np.ones(n), np.arange(n, dtype=np.int32) % 2000, indptr, n
        bytes_, out = peak(lambda net=net, params=params, X=X: _core.forward(net, params, X))
        extra.append(bytes_ - out.nbytes)
    assert extra[1] <= extra[0] + 10_000


@pytest.mark.parametrize(
    ("Estimator", "method"),
    [
        (MLPRegressor, "predict"),
        (MLPClassifier, "predict_proba"),
        (MLPClassifier, "predict"),
    ],
)
def test_estimators_need_a_tile(Estimator, method, quick):
    """X goes to the engine as it is; the hidden layer never exists as a whole."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 8))
    model = Estimator(random_state=0, **(quick | {"hidden_layer_sizes": (300,)}))
    model.fit(X[:200], np.arange(200) % 3)
    getattr(model, method)(X[:10])  # what is made once
    bytes_, out = peak(lambda: getattr(model, method)(X))
    outputs = 100_000 * 3 * 8
    assert bytes_ <= 3 * outputs + out.nbytes + 4_000_000
    assert bytes_ < 100_000 * 300 * 8 / 10


def test_training_does_not_copy_the_rows():
    """A trainer holds weights and a chunk of activations, whatever the number of rows."""
    rng = np.random.default_rng(0)
    sizes = []
    for n in (2_000, 50_000):
        p = Problem(rng, np.float32, (50, 30, 2), n=n)
        bytes_, _ = peak(lambda p=p: train(p.trainer("adam", 200), None, 0, 1000))
        sizes.append(bytes_)
    assert sizes[1] <= sizes[0] + 10_000


def test_steps_of_all_rows_hold_one_chunk():
    """A full batch costs no more than a chunk of rows."""
    rng = np.random.default_rng(0)
    sizes = []
    for n in (2_000, 50_000):
        p = Problem(rng, np.float32, (10, 30, 2), n=n)
        g = np.empty_like(p.params)
        bytes_, _ = peak(lambda p=p, g=g: p.trainer(None, p.n).loss_grad(0.0, g))
        sizes.append(bytes_)
    assert sizes[1] <= sizes[0] + 10_000


def cycle(p):
    """Everything the engine offers, errors among it."""
    for X in (p.dense, as_csr(p.dense)):
        p.X = X
        t = p.trainer("adam", 16, p.state("adam"))
        train(t, np.arange(p.n), 0, p.n)
        t.restore(t.snapshot())
        t.forward(p.X)
        read(t, "adam")
        _core.forward(p.net, p.params, p.X)
        p.trainer(None, p.n).loss_grad(0.1, np.empty_like(p.params))
        for bad in (None, p.params[:-1], p.params.astype(np.int16)):
            with pytest.raises((TypeError, ValueError)):
                _core.forward(p.net, bad, p.X)
            with pytest.raises((TypeError, ValueError)):
                t.write(bad)
    with pytest.raises(ValueError):
        _core.Network((3, 0), [], "identity", "squared_error", np.float64)


@pytest.mark.slow
def test_nothing_is_leaked_by_the_engine():
    """Over 500 cycles neither Python's memory nor the process grows; a lost workspace would."""
    p = Problem(np.random.default_rng(0), np.float64, (20, 60, 3), "softmax", "log_loss", n=40)
    for _ in range(50):
        cycle(p)
    gc.collect()
    tracemalloc.start()
    try:
        cycle(p)
        gc.collect()
        before, grown = tracemalloc.get_traced_memory()[0], resident()
        for _ in range(500):
            cycle(p)
        gc.collect()
        after, grown = tracemalloc.get_traced_memory()[0], resident() - grown
    finally:
        tracemalloc.stop()
    assert after - before < 50_000
    assert grown < 8_000_000


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_nothing_is_leaked_by_the_estimators(Estimator, quick):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 20)), np.arange(60) % 3

    def fit():
        Estimator(random_state=0, **(quick | {"hidden_layer_sizes": (50,)})).fit(X, y).predict(X)

    for _ in range(20):
        fit()
    gc.collect()
    before = resident()
    for _ in range(500):
        fit()
    gc.collect()
    assert resident() - before < 8_000_000
