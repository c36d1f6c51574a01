"""Events that a consumer group has set aside: listed, replayed, discarded."""
from harness import history
from harness.client import Client, new_id
from harness.group_suite import GroupTest
from harness.messages import event as event_pb
from harness.messages import groups
from harness.server import Server, wait_until


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
        history.drop_until(database, (history.now(database) - 7 * history.DAY) // 1_000_000)
        [parked] = self.parked(client=client).events
        self.assertEqual((parked.event.id, parked.event.aggregate_id, parked.event.data), (past.id, aggregate, ""))
        client.unary("ReplayParkedEvents", groups.ReplayParkedEventsRequest(group=self.name))
        wait_until(lambda: "dropped" in self.parked(client=client).events[0].reason, "the replay to be given up", 60)
        self.assertFalse(self.parked(client=client).events[0].replaying)
        self.assertEqual(len(consumer.deliveries), 1)
