#!/usr/bin/env python3
"""run_as_test.py NAME RESULT_FILE COMMAND...: runs COMMAND as a suite of one test and writes its result as JUnit XML.

Exit code 0 passes, 77 skips (the last line it printed is the reason), anything else fails.
"""
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

SKIP = 77


def main(name, result_file, command):
    began = time.monotonic()
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = run.stdout.decode(errors="replace")
    print(output, end="")

    suite = ElementTree.Element("testsuite", name=name, tests="1")
    case = ElementTree.SubElement(suite, "testcase", classname=name, name="all", time=f"{time.monotonic() - began:.3f}")
    # XML cannot hold control characters.
    text = "".join(c for c in output if c >= " " or c in "\t\n")
    if run.returncode == SKIP:
        ElementTree.SubElement(case, "skipped", message=(text.splitlines() or ["no reason given"])[-1])
    elif run.returncode != 0:
        ElementTree.SubElement(case, "failure", message=f"exit code {run.returncode}").text = text
    ElementTree.ElementTree(suite).write(result_file, encoding="utf-8", xml_declaration=True)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
