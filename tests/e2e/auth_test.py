"""Who may call what: every RPC against every role, limits, keys that change, and what the log says of all that."""
import queue
import re
import threading
import time

from harness import messages, tokens
from harness.client import SLOWER, Client, Failure, append_request, failure_of, grpc, new_event, new_id
from harness.keys import KeyFile, new_key, sha256
from harness.messages import housekeeper, store, subscriptions
from harness.metrics import Metrics
from harness.server import Server, wait_until
from harness.suite import StoreTest

READER, WRITER, OPERATOR, ADMIN = ROLES = ("reader", "writer", "operator", "admin")

# Written from docs/security.md, not from the server's table. An admin may make every call.
MAY = {
    (WRITER,): "Append AppendBatch AppendStream RecordEvent CreateEnforcement ResolveEnforcement CreateExecution "
               "MoveExecution RegisterWorker HeartbeatWorker",
    (READER,): "GetAggregateStream GetAggregateVersion GetUserStream GetCorrelatedEvents CountEvents ReadAll Subscribe "
               "Consume ListParkedEvents GetEvent GetEnforcement GetExecution GetWorker ListEvents ListEnforcements "
               "ListExecutions ListWorkers GetHistory Watch GetCounts GetTopRefs GetFailureRate GetThroughput "
               "ListAggregates",
    (OPERATOR,): "CreateConsumerGroup UpdateConsumerGroup ResetConsumerGroup ReplayParkedEvents ListTasks ListRuns "
                 "GetPartitionStatus RunTask ListAuditLog ListErasures",
    (READER, OPERATOR): "ListConsumerGroups GetConsumerGroup",
    (WRITER, OPERATOR): "DrainWorker DeregisterWorker",
    (): "DeleteConsumerGroup DiscardParkedEvents UpdateSchedule EraseSubject",
}
NEEDED = {method: {*roles, ADMIN} for roles, methods in MAY.items() for method in methods.split()}
# Where an identity with limits may go.
LIMITED = set("Append AppendBatch AppendStream GetAggregateStream GetAggregateVersion GetUserStream GetCorrelatedEvents "
              "CountEvents ReadAll Subscribe".split())


