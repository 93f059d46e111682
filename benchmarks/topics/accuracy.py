"""Seconds of training until a stated accuracy on rows that were not trained on.

All libraries start from the same weights for a seed, with the same hyperparameters, and each
shuffles for itself. Only training is timed, not the look at the test rows after each epoch.
"""

import time

import numpy as np
from data import digits, fashion_mnist
from peers import estimators
from shapes import Shape
from timing import record, stays

SEEDS = 5
MAX_EPOCHS = 60


def rows(bench):
    """Yield Fashion-MNIST to 88 % where there is a folder with it, else digits to 97 %."""
    name, data, hidden, batch, aim = "digits", digits(), (128, 64), 50, 0.97
    if bench.data is not None:
        name, data = "Fashion-MNIST", fashion_mnist(bench.data)
        hidden, batch, aim = (256, 128), 200, 0.88
    n_rows = bench.rows(len(data[1]), least=2 * batch) // batch * batch
    data = (data[0][:n_rows], data[1][:n_rows], *data[2:])
    shape = Shape(data[0].shape[1], hidden, 10, batch, rows=n_rows, epochs=1)
    sides = race(bench, shape, data, aim)
    yield {
        "name": f"{name}, {shape.network}, batch {batch}, to {aim:.0%}",
        "dtype": shape.dtype,
        "statistic": "median",  # over seeds
        "sides": sides,
        "targets": {},
    }


def race(bench, shape, data, aim):
    """Let all libraries learn, with several seeds."""
    sides = estimators.sides(bench, lambda library, **p: EstimatorLearner(library, shape, data, p))
    if "torch" in bench.libraries:
        from peers import torch_loop

        sides += torch_loop.sides(bench, lambda compiled, _: TorchLearner(shape, data, compiled))
    first = {side.name: one_epoch(side, bench.rest) for side in sides}
    second = {side.name: one_epoch(side, bench.rest) for side in sides}
    running = [side for side in sides if stays(side, sides, second)]
    results = {side.name: [] for side in running}
    max_epochs = MAX_EPOCHS if bench.rows_scale >= 1 else 2
    for seed in range(min(SEEDS, bench.repeats)):
        for side in running if seed % 2 == 0 else reversed(running):
            results[side.name].append(learn(side, seed, aim, max_epochs, bench.rest))
    return {
        side.name: record(
            side,
            [seconds for seconds, _, _ in results[side.name]],
            epochs=[epochs for _, epochs, _ in results[side.name]],
            reached=sum(reached for _, _, reached in results[side.name]),
            first_call=first[side.name],
        )
        for side in running
    }


def one_epoch(side, rest):
    """Seconds of the first epoch with the first seed."""
    return learn(side, 0, 0.0, 1, rest)[0]


def learn(side, seed, aim, max_epochs, rest):
    """Train until the aim is reached. Return seconds, epochs, and whether it was."""
    learner, seconds = side.call, 0.0
    rest()
    with side.context():
        learner.start(seed)
        for epoch in range(1, max_epochs + 1):
            begin = time.perf_counter()
            learner.epoch()
            seconds += time.perf_counter() - begin
            if learner.accuracy() >= aim:
                return seconds, epoch, True
    return seconds, max_epochs, False


class EstimatorLearner:
    """An estimator that trains by the epoch, with ``partial_fit``."""

    def __init__(self, library, shape, data, parameters):
        self.library, self.shape, self.parameters = library, shape, parameters
        self.X, self.y, self.X_test, self.y_test = data

    def __call__(self):
        """Sides are callable."""
        self.start(0)
        self.epoch()

    def start(self, seed):
        """Begin anew."""
        random_state = np.random.RandomState(seed)
        parameters = {"random_state": random_state, **self.parameters}
        self.model = estimators.make(self.library, self.shape, **parameters)

    def epoch(self):
        """Train for one epoch."""
        self.model.partial_fit(self.X, self.y, classes=np.arange(self.shape.outputs))

    def accuracy(self):
        """Share of the test rows that are right."""
        return float((self.model.predict(self.X_test) == self.y_test).mean())


class TorchLearner:
    """The training loop, by the epoch."""

    def __init__(self, shape, data, compiled):
        from peers.torch_loop import TrainingLoop

        self.shape, (X, y, self.X_test, self.y_test) = shape, data
        self.loop = TrainingLoop(shape, X, y, compiled)

    def __call__(self):
        """Sides are callable."""
        self.start(0)
        self.epoch()

    def start(self, seed):
        """Begin anew, from the weights that the estimators begin with."""
        import torch

        torch.manual_seed(seed)
        self.loop.restart(initial_weights(self.shape, seed))

    def epoch(self):
        """Train for one epoch."""
        self.loop.train(1)

    def accuracy(self):
        """Share of the test rows that are right."""
        import torch

        with torch.inference_mode():
            decided = self.loop.model(torch.from_numpy(self.X_test)).argmax(dim=1).numpy()
        return float((decided == self.y_test).mean())


def initial_weights(shape, seed):
    """Draw what the estimators begin with, as a list like ``model.parameters()``."""
    import torch

    random_state, weights = np.random.RandomState(seed), []
    for n_in, n_out in zip(shape.sizes[:-1], shape.sizes[1:], strict=True):
        bound = np.sqrt((2 if shape.activation == "logistic" else 6) / (n_in + n_out))
        w = random_state.uniform(-bound, bound, (n_in, n_out)).astype(shape.dtype)
        b = random_state.uniform(-bound, bound, n_out).astype(shape.dtype)
        weights += [torch.from_numpy(w.T.copy()), torch.from_numpy(b)]
    return weights
