"""What CMake builds, as its file API and ctest tell it: the one list of sources, from which generate.py writes."""
import glob
import json
import os
import subprocess

# What Bazel does not build or run, and why.
SKIPPED = {
    "umadb_load": "a client for another store, which make bench alone asks for",
    "client_install_test": "is about cmake --install",
    "sbom_test": "is about the programs in build/bin",
    "bazel_files_test": "is about these files",
    "install_tree_test": "is about cmake --install",
    "release_test": "is about the checkout and its tags",
    "deploy_files_test": "is about files of the checkout, not of a build",
    "e2e_client_examples_test": "makes stubs in folders of the checkout",
}
# Definitions that are handed on.
DEFINES = ("EVENTSTORE", "MIGRATIONS", "FUZZ")


class Target:
    def __init__(self, raw):
        self.name = raw["name"]
        self.library = raw["type"] == "STATIC_LIBRARY"
        self.folder = raw["paths"]["source"]
        self.package = self.folder.split("/")[0]
        self.sources, self.generated = [], []
        for source in raw.get("sources", []):
            if not source["path"].endswith(".rule"):
                (self.generated if source.get("isGenerated") else self.sources).append(source["path"])
        self.needs = [dependency["id"].split("::")[0] for dependency in raw.get("dependencies", [])]
        self.defines = sorted({define["define"] for group in raw.get("compileGroups", [])
                               for define in group.get("defines", []) if define["define"].startswith(DEFINES)})

    def label(self, package):
        return f":{self.name}" if package == self.package else f"//{self.package}:{self.name}"


class Suite:
    def __init__(self, raw):
        properties = {each["name"]: each["value"] for each in raw.get("properties", [])}
        environment = dict(each.split("=", 1) for each in properties.get("ENVIRONMENT") or [])
        self.name = raw["name"]
        self.command = raw.get("command", [])
        self.engine = environment.get("EVENTSTORE_TEST_ENGINE", "")
        self.alone = bool(properties.get("RUN_SERIAL"))


def newest_reply(build):
    found = glob.glob(os.path.join(build, ".cmake/api/v1/reply/codemodel-v2-*.json"))
    return max(found, key=os.path.getmtime) if found else None


def targets_of(build):
    """By name. CMake answers each time it runs, once it has been asked; tools/setup/build.sh asks before its first time."""
    if not os.path.exists(os.path.join(build, "CMakeCache.txt")):
        raise SystemExit(f"{build} is not configured: run make test, or cmake -S . -B {build}")
    if not newest_reply(build):
        query = os.path.join(build, ".cmake/api/v1/query/codemodel-v2")
        os.makedirs(os.path.dirname(query), exist_ok=True)
        with open(query, "w", encoding="utf-8"):
            pass
        subprocess.run(["cmake", build], check=True, stdout=subprocess.DEVNULL)
    reply = newest_reply(build)
    with open(reply, encoding="utf-8") as file:
        entries = json.load(file)["configurations"][0]["targets"]
    targets = {}
    for entry in entries:
        with open(os.path.join(os.path.dirname(reply), entry["jsonFile"]), encoding="utf-8") as file:
            raw = json.load(file)
        # Not what has no sources of its own to compile.
        if raw["type"] not in ("UTILITY", "INTERFACE_LIBRARY") and raw["name"] not in SKIPPED:
            targets[raw["name"]] = Target(raw)
    return targets


def suites_of(build):
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True)
    suites = [Suite(raw) for raw in json.loads(listed.stdout)["tests"]]
    return [suite for suite in suites if suite.name not in SKIPPED]
