#!/bin/bash
# rootfs_checks.sh : what has to hold of the packages in /packages/old and /packages/new. Run by rootfs_inside.sh, in a Debian
# that holds nothing else and is thrown away. No `| grep -q`: it ends early, and what then cannot write counts as failed.
set -euo pipefail
settings=/etc/eventstore/eventstored.env
log=/packages/apt.log

fail() {
  echo "rootfs_checks: $*" >&2
  exit 1
}

# quietly COMMAND... : its words are shown only when it fails.
quietly() {
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "failed: $*"
  fi
}

apt_install() { quietly apt-get -q -y --no-install-recommends "$@"; }
version_of() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null; }
state_of() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true; }
as_service() { setpriv --reuid=eventstore --regid=eventstore --init-groups -- "$@"; }

check_account() {
  local entry
  entry=$(getent passwd eventstore) || fail "there is no account eventstore"
  [ "$(cut -d: -f6,7 <<<"$entry")" = /var/lib/eventstore:/usr/sbin/nologin ] || fail "the account is not as it should be: $entry"
  [ "$(id -u eventstore)" -lt 1000 ] || fail "eventstore is no account of the system: $entry"
  [ "$(stat -c '%U:%G %a' /var/lib/eventstore)" = "eventstore:eventstore 700" ] ||
    fail "/var/lib/eventstore belongs to $(stat -c '%U:%G %a' /var/lib/eventstore)"
}

check_settings() {
  [ "$(stat -c '%U:%G %a' "$settings")" = "root:root 600" ] || fail "$settings is of $(stat -c '%U:%G %a' "$settings")"
  grep -q " $settings " <<<"$(dpkg-query -W -f '${Conffiles}' eventstore-server)" || fail "$settings is no conffile"
}

check_programs() {
  local program missing
  for program in eventstored eventctl eventbench; do
    missing=$(ldd "/usr/bin/$program" | grep 'not found' || true)
    [ -z "$missing" ] || fail "$program lacks libraries: $missing"
    grep -q "^$program [0-9.]* (" <<<"$(as_service "$program" --version)" || fail "$program --version says: $("$program" --version)"
  done
}

# Nothing is started or switched on by being installed.
check_not_started() {
  [ ! -e /etc/systemd/system/multi-user.target.wants/eventstored.service ] || fail "the service was switched on"
  ! pgrep_eventstored || fail "a server runs"
}
pgrep_eventstored() { grep -lsx eventstored /proc/[0-9]*/comm >/dev/null; }

# As the unit runs it, on Debian's own PostgreSQL: an append, and what comes back.
check_serving() {
  local server said=/tmp/server.log port id i
  apt_install install postgresql
  quietly pg_conftool "$(cluster)" main set listen_addresses ''
  quietly pg_ctlcluster "$(cluster)" main start
  quietly setpriv --reuid=postgres --regid=postgres --init-groups -- createuser eventstore
  quietly setpriv --reuid=postgres --regid=postgres --init-groups -- createdb -O eventstore events
  cd /var/lib/eventstore
  # No function: its process would be the one that is ended below.
  DATABASE_URL="postgresql:///events?host=/var/run/postgresql" setpriv --reuid=eventstore --regid=eventstore --init-groups -- \
    eventstored --data-dir /var/lib/eventstore --engine native --grpc-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 >"$said" 2>&1 &
  server=$!
  for ((i = 0; i < 600; ++i)); do
    port=$(sed -nE 's/.*serving gRPC on 127\.0\.0\.1:([0-9]+) .*/\1/p' "$said" | head -n 1)
    if [ -n "$port" ] || ! kill -0 "$server"; then break; fi
    sleep 0.2
  done
  [ -n "$port" ] || fail "eventstored does not serve: $(cat "$said")"
  id=$(cat /proc/sys/kernel/random/uuid)
  quietly eventctl --server "127.0.0.1:$port" append "$id" --event order.placed --data '{"total": 42}' --expected-version 0
  grep -q order.placed <<<"$(eventctl --server "127.0.0.1:$port" --json stream "$id")" || fail "the event does not come back"
  kill "$server"
  wait "$server" || fail "eventstored ended with $?: $(tail -n 5 "$said")"
  quietly pg_ctlcluster "$(cluster)" main stop
  cd /
}
cluster() { pg_lsclusters -h | awk '{ print $1; exit }'; }

