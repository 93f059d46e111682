"""fastmlp and scikit-learn: estimators with the same parameters."""

import functools
import math

import numpy as np
from sklearn import neural_network
from threadpoolctl import ThreadpoolController
from timing import Side

import fastmlp

MODULES = {"fastmlp": fastmlp, "sklearn": neural_network}


@functools.cache
def _controller():
    return ThreadpoolController()


def blas_threads(n_threads):
    """Return a function that makes a context in which BLAS has so many threads."""
    return lambda: _controller().limit(limits=n_threads, user_api="blas")


def thread_counts(n_threads):
    """All threads and one, which may be faster."""
    return sorted({1, n_threads}, reverse=True)


def threads_word(n_threads):
    """For the name of a side."""
    return f"{n_threads} thread" + "s" * (n_threads != 1)


def make(library, shape, **parameters):
    """Return an estimator for a network: Adam with its defaults, exactly ``shape.epochs`` epochs.

    Parameters
    ----------
    library : {"fastmlp", "sklearn"}
    shape : Shape
    **parameters
        More arguments of the constructor.

    Returns
    -------
    estimator
    """
    kind = "MLPRegressor" if shape.task == "regression" else "MLPClassifier"
    defaults = {
        "hidden_layer_sizes": shape.hidden,
        "activation": shape.activation,
        "batch_size": shape.batch,
        "max_iter": shape.epochs,
        "tol": 0.0,
        "n_iter_no_change": math.inf,
        "random_state": 0,
    }
    return getattr(MODULES[library], kind)(**{**defaults, **parameters})


def sides(bench, call_of, fastmlp_threads=(1,)):
    """Make the sides of fastmlp and scikit-learn.

    fastmlp counts with ``n_threads=None``, what users get; scikit-learn with the better of all
    BLAS threads and one.

    Parameters
    ----------
    bench : Bench
    call_of : callable
        ``call_of(library, **parameters)`` returns the function to time.
    fastmlp_threads : sequence of int
        More values of n_threads to look at.

    Returns
    -------
    list of Side
    """
    found = [Side("fastmlp", call_of("fastmlp"))]
    for n in fastmlp_threads:
        call = call_of("fastmlp", n_threads=n)
        found.append(Side("fastmlp", call, threads_word(n), counts=False))
    if "sklearn" in bench.libraries:
        call = call_of("sklearn")
        for n in thread_counts(bench.n_threads):
            found.append(Side("sklearn", call, threads_word(n), blas_threads(n)))
    return found


def fit_sides(bench, shape, X, y, **options):
    """Sides that make an estimator and fit it: validation and initialisation included."""

    def call_of(library, **parameters):
        return lambda: make(library, shape, **parameters).fit(X, y)

    return sides(bench, call_of, **options)


def fitted(bench, shape):
    """Return {library: estimator}, the estimators of all libraries with the same weights."""
    X, y = shape.data()
    libraries = [name for name in MODULES if name in bench.libraries]
    models = {name: make(name, shape).fit(X, y) for name in libraries}
    if "sklearn" in models:
        models["sklearn"].coefs_ = [np.array(w) for w in models["fastmlp"].coefs_]
        models["sklearn"].intercepts_ = [np.array(b) for b in models["fastmlp"].intercepts_]
    return models
