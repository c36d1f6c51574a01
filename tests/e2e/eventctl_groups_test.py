"""eventctl groups against the real server: made, watched, consumed from, repaired, deleted."""
import json
import os
import pty
import subprocess
import threading

from harness.client import new_id
from harness.eventctl import NEGATIVE, OK, UNREACHABLE, USAGE, Running, command, eventctl, objects
from harness.group_suite import GroupTest
from harness.server import wait_until


class EventctlGroupsTest(GroupTest):
    def run_groups(self, *arguments, code=OK):
        done = eventctl(self.server, "groups", *arguments)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def make(self, *arguments):
        """A group of this test's events."""
        return json.loads(
            self.run_groups("create", self.name, "--correlation", self.mark, "--json", *arguments).stdout
        )

    def consume(self, *arguments):
        """Runs to its end; what was delivered."""
        return objects(self.run_groups("consume", self.name, "--json", *arguments).stdout)

    def shown(self):
        return json.loads(self.run_groups("show", self.name, "--json").stdout)

    def await_shown(self, condition, what):
        return wait_until(lambda: condition(self.shown()), what, 60)

    # Making and changing.

    def test_create_says_what_there_is(self):
        group = self.make("--event-type", "order.*", "--buckets", "8", "--ack-timeout", "2m", "--max-deliveries", "3",
                          "--retry-pause", "250ms")
        self.assertEqual(group["name"], self.name)
        self.assertEqual(group["buckets"], 8)
        self.assertEqual(group["ack_timeout_ms"], 120_000)
        self.assertEqual(group["retry_pause_ms"], 250)
        self.assertEqual(group["max_deliveries"], 3)
        self.assertEqual(group["filter"]["event_type_prefixes"], ["order."])
        self.assertEqual(group["filter"]["correlation_ids"], [self.mark])
        self.assertEqual(self.shown(), group)
        text = self.run_groups("show", self.name).stdout
        self.assertIn(f"event type order.*; correlation {self.mark}", text)
        self.assertIn("within 120 s; parked after 3 failures, 250 ms before the second", text)
        self.assertIn("0 of 8 buckets", text)

    def test_to_create_it_again_is_fine_if_it_is_the_same(self):
        self.make()
        self.make()
        done = self.run_groups("create", self.name, "--buckets", "3", code=5)
        self.assertIn("GROUP_EXISTS", done.stderr)
        self.assertIn("eventctl groups update", done.stderr)

    def test_update_changes_what_is_given_alone(self):
        before = self.make("--event-type", "order.*", "--max-deliveries", "3")
        self.run_groups("update", self.name, "--ack-timeout", "1m")
        after = self.shown()
        self.assertEqual(after["ack_timeout_ms"], 60_000)
        self.assertEqual(after["max_deliveries"], 3)
        self.assertEqual(after["filter"], before["filter"])
        self.run_groups("update", self.name, "--all-events")
        self.assertEqual(self.shown()["filter"]["event_type_prefixes"], [])
        self.run_groups("update", self.name, code=USAGE)
        self.run_groups("update", self.name, "--all-events", "--user", "ada", code=USAGE)

    def test_where_it_begins(self):
        before = self.append(2)
        self.make("--from", "now")
        after = self.append(2)
        self.assertEqual([d["event"]["id"] for d in self.consume("--max", "2")], after)
        self.run_groups("reset", self.name, "--to", "beginning", "--yes")
        # Two aggregates: no order between them is promised.
        self.assertCountEqual([d["event"]["id"] for d in self.consume("--max", "4")], before + after)

    # Consuming.

    def test_what_was_consumed_does_not_come_again(self):
        ids = self.append(3) + self.append(3)
        self.make()
        first = self.consume("--max", "4")
        self.assertEqual([d["attempt"] for d in first], [1] * 4)
        second = self.consume("--max", "2")
        self.assertEqual(sorted(d["event"]["id"] for d in first + second), sorted(ids))
        self.await_shown(lambda group: group["lag_events"] == 0, "nothing to be left")

    def test_a_consumer_is_a_member_until_ctrl_c(self):
        self.make("--buckets", "4")
        running = Running(self.server, "groups", "consume", self.name, "--as", "me", terminal=True)
        self.addCleanup(running.stop)
        running.await_error("joined; Ctrl-C leaves the group")
        self.await_shown(lambda g: [(m["name"], m["buckets"]) for m in g["members"]] == [("me", 4)], "it to be a member")
        self.append(1, event_type="first.one")
        lines = running.await_lines(2)
        self.assertIn("BUCKET", lines[0])
        self.assertIn("first.one", lines[1])
        text = self.run_groups("show", self.name).stdout
        self.assertIn("1 of 4 buckets", text)
        self.assertEqual(running.stop(), OK)
        self.assertIn("1 event acknowledged", running.errors)
        self.await_shown(lambda g: not g["members"], "it to have left")

    # What is parked.

    def test_parked_events_are_shown_replayed_and_discarded(self):
        ids = self.append(3, event_type="order.paid")
        self.make()
        self.consume("--park", "the mail server is away", "--max", "3")
        self.await_shown(lambda group: group["parked_events"] == 3, "three to be parked")
        parked = objects(self.run_groups("parked", self.name, "--json").stdout)
        self.assertEqual([p["event"]["id"] for p in parked], ids)
        self.assertEqual({p["reason"] for p in parked}, {"the mail server is away"})
        table = self.run_groups("parked", self.name, "--limit", "2")
        self.assertIn("the mail server is away", table.stdout)
        self.assertNotIn(ids[2], table.stdout)
        self.assertIn("there are more", table.stderr)

        self.run_groups("replay", self.name, "--event-type", "no.such", code=NEGATIVE)
        self.assertIn("1 event will be delivered again", self.run_groups("replay", self.name, "--id", ids[1]).stdout)
        again = self.consume("--max", "1")
        self.assertEqual([(d["event"]["id"], d["replayed"]) for d in again], [(ids[1], True)])
        self.await_shown(lambda group: group["parked_events"] == 2, "one to be done")

        done = self.run_groups("discard", self.name, "--yes", "--max", "1", "--json")
        self.assertEqual(json.loads(done.stdout), {"events": 1})
        self.assertIn("1 event discarded", self.run_groups("discard", self.name, "--yes").stdout)
        self.assertEqual(self.shown()["parked_events"], 0)
        self.assertIn("nothing is parked", self.run_groups("parked", self.name).stderr)

    # The list.

    def test_the_list_has_a_bar_for_the_lag(self):
        self.append(8)
        prefix = "list-" + self.mark
        for name, start in ((prefix + "-far", "beginning"), (prefix + "-near", "now")):
            self.run_groups("create", name, "--correlation", self.mark, "--from", start)
        lines = self.run_groups("list", prefix).stdout.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].startswith("GROUP"))
        self.assertRegex(lines[1], r"-far +0 +64 +0 +\d+ +\d+ s +8  (█{20}|#{20})$")
        self.assertRegex(lines[2], r"-near +0 +64 +0 +\d+ +- +0 *$")
        listed = objects(eventctl(self.server, "groups", "list", prefix, "--json").stdout)
        self.assertEqual([group["lag_events"] for group in listed], [8, 0])
        everything = eventctl(self.server, "groups", "--json")
        self.assertIn(prefix + "-far", everything.stdout)
        self.assertIn("no group's name begins with", self.run_groups("list", new_id()).stderr)

    # What cannot be taken back.

    def answer_on_terminal(self, answer, *arguments):
        """At a terminal, where somebody is asked."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(command(self.server, ["groups", *arguments]), stdin=theirs, stdout=theirs,
                                   stderr=theirs, env={**os.environ, "TERM": "dumb"})
        os.close(theirs)
        text = []

        def read():
            while True:
                try:
                    piece = os.read(ours, 4096)
                except OSError:
                    return
                text.append(piece.decode())

        reader = threading.Thread(target=read)
        reader.start()
        wait_until(lambda: "[y/N]" in "".join(text), "the question")
        os.write(ours, (answer + "\n").encode())
        code = process.wait(60)
        reader.join()
        os.close(ours)
        return code, "".join(text)

    def test_delete_asks(self):
        self.make()
        done = self.run_groups("delete", self.name, code=USAGE)
        self.assertIn("--yes", done.stderr)
        code, text = self.answer_on_terminal("n", "delete", self.name)
        self.assertEqual(code, NEGATIVE)
        self.assertIn(f"Delete group {self.name}", text)
        self.assertIn("nothing was done", text)
        self.shown()
        code, _ = self.answer_on_terminal("y", "delete", self.name)
        self.assertEqual(code, OK)
        self.run_groups("show", self.name, code=NEGATIVE)

    def test_reset_and_discard_ask_too(self):
        self.make()
        self.run_groups("reset", self.name, "--to", "now", code=USAGE)
        self.run_groups("discard", self.name, code=USAGE)
        self.run_groups("delete", self.name, "--yes")

    # How it fails.

    def test_failures_say_what_to_do(self):
        for arguments in (["show"], ["delete", "--yes"], ["consume"], ["parked"], ["replay"], ["update", "--all-events"],
                          ["reset", "--to", "now", "--yes"]):
            with self.subTest(command=arguments[0]):
                done = self.run_groups(arguments[0], "no-such-group", *arguments[1:], code=NEGATIVE)
                self.assertIn("GROUP_NOT_FOUND", done.stderr)
                self.assertIn("next: see which there are with `eventctl groups`", done.stderr)
        done = self.run_groups("create", "no spaces", code=USAGE)
        self.assertIn("name", done.stderr)
        done = self.run_groups("create", self.name, "--ack-timeout", "100h", code=USAGE)
        self.assertIn("ack_timeout", done.stderr)

        class Nowhere:
            address = "127.0.0.1:1"

        self.assertEqual(eventctl(Nowhere, "groups").returncode, UNREACHABLE)
