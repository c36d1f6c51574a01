#!/usr/bin/env bash
# postgres.sh [--check] : makes a PostgreSQL with TimescaleDB available to eventstored, which finds it by itself.
#
# Where the distribution packages it (Debian 13) that package is installed, without the database cluster that Debian
# would otherwise create and start. Elsewhere (Debian 12), and for users who cannot become root, the packages of Debian 13 are
# unpacked privately into a cache folder: nothing is installed and the system's own libraries are not touched. apt checks
# the signatures either way. --check changes nothing and succeeds when there is nothing to do.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/setup/common.sh
. "$here/common.sh"

readonly VERSION=17
readonly PACKAGE=postgresql-$VERSION-timescaledb
readonly SUITE=trixie # what is unpacked privately: the first Debian release with that package

if [ "$(id -u)" -eq 0 ]; then
  # Below a folder of root's own the unprivileged account of PostgreSQL could not read it.
  cache=/var/cache/eventstore
else
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/eventstore
fi
readonly prefix=$cache/pg$VERSION

# The places and the order are those of server/embedded/binaries.cc.
found() {
  local bin
  if [ -n "${EVENTSTORE_PG_BIN:-}" ]; then
    [ -x "$EVENTSTORE_PG_BIN/postgres" ] && [ -x "$EVENTSTORE_PG_BIN/initdb" ]
    return
  fi
  for bin in "$cache"/*/bin /var/cache/eventstore/*/bin /usr/lib/postgresql/*/bin; do
    if [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && [ -r "$(realpath "$bin")/../lib/timescaledb.so" ]; then return 0; fi
  done
  return 1
}

installable() {
  local candidate
  candidate=$(apt-cache policy "$PACKAGE" 2>/dev/null | awk '/Candidate:/ { print $2 }')
  [ -n "$candidate" ] && [ "$candidate" != "(none)" ]
}

can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

# Debian creates and starts a cluster "main" when a PostgreSQL is installed. Nobody asked for one, so that is switched
# off for this one installation; the setting is put back as it was.
install_package() {
  local settings=/etc/postgresql-common/createcluster.conf saved
  saved=$(mktemp)
  say "  installing $PACKAGE"
  retry apt_install postgresql-common || return 1
  if [ -f "$settings" ]; then
    cp "$settings" "$saved"
    # shellcheck disable=SC2064  # with the values of now
    trap "as_root cp '$saved' '$settings'; rm -f '$saved'" EXIT
    as_root pg_conftool "$settings" set create_main_cluster off
  fi
  retry apt_install "$PACKAGE"
}

# The archive this machine's apt uses, with the label $1 ("Debian", "Debian-Security").
archive() {
  # shellcheck disable=SC2016  # the dollars are apt's
  apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v label="$1" '$1 == label && $2 == "main" { print $3; exit }'
}

# Lines for sources.list: Debian 13 from the machine's own mirrors.
sources() {
  local main security
  local options='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
  main=$(archive Debian)
  security=$(archive Debian-Security)
  if [ -z "$main" ]; then
    echo "this machine's apt knows no Debian archive to take $PACKAGE from: run apt-get update, or set EVENTSTORE_PG_BIN or DATABASE_URL" >&2
    return 1
  fi
  echo "deb $options $main $SUITE main"
  if [ -n "$security" ]; then echo "deb $options $security $SUITE-security main"; fi
}

# The packages $@, the libraries that they need, and those that these need. LLVM is left out: it only serves
# just-in-time compilation, which is off, and is larger than all the rest. What is not a library (perl, debconf, ...) serves
# the packages' set-up alone.
with_libraries() {
  local -A known=()
  local -a level=("$@") next
  local package
  while [ "${#level[@]}" -gt 0 ]; do
    printf '%s\n' "${level[@]}"
    for package in "${level[@]}"; do known[$package]=1; done
    next=()
    while read -r package; do
      if [ -z "${known[$package]:-}" ]; then next+=("$package"); fi
    done < <(libraries_of "${level[@]}")
    level=("${next[@]}")
  done
}

# The libraries that the packages $@ name as their direct needs.
libraries_of() {
  private_apt apt-cache --no-all-versions show "$@" | sed -n 's/^\(Pre-\)\?Depends: //p' | tr ',' '\n' |
    sed 's/^ *\([^ :|(]*\).*/\1/' | grep -E '^(lib|zlib1g$)' | grep -v '^libllvm' | sort -u
}

