#!/usr/bin/env bash
# run_python_suite.sh SUITE : runs a suite of tests/e2e, or faults.NAME of tests/faults, within a Bazel test, with the folders
# that the harness knows from CMake. An exit code of 77 says that all of it was skipped: the result file says why, since Bazel
# has no third outcome.
set -uo pipefail
here=$PWD
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
chmod 755 "$build"
mkdir "$build/bin"
ln -s "$here/server/eventstored" "$here/tools/eventctl" "$here/tools/eventbench" "$here/client/account_balances" "$build/bin/"
export EVENTSTORED_BINARY=$build/bin/eventstored EVENTSTORE_E2E_BUILD=$build
export EVENTSTORE_E2E_PROTOS=$here/proto/python EVENTSTORE_E2E_SANITIZER=
# Suites read the tree's own files (docs, migrations): from where the runfiles' links lead.
e2e=$(dirname "$(dirname "$(readlink -f tests/e2e/harness/__main__.py)")")
case $1 in
  faults.*)
    export PYTHONPATH=$e2e
    cd "$e2e/.." || exit 1
    ;;
  *) cd "$e2e" || exit 1 ;;
esac
/usr/bin/python3 -B -m harness "$1" "${XML_OUTPUT_FILE:-$build/result.xml}"
code=$?
[ $code -eq 77 ] && exit 0
exit $code
