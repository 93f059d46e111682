"""Every check that scikit-learn yields for the two estimators, no expected failures."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from fastmlp import MLPClassifier, MLPRegressor

# Checks that do not apply: scikit-learn skips them itself, for its own MLPs as well.
SKIPPED = ("check_array_api_input", "check_classifiers_multilabel_output_format_decision_function")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_check(estimator, check):
    try:
        check(estimator)
    except pytest.skip.Exception:
        raise
    except Exception as error:
        # unittest's SkipTest is what the checks raise
        if type(error).__name__ == "SkipTest" and name_of(check) in SKIPPED:
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize(
    ("estimator", "at_least"), [(MLPClassifier(), 60), (MLPRegressor(), 53)], ids=["clf", "reg"]
)
def test_all_checks_are_yielded(estimator, at_least):
    """As many as for scikit-learn's own MLPs: 67 and 60 in 1.9.1, fewer in versions before."""
    import sklearn.neural_network

    ours = [name_of(check) for _, check in estimator_checks_generator(estimator)]
    own = getattr(sklearn.neural_network, type(estimator).__name__)()
    theirs = [name_of(check) for _, check in estimator_checks_generator(own)]
    assert sorted(ours) == sorted(theirs)
    assert len(ours) >= at_least


def name_of(check):
    return getattr(check, "func", check).__name__
