"""Activation functions through the estimators: any of them, one per layer, in every solver."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from activation_formulas import ACTIVATIONS

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2]


def by_hand(model, X, names):
    """The network's output, written out."""
    for name, W, b in zip([*names, "identity"], model.coefs_, model.intercepts_, strict=True):
        X = ACTIVATIONS[name][0](X @ W + b)
    return X


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_learns(name, solver, data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(16,),
        activation=name,
        solver=solver,
        learning_rate_init=0.05,
        random_state=0,
    )
    model.fit(X, y)
    assert model.score(X, y) > (0.15 if name == "identity" else 0.6)
    np.testing.assert_allclose(model.predict(X), by_hand(model, X, [name])[:, 0], rtol=1e-9)


@pytest.mark.parametrize("names", [["gelu", "relu"], ("softplus", "tanh"), np.array(["elu"] * 2)])
def test_one_per_layer(names, data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(5, 4), activation=names, random_state=0, max_iter=5
    ).fit(X, y)
    want = by_hand(model, X, names)[:, 0]
    np.testing.assert_allclose(model.predict(X), want, rtol=1e-10)
    np.testing.assert_allclose(model.predict(sp.csr_array(X)), want, rtol=1e-10)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert model.get_params()["activation"] is names


def test_equal_names_are_one_string(data):
    X, y = data
    for name in ("logistic", "mish"):
        options = {"random_state": 0, "max_iter": 3}
        one = MLPRegressor(hidden_layer_sizes=(5, 4), activation=name, **options).fit(X, y)
        two = MLPRegressor(hidden_layer_sizes=(5, 4), activation=[name] * 2, **options).fit(X, y)
        np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_no_hidden_layer(data):
    X, y = data
    a = MLPRegressor(hidden_layer_sizes=(), activation=[], random_state=0, max_iter=3).fit(X, y)
    b = MLPRegressor(hidden_layer_sizes=(), random_state=0, max_iter=3).fit(X, y)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


def test_partial_fit_and_warm_start(data):
    X, y = data
    labels = (y > 0).astype(int)
    model = MLPClassifier((6, 5), ["silu", "hard_swish"], random_state=0)
    for _ in range(3):
        model.partial_fit(X, labels, classes=[0, 1])
    before = model.loss_
    model.set_params(warm_start=True, max_iter=20).fit(X, labels)
    assert model.loss_ < before


def test_changed_after_fit(data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(5,), activation="relu", random_state=0, max_iter=3
    ).fit(X, y)
    model.set_params(activation=["mish"])
    np.testing.assert_allclose(model.predict(X), by_hand(model, X, ["mish"])[:, 0], rtol=1e-10)
    model.set_params(activation=["mish", "relu"])
    with pytest.raises(ValueError, match="activation has 2 names"):
        model.predict(X)
