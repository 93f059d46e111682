"""Sparse matrices out of the ordinary: corrupt ones are refused, all that scipy allows is right."""

import numpy as np
import pytest
import scipy.sparse as sp
from estimators.grid import ERRORS, GOOD_X, GOOD_Y, WIDTH, N, make
from estimators.models import proba_or_predict as output

pytestmark = pytest.mark.usefixtures("_quiet")


def corrupt(change):
    X = sp.csr_array(GOOD_X)
    X.indices, X.indptr, X.data = X.indices.copy(), X.indptr.copy(), X.data.copy()
    change(X)
    return X


def set_item(name, where, value):
    def change(X):
        getattr(X, name)[where] = value

    return change


CORRUPT = {
    "column too large": set_item("indices", 2, WIDTH),
    "column far too large": set_item("indices", -1, 2**31 - 1),
    "negative column": set_item("indices", 0, -1),
    "indptr not from zero": set_item("indptr", 0, 1),
    "indptr decreasing": set_item("indptr", 5, 0),
    "indptr beyond the data": set_item("indptr", -1, 10**6),
    "indptr negative": set_item("indptr", 3, -4),
    "nan": set_item("data", 4, np.nan),
}


@pytest.mark.parametrize("name", CORRUPT)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_corrupt_sparse_matrix(Estimator, name, method, index):
    model = make(Estimator).fit(GOOD_X, GOOD_Y)
    X = corrupt(CORRUPT[name])
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    with pytest.raises((*ERRORS, IndexError)):
        getattr(model, method)(*((X,) if method == "predict" else (X, GOOD_Y)))


def test_sparse_with_duplicates_unsorted_and_slack(Estimator):
    """What scipy allows: entries in any order, twice, and arrays longer than needed."""
    model = make(Estimator).fit(GOOD_X, GOOD_Y)
    X = sp.csr_array(
        (np.array([1.0, 2.0, 0.5, 4.0, 9.0, 9.0]), np.array([2, 0, 2, 1, 7, 7]), [0, 3, 4, 4]),
        shape=(3, WIDTH),
    )
    dense = np.array([[2.0, 0.0, 1.5], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(output(model, X), output(model, dense), rtol=1e-12)
    a, b = make(Estimator).fit(X, [0, 1, 1]), make(Estimator).fit(dense, [0, 1, 1])
    np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)


def test_empty_sparse_rows(Estimator):
    X = sp.csr_array((N, WIDTH))
    model = make(Estimator).fit(X, GOOD_Y)
    np.testing.assert_array_equal(output(model, X), output(model, np.zeros((N, WIDTH))))
