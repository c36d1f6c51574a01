"""How our own targets are compiled: the counterpart of cmake/Compiler.cmake and cmake/EventstoreTest.cmake."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("@rules_shell//shell:sh_test.bzl", "sh_test")

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wpedantic",
    "-Werror",
]

# The time limit, an hour, is there to end what hangs, on a machine that does much else.
_TEST = dict(
    size = "large",
    timeout = "eternal",
)

def es_headers(name, hdrs, **attributes):
    cc_library(name = name, hdrs = hdrs, visibility = ["//visibility:public"], **attributes)

def es_library(name, **attributes):
    cc_library(name = name, copts = _WARNINGS, visibility = ["//visibility:public"], **attributes)

def es_binary(name, **attributes):
    cc_binary(name = name, copts = _WARNINGS, visibility = ["//visibility:public"], **attributes)

def es_tests(name, srcs, deps, runs, tags = [], data = [], defines = []):
    """One program, and a test for each of `runs`: {name of the test: engine}. The cases are compiled once."""
    cc_library(
        name = name + "_cases",
        testonly = True,
        srcs = srcs,
        copts = _WARNINGS,
        local_defines = defines,
        deps = deps,
        alwayslink = True,
        # The object files, not a shared library: the linker would leave out one that nothing asks for, and no case would run.
        linkstatic = True,
    )
    for test, engine in runs.items():
        cc_test(
            name = test,
            args = ["--gtest_filter=-Timescaledb*"] if test != name else [],
            data = data,
            env = {"EVENTSTORE_TEST_ENGINE": engine},
            tags = tags,
            deps = [":" + name + "_cases"],
            **_TEST
        )

def python_tests(suite, runs, tags = []):
    """A suite of tests/e2e or tests/faults, in Debian's Python, with the programs and a server of its own."""
    for test, engine in runs.items():
        sh_test(
            name = test,
            srcs = ["//bazel:run_python_suite.sh"],
            args = [suite],
            data = [
                ":python_files",
                "//proto:python_messages",
                "//client:account_balances",
                "//server:eventstored",
                "//tools:eventbench",
                "//tools:eventctl",
            ],
            env = {"EVENTSTORE_TEST_ENGINE": engine},
            tags = ["database", "e2e"] + tags,
            **_TEST
        )

def script_test(name, script, args = []):
    """A program that is no gtest: exit code 0 passes, 77 skips."""
    run_as_test = "//tests:support/run_as_test.py"
    sh_test(
        name = name,
        srcs = ["//bazel:run_script.sh"],
        args = [name, "$(location %s)" % run_as_test, "$(location %s)" % script] + args,
        data = [run_as_test, script],
        **_TEST
    )

def cpp_protos(name, protos, services):
    """The generated C++ of `protos`, paths below this package; gRPC's too of those that have `services`."""
    outs = []
    for proto in protos:
        outs += [proto.replace(".proto", ".pb.cc"), proto.replace(".proto", ".pb.h")]
    for proto in services:
        outs += [proto.replace(".proto", ".grpc.pb.cc"), proto.replace(".proto", ".grpc.pb.h")]
    native.genrule(
        name = name + "_sources",
        srcs = protos,
        outs = outs,
        cmd = "protoc -I {package} --cpp_out=$(RULEDIR) {protos} && ".format(
                  package = native.package_name(),
                  protos = " ".join(["$(location %s)" % proto for proto in protos]),
              ) +
              "protoc -I {package} --grpc_out=generate_mock_code=false:$(RULEDIR) ".format(package = native.package_name()) +
              "--plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) " +
              " ".join(["$(location %s)" % proto for proto in services]),
    )
    cc_library(
        name = name,
        srcs = [out for out in outs if out.endswith(".cc")],
        hdrs = [out for out in outs if out.endswith(".h")],
        includes = ["."],
        visibility = ["//visibility:public"],
        deps = ["@system//:grpc"],
    )
