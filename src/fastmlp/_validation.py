"""Checks and conversions of what users pass in: parameters, X, y and sample weights.

The parameter table says the same as scikit-learn's ``_parameter_constraints``, with the same words
in the error, but a check costs microseconds, which is what a `partial_fit` of one row may take.
"""

from numbers import Integral, Number, Real

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import validate_data

from . import _core
from ._core import ACTIVATIONS, SOLVERS
from ._initialization import INITIALIZERS
from ._losses import CLASSIFICATION, REGRESSION, REGRESSION_OUTPUTS
from ._schedules import SCHEDULES
from ._weights import FLOATS

# ------------------------------------------------------------------------------------ parameters
# A rule is (test, words): the error says "must be <words>".


def _integer(low):
    return (lambda v: isinstance(v, Integral) and v >= low, f"an int in the range [{low}, inf)")


def _real(low, high, closed):
    """Real numbers between ``low`` and ``high``; ``closed`` as in "[)": which ends belong to it."""

    def test(v):
        return (
            isinstance(v, Real)
            and (v >= low if closed[0] == "[" else v > low)
            and (v <= high if closed[1] == "]" else v < high)
        )

    return test, f"a float in the range {closed[0]}{float(low)}, {float(high)}{closed[1]}"


def _choice(*options):
    words = ", ".join(map(repr, options))
    return (lambda v: isinstance(v, str) and v in options), f"a str among {{{words}}}"


def _either(*rules):
    tests = [test for test, _ in rules]
    words = [text for _, text in rules]
    joined = f"{', '.join(words[:-1])} or {words[-1]}"
    return (lambda v: any(test(v) for test in tests)), joined


def _is_sequence(v):
    is_array = hasattr(v, "__len__") or hasattr(v, "shape") or hasattr(v, "__array__")
    return is_array and not np.isscalar(v) and getattr(v, "ndim", 1) != 0


def _one_or_per_layer(rule):
    """``rule``, or a sequence of what it allows."""
    test, _ = rule
    words = "a sequence of them, one per hidden layer"
    return _either(rule, (lambda v: _is_sequence(v) and all(map(test, v)), words))


_BOOL = (
    (lambda v: isinstance(v, bool), "an instance of 'bool'"),
    (lambda v: isinstance(v, np.bool_), "an instance of 'numpy.bool'"),
)
_NONE = (lambda v: v is None), "None"

_CUSTOM_LOSS = (
    lambda v: (
        callable(getattr(v, "loss", None))
        and callable(getattr(v, "gradient", None))
        and not isinstance(v, type)
    ),
    "an object with methods loss(y, raw, sample_weight) and gradient(y, raw, sample_weight)",
)

PARAMETER_RULES = {
    "hidden_layer_sizes": _either((_is_sequence, "an array-like"), _integer(1)),
    "activation": _one_or_per_layer(_choice(*ACTIVATIONS)),
    "solver": _choice("lbfgs", *SOLVERS),
    "alpha": _real(0, np.inf, "[)"),
    "batch_size": _either(_choice("auto"), _integer(1)),
    "learning_rate": _either(_choice(*SCHEDULES), (callable, "a callable")),
    "learning_rate_init": _real(0, np.inf, "()"),
    "power_t": _real(0, np.inf, "[)"),
    "max_iter": _integer(1),
    "shuffle": _either(*_BOOL),
    "random_state": _either(
        (
            lambda v: isinstance(v, Integral) and 0 <= v < 2**32,
            "an int in the range [0, 4294967295]",
        ),
        (
            lambda v: isinstance(v, np.random.RandomState),
            "an instance of 'numpy.random.mtrand.RandomState'",
        ),
        _NONE,
    ),
    "tol": _real(0, np.inf, "[)"),
    "verbose": _either(_integer(0), *_BOOL),
    "warm_start": _either(*_BOOL),
    "momentum": _real(0, 1, "[]"),
    "nesterovs_momentum": _either(*_BOOL),
    "early_stopping": _either(*_BOOL),
    "validation_fraction": _real(0, 1, "[)"),
    "beta_1": _real(0, 1, "[)"),
    "beta_2": _real(0, 1, "[)"),
    "epsilon": _real(0, np.inf, "()"),
    "n_iter_no_change": _either(
        _integer(1), (lambda v: isinstance(v, Real) and v == np.inf, "a float among {inf}")
    ),
    "max_fun": _integer(1),
    "n_threads": _either(_integer(1), _NONE),
    "maxout_pieces": _integer(2),
    "dropout": _one_or_per_layer(_real(0, 1, "[)")),
    "input_dropout": _real(0, 1, "[)"),
    "input_noise": _real(0, np.inf, "[)"),
    "normalization": _either(_choice("batch", "layer"), _NONE),
    "residual": _either(*_BOOL),
    "weight_init": _either(_choice(*INITIALIZERS), (callable, "a callable")),
    "rho": _either(_real(0, 1, "()"), _NONE),
    "warmup_fraction": _real(0, 1, "[)"),
    "learning_rate_min": _real(0, np.inf, "[)"),
    "decay_rate": _real(0, 1, "()"),
    "decay_steps": _either(_integer(1), _NONE),
    "weight_decay": _real(0, np.inf, "[)"),
    "l1": _real(0, np.inf, "[)"),
    "max_norm": _either(_real(0, np.inf, "()"), _NONE),
    "gradient_clip": _either(_real(0, np.inf, "()"), _NONE),
    "ema_decay": _either(_real(0, 1, "()"), _NONE),
}

