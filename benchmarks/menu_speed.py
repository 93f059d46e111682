"""What each entry of the menu costs: an epoch with it beside an epoch without, on one thread.

    python benchmarks/menu_speed.py [GROUP ...] [--rounds 15] [--rows 16384] [--dtype float32]

A network 54-128-128-7 with mini-batches of 256 is fitted for three epochs, the entries
of a group in turn. An entry's ratio is its processor time by that of the group's first entry in the
same round, the median over the rounds. Entries without a limit are held against the FMA peak. Exits
with 1 if a ratio is above its limit.
"""

import argparse
import statistics
import sys
import time
import warnings
from dataclasses import dataclass, field
from itertools import pairwise
from unittest import mock

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, _core, _kernels

SIZES = (54, 128, 128, 7)
BATCH = 256
EPOCHS = 3


@dataclass(frozen=True)
class Entry:
    """A row of the table.

    Parameters
    ----------
    params : dict
        Constructor parameters of the estimator.
    limit : float or None, default=None
        Largest ratio to the base that is allowed.
    flops_step : float, default=0
        Of a step beside the network's products.
    """

    params: dict = field(default_factory=dict)
    limit: float | None = None
    flops_step: float = 0.0


def solvers():
    """All of them against adam."""
    rest = [s for s in _core.SOLVERS if s not in ("adam", "muon", "rprop")]
    entries = {name: Entry({"solver": name}, 1.3) for name in rest}
    entries["sgd, no momentum"] = Entry({"solver": "sgd", "momentum": 0.0}, 1.3)
    entries["rprop"] = Entry({"solver": "rprop", "batch_size": "auto"}, 1.3)
    five_iterations = 5 * 6 * SIZES[1] ** 3  # of Newton and Schulz, on one square matrix
    entries["muon"] = Entry({"solver": "muon"}, None, five_iterations)
    entries["lbfgs"] = Entry({"solver": "lbfgs"})
    return {"adam": Entry(), **entries}


def constraints():
    """What goes with every solver, here adam; the limit is that of the solvers."""
    values = {"weight_decay": 0.01, "l1": 1e-5, "max_norm": 2.0, "gradient_clip": 1.0,
              "ema_decay": 0.999, "learning_rate": "cosine"}  # fmt: skip
    return {"adam": Entry(), **{name: Entry({name: v}, 1.3) for name, v in values.items()}}


def layers():
    """What a layer may have beside product and activation; limits for dropout and batch statistics.

    A residual has one more matrix, 54 x 128.
    """
    entries = {
        "dropout": Entry({"dropout": 0.3}, 1.15),
        "input_dropout": Entry({"input_dropout": 0.3}, 1.15),
        "input_noise": Entry({"input_noise": 0.1}),
        "batch normalization": Entry({"normalization": "batch"}, 1.4),
        "layer normalization": Entry({"normalization": "layer"}, 1.4),
        "residual": Entry({"residual": True}, None, 4 * BATCH * SIZES[0] * SIZES[1]),
    }
    return {"plain": Entry(), **entries}


def activations():
    """All of them against relu.

    Two pieces of maxout double the columns of both hidden matrices: its limit is 1.3 times that.
    """
    entries = {name: Entry({"activation": name}, 1.3) for name in _core.ACTIVATIONS}
    for name in ("gelu", "mish", "softplus", "elu"):
        entries[name] = Entry({"activation": name}, 1.5)
    more = BATCH * (4 * SIZES[0] * SIZES[1] + 6 * SIZES[1] * SIZES[2])
    plain = flops(Entry(), BATCH)
    entries["maxout"] = Entry({"activation": "maxout"}, 1.3 * (plain + more) / plain, more)
    return {"relu": entries.pop("relu"), **entries}


# The first entry of a group is the base.
GROUPS = {
    "solvers": solvers, "constraints": constraints, "layers": layers, "activations": activations,
}  # fmt: skip


def problem(n_rows, dtype=np.float32):
    """Rows and classes with something to learn."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n_rows, SIZES[0])).astype(dtype)
    return X, (X[:, : SIZES[-1]] + rng.normal(size=(n_rows, SIZES[-1]))).argmax(axis=1)


def make(entry):
    """An estimator that trains for all epochs."""
    params = {
        "hidden_layer_sizes": SIZES[1:-1], "batch_size": BATCH, "max_iter": EPOCHS, "n_threads": 1,
        "n_iter_no_change": np.inf, "tol": 0, "random_state": 0, **entry.params,
    }  # fmt: skip
    return MLPClassifier(**params)


def passes(entry, X, y):
    """How often a fit goes over the rows: epochs, or L-BFGS's evaluations of the loss."""
    if entry.params.get("solver") != "lbfgs":
        return EPOCHS
    found, minimize = [], scipy.optimize.minimize

    def counted(*args, **options):
        result = minimize(*args, **options)
        found.append(result.nfev)
        return result

    with mock.patch("scipy.optimize.minimize", counted):
        make(entry).fit(X, y)
    return found[0]


def flops(entry, n_rows):
    """Of a pass over the rows: products forward, backward but for the first layer, gradients."""
    products = [n_in * n_out for n_in, n_out in pairwise(SIZES)]
    return n_rows * (6 * sum(products) - 2 * products[0]) + n_rows / BATCH * entry.flops_step


def measure(entries, rounds, X, y):
    """Seconds of a pass, {name: one a round}."""
    n_passes = {name: passes(entry, X, y) for name, entry in entries.items()}
    seconds = {name: [] for name in entries}
    for i in range(rounds + 1):
        for name in list(entries) if i % 2 else reversed(entries):
            model = make(entries[name])
            start = time.process_time()
            model.fit(X, y)
            seconds[name].append((time.process_time() - start) / n_passes[name])
    return {name: found[1:] for name, found in seconds.items()}  # the first is a warm-up


def report(group, rounds, X, y):
    """Print a group's table; return the entries above their limits."""
    entries = GROUPS[group]()
    seconds = measure(entries, rounds, X, y)
    base = seconds[next(iter(entries))]
    # short ones, some of which no other program interrupts
    peak = max(_kernels.fma_peak(1, X.dtype, seconds=0.002) for _ in range(200))
    above = []
    print(f"\n{group:20} ms a pass   ratio   limit   FMA peak")
    for name, entry in entries.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[name], base, strict=True))
        median = statistics.median(seconds[name])
        share = flops(entry, len(X)) / median / peak
        if entry.limit is not None and ratio > entry.limit:
            above.append(name)
        limit = "" if entry.limit is None else f"{entry.limit:.2f}"
        mark = " <" if name in above else ""
        print(f"{name:20} {1e3 * median:9.2f} {ratio:7.2f} {limit:>7} {share:10.0%}{mark}")
    return above


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", type=int, default=16384)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    X, y = problem(arguments.rows, arguments.dtype)
    above = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for group in arguments.groups or GROUPS:
            above += report(group, arguments.rounds, X, y)
    if above:
        sys.exit(f"above their limits: {', '.join(above)}")


if __name__ == "__main__":
    main()
