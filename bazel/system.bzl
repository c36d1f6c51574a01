"""Libraries of the system, as pkg-config knows them: one cc_library for each, with its definitions and what it is linked
with. Headers are in the compiler's own path, or in the one that .bazelrc adds, so none are listed."""

_LIBRARY = """
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _flags(repository, question, modules):
    pkg_config = repository.which("pkg-config")
    if not pkg_config:
        fail("pkg-config is not there: tools/setup/install-packages.sh run build test bazel")
    done = repository.execute([pkg_config, question] + modules)
    if done.return_code != 0:
        fail("pkg-config %s: %s" % (" ".join(modules), done.stderr))
    flags = []
    for flag in done.stdout.split(" "):
        flag = flag.strip()
        if flag and flag not in flags:
            flags.append(flag)
    return flags

def _system_libraries(repository):
    text = "# Written by bazel/system.bzl.\nload(\"@rules_cc//cc:defs.bzl\", \"cc_library\")\n"
    for name, modules in repository.attr.modules.items():
        defines = [flag[2:] for flag in _flags(repository, "--cflags", modules) if flag.startswith("-D")]
        text += _LIBRARY.format(name = name, defines = defines, linkopts = _flags(repository, "--libs", modules))
    for name, flags in repository.attr.plain.items():
        text += _LIBRARY.format(name = name, defines = [], linkopts = flags)
    repository.file("BUILD.bazel", text)

system_libraries = repository_rule(
    implementation = _system_libraries,
    attrs = {
        "modules": attr.string_list_dict(doc = "name: the modules that pkg-config is asked for"),
        "plain": attr.string_list_dict(doc = "name: flags, where there is no module"),
    },
    local = True,
    doc = "A repository of cc_library for what is installed.",
)
