"""Consumer groups on one server: how they are kept, and what happens to each delivery."""
import os
import signal
import time
import urllib.request

from harness import history
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
        for field, options in (("join.max_in_flight", {"in_flight": 10_001}), ("join.heartbeat_seconds", {"heartbeat_s": 301}),
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


class DeliveryTest(GroupTest):
    def test_everything_once_in_order_and_on(self):
        self.create()
        aggregates = [new_id() for _ in range(20)]
        for _ in range(5):
            for aggregate in aggregates:
                self.append(aggregate=aggregate)
        consumer = self.consume(name="one").await_joined()
        consumer.await_deliveries(100)
        for aggregate in aggregates:
            self.append(2, aggregate=aggregate)
        consumer.await_deliveries(140)
        self.await_settled()
        self.assertEqual(len(set(consumer.ids())), 140)
        self.assertEqual(len(consumer.deliveries), 140)
        self.assert_in_order(consumer.deliveries)
        self.assertTrue(all(d.attempt == 1 and not d.replayed for d in consumer.deliveries))
        [member] = self.group().members
        self.assertEqual((member.id, member.name, member.buckets), (consumer.member_id, "one", 64))
        self.assertTrue(member.instance.endswith(f":{self.server.pid}"), member.instance)

    def test_goes_on_from_its_place(self):
        self.create()
        first = self.append(10)
        consumer = self.consume()
        self.assertEqual(consumer.await_deliveries(10), first)
        self.await_settled()
        consumer.close()
        second = self.append(10)
        again = self.consume()
        self.assertEqual(again.await_deliveries(10), second)
        self.await_settled()
        self.assertGreater(self.group().position, 0)

    def test_what_was_answered_before_leaving_never_comes_again(self):
        self.create()
        ids = self.append(10)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(10)
        consumer.ack(*consumer.open_ids()[:4])
        consumer.half_close()
        consumer.await_end()
        again = self.consume()
        self.assertEqual(again.await_deliveries(6), ids[4:])
        # Half-closing blames nobody.
        self.assertEqual({d.attempt for d in again.deliveries}, {1})

    def test_leaving_waits_for_answers(self):
        self.create()
        ids = self.append(6)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(6)
        consumer.leave()
        consumer.ack(*consumer.open_ids()[:3])
        wait_until(lambda: self.group().lag_events == 3, "three answers to be stored")
        self.assertFalse(consumer.ended)
        later = self.append(2)
        consumer.ack(*consumer.open_ids())
        consumer.await_end()
        self.assertEqual(consumer.ids(), ids)
        self.assertEqual(self.consume().await_deliveries(2), later)

    def test_a_failed_one_comes_again_and_what_is_behind_it_after_it(self):
        self.create(retry_pause_ms=100)
        aggregate, other = new_id(), new_id()
        ids = self.append(5, aggregate=aggregate)
        others = self.append(5, aggregate=other)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(10)
        of = {d.event.id: d.delivery_id for d in consumer.deliveries}
        consumer.nack(of[ids[1]], reason="not yet")
        consumer.await_deliveries(11)
        # The one that failed comes back alone; those behind it were taken back.
        self.assertEqual((consumer.ids()[10], consumer.deliveries[10].attempt), (ids[1], 2))
        self.assertEqual(consumer.taken_back, {of[id_] for id_ in ids[2:]})
        consumer.ack(consumer.deliveries[10].delivery_id)
        consumer.await_deliveries(14)
        self.assertEqual(consumer.ids()[11:], ids[2:])
        self.assertEqual({d.attempt for d in consumer.deliveries[11:]}, {1})
        self.assertEqual(len(others), 5)
        consumer.ack(*consumer.open_ids())
        self.await_settled()
        self.assertEqual(len(consumer.deliveries), 14)

    def test_an_answer_to_what_was_taken_back_is_ignored(self):
        self.create(retry_pause_ms=50)
        ids = self.append(3)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(3)
        late = [d.delivery_id for d in consumer.deliveries]
        consumer.nack(late[0])
        consumer.await_true(lambda: len(consumer.taken_back) == 2, "two to be taken back")
        consumer.ack(*late)
        consumer.await_deliveries(4)
        consumer.ack(*consumer.open_ids())
        self.assertEqual(consumer.await_deliveries(6)[3:], ids)
        consumer.ack(*consumer.open_ids())
        self.await_settled()

    def test_after_max_deliveries_it_is_parked_and_the_aggregate_goes_on(self):
        self.create(retry_pause_ms=10, max_deliveries=3)
        ids = self.append(3)
        consumer = self.consume(answer=lambda d: "nack" if d.event.id == ids[0] else "ack")
        self.await_parked(1)
        self.await_settled()
        self.assertEqual([d.attempt for d in consumer.deliveries if d.event.id == ids[0]], [1, 2, 3])
        self.assertEqual(consumer.ids()[-2:], ids[1:])
        [parked] = self.parked().events
        self.assertEqual((parked.event.id, parked.reason, parked.deliveries, parked.replaying),
                         (ids[0], "told to", 3, False))
        self.assertEqual(list(self.client.replay(parked.event.aggregate_id))[0], parked.event)

    def test_parking_and_skipping(self):
        self.create()
        ids = self.append(4)
        todo = dict(zip(ids, ["ack", "park", "skip", "ack"]))
        consumer = self.consume(answer=lambda d: todo[d.event.id])
        consumer.await_deliveries(4)
        self.await_settled()
        self.await_parked(1)
        [parked] = self.parked().events
        self.assertEqual((parked.event.id, parked.reason, parked.deliveries), (ids[1], "told to", 1))
        self.assertEqual(consumer.ids(), ids)

    def test_no_answer_in_time(self):
        self.create(ack_timeout_ms=300, retry_pause_ms=50, max_deliveries=2)
        ids = self.append(3)
        # The first is never answered; the others are, and so late only because they wait behind it.
        consumer = self.consume(answer=lambda d: None if d.event.id == ids[0] else "ack")
        self.await_parked(1)
        self.await_settled()
        self.assertEqual([d.attempt for d in consumer.deliveries if d.event.id == ids[0]], [1, 2])
        self.assertIn("no answer within 300 ms", self.parked().events[0].reason)
        self.assertIn(consumer.deliveries[0].delivery_id, consumer.taken_back)

    def test_who_answers_steadily_is_never_late(self):
        self.create(ack_timeout_ms=1500, max_deliveries=1)
        ids = self.append(30)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(30)
        # Longer than the time to answer in all; each answer begins the time of the next.
        for delivery in list(consumer.deliveries):
            time.sleep(0.1)
            consumer.ack(delivery.delivery_id)
        self.await_settled()
        self.assertEqual((consumer.ids(), consumer.taken_back), (ids, set()))
        self.assertEqual(self.group().parked_events, 0)

    def test_a_call_that_breaks_is_one_failed_attempt(self):
        self.create()
        ids = self.append(3)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(3)
        consumer.cancel()
        again = self.consume()
        self.assertEqual(again.await_deliveries(3), ids)
        self.assertEqual([d.attempt for d in again.deliveries], [2, 1, 1])

    def test_no_more_in_flight_than_asked_for(self):
        self.create()
        for _ in range(10):
            self.append(5)
        consumer = self.consume(answer=lambda d: None, in_flight=7)
        for done in range(7, 51):
            consumer.await_deliveries(done)
            self.assertLessEqual(consumer.most_open, 7)
            self.assertEqual(len(consumer.deliveries), done)
            consumer.ack(min(consumer.open_ids()))
        self.assertEqual(len(set(consumer.ids())), 50)

    def test_one_stuck_aggregate_holds_up_no_other(self):
        self.create(buckets=1)
        stuck = self.append(1)
        consumer = self.consume(answer=lambda d: None if d.event.id in stuck else "ack", in_flight=50)
        consumer.await_deliveries(1)
        aggregates = [new_id() for _ in range(10)]
        for aggregate in aggregates:
            self.append(90, aggregate=aggregate)
        consumer.await_deliveries(901)
        self.assertEqual(len(set(consumer.ids())), 901)
        # All of it in one bucket, whose place cannot pass the stuck one.
        self.assertEqual(self.group().position, 0)
        consumer.ack(*consumer.open_ids())
        self.await_settled()

    def test_the_place_may_be_far_behind_and_the_rest_is_not_delivered_twice(self):
        self.create(buckets=1)
        stuck = self.append(1)
        consumer = self.consume(answer=lambda d: None if d.event.id in stuck else "ack", in_flight=500)
        consumer.await_deliveries(1)
        for _ in range(15):
            self.append(100)
        # The bucket takes 1 000 beyond its place and waits.
        consumer.await_deliveries(1000)
        self.assertEqual(self.group().lag_events, 1501)
        consumer.ack(*consumer.open_ids())
        consumer.await_deliveries(1501)
        self.await_settled()
        self.assertEqual((len(consumer.deliveries), len(set(consumer.ids()))), (1501, 1501))

    def test_settled_position_is_never_given_out_too_early(self):
        self.create(buckets=1)
        ids = self.append(5)
        consumer = self.consume(answer=lambda d: None)
        consumer.await_deliveries(5)
        positions = [d.event.global_position for d in consumer.deliveries]
        self.assertEqual({d.settled_position for d in consumer.deliveries}, {0})
        consumer.ack(*[d.delivery_id for d in consumer.deliveries if d.event.id != ids[2]])
        wait_until(lambda: self.group().position == positions[1], "the place to be stored")
        self.append(1)
        consumer.await_deliveries(6)
        self.assertLessEqual(consumer.deliveries[5].settled_position, positions[1])

    def test_heartbeats(self):
        self.create()
        consumer = self.consume(heartbeat_s=1)
        consumer.await_true(lambda: consumer.kinds.count("heartbeat") >= 2, "two heartbeats")
        self.assertEqual(self.append(1), consumer.await_deliveries(1))

    def test_large_events_come_in_messages_that_a_client_takes(self):
        self.create()
        data = '{"x": "' + "y" * 900_000 + '"}'
        ids = [self.append(data=data)[0] for _ in range(12)]
        consumer = self.consume(in_flight=1000)
        self.assertEqual(sorted(consumer.await_deliveries(12)), sorted(ids))
        self.await_settled()

    def test_one_that_never_reads_costs_a_bounded_amount(self):
        if self.sanitized:
            self.skipTest("memory of a build with sanitizers tells nothing")
        self.create(ack_timeout_ms=600_000)
        deaf = self.consume(in_flight=10_000, reads=False)
        self.addCleanup(deaf._thread.start)
        wait_until(lambda: self.group().members, "the consumer to have joined")
        self.append(1)
        before = self.server.resident_bytes()
        data = '{"x": "' + "y" * 20_000 + '"}'
        for _ in range(25):
            self.append(100, data=data)  # 50 MB in all
        reader = self.consume(group=self.make_twin())
        reader.await_deliveries(2501)
        # 16 MiB for it, messages on their way, and what the tail keeps for everybody.
        self.assertLess(self.server.resident_bytes() - before, 200 << 20)

    def make_twin(self):
        self.create(name=self.name + "-twin")
        return self.name + "-twin"


class ParkedTest(GroupTest):
    def park(self, count, **fields):
        """Appends and parks; the ids in the order of positions."""
        ids = [self.append(**fields)[0] for _ in range(count)]
        consumer = self.consume(answer=lambda d: "park")
        self.await_parked(count)
        consumer.close()
        return ids

    def test_pages(self):
        self.create()
        ids = self.park(7)
        listed, token = [], ""
        for _ in range(4):
            page = self.parked(page_size=2, page_token=token)
            listed += [parked.event.id for parked in page.events]
            token = page.next_page_token
        self.assertEqual((listed, token), (ids, ""))

    def test_pages_of_large_events(self):
        self.create()
        ids = self.park(6, data='{"x": "' + "y" * 800_000 + '"}')
        listed, token, pages = [], "", 0
        while pages == 0 or token:
            page = self.parked(page_token=token)
            listed += [parked.event.id for parked in page.events]
            token, pages = page.next_page_token, pages + 1
        self.assertEqual(listed, ids)
        self.assertGreaterEqual(pages, 3)

    def test_replay_by_id_and_count(self):
        self.create()
        ids = self.park(5)
        self.assertEqual(self.replay(event_ids=[ids[3], new_id()]), 1)
        consumer = self.consume()
        self.assertEqual(consumer.await_deliveries(1), [ids[3]])
        self.assertTrue(consumer.deliveries[0].replayed)
        self.assertEqual(consumer.deliveries[0].attempt, 1)
        self.await_parked(4)
        self.assertEqual(self.replay(max_events=2), 2)
        self.assertEqual(sorted(consumer.await_deliveries(3)[1:]), sorted(ids[:2]))
        self.await_parked(2)
        self.assertEqual(self.replay(), 2)
        consumer.await_deliveries(5)
        self.await_parked(0)
        self.assertEqual(self.replay(), 0)

    def test_replay_by_filter(self):
        self.create()
        paid = self.park(3, event_type="order.paid")
        placed = [self.append()[0] for _ in range(2)]
        consumer = self.consume(answer=lambda d: "ack" if d.replayed else "park")
        self.await_parked(5)
        self.assertEqual(self.replay(filter=event_pb.EventFilter(event_types=["order.paid"]), max_events=2), 2)
        consumer.await_deliveries(4)
        self.await_parked(3)
        self.assertEqual([p.event.id for p in self.parked().events], [paid[2], *placed])

    def test_a_replay_that_fails_is_parked_again(self):
        self.create(max_deliveries=2, retry_pause_ms=10)
        [id_] = self.park(1)
        self.replay()
        consumer = self.consume(answer=lambda d: "nack")
        wait_until(lambda: self.parked().events[0].deliveries == 3, "it to be parked again")
        [parked] = self.parked().events
        self.assertEqual((parked.event.id, parked.reason, parked.replaying), (id_, "told to", False))
        self.assertEqual([d.attempt for d in consumer.deliveries], [1, 2])

    def test_a_replay_waits_for_a_consumer(self):
        self.create()
        [id_] = self.park(1)
        self.replay()
        self.assertTrue(self.parked().events[0].replaying)
        first = self.consume(answer=lambda d: None)
        first.await_deliveries(1)
        first.cancel()
        second = self.consume()
        self.assertEqual(second.await_deliveries(1), [id_])
        self.await_parked(0)
        self.assertEqual(second.deliveries[0].attempt, 2)

    def test_discard(self):
        self.create()
        ids = self.park(5)
        self.assertEqual(self.discard(event_ids=ids[:1]), 1)
        self.assertEqual(self.discard(filter=event_pb.EventFilter(sources=["nobody"])), 0)
        self.assertEqual(self.discard(max_events=2), 2)
        self.assertEqual([p.event.id for p in self.parked().events], ids[3:])
        self.assertEqual(self.discard(), 2)
        self.assertEqual(self.group().parked_events, 0)

    def test_an_event_whose_chunk_was_dropped(self):
        server = Server()
        self.addCleanup(server.stop)
        database = server.database()
        aggregate = new_id()
        past = history.past_event(aggregate, 1, history.now(database) - 30 * history.DAY, correlation_id=self.mark)
        history.write(database, [past])
        client = Client(server.address)
        self.addCleanup(client.close)
        self.create(client=client)
        consumer = self.consume(server.address, answer=lambda d: "park")
        wait_until(lambda: self.group(client=client).parked_events == 1, "it to be parked", 60)
        database.run("SELECT count(*) FROM drop_chunks('events_v2', older_than => now() - interval '7 days')")
        [parked] = self.parked(client=client).events
        self.assertEqual((parked.event.id, parked.event.aggregate_id, parked.event.data), (past.id, aggregate, ""))
        client.unary("ReplayParkedEvents", groups.ReplayParkedEventsRequest(group=self.name))
        wait_until(lambda: "dropped" in self.parked(client=client).events[0].reason, "the replay to be given up", 60)
        self.assertFalse(self.parked(client=client).events[0].replaying)
        self.assertEqual(len(consumer.deliveries), 1)


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
        request = groups.UpdateConsumerGroupRequest(name=self.name, settings=self.settings(self.filter(event_types=["b"])))
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
