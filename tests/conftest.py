"""Fixtures of the whole suite. `reference.py`, the oracle, is importable from every test."""

import copy
import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression

from fastmlp import MLPClassifier, MLPRegressor


def pytest_collection_modifyitems(config, items):
    """Where a test runs in several threads at once, each has a copy of `rng`, not a share of it."""
    if config.getoption("parallel_threads", default=None):  # pytest-run-parallel
        for item in items:
            item.obj = _with_own_rng(item.obj)


def _with_own_rng(test):
    @functools.wraps(test)
    def run(*args, **kwargs):
        if "rng" in kwargs:
            kwargs["rng"] = copy.deepcopy(kwargs["rng"])
        test(*args, **kwargs)

    return run


@pytest.fixture(params=[MLPClassifier, MLPRegressor], ids=["classifier", "regressor"])
def Estimator(request):
    """Both estimators in turn."""
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Both dtypes in turn."""
    return np.dtype(request.param)


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16.0, y


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def linear():
    """A regression problem: 100 rows, 5 features, one target of unit size."""
    X, y = make_regression(n_samples=100, n_features=5, noise=1.0, random_state=0)
    return X, y / y.std()


@pytest.fixture
def quick():
    """Constructor arguments for fits of which only the mechanics matter: they end with stopping."""
    return {"hidden_layer_sizes": (5,), "max_iter": 3, "tol": 1e6, "n_iter_no_change": 1}
