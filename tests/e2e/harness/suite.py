"""Runs a module's tests and writes their results as JUnit XML, in the form GoogleTest uses.

    /usr/bin/python3 -m harness NAME RESULT_FILE [PATTERN...]

What is skipped is printed with its reason, at the end too. Exit code: 1 when a test failed or there was none, 77 (see
SKIP_RETURN_CODE in CMakeLists.txt) when every one was skipped.
"""
import importlib
import os
import time
import traceback
import unittest
import xml.etree.ElementTree as ElementTree

from harness.client import Client
from harness.server import Server

SKIPPED = 77


_shared = []


def shared_server():
    """The one of this suite: initdb takes seconds, so it is made once. Tests keep apart by the ids they make."""
    if not _shared:
        _shared.append(Server())
    return _shared[0]


class StoreTest(unittest.TestCase):
    """Tests that use the suite's server, and a client of their own class."""

    maxDiff = 4000
    # Sanitizers keep freed memory for a while, so its size tells nothing.
    sanitized = bool(os.environ.get("EVENTSTORE_E2E_SANITIZER"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = shared_server()
        cls.client = Client(cls.server.address)
        cls.addClassCleanup(cls.client.close)


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.cases = []
        self.began = 0.0
        self._problems = []
        self._skipped = None

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self._problems, self._skipped = [], None

    def _failed(self, error):
        self._problems.append("".join(traceback.format_exception(*error)))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._outside_a_test(test, err) or self._failed(err)

    def addError(self, test, err):
        super().addError(test, err)
        self._outside_a_test(test, err) or self._failed(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._problems.append(f"{subtest}\n")
            self._failed(err)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._problems.append("succeeded, although it is marked as a failure")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if isinstance(test, unittest.TestCase):
            self._skipped = reason
        else:
            self._record(test.id(), "set up", 0, [], reason)

    def _outside_a_test(self, test, error):
        """Of setUpClass and its like: unittest says which in the id."""
        if isinstance(test, unittest.TestCase):
            return False
        self._record(test.id(), "set up or tear down", 0, ["".join(traceback.format_exception(*error))], None)
        return True

    def stopTest(self, test):
        super().stopTest(test)
        class_name, name = test.id().rsplit(".", 2)[-2:]
        self._record(class_name, name, time.monotonic() - self.began, self._problems, self._skipped)

    def record_stop(self):
        """Stops the shared server, which is a test too."""
        began = time.monotonic()
        server = _shared.pop()
        code = server.stop()
        problems = [] if code == 0 else [f"eventstored ended with {code}:\n{server.last_log}"]
        self._record("Server", "stops_cleanly_on_sigterm", time.monotonic() - began, problems, None)

    def _record(self, class_name, name, seconds, problems, skipped):
        word = "FAILED" if problems else "skipped" if skipped is not None else "ok"
        print(f"[{word:>7}] {class_name}.{name} ({seconds * 1000:.0f} ms)", flush=True)
        if skipped is not None:
            print(f"          {skipped}", flush=True)
        for problem in problems:
            print(problem, flush=True)
        self.cases.append((class_name, name, seconds, problems, skipped))


def _printable(text):
    """XML 1.0 has no way to write most control characters."""
    return "".join(c if c >= " " or c in "\t\n" else f"\\x{ord(c):02x}" for c in text)


def _write(path, suite_name, cases):
    failed = sum(1 for case in cases if case[3])
    skipped = sum(1 for case in cases if case[4] is not None)
    counts = {
        "tests": str(len(cases)),
        "failures": str(failed),
        "disabled": "0",
        "skipped": str(skipped),
        "errors": "0",
        "time": f"{sum(case[2] for case in cases):.3f}",
    }
    root = ElementTree.Element("testsuites", counts, name="AllTests")
    suite = ElementTree.SubElement(root, "testsuite", counts, name=suite_name)
    for class_name, name, seconds, problems, skip in cases:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            name=_printable(name),
            status="run",
            result="completed" if skip is None else "skipped",
            time=f"{seconds:.3f}",
            classname=class_name,
        )
        for problem in problems:
            text = _printable(problem)
            last_line = text.strip().splitlines()[-1]
            ElementTree.SubElement(case, "failure", message=last_line, type="").text = text
        if skip is not None:
            ElementTree.SubElement(case, "skipped", message=_printable(skip))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="UTF-8", xml_declaration=True)


def main(arguments):
    name, path = arguments[:2]
    if os.path.exists(path):
        os.unlink(path)  # a suite that dies must not leave the results of the last run
    loader = unittest.TestLoader()
    if len(arguments) > 2:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments[2:]]
    tests = loader.loadTestsFromModule(importlib.import_module(name))
    result = _Result()
    tests.run(result)
    if _shared:
        result.record_stop()
    _write(path, name, result.cases)
    ran = sum(1 for case in result.cases if case[4] is None)
    failed = [f"{case[0]}.{case[1]}" for case in result.cases if case[3]]
    skipped = [case for case in result.cases if case[4] is not None]
    for case in skipped:
        print(f"skipped: {case[0]}.{case[1]}: {case[4]}")
    for case in failed:
        print(f"failed: {case}")
    print(f"{name}: {ran - len(failed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    if failed or not result.cases:
        return 1
    return 0 if ran else SKIPPED
