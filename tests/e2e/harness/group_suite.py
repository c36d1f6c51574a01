"""What the suites about consumer groups share."""
from harness.client import append_request, new_event, new_id
from harness.consumer import Consumer
from harness.messages import event as event_pb
from harness.messages import groups
from harness.server import wait_until
from harness.suite import StoreTest

NACK = groups.ConsumeRequest.Nack


class GroupTest(StoreTest):
    def setUp(self):
        super().setUp()
        # Tests share a store; each group takes the events of its own test alone.
        self.mark = new_id()
        self.name = f"group-{self.mark}"

    def filter(self, **more):
        return event_pb.EventFilter(correlation_ids=[self.mark], **more)

    def settings(self, filter=None, **fields):
        return groups.ConsumerGroupSettings(filter=filter or self.filter(), **fields)

    def create(self, client=None, name=None, start=None, buckets=0, filter=None, **settings):
        request = groups.CreateConsumerGroupRequest(name=name or self.name, buckets=buckets,
                                                    settings=self.settings(filter, **settings),
                                                    **(start or {"from_beginning": {}}))
        return (client or self.client).unary("CreateConsumerGroup", request).group

    def group(self, name=None, client=None):
        request = groups.GetConsumerGroupRequest(name=name or self.name)
        return (client or self.client).unary("GetConsumerGroup", request).group

    def consume(self, address=None, group=None, **options):
        consumer = Consumer(address or self.server.address, group or self.name, **options)
        self.addCleanup(consumer.close)
        return consumer

    def append(self, count=1, aggregate=None, client=None, **fields):
        """The ids of what was appended, of one aggregate."""
        fields.setdefault("correlation_id", self.mark)
        events = [new_event(**fields) for _ in range(count)]
        (client or self.client).append(append_request(aggregate or new_id(), "any", events))
        return [event.id for event in events]

    def parked(self, client=None, **fields):
        request = groups.ListParkedEventsRequest(group=self.name, **fields)
        return (client or self.client).unary("ListParkedEvents", request)

    def replay(self, **selection):
        request = groups.ReplayParkedEventsRequest(group=self.name,
                                                   selection=groups.ParkedSelection(**selection))
        return self.client.unary("ReplayParkedEvents", request).events

    def discard(self, **selection):
        request = groups.DiscardParkedEventsRequest(group=self.name,
                                                    selection=groups.ParkedSelection(**selection))
        return self.client.unary("DiscardParkedEvents", request).events

    def reset(self, **start):
        request = groups.ResetConsumerGroupRequest(name=self.name, **start)
        return self.client.unary("ResetConsumerGroup", request).group

    def await_settled(self, client=None, patience_s=60):
        """Until every event that matches is answered or parked, and that is stored."""
        wait_until(lambda: self.group(client=client).lag_events == 0, "the group to have settled all", patience_s)

    def await_parked(self, count):
        wait_until(lambda: self.group().parked_events == count, f"{count} parked events", 60)

    def assert_in_order(self, deliveries):
        """First deliveries of an aggregate come in the order of versions."""
        seen = {}
        for delivery in deliveries:
            event = delivery.event
            if event.version > seen.get(event.aggregate_id, 0):
                self.assertEqual(event.version, seen.get(event.aggregate_id, 0) + 1, event.aggregate_id)
                seen[event.aggregate_id] = event.version
