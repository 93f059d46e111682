"""Fitting in child processes of a process that has fitted, or is fitting, on several threads.

gcc's OpenMP runtime hangs in a forked child whose parent has run a parallel region; the engine's
fork handler prevents that. Every case is a process of its own with a watchdog.
"""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from fastmlp import _core

METHODS = [*multiprocessing.get_all_start_methods(), "loky"]
SECONDS = 300  # a hang, not slowness: a case takes some five, on a busy machine fifty

SCRIPT = """
import os, sys, threading
import multiprocessing as mp
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from fastmlp import MLPClassifier

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(1024, 100)).astype(np.float32)
y = rng.integers(0, 10, size=1024)


def fit(n_threads, max_iter=2):
    model = MLPClassifier((256,), batch_size=512, max_iter=max_iter, random_state=0,
                          n_threads=n_threads)
    model.fit(X, y)
    return b"".join(coef.tobytes() for coef in model.coefs_) + model.predict_proba(X).tobytes()


def os_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 2


def children(method):
    if method == "loky":
        from joblib.externals.loky import ProcessPoolExecutor as Loky
        pool = Loky(1)
    else:
        pool = ProcessPoolExecutor(1, mp_context=mp.get_context(method))
    with pool:
        return [pool.submit(fit, n_threads).result() for n_threads in (1, 2)]


def main(method, state):
    expected = fit(1)
    stop = threading.Event()
    if state != "cold":
        assert fit(2) == expected
        assert os_threads() > 1 or not OPENMP, "the parent has to be warm"
    if state == "during":
        def endless():
            while not stop.is_set():
                assert fit(2, max_iter=2) == expected
        thread = threading.Thread(target=endless)
        thread.start()
    assert children(method) == [expected, expected]
    if method == "fork":  # two threads at once, as under gunicorn --preload
        pid = os.fork()
        if pid == 0:
            os._exit(0 if fit(2) == expected else 1)
        assert os.waitpid(pid, 0)[1] == 0
    assert fit(2) == expected, "the parent still works"
    stop.set()
    if state == "during":
        thread.join()
    print("fine")


OPENMP = %(openmp)r
if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
"""


@pytest.mark.parametrize("state", ["cold", "warm", "during"])
@pytest.mark.parametrize("method", METHODS)
def test_children_fit(method, state, tmp_path):
    script = tmp_path / "forking.py"
    script.write_text(SCRIPT % {"openmp": _core.build_info()["openmp"]})
    environment = {**os.environ, "FASTMLP_OVERSUBSCRIBE": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(script), method, state],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that hanging grandchildren can be ended with it
    )
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        pytest.fail(f"{method}, {state}: hangs")
    assert out == "fine\n", err
