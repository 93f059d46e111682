"""What classifier and regressor share: fitting, the parameters, the forward pass, pickling."""

from __future__ import annotations

import functools
import warnings
from abc import ABC, abstractmethod
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._compat import SklearnNames
from ._core import SOLVERS, Network, forward, is_ready
from ._initialization import initialize
from ._losses import head_of_output
from ._noise import check_noise, check_noise_for, training_noise
from ._optimizers import check_solver_parameters
from ._solvers import STOCHASTIC_SOLVERS, Data, fit_lbfgs, fit_stochastic
from ._state import HISTORY, Checkpoint, pack_state, unpack_state
from ._stopping import check_validation_weight, split_rows
from ._threads import effective_n_threads
from ._validation import (
    check_hidden_layer_sizes,
    check_params,
    check_sample_weight,
    check_X,
    compute_dtype,
    in_chunks,
    layer_activations,
    to_engine,
)
from ._weights import EXTRAS, FLOATS, RUNNING, Layout, Weights, check_memory

if TYPE_CHECKING:
    from ._typing import Array, Method

# Fitted attributes that only some networks have.
_PARTS = tuple(f"{name}_" for name in EXTRAS | RUNNING)

# Fewer multiplications than this are not worth asking how many threads there are.
_SMALL_WORK = 1 << 17

# `partial_fit` may be called for years. Its loss curve keeps the latest epochs, enough for a plot.
MAX_PARTIAL_FIT_CURVE = 10_000


def needs_mini_batches(method: Method) -> Method:
    """A decorator: solvers that look at all rows at once do not have the method."""
    return available_if(lambda estimator: estimator._check_solver())(method)


@functools.cache
def _param_names(cls):
    return tuple(cls._get_param_names())


