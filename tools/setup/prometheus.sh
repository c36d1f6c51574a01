#!/usr/bin/env bash
# prometheus.sh [--check] [--print] : makes Debian's prometheus and promtool available to the tests, in a cache folder.
#
# The package would add an account and start a daemon on port 9090 of whoever runs the tests, which nobody asked for. So it
# is fetched by apt, which checks its signature, and unpacked; nothing is installed and root is not needed. Both are
# programs without libraries of their own. --check changes nothing and succeeds when there is nothing to do; --print
# prints the folder of the two programs.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/setup/common.sh
. "$here/common.sh"

if [ "$(id -u)" -eq 0 ]; then
  cache=/var/cache/eventstore
else
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/eventstore
fi
readonly prefix=$cache/prometheus

found() { [ -x "$prefix/prometheus" ] && [ -x "$prefix/promtool" ]; }

has_package() {
  local candidate
  candidate=$(apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ { print $2 }')
  [ -n "$candidate" ] && [ "$candidate" != "(none)" ]
}

unpack() {
  local -a packages=(prometheus)
  local deb
  mkdir -p "$cache"
  exec 9>"$cache/prometheus.lock"
  flock 9
  if found; then return 0; fi
  umask 022
  work=$(mktemp -d "$cache/prometheus.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if ! has_package prometheus; then retry apt_get -q update >/dev/null || true; fi
  # From Debian 13 on a package of its own.
  if has_package promtool; then packages+=(promtool); fi
  say "  downloading ${packages[*]}"
  # As root apt would hand the download to an account that cannot write here.
  (cd "$work" && retry apt-get -qq -o APT::Sandbox::User= -o Acquire::Retries=3 download "${packages[@]}") ||
    fail "the packages ${packages[*]} could not be downloaded"
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$work/tree"; done
  rm -rf "$prefix"
  mv "$work/tree/usr/bin" "$prefix"
  "$prefix/prometheus" --version >/dev/null 2>&1 || fail "the unpacked prometheus does not run on this machine"
}

if [ "${1:-}" = --print ]; then
  found || exit 1
  echo "$prefix"
  exit 0
fi
if found; then exit 0; fi
[ "${1:-}" != --check ] || exit 1
command -v apt-get >/dev/null || fail "this is no Debian (no apt-get): put prometheus and promtool into $prefix"
unpack
found || fail "there is still no prometheus in $prefix"
