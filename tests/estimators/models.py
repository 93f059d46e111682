"""Models, ours and scikit-learn's alike: the class of the same name, predictions, parameters."""

import warnings

import numpy as np
import sklearn
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def sklearns(Estimator):
    """scikit-learn's class of the same name."""
    return getattr(sklearn.neural_network, Estimator.__name__)


def proba_or_predict(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def fitted(model, *data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*data, **options)


def parameters(model):
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])
