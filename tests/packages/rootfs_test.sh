#!/usr/bin/env bash
# rootfs_test.sh FOLDER : the packages in FOLDER are installed, upgraded, removed and purged in a small Debian that holds
# nothing else, of the release of this machine, from the archives that its apt uses.
#
# That Debian is in memory, in a mount namespace of its own in which /dev is a folder of a few nodes: nothing of this machine
# is mounted into it, and it is gone when the last of its processes has ended. Nothing is removed by name. What mmdebstrap made
# is kept as build/rootfs/<release>.tar for a week.
# Exit code 77: skipped; the last line says why.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

skip() {
  echo "skipped: $1; not tried: whether the packages install, upgrade and purge"
  exit 77
}
fail() {
  printf 'rootfs_test: %s\n' "$*" >&2
  exit 1
}

if [ $# -ne 1 ] || [ ! -d "$1" ]; then fail "usage: rootfs_test.sh FOLDER, which holds the .deb files (make package makes them)"; fi
packages=$(cd "$1" && pwd)
for name in eventstore-server eventstore-tools libeventstore-client-dev; do
  compgen -G "$packages/${name}_*.deb" >/dev/null || fail "$packages has no ${name}_*.deb: run make package"
done
[ "$(id -u)" -eq 0 ] || skip "this needs root"
for program in mmdebstrap unshare apt-get; do
  command -v "$program" >/dev/null || skip "there is no $program"
done
# shellcheck disable=SC1091  # of the machine
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
# Lines for sources.list, of Debian alone: this machine's mirrors.
# shellcheck disable=SC2016  # the dollars are apt's
sources=$(apt-get indextargets --format '$(LABEL) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
  awk -v release="$codename" '$1 ~ /^Debian/ && $2 ~ "^" release && $3 == "main" {
    print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $4, $2, $3 }' | sort -u)
[ -n "$sources" ] || skip "this machine's apt knows no archive of Debian $codename (apt-get update?)"
unshare --mount --pid --fork true 2>/dev/null || skip "this container may not make namespaces"

top=$(cd "$here/../.." && pwd)
mkdir -p "$top/build/rootfs"
mountpoint=$(mktemp -d)
# Only the empty folder: what is mounted on it is mounted in the namespace alone, which is gone then.
trap 'rmdir "$mountpoint"' EXIT
export packages codename sources
unshare --mount --pid --fork --kill-child --propagation private "$here/rootfs_inside.sh" "$mountpoint" "$top/build/rootfs"
