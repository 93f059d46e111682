"""The same random_state gives scikit-learn's model: random configurations, float64, rtol 1e-6."""

import random

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.neural_network
from sklearn.utils import shuffle

import fastmlp

N_CONFIGURATIONS = 320
RTOL = 1e-6
SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])

# Attributes that may differ, with the reason. At most one configuration in a hundred.
EXCEPTIONS = {
    # L-BFGS on a convex problem: after 6 iterations rounding decides whether a 7th is needed.
    # scikit-learn itself takes 6 or 7 when X is multiplied by 1 + 2e-15.
    291: {"n_iter_"},
}


def make_data(r, rng, task):
    n, n_features = r.randint(20, 120), r.randint(2, 8)
    X = rng.standard_normal((n, n_features))
    signal = X @ rng.standard_normal((n_features, 3)) + 0.3 * rng.standard_normal((n, 3))
    if task == "binary":
        y = (signal[:, 0] > 0).astype(int)
    elif task == "multiclass":
        y = signal.argmax(axis=1)
    elif task == "strings":
        y = np.array(["cat", "dog", "emu"], dtype=object)[signal.argmax(axis=1)]
    elif task == "multilabel":
        y = (signal > 0).astype(int)
    elif task == "regression":
        y = signal[:, 0]
    elif task == "multioutput":
        y = signal
    else:
        y = rng.poisson(np.exp(0.3 * signal[:, 0])).astype(float)
    if r.random() < 0.2:
        X = sp.csr_array(np.where(np.abs(X) > 0.7, X, 0.0))
    return X, y


def make_configuration(seed):
    """Class name, constructor arguments, X, y and sample weights, all drawn from ``seed``."""
    r, rng = random.Random(seed), np.random.RandomState(seed)
    task = r.choice("binary multiclass strings multilabel regression multioutput poisson".split())
    X, y = make_data(r, rng, task)
    solver = r.choice(["adam", "adam", "sgd", "sgd", "lbfgs"])
    params = {
        "solver": solver,
        "hidden_layer_sizes": tuple(r.randint(1, 12) for _ in range(r.randint(0, 3))),
        "activation": r.choice(["identity", "logistic", "tanh", "relu"]),
        "alpha": r.choice([0.0, 1e-4, 0.1, 1.0]),
        "batch_size": r.choice(["auto", "auto", 1, r.randint(2, 15), r.randint(16, X.shape[0])]),
        "learning_rate_init": 10 ** r.uniform(-3.5, -1.5),
        "max_iter": r.randint(1, 12) if solver == "lbfgs" else r.randint(2, 30),
        "shuffle": r.random() < 0.75,
        "random_state": r.randrange(1000),
        "tol": r.choice([1e-4, 1e-3, 1e-2]),
        "n_iter_no_change": r.choice([2, 5, 10]),
        "early_stopping": solver != "lbfgs" and r.random() < 0.35,
        "validation_fraction": r.choice([0.1, 0.25]),
    }
    if solver == "sgd":
        params |= {
            "learning_rate": r.choice(["constant", "invscaling", "adaptive"]),
            "power_t": r.choice([0.25, 0.5]),
            "momentum": r.choice([0.0, 0.5, 0.9]),
            "nesterovs_momentum": r.random() < 0.5,
        }
    if solver == "adam":
        params |= {"beta_1": r.choice([0.0, 0.9]), "beta_2": r.choice([0.9, 0.999])}
    name = "MLPClassifier"
    if task in ("regression", "multioutput", "poisson"):
        name = "MLPRegressor"
        params["loss"] = "poisson" if task == "poisson" else "squared_error"
    weight = rng.uniform(0.1, 2.0, X.shape[0]) if r.random() < 0.3 else None
    return name, params, X, y, weight


def outcome(module, name, params, X, y, weight):
    """What a fit leaves behind, or the message of its error."""
    estimator = getattr(module, name)(**params)
    try:
        estimator.fit(X, y, sample_weight=weight)
    except ValueError as error:
        return {"error": str(error)[:60]}
    result = {
        "n_iter_": estimator.n_iter_,
        "t_": estimator.t_,
        "loss_": estimator.loss_,
        "out_activation_": estimator.out_activation_,
        "predict": estimator.predict(X),
    }
    for attribute in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        if hasattr(estimator, attribute):
            result[attribute] = getattr(estimator, attribute)
    if name == "MLPClassifier":
        result["predict_proba"] = estimator.predict_proba(X)
        result["classes_"] = estimator.classes_
    return result


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(N_CONFIGURATIONS))
def test_same_model_as_sklearn(seed):
    configuration = make_configuration(seed)
    _, params, _, y, _ = configuration
    if y.dtype == object and params["early_stopping"] and SKLEARN < (1, 9):
        pytest.skip("scikit-learn #33760: early stopping fails with string labels before 1.9")
    expected = outcome(sklearn.neural_network, *configuration)
    result = outcome(fastmlp, *configuration)
    assert result.keys() == expected.keys(), configuration[:2]
    for key in expected.keys() - EXCEPTIONS.get(seed, set()):
        value = expected[key]
        if isinstance(value, (str, type(None))) or np.asarray(value).dtype.kind in "OU":
            np.testing.assert_array_equal(result[key], value, err_msg=key)
        else:
            np.testing.assert_allclose(result[key], value, rtol=RTOL, atol=1e-12, err_msg=key)


