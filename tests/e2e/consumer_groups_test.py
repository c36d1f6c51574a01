"""Consumer groups on one server: how they are made, looked at, changed under their consumers and deleted."""
import os
import signal
import urllib.request

from harness.client import Client, failure_of, new_id
from harness.group_suite import NACK, GroupTest
from harness.messages import event as event_pb
from harness.messages import groups, micros
from harness.server import Server, wait_until


class ManagingTest(GroupTest):
    def test_life_of_a_group(self):
        made = self.create(ack_timeout_ms=1000, max_deliveries=3, retry_pause_ms=20, buckets=16)
        self.assertEqual((made.name, made.buckets), (self.name, 16))
        self.assertEqual(made.settings, self.settings(ack_timeout_ms=1000, max_deliveries=3, retry_pause_ms=20))
        self.assertEqual(self.group(), made)
        update = groups.UpdateConsumerGroupRequest(name=self.name, settings=self.settings(max_deliveries=7))
        updated = self.client.unary("UpdateConsumerGroup", update).group
        self.assertEqual((updated.settings.max_deliveries, updated.settings.ack_timeout_ms,
                          updated.settings.retry_pause_ms), (7, 30000, 500))
        self.assertGreater(micros(updated.updated_at), micros(made.updated_at))
        self.assertEqual(updated.created_at, made.created_at)
        self.client.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=self.name))
        failure = failure_of(self.group)
        self.assertEqual((failure.code, failure.reason), ("NOT_FOUND", "GROUP_NOT_FOUND"))
        self.assertEqual(failure.info.metadata["group"], self.name)

    def test_every_part_of_a_filter_is_kept(self):
        filter_ = event_pb.EventFilter(
            event_types=['a"b', "c\\d", "e,f", "NULL", " g "], event_type_prefixes=["{x}"], aggregate_types=["é"],
            user_ids=["ada"], sources=["api"], correlation_ids=[self.mark], metadata={"k": "v", 'q"': ""})
        self.create(filter=filter_)
        self.assertEqual(self.group().settings.filter, filter_)

    def test_the_same_again_and_another_of_the_name(self):
        made = self.create()
        self.assertEqual(self.create(), made)
        for other in ({"max_deliveries": 3}, {"buckets": 8}, {"filter": self.filter(sources=["x"])}):
            failure = failure_of(lambda o=other: self.create(**o))
            self.assertEqual((failure.code, failure.reason), ("ALREADY_EXISTS", "GROUP_EXISTS"))
        self.assertEqual(self.group(), made)

    def test_lists_by_pages(self):
        names = [f"{self.name}.{n}" for n in range(5)]
        for name in reversed(names):
            self.create(name=name)
        listed, token = [], ""
        for _ in range(3):
            request = groups.ListConsumerGroupsRequest(name_prefix=self.name, page_size=2, page_token=token)
            page = self.client.unary("ListConsumerGroups", request)
            listed += [group.name for group in page.groups]
            token = page.next_page_token
        self.assertEqual((listed, token), (names, ""))

    def test_what_is_not_there(self):
        calls = {
            "GetConsumerGroup": groups.GetConsumerGroupRequest(name=self.name),
            "UpdateConsumerGroup": groups.UpdateConsumerGroupRequest(name=self.name),
            "DeleteConsumerGroup": groups.DeleteConsumerGroupRequest(name=self.name),
            "ResetConsumerGroup": groups.ResetConsumerGroupRequest(name=self.name, from_now={}),
            "ListParkedEvents": groups.ListParkedEventsRequest(group=self.name),
            "ReplayParkedEvents": groups.ReplayParkedEventsRequest(group=self.name),
            "DiscardParkedEvents": groups.DiscardParkedEventsRequest(group=self.name),
        }
        for method, request in calls.items():
            with self.subTest(method=method):
                failure = failure_of(lambda m=method, r=request: self.client.unary(m, r))
                self.assertEqual((failure.code, failure.reason), ("NOT_FOUND", "GROUP_NOT_FOUND"))
        failure = self.consume().await_failure()
        self.assertEqual((failure.code, failure.reason), ("NOT_FOUND", "GROUP_NOT_FOUND"))

    def test_bad_requests(self):
        create = groups.CreateConsumerGroupRequest
        settings = groups.ConsumerGroupSettings
        cases = [
            ("CreateConsumerGroup", create(name="", from_now={}), "name"),
            ("CreateConsumerGroup", create(name="a b", from_now={}), "name"),
            ("CreateConsumerGroup", create(name="x" * 101, from_now={}), "name"),
            ("CreateConsumerGroup", create(name="x"), "start"),
            ("CreateConsumerGroup", create(name="x", from_now={}, buckets=1025), "buckets"),
            ("CreateConsumerGroup", create(name="x", from_now={}, buckets=-1), "buckets"),
            ("CreateConsumerGroup", create(name="x", from_position=-1), "from_position"),
            ("CreateConsumerGroup", create(name="x", from_now={}, settings=settings(ack_timeout_ms=99)),
             "settings.ack_timeout_ms"),
            ("CreateConsumerGroup", create(name="x", from_now={}, settings=settings(max_deliveries=1001)),
             "settings.max_deliveries"),
            ("CreateConsumerGroup", create(name="x", from_now={}, settings=settings(retry_pause_ms=60001)),
             "settings.retry_pause_ms"),
            ("CreateConsumerGroup",
             create(name="x", from_now={}, settings=settings(filter=event_pb.EventFilter(event_types=[""]))),
             "settings.filter.event_types[0]"),
            ("ListConsumerGroups", groups.ListConsumerGroupsRequest(page_size=1001), "page_size"),
            ("ListParkedEvents", groups.ListParkedEventsRequest(group="x", page_token="y"), "page_token"),
            ("ReplayParkedEvents",
             groups.ReplayParkedEventsRequest(group="x", selection=groups.ParkedSelection(event_ids=["y"])),
             "selection.event_ids[0]"),
            ("ResetConsumerGroup", groups.ResetConsumerGroupRequest(name="x"), "start"),
        ]
        for method, request, field in cases:
            with self.subTest(method=method, field=field):
                failure = failure_of(lambda m=method, r=request: self.client.unary(m, r))
                self.assertEqual(failure.code, "INVALID_ARGUMENT")
                self.assertEqual(list(failure.fields), [field])

    def test_bad_consumers(self):
        self.create()
        first = self.consume(join=False)
        first.ack(1)
        self.assertEqual(list(first.await_failure().fields), ["join"])
        twice = self.consume().await_joined()
        twice.send(join=groups.ConsumeRequest.Join(group=self.name))
        self.assertEqual(list(twice.await_failure().fields), ["join"])
        for message, field in (
                ({"ack": groups.ConsumeRequest.Ack(delivery_ids=range(10_001))}, "ack.delivery_ids"),
                ({"nack": NACK(delivery_ids=[1])}, "nack.action"),
                ({"nack": NACK(delivery_ids=[1], action=1, reason="x" * 1001)}, "nack.reason"), ({}, "message")):
            with self.subTest(field=field):
                consumer = self.consume().await_joined()
                consumer.send(**message)
                failure = consumer.await_failure()
                self.assertEqual((failure.code, list(failure.fields)), ("INVALID_ARGUMENT", [field]))
        for field, options in (("join.max_in_flight", {"in_flight": 10_001}),
                               ("join.heartbeat_seconds", {"heartbeat_s": 301}),
                               ("join.consumer_name", {"name": "x" * 101}), ("join.group", {"group": "a b"})):
            with self.subTest(field=field):
                self.assertEqual(list(self.consume(**options).await_failure().fields), [field])

    def test_unknown_deliveries_are_ignored(self):
        self.create()
        consumer = self.consume().await_joined()
        consumer.ack(0, -1, 2**62, 77)
        consumer.nack(1, 2, 2**62)
        ids = self.append(3)
        self.assertEqual(consumer.await_deliveries(3), ids)
        self.await_settled()


