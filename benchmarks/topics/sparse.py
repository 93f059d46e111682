"""An epoch over sparse text: 18,846 x 27,053, 100 hidden units, 20 classes."""

from bench import shape_row
from data import NEWSGROUPS, load, text_like
from peers import estimators
from shapes import Shape

TARGETS = {"ratio_sklearn": 10}


def rows(bench):
    """Yield a row for made-up text, and one for 20 newsgroups where there is a folder with it."""
    yield row(bench, "made-up text", *text_like(bench.rows(NEWSGROUPS["rows"], least=400)))
    if bench.data is not None:
        found = load(bench.data, "newsgroups20")
        n = bench.rows(len(found["y"]), least=400)
        yield row(bench, "20 newsgroups", found["X"][:n].tocsr(), found["y"][:n])


def row(bench, title, X, y):
    """Let all libraries train on X for one epoch."""
    n_rows, n_columns = X.shape
    shape = Shape(n_columns, (100,), 20, 200, n_rows, epochs=1, dtype=str(X.dtype), targets=TARGETS)
    sides = estimators.fit_sides(bench, shape, X, y)
    if "torch" in bench.libraries:
        from peers import torch_loop
        from peers.torch_sparse import SparseLoop

        loop = SparseLoop(shape, X, y)
        sides += torch_loop.sides(bench, lambda *_: loop.fit, libraries=("torch",))
    found = shape_row(shape, bench.race(sides, shape.dtype))
    density = X.nnz / n_rows
    found["name"] = f"{title}, {n_rows:,} x {n_columns:,}, {density:.0f} entries a row, {X.dtype}"
    # Products with entries only; every step still reads and writes all of W1 and its moments.
    dense = Shape(0, (100,), 20, 200, n_rows, epochs=1)
    found["flops"] = n_rows * (4 * density * 100 + dense.flops_per_row)
    return found
