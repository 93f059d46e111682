"""The rules of the house that a text search can check: who may know whom, and what nobody does."""

import ast
import graphlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "src" / "fastmlp"

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="no sources to look at here")


def read(path):
    return path.read_text(encoding="utf-8")


def c_files(folder=""):
    files = sorted(p for p in (CSRC / folder).rglob("*") if p.suffix in (".c", ".h"))
    assert files
    return files


def without_comments(text):
    """Drop C comments, keep strings and line numbers."""

    def blank(match):
        found = match.group()
        return found if found[0] == '"' else "\n" * found.count("\n")

    return re.sub(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', blank, text, flags=re.DOTALL)


def code(path):
    return without_comments(read(path))


def find(pattern, files, flags=0):
    """List path:line of every match outside comments."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(code(path).splitlines(), 1)
        if re.search(pattern, line, flags)
    ]


def includes(path):
    """Files of the tree that a C file includes, relative to csrc."""
    names = re.findall(r'^\s*#\s*include\s+"([^"]+)"', code(path), re.MULTILINE)
    found = {(path.parent / name).resolve() for name in names}
    assert all(p.is_file() for p in found), f"{path}: write includes relative to the file"
    return {p.relative_to(CSRC).as_posix() for p in found}


# --------------------------------------------------------------------------- who knows whom, in C

KERNEL_INTERFACE = {
    "kernels/kernels.h", "kernels/activations.h", "kernels/math_ops.h", "kernels/compiler.h",
}  # fmt: skip


def test_kernels_know_only_kernels():
    for path in c_files("kernels"):
        outside = {name for name in includes(path) if not name.startswith("kernels/")}
        assert outside <= {"include/fmlp.h"}, path.name


def test_simd_headers_know_nothing():
    for path in (CSRC / "kernels").glob("simd_*.h"):
        assert includes(path) <= {"kernels/compiler.h"}, path.name


def test_only_isa_files_choose_a_simd_header():
    for path in c_files():
        if not path.name.startswith("isa_"):
            assert not [name for name in includes(path) if "/simd_" in name], path.name


def test_templates_are_included_by_kernels_only():
    for path in c_files():
        if path.parent.name != "kernels":
            assert not [name for name in includes(path) if name.endswith(".inc.h")], path.name


def test_feature_detection_stands_alone():
    assert includes(CSRC / "cpu/features.h") == set()
    assert includes(CSRC / "cpu/features.c") == {"cpu/features.h"}


def test_dispatch_joins_kernels_and_features():
    allowed = KERNEL_INTERFACE | {"cpu/features.h", "cpu/dispatch.h", "include/fmlp.h"}
    assert includes(CSRC / "cpu/dispatch.c") | includes(CSRC / "cpu/dispatch.h") <= allowed


def test_core_knows_interfaces_only():
    allowed = KERNEL_INTERFACE | {"cpu/dispatch.h", "include/fmlp.h"}
    for path in c_files("core"):
        outside = {name for name in includes(path) if not name.startswith("core/")}
        assert outside <= allowed, path.name


def test_core_names_no_isa():
    pattern = r"x86_v\d|\bneon\b|\bavx|FMLP_HAVE_(X86|NEON|GENERIC)"
    assert not find(pattern, c_files("core"), re.IGNORECASE)


def test_public_header_knows_nothing():
    assert includes(CSRC / "include/fmlp.h") == set()


# -------------------------------------------------------------------------- what C code never does


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("allocate", r"\b(malloc|calloc|realloc|aligned_alloc|posix_memalign|alloca|free)\s*\("),
        ("print", r"\b(v?f?printf|puts|putchar|fputs|perror|fwrite)\s*\("),
        ("end the process", r"\b(exit|_exit|abort|assert|raise|longjmp)\s*\("),
        ("read the environment", r"\b(secure_)?getenv\s*\("),
        ("draw random numbers", r"\b(rand|srand|random|drand48|rand_r|arc4random)\s*\("),
        ("know Python or NumPy", r"Python\.h|numpy/|\bPy_\w+|\bPyObject\b"),
        ("keep thread-local variables", r"\b(_Thread_local|__thread|thread_local)\b"),
    ],
)
def test_csrc_does_not(what, pattern):
    assert not find(pattern, c_files()), f"csrc must not {what}"


def test_openmp_only_in_threads_c():
    files = [path for path in c_files() if path != CSRC / "core/threads.c"]
    assert not find(r"#\s*pragma\s+omp|\bomp_\w+\s*\(|omp\.h", files)


def test_every_parallel_region_says_how_many_threads():
    for line in find(r"#\s*pragma\s+omp\s.*\bparallel\b", c_files()):
        assert "num_threads(" in line


def test_functions_in_headers_are_static():
    """An extern copy compiled for AVX-512 could be the one that an old machine runs."""
    body = r"^(?!static\b|FMLP_(NO)?INLINE\b|(struct|union|enum)\b)[a-zA-Z][\w *]*\([^;{}]*\)\s*\{"
    for path in c_files():
        if path.suffix == ".h":
            assert not re.findall(rf"{body}|\bextern\s+inline\b", code(path), re.MULTILINE), path


def test_headers_have_guards():
    for path in c_files():
        templates = path.name.endswith(".inc.h") or path.name.startswith("template_")
        if path.suffix == ".h" and not templates:
            assert re.search(r"^#ifndef (FMLP_\w+)\n#define \1\n", read(path), re.MULTILINE), path


# -------------------------------------------------------------------------------------- the build


def isa_table():
    """Read the ISA table of setup.py without running it."""
    constants = {}
    for node in ast.parse(read(ROOT / "setup.py")).body:
        wanted = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if wanted and node.targets[0].id in {"V3", "V4", "ISA"}:
            source = compile(ast.Expression(node.value), "setup.py", "eval")
            constants[node.targets[0].id] = eval(source, {}, dict(constants))
    return constants["ISA"]


def test_isa_table_matches_the_kernel_files():
    names = {path.stem.removeprefix("isa_") for path in (CSRC / "kernels").glob("isa_*.c")}
    assert set(isa_table()) == names
    for name in names:
        assert f'"{name}"' in read(CSRC / f"kernels/isa_{name}.c")


def test_engine_knows_the_isa_table():
    from fastmlp import _core

    built = _core.build_info()["isas_built"]
    assert set(built) <= set(isa_table())
    assert set(_core.available_isas()) <= set(built)
    assert [name for name in isa_table() if name in built] == built, "worst first, in both"


def test_detection_tests_every_flag_compiled_with():
    detection = re.sub(r"[^a-z0-9]", "", read(CSRC / "cpu/features.h").lower())
    hints = {"prfchw"}  # does nothing where it is missing; Windows 8.1 relies on that
    for gcc_flags, _, _ in isa_table().values():
        for flag in gcc_flags:
            feature = flag.removeprefix("-m")
            if not feature.startswith("prefer") and feature not in hints:
                assert feature.replace("avx512", "") in detection, flag


def test_c_runner_has_the_flags_of_the_isa_table():
    makefile = read(ROOT / "tests/c/Makefile")
    for gcc_flags, _, _ in isa_table().values():
        for flag in gcc_flags:
            assert flag.startswith("-mprefer") or flag in makefile, flag


def build_files():
    files = [ROOT / "setup.py", ROOT / "Makefile", ROOT / ".ci/run", ROOT / "pyproject.toml"]
    return [*files, *ROOT.glob("tests/c/Makefile")]


@pytest.mark.parametrize("path", build_files(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_forbidden_flags(path):
    forbidden = "march=native mcpu=native mtune=native ffast-math Ofast unsafe-math-optimizations"
    for flag in forbidden.split():
        assert flag not in read(path)


def test_nobody_touches_the_process_environment():
    for path in [path for kind in ("py", "pyx", "pxi") for path in PACKAGE.glob(f"*.{kind}")]:
        text = read(path)
        assert "KMP_DUPLICATE_LIB_OK" not in text
        assert not re.search(r"os\.(putenv|unsetenv)|environ(\[[^]]*\]\s*=|\.update|\.setd)", text)


def test_build_requirements_are_written_twice_alike():
    config = tomllib.loads(read(ROOT / "pyproject.toml"))
    assert config["dependency-groups"]["build"] == config["build-system"]["requires"]


# ------------------------------------------------------------------------------- Cython and Python


@pytest.mark.parametrize("name", ["_core", "_kernels"])
def test_cython_modules_keep_to_their_headers(name):
    allowed = {"Python.h", "fmlp.h", "include/fmlp.h", "cpu/dispatch.h"}
    if name == "_kernels":
        allowed = {"include/fmlp.h", "kernels/kernels.h"}
    for path in PACKAGE.glob(f"{name}*.p*x*"):
        text = read(path)
        assert set(re.findall(r'cdef extern from "([^"]+)"', text)) <= allowed
        assert "cimport numpy" not in text, "memoryviews and buffers only: abi3"
        assert not re.search(r"#\s*cython:", text), "directives live in setup.py"


def imports(path):
    """Modules of the package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fastmlp"):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("fastmlp")}
    return found


def test_python_imports():
    graph = {path.stem: imports(path) for path in PACKAGE.glob("*.py")}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises if there is a cycle
    for name, imported in graph.items():
        assert not [m for m in imported if m.startswith("fastmlp")], f"{name}: import relatively"
        assert "_kernels" not in imported, f"{name}: _kernels is for tests and benchmarks"
        if name != "__init__":
            assert not imported & {"_classifier", "_regressor", "_show"}, name
        if name not in {"__init__", "_classifier", "_labelled", "_regressor"}:
            assert "_base" not in imported, name


def test_version_is_in_one_place():
    version = re.search(r'__version__ = "(.+)"', read(PACKAGE / "_version.py")).group(1)
    for path in [ROOT / "setup.py", ROOT / "pyproject.toml", *PACKAGE.glob("*.py*")]:
        assert path.name == "_version.py" or version not in read(path)
