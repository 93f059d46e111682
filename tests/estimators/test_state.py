"""The contract's other half: weights set by hand, copies, private names, subclasses, failures."""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import joblib
import numpy as np
import pytest
import sklearn
import sklearn.neural_network
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp._base import MAX_PARTIAL_FIT_CURVE


def sklearns(Estimator):
    """scikit-learn's class of the same name."""
    return getattr(sklearn.neural_network, Estimator.__name__)


def proba_or_predict(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


# ----------------------------------------------------------------------- weights by hand, pickling


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


def pickled(estimator, tmp_path):
    return pickle.loads(pickle.dumps(estimator))


def joblibbed(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "model")
    return joblib.load(tmp_path / "model")


def memory_mapped(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "model")
    return joblib.load(tmp_path / "model", mmap_mode="r")


def deep_copied(estimator, tmp_path):
    return copy.deepcopy(estimator)


COPIES = [pickled, joblibbed, memory_mapped, deep_copied]


@pytest.mark.parametrize("make_copy", COPIES)
@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_copies_predict_and_train_on(Estimator, make_copy, solver, linear, quick, tmp_path):
    X, y = linear
    params = quick | ({"max_iter": 500, "tol": 0.1} if solver == "lbfgs" else {})
    estimator = Estimator(solver=solver, random_state=0, **params).fit(X, y > 0)
    before = proba_or_predict(estimator, X)
    twin = make_copy(estimator, tmp_path)
    check_is_fitted(twin)
    np.testing.assert_array_equal(proba_or_predict(twin, X), before)
    assert all(np.shares_memory(a, twin._weights.flat) for a in twin.coefs_ + twin.intercepts_)
    assert vars(twin).keys() - {"_weights"} == vars(estimator).keys() - {
        "_weights", "_random_state", "_own_random_state",
    }  # fmt: skip
    if solver != "lbfgs":
        twin.partial_fit(X, y > 0)
        assert not np.array_equal(proba_or_predict(twin, X), before)
    np.testing.assert_array_equal(proba_or_predict(estimator, X), before)
    twin.fit(X, y > 0)
    np.testing.assert_array_equal(proba_or_predict(twin, X), before)


def test_deep_copy_keeps_moments(Estimator, linear, quick):
    """Training on gives the same model for the copy and the original."""
    X, y = linear
    estimator = Estimator(**quick, random_state=0).fit(X, y > 0)
    twin = copy.deepcopy(estimator)
    for model in (estimator, twin):
        model.partial_fit(X, y > 0)
    np.testing.assert_array_equal(twin.coefs_[0], estimator.coefs_[0])
    assert not np.shares_memory(twin._optimizer.state, estimator._optimizer.state)


def test_training_on_after_pickling_starts_with_new_moments(linear, quick):
    X, y = linear
    estimator = MLPRegressor(**quick, random_state=0).fit(X, y)
    assert estimator._optimizer.t > 0
    loaded = pickle.loads(pickle.dumps(estimator))
    assert loaded._optimizer.ms == []
    loaded.partial_fit(X, y)
    assert loaded._optimizer.t == 1  # or Adam's correction would not fit its moments of zero
    sgd = MLPRegressor(**quick, solver="sgd", learning_rate="invscaling").fit(X, y)
    assert pickle.loads(pickle.dumps(sgd))._optimizer.learning_rate == sgd._optimizer.learning_rate


def test_unfitted_pickle(Estimator):
    assert pickle.loads(pickle.dumps(Estimator(alpha=0.5))).alpha == 0.5


def test_pickle_from_another_version_warns(Estimator, linear, quick, monkeypatch):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    monkeypatch.setattr("fastmlp._state.__version__", "0.0.1")
    data = pickle.dumps(estimator)
    monkeypatch.undo()
    with pytest.warns(sklearn.exceptions.InconsistentVersionWarning) as record:
        loaded = pickle.loads(data)
    assert "from fastmlp version 0.0.1 when using version" in str(record[0].message)
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


def test_pickle_from_a_machine_with_other_byte_order(Estimator, dtype, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X.astype(dtype), y > 0)
    state = estimator.__getstate__()
    flat, layer_sizes = state["_params"]
    state["_params"] = flat.astype(flat.dtype.newbyteorder(">")), layer_sizes
    loaded = Estimator.__new__(Estimator)
    loaded.__setstate__(state)
    assert loaded.coefs_[0].dtype == dtype
    assert loaded.coefs_[0].dtype.isnative
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


# ----------------------------------------------------------------------------- old private names


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


# ----------------------------------------------------------------------- what a failed call leaves


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


def test_concurrent_fit_of_one_object(Estimator, linear, quick):
    """A second fit while the first is running is an error, not a race."""
    X, y = linear
    estimator = Estimator(**quick, early_stopping=True)
    errors = []

    class Reentrant(type(estimator)):
        def _score(self, X_val, y_val, sample_weight=None):
            try:
                self.fit(X, y > 0)
            except RuntimeError as error:
                errors.append(str(error))
            return 0.0

    Reentrant(**quick, early_stopping=True).fit(X, y > 0)
    assert errors
    assert "is being fitted in another thread" in errors[0]


def test_predict_from_many_threads(Estimator, iris, quick):
    X, y = iris
    model = Estimator(**quick | {"hidden_layer_sizes": (200, 200)}).fit(X, y)
    expected = proba_or_predict(model, X)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: proba_or_predict(model, X[i % 7 :]), range(200)))
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, expected[i % 7 :])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_replaces_the_weights_in_one_go(Estimator, method, iris, quick):
    """What another thread may be predicting with is never written to."""
    X, y = iris
    model = Estimator(**quick, warm_start=True).fit(X, y)
    before, flat = model._weights, model._weights.flat.copy()
    getattr(model, method)(X, y)
    assert model._weights is not before
    np.testing.assert_array_equal(before.flat, flat)
    assert model._weights.are(vars(model))


