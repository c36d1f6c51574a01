"""Subscribe: everything after the start, once, in order, and then what is new."""
import os
import signal
import threading
import time

from harness import history
from harness.client import Client, Failure, append_request, failure_of, new_event, new_id
from harness.messages import event as event_pb
from harness.messages import from_micros, micros, store, subscriptions
from harness.server import Server, wait_until
from harness.subscriber import Subscriber, after, beginning, now
from harness.suite import StoreTest

LANE_LOCK_CLASS = 0x45565354  # server/storage/lane_lock.h


def read_all_of(correlation_id):
    return store.ReadAllRequest(filter=event_pb.EventFilter(correlation_ids=[correlation_id]))


class SubscribeTest(StoreTest):
    def subscribe(self, request, **options):
        subscriber = Subscriber(self.server.address, request, **options)
        self.addCleanup(subscriber.close)
        return subscriber

    def append(self, count=1, aggregate=None, client=None, **fields):
        """The ids of what was appended."""
        aggregate = aggregate or new_id()
        events = [new_event(**fields) for _ in range(count)]
        (client or self.client).append(append_request(aggregate, "any", events))
        return [event.id for event in events]

    @staticmethod
    def kill_database(server):
        """Returns when another one has begun: a backend whose postmaster is gone goes on for a moment."""
        victim = server.postmaster_pid()
        os.kill(victim, signal.SIGKILL)

        def replaced():
            try:
                return server.postmaster_pid() != victim
            except (OSError, ValueError):
                return False

        wait_until(replaced, "another postmaster")

    def append_again_and_again(self, client):
        """Until the database is back; the id of the event."""
        request = append_request(new_id(), 0, [new_event()])

        def appended():
            try:
                return client.append(request).version == 1
            except Failure as failure:
                self.assertEqual(failure.code, "UNAVAILABLE")
                return False

        wait_until(appended, "the database to be back")
        return [request.events[0].id]

    def last_position(self):
        """Of what is stored now."""
        return self.subscribe(now()).await_caught_up().position

    # Where it begins.

    def test_from_the_beginning_and_on(self):
        mark = new_id()
        before = self.append(3, correlation_id=mark)
        subscriber = self.subscribe(beginning(correlation_id=mark)).await_caught_up()
        self.assertEqual(subscriber.ids(), before)
        self.assertEqual(subscriber.kinds, ["events", "caught_up"])
        live = [self.append(2, correlation_id=mark) for _ in range(3)]
        self.assertEqual(subscriber.await_events(9), before + sum(live, []))

    def test_everything_that_read_all_gives(self):
        for _ in range(5):
            self.append(7)
        subscriber = self.subscribe(beginning()).await_caught_up()
        everything = [event.id for event in self.client.events("ReadAll", store.ReadAllRequest())]
        self.assertEqual(subscriber.ids(), everything)

    def test_from_now(self):
        mark = new_id()
        self.append(correlation_id=mark)
        subscriber = self.subscribe(now(correlation_id=mark)).await_caught_up()
        self.assertEqual(subscriber.ids(), [])
        new = self.append(correlation_id=mark)
        self.assertEqual(subscriber.await_events(1), new)

    def test_from_a_position(self):
        mark = new_id()
        ids = [self.append(correlation_id=mark)[0] for _ in range(6)]
        first = self.subscribe(beginning(correlation_id=mark))
        first.await_events(6)
        for place in (0, 2, 5):
            subscriber = self.subscribe(after(first.events[place].global_position, correlation_id=mark))
            subscriber.await_caught_up()
            self.assertEqual(subscriber.ids(), ids[place + 1:])

    def test_from_a_time(self):
        mark, database = new_id(), self.server.database()
        today = history.now(database) // history.DAY * history.DAY
        past = [history.past_event(new_id(), 1, today - days * history.DAY + history.HOUR, correlation_id=mark)
                for days in (40, 30, 20)]
        history.write(database, past)
        ids = [event.id for event in past] + self.append(correlation_id=mark)
        for begin, expected in ((today - 90 * history.DAY, ids), (micros(past[1].timestamp), ids[1:]),
                                (micros(past[1].timestamp) + 1, ids[2:]), (today, ids[3:]),
                                (today + 2 * history.DAY, [])):
            with self.subTest(begin=begin):
                request = subscriptions.SubscribeRequest(from_time=from_micros(begin), correlation_id=mark)
                self.assertEqual(self.subscribe(request).await_caught_up().ids(), expected)

    def test_a_position_of_a_later_state(self):
        ahead = self.last_position() + 2**40
        subscriber = self.subscribe(after(ahead))
        failure = subscriber.await_failure()
        self.assertEqual((failure.code, failure.reason), ("OUT_OF_RANGE", "POSITION_AHEAD"))
        self.assertEqual(failure.info.metadata["from_position"], str(ahead))

    def test_a_position_whose_followers_were_dropped(self):
        mark, database = new_id(), self.server.database()
        ids = self.append(3, correlation_id=mark)
        seen = self.subscribe(beginning(correlation_id=mark)).await_caught_up().events
        gone = seen[1].global_position
        # As retention leaves it; the events behind are still there.
        database.run("INSERT INTO archived_chunks (range_start, range_end, digest, events, min_position, max_position,"
                     f" dropped_at) VALUES ('2001-01-01Z', '2001-01-02Z', 'e2e', 1, 1, {gone}, now())")
        self.addCleanup(database.run, "DELETE FROM archived_chunks WHERE digest = 'e2e'")
        failure = self.subscribe(after(seen[0].global_position)).await_failure()
        self.assertEqual((failure.code, failure.reason), ("OUT_OF_RANGE", "EVENTS_DROPPED"))
        self.assertEqual(failure.info.metadata["dropped_up_to"], str(gone))
        self.assertEqual(self.subscribe(after(gone, correlation_id=mark)).await_caught_up().ids(), ids[2:])
        self.assertEqual(self.subscribe(beginning(correlation_id=mark)).await_caught_up().ids(), ids)

    def test_bad_requests(self):
        good = new_id()
        bad = {
            "start": subscriptions.SubscribeRequest(),
            "from_position": after(-1),
            "from_time": subscriptions.SubscribeRequest(from_time={"seconds": 10**12}),
            "aggregate_id": now(aggregate_id="x"),
            "correlation_id": now(correlation_id="x"),
            "filter.correlation_ids[0]": now(filter=event_pb.EventFilter(correlation_ids=["x"])),
            "filter.event_types[0]": now(filter=event_pb.EventFilter(event_types=[""])),
            "filter.event_type_prefixes[0]": now(filter=event_pb.EventFilter(event_type_prefixes=[""])),
            "heartbeat_seconds": now(heartbeat_seconds=301),
        }
        both = now(correlation_id=good, filter=event_pb.EventFilter(correlation_ids=[good]))
        for field, request in [*bad.items(), ("correlation_id", both)]:
            with self.subTest(field=field):
                failure = failure_of(lambda r=request: list(self.client.pages("Subscribe", r)))
                self.assertEqual((failure.code, failure.reason), ("INVALID_ARGUMENT", "INVALID_REQUEST"))
                self.assertEqual(list(failure.fields), [field])

    # What it gives.

    def test_filters_mean_the_same_in_the_past_and_live(self):
        mark, aggregate, other = new_id(), new_id(), new_id()

        def write():
            return [self.append(aggregate=on, event_type=type_, user_id=user, correlation_id=mark, source=source,
                                metadata=metadata)[0]
                    for on, type_, user, source, metadata in (
                        (aggregate, "order.placed", "ada", "api", '{"tenant": "acme"}'),
                        (aggregate, "order.paid", "bob", "sync", '{"tenant": 7}'),
                        (other, "order", "ada", "sync", '{"tenant": true}'),
                        (other, "invoice.sent", "", "api", '{}'))]

        past = write()
        cases = [
            ({}, [0, 1, 2, 3]),
            ({"event_types": ["order.paid", "invoice.sent"]}, [1, 3]),
            ({"event_type_prefixes": ["order."]}, [0, 1]),
            ({"event_types": ["order"], "event_type_prefixes": ["inv"]}, [2, 3]),
            ({"user_ids": ["ada"]}, [0, 2]),
            ({"sources": ["sync"], "user_ids": ["bob"]}, [1]),
            ({"metadata": {"tenant": "acme"}}, [0]),
            ({"metadata": {"tenant": "7"}}, [1]),
            ({"metadata": {"tenant": "true"}}, [2]),
            ({"aggregate_types": ["user"]}, []),
        ]
        running = [(self.subscribe(beginning(correlation_id=mark, filter=event_pb.EventFilter(**filter_))), expected)
                   for filter_, expected in cases]
        by_aggregate = self.subscribe(beginning(aggregate_id=aggregate))
        for subscriber, _ in [*running, (by_aggregate, [])]:
            subscriber.await_caught_up()
        live = write()
        end = self.append(correlation_id=mark, event_type="order.paid", user_id="ada", source="sync")
        for subscriber, expected in running:
            wanted = [past[n] for n in expected] + [live[n] for n in expected]
            got = subscriber.await_events(len(wanted))
            self.assertEqual([id_ for id_ in got if id_ not in end], wanted)
        self.assertEqual(by_aggregate.await_events(4), past[:2] + live[:2])

    def test_an_event_is_as_a_read_gives_it(self):
        mark, aggregate = new_id(), new_id()
        subscriber = self.subscribe(now(correlation_id=mark)).await_caught_up()
        self.append(aggregate=aggregate, correlation_id=mark, user_id="ada", causation_id=new_id(),
                    data='{"n": 1.50, "t": "é"}', metadata='{"k": [1]}', source="sync")
        subscriber.await_events(1)
        again = self.subscribe(beginning(correlation_id=mark))
        again.await_events(1)
        read = self.client.replay(aggregate)
        self.assertEqual(list(subscriber.events), list(read))
        self.assertEqual(list(again.events), list(read))

    def test_checkpoints_where_nothing_matches(self):
        subscriber = self.subscribe(now(correlation_id=new_id())).await_caught_up()
        begin = subscriber.position
        stop = threading.Event()
        self.addCleanup(stop.set)
        threading.Thread(target=lambda: [self.append() for _ in iter(lambda: stop.wait(0.1), True)], daemon=True).start()
        subscriber.await_kind("checkpoint")
        self.assertGreater(subscriber.position, begin)
        self.assertEqual(subscriber.ids(), [])

    def test_heartbeats(self):
        subscriber = self.subscribe(now(correlation_id=new_id(), heartbeat_seconds=1)).await_caught_up()
        subscriber.await_kind("heartbeat")
        self.assertEqual(subscriber.ids(), [])

    # Bad days.

    def test_a_slow_subscriber_falls_behind_and_gets_everything(self):
        mark, aggregate = new_id(), new_id()
        slow = self.subscribe(now(correlation_id=mark), start=False)
        quick = self.subscribe(now(correlation_id=mark)).await_caught_up()
        data = '{"a": "' + "x" * (512 * 1024) + '"}'
        ids = sum([self.append(8, aggregate=aggregate, correlation_id=mark, data=data) for _ in range(20)], [])
        self.assertEqual(quick.await_events(len(ids), 120), ids)
        slow.start()
        self.assertEqual(slow.await_events(len(ids), 120), ids)
        self.assertIn("fell_behind", slow.kinds)
        slow.await_caught_up()

    def test_appends_of_another_instance(self):
        other = Server(database_url=self.server.conninfo())
        self.addCleanup(other.stop)
        client = Client(other.address)
        self.addCleanup(client.close)
        mark = new_id()
        subscribers = [Subscriber(address, now(correlation_id=mark)) for address in (self.server.address, other.address)]
        for subscriber in subscribers:
            self.addCleanup(subscriber.close)
            subscriber.await_caught_up()
        ids = []
        for n in range(20):
            ids += self.append(correlation_id=mark, client=client if n % 2 else self.client)
        for subscriber in subscribers:
            self.assertEqual(subscriber.await_events(20), ids)

    def test_a_foreign_writer_holds_nobody_up(self):
        mark = new_id()
        subscriber = self.subscribe(now(correlation_id=mark)).await_caught_up()
        # It has a transaction id, and stays below everything that is appended.
        with self.server.database().transaction("CREATE TABLE foreign_work (n integer); INSERT INTO foreign_work VALUES (1);"):
            ids = self.append(3, correlation_id=mark)
            self.assertEqual(subscriber.await_events(3), ids)

    def test_an_append_that_is_held_open_holds_up_and_skips_nothing(self):
        mark, database = new_id(), self.server.database()
        subscriber = self.subscribe(now(correlation_id=mark)).await_caught_up()
        # As a lane's writer that stands still before its COMMIT: it has the lane, and a transaction id below all others.
        holding = f"SELECT pg_advisory_xact_lock({LANE_LOCK_CLASS}, 0); SELECT pg_current_xact_id();"
        with database.transaction(holding):
            calls = [self.client.start("Append", append_request(new_id(), 0, [new_event(correlation_id=mark)]))
                     for _ in range(16)]
            # Those of the other lane are committed. What the first lane will commit comes before them.
            wait_until(lambda: any(call.done() for call in calls), "an append on the other lane")
            time.sleep(0.5)
            self.assertEqual(subscriber.ids(), [])
            self.assertFalse(all(call.done() for call in calls))
        ids = {call.result().events[0].id for call in calls}
        self.assertEqual(set(subscriber.await_events(16)), ids)

    def test_a_server_that_goes_down_says_so(self):
        guest = Server(database_url=self.server.conninfo(), settings={"drain_seconds": 3600})
        self.addCleanup(guest.stop)
        subscribers = [Subscriber(guest.address, now(correlation_id=new_id())) for _ in range(5)]
        for subscriber in subscribers:
            self.addCleanup(subscriber.close)
            subscriber.await_caught_up()
        guest.signal(signal.SIGTERM)
        for subscriber in subscribers:
            failure = subscriber.await_failure()
            self.assertEqual((failure.code, failure.reason), ("UNAVAILABLE", "SHUTTING_DOWN"))
        self.assertEqual(guest.wait(), 0)

    def test_subscribers_that_go_leave_nothing_behind(self):
        for _ in range(3):
            subscribers = [Subscriber(self.server.address, request)
                           for request in (after(0), now(), now(correlation_id=new_id())) for _ in range(5)]
            for n, subscriber in enumerate(subscribers):
                if n % 2:
                    subscriber.await_caught_up()
                subscriber.close()
        mark = new_id()
        subscriber = self.subscribe(now(correlation_id=mark)).await_caught_up()
        self.assertEqual(subscriber.await_events(len(self.append(correlation_id=mark))), subscriber.ids())

    def test_a_database_that_comes_back(self):
        server = Server()
        self.addCleanup(server.stop)
        client = Client(server.address)
        self.addCleanup(client.close)
        subscriber = Subscriber(server.address, now(heartbeat_seconds=1))
        self.addCleanup(subscriber.close)
        subscriber.await_caught_up()
        ids = self.append(3, client=client)
        subscriber.await_events(3)
        self.kill_database(server)
        ids += self.append_again_and_again(client)
        self.assertEqual(subscriber.await_events(4), ids)

    def test_a_crash_takes_back_transaction_ids_but_no_event(self):
        server = Server()
        self.addCleanup(server.stop)
        client = Client(server.address)
        self.addCleanup(client.close)
        self.append(client=client)
        # Transaction ids that leave nothing behind; after the crash they are given out once more.
        server.database().run("SELECT pg_current_xact_id();" * 500)
        before = Subscriber(server.address, now())
        self.addCleanup(before.close)
        place = before.await_caught_up().position
        self.kill_database(server)
        ids = self.append_again_and_again(client)
        self.assertEqual(before.await_events(1), ids)
        resumed = Subscriber(server.address, after(place))
        self.addCleanup(resumed.close)
        self.assertEqual(resumed.await_events(1), ids)

    def test_everything_once_and_in_order_under_load(self):
        stop = threading.Event()
        self.addCleanup(stop.set)
        shared = [new_id() for _ in range(4)]
        mark = new_id()

        def write(seed):
            client = Client(self.server.address)
            for n in range(120):
                if stop.is_set():
                    break
                if n % 3:
                    self.append(1 + n % 4, aggregate=shared[(seed + n) % 4], client=client, correlation_id=mark)
                else:
                    appends = [append_request(shared[(seed + n + k) % 4], "any", [new_event(correlation_id=mark)])
                               for k in range(2)]
                    client.append_batch(appends)
            client.close()

        subscribers = [self.subscribe(beginning(correlation_id=mark))]
        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            if len(subscribers) < 12:
                place = subscribers[len(subscribers) // 2].position
                subscribers.append(self.subscribe(after(place, correlation_id=mark)))
            time.sleep(0.1)
        stored = [event for event in self.client.events("ReadAll", read_all_of(mark))]
        self.assertGreater(len(stored), 1500)
        for n, subscriber in enumerate(subscribers):
            with self.subTest(subscriber=n):
                first = stored[0].global_position if n == 0 else subscriber.events[0].global_position
                wanted = [event.id for event in stored if event.global_position >= first]
                self.assertEqual(subscriber.await_events(len(wanted)), wanted)
                versions = {}
                for event in subscriber.events:
                    last = versions.get(event.aggregate_id, event.version - 1)
                    self.assertEqual(event.version, last + 1)
                    versions[event.aggregate_id] = event.version

