#!/usr/bin/env bash
# build-programs.sh FOLDER : what the image is made of: FOLDER/bin/ has the programs, FOLDER/packages the Debian packages of the
# libraries that they load. Run by the Dockerfile, where the packages of the group build are installed.
#   deploy/docker/build-programs.sh /tmp/out
set -euo pipefail
case "${1:-}" in
  '' | -*) sed -n '2,4s/^# //p' "$0"; exit 2 ;;
esac
mkdir -p "$1/bin"
out=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh
readonly PROGRAMS=(eventstored eventctl eventbench)

# BUILD_FOLDER=build takes a build that is there; a release of its own otherwise.
folder=${BUILD_FOLDER:-build-release}
[ -n "${BUILD_FOLDER:-}" ] || configure_preset release
ninja -C "$folder" -j "$(build_jobs)" "${PROGRAMS[@]}"
for program in "${PROGRAMS[@]}"; do install --strip "$folder/bin/$program" "$out/bin/"; done

# The package of a library. Debian's merged /usr makes two names of one file, and dpkg knows the one that was packed.
package_of() {
  local name
  for name in "$1" "${1#/usr}" "/usr$1"; do
    if dpkg-query --search "$name" 2>/dev/null; then return; fi
  done
  fail "no Debian package has $1, which a program loads"
}

missing=$(ldd "$out"/bin/* | grep 'not found' || true)
[ -z "$missing" ] || fail "a library is missing: $missing"
libraries=$(ldd "$out"/bin/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u)
for library in $libraries; do package_of "$library"; done | sed 's/:.*//' | sort -u >"$out/packages"
say "$(wc -l <"$out/packages") packages for $(wc -w <<<"$libraries") libraries"
