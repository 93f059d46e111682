"""Every check that scikit-learn yields for the two estimators, no expected failures."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

import pytest
import sklearn.neural_network
from sklearn.base import is_classifier
from sklearn.utils.estimator_checks import estimator_checks_generator

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor

# Checks that skip themselves, for scikit-learn's own MLPs as well. The first one wants a variable
# set before scipy is imported and is run below.
SKIPPED = ("check_array_api_input", "check_classifiers_multilabel_output_format_decision_function")


def name_of(check):
    return getattr(check, "func", check).__name__


CHECKS = [
    pytest.param(estimator, check, id=f"{type(estimator).__name__}-{name_of(check)}-{i}")
    for Estimator in (MLPClassifier, MLPRegressor)
    for i, (estimator, check) in enumerate(estimator_checks_generator(Estimator()))
]


@pytest.mark.thread_unsafe(reason="some checks record warnings, which are the process's")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check(estimator, check):
    try:
        check(estimator)
    except unittest.SkipTest as reason:
        why = str(reason)
        assert name_of(check) in SKIPPED or why.startswith("pandas is not installed")
        pytest.skip(why)


def test_all_checks_are_yielded(Estimator):
    """As many as for scikit-learn's own MLPs: 67 and 60 in 1.9.1, fewer in versions before."""
    own = getattr(sklearn.neural_network, Estimator.__name__)()
    theirs = [name_of(check) for _, check in estimator_checks_generator(own)]
    ours = [name_of(check) for _, check in estimator_checks_generator(Estimator())]
    more = ["check_class_weight_classifiers"] if is_classifier(Estimator()) else []
    assert sorted(ours) == sorted(theirs + more)
    assert len(ours) >= 50


ARRAY_API = """
import warnings
from sklearn.utils.estimator_checks import estimator_checks_generator
from fastmlp import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")
for estimator in (MLPClassifier(), MLPRegressor()):
    for _, check in estimator_checks_generator(estimator):
        if "array_api" in str(check):
            check(estimator)
            print("passed")
"""


def test_array_api_check():
    """The check that is left out above, where its variable can be set."""
    result = subprocess.run(
        [sys.executable, "-c", ARRAY_API],
        env=os.environ
        | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": str(Path(fastmlp.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    if sklearn.__version__.startswith("1.9"):
        assert result.stdout.count("passed") == 2
