"""Optimizers: what they remember from step to step, and at which learning rates they step.

The step itself is the engine's. Names and meaning of the attributes of SGD and Adam are those of
scikit-learn's optimizers, because people read ``estimator._optimizer``.
"""

import math

import numpy as np

from ._core import SOLVERS
from ._schedules import SKLEARNS, ScheduleParams, check_callable, make_schedule
from ._weights import views

# What the engine calls otherwise than the estimator.
_ESTIMATORS_NAMES = {"nesterov": "nesterovs_momentum"}

# torch.optim's, where `rho` is None.
_DEFAULT_RHO = {"adadelta": 0.9, "rmsprop": 0.99}

# What goes with every stochastic solver. None means off, which is 0 in the engine.
_COMMON = ("weight_decay", "l1", "max_norm", "gradient_clip", "ema_decay")


class Optimizer:
    """What an optimizer remembers from step to step; ``estimator._optimizer``.

    Hyperparameters are fixed when training starts, as in scikit-learn: changing the estimator's
    between calls of `partial_fit` has no effect, changing these has.

    Parameters
    ----------
    estimator : BaseMLP
        Where the hyperparameters are read.

    Attributes
    ----------
    name : str
        The solver, which may have hyperparameters of its own as attributes.
    learning_rate_init : float
        Initial learning rate.
    schedule : Constant
        What becomes of it, behind a warm-up of ``warmup_fraction`` of all steps.
    learning_rate : float
        That of the last step, or of the next ones where the schedule changes it between epochs.
    t : int
        Steps done so far.
    rate_sum : float
        Sum of their squared learning rates.
    scheduled : int
        Steps that the schedule has done: other than ``t`` it survives pickling.
    total_steps : int or None
        Steps that the schedule is made for: ``max_iter`` epochs.
    state : ndarray of shape (n_state, n_params) or None
        One flat vector per moment and, behind an average that predicts, the weights in training.
    in_pickles : bool
        Whether pickles hold the state, so that a loaded model trains on to the same bits: after
        `partial_fit`. After `fit`, which starts anew when called again, it would be there for
        nothing at twice or three times the size; `partial_fit` of such a model, loaded, starts
        with moments of zero, from the weights that predict.
    trainer : Trainer or None
        Memory of the last `partial_fit` for the next one; not in pickles.
    left : ndarray of shape (n_params,) or None
        With an average: the weights that it predicts with. Others have been set by hand.
    """

    def __init__(self, estimator):
        self.name = estimator.solver
        self.learning_rate_init = estimator.learning_rate_init
        params = ScheduleParams(*(getattr(estimator, name) for name in ScheduleParams._fields))
        if self.name == "adam" and params.learning_rate in SKLEARNS:  # not Adam's in scikit-learn
            params = params._replace(learning_rate="constant")
        self.schedule = make_schedule(params)
        own = params.learning_rate == "one_cycle"  # it warms up by itself
        self.warmup_fraction = 0.0 if own else params.warmup_fraction
        for name in SOLVERS[self.name].takes:
            setattr(self, name, getattr(estimator, _ESTIMATORS_NAMES.get(name, name)))
        if "rho" in SOLVERS[self.name].takes and self.rho is None:
            self.rho = _DEFAULT_RHO[self.name]
        for name in _COMMON:
            setattr(self, name, getattr(estimator, name))
        names = (*SOLVERS[self.name].takes, *_COMMON)
        self._arguments = {name: float(getattr(self, name) or 0) for name in names}
        self._set_rate(float(self.learning_rate_init))
        self.t = 0
        self.rate_sum = 0.0
        self.scheduled = 0
        self.total_steps = None
        self.state = None
        self.left = None
        self.layout = None
        self.trainer = None
        self.in_pickles = False

    # -------------------------------------------------------------------------------------- memory

    @property
    def averages(self):
        """Whether an average of the weights predicts."""
        return SOLVERS[self.name].averages or self.ema_decay is not None

    @property
    def full_batch(self):
        """Whether a step needs all rows."""
        return SOLVERS[self.name].full_batch

    def prepare(self, weights):
        """Make the state fit these weights; a new one means starting anew."""
        if (
            self.state is None
            or self.layout != weights.layout
            or self.state.dtype != weights.flat.dtype
            or (self.averages and not np.array_equal(self.left, weights.flat))
        ):
            n_state = SOLVERS[self.name].n_state + self.averages
            # the engine begins with zeros if t == 0; here now, as training may be long
            self.state = np.empty((n_state, weights.flat.size), dtype=weights.flat.dtype)
            self.layout = weights.layout
            self.t = 0
            self.rate_sum = 0.0

    def read(self, trainer, weights):
        """Take the weights that predict, and the state, from the engine."""
        trainer.read(weights.flat, self.state)
        self.left = weights.flat.copy() if self.averages else None

    def _moment(self, row):
        """Row of the state as scikit-learn shows it: views, weights first, then biases."""
        if self.state is None:
            return []
        coefs, intercepts, _ = views(self.state[row], self.layout)
        return coefs + intercepts

    def __getstate__(self):
        large = ("trainer",) if self.in_pickles else ("trainer", "state", "left")
        return {**self.__dict__, **dict.fromkeys(large)}

    def __setstate__(self, attributes):
        self.__dict__.update(attributes)
        if self.state is not None:  # from a memory map, or a machine of other byte order
            self.state = np.array(self.state, dtype=self.state.dtype.newbyteorder("="))

    def __deepcopy__(self, memo):
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.state = None if self.state is None else self.state.copy()
        twin.trainer = None
        return twin

    # ----------------------------------------------------------------------------------- the engine

    def trainer_arguments(self):
        """Keyword arguments of the engine's trainer."""
        return {"average": self.ema_decay is not None, "clip": self.gradient_clip is not None}

    def step_arguments(self):
        """Keyword arguments of the engine's training call that stay the same over a fit."""
        return self._arguments

    def begin(self, steps_per_epoch, max_iter):
        """Fix the length of the schedule, by the first call if there are several."""
        if self.total_steps is None:
            self.total_steps = steps_per_epoch * max_iter

    def epoch_rates(self, n_steps):
        """Learning rates of the next steps, or None: all have `step_rate`."""
        fraction = self.warmup_fraction
        warmup = math.ceil(fraction * self.total_steps) if fraction else 0
        if not self.schedule.per_step and self.scheduled >= warmup:
            return None
        steps = self.scheduled + np.arange(n_steps)
        start = rates = np.full(n_steps, float(self.step_rate))
        if self.schedule.per_step:
            start = float(self.learning_rate_init)
            rates = self.schedule.rates(
                start, np.maximum(steps - warmup, 0), self.total_steps - warmup
            )
        return np.where(steps < warmup, start * (steps + 1) / max(warmup, 1), rates)

    def did(self, n_steps, rates, rate_sum):
        """Count steps done; rates: as from `epoch_rates`, from the first of them on."""
        self.t += n_steps
        self.scheduled += n_steps
        self.rate_sum = rate_sum
        if n_steps and rates is not None and self.schedule.per_step:
            self._set_rate(float(rates[n_steps - 1]))

    # ------------------------------------------------------------------------------------ schedules

    @property
    def step_rate(self):
        """Learning rate to hand to the engine."""
        return float(self.learning_rate)

    def _set_rate(self, rate):
        self.learning_rate = rate

    def end_epoch(self, samples_seen):
        """Change the learning rate after an epoch."""
        rate = self.schedule.after_epoch(self.step_rate, self.learning_rate_init, samples_seen)
        if rate != self.step_rate:
            self._set_rate(rate)

    def stops(self, message, verbose):
        """React to a plateau: lower the learning rate and return False, or return True."""
        rate, action = self.schedule.on_plateau(self.step_rate)
        if verbose:
            print(f"{message} {action}")
        if rate is None:
            return True
        self._set_rate(rate)
        return False


