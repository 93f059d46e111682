"""Extra memory of a call: the highest resident size during it less that before it.

Each figure comes from a process of its own: what a library has kept from an earlier call would
hide what the next one takes. Linux only, where a process can reset its high-water mark.
"""

import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from peers import estimators
from shapes import Shape
from sklearn.exceptions import ConvergenceWarning

SHAPE = Shape(784, (512, 512), 10, 256, rows=512, epochs=1)
PREDICT_ROWS, FIT_ROWS = 200_000, 40_000
MEGABYTE = 2**20
CLEAR = Path("/proc/self/clear_refs")


def rows(bench):
    """Yield a row for predict_proba and one for fit."""
    if not CLEAR.exists():
        return
    libraries = [name for name in bench.libraries if name != "torch.compile"]
    for method, full, targets in (
        ("predict_proba", PREDICT_ROWS, {"most_megabytes": 64}),
        ("fit", FIT_ROWS, {}),
    ):
        n_rows = bench.rows(full, least=2 * SHAPE.batch) // SHAPE.batch * SHAPE.batch
        sides = {
            name: in_new_process(name, method, n_rows, bench.n_threads)
            for name in sorted(libraries)
            if not (name == "onnxruntime" and method == "fit")
        }
        yield {
            "name": f"{method}, {n_rows:,} rows, {SHAPE.network}, {SHAPE.dtype}",
            "dtype": SHAPE.dtype,
            "unit": "MB",
            "sides": sides,
            "targets": targets,
        }


def in_new_process(library, method, n_rows, n_threads):
    """Measure one side in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        extra = pool.submit(measure, library, method, n_rows, n_threads).result()
    return {"library": library, "counts": True, "min": extra, "median": extra, "all": [extra]}


def measure(library, method, n_rows, n_threads):
    """Return the extra megabytes of a call, after one on a few rows."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # a process does not inherit filters
    X = np.random.default_rng(0).random((n_rows, SHAPE.features), dtype=SHAPE.dtype)
    y = np.arange(n_rows) % SHAPE.outputs
    call = (fit_call if method == "fit" else predict_call)(library, n_threads)
    few = 2 * SHAPE.batch
    call(X[:few], y[:few])
    CLEAR.write_text("5")
    before = status("VmRSS")
    result = call(X, y)
    extra = status("VmHWM") - before
    del result
    return extra / MEGABYTE


def status(key):
    """Bytes that /proc/self/status says."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def fit_call(library, n_threads):
    """Return a function of X and y that trains for an epoch."""
    if library == "torch":
        from peers import torch_loop

        torch_loop.torch.set_num_threads(n_threads)
        return lambda X, y: torch_loop.TrainingLoop(SHAPE, X, y).fit()
    return lambda X, y: estimators.make(library, SHAPE).fit(X, y)


def predict_call(library, n_threads):
    """Return a function of X and y that predicts probabilities for all rows at once."""
    name = library if library in estimators.MODULES else "fastmlp"
    model = estimators.make(name, SHAPE).fit(*SHAPE.data())
    if library == "torch":
        from peers import torch_loop

        torch_loop.torch.set_num_threads(n_threads)
        network = torch_loop.inference(SHAPE, model)
        return lambda X, _: network(torch_loop.torch.from_numpy(X)).numpy()
    if library == "onnxruntime":
        from peers.onnx_session import session

        run = session(SHAPE, model, n_threads).run
        return lambda X, _: run(["proba"], {"x": X})[0]
    return lambda X, _: model.predict_proba(X)
