"""Weights and other fitted attributes set by hand: written into, replaced, taken from elsewhere."""

import pickle

import numpy as np
import pytest
from estimators.models import proba_or_predict, sklearns
from sklearn.base import is_classifier

from fastmlp import MLPClassifier, MLPRegressor


def test_coefs_are_views(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    flat = estimator._weights.flat
    assert all(np.shares_memory(a, flat) for a in estimator.coefs_ + estimator.intercepts_)
    packed = np.concatenate([a.ravel() for a in estimator.coefs_ + estimator.intercepts_])
    np.testing.assert_array_equal(flat, packed)


def test_writing_into_coefs(Estimator, linear, quick):
    """In place, entry replaced, list replaced: predict and partial_fit follow what is there."""
    X, y = linear
    estimator = Estimator(**quick, random_state=0).fit(X, y > 0)
    theirs = sklearns(Estimator)(**quick, random_state=0).fit(X, y > 0)

    def change(model, how):
        if how == "in place":
            model.coefs_[0][:, 1] = 0.5
            model.intercepts_[1] += 0.25
        elif how == "entry":
            model.coefs_[1] = model.coefs_[1] * 2
        else:
            model.coefs_ = [c + 0.125 for c in model.coefs_]
            model.intercepts_ = [b.copy() for b in model.intercepts_]

    for how in ("in place", "entry", "list"):
        before = proba_or_predict(estimator, X)
        change(estimator, how)
        change(theirs, how)
        assert not np.allclose(proba_or_predict(estimator, X), before)
        np.testing.assert_allclose(proba_or_predict(estimator, X), proba_or_predict(theirs, X))
        estimator.partial_fit(X, y > 0)
        theirs.partial_fit(X, y > 0)
        np.testing.assert_allclose(proba_or_predict(estimator, X), proba_or_predict(theirs, X))
        for a, b in zip(estimator.coefs_, theirs.coefs_, strict=True):
            np.testing.assert_allclose(a, b)
        pickled = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(proba_or_predict(pickled, X), proba_or_predict(estimator, X))


def test_changed_entry_is_pickled(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    estimator.coefs_[0] = np.zeros_like(estimator.coefs_[0])
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.coefs_[0], 0)


@pytest.mark.parametrize(
    ("coefs", "intercepts"),
    [
        ([np.zeros((2, 3)), np.zeros((4, 1))], [np.zeros(3), np.zeros(1)]),
        ([np.zeros((2, 3)), np.zeros((3, 1))], [np.zeros(3), np.zeros(2)]),
        ([np.zeros((2, 3)), np.zeros((3, 1))], [np.zeros(3)]),
        ([np.zeros(3)], [np.zeros(3)]),
        ([], []),
    ],
)
def test_weights_that_form_no_network(Estimator, coefs, intercepts, quick):
    estimator = Estimator(**quick).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    estimator.coefs_, estimator.intercepts_ = coefs, intercepts
    with pytest.raises(ValueError, match="coefs_"):
        estimator.predict([[0.0, 1.0]])


def test_weights_of_another_width(Estimator, quick):
    X, y = np.array([[0.0, 1.0], [1.0, 0.0]]), [0, 1]
    estimator = Estimator(**quick).fit(X, y)
    estimator.coefs_[0] = np.zeros((3, 5))
    with pytest.raises(ValueError, match="coefs_"):
        estimator.partial_fit(X, y)


def test_attributes_of_a_sklearn_model_can_be_copied_over(Estimator, iris, quick):
    """People convert models so: setattr of everything that vars() of the other one has."""
    X, y = iris
    theirs = sklearns(Estimator)(**quick, early_stopping=True, random_state=0).fit(X, y)
    ours = Estimator()
    for name, value in vars(theirs).items():
        if name != "loss" or not is_classifier(ours):
            setattr(ours, name, value)
    np.testing.assert_allclose(proba_or_predict(ours, X), proba_or_predict(theirs, X))


def test_model_built_by_hand(quick):
    """A network set up by assigning attributes predicts without ever having been fitted."""
    model = MLPRegressor(activation="relu")
    model.coefs_ = [np.array([[1.0, -1.0]]), np.array([[1.0], [1.0]])]
    model.intercepts_ = [np.zeros(2), np.zeros(1)]
    model.n_layers_, model.n_outputs_, model.out_activation_ = 3, 1, "identity"
    model.n_features_in_ = 1
    np.testing.assert_array_equal(model.predict([[-3.0], [2.0]]), [3.0, 2.0])  # |x|


def test_log_proba_of_another_output(quick):
    """Weights and output set by hand: what there is a formula for."""
    model = MLPClassifier(**quick).fit([[0.0], [1.0]], [0, 1])
    model.out_activation_ = "exp"
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(
            model.predict_log_proba([[0.5]]), np.log(model.predict_proba([[0.5]]))
        )


def test_activation_changed_after_fit(Estimator, iris, quick):
    X, y = iris
    ours, theirs = (C(**quick, random_state=0).fit(X, y) for C in (Estimator, sklearns(Estimator)))
    for model in (ours, theirs):
        model.set_params(activation="logistic")
    np.testing.assert_allclose(proba_or_predict(ours, X), proba_or_predict(theirs, X))
