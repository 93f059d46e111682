"""The estimator as data: undoing a failed fit, pickling, unpickling."""

import warnings

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning as _SklearnVersionWarning

from ._version import __version__
from ._weights import EXTRAS, RUNNING, Layout, Weights

# What training records; the curves grow in place.
_CURVES = ("loss_curve_", "validation_scores_")
HISTORY = (*_CURVES, "best_loss_", "best_validation_score_")

# Not in pickles: a lock, what the next call of fit makes anew, what _params says in full.
_TRANSIENT = (
    "_training", "_random_state", "_own_random_state", "_weights", "coefs_", "intercepts_",
    *(f"{name}_" for name in EXTRAS | RUNNING),
)  # fmt: skip


class InconsistentVersionWarning(_SklearnVersionWarning):
    """A model was pickled by another version of fastmlp."""

    def __str__(self):
        return (
            f"Trying to unpickle estimator {self.estimator_name} from fastmlp version"
            f" {self.original_sklearn_version} when using version {self.current_sklearn_version}."
            " This might lead to breaking code or invalid results. Use at your own risk."
        )


class Checkpoint:
    """An estimator as it was before a call of fit: a call that fails changes nothing."""

    def __init__(self, estimator):
        self.attributes = estimator.__dict__
        self.before = before = self.attributes.copy()
        curves = map(before.get, _CURVES)
        self.lengths = [(curve, len(curve)) for curve in curves if type(curve) is list]
        self.optimizer = before.get("_optimizer")
        self.optimizer_before = None if self.optimizer is None else vars(self.optimizer).copy()

    def restore(self):
        """Bring attributes, curves and the optimizer's counters back."""
        for name in self.attributes.keys() - self.before.keys():
            del self.attributes[name]
        self.attributes.update(self.before)
        for curve, length in self.lengths:
            del curve[length:]
        if self.optimizer is not None:
            vars(self.optimizer).update(self.optimizer_before)


def pack_state(estimator, state):
    """Turn attributes into what is pickled: flat vectors once, no views; see also `Optimizer`.

    Parameters
    ----------
    estimator : BaseMLP
    state : dict
        Its attributes.
    """
    state = dict(state, _fastmlp_version=__version__)
    if "_weights" in state:
        weights = estimator._current_weights()
        for name in _TRANSIENT:
            state.pop(name, None)
        state["_params"] = weights.flat, tuple(weights.layout)
        if len(weights.running):
            state["_running"] = weights.running
    return state


def unpack_state(estimator, state):
    """Inverse of `pack_state`. Return the attributes and the weights, None if there are none.

    Warns
    -----
    InconsistentVersionWarning
        If the state is another version's.
    """
    state = dict(state)
    version = state.pop("_fastmlp_version", "unknown")
    if version != __version__:
        warning = InconsistentVersionWarning(
            estimator_name=type(estimator).__name__,
            current_sklearn_version=__version__,
            original_sklearn_version=version,
        )
        warnings.warn(warning, stacklevel=3)
    if "_params" not in state:
        return state, None
    flat, layout = state.pop("_params")
    running = state.pop("_running", None)
    running = None if running is None else _own(running)
    return state, Weights(_own(flat), Layout(*layout), running)


def _own(array):
    """From another machine or a memory map: native byte order, aligned, without its subclass."""
    native = array.dtype.newbyteorder("=")
    return np.asarray(np.require(array, dtype=native, requirements=["C", "A"]))
