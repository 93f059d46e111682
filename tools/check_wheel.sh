#!/bin/sh
# Usage: check_wheel.sh [FOLDER]     the interpreter is $PYTHON, python3 by default
# Builds sdist and wheel from two clean clones of HEAD in folders of different names, repairs the
# wheels, and checks them: equal bytes, manylinux, the stable ABI, metadata, size, files of the
# sdist. What it made is left in FOLDER (build/wheel). Needs Linux, gcc and git.
set -eu
cd "$(dirname "$0")/.."
root=$PWD work=${1:-$PWD/build/wheel} limit=1500000
rm -rf "$work"
mkdir -p "$work"

echo "== tools: the dependency group 'wheel'"
"${PYTHON:-python3}" -m venv "$work/tools"
PATH=$work/tools/bin:$PATH
python -m pip install -q --disable-pip-version-check "pip>=25.1"
python -m pip install -q --disable-pip-version-check --group "$root/pyproject.toml:wheel"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

validate-pyproject pyproject.toml
for clone in "$work/one" "$work/folder of another name"; do
    echo "== a clone in $clone"
    git clone -q "$root" "$clone"
    (
        cd "$clone"
        python -m build >build.log 2>&1 || { tail -30 build.log; exit 1; }
        grep ': warning:' build.log && exit 1
        auditwheel repair -w repaired dist/*.whl >repair.log 2>&1 || { tail repair.log; exit 1; }
        (cd dist && sha256sum ./*) >sums
        (cd repaired && sha256sum ./*) >>sums
    )
done

cmp "$work/one/sums" "$work/folder of another name/sums"
echo "== the same bytes from both clones"
cat "$work/one/sums"

cd "$work/one"
check-sdist >sdist.log 2>&1 || { tail sdist.log; exit 1; }
twine check --strict dist/*.tar.gz repaired/*.whl
case $(echo repaired/*.whl) in
*abi3*) abi3audit --strict --report repaired/*.whl >abi3.json && echo "abi3audit: the stable ABI only" ;;
esac
size=$(wc -c <"$(echo repaired/*.whl)")
[ "$size" -le "$limit" ]
echo "== all is well: $(basename repaired/*.whl), $size bytes"
