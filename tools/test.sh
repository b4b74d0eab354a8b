#!/bin/sh
# Builds everything with warnings as errors and runs all tests, then the suites that handle memory and foreign bytes once more
# under the address and undefined-behaviour sanitizers. Installs what is missing (Debian). Ends with one line of totals.
set -eu
cd "$(dirname "$0")/.."
. tools/dependencies.sh
install_missing "$build_needs
$test_needs"

sanitized_suites='--suite unit --suite api --suite fault --suite fuzz'
failed=0

# prepare FOLDER OPTION...: set up once, build.
prepare() {
    folder=$1
    shift
    [ -f "$folder/build.ninja" ] || meson setup "$folder" -Dwerror=true "$@"
    ninja -C "$folder"
}

# The number behind a heading of Meson's summary, 0 where the heading is missing.
count() {
    awk -v heading="$2:" 'index($0, heading) == 1 { n = $NF } END { print n + 0 }' "$1"
}

prepare build-test
meson test -C build-test --no-rebuild --print-errorlogs || failed=1
prepare build-asan -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false -Dtools=false -Dexamples=false
# shellcheck disable=SC2086 # a list of options
meson test -C build-asan --no-rebuild --timeout-multiplier 4 --print-errorlogs $sanitized_suites || failed=1

passed=0 broken=0 skipped=0
for log in build-test/meson-logs/testlog.txt build-asan/meson-logs/testlog.txt; do
    passed=$((passed + $(count $log 'Ok') + $(count $log 'Expected Fail')))
    broken=$((broken + $(count $log 'Fail') + $(count $log 'Unexpected Pass') + $(count $log 'Timeout')))
    skipped=$((skipped + $(count $log 'Skipped')))
done
echo "$passed passed, $broken failed, $skipped skipped"
[ $failed -eq 0 ] && [ $broken -eq 0 ] && [ $passed -gt 0 ]
