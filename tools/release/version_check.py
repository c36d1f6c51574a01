#!/usr/bin/env python3
"""The version is in one place, project(... VERSION ...) of CMakeLists.txt. Whatever repeats it has to agree: the changelog
has a section for it (or, before it is tagged, entries under "Unreleased"), and so do the files of _REPEATED.

    tools/release/version_check.py [FOLDER]      the checkout that this is a part of, unless another is named

Prints what is wrong, one a line, and exits with 1; else one line that says what was looked at."""
import datetime
import pathlib
import re
import subprocess
import sys

# Files that say the version, and how: the first group is the version, or its beginning.
_REPEATED = (
    ("README.md", r"^Version (\d+\.\d+(?:\.\d+)?)\b"),
    ("MODULE.bazel", r"^module\([^)]*\bversion = \"([^\"]+)\""),
    ("deploy/helm/*/Chart.yaml", r"^appVersion: \"?([^\"\n]+?)\"?$"),
)
_HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\S+))?\s*$")


def project_version(folder):
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(r"^project\([^)]*\bVERSION\s+(\S+?)[\s)]", text, re.MULTILINE)
    if not found or not re.fullmatch(r"\d+\.\d+\.\d+", found.group(1)):
        raise SystemExit(f"{folder}/CMakeLists.txt: project() has no VERSION of three numbers, such as 0.1.0")
    return found.group(1)


def numbers(version):
    return tuple(int(part) for part in version.split("."))


def tags(folder):
    """Tags of releases; none outside of git, where nothing can be asked."""
    done = subprocess.run(["git", "-C", folder, "tag", "--list", "v[0-9]*"], capture_output=True, text=True, check=False)
    return set(done.stdout.split()) if done.returncode == 0 else set()


def sections(text):
    """(name, date, number of entries, line number) of each section, in order."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.match(line)
        if heading:
            found.append([heading["name"], heading["date"], 0, number])
        elif line.startswith("## "):
            found.append([line[3:].strip(), None, 0, number])
        elif line.startswith("- ") and found:
            found[-1][2] += 1
    return found


def changelog_faults(text, version, released):
    """What is wrong with the changelog. released: this version is tagged, so nothing more can be added to it."""
    faults, before = [], None
    every = sections(text)
    names = [section[0] for section in every]
    for name, date, entries, line in every:
        where = f"CHANGELOG.md:{line}: section {name}"
        if name == "Unreleased":
            if line != every[0][3]:
                faults.append(f"{where}: has to be the first one")
            continue
        if not re.fullmatch(r"\d+\.\d+\.\d+", name):
            faults.append(f"{where}: is neither \"[Unreleased]\" nor \"[MAJOR.MINOR.PATCH] - YYYY-MM-DD\"")
            continue
        try:
            datetime.date.fromisoformat(date or "")
        except ValueError:
            faults.append(f"{where}: has no date of its release (\"## [{name}] - YYYY-MM-DD\")")
        if entries == 0:
            faults.append(f"{where}: is empty")
        if before is not None and numbers(name) >= numbers(before):
            faults.append(f"{where}: stands below {before}, which is not newer")
        if numbers(name) > numbers(version):
            faults.append(f"{where}: is newer than the project's VERSION {version}: raise that in CMakeLists.txt")
        before = name
    if version not in names:
        pending = [entries for name, _, entries, _ in every if name == "Unreleased"]
        if released:
            faults.append(f"CHANGELOG.md: v{version} is tagged, but has no section \"## [{version}] - YYYY-MM-DD\"")
        elif not pending or pending[0] == 0:
            faults.append(f"CHANGELOG.md: has neither a section {version} nor entries under \"## [Unreleased]\"")
    return faults


def repeated_faults(folder, version):
    faults, places = [], []
    for pattern, expression in _REPEATED:
        for path in sorted(folder.glob(pattern)):
            found = re.search(expression, path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
            name = str(path.relative_to(folder))
            places.append(name)
            if not found:
                faults.append(f"{name}: says no version where one was expected ({expression})")
            elif numbers(version)[:len(numbers(found.group(1)))] != numbers(found.group(1)):
                faults.append(f"{name}: says {found.group(1)}, but the project's VERSION is {version} (CMakeLists.txt)")
    return faults, places


def check(folder):
    version = project_version(folder)
    released = f"v{version}" in tags(folder)
    faults = changelog_faults((folder / "CHANGELOG.md").read_text(encoding="utf-8"), version, released)
    more, places = repeated_faults(folder, version)
    return version, released, faults + more, places


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    version, released, faults, places = check(folder)
    for fault in faults:
        print(fault)
    if not faults:
        state = "tagged" if released else "not tagged yet"
        print(f"version {version}, {state}: CHANGELOG.md, {', '.join(places)} agree")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
