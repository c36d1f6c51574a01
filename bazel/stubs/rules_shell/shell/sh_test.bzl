"""The name of rules_shell, as the rule that is built into Bazel 4."""

def sh_test(**attributes):
    native.sh_test(**attributes)
