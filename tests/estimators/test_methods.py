"""Methods are scikit-learn's: signatures, tags, metadata routing, representations, docstrings."""

import doctest
import inspect

import numpy as np
import pytest
import sklearn
from estimators.models import sklearns
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor
from fastmlp._base import BaseMLP


def test_method_resolution_order():
    for Class, Mixin in ((MLPClassifier, ClassifierMixin), (MLPRegressor, RegressorMixin)):
        order = Class.__mro__
        assert order.index(Mixin) < order.index(BaseMLP)
        assert order.index(BaseMLP) < order.index(sklearn.base.BaseEstimator)
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())


@pytest.mark.parametrize("name", ["fit", "partial_fit", "predict", "score"])
def test_method_signatures(Estimator, name):
    ours = inspect.signature(getattr(Estimator, name)).parameters
    theirs = inspect.signature(getattr(sklearns(Estimator), name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    assert all(ours[p].default == theirs[p].default for p in theirs)
    assert all(ours[p].default in (None, False) for p in set(ours) - set(theirs))


def test_methods_that_do_not_exist():
    assert not hasattr(MLPRegressor(), "decision_function")
    assert not hasattr(MLPRegressor(), "predict_proba")
    assert not hasattr(MLPClassifier(), "transform")


def test_partial_fit_third_positional_is_sample_weight(iris):
    X, y = iris
    a = MLPClassifier(random_state=0).partial_fit(X, y, np.full(len(y), 2.0), [0, 1, 2])
    b = MLPClassifier(random_state=0).partial_fit(
        X, y, sample_weight=np.full(len(y), 2.0), classes=[0, 1, 2]
    )
    assert a.loss_ == b.loss_


def test_partial_fit_hidden_for_lbfgs(Estimator):
    assert hasattr(Estimator(), "partial_fit")
    estimator = Estimator(solver="lbfgs")
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        estimator.partial_fit([[0.0]], [0])


def test_fit_returns_self(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick)
    assert estimator.fit(X, y > 0) is estimator


def test_tags(Estimator):
    ours, theirs = get_tags(Estimator()), get_tags(sklearns(Estimator)())
    assert ours == theirs
    assert ours.input_tags.sparse


def test_html_repr(Estimator):
    assert Estimator.__name__ in Estimator()._repr_html_()
    assert repr(Estimator(alpha=0.5)) == f"{Estimator.__name__}(alpha=0.5)"


def test_metadata_routing(Estimator):
    requests = Estimator().get_metadata_routing()
    assert requests.fit.requests["sample_weight"] is None
    assert requests.score.requests == {"sample_weight": None}
    expected = {"sample_weight": None}
    if is_classifier(Estimator()):
        expected["classes"] = None
    assert expected.items() <= requests.partial_fit.requests.items()
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = Estimator().set_fit_request(sample_weight=True)
        estimator = estimator.set_score_request(sample_weight=True)
        estimator = estimator.set_partial_fit_request(**dict.fromkeys(expected, True))
        assert estimator.get_metadata_routing().fit.requests["sample_weight"] is True


def test_routed_weights_arrive(linear, quick):
    X, y = linear
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            MLPRegressor(**quick, random_state=0)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True),
            {"alpha": [0.1]},
            cv=2,
        )
        search.fit(X, y, sample_weight=np.arange(1.0, 101.0))
        expected = MLPRegressor(**quick, alpha=0.1, random_state=0).fit(X, y, np.arange(1.0, 101.0))
    np.testing.assert_allclose(search.best_estimator_.loss_, expected.loss_)


def test_docstrings(Estimator):
    for name in inspect.signature(Estimator).parameters:
        assert f"\n{name} : " in Estimator.__doc__
    for method in ("fit", "partial_fit", "predict"):
        assert "Parameters\n" in getattr(Estimator, method).__doc__
    assert ("classes_ :" in Estimator.__doc__) == is_classifier(Estimator())


@pytest.mark.thread_unsafe(reason="doctest redirects the standard output of the process")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_docstring_examples(Estimator):
    (example,) = doctest.DocTestFinder(recurse=False).find(Estimator, globs={})
    assert doctest.DocTestRunner().run(example).failed == 0


def test_version_is_public():
    assert fastmlp.__version__
