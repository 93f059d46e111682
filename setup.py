"""Compile fastmlp: the C engine, one object per instruction set, linked into fastmlp._core.

Everything static is in pyproject.toml. Environment variables read here:

FASTMLP_NO_OPENMP=1     serial build, even where OpenMP works
FASTMLP_NEED_OPENMP=1   no silent serial build where OpenMP does not work (wheels)
FASTMLP_SANITIZE=1      AddressSanitizer and UndefinedBehaviorSanitizer (``make sanitize``)
FASTMLP_DEBUG_CYTHON=1  bounds and None checks in the Cython modules
"""

import gzip
import os
import platform
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import CompileError, LinkError
from setuptools.modified import newer_group

NO_OPENMP, NEED_OPENMP, SANITIZE, DEBUG_CYTHON = (
    os.environ.get(f"FASTMLP_{name}", "0") != "0"
    for name in ("NO_OPENMP", "NEED_OPENMP", "SANITIZE", "DEBUG_CYTHON")
)

# Kernel files csrc/kernels/isa_<name>.c: gcc and clang flags, MSVC flags, machines (empty: any).
# Explicit features rather than an -march level: older compilers, and cpu/features.c tests each bit
# but prfchw's: prefetchw does nothing where that is missing.
V3 = "-mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mmovbe -mprfchw".split()
V4 = "-mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512".split()
ISA = {
    "generic": ([], [], []),
    "x86_v3": (V3, ["/arch:AVX2"], ["x86_64", "amd64"]),
    "x86_v4": (V3 + V4, ["/arch:AVX512"], ["x86_64", "amd64"]),
    "neon": ([], [], ["aarch64", "arm64"]),
}
MODULE = ["-fvisibility=hidden", "-g0", f"-ffile-prefix-map={os.getcwd()}=."]
MODULE += ["-Werror=implicit-function-declaration"]  # what the limited API does not have
PORTABLE = ["-std=c11", "-O3", *MODULE, "-Wall", "-Wextra", "-Wconversion"]
# No fast-math: gcc < 13 links flush-to-zero into the whole process for it. FMA is explicit.
KERNEL = "-fno-math-errno -fno-trapping-math -ffp-contract=off -fno-lto".split()
SANITIZER = "-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all".split()
MSVC = ["/O2", "/std:c11", "/experimental:c11atomics", "/W3"]

DIRECTIVES = {
    "language_level": 3,
    "wraparound": False,
    "cdivision": True,
    "embedsignature": True,
    "freethreading_compatible": True,
    **dict.fromkeys(["boundscheck", "initializedcheck", "nonecheck"], DEBUG_CYTHON),
}
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")  # no limited API without the GIL yet

OPENMP_PROBE = """
#include <omp.h>
int main(void) {
#pragma omp parallel num_threads(2)
    omp_get_num_threads();
    return 0;
}"""
OMP_PAUSE_PROBE = """
#include <omp.h>
int main(void) { return omp_pause_resource_all(omp_pause_hard) != 0; }"""


def files(pattern):
    """Paths of a pattern in a fixed order, so that two builds are equal."""
    return sorted(path.as_posix() for path in Path().glob(pattern))


def digest(flags):
    """Short name for a set of flags; each set has its own folder of objects."""
    return f"{zlib.crc32(repr(flags).encode()):08x}"


def target_machine():
    """Machine compiled for; ARCHFLAGS is how wheels are cross-compiled on macOS."""
    archs = os.environ.get("ARCHFLAGS", "").replace("-arch", "").split()
    return (archs[0] if len(archs) == 1 else sysconfig.get_platform().split("-")[-1]).lower()


