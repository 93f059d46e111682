"""One row, from ndarray to ndarray: the median of single calls, in the best of all turns."""

import functools

from peers import estimators
from shapes import Shape
from timing import Side, median_of_calls

SHAPE = Shape(20, (100,), 2, 200, rows=2_000, epochs=1)
MOST_SECONDS = {"predict_proba": 6e-6, "predict": 6e-6}


def rows(bench):
    """Yield one row for each method."""
    models = estimators.fitted(bench, SHAPE)
    x = SHAPE.data()[0][:1].copy()
    for method, most in MOST_SECONDS.items():

        def estimator_call(library, method=method):
            return functools.partial(getattr(models[library], method), x)

        sides = estimators.sides(bench, estimator_call, fastmlp_threads=())
        if "torch" in bench.libraries:
            sides += torch_sides(bench, models["fastmlp"], x, method)
        if "onnxruntime" in bench.libraries:
            sides += onnx_sides(bench, models["fastmlp"], x, method)
        yield {
            "name": f"{method} of one row, {SHAPE.network}, {SHAPE.dtype}",
            "dtype": SHAPE.dtype,
            "sides": bench.race(sides, clock=median_of_calls),
            "targets": {"most_seconds": most},
        }


def torch_sides(bench, estimator, x, method):
    """torch's sides: the probability of the second class, or whether it is above one half."""
    import torch
    from peers import torch_loop

    def torch_call(compiled, _):
        model = torch_loop.inference(SHAPE, estimator, compiled)
        if method == "predict":
            return lambda: model(torch.from_numpy(x)).numpy() > 0.5
        return lambda: model(torch.from_numpy(x)).numpy()

    return torch_loop.sides(bench, torch_call)


def onnx_sides(bench, estimator, x, method):
    """onnxruntime's sides, likewise."""
    from peers.onnx_session import session

    found = []
    for n in estimators.thread_counts(bench.n_threads):
        run = session(SHAPE, estimator, n).run

        def proba(run=run):
            return run(["proba"], {"x": x})[0]

        def decide(run=run):
            return run(["proba"], {"x": x})[0] > 0.5

        call = decide if method == "predict" else proba
        found.append(Side("onnxruntime", call, estimators.threads_word(n)))
    return found
