"""Operational records as tests make them."""
from harness.client import new_id
from harness.messages import operations as pb

REQUESTED = pb.EXECUTION_STATUS_REQUESTED
SCHEDULED = pb.EXECUTION_STATUS_SCHEDULED
RUNNING = pb.EXECUTION_STATUS_RUNNING
COMPLETED = pb.EXECUTION_STATUS_COMPLETED
FAILED = pb.EXECUTION_STATUS_FAILED


class Records:
    """What tests ask of Operations, with what they do not care about filled in."""

    def __init__(self, client):
        self.client = client

    def call(self, method, **fields):
        return self.client.unary(method, getattr(pb, method + "Request")(**fields))

    def event(self, **fields):
        return self.call("RecordEvent", **{"trigger_ref": "core.timer", **fields}).event

    def enforcement(self, **fields):
        return self.call("CreateEnforcement", **{"rule_ref": "core.rule", "trigger_ref": "core.timer", **fields}).enforcement

    def execution(self, **fields):
        return self.call("CreateExecution", **{"action_ref": "core.echo", **fields}).execution

    def move(self, execution, expected, status, **fields):
        return self.call("MoveExecution", id=execution.id, created=execution.created, expected_status=expected,
                         status=status, **fields).execution

    def run(self, execution, end=COMPLETED):
        """Through all states."""
        self.move(execution, REQUESTED, SCHEDULED)
        self.move(execution, SCHEDULED, RUNNING)
        return self.move(execution, RUNNING, end)

    def worker(self, name=None, **fields):
        return self.call("RegisterWorker", name=name or f"worker-{new_id()}", **fields).worker

    def pages(self, method, items, **fields):
        """Everything that a list has, and how many pages it took."""
        found, pages, token = [], 0, ""
        while True:
            answer = self.call(method, page_token=token, **fields)
            found.extend(getattr(answer, items))
            pages += 1
            token = answer.next_page_token
            if not token:
                return found, pages
