#!/usr/bin/env python3
"""What TLS and knowing the caller cost an append, beside the same server without.

    tools/bench/access.py [--rounds 5] [--seconds 5] [--in-flight 1,64]

Starts the built eventstored with a private PostgreSQL in a folder of its own, which is removed, and on the same database one
more server for each way to call: plain, TLS, TLS with an API key, TLS with a JWT (RS256, of 2048 bits). eventbench appends
to them by turns, one event in a call. Prints a table of medians, and their ratios to plain.
"""
import argparse
import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ISSUER, AUDIENCE = "https://id.example.com", "eventstore"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--in-flight", default="1,64")
    return parser.parse_args()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, text=None):
    return subprocess.run(["openssl", *words], input=text, check=True, capture_output=True).stdout


class Server:
    def __init__(self, build, *flags, database=None):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EVENTSTORE_")}
        if database:
            environment["DATABASE_URL"] = database
        self.process = subprocess.Popen(
            [os.path.join(build, "bin", "eventstored"), "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
             "--housekeeper=false", *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if "serving gRPC on " in line:
                self.address = "localhost:" + line.split("serving gRPC on ")[1].split()[0].rsplit(":", 1)[1]
                return
        sys.exit("eventstored did not start:\n" + "".join(seen))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Site:
    """A folder with certificates, keys and tokens."""

    def __init__(self, folder, build):
        self.folder = folder
        certificates = os.path.join(folder, "certs")
        subprocess.run([os.path.join(build, "bin", "eventctl"), "dev-certs", certificates], check=True,
                       capture_output=True)
        self.authority = os.path.join(certificates, "ca.crt")
        self.tls = ["--tls-cert", os.path.join(certificates, "server.crt"), "--tls-key",
                    os.path.join(certificates, "server.key")]
        key = "esk_" + secrets.token_hex(32)
        self.key = self.write("key", key)
        self.keys = self.write("keys.toml", f'[[identity]]\nname = "bench"\nroles = ["writer"]\n'
                                            f'key_sha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n')
        private = self.write("token.pem", openssl("genrsa", "2048").decode())
        modulus = openssl("rsa", "-in", private, "-noout", "-modulus").decode().strip().split("=")[1]
        self.jwks = self.write("jwks.json", json.dumps({"keys": [{
            "kid": "bench", "kty": "RSA", "alg": "RS256", "n": base64url(bytes.fromhex(modulus)),
            "e": base64url(b"\x01\x00\x01")}]}))
        parts = ({"alg": "RS256", "typ": "JWT", "kid": "bench"},
                 {"iss": ISSUER, "aud": AUDIENCE, "sub": "bench", "exp": int(time.time()) + 86_400,
                  "eventstore": {"roles": ["writer"]}})
        signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        signature = openssl("dgst", "-sha256", "-sign", private, text=signed.encode())
        self.token = self.write("token", f"{signed}.{base64url(signature)}")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def ways(self):
        """Name, flags of the server, flags of the client."""
        trust = ["--tls-ca", self.authority]
        jwt = ["--jwt-jwks", self.jwks, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE]
        return [
            ("plain", [], []),
            ("TLS", self.tls, trust),
            ("TLS, API key", [*self.tls, "--auth-keys", self.keys], [*trust, "--token-file", self.key]),
            ("TLS, JWT", [*self.tls, *jwt], [*trust, "--token-file", self.token]),
        ]


def measure(options, server, flags, in_flight):
    done = subprocess.run(
        [os.path.join(options.build, "bin", "eventbench"), "--server", server.address, *flags, "--mix", "append",
         "--in-flight", str(in_flight), "--seconds", str(options.seconds), "--warmup", "1", "--json"],
        capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    result = json.loads(done.stdout)["operations"]["append"]
    if result["errors"]:
        sys.exit(f"eventbench: {result['errors']} appends failed")
    return result["operations_per_second"], 1_000 * result["latency_ms"]["p50"]


def main():
    options = arguments()
    levels = [int(level) for level in options.in_flight.split(",")]
    folder = tempfile.mkdtemp(prefix="eventstore-bench-")
    os.chmod(folder, 0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        site = Site(folder, options.build)
        data = os.path.join(folder, "data")
        owner = Server(options.build, "--data-dir", data)
        stack.callback(owner.stop)
        with open(os.path.join(data, "conninfo"), encoding="utf-8") as file:
            database = file.read().strip()
        ways = []
        for name, server_flags, client_flags in site.ways():
            server = Server(options.build, *server_flags, database=database)
            stack.callback(server.stop)
            ways.append((name, server, client_flags))
        results = {}
        total = options.rounds * len(levels) * len(ways)
        for number in range(options.rounds):
            for level in levels:
                # Whoever is first in a round is not always the same.
                for name, server, flags in ways[number % len(ways):] + ways[:number % len(ways)]:
                    results.setdefault((level, name), []).append(measure(options, server, flags, level))
                    done = sum(len(each) for each in results.values())
                    print(f"\r{done} of {total}, about {(total - done) * (options.seconds + 2)} s left ", end="",
                          file=sys.stderr, flush=True)
        print(file=sys.stderr)
        print("| in flight | call | appends/s | of plain | p50 µs | of plain |\n|---|---|---|---|---|---|")
        for level in levels:
            plain = results[level, "plain"]
            for name, _, _ in ways:
                mine = results[level, name]
                rate = statistics.median(rate for rate, _ in mine)
                p50 = statistics.median(p50 for _, p50 in mine)
                rates = statistics.median(a[0] / b[0] for a, b in zip(mine, plain))
                p50s = statistics.median(a[1] / b[1] for a, b in zip(mine, plain))
                print(f"| {level} | {name} | {rate:.0f} | {rates:.2f} | {p50:.0f} | {p50s:.2f} |")


if __name__ == "__main__":
    main()
