"""What happens to each delivery of a consumer group, on one server."""
import time

from harness.client import new_id
from harness.group_suite import GroupTest
from harness.server import wait_until


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
            self.skipTest("sanitizers keep freed memory, so its size tells nothing. Not tried: what a consumer that never reads "
                          "costs; the build without sanitizers tries it")
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
