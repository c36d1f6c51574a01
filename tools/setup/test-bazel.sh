#!/usr/bin/env bash
# test-bazel.sh [--quick|--all] : installs Debian's Bazel, builds everything with it, without a network, and runs the suites.
# The last line is "N passed, N failed".
#
#   tools/setup/test-bazel.sh           the suites that need no database, and some of each kind that do
#   tools/setup/test-bazel.sh --quick   only those that need none
#   tools/setup/test-bazel.sh --all     every suite, as make test does
#
# EVENTSTORE_BAZEL_ROOT: where Bazel keeps what it makes, instead of ~/.cache/bazel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

# What is tried with a database unless --all is given: cases on a PostgreSQL of their own, the server from Python on both
# engines, the programs beside it.
some=(//tests:migrator_test //tests:session_test //tests:e2e_append_test //tests:e2e_append_test_native //tests:e2e_eventctl_tail_test)

mode=${1:-some}
case $mode in
  some | --quick | --all) ;;
  -h | --help)
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *) fail "there is no $mode: --quick, --all, or nothing" ;;
esac

# Tests bring a PostgreSQL of their own; a database of yours must not be touched by them.
unset DATABASE_URL EVENTSTORE_DATABASE_URL

bazel=(bazel)
[ -z "${EVENTSTORE_BAZEL_ROOT:-}" ] || bazel+=(--output_user_root="$EVENTSTORE_BAZEL_ROOT")

# bazel_tests NAME ARGUMENT... : a run of tests, and what came of it. Outcomes of tests are told by the sum.
results=build/bazel-results
bazel_tests() {
  local name=$1 code=0
  shift
  "${bazel[@]}" test --keep_going --jobs="$(build_jobs)" --local_test_jobs="${EVENTSTORE_TEST_JOBS:-$(nproc)}" \
    --build_event_json_file="$results/$name.json" "$@" >"$results/$name.log" 2>&1 || code=$?
  # 3: some tests failed. 4: no tests were found, which the sum counts as a failure.
  case $code in
    0 | 3 | 4) ;;
    *)
      tail -n 40 "$results/$name.log" >&2
      fail "bazel test ended with $code; the whole of it is in $results/$name.log"
      ;;
  esac
}

STEPS=5
step packages tools/setup/install-packages.sh --check run build test bazel -- tools/setup/install-packages.sh run build test bazel
if [ "$mode" = --quick ]; then
  skip PostgreSQL "--quick: suites that start one are built and not run"
else
  step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
fi
if [ "$mode" = --all ]; then
  step Prometheus tools/setup/prometheus.sh --check -- tools/setup/prometheus.sh
else
  skip Prometheus "needed with --all alone; without it the alert rules and e2e_prometheus_test are skipped where it is not there"
fi
rm -rf "$results"
mkdir -p "$results"
step build -- "${bazel[@]}" build --jobs="$(build_jobs)" //...
case $mode in
  --all) step tests -- bazel_tests tests //... ;;
  --quick) step tests -- bazel_tests tests --test_tag_filters=-database --build_tests_only //... ;;
  *)
    # Both in one run, and a tag filter is about all: so the others are asked for by name.
    mapfile -t without < <("${bazel[@]}" query 'tests(//...) except attr(tags, "\bdatabase\b", tests(//...))' 2>/dev/null)
    [ "${#without[@]}" -gt 0 ] || fail "bazel query found no suite without a database"
    step tests -- bazel_tests tests "${without[@]}" "${some[@]}"
    ;;
esac
[ "$mode" = --all ] || say "Not run with Bazel here: the other suites with a database (ARGS=--all). make test runs the same programs' sources."
exec bazel/sum_tests.py "$results/tests.json" "$results/tests"
