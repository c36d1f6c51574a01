#!/usr/bin/env bash
# test-sanitizer.sh asan|tsan [ARGUMENT OF ctest...] : as test.sh, with a build of its own (build-asan/, build-tsan/) in which a
# sanitizer watches the server, the client and the tests. A report of any process counts as one that failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

preset=${1:-}
case $preset in
  asan | tsan) shift ;;
  *) fail "say which: asan or tsan" ;;
esac

# Tests bring a PostgreSQL of their own; a database of yours must not be touched by them.
unset DATABASE_URL EVENTSTORE_DATABASE_URL

STEPS=5
step packages tools/setup/install-packages.sh --check run build test -- tools/setup/install-packages.sh run build test
step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
step Prometheus tools/setup/prometheus.sh --check -- tools/setup/prometheus.sh
step configure [ -f "build-$preset/build.ninja" ] -- configure_preset "$preset"
step build -- ninja -C "build-$preset" -j "$(build_jobs)"
exec tools/setup/run-tests.sh "build-$preset" "$@"
