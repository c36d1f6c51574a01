#!/usr/bin/env python3
"""sum-test-results.py FOLDER: sums up what run-tests.sh left in FOLDER.

  suites.json    the suites that were to run (ctest --show-only=json-v1)
  ctest.junit    how ctest saw each of them end
  <suite>.xml    the tests of a suite, JUnit
  sanitizer.*    reports of sanitizers, of whichever process: sanitizer.<program>.<process id>
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

# Of a suite that left no result: the end of what it printed. Of a failure: the beginning.
TAIL_LINES = 60
HEAD_LINES = 60


class Totals:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.failures = []  # (name, text)
        self.skipped = []  # (name, reason)

    def fail(self, name, text):
        self.failed += 1
        self.failures.append((name, text))


def read_xml(path):
    """The root element, or None when the file is missing or was not written to its end."""
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None


def text_of(element):
    """What a <failure>, <error> or <skipped> says; gtest repeats the message in the text."""
    message, text = element.get("message") or "", (element.text or "").strip()
    return text if message.strip() in text else f"{message}\n{text}".strip()


def skip_reason(case):
    """None when the test ran. gtest marks disabled tests as not run, other tools add <skipped>."""
    skipped = case.find("skipped")
    if skipped is not None:
        return (text_of(skipped).splitlines() or ["no reason given"])[-1].strip()
    if case.get("status") in ("notrun", "disabled") or case.get("result") == "suppressed":
        return "disabled"
    return None


def add_case(totals, suite, case):
    name = f"{suite}: {case.get('classname') or ''}.{case.get('name') or ''}"
    broken = case.findall("failure") + case.findall("error")
    reason = skip_reason(case)
    if broken:
        totals.fail(name, "\n".join(text_of(element) for element in broken))
    elif reason is not None:
        totals.skipped.append((name, reason))
    else:
        totals.passed += 1


def tail(text):
    return "\n".join((text or "").splitlines()[-TAIL_LINES:])


def add_suite(totals, suite, root, verdict):
    """`verdict` is ctest's <testcase> of the suite, None when ctest does not know it."""
    output = verdict.findtext("system-out") if verdict is not None else ""
    trouble = None
    if verdict is None:
        trouble = "ctest did not run it"
    elif verdict.find("failure") is not None:
        trouble = verdict.find("failure").get("message") or "it ended with an error"
    elif verdict.get("status") in ("notrun", "disabled") and verdict.find("skipped") is None:
        trouble = "ctest could not run it"

    if root is None:
        totals.fail(suite, f"the suite left no result ({trouble or 'it ended as if all was well'})\n{tail(output)}")
        return
    cases = list(root.iter("testcase"))
    failed_before = totals.failed
    for case in cases:
        add_case(totals, suite, case)
    if not cases:
        totals.fail(suite, f"the suite ran no test\n{tail(output)}")
    elif trouble and totals.failed == failed_before:
        totals.fail(suite, f"no test of it failed, but the suite did: {trouble}\n{tail(output)}")


def report(totals):
    for name, text in totals.failures:
        lines = text.splitlines()
        print(f"\nFAILED {name}")
        for line in lines[:HEAD_LINES]:
            print(f"    {line}")
        if len(lines) > HEAD_LINES:
            print(f"    ... {len(lines) - HEAD_LINES} more lines")
    if totals.skipped:
        print()
    for name, reason in totals.skipped:
        print(f"skipped {name}: {reason}")
    skipped = f", {len(totals.skipped)} skipped" if totals.skipped else ""
    print(f"\n{totals.passed} passed, {totals.failed} failed{skipped}")


def main(folder):
    totals = Totals()
    try:
        suites = [test["name"] for test in json.loads((folder / "suites.json").read_text())["tests"]]
    except (OSError, ValueError, KeyError):
        suites = []
        totals.fail("ctest", "could not list the suites; run ctest --test-dir with the build folder to see why")
    ctest = read_xml(folder / "ctest.junit")
    verdicts = {case.get("name"): case for case in (ctest.iter("testcase") if ctest is not None else [])}
    extra = sorted(path.stem for path in folder.glob("*.xml") if path.stem not in suites)
    for suite in suites:
        add_suite(totals, suite, read_xml(folder / f"{suite}.xml"), verdicts.get(suite))
    for part in extra:  # a suite may write more than one file
        root = read_xml(folder / f"{part}.xml")
        if root is None:
            totals.fail(part, "its result file was not written to the end")
            continue
        for case in root.iter("testcase"):
            add_case(totals, part, case)
    for path in sorted(folder.glob("sanitizer.*")):
        totals.fail(path.name, path.read_text(errors="replace").strip())
    if not suites:
        print("no suite matches: nothing ran")
    report(totals)
    return 1 if totals.failed or totals.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
