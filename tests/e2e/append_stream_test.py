"""AppendStream: many appends on one call, each with its own outcome."""
import signal
import threading
import time
import unittest

from harness import messages
from harness.client import Client, Failure, append_request, failure_of, new_event, new_id
from harness.messages import store
from harness.server import Server, wait_until
from harness.suite import StoreTest

ABORTED, INVALID_ARGUMENT = 10, 3


def message(*items):
    return store.AppendStreamRequest(items=items)


def reason_of(status):
    info = messages.rpc_details.ErrorInfo()
    status.details[0].Unpack(info)
    return info.reason


class AppendStreamTest(StoreTest):
    def outcomes(self, sent, client=None):
        """All outcomes, by number; that one comes twice is an error."""
        found = {}
        for answer in (client or self.client).append_stream(iter(sent)):
            for outcome in answer.outcomes:
                self.assertNotIn(outcome.number, found)
                found[outcome.number] = outcome
        return found

    def test_each_item_has_its_own_outcome(self):
        a, b = new_id(), new_id()
        found = self.outcomes([
            message(
                append_request(a, 0, [new_event(), new_event()]),
                append_request(a, 5, [new_event()]),
                append_request("no uuid", 0, [new_event()]),
            ),
            message(append_request(a, 2, [new_event()])),
            message(append_request(b, "any", [new_event()]), append_request(b, "existing", [new_event(data="[1]")])),
        ])
        self.assertEqual(sorted(found), [1, 2, 3, 4, 5, 6])
        self.assertEqual((found[1].appended.aggregate_id, found[1].appended.version), (a, 2))
        self.assertEqual([event.version for event in found[1].appended.events], [1, 2])
        self.assertEqual((found[2].error.code, reason_of(found[2].error)), (ABORTED, "VERSION_CONFLICT"))
        self.assertIn("is at version 2, expected 5", found[2].error.message)
        self.assertEqual((found[3].error.code, reason_of(found[3].error)), (INVALID_ARGUMENT, "INVALID_REQUEST"))
        self.assertIn("aggregate_id", found[3].error.message)
        self.assertEqual(found[4].appended.version, 3)
        self.assertEqual(found[5].appended.version, 1)
        self.assertEqual(reason_of(found[6].error), "INVALID_REQUEST")
        self.assertEqual((self.client.version(a), self.client.version(b)), (3, 1))

    def test_items_on_one_aggregate_keep_their_order(self):
        aggregates = [new_id() for _ in range(7)]
        numbers = {}
        sent = []
        for version in range(300):
            for aggregate in aggregates:
                sent.append(append_request(aggregate, version, [new_event(data={"n": version})]))
                numbers[len(sent)] = (aggregate, version + 1)
        # Messages of different sizes: 1, 2, ... 50 items, and again.
        batches, size = [], 1
        while sent:
            batches.append(message(*sent[:size]))
            sent, size = sent[size:], size % 50 + 1
        for number, outcome in self.outcomes(batches).items():
            self.assertFalse(outcome.HasField("error"), outcome.error.message)
            self.assertEqual((outcome.appended.aggregate_id, outcome.appended.version), numbers.pop(number))
        self.assertEqual(numbers, {})
        for aggregate in aggregates:
            events = self.client.replay(aggregate)
            self.assertEqual([event.data for event in events], ['{"n": %d}' % n for n in range(300)])

    def test_any_version_keeps_its_order_around_a_repeat(self):
        # The second use of an id is judged only after the first is stored; what comes after it waits.
        aggregate, event = new_id(), new_event()
        found = self.outcomes([message(
            append_request(aggregate, "any", [event]),
            append_request(aggregate, "any", [event]),
            append_request(aggregate, "any", [new_event(id=event.id, data={"other": 1})]),
            append_request(aggregate, "any", [new_event(data={"n": 2})]),
        )])
        self.assertEqual(found[1].appended.version, 1)
        self.assertEqual(found[2].appended, found[1].appended)
        self.assertEqual(reason_of(found[3].error), "EVENT_ID_CONFLICT")
        self.assertEqual(found[4].appended.version, 2)

    def test_a_stream_without_items_is_no_error(self):
        self.assertEqual(self.outcomes([]), {})

    def test_a_bad_message_ends_the_stream_after_the_outcomes_before_it(self):
        item = append_request(new_id(), "any", [new_event()])
        too_many = message(*[item] * 1001)
        for bad, words in ((message(), "items"), (too_many, "items has 1001 entries; the limit is 1000"), (b"\xff\xff\xff", "AppendStreamRequest")):
            with self.subTest(words=words):
                aggregate = new_id()
                seen = []
                failure = failure_of(lambda s=seen, b=bad, a=aggregate: s.extend(
                    self.client.append_stream([message(append_request(a, 0, [new_event()])), b])))
                self.assertEqual(failure.code, "INVALID_ARGUMENT")
                self.assertIn(words, failure.message + str(failure.fields))
                self.assertEqual([o.number for answer in seen for o in answer.outcomes], [1])
                self.assertEqual(self.client.version(aggregate), 1)

    def test_a_client_that_does_not_read_is_held_back(self):
        # 120 MB: far more than what lies ready on the way.
        count, sent, data = 6_000, [], {"text": "x" * 20_000}
        aggregates = [new_id() for _ in range(50)]

        def items():
            for n in range(count):
                sent.append(n)
                yield message(append_request(aggregates[n % 50], n // 50, [new_event(data=data)]))

        # Without the probe, gRPC keeps to its first 64 KiB of what the application has not read.
        client = Client(self.server.address, [("grpc.http2.bdp_probe", 0)])
        self.addCleanup(client.close)
        answers = client.append_stream(items())
        stalled_at = self.await_stall(sent)
        self.assertLess(stalled_at, count // 2)
        numbers = [outcome.number for answer in answers for outcome in answer.outcomes if outcome.HasField("appended")]
        self.assertEqual(sorted(numbers), list(range(1, count + 1)))

    @staticmethod
    def await_stall(sent):
        """How many were sent when for a second no further one was."""
        while True:
            before = len(sent)
            time.sleep(1)
            if len(sent) == before > 0:
                return before

    def test_what_waits_when_the_client_goes_is_not_written(self):
        aggregate, database = new_id(), self.server.database()
        with database.lock("aggregate_heads"):
            stop = threading.Event()

            def items():
                yield message(append_request(aggregate, 0, [new_event()]))
                wait_until(lambda: database.waiting("lane %"), "the first item to wait")
                yield message(*[append_request(aggregate, n, [new_event()]) for n in range(1, 50)])
                stop.wait(60)

            answers = self.client.append_stream(items())
            wait_until(lambda: database.waiting("lane %"), "the first item to wait")
            time.sleep(0.5)  # for the second message to arrive
            answers.cancel()
            stop.set()
            time.sleep(0.5)  # for the cancellation to arrive
        wait_until(lambda: not database.waiting("lane %"), "the lane to be free")
        self.assertIn(self.client.version(aggregate), (0, 1))
        self.assertEqual(self.client.append(append_request(new_id(), 0, [new_event()])).version, 1)

    def test_an_item_whose_time_is_up_is_not_written(self):
        aggregate, database = new_id(), self.server.database()
        with database.lock("aggregate_heads"):
            before = self.client.start("Append", append_request(aggregate, 0, [new_event()]))
            wait_until(lambda: database.waiting("lane %"), "the lane to be busy")
            failure = failure_of(lambda: list(self.client.append_stream(
                [message(append_request(aggregate, "any", [new_event()]))], deadline_s=1)))
            self.client.await_end_of_earlier_calls()
        self.assertEqual(failure.code, "DEADLINE_EXCEEDED")
        self.assertEqual(before.result().version, 1)
        # Behind the one whose time was up.
        self.assertEqual(self.client.append(append_request(aggregate, "any", [new_event()])).version, 2)

    def test_a_server_that_goes_down_ends_idle_streams(self):
        guest = Server(database_url=self.server.conninfo(), settings={"drain_seconds": 3600})
        self.addCleanup(guest.stop)
        client = Client(guest.address)
        self.addCleanup(client.close)
        aggregate, stop = new_id(), threading.Event()

        def items():
            yield message(append_request(aggregate, 0, [new_event()]))
            stop.wait(60)

        answers = client.append_stream(items())
        self.assertEqual(next(answers).outcomes[0].appended.version, 1)
        guest.signal(signal.SIGTERM)
        failure = failure_of(lambda: next(answers))
        stop.set()
        self.assertEqual((failure.code, failure.reason), ("UNAVAILABLE", "SHUTTING_DOWN"))
        self.assertEqual(len(failure.retries), 1)
        self.assertEqual(guest.wait(), 0)

    def test_many_streams_at_once(self):
        aggregates = [new_id() for _ in range(4)]
        failed = []

        def run(seed):
            try:
                client = Client(self.server.address)
                sent = [message(*[append_request(aggregates[(seed + n) % 4], "any", [new_event()]) for _ in range(5)])
                        for n in range(40)]
                found = self.outcomes(sent, client)
                self.assertEqual(len(found), 200)
                self.assertFalse([o for o in found.values() if o.HasField("error")])
                client.close()
            except (AssertionError, Failure) as error:
                failed.append(error)

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(sum(self.client.version(aggregate) for aggregate in aggregates), 1600)


if __name__ == "__main__":
    unittest.main()