def test_exceptions_are_few():
    assert len(EXCEPTIONS) <= N_CONFIGURATIONS // 100


def test_configurations_cover_everything():
    """The draw really holds every value of every option."""
    drawn = [make_configuration(seed) for seed in range(N_CONFIGURATIONS)]
    for option, values in {
        "solver": {"adam", "sgd", "lbfgs"},
        "activation": {"identity", "logistic", "tanh", "relu"},
        "learning_rate": {"constant", "invscaling", "adaptive"},
        "early_stopping": {True, False},
        "shuffle": {True, False},
        "nesterovs_momentum": {True, False},
        "loss": {"squared_error", "poisson"},
    }.items():
        assert {c[1][option] for c in drawn if option in c[1]} == values
    assert {len(c[1]["hidden_layer_sizes"]) for c in drawn} == {0, 1, 2, 3}
    assert sum(sp.issparse(c[2]) for c in drawn) > 30
    assert sum(c[4] is not None for c in drawn) > 60


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_as_sklearn(name, solver, iris):
    """A sequence of partial_fit calls: with an int seed every call shuffles in the same way."""
    X, y = iris
    estimators = [
        getattr(module, name)(hidden_layer_sizes=(6, 4), solver=solver, random_state=3)
        for module in (sklearn.neural_network, fastmlp)
    ]
    kwargs = {"classes": [0, 1, 2]} if name == "MLPClassifier" else {}
    for start in (0, 20, 100, 60, 10):
        for estimator in estimators:
            estimator.partial_fit(X[start : start + 50], y[start : start + 50], **kwargs)
    expected, result = estimators
    np.testing.assert_allclose(result.loss_curve_, expected.loss_curve_, rtol=RTOL)
    assert (result.n_iter_, result.t_) == (expected.n_iter_, expected.t_)
    np.testing.assert_array_equal(result.predict(X) > 1, expected.predict(X) > 1)
    for a, b in zip(result.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize(
    "params", [{"solver": "sgd", "learning_rate": "invscaling"}, {"solver": "adam"}]
)
def test_warm_start_as_sklearn(name, params, iris):
    X, y = iris
    curves = []
    for module in (sklearn.neural_network, fastmlp):
        estimator = getattr(module, name)(
            hidden_layer_sizes=6, warm_start=True, max_iter=5, random_state=3, **params
        )
        for _ in range(3):
            estimator.fit(X, y)
        curves.append(estimator.loss_curve_)
        assert estimator.t_ == 3 * 5 * len(X)
    assert len(curves[1]) == 15
    np.testing.assert_allclose(*curves, rtol=RTOL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_random_state_instance_is_consumed_alike(linear):
    """A RandomState that is passed in is left in the same state, so that what follows agrees."""
    X, y = linear
    draws = []
    for module in (sklearn.neural_network, fastmlp):
        state = np.random.RandomState(5)
        estimator = module.MLPRegressor(
            hidden_layer_sizes=4, max_iter=4, early_stopping=True, random_state=state
        )
        estimator.fit(X, y).fit(X, y)
        draws.append(state.uniform(size=3))
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 257, 5000])
def test_in_place_shuffle_is_sklearns(n):
    """Shuffling the order in place is sklearn.utils.shuffle, numbers and RNG consumption alike."""
    ours, theirs = np.random.RandomState(7), np.random.RandomState(7)
    order = expected = np.arange(n, dtype=np.intp)
    order = order.copy()
    for _ in range(4):
        ours.shuffle(order)
        expected = shuffle(expected, random_state=theirs)
        np.testing.assert_array_equal(order, expected)
    assert ours.randint(1 << 30) == theirs.randint(1 << 30)


def test_in_place_shuffle_of_a_subset_is_sklearns():
    """With early stopping the order holds the training rows instead of 0, 1, 2..."""
    rows = np.random.RandomState(0).permutation(50)[:40].astype(np.intp)
    ours, theirs = np.random.RandomState(7), np.random.RandomState(7)
    order, positions = rows.copy(), np.arange(40)
    for _ in range(3):
        ours.shuffle(order)
        positions = shuffle(positions, random_state=theirs)
        np.testing.assert_array_equal(order, rows[positions])
