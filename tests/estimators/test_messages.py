"""What scikit-learn would say is said here too: warnings, lines of `verbose`, errors of calls."""

import re

import numpy as np
import pytest
from estimators.models import SKLEARN, sklearns
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError

from fastmlp import MLPClassifier, MLPRegressor


def test_convergence_warning(Estimator, linear):
    X, y = linear
    message = re.escape(
        "Stochastic Optimizer: Maximum iterations (2) reached and the optimization hasn't"
        " converged yet."
    )
    for Class in (Estimator, sklearns(Estimator)):
        with pytest.warns(ConvergenceWarning, match=message):
            Class(max_iter=2, hidden_layer_sizes=3).fit(X, y > 0)


def test_warning_points_to_the_caller(linear):
    with pytest.warns(ConvergenceWarning) as record:
        MLPRegressor(max_iter=1, hidden_layer_sizes=3).fit(*linear)
    assert record[0].filename == __file__


def test_lbfgs_convergence_warning(Estimator, linear):
    X, y = linear
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        estimator = Estimator(solver="lbfgs", max_iter=2, hidden_layer_sizes=3).fit(X, y > 0)
    assert estimator.n_iter_ == 2


def test_lbfgs_convergence_warning_has_sklearns_words(linear):
    X, y = linear
    messages = []
    for Class in (MLPRegressor, sklearns(MLPRegressor)):
        with pytest.warns(ConvergenceWarning) as record:
            Class(solver="lbfgs", max_iter=2, hidden_layer_sizes=3, random_state=0).fit(X, y)
        messages.append(str(record[0].message))
    if SKLEARN >= (1, 8):
        assert messages[0] == messages[1]


def test_large_batch_size_warns_and_clips(Estimator, linear):
    X, y = linear
    for Class in (Estimator, sklearns(Estimator)):
        estimator = Class(batch_size=101, max_iter=3, tol=1e6, n_iter_no_change=1)
        with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
            estimator.fit(X, y > 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "adam", "max_iter": 3},
        {"solver": "adam", "max_iter": 3, "early_stopping": True},
        {"solver": "adam", "tol": 10.0, "n_iter_no_change": 2},
        {"solver": "adam", "tol": 10.0, "n_iter_no_change": 2, "early_stopping": True},
        {"solver": "sgd", "tol": 1e6, "n_iter_no_change": 2, "learning_rate": "adaptive"},
        {"solver": "sgd", "tol": 1e6, "n_iter_no_change": np.inf, "max_iter": 4},
    ],
)
def test_verbose_prints_sklearns_lines(Estimator, params, linear, capsys):
    X, y = linear
    printed = []
    for Class in (Estimator, sklearns(Estimator)):
        Class(hidden_layer_sizes=3, random_state=0, verbose=True, **params).fit(X, y > 0)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""


def test_silent_by_default(Estimator, linear, quick, capsys):
    X, y = linear
    Estimator(**quick).fit(X, y > 0)
    assert capsys.readouterr().out == ""


def test_partial_fit_rejects_early_stopping(Estimator, linear):
    X, y = linear
    kwargs = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        Estimator(early_stopping=True).partial_fit(X, y > 0, **kwargs)


def test_warm_start_needs_the_same_classes(iris, quick):
    X, y = iris
    classifier = MLPClassifier(warm_start=True, **quick).fit(X, y)
    message = (
        "warm_start can only be used where `y` has the same classes as in the previous call to"
        " fit. Previously got [0 1 2], `y` has [0 1]"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier.fit(X[:100], y[:100])


def test_partial_fit_class_errors(iris):
    X, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`.")):
        MLPClassifier().partial_fit(X, y, classes=[0, 1])
    classifier = MLPClassifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="is not the same as on last call"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`.")):
        classifier.partial_fit(X, y + 1)


def test_column_vector_y_warns(Estimator, linear, quick):
    X, y = linear
    for Class in (Estimator, sklearns(Estimator)):
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            estimator = Class(**quick).fit(X, (y > 0)[:, None].astype(int))
        assert estimator.predict(X).ndim == 1


def test_not_fitted(Estimator):
    estimator = Estimator()
    methods = ["predict"]
    if is_classifier(estimator):
        methods += ["predict_proba", "predict_log_proba"]
    for name in methods:
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            getattr(estimator, name)([[1.0]])


def test_wrong_number_of_features(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    message = f"X has 3 features, but {Estimator.__name__} is expecting 5 features as input"
    with pytest.raises(ValueError, match=message):
        estimator.predict(X[:, :3])
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(X[:, :3], y > 0)


def test_partial_fit_with_warm_start_needs_every_class(quick):
    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    for Class in (MLPClassifier, sklearns(MLPClassifier)):
        model = Class(**quick, warm_start=True).fit(X, y)
        with pytest.raises(ValueError, match="warm_start can only be used where"):
            model.partial_fit(X[:1], y[:1])
