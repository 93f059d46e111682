"""`fit` learns the classes of integers without sorting; all else must be as without that."""

import numpy as np
import pytest

import fastmlp._labelled
from fastmlp import MLPClassifier, MLPRegressor
from fastmlp._labels import integer_classes

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 60
LABELS = np.arange(N) * 7 % 13 % 3
DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">i4", ">u2"]
VALUES = {
    "three": [0, 1, 2],
    "two": [0, 1, 0],
    "gaps": [3, 5, 40],
    "one": [1, 1, 1],
    "low": [0, 100, 127],
    "negative": [-128, 0, 127],
    "far apart": [-(2**63), 0, 2**63 - 1],
    "large": [2**63 - 3, 2**63 - 2, 2**63 - 1],
    "largest": [2**64 - 3, 2**64 - 2, 2**64 - 1],
}


def labels_of(values, dtype):
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    if info is not None and not info.min <= min(values) <= max(values) <= info.max:
        pytest.skip("not of this type")
    return np.array(values, dtype)[LABELS]


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(N, 4))


def make(**parameters):
    return MLPClassifier(hidden_layer_sizes=(5,), max_iter=3, random_state=0, tol=0, **parameters)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("values", VALUES)
def test_same_model_as_with_sorted_labels(X, values, dtype, monkeypatch):
    y = labels_of(VALUES[values], dtype)
    model = make().fit(X, y)
    monkeypatch.setattr(fastmlp._labelled, "integer_classes", lambda y: None)
    expected = make().fit(X, y)
    np.testing.assert_array_equal(model.classes_, expected.classes_)
    assert model.classes_.dtype == expected.classes_.dtype
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    for name in ("y_type_", "sparse_input_"):
        attributes = (getattr(m._label_binarizer, name) for m in (model, expected))
        assert len(set(attributes)) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("values", VALUES)
def test_classes_and_indices(values, dtype):
    y = labels_of(VALUES[values], dtype)
    found = integer_classes(y)
    if values in ("far apart", "large", "largest") or not y.dtype.isnative:
        assert found is None or np.dtype(dtype).kind == "b"
        return
    classes, indices = np.unique(y, return_inverse=True)
    for array, expected in zip(found, (classes, indices), strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype


def test_other_labels_are_left_to_numpy():
    assert integer_classes(np.array([0.0, 1.0, 1.0])) is None
    assert integer_classes(np.array(["a", "b", "b"])) is None
    assert integer_classes(np.arange(9)) is None  # as many classes as rows
    assert integer_classes(np.array([0, 10**6] * 5)) is None  # far apart for ten rows


def test_strided_labels(X):
    y = np.repeat(LABELS, 2)
    np.testing.assert_array_equal(make().fit(X, y[::2]).coefs_[0], make().fit(X, LABELS).coefs_[0])


def test_classes_are_the_models_own(X):
    first, second = make().fit(X, LABELS), make().fit(X, LABELS)
    before = second.predict(X)
    first.classes_ += 10  # in place: the labels that predict gives, as in scikit-learn
    np.testing.assert_array_equal(first.predict(X), before + 10)
    np.testing.assert_array_equal(second.predict(X), before)
    np.testing.assert_array_equal(make().fit(X, LABELS).classes_, [0, 1, 2])


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_names_of_columns_do_not_outlive_a_fit_without(Estimator, X):
    pd = pytest.importorskip("pandas")
    model = Estimator(hidden_layer_sizes=(2,), max_iter=2)
    model.fit(pd.DataFrame(X, columns=list("abcd")), LABELS)
    assert hasattr(model, "feature_names_in_")
    model.fit(X[:, :3].copy(), LABELS)  # contiguous, so that nothing needs converting
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3
    model.predict(X[:, :3])  # warns of names, which is an error here, if any are left
