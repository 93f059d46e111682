"""What models of each loss predict: quantiles, standard deviations, ranges of the output."""

import numpy as np
import pytest
from estimators.losses import REGRESSIONS, every
from estimators.models import fitted
from sklearn.metrics import r2_score

from fastmlp import MLPRegressor


def test_quantiles_never_cross(rows):
    """Neither near the data nor far from them, in whatever order the levels are."""
    X, y, _, _ = rows
    levels = [0.5, 0.1, 0.9, 0.45]
    model = MLPRegressor("quantile", (20,), quantile=levels, max_iter=15, random_state=0)
    far = np.r_[X, 100 * X, np.random.default_rng(1).normal(size=(500, 4)) * 10]
    one = fitted(model, X, y).predict(far)
    assert one.shape == (620, 4)
    assert (np.diff(one[:, np.argsort(levels)], axis=1) >= 0).all()
    raw = model._forward(far)
    assert (np.diff(raw[:, np.argsort(levels)], axis=1) < 0).any()  # so they would have
    two = fitted(model, X, np.c_[y, -y]).predict(far)
    assert two.shape == (620, 2, 4)
    assert (np.diff(two[:, :, np.argsort(levels)], axis=2) >= 0).all()
    single = fitted(model.set_params(quantile=[0.3]), X, y)
    assert single.predict(X).shape == (60,)


def test_score_of_several_quantiles(rows):
    """R2 of the level nearest to the median, in early stopping too."""
    X, y, _, _ = rows
    model = MLPRegressor(
        "quantile", (20,), quantile=[0.9, 0.4], early_stopping=True, random_state=0
    )
    fitted(model.set_params(max_iter=20), X, y)
    assert model.score(X, y) == r2_score(y, model.predict(X)[:, 1])
    assert len(model.validation_scores_) == model.n_iter_


def test_noise_that_grows():
    """Standard deviations follow x; quantiles cover what they say."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (3000, 1))
    y = 2 * X[:, 0] + (0.1 + X[:, 0]) * rng.normal(size=3000)
    options = {"solver": "lbfgs", "max_iter": 300, "random_state": 0, "alpha": 1e-4}
    model = fitted(MLPRegressor("gaussian_nll", (10,), "tanh", **options), X, y)
    at = np.array([[0.1], [0.5], [0.9]])
    mean, std = model.predict(at, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(at))
    np.testing.assert_allclose(mean, 2 * at[:, 0], atol=0.15)
    np.testing.assert_allclose(std, 0.1 + at[:, 0], rtol=0.15)
    bands = MLPRegressor("quantile", (10,), "tanh", quantile=[0.1, 0.9], **options)
    low, high = fitted(bands, X, y).predict(X).T
    assert abs((y < low).mean() - 0.1) < 0.03
    assert abs((y > high).mean() - 0.1) < 0.03


RANGES = {
    "identity": (-np.inf, np.inf), "logistic": (0, 1), "tanh": (-1, 1), "exp": (0, np.inf),
    "softplus": (0, np.inf),
}  # fmt: skip


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "log_cosh", "quantile"]
)
@pytest.mark.parametrize("output", RANGES)
def test_output_activations_bound_predictions(loss, output, rng, dtype):
    """And learn what lies within their range."""
    X = rng.uniform(-1, 1, (150, 2)).astype(dtype)
    y = 0.5 + 0.3 * np.sin(2 * X[:, 0])
    model = MLPRegressor(
        loss, (20,), "tanh", output_activation=output, solver="lbfgs", max_iter=60, random_state=0
    )
    assert fitted(model, X, y).score(X, y) > 0.9
    low, high = RANGES[output]
    far = model.predict(1e3 * X)
    assert (far >= low).all()
    assert (far <= high).all()
    assert far.dtype == dtype
    assert model.out_activation_ == output


@pytest.mark.parametrize(
    ("solver", "dtype"), [("adam", np.float32), ("sgd", np.float64), ("lbfgs", np.float32)]
)
@every(REGRESSIONS)
def test_losses_learn(options, solver, dtype, rows):
    """Two targets; better than a constant, or with sgd than before; and it can be gone on with."""
    X, y, _, _ = rows
    X = X.astype(dtype)
    Y = np.c_[y, np.exp(X[:, 2])] / 2
    own = {"lbfgs": {}, "adam": {"learning_rate_init": 0.01}, "sgd": {"learning_rate_init": 0.002}}
    model = MLPRegressor(
        hidden_layer_sizes=(16,),
        solver=solver,
        max_iter=100,
        random_state=1,
        **own[solver],
        **options,
    )
    fitted(model, X, Y)
    if solver == "sgd":
        assert model.loss_curve_[-1] < 0.95 * model.loss_curve_[0]
    else:
        assert model.score(X, Y) > 0.3
    assert model.coefs_[0].dtype == dtype
    if solver != "lbfgs":
        model.partial_fit(X, Y)
        assert len(model.loss_curve_) == model.loss_curve_.index(model.loss_) + 1
