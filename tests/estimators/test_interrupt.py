"""Ctrl-C: a real SIGINT in a process of its own ends fit soon and leaves a usable model."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fastmlp

if sys.platform == "win32":
    pytest.skip("needs SIGINT to a process of its own", allow_module_level=True)

pytestmark = pytest.mark.thread_unsafe(reason="measures time, in processes of its own")

PREAMBLE = """
import signal, sys, threading, time, warnings, os
import numpy as np
from fastmlp import MLPClassifier, MLPRegressor

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in background jobs
sent = []

def interrupt_after(seconds):
    def send():
        time.sleep(seconds)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=send, daemon=True).start()

rng = np.random.RandomState(0)
"""

# Of latency; a mini-batch or chunk takes 50 ms at most, the rest is for a busy machine.
SECONDS = 0.5


def run(body):
    result = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(body)],
        env={"PYTHONPATH": str(Path(fastmlp.__file__).parents[1]), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return dict(line.split(" ", 1) for line in result.stdout.splitlines())


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("after", [0.02, 0.4])
def test_fit(solver, after):
    out = run(f"""
        X, y = rng.normal(size=(20_000, 20)), rng.randint(0, 3, 20_000)
        model = MLPClassifier((50,), solver={solver!r}, max_iter=10**6, max_fun=10**9, tol=0,
                              n_iter_no_change=10**6, random_state=0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                interrupt_after({after})
                model.fit(X, y)
            except KeyboardInterrupt:  # before training began
                print("early yes")
                sys.exit()
        print("latency", time.monotonic() - sent[0])
        print("warning", caught[-1].message)
        print("warnings", len(caught))
        print("n_iter", model.n_iter_)
        print("curve", len(getattr(model, "loss_curve_", [])))
        print("finite", all(np.isfinite(c).all() for c in model.coefs_))
        proba = model.predict_proba(X)
        print("sums", np.allclose(proba.sum(axis=1), 1))
        print("loss", getattr(model, "loss_", "none"))  # as in scikit-learn
        start = np.random.RandomState(0).uniform(-1, 1, (20, 50)) * np.sqrt(6 / 70)
        print("trained", not np.allclose(start, model.coefs_[0]))
        t = model.t_
        if {solver!r} != "lbfgs":
            model.partial_fit(X, y)
            print("t", model.t_ - t)
    """)
    if "early" in out:
        assert after < 0.1
        return
    assert float(out["latency"]) < SECONDS
    assert out["warning"] == "Training interrupted by user."
    assert out["warnings"] == "1"
    assert out["finite"] == out["sums"] == "True"
    if int(out["n_iter"]) > 0:
        assert out["trained"] == "True"
        assert 0 < float(out["loss"]) < 1.3  # that of chance is log(3)
    else:
        assert after < 0.1
    if solver != "lbfgs":
        assert out["curve"] == out["n_iter"]
        assert out["t"] == "20000"


def test_fit_keeps_the_best_weights():
    """With early stopping the best epoch's weights, although training went on from them."""
    out = run("""
        X = rng.normal(size=(2000, 10))
        y = rng.randint(0, 2, 2000)
        model = MLPClassifier((20,), early_stopping=True, max_iter=10**6, tol=0,
                              n_iter_no_change=10**6, learning_rate_init=0.02, random_state=0)
        interrupt_after(0.7)
        warnings.simplefilter("ignore")
        model.fit(X, y)
        from sklearn.model_selection import train_test_split
        state = np.random.RandomState(0)
        for shape in ((10, 20), 20, (20, 1), 1):
            state.uniform(size=shape)
        _, rows = train_test_split(np.arange(2000), test_size=0.1, random_state=state,
                                   stratify=np.where(y, "True", "False"))
        print("epochs", model.n_iter_)
        print("best", model.best_validation_score_)
        print("score", model.score(X[rows], y[rows]))
        print("last", model.validation_scores_[-1])
    """)
    assert int(out["epochs"]) > 5
    assert float(out["score"]) == float(out["best"])


def test_partial_fit_keeps_the_epochs_mini_batches():
    out = run("""
        X, y = rng.normal(size=(400_000, 50)), rng.normal(size=400_000)
        model = MLPRegressor(hidden_layer_sizes=(100, 100), batch_size=8, random_state=0)
        model.partial_fit(X[:100], y[:100])
        before = model.coefs_[0].copy()
        interrupt_after(0.6)
        warnings.simplefilter("ignore")
        model.partial_fit(X, y)
        print("latency", time.monotonic() - sent[0])
        print("trained", not np.array_equal(model.coefs_[0], before))
        print("curve", len(model.loss_curve_))
        print("t", model.t_)
        print("steps", model._optimizer.t)
    """)
    assert float(out["latency"]) < SECONDS
    assert out["trained"] == "True"
    assert out["curve"] == "1"  # the epoch that was interrupted is not in it
    assert out["t"] == "100"
    assert int(out["steps"]) > 100


def test_predict():
    """predict has nothing to keep: KeyboardInterrupt, soon."""
    out = run("""
        X = rng.normal(size=(300_000, 100)).astype(np.float32)
        y = rng.normal(size=300_000)
        model = MLPRegressor(hidden_layer_sizes=(500, 500), max_iter=1, batch_size=1000)
        warnings.simplefilter("ignore")
        model.fit(X[:2000], y[:2000])
        interrupt_after(0.15)
        try:
            for _ in range(50):
                model.predict(X)
            print("interrupted no")
        except KeyboardInterrupt:
            print("interrupted yes")
        print("latency", time.monotonic() - sent[0])
        print("usable", np.isfinite(model.predict(X[:10])).all())
    """)
    assert out["interrupted"] == "yes"
    assert float(out["latency"]) < SECONDS
    assert out["usable"] == "True"


def test_before_training_nothing_has_changed():
    """An interrupt while the data are checked leaves the estimator as it was."""
    out = run("""
        class Slow:
            shape = (2, 1)
            def __array__(self, dtype=None, copy=None):
                raise KeyboardInterrupt
            def __len__(self):
                return 2
        model = MLPRegressor(max_iter=3, tol=1e6, n_iter_no_change=1, hidden_layer_sizes=2)
        model.fit([[0.0], [1.0]], [0.0, 1.0])
        before = dict(vars(model))
        try:
            model.fit(Slow(), [0.0, 1.0])
        except KeyboardInterrupt:
            print("same", vars(model).keys() == before.keys()
                  and all(vars(model)[k] is v for k, v in before.items()))
    """)
    assert out["same"] == "True"
