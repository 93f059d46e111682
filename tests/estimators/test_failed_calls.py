"""What a call that fails leaves: the model of before, or none if there was none."""

import copy
import warnings

import numpy as np
import pytest
from estimators.models import proba_or_predict
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError


def test_failed_fit_changes_nothing(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick, warm_start=True, random_state=0).fit(X, y > 0)
    state = {k: copy.deepcopy(v) for k, v in vars(estimator).items() if k != "_weights"}
    predicted = proba_or_predict(estimator, X)
    explosion = {"solver": "sgd", "learning_rate_init": 1e300, "momentum": 0.0}
    for bad_fit in (
        lambda e: e.fit(X[:, :2], y > 0),
        lambda e: e.fit(X, np.where(y > 0, np.nan, 0)),
        lambda e: e.partial_fit(X, y[:5] > 0),
        lambda e: e.set_params(early_stopping=True, validation_fraction=0.001).fit(X, y > 0),
        lambda e: e.set_params(early_stopping=False, **explosion).fit(X * 1e10, y > 0),
    ):
        with pytest.raises(ValueError):
            bad_fit(estimator)
        estimator.set_params(**clone(Estimator(**quick, warm_start=True)).get_params())
        np.testing.assert_array_equal(proba_or_predict(estimator, X), predicted)
        after = {k: v for k, v in vars(estimator).items() if k != "_weights"}
        assert after.keys() == state.keys()
        assert after["loss_curve_"] == state["loss_curve_"]
        assert after["t_"] == state["t_"]
        assert vars(after["_optimizer"]).keys() == vars(state["_optimizer"]).keys()
        assert after["_optimizer"].t == state["_optimizer"].t


def test_first_fit_that_fails_leaves_no_model(Estimator, linear):
    X, y = linear
    estimator = Estimator(solver="sgd", learning_rate_init=1e300, alpha=1.0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        estimator.fit(X, y > 0)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    assert vars(estimator).keys() == estimator.get_params().keys()


def test_warning_as_error_leaves_a_complete_model(Estimator, linear):
    X, y = linear
    estimator = Estimator(max_iter=2, hidden_layer_sizes=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            estimator.fit(X, y > 0)
    assert estimator.predict(X).shape == (100,)
