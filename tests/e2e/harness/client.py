"""Calls through grpcio, with method names: no generated stubs, so any request bytes can be sent."""
import json
import os
import uuid

# No forked children talk gRPC here; with the support on, every subprocess is warned about.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
import grpc  # noqa: E402

from harness import messages  # noqa: E402
from harness.messages import store  # noqa: E402

DOMAIN = "eventstore.v1"
# Sanitizers make the server several times slower.
SLOWER = 5 if os.environ.get("EVENTSTORE_E2E_SANITIZER") else 1
# Of every call that does not choose: long enough for a busy machine, short enough to end what hangs.
DEADLINE_S = 60 * SLOWER


class Failure(AssertionError):
    """An RPC that ended with an error, taken apart."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.infos, self.bad_requests, self.retries, self.conflict_lists = [], [], [], []
        self.has_details = False
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self._read(messages.rpc_status.Status.FromString(value))
        super().__init__(f"{self.code}: {self.message}")

    def _read(self, status):
        self.has_details = True
        self.status = status
        kinds = [
            (messages.rpc_details.ErrorInfo, self.infos),
            (messages.rpc_details.BadRequest, self.bad_requests),
            (messages.rpc_details.RetryInfo, self.retries),
            (messages.event.VersionConflicts, self.conflict_lists),
        ]
        for detail in status.details:
            for kind, found in kinds:
                if detail.Is(kind.DESCRIPTOR):
                    message = kind()
                    detail.Unpack(message)
                    found.append(message)
                    break
            else:
                raise AssertionError(f"an error detail nobody documented: {detail.type_url}")

    @property
    def info(self):
        if len(self.infos) != 1:
            raise AssertionError(f"{len(self.infos)} ErrorInfo instead of one in: {self}")
        return self.infos[0]

    @property
    def reason(self):
        return self.info.reason

    @property
    def fields(self):
        """Of the BadRequest: field -> description."""
        return {v.field: v.description for bad in self.bad_requests for v in bad.field_violations}

    @property
    def conflicts(self):
        """(field, aggregate, expected, actual) of each version conflict."""
        return [
            (c.field, c.aggregate_id, c.expected_version, c.actual_version)
            for found in self.conflict_lists
            for c in found.conflicts
        ]


def failure_of(call):
    """The Failure that call() raises; that it succeeds is an error."""
    try:
        answer = call()
    except Failure as failure:
        return failure
    raise AssertionError(f"succeeded, although it must not: {str(answer)[:500]}")


class PendingCall:
    """A unary call on its way."""

    def __init__(self, future):
        self._future = future

    def result(self):
        try:
            return self._future.result()
        except grpc.RpcError as error:
            raise Failure(error) from None
        except grpc.FutureCancelledError:
            raise AssertionError("the call was cancelled by its own client") from None

    def failure(self):
        return failure_of(self.result)

    def done(self):
        return self._future.done()

    def cancel(self):
        self._future.cancel()

    def code(self):
        return self._future.code().name


class PageStream:
    """The pages of a server stream; iterate to read them."""

    def __init__(self, call):
        self._call = call

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise Failure(error) from None

    def cancel(self):
        self._call.cancel()


class _Details(grpc.ClientCallDetails):
    """Of a call, with more metadata than it had."""

    def __init__(self, details, metadata):
        self.method, self.timeout, self.credentials = details.method, details.timeout, details.credentials
        self.metadata = [*(details.metadata or ()), *metadata]
        self.wait_for_ready, self.compression = details.wait_for_ready, details.compression


class _WithMetadata(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor,
                    grpc.StreamUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Adds the same metadata to every call."""

    def __init__(self, metadata):
        self._metadata = metadata

    def intercept_unary_unary(self, go_on, details, request):
        return go_on(_Details(details, self._metadata), request)

    intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = intercept_unary_unary


