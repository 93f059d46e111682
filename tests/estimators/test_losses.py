"""What losses do for those who fit: statistics they recover, weights, predictions, bad input.

Formulas and gradients are in tests/kernels/test_losses.py and tests/core/test_gradients.py.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from fastmlp import MLPClassifier, MLPRegressor

DEVIANCES = [
    {"loss": "poisson"},
    {"loss": "gamma"},
    {"loss": "tweedie", "tweedie_power": -0.5},
    {"loss": "tweedie", "tweedie_power": 0},
    {"loss": "tweedie", "tweedie_power": 1},
    {"loss": "tweedie"},
    {"loss": "tweedie", "tweedie_power": 2},
    {"loss": "tweedie", "tweedie_power": 3},
]
REGRESSIONS = [
    {"loss": "squared_error"},
    {"loss": "absolute_error"},
    {"loss": "huber", "huber_delta": 0.5},
    {"loss": "log_cosh"},
    {"loss": "quantile", "quantile": 0.8},
    {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]},
    {"loss": "gaussian_nll"},
    *DEVIANCES,
]
CLASSIFICATIONS = [
    {"loss": "log_loss"},
    {"loss": "focal"},
    {"loss": "focal", "focal_gamma": 0.5, "label_smoothing": 0.1},
    {"loss": "squared_error"},
    {"loss": "squared_error", "label_smoothing": 0.2},
]


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


def name_of(options):
    return "-".join(
        v if isinstance(v, str) else type(v).__name__ + str(v)[:15] for v in options.values()
    )


def every(*groups):
    return pytest.mark.parametrize("options", [o for g in groups for o in g], ids=name_of)


def fitted(model, *data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*data, **options)


def parameters(model):
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


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
    model = MLPClassifier((), solver="lbfgs", alpha=0, tol=1e-9, max_iter=1000, **options)
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


@pytest.fixture
def rows(rng):
    """60 rows, one positive target, three classes, weights 0 to 3."""
    X = rng.standard_normal((60, 4))
    y = np.exp(X[:, 0] + 0.3 * rng.standard_normal(60))
    return X, y, np.digitize(X[:, 1], [-0.5, 0.7]), rng.randint(0, 4, 60)


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


# -------------------------------------------------------------------------------------- predictions


def test_quantiles_never_cross(rows):
    """Neither near the data nor far from them, in whatever order the levels are."""
    X, y, _, _ = rows
    levels = [0.5, 0.1, 0.9, 0.45]
    model = MLPRegressor("quantile", (20,), quantile=levels, max_iter=15, random_state=0)
    far = np.r_[X, 100 * X, np.random.default_rng(1).normal(size=(500, 4)) * 10]
    one = fitted(model, X, y).predict(far)
    assert one.shape == (620, 4)
    assert (np.diff(one[:, np.argsort(levels)], axis=1) >= 0).all()
    raw = model._forward(far)
    assert (np.diff(raw[:, np.argsort(levels)], axis=1) < 0).any()  # so they would have
    two = fitted(model, X, np.c_[y, -y]).predict(far)
    assert two.shape == (620, 2, 4)
    assert (np.diff(two[:, :, np.argsort(levels)], axis=2) >= 0).all()
    single = fitted(model.set_params(quantile=[0.3]), X, y)
    assert single.predict(X).shape == (60,)


def test_score_of_several_quantiles(rows):
    """R2 of the level nearest to the median, in early stopping too."""
    X, y, _, _ = rows
    model = MLPRegressor(
        "quantile", (20,), quantile=[0.9, 0.4], early_stopping=True, random_state=0
    )
    fitted(model.set_params(max_iter=20), X, y)
    assert model.score(X, y) == r2_score(y, model.predict(X)[:, 1])
    assert len(model.validation_scores_) == model.n_iter_


def test_noise_that_grows():
    """Standard deviations follow x; quantiles cover what they say."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (3000, 1))
    y = 2 * X[:, 0] + (0.1 + X[:, 0]) * rng.normal(size=3000)
    options = {"solver": "lbfgs", "max_iter": 300, "random_state": 0, "alpha": 1e-4}
    model = fitted(MLPRegressor("gaussian_nll", (10,), "tanh", **options), X, y)
    at = np.array([[0.1], [0.5], [0.9]])
    mean, std = model.predict(at, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(at))
    np.testing.assert_allclose(mean, 2 * at[:, 0], atol=0.15)
    np.testing.assert_allclose(std, 0.1 + at[:, 0], rtol=0.15)
    bands = MLPRegressor("quantile", (10,), "tanh", quantile=[0.1, 0.9], **options)
    low, high = fitted(bands, X, y).predict(X).T
    assert abs((y < low).mean() - 0.1) < 0.03
    assert abs((y > high).mean() - 0.1) < 0.03


