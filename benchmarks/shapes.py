"""The networks that the benchmarks train, and their arithmetic."""

import itertools
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shape:
    """One row of a table: a network, a batch size and data enough for a steady measurement."""

    features: int
    hidden: tuple
    outputs: int
    batch: int
    rows: int
    dtype: str = "float32"
    activation: str = "relu"
    task: str = "classification"

    @property
    def name(self):
        """Layer sizes, with repeated ones as 3 x 1024."""
        layers = "-".join(map(str, (self.features, *self.hidden, self.outputs)))
        return layers + ("" if self.activation == "relu" else f" {self.activation}")

    @property
    def engine_outputs(self):
        """Width of the last layer; two classes are one logistic output."""
        return 1 if self.task == "classification" and self.outputs == 2 else self.outputs

    @property
    def flops_per_row(self):
        """Of one training step: X W, its two transposes, without the first layer's dX."""
        sizes = (self.features, *self.hidden, self.engine_outputs)
        weights = [a * b for a, b in itertools.pairwise(sizes)]
        return 2 * (3 * sum(weights) - weights[0])

    def data(self, seed=0):
        """Random rows with something to learn in them."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((self.rows, self.features)).astype(self.dtype)
        score = X @ rng.standard_normal((self.features, self.outputs)).astype(self.dtype)
        if self.task == "regression":
            return X, score.ravel() if self.outputs == 1 else score
        return X, score.argmax(axis=1)


# The table the engine was designed by, and what it left out: float64, tanh, logistic, regression.
SHAPES = [
    Shape(20, (32,), 2, batch=32, rows=20_000),
    Shape(20, (100,), 2, batch=200, rows=20_000),
    Shape(20, (100,), 2, batch=200, rows=20_000, dtype="float64"),
    Shape(54, (128, 128), 7, batch=256, rows=20_480),
    Shape(784, (100,), 10, batch=200, rows=10_000),
    Shape(784, (512, 512), 10, batch=256, rows=5_120),
    Shape(784, (512, 512), 10, batch=256, rows=5_120, dtype="float64"),
    Shape(256, (1024, 1024, 1024), 10, batch=256, rows=2_560),
    Shape(50, (150,), 2, batch=200, rows=20_000, activation="tanh"),
    Shape(50, (150,), 2, batch=200, rows=20_000, activation="tanh", dtype="float64"),
    Shape(50, (150,), 2, batch=200, rows=20_000, activation="logistic"),
    Shape(50, (150,), 2, batch=200, rows=20_000, activation="logistic", dtype="float64"),
    Shape(30, (256, 256, 256), 1, batch=256, rows=20_480, task="regression"),
]
