// eventstore.v1.Analytics: every question is answered on the reading pool, from the hourly aggregates and, on request, from
// the rows that they have not come to.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "eventstore/v1/analytics.grpc.pb.h"
#include "server/service/pool_call.h"
#include "server/service/request_parser.h"
#include "server/storage/chunk_catalog.h"

namespace eventstore::service {

using RawAnalytics = v1::Analytics::WithRawCallbackMethod_GetCounts<v1::Analytics::WithRawCallbackMethod_GetTopRefs<
    v1::Analytics::WithRawCallbackMethod_GetFailureRate<v1::Analytics::WithRawCallbackMethod_GetThroughput<
        v1::Analytics::WithRawCallbackMethod_ListAggregates<v1::Analytics::Service>>>>>;

struct AnalyticsParts {
  const CallBook& calls;
  storage::ReadExecutor& readers;
  storage::ChunkCatalog& chunks;
  const domain::Clock& clock;
  std::chrono::milliseconds deadline;
};

class AnalyticsService final : public RawAnalytics {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  explicit AnalyticsService(AnalyticsParts parts) : parts_(parts) {}

  Unary* GetCounts(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetTopRefs(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetFailureRate(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetThroughput(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListAggregates(Context* context, const Bytes* request, Bytes* response) override;

 private:
  template <typename Request, typename Response, typename Run>
  Unary* Ask(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Run run);

  const AnalyticsParts parts_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
