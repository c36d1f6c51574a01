#!/usr/bin/env bash
# run.sh bench|growth [ARGUMENT...] : installs what is missing, builds, and measures; see tools/bench/bench.py --help, growth.py --help.
# DATABASE_URL is not used: everything runs on a PostgreSQL of its own below build/bench/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

case ${1:-} in
  bench | growth) what=$1 ;;
  *) fail "say what: run.sh bench, or run.sh growth" ;;
esac
shift

unset DATABASE_URL EVENTSTORE_DATABASE_URL
STEPS=4
step packages tools/setup/install-packages.sh --check run build bench -- tools/setup/install-packages.sh run build bench
step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
step configure is_configured without-tests -- configure without-tests
step build -- build eventstored eventctl eventbench umadb_load
exec /usr/bin/python3 -B "tools/bench/$what.py" "$@"
