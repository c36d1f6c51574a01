"""A client's certificate as the proof of who calls."""
import unittest

from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.keys import KeyFile
from harness.server import Server
from tls_test import Certificates


class CertificateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = Certificates("--client", "orders-service")
        cls.addClassCleanup(cls.certificates.remove)
        cls.keys = KeyFile().add("root", "admin").write()
        cls.keys.write(cls.keys.text() + '[[identity]]\nname = "orders"\ncertificate = "orders-service"\n'
                                         'roles = ["writer"]\naggregate_types = ["order"]\n')
        cls.credentials = cls.certificates.credentials(cls.certificates)
        cls.server = Server(settings=cls.certificates.settings(tls_client_ca=cls.certificates.path("ca.crt"),
                                                               auth_keys=cls.keys.path), credentials=cls.credentials)
        cls.addClassCleanup(cls.server.stop)

    def client(self, **more):
        client = Client(self.server.address, credentials=self.credentials, **more)
        self.addCleanup(client.close)
        return client

    def test_its_name_is_an_identity(self):
        client = self.client()
        self.assertEqual(client.append(append_request(new_id(), 0, [new_event()], "order")).version, 1)
        failure = failure_of(lambda: client.append(append_request(new_id(), 0, [new_event()], "cart")))
        self.assertEqual((failure.reason, failure.info.metadata["identity"]), ("OUTSIDE_LIMITS", "orders"))
        self.assertEqual(failure_of(client.count).reason, "ROLE_MISSING")

    def test_a_key_goes_before_it(self):
        self.assertGreaterEqual(self.client(token=self.keys.key["root"]).count(), 0)
        self.assertEqual(failure_of(self.client(token="esk_wrong").count).reason, "CREDENTIALS_INVALID")
