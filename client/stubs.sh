#!/usr/bin/env bash
# stubs.sh LANGUAGE FOLDER : makes the stubs of another language from proto/, with protoc and the language's plugin, which
# have to be on the PATH. The same as `buf generate` with client/LANGUAGE/buf.gen.yaml. How to get the plugins: docs/clients.md.
#   client/stubs.sh python client/python/gen
#   client/stubs.sh node client/node/gen
#   client/stubs.sh go client/go/gen
set -euo pipefail
case "${1:-}" in
  -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
esac
if [ $# -ne 2 ]; then
  echo "stubs.sh: needs a language and a folder, for example: client/stubs.sh python client/python/gen" >&2
  exit 2
fi
language=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../proto"

need() {
  command -v "$1" && return
  echo "stubs.sh: there is no $1 on the PATH: docs/clients.md says where to get it" >&2
  exit 1
}

make_stubs() { "$protoc" --proto_path=. "$@"; }

protoc=$(need protoc)
ours=(eventstore/v1/*.proto)
case $language in
  python)
    plugin=$(need grpc_python_plugin)
    make_stubs --python_out="$folder" --plugin=protoc-gen-grpc="$plugin" --grpc_out="$folder" "${ours[@]}" google/rpc/*.proto
    ;;
  node)
    plugin=$(need protoc-gen-es)
    make_stubs --plugin=protoc-gen-es="$plugin" --es_out="$folder" --es_opt=target=ts,import_extension=js "${ours[@]}" google/rpc/*.proto
    ;;
  go)
    # The protos name no Go package, which is yours to choose: EVENTSTORE_GO_PACKAGE, by default that of the example.
    package=${EVENTSTORE_GO_PACKAGE:-example.org/eventstore-example/gen/eventstore/v1}
    # google.rpc is not made: Go programs share one package of it, and two that register the same names end at the start.
    options=module=${package%/eventstore/v1},Mgoogle/rpc/status.proto=google.golang.org/genproto/googleapis/rpc/status
    for proto in "${ours[@]}"; do options+=",M$proto=$package;eventstorev1"; done
    plugin=$(need protoc-gen-go)
    grpc_plugin=$(need protoc-gen-go-grpc)
    make_stubs --plugin=protoc-gen-go="$plugin" --go_out="$folder" --go_opt="$options" \
      --plugin=protoc-gen-go-grpc="$grpc_plugin" --go-grpc_out="$folder" --go-grpc_opt="$options" "${ours[@]}"
    ;;
  *)
    echo "stubs.sh: there is nothing for $language: python, node, go" >&2
    exit 2
    ;;
esac
