#!/usr/bin/env bash
# run-tests.sh [BUILD_DIR] [ARGUMENT OF CTEST...] : runs every suite of a build (default build/) and sums them up.
#
#   tools/setup/run-tests.sh                      everything
#   tools/setup/run-tests.sh build -R verifier    the suites whose name has "verifier" in it
#
# Each suite leaves a file test-results/<its name>.xml (JUnit, as gtest writes it). A suite that leaves none, that ends badly
# or that holds no test counts as one that failed. The last line is "N passed, N failed", with ", N skipped" behind it
# when there are any; the exit code is 1 when something failed or nothing ran.
#
# In a build with sanitizers a report of any process counts as one that failed too.
#
# EVENTSTORE_TEST_JOBS: how many suites at a time, by default one for each processor.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

build=$here/../../build
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  build=$1
  shift
fi
if [ ! -f "$build/CTestTestfile.cmake" ]; then
  echo "error: $build is not a build with tests: run make test, or cmake -S . -B $build" >&2
  echo "0 passed, 1 failed"
  exit 1
fi
build=$(cd "$build" && pwd)
results=$build/test-results

# What a run before this one left must not count for this one.
rm -rf "$results"
mkdir -p "$results"

# Sanitizers end the program at the first finding. Their reports go to files, where sum-test-results.py counts them: a
# server that a test kills anyway must not take its report with it. CMakePresets.json has the same without the files.
tests=$(cd "$here/../../tests" && pwd)
report=log_path=$results/sanitizer:log_exe_name=1
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}:$report
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$tests/lsan.supp:print_suppressions=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}:$report
tsan=halt_on_error=1:second_deadlock_stack=1:suppressions=$tests/tsan.supp:print_suppressions=0
export TSAN_OPTIONS=${TSAN_OPTIONS:-$tsan}:$report

ctest --test-dir "$build" --show-only=json-v1 "$@" >"$results/suites.json"
ctest --test-dir "$build" --no-tests=error -j "${EVENTSTORE_TEST_JOBS:-$(nproc)}" \
  --output-junit "$results/ctest.junit" "$@" | grep --line-buffered -E '^( *[0-9]+/[0-9]+ |No tests)'

exec /usr/bin/env python3 "$here/sum-test-results.py" "$results"
