"""How many threads a call uses, on fake machines and on this one."""

import math
import os
import subprocess
import sys
import threading
import time
import types
from dataclasses import dataclass, field

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fastmlp import _core, _threads
from fastmlp._threads import cgroup_quota, choose, effective_n_threads, physical_cores

needs_openmp = pytest.mark.skipif(
    not _core.build_info()["openmp"], reason="a build without OpenMP always uses one thread"
)
needs_two_cpus = pytest.mark.skipif(
    len(_threads.cpu_set()) < 2 or cgroup_quota() < 2,
    reason="with one CPU, more threads than one are never given",
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("FASTMLP_OVERSUBSCRIBE", raising=False)


@dataclass
class Layout:
    """A machine: what the kernel's files say, and the threads that follow from them."""

    name: str
    expected: int
    cpus: int | list = 8  # the affinity mask
    cgroup: str | None = "0::/"  # /proc/self/cgroup
    files: dict = field(default_factory=dict)  # below /sys/fs/cgroup
    siblings: int = 1  # hardware threads per core, numbered core by core
    fast: str | None = None  # performance cores of a hybrid processor
    omp: int | None = None
    n_threads: int | None = None


def v1(folder, quota, period=100_000):
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": period}


LAYOUTS = [
    Layout("bare metal", 8),
    Layout("one CPU", 1, cpus=1),
    Layout("two threads per core", 4, siblings=2),
    Layout("two threads per core, one of each pair", 4, cpus=[0, 2, 4, 6], siblings=2),
    Layout("both threads of one core", 1, cpus=[2, 3], siblings=2),
    Layout("four threads per core (POWER)", 2, siblings=4),
    Layout("taskset", 2, cpus=[5, 7]),
    Layout("hybrid: performance cores only", 4, cpus=12, fast="0-3"),
    Layout("hybrid: pinned to efficiency cores", 2, cpus=[8, 9], fast="0-3"),
    Layout("hybrid with hyperthreads", 2, cpus=8, siblings=2, fast="0-3"),
    Layout("v2, no limit", 8, files={"cpu.max": "max 100000"}),
    Layout("v2 container, 2 CPUs", 2, files={"cpu.max": "200000 100000"}),
    Layout("v2 container, 7.65 CPUs", 7, files={"cpu.max": "765000 100000"}),
    Layout("v2 container, half a CPU", 1, files={"cpu.max": "50000 100000"}),
    Layout("v2, other period", 3, files={"cpu.max": "30000 10000"}),
    Layout("v2, quota above the machine", 8, files={"cpu.max": "3200000 100000"}),
    Layout(
        "v2 systemd slice",
        2,
        cgroup="0::/user.slice/job.scope",
        files={"user.slice/job.scope/cpu.max": "200000 100000"},
    ),
    Layout(
        "v2, the parent is tighter",
        3,
        cgroup="0::/kubepods/pod1/c1",
        files={
            "kubepods/pod1/c1/cpu.max": "max 100000",
            "kubepods/pod1/cpu.max": "300000 100000",
            "kubepods/cpu.max": "600000 100000",
        },
    ),
    Layout(
        "v2, a neighbour's limit",
        8,
        cgroup="0::/a/b",
        files={"a/c/cpu.max": "100000 100000"},
    ),
    Layout("v2, host's path in a container", 2, cgroup="0::/docker/1f", files={"cpu.max": "2 1"}),
    Layout("v2, path outside the namespace", 2, cgroup="0::/../../x", files={"cpu.max": "2 1"}),
    Layout("v1, no limit", 8, cgroup="3:cpu,cpuacct:/", files=v1("cpu,cpuacct", -1)),
    Layout("v1 container", 4, cgroup="3:cpu,cpuacct:/docker/1f", files=v1("cpu,cpuacct", 400_000)),
    Layout("v1, mounted as cpu", 2, cgroup="3:cpuacct,cpu:/", files=v1("cpu", 250_000)),
    Layout("v1, cpu alone", 1, cgroup="9:name=systemd:/\n1:cpu:/\n0::/", files=v1("cpu", 10_000)),
    Layout("v1, own path", 3, cgroup="4:cpu:/batch/7", files=v1("cpu/batch/7", 300_000)),
    Layout("v1, cpuset is another controller", 8, cgroup="5:cpuset:/", files=v1("cpuset", 100_000)),
    Layout(
        "hybrid v1 and v2",
        2,
        cgroup="4:cpu:/j\n0::/j",
        files={**v1("cpu/j", 200_000), "unified/j/cgroup.procs": ""},
    ),
    Layout("v2 below unified", 2, cgroup="0::/j", files={"unified/j/cpu.max": "200000 100000"}),
    Layout("/proc is masked", 2, cgroup=None, files={"cpu.max": "200000 100000"}),
    Layout("no cgroups at all", 8, cgroup=None),
    Layout("garbage in cpu.max", 8, files={"cpu.max": "lots"}),
    Layout("garbage in /proc/self/cgroup", 8, cgroup="what\n:\n::::\n"),
    Layout("a period of zero", 8, cgroup="3:cpu:/", files=v1("cpu", 100_000, 0)),
    Layout("OMP_NUM_THREADS", 3, omp=3),
    Layout("OMP_NUM_THREADS uses hardware threads", 6, siblings=2, omp=6),
    Layout("OMP_NUM_THREADS above the quota", 2, omp=16, files={"cpu.max": "200000 100000"}),
    Layout("n_threads", 5, n_threads=5),
    Layout("n_threads beats OMP_NUM_THREADS", 5, n_threads=5, omp=2),
    Layout("n_threads above the CPUs", 8, n_threads=64),
    Layout("n_threads above the quota", 2, n_threads=8, files={"cpu.max": "250000 100000"}),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_layout(layout, tmp_path):
    mount, sysfs, membership = tmp_path / "cgroup", tmp_path / "sys", tmp_path / "self_cgroup"
    files = {mount / name: text for name, text in layout.files.items()}
    for cpu in range(16):
        first = cpu - cpu % layout.siblings
        folder = sysfs / f"system/cpu/cpu{cpu}/topology"
        files[folder / "thread_siblings_list"] = f"{first}-{first + layout.siblings - 1}"
    if layout.fast:
        files[sysfs / "cpu_core/cpus"] = layout.fast
    if layout.cgroup is not None:
        files[membership] = layout.cgroup
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    cpus = set(range(layout.cpus) if isinstance(layout.cpus, int) else layout.cpus)

    n, reason = choose(
        layout.n_threads,
        len(cpus),
        cgroup_quota(str(membership), str(mount)),
        physical_cores(cpus, str(sysfs)),
        layout.omp,
    )

    assert n == layout.expected
    assert reason


def test_cores_without_topology(tmp_path):
    (tmp_path / "system/cpu").mkdir(parents=True)
    assert physical_cores({0, 1, 2}, str(tmp_path)) == 3


def test_this_machine():
    assert 1 <= effective_n_threads() <= len(_threads.cpu_set())
    assert 1 <= physical_cores(_threads.cpu_set()) <= len(_threads.cpu_set())
    assert cgroup_quota() > 0


@pytest.mark.parametrize("bad", [0, -1, -8, np.int64(0)])
def test_value_error(bad):
    with pytest.raises(ValueError, match=r"n_threads must be None .* or an integer >= 1, got"):
        effective_n_threads(bad)


@pytest.mark.parametrize("bad", [1.0, "2", True, [1], math.inf])
def test_type_error(bad):
    with pytest.raises(TypeError, match="n_threads must be None or an integer >= 1, got"):
        effective_n_threads(bad)


def test_integers():
    assert effective_n_threads(1) == 1
    assert type(effective_n_threads(np.int32(1))) is int


@needs_openmp
@needs_two_cpus
def test_environment_is_read_at_every_call(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert effective_n_threads() == 1
    assert effective_n_threads(2) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "2,4")
    assert effective_n_threads() == 2


@needs_openmp
@pytest.mark.parametrize("text", ["", "0", "-2", "many", ",3"])
def test_unusable_environment_is_ignored(monkeypatch, text):
    expected = effective_n_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert effective_n_threads() == expected


@needs_openmp
def test_explicit_number_is_cut_to_the_cpus(monkeypatch):
    assert effective_n_threads(10_000) <= len(_threads.cpu_set())
    monkeypatch.setenv("FASTMLP_OVERSUBSCRIBE", "1")
    assert effective_n_threads(10_000) == 10_000


@needs_openmp
@needs_two_cpus
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_affinity_is_read_at_every_call():
    before = os.sched_getaffinity(0)
    assert effective_n_threads(2) == 2
    os.sched_setaffinity(0, {min(before)})
    try:
        assert effective_n_threads() == 1
        assert effective_n_threads(2) == 1
    finally:
        os.sched_setaffinity(0, before)
    assert effective_n_threads(2) == 2


@needs_openmp
def test_quota_is_read_again_after_a_while(monkeypatch):
    monkeypatch.setattr(_threads, "cgroup_quota", lambda: 1.0)
    monkeypatch.setattr(_threads, "_quota_cache", (time.monotonic(), math.inf))
    assert effective_n_threads(2) == min(2, len(_threads.cpu_set()))
    monkeypatch.setattr(_threads, "_quota_cache", (time.monotonic() - 60.0, math.inf))
    assert effective_n_threads(2) == 1


@needs_openmp
@needs_two_cpus
def test_threadpoolctl_limits_the_default():
    with threadpool_limits(1):
        assert effective_n_threads() == 1
    assert effective_n_threads() == _core.max_threads()


@needs_openmp
def test_one_thread_inside_a_parallel_region(monkeypatch):
    monkeypatch.setattr(
        _threads, "_core", types.SimpleNamespace(in_parallel=lambda: True, max_threads=lambda: 4)
    )
    assert effective_n_threads() == effective_n_threads(4) == 1


def test_one_thread_in_a_serial_build(monkeypatch):
    monkeypatch.setattr(_threads, "_HAS_OPENMP", False)
    assert effective_n_threads() == effective_n_threads(4) == 1


@needs_openmp
@needs_two_cpus
def test_joblib_threads(monkeypatch):
    def inside(n_jobs, n_threads=None):
        job = joblib.delayed(effective_n_threads)
        return joblib.Parallel(n_jobs, backend="threading")(job(n_threads) for _ in range(4))

    assert inside(2) == [1] * 4
    assert inside(2, n_threads=2) == [2] * 4
    assert inside(1) == [effective_n_threads()] * 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert inside(2) == [1] * 4


@needs_openmp
def test_joblib_processes_share_the_cpus():
    n_jobs = len(_threads.cpu_set())
    job = joblib.delayed(effective_n_threads)
    assert joblib.Parallel(n_jobs, backend="loky")(job() for _ in range(2)) == [1, 1]


@needs_openmp
@needs_two_cpus
def test_dask_worker(monkeypatch):
    state = threading.local()
    monkeypatch.setitem(
        sys.modules, "distributed.worker", types.SimpleNamespace(thread_state=state)
    )
    assert effective_n_threads() > 1
    state.execution_state = {}
    assert effective_n_threads() == 1
    assert effective_n_threads(2) == 2


def test_call_is_cheap():
    effective_n_threads()
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(500):
            effective_n_threads()
        best = min(best, (time.perf_counter() - start) / 500)
    assert best < 10e-6  # 1.5 us where this was written


def test_environment_at_start():
    code = "from fastmlp._threads import explain; print(*explain())"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == "1"