class ChangingTest(GroupTest):
    def test_where_it_begins(self):
        old = self.append(3)
        self.create(start={"from_now": {}})
        new = self.append(2)
        self.assertEqual(self.consume().await_deliveries(2), new)
        everything = self.name + "-all"
        self.create(name=everything)
        all_ = self.consume(group=everything)
        self.assertEqual(all_.await_deliveries(5)[:3], old)
        third = self.name + "-third"
        self.create(name=third, start={"from_position": all_.deliveries[1].event.global_position})
        self.assertEqual(self.consume(group=third).await_deliveries(3), old[2:] + new)
        timed = self.name + "-timed"
        self.create(name=timed, start={"from_time": all_.deliveries[3].event.timestamp})
        self.assertEqual(self.consume(group=timed).await_deliveries(2), new)
        ahead = all_.deliveries[4].event.global_position + 2**40
        failure = failure_of(lambda: self.create(name=third + "x", start={"from_position": ahead}))
        self.assertEqual((failure.code, failure.reason), ("OUT_OF_RANGE", "POSITION_AHEAD"))

    def test_reset_under_a_consumer(self):
        self.create()
        ids = [self.append()[0] for _ in range(4)]
        consumer = self.consume()
        consumer.await_deliveries(4)
        self.await_settled()
        second = next(d.event for d in consumer.deliveries if d.event.id == ids[1])
        self.reset(from_position=second.global_position)
        self.assertEqual(set(consumer.await_deliveries(6)[4:]), set(ids[2:]))
        self.await_settled()
        self.reset(from_beginning={})
        self.assertEqual(set(consumer.await_deliveries(10)[6:]), set(ids))
        self.await_settled()
        self.reset(from_time=second.timestamp)
        self.assertEqual(set(consumer.await_deliveries(13)[10:]), set(ids[1:]))
        self.await_settled()
        self.assertEqual(self.group().members[0].id, consumer.member_id)

    def test_reset_forward_skips(self):
        self.create()
        self.append(5)
        consumer = self.consume(answer=lambda d: None, in_flight=2)
        consumer.await_deliveries(2)
        self.reset(from_now={})
        consumer.await_true(lambda: len(consumer.taken_back) == 2, "what it has to be taken back")
        new = self.append(1)
        self.assertEqual(consumer.await_deliveries(3)[2:], new)

    def test_delete_under_a_consumer(self):
        self.create()
        self.append(3)
        consumer = self.consume(answer=lambda d: "park")
        self.await_parked(3)
        self.client.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=self.name))
        failure = consumer.await_failure()
        self.assertEqual((failure.code, failure.reason), ("NOT_FOUND", "GROUP_NOT_FOUND"))
        # Another one of the name knows nothing of it.
        self.create(buckets=8)
        self.assertEqual((self.group().parked_events, self.group().lag_events), (0, 3))
        self.consume().await_deliveries(3)

    def test_another_filter_under_a_consumer(self):
        self.create(filter=self.filter(event_types=["a"]), buckets=1)
        consumer = self.consume(answer=lambda d: "ack" if d.event.event_type == "b" else None).await_joined()
        a = self.append(event_type="a")
        consumer.await_deliveries(1)
        b = self.append(event_type="b")
        settings = self.settings(self.filter(event_types=["b"]))
        request = groups.UpdateConsumerGroupRequest(name=self.name, settings=settings)
        self.client.unary("UpdateConsumerGroup", request)
        consumer.await_true(lambda: consumer.taken_back, "what it has to be taken back")
        # From the place of the bucket on, so this one although it was passed over before.
        self.assertEqual(consumer.await_deliveries(2), a + b)
        later = self.append(event_type="b")
        self.append(event_type="a")
        self.assertEqual(consumer.await_deliveries(3), a + b + later)
        self.await_settled()

    def test_lag(self):
        self.create()
        self.assertEqual((self.group().lag_events, self.group().lag_seconds), (0, 0))
        for _ in range(3):
            self.append(4)
        self.append(correlation_id=new_id())
        group = self.group()
        self.assertEqual((group.lag_events, group.lag_is_at_least), (12, False))
        self.assertGreater(group.lag_seconds, 0)
        consumer = self.consume(answer=lambda d: None, in_flight=1000)
        consumer.await_deliveries(12)
        self.assertEqual(self.group().lag_events, 12)
        consumer.ack(*consumer.open_ids())
        self.await_settled()
        self.assertEqual(self.group().lag_seconds, 0)

    def test_much_lag_is_at_least_so_much(self):
        self.create()
        for _ in range(2):
            self.append(6_000)
        group = self.group()
        self.assertEqual((group.lag_events, group.lag_is_at_least), (10_000, True))
        consumer = self.consume(in_flight=5_000)
        consumer.await_deliveries(12_000)
        self.await_settled()
        self.assertEqual(len(set(consumer.ids())), 12_000)
        self.assertEqual(len(consumer.deliveries), 12_000)

    def test_metrics(self):
        self.create()
        self.append(1)
        self.consume(answer=lambda d: "park").await_deliveries(1)
        self.await_parked(1)

        def metric(name):
            with urllib.request.urlopen(f"http://{self.server.http_address}/metrics", timeout=60) as answer:
                lines = answer.read().decode().splitlines()
            return float(next(line for line in lines if line.startswith(name + " ")).split()[1])

        self.assertGreaterEqual(metric("eventstore_consumers"), 1)
        self.assertGreaterEqual(metric("eventstore_consumer_groups"), 1)
        wait_until(lambda: metric("eventstore_parked_events_total") >= 1, "the parked event to be counted")


