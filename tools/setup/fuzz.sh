#!/usr/bin/env bash
# Runs the libFuzzer targets of build-fuzz/ and says what each has found. Build them first: tests/fuzz/README.md.
# usage: tools/setup/fuzz.sh [--seconds N] [--jobs N] [TARGET...]
#   tools/setup/fuzz.sh --seconds 600          every target, ten minutes each
#   tools/setup/fuzz.sh --seconds 60 jwt token
# Inputs that open new paths are kept in build-fuzz/found/TARGET, findings in build-fuzz/findings. Exit code 1: there were some.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
seconds=60
jobs=1
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
    -*) echo "fuzz.sh: there is no option $1; see --help" >&2; exit 2 ;;
    *) targets+=("$1"); shift ;;
  esac
done
programs=build-fuzz/fuzz-bin
if [ ! -d "$programs" ]; then
  echo "fuzz.sh: $programs is not there; build it first: cmake --preset fuzz && cmake --build --preset fuzz" >&2
  exit 2
fi
if [ ${#targets[@]} -eq 0 ]; then
  for program in "$programs"/fuzz_*; do targets+=("${program##*/fuzz_}"); done
fi
mkdir -p build-fuzz/findings

run_one() {
  local target=$1 corpus=tests/fuzz/corpus/$1 found=build-fuzz/found/$1 log=build-fuzz/findings/$1.log
  # Requests are kept as text; the build encodes them.
  if [ -d "build-fuzz/tests/fuzz/corpus/$target" ]; then corpus=build-fuzz/tests/fuzz/corpus/$target; fi
  local options=(-max_total_time="$seconds" -artifact_prefix="build-fuzz/findings/$target-" -print_final_stats=1)
  case $target in
    erasure | json_object | mapping) options+=(-dict=tests/fuzz/json.dict) ;;
  esac
  mkdir -p "$found"
  local outcome="no finding"
  "$programs/fuzz_$target" "${options[@]}" "$found" "$corpus" >"$log" 2>&1 || outcome="FINDING: see $log"
  printf '%-14s %6s s  %12s runs  %s\n' "$target" "$seconds" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$outcome"
  [ "$outcome" = "no finding" ]
}
export -f run_one
export programs seconds

echo "${#targets[@]} targets, $seconds s each, $jobs at once: about $((${#targets[@]} * (seconds + 2) / jobs / 60 + 1)) minutes"
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I '{}' bash -c 'run_one {}'
