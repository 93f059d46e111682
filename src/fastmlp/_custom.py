"""Losses of the user's: a trainer that asks an object for losses and gradients.

A step is two calls of the engine. The forward pass returns here with the raw outputs, the object is
asked, and the engine does the rest with the derivatives it gave.
"""

import numpy as np

from ._core import Trainer


class CustomLossTrainer(Trainer):
    """A `Trainer` whose loss is an object; the other parameters are those of `Trainer`.

    Parameters
    ----------
    loss : object
        With ``loss(y, raw, sample_weight)`` and ``gradient(y, raw, sample_weight)``.
    y : ndarray
        One entry or row per row of X, as the object gets it.
    """

    def __init__(
        self,
        net,
        solver,
        params,
        state,
        X,
        y,
        sample_weight,
        batch_size,
        n_threads,
        *,
        loss,
        **options,
    ):
        answers = np.zeros((len(y), net.n_outputs + 1), net.dtype)
        super().__init__(
            net,
            solver,
            params,
            state,
            X,
            answers,
            sample_weight,
            batch_size,
            n_threads,
            **options,
        )
        self.answers, self.loss, self.y = answers, loss, y
        self.sample_weight = sample_weight

    def train(self, order, start, stop, **arguments):
        """One mini-batch: what `Trainer.train` returns."""
        stop = min(stop, start + self.batch_size)
        self._ask(order, start, stop, arguments["step"])
        return super().train(order, start, stop, **arguments)

    def loss_grad(self, alpha, grad):
        """Loss and gradient of all rows, as `Trainer.loss_grad`."""
        self._ask(None, 0, len(self.y))
        return super().loss_grad(alpha, grad)

    def _ask(self, order, start, stop, step=0):
        """Forward pass of rows order[start:stop], and the object's answers to it."""
        raw = self.forward_rows(order, start, stop, step)
        if raw is None:
            return  # no step
        rows = slice(start, stop) if order is None else order[start:stop]
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        self.answers[rows, -1] = self._call("loss", self.y[rows], raw, weight, raw.shape[:1])
        self.answers[rows, :-1] = self._call("gradient", self.y[rows], raw, weight, raw.shape)

    def _call(self, name, y, raw, weight, shape):
        """What the object's method returns, as an array of the model's dtype."""
        # Copies: the object may write into what it gets.
        given = None if weight is None else weight.copy()
        answer = getattr(self.loss, name)(y.copy(), raw.copy(), given)
        what = f"The loss {type(self.loss).__name__}: {name}(y, raw, sample_weight)"
        try:
            answer = np.asarray(answer)
        except ValueError as error:
            raise ValueError(f"{what} must return an array of shape {shape}: {error}") from None
        column = {(len(raw),), (len(raw), 1)}  # the same for one output
        if answer.shape != shape and not column.issuperset((answer.shape, shape)):
            raise ValueError(
                f"{what} must return an array of shape {shape}, got the shape {answer.shape}."
            )
        if answer.dtype.kind not in "fiub":
            raise ValueError(f"{what} must return floats, got {answer.dtype}.")
        with np.errstate(over="ignore"):
            answer = answer.astype(self.net.dtype).reshape(shape)
        if weight is not None:
            answer[weight == 0] = 0  # a row of weight 0 is absent, whatever is said of it
        # Where the network has diverged the object can do nothing about it.
        if not np.isfinite(answer).all() and np.isfinite(raw).all():
            raise ValueError(
                f"{what} returned values that are not finite in {self.net.dtype}, though raw is."
            )
        return answer


def make_trainer(est, network, solver, params, state, data, batch_size, n_threads, **options):
    """The trainer for an estimator's loss; ``options`` are those of `Trainer`."""
    if network.loss == "custom":
        options["loss"] = est.loss
    trainer = CustomLossTrainer if network.loss == "custom" else Trainer
    return trainer(
        network,
        solver,
        params,
        state,
        data.X,
        data.y,
        data.sample_weight,
        batch_size,
        n_threads,
        **options,
    )
