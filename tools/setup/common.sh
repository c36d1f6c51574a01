# shellcheck shell=bash
# What the set-up scripts share. To be sourced.

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

seconds_now() { printf '%s' "${EPOCHREALTIME/,/.}"; }
seconds_since() { awk -v a="$1" -v b="$(seconds_now)" 'BEGIN { printf "%.1f", b - a }'; }

# The commands after "--" that make this step done, and before it a quick check that says whether there is anything to do.
#   step NAME CHECK... -- COMMAND...
STEP=0
STEPS=${STEPS:-0}
step() {
  local name=$1 began head
  shift
  local -a check=()
  while [ "$1" != -- ]; do
    check+=("$1")
    shift
  done
  shift
  STEP=$((STEP + 1))
  began=$(seconds_now)
  head="[$STEP/$STEPS] $name ..."
  printf '%s' "$head"
  if [ "${#check[@]}" -gt 0 ] && "${check[@]}" >/dev/null 2>&1; then
    printf ' ok %s s\n' "$(seconds_since "$began")"
    return
  fi
  printf '\n'
  "$@" || fail "step $STEP of $STEPS ($name) failed, see above"
  printf '%s ok %s s\n' "$head" "$(seconds_since "$began")"
}

# A step that is left out, and why.
skip() {
  STEP=$((STEP + 1))
  say "[$STEP/$STEPS] $1 ... skipped: $2"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    fail "this needs root, and there is no sudo: run as root: $*"
  fi
}

# Mirrors have bad moments: three tries, with a pause that grows.
retry() {
  local try
  for try in 1 2 3; do
    if "$@"; then return 0; fi
    [ "$try" -eq 3 ] || say "  that failed; trying again in $((try * 5)) s"
    [ "$try" -eq 3 ] || sleep $((try * 5))
  done
  return 1
}

# apt-get, as root, never asking, in the language that apt_progress reads, waiting for another apt to finish.
apt_get() {
  as_root env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# apt's long talk as a few lines: what is being done to how many of how many packages. Everything goes to the file $1.
apt_progress() {
  awk -v log_file="$1" '
    { print > log_file }
    / upgraded, .* newly installed/ { total = $1 + $3 }
    /^Get:/ { ++got; if (got % 25 == 0) printf "  downloaded %d files\n", got }
    /^Unpacking / { ++unpacked; if (unpacked % 25 == 0) printf "  unpacked %d of %d packages\n", unpacked, total }
    /^Setting up / { ++ready; if (ready % 25 == 0 || ready == total) printf "  set up %d of %d packages\n", ready, total }
    { fflush() }'
}

# The packages named, with apt's words shown only when it fails.
apt_install() {
  local log
  log=$(mktemp)
  if ! apt_get -y --no-install-recommends install "$@" 2>&1 | apt_progress "$log"; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

is_installed() {
  local count
  # shellcheck disable=SC2016  # the dollar is dpkg-query's
  count=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | grep -c '^installed ' || true)
  [ "$count" -ge "$#" ]
}
