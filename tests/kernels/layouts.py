"""Arrays for kernels: guarded memory, the weight layouts of csrc/kernels/kernels.h, error bounds.

Inputs lie in NaN, outputs in sentinels, both at a random element of a larger buffer: whatever a
kernel reads beyond its arguments poisons the result, whatever it writes there is found.
"""

import numpy as np
import scipy.sparse as sp

SENTINEL = -12345.0
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


def pad(n, lanes):
    """The next multiple of `lanes`."""
    return -(-n // lanes) * lanes


def edges(*units, extra=(1, 2, 3, 7)):
    """Sizes on and next to every multiple of the units that matters to a kernel."""
    sizes = set(extra)
    for unit in units:
        sizes |= {unit - 1, unit, unit + 1, 2 * unit - 1, 2 * unit, 2 * unit + 1, 3 * unit + 1}
    return sorted(n for n in sizes if n > 0)


def n_rows(table):
    return edges(table.mr, extra=(1, 2, 5, 37))


def n_sums(table):
    return edges(table.lanes, extra=(1, 2, 3, 13, 97))


def n_columns(table):
    return edges(table.lanes, table.nr, extra=(1, 2, 3, 4, 6, 8, table.nr + 5))


def few_columns(table):
    """All that a last panel of one vector may have, up to a few."""
    return range(1, min(table.lanes, 9))


# Long sums may be cut into parts, for the caches: lengths at which a cut could go wrong.
LONG = [127, 128, 129, 191, 192, 193, 255, 256, 257, 287, 288, 289, 300, 383, 384, 385, 480, 575]
LONG += [576, 577, 767, 768, 769, 1000, 1153, 1537, 2304, 4609]


# ---------------------------------------------------------------------------------- guarded memory


def _place(shape, dtype, filler, gap, rng):
    """A (rows, columns) or 1-D view into a flat buffer of `filler`, rows `gap` elements apart."""
    rows, columns = (1, *shape)[-2:]
    ld = columns + gap
    before = int(rng.integers(64, 128))
    buffer = np.full(before + rows * ld + 128, filler, dtype)
    view = buffer[before : before + rows * ld].reshape(rows, ld)[:, :columns]
    return buffer, view if len(shape) == 2 else view[0]


def spread(values, table, rng, gap=0):
    """A copy of `values` in the table's dtype with NaN around it and between its rows."""
    values = np.asarray(values)
    _, view = _place(values.shape, table.dtype, np.nan, gap, rng)
    view[:] = values
    return view


class Output:
    """Room for a kernel's result, `fill`ed, amid sentinels.

    Parameters
    ----------
    shape : tuple of 1 or 2 ints
    table : _kernels.Table
    rng : numpy.random.Generator
    gap : int, default=0
        Elements between two rows: ld - columns.
    fill : float or ndarray, default=nan
        What is there before.
    """

    def __init__(self, shape, table, rng, gap=0, fill=np.nan):
        self._buffer, self.array = _place(shape, table.dtype, SENTINEL, gap, rng)
        self._inside = np.zeros(self._buffer.shape, bool)
        offset = self.array.__array_interface__["data"][0]
        offset -= self._buffer.__array_interface__["data"][0]
        inside = np.lib.stride_tricks.as_strided(
            self._inside[offset // table.dtype.itemsize :],
            self.array.shape,
            [stride // table.dtype.itemsize for stride in self.array.strides],
        )
        inside[...] = True
        self.array[...] = fill

    def result(self):
        """The array, after a look at the sentinels."""
        outside = self._buffer[~self._inside]
        assert (outside == SENTINEL).all(), "written outside of the output"
        return self.array


# --------------------------------------------------------------------------------- weight layouts


def _panels(table, rows):
    """Columns of (k, n) in panels of nr, zeros up to a multiple of the lanes."""
    k, n = rows.shape
    padded = np.zeros((k, pad(n, table.lanes)), table.dtype)
    padded[:, :n] = rows
    return [padded[:, j : j + table.nr] for j in range(0, padded.shape[1], table.nr)]


def panels(table, W, b, rng):
    """Panel layout of W (n_in, n_out) and its bias."""
    blocks = _panels(table, np.vstack([W, b]))
    return spread(np.concatenate([p.ravel() for p in blocks]), table, rng)


def transposed_panels(table, W, rng):
    """Panels over the inputs of W (n_in, n_out), as the backward pass reads them."""
    return spread(np.concatenate([p.ravel() for p in _panels(table, W.T)]), table, rng)


def narrow(table, W, b, rng):
    """Narrow layout: transposed, then the bias."""
    n_in, n_out = W.shape
    transposed = np.zeros((n_out, pad(n_in, table.lanes)), table.dtype)
    transposed[:, :n_in] = W.T
    bias = np.zeros(table.lanes, table.dtype)
    bias[:n_out] = b
    return spread(np.concatenate([transposed.ravel(), bias]), table, rng)


def rows_layout(table, W, b, rng):
    """Rows layout, for sparse input."""
    padded = np.zeros((len(W) + 1, pad(W.shape[1], table.lanes)), table.dtype)
    padded[:-1, : W.shape[1]] = W
    padded[-1, : W.shape[1]] = b
    return spread(padded.ravel(), table, rng)


def random_csr(m, k, density, dtype, index_dtype, rng, values=None):
    """A CSR matrix with empty rows, and with one full row if there is more than one."""
    dense = rng.uniform(-1, 1, (m, k)) if values is None else values(m, k)
    dense = dense * (rng.random((m, k)) < density)
    if m > 1:
        dense[m // 2] = 1 + np.arange(k) % 3
        dense[m - 1] = 0
    X = sp.csr_array(dense.astype(dtype))
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    return X


# ------------------------------------------------------------------------------ values and bounds


def draw(shape, table, rng):
    """Uniform numbers from -1 to 1 in the table's dtype."""
    return rng.uniform(-1, 1, shape).astype(table.dtype)


def integers(shape, table, rng, top=5):
    """Small integers in the table's dtype: products and sums of them are exact."""
    return rng.integers(-top, top + 1, shape).astype(table.dtype)


def wide(table, *arrays):
    """The arrays in a type wide enough to be the truth beside the table's."""
    kind = np.float64 if table.dtype == np.float32 else np.longdouble
    return [np.asarray(a, kind) for a in arrays]


def eps(table):
    return float(np.finfo(table.dtype).eps)


def activate(act, z):
    """f(z) in z's own precision."""
    if act == "logistic":
        return 1 / (1 + np.exp(-z))
    return {"identity": z, "tanh": np.tanh(z), "relu": np.maximum(z, 0)}[act]


def derivative(act, a):
    """f'(z) in terms of a = f(z)."""
    if act == "logistic":
        return a * (1 - a)
    return {"identity": np.ones_like(a), "tanh": 1 - a * a, "relu": (a != 0) * np.ones_like(a)}[act]


def product_bound(table, k, magnitude):
    """The bound of a sum of k products whose absolute values sum to `magnitude`."""
    return 2 * (k + 2) * eps(table) * magnitude


def assert_within(got, want, bound, what=""):
    """|got - want| <= bound everywhere, NaN nowhere."""
    error = np.abs(got - want)
    bad = ~(error <= bound)
    if bad.any():
        at = tuple(int(i[0]) for i in np.nonzero(bad))
        raise AssertionError(
            f"{what} at {at}: got {got[at]!r}, not {want[at]!r}; {bad.sum()} of {bad.size} wrong"
        )


def same_bits(a, b):
    """Equal bit by bit, any NaN being as good as another."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    nan = np.isnan(a) & np.isnan(b)
    integer = np.dtype(f"i{a.itemsize}")
    return a.shape == b.shape and bool((nan | (a.view(integer) == b.view(integer))).all())