RANGES = {
    "identity": (-np.inf, np.inf), "logistic": (0, 1), "tanh": (-1, 1), "exp": (0, np.inf),
    "softplus": (0, np.inf),
}  # fmt: skip


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "log_cosh", "quantile"]
)
@pytest.mark.parametrize("output", RANGES)
def test_output_activations_bound_predictions(loss, output, rng, dtype):
    """And learn what lies within their range."""
    X = rng.uniform(-1, 1, (150, 2)).astype(dtype)
    y = 0.5 + 0.3 * np.sin(2 * X[:, 0])
    model = MLPRegressor(
        loss, (20,), "tanh", output_activation=output, solver="lbfgs", max_iter=60, random_state=0
    )
    assert fitted(model, X, y).score(X, y) > 0.9
    low, high = RANGES[output]
    far = model.predict(1e3 * X)
    assert (far >= low).all()
    assert (far <= high).all()
    assert far.dtype == dtype
    assert model.out_activation_ == output


@pytest.mark.parametrize(
    ("solver", "dtype"), [("adam", np.float32), ("sgd", np.float64), ("lbfgs", np.float32)]
)
@every(REGRESSIONS)
def test_losses_learn(options, solver, dtype, rows):
    """Two targets; better than a constant, or with sgd than before; and it can be gone on with."""
    X, y, _, _ = rows
    X = X.astype(dtype)
    Y = np.c_[y, np.exp(X[:, 2])] / 2
    own = {"lbfgs": {}, "adam": {"learning_rate_init": 0.01}, "sgd": {"learning_rate_init": 0.002}}
    model = MLPRegressor(
        hidden_layer_sizes=(16,),
        solver=solver,
        max_iter=100,
        random_state=1,
        **own[solver],
        **options,
    )
    fitted(model, X, Y)
    if solver == "sgd":
        assert model.loss_curve_[-1] < 0.95 * model.loss_curve_[0]
    else:
        assert model.score(X, Y) > 0.3
    assert model.coefs_[0].dtype == dtype
    if solver != "lbfgs":
        model.partial_fit(X, Y)
        assert len(model.loss_curve_) == model.loss_curve_.index(model.loss_) + 1


# --------------------------------------------------------------------------- labels of other kinds


def test_one_hot_soft_targets_are_labels(rows):
    """The same model, for two classes and for three, with and without smoothing and labels."""
    X, _, y, _ = rows
    for labels in (y, y > 0):
        k = len(np.unique(labels))
        names = np.array(["a", "b", "c"])[:k]
        for options in CLASSIFICATIONS:
            model = MLPClassifier((5,), max_iter=4, random_state=0, **options)
            want = parameters(fitted(model, X, names[labels.astype(int)]))
            P = np.eye(k)[labels.astype(int)]
            fitted(model, X, P, soft_targets=True, classes=names)
            np.testing.assert_allclose(parameters(model), want, rtol=1e-12, atol=1e-15)
            np.testing.assert_array_equal(model.classes_, names)
            assert set(model.predict(X)) <= set(names)


def test_label_smoothing_is_a_soft_target(rows):
    X, _, y, _ = rows
    for k, labels in ((3, y), (2, (y > 0).astype(int))):
        model = MLPClassifier((5,), max_iter=4, random_state=0, label_smoothing=0.3)
        want = parameters(fitted(model, X, labels))
        P = 0.7 * np.eye(k)[labels] + 0.3 / k
        fitted(model.set_params(label_smoothing=0.0), X, P, soft_targets=True)
        np.testing.assert_allclose(parameters(model), want, rtol=1e-10, atol=1e-14)


def test_distillation(rows):
    """A small network learns a large one's probabilities, whatever dtype they come in."""
    X, _, y, _ = rows
    teacher = fitted(MLPClassifier((50,), max_iter=300, random_state=0), X.astype(np.float32), y)
    P = teacher.predict_proba(X.astype(np.float32))
    assert P.dtype == np.float32
    student = MLPClassifier((10,), "tanh", solver="lbfgs", max_iter=300, alpha=0, random_state=0)
    for targets in (P, P.astype(float)):
        fitted(student, X, targets, soft_targets=True)
        assert abs(student.predict_proba(X) - P).max() < 0.05
    student.set_params(solver="adam", early_stopping=True, max_iter=5)
    assert len(fitted(student, X, P, soft_targets=True).validation_scores_) == 5
    stream = MLPClassifier((10,), random_state=0)
    stream.partial_fit(X, P, soft_targets=True).partial_fit(X, P, soft_targets=True)
    assert stream.t_ == 120


