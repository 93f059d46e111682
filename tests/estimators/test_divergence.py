"""Training that diverges: an error or finite weights, never a model with NaN."""

import numpy as np
import pytest
from estimators.grid import GOOD_X, GOOD_Y, make

from fastmlp import MLPRegressor

pytestmark = pytest.mark.usefixtures("_quiet")


def raises_or_is_finite(model, X, y):
    """Either an error, or finite weights: no model with NaN is left behind."""
    message = None
    try:
        model.fit(X, y)
    except ValueError as error:
        message = str(error)
    if message is None:
        assert all(np.isfinite(c).all() for c in model.coefs_)
    else:
        assert "Solver produced non-finite parameter weights" in message
        assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("learning_rate_init", [1e30, 1e150, 1e300])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_divergence_raises(Estimator, solver, learning_rate_init, activation):
    model = make(
        Estimator, solver=solver, learning_rate_init=learning_rate_init, activation=activation,
        max_iter=200, alpha=1.0,
    )  # fmt: skip
    raises_or_is_finite(model, GOOD_X * 1e3, GOOD_Y)


def test_divergence_in_the_very_last_step():
    """The loss was still finite, the step after it was too large."""
    model = make(MLPRegressor, solver="sgd", learning_rate_init=1e308, hidden_layer_sizes=())
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        model.partial_fit(GOOD_X * 1e3, GOOD_Y)
    assert not hasattr(model, "coefs_")


def test_diverging_partial_fit_keeps_the_last_weights():
    model = make(MLPRegressor, solver="sgd").fit(GOOD_X, GOOD_Y)
    expected = model.predict(GOOD_X)
    model._optimizer.learning_rate = 1e300
    for _ in range(2):
        with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
            model.partial_fit(GOOD_X * 1e100, GOOD_Y * 1e100)
    np.testing.assert_array_equal(model.predict(GOOD_X), expected)


def test_diverging_lbfgs():
    model = make(MLPRegressor, solver="lbfgs")
    raises_or_is_finite(model, GOOD_X * 1e200, GOOD_Y * 1e200)
