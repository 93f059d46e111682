"""Labels beyond scikit-learn's MLP: several outputs, probabilities as targets, class weights."""

import copy
import functools
import math
from numbers import Real

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target

# ------------------------------------------------------------------------------------ integers
# Their classes and indices without sorting, which takes longer than an epoch of a small network.

# Labels that lie further apart than this, or this many times as far as they are many, are sorted.
_RANGE, _RANGE_SHARE = 1024, 4


def integer_classes(y):
    """Classes and indices of integer or boolean labels, as from ``np.unique``.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), not empty

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    targets : ndarray of intp of shape (n_samples,)
        None instead of both for other labels, and where more than half of the rows have a class of
        their own, which scikit-learn may want to say something about.
    """
    if y.dtype.kind not in "iub" or not y.dtype.isnative:
        return None
    values = y.view(np.uint8) if y.dtype == bool else y
    low, high = int(values.min()), int(values.max())
    if high - low > max(_RANGE, _RANGE_SHARE * len(y)) or abs(high) >= 1 << 62:
        return None
    offsets = np.subtract(values, low, dtype=np.int64).astype(np.intp, copy=False)
    present = np.bincount(offsets) > 0
    classes = np.flatnonzero(present) + low
    if 2 * len(classes) > len(y):
        return None
    targets = offsets if present.all() else (np.cumsum(present) - 1)[offsets]
    return classes.astype(y.dtype), targets


def binarizer_of(classes):
    """A `LabelBinarizer` fitted on integer labels with these classes."""
    binarizer = copy.copy(_binarizer(classes.dtype.str, classes.tobytes()))
    binarizer.classes_ = classes
    return binarizer


@functools.lru_cache(maxsize=8)
def _binarizer(dtype, classes):
    return LabelBinarizer().fit(np.frombuffer(classes, dtype))


# -------------------------------------------------------------------------------- several outputs
# y (n, n_outputs) with several classes in each column. Targets are indices (n, n_outputs) into a
# list of arrays of classes; the network has one softmax for each column, side by side.


def is_multi_output(y):
    """Whether y has several columns of classes, other than label indicators."""
    return (
        getattr(y, "ndim", 1) == 2
        and y.shape[1] > 1
        and type_of_target(y, input_name="y") == "multiclass-multioutput"
    )


def encode_columns(y, classes):
    """Indices (n, n_outputs) of labels.

    Raises
    ------
    ValueError
        If a label is none of its column's classes.
    """
    if y.ndim != 2 or y.shape[1] != len(classes):
        raise ValueError(f"y must have the shape (n_samples, {len(classes)}), got {y.shape}.")
    targets = np.empty(y.shape, np.int32)
    for k, known in enumerate(classes):
        index = np.minimum(np.searchsorted(known, y[:, k]), len(known) - 1)
        if unknown := set(y[known[index] != y[:, k], k].tolist()):
            raise ValueError(
                f"`y` has classes not in `self.classes_` in column {k}: {sorted(unknown)} are not"
                f" among {known}."
            )
        targets[:, k] = index
    return targets


def split_columns(output, groups):
    """The outputs of each softmax."""
    return np.split(output, np.cumsum(groups)[:-1], axis=1)


def decide_columns(output, groups):
    """Index of the most probable class of each column, (n, n_outputs)."""
    return np.stack([part.argmax(axis=1) for part in split_columns(output, groups)], axis=1)


# ------------------------------------------------------------------------------ soft targets

# How far a row's sum may be from 1: the rounding of many classes in float32.
SUM_TOLERANCE = 1e-4


def check_soft_targets(y, classes=None):
    """Check probabilities as targets. Return their classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_classes)
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns, sorted; None: 0, 1, 2 ...

    Raises
    ------
    ValueError
        If rows are no probabilities, or the classes do not fit the columns.
    """
    if y.ndim != 2 or y.shape[1] < 2:
        raise ValueError(
            "soft_targets=True needs y of shape (n_samples, n_classes) with at least two classes,"
            f" got {y.shape}."
        )
    if (y < 0).any():
        raise ValueError("soft_targets=True needs y >= 0.")
    off = np.abs(y.sum(axis=1, dtype=np.float64) - 1)
    if (off > SUM_TOLERANCE).any():
        worst = int(off.argmax())
        raise ValueError(
            f"soft_targets=True needs rows of y that sum to 1 within {SUM_TOLERANCE:g}: row {worst}"
            f" sums to {y[worst].sum(dtype=np.float64):.9g}."
        )
    if classes is None:
        return np.arange(y.shape[1])
    classes = np.asarray(classes)
    if classes.shape != (y.shape[1],) or not np.array_equal(np.unique(classes), classes):
        raise ValueError(
            f"With soft_targets=True classes must be {y.shape[1]} sorted labels, one for each"
            f" column of y, got {classes!r}."
        )
    return classes


# ------------------------------------------------------------------------------ class weights


def _weights_of_dict(class_weight, classes):
    weights = np.ones(len(classes))
    places = {label: i for i, label in enumerate(np.asarray(classes).tolist())}
    if unknown := [label for label in class_weight if label not in places]:
        raise ValueError(
            f"class_weight has weights for {unknown}, but the classes of y are {list(places)}."
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not (0 <= weight < math.inf):
            raise ValueError(f"class_weight[{label!r}] must be a float >= 0, got {weight!r}.")
        weights[places[label]] = weight
    return weights


def _balanced(targets, n_classes, sample_weight):
    """n_samples / (n_classes * count of each class), with rows counted by their weights."""
    if targets.ndim == 1:
        counts = np.bincount(targets, sample_weight, n_classes).astype(np.float64)
    else:
        weight = np.ones(len(targets)) if sample_weight is None else sample_weight
        counts = weight.astype(np.float64) @ targets
    present = counts > 0
    factors = np.zeros(len(counts))
    factors[present] = counts.sum() / (present.sum() * counts[present])
    return factors


def weigh_classes(class_weight, columns, sample_weight):
    """Return sample weights times the weights of the rows' classes.

    Parameters
    ----------
    class_weight : dict, list of dict or "balanced"
    columns : list of tuple (targets, classes)
        One for each output; targets are class indices (n_samples,) or probabilities (n_samples,
        n_classes). A row's weight is the product over outputs, as in scikit-learn's forests, and
        with probabilities the expected one.
    sample_weight : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If the dicts do not fit the classes, or no weight is left.
    """
    several = len(columns) > 1
    if isinstance(class_weight, dict):
        class_weight = [class_weight]
    if class_weight == "balanced":
        class_weight = ["balanced"] * len(columns)
    if len(class_weight) != len(columns):
        raise ValueError(
            f"class_weight must be 'balanced' or a list of {len(columns)} dicts, one for each"
            " column of y."
            if several
            else "class_weight must be one dict or 'balanced', since y has one column."
        )
    total = 1.0 if sample_weight is None else sample_weight.astype(np.float64)
    for choice, (targets, classes) in zip(class_weight, columns, strict=True):
        if choice == "balanced":
            factors = _balanced(targets, len(classes), sample_weight)
        else:
            factors = _weights_of_dict(choice, classes)
        total = total * (factors[targets] if targets.ndim == 1 else targets @ factors)
    if not total.any():
        raise ValueError("class_weight and sample_weight leave no row with a weight above zero.")
    return total