def test_several_columns_are_classifiers_side_by_side(rows):
    """Without a hidden layer they are independent."""
    X, _, y, count = rows
    Y = np.c_[np.array(["a", "b", "c"])[y], np.array(["x", "y", "z", "w"])[count]]
    options = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0, "tol": 1e-8}
    both = fitted(MLPClassifier(**options, max_iter=1000), X, Y)
    assert [c.tolist() for c in both.classes_] == [list("abc"), list("wxyz")]
    proba = both.predict_proba(X)
    assert type(proba) is list
    for k in range(2):
        one = fitted(MLPClassifier(**options, max_iter=1000), X, Y[:, k])
        np.testing.assert_allclose(proba[k], one.predict_proba(X), atol=1e-3)
        np.testing.assert_allclose(both.predict_log_proba(X)[k], np.log(proba[k]), rtol=1e-9)
        np.testing.assert_array_equal(both.predict(X)[:, k], one.predict(X))
    assert both.score(X, Y) == (both.predict(X) == Y).mean()
    stream = MLPClassifier((5,), random_state=0)
    stream.partial_fit(X, Y, classes=[["a", "b", "c"], ["x", "y", "z", "w"]]).partial_fit(
        X[:9], Y[:9]
    )
    assert stream.predict(X).shape == Y.shape
    early = MLPClassifier((5,), early_stopping=True, max_iter=5, random_state=0)
    assert len(fitted(early, sp.csr_array(X), Y).validation_scores_) == 5


# ---------------------------------------------------------------------------------------- bad input


@pytest.fixture
def untrained(monkeypatch):
    """Fails if training begins."""

    def trainer(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr("fastmlp._solvers.make_trainer", trainer)


GOOD = np.arange(24.0).reshape(12, 2) % 7


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"loss": "poisson"}, -1, r"out of the valid range of loss='poisson': y >= 0"),
        ({"loss": "gamma"}, 0, r"out of the valid range of loss='gamma': y > 0"),
        ({"loss": "tweedie"}, -1, r"loss='tweedie' with tweedie_power=1.5: y >= 0"),
        ({"loss": "tweedie", "tweedie_power": 2}, 0, r"tweedie_power=2: y > 0"),
        ({"loss": "tweedie", "tweedie_power": 0.5}, 1, r"'tweedie_power' .*\(-inf, 0.0\] or"),
        ({"loss": "tweedie", "tweedie_power": np.nan}, 1, r"'tweedie_power'"),
        ({"loss": "quantile", "quantile": 0}, 1, r"'quantile' .*\(0.0, 1.0\) or a sequence"),
        ({"loss": "quantile", "quantile": 1.0}, 1, r"'quantile'"),
        ({"loss": "quantile", "quantile": [0.5, 1]}, 1, r"'quantile'"),
        ({"loss": "quantile", "quantile": []}, 1, r"'quantile'"),
        ({"loss": "quantile", "quantile": "median"}, 1, r"'quantile'"),
        ({"loss": "huber", "huber_delta": 0}, 1, r"'huber_delta' .*\(0.0, inf\)"),
        ({"loss": "hinge"}, 1, r"'loss' .*'absolute_error', 'huber'"),
        ({"output_activation": "softmax"}, 1, r"'output_activation' .*'softplus'"),
        (
            {"loss": "poisson", "output_activation": "tanh"}, 1,
            r"output_activation='tanh' cannot be combined with loss='poisson', which allows 'auto'",
        ),
        ({"loss": "gaussian_nll", "output_activation": "exp"}, 1, r"loss='gaussian_nll', which"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_regressors_say_what_is_wrong(options, y, message, solver, untrained):
    target = np.ones(12)
    target[5] = y
    model = MLPRegressor(hidden_layer_sizes=(3,), solver=solver, **options)
    with pytest.raises(ValueError, match=message):
        model.fit(GOOD, target)
    assert not hasattr(model, "coefs_")
    if solver == "adam":
        with pytest.raises(ValueError, match=message):
            model.partial_fit(GOOD, target)


def test_targets_out_of_range_after_a_good_fit(rows):
    """In a later partial_fit too, which leaves the model alone."""
    X, y, _, _ = rows
    model = MLPRegressor("gamma", (3,)).partial_fit(X, y)
    before = parameters(model).copy()
    with pytest.raises(ValueError, match="y > 0"):
        model.partial_fit(X, y - y)
    np.testing.assert_array_equal(parameters(model), before)


LABELS = np.arange(12) % 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, r"'loss' .*'log_loss', 'focal', 'squared_error'"),
        ({"loss": "focal", "focal_gamma": -1}, r"'focal_gamma' .*\[0.0, inf\)"),
        ({"label_smoothing": 1}, r"'label_smoothing' .*\[0.0, 1.0\)"),
        ({"label_smoothing": -0.1}, r"'label_smoothing'"),
        (
            {"class_weight": {0: 1, 7: 2}},
            r"class_weight has weights for \[7\], but the classes .*0, 1, 2",
        ),
        ({"class_weight": {0: -1}}, r"class_weight\[0\] must be a float >= 0, got -1"),
        ({"class_weight": {0: np.nan}}, r"class_weight\[0\] must be a float >= 0, got nan"),
        ({"class_weight": {0: "x"}}, r"class_weight\[0\] must be a float >= 0, got 'x'"),
        ({"class_weight": "even"}, r"'class_weight' .*'balanced'"),
        ({"class_weight": [{0: 1}, {1: 1}]}, r"class_weight must be one dict or 'balanced'"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, r"class_weight and sample_weight leave no row"),
    ],
)
def test_classifiers_say_what_is_wrong(options, message, untrained):
    model = MLPClassifier((3,), **options)
    with pytest.raises(ValueError, match=message):
        model.fit(GOOD, LABELS)
    assert not hasattr(model, "coefs_")


