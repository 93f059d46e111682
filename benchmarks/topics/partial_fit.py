"""partial_fit of one row: a stream of rows, one step of Adam each, from ndarrays."""

import itertools

import numpy as np
from peers import estimators
from shapes import Shape
from timing import median_of_calls

SHAPE = Shape(20, (100,), 2, 1, rows=256, epochs=1)
MOST_SECONDS = 40e-6


def rows(bench):
    """Yield the one row."""
    X, y = SHAPE.data()

    def estimator_call(library):
        model = estimators.make(library, SHAPE, batch_size="auto")
        model.partial_fit(X[:1], y[:1], classes=np.unique(y))
        stream = itertools.cycle([(X[i : i + 1], y[i : i + 1]) for i in range(len(X))])
        return lambda: model.partial_fit(*next(stream))

    sides = estimators.sides(bench, estimator_call, fastmlp_threads=())
    if "torch" in bench.libraries:
        sides += torch_sides(bench, X, y)
    yield {
        "name": f"partial_fit of one row, {SHAPE.network}, {SHAPE.dtype}",
        "dtype": SHAPE.dtype,
        "sides": bench.race(sides, clock=median_of_calls),
        "targets": {"most_seconds": MOST_SECONDS},
    }


def torch_sides(bench, X, y):
    """torch's sides: a step of the training loop on a row that comes as ndarrays."""
    import torch
    from peers import torch_loop

    targets = y.reshape(-1, 1).astype(SHAPE.dtype)

    def torch_call(compiled, _):
        loop = torch_loop.TrainingLoop(SHAPE, X, y, compiled)
        stream = itertools.cycle([(X[i : i + 1], targets[i : i + 1]) for i in range(len(X))])

        def step():
            x, t = next(stream)
            loop.optimizer.zero_grad()
            loop.step(torch.from_numpy(x), torch.from_numpy(t))
            loop.optimizer.step()

        return step

    return torch_loop.sides(bench, torch_call)
