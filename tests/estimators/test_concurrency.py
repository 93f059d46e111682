"""One model and several threads: of its callers, which may all predict, and of its own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from estimators.models import proba_or_predict


def test_concurrent_fit_of_one_object(Estimator, linear, quick):
    """A second fit while the first is running is an error, not a race."""
    X, y = linear
    estimator = Estimator(**quick, early_stopping=True)
    errors = []

    class Reentrant(type(estimator)):
        def _score(self, X_val, y_val, sample_weight=None):
            try:
                self.fit(X, y > 0)
            except RuntimeError as error:
                errors.append(str(error))
            return 0.0

    Reentrant(**quick, early_stopping=True).fit(X, y > 0)
    assert errors
    assert "is being fitted in another thread" in errors[0]


def test_predict_from_many_threads(Estimator, iris, quick):
    X, y = iris
    model = Estimator(**quick | {"hidden_layer_sizes": (200, 200)}).fit(X, y)
    expected = proba_or_predict(model, X)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: proba_or_predict(model, X[i % 7 :]), range(200)))
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, expected[i % 7 :])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_replaces_the_weights_in_one_go(Estimator, method, iris, quick):
    """What another thread may be predicting with is never written to."""
    X, y = iris
    model = Estimator(**quick, warm_start=True).fit(X, y)
    before, flat = model._weights, model._weights.flat.copy()
    getattr(model, method)(X, y)
    assert model._weights is not before
    np.testing.assert_array_equal(before.flat, flat)
    assert model._weights.are(vars(model))


def test_number_of_threads_does_not_matter(Estimator, iris):
    X, y = np.tile(iris[0], (20, 3)), np.tile(iris[1], 20)
    models = [
        Estimator(hidden_layer_sizes=(50, 30), max_iter=4, tol=1e6, n_iter_no_change=2,
                  random_state=0, n_threads=n_threads).fit(X, y)
        for n_threads in (None, 1, 2, 3)
    ]  # fmt: skip
    for model in models[1:]:
        np.testing.assert_array_equal(model.coefs_[0], models[0].coefs_[0])
        np.testing.assert_array_equal(proba_or_predict(model, X), proba_or_predict(models[0], X))
