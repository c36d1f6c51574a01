"""eventctl verify-migration: every difference is found and named, on whichever side it is."""
from harness.eventctl import NEGATIVE
from harness.migrating import MAKE, MigrationTest


class VerifyMigrationTest(MigrationTest):
    def setUp(self):
        super().setUp()
        self.database.run(MAKE.format(table="old"))
        self.migrate("--table", "old", code=NEGATIVE)
        self.verified("--table", "old")
        # One a day and an aggregate, so that each difference is a group of its own.
        self.ids = self.database.run(
            "SELECT DISTINCT ON (timestamp::date) id FROM old WHERE data ? 'entityId' AND timestamp IS NOT NULL "
            "ORDER BY timestamp::date, id LIMIT 8").split()

    def differences(self, *arguments):
        report = self.verified("--table", "old", *arguments, code=NEGATIVE)
        self.assertFalse(report["same"])
        self.assertEqual(len(report["events"]), report["differing_events"])
        return report, {event["id"]: event["what"] for event in report["events"]}

    def test_of_the_source(self):
        self.database.run(f"UPDATE old SET user_id = 'other' WHERE id = '{self.ids[0]}';"
                          f"UPDATE old SET data = data || '{{\"more\": 1}}' WHERE id = '{self.ids[1]}';"
                          f"UPDATE old SET type = type || 's' WHERE id = '{self.ids[2]}';"
                          f"UPDATE old SET timestamp = timestamp + interval '1 microsecond' WHERE id = '{self.ids[3]}';"
                          f"UPDATE old SET user_id = NULL WHERE id = '{self.ids[4]}';"
                          f"DELETE FROM old WHERE id = '{self.ids[5]}';"
                          "INSERT INTO old VALUES (md5('new')::uuid, '2018-05-05', 'new', '{}', NULL)")
        report, what = self.differences()
        self.assertEqual([what.pop(one) for one in self.ids[:6]], ["differs"] * 5 + ["not in the source"])
        self.assertEqual(list(what.values()), ["missing in the store"])
        # The one of another type is of two groups.
        self.assertEqual(report["differing_groups"], 8)
        self.assertEqual({(one["source"], one["store"]) for one in report["differences"]}, {(1, 1), (0, 1), (1, 0)})

    def test_of_the_store(self):
        self.database.run(f"UPDATE events_v2 SET user_id = 'other' WHERE id = '{self.ids[0]}';"
                          f"UPDATE events_v2 SET data = data || '{{\"more\": 1}}' WHERE id = '{self.ids[1]}';"
                          f"UPDATE events_v2 SET event_type = event_type || 's' WHERE id = '{self.ids[2]}';"
                          "UPDATE events_v2 SET timestamp = timestamp + interval '1 microsecond' "
                          f"WHERE id = '{self.ids[3]}';"
                          f"UPDATE events_v2 SET aggregate_id = gen_random_uuid() WHERE id = '{self.ids[4]}';"
                          f"DELETE FROM events_v2 WHERE id = '{self.ids[5]}';"
                          "INSERT INTO events_v2 SELECT md5('new')::uuid, timestamp, gen_random_uuid(), aggregate_type, 'new', "
                          "user_id, data, metadata, 1, causation_id, correlation_id, source, global_position + 1 "
                          f"FROM events_v2 WHERE id = '{self.ids[6]}'")
        report, what = self.differences()
        self.assertEqual([what.pop(one) for one in self.ids[:6]], ["differs"] * 5 + ["missing in the store"])
        self.assertEqual(list(what.values()), ["not in the source"])
        self.assertEqual(report["differing_groups"], 9)

    def test_of_a_part_of_the_time(self):
        day = self.database.run(f"SELECT timestamp::date FROM old WHERE id = '{self.ids[0]}'")
        self.database.run(f"DELETE FROM old WHERE id = '{self.ids[7]}'")
        self.assertEqual(self.differences()[0]["differing_events"], 1)
        self.verified("--table", "old", "--until", f"{day}T23:59:59Z")
        self.assertEqual(self.differences("--since", f"{day}T00:00:00Z")[0]["differing_events"], 1)
