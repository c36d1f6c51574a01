"""Bad requests, as one table: each gets the right code, one ErrorInfo, the field's name, and leaves nothing behind."""
import json

from harness.client import Client, append_request, check_fields, failure_of, new_event, new_id, version_check
from harness.messages import event as event_pb
from harness.messages import store
from harness.suite import StoreTest

GOOD = "01234567-89ab-4def-8123-456789abcdef"
FAR = 253_402_300_800  # the first second after the year 9999


def append(check=0, aggregate_id=GOOD, aggregate_type="entity", events=None, **event):
    fields = {"id": new_id(), "event_type": "bad.request", "data": "{}", **event}
    events = [event_pb.NewEvent(**fields)] if events is None else events
    return store.AppendRequest(
        aggregate_id=aggregate_id, aggregate_type=aggregate_type, events=events, **check_fields(check)
    )


def batch(*appends, checks=()):
    return store.AppendBatchRequest(appends=appends, checks=checks)


def with_bytes(message, old, new):
    """The message on the wire with a text replaced by bytes of the same length, which need not be UTF-8."""
    assert len(old) == len(new)
    return message.SerializeToString().replace(old, new)


def same_event_twice():
    event = new_event()
    return [event, event]


def many(count, **fields):
    return [new_event(data="{}", **fields) for _ in range(count)]


