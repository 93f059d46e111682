"""The classifier: labels in, labels and probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

from ._base import BaseMLP, needs_mini_batches
from ._core import with_complement
from ._docs import CLASSIFIER_PARAMETERS, documented
from ._labels import (
    binarizer_of,
    check_soft_targets,
    decide_columns,
    encode_columns,
    integer_classes,
    is_multi_output,
    split_columns,
    weigh_classes,
)
from ._losses import classification_head, is_custom
from ._stopping import accuracy, column_accuracy
from ._validation import CLASSIFIER_RULES, cast, check_X_y

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


_HALF = np.array(0.5)  # compares in 0.15 us less than a float


def _most_probable(targets):
    """Class indices instead of probabilities; other targets as they are."""
    return targets.argmax(axis=1) if targets.dtype.kind == "f" else targets


def _log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


@documented(score="Accuracy", own=CLASSIFIER_PARAMETERS)
class MLPClassifier(ClassifierMixin, BaseMLP):
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
    classes_: Any  # an array, or one for each column of y

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

    # ----------------------------------------------------------------------------- labels in, out
    # In between, targets are class indices (n_samples,), label indicators (n_samples, n_labels) of
    # bool, probabilities (n_samples, n_classes) of float, or class indices of several columns
    # (n_samples, n_outputs) of int32.

    def _has_columns(self):
        """Whether y has several columns of classes, for which there is no binarizer."""
        return self.__dict__.get("_label_binarizer", False) is None

    def _check_combinations(self):
        if is_custom(self.loss) and self.label_smoothing:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r} cannot be combined with a loss of your"
                " own, which gets the targets as they are."
            )

    def _check_data(self, X, y, *, incremental, reset, dtype, classes, soft_targets):
        if soft_targets:
            return self._check_soft(X, y, incremental, reset, dtype, classes)
        if incremental:
            self._check_first_classes(y, classes)
        ready = self._ready(X, y, dtype, incremental, reset)
        if ready is not None:
            return ready
        X, y = check_X_y(self, X, y, dtype=dtype, reset=reset, multi_output=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        fresh = not hasattr(self, "classes_") or not (self.warm_start or incremental)
        if is_multi_output(y) if fresh else self._has_columns():
            if fresh:
                self._learn_columns([np.unique(column) for column in y.T])
            return X, encode_columns(y, self.classes_)
        if fresh:
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_same_classes(y)
        if y.ndim == 1 and not self._label_binarizer.y_type_.startswith("multilabel"):
            return X, np.searchsorted(self.classes_, y)
        return X, self._label_binarizer.transform(y).astype(bool)

    def _check_soft(self, X, y, incremental, reset, dtype, classes):
        """X and probabilities as targets."""
        X, y = check_X_y(self, X, y, dtype=dtype, reset=reset, multi_output=True, y_numeric=True)
        fresh = not hasattr(self, "classes_") or not (self.warm_start or incremental)
        if classes is None and not fresh and not self._has_columns():
            classes = self.classes_
        classes = check_soft_targets(y, classes)
        if fresh:
            self._label_binarizer = LabelBinarizer().fit(classes)
            self.classes_ = self._label_binarizer.classes_
        elif not np.array_equal(self.classes_, classes):
            raise ValueError(
                f"The columns of y are the classes {classes}, those of the previous call"
                f" {self.classes_}."
            )
        return X, y.astype(np.promote_types(y.dtype, np.float32), copy=False)

    def _learn_columns(self, classes):
        self.classes_ = classes
        self._label_binarizer = None

    def _ready(self, X, y, dtype, incremental, reset):
        """X and the indices of labels that need no further checks, or None: the fast path."""
        if type(y) is not np.ndarray or y.ndim != 1:
            return None
        if reset:
            return None if incremental else self._ready_first(X, y)
        return None if self.warm_start else self._ready_again(X, y, dtype)

    def _ready_first(self, X, y):
        """The same in `fit`, where the classes are found."""
        if not self._has_ready_rows(X, None, first=True) or len(y) != len(X):
            return None
        found = integer_classes(y)
        if found is None:
            return None
        self._learn_features(X)
        self.classes_, targets = found
        self._label_binarizer = binarizer_of(self.classes_)
        return X, targets

    def _ready_again(self, X, y, dtype):
        """The same in `partial_fit`, where they are known."""
        if self._has_columns():
            return None
        classes = self._label_binarizer.classes_
        if (
            y.dtype != classes.dtype
            or self._label_binarizer.y_type_.startswith("multilabel")
            or not self._has_ready_rows(X, dtype, first=False)
            or len(y) != len(X)
        ):
            return None
        targets = classes.searchsorted(y)
        known = classes.take(targets, mode="clip")
        return (X, targets) if known.tobytes() == y.tobytes() else None

    def _check_first_classes(self, y, classes):
        """Learn the classes in the first call of partial_fit, compare them later."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        if isinstance(classes, list) and classes and np.ndim(classes[0]) == 1:
            self._check_first_columns(classes, known)
            return
        if known is not None and np.array_equal(known, classes):
            return
        labels = unique_labels(classes)
        if known is None:
            self.classes_ = labels
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        elif not np.array_equal(known, labels):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was:"
                f" {known!r}"
            )

    def _check_first_columns(self, classes, known):
        """The same for several columns of classes."""
        classes = [np.unique(column) for column in classes]
        if known is None:
            self._learn_columns(classes)
        elif not self._has_columns() or not all(map(np.array_equal, known, classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was:"
                f" {known!r}"
            )

    def _check_same_classes(self, y):
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous"
                    f" call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`."
                f" `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _output_layer(self, targets):
        if self._has_columns():
            groups = tuple(map(len, self.classes_))
            return classification_head(self, "softmax", groups), sum(groups)
        if targets.dtype == bool and targets.ndim == 2:
            return classification_head(self, "logistic"), targets.shape[1]
        if self._label_binarizer.y_type_ == "multiclass":
            return classification_head(self, "softmax"), len(self._label_binarizer.classes_)
        return classification_head(self, "logistic"), 1

    def _engine_targets(self, targets, dtype):
        if self._head.loss == "custom":
            return targets.astype(dtype) if targets.dtype.kind in "fb" else targets
        if targets.dtype.kind == "f" and self.out_activation_ == "logistic":
            targets = targets[:, 1:]  # of two classes
        if targets.dtype.kind in "fb" and targets.ndim == 2:
            return np.ascontiguousarray(targets, dtype=dtype)
        if self.out_activation_ == "softmax":
            return np.ascontiguousarray(targets, dtype=np.int32)
        return targets.astype(dtype).reshape(-1, 1)

    def _weigh(self, targets, sample_weight, dtype, *, incremental):
        if self.class_weight is None:
            return sample_weight
        if incremental and not isinstance(self.class_weight, dict | list):
            raise ValueError(
                "partial_fit does not support class_weight='balanced', since it sees a part of the"
                " rows. Give a dict of weights, such as those of"
                " sklearn.utils.class_weight.compute_class_weight on all of y."
            )
        if self._has_columns():
            columns = list(zip(targets.T, self.classes_, strict=True))
        elif targets.dtype == bool and targets.ndim == 2:
            columns = [(labels.astype(int), np.arange(2)) for labels in targets.T]
        else:
            columns = [(targets, self.classes_)]
        weights = weigh_classes(self.class_weight, columns, sample_weight)
        return cast(weights, dtype, "class_weight")

    def _decide(self, output):
        """Class indices or label indicators from the network's output."""
        binarizer = self._label_binarizer
        if binarizer is None:
            return decide_columns(output, self._head.groups)
        kind = binarizer.y_type_
        if kind == "multiclass":
            return output.argmax(axis=1)
        if output.shape[1] > 1 or kind.startswith("multilabel"):
            return output > _HALF
        if len(binarizer.classes_) == 1:  # seen alone in fit, it is predicted always
            return np.zeros(len(output), dtype=bool)
        return output[:, 0] > _HALF

    def _predict(self, X, check_input=True):
        output = self._forward(X, check_input=check_input)
        binarizer = self._label_binarizer
        if binarizer is None:
            decided = self._decide(output).T
            labels = [known[index] for known, index in zip(self.classes_, decided, strict=True)]
            return np.stack(labels, axis=1)
        if binarizer.sparse_input_:
            return binarizer.inverse_transform(output)
        decided = self._decide(output)
        if decided.ndim == 2:
            return decided.astype(int)
        return binarizer.classes_.take(decided, mode="clip")

    def _score(self, X, y, sample_weight=None):
        prediction = self._predict(X, check_input=False)
        if self._has_columns():
            return column_accuracy(y, prediction, sample_weight)
        return accuracy_score(y, prediction, sample_weight=sample_weight)

    def _metric(self, targets, sample_weight):
        hard = _most_probable(targets)
        score = column_accuracy if self._has_columns() else accuracy
        return lambda output: score(hard, self._decide(output), sample_weight)

    def _original_targets(self, targets):
        if self._has_columns():
            labels = [known[i] for known, i in zip(self.classes_, targets.T, strict=True)]
            return np.stack(labels, axis=1)
        targets = _most_probable(targets)
        if targets.ndim == 2:
            return self._label_binarizer.inverse_transform(targets)
        return self.classes_[targets]

    def _stratify(self, targets):
        return _most_probable(targets).astype(bool) if self.n_outputs_ == 1 else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