class ServerTest(GroupTest):
    def own_server(self, **options):
        server = Server(**options)
        self.addCleanup(server.stop)
        client = Client(server.address)
        self.addCleanup(client.close)
        return server, client

    def test_a_database_that_comes_back_soon(self):
        server, client = self.own_server()
        self.create(client=client)
        consumer = self.consume(server.address).await_joined()
        first = self.append(3, client=client)
        consumer.await_deliveries(3)
        victim = server.postmaster_pid()
        os.kill(victim, signal.SIGKILL)

        def appended():
            try:
                return self.append(1, client=client)
            except AssertionError:
                return None

        wait_until(lambda: appended(), "the database to be back", 120)
        wait_until(lambda: consumer.failure or len(set(consumer.ids())) >= 4, "the event, or an end", 120)
        if consumer.failure:  # it was away for longer than the lease
            self.assertEqual(consumer.failure.code, "UNAVAILABLE")
            again = self.consume(server.address)
            again.await_true(lambda: set(again.ids()) - set(first), "the event", 120)

    def test_a_database_that_stays_away(self):
        server, client = self.own_server()
        self.create(client=client)
        self.append(3, client=client)
        consumer = self.consume(server.address, answer=lambda d: None)
        consumer.await_deliveries(3)
        # Its turns wait for the lock and fail.
        with server.database().lock("consumer_groups"):
            failure = consumer.await_failure(120)
        self.assertEqual((failure.code, failure.reason), ("UNAVAILABLE", "DATABASE_UNAVAILABLE"))
        again = self.consume(server.address)
        self.assertEqual(len(again.await_deliveries(3)), 3)
        # It was not the consumer that failed.
        self.assertEqual({d.attempt for d in again.deliveries}, {1})
