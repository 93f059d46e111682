"""The regressor: numbers in, numbers out."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from ._base import BaseMLP
from ._docs import documented
from ._stopping import R2
from ._validation import all_finite, cast, check_X_y, is_ready


@documented(score="R2")
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron regressor.

    Minimizes the squared error or the Poisson deviance, over one or several targets.

    Examples
    --------
    >>> from fastmlp import MLPRegressor
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> reg = MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X[:150], y[:150])
    >>> reg.predict(X[150:152]).round()
    array([-131.,  -74.])
    """

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_threads=None,
    ):
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

    def fit(self, X, y, sample_weight=None):
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

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(self, X, y, sample_weight=None):
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

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        return self._predict(X)

    # ---------------------------------------------------------------------------- targets in, out
    # In between, targets are (n_samples, n_outputs) in the dtype that y had.

    def _check_data(self, X, y, *, incremental, classes, reset, dtype):
        if not (incremental and not reset and self._ready(X, y, dtype)):
            X, y = check_X_y(
                self, X, y, dtype=dtype, reset=reset, multi_output=True, y_numeric=True
            )
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(
                "Some value(s) of y are out of the valid range of loss='poisson': y >= 0."
            )
        return X, y.reshape(len(y), -1)

    def _ready(self, X, y, dtype):
        """Whether X and y need no further checks: the fast path."""
        return (
            type(y) is np.ndarray
            and y.dtype.kind in "fiub"
            and y.dtype.isnative
            and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] > 1))
            and "feature_names_in_" not in self.__dict__
            and is_ready(X, self.n_features_in_, dtype)
            and len(y) == len(X)
            and all_finite(np.ascontiguousarray(y))
        )

    def _output_layer(self, targets):
        return ("exp" if self.loss == "poisson" else "identity"), targets.shape[1]

    def _engine_targets(self, targets, dtype):
        return cast(targets, dtype, "y")

    def _predict(self, X, check_input=True):
        output = self._forward(X, check_input=check_input)
        return output.ravel() if output.shape[1] == 1 else output

    def _score(self, X, y, sample_weight=None):
        output = self._predict(X, check_input=False)
        if not np.isfinite(output).all():
            return np.nan
        return r2_score(y, output, sample_weight=sample_weight)

    def _metric(self, targets, sample_weight):
        return R2(targets, sample_weight)

    def _original_targets(self, targets):
        return targets
