"""All solvers and schedules, and rows to train them on."""

import numpy as np

from fastmlp import _core

SOLVERS = list(_core.SOLVERS)
STOCHASTIC = [s for s in SOLVERS if not _core.SOLVERS[s].full_batch]
SCHEDULES = "step exponential cosine cosine_restarts one_cycle coslog4".split()


def data(n=60):
    rng = np.random.RandomState(3)
    X = rng.normal(size=(n, 6))
    return X, np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
