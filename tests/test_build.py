"""What the build made: the configuration it reports, its symbols, what importing it does."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import fastmlp
from fastmlp import _core, _kernels

MODULES = [_core.__file__, _kernels.__file__]
LINUX = sys.platform == "linux"


def run(code, **environment):
    """Run Python code in a fresh process."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tool(name, *arguments):
    if not LINUX or shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    return subprocess.run([name, *arguments], capture_output=True, text=True, check=True).stdout


def test_show_config_dicts():
    config = fastmlp.show_config(mode="dicts")
    assert config["fastmlp"]["version"] == fastmlp.__version__
    assert config["fastmlp"]["threading"].startswith(
        "OpenMP" if _core.build_info()["openmp"] else "serial"
    )
    isas = config["instruction sets"]
    assert "generic" in isas["built"]
    assert isas["in use"] in isas["available"]
    assert set(isas["available"]) <= set(isas["built"])
    assert config["threads"]["default"] >= 1
    assert config["threads"]["decided by"]
    assert config["environment"]["numpy"]


def test_show_config_prints_the_same(capsys):
    assert fastmlp.show_config() is None
    text = capsys.readouterr().out
    for section, entries in fastmlp.show_config(mode="dicts").items():
        assert f"{section}:\n" in text
        for name in entries:
            assert f"\n  {name}" in text


def test_show_config_mode():
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', got 'json'"):
        fastmlp.show_config(mode="json")


def test_public_names():
    assert set(fastmlp.__all__) == {"MLPClassifier", "MLPRegressor", "__version__", "show_config"}
    assert all(hasattr(fastmlp, name) for name in fastmlp.__all__)


def test_best_isa_is_the_default():
    done = run("import fastmlp; print(fastmlp._core.isa_name())", FASTMLP_ISA="")
    assert done.stdout.strip() == _core.available_isas()[-1], done.stderr


@pytest.mark.parametrize("isa", _core.available_isas())
def test_forced_isa(isa):
    done = run("import fastmlp; print(fastmlp._core.isa_name())", FASTMLP_ISA=isa)
    assert done.stdout.strip() == isa, done.stderr


def test_unknown_isa_names_the_valid_ones():
    done = run("import fastmlp", FASTMLP_ISA="avx9000")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ValueError: FASTMLP_ISA='avx9000'")
    assert all(isa in last for isa in _core.available_isas())


def test_import_leaves_the_process_alone():
    done = run(
        "import os, sys; before = dict(os.environ)\n"
        "import fastmlp\n"
        "assert dict(os.environ) == before\n"
        "assert 'fastmlp._kernels' not in sys.modules, 'for tests only'\n"
        "print('fine')"
    )
    assert done.stdout == "fine\n", done.stderr


def test_subnormals_survive():
    """Flush-to-zero must not leak out of the engine's threads (gcc < 13, -ffast-math)."""
    done = run(
        "import sys, warnings\n"
        "import numpy as np, fastmlp\n"
        "tiny = np.full(64, sys.float_info.min)\n"
        "def check(): assert sys.float_info.min / 2 > 0 and (tiny / 2 > 0).all()\n"
        "check()\n"
        "warnings.simplefilter('ignore')\n"
        "X = np.random.default_rng(0).normal(size=(512, 40))\n"
        "model = fastmlp.MLPRegressor(hidden_layer_sizes=(128,), max_iter=2, n_threads=2)\n"
        "model.fit(X, X[:, 0]); check()\n"
        "model.predict(X); check()\n"
        "print('fine')",
        FASTMLP_OVERSUBSCRIBE="1",
    )
    assert done.stdout == "fine\n", done.stderr


@pytest.mark.parametrize("path", MODULES, ids=os.path.basename)
def test_only_the_init_function_is_exported(path):
    lines = tool("nm", "--dynamic", "--defined-only", path).splitlines()
    exported = {line.split()[-1] for line in lines} - {"_init", "_fini"}
    assert exported == {f"PyInit_{Path(path).name.partition('.')[0]}"}


@pytest.mark.parametrize("path", MODULES, ids=os.path.basename)
def test_no_static_thread_local_storage(path):
    assert "STATIC_TLS" not in tool("readelf", "--dynamic", path)
    assert " TLS " not in tool("readelf", "--segments", "--wide", path)


@pytest.mark.parametrize("path", MODULES, ids=os.path.basename)
def test_stable_abi(path):
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("the limited API needs the GIL")
    assert ".abi3." in path or os.name == "nt"


@pytest.mark.parametrize("path", MODULES, ids=os.path.basename)
def test_build_folder_does_not_leak_into_the_binary(path):
    root = Path(__file__).parents[1]
    assert str(root).encode() not in Path(path).read_bytes()
