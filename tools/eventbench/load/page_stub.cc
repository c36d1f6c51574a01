#include "tools/eventbench/load/page_stub.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <utility>

namespace eventstore::eventbench {
namespace {

grpc::internal::RpcMethod Method(const char* name, const std::shared_ptr<grpc::ChannelInterface>& channel) {
  return {name, grpc::internal::RpcMethod::SERVER_STREAMING, channel};
}

}  // namespace

PageStub::PageStub(std::shared_ptr<grpc::ChannelInterface> channel)
    : channel_(std::move(channel)),
      replay_(Method("/eventstore.v1.EventStore/GetAggregateStream", channel_)),
      user_(Method("/eventstore.v1.EventStore/GetUserStream", channel_)),
      correlated_(Method("/eventstore.v1.EventStore/GetCorrelatedEvents", channel_)),
      tail_(Method("/eventstore.v1.EventStore/ReadAll", channel_)) {}

const grpc::internal::RpcMethod& PageStub::MethodOf(Kind kind) const {
  switch (kind) {
    case Kind::kUser:
      return user_;
    case Kind::kCorrelated:
      return correlated_;
    case Kind::kTail:
      return tail_;
    default:
      return replay_;
  }
}

std::int64_t EventsIn(const grpc::ByteBuffer& page) {
  // Field 1, length-delimited, in every page; the other fields of pages are numbers.
  constexpr std::uint32_t kEventTag = 1 << 3 | 2;
  constexpr std::uint32_t kNumber = 0;
  grpc::ByteBuffer bytes(page);
  grpc::ProtoBufferReader reader(&bytes);
  google::protobuf::io::CodedInputStream input(&reader);
  std::int64_t events = 0;
  while (const std::uint32_t tag = input.ReadTag()) {
    std::uint32_t size = 0;
    std::uint64_t number = 0;
    if (tag == kEventTag) {
      if (!input.ReadVarint32(&size) || !input.Skip(static_cast<int>(size))) return -1;
      ++events;
    } else if ((tag & 7) != kNumber || !input.ReadVarint64(&number)) {
      return -1;
    }
  }
  return input.ConsumedEntireMessage() ? events : -1;
}

}  // namespace eventstore::eventbench
