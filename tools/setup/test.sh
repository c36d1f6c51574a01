#!/usr/bin/env bash
# test.sh [ARGUMENT OF run-tests.sh...] : installs, builds everything and runs every suite. The last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

# Tests bring a PostgreSQL of their own; a database of yours must not be touched by them.
unset DATABASE_URL EVENTSTORE_DATABASE_URL

STEPS=5
step packages tools/setup/install-packages.sh --check run build test -- tools/setup/install-packages.sh run build test
step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
step Prometheus tools/setup/prometheus.sh --check -- tools/setup/prometheus.sh
step configure is_configured with-tests -- configure with-tests
step build -- build
exec tools/setup/run-tests.sh "$@"
