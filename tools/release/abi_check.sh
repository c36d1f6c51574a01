#!/usr/bin/env bash
# abi_check.sh BUILD [--base COMMIT] : whether programs that were compiled with the client library of the last release (tag v*) can
# be linked with that of now. What may change is what find_package(EventStoreClient) says: nothing but additions within
# 0.<minor>, nothing but additions within <major> from 1.0 on. Looked at is the public namespace, eventstore::client.
#
#   tools/release/abi_check.sh build                    with the last release
#   tools/release/abi_check.sh build --base v0.1.0      with any commit; its library is built once, into build/abi/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

[ $# -eq 1 ] || { [ $# -eq 3 ] && [ "$2" = --base ]; } || fail "usage: abi_check.sh BUILD [--base COMMIT]"
build=$1
base=${3:-}
readonly ABI=$build/abi
for program in abidw abidiff; do
  command -v "$program" >/dev/null || fail "there is no $program: tools/setup/install-packages.sh package (Debian: abigail-tools)"
done
[ -f "$build/client/libeventstore_client.a" ] || fail "$build has no client library: ninja -C $build eventstore_client eventstore_projection"

# describe BUILD HEADERS OUTPUT : libabigail reads shared libraries, ours are static.
describe() {
  "${CXX:-c++}" -shared -o "$3.so" -Wl,--whole-archive "$1/client/libeventstore_client.a" \
    "$1/client/libeventstore_projection.a" -Wl,--no-whole-archive
  abidw --no-corpus-path --drop-private-types --headers-dir "$2" --suppressions client/packaging/abi.suppr \
    --out-file "$3.new" "$3.so"
  rm "$3.so"
  grep -q "eventstore6client16EventStoreClient" "$3.new" ||
    fail "abidw found no EventStoreClient in $1: was it built without -g?"
  mv "$3.new" "$3"
}

# The library of another commit, in a folder of its own.
describe_commit() {
  local tree=$ABI/source
  rm -rf "$tree"
  mkdir -p "$tree"
  git archive "$1" | tar -x -C "$tree"
  say "  building the client library of $1"
  run_cmake "$tree/build" -S "$tree" -B "$tree/build" -G Ninja -DEVENTSTORE_BUILD_TESTS=OFF -DEVENTSTORE_BUILD_SERVER=OFF \
    -DEVENTSTORE_BUILD_TOOLS=OFF
  ninja -C "$tree/build" -j "$(build_jobs)" eventstore_client eventstore_projection
  describe "$tree/build" "$tree/client/include" "$2"
  rm -rf "$tree"
}

# Within which numbers nothing may break: 0.1 of 0.1.7, 2 of 2.3.4.
series() { awk -F. '{ print ($1 == 0 ? $1 "." $2 : $1) }' <<<"$1"; }
version_of() { sed -nE 's/^project\(.*VERSION ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'; }

mkdir -p "$ABI"
describe "$build" client/include "$ABI/now.abi"
if [ -z "$base" ]; then
  base=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
  if [ -z "$base" ]; then
    say "  client library: not compared: there is no release yet (no tag v*)"
    exit 0
  fi
fi
commit=$(git rev-parse -q --verify "$base^{commit}") || fail "$base is no commit"
before=$ABI/$commit.abi
[ -f "$before" ] || describe_commit "$commit" "$before"

outcome=0
abidiff --no-added-syms --suppressions client/packaging/abi.suppr "$before" "$ABI/now.abi" >"$ABI/report.txt" || outcome=$?
# Bits: 1 and 2 are errors of abidiff or of its usage, 4 is a change, 8 one that surely breaks.
if ((outcome & 3)); then
  cat "$ABI/report.txt"
  fail "abidiff could not compare $before with $ABI/now.abi"
elif [ "$outcome" -eq 0 ]; then
  say "  client library: compatible with $base"
else
  old=$(git show "$commit:CMakeLists.txt" | version_of)
  new=$(version_of <CMakeLists.txt)
  cat "$ABI/report.txt"
  if [ "$(series "$old")" = "$(series "$new")" ]; then
    fail "the client library has changed since $base in a way that $new may not ($old had it otherwise): undo that, or raise the version past $(series "$old") in CMakeLists.txt"
  fi
  say "  client library: changed since $base, as $new may"
fi
