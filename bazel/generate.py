#!/usr/bin/env python3
"""Writes the BUILD.bazel files of client, server, tools and tests, and proto/sources.bzl, from what CMake builds.

    bazel/generate.py            writes them
    bazel/generate.py --check    says which of them are not what CMake builds; exit code 1 if any

--build (build/) has to be configured with tests and tools, and after the last change of a CMakeLists.txt, as any build of
it does by itself. What a target needs of the system is read from its #include lines.
"""
import argparse
import collections
import difflib
import glob
import json
import os
import re
import sys

from cmake_targets import suites_of, targets_of

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = ("client", "server", "tools", "tests")
# The beginning of what is included: a library of @system.
SYSTEM = {
    "absl/": "absl", "cpp-httplib": "httplib", "fmt/": "fmt", "gmock/": "gmock", "google/protobuf/": "grpc", "grpc": "grpc",
    "grpcpp/ext/proto_server_reflection": "grpc_reflection", "gtest/": "gmock", "httplib": "httplib", "jansson": "jansson",
    "libpq-fe": "pq", "openssl/": "openssl", "pqxx/": "pqxx", "prometheus/": "prometheus", "rapidcheck": "rapidcheck",
    "rhonabwy": "rhonabwy", "spdlog/": "spdlog", "zstd": "zstd", "jemalloc/": "jemalloc",
}
# Nothing is linked for these.
HEADERS_ALONE = ("CLI/", "nlohmann/", "rapidjson/", "toml++/", "sys/", "arpa/", "net/", "netinet/", "linux/", "sanitizer/")
OURS = ("client/", "eventstore/", "google/rpc/", "grpc/health/", "server/", "tests/", "tools/")
# What is linked and not included.
ALSO = {"eventstored": ["@system//:jemalloc"]}
# Definitions whose value is a place in CMake's build folder: the same place among a test's files.
PLACES = {
    "EVENTSTORED_BINARY": "server/eventstored",
    "MIGRATIONS_FOLDER": "migrations",
    "FUZZ_CORPUS": "tests/fuzz/corpus",
    "FUZZ_CORPUS_BUILT": "tests/corpus",
}
HEAD = '"""Written by bazel/generate.py from what CMake builds. Do not edit."""\n\n'


def includes_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return re.findall(r'^\s*#include\s+["<]([^">]+)[">]', file.read(), re.M)


def system_of(files):
    found = set()
    for path in files:
        for included in includes_of(path):
            if included.startswith(OURS):
                continue
            # The longest beginning that fits.
            fitting = [begin for begin in SYSTEM if included.startswith(begin)]
            if fitting:
                found.add(SYSTEM[max(fitting, key=len)])
            elif "/" in included and not included.startswith(HEADERS_ALONE):
                sys.exit(f"{path} includes {included}: say in bazel/generate.py, SYSTEM or HEADERS_ALONE, what is linked for it")
    return {f"@system//:{name}" for name in found}


