"""TLS and client certificates, for gRPC and HTTP: who gets in and who does not, certificates that change under a running server,
and what is refused at the start."""
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import grpc

from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import BINARY as EVENTCTL
from harness.eventctl import OK, UNREACHABLE, USAGE
from harness.server import BINARY, Server, wait_until

EVENTBENCH = os.path.join(os.path.dirname(BINARY), "eventbench")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL, **more)


class Certificates:
    """A folder of `eventctl dev-certs`."""

    def __init__(self, *arguments):
        self.folder = tempfile.mkdtemp(prefix="eventstore-tls-")
        self.make(*arguments)

    def make(self, *arguments):
        done = run(EVENTCTL, "dev-certs", self.folder, "--replace", *arguments)
        assert done.returncode == OK, done.stderr

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def credentials(self, client=None):
        """client: the Certificates that the client's own are of."""
        if client is None:
            return grpc.ssl_channel_credentials(self.read("ca.crt"))
        return grpc.ssl_channel_credentials(self.read("ca.crt"), client.read("client.key"), client.read("client.crt"))

    def settings(self, **more):
        return {"tls_cert": self.path("server.crt"), "tls_key": self.path("server.key"), **more}

    def remove(self):
        shutil.rmtree(self.folder)


def served(address, context):
    """The certificate that is served there (DER), and the version of TLS."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            return connection.getpeercert(binary_form=True), connection.version()


def trusting(certificates, client=None):
    context = ssl.create_default_context(cafile=certificates.path("ca.crt"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    if client is not None:
        context.load_cert_chain(client.path("client.crt"), client.path("client.key"))
    return context


def get(server, path, context):
    host, port = server.http_address.rsplit(":", 1)
    connection = http.client.HTTPSConnection(host, int(port), timeout=10, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates, cls.others = Certificates(), Certificates()
        cls.addClassCleanup(cls.certificates.remove)
        cls.addClassCleanup(cls.others.remove)
        cls.server = Server(settings=cls.certificates.settings(), credentials=cls.certificates.credentials())
        cls.addClassCleanup(cls.server.stop)

    def client(self, credentials, server=None):
        client = Client((server or self.server).address, credentials=credentials)
        self.addCleanup(client.close)
        return client

    def refused(self, credentials, server=None):
        """No call gets through."""
        with self.assertRaises(AssertionError) as raised:
            self.client(credentials, server).append(append_request(new_id(), 0, [new_event()]), deadline_s=5)
        self.assertIn(getattr(raised.exception, "code", None), ("UNAVAILABLE", "DEADLINE_EXCEEDED"))

    def test_who_trusts_it_gets_in(self):
        client = self.client(self.certificates.credentials())
        self.assertEqual(client.append(append_request(new_id(), 0, [new_event()])).events[0].version, 1)

    def test_who_does_not_trust_it_or_speaks_plainly_does_not(self):
        self.refused(self.others.credentials())
        self.refused(None)

    def test_http_is_tls_as_well(self):
        self.assertEqual(get(self.server, "/readyz", trusting(self.certificates))[0], 200)
        with self.assertRaises(ssl.SSLCertVerificationError):
            get(self.server, "/readyz", trusting(self.others))
        host, port = self.server.http_address.rsplit(":", 1)
        with self.assertRaises((OSError, http.client.HTTPException)):
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("GET", "/readyz")
            connection.getresponse()

    def test_nothing_older_than_1_2(self):
        for address in (self.server.address, self.server.http_address):
            for version, spoken in ((ssl.TLSVersion.TLSv1_1, None), (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                    (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
                with self.subTest(address=address, version=version.name):
                    context = trusting(self.certificates)
                    context.minimum_version = ssl.TLSVersion.TLSv1
                    context.maximum_version = version
                    # What Debian's OpenSSL would refuse by itself.
                    context.set_ciphers("DEFAULT:@SECLEVEL=0")
                    if spoken is None:
                        # With these settings 1.2 is spoken, below: what is refused is the version, by whatever it closes with.
                        with self.assertRaises((ssl.SSLError, ConnectionError)):
                            served(address, context)
                    else:
                        self.assertEqual(served(address, context)[1], spoken)

    def test_the_metric_says_when_it_expires(self):
        text = get(self.server, "/metrics", trusting(self.certificates))[1]
        at = float(re.search(r"^eventstore_tls_certificate_expiry_timestamp_seconds (\S+)", text, re.MULTILINE).group(1))
        self.assertAlmostEqual(at - time.time(), 30 * 86_400, delta=3_600)

    # The tools.

    def test_eventctl_and_eventbench(self):
        ca = self.certificates.path("ca.crt")
        count = run(EVENTCTL, "--server", self.server.address, "--tls-ca", ca, "count")
        self.assertEqual(count.returncode, OK, count.stderr)
        for arguments in (["ops", "list", "workers"], ["housekeeper", "tasks"], ["analytics", "list"]):
            done = run(EVENTCTL, "--server", self.server.address, *arguments, env={**os.environ, "EVENTSTORE_CLIENT_TLS_CA": ca})
            self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(run(EVENTCTL, "--server", self.server.address, "count").returncode, UNREACHABLE)
        self.assertEqual(run(EVENTCTL, "--server", self.server.address, "--tls-ca", self.others.path("ca.crt"), "count").returncode,
                         UNREACHABLE)
        wrong = run(EVENTCTL, "--server", self.server.address, "--tls-ca", ca + ".none", "count")
        self.assertIn(ca + ".none cannot be read", wrong.stderr)
        self.assertNotEqual(wrong.returncode, OK)
        self.assertIn("give both", run(EVENTCTL, "--tls-cert", ca, "count").stderr)
        bench = run(EVENTBENCH, "--server", self.server.address, "--tls-ca", ca, "--seconds", "0.5", "--warmup", "0", "--json")
        self.assertEqual(bench.returncode, OK, bench.stderr)
        self.assertGreater(json.loads(bench.stdout)["acknowledged_events"], 0)

    # Client certificates.

    def test_clients_that_have_to_prove_themselves(self):
        ours = self.certificates
        settings = ours.settings(tls_client_ca=ours.path("ca.crt"), http_tls_client_ca=self.others.path("ca.crt"))
        server = Server(settings=settings, credentials=ours.credentials(ours))
        self.addCleanup(server.stop)
        client = self.client(ours.credentials(ours), server)
        self.assertEqual(client.append(append_request(new_id(), 0, [new_event()])).events[0].version, 1)
        self.refused(ours.credentials(), server)
        self.refused(ours.credentials(self.others), server)
        # HTTP has an authority of its own.
        self.assertEqual(get(server, "/healthz", trusting(ours, self.others))[0], 200)
        for context in (trusting(ours), trusting(ours, ours)):
            with self.assertRaises((ssl.SSLError, OSError)):
                get(server, "/healthz", context)
        tls = ["--tls-ca", ours.path("ca.crt"), "--tls-cert", ours.path("client.crt"), "--tls-key", ours.path("client.key")]
        done = run(EVENTCTL, "--server", server.address, *tls, "count")
        self.assertEqual(done.returncode, OK, done.stderr)

    # Certificates that change.

    def test_new_certificates_are_taken_without_a_restart(self):
        certificates = Certificates()
        self.addCleanup(certificates.remove)
        server = Server(settings=certificates.settings(tls_client_ca=certificates.path("ca.crt")),
                        credentials=certificates.credentials(certificates))
        self.addCleanup(server.stop)
        before = self.client(certificates.credentials(certificates), server)
        before.append(append_request(new_id(), 0, [new_event()]))
        old = certificates.credentials(certificates)
        certificates.make()
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        new = ssl.PEM_cert_to_DER_cert(certificates.read("server.crt").decode())
        wait_until(lambda: served(server.http_address, anyone)[0] == new, "HTTP to serve the new certificate")

        def gets_in():
            client = Client(server.address, credentials=certificates.credentials(certificates))
            try:
                client.append(append_request(new_id(), 0, [new_event()]), deadline_s=5)
                return True
            except AssertionError:
                return False
            finally:
                client.close()

        wait_until(gets_in, "gRPC to serve the new certificate and to trust the new authority")
        self.refused(old, server)
        # Who is connected stays so.
        before.append(append_request(new_id(), 0, [new_event()]))

    def test_wrong_files_leave_the_old_certificate(self):
        certificates = Certificates()
        self.addCleanup(certificates.remove)
        server = Server(settings=certificates.settings(), credentials=certificates.credentials())
        self.addCleanup(server.stop)
        trusted = trusting(certificates)
        with open(certificates.path("server.crt"), "w", encoding="utf-8") as file:
            file.write("no certificate")

        def warned():
            self.assertEqual(get(server, "/readyz", trusted)[0], 200)
            return "holds no certificate in PEM" in server.log()

        wait_until(warned, "the warning")
        self.assertEqual(get(server, "/readyz", trusted)[0], 200)

    # What is refused at the start.

    def test_wrong_files_are_told_at_the_start(self):
        ours, folder = self.certificates, tempfile.mkdtemp(prefix="eventstore-tls-")
        self.addCleanup(shutil.rmtree, folder, True)
        good = {"--tls-cert": ours.path("server.crt"), "--tls-key": ours.path("server.key")}
        cases = [
            ({**good, "--tls-cert": folder + "/none"}, "none cannot be read"),
            ({**good, "--tls-cert": ours.path("server.key")}, "server.key holds no certificate in PEM"),
            ({**good, "--tls-key": ours.path("server.crt")}, "server.crt holds no private key"),
            ({**good, "--tls-key": self.others.path("server.key")}, "is not the key of"),
            ({**good, "--tls-client-ca": folder + "/none"}, "none cannot be read"),
            ({**good, "--http-tls-client-ca": ours.path("server.key")}, "holds no certificate in PEM"),
            ({"--tls-cert": ours.path("server.crt")}, "tls_cert is given without tls_key"),
            ({"--tls-client-ca": ours.path("ca.crt")}, "without tls_cert and tls_key"),
            ({"--grpc-listen": "0.0.0.0:0"}, "without TLS anybody reads and writes"),
        ]
        environment = {**os.environ, "DATABASE_URL": self.server.conninfo()}
        for flags, words in cases:
            with self.subTest(flags=flags):
                flags = {"--grpc-listen": "127.0.0.1:0", "--http-listen": "127.0.0.1:0", **flags}
                done = run(BINARY, *[word for flag in flags.items() for word in flag], env=environment)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stdout + done.stderr)

    def test_dev_certs_replace_nothing_unasked(self):
        before = self.certificates.read("server.key")
        done = run(EVENTCTL, "dev-certs", self.certificates.folder)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("is there already", done.stderr)
        self.assertEqual(self.certificates.read("server.key"), before)
        for name in os.listdir(self.certificates.folder):
            mode = os.stat(self.certificates.path(name)).st_mode & 0o777
            self.assertEqual(mode, 0o600 if name.endswith(".key") else 0o644, name)
