"""What each entry of the menu is worth on real data: test score and seconds beside plain Adam.

    python benchmarks/menu.py [--data FOLDER] [--write docs/menu.md]

Every solver, schedule, activation, loss and initialisation that the engine's tables name, and every
regulariser, at one sensible setting and otherwise the same network, mini-batches and epochs. With
--data (a folder with a load.py) on adult and california_housing, too. Exits with 1 if an entry
diverges, or is more than a few points under Adam for no reason: neither does it fit the training
rows as well, nor does `WHY` say why.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import data
import machine
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.preprocessing import StandardScaler
from tables import table

from fastmlp import MLPClassifier, MLPRegressor, _core
from fastmlp._initialization import INITIALIZERS
from fastmlp._losses import CLASSIFICATION, REGRESSION
from fastmlp._schedules import SCHEDULES

FEW_POINTS = 3.0

PLAIN = {
    "hidden_layer_sizes": (64, 64), "learning_rate_init": 1e-3, "tol": 0.0,
    "n_iter_no_change": np.inf,
}  # fmt: skip

# What a name of the engine's tables needs beside itself. Those that are not here run as they are.
SOLVERS = {
    "lbfgs": {"batch_size": "auto", "tol": 1e-4, "alpha": 1.0},
    "rprop": {"batch_size": "auto"},
    "sgd": {"learning_rate_init": 0.02},
    "adamw": {"weight_decay": 0.01, "alpha": 0.0},
    "adagrad": {"learning_rate_init": 0.02},
    "adadelta": {"learning_rate_init": 1.0},
    "lion": {"learning_rate_init": 3e-4, "beta_2": 0.99, "weight_decay": 1.0},
    "muon": {"learning_rate_init": 5e-3},
    "schedulefree": {"learning_rate_init": 5e-3},
}
SCHEDULE = {
    "invscaling": {"solver": "sgd", "learning_rate_init": 0.1, "power_t": 0.1},
    "adaptive": {"solver": "sgd", "learning_rate_init": 0.02, "n_iter_no_change": 5, "tol": 1e-4},
    "exponential": {"decay_rate": 0.5},
    "plateau": {"n_iter_no_change": 5, "tol": 1e-4, "learning_rate_min": 1e-5},
    "one_cycle": {"learning_rate_init": 5e-3},
}
FULL_BATCH_EPOCHS = 3  # times those of mini-batches, whose epochs have many steps

REGULARISERS = {
    "alpha=0.01": {"alpha": 0.01},
    "weight_decay=0.1": {"weight_decay": 0.1},
    "l1=0.001": {"l1": 1e-3},
    "max_norm=2": {"max_norm": 2.0},
    "gradient_clip=1": {"gradient_clip": 1.0},
    "ema_decay=0.99": {"ema_decay": 0.99},
    "warmup_fraction=0.1": {"warmup_fraction": 0.1},
    "dropout=0.2": {"dropout": 0.2},
    "input_dropout=0.1": {"input_dropout": 0.1},
    "input_noise=0.1": {"input_noise": 0.1},
    "normalization='batch'": {"normalization": "batch"},
    "normalization='layer'": {"normalization": "layer"},
    "residual=True": {"residual": True},
    "label_smoothing=0.1": {"label_smoothing": 0.1},
    "class_weight='balanced'": {"class_weight": "balanced"},
}

# Entries that may be more than FEW_POINTS under Adam, and the reason.
SLOW = "slower to learn; four times the epochs give it on california housing "
WHY = {
    "absolute_error": "estimates the median, R² asks for the mean",
    "quantile": "estimates the median, like absolute_error",
    "identity": "a linear model",
    "logistic": SLOW + "77.8",
    "hard_sigmoid": SLOW + "76.9",
    "softplus": SLOW + "77.7",
    "elu": SLOW + "79.9",
    "hard_swish": SLOW + "79.0",
    "input_noise=0.1": "blurs where a house stands, on which its price depends",
    "class_weight='balanced'": "finds more of the rare class at the price of accuracy",
}


class Set(NamedTuple):
    """A data set: rows, targets, and how much training it is given."""

    name: str
    X: np.ndarray
    y: np.ndarray
    classes: bool
    epochs: int
    batch: int
    splits: int  # random splits into training and test rows, over which scores are averaged


def data_sets(folder):
    """Those of scikit-learn, and with a folder two larger ones."""
    yield Set("digits", *load_digits(return_X_y=True), True, 30, 32, 2)
    yield Set("breast cancer", *load_breast_cancer(return_X_y=True), True, 30, 32, 4)
    yield Set("diabetes", *load_diabetes(return_X_y=True), False, 30, 32, 8)
    if folder is not None:
        import pandas as pd

        adult = data.load(folder, "adult")
        X = pd.get_dummies(adult["X"]).to_numpy(np.float64)
        yield Set("adult", X, adult["y"], True, 10, 200, 1)
        houses = data.load(folder, "california_housing")
        yield Set("california housing", houses["X"], houses["y"], False, 40, 32, 1)


def groups():
    """{title: {name: parameters}}: what is tried; an estimator leaves out what it has not."""
    solvers = {
        name: {"solver": name, **SOLVERS.get(name, {})} for name in ("lbfgs", *_core.SOLVERS)
    }
    schedules = {name: {"learning_rate": name, **SCHEDULE.get(name, {})} for name in SCHEDULES}
    return {
        "solver": solvers,
        "learning_rate": schedules,
        "activation": {name: {"activation": name} for name in _core.ACTIVATIONS},
        "loss": {name: {"loss": name} for name in dict.fromkeys([*CLASSIFICATION, *REGRESSION])},
        "weight_init": {name: {"weight_init": name} for name in INITIALIZERS},
        "regulariser": REGULARISERS,
    }


def split(found, seed):
    """Training and test rows, standardised, without outliers, float32. Targets of a regression are
    positive, of mean 1."""
    y = found.y if found.classes else found.y / found.y.mean()
    X_train, X_test, y_train, y_test = train_test_split(
        found.X, y, random_state=seed, stratify=y if found.classes else None
    )
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = (scaler.transform(X).clip(-5, 5) for X in (X_train, X_test))
    return X_train.astype(np.float32), X_test.astype(np.float32), y_train, y_test


def estimator(found, params, theirs=False):
    """An estimator with these parameters, or None if it has not got them."""
    kind = {
        (True, False): MLPClassifier, (False, False): MLPRegressor,
        (True, True): TheirClassifier, (False, True): TheirRegressor,
    }[found.classes, theirs]  # fmt: skip
    full = params.get("solver") == "lbfgs" or (
        params.get("solver") in _core.SOLVERS and _core.SOLVERS[params["solver"]].full_batch
    )
    epochs = found.epochs * (FULL_BATCH_EPOCHS if full else 1)
    options = {**PLAIN, "batch_size": found.batch, "max_iter": epochs, **params}
    losses = CLASSIFICATION if found.classes else REGRESSION
    if (
        set(options) <= set(kind().get_params())
        and params.get("loss", next(iter(losses))) in losses
    ):
        return kind(**options)
    return None


class Result(NamedTuple):
    """Means over the splits: scores in points, NaN if training diverged, and seconds of a fit."""

    score: float
    train_score: float
    seconds: float


def measure(found, params, theirs=False):
    """Fit and score on every split; None if the estimator has no such parameter."""
    results = []
    for seed in range(found.splits):
        model = estimator(found, {**params, "random_state": seed}, theirs)
        if model is None:
            return None
        X, X_test, y, y_test = split(found, seed)
        start = time.perf_counter()
        try:
            model.fit(X, y)
        except ValueError as error:
            if "finite" not in str(error):
                raise
            return Result(np.nan, np.nan, time.perf_counter() - start)
        seconds = time.perf_counter() - start
        results.append([100 * model.score(X_test, y_test), 100 * model.score(X, y), seconds])
    return Result(*np.mean(results, axis=0))


def verdict(name, result, adam):
    """Mark of a result and whether it is as it should be."""
    if result is None:
        return "", True
    if not np.isfinite(result.score):
        return "", False
    if result.score >= adam.score - FEW_POINTS:
        return "", True
    if result.train_score > adam.train_score - FEW_POINTS:
        return "†", True
    return "\\*", name in WHY


def cell(result, mark=""):
    """Text of a result."""
    if result is None:
        return "–"
    if not np.isfinite(result.score):
        return "**diverged**"
    return f"{result.score:.1f}{mark} in {result.seconds:.{2 if result.seconds < 10 else 0}f} s"


def tables(sets, only=None):
    """Measure everything. Return Markdown and what is not as it should be."""
    parts, wrong = [], []
    plain = [measure(s, {}) for s in sets]
    theirs = [measure(s, {}, theirs=True) for s in sets]
    for title, entries in groups().items():
        if only and title not in only:
            continue
        rows = [["scikit-learn", *map(cell, theirs)], ["**adam, relu**", *map(cell, plain)]]
        starred = []
        for name, params in entries.items():
            results = [measure(s, params) for s in sets]
            if all(result is None for result in results):
                continue
            marks = []
            for s, result, adam in zip(sets, results, plain, strict=True):
                mark, good = verdict(name, result, adam)
                marks.append(mark)
                if not good:
                    wrong.append(f"{title} {name} on {s.name}: {result}, not {adam}")
            rows.append([f"`{name}`", *map(cell, results, marks)])
            if "\\*" in marks and name in WHY:
                starred.append(f"`{name}`: {WHY[name]}.")
        parts += [f"## {title}", table([title, *(s.name for s in sets)], rows)]
        if starred:
            parts.append("\\* " + " ".join(starred))
    return "\n\n".join(parts), wrong


PAGE = """# The menu on real data

