# shellcheck shell=bash
# Configuring and building in build/ and build-<preset>/. To be sourced after common.sh, in the top folder of the checkout.

# As many compilers as there are processors, and 700 MB of memory for each: gRPC's headers are large.
build_jobs() {
  local memory_mb processors jobs
  processors=$(nproc)
  memory_mb=$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
  jobs=$((memory_mb / 700))
  [ "$jobs" -le "$processors" ] || jobs=$processors
  [ "$jobs" -ge 1 ] || jobs=1
  echo "$jobs"
}

# Tests are switched on by whoever needs them and stay on, so that "make run" after "make test" configures nothing anew.
is_configured() {
  [ -f build/build.ninja ] || return 1
  [ "$1" = without-tests ] || grep -q '^EVENTSTORE_BUILD_TESTS:BOOL=ON' build/CMakeCache.txt
}

configure() {
  local tests=ON
  [ "$1" = with-tests ] || tests=OFF
  # Asks CMake to write down what it builds: bazel/generate.py --check looks there, and need not run CMake once more.
  mkdir -p build/.cmake/api/v1/query && : >build/.cmake/api/v1/query/codemodel-v2
  run_cmake build -S . -B build -G Ninja -DEVENTSTORE_BUILD_TESTS="$tests"
}

# A preset of CMakePresets.json, in build-<its name>/.
configure_preset() { run_cmake "build-$1" --preset "$1"; }

# run_cmake FOLDER ARGUMENT... : its words are shown only when it fails.
run_cmake() {
  local log=$1/configure.log
  mkdir -p "$1"
  shift
  if ! cmake "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    return 1
  fi
}

build() { ninja -C build -j "$(build_jobs)" "$@"; }
