"""What this build of fastmlp is, for bug reports."""

import math
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from . import _core, _threads
from ._version import __version__

_DEPENDENCIES = ("numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl")


def show_config(mode: str = "stdout") -> dict[str, dict[str, Any]] | None:
    """Show version, compiler, instruction sets, threads and dependencies.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default="stdout"
        Print, or return the same as nested dicts.

    Returns
    -------
    dict or None
        None if printed.

    Raises
    ------
    ValueError
        If `mode` is neither of the two.
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', got {mode!r}")
    config = _collect()
    if mode == "dicts":
        return config
    for section, entries in config.items():
        print(f"{section}:")
        for name, value in entries.items():
            text = ", ".join(value) if isinstance(value, list) else value
            print(f"  {name:<16}{text}")
    return None


def _collect():
    build = _core.build_info()
    n_threads, why = _threads.explain()
    cpus = _threads.cpu_set()
    quota = _threads.cgroup_quota()
    return {
        "fastmlp": {
            "version": __version__,
            "compiler": build.get("compiler", "unknown"),
            "threading": "OpenMP" if build["openmp"] else "serial (built without OpenMP)",
        },
        "instruction sets": {
            "built": list(build["isas_built"]),
            "available": list(_core.available_isas()),
            "in use": _core.isa_name(),
        },
        "threads": {
            "default": n_threads,
            "decided by": why,
            "CPUs (affinity)": len(cpus),
            "cgroup quota": "none" if math.isinf(quota) else f"{quota:g} CPUs",
            "physical cores": _threads.physical_cores(cpus),
            "OMP_NUM_THREADS": _threads.omp_num_threads() or "not set",
        },
        "environment": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            **{name: _version_of(name) for name in _DEPENDENCIES},
        },
    }


def _version_of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
