"""The solvers: the stochastic training loop and L-BFGS.

The arithmetic of a step is the engine's (`fastmlp._core`). What is here decides which rows come
when, at which learning rate, and when to stop.
"""

import math
from typing import NamedTuple

import numpy as np
import scipy
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from ._core import SOLVERS, Trainer, shuffle
from ._custom import make_trainer
from ._noise import draw_seed
from ._optimizers import make_optimizer
from ._stopping import LossMonitor, ScoreMonitor

# rprop is one by its loop, though its mini-batch is all rows.
STOCHASTIC_SOLVERS = tuple(SOLVERS)

NONFINITE_WEIGHTS = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need"
    " to be preprocessed."
)
BATCH_SIZE_CLIPPED = (
    "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
)
INTERRUPTED = "Training interrupted by user."
MAX_ITER_REACHED = (
    "Stochastic Optimizer: Maximum iterations (%d) reached and the optimization hasn't"
    " converged yet."
)


# ------------------------------------------------------------------------------------ stochastic


class Data(NamedTuple):
    """Checked training data in the engine's format."""

    X: object  # ndarray (n_rows, n_features) or CSR tuple (data, indices, indptr, n_rows)
    y: np.ndarray  # int32 class indices, (n_rows, n_targets) of the model's dtype, or what a loss
    # of the user's gets
    sample_weight: np.ndarray | None
    n_rows: int