# With the compiler, and nothing else that the package does not ask for by itself.
check_client() {
  local code=0
  apt_install install g++ pkg-config
  # shellcheck disable=SC2046  # one word for each flag is what pkg-config means
  quietly g++ -std=c++20 -O0 $(pkg-config --cflags eventstore-client) /packages/account_service.cc -o /tmp/account_service \
    $(pkg-config --libs eventstore-client)
  /tmp/account_service >/dev/null 2>&1 || code=$?
  [ "$code" -eq 2 ] || fail "the example ended with $code without arguments, and not with 2"
}

echo "  installing an older version"
quietly apt-get -q update
apt_install install /packages/old/*.deb
[ "$(version_of eventstore-server)" = 0.0.1-1 ] || fail "the older version is not installed"
check_account
check_settings
check_not_started
grep -q 'systemctl enable --now eventstored' "$log" || fail "the first installation does not say how to start the service"

echo "  upgrading"
echo "EVENTSTORE_LOG_LEVEL=debug # mine" >>"$settings"
apt_install -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install /packages/new/*.deb
new=$(version_of eventstore-server)
dpkg --compare-versions "$new" gt 0.0.1-1 || fail "after the upgrade there is $new"
grep -q "# mine" "$settings" || fail "the upgrade has changed $settings"
grep -q "of the older version" "$settings" || fail "the upgrade has replaced $settings"
check_account
check_settings
check_programs
check_not_started
if grep -q 'systemctl enable --now' "$log"; then fail "an upgrade says again how to start the service"; fi

echo "  serving, on Debian's PostgreSQL"
check_serving
echo "  building a program with the client library"
check_client

echo "  removing and purging"
echo kept >/var/lib/eventstore/file
apt_install remove eventstore-server eventstore-tools libeventstore-client-dev
if [ -e /usr/bin/eventstored ] || [ -e /usr/bin/eventctl ]; then fail "programs are left after the removal"; fi
[ "$(state_of eventstore-server)" = config-files ] || fail "after the removal eventstore-server is $(state_of eventstore-server)"
[ -f "$settings" ] || fail "the removal took the settings"
quietly dpkg --purge eventstore-server
[ ! -e /etc/eventstore ] || fail "the purge left /etc/eventstore: $(ls -A /etc/eventstore)"
[ -f /var/lib/eventstore/file ] || fail "the purge has deleted what was in /var/lib/eventstore"
grep -q '/var/lib/eventstore is kept' "$log" || fail "the purge does not say that it keeps /var/lib/eventstore"
left=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | grep -E '^(lib)?eventstore' | grep -v not-installed || true)
[ -z "$left" ] || fail "packages are left after the purge: $left"
left=$(find / -xdev \( -path /packages -o -path /proc -o -path /var/lib/eventstore \) -prune -o -path '*eventstore*' -print |
  grep -vE '^/(tmp|var/(log|cache|lib/(apt|postgresql)))/' || true)
[ -z "$left" ] || fail "files are left after the purge: $left"

# Once more: settings of before do not come back, and an empty folder goes.
apt_install install /packages/new/eventstore-server_*.deb
if grep -q "# mine" "$settings"; then fail "settings that were purged are back"; fi
rm /var/lib/eventstore/file
find /var/lib/eventstore -mindepth 1 -delete
quietly dpkg --purge eventstore-server
[ ! -e /var/lib/eventstore ] || fail "the purge left an empty /var/lib/eventstore"
echo "rootfs_checks: installed, upgraded with settings kept, served, built with, removed and purged"
