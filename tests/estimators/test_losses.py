"""What losses estimate, by statistics that are known, and what weights of rows and classes do.

Formulas and gradients are in tests/kernels/test_losses.py and tests/core/test_gradients.py.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from estimators.losses import CLASSIFICATIONS, DEVIANCES, REGRESSIONS, every
from estimators.models import fitted, parameters
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, softmax

from fastmlp import MLPClassifier, MLPRegressor


class LogSquares:
    """(raw - log y)^2 / 2: with the output activation 'exp' the geometric mean of y."""

    def loss(self, y, raw, sample_weight):
        value = ((raw - np.log(y.reshape(raw.shape))) ** 2).sum(axis=1) / 2
        return value if sample_weight is None else value * sample_weight

    def gradient(self, y, raw, sample_weight):
        value = raw - np.log(y.reshape(raw.shape))
        return value if sample_weight is None else value * sample_weight[:, None]


class LogLoss:
    """The log-loss of class indices."""

    def loss(self, y, raw, sample_weight):
        value = -np.log(softmax(raw, axis=1)[np.arange(len(y)), y])
        return value if sample_weight is None else value * sample_weight

    def gradient(self, y, raw, sample_weight):
        value = softmax(raw, axis=1) - np.eye(raw.shape[1])[y]
        return value if sample_weight is None else value * sample_weight[:, None]


CUSTOM_REGRESSION = {"loss": LogSquares(), "output_activation": "exp"}


CUSTOM_CLASSIFICATION = {"loss": LogLoss()}


# --------------------------------------------------------------- statistics of 4,000 skewed numbers


@pytest.fixture(scope="module")
def skewed():
    """4,000 positive numbers with a long tail, of mean 1.65 and median 1, and weights."""
    rng = np.random.default_rng(0)
    return np.exp(rng.normal(size=4000)), rng.integers(0, 4, 4000).astype(float)


def constant(y, weight=None, **options):
    """The prediction of a model that has an intercept and nothing else."""
    model = MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-9, max_iter=1000, random_state=0,
        **options,
    )  # fmt: skip
    return fitted(model, np.zeros((len(y), 1)), y, weight).predict(np.zeros((1, 1)))[0]


@pytest.mark.parametrize("weighted", [False, True])
@every([{"loss": "squared_error"}], DEVIANCES)
@pytest.mark.parametrize("output", ["auto", "exp", "softplus"])
def test_means(options, output, weighted, skewed):
    """A deviance is a matter of efficiency, not of what is estimated."""
    y, weight = skewed[0], skewed[1] if weighted else None
    got = constant(y, weight, output_activation=output, **options)
    np.testing.assert_allclose(got, np.average(y, weights=weight), rtol=1e-5)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_quantiles(level, skewed):
    """Share `level` of the rows lies below."""
    y, weight = skewed
    assert abs((y < constant(y, loss="quantile", quantile=level)).mean() - level) < 5e-3
    got = constant(y, weight, loss="quantile", quantile=level)
    assert abs(np.average(y < got, weights=weight) - level) < 5e-3
    if level == 0.5:
        got = constant(y, loss="absolute_error")
        assert abs((y < got).mean() - 0.5) < 5e-3


def test_several_quantiles(skewed):
    levels = [0.9, 0.1, 0.5, 0.25]
    got = constant(skewed[0], loss="quantile", quantile=levels)
    np.testing.assert_allclose([(skewed[0] < q).mean() for q in got], levels, atol=5e-3)


def test_m_estimators(skewed):
    """The point where their slopes balance, between median and mean."""
    y, _ = skewed
    for options, slope in [
        ({"loss": "huber"}, lambda d: np.clip(d, -1, 1)),
        ({"loss": "huber", "huber_delta": 0.2}, lambda d: np.clip(d, -0.2, 0.2)),
        ({"loss": "log_cosh"}, np.tanh),
    ]:
        want = brentq(lambda m, slope=slope: slope(m - y).mean(), 0, 10)
        got = constant(y, **options)
        np.testing.assert_allclose(got, want, rtol=1e-4)
        assert np.median(y) < got < y.mean()
    np.testing.assert_allclose(constant(y, loss="huber", huber_delta=1e3), y.mean(), rtol=1e-5)


def test_geometric_mean(skewed):
    """Squares of logarithms, through a custom loss."""
    y, weight = skewed
    np.testing.assert_allclose(
        constant(y, **CUSTOM_REGRESSION), np.exp(np.log(y).mean()), rtol=1e-5
    )
    want = np.exp(np.average(np.log(y), weights=weight))
    np.testing.assert_allclose(constant(y, weight, **CUSTOM_REGRESSION), want, rtol=1e-5)


def test_mean_and_standard_deviation(skewed):
    y, _ = skewed
    Y = np.c_[y, 10 - 3 * y]
    model = MLPRegressor("gaussian_nll", (), solver="lbfgs", alpha=0, tol=1e-9, max_iter=1000)
    mean, std = fitted(model, np.zeros((4000, 1)), Y).predict(np.zeros((2, 1)), return_std=True)
    np.testing.assert_allclose(mean, [Y.mean(axis=0)] * 2, rtol=1e-4)
    np.testing.assert_allclose(std, [Y.std(axis=0)] * 2, rtol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
@every(CLASSIFICATIONS, [CUSTOM_CLASSIFICATION])
def test_class_frequencies(options, n_classes, skewed):
    """Proper losses find them, smoothed; the focal loss flattens them."""
    if options["loss"] == CUSTOM_CLASSIFICATION["loss"] and n_classes == 2:
        pytest.skip("two classes have one output")
    y = np.digitize(skewed[0], [0.5, 3.0][: n_classes - 1])
    model = MLPClassifier(
        (), solver="lbfgs", alpha=0, tol=1e-9, max_iter=1000, random_state=0, **options
    )
    got = fitted(model, np.zeros((4000, 1)), y).predict_proba(np.zeros((1, 1)))[0]
    share = np.bincount(y) / 4000
    s = options.get("label_smoothing", 0)
    want = (1 - s) * share + s / n_classes
    if options["loss"] != "focal":
        np.testing.assert_allclose(got, want, atol=1e-5)
        return
    assert 1 / n_classes < got.max() < want.max()
    np.testing.assert_array_equal(np.argsort(got), np.argsort(want))
    if n_classes == 2:
        g = options.get("focal_gamma", 2)

        def cost(z):
            p = expit(z)
            return -want[1] * (1 - p) ** g * np.log(p) - want[0] * p**g * np.log(1 - p)

        np.testing.assert_allclose(got[1], expit(minimize_scalar(cost).x), atol=1e-5)


def test_mean_of_soft_targets(rng):
    P = rng.dirichlet([1, 2, 3], 4000)
    model = MLPClassifier((), solver="lbfgs", alpha=0, tol=1e-9, max_iter=1000)
    got = fitted(model, np.zeros((4000, 1)), P, soft_targets=True).predict_proba(np.zeros((1, 1)))
    np.testing.assert_allclose(got[0], P.mean(axis=0), atol=1e-5)


# ------------------------------------------------------------------------------------------ weights


def model_of(options, classifier, solver, n_rows, **more):
    own = {"batch_size": n_rows, "shuffle": False} if solver != "lbfgs" else {}
    kind = MLPClassifier if classifier else MLPRegressor
    return kind(
        hidden_layer_sizes=(5,), activation="tanh", solver=solver, max_iter=8, random_state=0,
        alpha=0.1, **own, **options, **more,
    )  # fmt: skip


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@every(REGRESSIONS, [CUSTOM_REGRESSION], CLASSIFICATIONS, [CUSTOM_CLASSIFICATION])
def test_weight_k_is_k_copies_and_weight_0_is_absence(options, solver, rows):
    """In full batches; absent rows may hold anything."""
    X, y, classes, count = rows
    classifier = options in CLASSIFICATIONS or options is CUSTOM_CLASSIFICATION
    y = classes if classifier else y
    copies = np.repeat(np.arange(60), count)
    want = fitted(model_of(options, classifier, solver, len(copies)), X[copies], y[copies])
    X = np.where(count[:, None] == 0, 1e30, X)
    for given in (X, sp.csr_array(X)):
        got = fitted(model_of(options, classifier, solver, 60), given, y, count)
        np.testing.assert_allclose(parameters(got), parameters(want), rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(got.loss_, want.loss_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@every(CLASSIFICATIONS, [CUSTOM_CLASSIFICATION])
def test_class_weight_is_the_same_sample_weight(options, solver, rows, dtype):
    """Bitwise; 'balanced' counts rows by their weights."""
    X, _, y, count = rows
    X = X.astype(dtype)
    count = count.astype(float)
    labels = np.array(["a", "b", "c"])[y]
    n = np.bincount(y, count)
    balanced = n.sum() / (3 * n)
    for class_weight, factors in [({"a": 2.5, "c": 0}, [2.5, 1, 0]), ("balanced", balanced)]:
        options = {**options, "class_weight": class_weight}
        got = fitted(model_of(options, True, solver, 60), X, labels, count)
        options["class_weight"] = None
        want = fitted(model_of(options, True, solver, 60), X, labels, count * np.array(factors)[y])
        np.testing.assert_array_equal(parameters(got), parameters(want))


def test_class_weight_of_other_targets(rows):
    """Labels and columns: the product of the weights. Soft targets: the expected one."""
    X, _, y, count = rows
    small = {"max_iter": 4, "hidden_layer_sizes": (5,), "random_state": 0}
    first, second = np.array([1.0, 2, 0.5])[y], np.array([3.0, 0.25])[count % 2]
    columns = np.c_[y, count % 2]
    weights = [{0: 1, 1: 2, 2: 0.5}, {0: 3, 1: 0.25}]
    got = fitted(MLPClassifier(class_weight=weights, **small), X, columns)
    want = fitted(MLPClassifier(**small), X, columns, first * second)
    np.testing.assert_array_equal(parameters(got), parameters(want))
    labels = np.c_[y > 0, count % 2]
    got = fitted(MLPClassifier(class_weight=[{1: 2}, {0: 3, 1: 0.25}], **small), X, labels)
    want = fitted(MLPClassifier(**small), X, labels, np.where(y > 0, 2, 1) * second)
    np.testing.assert_array_equal(parameters(got), parameters(want))
    P = softmax(X[:, :3], axis=1)
    got = fitted(MLPClassifier(class_weight={1: 4}, **small), X, P, soft_targets=True)
    want = fitted(MLPClassifier(**small), X, P, P @ [1, 4, 1], soft_targets=True)
    np.testing.assert_allclose(parameters(got), parameters(want), rtol=1e-12)
    got = MLPClassifier(class_weight={1: 4}, **small).partial_fit(X, y, classes=[0, 1, 2])
    want = MLPClassifier(**small).partial_fit(X, y, np.where(y == 1, 4, 1), classes=[0, 1, 2])
    np.testing.assert_array_equal(parameters(got), parameters(want))