Each entry of the menu at one setting, all else alike, printed by

    {command}

Classifiers: test accuracy in percent; regressors: 100 R². Beside it the seconds of a fit. The
network has two hidden layers of 64 units, the rows are standardised, float32, a quarter of them
held out; figures are means over random splits ({splits}). Adam's learning rate is 0.001, that of
other solvers what suits their formula (`SOLVERS` in the script). Nothing was tuned to the data: the
figures say that it works and at what price. A difference of a point or two is noise.

† More than {few:.0f} points under Adam, but as near to the training rows or nearer: it overfits.

{machine}

{tables}
"""


def main():
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with a load.py")
    parser.add_argument("--write", type=Path, help="file for the page instead of printing it")
    parser.add_argument("--only", nargs="+", choices=list(groups()), help="some of the tables")
    parser.add_argument("--rows", type=int, help="of each data set, for trials: no verdicts")
    parser.add_argument("--epochs", type=int, help="for trials")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # every training goes on to its last epoch
    sets = [trial(s, options) for s in data_sets(options.data)]
    text, wrong = tables(sets, options.only)
    about = machine.describe()
    page = PAGE.format(
        command="python benchmarks/menu.py" + (" --data FOLDER" if options.data else ""),
        few=FEW_POINTS,
        splits=", ".join(f"{s.name}: {s.splits}" for s in sets),
        machine=f"{about['processor']}, {about['threads']} threads, {about['isa']}, fastmlp"
        f" {about['fastmlp']}, scikit-learn {about['scikit-learn']}; load average"
        f" {about['load_average']}: from 0.5 on the seconds are those of a busy machine.",
        tables=text,
    )
    if options.write:
        options.write.write_text(page)
    else:
        print(page)
    if wrong and not options.rows:
        sys.exit("\n".join(wrong))


def trial(found, options):
    """The data set, or some of its rows."""
    keep = np.random.default_rng(0).permutation(len(found.X))[: options.rows]
    found = found._replace(X=found.X[keep], y=found.y[keep])
    if options.rows:
        found = found._replace(splits=1)
    return found._replace(epochs=options.epochs) if options.epochs else found


if __name__ == "__main__":
    main()