def rows():
    """(name, method, request, reason, fields): INVALID_ARGUMENT all of them."""
    bad, limit = "INVALID_REQUEST", "LIMIT_EXCEEDED"
    deep = '{"a":' * 101 + "{}" + "}" * 101
    yield "no version check", "Append", append(None), bad, ["version_check"]
    yield "any_version false", "Append", store.AppendRequest(
        aggregate_id=GOOD, aggregate_type="entity", any_version=False, events=many(1)), bad, ["any_version"]
    yield "existing false", "Append", store.AppendRequest(
        aggregate_id=GOOD, aggregate_type="entity", existing=False, events=many(1)), bad, ["existing"]
    yield "negative version", "Append", append(-1), bad, ["expected_version"]
    yield "version past the last", "Append", append(2_147_483_647), bad, ["expected_version"]
    for name, text in [("empty", ""), ("short", GOOD[:-1]), ("long", GOOD + "0"), ("braced", "{" + GOOD + "}"),
                       ("without hyphens", GOOD.replace("-", "")), ("with a letter", GOOD[:-1] + "g"),
                       ("with a NUL", GOOD[:-1] + "\0"), ("SQL", "'; DROP TABLE events_v2; --")]:
        yield f"aggregate id {name}", "Append", append(aggregate_id=text), bad, ["aggregate_id"]
    yield "event id no uuid", "Append", append(id="1"), bad, ["events[0].id"]
    yield "causation id no uuid", "Append", append(causation_id="x"), bad, ["events[0].causation_id"]
    yield "correlation id no uuid", "Append", append(correlation_id="x"), bad, ["events[0].correlation_id"]
    yield "aggregate type empty", "Append", append(aggregate_type=""), bad, ["aggregate_type"]
    yield "aggregate type 101 bytes", "Append", append(aggregate_type="a" * 101), limit, ["aggregate_type"]
    yield "aggregate type with NUL", "Append", append(aggregate_type="a\0b"), bad, ["aggregate_type"]
    yield "event type empty", "Append", append(event_type=""), bad, ["events[0].event_type"]
    yield "event type 201 bytes", "Append", append(event_type="é" * 100 + "x"), limit, ["events[0].event_type"]
    yield "event type with NUL", "Append", append(event_type="\0"), bad, ["events[0].event_type"]
    yield "user 201 bytes", "Append", append(user_id="u" * 201), limit, ["events[0].user_id"]
    yield "user with NUL", "Append", append(user_id="u\0"), bad, ["events[0].user_id"]
    yield "source 101 bytes", "Append", append(source="s" * 101), limit, ["events[0].source"]
    yield "source with NUL", "Append", append(source="\0"), bad, ["events[0].source"]
    for name, text in [
        ("no JSON", "hello"), ("truncated", '{"a":'), ("an array", "[1]"), ("a number", "1"), ("null", "null"),
        ("a string", '"x"'), ("two objects", "{}{}"), ("with a comma behind", '{"a":1,}'), ("with a comment", "{/**/}"),
        ("single quotes", "{'a':1}"), ("NaN", '{"a":NaN}'), ("a NUL escape", '{"a":"\\u0000"}'),
        ("a NUL escape in a key", '{"\\u0000":1}'), ("a lone surrogate", '{"a":"\\ud800"}'),
        ("a raw control character", '{"a":"\n"}'), ("1e999", '{"a":1e999}'), ("1e-999", '{"a":1e-999}'),
        ("too deep", deep), ("blank", "   "),
    ]:
        yield f"data {name}", "Append", append(data=text), bad, ["events[0].data"]
    yield "metadata an array", "Append", append(metadata="[]"), bad, ["events[0].metadata"]
    yield "metadata a NUL escape", "Append", append(metadata='{"a":"\\u0000"}'), bad, ["events[0].metadata"]
    yield "data 5 MiB", "Append", append(data=json.dumps({"a": "x" * (5 << 20)})), limit, ["events[0].data"]
    yield "data that prints longer than 1 MiB", "Append", append(
        data='{"a":[' + ",".join(["1e300"] * 4000) + "]}"), limit, ["events[0].data"]
    yield "metadata 65 KiB", "Append", append(metadata=json.dumps({"a": "x" * (65 << 10)})), limit, ["events[0].metadata"]
    yield "17 MiB together", "Append", append(events=[
        new_event(data=json.dumps({"a": "x" * 1_040_000})) for _ in range(17)]), limit, ["events"]
    yield "no events", "Append", append(events=[]), bad, ["events"]
    yield "10 001 events", "Append", append(events=many(10_001)), limit, ["events"]
    yield "an id twice", "Append", append(events=same_event_twice()), bad, ["events[1].id"]
    yield "the third event bad", "Append", append(events=many(2) + [event_pb.NewEvent()]), bad, ["events[2].event_type"]
    yield "two faults at once", "Append", append(aggregate_id="x", event_type=""), bad, [
        "aggregate_id", "events[0].event_type"]
    yield "text not UTF-8", "Append", with_bytes(append(event_type="QQQQ"), b"QQQQ", b"\xff\xfe\xc3("), bad, [
        "events[0].event_type"]
    yield "data not UTF-8", "Append", with_bytes(append(data='{"a":"QQQQ"}'), b"QQQQ", b"\xed\xa0\x80\xff"), bad, [
        "events[0].data"]
    yield "aggregate id not UTF-8", "Append", with_bytes(append(), GOOD.encode(), b"\xff" * 36), bad, ["aggregate_id"]
    yield "no message at all", "Append", b"\xff\xff\xff\xff", bad, []
    yield "a message cut short", "Append", append().SerializeToString()[:-3], bad, []

    yield "no appends", "AppendBatch", batch(), bad, ["appends"]
    yield "1 001 appends", "AppendBatch", batch(*[append("any", new_id()) for _ in range(1_001)]), limit, ["appends"]
    yield "1 001 checks", "AppendBatch", batch(append(), checks=[version_check(new_id(), 0)] * 1_001), limit, ["checks"]
    yield "10 001 events in two", "AppendBatch", batch(
        append(events=many(5_000)), append(5_000, events=many(5_001))), limit, ["appends"]
    yield "second append without check", "AppendBatch", batch(append(), append(None, new_id())), bad, [
        "appends[1].version_check"]
    yield "second append's event bad", "AppendBatch", batch(append(), append(0, new_id(), data="[]")), bad, [
        "appends[1].events[0].data"]
    yield "an id in two appends", "AppendBatch", batch(
        append(0, GOOD, id=GOOD), append(0, new_id(), id=GOOD)), bad, ["appends[1].events[0].id"]
    yield "versions that do not chain", "AppendBatch", batch(append(0), append(0)), bad, ["appends[1].expected_version"]
    yield "versions that leave a gap", "AppendBatch", batch(append(3), append(5)), bad, ["appends[1].expected_version"]
    yield "a check without check", "AppendBatch", batch(append(), checks=[version_check(GOOD, None)]), bad, [
        "checks[0].version_check"]
    yield "a check on no uuid", "AppendBatch", batch(append(), checks=[version_check("x", 0)]), bad, [
        "checks[0].aggregate_id"]
    yield "a negative check", "AppendBatch", batch(append(), checks=[version_check(GOOD, -2)]), bad, [
        "checks[0].expected_version"]
    yield "checks that contradict", "AppendBatch", batch(
        append(0, new_id()), checks=[version_check(GOOD, 1), version_check(GOOD, 2)]), bad, ["checks[1].expected_version"]
    yield "batch text not UTF-8", "AppendBatch", with_bytes(
        batch(append(), append(0, new_id(), user_id="QQQQ")), b"QQQQ", b"\xc0\x80\xc0\x80"), bad, [
        "appends[1].events[0].user_id"]

    stream, version = store.GetAggregateStreamRequest, store.GetAggregateVersionRequest
    user, correlated = store.GetUserStreamRequest, store.GetCorrelatedEventsRequest
    count, read_all = store.CountEventsRequest, store.ReadAllRequest
    yield "stream of nothing", "GetAggregateStream", stream(), bad, ["aggregate_id"]
    yield "stream from -1", "GetAggregateStream", stream(aggregate_id=GOOD, from_version=-1), bad, ["from_version"]
    yield "stream to -1", "GetAggregateStream", stream(aggregate_id=GOOD, to_version=-1), bad, ["to_version"]
    yield "stream backwards range", "GetAggregateStream", stream(aggregate_id=GOOD, from_version=5, to_version=4), bad, [
        "from_version"]
    yield "stream unknown direction", "GetAggregateStream", stream(aggregate_id=GOOD, direction=9), bad, ["direction"]
    yield "stream -1 events", "GetAggregateStream", stream(aggregate_id=GOOD, max_events=-1), bad, ["max_events"]
    yield "stream as of the year 10000", "GetAggregateStream", stream(aggregate_id=GOOD, as_of={"seconds": FAR}), bad, [
        "as_of"]
    yield "stream as of 2e9 nanos", "GetAggregateStream", stream(aggregate_id=GOOD, as_of={"nanos": 2_000_000_000}), bad, [
        "as_of"]
    yield "version of nothing", "GetAggregateVersion", version(), bad, ["aggregate_id"]
    yield "version of no uuid", "GetAggregateVersion", version(aggregate_id="1234"), bad, ["aggregate_id"]
    yield "user missing", "GetUserStream", user(), bad, ["user_id"]
    yield "user too long", "GetUserStream", user(user_id="u" * 201), limit, ["user_id"]
    yield "user -1 days", "GetUserStream", user(user_id="u", days=-1), bad, ["days"]
    yield "user 36 501 days", "GetUserStream", user(user_id="u", days=36_501), limit, ["days"]
    yield "user days and from", "GetUserStream", user(user_id="u", days=1, from_time={"seconds": 1}), bad, ["days"]
    yield "user from after to", "GetUserStream", user(
        user_id="u", from_time={"seconds": 9}, to_time={"seconds": 8}), bad, ["from_time"]
    yield "user -1 events", "GetUserStream", user(user_id="u", limit=-1), bad, ["limit"]
    yield "user unknown direction", "GetUserStream", user(user_id="u", direction=-3), bad, ["direction"]
    yield "user 101 types", "GetUserStream", user(user_id="u", event_types=["t"] * 101), limit, ["event_types"]
    yield "user empty type", "GetUserStream", user(user_id="u", aggregate_types=["a", ""]), bad, ["aggregate_types[1]"]
    yield "correlation missing", "GetCorrelatedEvents", correlated(), bad, ["correlation_id"]
    yield "correlation no uuid", "GetCorrelatedEvents", correlated(correlation_id="c"), bad, ["correlation_id"]
    yield "correlation empty range", "GetCorrelatedEvents", correlated(
        correlation_id=GOOD, from_time={"seconds": 8}, to_time={"seconds": 8}), bad, ["from_time"]
    yield "count unknown group", "CountEvents", count(group_by=7), bad, ["group_by"]
    yield "count aggregate no uuid", "CountEvents", count(aggregate_id="a"), bad, ["aggregate_id"]
    yield "count correlation no uuid", "CountEvents", count(correlation_id="a"), bad, ["correlation_id"]
    yield "count 101 sources", "CountEvents", count(sources=["s"] * 101), limit, ["sources"]
    yield "count before the year 1", "CountEvents", count(from_time={"seconds": -FAR}), bad, ["from_time"]
    yield "count negative nanos", "CountEvents", count(to_time={"nanos": -1}), bad, ["to_time"]
    yield "count text not UTF-8", "CountEvents", with_bytes(count(user_id="QQ"), b"QQ", b"\xff\xff"), bad, ["user_id"]
    yield "all from -1", "ReadAll", read_all(from_position=-1), bad, ["from_position"]
    yield "all -1 events", "ReadAll", read_all(max_events=-1), bad, ["max_events"]
    yield "all unknown direction", "ReadAll", read_all(direction=3), bad, ["direction"]
    yield "all 101 users", "ReadAll", read_all(filter={"user_ids": ["u"] * 101}), limit, ["filter.user_ids"]
    yield "all empty prefix", "ReadAll", read_all(filter={"event_type_prefixes": [""]}), bad, [
        "filter.event_type_prefixes[0]"]
    yield "all correlation no uuid", "ReadAll", read_all(filter={"correlation_ids": ["x"]}), bad, [
        "filter.correlation_ids[0]"]
    yield "all long metadata value", "ReadAll", read_all(filter={"metadata": {"k": "v" * 1001}}), limit, ["filter.metadata"]
    yield "all metadata not UTF-8", "ReadAll", with_bytes(
        read_all(filter={"metadata": {"k": "QQ"}}), b"QQ", b"\xff\xff"), bad, ["filter.metadata[0].value"]
    yield "all empty source", "ReadAll", read_all(filter={"sources": [""]}), bad, ["filter.sources[0]"]