def test_number_of_threads_does_not_matter(Estimator, iris):
    X, y = np.tile(iris[0], (20, 3)), np.tile(iris[1], 20)
    models = [
        Estimator(hidden_layer_sizes=(50, 30), max_iter=4, tol=1e6, n_iter_no_change=2,
                  random_state=0, n_threads=n_threads).fit(X, y)
        for n_threads in (None, 1, 2, 3)
    ]  # fmt: skip
    for model in models[1:]:
        np.testing.assert_array_equal(model.coefs_[0], models[0].coefs_[0])
        np.testing.assert_array_equal(proba_or_predict(model, X), proba_or_predict(models[0], X))


def test_warning_as_error_leaves_a_complete_model(Estimator, linear):
    X, y = linear
    estimator = Estimator(max_iter=2, hidden_layer_sizes=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            estimator.fit(X, y > 0)
    assert estimator.predict(X).shape == (100,)


def test_partial_fit_curve_is_bounded(monkeypatch):
    monkeypatch.setattr("fastmlp._base.MAX_PARTIAL_FIT_CURVE", 5)
    assert MAX_PARTIAL_FIT_CURVE == 10_000
    model = MLPRegressor(hidden_layer_sizes=2, random_state=0)
    losses = [model.partial_fit([[0.0], [1.0]], [0.0, 1.0]).loss_ for _ in range(12)]
    assert model.loss_curve_ == losses[-5:]
    assert (model.t_, model.n_iter_) == (24, 1)


def test_unpickled_learns_from_one_row(Estimator):
    """Nothing is drawn for a row, and a model from a pickle has no generator yet."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = (X[:, 0] > 0).astype(int)
    model = Estimator(hidden_layer_sizes=(5,), random_state=0)
    model.partial_fit(X, y, **({"classes": np.unique(y)} if is_classifier(model) else {}))
    twin = pickle.loads(pickle.dumps(model))
    for each in (model, twin):
        each.partial_fit(X[:1], y[:1])
    for a, b in zip(model.coefs_, twin.coefs_, strict=True):
        assert np.array_equal(a, b)
