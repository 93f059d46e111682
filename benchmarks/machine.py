"""The machine: what it is, and the two limits that a benchmark can be held against."""

import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import numpy as np

import fastmlp
from fastmlp import _kernels

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "onnxruntime", "threadpoolctl")
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY", "FASTMLP_ISA")


def describe():
    """Return what a reader needs to judge the figures, as a dict."""
    config = fastmlp.show_config(mode="dicts")
    return {
        "processor": processor(),
        "cpus": config["threads"]["CPUs (affinity)"],
        "threads": config["threads"]["default"],
        "threads_decided_by": config["threads"]["decided by"],
        "load_average": load_average(),
        "isa": config["instruction sets"]["in use"],
        "compiler": config["fastmlp"]["compiler"],
        "threading": config["fastmlp"]["threading"],
        "platform": platform.platform(),
        "python": platform.python_version(),
        "fastmlp": fastmlp.__version__,
        **{name: version(name) for name in PACKAGES},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def processor():
    """Name of the processor."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version(package):
    """Version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def load_average():
    """Programs that want to run, averaged over a minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


class Others:
    """CPUs that other programs use from now on: what they take, the figures miss."""

    def __init__(self):
        self.start = time.perf_counter()
        self.before = self._cpu_seconds()

    def cpus(self):
        """Mean number since the beginning; None where the system does not say."""
        if self.before is None:
            return None
        used = self._cpu_seconds() - self.before
        return round(max(0.0, used / (time.perf_counter() - self.start)), 2)

    @staticmethod
    def _cpu_seconds():
        """CPU time of all programs, and what a hypervisor withheld, less that of this one."""
        if not os.path.exists("/proc/stat"):
            return None
        with open("/proc/stat") as lines:
            user, nice, system, _, _, irq, softirq, steal = map(int, lines.readline().split()[1:9])
        everyone = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return everyone - sum(os.times()[:4])


# A turn may begin where the FMA peak of so many seconds is so much of the best one: a neighbour on
# the other hardware thread of a core takes a quarter of it and more, for seconds on end.
PROBE, NEAR = 0.01, 0.9
PROBES = 20  # until the best is known
TRY_AGAIN = 0.1


class Limits:
    """FMA peak and memory bandwidth, measured again and again; the best of all counts.

    Parameters
    ----------
    n_threads : int
    """

    def __init__(self, n_threads):
        self.n_threads = n_threads
        self.all = {"float32": [], "float64": [], "bandwidth": []}
        self.probes = []
        self.waits = self.in_vain = 0

    def wait(self, patience):
        """Wait until the machine is as fast as at its best, ``patience`` seconds at most."""
        if patience <= 0:
            return
        while len(self.probes) < PROBES:
            self._probe()
            time.sleep(TRY_AGAIN)
        self.waits += 1
        deadline = time.perf_counter() + patience
        while self._probe() < NEAR * max(self.probes):
            if time.perf_counter() > deadline:
                self.in_vain += 1
                return
            time.sleep(TRY_AGAIN)

    def _probe(self):
        self.probes.append(_kernels.fma_peak(self.n_threads, np.dtype("f4"), seconds=PROBE))
        return self.probes[-1]

    def measure_peak(self, dtype, seconds):
        """Measure FLOP/s of nothing but fused multiply-adds (two operations each)."""
        peak = _kernels.fma_peak(self.n_threads, np.dtype(dtype), seconds=seconds)
        self.all[dtype].append(peak)

    def measure_bandwidth(self, megabytes=256, repeats=5):
        """Measure bytes/s, read and written, of copying an array a thread."""
        size = megabytes * 2**20 // self.n_threads
        parts = [(np.zeros(size, "u1"), np.ones(size, "u1")) for _ in range(self.n_threads)]
        with ThreadPoolExecutor(self.n_threads) as pool:
            for _ in range(repeats):
                start = time.perf_counter()
                list(pool.map(lambda part: np.copyto(*part), parts))
                elapsed = time.perf_counter() - start
                self.all["bandwidth"].append(2 * size * self.n_threads / elapsed)

    def as_dict(self):
        """All measurements and the best of each limit."""
        best = {name: max(values, default=None) for name, values in self.all.items()}
        waits = {"turns": self.waits, "in_vain": self.in_vain}
        return {"threads": self.n_threads, "best": best, "all": self.all, "waits": waits}
