"""Learning-rate schedules.

Those of scikit-learn, and "plateau", change the rate between epochs: `after_epoch`, `on_plateau`.
The others give every step, that is every mini-batch, its own rate: `rates`. A schedule is
stateless, the current rate and the number of steps belong to the optimizer.
"""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np

# "adaptive" and "plateau" give up below this rate, as scikit-learn does.
_SMALLEST_ADAPTIVE_RATE = 1e-6


class Constant:
    """The rate never changes, a plateau ends training."""

    per_step = False

    def after_epoch(self, rate, initial, samples_seen):
        """Return the rate of the next epoch.

        Parameters
        ----------
        rate, initial : float
            Current and initial learning rate.
        samples_seen : int
            Training samples seen so far, over all epochs and calls.
        """
        return rate

    def on_plateau(self, rate):
        """Return ``(rate, message)``; a rate of None ends training."""
        return None, "Stopping."


class InvScaling(Constant):
    """``initial / (samples_seen + 1) ** power_t``."""

    def __init__(self, power_t):
        self.power_t = power_t

    def after_epoch(self, rate, initial, samples_seen):
        return float(initial) / (samples_seen + 1) ** self.power_t


class Adaptive(Constant):
    """A fifth of the rate on every plateau, the end when that has become too small."""

    def on_plateau(self, rate):
        if rate <= _SMALLEST_ADAPTIVE_RATE:
            return None, "Learning rate too small. Stopping."
        rate /= 5.0
        return rate, f"Setting learning rate to {rate:f}"


class Plateau(Constant):
    """``decay_rate`` of the rate on every plateau, down to a smallest one, on which training ends.

    torch's ReduceLROnPlateau with what scikit-learn calls no progress, and an end.
    """

    def __init__(self, decay_rate, smallest):
        self.decay_rate = decay_rate
        self.smallest = smallest

    def on_plateau(self, rate):
        if rate <= self.smallest:
            return None, "Learning rate too small. Stopping."
        rate = max(rate * self.decay_rate, self.smallest)
        return rate, f"Setting learning rate to {rate:f}"


class PerStep(Constant):
    """A rate for every step.

    Parameters
    ----------
    curve : callable
        ``curve(steps, total, params)``: rates, in units of the initial one, of an array of steps
        0, 1, ... of ``total``.
    params : ScheduleParams
    """

    per_step = True

    def __init__(self, curve, params):
        self.curve = curve
        self.params = params

    def rates(self, initial, steps, total):
        """Learning rates of these steps, ndarray of float64."""
        factors = self.curve(steps, total, self.params)
        return np.maximum(initial * factors, self.params.learning_rate_min)


class ScheduleParams(NamedTuple):
    """The constructor parameters of these names."""

    learning_rate: object  # str or callable
    learning_rate_init: float
    learning_rate_min: float
    power_t: float
    decay_rate: float
    decay_steps: int | None
    warmup_fraction: float


def _progress(steps, total):
    """t in [0, 1]; it stays at 1 behind the end, where `partial_fit` may go."""
    return np.minimum(steps / max(total, 1), 1.0)


def _decay_steps(total, params):
    return max(1, total // 3) if params.decay_steps is None else params.decay_steps


def _half_cosine(t, params):
    """1 at t = 0, learning_rate_min at t = 1."""
    smallest = params.learning_rate_min / params.learning_rate_init
    return smallest + (1 - smallest) * 0.5 * (1 + np.cos(np.pi * t))


def _step(steps, total, params):
    """torch.optim.lr_scheduler.StepLR."""
    return params.decay_rate ** (steps // _decay_steps(total, params))


def _exponential(steps, total, params):
    """torch.optim.lr_scheduler.ExponentialLR with gamma = decay_rate ** (1 / decay_steps)."""
    return params.decay_rate ** (steps / _decay_steps(total, params))


def _cosine(steps, total, params):
    """Loshchilov & Hutter 2017 without restarts: CosineAnnealingLR."""
    return _half_cosine(_progress(steps, total), params)


def _cosine_restarts(steps, total, params):
    """Loshchilov & Hutter 2017: CosineAnnealingWarmRestarts."""
    period = _decay_steps(total, params)
    return _half_cosine(steps % period / period, params)


def _between(start, end, t):
    return end + (start - end) * 0.5 * (1 + np.cos(np.pi * t))


def _one_cycle(steps, total, params):
    """Smith & Topin 2018 as in OneCycleLR, the momentum staying: from 1 / 25 up, and down."""
    top, last = max((params.warmup_fraction or 0.3) * total - 1, 0), max(total - 1, 1)
    steps = np.minimum(steps, last)
    up = _between(1 / 25, 1, steps / max(top, 1))
    down = _between(1, 1 / 25 / 1e4, (steps - top) / max(last - top, 1))
    return np.where(steps < top, up, down)


def _coslog4(steps, total, params):
    """Holzmueller et al. 2024 (RealMLP): four cosine cycles, each as long as all before it."""
    return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * _progress(steps, total))))


def _called(steps, total, params):
    """The user's function of t."""
    return np.array([_factor(params.learning_rate, t) for t in _progress(steps, total).tolist()])


def _factor(function, t):
    result = function(t)
    if not (isinstance(result, Real) and math.isfinite(result) and result >= 0):
        raise ValueError(
            "The callable learning_rate must return a finite float >= 0 for t in [0, 1], got"
            f" {result!r} for t={t}."
        )
    return float(result)


CURVES = {
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "one_cycle": _one_cycle,
    "coslog4": _coslog4,
}
SKLEARNS = ("constant", "invscaling", "adaptive")
SCHEDULES = (*SKLEARNS, "plateau", *CURVES)


def check_callable(learning_rate):
    """Call a user's schedule at both ends, before any training.

    Raises
    ------
    ValueError
        If it does not return a finite float >= 0.
    """
    for t in (0.0, 1.0):
        _factor(learning_rate, t)


def make_schedule(params):
    """Build the schedule of these `ScheduleParams`."""
    if callable(params.learning_rate):
        return PerStep(_called, params)
    if params.learning_rate in CURVES:
        return PerStep(CURVES[params.learning_rate], params)
    if params.learning_rate == "invscaling":
        return InvScaling(params.power_t)
    if params.learning_rate == "plateau":
        return Plateau(params.decay_rate, max(params.learning_rate_min, _SMALLEST_ADAPTIVE_RATE))
    return {"constant": Constant, "adaptive": Adaptive}[params.learning_rate]()
