"""Losses of the user's: an object with methods loss and gradient, in place of a name."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from estimators.models import fitted, parameters
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone

from fastmlp import MLPClassifier, MLPRegressor


def times(values, weight):
    """Values (n, ...) times the rows' weights, if there are any."""
    return values if weight is None else values * weight.reshape(-1, *(1,) * (values.ndim - 1))


class SquaredError:
    """The built-in loss of that name, for any number of targets."""

    def loss(self, y, raw, sample_weight):
        return times(((raw - y.reshape(raw.shape)) ** 2).mean(axis=1) / 2, sample_weight)

    def gradient(self, y, raw, sample_weight):
        return times(raw - y.reshape(raw.shape), sample_weight)


class LogLoss:
    """The built-in log-loss: class indices, labels, probabilities or columns of classes."""

    def __init__(self, groups=None):
        self.groups = groups

    def parts(self, y, raw):
        """(targets, raw) of each softmax."""
        if self.groups is None:
            return [(y if y.ndim == 2 else np.eye(raw.shape[1])[y], raw)]
        ends = np.cumsum(self.groups)[:-1]
        pieces = np.split(raw, ends, axis=1)
        return [(np.eye(p.shape[1])[c], p) for c, p in zip(y.T, pieces, strict=True)]

    def loss(self, y, raw, sample_weight):
        if raw.shape[1] == 1 or (y.dtype.kind == "f" and self.groups == ()):
            z, t = raw, y.reshape(raw.shape)
            return times((np.logaddexp(0, z) - t * z).sum(axis=1), sample_weight)
        rows = sum(-(t * log_softmax(z, axis=1)).sum(axis=1) for t, z in self.parts(y, raw))
        return times(rows, sample_weight)

    def gradient(self, y, raw, sample_weight):
        if raw.shape[1] == 1 or (y.dtype.kind == "f" and self.groups == ()):
            return times(expit(raw) - y.reshape(raw.shape), sample_weight)
        deltas = [softmax(z, axis=1) - t for t, z in self.parts(y, raw)]
        return times(np.concatenate(deltas, axis=1), sample_weight)


def softplus(z):
    return np.logaddexp(0, z)


def with_methods(**methods):
    """A SquaredError some of whose methods are others."""
    loss = SquaredError()
    vars(loss).update(methods)
    return loss


@pytest.fixture
def data(rng):
    """130 rows with gaps, two targets, weights with zeros."""
    X = rng.standard_normal((130, 6)) * (rng.random_sample((130, 6)) < 0.7)
    y = X[:, :2] + 0.1 * rng.standard_normal((130, 2))
    weight = rng.random_sample(130) * (rng.random_sample(130) < 0.7)
    return X, y, weight


