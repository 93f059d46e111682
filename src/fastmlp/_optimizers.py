"""Optimizer states: what SGD and Adam remember from step to step.

The step itself is the engine's. Names and meaning of the attributes are those of scikit-learn's
optimizers, because people read ``estimator._optimizer``.
"""

import math

import numpy as np

from ._schedules import make_schedule
from ._weights import views


class _Optimizer:
    """What an optimizer remembers from step to step; ``estimator._optimizer``.

    Hyperparameters are fixed when training starts, as in scikit-learn: changing the estimator's
    between calls of `partial_fit` has no effect, changing these has.

    Parameters
    ----------
    estimator : BaseMLP
        Where the hyperparameters are read.

    Attributes
    ----------
    learning_rate_init : float
        Initial learning rate.
    t : int
        Steps done so far.
    state : ndarray of shape (n_state, n_params) or None
        One flat vector per moment. Left out of pickles, where it would double or triple the size;
        a loaded optimizer starts with moments of zero.
    """

    n_state = 0

    def __init__(self, estimator):
        self.learning_rate_init = estimator.learning_rate_init
        self.t = 0
        self.state = None
        self.layout = None

    def prepare(self, weights):
        """Make the state fit these weights; a new one means starting anew."""
        shape = (self.n_state, weights.flat.size)
        if (
            self.state is None
            or self.layout != weights.layout
            or self.state.dtype != weights.flat.dtype
        ):
            self.state = np.zeros(shape, dtype=weights.flat.dtype)
            self.layout = weights.layout
            self.t = 0

    def _moment(self, row):
        """Row of the state as scikit-learn shows it: views, weights first, then biases."""
        if self.state is None:
            return []
        coefs, intercepts, _ = views(self.state[row], self.layout)
        return coefs + intercepts

    def __getstate__(self):
        return {**self.__dict__, "state": None}

    def __deepcopy__(self, memo):
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.state = None if self.state is None else self.state.copy()
        return twin


class SGDOptimizer(_Optimizer):
    """Gradient descent with momentum. ``velocities`` are views of the state."""

    name = "sgd"
    n_state = 1

    def __init__(self, estimator):
        super().__init__(estimator)
        self.learning_rate = float(self.learning_rate_init)
        self.lr_schedule = estimator.learning_rate
        self.power_t = estimator.power_t
        self.momentum = estimator.momentum
        self.nesterov = estimator.nesterovs_momentum

    @property
    def velocities(self):
        return self._moment(0)

    def step_arguments(self):
        """Keyword arguments of the engine's training call that stay the same over a fit."""
        return {"momentum": float(self.momentum), "nesterov": bool(self.nesterov)}

    @property
    def step_rate(self):
        """Learning rate to hand to the engine."""
        return self.learning_rate

    def end_epoch(self, samples_seen):
        schedule = make_schedule(self.lr_schedule, self.power_t)
        self.learning_rate = schedule.after_epoch(
            self.learning_rate, self.learning_rate_init, samples_seen
        )

    def stops(self, message, verbose):
        """React to a plateau: lower the learning rate and return False, or return True."""
        rate, action = make_schedule(self.lr_schedule, self.power_t).on_plateau(self.learning_rate)
        if verbose:
            print(f"{message} {action}")
        if rate is None:
            return True
        self.learning_rate = rate
        return False


class AdamOptimizer(_Optimizer):
    """Adam. ``ms`` and ``vs`` are views of the state."""

    name = "adam"
    n_state = 2

    def __init__(self, estimator):
        super().__init__(estimator)
        self.beta_1 = estimator.beta_1
        self.beta_2 = estimator.beta_2
        self.epsilon = estimator.epsilon

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
            return float(self.learning_rate_init)
        correction = math.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        return self.learning_rate_init * correction

    def step_arguments(self):
        """Keyword arguments of the engine's training call that stay the same over a fit."""
        return {
            "beta_1": float(self.beta_1),
            "beta_2": float(self.beta_2),
            "epsilon": float(self.epsilon),
        }

    @property
    def step_rate(self):
        """Learning rate to hand to the engine, which corrects the bias itself."""
        return float(self.learning_rate_init)

    def end_epoch(self, samples_seen):
        pass

    def stops(self, message, verbose):
        """React to a plateau: training ends."""
        if verbose:
            print(f"{message} Stopping.")
        return True


def make_optimizer(estimator):
    """Build the optimizer of ``estimator.solver``."""
    return {"sgd": SGDOptimizer, "adam": AdamOptimizer}[estimator.solver](estimator)
