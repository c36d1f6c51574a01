#!/bin/sh
# Installs the client library into a folder of its own and builds client/examples against it, as a stranger would: once
# with CMake's find_package, once with pkg-config alone. Runs the programs, which must refuse bad usage with exit 2.
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
for program in account_service account_balances; do
  [ "$(usage_code "$work/with-cmake/$program")" = 2 ] || fail "$program built with CMake does not run"
done
# Only who asks for the read models gets libpqxx.
if ldd "$work/with-cmake/account_service" | grep -q libpqxx; then fail "the client itself needs libpqxx"; fi

# The name of the project finds the same, with its components and its version.
mkdir "$work/by-project"
cat >"$work/by-project/CMakeLists.txt" <<'LINES'
cmake_minimum_required(VERSION 3.25)
project(by_project LANGUAGES CXX)
find_package(eventstore 0.1 REQUIRED COMPONENTS projection)
if(NOT TARGET EventStore::client OR NOT TARGET EventStore::projection)
  message(FATAL_ERROR "find_package(eventstore) gives no EventStore::client and EventStore::projection")
endif()
find_package(eventstore 99 QUIET)
if(eventstore_FOUND)
  message(FATAL_ERROR "version 99 was found")
endif()
LINES
cmake -S "$work/by-project" -B "$work/by-project/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/by-project.log" 2>&1 || {
  cat "$work/by-project.log"
  fail "find_package(eventstore) does not work"
}

pc=$(find "$prefix" -name eventstore-client.pc)
[ -n "$pc" ] || fail "eventstore-client.pc was not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
for module in client:account_service projection:account_balances; do
  program=${module#*:}
  module=eventstore-${module%:*}
  # One word for each flag is what pkg-config means.
  # shellcheck disable=SC2046
  "${CXX:-c++}" -std=c++20 $(pkg-config --cflags "$module") "$work/examples/$program.cc" \
    -o "$work/$program" $(pkg-config --libs "$module") >"$work/pkg.log" 2>&1 || {
    cat "$work/pkg.log"
    fail "$program does not build with pkg-config"
  }
  [ "$(usage_code "$work/$program")" = 2 ] || fail "$program built with pkg-config does not run"
done

leaks=$(grep -rlF "$source" "$prefix" --include=*.h --include=*.cmake --include=*.pc || true)
[ -z "$leaks" ] || fail "installed files name the source folder: $leaks"
echo "install_test: CMake and pkg-config both work"
