"""Operations.Watch, read in the background."""
import threading

from harness.messages import operations as pb
from harness.server import wait_until


class Watcher:
    """Reads a Watch in a thread; breaks it after so many messages and resumes, when it is told to."""

    def __init__(self, client, break_every=0, **fields):
        self.client, self.break_every, self.fields = client, break_every, fields
        self.changes, self.tokens, self.caught_up, self.breaks, self.error = [], [], 0, 0, None
        self._stopping = False
        self._call = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        token = self.fields.pop("resume_token", "")
        while not self._stopping:
            self._call = self.client.pages("Watch", pb.WatchRequest(resume_token=token, **self.fields), deadline_s=None)
            seen = 0
            try:
                for message in self._call:
                    self.changes.extend(message.changes)
                    self.caught_up += message.caught_up
                    token = message.resume_token
                    self.tokens.append(token)
                    seen += 1
                    if self.break_every and seen == self.break_every:
                        self.breaks += 1
                        self._call.cancel()
                        break
            except AssertionError as error:
                if not self._stopping:
                    self.error = error
                    return

    def await_changes(self, count, patience_s=60):
        wait_until(lambda: self.error or len(self.changes) >= count, f"{count} changes", patience_s)
        if self.error:
            raise self.error
        return self.changes

    def await_caught_up(self):
        wait_until(lambda: self.error or self.caught_up, "the watcher to have caught up", 60)

    def stop(self):
        self._stopping = True
        if self._call is not None:
            self._call.cancel()
        self._thread.join(30)
