#!/bin/sh
# Usage: test_wheel.sh WHEEL PYTHON...
# For each interpreter: a fresh environment with the wheel and the group 'test-minimal', from wheels
# only, and the tests in it, away from the sources and with nothing but the environment on the path
# (no compiler). Where there is no GIL to begin with, it stays away (PYTHON_GIL=0), and each test that
# can runs in four threads at once besides.
# JOBS: processes (2); TESTS: what of the tests (tests).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd) wheel=$(realpath "$1")
shift

for python in "$@"; do
    work=$(mktemp -d)
    "$python" -m venv "$work/env"
    bin=$work/env/bin
    free=$("$bin/python" -c 'import sysconfig; print(int(bool(sysconfig.get_config_var("Py_GIL_DISABLED"))))')
    group=test-minimal && [ "$free" = 0 ] || group=test-parallel
    "$bin/python" -m pip install -q --disable-pip-version-check "pip>=25.1"
    "$bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: "$wheel" \
        --group "$root/pyproject.toml:$group"
    cp -r "$root/tests" "$root/pyproject.toml" "$work"
    ln -s "$(command -v cat)" "$bin" # joblib reads /proc with it
    cd "$work"
    gil=PYTHON_GIL=0 && [ "$free" = 1 ] || gil=GIL=always # a build with a GIL refuses the former
    clean() { env -i PATH="$bin" HOME="$work" "$gil" python "$@"; }
    clean -VV
    clean -c 'import fastmlp; fastmlp.show_config()'
    # shellcheck disable=SC2086 # TESTS may be several
    clean -m pytest -q -n "${JOBS:-2}" -m "not slow" -p no:cacheprovider -r fE ${TESTS:-tests}
    # shellcheck disable=SC2086
    [ "$free" = 0 ] || clean -m pytest -q -m "not slow" -p no:cacheprovider -r fE \
        -p no:xdist --parallel-threads=4 ${TESTS:-tests}
    cd / && rm -rf "$work"
done
