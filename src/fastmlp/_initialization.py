"""What weights start from: the distributions of `weight_init`.

A matrix of ``n_in`` inputs and ``n_out`` units is drawn in one go, layer by layer, in float64 from
NumPy's legacy generator, so that a seed gives the same weights everywhere. Formulas as in
torch.nn.init, with the gain of the name.
"""

import numpy as np

from ._core import uniform
from ._weights import DRAWN, EXTRAS


def _uniform(variance):
    """Uniform numbers of mean 0; variance: of (n_in, n_out)."""

    def draw(shape, random_state):
        bound = np.sqrt(3 * variance(*shape))
        drawn = np.empty(shape)
        uniform(random_state, -bound, bound, drawn)
        return drawn

    return draw


def _normal(variance):
    return lambda shape, random_state: random_state.normal(0, np.sqrt(variance(*shape)), shape)


def orthogonal(shape, random_state):
    """A random matrix whose columns, or rows if those are fewer, are orthonormal.

    The Q of a normal matrix's QR decomposition, signs such that it is uniform among all (Saxe,
    McClelland, Ganguli: "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", 2013).
    """
    q, r = np.linalg.qr(random_state.normal(size=(max(shape), min(shape))))
    q *= np.where(np.diag(r) < 0, -1, 1)
    return q if q.shape == tuple(shape) else np.ascontiguousarray(q.T)


# Glorot, Bengio 2010; He et al. 2015; LeCun et al. 1998
INITIALIZERS = {
    "auto": None,
    "glorot_uniform": _uniform(lambda n_in, n_out: 2 / (n_in + n_out)),
    "glorot_normal": _normal(lambda n_in, n_out: 2 / (n_in + n_out)),
    "he_uniform": _uniform(lambda n_in, n_out: 2 / n_in),
    "he_normal": _normal(lambda n_in, n_out: 2 / n_in),
    "lecun_normal": _normal(lambda n_in, n_out: 1 / n_in),
    "orthogonal": orthogonal,
}


def initialize(weights, random_state, weight_init, activation):
    """Draw all parameters of new weights.

    Parameters
    ----------
    weights : Weights
        Filled in place.
    random_state : RandomState
    weight_init : str or callable
        The estimator's parameter.
    activation : str or sequence of str
        The estimator's parameter, which 'auto' looks at.

    Raises
    ------
    ValueError
        If a callable returns something else than finite numbers in the shape asked for.
    """
    if isinstance(weight_init, str) and weight_init == "auto":
        draw = INITIALIZERS["glorot_uniform"]
        _like_sklearn(weights, random_state, activation)
    else:
        draw = _checked(weight_init) if callable(weight_init) else INITIALIZERS[weight_init]
        for coef, pieces in zip(weights.coefs, (*weights.layout.pieces, 1), strict=True):
            shape = coef.shape[0], coef.shape[1] // pieces
            for part in np.split(coef, pieces, axis=1):
                part[...] = draw(shape, random_state)
    for name, start in EXTRAS.items():
        for array in weights.extras.get(name, ()):
            if array is None:
                continue
            array[...] = draw(array.shape, random_state) if start is DRAWN else start


def _like_sklearn(weights, random_state, activation):
    """Glorot-uniform weights and biases, drawn in scikit-learn's order.

    The output layer is drawn like the last hidden one.
    """
    names = [activation] * len(weights.coefs) if isinstance(activation, str) else [*activation]
    names = (names + names[-1:])[: len(weights.coefs)] or [None]
    units = weights.layer_sizes[1:]
    for coef, intercept, n_out, name in zip(
        weights.coefs, weights.intercepts, units, names, strict=True
    ):
        bound = np.sqrt((2.0 if name == "logistic" else 6.0) / (coef.shape[0] + n_out))
        uniform(random_state, -bound, bound, coef)
        uniform(random_state, -bound, bound, intercept)


def _checked(function):
    """A callable of the user's that raises ValueError for what is no matrix of weights."""

    def draw(shape, random_state):
        drawn = np.asarray(function(shape, random_state))
        if drawn.shape != shape or drawn.dtype.kind not in "fiub" or not np.isfinite(drawn).all():
            raise ValueError(
                f"weight_init was called for an array of shape {shape} and must return finite real"
                f" numbers in it, got shape {drawn.shape} of dtype {drawn.dtype}."
            )
        return drawn

    return draw
