"""A dump restored into a fresh cluster, as docs/operations.md says: transaction ids start anew there, and whoever followed
the store before goes on in it without a gap and without a repetition."""
import os
import subprocess
import tempfile

from harness.client import Client, append_request, new_event, new_id
from harness.group_suite import GroupTest
from harness.messages import subscriptions
from harness.server import ENGINE, Server
from harness.subscriber import Subscriber


class RestoreTest(GroupTest):
    def run_program(self, name, *arguments):
        program = os.path.join(os.path.dirname(os.readlink(f"/proc/{self.server.postmaster_pid()}/exe")), name)
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def restored(self, path):
        """A server on a cluster of its own that holds what the dump holds."""
        cluster = Server()
        self.addCleanup(cluster.stop)
        anywhere = cluster.database().elsewhere("postgres")
        anywhere.run("CREATE DATABASE restored TEMPLATE template0")
        database = cluster.database().elsewhere("restored")
        timescaledb = ENGINE == "timescaledb"
        if timescaledb:
            database.run("CREATE EXTENSION timescaledb; SELECT timescaledb_pre_restore();")
        conninfo = f"{cluster.conninfo()} dbname=restored"
        self.run_program("pg_restore", "--no-owner", "-d", conninfo, path)
        if timescaledb:
            database.run("SELECT timescaledb_post_restore();")
        database.run("ANALYZE;")
        server = Server(database_url=conninfo)
        self.addCleanup(server.stop)
        return server

    def append_some(self, client, aggregates, rounds):
        """The ids, in the order of their positions."""
        ids = []
        for _ in range(rounds):
            for aggregate in aggregates:
                ids += self.append(aggregate=aggregate, client=client)
        return ids

    def test_subscribers_and_groups_go_on(self):
        # More transaction ids than the other cluster has used when it is restored: without a raised offset, what is
        # appended there would come before what is stored.
        self.server.database().run(
            "DO $$ BEGIN FOR i IN 1..50000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
        aggregates = [new_id() for _ in range(10)]
        before = self.append_some(self.client, aggregates, 5)
        self.create()

        # One has had a part, and has noted where it was; the group has settled the same part.
        request = subscriptions.SubscribeRequest(from_beginning={}, filter=self.filter())
        subscriber = Subscriber(self.server.address, request)
        self.addCleanup(subscriber.close)
        subscriber.await_events(len(before))
        noted = subscriber.events[19].global_position
        settled = set()

        def first_two_rounds(delivery):
            if delivery.event.version > 2:
                return None
            settled.add(delivery.event.id)
            return "ack"

        consumer = self.consume(answer=first_two_rounds)
        consumer.await_true(lambda: len(settled) == 20 and self.group().lag_events == 30, "the group to be there too")
        parked = self.append(aggregate=aggregates[0])
        folder = tempfile.mkdtemp(prefix="eventstore-e2e-")
        path = os.path.join(folder, "events.dump")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", folder], check=True))
        self.run_program("pg_dump", self.server.conninfo(), "-Fc", "-f", path)

        server = self.restored(path)
        client = Client(server.address)
        self.addCleanup(client.close)
        old = before[20:] + parked
        new = self.append_some(client, aggregates, 3)
        request = subscriptions.SubscribeRequest(from_position=noted, filter=self.filter())
        follower = Subscriber(server.address, request)
        self.addCleanup(follower.close)
        # Positions growing is what every subscriber here checks.
        self.assertEqual(follower.await_events(len(old) + len(new)), old + new)

        # The consumer of before is gone for the store, though nobody told it: its lease has to end.
        heir = self.consume(server.address)
        ids = heir.await_deliveries(len(old) + len(new), patience_s=90)
        self.assertEqual(sorted(ids), sorted(old + new))
        self.assertFalse(settled & set(ids))
        self.assert_versions_follow(heir.deliveries)
        self.await_settled(client)

        # Versions go on, too: the heads came with the events.
        answer = client.append(append_request(aggregates[1], 8, [new_event()]))
        self.assertEqual(answer.version, 9)

    def assert_versions_follow(self, deliveries):
        seen = {}
        for delivery in deliveries:
            event = delivery.event
            self.assertEqual(event.version, seen.get(event.aggregate_id, 2) + 1, event.aggregate_id)
            seen[event.aggregate_id] = event.version