SMALL = {"hidden_layer_sizes": (7,), "random_state": 0, "max_iter": 4, "batch_size": 50}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_squared_error_is_the_built_in(solver, sparse, weighted, data, dtype):
    X, y, weight = data
    X = sp.csr_array(X.astype(dtype)) if sparse else X.astype(dtype)
    args = (X, y, weight) if weighted else (X, y)
    model = fitted(MLPRegressor(SquaredError(), solver=solver, **SMALL), *args)
    other = fitted(MLPRegressor(solver=solver, **SMALL), *args)
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(parameters(model), parameters(other), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(model.loss_, other.loss_, rtol=tolerance)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    assert model.predict(X).dtype == dtype


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "soft", "columns"])
def test_log_loss_is_the_built_in(kind, data):
    X, y, weight = data
    three = np.digitize(y[:, 0], [-0.3, 0.4])
    options = {}
    if kind == "binary":
        target, loss = np.where(y[:, 0] > 0, "yes", "no"), LogLoss()
    elif kind == "multiclass":
        target, loss = three, LogLoss()
    elif kind == "multilabel":
        target, loss = (y > 0).astype(int), LogLoss(groups=())
    elif kind == "soft":
        target, loss = softmax(np.c_[y, y[:, :1] - 1], axis=1), LogLoss()
        options = {"soft_targets": True}
    else:
        target, loss = np.c_[three, np.digitize(y[:, 1], [0])], LogLoss(groups=(3, 2))
    model = fitted(MLPClassifier(loss=loss, **SMALL), X, target, weight, **options)
    other = fitted(MLPClassifier(**SMALL), X, target, weight, **options)
    np.testing.assert_allclose(parameters(model), parameters(other), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-9)
    for a, b in zip(model.predict_proba(X), other.predict_proba(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


def test_mini_batches_of_more_rows_than_are_held_at_once(rng):
    """The engine holds 1,024 rows of other losses; of a custom one the whole mini-batch."""
    X = rng.standard_normal((2100, 3))
    for batch_size in (1500, 2100):
        options = {**SMALL, "batch_size": batch_size}
        model = fitted(MLPRegressor(SquaredError(), **options), X, X[:, 0])
        other = fitted(MLPRegressor(**options), X, X[:, 0])
        np.testing.assert_allclose(parameters(model), parameters(other), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.3, "input_dropout": 0.2, "normalization": "batch", "residual": True},
        {"normalization": "layer", "activation": ["prelu", "maxout"], "input_noise": 0.1},
        {"solver": "schedulefree", "gradient_clip": 0.1, "max_norm": 1.0},
        {"solver": "muon", "ema_decay": 0.9, "l1": 1e-3},
        {"learning_rate": "one_cycle", "warmup_fraction": 0.2, "weight_decay": 0.1},
        {"solver": "rprop", "batch_size": "auto"},
    ],
    ids=lambda options: "-".join(options),
)
def test_with_the_rest_of_the_menu(options, data):
    """Masks, statistics and rates are those of the built-in loss."""
    X, y, weight = data
    options = {**SMALL, "hidden_layer_sizes": (7, 7), **options}
    model = fitted(MLPRegressor(SquaredError(), **options), X, y, weight)
    other = fitted(MLPRegressor(**options), X, y, weight)
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-8)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_any_number_of_threads(solver, rng):
    """Bitwise: wide enough to be shared among threads."""
    X = rng.standard_normal((900, 64)).astype(np.float32)
    y = X[:, :3] ** 2
    want = None
    for n_threads in (1, 2, 3):
        model = MLPRegressor(
            SquaredError(), (128,), solver=solver, batch_size=300, max_iter=2, random_state=0,
            n_threads=n_threads,
        )  # fmt: skip
        got = parameters(fitted(model, X, y))
        want = got if want is None else want
        np.testing.assert_array_equal(got, want)


def test_early_stopping_and_partial_fit(data):
    X, y, _ = data
    early = {**SMALL, "early_stopping": True, "max_iter": 30, "n_iter_no_change": 2, "tol": 1e-2}
    model, other = MLPRegressor(SquaredError(), **early), MLPRegressor(**early)
    fitted(model, X, y)
    np.testing.assert_allclose(model.validation_scores_, fitted(other, X, y).validation_scores_)
    assert model.n_iter_ == other.n_iter_
    model, other = MLPRegressor(SquaredError(), **SMALL), MLPRegressor(**SMALL)
    for _ in range(3):
        model.partial_fit(X, y)
        other.partial_fit(X, y)
    np.testing.assert_allclose(parameters(model), parameters(other), rtol=1e-9, atol=1e-12)
    assert model.t_ == 3 * len(X)


@pytest.mark.parametrize("output", ["logistic", "tanh", "exp", "softplus"])
def test_raw_is_before_the_output_activation(output, data):
    """Training does not see it; predictions go through it."""
    X, y, _ = data
    model = MLPRegressor(SquaredError(), output_activation=output, **SMALL)
    raw = fitted(clone(model).set_params(output_activation="identity"), X, y).predict(X)
    link = {"logistic": expit, "tanh": np.tanh, "exp": np.exp, "softplus": softplus}
    np.testing.assert_allclose(fitted(model, X, y).predict(X), link[output](raw), rtol=1e-10)


