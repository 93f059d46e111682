"""Random networks: is any slower than elsewhere? Does n_threads=None choose well?

torch takes part without torch.compile, which would compile for half an hour. Of 60 networks some
miss a bound by chance: these are measured again, all sides with more turns.
"""

from dataclasses import replace

from bench import shape_row
from figures import figures, verdicts
from peers import estimators
from shapes import random_shapes

from . import threads

TARGETS = {**threads.TARGETS, "ratio_sklearn": 1.0, "ratio_torch": 1.0}
AGAIN = 3  # times the turns, for a row that missed a bound


def rows(bench):
    """Yield one row for each random network; what a row missed at first is in ``missed``."""
    for full in random_shapes(bench.sweep):
        shape = full.scaled(bench.rows_scale)
        row = measure(bench, shape)
        if missed := misses(row):
            row = measure(replace(bench, repeats=AGAIN * bench.repeats), shape)
        yield {**row, "missed": missed}


def measure(bench, shape):
    """Make the row of a network."""
    return {
        **shape_row(shape, race(bench, shape)),
        "thread_sides": threads.race(bench, shape),
        "targets": TARGETS,
    }


def misses(row):
    """Return {figure: its value} of the bounds that a row has missed."""
    found = figures(row, {})
    return {key: found[key] for key, met in verdicts(TARGETS, found).items() if met is False}


def race(bench, shape):
    """Let all libraries train one network."""
    X, y = shape.data()
    sides = estimators.fit_sides(bench, shape, X, y, fastmlp_threads=())
    if "torch" in bench.libraries:
        from peers import torch_loop

        sides += torch_loop.fit_sides(bench, shape, X, y, libraries=("torch",))
    return bench.race(sides, shape.dtype)
