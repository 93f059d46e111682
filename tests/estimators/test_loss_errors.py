"""Losses, their arguments, targets and class weights that are wrong: errors say what is."""

import numpy as np
import pytest
from estimators.models import fitted, parameters

from fastmlp import MLPClassifier, MLPRegressor


@pytest.fixture
def untrained(monkeypatch):
    """Fails if training begins."""

    def trainer(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr("fastmlp._solvers.make_trainer", trainer)


GOOD = np.arange(24.0).reshape(12, 2) % 7


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"loss": "poisson"}, -1, r"out of the valid range of loss='poisson': y >= 0"),
        ({"loss": "gamma"}, 0, r"out of the valid range of loss='gamma': y > 0"),
        ({"loss": "tweedie"}, -1, r"loss='tweedie' with tweedie_power=1.5: y >= 0"),
        ({"loss": "tweedie", "tweedie_power": 2}, 0, r"tweedie_power=2: y > 0"),
        ({"loss": "tweedie", "tweedie_power": 0.5}, 1, r"'tweedie_power' .*\(-inf, 0.0\] or"),
        ({"loss": "tweedie", "tweedie_power": np.nan}, 1, r"'tweedie_power'"),
        ({"loss": "quantile", "quantile": 0}, 1, r"'quantile' .*\(0.0, 1.0\) or a sequence"),
        ({"loss": "quantile", "quantile": 1.0}, 1, r"'quantile'"),
        ({"loss": "quantile", "quantile": [0.5, 1]}, 1, r"'quantile'"),
        ({"loss": "quantile", "quantile": []}, 1, r"'quantile'"),
        ({"loss": "quantile", "quantile": "median"}, 1, r"'quantile'"),
        ({"loss": "huber", "huber_delta": 0}, 1, r"'huber_delta' .*\(0.0, inf\)"),
        ({"loss": "hinge"}, 1, r"'loss' .*'absolute_error', 'huber'"),
        ({"output_activation": "softmax"}, 1, r"'output_activation' .*'softplus'"),
        (
            {"loss": "poisson", "output_activation": "tanh"}, 1,
            r"output_activation='tanh' cannot be combined with loss='poisson', which allows 'auto'",
        ),
        ({"loss": "gaussian_nll", "output_activation": "exp"}, 1, r"loss='gaussian_nll', which"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_regressors_say_what_is_wrong(options, y, message, solver, untrained):
    target = np.ones(12)
    target[5] = y
    model = MLPRegressor(hidden_layer_sizes=(3,), solver=solver, **options)
    with pytest.raises(ValueError, match=message):
        model.fit(GOOD, target)
    assert not hasattr(model, "coefs_")
    if solver == "adam":
        with pytest.raises(ValueError, match=message):
            model.partial_fit(GOOD, target)


def test_targets_out_of_range_after_a_good_fit(rows):
    """In a later partial_fit too, which leaves the model alone."""
    X, y, _, _ = rows
    model = MLPRegressor("gamma", (3,)).partial_fit(X, y)
    before = parameters(model).copy()
    with pytest.raises(ValueError, match="y > 0"):
        model.partial_fit(X, y - y)
    np.testing.assert_array_equal(parameters(model), before)


LABELS = np.arange(12) % 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, r"'loss' .*'log_loss', 'focal', 'squared_error'"),
        ({"loss": "focal", "focal_gamma": -1}, r"'focal_gamma' .*\[0.0, inf\)"),
        ({"label_smoothing": 1}, r"'label_smoothing' .*\[0.0, 1.0\)"),
        ({"label_smoothing": -0.1}, r"'label_smoothing'"),
        (
            {"class_weight": {0: 1, 7: 2}},
            r"class_weight has weights for \[7\], but the classes .*0, 1, 2",
        ),
        ({"class_weight": {0: -1}}, r"class_weight\[0\] must be a float >= 0, got -1"),
        ({"class_weight": {0: np.nan}}, r"class_weight\[0\] must be a float >= 0, got nan"),
        ({"class_weight": {0: "x"}}, r"class_weight\[0\] must be a float >= 0, got 'x'"),
        ({"class_weight": "even"}, r"'class_weight' .*'balanced'"),
        ({"class_weight": [{0: 1}, {1: 1}]}, r"class_weight must be one dict or 'balanced'"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, r"class_weight and sample_weight leave no row"),
    ],
)
def test_classifiers_say_what_is_wrong(options, message, untrained):
    model = MLPClassifier((3,), **options)
    with pytest.raises(ValueError, match=message):
        model.fit(GOOD, LABELS)
    assert not hasattr(model, "coefs_")


def test_class_weights_too_large_for_float32(untrained):
    model = MLPClassifier((3,), class_weight={0: 1e300})
    with pytest.raises(ValueError, match="class_weight contains infinity or a value too large"):
        model.fit(GOOD.astype(np.float32), LABELS)


def test_class_weights_that_do_not_fit_the_columns(untrained):
    columns = np.c_[LABELS, LABELS[::-1]]
    for class_weight in ({0: 1}, [{0: 1}], [{0: 1}] * 3):
        with pytest.raises(
            ValueError, match="class_weight must be 'balanced' or a list of 2 dicts"
        ):
            MLPClassifier((3,), class_weight=class_weight).fit(GOOD, columns)
    with pytest.raises(ValueError, match=r"class_weight has weights for \[9\]"):
        MLPClassifier((3,), class_weight=[{0: 1}, {9: 1}]).fit(GOOD, columns)


def test_balanced_weights_need_all_rows(untrained):
    with pytest.raises(ValueError, match="partial_fit does not support class_weight='balanced'"):
        MLPClassifier((3,), class_weight="balanced").partial_fit(GOOD, LABELS, classes=[0, 1, 2])


EVEN = np.full((12, 3), 1 / 3)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (EVEN * 1.01, {}, "rows of y that sum to 1 within 0.0001: row 0 sums to 1.01"),
        (EVEN - np.eye(12, 3), {}, "needs y >= 0"),
        (EVEN[:, :1] * 3, {}, "with at least two classes"),
        (LABELS, {}, r"needs y of shape \(n_samples, n_classes\)"),
        (EVEN * np.nan, {}, "y contains NaN"),
        (EVEN, {"classes": [0, 1]}, "classes must be 3 sorted labels"),
        (EVEN, {"classes": [2, 1, 0]}, "classes must be 3 sorted labels"),
    ],
)
def test_soft_targets_that_are_no_probabilities(y, options, message, untrained):
    with pytest.raises(ValueError, match=message):
        MLPClassifier((3,)).fit(GOOD, y, soft_targets=True, **options)


def test_classes_belong_to_soft_targets(rows, untrained):
    with pytest.raises(ValueError, match="classes with soft_targets=True only"):
        MLPClassifier((3,)).fit(GOOD, LABELS, classes=[0, 1, 2])


def test_columns_with_unknown_classes(rows):
    X, _, y, count = rows
    Y = np.c_[y, count]
    model = MLPClassifier((3,), random_state=0).partial_fit(X, Y, classes=[[0, 1, 2], [0, 1, 2, 3]])
    with pytest.raises(ValueError, match=r"in column 1: \[9\] are not among"):
        model.partial_fit(X, np.where(Y == 3, 9, Y))
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X, Y, classes=[[0, 1], [0, 1, 2, 3]])


def test_only_gaussian_nll_has_standard_deviations(rows):
    X, y, _, _ = rows
    model = fitted(MLPRegressor(hidden_layer_sizes=(3,), max_iter=1), X, y)
    with pytest.raises(ValueError, match="return_std=True needs loss='gaussian_nll'"):
        model.predict(X, return_std=True)
