// One streaming read: how to open it, and how to open it again so that it goes on after the last event received.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "eventstore/v1/event_store.grpc.pb.h"

namespace eventstore::client::internal {

using Events = google::protobuf::RepeatedPtrField<v1::RecordedEvent>;

struct Page {
  Events events;
  // Of aggregate reads; 0 otherwise.
  std::int32_t current_version = 0;
  std::int32_t first_available_version = 0;
};

enum class Resume {
  kReopen,      // Open() now continues exactly
  kComplete,    // nothing is left to read
  kImpossible,  // there is no place to go on from
};

class ReadCall {
 public:
  virtual ~ReadCall() = default;
  virtual void Open(v1::EventStore::Stub& stub, grpc::ClientContext* context) = 0;
  // False: the stream has ended, ask Finish() why.
  virtual bool Read(Page* page) = 0;
  virtual grpc::Status Finish() = 0;
  // After each page: changes the request to ask for what comes after it.
  virtual Resume GoOnAfter(const Page& page) = 0;
};

// A request that was changed to continue after `page`. One overload for each kind of read.
Resume Advance(v1::GetAggregateStreamRequest& request, const Page& page);
Resume Advance(v1::ReadAllRequest& request, const Page& page);
Resume Advance(v1::GetUserStreamRequest& request, const Page& page);
Resume Advance(v1::GetCorrelatedEventsRequest& request, const Page& page);

template <typename Request, typename Response>
class TypedReadCall : public ReadCall {
 public:
  using Method = std::unique_ptr<grpc::ClientReader<Response>> (v1::EventStore::Stub::*)(grpc::ClientContext*,
                                                                                         const Request&);
  TypedReadCall(Method method, Request request) : method_(method), request_(std::move(request)) {}

  void Open(v1::EventStore::Stub& stub, grpc::ClientContext* context) override {
    reader_ = (stub.*method_)(context, request_);
  }

  bool Read(Page* page) override {
    Response response;
    if (!reader_->Read(&response)) return false;
    page->events.Swap(response.mutable_events());
    if constexpr (requires { response.current_version(); }) {
      page->current_version = response.current_version();
      page->first_available_version = response.first_available_version();
    }
    return true;
  }

  grpc::Status Finish() override { return reader_->Finish(); }

  Resume GoOnAfter(const Page& page) override { return Advance(request_, page); }

 private:
  const Method method_;
  Request request_;
  std::unique_ptr<grpc::ClientReader<Response>> reader_;
};

}  // namespace eventstore::client::internal
