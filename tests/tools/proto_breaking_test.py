#!/usr/bin/python3
"""tools/ci/proto_breaking.py, which stands in for buf: each way to break a client is told, and adding is free."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "ci"))

import proto_breaking  # noqa: E402

PROTO = """syntax = "proto3";
package a.v1;
enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; }
message Thing {
  reserved 9;
  string name = 1;
  oneof size { int32 small = 2; int32 large = 3; }
  optional int32 weight = 4;
  repeated Color colors = 5;
  message Part { int32 id = 1; }
}
service Things {
  rpc Get(Thing) returns (Thing);
  rpc Watch(Thing) returns (stream Thing);
}
"""
BREAKS = (
    ("string name = 1;", "", "field name is gone"),
    ("string name = 1;", "bytes name = 1;", "had the type 'TYPE_STRING', has 'TYPE_BYTES'"),
    ("string name = 1;", "string title = 1;", "had the name 'name', has 'title'"),
    ("string name = 1;", "string name = 7;", "field name is gone"),
    ("string name = 1;", "repeated string name = 1;", "had the label"),
    ("int32 large = 3; }", "} int32 large = 3;", "had the oneof 'size', has ''"),
    ("optional int32 weight", "int32 weight", "had the presence True"),
    ("repeated Color colors", "repeated Thing colors", "had the type"),
    ("COLOR_RED = 1;", "", "value COLOR_RED is gone"),
    ("COLOR_RED = 1;", "COLOR_BLUE = 1;", "was COLOR_RED, is COLOR_BLUE"),
    ("message Part { int32 id = 1; }", "", "message Part is gone"),
    ("int32 id = 1;", "int64 id = 1;", "Thing: Part: field 1 (id) had the type"),
    ("reserved 9;", "", "numbers from 9 on are not reserved any more"),
    ("rpc Get(Thing) returns (Thing);", "", "call Get is gone"),
    ("(stream Thing)", "(Thing)", "Watch had server_streaming True, has False"),
    ("service Things", "service Others", "service Things is gone"),
    ("package a.v1;", "package a.v2;", "was of package a.v1, is of a.v2"),
)


class ProtoBreakingTest(unittest.TestCase):
    def breaks(self, now, name="a.proto"):
        with tempfile.TemporaryDirectory() as folder:
            for part, file, text in (("before", "a.proto", PROTO), ("now", name, now)):
                path = pathlib.Path(folder, part, file)
                path.parent.mkdir()
                path.write_text(text)
            return proto_breaking.breaks(f"{folder}/before", f"{folder}/now")

    def test_each_break_is_told(self):
        for old, new, told in BREAKS:
            with self.subTest(old=old, new=new):
                self.assertIn(old, PROTO)
                found = "\n".join(self.breaks(PROTO.replace(old, new)))
                self.assertIn(told, found)

    def test_a_file_that_is_gone(self):
        self.assertIn("protos: file a.proto is gone", self.breaks(PROTO, name="b.proto"))

    def test_adding_is_free(self):
        more = PROTO.replace("string name = 1;", "string name = 1; string note = 6;")
        more = more.replace("COLOR_RED = 1;", "COLOR_RED = 1; COLOR_BLUE = 2;").replace(
            "rpc Get", "rpc Put(Thing) returns (Thing);\n  rpc Get") + "message New {}\n"
        self.assertEqual([], self.breaks(more))

    def test_the_protos_of_this_project_are_read(self):
        protos = str(ROOT / "proto")
        self.assertIn("eventstore/v1/event_store.proto", proto_breaking.read(protos))
        self.assertEqual([], proto_breaking.breaks(protos, protos))


if __name__ == "__main__":
    unittest.main()
