"""eventctl migrate-events: what it reads, in which order, and what becomes of each row."""
import json
import tempfile
import uuid

from harness.eventctl import FAILED, NEGATIVE, OK, USAGE, Running
from harness.migrating import MAKE, MigrationTest
from harness.server import ENGINE

_ENTITY = str(uuid.UUID(int=0xE))


def _id(number):
    return str(uuid.UUID(int=number))


class EventctlMigrationSourceTest(MigrationTest):
    def make(self, rows, table="old"):
        """Of (id, time, type, data)."""
        self.database.run(f"CREATE TABLE {table} (id uuid, timestamp timestamptz, type text, data jsonb, user_id text)")
        values = ", ".join(f"('{row[0]}', '{row[1]}', '{row[2]}', '{json.dumps(row[3])}', NULL)" for row in rows)
        self.database.run(f"INSERT INTO {table} VALUES {values}")

    def types(self, entity=_ENTITY):
        return self.database.run(f"SELECT event_type FROM events_v2 WHERE aggregate_id = '{entity}' ORDER BY version").split()

    def test_rows_of_one_time_follow_their_ids(self):
        same, data = "2020-02-02T02:02:02Z", {"entityId": _ENTITY}
        self.make([(_id(0xC0), same, "c", data), (_id(0xA0), same, "a", data), (_id(0xB0), same, "b", data),
                   (_id(1), "2020-02-03T00:00:00Z", "d", data)])
        self.assertEqual(self.migrate("--table", "old")["clamped"], 0)
        self.assertEqual(self.types(), ["a", "b", "c", "d"])
        self.clean()

    def test_a_row_that_comes_late_is_raised_and_keeps_its_time(self):
        data = {"entityId": _ENTITY}
        self.make([(_id(1), "2020-01-01T00:00:00Z", "first", data), (_id(2), "2020-06-01T00:00:00Z", "last", data)])
        self.migrate("--table", "old")
        self.database.run("INSERT INTO old VALUES ('%s', '2020-03-01T10:11:12.5Z', 'late', '%s', NULL)"
                          % (_id(3), json.dumps(data)))
        report = self.migrate("--table", "old")
        self.assertEqual((report["written"], report["already_there"], report["clamped"]), (1, 2, 1))
        self.assertEqual(self.types(), ["first", "last", "late"])
        self.assertEqual(self.database.run("SELECT timestamp = '2020-06-01T00:00:00Z', metadata ->> 'original_timestamp' "
                                           "FROM events_v2 WHERE event_type = 'late'"), "t|2020-03-01T10:11:12.500000Z")
        again = self.migrate("--table", "old")
        self.assertEqual((again["written"], again["already_there"]), (0, 3))
        self.verified("--table", "old")
        self.clean()

    def test_metadata_says_where_an_event_is_from(self):
        self.make([(_id(1), "2020-01-01T00:00:00Z", "first", {"entityId": _ENTITY})])
        report = self.migrate("--table", "old")
        self.assertEqual(
            json.loads(self.database.run("SELECT metadata FROM events_v2 WHERE source = 'migration'")),
            {"legacy_id": _id(1), "legacy_table": "old", "batch": 1, "run": report["run"]})

    def test_another_database_and_a_query(self):
        self.database.run("CREATE DATABASE elsewhere")
        self.addCleanup(self.database.run, "DROP DATABASE elsewhere WITH (FORCE)")
        there = self.database.elsewhere("elsewhere")
        there.run(MAKE.format(table="app_events"))
        url = self.server.conninfo() + " dbname=elsewhere"
        source = ("--source-url", url, "--query",
                  "SELECT id, timestamp, type, data, user_id FROM app_events WHERE type <> 'kind.3'")
        done = self.migrate(*source, code=NEGATIVE)
        self.assertEqual(done["written"] + done["skipped"],
                         int(there.run("SELECT count(*) FROM app_events WHERE type <> 'kind.3'")))
        self.assertEqual(self.number("SELECT count(*) FROM events_v2 WHERE event_type = 'kind.3'"), 0)
        self.verified(*source)
        self.assertEqual(self.verified("--source-url", url, "--query", "SELECT * FROM app_events", code=NEGATIVE)["differing_events"],
                         int(there.run("SELECT count(*) FROM app_events WHERE type = 'kind.3' AND timestamp IS NOT NULL AND "
                                       "data <> '[]'")))
        self.clean()

    def test_since_limit_and_the_type_of_all(self):
        self.database.run(MAKE.format(table="old"))
        since = ("--table", "old", "--since", "2020-06-01T00:00:00Z")
        later = self.number("SELECT count(*) FROM old WHERE timestamp >= '2020-06-01T00:00:00Z' AND data <> '[]'")
        first = self.migrate(*since, "--limit", "700", "--batch-size", "300", "--aggregate-type", "thing", code=None)
        self.assertEqual((first["read"], first["complete"]), (700, False))
        self.assertEqual(self.events(), first["written"])
        rest = self.migrate(*since, "--aggregate-type", "thing", code=None)
        self.assertTrue(rest["resumed"] and rest["complete"])
        self.assertEqual(self.events(), later)
        self.assertEqual(self.database.run("SELECT DISTINCT aggregate_type FROM events_v2"), "thing")
        self.verified(*since, "--aggregate-type", "thing")
        self.clean()

    def test_ten_sparse_years_are_few_chunks_unless_asked_for(self):
        self.database.run("CREATE TABLE old AS SELECT md5('s' || n)::uuid AS id, '2010-01-01'::timestamptz + n * interval "
                          "'3650 days' / 300 AS timestamp, 'k' AS type, '{}'::jsonb AS data, NULL AS user_id "
                          "FROM generate_series(0, 299) n")
        done = self.migrate("--table", "old")
        self.assertEqual((done["written"], done["proposed_chunk_interval"]), (300, "30 days"))
        self.assertLessEqual(self.chunks(2020), 123)
        self.database.run("CREATE TABLE daily AS SELECT md5('d' || n)::uuid AS id, '1990-01-01'::timestamptz + n * interval "
                          "'1 day' AS timestamp, type, data, user_id FROM old, generate_series(0, 39) n WHERE "
                          "old.id = md5('s0')::uuid")
        self.migrate("--table", "daily", "--chunk-interval", "1 day")
        self.assertEqual(self.chunks(1991), 40)
        if ENGINE == "timescaledb":
            self.assertEqual(self.database.run("SELECT time_interval FROM timescaledb_information.dimensions "
                                               "WHERE hypertable_name = 'events_v2'"), "1 day")
        # Beside chunks of another length those that are made are cut.
        self.database.run("UPDATE daily SET id = gen_random_uuid(), timestamp = timestamp + interval '12 days 5 hours'")
        self.migrate("--table", "daily", "--chunk-interval", "7 days")
        self.assertLessEqual(self.chunks(1991), 43)
        self.clean()

    def test_rows_that_are_no_events_are_told_and_the_others_go_on(self):
        good = {"entityId": _ENTITY}
        self.make([(_id(1), "2020-01-01T00:00:00Z", "good", good),
                   (_id(2), "2020-01-02T00:00:00Z", "", good),
                   (_id(3), "2020-01-03T00:00:00Z", "list", [1]),
                   (_id(4), "infinity", "never", good),
                   (_id(5), "2400-01-01T00:00:00Z", "ahead", good),
                   (_id(1), "2020-01-06T00:00:00Z", "same id", good),
                   (_id(7), "2020-01-07T00:00:00Z", "fresh", {"n": 1}),
                   (_id(8), "2020-01-08T00:00:00Z", "last", good)])
        with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as errors:
            report = self.migrate("--table", "old", "--errors", errors.name, code=NEGATIVE)
            told = {line["id"]: line for line in map(json.loads, errors)}
        self.assertEqual((report["read"], report["written"], report["skipped"]), (8, 3, 5))
        self.assertEqual(report["skipped_by_field"], {"data": 1, "event_type": 1, "id": 1, "timestamp": 2})
        self.assertEqual(report["fresh_aggregates"], 1)
        self.assertEqual({one: told[_id(one)]["field"] for one in (1, 2, 3, 4, 5, 7)},
                         {1: "id", 2: "event_type", 3: "data", 4: "timestamp", 5: "timestamp", 7: "aggregate_id"})
        self.assertFalse(told[_id(7)]["skipped"])
        self.assertEqual(self.types(), ["good", "last"])
        self.clean()

    def test_an_id_of_another_event_of_the_store_is_told(self):
        self.make([(_id(1), "2020-01-01T00:00:00Z", "first", {"entityId": _ENTITY})], "one")
        self.make([(_id(1), "2020-01-01T00:00:00Z", "other", {"entityId": _id(0xF)}),
                   (_id(2), "2020-01-01T00:00:00Z", "next", {"entityId": _id(0xF)})], "two")
        self.migrate("--table", "one")
        report = self.migrate("--table", "two", code=NEGATIVE)
        self.assertEqual((report["written"], report["skipped_by_field"]), (1, {"id": 1}))
        self.assertEqual(self.types(_id(0xF)), ["next"])
        self.clean()

    def test_a_row_that_the_database_refuses_is_left_out_alone(self):
        self.database.run("ALTER TABLE events_v2 ADD CONSTRAINT of_ours CHECK (event_type <> 'bad')")
        self.make([(_id(n), f"2020-01-{n:02}T00:00:00Z", "bad" if n in (7, 20) else f"t{n}", {"entityId": _ENTITY})
                   for n in range(1, 31)])
        report = self.migrate("--table", "old", code=NEGATIVE)
        self.assertEqual((report["written"], report["skipped_by_field"]), (28, {"row": 2}))
        self.assertEqual(self.types(), [f"t{n}" for n in range(1, 31) if n not in (7, 20)])
        self.clean()

    def test_what_does_not_fit_says_what_to_change(self):
        self.make([(_id(1), "2020-01-01T00:00:00Z", "first", {})])
        for arguments, code, text in (
            (("--table", "nowhere"), FAILED, "nowhere"),
            (("--query", "SELECT id, type FROM old"), USAGE, "fields.timestamp"),
            (("--query", "SELECT timestamp, type FROM old"), USAGE, "fields.id"),
            (("--lines", "/nowhere/old.jsonl"), None, "/nowhere/old.jsonl"),
            (("--table", "old", "--mapping", "/nowhere/map.toml"), None, "/nowhere/map.toml"),
            (("--table", "old", "--chunk-interval", "often"), USAGE, "7 days"),
            (("--table", "old", "--query", "SELECT 1", "--lines", "-"), USAGE, "--lines"),
        ):
            done = self.run_tool("migrate-events", *arguments)
            self.assertNotEqual(done.returncode, OK, arguments)
            self.assertIn(text, done.stderr, arguments)
            if code is not None:
                self.assertEqual(done.returncode, code, (arguments, done.stderr))
        self.assertEqual(self.events(), 0)
        self.assertEqual(self.number("SELECT count(*) FROM migration_runs WHERE finished_at IS NOT NULL"), 0)

    def test_lines_from_standard_input_in_any_order(self):
        rows = [{"id": _id(n), "timestamp": f"2021-01-{n:02}T00:00:00+02:00", "type": f"t{n}", "data": {"entityId": _ENTITY}}
                for n in (3, 1, 2)]
        report = self.migrate("--lines", "-", stdin="".join(json.dumps(row) + "\n" for row in rows))
        self.assertEqual((report["read"], report["written"]), (3, 3))
        self.assertEqual(self.types(), ["t1", "t2", "t3"])
        self.assertEqual(self.database.run("SELECT min(timestamp) = '2020-12-31T22:00:00Z' FROM events_v2"), "t")

    def test_a_terminal_sees_how_far_it_is(self):
        self.database.run(MAKE.format(table="old"))
        running = Running(self.server, "migrate-events", "--table", "old", "--batch-size", "50", "--database",
                          self.conninfo, terminal=True)
        self.assertEqual(running.wait(), NEGATIVE)
        for text in (" rows, ", "/s", " left", "skipped: row ", "and 160 more"):
            self.assertIn(text, running.errors)
        report = "\n".join(running.lines)
        for text in ("in the source", "written", "skipped", "for their data", "in fresh aggregates", "99.00 % of 6,000 rows",
                     "chunks of 7 days are proposed"):
            self.assertIn(text, report)

    def test_two_of_one_source_do_not_run_at_once(self):
        self.database.run(MAKE.format(table="old"))
        with self.database.transaction("SELECT pg_advisory_xact_lock(x'45565354'::integer, lane) FROM store_identity, "
                                       "generate_series(0, lanes - 1) lane;"):
            running = Running(self.server, "migrate-events", "--table", "old", "--database", self.conninfo, "--json")
            self.addCleanup(running._process.kill)
            self.await_lock()
            refused = self.run_tool("migrate-events", "--table", "old")
            self.assertNotEqual(refused.returncode, OK)
            self.assertIn("another eventctl", refused.stderr)
        self.assertEqual(running.wait(), NEGATIVE)
        self.verified("--table", "old")
