#!/bin/sh
# Usage: macos-libomp.sh FOLDER
# Unpacks LLVM's OpenMP runtime and its header into FOLDER, for wheels: conda-forge's build of 11.1,
# the one that scikit-learn's wheels carry, which runs on every macOS those support.
set -eu

case $(uname -m) in
arm64)
    name=osx-arm64/llvm-openmp-11.1.0-hf3c4609_1.tar.bz2
    sha256=29763e493e46801c416f2e75f20e9183719bde3b727d8983b1917a480b4076fe
    ;;
x86_64)
    name=osx-64/llvm-openmp-11.1.0-hda6cdc1_1.tar.bz2
    sha256=1ebfeee2af90bcedf6b39c7290244e2aec0bda01ecf81b0d8d78ed405480c21c
    ;;
*) echo "no libomp for $(uname -m)" >&2 && exit 1 ;;
esac

mkdir -p "$1"
cd "$1"
curl -fsSL -o libomp.tar.bz2 "https://anaconda.org/conda-forge/llvm-openmp/11.1.0/download/$name"
echo "$sha256  libomp.tar.bz2" | shasum -a 256 -c -
tar xjf libomp.tar.bz2
# Found at build, at test and by delocate without a search path; arm64 wants the signature renewed.
install_name_tool -id "$PWD/lib/libomp.dylib" lib/libomp.dylib
codesign --force --sign - lib/libomp.dylib
