"""The networks that the benchmarks train, their arithmetic, and what they shall reach."""

import itertools
from dataclasses import dataclass, field, replace

import numpy as np

SWEEP_SEED = 20250
MAX_ELEMENTS = 20_000_000  # of X in the sweep


@dataclass(frozen=True)
class Shape:
    """A network, its batch size, and the piece of work that is timed.

    Parameters
    ----------
    features, outputs, batch, rows, epochs : int
        ``rows`` is a multiple of ``batch``: some libraries compile for one shape.
    hidden : tuple of int
    dtype, activation : str
    task : {"classification", "regression"}
    targets : dict
        Least figures, see `figures.py`: ratio_sklearn, ratio_torch, peak_share.
    """

    features: int
    hidden: tuple
    outputs: int
    batch: int
    rows: int
    epochs: int
    dtype: str = "float32"
    activation: str = "relu"
    task: str = "classification"
    targets: dict = field(default_factory=dict, hash=False)

    @property
    def sizes(self):
        """Widths of all layers; two classes are one logistic output."""
        binary = self.task == "classification" and self.outputs == 2
        return (self.features, *self.hidden, 1 if binary else self.outputs)

    @property
    def network(self):
        """Layer sizes as the user gives them."""
        return "-".join(map(str, (self.features, *self.hidden, self.outputs)))

    @property
    def name(self):
        """What tells this row from all others."""
        words = [self.network, f"batch {self.batch}", self.dtype]
        words += [self.activation] * (self.activation != "relu")
        return ", ".join(words + ["regression"] * (self.task == "regression"))

    @property
    def n_weights(self):
        """Weights and biases."""
        return sum((a + 1) * b for a, b in itertools.pairwise(self.sizes))

    @property
    def flops_per_row(self):
        """Of one training step: X W, its two transposes, without the first layer's dX."""
        weights = [a * b for a, b in itertools.pairwise(self.sizes)]
        return 2 * (3 * sum(weights) - weights[0])

    @property
    def bytes_per_row(self):
        """Memory traffic if no cache held anything from step to step.

        The row itself, and weights and two moments read and written once a step.
        """
        itemsize = np.dtype(self.dtype).itemsize
        return itemsize * (self.features + 6 * self.n_weights / self.batch)

    def scaled(self, factor):
        """The same network on fewer rows: whole batches, at least two; tiny ones for one epoch."""
        batches = max(2, round(self.rows * factor / self.batch))
        epochs = self.epochs if factor >= 0.1 else 1
        return replace(self, rows=batches * self.batch, epochs=epochs)

    def data(self, seed=0):
        """Random rows with something to learn in them, every class among them."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((self.rows, self.features), dtype=self.dtype)
        score = X @ rng.standard_normal((self.features, self.outputs), dtype=self.dtype)
        if self.task == "regression":
            score /= np.sqrt(self.features, dtype=self.dtype)
            return X, score.ravel() if self.outputs == 1 else score
        y = score.argmax(axis=1)
        y[: self.outputs] = np.arange(self.outputs)
        return X, y


def _targets(sklearn, torch, peak_share=None):
    targets = {"ratio_sklearn": sklearn, "ratio_torch": torch}
    return targets if peak_share is None else {**targets, "peak_share": peak_share}


# Epochs and rows so that the slowest library works for about a second: fits of milliseconds would
# time the validation of their arguments.
SHAPES = [
    Shape(20, (32,), 2, 32, rows=9_600, epochs=20, targets=_targets(45, 90)),
    Shape(20, (100,), 2, 200, rows=20_000, epochs=20, targets=_targets(14, 15, 0.35)),
    Shape(20, (100,), 2, 200, rows=20_000, epochs=20, dtype="float64", targets=_targets(9, 10)),
    Shape(54, (128, 128), 7, 256, rows=20_480, epochs=10, targets=_targets(6, 4.5, 0.70)),
    Shape(784, (100,), 10, 200, rows=10_000, epochs=10, targets=_targets(3.5, 2.4, 0.70)),
    Shape(784, (512, 512), 10, 256, rows=5_120, epochs=4, targets=_targets(2.6, 2.4, 0.85)),
    Shape(256, (1024,) * 3, 10, 256, rows=2_560, epochs=4, targets=_targets(2.5, 1.5, 0.85)),
    Shape(784, (512, 512), 10, 256, 5_120, 2, dtype="float64", targets=_targets(2.5, 1.8, 0.83)),
    *(
        Shape(50, (150,), 2, 200, 10_000, 10, dtype, activation, targets=_targets(8, 8))
        for activation in ("tanh", "logistic")
        for dtype in ("float32", "float64")
    ),
    Shape(30, (256,) * 3, 1, 256, 10_240, 5, task="regression", targets=_targets(4, 3.5, 0.70)),
]

# Of the geometric means over SHAPES.
MEAN_TARGETS = {"ratio_sklearn": 9, "ratio_torch": 8}


def random_shapes(n_shapes, seconds=0.15):
    """Draw networks: sizes log-uniform, everything from one seed.

    Parameters
    ----------
    n_shapes : int
    seconds : float
        About how long an epoch of a library that calls BLAS for every layer shall take.

    Returns
    -------
    list of Shape
    """
    rng = np.random.default_rng(SWEEP_SEED)
    return [_random_shape(rng, seconds) for _ in range(n_shapes)]


def _random_shape(rng, seconds):
    def log_uniform(low, high):
        return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))

    features, outputs, batch = (log_uniform(1, high) for high in (2000, 100, 1024))
    hidden = tuple(log_uniform(1, 2048) for _ in range(rng.integers(5)))
    dtype = str(rng.choice(["float32", "float64"]))
    activation = str(rng.choice(["identity", "logistic", "tanh", "relu"]))
    classes = bool(rng.integers(2)) and outputs > 1
    shape = Shape(features, hidden, outputs, batch, batch, 1, dtype, activation)
    # 0.3 ms of calls, 60 GFLOP/s of products, 6 ns a weight of optimizer
    step = 3e-4 + batch * shape.flops_per_row / 6e10 + 6e-9 * shape.n_weights
    n_batches = min(round(seconds / step), MAX_ELEMENTS // (features * batch))
    rows = batch * max(2, n_batches)
    task = "classification" if classes and rows >= 2 * outputs else "regression"
    return replace(shape, rows=rows, task=task)
