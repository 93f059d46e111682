"""Whatever is passed in: the right answer or an error of a proper type. No crash, no nonsense."""

import itertools
import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp._weights import Layout, check_memory

ERRORS = (ValueError, TypeError, MemoryError)

N, WIDTH = 24, 3
GRID = np.random.RandomState(0).randint(-2, 3, (N, WIDTH))  # exact in every dtype
LABELS = (GRID[:, 0] > 0).astype(int)


def make(Estimator, **params):
    return Estimator(**{"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0} | params)


def output(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


@pytest.fixture(autouse=True)
def _quiet(recwarn):
    """Only results count here."""
    warnings.simplefilter("ignore")


# --------------------------------------------------------------------------------- right answers


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
    monkeypatch.setattr("fastmlp._validation._CHUNK_WORK", 7 * model._weights.flat.size)
    np.testing.assert_array_equal(output(model, X), dense)
    np.testing.assert_array_equal(output(model, sp.csr_array(X)), sparse)
    assert model.fit(X, X[:, 0] > 0).validation_scores_ == scores


# --------------------------------------------------------------------------------- typed errors


GOOD_X, GOOD_Y = GRID.astype(float), LABELS


def with_value(value, dtype=float):
    X = GRID.astype(dtype)
    X[3, 1] = value
    return X


BAD_X = {
    "nan": with_value(np.nan),
    "inf": with_value(np.inf),
    "-inf float32": with_value(-np.inf, np.float32),
    "nan Fortran": np.asfortranarray(with_value(np.nan)),
    "nan in list": with_value(np.nan).tolist(),
    "nan sparse": sp.csr_array(with_value(np.nan)),
    "None": with_value(None, object),
    "word": with_value("word", object),
    "complex": GRID.astype(complex),
    "1-D": GRID[:, 0].astype(float),
    "0-D": np.float64(3.0),
    "3-D": np.zeros((N, WIDTH, 2)),
    "no rows": np.zeros((0, WIDTH)),
    "no columns": np.zeros((N, 0)),
    "ragged": [[1.0, 2.0, 3.0], [1.0, 2.0]],
    "dict": {"a": [1.0]},
    "no array": object(),
    "None alone": None,
    "text": "X",
    "structured": np.zeros(N, dtype=[("a", "f8"), ("b", "f4")]),
    "float128 too large": np.full((N, WIDTH), np.longdouble("1e4000"))
    if np.finfo(np.longdouble).max > 1e4000
    else with_value(np.nan),
}


@pytest.mark.parametrize("name", BAD_X)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
def test_bad_x(Estimator, name, method):
    model = make(Estimator).fit(GOOD_X, GOOD_Y)
    expected = output(model, GOOD_X)
    X = BAD_X[name]
    args = (X,) if method == "predict" else (X, GOOD_Y)
    with pytest.raises(ERRORS) as error:
        getattr(model, method)(*args)
    assert str(error.value)
    np.testing.assert_array_equal(output(model, GOOD_X), expected)  # still the old model


@pytest.mark.parametrize("code", ["U", "S", "M8[s]"])
def test_words_and_dates_at_predict(Estimator, code):
    """fit converts numbers in words to numbers, as scikit-learn does; predict refuses them."""
    X = GRID.astype(code)
    if code == "U":
        np.testing.assert_array_equal(
            make(Estimator).fit(X, GOOD_Y).coefs_[0], make(Estimator).fit(GOOD_X, GOOD_Y).coefs_[0]
        )
    with pytest.raises(ERRORS):
        make(Estimator).fit(GOOD_X, GOOD_Y).predict(X)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_rows", [1, 2, 400, 40_000])
@pytest.mark.parametrize("where", ["first", "last"])
def test_non_finite_x_is_found_on_the_fast_path(value, n_rows, where, dtype):
    model = make(MLPRegressor, max_iter=1).fit(GOOD_X.astype(dtype), GOOD_Y)
    X = np.zeros((n_rows, WIDTH), dtype)
    X.flat[0 if where == "first" else -1] = value
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        model.predict(X)


BAD_Y = {
    "nan": np.where(LABELS, np.nan, 0.0),
    "inf": np.where(LABELS, np.inf, 0.0),
    "too long": np.append(LABELS, 1),
    "too short": LABELS[1:],
    "empty": [],
    "3-D": np.zeros((N, 2, 2)),
    "None": None,
    "None inside": np.array([None] * N, dtype=object),
    "complex": LABELS.astype(complex),
    "ragged": [[1], [1, 2]] * (N // 2),
    "sparse too long": sp.csr_array(np.ones((N + 1, 2))),
}


@pytest.mark.parametrize("name", BAD_Y)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_y(Estimator, name, method):
    model = make(Estimator).fit(GOOD_X, GOOD_Y)
    with pytest.raises(ERRORS) as error:
        getattr(model, method)(GOOD_X, BAD_Y[name])
    assert str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_y_is_found_on_the_fast_path(value):
    model = make(MLPRegressor).fit(GOOD_X, GOOD_Y)
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        model.partial_fit(GOOD_X, np.full(N, value))


@pytest.mark.parametrize(
    "y", [np.linspace(0, 1, N), GRID[:, :2] * 1.5], ids=["one column", "two columns"]
)
def test_targets_that_are_no_classes(y):
    with pytest.raises(ValueError, match=r"Unknown label type|Multioutput target"):
        make(MLPClassifier).fit(GOOD_X, y)


def test_words_are_no_numbers():
    with pytest.raises(ERRORS):
        make(MLPRegressor).fit(GOOD_X, np.array(["a", "b"] * (N // 2)))


def test_y_that_does_not_fit_into_float32():
    X = GOOD_X.astype(np.float32)
    with pytest.raises(ValueError, match="Input y contains infinity or a value too large"):
        make(MLPRegressor).fit(X, np.full(N, 1e300))


def test_x_that_does_not_fit_into_the_models_float32():
    model = make(MLPRegressor).fit(GOOD_X.astype(np.float32), GOOD_Y)
    with pytest.raises(ValueError, match="infinity or a value too large"):
        model.partial_fit(np.full((N, WIDTH), 1e300), GOOD_Y)


BAD_WEIGHTS = {
    "nan": np.where(LABELS, np.nan, 1.0),
    "inf": np.where(LABELS, np.inf, 1.0),
    "zeros": np.zeros(N),
    "zero": 0,
    "too long": np.ones(N + 1),
    "too short": np.ones(N - 1),
    "2-D": np.ones((N, 1)),
    "words": ["heavy"] * N,
    "complex": np.ones(N, complex),
    "empty": [],
    "object": object(),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_sample_weight(Estimator, name, method):
    model = make(Estimator).fit(GOOD_X, GOOD_Y)
    with pytest.raises(ERRORS) as error:
        getattr(model, method)(GOOD_X, GOOD_Y, sample_weight=BAD_WEIGHTS[name])
    assert str(error.value)


@pytest.mark.parametrize("weight", [2, 2.0, np.float32(2), [2] * N, (2,) * N])
def test_unusual_sample_weight(Estimator, weight):
    expected = make(Estimator).fit(GOOD_X, GOOD_Y, np.full(N, 2.0))
    model = make(Estimator).fit(GOOD_X, GOOD_Y, weight)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("width", [1, 2, 4, 50])
@pytest.mark.parametrize("container", [np.array, sp.csr_array, np.asfortranarray])
@pytest.mark.parametrize("method", ["predict", "partial_fit"])
def test_wrong_width(Estimator, width, container, method):
    model = make(Estimator).fit(GOOD_X, GOOD_Y)
    X = container(np.ones((N, width)))
    with pytest.raises(ValueError, match=f"X has {width} features, but"):
        getattr(model, method)(*((X,) if method == "predict" else (X, GOOD_Y)))


# ---------------------------------------------------------------------------------- sparse input


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


# ------------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    "sizes",
    [(10**9, 10**9), (2**62,), (2**31, 2**31), (2**63,), (10**30,), (10**6, 10**6, 10**6)],
)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_absurd_networks_are_refused_before_allocation(Estimator, sizes, solver):
    with pytest.raises(ERRORS) as error:
        Estimator(hidden_layer_sizes=sizes, solver=solver).fit(GOOD_X, GOOD_Y)
    assert re.search(r"needs about \d+ bytes", str(error.value))


BIG = [2**31 - 1, 2**31, 2**32, 2**63]


@pytest.mark.parametrize("big", list(itertools.product(BIG, repeat=2)))
def test_memory_estimate_does_not_overflow(big):
    assert Layout.plain((3, *big, 1)).n_params == 4 * big[0] + (big[0] + 1) * big[1] + big[1] + 1
    with pytest.raises(MemoryError, match=r"needs about \d{19,} bytes"):
        check_memory(Layout.plain((3, *big, 1)), np.float32, "adam")


def test_memory_estimate_allows_what_fits():
    check_memory(Layout.plain((784, 512, 512, 10)), np.float64, "lbfgs")


@pytest.mark.parametrize("batch_size", [10**6, 2**31, 2**63, 10**30])
def test_huge_batch_size_is_clipped(Estimator, batch_size):
    model = make(Estimator, batch_size=batch_size).fit(GOOD_X, GOOD_Y)
    expected = make(Estimator, batch_size=N).fit(GOOD_X, GOOD_Y)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("max_iter", [2**31, 2**63, 10**30])
def test_huge_max_iter(Estimator, max_iter):
    make(Estimator, max_iter=max_iter, tol=1e6, n_iter_no_change=1).fit(GOOD_X, GOOD_Y)


# -------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("learning_rate_init", [1e30, 1e150, 1e300])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_divergence_raises(Estimator, solver, learning_rate_init, activation):
    """Either an error, or finite weights: no model with NaN is left behind."""
    model = make(
        Estimator, solver=solver, learning_rate_init=learning_rate_init, activation=activation,
        max_iter=200, alpha=1.0,
    )  # fmt: skip
    try:
        model.fit(GOOD_X * 1e3, GOOD_Y)
    except ValueError as error:
        message = str(error)
    else:
        assert all(np.isfinite(c).all() for c in model.coefs_)
        return
    assert "Solver produced non-finite parameter weights" in message
    assert not hasattr(model, "coefs_")


def test_divergence_in_the_very_last_step():
    """The loss was still finite, the step after it was too large."""
    model = make(MLPRegressor, solver="sgd", learning_rate_init=1e308, hidden_layer_sizes=())
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        model.partial_fit(GOOD_X * 1e3, GOOD_Y)
    assert not hasattr(model, "coefs_")


def test_diverging_partial_fit_keeps_the_last_weights():
    model = make(MLPRegressor, solver="sgd").fit(GOOD_X, GOOD_Y)
    expected = model.predict(GOOD_X)
    model._optimizer.learning_rate = 1e300
    for _ in range(2):
        with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
            model.partial_fit(GOOD_X * 1e100, GOOD_Y * 1e100)
    np.testing.assert_array_equal(model.predict(GOOD_X), expected)


def test_diverging_lbfgs():
    model = make(MLPRegressor, solver="lbfgs")
    try:
        model.fit(GOOD_X * 1e200, GOOD_Y * 1e200)
    except ValueError as error:
        message = str(error)
    else:
        assert all(np.isfinite(c).all() for c in model.coefs_)
        return
    assert "non-finite" in message


# -------------------------------------------------------------------------------------- partial_fit


@pytest.mark.parametrize("classes", [[], None, "ab", [0], [np.nan, 1.0], [0.5, 1.5]])
def test_bad_classes(classes):
    with pytest.raises(ERRORS):
        make(MLPClassifier).partial_fit(GOOD_X, GOOD_Y, classes=classes)


@pytest.mark.parametrize("y", [[2], ["a"], [-1], [0.5], [np.nan]])
def test_unknown_class_in_partial_fit(y):
    model = make(MLPClassifier).partial_fit(GOOD_X, GOOD_Y, classes=[0, 1])
    expected = model.predict_proba(GOOD_X)
    with pytest.raises(ERRORS):
        model.partial_fit(GOOD_X[:1], np.array(y))
    np.testing.assert_array_equal(model.predict_proba(GOOD_X), expected)


def test_number_of_outputs_cannot_change():
    model = make(MLPRegressor).partial_fit(GOOD_X, GRID[:, :2])
    with pytest.raises(ValueError, match="coefs_ are those of a network with layer sizes"):
        model.partial_fit(GOOD_X, GRID[:, :1].ravel())
