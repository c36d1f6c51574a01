#!/usr/bin/env bash
# Runs a suite of tests/e2e within a Bazel test: with the folders that the harness knows from CMake. An exit code of 77 says
# that all of it was skipped, and the log why; Bazel has no third outcome and calls that passed.
set -uo pipefail
here=$PWD
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
chmod 755 "$build"
mkdir "$build/bin"
ln -s "$here/server/eventstored" "$here/tools/eventctl" "$here/tools/eventbench" "$build/bin/"
export EVENTSTORED_BINARY=$build/bin/eventstored EVENTSTORE_E2E_BUILD=$build
export EVENTSTORE_E2E_PROTOS=$here/proto/python EVENTSTORE_E2E_SANITIZER=
# Suites read the tree's own files (docs, migrations): from where the runfiles' links lead.
cd "$(dirname "$(readlink -f tests/e2e/harness/__main__.py)")/.." || exit 1
# A PostgreSQL that runs as another account cannot enter Bazel's own temporary folder.
export TMPDIR=/tmp
/usr/bin/python3 -B -m harness "$1" "${XML_OUTPUT_FILE:-$build/result.xml}"
code=$?
[ $code -eq 77 ] && exit 0
exit $code
