"""The classifier: labels in, labels and probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import ClassifierMixin

from ._base import needs_mini_batches
from ._core import with_complement
from ._docs import CLASSIFIER_PARAMETERS, documented
from ._labelled import LabelledMLP
from ._labels import split_columns
from ._losses import is_custom
from ._stopping import column_accuracy
from ._validation import CLASSIFIER_RULES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, Self

    from numpy.typing import ArrayLike

    from ._typing import (
        Array,
        ClassWeight,
        CustomLoss,
        Matrix,
        RandomState,
        Schedule,
        Sizes,
        WeightInit,
    )


def _log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


@documented(score="Accuracy", own=CLASSIFIER_PARAMETERS)
class MLPClassifier(ClassifierMixin, LabelledMLP):
    """Multilayer perceptron classifier.

    Minimizes the log-loss or another loss, of a softmax over the classes, or of one logistic output
    for two classes and for each label of multilabel targets. With several columns of classes in y
    there is one softmax for each.

    Examples
    --------
    >>> from fastmlp import MLPClassifier
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(n_samples=100, random_state=1)
    >>> clf = MLPClassifier(random_state=1, max_iter=300).fit(X[:75], y[:75])
    >>> clf.predict_proba(X[75:76]).round(3)
    array([[0.023, 0.977]])
    >>> clf.predict(X[75:80])
    array([1, 0, 1, 0, 0])
    """

    _rules = CLASSIFIER_RULES

    def __init__(
        self,
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
        loss: str | CustomLoss = "log_loss",
        output_activation: Literal["auto"] = "auto",
        focal_gamma: float = 2.0,
        label_smoothing: float = 0.0,
        class_weight: ClassWeight = None,
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
        self.loss = loss
        self.output_activation = output_activation
        self.focal_gamma = focal_gamma
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.maxout_pieces = maxout_pieces
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.input_noise = input_noise
        self.normalization = normalization
        self.residual = residual
        self.weight_init = weight_init

    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        soft_targets: bool = False,
        classes: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Fit the network to X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels of any type. Two-dimensional for multilabel targets of 0 and 1, or for
            several columns of classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. A mini-batch whose weights are all zero is left out.
        soft_targets : bool, default=False
            Whether y is (n_samples, n_classes) of probabilities, such as another model's
            `predict_proba`. Every row must sum to 1.
        classes : array-like of shape (n_classes,), default=None
            With ``soft_targets`` the sorted labels of the columns of y, 0, 1, 2 ... if not given.

        Returns
        -------
        self : MLPClassifier
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
        if classes is not None and not soft_targets:
            raise ValueError("fit takes classes with soft_targets=True only; y has the classes.")
        return self._fit(X, y, sample_weight, classes=classes, soft_targets=soft_targets)

    @needs_mini_batches
    def partial_fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | Sequence[ArrayLike] | None = None,
        *,
        soft_targets: bool = False,
    ) -> Self:
        """Train one epoch on X and y, going on from where the last call ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, which need not contain every class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. A mini-batch whose weights are all zero is left out.
        classes : array-like of shape (n_classes,) or list of array-like, default=None
            All classes there will ever be, of each column if y has several. Needed in the first
            call.
        soft_targets : bool, default=False
            As in `fit`.

        Returns
        -------
        self : MLPClassifier
            The estimator, one epoch further.

        Raises
        ------
        ValueError
            If the classes are missing, or other than before.
        """
        return self._fit(
            X, y, sample_weight, incremental=True, classes=classes, soft_targets=soft_targets
        )

    def predict(self, X: Matrix) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The most probable class of each row, of each column if there are several, or 0 and 1 for
            multilabel targets.
        """
        return self._predict(X)

    def predict_proba(self, X: Matrix) -> Any:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or list of them
            Probabilities in the order of ``classes_``. For multilabel targets those of each label,
            which do not sum to one. One array for each column, if y had several columns of classes.
        """
        proba = self._forward(X)
        if self._has_columns():
            return split_columns(proba, self._head.groups)
        if proba.shape[1] == 1:
            return with_complement(proba)
        return proba

    def predict_log_proba(self, X: Matrix) -> Any:
        """Predict logarithms of probabilities, never -inf where a probability rounds to 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes), or list of them
            As `predict_proba`.
        """
        self._current_weights()  # raises NotFittedError before out_activation_ is missing
        if self.out_activation_ not in ("softmax", "logistic"):
            return np.log(self.predict_proba(X))
        z = self._forward(X, raw=True)
        if self._has_columns():
            return [_log_softmax(part) for part in split_columns(z, self._head.groups)]
        if self.out_activation_ == "softmax":
            return _log_softmax(z)
        if z.shape[1] == 1:
            return -np.logaddexp(0, np.concatenate([z, -z], axis=1))
        # Labels whose probabilities round to the same 1 - eps shall not be told apart here.
        proba = self._forward(X)
        log_proba = -np.logaddexp(0, -z)
        return np.log(proba, out=log_proba, where=proba > 0.5)

    def score(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            Share of rows that are right, in all labels of multilabel targets. With several columns
            of classes the mean of their accuracies.
        """
        if not self._has_columns():
            return super().score(X, y, sample_weight)
        return column_accuracy(y, self.predict(X), sample_weight)

    def _check_combinations(self):
        if is_custom(self.loss) and self.label_smoothing:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r} cannot be combined with a loss of your"
                " own, which gets the targets as they are."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
