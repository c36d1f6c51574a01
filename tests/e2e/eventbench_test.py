"""eventbench against the real server: every mix, checked by itself and by others; what it writes; how it fails."""
import json
import os
import subprocess
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as ElementTree

from harness.messages import groups
from harness.suite import StoreTest

EVENTBENCH = os.path.join(os.path.dirname(os.environ["EVENTSTORED_BINARY"]), "eventbench")
OK, VIOLATED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130


class EventbenchTest(StoreTest):
    def run_bench(self, *arguments, server=None, seconds="0.5"):
        times = ["--seconds", seconds, "--warmup", "0.1"]
        command = [EVENTBENCH, "--server", server or self.server.address, *times, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def bench(self, *arguments, **options):
        done = self.run_bench("--json", *arguments, **options)
        self.assertEqual(done.returncode, OK, done.stderr + done.stdout)
        return json.loads(done.stdout)

    def check_written(self, result, kind):
        operation = result["operations"][kind]
        self.assertGreater(operation["operations"], 0)
        self.assertGreater(operation["latency_ms"]["p50"], 0)
        self.assertTrue(result["verified"]["clean"], result["verified"])
        self.assertGreater(result["verified"]["acknowledged"], 0)
        self.assertEqual(result["verified"]["confirmed"], result["verified"]["acknowledged"])

    def test_appends_of_every_shape_are_all_there(self):
        shapes = {
            "append": ["append"],
            "append of several events": ["append", "--events", "3"],
            "batch": ["batch", "--batch-size", "10", "--in-flight", "4"],
            "batch as events": ["batch", "--batch-size", "10", "--batch-as", "events", "--in-flight", "4"],
            "stream": ["stream"],
            "stream of one item a message": ["stream", "--stream-items", "1"],
        }
        for name, arguments in shapes.items():
            for check in ("any", "exact"):
                with self.subTest(shape=name, check=check):
                    result = self.bench("--verify", "--check", check, "--aggregates", "500", "--mix", *arguments)
                    self.check_written(result, arguments[0])

    def test_every_distribution(self):
        for distribution in ("uniform", "zipf", "hot", "distinct"):
            with self.subTest(distribution=distribution):
                result = self.bench("--verify", "--distribution", distribution, "--aggregates", "100")
                self.check_written(result, "append")
                aggregates = result["verified"]["aggregates"]
                if distribution == "hot":
                    self.assertEqual(aggregates, 1)
                elif distribution == "distinct":
                    self.assertEqual(aggregates, result["verified"]["acknowledged"])
                else:
                    self.assertLessEqual(aggregates, 100)

    def test_conflicts_are_counted_and_harm_nothing(self):
        # Sixteen expect the same version of one aggregate: one wins.
        result = self.bench("--verify", "--distribution", "hot", "--check", "exact", "--in-flight", "16")
        self.assertGreater(result["operations"]["append"]["errors"]["VERSION_CONFLICT"], 0)
        self.check_written(result, "append")

    def test_reads_find_what_was_filled_in(self):
        for kind in ("replay", "user", "correlated", "tail"):
            with self.subTest(kind=kind):
                result = self.bench("--mix", kind, "--fill", "20", "--aggregates", "10", "--verify")
                operation = result["operations"][kind]
                self.assertGreater(operation["events"], 0)
                self.assertGreater(operation["bytes"], 0)
                self.assertEqual(result["verified"]["acknowledged"], 200)
        result = self.bench("--mix", "count")
        self.assertGreater(result["operations"]["count"]["operations"], 0)

    def test_a_replay_reads_the_whole_aggregate_or_its_newest_events(self):
        fill = ["--mix", "replay", "--fill", "30", "--aggregates", "5"]
        whole = self.bench(*fill)["operations"]["replay"]
        self.assertEqual(whole["events"], 30 * whole["operations"])
        newest = self.bench(*fill, "--newest-first", "--read-limit", "10")["operations"]["replay"]
        self.assertEqual(newest["events"], 10 * newest["operations"])

    def test_everything_mixed_on_several_threads(self):
        mix = "append=40,batch=2,stream=20,replay=10,user=5,correlated=5,count=5,tail=5,ping=5"
        arguments = ["--threads", "2", "--connections", "4", "--check", "exact", "--batch-size", "5"]
        result = self.bench("--verify", "--mix", mix, *arguments, seconds="2")
        self.check_written(result, "append")
        self.assertEqual(len(result["operations"]), 10)  # nine, and "all"

    def test_an_open_loop_keeps_its_rate(self):
        result = self.bench("--rate", "50", "--verify", "--in-flight", "500", seconds="2")
        self.check_written(result, "append")
        # What ends in the measured time, give or take what was under way at its ends.
        self.assertLessEqual(result["operations"]["append"]["operations"], 110)
        self.assertEqual(result["not_started"], 0)

    def test_an_open_loop_says_when_it_cannot_keep_up(self):
        done = self.run_bench("--rate", "1000000", "--in-flight", "2")
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertIn("too slow", done.stdout)

    def test_an_event_that_vanished_is_found(self):
        # Behind the server's back, while the load runs.
        aggregate = str(uuid.uuid4())
        database = self.server.database()
        stop = threading.Event()

        def delete():
            while not stop.is_set():
                database.run(f"DELETE FROM events_v2 WHERE aggregate_id = '{aggregate}' AND version = 3")
                time.sleep(0.05)

        thread = threading.Thread(target=delete)
        thread.start()
        try:
            done = self.run_bench("--verify", "--json", "--aggregate", aggregate, seconds="2")
        finally:
            stop.set()
            thread.join()
        self.assertEqual(done.returncode, VIOLATED, done.stderr + done.stdout)
        verified = json.loads(done.stdout)["verified"]
        self.assertFalse(verified["clean"])
        self.assertEqual(verified["lost"], 1)

    def test_charts_are_well_formed(self):
        with tempfile.TemporaryDirectory() as folder:
            svg, html = os.path.join(folder, "run.svg"), os.path.join(folder, "run.html")
            done = self.run_bench("--mix", "append=5,tail=1", "--svg", svg, "--html", html)
            self.assertEqual(done.returncode, OK, done.stderr)
            picture = ElementTree.parse(svg).getroot()
            lines = [element for element in picture.iter() if element.tag.endswith("polyline")]
            self.assertGreaterEqual(len(lines), 5)
            with open(html, encoding="utf-8") as file:
                page = file.read()
            self.assertIn("<svg", page)
            self.assertIn("append", page)

    def test_streams_are_held_open(self):
        self.bench("--fill", "2000", "--aggregates", "1", "--mix", "replay")
        result = self.bench("--hold-reads", "20", "--hold-appends", "20", "--hold-pause", "0.1", seconds="1")
        self.assertEqual((result["open"], result["failed"]), (40, 0), result)
        self.assertGreater(result["pages"], 20)

    def test_subscribers_beside_a_load_get_what_was_acknowledged(self):
        for mix in (["append"], ["batch", "--batch-size", "10", "--in-flight", "2"], ["stream"]):
            with self.subTest(mix=mix[0]):
                result = self.bench("--rate", "100", "--follow", "3", "--users", "2", "--mix", *mix, seconds="1.5")
                delivery = result["delivery"]
                self.assertEqual(delivery["missing"], 0, delivery)
                self.assertEqual(delivery["delivered"], result["acknowledged_events"])
                self.assertGreater(delivery["latency_ms"]["p99"], 0)

    def test_a_store_is_drained_by_a_subscription_or_a_group(self):
        self.bench("--fill", "300", "--aggregates", "10", "--mix", "replay")
        by_subscription = self.bench("--drain", "subscription")
        self.assertGreaterEqual(by_subscription["events_all"], 3000)
        self.assertEqual(by_subscription["events"], by_subscription["events_all"])
        by_group = self.bench("--drain", "group", "--consumers", "3")
        self.assertGreaterEqual(by_group["events"], by_group["events_all"])
        left = self.client.unary("ListConsumerGroups", groups.ListConsumerGroupsRequest(name_prefix="eventbench-"))
        self.assertEqual(list(left.groups), [])

    def test_failures_have_their_exit_codes(self):
        self.assertEqual(self.run_bench("--mix", "nothing").returncode, USAGE)
        self.assertEqual(self.run_bench("--drain", "group", "--follow", "1").returncode, USAGE)
        self.assertEqual(self.run_bench("--batch-size", "5000", "--mix", "batch").returncode, USAGE)
        self.assertEqual(self.run_bench(server="127.0.0.1:1").returncode, UNREACHABLE)

    def test_interrupted_it_shows_what_it_has(self):
        command = [EVENTBENCH, "--server", self.server.address, "--seconds", "600", "--warmup", "0", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            time.sleep(1)
            process.terminate()
            output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        result = json.loads(output)
        self.assertTrue(result["interrupted"])
        self.assertLess(result["seconds"], 300)
