#!/usr/bin/env bash
# dist.sh [--commit COMMIT] [--out FOLDER] : the sources of a commit (HEAD) as dist/eventstore-<version>.tar.gz, with its SHA-256
# beside it. The archive is made twice and compared: whoever has the commit can make the same bytes and need not trust
# ours. (gzip may compress otherwise in another version of it; what it packs stays the same: zcat FILE | sha256sum.)
#
#   tools/release/dist.sh                       of the last commit
#   tools/release/dist.sh --commit v0.1.0       of a release
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/common.sh
. tools/setup/common.sh

commit=HEAD
out=dist
while [ $# -gt 0 ]; do
  case $1 in
    --commit | --out) [ $# -ge 2 ] || fail "$1 needs a value: dist.sh [--commit COMMIT] [--out FOLDER]" ;;&
    --commit) commit=$2 ;;
    --out) out=$2 ;;
    *) fail "there is no option $1: dist.sh [--commit COMMIT] [--out FOLDER]" ;;
  esac
  shift 2
done

hash=$(git rev-parse -q --verify "$commit^{commit}") ||
  fail "$commit is no commit of a git checkout in $PWD: run this in one, or name another with --commit"
# Of the commit, not of the folder, which may be elsewhere by now.
version=$(git show "$hash:CMakeLists.txt" | sed -nE 's/^project\(.*VERSION ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p')
[ -n "$version" ] || fail "CMakeLists.txt of $commit has no project(... VERSION ...)"
name=eventstore-$version
# Only the tagged commit is that version.
if [ "$(git rev-parse -q --verify "v$version^{commit}" || true)" != "$hash" ]; then
  name=$name+git.$(git rev-parse --short=12 "$hash")
fi
if [ "$commit" = HEAD ] && [ -n "$(git status --porcelain)" ]; then
  say "note: files here differ from the commit; the archive holds the commit"
fi

# Times, owners and the order of files are the commit's in git archive; the mask is what differs between people. gzip -n
# leaves out the name and the time. export-subst shortens no hash (%H), which could take more digits another day.
pack() { git -c tar.umask=0022 archive --format=tar --prefix="$name/" "$hash" | gzip -n -9; }

mkdir -p "$out"
trap 'rm -f "$out/$name.tar.gz.new"' EXIT
pack >"$out/$name.tar.gz.new"
first=$(sha256sum <"$out/$name.tar.gz.new")
second=$(pack | sha256sum)
[ "$first" = "$second" ] || fail "the archive of $hash came out differently the second time: ${first%% *}, ${second%% *}"
mv "$out/$name.tar.gz.new" "$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
say "$out/$name.tar.gz: $(du -k "$out/$name.tar.gz" | cut -f1) kB, twice the same: sha256 ${first%% *}"
