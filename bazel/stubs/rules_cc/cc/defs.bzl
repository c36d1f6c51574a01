"""The names of rules_cc, as the rules that are built into Bazel 4."""

def cc_library(**attributes):
    native.cc_library(**attributes)

def cc_binary(**attributes):
    native.cc_binary(**attributes)

def cc_test(**attributes):
    native.cc_test(**attributes)

def cc_import(**attributes):
    native.cc_import(**attributes)

def cc_toolchain(**attributes):
    native.cc_toolchain(**attributes)

def cc_toolchain_suite(**attributes):
    native.cc_toolchain_suite(**attributes)

def cc_proto_library(**attributes):
    native.cc_proto_library(**attributes)

def objc_library(**attributes):
    native.objc_library(**attributes)

