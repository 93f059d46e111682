"""When to stop, and which weights to keep: the validation split, its scores, two monitors.

The scores are the floats of `sklearn.metrics.accuracy_score` and `r2_score`, computed on class
indices without their checks, which would cost more than an epoch on a small data set.
"""

import numpy as np
from sklearn.model_selection import train_test_split


def split_rows(n_samples, validation_fraction, random_state, stratify=None):
    """Draw the validation rows exactly as scikit-learn's MLP does.

    Parameters
    ----------
    stratify : ndarray of bool of shape (n_samples,), default=None
        Binary targets. scikit-learn stratifies nothing else: its documentation promises it for
        multiclass too, but following that would change every multiclass model with
        ``early_stopping=True``, and the same seed giving the same model comes first.

    Returns
    -------
    train, validation : ndarray of intp

    Raises
    ------
    ValueError
        If fewer than two rows are left for validation, or a class is too rare to be split.
    """
    if stratify is not None:
        stratify = np.where(stratify, "True", "False")  # these words appear in the error
    train, validation = train_test_split(
        np.arange(n_samples, dtype=np.intp),
        random_state=random_state,
        test_size=validation_fraction,
        stratify=stratify,
    )
    if len(validation) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    return train, validation


def check_validation_weight(sample_weight):
    """Refuse a validation set without any weight: no score can be taken on it."""
    if sample_weight is not None and not sample_weight.any():
        raise ValueError(
            "The sample weights of the validation set are all zero. Increase 'validation_fraction'"
            " or leave rows without weight out."
        )


def accuracy(y_true, y_pred, sample_weight=None):
    """Share of rows that are right, in all columns if there are several.

    ``y_true`` and ``y_pred`` are class indices (n,) or label indicators (n, n_labels).
    """
    hits = y_true == y_pred
    if hits.ndim == 2:
        hits = hits.all(axis=1)
    if sample_weight is None:
        return float(np.count_nonzero(hits) / len(hits))
    return float(np.average(hits, weights=sample_weight))


def column_accuracy(y_true, y_pred, sample_weight=None):
    """Mean over columns of the share of rows that are right; y_true and y_pred (n, n_outputs).

    Raises
    ------
    ValueError
        If their shapes differ.
    """
    y_true = np.asarray(y_true)
    if y_true.shape != y_pred.shape:
        raise ValueError(f"y has the shape {y_true.shape}, the predictions {y_pred.shape}.")
    return float(np.average((y_true == y_pred).mean(axis=1), weights=sample_weight))


class R2:
    """R2 against fixed targets: what depends only on them is computed once.

    Parameters
    ----------
    y_true : ndarray of shape (n, n_outputs)
    sample_weight : ndarray of shape (n,), default=None
    """

    def __init__(self, y_true, sample_weight=None):
        self.y_true = y_true
        self.weight = 1.0 if sample_weight is None else sample_weight[:, None]
        mean = np.average(y_true, axis=0, weights=sample_weight)
        self.total = np.sum(self.weight * (y_true - mean) ** 2, axis=0)

    def __call__(self, y_pred):
        """Mean over outputs; NaN when a prediction is not finite, as in scikit-learn's MLP."""
        if not np.isfinite(y_pred).all():
            return float("nan")
        with np.errstate(over="ignore"):
            rest = np.sum(self.weight * (self.y_true - y_pred) ** 2, axis=0)
        # A constant target: perfect predictions score 1, all others 0.
        scores = (rest == 0).astype(rest.dtype)
        varies = self.total != 0
        scores[varies] = 1 - rest[varies] / self.total[varies]
        return float(np.average(scores))


class LossMonitor:
    """Counts the epochs without progress of the training loss."""

    what = "Training loss"

    def epoch(self, estimator, trainer):
        """Update ``best_loss_`` and ``_no_improvement_count`` after an epoch."""
        loss = estimator.loss_
        if loss > estimator.best_loss_ - estimator.tol:
            estimator._no_improvement_count += 1
        else:
            estimator._no_improvement_count = 0
        if loss < estimator.best_loss_:
            estimator.best_loss_ = loss

    def finish(self, trainer):
        """The last weights are the result."""


class ScoreMonitor:
    """Counts the epochs without progress of the validation score and keeps the best weights.

    The best weights live in the engine as a snapshot of their own. In scikit-learn they alias
    ``coefs_`` after `fit`, so that training on with ``warm_start`` overwrites them.

    Parameters
    ----------
    score : callable
        ``score(trainer)`` is the validation score of the trainer's current weights.
    trainer : Trainer
        Its weights are the best ones so far: initial, or restored by the previous `fit`.
    """

    what = "Validation score"

    def __init__(self, score, trainer):
        self.score = score
        self.best = trainer.snapshot()

    def epoch(self, estimator, trainer):
        """Update the scores, the best weights and ``_no_improvement_count`` after an epoch."""
        score = self.score(trainer)
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        # A NaN counts as progress here and below as no record: scikit-learn's rule.
        if score < estimator.best_validation_score_ + estimator.tol:
            estimator._no_improvement_count += 1
        else:
            estimator._no_improvement_count = 0
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            self.best = trainer.snapshot()

    def finish(self, trainer):
        """Restore the best weights, however training ended."""
        trainer.restore(self.best)
