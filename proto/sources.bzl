"""Written by bazel/generate.py from what CMake builds. Do not edit."""

SERVICES = [
    "eventstore/v1/analytics.proto",
    "eventstore/v1/erasure.proto",
    "eventstore/v1/event_store.proto",
    "eventstore/v1/housekeeper.proto",
    "eventstore/v1/operations.proto",
    "eventstore/v1/subscriptions.proto",
    "grpc/health/v1/health.proto",
]

MESSAGES = [
    "eventstore/v1/consumer_groups.proto",
    "eventstore/v1/event.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
]
