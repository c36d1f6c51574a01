"""Debian's Prometheus on a server that has seen some of everything: every query of the dashboard and every alert rule is
evaluated, and names metrics and labels that there are."""
import json
import os
import re

from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.group_suite import GroupTest
from harness.messages import erasure, housekeeper, store
from harness.metrics import TOP, Metrics, Prometheus
from harness.server import Server, wait_until
from harness.subscriber import Subscriber, beginning

# Of Prometheus itself; alerts are there while one fires.
OF_PROMETHEUS = ("up", "ALERTS")
NAME = re.compile(r"\b(eventstore_\w+|process_\w+|up|ALERTS)\b")
SELECTOR = re.compile(r"\b((?:eventstore_|process_)\w+|up)(\{[^}]*\})")


def queries_of_the_dashboard():
    with open(os.path.join(TOP, "deploy/grafana/eventstore.json"), encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    for panel in panels:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "5m")
            yield f"{panel['title']}: {target['legendFormat']}", query


class PrometheusTest(GroupTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Only this engine has partitions ahead of their time.
        cls.guest = Server(settings={"engine": "native", "max_queue": 1, "sample_groups_seconds": 1})
        cls.addClassCleanup(cls.guest.stop)
        cls.client = Client(cls.guest.address)
        cls.addClassCleanup(cls.client.close)
        cls.prometheus = Prometheus(cls.guest)
        cls.addClassCleanup(cls.prometheus.stop)

    def make_traffic(self):
        """Of everything that a metric or a label of it is shown for only when it happened."""
        client, aggregate, database = self.client, new_id(), self.guest.database()
        request = append_request(aggregate, 0, [new_event(correlation_id=self.mark)])
        client.append(request)
        client.append(request)
        failure_of(lambda: client.append(append_request(aggregate, 5, [new_event()])))
        list(client.append_stream([store.AppendStreamRequest(items=[append_request(new_id(), 0, [new_event()])])]))
        client.append_batch([append_request(new_id(), 0, [new_event()])])
        erased = failure_of(lambda: client.unary("EraseSubject", erasure.EraseSubjectRequest(subject="ada")))
        self.assertEqual(erased.reason, "ERASURE_OFF")
        client.version(aggregate)
        client.replay(aggregate)
        with database.lock("aggregate_heads"):
            waiting = [client.start("Append", append_request(aggregate, "any", [new_event()]))]
            wait_until(lambda: database.waiting("lane %"), "the lane to wait")
            waiting.append(client.start("Append", append_request(aggregate, "any", [new_event()])))
            wait_until(lambda: Metrics(self.guest).sum("eventstore_append_queue_requests") == 1, "the second to wait")
            self.assertEqual(failure_of(lambda: client.append(request)).reason, "QUEUE_FULL")
        for call in waiting:
            call.result()
        subscriber = Subscriber(self.guest.address, beginning())
        self.addCleanup(subscriber.close)
        subscriber.await_events(1)
        self.create()
        self.consume(address=self.guest.address, answer=lambda delivery: "park")
        self.await_parked(1)

    def test_every_expression(self):
        self.make_traffic()
        self.await_housekeeper()
        wait_until(
            lambda: Metrics(self.guest).sum("eventstore_consumer_group_parked_events", group=self.name) == 1, "the group"
        )
        self.await_two_scrapes()
        names = Metrics(self.guest).names
        seen = 0
        for what, query in queries_of_the_dashboard():
            seen += 1
            with self.subTest(panel=what, query=query):
                self.check(query, names)
                self.assertTrue(self.prometheus.query(query), "it gives nothing")
        self.assertGreater(seen, 40)
        rules = self.prometheus.rules()
        self.assertGreaterEqual(len(rules), 15)
        for rule in rules:
            with self.subTest(alert=rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError")), ("ok", None))
                self.check(rule["query"], names)

    def await_housekeeper(self):
        """Until it has run each of its tasks, as it does at the start, and says so."""
        tasks = self.client.unary("ListTasks", housekeeper.ListTasksRequest()).tasks

        def ran():
            metrics = Metrics(self.guest)
            return all(
                metrics.sum("eventstore_housekeeper_last_run_timestamp_seconds", task=task.name) for task in tasks
            )

        wait_until(ran, "each task to have run", 120)

    def await_two_scrapes(self):
        """That were begun from now on: rates want two, and the first may have been under way."""
        scrapes = 'count_over_time(eventstore_serving[5m])'

        def count():
            return sum(float(series["value"][1]) for series in self.prometheus.query(scrapes))

        first = wait_until(count, "a scrape", 60)
        wait_until(lambda: count() >= first + 3, "more scrapes", 60)
        wait_until(lambda: all(rule["health"] == "ok" for rule in self.prometheus.rules()), "the rules to be evaluated", 60)

    def check(self, query, names):
        """That it can be evaluated, and that each metric it names is there with the labels that it is asked for."""
        self.prometheus.query(query)
        for name in NAME.findall(query):
            if name not in OF_PROMETHEUS:
                self.assertIn(name, names)
        for name, labels in SELECTOR.findall(query):
            self.assertTrue(self.prometheus.query(f"last_over_time({name}{labels}[5m])"), f"no series has {name}{labels}")
