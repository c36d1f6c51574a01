#!/bin/bash
# Whether the server in this container may be sent requests: exit code 0 when /readyz answers 200. By bash alone, so that the
# image needs no program more for it. With TLS it sees only that somebody accepts connections.
set -u
port=${EVENTSTORE_HTTP_LISTEN##*:}
exec 3<>"/dev/tcp/127.0.0.1/${port:-8080}" || exit 1
[ -z "${EVENTSTORE_TLS_CERT:-}" ] || exit 0
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
