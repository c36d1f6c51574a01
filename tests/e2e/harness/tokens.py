"""Tokens that were signed once, with two keys (Ed25519) of which the private halves were thrown away. Those that hold do so
until the year 2100, so that hardly a suite needs to sign."""
import base64
import json
import os
import subprocess
import tempfile

ISSUER, AUDIENCE = "https://id.example.com", "eventstore"

# The reader and writer "ada", tied to the events of that user.
GOOD = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiZXZlb"
    "nRzdG9yZSIsInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXIiLCJ3cml0ZXIiXSwib3d"
    "uX3VzZXJfaWQiOnRydWV9fQ.sYUtEIF1I29grhKPLK7KJBJVMIKswkPRustatGBU6b3t-Gjp98E7IlV2WjDu5pc4udObdD3mR4npKYEwN2oxBA"
)
# The admin "root".
ADMIN = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiZXZlb"
    "nRzdG9yZSIsInN1YiI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDAsImV2ZW50c3RvcmUiOnsicm9sZXMiOlsiYWRtaW4iXX19.EuZ-"
    "g5SEqH1jKVgjxIfRYWAK1_2Yoyir7Dr4aTJv_RSDH7Gvykr0Zc-orI_-uqdq4mqCS9gIrbUDqk3g0huFDw"
)
# As GOOD, by the second key.
OF_TWO = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6InR3byJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiZXZlb"
    "nRzdG9yZSIsInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXIiLCJ3cml0ZXIiXSwib3d"
    "uX3VzZXJfaWQiOnRydWV9fQ.VHiYpbuk4jWm9gojGT6me1rNATGP1lomd9TfzFgx745pkiPAHjhuSIimiVKQzQDx-7ySLz2UBgm145pSxEcpDQ"
)
# As GOOD, but for one thing.
EXPIRED = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiZXZlb"
    "nRzdG9yZSIsInN1YiI6ImFkYSIsImV4cCI6MTYwMDAwMDAwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXIiLCJ3cml0ZXIiXSwib3d"
    "uX3VzZXJfaWQiOnRydWV9fQ.D8iVSMLCaXv2KH0VlHd3RkXWPpa1wwnimqTYQdc2XHJt3_e5pB1vevRfik10Vt4YEeSdidjQudWK6L9RSiYQDg"
)
OTHER_ISSUER = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2V4YW1wbGUub3JnIiwiYXVkIjoiZXZlbnRzd"
    "G9yZSIsInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXIiLCJ3cml0ZXIiXSwib3duX3V"
    "zZXJfaWQiOnRydWV9fQ.WqNzZaeLZ_7QQ-HO12FU1YanrEKc9xh3dHtngpIFtmF4I-8vQz78-WjgHistUK6WSTeEKp7sdPFbRZLrIwgvCg"
)
OTHER_AUDIENCE = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbInBhe"
    "W1lbnRzIl0sInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXIiLCJ3cml0ZXIiXSwib3d"
    "uX3VzZXJfaWQiOnRydWV9fQ.QdZXDyAOjw-ct-UeEz03RFWjWYEuCTemiNEosHRv3FmsVMAgMfteYOGxgUMYHxwkO1O2uLvEx_3jnJwEbEAKAA"
)
WITHOUT_RIGHTS = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiZXZlb"
    "nRzdG9yZSIsInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMH0.aSU5H5ShdSMm0rweNhtPCzUqvlygrVMcUTOuoEgiUKPnM28oLeRdPZc_FAD"
    "qrs0nhmFkbEDbnaj1P4rw4qtWAA"
)

KEYS = {
    "one": {"kid": "one", "kty": "OKP", "crv": "Ed25519", "x": "7Q-sHQrdWvkv3bTE9ZFdgo_LEZyw3IOfUjyHep8YzjE"},
    "two": {"kid": "two", "kty": "OKP", "crv": "Ed25519", "x": "jkMlxmT7xDsug1ITYwTVU1TXo3U4ZyVUnMaFPs5uUEM"},
}


def jwks(*kids):
    return json.dumps({"keys": [KEYS[kid] for kid in kids]})


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A key of its own (Ed25519), by the openssl program, for tokens whose time matters."""

    def __init__(self):
        self._key = self._openssl("genpkey", "-algorithm", "ed25519")

    def _openssl(self, *arguments, **files):
        """`files`: options whose value is a file with that in it. What the program prints."""
        with tempfile.TemporaryDirectory() as folder:
            for option, data in files.items():
                path = os.path.join(folder, option)
                with open(path, "wb") as file:
                    file.write(data)
                arguments += (f"-{option}", path)
            return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout

    def jwks(self):
        public = self._openssl("pkey", "-pubout", "-outform", "DER", **{"in": self._key})[-32:]
        return json.dumps({"keys": [{"kid": "own", "kty": "OKP", "crv": "Ed25519", "x": _base64url(public)}]})

    def token(self, **claims):
        """As GOOD, with these claims."""
        parts = ({"alg": "EdDSA", "typ": "JWT", "kid": "own"},
                 {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "eventstore": {"roles": ["reader", "writer"]}, **claims})
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_base64url(self._openssl('pkeyutl', '-sign', '-rawin', inkey=self._key, **{'in': signed.encode()}))}"
