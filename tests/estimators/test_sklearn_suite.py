"""scikit-learn's own tests of its MLP, run against ours.

They are taken from the installed scikit-learn at test time, with nothing but the import redirected,
and run in a process of their own with their own idea of warnings.
"""

import inspect
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import reference
import sklearn
import sklearn.neural_network

import fastmlp
from fastmlp import _core
from fastmlp._optimizers import AdamOptimizer, SGDOptimizer

TESTS = Path(inspect.getfile(sklearn.neural_network)).parent / "tests"
# Cases in test_mlp.py. Another version's number is to be looked at before it is written here.
EXPECTED = {(1, 7): None, (1, 8): None, (1, 9): 59}

CONFTEST = """
import pytest

@pytest.fixture
def global_random_seed():
    return 42
"""


def redirected(name):
    """Source of scikit-learn's test file with our estimators imported instead of its own."""
    source = (TESTS / name).read_text(encoding="utf-8")
    wanted = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
    assert source.count(wanted) == 1
    return source.replace(wanted, "from fastmlp import MLPClassifier, MLPRegressor\n")


def test_mlp_suite(tmp_path):
    if not (TESTS / "test_mlp.py").exists():
        pytest.skip("scikit-learn was installed without its tests")
    (tmp_path / "test_mlp.py").write_text(redirected("test_mlp.py"), encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # or that of a folder above is read
    where = str(Path(fastmlp.__file__).parents[1])
    paths = [where, *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mlp.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    last = result.stdout.strip().splitlines()[-1]
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]
    assert "failed" not in last
    passed = int(re.search(r"(\d+) passed", last)[1])
    if not find_spec("pandas"):  # some of them skip then
        passed += int((re.search(r"(\d+) skipped", last) or [0, 0])[1])
    version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    assert passed == (EXPECTED.get(version) or passed)
    assert passed >= 50


# test_stochastic_optimizers.py steps scikit-learn's optimizer objects on random gradients. Our
# steps are the engine's, so its tests are here in another form: one full-batch step from random
# moments, with the gradient of the reference.


def step_of_the_engine(solver, state, t=0, **hyper):
    """Parameters and gradient before, parameters and state after one step."""
    network = (3, 4, 2), ["tanh"], "identity", "squared_error"
    rng = np.random.RandomState(0)
    params = reference.init_params(network[0], rng)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    gradient = reference.loss_and_gradient(params, *network, X, Y, alpha=0.1)[1]
    trainer = _core.Trainer(
        _core.Network(*network, np.float64), solver, params, state, X, Y, None, 6
    )
    trainer.train(None, 0, 6, step=t, alpha=0.1, **hyper)
    after, state_after = np.empty_like(params), np.empty_like(state)
    trainer.read(after, state_after)
    return params, gradient, after, state_after


@pytest.mark.parametrize("learning_rate", [10.0**i for i in range(-3, 4)])
def test_sgd_optimizer_no_momentum(learning_rate):
    params, gradient, after, _ = step_of_the_engine(
        "sgd", np.zeros((1, 26)), learning_rate=learning_rate, momentum=0.0, nesterov=False
    )
    np.testing.assert_allclose(after, params - learning_rate * gradient, rtol=1e-12)


@pytest.mark.parametrize("momentum", np.arange(0.5, 0.9, 0.1))
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_optimizer_momentum(momentum, nesterov):
    velocity = np.random.RandomState(1).uniform(size=(1, 26))
    params, gradient, after, state = step_of_the_engine(
        "sgd", velocity, learning_rate=0.1, momentum=momentum, nesterov=nesterov
    )
    update = momentum * velocity - 0.1 * gradient
    np.testing.assert_allclose(state, update, rtol=1e-12)
    if nesterov:
        update = momentum * update - 0.1 * gradient
    np.testing.assert_allclose(after, params + update[0], rtol=1e-12)


@pytest.mark.parametrize("beta_1", np.arange(0.9, 1.0, 0.05))
@pytest.mark.parametrize("beta_2", np.arange(0.995, 1.0, 0.001))
def test_adam_optimizer(beta_1, beta_2):
    m, v = moments = np.random.RandomState(1).uniform(size=(2, 26))
    params, gradient, after, state = step_of_the_engine(
        "adam", moments, t=9, learning_rate=0.001, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8
    )
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    rate = 0.001 * np.sqrt(1 - beta_2**10) / (1 - beta_1**10)
    np.testing.assert_allclose(state, [m, v], rtol=1e-12)
    np.testing.assert_allclose(after, params - rate * m / (np.sqrt(v) + 1e-8), rtol=1e-12)


def test_optimizer_trigger_stopping(capsys):
    sgd = SGDOptimizer(
        fastmlp.MLPRegressor(solver="sgd", learning_rate="adaptive", learning_rate_init=2e-6)
    )
    assert not sgd.stops("", False)
    assert sgd.learning_rate == 2e-6 / 5
    assert sgd.stops("No progress.", True)
    assert capsys.readouterr().out == "No progress. Learning rate too small. Stopping.\n"
    assert AdamOptimizer(fastmlp.MLPRegressor()).stops("", False)
