"""Targets of a classifier other than labels: soft ones, smoothed ones, several columns."""

import numpy as np
import scipy.sparse as sp
from estimators.losses import CLASSIFICATIONS
from estimators.models import fitted, parameters

from fastmlp import MLPClassifier


def test_one_hot_soft_targets_are_labels(rows):
    """The same model, for two classes and for three, with and without smoothing and labels."""
    X, _, y, _ = rows
    for labels in (y, y > 0):
        k = len(np.unique(labels))
        names = np.array(["a", "b", "c"])[:k]
        for options in CLASSIFICATIONS:
            model = MLPClassifier((5,), max_iter=4, random_state=0, **options)
            want = parameters(fitted(model, X, names[labels.astype(int)]))
            P = np.eye(k)[labels.astype(int)]
            fitted(model, X, P, soft_targets=True, classes=names)
            np.testing.assert_allclose(parameters(model), want, rtol=1e-12, atol=1e-15)
            np.testing.assert_array_equal(model.classes_, names)
            assert set(model.predict(X)) <= set(names)


def test_label_smoothing_is_a_soft_target(rows):
    X, _, y, _ = rows
    for k, labels in ((3, y), (2, (y > 0).astype(int))):
        model = MLPClassifier((5,), max_iter=4, random_state=0, label_smoothing=0.3)
        want = parameters(fitted(model, X, labels))
        P = 0.7 * np.eye(k)[labels] + 0.3 / k
        fitted(model.set_params(label_smoothing=0.0), X, P, soft_targets=True)
        np.testing.assert_allclose(parameters(model), want, rtol=1e-10, atol=1e-14)


def test_distillation(rows):
    """A small network learns a large one's probabilities, whatever dtype they come in."""
    X, _, y, _ = rows
    teacher = fitted(MLPClassifier((50,), max_iter=300, random_state=0), X.astype(np.float32), y)
    P = teacher.predict_proba(X.astype(np.float32))
    assert P.dtype == np.float32
    student = MLPClassifier((10,), "tanh", solver="lbfgs", max_iter=300, alpha=0, random_state=0)
    for targets in (P, P.astype(float)):
        fitted(student, X, targets, soft_targets=True)
        assert abs(student.predict_proba(X) - P).max() < 0.05
    student.set_params(solver="adam", early_stopping=True, max_iter=5)
    assert len(fitted(student, X, P, soft_targets=True).validation_scores_) == 5
    stream = MLPClassifier((10,), random_state=0)
    stream.partial_fit(X, P, soft_targets=True).partial_fit(X, P, soft_targets=True)
    assert stream.t_ == 120


def test_several_columns_are_classifiers_side_by_side(rows):
    """Without a hidden layer they are independent."""
    X, _, y, count = rows
    Y = np.c_[np.array(["a", "b", "c"])[y], np.array(["x", "y", "z", "w"])[count]]
    options = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0, "tol": 1e-8}
    both = fitted(MLPClassifier(**options, max_iter=1000), X, Y)
    assert [c.tolist() for c in both.classes_] == [list("abc"), list("wxyz")]
    proba = both.predict_proba(X)
    assert type(proba) is list
    for k in range(2):
        one = fitted(MLPClassifier(**options, max_iter=1000), X, Y[:, k])
        np.testing.assert_allclose(proba[k], one.predict_proba(X), atol=1e-3)
        np.testing.assert_allclose(both.predict_log_proba(X)[k], np.log(proba[k]), rtol=1e-9)
        np.testing.assert_array_equal(both.predict(X)[:, k], one.predict(X))
    assert both.score(X, Y) == (both.predict(X) == Y).mean()
    stream = MLPClassifier((5,), random_state=0)
    stream.partial_fit(X, Y, classes=[["a", "b", "c"], ["x", "y", "z", "w"]]).partial_fit(
        X[:9], Y[:9]
    )
    assert stream.predict(X).shape == Y.shape
    early = MLPClassifier((5,), early_stopping=True, max_iter=5, random_state=0)
    assert len(fitted(early, sp.csr_array(X), Y).validation_scores_) == 5
