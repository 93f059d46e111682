"""How many threads a call may use.

The engine's threads run in lock step: one thread too many holds up all others. So the default is
what the process really has: the CPUs it may run on, the CPU time its cgroups grant (Docker,
Kubernetes), one thread per physical core, and one where somebody else already runs in parallel.
Results are the same for any number of threads, bit for bit.
"""

import functools
import math
import numbers
import os
import sys
import threading
import time

import joblib

from . import _core

try:  # joblib tells its workers their nesting level here, and nowhere public
    from joblib.parallel import _backend as _joblib_context
except ImportError:
    _joblib_context = None

_HAS_OPENMP = _core.build_info()["openmp"]
# os.environ's own dict: os.environ.get raises and catches a KeyError, half the time of a call here
_ENVIRON, _OMP_KEY = os.environ._data, os.environ.encodekey("OMP_NUM_THREADS")
_QUOTA_SECONDS = 10.0  # a quota can change while we run (Kubernetes resizes pods in place)
_quota_cache = (-math.inf, math.inf)  # (time of reading, quota)
_cores_cache = (frozenset(), 0)  # (CPUs, physical cores among them)


def effective_n_threads(n_threads=None):
    """Number of threads a call runs on.

    Parameters
    ----------
    n_threads : int or None, default=None
        None: 1 inside another OpenMP region or a joblib or Dask worker; else OMP_NUM_THREADS where
        it is set; else the physical cores. Never more than the CPUs the process may use (affinity
        and cgroup quota), which is where explicit numbers are cut too, since more threads than
        CPUs only lose. FASTMLP_OVERSUBSCRIBE=1 keeps explicit numbers, for tests.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    TypeError
        If `n_threads` is neither an integer nor None.
    ValueError
        If `n_threads` is below 1.
    """
    return explain(n_threads)[0]


def explain(n_threads=None):
    """Return (number of threads, what decided it). Parameters as `effective_n_threads`."""
    if n_threads is not None:
        _check(n_threads)
    if not _HAS_OPENMP:
        return 1, "built without OpenMP"
    if _core.in_parallel():
        return 1, "inside another parallel region"
    omp = omp_num_threads()
    if n_threads is None and _in_worker(omp):
        return 1, "inside a parallel worker"
    cpus = cpu_set()
    n, why = choose(n_threads, len(cpus), _quota(), _cores(cpus), omp)
    if n_threads is None:
        limit = _core.max_threads()  # threadpoolctl, omp_set_num_threads
        return (n, why) if n <= limit else (limit, "OpenMP's limit")
    if n < n_threads and os.environ.get("FASTMLP_OVERSUBSCRIBE", "0") != "0":
        return int(n_threads), "FASTMLP_OVERSUBSCRIBE"
    return n, why


@functools.lru_cache(maxsize=64)
def choose(n_threads, n_cpus, quota, n_cores, omp):
    """Return (number of threads, reason) for a given machine; no state, no system calls."""
    granted = n_cpus if quota >= n_cpus else max(1, math.floor(quota))
    limit = "CPU affinity" if granted == n_cpus else "cgroup quota"
    if n_threads is not None:
        wanted, why = int(n_threads), "n_threads"
    elif omp is not None:
        wanted, why = omp, "OMP_NUM_THREADS"
    else:
        wanted, why = max(1, n_cores), "physical cores"
    return (wanted, why) if wanted <= granted else (granted, limit)


def cpu_set():
    """CPUs the calling thread may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def omp_num_threads():
    """OMP_NUM_THREADS as OpenMP reads it (a list is for nested regions); None if not set."""
    text = _ENVIRON.get(_OMP_KEY)
    if not text:
        return None
    first = os.environ.decodevalue(text).partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) >= 1 else None


def cgroup_quota(membership="/proc/self/cgroup", mount="/sys/fs/cgroup"):
    """CPUs that the cgroups of this process grant, v1 or v2; inf without a limit.

    A group is bound by its ancestors, so the least over the way up to the root counts. In a
    container the path may be the host's: then only the root, which is the container's, exists.
    """
    quota = math.inf
    for line in (_read(membership) or "0::/\n1:cpu:/").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = [controllers, "cpu"] if controllers else ["", "unified"]
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for name in names:
            for depth in range(len(parts), -1, -1):
                quota = min(quota, _granted(os.path.join(mount, name, *parts[:depth])))
    return quota


def physical_cores(cpus, sysfs="/sys/devices"):
    """Physical cores among `cpus`; of hybrid Intel processors only the performance cores."""
    fast = _cpu_list(_read(f"{sysfs}/cpu_core/cpus"))
    folder = f"{sysfs}/system/cpu"
    if sys.platform != "linux" and not os.path.isdir(folder):
        return min(len(cpus), joblib.cpu_count(only_physical_cores=True))
    return len(
        {_read(f"{folder}/cpu{c}/topology/thread_siblings_list") or c for c in cpus & fast or cpus}
    )


def _check(n_threads):
    if type(n_threads) is int and n_threads >= 1:
        return
    if not isinstance(n_threads, numbers.Integral) or isinstance(n_threads, bool):
        raise TypeError(f"n_threads must be None or an integer >= 1, got {n_threads!r}")
    if n_threads < 1:
        raise ValueError(
            f"n_threads must be None (choose automatically) or an integer >= 1, got {n_threads}"
        )


def _in_worker(omp):
    """Whether other workers of this process or its parent run beside the calling thread."""
    context = getattr(_joblib_context, "config", None)
    if context and getattr(context["backend"], "nesting_level", 0):
        # joblib shares the CPUs out among its processes by OMP_NUM_THREADS, not among threads.
        return omp is None or threading.current_thread() is not threading.main_thread()
    dask_worker = sys.modules.get("distributed.worker")
    return hasattr(getattr(dask_worker, "thread_state", None), "execution_state")


def _quota():
    global _quota_cache
    read_at, quota = _quota_cache
    now = time.monotonic()
    if now - read_at > _QUOTA_SECONDS:
        quota = cgroup_quota() if sys.platform == "linux" else math.inf
        _quota_cache = (now, quota)
    return quota


def _cores(cpus):
    global _cores_cache
    known, cores = _cores_cache
    if known != cpus:
        cores = physical_cores(cpus)
        _cores_cache = (frozenset(cpus), cores)
    return cores


def _granted(folder):
    """CPUs granted by one cgroup folder."""
    limit = _read(f"{folder}/cpu.max") or " ".join(
        _read(f"{folder}/cpu.cfs_{name}_us") for name in ("quota", "period")
    )
    try:
        quota, period = (int(field) for field in limit.split())
    except ValueError:  # "max 100000", no such file, not ours to read
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _cpu_list(text):
    """Parse the kernel's "0-3,8" notation."""
    cpus = set()
    for item in filter(None, text.split(",")):
        first, _, last = item.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def _read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""
