// The reads of the store whose answers are streams of pages, with the pages left as bytes: their events are counted, not
// parsed, since parsing them would be the larger part of the work on a machine that is both server and client.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // messages without a generated stub
#include <grpcpp/impl/codegen/rpc_method.h>
#include <grpcpp/support/async_stream.h>

#include <array>
#include <cstdint>
#include <memory>

#include "tools/eventbench/options/mix.h"

namespace eventstore::eventbench {

class PageStub {
 public:
  using Reader = grpc::ClientAsyncReader<grpc::ByteBuffer>;

  explicit PageStub(std::shared_ptr<grpc::ChannelInterface> channel);

  // `kind` is one that reads pages. The reader is not started yet. As generated code does it, but for the answer's type.
  template <typename Request>
  std::unique_ptr<Reader> Prepare(Kind kind, grpc::ClientContext& context, const Request& request,
                                  grpc::CompletionQueue& queue) const {
    return std::unique_ptr<Reader>(grpc::internal::ClientAsyncReaderFactory<grpc::ByteBuffer>::Create(
        channel_.get(), &queue, MethodOf(kind), &context, request, /*start=*/false, /*tag=*/nullptr));
  }

 private:
  const grpc::internal::RpcMethod& MethodOf(Kind kind) const;

  std::shared_ptr<grpc::ChannelInterface> channel_;
  grpc::internal::RpcMethod replay_;
  grpc::internal::RpcMethod user_;
  grpc::internal::RpcMethod correlated_;
  grpc::internal::RpcMethod tail_;
};

// How many events a page holds; -1: it is none.
std::int64_t EventsIn(const grpc::ByteBuffer& page);

}  // namespace eventstore::eventbench
