#!/usr/bin/env python3
"""What a release stands on: one version, a changelog that has it, a commit that the programs can name, and an archive of
the sources that comes out the same twice."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "release"))

import version_check  # noqa: E402

DONE = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-01\n\n- new\n\n## [0.1.0] - 2026-01-31\n\n- old\n"


def run(*command, cwd=None, check=True):
    # Nobody's settings of git, but one that has archives differ between people.
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "LC_ALL": "C",
                   "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "tar.umask", "GIT_CONFIG_VALUE_0": "user"}
    return subprocess.run([str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True,
                          check=check)


def git(folder, *arguments):
    return run("git", "-c", "user.name=A", "-c", "user.email=a@b.invalid", "-C", folder, *arguments).stdout.strip()


class ChangelogTest(unittest.TestCase):
    def faults(self, text, version="0.2.0", released=False):
        return "\n".join(version_check.changelog_faults(text, version, released))

    def test_this_project(self):
        self.assertEqual([], version_check.check(ROOT)[2])

    def test_a_good_one(self):
        self.assertEqual("", self.faults(DONE))
        self.assertEqual("", self.faults(DONE, released=True))

    def test_before_a_release_its_entries_are_under_unreleased(self):
        text = DONE.replace("## [Unreleased]\n", "## [Unreleased]\n\n- next\n")
        self.assertEqual("", self.faults(text, "0.3.0"))
        self.assertIn("neither a section 0.3.0 nor entries", self.faults(DONE, "0.3.0"))
        self.assertIn("v0.3.0 is tagged, but has no section", self.faults(text, "0.3.0", released=True))

    def test_a_release_has_a_date_and_entries(self):
        self.assertIn("section 0.2.0: has no date", self.faults(DONE.replace(" - 2026-11-01", "")))
        self.assertIn("section 0.2.0: has no date", self.faults(DONE.replace("2026-11-01", "2026-11-31")))
        self.assertIn("section 0.2.0: is empty", self.faults(DONE.replace("- new\n", "")))

    def test_the_newest_is_first(self):
        self.assertIn("section 0.1.0: stands below 0.1.0", self.faults(DONE.replace("0.2.0", "0.1.0")))
        self.assertIn("is newer than the project's VERSION 0.1.0", self.faults(DONE, "0.1.0"))
        self.assertIn("is neither", self.faults(DONE.replace("[0.1.0]", "0.1")))


class PlacesTest(unittest.TestCase):
    def test_what_says_another_version_is_named(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "README.md").write_text("# It\n\nVersion 0.2, not released yet\n")
            (folder / "deploy/helm/store").mkdir(parents=True)
            (folder / "deploy/helm/store/Chart.yaml").write_text('version: 9.9.9\nappVersion: "0.1.0"\n')
            faults, places = version_check.repeated_faults(folder, "0.2.0")
            self.assertEqual(["README.md", "deploy/helm/store/Chart.yaml"], places)
            self.assertEqual(1, len(faults), faults)
            self.assertIn("Chart.yaml: says 0.1.0, but", faults[0])


@unittest.skipUnless(shutil.which("git"), "there is no git; not tried: which commit the programs name")
class CommitTest(unittest.TestCase):
    """cmake/Version.cmake, in checkouts of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve() / "source"
        (self.folder / "cmake").mkdir(parents=True)
        for name in ("cmake/Version.cmake", "cmake/commit.txt", ".gitattributes"):
            shutil.copy(ROOT / name, self.folder / name)
        # Of an archive that this is unpacked from it may name a commit already.
        (self.folder / "cmake/commit.txt").write_text("$Format:%H$\n")
        self.output = self.folder.parent / "version.cc"

    def written(self, source=None):
        source = source or self.folder
        run("cmake", "-DVERSION=1.2.3", f"-DSOURCE={source}", f"-DOUTPUT={self.output}", "-P", source / "cmake/Version.cmake")
        return self.output.read_text()

    def commit(self):
        git(self.folder, "init", "-q")
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-q", "-m", "all")
        return git(self.folder, "rev-parse", "HEAD")

    def test_outside_of_git(self):
        self.assertIn('.version = "1.2.3", .commit = "", .changed = false', self.written())

    def test_a_commit_and_changes_of_it(self):
        commit = self.commit()
        self.assertIn(f'.commit = "{commit}", .changed = false', self.written())
        (self.folder / "new.txt").write_text("of nobody's concern\n")
        self.assertIn(".changed = false", self.written())
        (self.folder / "cmake/commit.txt").write_text("changed\n")
        self.assertIn(f'.commit = "{commit}", .changed = true', self.written())

    def test_what_says_the_same_is_not_written_again(self):
        self.commit()
        self.written()
        os.utime(self.output, (1, 1))
        self.written()
        self.assertEqual(1, self.output.stat().st_mtime)

    def test_below_another_repository(self):
        git(self.folder.parent, "init", "-q")
        git(self.folder.parent, "add", ".")
        git(self.folder.parent, "commit", "-q", "-m", "all")
        self.assertIn('.commit = ""', self.written())

    def test_an_archive_names_its_commit(self):
        commit = self.commit()
        git(self.folder, "archive", "--prefix=unpacked/", "-o", self.folder.parent / "it.tar", "HEAD")
        with tarfile.open(self.folder.parent / "it.tar") as archive:
            archive.extractall(self.folder.parent)
        self.assertIn(f'.commit = "{commit}", .changed = false', self.written(self.folder.parent / "unpacked"))


@unittest.skipUnless((ROOT / ".git").exists() and shutil.which("git"), "this is no git checkout; not tried: the archive of the sources")
class ArchiveTest(unittest.TestCase):
    def test_the_same_bytes_whoever_makes_it(self):
        found = set()
        for mask in (0o022, 0o077):
            with tempfile.TemporaryDirectory() as folder:
                before = os.umask(mask)
                try:
                    said = run(ROOT / "tools/release/dist.sh", "--out", folder).stdout
                finally:
                    os.umask(before)
                archive, = pathlib.Path(folder).glob("eventstore-*.tar.gz")
                digest = hashlib.sha256(archive.read_bytes()).hexdigest()
                self.assertIn(digest, said)
                self.assertEqual(f"{digest}  {archive.name}\n", pathlib.Path(f"{archive}.sha256").read_text())
                found.add((archive.name, digest))
                with tarfile.open(archive) as content:
                    top = archive.name[:-len(".tar.gz")]
                    self.assertEqual(git(ROOT, "rev-parse", "HEAD") + "\n",
                                     content.extractfile(f"{top}/cmake/commit.txt").read().decode())
        self.assertEqual(1, len(found), found)

    def test_what_is_no_commit_is_refused(self):
        done = run(ROOT / "tools/release/dist.sh", "--commit", "no-such-tag", check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("no-such-tag is no commit", done.stderr)


if __name__ == "__main__":
    unittest.main()
