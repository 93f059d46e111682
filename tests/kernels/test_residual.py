"""A layer's input added to its output."""

import numpy as np
import pytest
from kernels.layouts import Output, edges, random_csr, spread


@pytest.mark.parametrize("name", ["add", "add_rows"])
def test_add(table, name, rng):
    for n in edges(table.lanes):
        a, x = rng.normal(size=(2, 5, n)).astype(table.dtype)
        out = Output(a.shape, table, rng, 3, fill=a)
        getattr(table, name)(spread(x, table, rng, 2), out.array)
        assert np.array_equal(out.result(), a + x)


def test_add_sparse(table, rng):
    for index in (np.int32, np.int64):
        X = random_csr(9, 20, 0.3, table.dtype, index, rng)
        rows = np.array([8, 0, 3, 3, 4])
        a = rng.normal(size=(5, 20)).astype(table.dtype)
        out = Output(a.shape, table, rng, 1, fill=a)
        table.add_sparse(X, rows, out.array)
        assert np.array_equal(out.result(), a + X.toarray()[rows])