# What one of the estimators alone has.
REGRESSOR_RULES = {
    "loss": _either(_choice(*REGRESSION), _CUSTOM_LOSS),
    "output_activation": _choice("auto", *REGRESSION_OUTPUTS),
    "huber_delta": _real(0, np.inf, "()"),
    "quantile": _either(
        _real(0, 1, "()"),
        (
            lambda v: _is_sequence(v) and len(v) > 0 and all(map(_real(0, 1, "()")[0], v)),
            "a sequence of them",
        ),
    ),
    "tweedie_power": _either(_real(-np.inf, 0, "(]"), _real(1, np.inf, "[)")),
}

CLASSIFIER_RULES = {
    "loss": _either(_choice(*CLASSIFICATION), _CUSTOM_LOSS),
    "output_activation": _choice("auto"),
    "focal_gamma": _real(0, np.inf, "[)"),
    "label_smoothing": _real(0, 1, "[)"),
    "class_weight": _either(
        _choice("balanced"),
        (lambda v: isinstance(v, dict), "an instance of 'dict'"),
        (lambda v: isinstance(v, list) and all(isinstance(d, dict) for d in v), "a list of them"),
        _NONE,
    ),
}


def check_params(estimator, names):
    """Check constructor parameters against the rules, in the order of ``names``.

    Raises
    ------
    InvalidParameterError
        A ValueError and a TypeError, scikit-learn's own.
    """
    if get_config()["skip_parameter_validation"]:
        return
    for name in names:
        value = getattr(estimator, name)
        test, words = estimator._rules.get(name) or PARAMETER_RULES[name]
        if not test(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {words}."
                f" Got {value!r} instead."
            )


def check_hidden_layer_sizes(value):
    """Return ``hidden_layer_sizes`` as a list of int.

    Raises
    ------
    ValueError
        If a size is not positive or not an integer.
    """
    sizes = list(value) if hasattr(value, "__iter__") else [value]
    for size in sizes:
        if type(size) is not int and not isinstance(size, Integral):
            raise InvalidParameterError(f"hidden_layer_sizes must be integers, got {sizes}.")
        if size <= 0:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def layer_activations(activation, n_hidden):
    """Return the name of each hidden layer's activation function.

    Raises
    ------
    ValueError
        If ``activation`` is a sequence that has not one name per hidden layer.
    """
    if isinstance(activation, str):
        return (activation,) * n_hidden
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation has {len(activation)} names, but hidden_layer_sizes {n_hidden} layers:"
            " give one name per hidden layer, or a str for all of them."
        )
    return tuple(map(str, activation))


# ----------------------------------------------------------------------------------------- arrays

# A chunk of a forward pass: multiplications, but for so many rows at least. Vector kernels do 10^10
# to 10^11 a second on a core, those in plain C 10^9. Every chunk costs a copy of the weights, some
# 70 rows' worth.
_CHUNK_WORK, _CHUNK_ROWS = 1 << 30, 256
_PLAIN_SHARE = 1 / 16


def all_finite(array):
    """Whether an array of real numbers holds neither NaN nor infinity."""
    if array.dtype.char in "fd" and array.flags.c_contiguous and array.flags.aligned:
        return _core.all_finite(array)
    return bool(np.isfinite(array).all())


