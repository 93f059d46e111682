"""The regressor: numbers in, numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from ._base import BaseMLP, needs_mini_batches
from ._docs import REGRESSOR_PARAMETERS, documented
from ._losses import (
    central,
    check_domain,
    outputs_per_target,
    predictions,
    regression_head,
    standard_deviations,
)
from ._stopping import R2
from ._validation import REGRESSOR_RULES, all_finite, cast, check_X_y

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, Self

    from numpy.typing import ArrayLike

    from ._typing import Array, CustomLoss, Matrix, RandomState, Schedule, Sizes, WeightInit


@documented(score="R2", own=REGRESSOR_PARAMETERS)
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron regressor.

    Minimizes the squared error or another loss, over one or several targets.

    Examples
    --------
    >>> from fastmlp import MLPRegressor
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> reg = MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X[:150], y[:150])
    >>> reg.predict(X[150:152]).round()
    array([-131.,  -74.])
    """

    _rules = REGRESSOR_RULES

    def __init__(
        self,
        loss: str | CustomLoss = "squared_error",
        hidden_layer_sizes: Sizes = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str | Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_threads: int | None = None,
        rho: float | None = None,
        warmup_fraction: float = 0.0,
        learning_rate_min: float = 0.0,
        decay_rate: float = 0.1,
        decay_steps: int | None = None,
        weight_decay: float = 0.0,
        l1: float = 0.0,
        max_norm: float | None = None,
        gradient_clip: float | None = None,
        ema_decay: float | None = None,
        output_activation: str = "auto",
        huber_delta: float = 1.0,
        quantile: float | Sequence[float] = 0.5,
        tweedie_power: float = 1.5,
        maxout_pieces: int = 2,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        normalization: Literal["batch", "layer"] | None = None,
        residual: bool = False,
        weight_init: str | WeightInit = "auto",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.loss = loss
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_threads = n_threads
        self.rho = rho
        self.warmup_fraction = warmup_fraction
        self.learning_rate_min = learning_rate_min
        self.decay_rate = decay_rate
        self.decay_steps = decay_steps
        self.weight_decay = weight_decay
        self.l1 = l1
        self.max_norm = max_norm
        self.gradient_clip = gradient_clip
        self.ema_decay = ema_decay
        self.output_activation = output_activation
        self.huber_delta = huber_delta
        self.quantile = quantile
        self.tweedie_power = tweedie_power
        self.maxout_pieces = maxout_pieces
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.input_noise = input_noise
        self.normalization = normalization
        self.residual = residual
        self.weight_init = weight_init

    def fit(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network to X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. A mini-batch whose weights are all zero is left out.

        Returns
        -------
        self : MLPRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input cannot be used, or training diverges.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` ends training.
        UserWarning
            If Ctrl-C ends it; the model is that of the last mini-batch, or with
            ``early_stopping`` of the best epoch.
        """
        return self._fit(X, y, sample_weight)

    @needs_mini_batches
    def partial_fit(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train one epoch on X and y, going on from where the last call ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. A mini-batch whose weights are all zero is left out.

        Returns
        -------
        self : MLPRegressor
            The estimator, one epoch further.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    @overload
    def predict(self, X: Matrix, return_std: Literal[False] = False) -> Array: ...

    @overload
    def predict(self, X: Matrix, return_std: bool) -> Any: ...

    def predict(self, X: Matrix, return_std: bool = False) -> Any:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        return_std : bool, default=False
            Whether to return standard deviations, too, with ``loss='gaussian_nll'``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions. With several values of ``quantile`` there is one more axis, of length
            n_quantiles in their order, along which higher quantiles are never below lower ones.
        std : ndarray of the same shape
            Standard deviations of y given X, only with ``return_std``.

        Raises
        ------
        ValueError
            If ``return_std`` is asked of another loss.
        """
        if not return_std:
            return self._predict(X)
        head = self._fitted_head() if "coefs_" in self.__dict__ else None
        if head is not None and head.loss != "gaussian_nll":
            raise ValueError(
                f"return_std=True needs loss='gaussian_nll', this model was fitted with"
                f" loss={head.loss!r}."
            )
        output = self._forward(X)
        return self._shaped(predictions(output, head)), self._shaped(standard_deviations(output))

    def score(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R2 of the predictions; of several quantiles that of the one nearest to 0.5.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            ``sklearn.metrics.r2_score(y, self.predict(X))``.
        """
        prediction = self.predict(X)
        return r2_score(y, central(prediction, self._fitted_head()), sample_weight=sample_weight)

    # ---------------------------------------------------------------------------- targets in, out
    # In between, targets are (n_samples, n_targets) in the dtype that y had.

    def _check_combinations(self):
        regression_head(self)

    def _check_data(self, X, y, *, incremental, reset, dtype):
        if self._is_ready(X, y, dtype, reset):
            if reset:
                self._learn_features(X)
        else:
            X, y = check_X_y(
                self, X, y, dtype=dtype, reset=reset, multi_output=True, y_numeric=True
            )
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
        return X, y.reshape(len(y), -1)

    def _is_ready(self, X, y, dtype, first):
        """Whether X and y need no further checks: the fast path."""
        return (
            type(y) is np.ndarray
            and y.dtype.kind in "fiub"
            and y.dtype.isnative
            and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] > 1))
            and self._has_ready_rows(X, dtype, first)
            and len(y) == len(X)
            and all_finite(np.ascontiguousarray(y))
        )

    def _output_layer(self, targets):
        head = regression_head(self)
        return head, targets.shape[1] * outputs_per_target(head)

    def _engine_targets(self, targets, dtype):
        targets = cast(targets, dtype, "y")
        if self._head.loss == "custom":
            return self._shaped(targets)
        check_domain(self, targets, self._head)
        return targets

    def _shaped(self, predictions):
        """Without the axis of a single target."""
        return predictions[:, 0] if predictions.shape[1] == 1 else predictions

    def _predict(self, X, check_input=True):
        output = self._forward(X, check_input=check_input)
        return self._shaped(predictions(output, self._fitted_head()))

    def _score(self, X, y, sample_weight=None):
        output = central(self._predict(X, check_input=False), self._fitted_head())
        if not np.isfinite(output).all():
            return np.nan
        return r2_score(y, output, sample_weight=sample_weight)

    def _metric(self, targets, sample_weight):
        r2, head = R2(targets, sample_weight), self._head
        return lambda output: r2(central(predictions(output, head), head))

    def _original_targets(self, targets):
        return targets
