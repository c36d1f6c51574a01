// eventstore.v1.EventStore: parses, hands over, answers. Appends go to the lanes, reads to the reading pool; no method
// blocks a gRPC thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "eventstore/v1/event_store.grpc.pb.h"
#include "server/domain/clock.h"
#include "server/service/open_streams.h"
#include "server/service/page_stream.h"
#include "server/service/request_parser.h"
#include "server/service/unary_call.h"
#include "server/storage/appender.h"
#include "server/storage/read_executor.h"

namespace eventstore::service {

struct EventStoreParts {
  const CallBook& calls;
  OpenStreams& streams;
  storage::Appender& appender;
  storage::ReadExecutor& readers;
  storage::ChunkCatalog& chunks;
  PageMemory& page_memory;
  const domain::Clock& clock;
  domain::IdMaker& ids;
  // What a call without a deadline gets, and the most any unary call or single page gets.
  std::chrono::milliseconds default_deadline{30'000};
  // Opens what events hold; null: it is as it is stored.
  storage::EventVault* vault = nullptr;
};

// Requests arrive as bytes, so that a malformed one gets an answer of ours (request_parser.h).
using RawEventStore = v1::EventStore::WithRawCallbackMethod_Append<v1::EventStore::WithRawCallbackMethod_AppendBatch<
    v1::EventStore::WithRawCallbackMethod_AppendStream<v1::EventStore::WithRawCallbackMethod_GetAggregateStream<
        v1::EventStore::WithRawCallbackMethod_GetAggregateVersion<v1::EventStore::WithRawCallbackMethod_GetUserStream<
            v1::EventStore::WithRawCallbackMethod_GetCorrelatedEvents<v1::EventStore::WithRawCallbackMethod_CountEvents<
                v1::EventStore::WithRawCallbackMethod_ReadAll<v1::EventStore::Service>>>>>>>>>;

class EventStoreService final : public RawEventStore {
 public:
  explicit EventStoreService(EventStoreParts parts) : parts_(parts) {}

  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;
  using Stream = grpc::ServerWriteReactor<Bytes>;
  using BidiStream = grpc::ServerBidiReactor<Bytes, Bytes>;

  Unary* Append(Context* context, const Bytes* request, Bytes* response) override;
  Unary* AppendBatch(Context* context, const Bytes* request, Bytes* response) override;
  BidiStream* AppendStream(Context* context) override;
  Unary* GetAggregateVersion(Context* context, const Bytes* request, Bytes* response) override;
  Unary* CountEvents(Context* context, const Bytes* request, Bytes* response) override;
  Stream* GetAggregateStream(Context* context, const Bytes* request) override;
  Stream* GetUserStream(Context* context, const Bytes* request) override;
  Stream* GetCorrelatedEvents(Context* context, const Bytes* request) override;
  Stream* ReadAll(Context* context, const Bytes* request) override;

 private:
  template <typename Request, typename Answer>
  Unary* AppendWith(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Answer answer);
  void Read(UnaryCall* call, domain::MonotonicTime deadline, std::function<void(storage::Session&)> run);
  PageStreamParts StreamParts(const Admission& admission, Context* context) const;
  Stream* StreamTimeline(const Admission& admission, Context* context, const domain::CorrelationQuery& query);
  template <typename Response>
  Stream* StreamEvents(const Admission& admission, Context* context, std::unique_ptr<storage::Cursor> cursor);

  const EventStoreParts parts_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