def check_X_y(estimator, X, y, *, dtype, reset, **kwargs):
    """scikit-learn's checks of X and y; X comes back as an ndarray or a CSR array."""
    return validate_data(
        estimator, _native(X), y, accept_sparse="csr", dtype=dtype, reset=reset, **kwargs
    )


def check_X(estimator, X):
    """scikit-learn's checks of X at predict, where every numeric dtype is kept."""
    return validate_data(estimator, _native(X), accept_sparse="csr", reset=False)


def _native(X):
    """Swap bytes here, because `check_array` would turn big-endian float32 into float64."""
    if isinstance(X, np.ndarray) and not X.dtype.isnative:
        return X.astype(X.dtype.newbyteorder("="))
    return X


def cast(array, dtype, name):
    """Convert to C-contiguous, aligned ``dtype``.

    Raises
    ------
    ValueError
        If a finite value does not fit into ``dtype``.
    """
    if array.dtype == dtype:
        flags = array.flags
        ready = type(array) is np.ndarray and flags.c_contiguous and flags.aligned
        return array if ready else np.require(array, requirements=["C", "A"])
    with np.errstate(over="ignore"):
        result = np.require(array, dtype=dtype, requirements=["C", "A"])
    if dtype.itemsize < array.dtype.itemsize and not all_finite(result):
        raise ValueError(f"Input {name} contains infinity or a value too large for {dtype!r}.")
    return result


def to_engine(X, dtype):
    """Turn checked X into what the engine reads: an ndarray or ``(data, indices, indptr, n_rows)``.

    The engine checks indices, which scipy does not.
    """
    if type(X) is np.ndarray or not sp.issparse(X):
        return cast(np.asarray(X), dtype, "X")
    index = np.promote_types(X.indices.dtype, X.indptr.dtype)
    indptr = np.require(X.indptr, dtype=index, requirements=["C", "A"])
    used = slice(indptr[-1])  # scipy may keep more room than it needs
    indices = np.require(X.indices[used], dtype=index, requirements=["C", "A"])
    return cast(X.data[used], dtype, "X"), indices, indptr, X.shape[0]


def in_chunks(call, X, n_rows, network):
    """Run a forward pass in steps, between which Ctrl-C works.

    They take some 10 to 100 ms, longer where 256 rows of a very wide network do.

    Parameters
    ----------
    call : callable
        ``call(X, out)`` returns the outputs for the rows of X, in ``out`` unless that is None.
    X : ndarray or tuple
        As from `to_engine`.
    n_rows : int
    network : Network
    """
    share = _PLAIN_SHARE if _core.isa_name() == "generic" else 1
    step = int(share * max(_CHUNK_ROWS, _CHUNK_WORK // network.n_params))
    if n_rows <= step:
        return call(X, None)
    out = np.empty((n_rows, network.n_outputs), dtype=network.dtype)
    for start in range(0, n_rows, step):
        rows = slice(start, min(start + step, n_rows))
        part = out[rows]
        result = call(_take_rows(X, rows), part)
        if result is not part:
            part[...] = result
    return out


def _take_rows(X, rows):
    if type(X) is not tuple:
        return X[rows]
    data, indices, indptr, _ = X
    indptr = indptr[rows.start : rows.stop + 1]
    used = slice(indptr[0], indptr[-1])
    return data[used], indices[used], indptr - indptr[0], len(indptr) - 1


def compute_dtype(X, params_dtype):
    """The dtype in which ``X`` meets the parameters at predict: NumPy's promotion, as in X @ W."""
    dtype = np.result_type(X.dtype, params_dtype)
    return dtype if dtype in FLOATS else FLOATS[0]


def check_sample_weight(sample_weight, n_samples, dtype):
    """Return sample weights as a 1-D array of ``dtype``, or None.

    Raises
    ------
    ValueError
        If they do not match the rows of X, are not finite or all zero.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_samples, sample_weight, dtype=dtype)
    sample_weight = check_array(
        sample_weight, ensure_2d=False, dtype=dtype, order="C", input_name="sample_weight"
    )
    if sample_weight.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {sample_weight.ndim}D array. Expected"
            f" either a scalar value or a 1D array of length {n_samples}."
        )
    if len(sample_weight) != n_samples:
        raise ValueError(f"sample_weight.shape == {sample_weight.shape}, expected {(n_samples,)}!")
    if not sample_weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return np.require(sample_weight, requirements=["C", "A"])
