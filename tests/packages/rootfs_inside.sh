#!/usr/bin/env bash
# rootfs_inside.sh MOUNTPOINT CACHE : run by rootfs_test.sh in a mount and pid namespace of its own. Makes the Debian and runs
# rootfs_checks.sh in it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packages=${packages:?} codename=${codename:?} sources=${sources:?}
root=$1/root
cache=$2/$codename.tar
[ "$$" -eq 1 ] || {
  echo "rootfs_inside.sh is run by rootfs_test.sh, in a namespace of its own" >&2
  exit 1
}

# Of the device nodes those that programs take for granted.
make_dev() {
  local node
  mount -t tmpfs -o mode=0755,nosuid tmpfs "$1"
  for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 0666 "$1/${node%:*}" c 1 "${node#*:}"; done
  mknod -m 0666 "$1/tty" c 5 0
  mkdir -m 1777 "$1/shm"
  mkdir "$1/pts"
  ln -s /proc/self/fd "$1/fd"
  ln -s /proc/self/fd/0 "$1/stdin"
  ln -s /proc/self/fd/1 "$1/stdout"
  ln -s /proc/self/fd/2 "$1/stderr"
}

mount -t proc proc /proc
make_dev /dev
mount -t tmpfs -o mode=0755,size=3g tmpfs "$1"
mkdir "$root" "$1/tmp" "$1/old"

if [ -z "$(find "$cache" -mtime -7 2>/dev/null)" ]; then
  echo "  making a Debian $codename"
  printf '%s\n' "$sources" >"$1/sources.list"
  TMPDIR=$1/tmp mmdebstrap --quiet --mode=root --variant=minbase --format=tar "$codename" "$1/new.tar" "$1/sources.list"
  mv "$1/new.tar" "$cache.new"
  mv "$cache.new" "$cache"
fi
tar -x -C "$root" -f "$cache" --numeric-owner
mount -t proc proc "$root/proc"
make_dev "$root/dev"

# To reach the archive as this machine does.
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|Proxy)' >"$root/etc/apt/apt.conf.d/90machine" || true
# A service that a package starts here would be one of this machine.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# The packages, and the same as an older version would have been: another number and another file of settings.
mkdir -p "$root/packages/new" "$root/packages/old"
cp "$packages"/*.deb "$root/packages/new/"
for deb in "$root"/packages/new/*.deb; do
  dpkg-deb -R "$deb" "$1/old/tree"
  sed -i 's/^Version: .*/Version: 0.0.1-1/' "$1/old/tree/DEBIAN/control"
  settings=$1/old/tree/etc/eventstore/eventstored.env
  if [ -f "$settings" ]; then
    echo "# of the older version" >>"$settings"
    (cd "$1/old/tree" && md5sum etc/eventstore/eventstored.env) >"$1/old/sum"
    sed -i '/ etc\/eventstore\/eventstored.env$/d' "$1/old/tree/DEBIAN/md5sums"
    cat "$1/old/sum" >>"$1/old/tree/DEBIAN/md5sums"
  fi
  dpkg-deb -Zgzip -z1 -b "$1/old/tree" "$root/packages/old/" >/dev/null
  mv "$1/old/tree" "$1/old/$(basename "$deb").tree"
done
cp "$here/rootfs_checks.sh" "$root/packages/"
cp "$here/../../client/examples/account_service.cc" "$root/packages/"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root \
  chroot "$root" /packages/rootfs_checks.sh