def test_class_weights_too_large_for_float32(untrained):
    model = MLPClassifier((3,), class_weight={0: 1e300})
    with pytest.raises(ValueError, match="class_weight contains infinity or a value too large"):
        model.fit(GOOD.astype(np.float32), LABELS)


def test_class_weights_that_do_not_fit_the_columns(untrained):
    columns = np.c_[LABELS, LABELS[::-1]]
    for class_weight in ({0: 1}, [{0: 1}], [{0: 1}] * 3):
        with pytest.raises(
            ValueError, match="class_weight must be 'balanced' or a list of 2 dicts"
        ):
            MLPClassifier((3,), class_weight=class_weight).fit(GOOD, columns)
    with pytest.raises(ValueError, match=r"class_weight has weights for \[9\]"):
        MLPClassifier((3,), class_weight=[{0: 1}, {9: 1}]).fit(GOOD, columns)


def test_balanced_weights_need_all_rows(untrained):
    with pytest.raises(ValueError, match="partial_fit does not support class_weight='balanced'"):
        MLPClassifier((3,), class_weight="balanced").partial_fit(GOOD, LABELS, classes=[0, 1, 2])


EVEN = np.full((12, 3), 1 / 3)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (EVEN * 1.01, {}, "rows of y that sum to 1 within 0.0001: row 0 sums to 1.01"),
        (EVEN - np.eye(12, 3), {}, "needs y >= 0"),
        (EVEN[:, :1] * 3, {}, "with at least two classes"),
        (LABELS, {}, r"needs y of shape \(n_samples, n_classes\)"),
        (EVEN * np.nan, {}, "y contains NaN"),
        (EVEN, {"classes": [0, 1]}, "classes must be 3 sorted labels"),
        (EVEN, {"classes": [2, 1, 0]}, "classes must be 3 sorted labels"),
    ],
)
def test_soft_targets_that_are_no_probabilities(y, options, message, untrained):
    with pytest.raises(ValueError, match=message):
        MLPClassifier((3,)).fit(GOOD, y, soft_targets=True, **options)


def test_classes_belong_to_soft_targets(rows, untrained):
    with pytest.raises(ValueError, match="classes with soft_targets=True only"):
        MLPClassifier((3,)).fit(GOOD, LABELS, classes=[0, 1, 2])


def test_columns_with_unknown_classes(rows):
    X, _, y, count = rows
    Y = np.c_[y, count]
    model = MLPClassifier((3,), random_state=0).partial_fit(X, Y, classes=[[0, 1, 2], [0, 1, 2, 3]])
    with pytest.raises(ValueError, match=r"in column 1: \[9\] are not among"):
        model.partial_fit(X, np.where(Y == 3, 9, Y))
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X, Y, classes=[[0, 1], [0, 1, 2, 3]])


def test_only_gaussian_nll_has_standard_deviations(rows):
    X, y, _, _ = rows
    model = fitted(MLPRegressor(hidden_layer_sizes=(3,), max_iter=1), X, y)
    with pytest.raises(ValueError, match="return_std=True needs loss='gaussian_nll'"):
        model.predict(X, return_std=True)