def train(est, trainer, optimizer, monitor, order, n_rows, *, max_epochs):
    """Train in mini-batches until the monitor sees no more progress: the training loop.

    Parameters
    ----------
    est : BaseMLP
        Its history (``n_iter_``, ``t_``, ``loss_``...) is right wherever training ends.
    trainer : Trainer
        Where weights and moments stay.
    optimizer : Optimizer
    monitor : LossMonitor or ScoreMonitor
    order : ndarray of intp or None
        The rows to train on, shuffled in place before every epoch; None: all rows, as they come.
    n_rows, max_epochs : int
        Number of rows in an epoch and number of epochs.

    Returns
    -------
    end : {"stopped", "max_epochs", "interrupted"}
        ValueError is raised for weights that are not finite, but for early stopping.
    """
    fixed = dict(optimizer.step_arguments(), alpha=float(est.alpha))
    steps_per_epoch = -(-n_rows // trainer.batch_size)
    optimizer.begin(steps_per_epoch, est.max_iter)
    shuffles = est.shuffle and order is not None and not optimizer.full_batch
    try:
        est.n_iter_ = 0
        for _ in range(max_epochs):
            if shuffles:
                shuffle(est._random_state, order)  # the draw of sklearn.utils.shuffle(order)
            position = 0
            rates = optimizer.epoch_rates(steps_per_epoch)
            while position < n_rows:
                position, steps, loss_sum = trainer.train(
                    order, position, n_rows, step=optimizer.t,
                    learning_rate=optimizer.step_rate, rates=rates, **fixed,
                )  # fmt: skip
                optimizer.did(steps, rates, trainer.rate_sum)
                rates = None if rates is None else rates[steps:]

            est.n_iter_ += 1
            est.t_ += n_rows
            est.loss_ = loss_sum / n_rows
            est.loss_curve_.append(est.loss_)
            if est.verbose:
                print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
            if not (math.isfinite(est.loss_) or est.early_stopping or trainer.weights_finite()):
                raise ValueError(f"{NONFINITE_WEIGHTS} Training diverged in epoch {est.n_iter_}.")

            monitor.epoch(est, trainer)
            optimizer.end_epoch(est.t_)
            if est._no_improvement_count > est.n_iter_no_change:
                message = (
                    f"{monitor.what} did not improve more than tol={est.tol:f}"
                    f" for {est.n_iter_no_change} consecutive epochs."
                )
                if optimizer.stops(message, est.verbose):
                    return "stopped"
                est._no_improvement_count = 0
    except KeyboardInterrupt:
        return "interrupted"
    return "max_epochs"


def check_full_batch(est, n_rows):
    """Refuse mini-batches where a step needs all rows.

    Raises
    ------
    ValueError
        If ``batch_size`` is smaller than the number of rows.
    """
    if est.batch_size != "auto" and est.batch_size < n_rows:
        raise ValueError(
            f"batch_size={est.batch_size!r} cannot go with solver={est.solver!r}, whose steps need"
            f" all {n_rows} rows; use 'auto', which is all of them."
        )


def check_batch_statistics(est, batch_size, n_rows):
    """Refuse mini-batches of one row where their statistics normalize.

    Raises
    ------
    ValueError
        Naming the parameters.
    """
    if est.normalization == "batch" and min(batch_size, n_rows) == 1:
        raise ValueError(
            "normalization='batch' needs at least two rows in a mini-batch, got"
            f" batch_size={est.batch_size!r} and {n_rows} row(s); normalization='layer' takes one."
        )


def fit_stochastic(est, network, weights, data, validation, *, incremental, n_threads):
    """Train ``weights`` in place with mini-batches.

    Parameters
    ----------
    est : BaseMLP
    network : Network
    weights : Weights
        Written to only when training has ended well.
    data : Data
    validation : tuple (train_rows, score) or None
        With early stopping: the rows to train on and ``score(trainer)``.
    incremental : bool
        One epoch of `partial_fit`, going on with the optimizer of the calls before.
    n_threads : int

    Returns
    -------
    warnings : list of tuple (message, category)
        To be given when the estimator is complete, since warnings may be errors.
    """
    warnings = []
    optimizer = getattr(est, "_optimizer", None) if incremental else None
    if optimizer is None:
        optimizer = make_optimizer(est)
    optimizer.prepare(weights)

    rows = None if validation is None else validation[0]
    n_rows = data.n_rows if rows is None else len(rows)
    if rows is None and est.shuffle and n_rows > 1:
        rows = np.arange(n_rows, dtype=np.intp)
    if optimizer.full_batch:
        check_full_batch(est, n_rows)
        batch_size = n_rows
    elif est.batch_size == "auto":
        batch_size = min(200, n_rows)
    else:
        batch_size = int(est.batch_size)
    if batch_size > n_rows:
        warnings.append((BATCH_SIZE_CLIPPED, UserWarning))
        batch_size = n_rows
    check_batch_statistics(est, batch_size, n_rows)

    trainer = trainer_for(est, network, optimizer, weights, data, batch_size, n_threads)
    trainer.rate_sum = optimizer.rate_sum
    monitor = LossMonitor() if validation is None else ScoreMonitor(validation[1], trainer)
    max_epochs = 1 if incremental else est.max_iter
    end = train(est, trainer, optimizer, monitor, rows, n_rows, max_epochs=max_epochs)
    monitor.finish(trainer)
    if not trainer.weights_finite():
        raise ValueError(NONFINITE_WEIGHTS)
    optimizer.read(trainer, weights)
    trainer.read_running(weights.running)
    optimizer.trainer = without_rows(trainer, data) if incremental else None
    optimizer.in_pickles = incremental
    est._optimizer = optimizer

    if end == "interrupted":
        warnings.append((INTERRUPTED, UserWarning))
    elif end == "max_epochs" and not incremental:
        warnings.append((MAX_ITER_REACHED % est.max_iter, ConvergenceWarning))
    return warnings


# A trainer is memory laid out for a network. Small ones stay from one partial_fit to the next.
KEPT_PARAMS, KEPT_ROWS = 1 << 16, 256


def trainer_for(est, network, optimizer, weights, data, batch_size, n_threads):
    """Return the last call's trainer if it fits, or a new one, with these weights and rows."""
    state = optimizer.state if optimizer.t else None
    trainer, optimizer.trainer = optimizer.trainer, None
    if trainer is not None and trainer.fits(network, batch_size, n_threads) and is_dense(data):
        trainer.bind(data.X, data.y, data.sample_weight)
        trainer.write(weights.flat, state)
        if len(weights.running):
            trainer.write_running(weights.running)
        return trainer
    return make_trainer(
        est, network, optimizer.name, weights.flat, state, data, batch_size, n_threads,
        running=weights.running,
        seed=draw_seed(est._random_state) if network.is_random else 0,
        **optimizer.trainer_arguments(),
    )  # fmt: skip


def without_rows(trainer, data):
    """Make a trainer let go of its rows and return it, or None where it is large or special."""
    if not (
        type(trainer) is Trainer
        and is_dense(data)
        and not trainer.net.is_random
        and trainer.net.n_params <= KEPT_PARAMS
        and trainer.batch_size <= KEPT_ROWS
    ):
        return None
    trainer.release()
    return trainer


def is_dense(data):
    """Whether X is an ndarray."""
    return type(data.X) is not tuple


# ---------------------------------------------------------------------------------------- L-BFGS


def fit_lbfgs(est, network, weights, data, *, n_threads):
    """Train ``weights`` in place with scipy's L-BFGS-B on the full batch.

    scipy works in float64 whatever the model's dtype is. Parameters and result are those of
    `fit_stochastic`.
    """
    check_batch_statistics(est, data.n_rows, data.n_rows)
    dtype = weights.flat.dtype
    params, grad = np.zeros_like(weights.flat), np.empty_like(weights.flat)
    trainer = make_trainer(est, network, None, params, None, data, data.n_rows, n_threads)
    accepted = scipy.optimize.OptimizeResult(x=weights.flat.astype(np.float64), fun=math.nan, nit=0)

    def loss_and_gradient(theta):
        params[:] = theta
        trainer.write(params)
        return trainer.loss_grad(float(est.alpha), grad), grad.astype(np.float64)

    def remember(intermediate_result):
        accepted.x = np.array(intermediate_result.x)
        accepted.fun = intermediate_result.fun
        accepted.nit += 1

    options = {"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": est.tol}
    if tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15):
        options["iprint"] = 1 if est.verbose else -1
    warnings = []
    try:
        with np.errstate(over="ignore"):  # a step too far in float32; the line search turns back
            result = scipy.optimize.minimize(
                loss_and_gradient, accepted.x, method="L-BFGS-B", jac=True,
                options=options, callback=remember,
            )  # fmt: skip
        n_iter = min(result.nit, est.max_iter)
        if result.status != 0:
            warnings.append((_not_converged(result, n_iter, est.max_iter), ConvergenceWarning))
    except KeyboardInterrupt:
        result, n_iter = accepted, accepted.nit
        warnings.append((INTERRUPTED, UserWarning))

    solution = result.x.astype(dtype)
    if not np.isfinite(solution).all():
        raise ValueError(NONFINITE_WEIGHTS)
    weights.flat[:] = solution
    if network.n_running:  # those of the last evaluation are of a point nearby
        loss_and_gradient(solution)
        trainer.read_running(weights.running)
    est.n_iter_ = n_iter
    est.loss_ = float(result.fun)
    return warnings


def _not_converged(result, n_iter, max_iter):
    more = (
        f"\nIncrease the number of iterations to improve the convergence (max_iter={max_iter})."
        if n_iter == max_iter
        else ""
    )
    return (
        f"lbfgs failed to converge after {n_iter} iteration(s) (status={result.status}):\n"
        f"{result.message}\n{more}\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html"
    )
