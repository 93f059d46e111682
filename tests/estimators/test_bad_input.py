"""Data, targets, weights and classes that are wrong: an error of a proper type, no crash."""

import numpy as np
import pytest
import scipy.sparse as sp
from estimators.grid import ERRORS, GOOD_X, GOOD_Y, GRID, LABELS, WIDTH, N, make
from estimators.models import proba_or_predict as output

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.usefixtures("_quiet")


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
