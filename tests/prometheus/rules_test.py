#!/usr/bin/python3 -B
"""The alert rules: valid, each one fires in alerts_test.yml, and each says what to do and where that is written. And the
dashboard: what its script prints."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
RULES = os.path.join(TOP, "deploy/prometheus/alerts.yml")
TESTS = os.path.join(HERE, "alerts_test.yml")
problems = []


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problems.append(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def anchors(markdown):
    """Of its headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def check_rules(promtool):
    run(promtool, "check", "rules", RULES)
    run(promtool, "check", "config", os.path.join(TOP, "deploy/prometheus/prometheus.yml"))
    run(promtool, "test", "rules", TESTS)
    alerts = re.split(r"^      - alert: ", read("deploy/prometheus/alerts.yml"), flags=re.MULTILINE)[1:]
    fired = set(re.findall(r"- labels: '\{alertname=\"(\w+)\"", read("tests/prometheus/alerts_test.yml")))
    known = anchors(read("docs/operations.md"))
    if len(alerts) < 15:
        problems.append(f"only {len(alerts)} alerts were found in {RULES}")
    for text in alerts:
        name = text.split("\n", 1)[0].strip()
        if name not in fired:
            problems.append(f"{name} does not fire in {TESTS}")
        for part in ("summary: \"", "description: \"", "severity: "):
            if part not in text:
                problems.append(f"{name} has no {part.strip(' :')}")
        anchor = re.search(r"runbook_url: docs/operations\.md#(\S+)", text)
        if anchor is None or anchor.group(1) not in known:
            problems.append(f"{name}: docs/operations.md has no heading for it")


def check_dashboard():
    printed = run("/usr/bin/python3", "-B", os.path.join(TOP, "deploy/grafana/dashboard.py"))
    if printed != read("deploy/grafana/eventstore.json"):
        problems.append("deploy/grafana/eventstore.json is not what dashboard.py prints: run it again")
    elif not json.loads(printed)["panels"]:
        problems.append("the dashboard has no panel")


folder = run(os.path.join(TOP, "tools/setup/prometheus.sh"), "--print").strip()
if folder:
    check_rules(os.path.join(folder, "promtool"))
else:
    problems.append("there is no promtool: run tools/setup/prometheus.sh")
check_dashboard()
print("\n".join(problems))
sys.exit(1 if problems else 0)