class BaseMLP(SklearnNames, BaseEstimator, ABC):
    """Base of `MLPClassifier` and `MLPRegressor`.

    Not to be used directly. Subclasses say what their targets look like in its abstract methods.
    """

    # What `fit` sets; `_docs` says what they are.
    coefs_: list[Array]
    intercepts_: list[Array]
    activation_slopes_: list[Array | None]
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_features_in_: int
    feature_names_in_: Array

    # ------------------------------------------------------------------- for subclasses to fill in

    @abstractmethod
    def _check_data(self, X, y, *, incremental, reset, dtype, **options):
        """Check X and y. Return X and the targets as arrays, one row per row of X."""

    @abstractmethod
    def _output_layer(self, targets):
        """Return the head of the network and the number of outputs."""

    @abstractmethod
    def _engine_targets(self, targets, dtype):
        """Check that the loss is defined for these targets. Return them in the engine's format."""

    @abstractmethod
    def _metric(self, targets, sample_weight):
        """Return a function from the network's output to the validation score."""

    @abstractmethod
    def _original_targets(self, targets):
        """Return targets as the user gave them, for an overridden `_score`."""

    def _weigh(self, targets, sample_weight, dtype, *, incremental):
        """Return sample weights of ``dtype`` with what the parameters say about them, or None."""
        return sample_weight

    def _stratify(self, targets):
        """Return what to stratify the validation split by, or None."""
        return None

    # ------------------------------------------------------------------------------------- fitting

    def _fit(self, X, y, sample_weight=None, incremental=False, **options):
        token = object()
        if self.__dict__.setdefault("_training", token) is not token:
            raise RuntimeError(
                f"This {type(self).__name__} is being fitted in another thread. Fit a clone."
            )
        checkpoint = Checkpoint(self)
        try:
            messages = self._train(X, y, sample_weight, incremental, options)
        except BaseException:
            checkpoint.restore()
            raise
        finally:
            self.__dict__.pop("_training", None)
        for message, category in messages:
            warnings.warn(message, category, stacklevel=3)
        return self

    def _train(self, X, y, sample_weight, incremental, options):
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if fresh or not incremental:  # not in every call of partial_fit, like scikit-learn
            check_params(self, _param_names(type(self)))
            self._check_combinations()
            check_solver_parameters(self)
            check_noise(self)
        if incremental:
            self._check_incremental()
        hidden = check_hidden_layer_sizes(self.hidden_layer_sizes)
        layer_activations(self.activation, len(hidden))
        noise = training_noise(self, len(hidden))
        messages = self._ignored_parameters()
        weights = None if fresh else self._current_weights().copy()
        if not fresh:
            self._check_structure(weights.layout)
        X, targets = self._check_data(
            X,
            y,
            incremental=incremental,
            reset=fresh,
            dtype=FLOATS if fresh else weights.flat.dtype,
            **options,
        )
        check_noise_for(self, X)
        n_samples, n_features = X.shape
        sample_weight = check_sample_weight(sample_weight, n_samples, X.dtype)
        sample_weight = self._weigh(targets, sample_weight, X.dtype, incremental=incremental)
        draws = fresh or n_samples > 1 or noise
        if draws or "_random_state" not in self.__dict__:
            self._random_state = self._make_random_state()

        self._head, self.n_outputs_ = self._output_layer(targets)
        if fresh:
            weights = self._initialize([n_features, *hidden, self.n_outputs_], X.dtype)
        if weights.layer_sizes[0] != n_features or weights.layer_sizes[-1] != self.n_outputs_:
            raise ValueError(
                f"X has {n_features} features and y {self.n_outputs_} outputs, but coefs_ are those"
                f" of a network with layer sizes {weights.layer_sizes}."
            )
        self.out_activation_ = self._head.output

        network = self._network(weights, **noise)
        data = Data(
            to_engine(X, X.dtype), self._engine_targets(targets, X.dtype), sample_weight, n_samples
        )
        n_threads = self._threads_for(n_samples * weights.flat.size)
        if self.solver == "lbfgs":
            messages += fit_lbfgs(self, network, weights, data, n_threads=n_threads)
        else:
            self._start_history()
            validation = None
            if self.early_stopping:
                validation = self._hold_out(X, targets, sample_weight, weights)
            messages += fit_stochastic(
                self,
                network,
                weights,
                data,
                validation,
                incremental=incremental,
                n_threads=n_threads,
            )
            if incremental:
                del self.loss_curve_[:-MAX_PARTIAL_FIT_CURVE]
        self._install(weights, None if noise else network)
        return messages

    def _has_ready_rows(self, X, dtype, first):
        """Whether X needs no checks but these. ``first``: it says how many features there are."""
        if first:
            return is_ready(X)
        return "feature_names_in_" not in self.__dict__ and is_ready(X, self.n_features_in_, dtype)

    def _learn_features(self, X):
        """What `validate_data` does for an ndarray that is ready."""
        self.n_features_in_ = X.shape[1]
        self.__dict__.pop("feature_names_in_", None)

    def _check_incremental(self):
        """Refuse what `partial_fit` cannot do."""
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if SOLVERS[self.solver].full_batch:
            raise ValueError(
                f"partial_fit does not support solver={self.solver!r}, whose steps need all rows;"
                " use fit, or a stochastic solver."
            )

    def _check_structure(self, layout):
        """Refuse to go on training weights as another kind of network."""
        names = ["normalization", "residual"]
        if max(layout.pieces, default=1) > 1:
            names.append("maxout_pieces")
        for name in names:
            now, before = getattr(self, name), getattr(layout, name)
            if now != before:
                raise ValueError(
                    f"{name}={now!r} cannot be trained further from weights that were fitted with"
                    f" {name}={before!r}: set it back, or call fit with warm_start=False."
                )

    def _check_combinations(self):
        """Refuse parameters that cannot go together. Subclasses add theirs."""

    def _make_random_state(self):
        """scikit-learn's `check_random_state`, without NumPy's 80 us for a new generator."""
        if not isinstance(self.random_state, Integral):
            return check_random_state(self.random_state)
        if "_own_random_state" not in self.__dict__:
            self._own_random_state = np.random.RandomState(self.random_state)
        else:
            self._own_random_state.seed(self.random_state)
        return self._own_random_state

    def _ignored_parameters(self):
        """Warnings about settings that the solver does not use, which scikit-learn keeps quiet."""
        ignored = []
        if self.solver == "lbfgs" and self.early_stopping:
            ignored.append("early_stopping=True")
        if self.solver == "adam" and self.learning_rate in ("invscaling", "adaptive"):
            ignored.append(f"learning_rate={self.learning_rate!r}")
        return [
            (f"{name} has no effect with solver={self.solver!r}.", UserWarning) for name in ignored
        ]

    def _initialize(self, layer_sizes, dtype):
        """Start anew: history, random weights."""
        layout = self._layout(layer_sizes)
        check_memory(layout, dtype, self.solver)
        for name in (*HISTORY, "_no_improvement_count", "_optimizer"):
            self.__dict__.pop(name, None)
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(layer_sizes)
        weights = Weights.zeros(layout, dtype)
        initialize(weights, self._random_state, self.weight_init, self.activation)
        return weights

    def _start_history(self):
        """Create what the stochastic solvers record, unless a previous call has left it."""
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_ = []
            self._no_improvement_count = 0
        if not hasattr(self, "t_"):  # weights set by hand
            self.t_ = 0
        if self.early_stopping and getattr(self, "validation_scores_", None) is None:
            self.validation_scores_ = []
            self.best_validation_score_ = -np.inf
            self.best_loss_ = None
        if not self.early_stopping and getattr(self, "best_loss_", None) is None:
            self.best_loss_ = np.inf
            self.validation_scores_ = None
            self.best_validation_score_ = None

    def _hold_out(self, X, targets, sample_weight, weights):
        """Split validation rows off. Return the rows to train on and ``score(trainer)``."""
        train_rows, rows = split_rows(
            X.shape[0], self.validation_fraction, self._random_state, self._stratify(targets)
        )
        X, targets = X[rows], targets[rows]
        sample_weight = None if sample_weight is None else sample_weight[rows]
        check_validation_weight(sample_weight)

        if not self._scores_with_own_code():
            X, metric = to_engine(X, weights.flat.dtype), self._metric(targets, sample_weight)
            network = self._network(weights)
            return train_rows, lambda trainer: metric(
                in_chunks(lambda part, out: trainer.forward(part), X, len(rows), network)
            )

        y = self._original_targets(targets)

        def score(trainer):
            trainer.read(weights.flat, None)
            trainer.read_running(weights.running)
            self._install(weights)
            return self._score(X, y, sample_weight=sample_weight)

        return train_rows, score

    def _scores_with_own_code(self):
        """Whether a subclass of the user's replaces the method that scores or predicts."""
        methods = (getattr(self, name) for name in ("_score", "_predict"))
        return any(method.__module__.partition(".")[0] != "fastmlp" for method in methods)

    def _check_solver(self):
        if self.solver not in STOCHASTIC_SOLVERS:
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    # ------------------------------------------------------------------------------------- weights

    def _install(self, weights, network=None):
        """Make these weights the model's. ``network``: their description, if it is there."""
        if network is None:
            network = self._network(weights)
        weights.networks = {self._network_key(): network}
        # All at once, and never in place: another thread may be in predict.
        attributes = {"_weights": weights, **weights.attributes}
        self.__dict__.update(attributes)
        for name in _PARTS:
            if name not in attributes:
                self.__dict__.pop(name, None)

    def _current_weights(self):
        """The weights that ``coefs_`` and ``intercepts_`` show, set by hand or not."""
        weights = self.__dict__.get("_weights")
        if weights is None or not weights.are(self.__dict__):
            check_is_fitted(self, "coefs_")
            weights = Weights.gather(self.coefs_, self.intercepts_, self.__dict__, self._layout)
        return weights

    def _fitted_head(self):
        """The output layer, of the last fit unless set by hand."""
        head = self.__dict__.get("_head")
        if head is None or head.output != self.out_activation_:
            head = head_of_output(self.out_activation_)
        return head

    def _layout(self, layer_sizes):
        """Which parameters a network of these sizes has, as our own parameters say now."""
        names = layer_activations(self.activation, len(layer_sizes) - 2)
        return Layout.of(layer_sizes, names, self.maxout_pieces, self.normalization, self.residual)

    def _network_key(self):
        """What the network is beside its layout. Parameters may have changed since `fit`."""
        activation = self.activation
        return activation if type(activation) is str else tuple(activation), self._fitted_head()

    def _network(self, weights, dtype=None, **noise):
        """The engine's description of the network, for the weights' dtype or another.

        ``noise``: what `training_noise` returns, for training.
        """
        key = self._network_key()
        if dtype is None and not noise and (known := weights.networks.get(key)) is not None:
            return known
        layout, head = weights.layout, key[1]
        activations = layer_activations(self.activation, len(layout.layer_sizes) - 2)
        kind = layout.maxout_pieces, layout.normalization, layout.residual
        if layout != Layout.of(layout.layer_sizes, activations, *kind):
            raise ValueError(
                f"The model was not fitted with activation={self.activation!r}: 'prelu' and"
                " 'maxout' have weights of their own. Set it back, or fit anew."
            )
        return Network(
            weights.layer_sizes,
            activations,
            head.output,
            head.loss,
            weights.flat.dtype if dtype is None else dtype,
            loss_args=head.args,
            label_smoothing=head.label_smoothing,
            groups=head.groups,
            maxout_pieces=layout.maxout_pieces,
            normalization=layout.normalization,
            residual=layout.residual,
            **noise,
        )

    def _threads_for(self, work):
        """Number of threads for ``work`` multiplications; a little work needs no asking."""
        return 1 if work < _SMALL_WORK else effective_n_threads(self.n_threads)

    def _forward(self, X, check_input=True, raw=False):
        """Output of the network, (n_samples, n_outputs). Reads the estimator, changes nothing.

        ``raw``: without the output activation.
        """
        weights = self._current_weights()
        params, running = weights.flat, weights.running
        dtype = None
        if "feature_names_in_" in self.__dict__ or not is_ready(
            X, weights.layer_sizes[0], params.dtype
        ):
            if check_input:
                X = check_X(self, X)
            if (dtype := compute_dtype(X, params.dtype)) != params.dtype:
                params, running = params.astype(dtype), running.astype(dtype)
            X = to_engine(X, dtype)
        network = self._network(weights, dtype)
        n_rows = X[3] if type(X) is tuple else len(X)
        if n_rows * params.size < _SMALL_WORK:
            return forward(network, params, X, 1, None, raw, False, running)
        n_threads = self._threads_for(n_rows * params.size)
        return in_chunks(
            lambda rows, out: forward(network, params, rows, n_threads, out, raw, running=running),
            X,
            n_rows,
            network,
        )

    # ------------------------------------------------------------------------- pickling and tags

    def __getstate__(self):
        return pack_state(self, super().__getstate__())

    def __setstate__(self, state):
        state, weights = unpack_state(self, state)
        super().__setstate__(state)
        if weights is not None:
            self._install(weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
