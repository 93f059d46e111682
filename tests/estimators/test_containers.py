"""What data come in and models go into: data frames, sparse formats, pipelines, searches."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from estimators.models import SKLEARN, proba_or_predict
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import MLPClassifier


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_data_frames(Estimator, library, early_stopping, linear):
    frames = pytest.importorskip(library)
    if library == "polars" and not hasattr(frames.DataFrame, "__dataframe__") and SKLEARN < (1, 9):
        pytest.skip(
            "scikit-learn before 1.9 reads names by __dataframe__, which polars has dropped"
        )
    X, y = linear
    names = list("abcde")
    frame = frames.DataFrame({n: X[:, i] for i, n in enumerate(names)})
    params = {"max_iter": 3, "early_stopping": early_stopping, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = Estimator(**params).fit(frame, frames.Series((y > 0).astype(int)))
        plain = Estimator(**params).fit(X, (y > 0).astype(int))
    assert list(estimator.feature_names_in_) == names
    assert not hasattr(plain, "feature_names_in_")
    np.testing.assert_array_equal(proba_or_predict(estimator, frame), proba_or_predict(plain, X))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        plain.predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[names[::-1]])


def test_refit_without_names_forgets_them(Estimator, linear, quick):
    frames = pytest.importorskip("pandas")
    X, y = linear
    estimator = Estimator(**quick).fit(frames.DataFrame(X, columns=list("abcde")), y > 0)
    estimator.fit(X, y > 0)
    assert not hasattr(estimator, "feature_names_in_")
    estimator.predict(X)


@pytest.mark.parametrize(
    "container",
    [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_array, sp.lil_array, sp.dok_array],
    ids=lambda c: c.__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_formats(Estimator, container, dtype, linear):
    X, y = linear
    X = np.where(np.abs(X) > 0.5, X, 0.0).astype(dtype)
    params = {"max_iter": 3, "random_state": 0, "early_stopping": True}
    dense = Estimator(**params).fit(X, y > 0)
    sparse = Estimator(**params).fit(container(X), y > 0)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=tolerance)
    np.testing.assert_allclose(
        proba_or_predict(sparse, container(X)), proba_or_predict(dense, X), rtol=tolerance
    )
    assert sparse.coefs_[0].dtype == dtype
    for model in (dense, sparse):
        model.set_params(early_stopping=False).partial_fit(container(X), y > 0)
    np.testing.assert_allclose(sparse.coefs_[0], dense.coefs_[0], rtol=tolerance, atol=1e-5)


def test_sparse_with_64_bit_indices(Estimator, linear, quick):
    X, y = linear
    big = sp.csr_array(X)
    big.indices, big.indptr = big.indices.astype(np.int64), big.indptr.astype(np.int64)
    estimator = Estimator(**quick).fit(big, y > 0)
    np.testing.assert_allclose(
        proba_or_predict(estimator, big), proba_or_predict(estimator, X), rtol=1e-10
    )


def test_sparse_multilabel_y(quick):
    X = np.random.RandomState(0).normal(size=(30, 4))
    Y = (X[:, :3] > 0).astype(int)
    dense = MLPClassifier(**quick, random_state=0).fit(X, Y)
    sparse = MLPClassifier(**quick, random_state=0).fit(X, sp.csr_array(Y))
    predicted = sparse.predict(X)
    assert sp.issparse(predicted)
    np.testing.assert_array_equal(predicted.toarray(), dense.predict(X))


def test_in_pipeline_search_and_learning_curve(Estimator, linear, quick):
    X, y = linear
    y = y > 0 if is_classifier(Estimator()) else y
    pipeline = make_pipeline(StandardScaler(), Estimator(**quick))
    name = Estimator.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__alpha": [1e-4, 1e-2]}, cv=2).fit(X, y)
    assert np.isfinite(search.best_score_)
    assert len(cross_val_score(pipeline, X, y, cv=3)) == 3
    estimator = Estimator(**quick)
    _, train, test = learning_curve(
        estimator, X, y, exploit_incremental_learning=True, train_sizes=[0.5, 1.0], cv=2
    )
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()
