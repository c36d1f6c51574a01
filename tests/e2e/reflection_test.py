"""Server reflection, asked as grpcurl asks: every service is listed, and described with everything it needs."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from harness import messages
from harness.suite import StoreTest

FIELD = descriptor_pb2.FieldDescriptorProto


def _reflection_messages():
    """The few messages of grpc.reflection.v1alpha that are needed; the package is not part of Debian's grpcio."""
    file = descriptor_pb2.FileDescriptorProto(
        name="e2e/reflection.proto", package="grpc.reflection.v1alpha", syntax="proto3"
    )

    def message(message_name, **fields):
        added = file.message_type.add(name=message_name)
        for field, (number, kind, repeated) in fields.items():
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            if isinstance(kind, str):
                type_name = f".{file.package}.{kind}"
                added.field.add(name=field, number=number, label=label, type=FIELD.TYPE_MESSAGE, type_name=type_name)
            else:
                added.field.add(name=field, number=number, label=label, type=kind)

    text, data, number = FIELD.TYPE_STRING, FIELD.TYPE_BYTES, FIELD.TYPE_INT32
    message(
        "ServerReflectionRequest",
        file_by_filename=(3, text, False),
        file_containing_symbol=(4, text, False),
        list_services=(7, text, False),
    )
    message("FileDescriptorResponse", file_descriptor_proto=(1, data, True))
    message("ServiceResponse", name=(1, text, False))
    message("ListServiceResponse", service=(1, "ServiceResponse", True))
    message("ErrorResponse", error_code=(1, number, False), error_message=(2, text, False))
    message(
        "ServerReflectionResponse",
        file_descriptor_response=(4, "FileDescriptorResponse", False),
        list_services_response=(6, "ListServiceResponse", False),
        error_response=(7, "ErrorResponse", False),
    )
    return message_factory.GetMessages([file])


_MESSAGES = _reflection_messages()
Request = _MESSAGES["grpc.reflection.v1alpha.ServerReflectionRequest"]
Response = _MESSAGES["grpc.reflection.v1alpha.ServerReflectionResponse"]

SERVICES = ["eventstore.v1.Analytics", "eventstore.v1.Erasure", "eventstore.v1.EventStore", "eventstore.v1.Housekeeper", "eventstore.v1.Operations",
            "eventstore.v1.Subscriptions", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"]


class ReflectionTest(StoreTest):
    def ask(self, **question):
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        [answer] = self.client.bidi_bytes(path, [Request(**question).SerializeToString()])
        return Response.FromString(answer)

    def described(self, symbol):
        """A pool made of nothing but what the server says about a symbol."""
        files = {}

        def collect(answer):
            self.assertFalse(answer.HasField("error_response"), answer.error_response.error_message)
            for data in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(data)
                files[file.name] = file
            missing = {name for file in files.values() for name in file.dependency} - set(files)
            for name in missing:
                collect(self.ask(file_by_filename=name))

        collect(self.ask(file_containing_symbol=symbol))
        pool = descriptor_pool.DescriptorPool()

        def add(name):
            file = files.pop(name, None)
            if file is not None:
                for dependency in file.dependency:
                    add(dependency)
                pool.Add(file)

        while files:
            add(next(iter(files)))
        return pool

    def test_every_service_is_listed(self):
        answer = self.ask(list_services="*")
        self.assertEqual(sorted(service.name for service in answer.list_services_response.service), SERVICES)

    def test_every_service_is_described(self):
        for name in SERVICES:
            with self.subTest(service=name):
                service = self.described(name).FindServiceByName(name)
                self.assertGreater(len(service.methods), 0)
                for method in service.methods:
                    self.assertTrue(method.input_type.full_name and method.output_type.full_name)

    def test_the_event_store_is_described_as_in_its_proto(self):
        service = self.described(messages.SERVICE.full_name).FindServiceByName(messages.SERVICE.full_name)
        told, known = descriptor_pb2.FileDescriptorProto(), descriptor_pb2.FileDescriptorProto()
        service.file.CopyToProto(told)
        messages.SERVICE.file.CopyToProto(known)
        self.assertEqual(told, known)

    def test_health_is_described_with_both_methods(self):
        service = self.described("grpc.health.v1.Health").FindServiceByName("grpc.health.v1.Health")
        self.assertEqual([method.name for method in service.methods], ["Check", "Watch"])

    def test_error_details_are_described(self):
        # So that a client without our protos can print them.
        for name in ("google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo",
                     "eventstore.v1.VersionConflicts"):
            with self.subTest(message=name):
                self.assertEqual(self.described(name).FindMessageTypeByName(name).full_name, name)

    def test_a_symbol_that_does_not_exist(self):
        answer = self.ask(file_containing_symbol="eventstore.v1.Nothing")
        self.assertEqual(answer.error_response.error_code, 5)  # NOT_FOUND
