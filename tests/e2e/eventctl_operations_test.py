"""eventctl ops and eventctl history against the real server: what they say, and their exit codes."""
from harness.client import new_id
from harness.eventctl import CONFLICT, FAILED, NEGATIVE, OK, USAGE, Running, eventctl, objects
from harness.server import wait_until
from harness.suite import StoreTest


class EventctlOperationsTest(StoreTest):
    def ctl(self, *arguments, code=OK):
        done = eventctl(self.server, *arguments)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def one(self, *arguments):
        [record] = objects(self.ctl("--json", *arguments).stdout)
        return record

    def test_an_execution_from_its_making_to_its_end(self):
        ref = f"test.{new_id()}"
        made = self.one("ops", "record", "execution", ref, "--data", '{"m": 1}')
        self.assertEqual((made["status"], made["parameters"], made["result"]), ("requested", {"m": 1}, None))
        move = ["ops", "move", made["id"]]
        self.assertIn("scheduled", self.ctl(*move, "--from", "requested", "--to", "scheduled").stdout)
        told = self.ctl(*move, "--from", "requested", "--to", "scheduled", code=CONFLICT).stderr
        self.assertIn("is scheduled, not requested", told)
        told = self.ctl(*move, "--from", "scheduled", "--to", "completed", code=FAILED).stderr
        self.assertIn("it can become running,cancelling,failed,timeout,cancelled,abandoned", told)
        self.ctl(*move, "--from", "scheduled", "--to", "running")
        done = self.one(*move, "--from", "running", "--to", "completed", "--result", '{"ok": true}')
        self.assertEqual((done["status"], done["result"]), ("completed", {"ok": True}))
        self.assertEqual(self.one("ops", "get", "execution", made["id"]), done)
        self.assertEqual(objects(self.ctl("--json", "ops", "list", "executions", "--ref", ref).stdout), [done])
        path = objects(self.ctl("--json", "history", "list", "execution", "--id", made["id"]).stdout)
        self.assertEqual([entry["new_values"]["status"] for entry in path],
                         ["requested", "scheduled", "running", "completed"])
        self.assertIn("BECAME", self.ctl("history", "list", "execution", "--ref", ref).stdout)

    def test_the_other_records(self):
        ref = f"test.{new_id()}"
        event = self.one("ops", "record", "event", ref, "--source", "sensor")
        made = self.one("ops", "record", "enforcement", ref, "--trigger", ref, "--cause", event["id"])
        self.assertEqual((made["event_id"], made["status"]), (event["id"], "created"))
        self.assertEqual(self.one("ops", "resolve", made["id"], "disabled")["status"], "disabled")
        self.ctl("ops", "resolve", made["id"], "processed", code=CONFLICT)
        worker = self.one("ops", "worker", "register", ref, "--type", "python")
        self.ctl("ops", "worker", "heartbeat", worker["id"])
        self.assertEqual(self.one("ops", "worker", "drain", worker["id"])["status"], "draining")
        self.assertEqual(self.one("ops", "get", "worker", ref)["id"], worker["id"])
        self.ctl("ops", "worker", "deregister", worker["id"], "--forget")
        self.ctl("ops", "get", "worker", ref, code=NEGATIVE)
        self.ctl("ops", "list", "workers", "--status", "nonsense", code=USAGE)
        self.ctl("ops", "get", "event", new_id(), code=NEGATIVE)

    def test_watch(self):
        ref = f"test.{new_id()}"
        watch = Running(self.server, "--json", "ops", "watch", "--kind", "execution", "--ref", ref)
        self.addCleanup(watch.stop)
        # What is made before the watch has begun is not its to show.
        wait_until(lambda: self.one("ops", "record", "execution", ref) and watch.lines, "the first change", 60)
        self.assertEqual({(change["ref"], change["status"]) for change in objects("\n".join(watch.lines))},
                         {(ref, "requested")})

    def test_a_table_of_ones_own(self):
        database = ["--database", self.server.conninfo()]
        self.server.database().run("CREATE TABLE orders (id int PRIMARY KEY, state text, number text)")
        track = ["history", "track", "orders", "--fields"]
        self.assertIn("orders_history", self.ctl(*track, "state,number", "--ref", "number", *database).stdout)
        self.server.database().run("INSERT INTO orders VALUES (1, 'new', 'A1'); UPDATE orders SET state = 'paid'")
        entries = objects(self.ctl("--json", "history", "list", "orders").stdout)
        self.assertEqual([(e["operation"], e["entity_ref"]) for e in entries], [("INSERT", "A1"), ("UPDATE", "A1")])
        self.assertEqual(entries[1]["new_values"], {"state": "paid"})
        tracked = {t["table"]: t["fields"] for t in objects(self.ctl("--json", "history", "tracked", *database).stdout)}
        self.assertEqual(tracked["orders"], ["state", "number"])
        self.assertIn("orders has no column nope", self.ctl(*track, "nope", *database, code=USAGE).stderr)
        self.ctl("history", "track", "nowhere", "--fields", "x", *database, code=USAGE)
        self.ctl("history", "untrack", "orders", *database)
        self.ctl("history", "untrack", "orders", *database, code=NEGATIVE)
        self.ctl("history", "list", "nothing", code=NEGATIVE)
