"""The messages that protoc made of proto/ for Python, at build time.

The folder of that code comes in EVENTSTORE_E2E_PROTOS. google.rpc and grpc.health lie where Python packages of the same
names would hide them, so their modules are loaded by file.
"""
import importlib.util
import os
import sys

_FOLDER = os.environ["EVENTSTORE_E2E_PROTOS"]
sys.path.insert(0, _FOLDER)

from eventstore.v1 import analytics_pb2 as analytics  # noqa: E402  (found through the line above)
from eventstore.v1 import consumer_groups_pb2 as groups  # noqa: E402
from eventstore.v1 import erasure_pb2 as erasure  # noqa: E402
from eventstore.v1 import event_pb2 as event  # noqa: E402
from eventstore.v1 import event_store_pb2 as store  # noqa: E402
from eventstore.v1 import housekeeper_pb2 as housekeeper  # noqa: E402
from eventstore.v1 import operations_pb2 as operations  # noqa: E402
from eventstore.v1 import subscriptions_pb2 as subscriptions  # noqa: E402
from google.protobuf import timestamp_pb2  # noqa: E402


def _load(path):
    name = "e2e_" + path.replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, os.path.join(_FOLDER, path + "_pb2.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


health = _load("grpc/health/v1/health")
rpc_status = _load("google/rpc/status")
rpc_details = _load("google/rpc/error_details")

SERVICE = store.DESCRIPTOR.services_by_name["EventStore"]
SUBSCRIPTIONS = subscriptions.DESCRIPTOR.services_by_name["Subscriptions"]
ERASURE = erasure.DESCRIPTOR.services_by_name["Erasure"]
ANALYTICS = analytics.DESCRIPTOR.services_by_name["Analytics"]
OPERATIONS = operations.DESCRIPTOR.services_by_name["Operations"]
HOUSEKEEPER = housekeeper.DESCRIPTOR.services_by_name["Housekeeper"]


class Method:
    """One RPC of ours."""

    def __init__(self, module, descriptor):
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        # Messages of a service may be in a file that its own imports.
        self.request = getattr(module, descriptor.input_type.name, None) or getattr(groups, descriptor.input_type.name)
        self.response = getattr(module, descriptor.output_type.name, None) or getattr(groups, descriptor.output_type.name)
        from google.protobuf import descriptor_pb2

        proto = descriptor_pb2.MethodDescriptorProto()
        descriptor.CopyToProto(proto)
        self.streams = proto.server_streaming
        self.client_streams = proto.client_streaming


METHODS = {descriptor.name: Method(store, descriptor) for descriptor in SERVICE.methods}
METHODS.update((descriptor.name, Method(subscriptions, descriptor)) for descriptor in SUBSCRIPTIONS.methods)
METHODS.update((descriptor.name, Method(housekeeper, descriptor)) for descriptor in HOUSEKEEPER.methods)
METHODS.update((descriptor.name, Method(analytics, descriptor)) for descriptor in ANALYTICS.methods)
METHODS.update((descriptor.name, Method(erasure, descriptor)) for descriptor in ERASURE.methods)
METHODS.update((descriptor.name, Method(operations, descriptor)) for descriptor in OPERATIONS.methods)


def timestamp(seconds, nanos=0):
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)


def micros(stamp):
    """A google.protobuf.Timestamp as whole microseconds since 1970."""
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


def from_micros(value):
    return timestamp(value // 1_000_000, value % 1_000_000 * 1000)
