"""The parameters of a network: one flat vector, and the per-layer views that users know.

The flat vector is the single owner: all weight matrices first, layer by layer, each (n_in, n_out)
row-major, then all bias vectors, then the extras, layer by layer: what only some networks have.
``coefs_`` and ``intercepts_`` are lists of views of it, so that writing into them writes into the
model, and a pickle holds every number once. Running statistics, which are no parameters, have a
vector of their own.
"""

import math
import os
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from ._core import ACTIVATIONS, SOLVERS, holds

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))

# Vectors of n_params float64 numbers which scipy's L-BFGS-B keeps: 10 pairs of corrections with
# their work arrays, plus iterate, gradient and bounds.
_LBFGS_VECTORS = 2 * 10 + 5


# Parameters that a hidden layer may have beside weights and bias, in the order of the flat vector,
# and what each starts from: a number for a vector, DRAWN for a matrix (n_in, n_units). Vectors have
# an entry for each unit, those of the normalization one for each column of the weights.
# The fitted attribute has the name with an underscore: a list, one entry per hidden layer.
DRAWN = None
EXTRAS = {
    "normalization_scales": 1.0,
    "normalization_shifts": 0.0,
    "activation_slopes": 0.25,
    "residual_projections": DRAWN,
}
NORMALIZATION = ("normalization_scales", "normalization_shifts")

# Likewise of batch normalization, in a vector of their own.
RUNNING = {"normalization_means": 0.0, "normalization_variances": 1.0}


class Layout(NamedTuple):
    """Which parameters a network has and how they lie in the flat vector.

    Attributes
    ----------
    layer_sizes : tuple of int
        Units: (n_features, *hidden, n_outputs).
    pieces : tuple of int
        For each hidden layer the columns of the weight matrix that belong to one unit: more than
        one for maxout.
    extras : tuple of tuple of str
        For each hidden layer names out of `EXTRAS`, in their order.
    normalization : {None, "batch", "layer"}
    residual : bool
        What of the network cannot be told from the names and sizes.
    """

    layer_sizes: tuple
    pieces: tuple
    extras: tuple
    normalization: str | None = None
    residual: bool = False

    @classmethod
    def plain(cls, layer_sizes):
        """Weights and biases only."""
        return cls.of(layer_sizes, ("identity",) * (len(layer_sizes) - 2))

    @classmethod
    def of(cls, layer_sizes, activations, maxout_pieces=2, normalization=None, residual=False):
        """The layout of a network with these parameters of an estimator, one activation a layer."""
        extras = []
        for n_in, n_out, activation in zip(layer_sizes, layer_sizes[1:], activations, strict=False):
            has = {
                "normalization_scales": normalization is not None,
                "normalization_shifts": normalization is not None,
                "activation_slopes": ACTIVATIONS[activation].slopes,
                "residual_projections": residual and n_in != n_out,
            }
            extras.append(tuple(name for name in EXTRAS if has[name]))
        pieces = [maxout_pieces if ACTIVATIONS[name].pieces else 1 for name in activations]
        return cls(tuple(layer_sizes), tuple(pieces), tuple(extras), normalization, bool(residual))

    @property
    def shapes(self):
        """(n_in, n_columns) of every weight matrix."""
        columns = [n * k for n, k in zip(self.layer_sizes[1:], (*self.pieces, 1), strict=True)]
        return list(zip(self.layer_sizes[:-1], columns, strict=True))

    @property
    def maxout_pieces(self):
        """Columns of each unit of maxout, 2 if there is none."""
        return max((2, *self.pieces))

    def extra_shape(self, name, i):
        """Shape of an extra of hidden layer i."""
        n_in, n_units = self.layer_sizes[i : i + 2]
        if EXTRAS[name] is DRAWN:
            return n_in, n_units
        return (n_units * self.pieces[i] if name in NORMALIZATION else n_units,)

    @property
    def n_params(self):
        """Length of the flat vector."""
        n_extra = [
            math.prod(self.extra_shape(name, i))
            for i, names in enumerate(self.extras)
            for name in names
        ]
        return sum((n_in + 1) * n for n_in, n in self.shapes) + sum(n_extra)

    @property
    def n_running(self):
        """Length of the vector of running statistics."""
        if self.normalization != "batch":
            return 0
        return len(RUNNING) * sum(n for _, n in self.shapes[:-1])


@lru_cache(maxsize=64)  # not in every call of partial_fit
def _places(layout):
    """Return (start, stop, shape) of the weights, the biases and {name: those of the extras}."""
    stop = 0

    def place(*shape):
        nonlocal stop
        start, stop = stop, stop + math.prod(shape)
        return start, stop, shape

    coefs = [place(*shape) for shape in layout.shapes]
    intercepts = [place(n) for _, n in layout.shapes]
    used = set(chain(*layout.extras))
    extras = {name: [None] * len(layout.extras) for name in EXTRAS if name in used}
    for i, names in enumerate(layout.extras):
        for name in names:
            extras[name][i] = place(*layout.extra_shape(name, i))
    return coefs, intercepts, extras


