"""eventctl migrate-events and verify-migration: a legacy table of every kind of row, killed again and again while rows still
arrive, ends as the same events in the store."""
import json
import os
import subprocess
import tempfile
import threading

from harness.eventctl import NEGATIVE, Running, objects
from harness.migrating import MAKE, ROWS, MigrationTest
from harness.server import wait_until

# Sessions that hold the lanes of one writer of two, as an append of another server would.
_HOLD = "SELECT pg_advisory_xact_lock(x'45565354'::integer, lane) FROM store_identity, generate_series({part}, lanes - 1, 2) lane;"


class EventctlMigrationTest(MigrationTest):
    def arrive(self, stopped):
        """50 rows a second, for entities that have a past and for new ones; some with times that are long over."""
        with subprocess.Popen(
            self.database._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, bufsize=1
        ) as psql:
            while not stopped.wait(0.02):
                psql.stdin.write(
                    "INSERT INTO legacy SELECT gen_random_uuid(), now() - random() * interval '500 days', 'late',"
                    " jsonb_build_object('entityId', md5('legacy entity ' || (random() * 400)::int)::uuid), 'somebody';\n"
                )
            psql.stdin.close()

    def test_killed_again_and_again_while_rows_arrive(self):
        self.database.run(MAKE.format(table="legacy"))
        stopped = threading.Event()
        arriving = threading.Thread(target=self.arrive, args=(stopped,))
        arriving.start()
        self.addCleanup(arriving.join)
        self.addCleanup(stopped.set)
        kills = 0
        for target in (500, 1500, 3000, 4500):
            running = Running(self.server, "migrate-events", "--table", "legacy", "--batch-size", "100", "--database",
                              self.conninfo, "--json")
            wait_until(
                lambda: self.number("SELECT count(*) FROM events_v2") >= target or not running._process.poll() is None,
                f"{target} events", 120)
            kills += 1 if running._process.poll() is None else 0
            running._process.kill()
            running._process.wait()
        self.assertGreaterEqual(kills, 2)
        report = self.migrate("--table", "legacy", code=NEGATIVE)
        self.assertTrue(report["resumed"])
        self.assertTrue(report["complete"])
        stopped.set()
        arriving.join()
        # What came behind its place.
        self.migrate("--table", "legacy", code=NEGATIVE)
        same = self.verified("--table", "legacy")
        self.assertEqual(same["refused_rows"], ROWS // 100)
        self.assertEqual(same["source_events"], self.number("SELECT count(*) FROM legacy") - ROWS // 100)
        self.clean()
        # And nothing a second time.
        last = self.migrate("--table", "legacy", code=NEGATIVE)
        self.assertEqual(last["written"], 0)
        self.assertEqual(last["already_there"], same["source_events"])
        self.assertEqual(self.number("SELECT count(*) FROM events_v2"), same["source_events"])
        runs = objects(self.run_tool("migrate-events", "runs").stdout)
        self.assertEqual(len(runs), 3)
        self.assertTrue(all(run["finished_at"] for run in runs))

    def place(self, part):
        return self.number(f"SELECT coalesce((SELECT batch FROM migration_places WHERE part = {part}), 0)")

    def kill_with_one_writer_held(self, part, batches, *arguments):
        """Until the other one is so many batches further."""
        until = self.place(1 - part) + batches
        with self.database.transaction(_HOLD.format(part=part)):
            running = Running(self.server, "migrate-events", *arguments, "--database", self.conninfo, "--json")
            wait_until(lambda: self.place(1 - part) >= until, f"batch {until} of part {1 - part}", 60)
            running._process.kill()
            running._process.wait()
        self.await_ended()

    def test_one_writer_is_ahead_when_it_is_killed_and_batches_have_another_size_then(self):
        self.database.run(MAKE.format(table="apart"))
        apart = ("--table", "apart")
        self.migrate(*apart, "--batch-size", "100", "--limit", "200", code=None)
        self.assertEqual((self.place(0), self.place(1)), (2, 2))
        self.kill_with_one_writer_held(0, 2, *apart, "--batch-size", "100")
        self.assertEqual(self.place(0), 2)
        self.kill_with_one_writer_held(1, 1, *apart, "--batch-size", "1000")
        self.migrate(*apart, "--batch-size", "500", code=NEGATIVE)
        self.assertEqual(self.verified(*apart)["source_events"], ROWS - ROWS // 100)
        # And with other numbers of writers.
        self.database.run("INSERT INTO apart SELECT gen_random_uuid(), timestamp + interval '1 second', type, data, user_id "
                          "FROM apart WHERE timestamp IS NOT NULL")
        for writers in (1, 3, 2):
            self.migrate(*apart, "--writers", writers, "--limit", "1500", code=None)
        self.migrate(*apart, "--writers", "1", code=NEGATIVE)
        self.verified(*apart)
        self.clean()

    def test_a_rehearsal_tells_what_a_run_then_does(self):
        self.database.run(MAKE.format(table="rehearsed"))
        with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as errors:
            plan = self.migrate("--table", "rehearsed", "--dry-run", "--errors", errors.name, code=NEGATIVE)
            listed = [json.loads(line) for line in errors]
        self.assertEqual(self.number("SELECT count(*) FROM events_v2"), 0)
        self.assertEqual(len([line for line in listed if line["skipped"]]), 60)
        self.assertEqual(plan["skipped_by_field"], {"data": 30, "timestamp": 30})
        done = self.migrate("--table", "rehearsed", code=NEGATIVE)
        for key in ("read", "written", "already_there", "skipped", "clamped", "fresh_aggregates", "types"):
            self.assertEqual(plan[key], done[key], key)
        self.assertEqual(done["fresh_aggregates"], ROWS // 50)
        self.assertEqual(plan["aggregates"], self.number("SELECT count(*) FROM aggregate_heads"))
        self.assertEqual(done["proposed_chunk_interval"], "7 days")
        self.assertLess(self.chunks(), 120)
        # In the order of time, nothing has to be raised.
        self.assertEqual(done["clamped"], 0)
        self.assertEqual(self.number("SELECT count(*) FROM events_v2 WHERE source = 'migration'"), done["written"])
        self.assertEqual(
            self.number("SELECT count(*) FROM events_v2 e JOIN rehearsed l USING (id, timestamp) WHERE e.data = l.data "
                        "AND e.event_type = l.type AND e.metadata ->> 'legacy_id' = l.id::text"), done["written"])
        self.verified("--table", "rehearsed")
        self.clean()

    def test_differences_are_found_and_named(self):
        self.database.run(MAKE.format(table="changed"))
        self.migrate("--table", "changed", code=NEGATIVE)
        ids = self.database.run("SELECT id FROM changed WHERE type = 'kind.1' AND data ? 'entityId' AND timestamp IS NOT "
                                "NULL ORDER BY timestamp LIMIT 3").split()
        self.database.run(f"UPDATE changed SET user_id = 'other' WHERE id = '{ids[0]}'; "
                          f"DELETE FROM changed WHERE id = '{ids[1]}'; "
                          f"UPDATE changed SET data = data || '{{\"more\": 1}}' WHERE id = '{ids[2]}';"
                          "INSERT INTO changed VALUES (gen_random_uuid(), '2018-05-05', 'new', '{}', NULL)")
        report = self.verified("--table", "changed", code=NEGATIVE)
        self.assertEqual(report["differing_events"], 4)
        what = {event["id"]: event["what"] for event in report["events"]}
        self.assertEqual([what[one] for one in ids], ["differs", "not in the source", "differs"])
        self.assertIn("missing in the store", what.values())
        self.assertEqual(report["differing_groups"], 4)

    def test_lines_with_a_mapping_go_the_same_way(self):
        lines = [
            {"no": 3, "at": 1600000002000, "what": "order.paid", "body": {"order": "A-1"}, "by": "ann"},
            {"no": 1, "at": 1600000000000, "what": "order.placed", "body": {"order": "A-1"}, "by": "ann"},
            {"no": 2, "at": 1600000001000, "what": "user.seen", "body": {"order": "A-2", "deep": 1.50}, "by": None},
            {"no": 4, "at": 1600000003000, "what": "order.sent", "body": {}, "by": "bob"},
            {"at": 1600000003000, "what": "order.sent", "body": {}},
        ]
        with tempfile.TemporaryDirectory() as folder:
            mapping = os.path.join(folder, "map.toml")
            with open(mapping, "w", encoding="utf-8") as file:
                file.write('table = "orders"\ntimestamp_unit = "milliseconds"\n[fields]\nid = "no"\ntimestamp = "at"\n'
                           'event_type = "what"\naggregate_id = "body.order"\ndata = "body"\nuser_id = "by"\n'
                           '[aggregate_types]\nby_prefix = { "order." = "order", "user." = "user" }\n')
            path = os.path.join(folder, "old.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in lines) + "no json\n")
            report = self.migrate("--lines", path, "--mapping", mapping, code=NEGATIVE)
            self.assertEqual((report["written"], report["skipped"], report["fresh_aggregates"]), (4, 2, 1))
            self.assertEqual(
                self.database.run("SELECT string_agg(event_type || ' ' || version || ' ' || aggregate_type, ', ' "
                                  "ORDER BY timestamp) FROM events_v2"),
                "order.placed 1 order, user.seen 1 user, order.paid 2 order, order.sent 1 order")
            self.verified("--lines", path, "--mapping", mapping)
            self.assertEqual(self.migrate("--lines", path, "--mapping", mapping, code=NEGATIVE)["written"], 0)
        self.clean()
