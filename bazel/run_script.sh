#!/usr/bin/env bash
# run_script.sh NAME RUN_AS_TEST PROGRAM ARGUMENT... : runs a test program of the tree within a Bazel test, in its own folder of
# the tree. An exit code of 77 says that it was skipped, and its last line why: that is in the result file, since Bazel has no
# third outcome.
set -uo pipefail
name=$1
run_as_test=$(readlink -f "$2")
program=$(readlink -f "$3")
shift 3
cd "$(dirname "$program")" || exit 1
"$run_as_test" "$name" "${XML_OUTPUT_FILE:-/dev/null}" "$program" "$@"
code=$?
[ $code -eq 77 ] && exit 0
exit $code
