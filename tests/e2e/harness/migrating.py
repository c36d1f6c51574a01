"""What the suites of eventctl migrate-events share: a store and a legacy table of every kind of row."""
from harness.eventctl import OK, eventctl, objects
from harness.server import ENGINE, Server, wait_until
from harness.suite import StoreTest

ROWS = 6000

# Times run backwards now and then, as real ones do; every 50th row names no entity, every 100th is no event, some by their
# data and some by their time.
MAKE = f"""
CREATE TABLE {{table}} (id uuid PRIMARY KEY, timestamp timestamptz, type text, data jsonb, user_id text);
INSERT INTO {{table}}
SELECT md5('{{table}}' || n)::uuid,
       CASE WHEN n % 200 = 7 THEN NULL
            ELSE '2019-01-01'::timestamptz + n * interval '3 hours' - (n % 5) * interval '7 hours' END,
       'kind.' || n % 7,
       CASE WHEN n % 200 = 107 THEN '[]'
            WHEN n % 50 = 3 THEN jsonb_build_object('n', n)
            ELSE jsonb_build_object('entityId', md5('{{table}} entity ' || n % 300)::uuid, 'n', n) END,
       'user-' || n % 11
FROM generate_series(1, {ROWS}) n;
"""


# How many partitions a past before this year has.
_CHUNKS = {
    "timescaledb": "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'events_v2' "
    "AND range_start < '{year}-01-01'",
    "native": "SELECT count(*) FROM events_v2_partitions WHERE range_start < '{year}-01-01'",
}


class MigrationTest(StoreTest):
    def setUp(self):
        # A server of its own for each: migrations are of the whole store.
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.database = self.server.database()
        self.conninfo = self.server.conninfo() + " dbname=eventstore"

    def number(self, sql):
        return int(self.database.run(sql))

    def run_tool(self, *arguments, stdin=""):
        return eventctl(self.server, *arguments, "--database", self.conninfo, "--json", stdin=stdin)

    def migrate(self, *arguments, code=OK, stdin=""):
        done = self.run_tool("migrate-events", *arguments, stdin=stdin)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return objects(done.stdout)[-1]

    def verified(self, *arguments, code=OK):
        done = self.run_tool("verify-migration", *arguments)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return objects(done.stdout)[-1]

    def clean(self):
        done = self.run_tool("verify")
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)

    def chunks(self, before_year=2024):
        return self.number(_CHUNKS[ENGINE].format(year=before_year))

    def events(self):
        return self.number("SELECT count(*) FROM events_v2")

    def await_ended(self):
        """PostgreSQL has noticed that a killed eventctl is gone."""
        wait_until(
            lambda: not self.number("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE "
                                    "'eventstored migration%'"), "the end of its sessions")

    def await_lock(self):
        """A migration waits for a lane."""
        wait_until(lambda: self.database.waiting("migration _"), "a writer that waits for its lanes")