class Client:
    """One channel. The limit on what it receives is gRPC's default, 4 MiB: every page has to fit. token: a key or token that
    goes with every call."""

    def __init__(self, address, options=(), credentials=None, token=None, metadata=()):
        """credentials: of grpc.ssl_channel_credentials(); none: without TLS."""
        # Each Client a connection of its own; gRPC would share one between channels to the same address.
        options = [("grpc.use_local_subchannel_pool", 1), *options]
        if credentials is None:
            self._channel = self._bare = grpc.insecure_channel(address, options)
        else:
            self._channel = self._bare = grpc.secure_channel(address, credentials, options)
        if token:
            metadata = [("authorization", f"Bearer {token}"), *metadata]
        if metadata:
            self._channel = grpc.intercept_channel(self._bare, _WithMetadata(metadata))

    def close(self):
        self._bare.close()

    def _call(self, kind, path, request, parse, deadline_s):
        serialize = None if isinstance(request, bytes) else type(request).SerializeToString
        return getattr(self._channel, kind)(path, serialize, parse), request, deadline_s

    def start(self, method, request, deadline_s=DEADLINE_S, raw=False):
        """Begins a unary call; `request` may be bytes. raw: the answer's bytes instead of the message."""
        rpc = messages.METHODS[method]
        parse = None if raw else rpc.response.FromString
        call, request, deadline_s = self._call("unary_unary", rpc.path, request, parse, deadline_s)
        return PendingCall(call.future(request, timeout=deadline_s))

    def unary(self, method, request, deadline_s=DEADLINE_S, raw=False):
        return self.start(method, request, deadline_s, raw).result()

    def pages(self, method, request, deadline_s=DEADLINE_S):
        rpc = messages.METHODS[method]
        call, request, deadline_s = self._call("unary_stream", rpc.path, request, rpc.response.FromString, deadline_s)
        return PageStream(call(request, timeout=deadline_s))

    def any(self, method, request, deadline_s=DEADLINE_S):
        """Runs whichever kind of call to its end."""
        if messages.METHODS[method].streams:
            return list(self.pages(method, request, deadline_s))
        return self.unary(method, request, deadline_s)

    def events(self, method, request, deadline_s=DEADLINE_S):
        return [event for page in self.pages(method, request, deadline_s) for event in page.events]

    def with_metadata(self, method, request, metadata, deadline_s=DEADLINE_S):
        """A unary call with metadata: (its gRPC code, the trailing metadata)."""
        rpc = messages.METHODS[method]
        call = self._channel.unary_unary(rpc.path, type(request).SerializeToString, rpc.response.FromString)
        call = call.future(request, timeout=deadline_s, metadata=metadata)
        code = call.code().name
        return code, {key: value for key, value in call.trailing_metadata() or () if isinstance(value, str)}

    # The calls that most tests make.

    def append(self, request, deadline_s=DEADLINE_S):
        return self.unary("Append", request, deadline_s)

    def append_batch(self, appends, checks=()):
        return self.unary("AppendBatch", store.AppendBatchRequest(appends=appends, checks=checks))

    def version(self, aggregate_id):
        return self.unary("GetAggregateVersion", store.GetAggregateVersionRequest(aggregate_id=aggregate_id)).version

    def count(self, **restrictions):
        return self.unary("CountEvents", store.CountEventsRequest(**restrictions)).count

    def replay(self, aggregate_id, **range_):
        return self.events("GetAggregateStream", store.GetAggregateStreamRequest(aggregate_id=aggregate_id, **range_))

    # Other services.

    def health(self, service="", deadline_s=DEADLINE_S):
        request = messages.health.HealthCheckRequest(service=service)
        parse = messages.health.HealthCheckResponse.FromString
        call, request, deadline_s = self._call("unary_unary", "/grpc.health.v1.Health/Check", request, parse, deadline_s)
        status = PendingCall(call.future(request, timeout=deadline_s)).result().status
        return messages.health.HealthCheckResponse.ServingStatus.Name(status)

    def await_end_of_earlier_calls(self):
        """Until the server has seen the calls before this one, and what ended them here. A server sees a deadline later than
        its client, by the time the request took; what tells it is the same connection, on which these calls come after."""
        for _ in range(20):
            self.health()

    def watch_health(self, service="", deadline_s=DEADLINE_S):
        request = messages.health.HealthCheckRequest(service=service)
        parse = messages.health.HealthCheckResponse.FromString
        call, request, deadline_s = self._call("unary_stream", "/grpc.health.v1.Health/Watch", request, parse, deadline_s)
        return PageStream(call(request, timeout=deadline_s))

    def append_stream(self, requests, deadline_s=DEADLINE_S):
        """The answers of an AppendStream; `requests` are messages, or bytes."""
        rpc = messages.METHODS["AppendStream"]
        call = self._channel.stream_stream(
            rpc.path, lambda r: r if isinstance(r, bytes) else r.SerializeToString(), rpc.response.FromString
        )
        return PageStream(call(iter(requests), timeout=deadline_s))

    def bidi_bytes(self, path, requests, deadline_s=DEADLINE_S):
        """A call with streams of bytes both ways, run to its end."""
        return list(self._channel.stream_stream(path)(iter(requests), timeout=deadline_s))


def new_id():
    return str(uuid.uuid4())


def new_event(event_type="order.placed", data=None, **fields):
    """With an id of its own; `data` may be a dict."""
    fields.setdefault("id", new_id())
    text = data if isinstance(data, str) else json.dumps(data or {})
    return messages.event.NewEvent(event_type=event_type, data=text, **fields)


def check_fields(check):
    """The oneof of a version check: a number, "any", "existing", or None for no check."""
    if check is None:
        return {}
    if check == "any":
        return {"any_version": True}
    if check == "existing":
        return {"existing": True}
    return {"expected_version": check}


def append_request(aggregate_id, check, events, aggregate_type="entity"):
    return store.AppendRequest(
        aggregate_id=aggregate_id, aggregate_type=aggregate_type, events=events, **check_fields(check)
    )


def version_check(aggregate_id, check):
    return store.VersionCheck(aggregate_id=aggregate_id, **check_fields(check))
