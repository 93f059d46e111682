"""Dropout and noise: what training does to the network and prediction does not."""

import numpy as np
import scipy.sparse as sp

# Parameters of the estimators, under the same names in the engine's `Network`.
NAMES = ("dropout", "input_dropout", "input_noise")


def _is_used(value):
    return any(p > 0 for p in value) if hasattr(value, "__len__") else value > 0


def layer_dropout(dropout, n_hidden):
    """Return each hidden layer's probability of dropping a unit.

    Raises
    ------
    ValueError
        If ``dropout`` is a sequence that has not one probability per hidden layer.
    """
    if not hasattr(dropout, "__len__"):
        return (float(dropout),) * n_hidden
    if len(dropout) != n_hidden:
        raise ValueError(
            f"dropout has {len(dropout)} probabilities, but hidden_layer_sizes {n_hidden} layers:"
            " give one per hidden layer, or a float for all of them."
        )
    return tuple(map(float, dropout))


def training_noise(estimator, n_hidden):
    """Return the keyword arguments of a network in training, none if nothing is random in it."""
    values = estimator.dropout, estimator.input_dropout, estimator.input_noise
    if type(values[0]) is float and values == (0, 0, 0):  # the default, in a microsecond less
        return {}
    values = layer_dropout(estimator.dropout, n_hidden), *values[1:]
    return dict(zip(NAMES, values, strict=True)) if any(map(_is_used, values)) else {}


def check_noise(estimator):
    """Refuse noise where the loss must be the same function all the time.

    Raises
    ------
    ValueError
        Naming the solver and the parameter.
    """
    if estimator.solver != "lbfgs":
        return
    for name in NAMES:
        value = getattr(estimator, name)
        if _is_used(value):
            raise ValueError(
                f"{name}={value!r} cannot be combined with solver='lbfgs', whose line search needs"
                f" the same loss in every evaluation; use another solver or {name}=0."
            )


def check_noise_for(estimator, X):
    """Refuse noise that would fill up a sparse X.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    if estimator.input_noise > 0 and sp.issparse(X):
        raise ValueError(
            f"input_noise={estimator.input_noise!r} cannot be combined with a sparse X, which would"
            " become dense; use X.toarray(), or input_dropout."
        )


def draw_seed(random_state):
    """Draw the seed of the engine's generator from a RandomState."""
    return int(random_state.randint(np.iinfo(np.int64).max, dtype=np.int64))
