"""@system for Bazels that read MODULE.bazel. Untested: Debian's Bazel knows no modules, and nothing here loads this."""

load(":libraries.bzl", "MODULES", "PLAIN")
load(":system.bzl", "system_libraries")

def _system(_context):
    system_libraries(name = "system", modules = MODULES, plain = PLAIN)

system = module_extension(implementation = _system)
