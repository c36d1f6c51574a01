#!/usr/bin/env bash
# install-packages.sh [--check] GROUP... : installs the Debian packages of these groups (see packages.txt) that are missing.
# Needs root or sudo only when something is missing. --check installs nothing and succeeds when nothing is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/setup/common.sh
. "$here/common.sh"

only_check=
if [ "${1:-}" = --check ]; then
  only_check=1
  shift
fi
[ $# -gt 0 ] || fail "name at least one group of packages.txt: run, build, test, lint; its head lists all"

wanted=()
for group in "$@"; do
  mapfile -t members < <(awk -v group="$group" '$1 == group { print $2 }' "$here/packages.txt")
  [ "${#members[@]}" -gt 0 ] || fail "packages.txt has no group $group"
  wanted+=("${members[@]}")
done

is_installed "${wanted[@]}" && exit 0
[ -z "$only_check" ] || exit 1
command -v apt-get >/dev/null || fail "this is no Debian (no apt-get): install yourself: ${wanted[*]}"

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
say "  installing ${#missing[@]} packages and what they need: ${missing[*]}"
retry apt_get -q update >/dev/null || say "  the package lists could not be refreshed; trying with those that are here"
retry apt_install "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
