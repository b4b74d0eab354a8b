#!/bin/sh
# The kernel tests on emulated processors that lack what this one has:  sh tests/emulation/qemu.sh BUILD_FOLDER
# Haswell (AVX2), Nehalem (SSE4.2) and AArch64, under qemu's user mode: each must choose the levels it can run and no other, and meet
# no instruction it does not know. qemu and the cross compiler are installed by apt where they are missing and we may; 77: skipped,
# with the reason. AVX-512 and AMX are bochs.sh's: qemu has neither.
set -eu
build=${1:?usage: qemu.sh BUILD_FOLDER}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0

have() {
    command -v "$1" >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && shift && apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1
}

# check_cpu MODEL HIGHEST_LEVEL: that level's table is the last of the floats'
check_cpu() {
    program=$build/tests/kernels/kernels_check_float
    [ -x "$program" ] || { echo "skipped: $program is not built"; return; }
    qemu-x86_64 -cpu "$1" "$program" 1 "${CASES:-8}" >"$work/out" 2>"$work/warnings" ||
        { cat "$work/out"; echo "FAILED on $1"; exit 1; }
    found=$(grep -v -e '^ ' -e '^seed' -e 'kernels checked' -e bf16 "$work/out" | tail -n 1)
    [ "$found" = "$2" ] || { cat "$work/out"; echo "FAILED: $1 chose $found, not $2"; exit 1; }
    echo "$1: $found, $(tail -n 1 "$work/out")"
    ran=$((ran + 1))
}

# The portable level alone, without the libraries of the rest: derivatives in double.
check_aarch64() {
    printf '#define NST_HAVE_CBLAS 0\n#define NST_HAVE_X86 0\n#define NST_HAVE_AMX 0\n' >"$work/build_features.h"
    aarch64-linux-gnu-gcc -std=c11 -O2 -static -Werror -Wall -Wextra -ffp-contract=off -D_POSIX_C_SOURCE=200809L -DNST_BUILDING \
        -DNST_REAL_DOUBLE -I"$work" -I"$root/lib" -I"$root/include" -o "$work/adjoint" "$root/tests/kernels/adjoint.c" \
        "$root/tests/kernels/ops.c" "$root/tests/kernels/cases.c" "$root"/lib/kernels/reference_*.c "$root/lib/kernels/table.c" \
        "$root/lib/base/cpu.c" -lm
    qemu-aarch64 "$work/adjoint" 1 "${CASES:-8}" >"$work/out" || { cat "$work/out"; echo "FAILED on AArch64"; exit 1; }
    echo "AArch64: adjoint, $(tail -n 1 "$work/out")"
    ran=$((ran + 1))
}

if [ "$(uname -m)" = x86_64 ] && have qemu-x86_64 qemu-user; then
    highest=$(sed -n 's/^#define NST_HAVE_X86 //p' "$build/build_features.h")
    below=reference
    grep -q '^#define NST_HAVE_CBLAS 1' "$build/build_features.h" && below=cblas
    if [ "$highest" = 1 ]; then check_cpu Haswell avx2; else check_cpu Haswell $below; fi
    check_cpu Nehalem $below
fi
if have qemu-aarch64 qemu-user && have aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross; then
    check_aarch64
fi
[ "$ran" -gt 0 ] || { echo "skipped: no qemu"; exit 77; }
