#!/usr/bin/env bash
# run.sh [ARGUMENT OF EVENTSTORED...] : from a fresh checkout to a server that serves, in the foreground until Ctrl-C.
# Every setting of the server can also come from the environment: see build/bin/eventstored --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

effective_setting() { awk -v name="$1" '$1 == name { gsub("\"", "", $3); print $3 }' <<<"$effective"; }

# True when something accepts connections there.
# Connects descriptor 3 to HOST:PORT.
connect() {
  local host=${1%:*}
  host=${host#[}
  exec 3<>"/dev/tcp/${host%]}/${1##*:}"
}

# True when something accepts connections there.
is_listening() { (connect "$address") 2>/dev/null; }

# True when the server says that it is ready.
is_serving() (
  connect "$http_address"
  printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
  read -r -t 5 _ status _ <&3
  [ "$status" = 200 ]
) 2>/dev/null

# The process ids of servers that were started from this checkout.
own_servers() {
  local process
  for process in /proc/[0-9]*; do
    # An executable that was built anew while it ran shows as "... (deleted)".
    case $(readlink "$process/exe" 2>/dev/null || true) in
      "$PWD/build/bin/eventstored" | "$PWD/build/bin/eventstored (deleted)") basename "$process" ;;
    esac
  done
}

first_call() {
  local id
  id=$(cat /proc/sys/kernel/random/uuid)
  cat <<TEXT

Serving on $address. A first call to paste, with the client that was built along:

  build/bin/eventctl --server $address append $id --type entity --expected-version 0 --event order.placed --data '{"total": 42}'
  build/bin/eventctl --server $address stream $id

or with grpcurl:

  grpcurl -plaintext -d '{"aggregate_id": "$id", "aggregate_type": "entity", "any_version": true,
    "events": [{"event_type": "order.paid", "user_id": "ada", "data": "{\"paid\": 42}"}]}' \\
    $address eventstore.v1.EventStore/Append

TEXT
}

refuse_taken_address() {
  local servers
  is_listening || return 0
  servers=$(own_servers | paste -sd ' ')
  if [ -n "$servers" ]; then
    say "A server of this checkout (process $servers) serves on $address already; nothing was started. To stop it: kill $servers"
    first_call
    exit 0
  fi
  fail "another program listens on $address: stop it, or choose another address: make run EVENTSTORE_GRPC_LISTEN=127.0.0.1:50052"
}

serve() {
  local began server status=0
  began=$(seconds_now)
  # A process group of its own: Ctrl-C reaches this script alone, which then stops the server once.
  set -m
  build/bin/eventstored "$@" </dev/null &
  server=$!
  set +m
  trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM HUP
  until is_serving; do
    if ! kill -0 "$server" 2>/dev/null; then
      wait "$server" || status=$?
      fail "the server ended (exit code $status), see its last lines above"
    fi
    sleep 0.1
  done
  printf '[%s/%s] serve ... ok %s s\n' "$STEPS" "$STEPS" "$(seconds_since "$began")"
  first_call
  say "Ctrl-C stops it."
  # wait returns early at each signal the trap handles; the server's own status is the last one.
  while kill -0 "$server" 2>/dev/null; do
    status=0
    wait "$server" || status=$?
  done
  return "$status"
}

STEPS=5
step packages tools/setup/install-packages.sh --check run build -- tools/setup/install-packages.sh run build
if [ -n "${EVENTSTORE_DATABASE_URL:-${DATABASE_URL:-}}" ]; then
  skip PostgreSQL "DATABASE_URL is set"
else
  step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
fi
step configure is_configured without-tests -- configure without-tests
step build -- build eventstored eventctl
effective=$(build/bin/eventstored "$@" --print-config)
address=$(effective_setting grpc_listen)
http_address=$(effective_setting http_listen)
# Any free port: only the server's own log can say which.
[[ $address != *:0 && $http_address != *:0 ]] || exec build/bin/eventstored "$@"
refuse_taken_address
say "[5/5] serve ..."
serve "$@"