class BuildExt(build_ext):
    """Compile csrc to objects that _core links, then the modules as usual."""

    def build_extensions(self):
        self.msvc = self.compiler.compiler_type == "msvc"
        isas = [n for n, row in ISA.items() if not row[2] or target_machine() in row[2]]
        openmp, link, macros = self.find_openmp()
        macros += [(f"FMLP_HAVE_{name.upper()}", "1") for name in isas]
        jobs = self.engine_jobs(isas, openmp)
        command = getattr(self.compiler, "compiler_so", "msvc")
        module = ([] if self.msvc else MODULE) + (SANITIZER if SANITIZE else [])
        flags = (command, macros, jobs, module, link, DIRECTIVES, Cython.__version__)

        stamp = Path(self.build_temp, "flags.txt")  # other flags must rebuild as other sources do
        if not stamp.exists() or stamp.read_text() != repr(flags):
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(repr(flags))
        objects = self.compile_engine(jobs, macros, f"build/csrc-{digest(flags)}")
        made = cythonize(
            [ext.sources[0] for ext in self.extensions],
            compiler_directives=DIRECTIVES,
            build_dir=f"build/cython-{digest((DIRECTIVES, Cython.__version__))}",
            quiet=True,
        )
        for ext, generated in zip(self.extensions, made, strict=True):
            ext.sources = generated.sources
            ext.depends += [str(stamp), *objects]
            ext.define_macros += macros
            ext.extra_compile_args = module
            ext.extra_link_args = SANITIZER if SANITIZE else []
            if ext.name == "fastmlp._core":
                ext.extra_objects = objects
                ext.extra_link_args = ext.extra_link_args + link
            ext.libraries = [] if self.msvc else ["m"]
        super().build_extensions()

    def engine_jobs(self, isas, openmp):
        """List (source, flags) of every C file; only kernel files get flags of their ISA."""
        plain, kernel = (MSVC, MSVC) if self.msvc else (PORTABLE, PORTABLE + KERNEL)
        jobs = [(f"csrc/kernels/isa_{n}.c", kernel + ISA[n][self.msvc]) for n in isas]
        jobs += [(path, plain + openmp) for path in files("csrc/core/*.c")]
        jobs += [(path, plain) for path in files("csrc/cpu/*.c")]
        return [(path, flags + (SANITIZER if SANITIZE else [])) for path, flags in jobs]

    def compile_engine(self, jobs, macros, folder):
        """Compile what is out of date; every header counts for every object."""
        common = {"output_dir": folder, "macros": macros, "include_dirs": INCLUDE_DIRS}

        def compile_one(job):
            source, flags = job
            (target,) = self.compiler.object_filenames([source], output_dir=folder)
            if self.force or newer_group([source, *HEADERS], target, "newer"):
                self.compiler.compile([source], extra_postargs=flags, **common)
            return target

        with ThreadPoolExecutor(self.parallel or min(4, os.cpu_count() or 1)) as pool:
            return list(pool.map(compile_one, jobs))

    def find_openmp(self):
        """Return compile flags, link flags and macros; all empty for a serial build."""
        flags, link = (["/openmp"], []) if self.msvc else (["-fopenmp"], ["-fopenmp"])
        if sys.platform == "darwin":
            flags, link = ["-Xpreprocessor", "-fopenmp"], ["-lomp"]
        if NO_OPENMP or not self.works(OPENMP_PROBE, flags, link):
            why = "FASTMLP_NO_OPENMP is set" if NO_OPENMP else "the compiler has no working OpenMP"
            if NEED_OPENMP:
                raise CompileError(f"FASTMLP_NEED_OPENMP is set, and {why}")
            print(f"fastmlp: building for ONE THREAD, {why}", file=sys.stderr)
            return [], [], []
        pause = self.works(OMP_PAUSE_PROBE, flags, link)
        return flags, link, [("FMLP_HAVE_OPENMP", "1")] + [("FMLP_HAVE_OMP_PAUSE", "1")] * pause

    def works(self, program, flags, link):
        """Compile a program, and run it if this machine can."""
        with tempfile.TemporaryDirectory() as tmp:
            source = Path(tmp, "probe.c")
            source.write_text(program)
            try:
                objects = self.compiler.compile([str(source)], tmp, extra_postargs=flags)
                self.compiler.link_executable(objects, "probe", tmp, extra_postargs=link)
                if target_machine() == platform.machine().lower():
                    binary = self.compiler.executable_filename("probe", output_dir=tmp)
                    subprocess.run([binary], check=True)
            except (CompileError, LinkError, subprocess.SubprocessError, OSError):
                return False
        return True


class SDist(sdist):
    """The same bytes for the same files: setuptools puts times and owners into the archive."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owner):
        when = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def plain(member):
            member.mtime, member.uid, member.gid, member.uname, member.gname = when, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        path = f"{base_name}.tar.gz"
        with (
            gzip.GzipFile(path, "wb", mtime=when) as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            tar.add(base_dir, filter=plain)
        return path


INCLUDE_DIRS = ["csrc/include", "csrc"]
HEADERS = files("csrc/**/*.h")
DEPENDS = [*HEADERS, *files("csrc/**/*.c"), *files("src/fastmlp/*.px[di]"), "setup.py"]

setup(
    ext_modules=[
        Extension(
            f"fastmlp.{name}",
            [f"src/fastmlp/{name}.pyx"],
            include_dirs=INCLUDE_DIRS,
            depends=list(DEPENDS),
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if ABI3 else [],
            py_limited_api=ABI3,
        )
        for name in ("_core", "_kernels")
    ],
    cmdclass={"build_ext": BuildExt, "sdist": SDist},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
