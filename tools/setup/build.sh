# shellcheck shell=bash
# Configuring and building in build/. To be sourced after common.sh, in the top folder of the checkout.

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
  local tests=ON log=build/configure.log
  [ "$1" = with-tests ] || tests=OFF
  mkdir -p build
  if ! cmake -S . -B build -G Ninja -DEVENTSTORE_BUILD_TESTS="$tests" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    return 1
  fi
}

build() { ninja -C build -j "$(build_jobs)" "$@"; }