class Recorder(SquaredError):
    """Remembers what it was asked, and destroys it."""

    def __init__(self):
        self.calls = []

    def loss(self, y, raw, sample_weight):
        self.calls.append((y.copy(), raw.copy(), sample_weight))
        value = super().loss(y, raw, sample_weight)
        y[:], raw[:] = np.nan, np.nan
        if sample_weight is not None:
            sample_weight[:] = np.nan
        return value

    def gradient(self, y, raw, sample_weight):
        value = super().gradient(y, raw, sample_weight)
        y[:], raw[:] = np.nan, np.nan
        return value


def test_what_the_object_gets(data):
    """y as `fit` got it, raw and weights in the model's dtype, as copies."""
    X, y, weight = data
    for target in (y, y[:, 0]):
        loss = Recorder()
        model = MLPRegressor(loss, **SMALL, shuffle=False)
        before = target.copy()
        fitted(model, X.astype(np.float32), target, weight)
        np.testing.assert_array_equal(target, before)
        assert [len(call[0]) for call in loss.calls] == [50, 50, 30] * 4
        first_y, first_raw, first_weight = loss.calls[0]
        np.testing.assert_array_equal(first_y, target[:50].astype(np.float32))
        assert first_raw.shape == (50, target.reshape(130, -1).shape[1])
        assert first_y.dtype == first_raw.dtype == first_weight.dtype == np.float32
        other = fitted(
            MLPRegressor(SquaredError(), **SMALL, shuffle=False),
            X.astype(np.float32),
            target,
            weight,
        )
        np.testing.assert_array_equal(parameters(model), parameters(other))


def test_class_weight_is_in_sample_weight(data):
    X, y, _ = data
    seen = []

    def gradient(y, raw, sample_weight):
        seen.append((y, sample_weight))
        return LogLoss().gradient(y, raw, sample_weight)

    loss = LogLoss()
    loss.gradient = gradient
    fitted(MLPClassifier(loss=loss, class_weight={1: 3}, **SMALL), X, (y[:, 0] > 0).astype(int))
    for labels, weight in seen:
        np.testing.assert_array_equal(weight, np.where(labels == 1, 3, 1))


def test_a_row_of_weight_zero_is_absent(data):
    """Whatever the loss says of it."""
    X, y, weight = data

    def poisoned(method):
        def answer(y, raw, sample_weight):
            value = method(y, raw, sample_weight)
            value[sample_weight == 0] = np.nan
            return value

        return answer

    loss = with_methods(
        loss=poisoned(SquaredError().loss), gradient=poisoned(SquaredError().gradient)
    )
    model = fitted(MLPRegressor(loss, **SMALL), X, y, weight)
    np.testing.assert_array_equal(
        parameters(model), parameters(fitted(MLPRegressor(SquaredError(), **SMALL), X, y, weight))
    )


def test_mini_batches_without_weight_are_not_asked_for(data):
    X, y, weight = data
    weight[:50] = 0
    loss = Recorder()
    fitted(MLPRegressor(loss, **SMALL, shuffle=False), X, y, weight)
    assert [len(call[0]) for call in loss.calls] == [50, 30] * 4


def test_clone_and_pickle(data):
    X, y, _ = data
    model = fitted(MLPRegressor(SquaredError(), **SMALL), X, y)
    copies = pickle.loads(pickle.dumps(model)), fitted(clone(model), X, y)
    for copy in copies:
        assert type(copy.loss) is SquaredError
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


