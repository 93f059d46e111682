"""Defects of scikit-learn 1.9.1 that are not repeated here, and those that are, for the same seed.

One test or more for each row of the table in the contract. Where scikit-learn's behaviour is part
of "the same seed gives the same model", it is kept, and the test says so.
"""

import copy
import pickle
import re
import sysconfig
import timeit
import tracemalloc
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ----------------------------------------------------------- best weights with early stopping


@pytest.fixture
def noise():
    """Labels that have nothing to do with X: scores go up and down, the best epoch is early."""
    rng = np.random.RandomState(0)
    return rng.normal(size=(200, 5)), rng.randint(0, 2, 200)


def validation_rows(model, X, y, n_hidden):
    """The rows held out by a fit with random_state=0."""
    state = np.random.RandomState(0)
    sizes = [X.shape[1], n_hidden, 1]
    for n_in, n_out in pairwise(sizes):
        state.uniform(size=(n_in, n_out))
        state.uniform(size=n_out)
    stratify = np.where(y, "True", "False")
    return train_test_split(np.arange(len(y)), test_size=0.1, random_state=state, stratify=stratify)


def test_best_weights_are_restored(noise):
    X, y = noise
    model = MLPClassifier(
        (20,), early_stopping=True, random_state=0, max_iter=60, learning_rate_init=0.05, tol=0
    )
    model.fit(X, y)
    _, rows = validation_rows(model, X, y, 20)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.validation_scores_[-1] < model.best_validation_score_  # or it shows nothing
    assert accuracy_score(y[rows], model.predict(X[rows])) == model.best_validation_score_


def test_best_weights_survive_warm_start(linear):
    """scikit-learn trains on in the snapshot itself and loses it."""
    X, y = linear
    params = {
        "hidden_layer_sizes": 20, "early_stopping": True, "warm_start": True, "random_state": 0,
        "learning_rate_init": 0.01, "max_iter": 40, "n_iter_no_change": 50,
    }  # fmt: skip
    model = MLPRegressor(**params).fit(X, y)
    best, n_epochs, coefs = model.best_validation_score_, model.n_iter_, copy.deepcopy(model.coefs_)
    model.set_params(max_iter=5, learning_rate_init=10.0).fit(X, y)  # makes everything worse
    assert len(model.validation_scores_) == n_epochs + 5
    assert max(model.validation_scores_[n_epochs:]) < best  # or it shows nothing
    assert model.best_validation_score_ == best
    for now, then in zip(model.coefs_, coefs, strict=True):
        np.testing.assert_array_equal(now, then)

    theirs = sklearn.neural_network.MLPRegressor(**params).fit(X, y)
    then = copy.deepcopy(theirs.coefs_[0])
    theirs.set_params(max_iter=5, learning_rate_init=10.0).fit(X, y)
    assert not np.array_equal(theirs.coefs_[0], then)  # the defect


def test_warm_start_leaves_the_old_arrays_alone(Estimator, linear):
    X, y = linear
    model = Estimator(max_iter=3, hidden_layer_sizes=3, warm_start=True).fit(X, y > 0)
    held, before = model.coefs_[0], model.coefs_[0].copy()
    model.fit(X, y > 0)
    np.testing.assert_array_equal(held, before)
    assert not np.array_equal(model.coefs_[0], before)


# --------------------------------------------------------------------------------- stratification


def test_split_is_stratified_for_two_classes():
    X = np.zeros((40, 1))
    y = np.array([1] * 4 + [0] * 36)
    seen = []

    class Spy(MLPClassifier):
        def _score(self, X, y, sample_weight=None):
            seen.append(y)
            return 0.0

    for seed in range(5):
        Spy(early_stopping=True, validation_fraction=0.25, max_iter=1, random_state=seed).fit(X, y)
    assert [labels.sum() for labels in seen] == [1] * 5


def test_split_is_sklearns_for_more_classes(iris):
    """Kept: not stratified, although scikit-learn's documentation says so (same seed)."""
    X, y = iris
    curves = [
        module.MLPClassifier((5,), early_stopping=True, max_iter=5, random_state=1).fit(X, y)
        for module in (sklearn.neural_network, fastmlp)
    ]
    np.testing.assert_allclose(curves[0].loss_curve_, curves[1].loss_curve_)
    assert curves[0].validation_scores_ == curves[1].validation_scores_


