"""Every loss of the estimators as their parameters, for tests that run with each of them."""

import pytest

DEVIANCES = [
    {"loss": "poisson"},
    {"loss": "gamma"},
    {"loss": "tweedie", "tweedie_power": -0.5},
    {"loss": "tweedie", "tweedie_power": 0},
    {"loss": "tweedie", "tweedie_power": 1},
    {"loss": "tweedie"},
    {"loss": "tweedie", "tweedie_power": 2},
    {"loss": "tweedie", "tweedie_power": 3},
]
REGRESSIONS = [
    {"loss": "squared_error"},
    {"loss": "absolute_error"},
    {"loss": "huber", "huber_delta": 0.5},
    {"loss": "log_cosh"},
    {"loss": "quantile", "quantile": 0.8},
    {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]},
    {"loss": "gaussian_nll"},
    *DEVIANCES,
]
CLASSIFICATIONS = [
    {"loss": "log_loss"},
    {"loss": "focal"},
    {"loss": "focal", "focal_gamma": 0.5, "label_smoothing": 0.1},
    {"loss": "squared_error"},
    {"loss": "squared_error", "label_smoothing": 0.2},
]


def name_of(options):
    return "-".join(
        v if isinstance(v, str) else type(v).__name__ + str(v)[:15] for v in options.values()
    )


def every(*groups):
    return pytest.mark.parametrize("options", [o for g in groups for o in g], ids=name_of)