# --------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"loss": lambda y, raw, w: np.zeros(3)}, r"loss\(.*shape \(50,\), got the shape \(3,\)"),
        ({"loss": lambda y, raw, w: 1.0}, r"loss\(.*shape \(50,\), got the shape \(\)"),
        ({"loss": lambda y, raw, w: None}, r"loss\(.*shape \(50,\), got the shape \(\)"),
        ({"loss": lambda y, raw, w: [[1], [1, 2]]}, r"loss\(.*shape \(50,\): "),
        ({"loss": lambda y, raw, w: ["a"] * len(y)}, "must return floats, got <U1"),
        ({"loss": lambda y, raw, w: raw[:, 0] * 1j}, "must return floats, got complex128"),
        ({"loss": lambda y, raw, w: raw[:, 0] * np.inf}, r"loss\(.*not finite in float64"),
        # what becomes of raw - y where y has one axis
        ({"gradient": lambda y, raw, w: raw - y}, r"gradient\(.*shape \(50, 1\), got .*50, 50"),
        ({"gradient": lambda y, raw, w: raw * np.nan}, r"gradient\(.*not finite in float64"),
    ],
)  # fmt: skip
def test_answers_that_are_none(solver, methods, message, data):
    """Refused before the first step, which leaves the estimator as it was."""
    X, y = data[0][:50], data[1][:50, 0]
    model = MLPRegressor(with_methods(**methods), solver=solver, **SMALL)
    with pytest.raises(ValueError, match=message):
        fitted(model, X, y)
    assert not hasattr(model, "coefs_")
    model.loss = SquaredError()
    fitted(model, X, y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_its_exceptions_are_the_users(solver, data):
    X, y, _ = data
    model = fitted(MLPRegressor(SquaredError(), solver=solver, warm_start=True, **SMALL), X, y)
    before, curve = parameters(model).copy(), list(getattr(model, "loss_curve_", ()))
    calls = []

    def gradient(y, raw, sample_weight):
        calls.append(0)
        if len(calls) == 5:
            raise LookupError("no such row")
        return SquaredError().gradient(y, raw, sample_weight)

    model.loss = with_methods(gradient=gradient)
    with pytest.raises(LookupError, match="no such row"):
        model.fit(X, y)
    np.testing.assert_array_equal(parameters(model), before)
    assert list(getattr(model, "loss_curve_", ())) == curve


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_control_c_in_it_ends_training(solver, data):
    """As anywhere else in `fit`: the model of the last mini-batch, or iteration, and a warning."""
    X, y, _ = data
    calls = []

    def gradient(y, raw, sample_weight):
        calls.append(0)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return SquaredError().gradient(y, raw, sample_weight)

    model = MLPRegressor(
        with_methods(gradient=gradient), solver=solver, **{**SMALL, "max_iter": 500}
    )
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ > 0
    assert len(calls) == 20
    if solver != "lbfgs":
        assert model.n_iter_ == 6  # of 3 mini-batches; the 20th is the second of the next
    assert np.isfinite(model.predict(X)).all()


def test_divergence_is_the_trainings(data):
    """Where raw is not finite, the object is not blamed."""
    X, y, _ = data
    options = {**SMALL, "max_iter": 200, "learning_rate_init": 1e12, "solver": "sgd"}
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="Solver produced non-finite"):
        fitted(MLPRegressor(SquaredError(), **options), X * 1e3, y)


@pytest.mark.parametrize("loss", [object(), SquaredError, lambda y, m: y - m, None, 3])
def test_objects_without_the_methods_are_refused(loss, data):
    X, y, _ = data
    for model in (MLPRegressor(loss), MLPClassifier(loss=loss)):
        with pytest.raises(ValueError, match=r"'loss' parameter .*loss\(y, raw, sample_weight\)"):
            model.fit(X, y[:, 0] > 0)


def test_label_smoothing_is_refused(data):
    X, y, _ = data
    model = MLPClassifier(loss=LogLoss(), label_smoothing=0.1)
    with pytest.raises(ValueError, match=r"label_smoothing=0.1 cannot be combined with a loss"):
        model.fit(X, y[:, 0] > 0)