# apt with lists, cache and status of its own below $work: it sees Debian 13 alone and nothing installed.
private_apt() {
  local program=$1
  shift
  "$program" -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work/cache" -o Dir::Log="$work" -o APT::Sandbox::User= -o Acquire::Languages=none \
    -o Acquire::Retries=3 -o APT::Get::List-Cleanup=false "$@"
}

# Executables get the private dynamic linker and library folder written into them. As DT_RPATH, not DT_RUNPATH: only the
# former also holds for the libraries and extensions that they load later.
patch_executables() {
  local library_dir=$1 final_dir=$2 file linker name
  for linker in "$library_dir"/ld-linux-*.so.*; do break; done
  [ -x "$linker" ] || fail "no dynamic linker among the unpacked packages"
  name=$(basename "$linker")
  for file in "$work"/tree/usr/lib/postgresql/"$VERSION"/bin/*; do
    [ "$(head -c 4 "$file" | tail -c 3)" = ELF ] || continue
    "$linker" --library-path "$library_dir" "$work/tree/usr/bin/patchelf" --set-interpreter "$final_dir/$name" \
      --force-rpath --set-rpath "$final_dir" "$file"
  done
}

# Every program and extension must find all its libraries in the private folder.
check_libraries() {
  local library_dir=$1 file linker wrong
  for linker in "$library_dir"/ld-linux-*.so.*; do break; done
  for file in "$prefix"/bin/{postgres,initdb,psql,pg_dump} "$prefix"/usr/lib/postgresql/"$VERSION"/lib/{timescaledb,plpgsql,libpqwalreceiver}*.so; do
    wrong=$("$linker" --library-path "$library_dir" --list "$file" 2>&1 | grep -E 'not found|=> /(usr/)?lib' || true)
    [ -z "$wrong" ] || fail "$file would not run: $wrong"
  done
}

unpack_privately() {
  local triplet packages deb
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  if found; then return 0; fi
  umask 022
  work=$(mktemp -d "$cache/unpack.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{state,lists/partial,cache/archives/partial,debs,tree}
  : >"$work/status"
  sources >"$work/sources.list" || exit 1

  say "  reading the package lists of Debian $SUITE"
  retry private_apt apt-get -qq update || fail "the package lists of Debian $SUITE could not be fetched and verified"
  mapfile -t packages < <(with_libraries "postgresql-$VERSION" "postgresql-client-$VERSION" "$PACKAGE" patchelf)
  say "  downloading ${#packages[@]} packages"
  (cd "$work/debs" && retry private_apt apt-get -qq download "${packages[@]}") || fail "the packages could not be downloaded"
  say "  unpacking $(du -cm "$work"/debs/*.deb | awk 'END { print $1 }') MB into $prefix"
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/tree"; done

  triplet=$(basename "$(dirname "$(find "$work/tree/usr/lib" -name libssl.so.3 -print -quit)")")
  patch_executables "$work/tree/usr/lib/$triplet" "$prefix/usr/lib/$triplet"
  rm -rf "$work"/tree/{etc,var,usr/share/doc,usr/share/man,usr/share/lintian,usr/share/locale,usr/share/bug} \
    "$work/tree/usr/lib/$triplet"/{gconv,systemd} "$work/tree/usr/lib/postgresql/$VERSION"/lib/{bitcode,llvmjit*}
  [ -e "$work/tree/bin" ] || ln -s "usr/lib/postgresql/$VERSION/bin" "$work/tree/bin"
  chmod 755 "$work/tree"
  rm -rf "$prefix"
  mv "$work/tree" "$prefix"
  if ! (check_libraries "$prefix/usr/lib/$triplet" && "$prefix/bin/postgres" --version); then
    rm -rf "$prefix"
    fail "the unpacked PostgreSQL does not run on this machine: install one yourself and set EVENTSTORE_PG_BIN or DATABASE_URL"
  fi
}

if found; then exit 0; fi
[ "${1:-}" != --check ] || exit 1
if [ -n "${EVENTSTORE_PG_BIN:-}" ]; then
  fail "EVENTSTORE_PG_BIN is $EVENTSTORE_PG_BIN, but there is no postgres and initdb: correct it, or unset it"
fi
command -v apt-get >/dev/null || fail "this is no Debian (no apt-get): install PostgreSQL with TimescaleDB and set EVENTSTORE_PG_BIN, or set DATABASE_URL"
if installable && can_be_root; then
  install_package || fail "$PACKAGE could not be installed"
else
  unpack_privately
fi
found || fail "there is still no PostgreSQL with TimescaleDB"
