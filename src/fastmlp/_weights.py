"""The parameters of a network: one flat vector, and the per-layer views that users know.

The flat vector is the single owner: all weight matrices first, layer by layer, each (n_in, n_out)
row-major, then all bias vectors. ``coefs_`` and ``intercepts_`` are lists of views of it, so that
writing into them writes into the model, and a pickle holds every number once.
"""

import operator
import os
from itertools import chain, pairwise

import numpy as np

from ._core import SOLVERS

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))

# Vectors of n_params float64 numbers which scipy's L-BFGS-B keeps: 10 pairs of corrections with
# their work arrays, plus iterate, gradient and bounds.
_LBFGS_VECTORS = 2 * 10 + 5


def count_params(layer_sizes):
    """Number of weights and biases of a network with these layer sizes."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(layer_sizes))


def views(flat, layer_sizes):
    """Cut a flat vector into the list of weight matrices and the list of bias vectors."""
    coefs, intercepts, start = [], [], 0
    for n_in, n_out in pairwise(layer_sizes):
        coefs.append(flat[start : start + n_in * n_out].reshape(n_in, n_out))
        start += n_in * n_out
    for n_out in layer_sizes[1:]:
        intercepts.append(flat[start : start + n_out])
        start += n_out
    return coefs, intercepts


class Weights:
    """A flat parameter vector with its layer sizes and views.

    Attributes
    ----------
    flat : ndarray of shape (n_params,)
    layer_sizes : tuple of int
        (n_features, *hidden, n_outputs).
    coefs, intercepts : tuple of ndarray
        Views of ``flat``.
    networks : dict
        The engine's descriptions made for these weights, so that predict need not make them.
    """

    __slots__ = ("coefs", "flat", "intercepts", "layer_sizes", "networks")

    def __init__(self, flat, layer_sizes):
        self.flat = flat
        self.layer_sizes = tuple(layer_sizes)
        coefs, intercepts = views(flat, self.layer_sizes)
        self.coefs, self.intercepts = tuple(coefs), tuple(intercepts)
        self.networks = {}

    @classmethod
    def zeros(cls, layer_sizes, dtype):
        """Weights of zeros; `MemoryError` comes from `check_memory` before."""
        return cls(np.zeros(count_params(layer_sizes), dtype=dtype), layer_sizes)

    @classmethod
    def gather(cls, coefs, intercepts, dtype=None):
        """Copy separate arrays, as set by hand by users, into a new flat vector.

        Raises
        ------
        ValueError
            If the shapes do not form a chain of layers.
        """
        coefs = [np.asarray(c) for c in coefs]
        intercepts = [np.asarray(b) for b in intercepts]
        if not coefs or len(coefs) != len(intercepts) or any(c.ndim != 2 for c in coefs):
            raise ValueError(
                "coefs_ must hold one 2-D array per layer and intercepts_ as many 1-D arrays, got"
                f" shapes {[c.shape for c in coefs]} and {[b.shape for b in intercepts]}."
            )
        layer_sizes = (coefs[0].shape[0], *(c.shape[1] for c in coefs))
        for i, (shape, c, b) in enumerate(
            zip(pairwise(layer_sizes), coefs, intercepts, strict=True)
        ):
            if c.shape != shape or b.shape != shape[1:]:
                raise ValueError(
                    f"coefs_[{i}] and intercepts_[{i}] must have the shapes {shape} and"
                    f" {shape[1:]}, got {c.shape} and {b.shape}."
                )
        if dtype is None:
            dtype = np.result_type(*coefs, *intercepts)
        weights = cls.zeros(layer_sizes, dtype if dtype in FLOATS else np.float64)
        for view, array in zip(weights.coefs + weights.intercepts, coefs + intercepts, strict=True):
            view[...] = array
        return weights

    def copy(self):
        """A copy in memory of its own, which is writable also where this is a memory map."""
        twin = Weights(self.flat.copy(), self.layer_sizes)
        twin.networks = self.networks
        return twin

    def are(self, coefs, intercepts):
        """Whether these lists still hold our own views.

        Identity is enough: writing into a view writes into ``flat``, and any other way to change
        the model replaces a list or one of its entries.
        """
        n = len(self.coefs)
        if len(coefs) != n or len(intercepts) != n:
            return False
        mine = self.coefs + self.intercepts
        return all(map(operator.is_, mine, chain(coefs, intercepts)))

    def randomize(self, random_state, hidden, activation):
        """Glorot-uniform weights and biases, drawn in scikit-learn's order and in float64.

        Parameters
        ----------
        random_state : RandomState
        hidden : tuple of str
            The activation of each hidden layer. The output layer is drawn like the last of them,
        activation : str or sequence of str
            or like this one if there is none.
        """
        last = hidden[-1] if hidden else activation
        for coef, intercept, name in zip(self.coefs, self.intercepts, (*hidden, last), strict=True):
            bound = np.sqrt((2.0 if name == "logistic" else 6.0) / sum(coef.shape))
            coef[...] = random_state.uniform(-bound, bound, coef.shape)
            intercept[...] = random_state.uniform(-bound, bound, intercept.shape)


def _physical_memory():
    """Bytes of memory in this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def check_memory(layer_sizes, dtype, solver):
    """Refuse a network that cannot fit into this machine, before anything is allocated.

    Linux hands out memory that it does not have and kills the process later, so that waiting for
    the allocation to fail is no check.

    Raises
    ------
    MemoryError
        Naming the bytes needed for parameters and optimizer state.
    """
    itemsize = np.dtype(dtype).itemsize
    if solver == "lbfgs":
        per_param = 2 * itemsize + 8 * _LBFGS_VECTORS
    else:  # parameters and moments, in flat layout and once more in the engine's
        per_param = 2 * itemsize * (1 + SOLVERS[solver].n_state)
    needed = count_params(layer_sizes) * per_param
    available = _physical_memory()
    if available is not None and needed > available:
        raise MemoryError(
            f"A network with layer sizes {tuple(layer_sizes)} needs about {needed} bytes for its"
            f" parameters and the state of solver={solver!r}, this machine has {available}."
        )
