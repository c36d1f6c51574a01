"""Into the database behind the server's back, through psql: to hold a lock, to write history, to look who waits."""
import subprocess

# Somebody who is not us and waits for a table lock.
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'eventstored %' AND application_name LIKE {} AND wait_event_type = 'Lock'
"""


def quoted(text):
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


class Database:
    def __init__(self, psql, conninfo):
        self._psql, self._conninfo = psql, conninfo
        self._command = [psql, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo]

    def elsewhere(self, name):
        """The same server's database of this name."""
        return Database(self._psql, f"{self._conninfo} dbname={name}")

    def run(self, sql):
        """The rows as lines of text."""
        done = subprocess.run(self._command, input=sql, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def waiting(self, role):
        """How many of the server's sessions of this role ("lane %", "reader %") wait for a lock."""
        return int(self.run(_WAITING.format(quoted("eventstored " + role))))

    def lock(self, table):
        """Holds the table against everybody: with database.lock("events_v2"): ..."""
        return Transaction(self._command, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;")

    def transaction(self, sql):
        """Runs the SQL in a transaction that stays open, idle: with database.transaction(...): ..."""
        return Transaction(self._command, sql)


class Transaction:
    """Open until release(), which rolls it back."""

    def __init__(self, command, sql):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self._process.stdin.write(f"BEGIN; {sql} SELECT 'it is open';\n")
        answers = []
        for line in self._process.stdout:
            if line.strip() == "it is open":
                return
            answers.append(line)
        self.release()
        raise AssertionError(f"psql: {answers}")

    def release(self):
        if self._process.poll() is None:
            # End of input ends psql, and with it the transaction.
            self._process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()
