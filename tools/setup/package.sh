#!/usr/bin/env bash
# package.sh [--no-rootfs] : everything that a release consists of, made and checked: Debian packages (build/packages/), the
# archive of the sources (dist/), the version and the changelog, the compatibility of protos and client library with the
# last release. Installing, upgrading and purging are tried in a Debian of their own, in memory, for which it takes root and
# the archive that this machine's apt uses; so is the last stage of the container's image, with the server in it. Nothing is
# compiled that make test has compiled already: the packages are of what is in build/, stripped.
#
#   make package                              all of it
#   make package ARGS=--no-rootfs             without those Debians
#   tests/packages/rootfs_test.sh build/packages    that part alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

rootfs=1
case ${1:-} in
  '') ;;
  --no-rootfs) rootfs= ;;
  *) fail "there is no option $1: package.sh [--no-rootfs]" ;;
esac

readonly OUT=build/packages

# Only the tagged commit is the version. What is built of others sorts before it, and in the order of the commits.
package_version() {
  local version
  version=$(sed -nE 's/^project\(.*VERSION ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p' CMakeLists.txt)
  if ! git rev-parse -q --verify HEAD >/dev/null 2>&1; then
    echo "$version"
  elif [ "$(git rev-parse -q --verify "v$version^{commit}" || true)" = "$(git rev-parse HEAD)" ]; then
    echo "$version"
  else
    echo "$version~git$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S).$(git rev-parse --short=8 HEAD)"
  fi
}

# Libraries go where Debian has them, which for /usr/local is a place that is searched as well. Tests: for the messages by
# which image_test.py calls the server.
configure_for_packages() {
  run_cmake build -S . -B build -G Ninja -DEVENTSTORE_BUILD_TESTS=ON \
    -DCMAKE_INSTALL_LIBDIR="lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)"
}

pack() {
  local log=$OUT/cpack.log
  rm -rf "$OUT"
  mkdir -p "$OUT"
  if ! (cd build && cpack -D CPACK_PACKAGE_VERSION="$version") >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    return 1
  fi
  rm -rf "$OUT/_CPack_Packages"
  (cd "$OUT" && sha256sum -- *.deb >SHA256SUMS && du -k -- *.deb | awk '{ print "  " $2 ": " $1 " kB" }')
}

# Information that lintian has is shown, errors and warnings fail.
check_packages() {
  local -a options=(--fail-on "error,warning" --tag-display-limit 0)
  if [ "$(id -u)" -eq 0 ]; then options+=(--allow-root); fi
  lintian "${options[@]}" "$OUT"/*.deb
  say "  lintian: nothing to complain about"
}

try_packages() {
  local outcome=0
  tests/packages/rootfs_test.sh "$OUT" || outcome=$?
  [ "$outcome" -ne 77 ] || return 0 # it said why
  return "$outcome"
}

try_image() {
  local outcome=0
  EVENTSTORED_BINARY=$PWD/build/bin/eventstored EVENTSTORE_E2E_BUILD=$PWD/build \
    EVENTSTORE_E2E_PROTOS=$PWD/build/tests/e2e/messages PYTHONPATH=$PWD/tests/e2e \
    /usr/bin/python3 -B tests/deploy/image_test.py build || outcome=$?
  [ "$outcome" -ne 77 ] || return 0 # it said why
  return "$outcome"
}

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CMakeLists.txt)
export SOURCE_DATE_EPOCH
version=$(package_version)

STEPS=11
say "packages of version $version"
step tools tools/setup/install-packages.sh --check run build test package -- tools/setup/install-packages.sh run build test package
step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
step "version and changelog" -- tools/release/version_check.py
step protos -- tools/ci/proto-check.sh
step configure -- configure_for_packages
step build -- build eventstored eventctl eventbench eventstore_client eventstore_projection man e2e_messages
step "client library" -- tools/release/abi_check.sh build
step packages -- pack
step lintian -- check_packages
if [ -n "$rootfs" ]; then
  step "install, upgrade, purge" -- try_packages
  step image -- try_image
else
  skip "install, upgrade, purge" "by --no-rootfs; not tried: whether the packages install"
  skip image "by --no-rootfs; not tried: which libraries the image has, and whether the server runs in it"
fi
if git rev-parse -q --verify HEAD >/dev/null 2>&1; then
  tools/release/dist.sh
else
  say "no archive of the sources: this is no git checkout"
fi
say "packages are in $OUT: apt-get install ./$OUT/eventstore-server_*.deb"
