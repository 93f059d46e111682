"""The same numbers give the same model: in any dtype, memory layout and number of rows at once."""

import numpy as np
import pytest
import scipy.sparse as sp
from estimators.grid import GRID, LABELS, WIDTH, N, make
from estimators.models import proba_or_predict as output

from fastmlp import MLPRegressor

pytestmark = pytest.mark.usefixtures("_quiet")


def unaligned(array):
    raw = bytearray(array.nbytes + 1)
    view = np.frombuffer(raw, array.dtype, offset=1).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned or array.dtype.itemsize == 1
    return view


def strided(array):
    big = np.zeros((2 * array.shape[0], *(3 * n for n in array.shape[1:])), array.dtype)
    view = big[::2, ::3] if array.ndim == 2 else big[::2]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def reversed_twice(array):
    return np.ascontiguousarray(array[::-1])[::-1]


LAYOUTS = {
    "C": np.array,
    "Fortran": np.asfortranarray,
    "strided": strided,
    "reversed": reversed_twice,
    "unaligned": unaligned,
    "read-only": read_only,
    "list": lambda a: a.tolist(),
    "subclass": lambda a: a.view(np.memmap),
}


DTYPES = ["<f8", ">f8", "<f4", ">f4", "f2", "i1", "u1", "<i4", ">i8", "?", "g", "O"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("code", DTYPES)
def test_dtypes_and_layouts(Estimator, code, layout):
    """Any container of the same numbers gives the same model and the same predictions."""
    if (code, layout) == ("O", "unaligned"):
        pytest.skip("NumPy makes no such array")
    numbers = np.abs(GRID) if code in ("u1", "?") else GRID
    X = numbers.astype(code)
    y = LABELS.astype("i8")
    in_float32 = code in ("<f4", ">f4") and layout != "list"
    plain = np.ascontiguousarray(X.astype(np.float32 if in_float32 else np.float64))
    expected = make(Estimator).fit(plain, y)
    model = make(Estimator).fit(LAYOUTS[layout](X), LAYOUTS[layout](y) if layout != "list" else y)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.coefs_[0].dtype == plain.dtype
    np.testing.assert_array_equal(output(model, LAYOUTS[layout](X)), output(expected, plain))
    np.testing.assert_array_equal(output(model, plain), output(expected, plain))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("code", ["<f8", ">f8", "<f4", "f2", "<i4", "?"])
def test_targets_and_weights(layout, code):
    X = GRID.astype(float)
    target = np.abs(GRID[:, 0]).astype(code)
    weight = (1 + np.abs(GRID[:, 1])).astype(code)
    expected = make(MLPRegressor).fit(X, target.astype(float), weight.astype(float))
    model = make(MLPRegressor).fit(X, LAYOUTS[layout](target), LAYOUTS[layout](weight))
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-12)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "list"])
def test_partial_fit_fast_path_takes_only_what_is_ready(Estimator, layout):
    X, y = GRID.astype(float), LABELS
    models = [make(Estimator).fit(X, y) for _ in range(2)]
    models[0].partial_fit(X, y)
    models[1].partial_fit(LAYOUTS[layout](X), LAYOUTS[layout](y))
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])


def test_input_is_never_written_to(Estimator):
    X, y, weight = GRID.astype(float), LABELS.astype(float), np.ones(N)
    before = X.copy(), y.copy(), weight.copy()
    model = make(Estimator, early_stopping=True).fit(X, y, weight)
    output(model, X)
    for now, then in zip((X, y, weight), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_predictions_do_not_share_memory(Estimator):
    model = make(Estimator).fit(GRID.astype(float), LABELS)
    X = GRID.astype(float)
    first = output(model, X)
    kept = first.copy()
    second = output(model, X + 1)
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("value", [1e30, 1e200, 1e308, -1e308])
def test_huge_but_finite_numbers_are_no_error(value):
    """A sum or a square of them overflows: the finite check must look closer, not refuse."""
    model = make(MLPRegressor, hidden_layer_sizes=()).fit(GRID.astype(float), LABELS)
    X = np.full((2, WIDTH), value)
    model.coefs_ = [np.full((WIDTH, 1), 1e-300)]
    expected = np.full(2, value * 3e-300 + model.intercepts_[0][0])
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)


def test_single_row_single_feature(Estimator):
    model = make(Estimator).fit([[1.0]], [1])
    assert model.predict([[2.0]]).shape == (1,)


def test_row_by_row_is_the_same_as_all_at_once(Estimator, dtype):
    X = np.random.RandomState(0).normal(size=(67, 13)).astype(dtype)
    model = make(Estimator, hidden_layer_sizes=(33, 17)).fit(X, X[:, 0] > 0)
    together = output(model, X)
    for i in range(67):
        np.testing.assert_array_equal(output(model, X[i : i + 1])[0], together[i])


def test_chunks_of_a_large_predict(Estimator, dtype, monkeypatch):
    """Rows are predicted in chunks so that Ctrl-C works: the same, dense and sparse."""
    X = np.random.RandomState(0).normal(size=(101, WIDTH)).astype(dtype)
    model = make(Estimator, early_stopping=True).fit(X, X[:, 0] > 0)
    dense, sparse = output(model, X), output(model, sp.csr_array(X))
    scores = model.validation_scores_
    monkeypatch.setattr("fastmlp._validation._CHUNK_WORK", 0)
    monkeypatch.setattr("fastmlp._validation._CHUNK_ROWS", 7)
    monkeypatch.setattr("fastmlp._validation._PLAIN_SHARE", 1)
    monkeypatch.setattr("fastmlp._base._SMALL_WORK", 0)
    np.testing.assert_array_equal(output(model, X), dense)
    np.testing.assert_array_equal(output(model, sp.csr_array(X)), sparse)
    assert model.fit(X, X[:, 0] > 0).validation_scores_ == scores
