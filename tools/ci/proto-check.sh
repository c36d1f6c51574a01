#!/usr/bin/env bash
# proto-check.sh : the style of the protos (buf lint), and whether clients built with the protos of before can still talk to
# those of now (buf breaking). "Before" is the last release, else where origin/main stands, else the last commit but one.
# Says what it compared, or what it left out and why. buf comes from the path, or from the npm registry into build/npm. Without
# it the style is not checked, and tools/ci/proto_breaking.py compares.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly BUF_PACKAGE=@bufbuild/buf@1.75.0

find_buf() {
  local own=build/npm/node_modules/.bin/buf log=build/npm/install.log
  if command -v buf; then return 0; fi
  if [ ! -x "$own" ]; then
    command -v npm >/dev/null || return 1
    mkdir -p build/npm
    timeout 180 npm install --silent --no-fund --no-audit --prefix build/npm "$BUF_PACKAGE" >"$log" 2>&1 || return 1
  fi
  echo "$own"
}

# The commit to compare with, then how it was chosen.
find_base() {
  local tag commit
  if tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
    echo "$tag the last release"
  elif commit=$(git rev-parse -q --verify 'origin/main^{commit}') && [ "$commit" != "$(git rev-parse HEAD)" ]; then
    echo "$commit origin/main"
  elif commit=$(git rev-parse -q --verify 'HEAD~1^{commit}'); then
    echo "$commit the last commit but one"
  fi
}

if buf=$(find_buf); then
  "$buf" lint
  echo "  protos: buf lint found nothing"
else
  buf=
  echo "  protos: style not checked: there is no buf, and it could not be had from the npm registry"
fi

read -r base how < <(find_base) || true
if [ -z "${base:-}" ]; then
  echo "  protos: not compared: there is no earlier commit in this checkout"
  exit 0
fi
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
if ! git archive "$base" -- proto buf.yaml 2>/dev/null | tar -x -C "$before" 2>/dev/null; then
  echo "  protos: not compared: $how ($base) has none"
  exit 0
fi
if [ -n "$buf" ]; then
  "$buf" breaking --against "$before"
elif command -v protoc >/dev/null && /usr/bin/python3 -c 'import google.protobuf' 2>/dev/null; then
  /usr/bin/python3 -B tools/ci/proto_breaking.py "$before/proto" proto
else
  echo "  protos: not compared: there is neither buf nor protoc with Python's protobuf (make test installs them)"
  exit 0
fi
echo "  protos: compatible with $how ($(git rev-parse --short "$base"))"
