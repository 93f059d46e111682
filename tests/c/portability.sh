#!/bin/sh
# Usage: portability.sh [SAMPLES]
# The C of csrc under every compiler that is installed, with warnings as errors and no GNU
# extensions; then the kernel tests where they can run: here, on emulated aarch64, under wine.
# Says what it left out. Run by `make portability`.
set -u
cd "$(dirname "$0")/../.."
samples=${1:-5000} build=build/portability failed=0
WARN="-std=c11 -O1 -pedantic -Wall -Wextra -Wconversion -Wvla -Werror -fsyntax-only -Icsrc/include -Icsrc"
V3="-mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mmovbe -mprfchw"
V4="$V3 -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl"
MATH="-std=c11 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -Icsrc/kernels"
mkdir -p "$build"

has() { command -v "$1" >/dev/null; }
left_out() { echo "left out: $1 (needs $2)"; }
check() { # NAME COMMAND...
    name=$1 && shift
    if "$@" >"$build/log" 2>&1; then echo "ok        $name"; else
        echo "FAILED    $name" && tail -20 "$build/log" && failed=1
    fi
}

compile() { # "x86" or "arm", COMPILER...: every file of csrc, with OpenMP and without
    case $1 in x86) isas=-DFMLP_HAVE_X86_V3\ -DFMLP_HAVE_X86_V4 ;; *) isas=-DFMLP_HAVE_NEON ;; esac
    arch=$1 && shift
    for file in csrc/core/*.c csrc/cpu/*.c csrc/kernels/isa_generic.c; do
        "$@" $WARN $isas "$file" || return
        "$@" $WARN $isas -fopenmp -DFMLP_HAVE_OPENMP -DFMLP_HAVE_OMP_PAUSE "$file" || return
    done
    case $arch in
    x86) "$@" $WARN $V3 csrc/kernels/isa_x86_v3.c && "$@" $WARN $V4 csrc/kernels/isa_x86_v4.c ;;
    *) "$@" $WARN csrc/kernels/isa_neon.c ;;
    esac
}

case $(uname -m) in x86_64) here=x86 ;; *) here=arm ;; esac
for cc in gcc clang; do
    if has $cc; then check "$cc compiles csrc" compile $here $cc; else left_out "$cc" $cc; fi
done
if has x86_64-w64-mingw32-gcc; then
    check "mingw-w64 compiles csrc for Windows" compile x86 x86_64-w64-mingw32-gcc
    for isa in generic x86_v3; do
        case $isa in generic) flags= ;; *) flags=$V3 ;; esac
        check "mingw-w64 links the kernel tests, $isa" x86_64-w64-mingw32-gcc $MATH $flags \
            -DFMLP_TEST_ISA=$isa -D__USE_MINGW_ANSI_STDIO=1 -static tests/c/run_kernels.c \
            -o "$build/$isa.exe" -lm
        if has wine; then
            check "the kernel tests on Windows (wine), $isa" env WINEDEBUG=-all \
                WINEPREFIX="$PWD/$build/wine" wine "$build/$isa.exe" "$samples"
        else left_out "kernel tests on Windows" wine; fi
    done
else left_out "the Windows build" gcc-mingw-w64-x86-64; fi
if has aarch64-linux-gnu-gcc; then
    check "aarch64 gcc compiles csrc" compile arm aarch64-linux-gnu-gcc
    if has qemu-aarch64; then
        check "the kernel tests on NEON (qemu)" make -s -C tests/c "BUILD=../../$build" \
            NEON_SAMPLES="$samples" run-neon
    else left_out "kernel tests on NEON" qemu-user; fi
else left_out "the aarch64 build" "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"; fi
check "the kernel tests here, plain C" make -s -C tests/c "BUILD=../../$build" SAMPLES="$samples" run-scalar
exit $failed