def views(flat, layout):
    """Cut a flat vector into weight matrices, bias vectors and extras.

    Returns
    -------
    coefs, intercepts : list of ndarray
    extras : dict of list
        For each name in use one entry per hidden layer, None where the layer has no such array.
    """
    coefs, intercepts, extras = _places(layout)

    weights = [flat[start:stop].reshape(shape) for start, stop, shape in coefs]
    biases = [flat[start:stop] for start, stop, _ in intercepts]
    more = {
        name: [place and flat[place[0] : place[1]].reshape(place[2]) for place in places]
        for name, places in extras.items()
    }
    return weights, biases, more


def running_views(running, layout):
    """Cut a vector of running statistics into a dict of list, one entry per hidden layer."""
    if not layout.n_running:
        return {}
    parts = {name: [] for name in RUNNING}
    start = 0
    for _, n in layout.shapes[:-1]:
        for vectors in parts.values():
            vectors.append(running[start : start + n])
            start += n
    return parts


class Weights:
    """A flat parameter vector with its layout and views, and running statistics.

    Attributes
    ----------
    flat : ndarray of shape (n_params,)
    layout : Layout
    running : ndarray of shape (n_running,)
    coefs, intercepts : tuple of ndarray
        Views of ``flat``.
    extras : dict of list of (ndarray or None)
        Views as well, by name, one entry per hidden layer; those of ``running`` included.
    networks : dict
        The engine's descriptions made for these weights, so that predict need not make them.
    """

    __slots__ = ("_shown", "coefs", "extras", "flat", "intercepts", "layout", "networks", "running")

    def __init__(self, flat, layout, running=None):
        self.flat = flat
        self.layout = layout
        self.running = np.empty(layout.n_running, flat.dtype) if running is None else running
        coefs, intercepts, extras = views(flat, layout)
        statistics = running_views(self.running, layout) if len(self.running) else {}
        if running is None:
            for name, vectors in statistics.items():
                for vector in vectors:
                    vector[...] = RUNNING[name]
        self.coefs, self.intercepts = tuple(coefs), tuple(intercepts)
        self.extras = extras | statistics
        self.networks = {}
        self._shown = {"coefs_": self.coefs, "intercepts_": self.intercepts}
        for name, vectors in self.extras.items():
            self._shown[f"{name}_"] = tuple(vectors)

    @property
    def layer_sizes(self):
        """Units: (n_features, *hidden, n_outputs)."""
        return self.layout.layer_sizes

    @property
    def attributes(self):
        """The fitted attributes that show these weights."""
        return {name: list(vectors) for name, vectors in self._shown.items()}

    @classmethod
    def zeros(cls, layout, dtype):
        """Weights of zeros; `MemoryError` comes from `check_memory` before."""
        return cls(np.zeros(layout.n_params, dtype=dtype), layout)

    @classmethod
    def gather(cls, coefs, intercepts, attributes, layout_of):
        """Copy separate arrays, as set by hand by users, into a new flat vector.

        Parameters
        ----------
        coefs, intercepts : list of array-like
        attributes : dict
            Where the extras and running statistics are, under the names of the fitted attributes.
        layout_of : callable
            Returns the `Layout` for layer sizes.

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
        pieces = layout_of((1,) * (len(coefs) + 1)).pieces
        units = [c.shape[1] // k for c, k in zip(coefs, (*pieces, 1), strict=True)]
        layout = layout_of((coefs[0].shape[0], *units))
        for i, (shape, c, b) in enumerate(zip(layout.shapes, coefs, intercepts, strict=True)):
            if c.shape != shape or b.shape != shape[1:]:
                raise ValueError(
                    f"coefs_[{i}] and intercepts_[{i}] must have the shapes {shape} and"
                    f" {shape[1:]}, got {c.shape} and {b.shape}."
                )
        dtype = np.result_type(*coefs, *intercepts)
        weights = cls.zeros(layout, dtype if dtype in FLOATS else np.float64)
        for view, array in zip(weights.coefs + weights.intercepts, coefs + intercepts, strict=True):
            view[...] = array
        for name, vectors in weights.extras.items():
            given = attributes.get(f"{name}_", ())
            if len(given) != len(vectors):
                raise ValueError(f"{name}_ must have {len(vectors)} entries, got {len(given)}.")
            for i, (view, array) in enumerate(zip(vectors, given, strict=True)):
                if view is None:
                    continue
                if np.shape(array) != view.shape:
                    raise ValueError(
                        f"{name}_[{i}] must have the shape {view.shape}, got {np.shape(array)}."
                    )
                view[...] = array
        return weights

    def copy(self):
        """A copy in memory of its own, which is writable also where this is a memory map."""
        twin = Weights(self.flat.copy(), self.layout, self.running.copy())
        twin.networks = self.networks
        return twin

    def are(self, attributes):
        """Whether an estimator's attributes still hold our own views.

        Identity is enough: writing into a view writes into ``flat``, and any other way to change
        the model replaces a list or one of its entries.
        """
        return holds(attributes, self._shown)


def _physical_memory():
    """Bytes of memory in this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def check_memory(layout, dtype, solver):
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
        per_param = 2 * itemsize * (1 + SOLVERS[solver].n_state + SOLVERS[solver].averages)
    needed = layout.n_params * per_param
    available = _physical_memory()
    if available is not None and needed > available:
        raise MemoryError(
            f"A network with layer sizes {layout.layer_sizes} needs about {needed} bytes for its"
            f" parameters and the state of solver={solver!r}, this machine has {available}."
        )
