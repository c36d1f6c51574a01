#!/usr/bin/env bash
# lint.sh [CHECK...] : format, shell, tidy, proto; all of them when none is named. Every check runs, the exit code is 1 when any failed.
# `tidy` compiles the whole tree once more and takes minutes; `proto` needs the npm registry and says so when it is not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

# Tracked files and new ones, without what git ignores.
files() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u; }

check_format() { files '*.cc' '*.h' | xargs -r clang-format-19 --dry-run --Werror; }

check_shell() {
  local -a scripts
  mapfile -t scripts < <(
    files '*.sh'
    files | xargs -r grep -lIE '^#!/(usr/bin/env bash|bin/bash|bin/sh)' --
  )
  mapfile -t scripts < <(printf '%s\n' "${scripts[@]}" | sort -u)
  shellcheck -x "${scripts[@]}"
}

check_tidy() {
  tools/setup/install-packages.sh run build test tidy
  is_configured with-tests || configure with-tests
  ninja -C build -j "$(build_jobs)"
  # Generated code is not ours to mend. The client of UmaDB needs stubs that only `make bench` makes.
  run-clang-tidy-19 -quiet -p build -j "$(build_jobs)" "^$PWD/(server|client|tools/event|tests)/"
}

run_check() {
  case $1 in
    format) check_format ;;
    shell) check_shell ;;
    tidy) check_tidy ;;
    proto) tools/ci/proto-check.sh ;;
    *) fail "there is no check $1: format, shell, tidy, proto" ;;
  esac
}

checks=("$@")
[ "${#checks[@]}" -gt 0 ] || checks=(format shell tidy proto)
tools/setup/install-packages.sh lint
failed=0
for check in "${checks[@]}"; do
  began=$(seconds_now)
  say "$check ..."
  # In a process of its own, where set -e holds although the outcome is asked for.
  set +e
  (
    set -e
    run_check "$check"
  )
  outcome=$?
  set -e
  if [ "$outcome" -eq 0 ]; then
    say "$check ... ok $(seconds_since "$began") s"
  else
    say "$check ... FAILED"
    failed=1
  fi
done
exit "$failed"
