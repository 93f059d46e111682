"""The parameters of a network: one flat vector, and the per-layer views that users know.

The flat vector is the single owner: all weight matrices first, layer by layer, each (n_in, n_out)
row-major, then all bias vectors, then the extras, layer by layer: vectors that only some networks
have. ``coefs_`` and ``intercepts_`` are lists of views of it, so that writing into them writes into
the model, and a pickle holds every number once.
"""

import math
import operator
import os
from itertools import chain
from typing import NamedTuple

import numpy as np

from ._core import SOLVERS

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))

# Vectors of n_params float64 numbers which scipy's L-BFGS-B keeps: 10 pairs of corrections with
# their work arrays, plus iterate, gradient and bounds.
_LBFGS_VECTORS = 2 * 10 + 5


# Parameter vectors that a hidden layer may have beside weights and bias, and what each starts from.
# The fitted attribute has the name with an underscore: a list, one entry per hidden layer.
EXTRAS = {"activation_slopes": 0.25}


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
    """

    layer_sizes: tuple
    pieces: tuple
    extras: tuple

    @classmethod
    def plain(cls, layer_sizes):
        """Weights and biases only."""
        n_hidden = len(layer_sizes) - 2
        return cls(tuple(layer_sizes), (1,) * n_hidden, ((),) * n_hidden)

    @property
    def shapes(self):
        """(n_in, n_columns) of every weight matrix."""
        columns = [n * k for n, k in zip(self.layer_sizes[1:], (*self.pieces, 1), strict=True)]
        return list(zip(self.layer_sizes[:-1], columns, strict=True))

    @property
    def n_params(self):
        """Length of the flat vector."""
        n_extra = [
            n * len(names) for n, names in zip(self.layer_sizes[1:-1], self.extras, strict=True)
        ]
        return sum((n_in + 1) * n for n_in, n in self.shapes) + sum(n_extra)


def views(flat, layout):
    """Cut a flat vector into weight matrices, bias vectors and extras.

    Returns
    -------
    coefs, intercepts : list of ndarray
    extras : dict of list
        For each name in use one entry per hidden layer, None where the layer has no such vector.
    """
    start = 0

    def take(*shape):
        nonlocal start
        stop = start + math.prod(shape)
        part = flat[start:stop].reshape(shape)
        start = stop
        return part

    coefs = [take(*shape) for shape in layout.shapes]
    intercepts = [take(n) for _, n in layout.shapes]
    used = set(chain(*layout.extras))
    extras = {name: [None] * len(layout.extras) for name in EXTRAS if name in used}
    for i, names in enumerate(layout.extras):
        for name in names:
            extras[name][i] = take(layout.layer_sizes[i + 1])
    return coefs, intercepts, extras


class Weights:
    """A flat parameter vector with its layout and views.

    Attributes
    ----------
    flat : ndarray of shape (n_params,)
    layout : Layout
    coefs, intercepts : tuple of ndarray
        Views of ``flat``.
    extras : dict of list of (ndarray or None)
        Views as well, by name, one entry per hidden layer.
    networks : dict
        The engine's descriptions made for these weights, so that predict need not make them.
    """

    __slots__ = ("coefs", "extras", "flat", "intercepts", "layout", "networks")

    def __init__(self, flat, layout):
        self.flat = flat
        self.layout = layout
        coefs, intercepts, self.extras = views(flat, layout)
        self.coefs, self.intercepts = tuple(coefs), tuple(intercepts)
        self.networks = {}

    @property
    def layer_sizes(self):
        """Units: (n_features, *hidden, n_outputs)."""
        return self.layout.layer_sizes

    @property
    def attributes(self):
        """The fitted attributes that show these weights."""
        shown = {f"{name}_": list(vectors) for name, vectors in self.extras.items()}
        return {"coefs_": list(self.coefs), "intercepts_": list(self.intercepts), **shown}

    @classmethod
    def zeros(cls, layout, dtype):
        """Weights of zeros; `MemoryError` comes from `check_memory` before."""
        return cls(np.zeros(layout.n_params, dtype=dtype), layout)

    @classmethod
    def gather(cls, coefs, intercepts, extras=None, pieces=None, dtype=None):
        """Copy separate arrays, as set by hand by users, into a new flat vector.

        Parameters
        ----------
        coefs, intercepts : list of array-like
        extras : dict of list, optional
            As `Weights.extras`.
        pieces : tuple of int, optional
            As `Layout.pieces`.

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
        n_hidden, extras = len(coefs) - 1, extras or {}
        pieces = pieces or (1,) * n_hidden
        columns = [c.shape[1] for c in coefs]
        units = [n // k for n, k in zip(columns, (*pieces, 1), strict=True)]
        for name, vectors in extras.items():
            if len(vectors) != n_hidden:
                raise ValueError(f"{name}_ must have {n_hidden} entries, got {len(vectors)}.")
        names = [
            tuple(name for name in EXTRAS if extras.get(name, [None] * n_hidden)[i] is not None)
            for i in range(n_hidden)
        ]
        layout = Layout((coefs[0].shape[0], *units), tuple(pieces), tuple(names))
        for i, (shape, c, b) in enumerate(zip(layout.shapes, coefs, intercepts, strict=True)):
            if c.shape != shape or b.shape != shape[1:]:
                raise ValueError(
                    f"coefs_[{i}] and intercepts_[{i}] must have the shapes {shape} and"
                    f" {shape[1:]}, got {c.shape} and {b.shape}."
                )
        if dtype is None:
            dtype = np.result_type(*coefs, *intercepts)
        weights = cls.zeros(layout, dtype if dtype in FLOATS else np.float64)
        for view, array in zip(weights.coefs + weights.intercepts, coefs + intercepts, strict=True):
            view[...] = array
        for name, vectors in weights.extras.items():
            for i, view in enumerate(vectors):
                if view is not None and np.shape(extras[name][i]) != view.shape:
                    raise ValueError(
                        f"{name}_[{i}] must have the shape {view.shape}, got"
                        f" {np.shape(extras[name][i])}."
                    )
                if view is not None:
                    view[...] = extras[name][i]
        return weights

    def copy(self):
        """A copy in memory of its own, which is writable also where this is a memory map."""
        twin = Weights(self.flat.copy(), self.layout)
        twin.networks = self.networks
        return twin

    def are(self, attributes):
        """Whether an estimator's attributes still hold our own views.

        Identity is enough: writing into a view writes into ``flat``, and any other way to change
        the model replaces a list or one of its entries.
        """
        shown = [("coefs_", self.coefs), ("intercepts_", self.intercepts)]
        if self.extras:
            shown += [(f"{name}_", vectors) for name, vectors in self.extras.items()]
        for name, mine in shown:
            theirs = attributes.get(name, ())
            if len(theirs) != len(mine) or not all(map(operator.is_, mine, theirs)):
                return False
        return True


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
