"""Private names of scikit-learn's classes that people use, and those that subclasses override."""

from itertools import pairwise

import numpy as np
import pytest
from estimators.models import sklearns
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPRegressor

# --------------------------------------------------------------------------------------------- used


def test_optimizer_attributes(Estimator, linear, quick):
    X, y = linear
    adam = Estimator(**quick, learning_rate_init=0.01).fit(X, y > 0)._optimizer
    shapes = [(5, 5), (5, 1), (5,), (1,)]
    assert [m.shape for m in adam.ms] == [v.shape for v in adam.vs] == shapes
    assert adam.t == 3  # one batch in each of three epochs
    assert adam.learning_rate == pytest.approx(0.01 * np.sqrt(1 - 0.999**3) / (1 - 0.9**3))
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-8)
    sgd = Estimator(solver="sgd", **quick).fit(X, y > 0)._optimizer
    assert [v.shape for v in sgd.velocities] == shapes
    assert (sgd.learning_rate, sgd.momentum, sgd.nesterov) == (0.001, 0.9, True)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_optimizer_state_is_sklearns(Estimator, solver, iris):
    X, y = iris
    params = {"solver": solver, "max_iter": 4, "hidden_layer_sizes": 5, "random_state": 0}
    ours = Estimator(**params).fit(X, y)._optimizer
    theirs = sklearns(Estimator)(**params).fit(X, y)._optimizer
    assert ours.learning_rate == pytest.approx(theirs.learning_rate, rel=1e-12)
    for name in ["velocities"] if solver == "sgd" else ["ms", "vs"]:
        for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_optimizer_can_be_steered_between_partial_fits(linear):
    """As in scikit-learn: set_params has no effect on a running optimizer, its attributes have."""
    X, y = linear
    models = [
        Class(hidden_layer_sizes=3, solver="sgd", random_state=0).partial_fit(X, y)
        for Class in (MLPRegressor, sklearns(MLPRegressor))
    ]
    for model in models:
        model.set_params(learning_rate_init=1.0)
        model._optimizer.learning_rate = 0.01
        model.partial_fit(X, y).partial_fit(X, y)
    np.testing.assert_allclose(models[0].loss_curve_, models[1].loss_curve_)


def test_forward_pass(Estimator, iris, quick):
    X, y = iris
    estimator = Estimator(**quick | {"hidden_layer_sizes": (4, 3)}, activation="tanh").fit(X, y)
    activations = estimator._forward_pass([X, None, None, None])
    np.testing.assert_allclose(
        activations[1], np.tanh(X @ estimator.coefs_[0] + estimator.intercepts_[0])
    )
    assert activations[2].shape == (150, 3)
    np.testing.assert_allclose(activations[3], estimator._forward_pass_fast(X))
    np.testing.assert_array_equal(
        estimator._forward_pass_fast(X, check_input=False), estimator._forward_pass_fast(X)
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_grad_lbfgs(Estimator, weighted, iris, quick):
    X, y = iris
    params = quick | {"alpha": 0.1, "solver": "lbfgs", "max_iter": 100}
    ours, theirs = (C(**params, random_state=0).fit(X, y) for C in (Estimator, sklearns(Estimator)))
    Y = np.eye(3)[y] if ours.n_outputs_ == 3 else y[:, None].astype(float)
    weight = np.random.RandomState(0).uniform(size=150) if weighted else None
    theta = np.concatenate([a.ravel() for a in ours.coefs_ + ours.intercepts_]) + 0.01
    results = []
    for model in (ours, theirs):
        lists = [[X] + [None] * 2, [None] * 2, [None] * 2, [None] * 2]
        loss, grad = model._loss_grad_lbfgs(theta, X, Y, weight, *lists)
        results.append((loss, grad, *lists[2], *lists[3]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(ours.coefs_[0], theirs.coefs_[0])  # theta is in the model now


def test_indptr(Estimator, iris, quick):
    X, y = iris
    ours = Estimator(**quick).fit(X, y)
    theirs = sklearns(Estimator)(hidden_layer_sizes=5, solver="lbfgs", tol=10.0).fit(X, y)
    assert ours._coef_indptr == theirs._coef_indptr
    assert ours._intercept_indptr == theirs._intercept_indptr


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_private_names(Estimator, iris):
    X, y = iris
    estimator = Estimator(early_stopping=True, max_iter=3, random_state=3).fit(X, y)
    assert isinstance(estimator._random_state, np.random.RandomState)
    assert estimator._no_improvement_count >= 0
    for best, coef in zip(estimator._best_coefs, estimator.coefs_, strict=True):
        np.testing.assert_array_equal(best, coef)
    assert len(estimator._best_intercepts) == 2
    if is_classifier(estimator):
        np.testing.assert_array_equal(estimator._label_binarizer.classes_, [0, 1, 2])


# --------------------------------------------------------------------------------------- overridden


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_overridden_score_decides(linear):
    """A subclass with a score of its own: it is asked every epoch, on the current weights."""
    X, y = linear
    seen = []

    class Contrary(MLPRegressor):
        def _score(self, X, y, sample_weight=None):
            seen.append(self.predict(X).copy())
            return -float(len(seen))  # every epoch is worse than the one before

    model = Contrary(early_stopping=True, max_iter=4, random_state=0, hidden_layer_sizes=3)
    model.fit(X, y)
    assert model.validation_scores_ == [-1.0, -2.0, -3.0, -4.0]
    assert all(not np.array_equal(a, b) for a, b in pairwise(seen))
    assert model.best_validation_score_ == -1.0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("multilabel", [False, True])
def test_overridden_predict_is_scored(Estimator, multilabel, linear):
    """scikit-learn scores with what predict calls, so a subclass's own counts in validation."""
    X, y = linear
    y = np.column_stack([y > 0, X[:, 0] > 0]).astype(int) if multilabel else (y > 0).astype(int)

    def run(Base):
        class Constant(Base):
            def _predict(self, X, check_input=True):
                return np.ones_like(y[: X.shape[0]])

        return Constant(early_stopping=True, max_iter=2, random_state=0).fit(X, y)

    ours, theirs = run(Estimator), run(sklearns(Estimator))
    assert ours.validation_scores_ == theirs.validation_scores_


def test_overridden_predict_that_is_not_finite(linear):
    class Broken(MLPRegressor):
        def _predict(self, X, check_input=True):
            return np.full(X.shape[0], np.nan)

    X, y = linear
    with pytest.warns(ConvergenceWarning):
        model = Broken(early_stopping=True, max_iter=2).fit(X, y)
    assert np.isnan(model.validation_scores_).all()
