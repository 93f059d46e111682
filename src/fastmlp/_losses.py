"""Losses as the estimators see them: parameters in, a description of the output layer out.

What the engine has is in its table (`fastmlp._core.LOSSES`); here is which of them an estimator
offers under which name, where their numbers come from, and how outputs become predictions.
"""

from typing import NamedTuple

import numpy as np

from ._core import LOSSES, loss_domain

# What an estimator's ``loss`` is called in the engine.
REGRESSION = {
    name: name for name, row in LOSSES.items() if name != "custom" and row.domain != "probability"
}
CLASSIFICATION = {"log_loss": "log_loss", "focal": "focal", "squared_error": "brier"}

# Where the engine's loss_args come from.
ARGUMENT = {
    "huber": "huber_delta",
    "quantile": "quantile",
    "tweedie": "tweedie_power",
    "focal": "focal_gamma",
}

REGRESSION_OUTPUTS = LOSSES["squared_error"].outputs

# For a network whose weights were set by hand: any pair that the engine takes.
LOSS_OF_OUTPUT = {"softmax": "log_loss", "exp": "poisson", "logistic": "log_loss"}

DOMAIN_WORDS = {"nonnegative": "y >= 0", "positive": "y > 0"}

# As in csrc/kernels/loss_regression.inc.h.
LOG_VARIANCE_RANGE = np.log(1e-6), 80.0


class Head(NamedTuple):
    """The output layer as the engine describes it; hashable."""

    output: str  # activation
    loss: str  # name in the engine
    args: tuple = ()
    label_smoothing: float = 0.0
    groups: tuple = ()  # outputs of each softmax, if there are several


def is_custom(loss):
    """Whether ``loss`` is an object of the user's instead of a name."""
    return not isinstance(loss, str)


def head_of_output(output):
    """A head for a network whose weights were set by hand."""
    return Head(output, LOSS_OF_OUTPUT.get(output, "squared_error"))


def loss_arguments(estimator, loss):
    """The engine's loss_args for a loss of the engine's."""
    if loss not in ARGUMENT:
        return ()
    value = getattr(estimator, ARGUMENT[loss])
    return tuple(map(float, value)) if np.ndim(value) else (float(value),)


# ------------------------------------------------------------------------------------- regression


def regression_head(estimator):
    """Return the head for a regressor's parameters.

    Raises
    ------
    ValueError
        If ``output_activation`` cannot go with ``loss``.
    """
    name = "custom" if is_custom(estimator.loss) else REGRESSION.get(estimator.loss, estimator.loss)
    output, row = estimator.output_activation, LOSSES.get(name)
    if output == "auto":
        output = row.output if row is not None else "identity"
    elif row is not None and output not in row.outputs:
        allowed = ", ".join(repr(o) for o in ("auto", *row.outputs))
        raise ValueError(
            f"output_activation={output!r} cannot be combined with loss={estimator.loss!r}, which"
            f" allows {allowed}."
        )
    return Head(output, name, loss_arguments(estimator, name))


def outputs_per_target(head):
    """Number of network outputs for each column of y."""
    return LOSSES[head.loss].outputs_per_target or len(head.args)


def check_domain(estimator, y, head):
    """Refuse targets that the loss is not defined for.

    Raises
    ------
    ValueError
        Saying which values are allowed.
    """
    domain = loss_domain(head.loss, head.args)
    if domain not in DOMAIN_WORDS or not (y < 0 if domain == "nonnegative" else y <= 0).any():
        return
    name = ARGUMENT.get(head.loss)
    with_name = "" if name is None else f" with {name}={getattr(estimator, name)!r}"
    raise ValueError(
        f"Some value(s) of y are out of the valid range of loss={estimator.loss!r}{with_name}:"
        f" {DOMAIN_WORDS[domain]}."
    )


def predictions(output, head):
    """Turn the network's output (n, n_outputs) into predictions.

    Returns
    -------
    predictions : ndarray
        (n, n_targets); with several quantiles (n, n_targets, n_quantiles), which never cross.
    """
    if head.loss == "gaussian_nll":
        return output[:, : output.shape[1] // 2]
    n_levels = len(head.args)
    if head.loss != "quantile" or n_levels == 1:
        return output
    output = np.sort(output.reshape(len(output), -1, n_levels), axis=2)
    rank = np.argsort(np.argsort(head.args))  # levels may be given in any order
    return output[:, :, rank]


def central(predictions, head):
    """What to score: of several quantiles the one nearest to the median."""
    if head.loss != "quantile" or len(head.args) == 1:
        return predictions
    return predictions[..., int(np.argmin(np.abs(np.subtract(head.args, 0.5))))]


def standard_deviations(output):
    """Standard deviations (n, n_targets) from the outputs of 'gaussian_nll'."""
    log_variance = output[:, output.shape[1] // 2 :]
    return np.exp(np.clip(log_variance, *LOG_VARIANCE_RANGE) / 2)


# --------------------------------------------------------------------------------- classification


def classification_head(estimator, output, groups=()):
    """Return the head for a classifier's parameters and its kind of targets."""
    if is_custom(estimator.loss):
        return Head(output, "custom", groups=groups)
    name = CLASSIFICATION.get(estimator.loss, estimator.loss)
    smoothing = float(estimator.label_smoothing)
    return Head(output, name, loss_arguments(estimator, name), smoothing, groups)
