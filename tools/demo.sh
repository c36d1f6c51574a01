#!/usr/bin/env bash
# demo.sh [REPOSITORY] : turns a git history (this project's own by default) into events, loads them through gRPC and looks
# at them. Can be repeated: the second load of the same history stores nothing.
#
#   SERVER=HOST:PORT  load into this server; else one is started on a free port, and stopped at the end
#   DATA_DIR=DIR      where the server that is started keeps its data; else in a temporary folder, removed at the end
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh
# shellcheck source=tools/setup/build.sh
. tools/setup/build.sh

readonly SHOWN_LINES=24 # of an answer; a terminal's height

repository=${1:-${REPO:-$PWD}}
[[ $repository = /* ]] || repository=$here/$repository
[ -d "$repository" ] || fail "there is no folder $repository: give the path of a git repository: make demo REPO=path"
server=${SERVER:-}
work=$(mktemp -d)
chmod 755 "$work" # a server started by root runs its PostgreSQL with another account, which has to get in
data_dir=${DATA_DIR:-$work/data}
server_process=

clean_up() {
  if [ -n "$server_process" ]; then
    kill -TERM "$server_process" 2>/dev/null || true
    wait "$server_process" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

eventctl() { build/bin/eventctl --server "$server" "$@"; }

# What happens next, in one line; then the command itself, so that it can be tried by hand.
explain() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || explain() { printf '\n== %s\n' "$*"; }

show() {
  say "\$ eventctl --server $server $*"
  eventctl "$@" 2>&1 | awk -v shown="$SHOWN_LINES" '
    NR <= shown { print; next }
    END { if (NR > shown) printf "... and %d lines more\n", NR - shown }'
}

highlight() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$work/highlights"; }

start_server() {
  local log=$work/server.log
  build/bin/eventstored --data-dir "$data_dir" --grpc-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 >"$log" 2>&1 </dev/null &
  server_process=$!
  until server=$(sed -n 's/.*serving gRPC on \([^ ]*\) .*/\1/p' "$log") && [ -n "$server" ] && eventctl count >/dev/null 2>&1; do
    if ! kill -0 "$server_process" 2>/dev/null; then
      tail -n 20 "$log" >&2
      fail "the server did not start, see above"
    fi
    sleep 0.1
  done
}

STEPS=4
step packages tools/setup/install-packages.sh --check run build demo -- tools/setup/install-packages.sh run build demo
if [ -n "$server" ] || [ -n "${EVENTSTORE_DATABASE_URL:-${DATABASE_URL:-}}" ]; then
  skip PostgreSQL "a server or database is given"
else
  step PostgreSQL tools/setup/postgres.sh --check -- tools/setup/postgres.sh
fi
step configure is_configured without-tests -- configure without-tests
step build -- build eventstored eventctl

explain "Reading the history of $repository: an event for each file that a commit changed"
python3 tools/demo/git_history.py "$repository" "$work/events.jsonl" "$work/highlights"
say "$(highlight events) events of $(highlight files) files in $(highlight commits) commits by $(highlight users) authors"
if [ "$(highlight events)" -eq 0 ]; then
  say "There is nothing to load: commit a file, or name another repository: make demo REPO=path"
  exit 0
fi

if [ -z "$server" ]; then
  explain "Starting a server of its own, with its data in $data_dir"
  start_server
  say "It serves on $server (process $server_process)"
fi

explain "Loading: one aggregate a file, one correlation a commit; ids are made from the history, so a repeat stores nothing"
eventctl load "$work/events.jsonl"

explain "One aggregate, replayed: the file $(highlight file), at version $(highlight file_versions)"
show stream "$(highlight file_id)" --limit 10

explain "One workflow: commit $(highlight commit), each event below the one that caused it"
show correlated "$(highlight commit_id)"

explain "One user: the last of $(highlight user_events) events by $(highlight user), an author known by the digest of the e-mail address"
show user "$(highlight user)" --reverse --limit 5

explain "Counts a day. The store stamps its own time, so all is of today; the commit's time is in metadata.occurred_at"
show count --group-by day --source migration

explain "Counts by type"
show count --group-by event-type --source migration

explain "Is everything in order? Versions 1..n in each aggregate, one order, heads that agree: read from the database itself"
if [ -n "$server_process" ] && [ -z "${EVENTSTORE_DATABASE_URL:-${DATABASE_URL:-}}" ]; then
  show verify --data-dir "$data_dir"
elif [ -n "${EVENTSTORE_DATABASE_URL:-${DATABASE_URL:-}}" ]; then
  show verify
elif [ -n "${DATA_DIR:-}" ]; then
  show verify --data-dir "$DATA_DIR"
else
  say "Left out: it reads the server's database, which is not known here; give it with DATABASE_URL or DATA_DIR"
fi

explain "Done"
if [ -n "${DATA_DIR:-}" ] && [ -n "$server_process" ]; then
  say "The data stays in $DATA_DIR. To serve it: build/bin/eventstored --data-dir $DATA_DIR"
fi