class SGDOptimizer(Optimizer):
    """Gradient descent with momentum. ``velocities`` are views of the state.

    ``lr_schedule`` and ``power_t`` are what `schedule` has been made of.
    """

    def __init__(self, estimator):
        super().__init__(estimator)
        self.lr_schedule = estimator.learning_rate
        self.power_t = estimator.power_t

    @property
    def velocities(self):
        return self._moment(0)


class AdamOptimizer(Optimizer):
    """Adam. ``ms`` and ``vs`` are views of the state."""

    def __init__(self, estimator):
        super().__init__(estimator)
        self.rate = None  # learning_rate_init, unless a schedule has changed it

    @property
    def ms(self):
        return self._moment(0)

    @property
    def vs(self):
        return self._moment(1)

    @property
    def learning_rate(self):
        """Rate of the last step, with its correction of both moments' bias."""
        if self.t == 0:
            return self.step_rate
        correction = math.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        return self.step_rate * correction

    @property
    def step_rate(self):
        """Learning rate to hand to the engine, which corrects the bias itself."""
        return float(self.learning_rate_init if self.rate is None else self.rate)

    def _set_rate(self, rate):
        self.rate = rate


def make_optimizer(estimator):
    """Build the optimizer of ``estimator.solver``."""
    named = {"sgd": SGDOptimizer, "adam": AdamOptimizer}
    return named.get(estimator.solver, Optimizer)(estimator)


# ----------------------------------------------------------------------------------- combinations


def check_solver_parameters(est):
    """Refuse parameters that cannot go with the solver, before any training.

    Raises
    ------
    ValueError
        Naming both.
    """
    schedule = est.learning_rate
    if callable(schedule):
        check_callable(schedule)
    scheduled = callable(schedule) or schedule not in SKLEARNS
    shown = {
        "learning_rate": scheduled,
        "warmup_fraction": est.warmup_fraction > 0,
        "learning_rate_min": est.learning_rate_min > 0,
    }
    if est.solver == "lbfgs":
        shown |= {name: bool(getattr(est, name)) for name in _COMMON}
        _refuse(est, shown, "solver", "which has no steps of that kind; use a stochastic solver")
        return
    if SOLVERS[est.solver].full_batch:
        shown["learning_rate"] = schedule != "constant"
        _refuse(est, shown, "solver", "whose steps have sizes of their own; use a stochastic one")
    if SOLVERS[est.solver].averages:
        shown = {"ema_decay": est.ema_decay is not None}
        _refuse(est, shown, "solver", "which predicts with an average of its own")
    if not scheduled:
        shown = {"learning_rate_min": est.learning_rate_min > 0}
        _refuse(est, shown, "learning_rate", "which knows no smallest rate")
    if schedule == "coslog4":
        shown = {"warmup_fraction": est.warmup_fraction > 0}
        _refuse(est, shown, "learning_rate", "which begins with a warm-up of its own")
    if est.learning_rate_min > est.learning_rate_init:
        raise ValueError(
            f"learning_rate_min={est.learning_rate_min!r} must not be larger than"
            f" learning_rate_init={est.learning_rate_init!r}, which schedules start from."
        )


def _refuse(est, present, other, why):
    """Raise if any of the parameters is ``present``: it cannot go with that of name ``other``."""
    for name in present:
        if present[name]:
            raise ValueError(
                f"{name}={getattr(est, name)!r} cannot go with {other}={getattr(est, other)!r},"
                f" {why}."
            )