class BadRequestsTest(StoreTest):
    def check(self, method, request, reason, fields):
        failure = failure_of(lambda: self.client.any(method, request))
        self.assertEqual((failure.code, failure.reason), ("INVALID_ARGUMENT", reason), failure.message)
        self.assertEqual(failure.info.domain, "eventstore.v1")
        self.assertTrue(failure.message)
        self.assertEqual(sorted(set(failure.fields) & set(fields)), sorted(fields), failure.fields)
        self.assertTrue(all(failure.fields.values()), "a violation without a description")

    def test_the_table_is_as_long_as_promised(self):
        names = [row[0] for row in rows()]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 60)

    def test_each_gets_the_right_answer_and_leaves_nothing(self):
        before = self.client.count()
        neighbour, written = new_id(), 0
        for name, method, request, reason, fields in rows():
            with self.subTest(name):
                self.check(method, request, reason, fields)
            # Invariant 7: who is valid is served beside the bad ones.
            self.client.append(append_request(neighbour, written, [new_event()]))
            written += 1
        self.assertEqual(self.client.count(), before + written)
        self.assertEqual(self.client.version(GOOD), 0)
        self.assertEqual(self.client.version(neighbour), written)

    def test_limits_hold_at_their_last_value(self):
        aggregate = new_id()
        self.client.append(append(0, aggregate, "t" * 100, event_type="é" * 100, user_id="u" * 200, source="s" * 100))
        self.client.append(append(1, aggregate, data=json.dumps({"a": "x" * ((1 << 20) - 10)})))
        self.client.append(append(2, aggregate, data='{"a":' * 99 + "{}" + "}" * 99))
        answer = self.client.append(append(3, aggregate, events=many(10_000)))
        self.assertEqual(answer.version, 10_003)

    def test_larger_than_grpc_takes(self):
        request = append(data=json.dumps({"a": "x" * (65 << 20)}))
        client = Client(self.server.address)
        self.addCleanup(client.close)
        failure = failure_of(lambda: client.append(request))
        self.assertEqual(failure.code, "RESOURCE_EXHAUSTED")
        self.assertEqual(self.client.version(GOOD), 0)
