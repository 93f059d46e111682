"""The engine alone: training steps without what `fit` does around them, 10 ms at a time.

So the FMA peak is measured, too: a fit lasts longer than a shared machine stays as it is.
"""

import functools
import time

import numpy as np
from bench import shape_row
from peers.estimators import thread_counts, threads_word
from shapes import SHAPES
from timing import Side, best_of_calls

from fastmlp import _core

CALL = 0.01  # seconds, a step at least
LEARNING_RATE = 1e-5  # little enough to stay where training begins


def rows(bench):
    """Yield one row for each network."""
    for full in SHAPES:
        shape = full.scaled(bench.rows_scale)
        loops = {n: Loop(shape, n) for n in thread_counts(bench.n_threads)}
        steps = loops[bench.n_threads].steps_in(CALL)
        calls = {n: functools.partial(loop.train, steps) for n, loop in loops.items()}
        sides = [Side("fastmlp", calls.pop(bench.n_threads))]
        sides += [Side("fastmlp", c, threads_word(n), counts=False) for n, c in calls.items()]
        work = {
            "samples": steps * shape.batch,
            "steps": steps,
            "flops": steps * shape.batch * shape.flops_per_row,
            "bytes": steps * shape.batch * shape.bytes_per_row,
            "targets": {},
        }
        yield shape_row(shape, bench.race(sides, shape.dtype, clock=best_of_calls)) | work


class Loop:
    """A trainer that goes round and round its rows.

    Parameters
    ----------
    shape : Shape
    n_threads : int
        Exactly so many, however slow.
    """

    def __init__(self, shape, n_threads):
        X, y = shape.data()
        dtype = np.dtype(shape.dtype)
        if shape.task == "regression":
            output, loss = "identity", "squared_error"
        else:
            output, loss = "logistic" if shape.sizes[-1] == 1 else "softmax", "log_loss"
        targets = y.astype(np.int32) if output == "softmax" else y.reshape(len(y), -1).astype(dtype)
        hidden = [shape.activation] * len(shape.hidden)
        network = _core.Network(list(shape.sizes), hidden, output, loss, dtype)
        rng = np.random.default_rng(0)
        weights = rng.normal(scale=0.05, size=network.n_params).astype(dtype)
        self.batch, self.n_rows, self.at, self.done = shape.batch, len(X), 0, 0
        self.order = rng.permutation(len(X))
        self.trainer = _core.Trainer(
            network, "adam", weights, None, X, targets, None, shape.batch,
            n_threads=n_threads, exact_threads=True,
        )  # fmt: skip

    def train(self, steps):
        """Do so many steps."""
        end = self.done + steps
        while self.done < end:
            stop = min(self.n_rows, self.at + (end - self.done) * self.batch)
            position, n, _ = self.trainer.train(
                self.order, self.at, stop, step=self.done, learning_rate=LEARNING_RATE, alpha=1e-4
            )
            self.done += n
            self.at = position % self.n_rows

    def steps_in(self, seconds):
        """How many steps take so long."""
        self.train(10)
        start = time.perf_counter()
        self.train(10)
        return max(1, round(seconds * 10 / (time.perf_counter() - start)))
