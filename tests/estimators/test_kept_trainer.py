"""`partial_fit` uses small trainers again: the same bits as with new ones, and nothing is held."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import scipy.sparse as sp

import fastmlp._solvers
from fastmlp import MLPClassifier, MLPRegressor, _core

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 6))
Y = (X[:, 0] > 0).astype(int)


def learn_rows(model):
    for i in range(12):
        model.partial_fit(X[i : i + 1], Y[i : i + 1])


def learn_changing_batches(model):
    for rows in (slice(0, 7), slice(7, 8), slice(8, 30), slice(30, 31)):
        model.partial_fit(X[rows], Y[rows])


def learn_with_weights_set_by_hand(model):
    learn_rows(model)
    model.coefs_[0][...] *= 0.5  # in place
    learn_rows(model)
    model.coefs_ = [w + 0.25 for w in model.coefs_]
    learn_rows(model)


def learn_with_sample_weight(model):
    for i in range(6):
        model.partial_fit(X[2 * i : 2 * i + 2], Y[2 * i : 2 * i + 2], sample_weight=[0.5, i % 2])


def learn_dense_and_sparse(model):
    for i in range(6):
        rows = X[i : i + 1]
        model.partial_fit(sp.csr_array(rows) if i % 2 else rows, Y[i : i + 1])


def learn_after_an_error(model):
    learn_rows(model)
    with pytest.raises(ValueError, match="infinity"):
        model.partial_fit(np.full((1, 6), np.inf), Y[:1])
    learn_rows(model)


LESSONS = [
    learn_rows,
    learn_changing_batches,
    learn_with_weights_set_by_hand,
    learn_with_sample_weight,
    learn_dense_and_sparse,
    learn_after_an_error,
]
OPTIONS = [
    {},
    {"solver": "sgd", "nesterovs_momentum": False},
    {"solver": "schedulefree"},
    {"ema_decay": 0.9, "gradient_clip": 0.5},
    {"dropout": 0.5},
    {"normalization": "layer"},
    {"activation": "prelu"},
]


def make(Estimator, **options):
    model = Estimator(hidden_layer_sizes=(8, 5), random_state=3, **options)
    first = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    return model.partial_fit(X, Y, **first)


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o)) or "adam")
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_same_bits_as_with_new_trainers(Estimator, options, lesson, monkeypatch):
    model = make(Estimator, **options)
    lesson(model)
    monkeypatch.setattr(fastmlp._solvers, "KEPT_ROWS", 0)
    expected = make(Estimator, **options)
    lesson(expected)
    assert expected._optimizer.trainer is None
    np.testing.assert_array_equal(model._weights.flat, expected._weights.flat)
    np.testing.assert_array_equal(model._optimizer.state, expected._optimizer.state)


def test_a_trainer_is_used_again():
    model = make(MLPRegressor)
    learn_rows(model)
    kept = model._optimizer.trainer
    assert kept is not None
    learn_rows(model)
    assert model._optimizer.trainer is kept
    model.partial_fit(X[:2], Y[:2])
    assert model._optimizer.trainer is not kept, "made for one row"


@pytest.mark.parametrize("reason", ["large network", "many rows", "fit", "sparse", "random"])
def test_others_do_not_stay(reason):
    options = {"large network": {"hidden_layer_sizes": (300, 300)}, "random": {"dropout": 0.1}}
    model = MLPRegressor(max_iter=1, **options.get(reason, {}))
    if reason == "fit":
        with pytest.warns(UserWarning, match="Maximum iterations"):
            model.fit(X, Y)
    else:
        rows = np.tile(X, (8, 1)) if reason == "many rows" else X
        model.set_params(batch_size=len(rows))
        model.partial_fit(sp.csr_array(rows) if reason == "sparse" else rows, np.zeros(len(rows)))
    assert model._optimizer.trainer is None


def test_rows_are_let_go():
    model = make(MLPRegressor)
    rows = X[:1].copy()
    model.partial_fit(rows, Y[:1])
    alive = weakref.ref(rows)
    del rows
    gc.collect()
    assert alive() is None


def test_copies_have_no_trainer():
    model = make(MLPRegressor)
    learn_rows(model)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert twin._optimizer.trainer is None
        learn_rows(twin)
    learn_rows(model)
    np.testing.assert_array_equal(twin.coefs_[0], model.coefs_[0])


def test_released_trainer_says_so():
    net = _core.Network([2, 1], [], "identity", "squared_error", np.float64)
    rows, y = np.zeros((1, 2)), np.zeros((1, 1))
    trainer = _core.Trainer(net, "sgd", np.zeros(3), None, rows, y, None, 1)
    trainer.release()
    with pytest.raises(ValueError, match="released its rows"):
        trainer.train(None, 0, 1, step=0, learning_rate=0.1, alpha=0.0)
    with pytest.raises(ValueError, match="released its rows"):
        trainer.forward_rows(None, 0, 1)
    with pytest.raises(ValueError, match="released its rows"):
        trainer.loss_grad(0.0, np.zeros(3))
    trainer.bind(rows, y, None)
    assert trainer.train(None, 0, 1, step=0, learning_rate=0.1, alpha=0.0)[:2] == (1, 1)