class Writer:
    def __init__(self, targets, suites):
        self.targets, self.suites = targets, suites
        self.closures = {}
        self.written = {"eventstore_proto"}  # targets and suites
        self.folders = collections.defaultdict(set)  # with targets, by package
        for target in targets.values():
            self.folders[target.package].add(target.folder)

    def closure(self, name):
        if name not in self.closures:
            self.closures[name] = set()
            for need in self.needs(name):
                self.closures[name] |= {need} | self.closure(need)
        return self.closures[name]

    def needs(self, name):
        """What is linked; programs that a target starts are its data."""
        return [need for need in self.targets[name].needs if need in self.targets and self.targets[need].library]

    def direct(self, name):
        """Without those that come with others."""
        needs = set(self.needs(name))
        return sorted(need for need in needs if not any(need in self.closure(other) for other in needs if other != need))

    @staticmethod
    def headers_of(folder):
        """The library of headers that a folder belongs to: in server one for each part, so that Bazel sees an arrow that
        points the wrong way; one for all elsewhere."""
        package, *parts = folder.split("/")
        return f"{parts[0]}_headers" if package == "server" and parts else "headers"

    def header_libraries(self, package):
        libraries = sorted({self.headers_of(folder) for folder in self.folders[package]} | {"headers"})
        parts = [name[:-len("_headers")] for name in libraries if name != "headers"]
        for name in libraries:
            if name == "headers":
                exclude = f", exclude = {json.dumps([f'{part}/**' for part in parts])}" if parts else ""
                hdrs = f'glob(["**/*.h"]{exclude})'
            else:
                hdrs = f'glob(["{name[:-len("_headers")]}/**/*.h"])'
            yield self.rule("es_headers", name=name, hdrs=hdrs,
                            raw='includes = ["include"],' if package == "client" else "")

    @staticmethod
    def rule(kind, raw="", **attributes):
        lines = [f"{kind}("]
        for key, value in attributes.items():
            if value is None or value == [] or value == {}:
                continue
            if key == "hdrs" and isinstance(value, str):
                text = value
            elif isinstance(value, list) and len(value) > 1:
                text = "[\n" + "".join(f"        {json.dumps(each)},\n" for each in value) + "    ]"
            elif isinstance(value, bool):
                text = str(value)
            else:
                text = json.dumps(value)
            lines.append(f"    {key} = {text},")
        if raw:
            lines.append(f"    {raw}")
        return "\n".join(lines) + "\n)\n"

    def local(self, target):
        sources = [path for path in target.sources if path.endswith(".cc")]
        for path in sources:
            if not path.startswith(f"{target.package}/"):
                sys.exit(f"{target.name} compiles {path} of another package: let it link the library that has it")
        return sorted(path[len(target.package) + 1:] for path in sources)

    def defines(self, target):
        values = []
        for define in target.defines:
            key, _, value = define.partition("=")
            value = f'"{PLACES[key]}"' if key in PLACES else value
            values.append(f"{key}={value}".replace('"', '\\"'))
        return values

    def deps(self, target):
        files = list(target.sources)
        if target.library:
            files += [os.path.relpath(path, ROOT) for path in glob.glob(f"{ROOT}/{target.folder}/**/*.h", recursive=True)]
        deps = {self.targets[need].label(target.package) for need in self.direct(target.name)}
        deps |= system_of([path for path in files if path.endswith((".cc", ".h"))])
        deps.add(":" + self.headers_of(target.folder))
        return sorted(deps | set(ALSO.get(target.name, [])))

    def build_file(self, package):
        rules = list(self.header_libraries(package))
        for target in sorted((each for each in self.targets.values() if each.package == package), key=lambda each: each.name):
            if target.name == "eventstore_proto":
                continue
            self.written.add(target.name)
            deps = self.deps(target)
            srcs = self.local(target)
            made = [path for path in target.generated if path.endswith((".cc", ".h"))]
            if [os.path.basename(path) for path in made] == ["embedded_sql.cc"]:
                rules.append(EMBED_SQL)
                srcs.append(":embedded_sql")
            elif [os.path.basename(path) for path in made] == ["version.cc"]:
                rules.append(VERSION % project_version())
                srcs.append(":version_source")
            elif made:
                sys.exit(f"{target.name} has generated sources that bazel/generate.py knows no rule for: {made}")
            test = package == "tests"
            if target.library:
                rules.append(self.rule("es_library", name=target.name, srcs=srcs, deps=deps,
                                       local_defines=self.defines(target), testonly=True if test else None))
            elif not test:
                rules.append(self.rule("es_binary", name=target.name, srcs=srcs, deps=deps,
                                       local_defines=self.defines(target)))
            else:
                rules.append(self.suite(target, srcs, deps))
        if package == "tests":
            rules += self.other_suites()
        body = "\n".join(rules)
        rule_names = ("es_binary", "es_headers", "es_library", "es_tests", "python_tests", "script_test")
        loaded = [name for name in rule_names if f"{name}(" in body]
        load = 'load(\n    "//bazel:rules.bzl",\n' + "".join(f'    "{name}",\n' for name in loaded) + ")\n\n"
        return HEAD + load + 'package(default_visibility = ["//visibility:public"])\n\n' + body

    def suite(self, target, srcs, deps):
        suites = [suite for suite in self.suites if suite.name in (target.name, f"{target.name}_native")]
        self.written |= {suite.name for suite in suites}
        needs = self.closure(target.name)
        if "es_test_database_main" not in needs:
            deps = sorted(set(deps) | {"@system//:gmock_main"})
        data = []
        if "es_test_server" in needs:
            data.append("//server:eventstored")
        if any(define.startswith("MIGRATIONS") for define in target.defines):
            data.append("//migrations:files")
        if any(define.startswith("FUZZ_CORPUS") for define in target.defines):
            data += [":fuzz_corpus", ":fuzz_corpus_request", ":fuzz_corpus_operations"]
        tags = ["database"] if "es_test_support" in needs else []
        tags += ["exclusive"] if any(suite.alone for suite in suites) else []
        return self.rule("es_tests", name=target.name, srcs=srcs, runs={suite.name: suite.engine for suite in suites},
                         tags=tags, data=data, defines=self.defines(target), deps=deps)

    def other_suites(self):
        for folder, protos in (("request", "event_store subscriptions"), ("operations", "operations analytics housekeeper")):
            yield self.corpus(folder, protos.split())
        yield self.rule("filegroup", name="fuzz_corpus", raw='srcs = glob(["fuzz/corpus/**"]),')
        # Python's: [/usr/bin/python3, -B, -m, harness, SUITE, RESULTS]; scripts': [run_as_test.py, NAME, RESULTS, SCRIPT, ...].
        python = collections.defaultdict(list)
        scripts = []
        for suite in self.suites:
            if suite.command[3:4] == ["harness"]:
                self.written.add(suite.name)
                python[suite.command[4]].append(suite)
            elif suite.command and suite.command[0].endswith("run_as_test.py"):
                self.written.add(suite.name)
                scripts.append((suite.name, os.path.relpath(suite.command[3], f"{ROOT}/tests"), suite.command[4:]))
        yield self.rule("filegroup", name="python_files", raw='srcs = glob(["e2e/**/*.py", "faults/**/*.py"]),')
        for name, suites in sorted(python.items()):
            yield self.rule("python_tests", suite=name, runs={suite.name: suite.engine for suite in suites},
                            tags=["exclusive"] if any(suite.alone for suite in suites) else [])
        for name, script, arguments in sorted(scripts):
            yield self.rule("script_test", name=name, script=f"//tests:{script}", args=arguments)
        yield self.rule("exports_files", raw=json.dumps(sorted(script for _, script, _ in scripts) + ["support/run_as_test.py"]) + ",")

    @staticmethod
    def corpus(folder, protos):
        names = sorted(os.path.basename(path)[:-len(".txtpb")]
                       for path in glob.glob(f"{ROOT}/tests/fuzz/corpus/{folder}/*.txtpb"))
        files = " ".join(f"eventstore/v1/{proto}.proto" for proto in protos)
        command = (f"for text in $(SRCS); do case $$text in *.txtpb) name=$$(basename $$text .txtpb); "
                   f"protoc -I proto --encode=eventstore.v1.$${{name%%.*}} {files} < $$text > "
                   f"$(RULEDIR)/corpus/{folder}/$$name ;; esac; done")
        return Writer.rule("genrule", name=f"fuzz_corpus_{folder}",
                           srcs=[f"fuzz/corpus/{folder}/{name}.txtpb" for name in names] + ["//proto:files"],
                           outs=[f"corpus/{folder}/{name}" for name in names], cmd=command)


