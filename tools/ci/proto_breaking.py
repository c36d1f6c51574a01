#!/usr/bin/python3
"""Whether clients built with the protos of before can still talk to those of now, where there is no buf.

    tools/ci/proto_breaking.py BEFORE NOW      two folders of .proto files

Compares what protoc reads from both, by the rules of buf's category FILE that matter here: nothing that was there is gone,
moved, renumbered, renamed, or of another type. Adding is free. Prints what breaks, one a line, and exits with 1."""
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

_Field = descriptor_pb2.FieldDescriptorProto


def read(folder):
    """The files below the folder, by name, as protoc understands them."""
    names = sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*.proto"))
    if not names:
        raise SystemExit(f"proto_breaking: there are no .proto files below {folder}")
    with tempfile.NamedTemporaryFile() as output:
        done = subprocess.run(["protoc", "-I", folder, f"--descriptor_set_out={output.name}", *names], check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"proto_breaking: protoc cannot read {folder}: {done.stderr.strip()}")
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(output.name).read_bytes()).file
    return {file.name: file for file in files}


def gone(kind, where, before, now, key=lambda item: item.name):
    """(pairs of what is in both, faults for what is not there any more)."""
    present = {key(item): item for item in now}
    pairs = [(item, present[key(item)]) for item in before if key(item) in present]
    return pairs, [f"{where}: {kind} {item.name} is gone" for item in before if key(item) not in present]


def field_faults(where, before, now, message_before, message_now):
    def oneof(field, message):
        return message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""

    facts = {
        "name": (before.name, now.name),
        "name in JSON": (before.json_name, now.json_name),
        "type": (_Field.Type.Name(before.type) + before.type_name, _Field.Type.Name(now.type) + now.type_name),
        "label": (_Field.Label.Name(before.label), _Field.Label.Name(now.label)),
        "oneof": (oneof(before, message_before), oneof(now, message_now)),
        "presence": (before.proto3_optional, now.proto3_optional),
    }
    return [f"{where}: field {before.number} ({before.name}) had the {fact} {old!r}, has {new!r}"
            for fact, (old, new) in facts.items() if old != new]


def reserved_faults(where, before, now):
    kept = {(area.start, area.end) for area in now.reserved_range}
    faults = [f"{where}: numbers from {area.start} on are not reserved any more" for area in before.reserved_range
              if (area.start, area.end) not in kept]
    return faults + [f"{where}: the name {name} is not reserved any more" for name in before.reserved_name
                     if name not in now.reserved_name]


def enum_faults(where, before, now):
    pairs, faults = gone("value", where, before.value, now.value, key=lambda value: value.number)
    faults += [f"{where}: value {old.number} was {old.name}, is {new.name}" for old, new in pairs if old.name != new.name]
    return faults + reserved_faults(where, before, now)


def message_faults(where, before, now):
    pairs, faults = gone("field", where, before.field, now.field, key=lambda field: field.number)
    for old, new in pairs:
        faults += field_faults(where, old, new, before, now)
    return faults + reserved_faults(where, before, now) + nested_faults(where, before.nested_type, now.nested_type,
                                                                        before.enum_type, now.enum_type)


def nested_faults(where, messages_before, messages_now, enums_before, enums_now):
    pairs, faults = gone("message", where, messages_before, messages_now)
    for old, new in pairs:
        faults += message_faults(f"{where}: {old.name}", old, new)
    pairs, more = gone("enum", where, enums_before, enums_now)
    for old, new in pairs:
        more += enum_faults(f"{where}: {old.name}", old, new)
    return faults + more


def service_faults(where, before, now):
    pairs, faults = gone("call", where, before.method, now.method)
    for old, new in pairs:
        for fact in ("input_type", "output_type", "client_streaming", "server_streaming"):
            if getattr(old, fact) != getattr(new, fact):
                faults.append(f"{where}: {old.name} had {fact} {getattr(old, fact)}, has {getattr(new, fact)}")
    return faults


def breaks(before, now):
    """What breaks between two folders."""
    files_before, files_now = read(before), read(now)
    pairs, faults = gone("file", "protos", files_before.values(), files_now.values())
    for old, new in pairs:
        if old.package != new.package:
            faults.append(f"{old.name}: was of package {old.package}, is of {new.package}")
        faults += nested_faults(old.name, old.message_type, new.message_type, old.enum_type, new.enum_type)
        services, more = gone("service", old.name, old.service, new.service)
        faults += more
        for service_before, service_now in services:
            faults += service_faults(f"{old.name}: {old.package}.{service_before.name}", service_before, service_now)
    return faults


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    found = breaks(sys.argv[1], sys.argv[2])
    for fault in found:
        print(fault)
    sys.exit(1 if found else 0)
