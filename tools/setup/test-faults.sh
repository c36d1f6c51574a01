#!/usr/bin/env bash
# test-faults.sh [ARGUMENT OF tests/faults...] : installs, builds the server, and runs random schedules of faults against it:
# see --help. The exit code is 0 when every promise was kept.
#
# EVENTSTORE_TEST_ENGINE=native: with that engine. EVENTSTORED_BINARY: another server than that of build/, with its eventctl beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

export PYTHONPATH=$PWD/tests/e2e:$PWD/tests
run() { exec /usr/bin/python3 -B -m faults "$@"; }
for argument in "$@"; do
  case $argument in -h | --help) run "$@" ;; esac
done

# Tests bring a PostgreSQL of their own; a database of yours must not be touched by them.
unset DATABASE_URL EVENTSTORE_DATABASE_URL

STEPS=4
step packages tools/setup/install-packages.sh --check run build test -- tools/setup/install-packages.sh run build test
step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
step configure is_configured with-tests -- configure with-tests
step build -- build eventstored eventctl e2e_messages
export EVENTSTORED_BINARY=${EVENTSTORED_BINARY:-$PWD/build/bin/eventstored}
export EVENTSTORE_E2E_PROTOS=$PWD/build/tests/e2e/messages
export EVENTSTORE_TEST_ENGINE=${EVENTSTORE_TEST_ENGINE:-timescaledb}
run "$@"
