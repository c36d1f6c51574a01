"""What a server's /metrics says, and Debian's Prometheus to ask about it."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from harness.server import wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def http(address, path):
    """(status, body)"""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Metrics:
    """One scrape."""

    def __init__(self, server):
        status, self.text = http(server.http_address, "/metrics")
        assert status == 200, status
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.MULTILINE))
        self.samples = []
        for line in self.text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = _LINE.match(line).groups()
            self.samples.append((name, dict(_LABEL.findall(labels or "")), float(value)))
        self.names = {name for name, _, _ in self.samples}

    def sum(self, name, **labels):
        """Of the samples that have these labels; None where there is none."""
        values = [
            value for other, has, value in self.samples if other == name and all(has.get(k) == v for k, v in labels.items())
        ]
        return sum(values) if values else None


class Prometheus:
    """Scrapes a server every second, with the rules of deploy/prometheus."""

    def __init__(self, server):
        script = os.path.join(TOP, "tools/setup/prometheus.sh")
        programs = subprocess.run([script, "--print"], capture_output=True, text=True, check=True).stdout.strip()
        self._folder = tempfile.mkdtemp(prefix="eventstore-prometheus-")
        with open(os.path.join(self._folder, "prometheus.yml"), "w", encoding="utf-8") as file:
            json.dump(  # which is YAML
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [os.path.join(TOP, "deploy/prometheus/alerts.yml")],
                    "scrape_configs": [
                        {"job_name": "eventstored", "static_configs": [{"targets": [server.http_address]}]}
                    ],
                },
                file,
            )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._log = open(os.path.join(self._folder, "log"), "w", encoding="utf-8")
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", os.path.join(programs, "prometheus"), f"--web.listen-address={self.address}",
             f"--config.file={self._folder}/prometheus.yml", f"--storage.tsdb.path={self._folder}/data"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
        )
        try:
            wait_until(self._is_ready, "Prometheus to be ready", 120)
        except BaseException:
            self.stop()
            raise

    def _is_ready(self):
        if self._process.poll() is not None:
            with open(os.path.join(self._folder, "log"), encoding="utf-8") as log:
                raise AssertionError(f"prometheus ended with {self._process.returncode}:\n{log.read()}")
        try:
            return http(self.address, "/-/ready")[0] == 200
        except OSError:
            return False

    def query(self, expression):
        """The series of an instant query; an AssertionError where it is wrong."""
        status, body = http(self.address, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        answer = json.loads(body)
        assert status == 200 and answer["status"] == "success", f"{expression}: {answer.get('error', body)}"
        return answer["data"]["result"]

    def rules(self):
        """Of the groups of rules that it runs."""
        return [rule for group in json.loads(http(self.address, "/api/v1/rules")[1])["data"]["groups"] for rule in group["rules"]]

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)
