"""eventctl backup verify: what it says of backups that are whole, and of those that are not."""
import json
import os
import shutil
import subprocess
import tempfile

from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import BINARY, NEGATIVE, OK, USAGE
from harness.group_suite import GroupTest
from harness.server import Server, wait_until
from harness.steps import Steps

EVENTS = 60


class BackupVerifyTest(GroupTest):
    """One store, and backups of it; what a test damages is a copy."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="eventstore-backup-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        os.chmod(cls.folder, 0o755)
        paths = {name: os.path.join(cls.folder, name.lower()) for name in ("DIR", "BACKUP")}
        for path in paths.values():
            os.mkdir(path)
        with open(os.path.join(paths["DIR"], "local.conf"), "w", encoding="utf-8") as file:
            file.write("fsync = off\nshared_buffers = 64MB\n")
        server = Server(data_dir=paths["DIR"])
        server.stop()
        steps = Steps("backup.md", **paths)
        steps.run("archive")
        cls.server = Server(data_dir=paths["DIR"])
        cls.addClassCleanup(cls.server.stop)
        cls.client = Client(cls.server.address)
        cls.addClassCleanup(cls.client.close)
        cls.database = cls.server.database()
        programs = os.path.dirname(os.path.realpath(f"/proc/{cls.server.postmaster_pid()}/exe"))
        steps.environment.update(DB=cls.server.conninfo(), PATH=programs + os.pathsep + os.environ["PATH"])
        cls.steps = steps
        for _ in range(EVENTS // 20):
            last = cls.client.append(append_request(new_id(), 0, [new_event() for _ in range(20)]))
        cls.newest = last.events[-1].global_position
        steps.run("base backup")
        steps.run("logical backup")
        # In the archive alone.
        for _ in range(3):
            last = cls.client.append(append_request(new_id(), 0, [new_event() for _ in range(20)]))
            written = cls.database.run("SELECT pg_walfile_name(pg_switch_wal())")
        cls.newest_in_wal = last.events[-1].global_position
        archive = os.path.join(paths["BACKUP"], "wal")
        wait_until(lambda: os.path.exists(os.path.join(archive, written)), "the WAL to be kept", 60)
        # As it is now: one of the tests breaks the store, and the archive would tell.
        cls.wal = shutil.copytree(archive, os.path.join(cls.folder, "kept"), ignore=shutil.ignore_patterns("*.part"))
        cls.give_away(cls.wal)
        cls.base = os.path.join(paths["BACKUP"], "base")
        cls.dump = os.path.join(paths["BACKUP"], "events.dump")

    @classmethod
    def give_away(cls, path):
        """To PostgreSQL's account, which reads the WAL."""
        pgdata = os.path.join(cls.server.data_dir, "pgdata")
        subprocess.run(["chown", "-R", "--reference", pgdata, path], check=True)

    def verify(self, *arguments, code=OK):
        done = subprocess.run([BINARY, "--json", "backup", "verify", "--work-dir", self.folder, *arguments],
                              capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("eventctl")], [])
        answer = json.loads(done.stdout)
        self.assertEqual(answer["good"], code == OK)
        return answer

    def copy(self, path):
        copied = os.path.join(self.folder, new_id())
        self.addCleanup(shutil.rmtree, copied, ignore_errors=True)
        if os.path.isdir(path):
            shutil.copytree(path, copied)
        else:
            os.mkdir(copied)
            copied = shutil.copy(path, copied)
        return copied

    def test_a_base_backup(self):
        answer = self.verify("--dir", self.base)
        self.assertEqual((answer["events"], answer["newest_position"]), (EVENTS, self.newest))
        self.assertEqual(answer["store_id"], self.database.run("SELECT store_id FROM store_identity"))

    def test_with_the_wal_since(self):
        answer = self.verify("--dir", self.base, "--wal", self.wal)
        self.assertEqual((answer["events"], answer["newest_position"]), (2 * EVENTS, self.newest_in_wal))

    def test_a_dump(self):
        answer = self.verify("--dump", self.dump)
        self.assertEqual((answer["events"], answer["newest_position"]), (EVENTS, self.newest))

    def test_a_damaged_file(self):
        copied = self.copy(self.base)
        relative = self.database.run("SELECT pg_relation_filepath('aggregate_heads')")
        with open(os.path.join(copied, relative), "r+b") as file:
            file.seek(100)
            byte = file.read(1)
            file.seek(100)
            file.write(bytes([byte[0] ^ 1]))
        self.assertIn(relative, self.verify("--dir", copied, code=NEGATIVE)["damage"])

    def test_a_file_that_is_missing(self):
        copied = self.copy(self.base)
        os.unlink(os.path.join(copied, "global", "pg_control"))
        self.assertIn("pg_control", self.verify("--dir", copied, code=NEGATIVE)["damage"])

    def test_wal_with_a_gap(self):
        copied = self.copy(self.wal)
        segments = sorted(name for name in os.listdir(copied) if len(name) == 24)
        os.unlink(os.path.join(copied, segments[-2]))
        self.give_away(copied)
        damage = self.verify("--dir", self.base, "--wal", copied, code=NEGATIVE)["damage"]
        self.assertIn("missing or damaged", damage)
        # Up to the gap it was read.
        self.assertRegex(damage, f"ended in WAL segment ({segments[-3][8:]}|{segments[-2][8:]})")

    def test_a_dump_that_was_cut_short(self):
        copied = self.copy(self.dump)
        os.truncate(copied, os.path.getsize(copied) * 3 // 4)
        self.assertTrue(self.verify("--dump", copied, code=NEGATIVE)["damage"])

    def test_a_store_that_breaks_its_promises(self):
        """Whole as a backup, and wrong: a head that is ahead of its events, a file of the archive that is not there."""
        self.database.run("""
            INSERT INTO archived_chunks (range_start, range_end, digest, file, events, dropped_at)
            VALUES ('2020-01-01', '2020-01-02', 'd', 'gone.jsonl.zst', 1, now())""")
        self.database.run("UPDATE aggregate_heads SET version = version + 1 WHERE aggregate_id IN "
                          "(SELECT aggregate_id FROM aggregate_heads LIMIT 1)")
        self.addCleanup(self.database.run, "DELETE FROM archived_chunks; UPDATE aggregate_heads SET version = 20")
        before = self.steps.environment["BACKUP"]
        self.addCleanup(self.steps.environment.update, BACKUP=before)
        self.steps.environment["BACKUP"] = self.copy(self.wal)
        self.steps.run("logical backup")
        dump = os.path.join(self.steps.environment["BACKUP"], "events.dump")
        answer = self.verify("--dump", dump, "--archive", self.folder, code=NEGATIVE)
        self.assertEqual([violation["rule"] for violation in answer["violations"]], ["head_version"])
        self.assertEqual(answer["problems"], [f"archive file gone.jsonl.zst is not in {self.folder}"])

    def test_groups_and_the_table(self):
        self.create()
        self.addCleanup(self.database.run, f"DELETE FROM consumer_groups WHERE name = '{self.name}'")
        before = self.steps.environment["BACKUP"]
        self.addCleanup(self.steps.environment.update, BACKUP=before)
        self.steps.environment["BACKUP"] = self.copy(self.wal)
        self.steps.run("logical backup")
        dump = os.path.join(self.steps.environment["BACKUP"], "events.dump")
        done = subprocess.run([BINARY, "backup", "verify", "--dump", dump], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)
        self.assertRegex(done.stdout, rf"group {self.name} +at 0, 0 parked")
        self.assertRegex(done.stdout, r"events +120\n")

    def test_one_backup_at_a_time(self):
        done = subprocess.run([BINARY, "backup", "verify"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, USAGE)
