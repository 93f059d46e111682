"""Rows a second of predict_proba, from one ndarray to one ndarray.

torch and onnxruntime may take the rows all at once or in blocks that fit into a cache; the better
counts. torch and onnxruntime return one column for two classes, the estimators two.
"""

import itertools

import numpy as np
from peers import estimators
from shapes import Shape
from timing import Side

BLOCK = 10_000
CASES = [  # the epochs are for weights to predict with
    (Shape(20, (100,), 2, 200, rows=2_000, epochs=1, targets={"ratio_sklearn": 4}), 1_000_000),
    (Shape(784, (512, 512), 10, 200, rows=2_000, epochs=1), 200_000),
]


def rows(bench):
    """Yield one row for each case."""
    for shape, full in CASES:
        n_rows = bench.rows(full)
        X = np.random.default_rng(1).random((n_rows, shape.features), dtype=shape.dtype)
        sizes = list(itertools.pairwise(shape.sizes))
        yield {
            "name": f"{n_rows:,} rows, {shape.network}, {shape.dtype}",
            "dtype": shape.dtype,
            "samples": n_rows,
            "flops": 2 * n_rows * sum(a * b for a, b in sizes),
            "bytes": n_rows * X.itemsize * (shape.features + shape.outputs),
            "sides": bench.race(sides(bench, shape, X), shape.dtype),
            "targets": shape.targets,
        }


def sides(bench, shape, X):
    """All libraries, with the same weights."""
    models = estimators.fitted(bench, shape)

    def estimator_call(library, **parameters):
        model = models[library]
        if parameters:
            model = estimators.make(library, shape, **parameters).fit(*shape.data())
        return lambda: model.predict_proba(X)

    found = estimators.sides(bench, estimator_call)
    if "torch" in bench.libraries:
        from peers import torch_loop

        def torch_call(compiled, variant):
            model = torch_loop.inference(shape, models["fastmlp"], compiled)
            return torch_predict(model, X, variant)

        found += torch_loop.sides(bench, torch_call, variants=("", "blocks"))
    if "onnxruntime" in bench.libraries:
        found += onnx_sides(bench, shape, models["fastmlp"], X)
    return found


def torch_predict(model, X, variant):
    """Return a function that predicts X with torch, whole or in blocks."""
    import torch

    if variant != "blocks":
        return lambda: model(torch.from_numpy(X)).numpy()

    def predict():
        parts = [model(part) for part in torch.from_numpy(X).split(BLOCK)]
        return torch.cat(parts).numpy()

    return predict


def onnx_sides(bench, shape, estimator, X):
    """onnxruntime's sides: all threads and one, whole and in blocks."""
    from peers.onnx_session import session

    found = []
    for n in estimators.thread_counts(bench.n_threads):
        run, words = session(shape, estimator, n).run, estimators.threads_word(n)

        def whole(run=run):
            return run(["proba"], {"x": X})[0]

        def blocks(run=run):
            starts = range(0, len(X), BLOCK)
            return np.concatenate([run(["proba"], {"x": X[i : i + BLOCK]})[0] for i in starts])

        found.append(Side("onnxruntime", whole, words))
        found.append(Side("onnxruntime", blocks, f"{words}, blocks"))
    return found
