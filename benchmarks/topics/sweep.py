"""Random networks: is any slower than elsewhere? Does n_threads=None choose well?

torch takes part without torch.compile, which would compile for half an hour.
"""

from bench import shape_row
from peers import estimators
from shapes import random_shapes

from . import threads


def rows(bench):
    """Yield one row for each random network."""
    targets = {**threads.TARGETS, "ratio_sklearn": 1.0, "ratio_torch": 1.0}
    for full in random_shapes(bench.sweep):
        shape = full.scaled(bench.rows_scale)
        yield {
            **shape_row(shape, race(bench, shape)),
            "thread_sides": threads.race(bench, shape),
            "targets": targets,
        }


def race(bench, shape):
    """Let all libraries train one network."""
    X, y = shape.data()
    sides = estimators.fit_sides(bench, shape, X, y, fastmlp_threads=())
    if "torch" in bench.libraries:
        from peers import torch_loop

        sides += torch_loop.fit_sides(bench, shape, X, y, libraries=("torch",))
    return bench.race(sides, shape.dtype)
