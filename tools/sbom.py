#!/usr/bin/python3
"""What the built programs are made of and linked with, as SPDX 2.3 JSON: every shared library they load with the Debian
package and exact version it comes from, and the packages they are built with.

    tools/sbom.py [--bin build/bin] [--out build/sbom.spdx.json]

SOURCE_DATE_EPOCH is honoured, so that the same system gives the same file."""
import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = ("eventstored", "eventctl", "eventbench")
_FIELDS = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Maintainer}\t${db:Status-Status}\n"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def libraries(program):
    """Path by name of everything the program loads, directly or not."""
    found = {}
    for line in output("ldd", program).splitlines():
        match = re.match(r"\s*(\S+) => (/\S+) \(", line) or re.match(r"\s*((?:/\S+/)?(ld-linux\S*)) \(", line)
        if match:
            path = match.group(2) if match.group(2).startswith("/") else match.group(1)
            found[os.path.basename(match.group(1))] = path
        elif "not found" in line:
            raise SystemExit(f"sbom: {program} needs {line.strip()}")
    return found


def package_of(path):
    """The Debian package that installed the file; older packages know it by a path without /usr."""
    names = {path, os.path.realpath(path)}
    names |= {name[4:] for name in names if name.startswith("/usr/")} | {"/usr" + name for name in names}
    for name in sorted(names):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(": ")[0].split(",")[0]
    raise SystemExit(f"sbom: no Debian package holds {path}")


def describe(names):
    """Of each package: what dpkg says, by name without architecture."""
    done = subprocess.run(["dpkg-query", "-W", "-f", _FIELDS, *names], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        fields = line.split("\t")
        if fields[-1] == "installed":
            found[fields[0]] = fields
    return found


def build_packages():
    with open(os.path.join(ROOT, "tools", "setup", "packages.txt"), encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return [words[1] for words in lines if words[0] in ("build", "run")]


def spdx_package(fields, distribution):
    name, version, architecture, source, source_version, maintainer, _ = fields
    return {
        "SPDXID": "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: " + re.sub(r"\s*<.*>", "", maintainer),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"Debian source package {source} {source_version}; licences in /usr/share/doc/{name}/copyright",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}"
                                f"?arch={architecture}&distro={distribution}",
        }],
    }


def own_package(program, version):
    return {
        "SPDXID": "SPDXRef-Package-program-" + program,
        "name": program,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
    }


def make(bin_dir):
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\([^)]*VERSION\s+([0-9.]+)", file.read()).group(1)
    release = output("sh", "-c", ". /etc/os-release && echo $ID-$VERSION_ID").strip()
    programs = [name for name in PROGRAMS if os.path.exists(os.path.join(bin_dir, name))]
    if "eventstored" not in programs:
        raise SystemExit(f"sbom: {bin_dir} has no eventstored: build first")
    loads, owners = {}, {}
    for program in programs:
        loads[program] = set()
        for path in libraries(os.path.join(bin_dir, program)).values():
            if path not in owners:
                owners[path] = package_of(path)
            loads[program].add(owners[path].split(":")[0])
    built_with = build_packages()
    known = describe(sorted(set(owners.values())) + built_with)
    missing = sorted(set().union(*loads.values()) - set(known))
    if missing:
        raise SystemExit(f"sbom: dpkg does not know the version of {', '.join(missing)}")

    relationships = []

    def relate(one, kind, other):
        relationships.append({"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other})

    identifier = {name: spdx_package(fields, release)["SPDXID"] for name, fields in known.items()}
    for program in programs:
        own = "SPDXRef-Package-program-" + program
        relate("SPDXRef-DOCUMENT", "DESCRIBES", own)
        for name in sorted(loads[program]):
            relate(own, "DYNAMIC_LINK", identifier[name])
        for name in sorted(set(built_with) & set(known)):
            relate(identifier[name], "BUILD_DEPENDENCY_OF", own)
    packages = [own_package(program, version) for program in programs]
    packages += [spdx_package(known[name], release) for name in sorted(known)]
    moment = int(os.environ.get("SOURCE_DATE_EPOCH", datetime.datetime.now(datetime.timezone.utc).timestamp()))
    content = json.dumps([packages, relationships], sort_keys=True)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"eventstore-{version}-{release}",
        # Names this very list: another one for other versions.
        "documentNamespace": f"https://spdx.org/spdxdocs/eventstore-{version}-{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "creationInfo": {
            "created": datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: eventstore-tools-sbom"],
        },
        "packages": packages,
        "relationships": relationships,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"))
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "sbom.spdx.json"))
    arguments = parser.parse_args()
    document = make(arguments.bin)
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    linked = {r["relatedSpdxElement"] for r in document["relationships"] if r["relationshipType"] == "DYNAMIC_LINK"}
    print(f"{arguments.out}: {len(document['packages'])} packages, {len(linked)} of them linked", file=sys.stderr)


if __name__ == "__main__":
    main()
