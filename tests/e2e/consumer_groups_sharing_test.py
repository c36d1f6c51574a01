"""Consumer groups over several servers, which know each other by the database alone."""
import random
import signal
import threading

from harness.client import Client, new_id
from harness.group_suite import GroupTest
from harness.messages import groups
from harness.server import Server, wait_until

BUCKETS = 64


class SharingTest(GroupTest):
    def setUp(self):
        super().setUp()
        self.create(retry_pause_ms=50)

    def another_server(self):
        """On the same database."""
        server = Server(database_url=self.server.conninfo())
        self.addCleanup(server.stop)
        return server

    def shares(self):
        return {member.name: member.buckets for member in self.group().members}

    def await_shares(self, **shares):
        wait_until(lambda: self.shares() == shares, f"the buckets to be shared as {shares}", 90)

    def append_many(self, aggregates, rounds):
        for _ in range(rounds):
            for aggregate in aggregates:
                self.append(aggregate=aggregate)

    def test_two_servers_share(self):
        other = self.another_server()
        a = self.consume(name="a").await_joined()
        self.await_shares(a=BUCKETS)
        b = self.consume(other.address, name="b").await_joined()
        self.await_shares(a=BUCKETS // 2, b=BUCKETS // 2)
        aggregates = [new_id() for _ in range(40)]
        self.append_many(aggregates, 5)
        self.await_settled()
        self.assertEqual(len(set(a.ids()) | set(b.ids())), 200)
        # While nobody comes or goes: each once, each aggregate at one of them, in order.
        self.assertEqual(len(a.deliveries) + len(b.deliveries), 200)
        of = [{d.event.aggregate_id for d in consumer.deliveries} for consumer in (a, b)]
        self.assertFalse(of[0] & of[1])
        self.assertTrue(of[0] and of[1])
        self.assert_in_order(a.deliveries)
        self.assert_in_order(b.deliveries)

    def test_one_comes_and_one_leaves(self):
        other = self.another_server()
        aggregates = [new_id() for _ in range(20)]
        a = self.consume(name="a").await_joined()
        self.append_many(aggregates, 2)
        b = self.consume(other.address, name="b").await_joined()
        self.await_shares(a=BUCKETS // 2, b=BUCKETS // 2)
        self.append_many(aggregates, 2)
        a.leave()
        a.await_end()
        self.await_shares(b=BUCKETS)
        self.append_many(aggregates, 2)
        self.await_settled()
        self.assertEqual(len(set(a.ids()) | set(b.ids())), 120)
        # All of it in good order, so that nothing came twice, and no attempt failed.
        self.assertEqual(len(a.deliveries) + len(b.deliveries), 120)
        self.assertEqual({d.attempt for d in a.deliveries + b.deliveries}, {1})
        # What each of them had of an aggregate came in order, without a gap.
        for consumer in (a, b):
            versions = {}
            for delivery in consumer.deliveries:
                versions.setdefault(delivery.event.aggregate_id, []).append(delivery.event.version)
            for of_one in versions.values():
                self.assertEqual(of_one, list(range(of_one[0], of_one[0] + len(of_one))))

    def test_a_bucket_waits_for_answers_before_it_moves(self):
        other = self.another_server()
        aggregates = [new_id() for _ in range(20)]
        a = self.consume(name="a", answer=lambda d: None).await_joined()
        self.append_many(aggregates, 1)
        a.await_deliveries(20)
        b = self.consume(other.address, name="b").await_joined()
        # Nothing is answered, so half of it is taken back after a while and goes to the other.
        b.await_true(lambda: b.deliveries, "deliveries of the second consumer")
        self.await_shares(a=BUCKETS // 2, b=BUCKETS // 2)
        moved = {d.event.id for d in b.deliveries}
        of = {d.delivery_id: d.event.id for d in a.deliveries}
        a.await_true(lambda: moved <= {of[id_] for id_ in a.taken_back}, "what moved to be taken back")
        a.ack(*a.open_ids())
        self.await_settled()
        self.assertEqual(len(a.deliveries), 20)
        self.assertEqual({d.attempt for d in b.deliveries}, {1})

    def test_more_consumers_than_buckets(self):
        self.name += "-two"
        self.create(buckets=2)
        consumers = [self.consume(name=f"c{n}").await_joined() for n in range(3)]
        wait_until(lambda: sorted(self.shares().values()) == [0, 1, 1], "two to have one each", 60)
        spare = next(name for name, buckets in self.shares().items() if buckets == 0)
        busy = next(c for n, c in enumerate(consumers) if f"c{n}" != spare)
        busy.cancel()
        wait_until(lambda: sorted(self.shares().values()) == [1, 1], "the spare one to step in", 60)

    def test_a_server_that_is_killed(self):
        other = self.another_server()
        aggregates = [new_id() for _ in range(20)]
        a = self.consume(name="a").await_joined()
        b = self.consume(other.address, name="b").await_joined()
        self.await_shares(a=BUCKETS // 2, b=BUCKETS // 2)
        self.append_many(aggregates, 3)
        a.await_true(lambda: len(set(a.ids()) | set(b.ids())) == 60, "everything")
        other.signal(signal.SIGKILL)
        self.assertEqual(b.await_failure().code, "UNAVAILABLE")
        self.append_many(aggregates, 3)
        # Its buckets are taken from it when its lease is over.
        a.await_true(lambda: len(set(a.ids()) | set(b.ids())) == 120, "everything", 90)
        self.await_shares(a=BUCKETS)
        self.await_settled()

    def test_a_server_that_stops_for_a_while(self):
        other = self.another_server()
        aggregates = [new_id() for _ in range(20)]
        a = self.consume(name="a").await_joined()
        b = self.consume(other.address, name="b", answer=lambda d: None).await_joined()
        self.await_shares(a=BUCKETS // 2, b=BUCKETS // 2)
        self.append_many(aggregates, 1)
        b.await_true(lambda: b.deliveries, "deliveries")
        other.signal(signal.SIGSTOP)
        try:
            a.await_true(lambda: len(set(a.ids())) == 20, "what the other had", 90)
        finally:
            other.signal(signal.SIGCONT)
        # It finds that it has lost them: what it says now changes nothing.
        b.ack(*b.open_ids())
        failure = b.await_failure()
        self.assertEqual(failure.code, "UNAVAILABLE")
        self.await_settled()
        self.assertEqual(len(a.deliveries), 20)

    def test_a_server_that_drains_keeps_what_was_answered(self):
        other = self.another_server()
        ids = self.append(10)
        b = self.consume(other.address, name="b", answer=lambda d: None)
        b.await_deliveries(10)
        b.ack(*b.open_ids()[:4])
        # In the place before it goes, so that the answers were there.
        wait_until(lambda: self.group().lag_events == 6, "four answers to be stored")
        other.signal(signal.SIGTERM)
        failure = b.await_failure()
        self.assertEqual((failure.code, failure.reason), ("UNAVAILABLE", "SHUTTING_DOWN"))
        self.assertEqual(other.wait(), 0)
        # At once, not when a lease is over; and nobody has failed.
        self.assertEqual(self.group().members, groups.ConsumerGroup().members)
        a = self.consume(name="a")
        self.assertEqual(a.await_deliveries(6), ids[4:])
        self.assertEqual({d.attempt for d in a.deliveries}, {1})

    def test_what_one_server_changes_the_other_sees(self):
        other = self.another_server()
        client = Client(other.address)
        self.addCleanup(client.close)
        ids = self.append(3)
        a = self.consume(name="a")
        self.assertEqual(a.await_deliveries(3), ids)
        self.await_settled()
        client.unary("ResetConsumerGroup", groups.ResetConsumerGroupRequest(name=self.name, from_beginning={}))
        self.assertEqual(a.await_deliveries(6)[3:], ids)
        self.await_settled()
        client.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=self.name))
        self.assertEqual(a.await_failure().reason, "GROUP_NOT_FOUND")

    def test_attempts_and_replays_move_with_their_bucket(self):
        other = self.another_server()
        [id_] = self.append(1)
        a = self.consume(name="a", answer=lambda d: "nack" if d.attempt < 3 else None)
        a.await_deliveries(3)
        a.half_close()
        a.await_end()
        b = self.consume(other.address, name="b", answer=lambda d: "ack" if d.replayed else "park")
        b.await_deliveries(1)
        self.assertEqual((b.ids(), b.deliveries[0].attempt), ([id_], 3))
        self.await_parked(1)
        # Asked for here, delivered there.
        self.assertEqual(self.replay(), 1)
        b.await_deliveries(2)
        self.await_parked(0)
        self.assertTrue(b.deliveries[1].replayed)

    def test_under_load_while_servers_come_and_go(self):
        chance = random.Random(7)
        lock, handled, tries, failed = threading.Lock(), {}, {}, {}
        out_of_order = []

        def handle(delivery):
            """Fails one in twenty at the first try; notes what was handled first."""
            event = delivery.event
            with lock:
                if event.version > failed.get(event.aggregate_id, event.version):
                    return None  # behind one that failed: it will be taken back
                if event.version == failed.get(event.aggregate_id):
                    del failed[event.aggregate_id]
                tries[event.id] = tries.get(event.id, 0) + 1
                if tries[event.id] == 1 and chance.random() < 0.05:
                    failed[event.aggregate_id] = event.version
                    return "nack"
                done = handled.setdefault(event.aggregate_id, [])
                if event.version not in done:
                    if event.version != len(done) + 1:
                        out_of_order.append((event.aggregate_id, event.version, len(done)))
                    done.append(event.version)
            return "ack"

        def count():
            with lock:
                return sum(len(versions) for versions in handled.values())

        aggregates, appended = [new_id() for _ in range(30)], []
        stop = threading.Event()

        def load():
            while not stop.wait(0.005):
                appended.extend(self.append(aggregate=aggregates[len(appended) % 30]))

        self.consume(name="a", answer=handle).await_joined()
        loader = threading.Thread(target=load, daemon=True)
        loader.start()
        self.addCleanup(stop.set)
        second, third = self.another_server(), self.another_server()
        b = self.consume(second.address, name="b", answer=handle).await_joined()
        self.consume(third.address, name="c", answer=handle, in_flight=5).await_joined()
        wait_until(lambda: set(self.shares()) == {"a", "b", "c"}, "three members", 60)
        wait_until(lambda: b.deliveries, "the second one to have some", 60)
        third.signal(signal.SIGKILL)
        d = self.consume(second.address, name="d", answer=handle).await_joined()
        wait_until(lambda: d.deliveries, "the one that came to have some", 60)
        wait_until(lambda: set(self.shares()) == {"a", "b", "d"}, "the killed one to be gone", 60)
        second.signal(signal.SIGTERM)
        wait_until(lambda: set(self.shares()) == {"a"}, "one to be left", 60)
        stop.set()
        loader.join()
        wait_until(lambda: count() == len(appended), "everything to be handled", 90)
        self.await_settled()
        self.assertEqual(out_of_order, [])
        self.assertEqual(self.group().parked_events, 0)
