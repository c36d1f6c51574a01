#!/usr/bin/env python3
"""sum_tests.py EVENTS FOLDER: sums up a `bazel test --build_event_json_file=EVENTS` as make test is summed up.

Bazel counts programs, calls one that holds no test passed, and knows no skipping. So what its programs wrote (test.xml) goes
to FOLDER, in the form that tools/setup/sum-test-results.py reads; the last line is "N passed, N failed".
"""
import json
import pathlib
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

SUM = pathlib.Path(__file__).resolve().parents[1] / "tools/setup/sum-test-results.py"


def path_of(uri):
    return pathlib.Path(urllib.request.url2pathname(urllib.parse.urlparse(uri).path))


def printable(text):
    return "".join(c for c in text if c >= " " or c in "\t\n")


def main(events, folder):
    suites, ended, files = [], {}, {}
    with open(events, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            name = next((value.get("label", "") for value in event["id"].values()), "").rpartition(":")[2]
            if "configured" in event and "testSize" in event["configured"]:
                suites.append(name)
            elif "testResult" in event:
                ended[name] = event["testResult"].get("status", "NO_STATUS")
                files[name] = {each["name"]: path_of(each["uri"]) for each in event["testResult"].get("testActionOutput", [])}

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "suites.json").write_text(json.dumps({"tests": [{"name": name} for name in sorted(suites)]}))
    verdicts = ElementTree.Element("testsuite", name="bazel")
    for name, status in sorted(ended.items()):
        verdict = ElementTree.SubElement(verdicts, "testcase", name=name, status="run")
        if status not in ("PASSED", "FLAKY"):
            ElementTree.SubElement(verdict, "failure", message=f"Bazel says {status}")
        log, result = files[name].get("test.log"), files[name].get("test.xml")
        if log and log.exists():
            ElementTree.SubElement(verdict, "system-out").text = printable(log.read_text(errors="replace"))
        if result and result.exists():
            shutil.copy(result, folder / f"{name}.xml")
    ElementTree.ElementTree(verdicts).write(folder / "ctest.junit", encoding="utf-8", xml_declaration=True)
    return subprocess.run([sys.executable, SUM, folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
