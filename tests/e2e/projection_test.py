"""The example read model, killed again and again: its totals are exact to the cent."""
import os
import random
import subprocess
import threading
import time

from harness.client import Client, append_request, new_event, new_id
from harness.server import wait_until
from harness.suite import StoreTest

EXAMPLE = os.path.join(os.path.dirname(os.environ["EVENTSTORED_BINARY"]), "account_balances")
KILLS = 12


class ProjectionTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.database().run("CREATE DATABASE bank")
        cls.conninfo = cls.server.conninfo() + " dbname=bank"
        cls.bank = cls.server.database().elsewhere("bank")

    def start(self):
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", EXAMPLE, self.server.address, self.conninfo], stderr=subprocess.PIPE
        )
        self.addCleanup(self.kill, process)
        return process

    @staticmethod
    def kill(process):
        process.kill()
        process.wait()
        process.stderr.close()

    def balances(self):
        """account -> (cents, movements); nothing before the table is there."""
        if self.bank.run("SELECT to_regclass('balances')") == "":
            return {}
        rows = self.bank.run("SELECT account, cents, movements FROM balances").splitlines()
        return {account: (int(cents), int(movements)) for account, cents, movements in (r.split("|") for r in rows)}

    def write(self, accounts, stop, expected):
        """Movements of all accounts until `stop`, as account_service makes them, and what they come to."""
        client = Client(self.server.address)
        while not stop.is_set():
            account = random.choice(accounts)
            cents = random.randint(1, 10_000)
            out = random.random() < 0.5
            events = [new_event("account.withdrawn" if out else "account.deposited", {"cents": cents})]
            if account not in expected:
                events.insert(0, new_event("account.opened"))
            client.append(append_request(account, "any", [*events, new_event("somebody.else")]))
            before = expected.get(account, (0, 0))
            expected[account] = (before[0] + (-cents if out else cents), before[1] + len(events))
        client.close()

    def test_totals_are_exact_through_kills(self):
        accounts = [new_id() for _ in range(20)]
        stop, expected = threading.Event(), {}
        writer = threading.Thread(target=self.write, args=(accounts, stop, expected))
        writer.start()

        def movements():
            return sum(movements for _, movements in self.balances().values())

        try:
            for _ in range(KILLS):
                before = movements()
                process = self.start()
                # In the middle of its work, at no particular moment of it.
                wait_until(lambda: movements() > before + 20, "the read model to go on", 60)
                time.sleep(random.random() / 50)
                self.assertIsNone(process.poll())
                self.kill(process)
        finally:
            stop.set()
            writer.join()
        self.start()
        wait_until(lambda: self.balances() == expected, "the balances to be what was paid in and out", 60)
        self.assertGreater(movements(), KILLS * 20)
        print(f"          {KILLS} kills, {movements()} movements of {len(expected)} accounts", flush=True)

    def test_a_database_that_is_not_there_is_told(self):
        done = subprocess.run(
            [EXAMPLE, self.server.address, self.conninfo + " dbname=nowhere"], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere", done.stderr)
