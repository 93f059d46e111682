"""Thread scaling of fastmlp: n_threads None, 1, 2, 8 on some networks."""

from bench import shape_row
from peers import estimators
from shapes import SHAPES
from timing import Side

EXPLICIT = (1, 2, 8)
TARGETS = {"ratio_threads": 0.95, "ratio_8_threads": 0.6}
TURNS = 3  # times those of a comparison with others, which differ by more than 5 %
NETWORKS = ("20-32-2", "20-100-2", "54-128-128-7", "784-100-10", "784-512-512-10")


def rows(bench):
    """Yield one row for each network, float32."""
    for full in SHAPES:
        if full.network in NETWORKS and full.dtype == "float32":
            shape = full.scaled(bench.rows_scale)
            yield {**shape_row(shape, race(bench, shape)), "targets": TARGETS}


def race(bench, shape):
    """Let fastmlp train one network with all numbers of threads."""
    return bench.race(fastmlp_sides(shape), shape.dtype, repeats=TURNS * bench.repeats)


def fastmlp_sides(shape):
    """fastmlp with n_threads None, which counts, and explicit numbers."""
    X, y = shape.data()

    def call_of(**parameters):
        return lambda: estimators.make("fastmlp", shape, **parameters).fit(X, y)

    explicit = [
        Side("fastmlp", call_of(n_threads=n), estimators.threads_word(n), counts=False)
        for n in EXPLICIT
    ]
    return [Side("fastmlp", call_of()), *explicit]
