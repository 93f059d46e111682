"""Schedules of the learning rate, step by step and through the estimators."""

import numpy as np
import pytest
from estimators.models import parameters
from estimators.solvers import SCHEDULES, STOCHASTIC, data
from numpy.testing import assert_array_equal

from fastmlp import MLPRegressor
from fastmlp._optimizers import make_optimizer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rates_of(total, per_epoch=None, solver="sgd", **params):
    """Learning rates of all steps, epoch by epoch."""
    optimizer = make_optimizer(MLPRegressor(solver=solver, **params))
    per_epoch = per_epoch or total
    optimizer.begin(per_epoch, total // per_epoch)
    found = []
    for _ in range(total // per_epoch):
        rates = optimizer.epoch_rates(per_epoch)
        found.append(np.full(per_epoch, optimizer.step_rate) if rates is None else rates)
        optimizer.did(per_epoch, rates, 0.0)
    return np.concatenate(found)


CASES = {
    "step": ({"decay_rate": 0.5, "decay_steps": 7}, "StepLR", {"step_size": 7, "gamma": 0.5}),
    "exponential": ({"decay_rate": 0.5, "decay_steps": 1}, "ExponentialLR", {"gamma": 0.5}),
    "cosine": ({"learning_rate_min": 0.01}, "CosineAnnealingLR", {"T_max": 40, "eta_min": 0.01}),
    "cosine_restarts": ({"decay_steps": 9, "learning_rate_min": 0.01},
                        "CosineAnnealingWarmRestarts", {"T_0": 9, "eta_min": 0.01}),
    "one_cycle": ({}, "OneCycleLR", {"max_lr": 0.3, "total_steps": 40, "cycle_momentum": False}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_schedules_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, kind, theirs = CASES[name]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    schedule = getattr(torch.optim.lr_scheduler, kind)(optimizer, **theirs)
    want = []
    for _ in range(40):
        want.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(want) < 40:
            schedule.step()
    got = rates_of(40, learning_rate=name, learning_rate_init=0.3, **ours)
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_schedules_at_known_points():
    """Closed forms, without torch."""
    t = np.arange(40) / 40
    r = {name: rates_of(40, learning_rate=name, learning_rate_init=2.0) for name in SCHEDULES}
    np.testing.assert_allclose(r["cosine"], 1 + np.cos(np.pi * t))
    np.testing.assert_allclose(r["step"], 2 * 0.1 ** (np.arange(40) // 13))
    np.testing.assert_allclose(r["exponential"], 2 * 0.1 ** (np.arange(40) / 13))
    np.testing.assert_allclose(r["cosine_restarts"][[0, 13, 26, 39]], 2)
    np.testing.assert_allclose(r["one_cycle"][[0, 11, 39]], [0.08, 2, 8e-6])
    zeros = 40 * (2.0 ** np.arange(4) - 1) / 15  # log2(1 + 15 t) is whole
    np.testing.assert_allclose(r["coslog4"], 1 - np.cos(2 * np.pi * np.log2(1 + 15 * t)))
    assert np.interp(zeros, np.arange(40), r["coslog4"]).max() < 0.6
    np.testing.assert_allclose(
        rates_of(40, learning_rate=lambda t: 1 - t, learning_rate_init=2.0), 2 * (1 - t)
    )


def test_cutting_into_epochs_changes_no_rate():
    for name in SCHEDULES:
        params = {"learning_rate": name, "learning_rate_min": 1e-4}
        if name != "coslog4":
            params["warmup_fraction"] = 0.2
        assert_array_equal(rates_of(60, 60, **params), rates_of(60, 12, **params))


def test_warm_up():
    rates = rates_of(40, warmup_fraction=0.25, learning_rate_init=1.0)
    np.testing.assert_allclose(rates, np.minimum(np.arange(1, 41) / 10, 1))
    rates = rates_of(40, 4, warmup_fraction=0.25, learning_rate_init=1.0, learning_rate="cosine")
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    np.testing.assert_allclose(rates[10:], (1 + np.cos(np.pi * np.arange(30) / 30)) / 2)


def test_rates_stay_at_their_end_behind_it():
    """partial_fit may be called more often than max_iter."""
    for name in ("cosine", "one_cycle", "coslog4"):
        optimizer = make_optimizer(MLPRegressor(solver="adamw", learning_rate=name))
        optimizer.begin(5, 2)
        optimizer.scheduled = 1000
        rates = optimizer.epoch_rates(5)
        assert (rates == rates[0]).all()
        assert rates[0] < 1e-6


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_plateau_lowers_the_rate(solver, capsys):
    """Down to learning_rate_min, where training ends."""
    X, y = data()
    model = MLPRegressor(
        hidden_layer_sizes=(3,), solver=solver, learning_rate="plateau", learning_rate_min=1e-5,
        decay_rate=0.1, tol=1e6, n_iter_no_change=1, random_state=0, verbose=True,
    ).fit(X, y)  # fmt: skip
    assert model._optimizer.step_rate == pytest.approx(1e-5)
    assert model.n_iter_ == 7  # the first epoch is progress, then twice two and two to end
    printed = capsys.readouterr().out
    assert printed.count("Setting learning rate to") == 2
    assert printed.count("Learning rate too small. Stopping.") == 1


def test_sklearns_schedules_with_other_solvers():
    X, y = data()
    quick = {"hidden_layer_sizes": (3,), "max_iter": 5, "random_state": 0}
    model = MLPRegressor(solver="adamw", learning_rate="invscaling", **quick).fit(X, y)
    assert model._optimizer.learning_rate == pytest.approx(0.001 / (300 + 1) ** 0.5)
    model = MLPRegressor(solver="lion", learning_rate="adaptive", tol=1e6, n_iter_no_change=1,
                         **quick).fit(X, y)  # fmt: skip
    assert model._optimizer.learning_rate == pytest.approx(0.001 / 25)


class HalfSquares:
    """squared_error as a loss of the user's: every call of the engine is one step."""

    def loss(self, y, raw, sample_weight):
        return 0.5 * ((raw - y) ** 2).mean(axis=1)

    def gradient(self, y, raw, sample_weight):
        return raw - y


@pytest.mark.parametrize("name", [*SCHEDULES, "constant"])
def test_cutting_into_calls_changes_no_rate(name):
    X, y = data()
    options = {
        "hidden_layer_sizes": (5,), "solver": "schedulefree", "learning_rate": name, "max_iter": 4,
        "batch_size": 9, "random_state": 0, "learning_rate_init": 0.1,
    }  # fmt: skip
    if name != "coslog4":
        options["warmup_fraction"] = 0.2
    a, b = (
        MLPRegressor(loss=loss, **options).fit(X, y) for loss in ("squared_error", HalfSquares())
    )
    np.testing.assert_allclose(parameters(a), parameters(b), rtol=1e-9, atol=1e-12)
    assert a._optimizer.learning_rate == b._optimizer.learning_rate


def test_learning_rate_attribute_follows_the_steps():
    X, y = data()
    model = MLPRegressor(
        hidden_layer_sizes=(3,), solver="sgd", learning_rate=lambda t: 1 - t, batch_size=20,
        max_iter=2, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model._optimizer.learning_rate == pytest.approx(0.001 / 6)


def test_smallest_rate_above_the_initial():
    model = MLPRegressor(learning_rate="cosine", learning_rate_min=1.0, learning_rate_init=0.1)
    with pytest.raises(ValueError, match=r"learning_rate_min=1.0 .* learning_rate_init=0.1"):
        model.fit([[0.0], [1.0]], [0, 1])
