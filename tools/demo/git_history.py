#!/usr/bin/env python3
"""git_history.py REPOSITORY EVENTS HIGHLIGHTS : a git history as events, in the lines that `eventctl load` takes.

One aggregate a file (a renamed file is a new one), one event for each file that a commit changed, one correlation a
commit, the digest of an e-mail address as the user. The first event of a commit is the cause of the others; a file that
was moved is caused by the event that removed it from its old place.

All ids are UUIDs of version 5, made from the repository, the commit and the path: the same history gives the same ids, so
loading it twice changes nothing. EVENTS gets the lines, oldest commit first; HIGHLIGHTS gets what is worth looking at,
one "name<TAB>value" a line.
"""

import hashlib
import json
import re
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO, Iterator

NAMESPACE = uuid.UUID("5d1b3c1e-6f0a-5e0b-9a51-0c6d6c1f7e2a")
TYPES = {b"A": "file.added", b"D": "file.deleted"}  # anything else, a change of mode for one, is file.modified
COMMIT, PART = b"\x01", b"\x02"


@dataclass
class Change:
    path: bytes
    type: str
    old_blob: bytes
    new_blob: bytes
    additions: int = 0
    deletions: int = 0
    binary: bool = False


@dataclass
class Commit:
    sha: bytes
    time: str
    email: bytes
    subject: str
    changes: dict[bytes, Change] = field(default_factory=dict)


def git(repository: str, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", repository, *arguments], check=True, stdout=subprocess.PIPE).stdout.strip()


def identity(repository: str) -> bytes:
    """What stays the same between clones: where it came from (without a password), else its folder."""
    try:
        origin = git(repository, "config", "--get", "remote.origin.url")
    except subprocess.CalledProcessError:
        return git(repository, "rev-parse", "--absolute-git-dir")
    return re.sub(rb"://[^@/]*@", b"://", origin)


def made_id(*parts: bytes) -> str:
    digest = hashlib.sha1(NAMESPACE.bytes + b"\n".join(parts)).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def tokens(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(1 << 16):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def parse(stream: BinaryIO) -> Iterator[Commit]:
    """git log -z --raw --numstat: a commit's line, then ":modes blobs letter" and path, then "added removed path"."""
    commit: Commit | None = None
    entries = tokens(stream)
    for entry in entries:
        entry = entry.lstrip(b"\n")
        if entry.startswith(COMMIT):
            if commit:
                yield commit
            sha, time, email, subject = entry[1:].split(PART, 3)
            commit = Commit(sha, text(time), email, text(subject))
        elif entry.startswith(b":") and commit:
            _, _, old_blob, new_blob, letter = entry.split(b" ")
            path = next(entries)
            commit.changes[path] = Change(path, TYPES.get(letter[:1], "file.modified"), old_blob, new_blob)
        elif entry and commit:
            added, removed, path = entry.split(b"\t", 2)
            change = commit.changes[path]
            change.binary = added == b"-"
            if not change.binary:
                change.additions, change.deletions = int(added), int(removed)
    if commit:
        yield commit


def history(repository: str) -> Iterator[Commit]:
    log = [
        "git", "-C", repository, "-c", "log.showRoot=true", "-c", "log.showSignature=false", "log", "--reverse", "--topo-order",
        "--raw", "--numstat", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--encoding=UTF-8",
        "--format=tformat:%x01%H%x02%aI%x02%aE%x02%s",
    ]
    with subprocess.Popen(log, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield from parse(process.stdout)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, log)


class Converter:
    def __init__(self, repository: str):
        self.repository = identity(repository)
        self.versions: Counter[bytes] = Counter()
        self.users: Counter[str] = Counter()
        self.events = 0
        self.commits = 0
        self.shown: tuple[tuple[bool, int], Commit] | None = None

    def event_id(self, commit: Commit, change: Change) -> str:
        return made_id(self.repository, commit.sha, change.path)

    def aggregate_id(self, path: bytes) -> str:
        return made_id(self.repository, path)

    def events_of(self, commit: Commit) -> Iterator[dict]:
        # What was removed comes first, so that the cause of a move stands before its effect.
        changes = sorted(commit.changes.values(), key=lambda change: (change.type != "file.deleted", change.path))
        removed = {c.old_blob: self.event_id(commit, c) for c in changes if c.type == "file.deleted"}
        user = "author-" + hashlib.sha256(commit.email.strip().lower()).hexdigest()[:10]
        first = None
        moved = False
        for change in changes:
            source = removed.get(change.new_blob) if change.type == "file.added" else None
            moved |= source is not None
            data = {
                "path": text(change.path),
                "commit": text(commit.sha[:12]),
                "subject": commit.subject,
                "additions": change.additions,
                "deletions": change.deletions,
            }
            if change.binary:
                data["binary"] = True
            event_id = self.event_id(commit, change)
            yield {
                "id": event_id,
                "timestamp": commit.time,
                "aggregate_id": self.aggregate_id(change.path),
                "aggregate_type": "entity",
                "event_type": change.type,
                "user_id": user,
                "correlation_id": made_id(commit.sha),
                "causation_id": source or first,
                "source": "migration",
                "data": data,
            }
            first = first or event_id
            self.versions[change.path] += 1
            self.users[user] += 1
            self.events += 1
        if changes:
            self.commits += 1
            self.consider(commit, moved)

    def consider(self, commit: Commit, moved: bool) -> None:
        """The commit to show: one that fits on a screen, with a move if there is one, the larger and then the later."""
        size = len(commit.changes)
        rank = (moved, size) if size <= 12 else (False, -size)
        if self.shown is None or rank >= self.shown[0]:
            self.shown = (rank, commit)

    def highlights(self) -> dict[str, str]:
        found = {"events": str(self.events), "commits": str(self.commits), "files": str(len(self.versions))}
        found["users"] = str(len(self.users))
        if self.shown:
            path, versions = self.versions.most_common(1)[0]
            found["file"] = re.sub(r"[\x00-\x1f\x7f]", "?", text(path))
            found["file_id"] = self.aggregate_id(path)
            found["file_versions"] = str(versions)
            commit = self.shown[1]
            found["commit"] = text(commit.sha[:12])
            found["commit_id"] = made_id(commit.sha)
            found["user"], found["user_events"] = map(str, self.users.most_common(1)[0])
        return found


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    repository, events_file, highlights_file = sys.argv[1:]
    try:
        if subprocess.run(["git", "-C", repository, "rev-parse", "-q", "--verify", "HEAD"], capture_output=True).returncode:
            git(repository, "rev-parse", "--git-dir")  # says so when it is no repository
            commits: Iterator[Commit] = iter(())  # one without any commit
        else:
            commits = history(repository)
        converter = Converter(repository)
        with open(events_file, "w", encoding="utf-8") as out:
            for commit in commits:
                for event in converter.events_of(commit):
                    out.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")
    except subprocess.CalledProcessError as error:
        print(f"error: git could not read {repository} (exit code {error.returncode})", file=sys.stderr)
        return 1
    with open(highlights_file, "w", encoding="utf-8") as out:
        for name, value in converter.highlights().items():
            out.write(f"{name}\t{value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
