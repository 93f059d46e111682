"""Labels to targets, outputs to labels: what `MLPClassifier` adds to `BaseMLP`."""

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

from ._base import BaseMLP
from ._labels import (
    binarizer_of,
    check_soft_targets,
    decide_columns,
    encode_columns,
    integer_classes,
    is_multi_output,
    weigh_classes,
)
from ._losses import classification_head
from ._stopping import accuracy, column_accuracy
from ._validation import cast, check_X_y

# An array compares in 0.15 us less than a float, one of float32 with float32 in another 0.15 less.
_HALF = np.array(0.5, np.float32)


def _most_probable(targets):
    """Class indices instead of probabilities; other targets as they are."""
    return targets.argmax(axis=1) if targets.dtype.kind == "f" else targets


class LabelledMLP(BaseMLP):
    """Base of `MLPClassifier`.

    Between the labels and the network, targets are class indices (n_samples,), label indicators
    (n_samples, n_labels) of bool, probabilities (n_samples, n_classes) of float, or class indices
    of several columns (n_samples, n_outputs) of int32.
    """

    classes_: Any  # an array, or one for each column of y

    def _has_columns(self):
        """Whether y has several columns of classes, for which there is no binarizer."""
        return self.__dict__.get("_label_binarizer", False) is None

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
        if kind != "binary":
            return output > _HALF
        if len(binarizer.classes_) == 1:  # seen alone in fit, it is predicted always
            return np.zeros(len(output), dtype=bool)
        return output.ravel() > _HALF

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
