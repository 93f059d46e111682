"""Types under ``mypy --strict``: what fastmlp's annotations say about everyday code."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from fastmlp import MLPClassifier, MLPRegressor, show_config

Floats = NDArray[np.float64]


class LogCosh:
    """A loss of one's own."""

    def loss(self, y: Floats, raw: Floats, sample_weight: Floats | None) -> Floats:
        rows: Floats = np.log(np.cosh(raw - y.reshape(raw.shape))).sum(axis=1)
        return rows if sample_weight is None else rows * sample_weight

    def gradient(self, y: Floats, raw: Floats, sample_weight: Floats | None) -> Floats:
        slope: Floats = np.tanh(raw - y.reshape(raw.shape))
        return slope if sample_weight is None else slope * sample_weight[:, np.newaxis]


def train(X: Floats, labels: NDArray[np.int64], targets: Floats) -> float:
    """Fit one of each and return the sum of their scores."""
    classifier = MLPClassifier((32, 16), activation=("relu", "tanh"), random_state=0, max_iter=20)
    assert_type(classifier.fit(X, labels), MLPClassifier)
    assert_type(classifier.partial_fit(X, labels), MLPClassifier)
    assert_type(classifier.coefs_, list[NDArray[Any]])
    assert_type(classifier.loss_curve_, list[float])

    regressor = MLPRegressor(LogCosh(), 16, random_state=np.random.RandomState(0), max_iter=20)
    predicted = regressor.fit(X, targets).predict(X)
    assert predicted.shape == targets.shape
    return classifier.score(X, labels) + regressor.score(X, targets, np.ones(len(X)))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    data = rng.standard_normal((200, 4))
    print(train(data, (data[:, 0] > 0).astype(np.int64), data[:, 1]))
    show_config()
