"""A grid of small integers and small models of it, for the tests of odd input."""

import numpy as np

ERRORS = (ValueError, TypeError, MemoryError)

N, WIDTH = 24, 3
GRID = np.random.RandomState(0).randint(-2, 3, (N, WIDTH))  # exact in every dtype
LABELS = (GRID[:, 0] > 0).astype(int)
GOOD_X, GOOD_Y = GRID.astype(float), LABELS


def make(Estimator, **params):
    return Estimator(**{"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0} | params)
