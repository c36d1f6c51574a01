"""The event store from Python: append, a conflict, replay, subscribe. How to make `eventstore.v1` from the protos: docs/clients.md.

    PYTHONPATH=client/python/gen python3 client/python/example.py 127.0.0.1:50051
"""
import sys
import uuid

import grpc
from eventstore.v1 import event_pb2, event_store_pb2, event_store_pb2_grpc, subscriptions_pb2, subscriptions_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

channel = grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
store = event_store_pb2_grpc.EventStoreStub(channel)
order = str(uuid.uuid4())


def append(expected_version, event_type, data="{}"):
    # An id of our own: whoever repeats this append after a lost answer gets the first answer, and no second event.
    event = event_pb2.NewEvent(id=str(uuid.uuid4()), event_type=event_type, user_id="ada", data=data)
    return store.Append(event_store_pb2.AppendRequest(
        aggregate_id=order, aggregate_type="entity", expected_version=expected_version, events=[event]), timeout=10)


def error_info(error):
    """The google.rpc.ErrorInfo that every error of the store has: its reason and the values."""
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    next(detail for detail in status.details if detail.Is(info.DESCRIPTOR)).Unpack(info)
    return info


print("appended: version", append(0, "order.placed", '{"total": 42}').version)
try:
    append(0, "order.placed")  # as somebody does who has not seen the first one
except grpc.RpcError as error:
    if error.code() != grpc.StatusCode.ABORTED:
        raise
    info = error_info(error)
    print(f"{info.reason}: expected {info.metadata['expected_version']}, it is at {info.metadata['actual_version']}")
append(1, "order.paid")

for page in store.GetAggregateStream(event_store_pb2.GetAggregateStreamRequest(aggregate_id=order), timeout=10):
    for event in page.events:
        print("replayed:", event.version, event.event_type, event.data)

request = subscriptions_pb2.SubscribeRequest(from_beginning={}, aggregate_id=order)
subscription = subscriptions_pb2_grpc.SubscriptionsStub(channel).Subscribe(request)
for message in subscription:
    for event in message.events.events:
        print("subscribed:", event.version, event.event_type)
        if event.version == 3:
            subscription.cancel()
            sys.exit()
    if message.HasField("caught_up"):
        print("caught up")
        append(2, "order.shipped")
