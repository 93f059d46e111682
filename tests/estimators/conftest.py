"""Fixtures that several test files of the estimators share."""

import warnings

import numpy as np
import pytest


@pytest.fixture
def rows(rng):
    """60 rows, one positive target, three classes, weights 0 to 3."""
    X = rng.standard_normal((60, 4))
    y = np.exp(X[:, 0] + 0.3 * rng.standard_normal(60))
    return X, y, np.digitize(X[:, 1], [-0.5, 0.7]), rng.randint(0, 4, 60)


@pytest.fixture
def _quiet(recwarn):
    """For tests where only results count."""
    warnings.simplefilter("ignore")
