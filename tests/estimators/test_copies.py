"""Copies of models, by pickle, joblib, memory map and deepcopy: they predict and train on."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from estimators.models import proba_or_predict
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from fastmlp import MLPRegressor


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
