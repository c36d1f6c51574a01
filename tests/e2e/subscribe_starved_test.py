"""Subscribers of a server whose tail gets no connection: they wait, are told that they are alive, and go on when there is
one."""
from harness.client import Client, append_request, new_event, new_id
from harness.messages import store
from harness.server import Server, wait_until
from harness.subscriber import Subscriber, beginning
from harness.suite import StoreTest

ROLE = "starved"


class StarvedTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.database = self.server.database()
        self.database.run(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}'")
        self.database.run(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
        self.database.elsewhere(ROLE).run("CREATE EXTENSION timescaledb")
        guest = Server(f"{self.server.conninfo()} dbname={ROLE} user={ROLE} password={ROLE}",
                       settings={"read_connections": 1})
        self.addCleanup(guest.stop)
        self.guest = guest
        self.guest_client = Client(guest.address)
        self.addCleanup(self.guest_client.close)

    def sessions(self, name="%"):
        return int(self.database.run("SELECT count(*) FROM pg_stat_activity "
                                     f"WHERE usename = '{ROLE}' AND application_name LIKE 'eventstored {name}'"))

    def limit(self, connections):
        self.database.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT {connections}")

    def append(self, count):
        """The ids, one aggregate each: on every lane."""
        ids = []
        for _ in range(count):
            answer = self.guest_client.append(append_request(new_id(), 0, [new_event()]))
            ids += [event.id for event in answer.events]
        return ids

    def subscribe(self):
        subscriber = Subscriber(self.guest.address, beginning(heartbeat_seconds=1))
        self.addCleanup(subscriber.close)
        return subscriber

    def test_subscribers_wait_for_a_tail_that_cannot_begin(self):
        ids = self.append(16)
        stored = [event.id for event in self.guest_client.events("ReadAll", store.ReadAllRequest())]
        self.assertEqual(stored, ids)
        wait_until(lambda: self.sessions("lane %") == 2 and self.sessions("reader %") and self.sessions("health"),
                   "every session but the tail's")
        self.limit(self.sessions())
        subscribers = [self.subscribe() for _ in range(3)]
        for subscriber in subscribers:
            # What is stored comes; that nothing was missed meanwhile, nobody can say.
            self.assertEqual(subscriber.await_events(len(ids)), ids)
        ids += self.append(3)
        for subscriber in subscribers:
            subscriber.await_kind("heartbeat")
            self.assertNotIn("caught_up", subscriber.kinds)
            self.assertIsNone(subscriber.failure)
        self.assertEqual(self.sessions("tail"), 0)
        self.assertIn("too many connections", self.guest.log())
        self.limit(-1)
        for subscriber in subscribers:
            self.assertEqual(subscriber.await_events(len(ids)), ids)
            subscriber.await_caught_up()
        ids += self.append(3)
        for subscriber in subscribers:
            self.assertEqual(subscriber.await_events(len(ids)), ids)
        self.assertEqual(self.sessions("tail"), 1)
