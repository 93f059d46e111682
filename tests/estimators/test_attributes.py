"""Attributes of fitted models are scikit-learn's: names, shapes, dtypes, classes, loss curves."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from estimators.models import proba_or_predict, sklearns

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp._base import MAX_PARTIAL_FIT_CURVE

HISTORY = ["loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_attributes_are_sklearns(Estimator, solver, early_stopping, iris):
    X, y = iris
    params = {"solver": solver, "early_stopping": early_stopping, "max_iter": 4, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        ours = Estimator(**params).fit(X, y)
    theirs = sklearns(Estimator)(**params).fit(X, y)
    public = {n for n in vars(theirs) if n.endswith("_") and not n.startswith("_")}
    assert {n for n in vars(ours) if n.endswith("_") and not n.startswith("_")} == public
    for name in public - {"coefs_", "intercepts_"}:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)) or np.allclose(
            getattr(ours, name), getattr(theirs, name)
        ), name
    assert [c.shape for c in ours.coefs_] == [c.shape for c in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    assert type(ours.coefs_) is list
    assert type(ours.loss_) is float
    assert type(ours.t_) is int


def test_lbfgs_leaves_history_unset(Estimator, linear):
    X, y = linear
    estimator = Estimator(solver="lbfgs", tol=1e-2, hidden_layer_sizes=2, random_state=0)
    estimator.fit(X, y > 0)
    for name in [*HISTORY, "_optimizer"]:
        assert not hasattr(estimator, name)
    assert estimator.t_ == 0
    assert estimator.n_iter_ > 0


def test_lbfgs_after_adam_leaves_no_old_history(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    assert hasattr(estimator, "loss_curve_")
    estimator.set_params(solver="lbfgs", max_iter=500, tol=1e-2).fit(X, y > 0)
    for name in [*HISTORY, "_optimizer"]:
        assert not hasattr(estimator, name)


@pytest.mark.parametrize(
    ("y", "output", "n_outputs"),
    [
        ([0, 1, 1, 0], "logistic", 1),
        ([3, 3, 3, 3], "logistic", 1),
        ([0, 1, 2, 0], "softmax", 3),
        ([[0, 1], [1, 0], [1, 1], [0, 1]], "logistic", 2),
    ],
)
def test_classifier_output_layer(y, output, n_outputs, quick):
    X = np.arange(8.0).reshape(4, 2)
    classifier = MLPClassifier(**quick).fit(X, y)
    assert (classifier.out_activation_, classifier.n_outputs_) == (output, n_outputs)
    assert classifier.n_layers_ == 3
    assert classifier.predict(X).shape == np.shape(y)
    assert classifier.predict_proba(X).shape == (4, max(n_outputs, 2))


@pytest.mark.parametrize(("loss", "output"), [("squared_error", "identity"), ("poisson", "exp")])
def test_regressor_output_layer(loss, output, quick):
    X, y = np.arange(8.0).reshape(4, 2), np.arange(12.0).reshape(4, 3)
    regressor = MLPRegressor(loss, **quick).fit(X, y)
    assert (regressor.out_activation_, regressor.n_outputs_) == (output, 3)
    assert regressor.predict(X).shape == (4, 3)
    assert regressor.fit(X, y[:, 0]).predict(X).shape == (4,)


@pytest.mark.parametrize("sizes", [(), (3,), (4, 3, 2)])
def test_hidden_layer_sizes_shape_the_network(Estimator, sizes, iris, quick):
    X, y = iris
    estimator = Estimator(**quick | {"hidden_layer_sizes": sizes}).fit(X, y)
    widths = [4, *sizes, estimator.n_outputs_]
    assert estimator.n_layers_ == len(widths)
    assert [c.shape for c in estimator.coefs_] == list(pairwise(widths))
    assert [b.shape for b in estimator.intercepts_] == [(w,) for w in widths[1:]]


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_dtype_of_x_is_kept(Estimator, solver, dtype, iris, quick):
    X, y = iris
    params = quick | ({"max_iter": 500, "tol": 0.1} if solver == "lbfgs" else {})
    estimator = Estimator(solver=solver, **params).fit(X.astype(dtype), y)
    assert {a.dtype for a in estimator.coefs_ + estimator.intercepts_} == {dtype}
    assert proba_or_predict(estimator, X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("fitted", "given", "result"),
    [("f4", "f8", "f8"), ("f8", "f4", "f8"), ("f4", "i8", "f8"), ("f4", "f2", "f4")],
)
def test_dtype_at_predict_follows_numpy(Estimator, fitted, given, result, iris, quick):
    X, y = iris
    estimator = Estimator(**quick, random_state=0).fit(X.astype(fitted), y)
    theirs = sklearns(Estimator)(**quick, random_state=0).fit(X.astype(fitted), y)
    predicted = proba_or_predict(estimator, X.astype(given))
    assert predicted.dtype == np.dtype(result) == proba_or_predict(theirs, X.astype(given)).dtype
    # float16 makes no difference to which precision is used
    np.testing.assert_allclose(predicted, proba_or_predict(theirs, X.astype(given)), rtol=2e-3)


def test_classes_of_any_type(iris, quick):
    X, y = iris
    for labels in (["b", "a", "c"], [10, -3, 7], [True, False], [0.0, 1.0, 2.0]):
        target = np.array(labels)[y % len(labels)]
        as_object = target.astype(object) if isinstance(labels[0], str) else target.tolist()
        for given in (target, as_object):
            classifier = MLPClassifier(**quick).fit(X, given)
            np.testing.assert_array_equal(classifier.classes_, np.unique(labels))
            assert set(classifier.predict(X)) <= set(labels)


def test_refit_starts_anew(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick, random_state=0).fit(X, y > 0)
    curve, t = estimator.loss_curve_, estimator.t_
    estimator.fit(X, y > 0)
    assert estimator.loss_curve_ == curve
    assert estimator.loss_curve_ is not curve
    assert estimator.t_ == t == 300


def test_partial_fit_curve_is_bounded(monkeypatch):
    monkeypatch.setattr("fastmlp._base.MAX_PARTIAL_FIT_CURVE", 5)
    assert MAX_PARTIAL_FIT_CURVE == 10_000
    model = MLPRegressor(hidden_layer_sizes=2, random_state=0)
    losses = [model.partial_fit([[0.0], [1.0]], [0.0, 1.0]).loss_ for _ in range(12)]
    assert model.loss_curve_ == losses[-5:]
    assert (model.t_, model.n_iter_) == (24, 1)
