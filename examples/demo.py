"""fastmlp beside scikit-learn on two small real data sets: ``make demo``.

Both libraries get the same hyperparameters and the same seed. They take turns, and the best time
of each counts. scikit-learn's handwritten digits (1,797 images of 8 x 8) and diabetes table
(442 patients, 10 measurements) come with scikit-learn; nothing is downloaded.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.neural_network import MLPRegressor as SklearnMLPRegressor
from sklearn.preprocessing import StandardScaler

import fastmlp

SEED = 0
FITS = 3  # of each library; the fastest counts
PREDICTS = 150  # likewise


def tasks():
    """Yield (title, fastmlp's class, scikit-learn's class, parameters, X, y)."""
    digits = {"hidden_layer_sizes": (128, 64), "max_iter": 60, "random_state": SEED}
    diabetes = {
        "hidden_layer_sizes": (64,),
        "activation": "logistic",
        "alpha": 1.0,
        "batch_size": 32,
        "learning_rate_init": 0.01,
        "max_iter": 60,
        "random_state": SEED,
    }
    X, y = load_digits(return_X_y=True)
    yield "digits, accuracy", fastmlp.MLPClassifier, SklearnMLPClassifier, digits, X, y
    X, y = load_diabetes(return_X_y=True)
    yield "diabetes, R^2", fastmlp.MLPRegressor, SklearnMLPRegressor, diabetes, X, y


def timed(function, *arguments):
    """Return seconds of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def progress(text):
    """Overwrite the current line on a terminal; print a line elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\033[K  {text}", end="", flush=True)
    elif text:
        print(f"  {text}", flush=True)


def compare(title, fast_class, sklearn_class, parameters, X, y):
    """Fit and predict with both; return the lines of the table."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=SEED)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    models = {"fastmlp": fast_class(**parameters), "scikit-learn": sklearn_class(**parameters)}
    fit_seconds = dict.fromkeys(models, np.inf)
    predict_seconds = dict.fromkeys(models, np.inf)
    for attempt in range(FITS):
        for name, model in models.items():
            progress(f"{title}: {name}, fit {attempt + 1} of {FITS}")
            fit_seconds[name] = min(fit_seconds[name], timed(model.fit, X_train, y_train))
    for _ in range(FITS):
        for name, model in models.items():
            # In a row: for some milliseconds the threads of the one library wait for more work
            # on the processor that the other needs.
            for _ in range(PREDICTS // FITS):
                predict_seconds[name] = min(predict_seconds[name], timed(model.predict, X_test))
    progress("")
    scores = {name: model.score(X_test, y_test) for name, model in models.items()}
    microseconds = {name: 1e6 * seconds for name, seconds in predict_seconds.items()}
    return [
        f"{title} ({len(X_train)} training rows, {len(X_test)} test rows)",
        f"  {'':<22}{'fastmlp':>12}{'scikit-learn':>14}{'ratio':>9}",
        row("test score", scores, "{:.4f}"),
        row("fit, seconds", fit_seconds, "{:.4f}", ratio=True),
        row("predict, microseconds", microseconds, "{:.0f}", ratio=True),
        "",
    ]


def row(label, values, form, ratio=False):
    """Format one line; the ratio says how many times faster fastmlp is."""
    fast, sklearn = values["fastmlp"], values["scikit-learn"]
    times = f"{sklearn / fast:.1f}x" if ratio else ""
    return f"  {label:<22}{form.format(fast):>12}{form.format(sklearn):>14}{times:>9}"


def main():
    """Run both tasks and print the table."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is the point
    config = fastmlp.show_config(mode="dicts")
    print(
        f"fastmlp {fastmlp.__version__}, instruction set {config['instruction sets']['in use']}, "
        f"threads {config['threads']['default']} ({config['threads']['decided by']})\n"
    )
    lines = [line for task in tasks() for line in compare(*task)]
    print("\n".join(lines))
    print(f"Same data, parameters and seed; best of {FITS} fits and {PREDICTS} predictions.")


if __name__ == "__main__":
    main()