def outcome(client, method):
    """Of a call with nothing in it: "OK", or (code, reason). One that goes on is let in, and ended."""
    rpc = messages.METHODS[method]
    sent, held = rpc.request(), queue.Queue()
    if rpc.client_streams:
        # Nothing is sent, and the sending end stays open: who is refused must not be kept waiting.
        kind, sent = client._channel.stream_stream, iter(held.get, None)
    else:
        kind = client._channel.unary_stream if rpc.streams else client._channel.unary_unary
    try:
        call = kind(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        if rpc.streams:
            list(call(sent, timeout=2 * SLOWER))
        else:
            call(sent, timeout=30 * SLOWER)
        return "OK"
    except grpc.RpcError as error:
        failure = Failure(error)
        if failure.code == "DEADLINE_EXCEEDED" and not failure.infos:
            return "OK"
        return failure.code, failure.reason
    finally:
        held.put(None)


class OpenCall:
    """A call that has no end of its own, in a thread that notes what ended it."""

    def __init__(self, client, method, request=None):
        rpc = messages.METHODS[method]
        self._held, self.failure = queue.Queue(), None
        if rpc.client_streams:
            call = client._channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
            self._call = call(iter(self._held.get, None))
        else:
            call = client._channel.unary_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
            self._call = call(request)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            for _ in self._call:
                pass
        except grpc.RpcError as error:
            self.failure = Failure(error)

    def ended(self):
        return not self._thread.is_alive()

    def close(self):
        self._call.cancel()
        self._held.put(None)
        self._thread.join()


def open_calls(client):
    return {
        "AppendStream": OpenCall(client, "AppendStream"),
        "Consume": OpenCall(client, "Consume"),
        "Subscribe": OpenCall(client, "Subscribe", subscriptions.SubscribeRequest(from_now={})),
        "Watch": OpenCall(client, "Watch", messages.METHODS["Watch"].request()),
    }


class AuthTest(StoreTest):
    """A server that asks for keys, on the database of the suite's one, which does not."""

    settings = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = KeyFile()
        for role in ROLES:
            cls.keys.add(role, role)
        cls.keys.add("orders", READER, WRITER, aggregate_types=["order"])
        cls.keys.add("ada", READER, WRITER, user_ids=["ada"])
        cls.keys.add("shipping", READER, WRITER, event_types=["shipped.*", "order.done"])
        cls.keys.add("all-roles-limited", READER, WRITER, OPERATOR, user_ids=["ada"])
        cls.keys.write()
        cls.guest = Server(
            database_url=cls.server.conninfo(),
            settings={"auth_keys": cls.keys.path, "log_format": "json", "slow_request_ms": 1, **cls.settings},
        )
        cls.addClassCleanup(cls.guest.stop)

    def as_(self, name):
        return self.with_key(self.keys.key[name])

    def with_key(self, key=None, **more):
        client = Client(self.guest.address, token=key, **more)
        self.addCleanup(client.close)
        return client

    def assert_refused(self, reason, call):
        failure = failure_of(call)
        self.assertEqual((failure.code, failure.reason), ("PERMISSION_DENIED", reason), failure.message)
        return failure

    def assert_outside(self, field, call):
        failure = self.assert_refused("OUTSIDE_LIMITS", call)
        self.assertEqual(failure.info.metadata["field"], field)
        self.assertTrue(failure.info.metadata["allowed"])


class MatrixTest(AuthTest):
    def test_every_rpc_has_its_line(self):
        self.assertEqual(set(NEEDED), set(messages.METHODS))
        self.assertEqual(sum(len(methods.split()) for methods in MAY.values()), len(NEEDED))

    def test_every_rpc_against_every_role(self):
        for role in ROLES:
            client = self.as_(role)
            for method in sorted(messages.METHODS):
                with self.subTest(role=role, method=method):
                    got = outcome(client, method)
                    if role in NEEDED[method]:
                        self.assertNotIn(got[0], ("UNAUTHENTICATED", "PERMISSION_DENIED"), got)
                    else:
                        self.assertEqual(got, ("PERMISSION_DENIED", "ROLE_MISSING"))

    def test_every_rpc_without_credentials_and_with_bad_ones(self):
        bad = {
            "none": ({}, "CREDENTIALS_MISSING"),
            "unknown key": ({"key": new_key()}, "CREDENTIALS_INVALID"),
            "no key": ({"key": "token"}, "CREDENTIALS_INVALID"),
            "the hash": ({"key": "esk_" + sha256(self.keys.key[ADMIN])}, "CREDENTIALS_INVALID"),
            "another scheme": ({"metadata": [("authorization", "Basic " + self.keys.key[ADMIN])]}, "CREDENTIALS_INVALID"),
            "no scheme": ({"metadata": [("authorization", self.keys.key[ADMIN])]}, "CREDENTIALS_INVALID"),
            "two": ({"key": self.keys.key[ADMIN], "metadata": [("authorization", "Bearer x")]}, "CREDENTIALS_INVALID"),
        }
        for what, (arguments, reason) in bad.items():
            client = self.with_key(**arguments)
            for method in sorted(messages.METHODS):
                with self.subTest(what=what, method=method):
                    self.assertEqual(outcome(client, method), ("UNAUTHENTICATED", reason))

    def test_every_rpc_with_limits(self):
        client = self.as_("all-roles-limited")
        for method in sorted(messages.METHODS):
            with self.subTest(method=method):
                got = outcome(client, method)
                if not NEEDED[method] & {READER, WRITER, OPERATOR}:
                    self.assertEqual(got, ("PERMISSION_DENIED", "ROLE_MISSING"))
                elif method in LIMITED:
                    self.assertNotEqual(got[1], "ROLE_MISSING")
                    self.assertNotEqual(got[0], "UNAUTHENTICATED")
                else:
                    self.assertEqual(got, ("PERMISSION_DENIED", "OUTSIDE_LIMITS"))

    def test_what_is_refused_does_nothing(self):
        aggregate = new_id()
        good = append_request(aggregate, 0, [new_event()])
        self.assert_refused("ROLE_MISSING", lambda: self.as_(READER).append(good))
        self.assert_refused("ROLE_MISSING", lambda: self.as_(OPERATOR).append_batch([good]))
        self.assert_refused("ROLE_MISSING", lambda: list(self.as_(READER).append_stream(
            [store.AppendStreamRequest(items=[good])])))
        self.assertEqual(self.client.version(aggregate), 0)
        self.assertEqual(self.as_(WRITER).append(good).version, 1)

    def test_health_is_open_and_so_is_reflection(self):
        client = self.with_key()
        self.assertEqual(client.health(), "SERVING")
        self.assertEqual(client.health("eventstore.v1.EventStore"), "SERVING")
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        self.assertTrue(client.bidi_bytes(path, [b"\x3a\x01*"]))  # list_services: "*"

    def test_the_scheme_has_no_case(self):
        client = self.with_key(metadata=[("authorization", "bEARER " + self.keys.key[READER])])
        self.assertGreaterEqual(client.count(), 0)

    def test_dropping_is_an_admins(self):
        run = housekeeper.RunTaskRequest(task="retention")
        self.assert_refused("ROLE_MISSING", lambda: list(self.as_(OPERATOR).pages("RunTask", run)))
        dry = housekeeper.RunTaskRequest(task="retention", dry_run=True)
        self.assertTrue(list(self.as_(OPERATOR).pages("RunTask", dry)))

    def test_a_refusal_names_what_is_needed(self):
        failure = self.assert_refused("ROLE_MISSING", lambda: self.as_(READER).append(append_request(new_id(), 0, [new_event()])))
        self.assertEqual(dict(failure.info.metadata), {"identity": "reader", "needed": "writer", "roles": "reader"})
        self.assertIn("eventstore.v1.EventStore/Append needs the role writer", failure.message)


class LimitsTest(AuthTest):
    def setUp(self):
        super().setUp()
        # Two aggregates of each type, with events of two users in one correlation.
        self.correlation = new_id()
        self.ids = {}
        for kind, user, event_type in [("order", "ada", "order.done"), ("order", "bob", "shipped.all"),
                                       ("cart", "ada", "shipped.late"), ("cart", "bob", "cart.left")]:
            self.ids[kind, user] = new_id()
            self.client.append(append_request(self.ids[kind, user], 0, [
                new_event(event_type, user_id=user, correlation_id=self.correlation)], kind))

    # Of each identity: which of the aggregates above it may read.
    MINE = {
        "orders": {("order", "ada"), ("order", "bob")},
        "ada": {("order", "ada"), ("cart", "ada")},
        "shipping": {("order", "ada"), ("order", "bob"), ("cart", "ada")},
    }

    def mine(self, name):
        return {self.ids[key] for key in self.MINE[name]}

    def test_reads_of_many_give_what_may_be_read(self):
        for name in self.MINE:
            client, mine = self.as_(name), self.mine(name)
            with self.subTest(identity=name):
                correlated = client.events("GetCorrelatedEvents",
                                           store.GetCorrelatedEventsRequest(correlation_id=self.correlation))
                self.assertEqual({event.aggregate_id for event in correlated}, mine)
                read = client.events("ReadAll", store.ReadAllRequest(
                    filter=messages.event.EventFilter(correlation_ids=[self.correlation])))
                self.assertEqual({event.aggregate_id for event in read}, mine)
                self.assertEqual(client.count(correlation_id=self.correlation), len(mine))
                # Everything in the store, and nothing of others: other tests have written there.
                for event in client.events("ReadAll", store.ReadAllRequest()):
                    self.assertTrue(event.aggregate_type == "order" if name == "orders" else
                                    event.user_id == "ada" if name == "ada" else
                                    event.event_type.startswith("shipped.") or event.event_type == "order.done", event)

    def test_subscriptions_give_what_may_be_read(self):
        for name in self.MINE:
            with self.subTest(identity=name):
                got = set()
                request = subscriptions.SubscribeRequest(
                    from_beginning={}, filter=messages.event.EventFilter(correlation_ids=[self.correlation]))
                live = None
                stream = self.as_(name).pages("Subscribe", request)
                for message in stream:
                    if message.HasField("events"):
                        got |= {event.aggregate_id for event in message.events.events}
                    elif message.HasField("caught_up"):
                        # From the tail too.
                        live = {key: new_id() for key in self.ids}
                        for (kind, user), id_ in live.items():
                            type_ = {"order": "order.done", "cart": "cart.left"}[kind] if user == "ada" else "shipped.x"
                            self.client.append(append_request(id_, 0, [
                                new_event(type_, user_id=user, correlation_id=self.correlation)], kind))
                        last = new_id()
                        self.client.append(append_request(last, 0, [new_event(
                            "order.done", user_id="ada", correlation_id=self.correlation)], "order"))
                        wanted = self.mine(name) | {last} | {
                            "orders": {live["order", "ada"], live["order", "bob"]},
                            "ada": {live["order", "ada"], live["cart", "ada"]},
                            "shipping": {live["order", "ada"], live["order", "bob"], live["cart", "bob"]},
                        }[name]
                    if live and last in got:
                        break
                stream.cancel()
                earlier = {id_ for id_ in got if id_ in self.ids.values() or id_ in live.values() or id_ == last}
                self.assertEqual(earlier, wanted)
                self.client.await_end_of_earlier_calls()
                self.setUp()  # a correlation of its own for each

    def test_what_is_asked_for_beyond_them_is_refused(self):
        orders, ada, shipping = self.as_("orders"), self.as_("ada"), self.as_("shipping")
        filter_ = messages.event.EventFilter
        self.assert_outside("filter.aggregate_types", lambda: orders.events(
            "ReadAll", store.ReadAllRequest(filter=filter_(aggregate_types=["order", "cart"]))))
        self.assert_outside("filter.user_ids", lambda: list(ada.pages("Subscribe", subscriptions.SubscribeRequest(
            from_now={}, filter=filter_(user_ids=["bob"])))))
        self.assert_outside("filter.event_type_prefixes", lambda: shipping.events(
            "ReadAll", store.ReadAllRequest(filter=filter_(event_type_prefixes=["ship"]))))
        self.assert_outside("user_id", lambda: ada.events("GetUserStream", store.GetUserStreamRequest(user_id="bob")))
        self.assert_outside("aggregate_types", lambda: orders.count(aggregate_types=["cart"]))
        self.assert_outside("include_operations", lambda: list(ada.pages(
            "GetCorrelatedEvents",
            store.GetCorrelatedEventsRequest(correlation_id=self.correlation, include_operations=True))))

    def test_of_a_user_and_of_counts(self):
        user = self.as_("orders").events("GetUserStream", store.GetUserStreamRequest(user_id="ada"))
        self.assertIn(self.ids["order", "ada"], {event.aggregate_id for event in user})
        self.assertEqual({event.aggregate_type for event in user}, {"order"})
        shipped = self.as_("shipping").events("GetUserStream", store.GetUserStreamRequest(user_id="bob"))
        self.assertTrue(all(event.event_type.startswith("shipped.") for event in shipped))
        for name, group_by in (("ada", 5), ("orders", 4)):
            counted = self.as_(name).unary("CountEvents", store.CountEventsRequest(group_by=group_by))
            self.assertEqual({group.key for group in counted.groups}, {{"ada": "ada", "orders": "order"}[name]})

    def test_one_aggregate_is_judged_by_its_events(self):
        for name in self.MINE:
            client = self.as_(name)
            for key, id_ in self.ids.items():
                past = store.GetAggregateStreamRequest(aggregate_id=id_, from_version=2)
                calls = [lambda c=client, i=id_: c.replay(i), lambda c=client, i=id_: c.version(i),
                         lambda c=client, p=past: list(c.pages("GetAggregateStream", p))]
                for number, call in enumerate(calls):
                    with self.subTest(identity=name, aggregate=key, call=number):
                        if key in self.MINE[name]:
                            self.assertTrue(call())
                        else:
                            self.assert_outside("aggregate_id", call)
        # One that is of both is nobody's: a stream with holes would be replayed to a wrong state.
        mixed = new_id()
        self.client.append(append_request(mixed, 0, [new_event(user_id="ada"), new_event(user_id="bob")]))
        self.assert_outside("aggregate_id", lambda: self.as_("ada").replay(mixed))
        self.assertEqual(self.as_("ada").replay(new_id()), [])
        self.assertEqual(self.as_("ada").version(new_id()), 0)

    def test_appends(self):
        orders, ada, shipping = self.as_("orders"), self.as_("ada"), self.as_("shipping")
        self.assertEqual(orders.append(append_request(new_id(), 0, [new_event()], "order")).version, 1)
        self.assertEqual(ada.append(append_request(new_id(), 0, [new_event(user_id="ada")])).version, 1)
        self.assertEqual(shipping.append(append_request(new_id(), 0, [new_event("shipped.now")])).version, 1)
        id_ = new_id()
        self.assert_outside("aggregate_type", lambda: orders.append(append_request(id_, 0, [new_event()], "cart")))
        self.assert_outside("events[1].user_id", lambda: ada.append(append_request(
            id_, 0, [new_event(user_id="ada"), new_event(user_id="bob")])))
        self.assert_outside("events[0].user_id", lambda: ada.append(append_request(id_, 0, [new_event()])))
        self.assert_outside("events[0].event_type", lambda: shipping.append(append_request(id_, 0, [new_event("ship")])))
        self.assert_outside("appends[1].aggregate_type", lambda: orders.append_batch(
            [append_request(new_id(), 0, [new_event()], "order"), append_request(id_, 0, [new_event()], "cart")]))
        self.assertEqual(self.client.version(id_), 0)

    def test_each_item_of_an_append_stream_for_itself(self):
        mine, other = new_id(), new_id()
        items = [append_request(mine, 0, [new_event()], "order"), append_request(other, 0, [new_event()], "cart"),
                 append_request(mine, 1, [new_event()], "order")]
        outcomes = {}
        for answer in self.as_("orders").append_stream([store.AppendStreamRequest(items=items)]):
            for one in answer.outcomes:
                outcomes[one.number] = one
        self.assertEqual(outcomes[1].appended.version, 1)
        self.assertEqual(outcomes[2].error.code, 7)
        self.assertEqual(outcomes[3].appended.version, 2)
        self.assertEqual(self.client.version(other), 0)


class RotationTest(AuthTest):
    def test_keys_change_without_a_restart(self):
        keys = self.keys.add("rotated", READER).write()
        old = keys.key["rotated"]
        client = self.with_key(old)

        def code(key):
            try:
                Client(self.guest.address, token=key).count()
                return "OK"
            except Failure as failure:
                return failure.reason

        wait_until(lambda: code(old) == "OK", "the new identity to be known")
        # Both keys hold while clients change over.
        new = new_key()
        both = f'key_sha256 = ["{sha256(old)}", "{sha256(new)}"]'
        keys.write(keys.text().replace(f'key_sha256 = "{sha256(old)}"', both))
        wait_until(lambda: code(new) == "OK", "the second key to be known")
        self.assertEqual(code(old), "OK")
        # A broken file changes nothing, and is said to be broken; once.
        for broken in ("[[identity]\n", "", '[[identity]]\nname = "x"\nroles = ["reader"]\n',
                       f'[[identity]]\nname = "x"\nkey_sha256 = "{new}"\nroles = ["reader"]\n',
                       keys.text().replace("roles", "rolls")):
            before = self.guest.log().count("is not used")
            keys.write(broken)
            wait_until(lambda b=before: self.guest.log().count("is not used") > b, "the warning")
            self.assertEqual((code(old), code(new)), ("OK", "OK"))
            self.assertNotIn(new, self.guest.log())
        # Without the identity: at once, on connections that are open too.
        self.assertGreaterEqual(client.count(), 0)
        keys.remove("rotated").write()
        wait_until(lambda: code(old) != "OK", "the key to be refused")
        self.assertEqual((code(old), code(new)), ("CREDENTIALS_INVALID", "CREDENTIALS_INVALID"))
        self.assertEqual(failure_of(client.count).reason, "CREDENTIALS_INVALID")
        self.assertGreaterEqual(self.as_(READER).count(), 0)

    def open_calls(self, name):
        calls = open_calls(self.as_(name))
        for call in calls.values():
            self.addCleanup(call.close)
        return calls

    def assert_end(self, calls, code, reason):
        for method, call in calls.items():
            with self.subTest(method=method):
                wait_until(call.ended, "the stream to be ended")
                self.assertEqual((call.failure.code, call.failure.reason), (code, reason), call.failure.message)

    def test_streams_end_when_their_key_is_taken_out(self):
        self.keys.add("leaving", READER, WRITER).add("staying", READER, WRITER).write()
        for name in ("leaving", "staying"):
            wait_until(lambda n=name: outcome(self.as_(n), "CountEvents")[0] != "UNAUTHENTICATED", "the identity")
        leaving, staying = self.open_calls("leaving"), self.open_calls("staying")
        self.keys.remove("leaving").write()
        self.assert_end(leaving, "UNAUTHENTICATED", "CREDENTIALS_INVALID")
        self.assertEqual([method for method, call in staying.items() if call.ended()], [])

    def test_streams_end_when_the_rights_of_their_caller_change(self):
        self.keys.add("smaller", READER, WRITER).add("other", READER, WRITER).write()
        for name in ("smaller", "other"):
            wait_until(lambda n=name: outcome(self.as_(n), "CountEvents")[0] != "UNAUTHENTICATED", "the identity")
        smaller, other = self.open_calls("smaller"), self.open_calls("other")
        # The one loses a role, the other may do what it did but to some events only.
        text = self.keys.text()
        both = 'roles = ["reader", "writer"]'
        of_smaller = text.index(both, text.index('name = "smaller"'))
        text = text[:of_smaller] + 'roles = ["operator"]' + text[of_smaller + len(both):]
        of_other = text.index(both, text.index('name = "other"'))
        text = text[:of_other] + both + '\nuser_ids = ["ada"]' + text[of_other + len(both):]
        self.keys.write(text)
        self.assert_end(smaller, "PERMISSION_DENIED", "ROLE_MISSING")
        self.assert_end(other, "PERMISSION_DENIED", "OUTSIDE_LIMITS")


class SecretsTest(AuthTest):
    settings = {"log_level": "debug"}

    def test_the_log_names_the_identity_and_never_a_key(self):
        request_id = new_id()
        client = self.with_key(self.keys.key[READER], metadata=[("x-request-id", request_id)])
        failure_of(lambda: client.append(append_request(new_id(), 0, [new_event()])))
        line = wait_until(lambda: [line for line in self.guest.log().splitlines() if request_id in line], "the line")[0]
        self.assertIn('"identity":"reader"', line)
        self.assertIn('"reason":"ROLE_MISSING"', line)
        self.assertIn('"level":"info"', line)
        unknown = new_key()
        for client in (self.with_key(unknown), self.with_key("eyJhbGciOiJub25lIn0.e30.c2VjcmV0"),
                       self.with_key(metadata=[("authorization", f"Basic {unknown}")]), self.as_("ada"), self.as_(ADMIN)):
            try:
                client.append(append_request("no uuid", 0, [new_event()]))
            except Failure as failure:
                self.assertNotIn(unknown, str(failure))
        later = new_id()
        self.with_key(metadata=[("x-request-id", later)]).with_metadata("CountEvents", store.CountEventsRequest(), [])
        wait_until(lambda: later in self.guest.log(), "a later line")
        shown = self.guest.log() + Metrics(self.guest).text
        for secret in [unknown, "c2VjcmV0", *self.keys.key.values()]:
            self.assertNotIn(secret, shown)
            self.assertNotIn(secret[4:], shown)
            self.assertNotIn(sha256(secret), shown)
        self.assertFalse(re.search("[Bb]earer", shown))


class ReflectionOffTest(AuthTest):
    settings = {"reflection": "false"}

    def test_reflection_can_be_switched_off(self):
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        with self.assertRaises(grpc.RpcError) as raised:
            self.as_(ADMIN).bidi_bytes(path, [b"\x3a\x01*"])
        self.assertEqual(raised.exception.code().name, "UNIMPLEMENTED")
        self.assertEqual(self.with_key().health(), "SERVING")


class StartTest(StoreTest):
    def test_a_server_does_not_start_with_a_file_that_is_no_good(self):
        for text, said in ((None, "cannot be read"), ("", "there is no [[identity]]"), ("x = 1", "only [[identity]]")):
            with self.subTest(said=said):
                keys = KeyFile()
                if text is not None:
                    keys.write(text)
                with self.assertRaises(AssertionError) as raised:
                    Server(database_url=self.server.conninfo(), settings={"auth_keys": keys.path})
                self.assertIn(said, str(raised.exception))
                self.assertIn(keys.path, str(raised.exception))


class TokenTest(StoreTest):
    """Tokens without a file of keys; tests/unit/security has every way in which one can be wrong."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.jwks = KeyFile().write(tokens.jwks("one"))
        cls.settings = {"jwt_jwks": cls.jwks.path, "jwt_issuer": tokens.ISSUER, "jwt_audience": tokens.AUDIENCE}
        cls.guest = Server(database_url=cls.server.conninfo(), settings={"log_format": "json", **cls.settings})
        cls.addClassCleanup(cls.guest.stop)

    def with_token(self, token):
        client = Client(self.guest.address, token=token)
        self.addCleanup(client.close)
        return client

    def reason(self, token):
        return failure_of(self.with_token(token).count).reason

    def test_a_token_is_an_identity_with_its_limits(self):
        client = self.with_token(tokens.GOOD)
        mine = append_request(new_id(), 0, [new_event(user_id="ada")])
        self.assertEqual(client.append(mine).version, 1)
        failure = failure_of(lambda: client.append(append_request(new_id(), 0, [new_event(user_id="bob")])))
        self.assertEqual(failure.reason, "OUTSIDE_LIMITS")
        self.assertEqual(failure.info.metadata["identity"], "ada")
        failure = failure_of(lambda: client.unary("ListTasks", housekeeper.ListTasksRequest()))
        self.assertEqual(failure.reason, "ROLE_MISSING")
        self.assertTrue(self.with_token(tokens.ADMIN).unary("ListTasks", housekeeper.ListTasksRequest()).tasks)

    def test_what_is_not_taken(self):
        self.assertEqual(self.reason(tokens.EXPIRED), "CREDENTIALS_EXPIRED")
        for name in ("OTHER_ISSUER", "OTHER_AUDIENCE", "WITHOUT_RIGHTS", "OF_TWO"):
            with self.subTest(token=name):
                self.assertEqual(self.reason(getattr(tokens, name)), "CREDENTIALS_INVALID")
        head, claims, signature = tokens.GOOD.split(".")
        for changed in (f"{head}.{claims}.", f"eyJhbGciOiJub25lIn0.{claims}.", f"{head}.{claims}.{signature[:-8]}AAAAAAAA",
                        f"{head}.{tokens.ADMIN.split('.')[1]}.{signature}"):
            self.assertEqual(self.reason(changed), "CREDENTIALS_INVALID")
        self.assertEqual(self.reason(new_key()), "CREDENTIALS_INVALID")
        self.assertEqual(failure_of(self.with_token(None).count).reason, "CREDENTIALS_MISSING")
        log = self.guest.log()
        for token in (tokens.EXPIRED, tokens.OF_TWO, tokens.GOOD):
            for part in token.split("."):
                self.assertNotIn(part, log)

    def test_keys_of_the_issuer_change_without_a_restart(self):
        guest = Server(database_url=self.server.conninfo(), settings={**self.settings, "jwt_jwks": KeyFile().write(
            tokens.jwks("one")).path})
        self.addCleanup(guest.stop)
        path = guest._environment["EVENTSTORE_JWT_JWKS"]

        def code(token):
            client = Client(guest.address, token=token)
            try:
                client.count()
                return "OK"
            except Failure as failure:
                return failure.reason
            finally:
                client.close()

        def write(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        self.assertEqual((code(tokens.GOOD), code(tokens.OF_TWO)), ("OK", "CREDENTIALS_INVALID"))
        write(tokens.jwks("one", "two"))
        wait_until(lambda: code(tokens.OF_TWO) == "OK", "the second key to be known")
        self.assertEqual(code(tokens.GOOD), "OK")
        write('{"keys": []}')
        wait_until(lambda: "is not used" in guest.log(), "the warning")
        self.assertEqual((code(tokens.GOOD), code(tokens.OF_TWO)), ("OK", "OK"))
        # Although it was remembered as good.
        write(tokens.jwks("two"))
        wait_until(lambda: code(tokens.GOOD) != "OK", "the first key to be forgotten")
        self.assertEqual(code(tokens.OF_TWO), "OK")

    def test_streams_end_when_their_token_expires(self):
        signer = tokens.Signer()
        guest = Server(database_url=self.server.conninfo(), settings={
            **self.settings, "jwt_jwks": KeyFile().write(signer.jwks()).path, "jwt_clock_skew_seconds": 0})
        self.addCleanup(guest.stop)
        client = Client(guest.address, token=signer.token(exp=int(time.time()) + 20))
        self.addCleanup(client.close)
        append, subscribe = OpenCall(client, "AppendStream"), OpenCall(
            client, "Subscribe", subscriptions.SubscribeRequest(from_now={}))
        for call in (append, subscribe):
            self.addCleanup(call.close)
        self.assertGreaterEqual(client.count(), 0)
        for call in (append, subscribe):
            wait_until(call.ended, "the stream to be ended", 60)
            self.assertEqual((call.failure.code, call.failure.reason), ("UNAUTHENTICATED", "CREDENTIALS_EXPIRED"))

    def test_a_server_wants_the_issuer_and_the_audience(self):
        for missing in ("jwt_issuer", "jwt_audience"):
            with self.assertRaises(AssertionError) as raised:
                Server(database_url=self.server.conninfo(), settings={**self.settings, missing: ""})
            self.assertIn("jwt_issuer and jwt_audience", str(raised.exception))
