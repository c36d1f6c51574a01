#!/usr/bin/env python3
"""tools/sbom.py on the programs of this build: valid SPDX 2.3 in what it requires, and nothing they load is left out."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build" / "bin"


class SbomTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sbom.json")
            environment = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000"}
            done = subprocess.run([ROOT / "tools" / "sbom.py", "--bin", BIN, "--out", path], capture_output=True,
                                  text=True, env=environment, check=False)
            assert done.returncode == 0, done.stderr
            with open(path, encoding="utf-8") as file:
                cls.document = json.load(file)
        cls.packages = {package["SPDXID"]: package for package in cls.document["packages"]}

    def linked(self, program):
        return {self.packages[r["relatedSpdxElement"]]["name"] for r in self.document["relationships"]
                if r["relationshipType"] == "DYNAMIC_LINK" and r["spdxElementId"] == f"SPDXRef-Package-program-{program}"}

    def test_what_spdx_requires(self):
        document = self.document
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(document["dataLicense"], "CC0-1.0")
        self.assertEqual(document["SPDXID"], "SPDXRef-DOCUMENT")
        self.assertRegex(document["documentNamespace"], r"^https://[^#\s]+$")
        self.assertEqual(document["creationInfo"]["created"], "2026-09-21T14:13:20Z")
        for creator in document["creationInfo"]["creators"]:
            self.assertRegex(creator, r"^(Tool|Organization|Person): \S")
        self.assertEqual(len(self.packages), len(document["packages"]), "an identifier comes twice")
        for package in document["packages"]:
            self.assertRegex(package["SPDXID"], r"^SPDXRef-[A-Za-z0-9.-]+$")
            for field in ("name", "versionInfo", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText"):
                self.assertTrue(package[field], f"{package['SPDXID']} has no {field}")
            self.assertIs(package["filesAnalyzed"], False)
            for reference in package.get("externalRefs", ()):
                self.assertRegex(reference["referenceLocator"], r"^pkg:deb/debian/[^@\s]+@[^?\s]+\?arch=\w+&distro=\S+$")
        known = {"SPDXRef-DOCUMENT", *self.packages}
        for relationship in document["relationships"]:
            self.assertIn(relationship["spdxElementId"], known)
            self.assertIn(relationship["relatedSpdxElement"], known)
        described = {r["relatedSpdxElement"] for r in document["relationships"] if r["relationshipType"] == "DESCRIBES"}
        self.assertIn("SPDXRef-Package-program-eventstored", described)

    def test_every_needed_library_has_its_package(self):
        for program in ("eventstored", "eventctl"):
            needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(\S+)\]",
                                subprocess.run(["readelf", "-d", BIN / program], capture_output=True, text=True,
                                               check=True).stdout)
            self.assertGreater(len(needed), 5)
            linked = self.linked(program)
            for library in needed:
                done = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True, check=False)
                owners = {line.split(":")[0] for line in done.stdout.splitlines() if line.endswith("/" + library)}
                self.assertTrue(owners & linked, f"{program} needs {library} of {owners}, which is not listed")

    def test_versions_are_those_installed(self):
        for package in self.packages.values():
            if "externalRefs" not in package:
                continue
            done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}\n", package["name"]], capture_output=True,
                                  text=True, check=True)
            self.assertIn(package["versionInfo"], done.stdout.split())

    def test_build_packages_are_named(self):
        names = {package["name"] for package in self.packages.values()}
        self.assertLessEqual({"build-essential", "cmake", "libgrpc++-dev", "libssl-dev"}, names)


if __name__ == "__main__":
    unittest.main()
