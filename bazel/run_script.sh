#!/usr/bin/env bash
# Runs a test program of the tree within a Bazel test. An exit code of 77 says that it was skipped, and its last line why;
# Bazel has no third outcome and calls that passed.
set -uo pipefail
program=$(readlink -f "$1")
shift
cd "$(dirname "$program")" || exit 1
"$program" "$@"
code=$?
[ $code -eq 77 ] && exit 0
exit $code
