"""Training speed of fastmlp beside scikit-learn, and torch where it is installed.

Every library trains the same network on the same rows in one process, with Adam, shuffling and the
same batch size. They take turns, only `fit` is timed, the best time of each counts: what another
program takes away from a run is not the library's. The number of epochs is chosen for each library
so that one timing takes a while.
"""

import argparse
import itertools
import json
import math
import os
import platform
import time
import warnings

import numpy as np
import sklearn
from shapes import SHAPES
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import fastmlp
from fastmlp import _kernels

try:
    import torch
except ImportError:
    torch = None


def estimator_fit(module, shape, X, y, **extra):
    """Return a function that fits an estimator for so many epochs and returns the seconds."""
    name = "MLPRegressor" if shape.task == "regression" else "MLPClassifier"
    parameters = {
        "hidden_layer_sizes": shape.hidden,
        "activation": shape.activation,
        "batch_size": shape.batch,
        "tol": 0.0,
        "n_iter_no_change": math.inf,  # exactly max_iter epochs
        "random_state": 0,
        **extra,
    }

    def fit(epochs):
        model = getattr(module, name)(max_iter=epochs, **parameters)
        start = time.perf_counter()
        model.fit(X, y)
        return time.perf_counter() - start

    return fit


def torch_fit(shape, X, y, n_threads):
    """Return the same for an eager torch loop with fused Adam."""
    torch.set_num_threads(n_threads)
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "logistic": torch.nn.Sigmoid}
    sizes = (shape.features, *shape.hidden)
    dtype = getattr(torch, shape.dtype)
    regression = shape.task == "regression"
    loss_function = torch.nn.MSELoss() if regression else torch.nn.CrossEntropyLoss()
    inputs = torch.from_numpy(X)
    targets = torch.from_numpy(y.reshape(len(y), -1) if regression else y)

    def fit(epochs):
        torch.manual_seed(0)
        layers = []
        for a, b in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(a, b), activation[shape.activation]()]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], shape.outputs)).to(dtype)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        start = time.perf_counter()
        for _ in range(epochs):
            for rows in torch.randperm(len(inputs)).split(shape.batch):
                optimizer.zero_grad()
                loss_function(model(inputs[rows]), targets[rows]).backward()
                optimizer.step()
        return time.perf_counter() - start

    return fit


def measure(shape, seconds, repeats, n_threads, peaks):
    """Return {library: samples per second}, the libraries taking turns; raise peaks[dtype]."""
    X, y = shape.data()
    fits = {
        "fastmlp": estimator_fit(fastmlp, shape, X, y, n_threads=n_threads),
        "sklearn": estimator_fit(neural_network, shape, X, y),
    }
    if torch is not None:
        fits["torch"] = torch_fit(shape, X, y, n_threads)
    epochs = {}
    for name, fit in fits.items():
        fit(1)
        epochs[name] = max(1, round(seconds / fit(1)))
        if epochs[name] > 1:  # one epoch may be mostly overhead
            epochs[name] = max(1, round(epochs[name] * seconds / fit(epochs[name])))
    best = dict.fromkeys(fits, math.inf)
    for _ in range(repeats):
        for name, fit in fits.items():
            best[name] = min(best[name], fit(epochs[name]) / epochs[name])
        peaks[shape.dtype] = max(peaks.get(shape.dtype, 0.0), fma_peak(shape.dtype, n_threads))
    return {name: shape.rows / epoch for name, epoch in best.items()}


def fma_peak(dtype, n_threads):
    """FLOP/s of nothing but fused multiply-adds, measured now."""
    return _kernels.fma_peak(n_threads, np.dtype(dtype), seconds=0.05)


def describe_machine(n_threads):
    """What a reader needs to judge the figures."""
    model = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    config = fastmlp.show_config(mode="dicts")
    return {
        "processor": model,
        "load_before": round(os.getloadavg()[0], 2),
        "threads": n_threads,
        "isa": config["instruction sets"]["in use"],
        "compiler": config["fastmlp"]["compiler"],
        "threading": config["fastmlp"]["threading"],
        "fastmlp": fastmlp.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "torch": torch.__version__ if torch is not None else None,
    }


def show(row):
    """Print one line of the table."""
    torch_ratio = f"{row['ratio_torch']:.1f}x" if "ratio_torch" in row else "-"
    print(
        f"{row['network']:<26}{row['batch']:>6}{row['dtype']:>9}{row['fastmlp']:>13,.0f}"
        f"{row['sklearn']:>12,.0f}{row.get('torch', math.nan):>11,.0f}{row['gflops']:>10.1f}"
        f"{row['peak_share']:>7.0%}{row['ratio_sklearn']:>10.1f}x{torch_ratio:>9}",
        flush=True,
    )


def geometric_mean(rows, key):
    """Geometric mean of a column of ratios."""
    return math.exp(sum(math.log(row[key]) for row in rows) / len(rows))


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=None, help="for all libraries")
    parser.add_argument("--repeats", type=int, default=5, help="timings of each library")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one timing")
    parser.add_argument("--only", default="", help="networks whose name contains this text")
    parser.add_argument("--json", help="write the table here")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    n_threads = options.threads or fastmlp.show_config(mode="dicts")["threads"]["default"]
    machine = describe_machine(n_threads)
    print(*(f"{key}: {value}" for key, value in machine.items() if value is not None), sep="\n")
    if machine["load_before"] > 0.5:
        print("THIS MACHINE IS BUSY: other programs share the processor, expect low figures")
    print(
        f"\nsamples per second, best of {options.repeats}\n"
        f"{'network':<26}{'batch':>6}{'dtype':>9}{'fastmlp':>13}{'sklearn':>12}{'torch':>11}"
        f"{'GFLOP/s':>10}{'peak':>7}{'/sklearn':>11}{'/torch':>9}"
    )
    rows, peaks = [], {}
    with threadpool_limits(n_threads):
        for shape in SHAPES:
            if options.only not in shape.name:
                continue
            speeds = measure(shape, options.seconds, options.repeats, n_threads, peaks)
            flops = speeds["fastmlp"] * shape.flops_per_row
            row = {
                "network": shape.name,
                "batch": shape.batch,
                "dtype": shape.dtype,
                **speeds,
                "gflops": flops / 1e9,
                "peak_share": flops / peaks[shape.dtype],
            }
            for other in [name for name in speeds if name != "fastmlp"]:
                row[f"ratio_{other}"] = speeds["fastmlp"] / speeds[other]
            rows.append(row)
            show(row)
    print("FMA peak in GFLOP/s:", *(f"{k} {v / 1e9:.0f}" for k, v in peaks.items()))
    for row in rows:
        row["peak_share"] = row["gflops"] * 1e9 / peaks[row["dtype"]]  # of the final peak
    means = {
        key: geometric_mean(rows, key) for key in ("ratio_sklearn", "ratio_torch") if key in rows[0]
    }
    for key, mean in means.items():
        name, least = key.removeprefix("ratio_"), min(row[key] for row in rows)
        print(f"fastmlp / {name}: geometric mean {mean:.1f}x, least {least:.1f}x")
    if options.json:
        os.makedirs(os.path.dirname(options.json) or ".", exist_ok=True)
        with open(options.json, "w") as file:
            table = {"machine": machine, "peaks": peaks, "rows": rows, "geometric_means": means}
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
