"""When training stops: patience, early stopping, and the validation scores that decide."""

import warnings

import numpy as np
import pytest
from estimators.models import sklearns
from sklearn.base import is_classifier

from fastmlp import MLPClassifier, MLPRegressor


@pytest.mark.parametrize("n_iter_no_change", [1, 3, 10])
def test_patience(Estimator, n_iter_no_change, linear):
    """Training stops when the count of epochs without progress exceeds n_iter_no_change."""
    X, y = linear
    estimator = Estimator(n_iter_no_change=n_iter_no_change, tol=1e6, hidden_layer_sizes=3)
    estimator.fit(X, y > 0)
    assert estimator._no_improvement_count == n_iter_no_change + 1
    assert estimator.n_iter_ == n_iter_no_change + 2  # the first epoch beats infinity


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping_attributes(Estimator, linear):
    X, y = linear
    estimator = Estimator(early_stopping=True, max_iter=8, random_state=0).fit(X, y > 0)
    assert estimator.best_loss_ is None
    assert len(estimator.validation_scores_) == len(estimator.loss_curve_) == 8
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)
    estimator.set_params(early_stopping=False).fit(X, y > 0)
    assert estimator.validation_scores_ is None
    assert estimator.best_validation_score_ is None
    assert estimator.best_loss_ == min(estimator.loss_curve_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_validation_score_is_that_of_sklearn_metrics(Estimator, iris):
    """The cheap scores are the floats of sklearn.metrics on the same rows, weights included."""
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import train_test_split

    X, y = iris
    weight = np.random.RandomState(0).uniform(size=len(y))
    estimator = Estimator(
        early_stopping=True, max_iter=1, random_state=np.random.RandomState(3), tol=0
    )
    estimator.fit(X, y, weight)
    # The same draws: initial weights of 4-100-3 or 4-100-1, then the split.
    state = np.random.RandomState(3)
    for coef in estimator.coefs_:
        state.uniform(size=coef.shape)
        state.uniform(size=coef.shape[1])
    _, rows = train_test_split(np.arange(len(y)), test_size=0.1, random_state=state)
    score = accuracy_score if is_classifier(estimator) else r2_score
    expected = score(y[rows], estimator.predict(X[rows]), sample_weight=weight[rows])
    assert estimator.validation_scores_ == [expected]


def test_single_class_is_always_right(quick):
    X = np.random.RandomState(0).normal(size=(40, 3))
    model = MLPClassifier(**quick, early_stopping=True).fit(X, ["only"] * 40)
    assert set(model.validation_scores_) == {1.0}
    model.intercepts_[-1][:] = 50.0
    assert set(model.predict(X)) == {"only"}
    assert model.predict_proba(X).shape == (40, 2)


def test_diverging_scores_are_nan_and_the_start_is_restored(linear):
    """As in scikit-learn: no error, the best weights are those before the first epoch."""
    X, y = linear
    for Class in (MLPRegressor, sklearns(MLPRegressor)):
        model = Class(
            early_stopping=True, max_iter=30, solver="sgd", learning_rate_init=1e3, random_state=0,
            activation="identity",
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        assert str(model.validation_scores_[-1]) == "nan"
        assert type(model.validation_scores_[-1]) is float
        assert len(model.validation_scores_) == model.n_iter_ == 30
        assert np.isfinite(model.predict(X)).all()
