#!/bin/sh
# Installs the client library into a folder of its own and builds client/examples against it, as a stranger would: once
# with CMake's find_package, once with pkg-config alone. Runs both programs, which must refuse bad usage with exit 2.
#   install_test.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

# Exit code of the program without arguments.
usage_code() {
  code=0
  "$1" >/dev/null 2>&1 || code=$?
  echo "$code"
}

fail() {
  echo "install_test: $*" >&2
  exit 1
}

cmake --install "$build" --component client --prefix "$prefix" >"$work/install.log" 2>&1 || {
  cat "$work/install.log"
  fail "the client does not install"
}
# Away from this tree: an include path that leaks into the package must not find it.
cp -r "$source/client/examples" "$work/examples"

{
  cmake -S "$work/examples" -B "$work/with-cmake" -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$work/with-cmake"
} >"$work/cmake.log" 2>&1 || {
  cat "$work/cmake.log"
  fail "the example does not build with find_package(EventStoreClient)"
}
[ "$(usage_code "$work/with-cmake/account_service")" = 2 ] || fail "the program built with CMake does not run"

pc=$(find "$prefix" -name eventstore-client.pc)
[ -n "$pc" ] || fail "eventstore-client.pc was not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
# One word for each flag is what pkg-config means.
# shellcheck disable=SC2046
"${CXX:-c++}" -std=c++20 $(pkg-config --cflags eventstore-client) "$work/examples/account_service.cc" \
  -o "$work/with-pkg-config" $(pkg-config --libs eventstore-client) >"$work/pkg.log" 2>&1 || {
  cat "$work/pkg.log"
  fail "the example does not build with pkg-config"
}
[ "$(usage_code "$work/with-pkg-config")" = 2 ] || fail "the program built with pkg-config does not run"

leaks=$(grep -rlF "$source" "$prefix" --include=*.h --include=*.cmake --include=*.pc || true)
[ -z "$leaks" ] || fail "installed files name the source folder: $leaks"
echo "install_test: CMake and pkg-config both work"
