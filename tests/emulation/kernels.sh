#!/bin/sh
# The kernel tests of all levels on an emulated processor with AVX-512 and AMX:  sh tests/emulation/kernels.sh [SEED [CASES]]
# Builds them static and without a BLAS, and runs `check` and then `blocks` under bochs.sh, which see for what it needs and how long
# it takes. 77: skipped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
common="-std=gnu11 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -D_POSIX_C_SOURCE=200809L -DNST_BUILDING
    -I$work -I$root/lib -I$root/include -I$root/tests/kernels"
avx512="-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma"

printf '#define NST_HAVE_CBLAS 0\n#define NST_HAVE_X86 1\n#define NST_HAVE_AMX 1\n' >"$work/build_features.h"
for source in "$root"/lib/kernels/x86/*.c; do
    case $source in
        *_avx2.c) flags="-mavx2 -mfma" ;;
        *_avx512.c) flags=$avx512 ;;
        *) flags="$avx512 -mavx512bf16 -mamx-tile -mamx-bf16" ;;
    esac
    # shellcheck disable=SC2086
    cc $common $flags -c -o "$work/$(basename "$source" .c).o" "$source"
done
for test in check blocks; do
    # shellcheck disable=SC2086
    cc $common -static -o "$work/$test" "$root/tests/kernels/$test.c" "$root/tests/kernels/ops.c" "$root/tests/kernels/cases.c" \
        "$work"/*.o "$root"/lib/kernels/reference_*.c "$root/lib/kernels/table.c" "$root/lib/base/cpu.c" -lm
done
sh "$here/bochs.sh" "$work/check" "${1:-1}" "${2:-4}"
sh "$here/bochs.sh" "$work/blocks" few
