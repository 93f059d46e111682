"""The classifier: labels in, labels and probabilities out."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from ._base import BaseMLP
from ._docs import documented
from ._stopping import accuracy
from ._validation import check_X_y, is_ready


@documented(score="Accuracy")
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron classifier.

    Minimizes the log-loss, of a softmax over the classes, or of one logistic output for two classes
    and for each label of multilabel targets.

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

    loss = "log_loss"  # not a parameter: scikit-learn's classifier has the attribute, too

    def __init__(
        self,
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels of any type; two-dimensional for multilabel targets of 0 and 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. A mini-batch whose weights are all zero is left out.

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
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train one epoch on X and y, going on from where the last call ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, which need not contain every class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. A mini-batch whose weights are all zero is left out.
        classes : array-like of shape (n_classes,), default=None
            All classes there will ever be. Needed in the first call.

        Returns
        -------
        self : MLPClassifier
            The estimator, one epoch further.

        Raises
        ------
        ValueError
            If the classes are missing, or other than before.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X):
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class of each row, or 0 and 1 for multilabel targets.
        """
        return self._predict(X)

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``. For multilabel targets those of each label,
            which do not sum to one.
        """
        proba = self._forward(X)
        if proba.shape[1] == 1:
            return np.concatenate((1 - proba, proba), axis=1)
        return proba

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities, never -inf where a probability rounds to 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Input.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            As `predict_proba`.
        """
        self._current_weights()  # raises NotFittedError before out_activation_ is missing
        if self.out_activation_ not in ("softmax", "logistic"):
            return np.log(self.predict_proba(X))
        z = self._forward(X, raw=True)
        if self.out_activation_ == "softmax":
            z -= z.max(axis=1, keepdims=True)
            return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        if z.shape[1] == 1:
            return -np.logaddexp(0, np.concatenate([z, -z], axis=1))
        # Labels whose probabilities round to the same 1 - eps shall not be told apart here.
        proba = self._forward(X)
        log_proba = -np.logaddexp(0, -z)
        return np.log(proba, out=log_proba, where=proba > 0.5)

    # ----------------------------------------------------------------------------- labels in, out
    # In between, targets are class indices (n_samples,) or label indicators (n_samples, n_labels).

    def _check_data(self, X, y, *, incremental, classes, reset, dtype):
        if incremental:
            self._check_first_classes(y, classes)
            ready = None if reset else self._ready(X, y, dtype)
            if ready is not None:
                return ready
        X, y = check_X_y(self, X, y, dtype=dtype, reset=reset, multi_output=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_same_classes(y)
        if y.ndim == 1 and not self._label_binarizer.y_type_.startswith("multilabel"):
            return X, np.searchsorted(self.classes_, y)
        return X, self._label_binarizer.transform(y).astype(bool)

    def _ready(self, X, y, dtype):
        """X and the indices of labels that need no further checks, or None: the fast path."""
        classes = self._label_binarizer.classes_
        if (
            type(y) is not np.ndarray
            or y.ndim != 1
            or y.dtype != classes.dtype
            or self.warm_start
            or "feature_names_in_" in self.__dict__
            or self._label_binarizer.y_type_.startswith("multilabel")
            or not is_ready(X, self.n_features_in_, dtype)
            or len(y) != len(X)
        ):
            return None
        targets = np.searchsorted(classes, y)
        np.minimum(targets, len(classes) - 1, out=targets)
        return (X, targets) if (classes[targets] == y).all() else None

    def _check_first_classes(self, y, classes):
        """Learn the classes in the first call of partial_fit, compare them later."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
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
        if targets.ndim == 2:
            return "logistic", targets.shape[1]
        if self._label_binarizer.y_type_ == "multiclass":
            return "softmax", len(self._label_binarizer.classes_)
        return "logistic", 1

    def _engine_targets(self, targets, dtype):
        if targets.ndim == 2:
            return np.ascontiguousarray(targets, dtype=dtype)
        if self.out_activation_ == "softmax":
            return targets.astype(np.int32)
        return targets.astype(dtype).reshape(-1, 1)

    def _decide(self, output):
        """Class indices or label indicators from the network's output."""
        if self._label_binarizer.y_type_ == "multiclass":
            return output.argmax(axis=1)
        if output.shape[1] > 1 or self._label_binarizer.y_type_.startswith("multilabel"):
            return output > 0.5
        if len(self._label_binarizer.classes_) == 1:  # seen alone in fit, it is predicted always
            return np.zeros(len(output), dtype=bool)
        return output[:, 0] > 0.5

    def _predict(self, X, check_input=True):
        output = self._forward(X, check_input=check_input)
        binarizer = self._label_binarizer
        if binarizer.sparse_input_:
            return binarizer.inverse_transform(output)
        decided = self._decide(output)
        if decided.ndim == 2:
            return decided.astype(int)
        return binarizer.classes_.take(decided, mode="clip")

    def _score(self, X, y, sample_weight=None):
        return accuracy_score(y, self._predict(X, check_input=False), sample_weight=sample_weight)

    def _metric(self, targets, sample_weight):
        return lambda output: accuracy(targets, self._decide(output), sample_weight)

    def _original_targets(self, targets):
        if targets.ndim == 2:
            return self._label_binarizer.inverse_transform(targets)
        return self.classes_[targets]

    def _stratify(self, targets):
        return targets.astype(bool) if self.n_outputs_ == 1 else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