# -------------------------------------------------------------------------------- sample weights


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_mini_batch_without_weight_does_no_step(Estimator, solver, linear):
    X, y = linear
    weight = np.ones(100)
    weight[20:50] = 0
    params = {
        "hidden_layer_sizes": 4, "solver": solver, "batch_size": 10, "shuffle": False,
        "random_state": 0, "max_iter": 5,
    }  # fmt: skip
    model = Estimator(**params).fit(X, y > 0, weight)
    without = Estimator(**params).fit(
        np.delete(X, slice(20, 50), 0), np.delete(y, slice(20, 50)) > 0
    )
    for a, b in zip(model.coefs_, without.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    if solver == "adam":
        assert model._optimizer.t == 5 * 7
    with pytest.raises(ZeroDivisionError, match="Weights sum to zero"):  # the defect
        getattr(sklearn.neural_network, Estimator.__name__)(**params).fit(X, y > 0, weight)


def test_validation_rows_without_weight_are_refused(linear):
    X, y = linear
    weight = np.zeros(100)
    weight[0] = 1.0
    with pytest.raises(ValueError, match="sample weights of the validation set are all zero"):
        MLPRegressor(early_stopping=True, random_state=0).fit(X, y, weight)


# ----------------------------------------------------------------------------------------- L-BFGS


def test_regressor_hides_partial_fit_for_lbfgs():
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")
    assert hasattr(sklearn.neural_network.MLPRegressor(solver="lbfgs"), "partial_fit")  # the defect


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_lbfgs_keeps_float32_and_still_converges(activation, digits):
    X, y = digits
    X, y = X[:600], y[:600]
    scores = []
    for dtype in (np.float32, np.float64):
        model = MLPClassifier((20,), activation, solver="lbfgs", random_state=0, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a line search that fails in float32 would warn
            model.fit(X.astype(dtype), y)
        assert {a.dtype for a in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}
        scores.append(model.loss_)
    assert scores[0] < 1e-3
    assert scores[0] == pytest.approx(scores[1], abs=2e-4)
    theirs = sklearn.neural_network.MLPClassifier((20,), solver="lbfgs", max_iter=5)
    assert theirs.fit(X.astype(np.float32), y).coefs_[0].dtype == np.float64  # the defect


# ------------------------------------------------------------------------------- probabilities


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_proba_of_saturated_outputs_is_finite(n_classes, dtype, iris):
    X, y = iris
    X, y = X[y < n_classes].astype(dtype), y[y < n_classes]
    model = MLPClassifier((8,), random_state=0, max_iter=100).fit(X, y)
    X = X * 1000
    proba, log_proba = model.predict_proba(X), model.predict_log_proba(X)
    assert (proba == 0).any()
    assert np.isfinite(log_proba).all()
    assert log_proba.dtype == dtype
    # and right: in float64 from the raw scores
    z = model._forward(X, raw=True).astype(np.float64)
    scores = np.hstack([np.zeros_like(z), z]) if n_classes == 2 else z
    expected = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    np.testing.assert_allclose(log_proba, expected, rtol=1e-5, atol=100 * np.finfo(dtype).eps)


def test_log_proba_of_multilabel_is_finite_and_keeps_ties():
    X = np.random.RandomState(0).normal(size=(60, 4))
    Y = (X[:, :3] > 0).astype(int)
    model = MLPClassifier((8,), solver="lbfgs", alpha=0, random_state=0).fit(X, Y)
    ties = 0
    for scale in (1, 3, 10, 30, 1e4):
        proba, log_proba = model.predict_proba(X * scale), model.predict_log_proba(X * scale)
        assert np.isfinite(log_proba).all()
        sure = (proba == 1).sum(axis=1) > 1
        ties += sure.sum()
        best = proba[sure].argmax(axis=1)
        np.testing.assert_array_equal(best, log_proba[sure].argmax(axis=1))
    assert (proba == 0).any()
    assert ties > 20


# --------------------------------------------------------------------------------- size in bytes


@pytest.mark.parametrize("early_stopping", [False, True])
def test_pickle_holds_the_weights_once(Estimator, early_stopping, linear):
    X, y = linear
    model = Estimator(hidden_layer_sizes=(300, 300), max_iter=2, early_stopping=early_stopping).fit(
        X, y > 0
    )
    weights = sum(a.nbytes for a in model.coefs_ + model.intercepts_)
    assert len(pickle.dumps(model)) < 1.01 * weights + 5000
    theirs = getattr(sklearn.neural_network, Estimator.__name__)(
        hidden_layer_sizes=(300, 300), max_iter=2
    )
    assert len(pickle.dumps(theirs.fit(X, y > 0))) > 3.9 * weights  # the defect


def test_partial_fit_does_not_grow():
    X, y = np.array([[0.0], [1.0]]), np.array([0.0, 1.0])
    model = MLPRegressor(hidden_layer_sizes=2, random_state=0)
    for _ in range(20):
        model.partial_fit(X, y)
    model.loss_curve_ *= 600
    sizes = []
    for _ in range(3):
        model.partial_fit(X, y)
        sizes.append(len(pickle.dumps(model)))
    assert len(model.loss_curve_) == 10_000
    assert max(sizes) - min(sizes) < 100


@pytest.mark.thread_unsafe(reason="tracemalloc counts the memory of all threads")
def test_sparse_x_is_not_made_dense():
    """100,000 features, 5 in a row: a dense copy of X would be 160 MB."""
    rng = np.random.RandomState(0)
    n, n_features, per_row = 200, 100_000, 5
    X = sp.csr_array(
        (
            rng.normal(size=n * per_row),
            rng.randint(0, n_features, n * per_row),
            np.arange(0, n * per_row + 1, per_row),
        ),
        shape=(n, n_features),
    )
    model = MLPRegressor(hidden_layer_sizes=2, max_iter=2, random_state=0)
    tracemalloc.start()
    model.fit(X, X.sum(axis=1)).predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    weights = sum(a.nbytes for a in model.coefs_ + model.intercepts_)
    assert peak < 20 * weights < 160e6


# ----------------------------------------------------------------------------------- said aloud


def test_settings_without_effect_are_reported(Estimator, linear):
    X, y = linear
    with pytest.warns(UserWarning, match="early_stopping=True has no effect with solver='lbfgs'"):
        Estimator(solver="lbfgs", early_stopping=True, tol=10.0).fit(X, y > 0)
    with pytest.warns(UserWarning, match="learning_rate='adaptive' has no effect with solver='ad"):
        Estimator(learning_rate="adaptive", tol=1e6, n_iter_no_change=1).fit(X, y > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        Estimator(solver="sgd", learning_rate="adaptive", max_iter=1).fit(X, y > 0)


def test_poisson_refuses_negative_targets(linear):
    """scikit-learn trains and reports a loss of NaN."""
    X, y = linear
    with pytest.raises(ValueError, match="out of the valid range of loss='poisson'"):
        MLPRegressor("poisson").fit(X, y)


def test_divergence_ends_training_at_once(Estimator, linear):
    """scikit-learn trains on with NaN until max_iter, then raises the same error."""
    X, y = linear
    lines = []

    class Counting(Estimator):
        @property
        def loss_curve_(self):
            return lines

        @loss_curve_.setter
        def loss_curve_(self, value):
            pass

    model = Counting(solver="sgd", learning_rate_init=1e200, max_iter=10_000)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.fit(X, y > 0)
    assert len(lines) < 20


# -------------------------------------------------------------------- kept, with the same seed


def test_patience_is_one_epoch_longer_than_said(Estimator, linear):
    """Kept: n_iter_no_change=3 ends after 1 + 3 + 1 epochs."""
    X, y = linear
    params = {"tol": 1e6, "n_iter_no_change": 3, "hidden_layer_sizes": 3}
    theirs = getattr(sklearn.neural_network, Estimator.__name__)(**params).fit(X, y > 0)
    assert Estimator(**params).fit(X, y > 0).n_iter_ == theirs.n_iter_ == 5


def test_alpha_is_divided_by_the_batch_size(linear):
    """Kept: smaller batches mean a stronger penalty (#10477)."""
    X, y = linear
    losses = {
        Class.__module__: [
            Class(hidden_layer_sizes=3, alpha=10.0, batch_size=size, max_iter=1, random_state=0)
            .fit(X, y)
            .loss_
            for size in (10, 100)
        ]
        for Class in (MLPRegressor, sklearn.neural_network.MLPRegressor)
    }
    ours, theirs = losses.values()
    np.testing.assert_allclose(ours, theirs)
    assert ours[0] > 1.5 * ours[1]


# ------------------------------------------------------------------------------ cost of a call


@pytest.mark.thread_unsafe(reason="measures time")
@pytest.mark.parametrize("method", ["predict", "partial_fit"])
def test_calls_with_one_row_are_cheap(Estimator, method, linear):
    """A ratio in one process, best of many, so that a busy machine does not decide."""
    before_1_9 = re.match(r"1\.[78]\.", sklearn.__version__)  # whose calls check less
    without_gil = sysconfig.get_config_var("Py_GIL_DISABLED")  # Python is slower, C is not
    factor = 2 if before_1_9 or without_gil else 4
    X, y = linear
    y = (y > 0).astype(int)
    row = X[:1].copy()
    times = []
    for Class in (Estimator, getattr(sklearn.neural_network, Estimator.__name__)):
        model = Class(hidden_layer_sizes=16, max_iter=2, random_state=0).fit(X, y)
        call = getattr(model, method)
        args = (row,) if method == "predict" else (row, y[:1])
        times.append(
            min(timeit.repeat(lambda call=call, args=args: call(*args), number=20, repeat=15))
        )
    assert times[0] * factor < times[1]
