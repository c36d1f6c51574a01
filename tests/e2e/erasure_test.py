"""Erasure from outside: what the table holds, what every way of reading shows, on two servers, before and after."""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import history, messages
from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.consumer import Consumer
from harness.database import quoted
from harness.eventctl import BINARY, OK, UNREACHABLE, eventctl, objects
from harness.messages import erasure, groups, housekeeper, store
from harness.server import BINARY as SERVER_BINARY
from harness.server import Server, wait_until
from harness.subscriber import Subscriber, beginning

RULES = """
[[rule]]
event_types = "customer.*"
data = ["/email", "/addresses/*/street"]
metadata = "/ip"

[[rule]]
event_types = "order.placed"
data = "/shipping"
subject = "/customer"
"""
ERASED = {"$erased": True}


class Files:
    """Rules, and a master key that its owner alone may read: the server runs as the account of the tests."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="eventstore-e2e-erasure-")
        self.rules = self.write("rules.toml", RULES)
        self.key = self.write("master.key", "ab" * 32 + "\n")
        self.settings = {"erasure_rules": self.rules, "erasure_master_key_file": self.key}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path


class Pair:
    """Two servers of one database, made once: initdb takes seconds. Tests keep apart by the ids they make."""

    def __init__(self):
        self.files = Files()
        self.server = Server(settings=self.files.settings)
        self.other = Server(database_url=self.server.conninfo(), settings=self.files.settings)

    def stop(self):
        self.other.stop()
        self.server.stop()
        shutil.rmtree(self.files.folder, ignore_errors=True)


_pair = []


def tearDownModule():
    if _pair:
        _pair.pop().stop()


class ErasureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not _pair:
            _pair.append(Pair())
        cls.server, cls.other = _pair[0].server, _pair[0].other
        cls.client, cls.second = Client(cls.server.address), Client(cls.other.address)
        cls.addClassCleanup(cls.client.close)
        cls.addClassCleanup(cls.second.close)
        cls.database = cls.server.database()

    def setUp(self):
        # Of each test its own.
        self.user = "user-" + new_id()
        self.secret = "secret-" + new_id()
        self.correlation = new_id()

    def event(self, **fields):
        return new_event("customer.moved", {"email": self.secret, "addresses": [{"street": self.secret, "zip": 7}], "n": 1},
                         user_id=self.user, metadata=json.dumps({"ip": self.secret, "trace": "t"}),
                         correlation_id=self.correlation, **fields)

    PLAIN = property(lambda self: ({"email": self.secret, "addresses": [{"street": self.secret, "zip": 7}], "n": 1},
                                   {"ip": self.secret, "trace": "t"}))
    REDACTED = ({"email": ERASED, "addresses": [{"street": ERASED, "zip": 7}], "n": 1}, {"ip": ERASED, "trace": "t"})

    @staticmethod
    def contents(event):
        return json.loads(event.data), json.loads(event.metadata)

    def erase(self, subject=None, client=None, **fields):
        return (client or self.client).unary("EraseSubject", erasure.EraseSubjectRequest(
            subject=subject or self.user, reason="asked to", **fields))

    def reads(self, client, aggregate):
        """Each way of reading the events of this test, by name."""
        timeline = store.GetCorrelatedEventsRequest(correlation_id=self.correlation, include_operations=True)
        by_correlation = messages.event.EventFilter(correlation_ids=[self.correlation])
        return {
            "aggregate": client.replay(aggregate),
            "user": client.events("GetUserStream", store.GetUserStreamRequest(user_id=self.user)),
            "correlated": client.events("GetCorrelatedEvents",
                                        store.GetCorrelatedEventsRequest(correlation_id=self.correlation)),
            "timeline": [item.event for page in client.pages("GetCorrelatedEvents", timeline) for item in page.items],
            "all": client.events("ReadAll", store.ReadAllRequest(filter=by_correlation)),
            "subscription": self.subscribed(client, by_correlation),
        }

    def subscribed(self, client, filter_):
        subscriber = Subscriber(self.server.address if client is self.client else self.other.address,
                                beginning(filter=filter_)).await_caught_up()
        events = list(subscriber.events)
        subscriber.close()
        return events

    def assert_reads(self, aggregate, expected, count=1):
        for number, client in enumerate((self.client, self.second)):
            for name, events in self.reads(client, aggregate).items():
                with self.subTest(server=number, read=name):
                    self.assertEqual([self.contents(event) for event in events], [expected] * count)

    def group(self):
        name = "group-" + new_id()
        self.client.unary("CreateConsumerGroup", groups.CreateConsumerGroupRequest(
            name=name, buckets=1, from_beginning={}, settings=groups.ConsumerGroupSettings(
                filter=messages.event.EventFilter(correlation_ids=[self.correlation]))))
        return name


class ReadsTest(ErasureTest):
    def test_the_table_holds_no_plaintext_and_readers_see_it(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [self.event()]))
        found = self.database.run(f"SELECT count(*) FROM events_v2 e WHERE e::text LIKE {quoted('%' + self.secret + '%')}")
        self.assertEqual(found, "0")
        row = self.database.run(f"SELECT data || metadata FROM events_v2 WHERE aggregate_id = {quoted(aggregate)}")
        self.assertEqual(row.count("$encrypted"), 3)
        keys = self.database.run(f"SELECT count(*) FROM subject_keys WHERE subject = {quoted(self.user)}")
        self.assertEqual(keys, "1")
        self.assert_reads(aggregate, self.PLAIN)

    def test_after_the_erasure_every_read_is_redacted_on_both_servers(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [self.event()]))
        self.assert_reads(aggregate, self.PLAIN)  # so both servers know the key
        answer = self.erase()
        self.assertTrue(answer.had_key)
        self.assertFalse(answer.was_erased)
        self.assertEqual((answer.erasure.subject, answer.erasure.reason), (self.user, "asked to"))
        # At once: the answer came when no server opens the fields any more.
        self.assert_reads(aggregate, self.REDACTED)
        self.assertEqual(self.client.version(aggregate), 1)

    def test_other_subjects_stay_readable(self):
        aggregate, mine = new_id(), self.user
        self.client.append(append_request(aggregate, 0, [self.event()]))
        self.user = "user-" + new_id()
        self.client.append(append_request(aggregate, 1, [self.event()]))
        self.erase(mine, no_wait=True)
        first, second = self.client.replay(aggregate)
        self.assertEqual(self.contents(first), self.REDACTED)
        self.assertEqual(self.contents(second), self.PLAIN)

    def test_a_subject_of_the_data(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [
            new_event("order.placed", {"customer": self.user, "shipping": {"to": self.secret}}, user_id="clerk")]))
        self.assertEqual(json.loads(self.client.replay(aggregate)[0].data)["shipping"], {"to": self.secret})
        self.erase(no_wait=True)
        self.assertEqual(json.loads(self.client.replay(aggregate)[0].data),
                         {"customer": self.user, "shipping": ERASED})

    def test_a_live_subscriber(self):
        aggregate = new_id()
        subscriber = Subscriber(self.other.address, beginning(
            filter=messages.event.EventFilter(correlation_ids=[self.correlation]))).await_caught_up()
        self.addCleanup(subscriber.close)
        self.client.append(append_request(aggregate, 0, [self.event()]))
        subscriber.await_events(1)
        self.assertEqual(self.contents(subscriber.events[0]), self.PLAIN)
        self.erase()
        late = Subscriber(self.other.address, beginning(
            filter=messages.event.EventFilter(correlation_ids=[self.correlation])))
        self.addCleanup(late.close)
        late.await_events(1)
        self.assertEqual(self.contents(late.events[0]), self.REDACTED)
        # The stream goes on; what no rule covers comes as it is.
        self.client.append(append_request(aggregate, 1, [new_event(user_id=self.user, correlation_id=self.correlation)]))
        subscriber.await_events(2)

    def test_consumer_groups_and_what_they_park(self):
        aggregate, group = new_id(), self.group()
        self.client.append(append_request(aggregate, 0, [self.event(), self.event()]))
        first = Consumer(self.server.address, group, answer=lambda delivery: "park" if delivery.event.version == 1 else None)
        wait_until(lambda: len(first.deliveries) >= 2, "both deliveries")
        self.assertEqual([self.contents(one.event) for one in first.deliveries], [self.PLAIN] * 2)
        parked = lambda: self.client.unary("ListParkedEvents", groups.ListParkedEventsRequest(group=group)).events
        wait_until(lambda: len(parked()) == 1, "the event to be parked")
        self.assertEqual(self.contents(parked()[0].event), self.PLAIN)
        self.erase()
        first.cancel()
        self.assertEqual(self.contents(parked()[0].event), self.REDACTED)
        # What the group had in memory before the erasure comes again, redacted.
        second = Consumer(self.server.address, group)
        wait_until(lambda: second.deliveries, "the event that was not answered")
        self.assertEqual(self.contents(second.deliveries[0].event), self.REDACTED)
        second.cancel()


class AppendsTest(ErasureTest):
    def test_a_repeat_before_and_after(self):
        request = append_request(new_id(), 0, [self.event()])
        first = self.client.append(request)
        for client in (self.client, self.second):
            self.assertEqual(client.append(request), first)
        changed = append_request(request.aggregate_id, 0, [self.event(id=request.events[0].id)])
        changed.events[0].data = json.dumps({"email": "another"})
        self.assertEqual(failure_of(lambda: self.client.append(changed)).reason, "EVENT_ID_CONFLICT")
        self.erase()
        for client in (self.client, self.second):
            failure = failure_of(lambda client=client: client.append(request))
            self.assertEqual((failure.code, failure.reason), ("FAILED_PRECONDITION", "SUBJECT_ERASED"))
            self.assertEqual(dict(failure.info.metadata), {"subject": self.user, "field": "events[0]"})
        self.assertEqual(self.client.version(request.aggregate_id), 1)

    def test_new_events_of_an_erased_subject(self):
        self.erase()
        aggregate = new_id()
        for client in (self.client, self.second):
            failure = failure_of(lambda client=client: client.append(append_request(aggregate, 0, [self.event()])))
            self.assertEqual(failure.reason, "SUBJECT_ERASED")
        # With nothing to encrypt they are written.
        self.client.append(append_request(aggregate, 0, [new_event("customer.left", {"n": 1}, user_id=self.user)]))

    def test_one_that_cannot_be_sealed_fails_alone(self):
        good, bad = append_request(new_id(), 0, [self.event()]), append_request(new_id(), 0, [self.event()])
        bad.events[0].user_id = ""
        outcomes = {}
        for answer in self.client.append_stream([store.AppendStreamRequest(items=[good, bad])]):
            for one in answer.outcomes:
                outcomes[one.number] = one
        self.assertEqual(outcomes[1].appended.version, 1)
        self.assertEqual(outcomes[2].error.code, 3)
        failure = failure_of(lambda: self.client.append(bad))
        self.assertEqual((failure.code, list(failure.fields)), ("INVALID_ARGUMENT", ["events[0].user_id"]))
        failure = failure_of(lambda: self.client.append_batch([good, bad]))
        self.assertEqual(list(failure.fields), ["appends[1].events[0].user_id"])

    def test_appends_beside_an_erasure(self):
        """Writers on both servers while the subject is erased: what was acknowledged is there, and redacted."""
        aggregates, refused = [], []
        def write(address):
            client = Client(address)
            while True:
                aggregate = new_id()
                try:
                    client.append(append_request(aggregate, 0, [self.event()]))
                    aggregates.append(aggregate)
                except Exception as error:  # whatever it is, it is looked at below
                    refused.append(error)
                    break
            client.close()
        writers = [threading.Thread(target=write, args=(server.address,)) for server in (self.server, self.other) * 2]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(aggregates) >= 20, "some appends")
        self.erase()
        for writer in writers:
            writer.join()
        self.assertEqual({error.reason for error in refused}, {"SUBJECT_ERASED"})
        for client in (self.client, self.second):
            events = client.events("GetUserStream", store.GetUserStreamRequest(user_id=self.user))
            self.assertEqual({event.aggregate_id for event in events}, set(aggregates))
            self.assertEqual([self.contents(event) for event in events], [self.REDACTED] * len(aggregates))

    def test_sizes_are_of_what_was_sent(self):
        # Just below the limit of 1 MiB; base64 makes it larger in the table.
        big = "x" * ((1 << 20) - 100)
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event("customer.big", {"email": big}, user_id=self.user)]))
        self.assertEqual(json.loads(self.client.replay(aggregate)[0].data)["email"], big)


class ErasuresTest(ErasureTest):
    def test_dry_run_again_and_list(self):
        self.assertFalse(self.erase(dry_run=True).had_key)
        self.client.append(append_request(new_id(), 0, [self.event()]))
        dry = self.erase(dry_run=True)
        self.assertTrue(dry.had_key)
        self.assertFalse(dry.HasField("erasure"))
        done = self.erase(no_wait=True)
        again = self.erase(no_wait=True, client=self.second)
        self.assertTrue(again.was_erased)
        self.assertEqual(again.erasure, done.erasure)
        listed = self.second.unary("ListErasures", erasure.ListErasuresRequest(after_number=done.erasure.number - 1))
        self.assertEqual(list(listed.erasures), [done.erasure])
        self.assertFalse(listed.more)

    def test_what_is_wrong_is_named(self):
        for fields, field in (({"subject": ""}, "subject"), ({"subject": "x" * 201}, "subject"),
                              ({"subject": "a", "reason": "x" * 1001}, "reason")):
            failure = failure_of(lambda fields=fields: self.client.unary("EraseSubject", erasure.EraseSubjectRequest(**fields)))
            self.assertEqual((failure.code, list(failure.fields)), ("INVALID_ARGUMENT", [field]))

    def test_eventctl(self):
        self.client.append(append_request(new_id(), 0, [self.event()]))
        dry = eventctl(self.server, "erase", self.user, "--dry-run")
        self.assertEqual(dry.returncode, OK, dry.stderr)
        self.assertIn("has a key", dry.stdout)
        for wrong in ((self.user,), (self.user, "--reason", "r"), ()):  # no reason; nobody to ask; nobody named
            self.assertEqual(eventctl(self.server, "erase", *wrong).returncode, 2, wrong)
        done = eventctl(self.server, "--json", "erase", self.user, "--reason", "asked to", "--yes")
        self.assertEqual(done.returncode, OK, done.stderr)
        [said] = objects(done.stdout)
        self.assertEqual((said["had_key"], said["was_erased"], said["erasure"]["subject"]), (True, False, self.user))
        table = eventctl(self.server, "erase", "list")
        self.assertIn(self.user, table.stdout)
        lines = eventctl(self.server, "--json", "erase", "list").stdout
        self.assertIn(self.user, [one["subject"] for one in objects(lines)])
        # What is erased already is passed over; a line that is none stops it before it begins.
        again = eventctl(self.server, "erase", "--replay", "-", "--yes", stdin=lines)
        self.assertEqual(again.returncode, OK, again.stderr)
        self.assertIn("0 erased again", again.stdout)
        broken = eventctl(self.server, "erase", "--replay", "-", "--yes", stdin='{"subject": "never"}\nnonsense\n')
        self.assertEqual(broken.returncode, 2)
        self.assertIn("line 2", broken.stderr)
        self.assertNotIn("never", eventctl(self.server, "erase", "list").stdout)


class BackupTest(unittest.TestCase):
    def setUp(self):
        self.files = Files()
        self.addCleanup(shutil.rmtree, self.files.folder, ignore_errors=True)
        self.server = Server(settings={**self.files.settings, "housekeeper_retry_seconds": 1})
        self.addCleanup(self.server.stop)
        self.client = Client(self.server.address)
        self.addCleanup(self.client.close)
        self.database = self.server.database()

    def append(self, user):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event("customer.born", {"email": "mail of " + user}, user_id=user)]))
        return aggregate

    def email(self, aggregate):
        return json.loads(self.client.replay(aggregate)[0].data)["email"]

    def erase(self, user):
        self.client.unary("EraseSubject", erasure.EraseSubjectRequest(subject=user, reason="asked to", no_wait=True))

    def test_archives_hold_ciphertext_and_come_back_redacted(self):
        ada, bob = self.append("ada"), self.append("bob")
        # As if they were of a hundred days ago, as they are stored.
        past = []
        for user, aggregate in (("ada", ada), ("bob", bob)):
            id_, data = self.database.run(f"SELECT id, data FROM events_v2 WHERE aggregate_id = {quoted(aggregate)}").split("|", 1)
            past.append(history.past_event(aggregate, 1, history.now(self.database) - 100 * history.DAY, id=id_, data=data,
                                           user_id=user, event_type="customer.born"))
        self.database.run("DELETE FROM events_v2; DELETE FROM aggregate_heads")
        history.write(self.database, past)
        self.assertEqual(self.email(ada), "mail of ada")
        self.server.restart(close_chunks_seconds=1)
        wait_until(lambda: int(self.database.run("SELECT count(*) FROM closed_chunks")) >= 1, "the day to be closed", 60)
        run = list(self.client.pages("RunTask", housekeeper.RunTaskRequest(task="retention", retention_days=90)))[-1].result
        self.assertEqual(run.status, housekeeper.RUN_STATUS_SUCCEEDED, run.error)
        self.assertEqual(self.client.replay(ada), [])
        archive = os.path.join(self.server.data_dir, "archive")
        files = [os.path.join(folder, name) for folder, _, names in os.walk(archive) for name in names]
        text = b"".join(subprocess.run(["zstd", "-dc", path], capture_output=True, check=False).stdout
                        for path in files if path.endswith(".zst"))
        self.assertIn(b"$encrypted", text)
        self.assertNotIn(b"mail of", text)
        self.erase("ada")
        def restored():
            done = subprocess.run([BINARY, "archive", "restore", "--dir", archive], capture_output=True, text=True, check=False,
                                  env={**os.environ, "DATABASE_URL": self.server.conninfo()})
            # The housekeeper's own run of retention may just be at work.
            self.assertIn(done.returncode, (OK, UNREACHABLE), done.stderr)
            return done.returncode == OK

        wait_until(restored, "the archive to be restored")
        wait_until(lambda: self.client.replay(ada), "the events to be back")
        self.assertEqual(self.email(ada), ERASED)
        self.assertEqual(self.email(bob), "mail of bob")

    def test_a_restored_backup_needs_the_erasures_again(self):
        """What docs/erasure.md tells to do, and why: an older copy of the database still has the key."""
        ada, bob = self.append("ada"), self.append("bob")
        self.database.run("CREATE TABLE backup_keys AS SELECT * FROM subject_keys")
        self.erase("ada")
        kept = eventctl(self.server, "--json", "erase", "list").stdout
        self.assertEqual(self.email(ada), ERASED)
        self.database.run("TRUNCATE subject_keys, erasures; UPDATE erasure_state SET erasures = 0; "
                          "INSERT INTO subject_keys SELECT * FROM backup_keys")
        self.server.restart()
        self.assertEqual(self.email(ada), "mail of ada")
        done = eventctl(self.server, "--json", "erase", "--replay", "-", "--yes", stdin=kept)
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(objects(done.stdout), [{"erased": 1, "were_erased": 0, "dry_run": False}])
        self.assertEqual(self.email(ada), ERASED)
        self.assertEqual(self.email(bob), "mail of bob")


class StartTest(unittest.TestCase):
    def refusal(self, conninfo, **settings):
        """What a server says that does not start."""
        environment = {key: value for key, value in os.environ.items()
                       if key != "DATABASE_URL" and not key.startswith("EVENTSTORE_")}
        environment["DATABASE_URL"] = conninfo
        environment.update({"EVENTSTORE_" + key.upper(): value for key, value in settings.items()})
        done = subprocess.run([SERVER_BINARY, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"],
                              capture_output=True, text=True, check=False, env=environment, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        return done.stdout + done.stderr

    def test_what_a_server_needs(self):
        files = Files()
        self.addCleanup(shutil.rmtree, files.folder, ignore_errors=True)
        server = Server()
        self.addCleanup(server.stop)
        client = Client(server.address)
        self.addCleanup(client.close)
        off = failure_of(lambda: client.unary("EraseSubject", erasure.EraseSubjectRequest(subject="ada")))
        self.assertEqual((off.code, off.reason), ("FAILED_PRECONDITION", "ERASURE_OFF"))
        self.assertEqual(failure_of(lambda: client.unary("ListErasures", erasure.ListErasuresRequest())).reason, "ERASURE_OFF")
        self.assertIn("needs erasure_master_key_file", self.refusal(server.conninfo(), erasure_rules=files.rules))
        wrong = files.write("wrong.toml", "[[rule]]\nevent_types = 'a'\ndata = 'email'\n")
        said = self.refusal(server.conninfo(), erasure_rules=wrong, erasure_master_key_file=files.key)
        self.assertIn(wrong, said)
        self.assertIn("line 1", said)
        guest = Server(database_url=server.conninfo(), settings=files.settings)
        self.assertEqual(guest.stop(), 0)
        self.assertIn("this server has no master key", self.refusal(server.conninfo()))
        other = files.write("other.key", "cd" * 32)
        said = self.refusal(server.conninfo(), erasure_master_key_file=other)
        self.assertIn("another master key", said)
        self.assertNotIn("cdcd", said)