def proto_sources(target):
    """The files of proto/ whose code CMake generates: those with services, and the others."""
    made = [path.split("proto-generated/")[1] for path in target.generated]
    services = sorted(path[:-len(".grpc.pb.cc")] + ".proto" for path in made if path.endswith(".grpc.pb.cc"))
    every = sorted(path[:-len(".pb.cc")] + ".proto" for path in made if re.search(r"(?<!\.grpc)\.pb\.cc$", path))
    lists = {"SERVICES": services, "MESSAGES": sorted(set(every) - set(services))}
    return HEAD + "\n".join(f"{name} = [\n" + "".join(f'    "{path}",\n' for path in paths) + "]\n"
                            for name, paths in lists.items())


EMBED_SQL = '''genrule(
    name = "embedded_sql",
    srcs = [
        "//cmake:EmbedSql.cmake",
        "//migrations:files",
    ],
    outs = ["embedded_sql.cc"],
    cmd = "(cd migrations && find -L . -name '*.sql' | sed 's|^./||' | LC_ALL=C sort) > $(RULEDIR)/embedded_sql.list && " +
          "cmake -DMANIFEST=$(RULEDIR)/embedded_sql.list -DDIRECTORY=$$PWD/migrations -DOUTPUT=$@ -P cmake/EmbedSql.cmake",
)
'''


# Bazel does not look at the commit: every build would differ from the one before.
VERSION = '''genrule(
    name = "version_source",
    srcs = ["//cmake:Version.cmake"],
    outs = ["version.cc"],
    cmd = "cmake -DVERSION=%s -DSOURCE=$(RULEDIR) -DOUTPUT=$@ -P cmake/Version.cmake",
)
'''


def project_version():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"^project\(.*?VERSION\s+([\d.]+)", file.read(), re.M | re.S)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="a build folder of CMake")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    targets = targets_of(options.build)
    writer = Writer(targets, suites_of(options.build))
    wanted = {f"{package}/BUILD.bazel": writer.build_file(package) for package in PACKAGES}
    left_out = sorted(({suite.name for suite in writer.suites} | set(targets)) - writer.written)
    if left_out:
        sys.exit(f"CMake has what bazel/generate.py knows no rule for: {', '.join(left_out)}. Add one, or a line in SKIPPED of "
                 "bazel/cmake_targets.py that says why Bazel does without")
    wanted["proto/sources.bzl"] = proto_sources(targets["eventstore_proto"])
    wrong = 0
    for name, text in wanted.items():
        path = os.path.join(ROOT, name)
        there = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                there = file.read()
        if there == text:
            continue
        if options.check:
            wrong += 1
            sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), text.splitlines(True), name,
                                                       "what CMake builds", n=1))
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            print(f"wrote {name}")
    if wrong:
        print(f"{wrong} of {len(wanted)} files of Bazel are not what CMake builds: run bazel/generate.py, and commit what it wrote")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
