"""Training epochs: the networks of `shapes.SHAPES`."""

from bench import shape_row
from peers import estimators
from shapes import SHAPES


def rows(bench):
    """Yield one row for each network."""
    for full in SHAPES:
        shape = full.scaled(bench.rows_scale)
        yield shape_row(shape, race(bench, shape))


def race(bench, shape):
    """Let all libraries train one network."""
    X, y = shape.data()
    sides = estimators.fit_sides(bench, shape, X, y)
    if "torch" in bench.libraries:
        from peers import torch_loop

        sides += torch_loop.fit_sides(bench, shape, X, y)
    return bench.race(sides, shape.dtype)
